//  How a v3 call ended: a code and a text, the same for gRPC and the JSON gateway.

import RuntimeCore

/// The outcome of a call in gRPC's vocabulary.
package struct GRPCStatus: Error, Sendable, Hashable {
    /// gRPC's status codes, by their numbers on the wire.
    package enum Code: Int, Sendable, Hashable, CaseIterable {
        case ok = 0
        case canceled = 1
        case unknown = 2
        case invalidArgument = 3
        case deadlineExceeded = 4
        case notFound = 5
        case alreadyExists = 6
        case permissionDenied = 7
        case resourceExhausted = 8
        case failedPrecondition = 9
        case aborted = 10
        case outOfRange = 11
        case unimplemented = 12
        case `internal` = 13
        case unavailable = 14
        case dataLoss = 15
        case unauthenticated = 16
    }

    package var code: Code
    /// Clients compare it to the letter (spec grpc-v3 12).
    package var message: String

    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    package static let ok = GRPCStatus(.ok, "")
    package static let canceled = GRPCStatus(.canceled, "context canceled")
    package static let deadlineExceeded = GRPCStatus(
        .deadlineExceeded, "context deadline exceeded")
    package static let noLeader = GRPCStatus(.unavailable, "etcdserver: no leader")
    package static let watchCanceled = GRPCStatus(.canceled, "etcdserver: watch canceled")

    /// Throws when a message is too long to be sent.
    static func check(answerBytes: Int) throws(GRPCStatus) {
        guard answerBytes > Limits.answerBytesMax else { return }
        throw GRPCStatus(
            .resourceExhausted,
            "grpc: trying to send message larger than max "
                + "(\(answerBytes) vs. \(Limits.answerBytesMax))")
    }

    /// What Go prints for such an error: `rpc error: code = NotFound desc = …`.
    package var goText: String { "rpc error: code = \(code.name) desc = \(message)" }
}

extension GRPCStatus.Code {
    /// As Go writes it: `OK`, `Canceled`, `InvalidArgument`.
    package var name: String {
        switch self {
        case .ok: "OK"
        case .canceled: "Canceled"
        case .unknown: "Unknown"
        case .invalidArgument: "InvalidArgument"
        case .deadlineExceeded: "DeadlineExceeded"
        case .notFound: "NotFound"
        case .alreadyExists: "AlreadyExists"
        case .permissionDenied: "PermissionDenied"
        case .resourceExhausted: "ResourceExhausted"
        case .failedPrecondition: "FailedPrecondition"
        case .aborted: "Aborted"
        case .outOfRange: "OutOfRange"
        case .unimplemented: "Unimplemented"
        case .internal: "Internal"
        case .unavailable: "Unavailable"
        case .dataLoss: "DataLoss"
        case .unauthenticated: "Unauthenticated"
        }
    }
}
