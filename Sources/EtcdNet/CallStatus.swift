//  How an outgoing gRPC call ended: a code and a text, from the server or from this side.

/// gRPC's status codes, by their numbers on the wire.
package struct CallCode: RawRepresentable, Sendable, Hashable {
    package let rawValue: Int

    package init(rawValue: Int) { self.rawValue = rawValue }

    package static let ok = CallCode(rawValue: 0)
    package static let canceled = CallCode(rawValue: 1)
    package static let unknown = CallCode(rawValue: 2)
    package static let invalidArgument = CallCode(rawValue: 3)
    package static let deadlineExceeded = CallCode(rawValue: 4)
    package static let notFound = CallCode(rawValue: 5)
    package static let permissionDenied = CallCode(rawValue: 7)
    package static let resourceExhausted = CallCode(rawValue: 8)
    package static let failedPrecondition = CallCode(rawValue: 9)
    package static let outOfRange = CallCode(rawValue: 11)
    package static let unimplemented = CallCode(rawValue: 12)
    package static let `internal` = CallCode(rawValue: 13)
    package static let unavailable = CallCode(rawValue: 14)
    package static let dataLoss = CallCode(rawValue: 15)
    package static let unauthenticated = CallCode(rawValue: 16)

    /// What a server that is no gRPC server meant by its HTTP status.
    init(httpStatus: Int) {
        switch httpStatus {
        case 400: self = .internal
        case 401: self = .unauthenticated
        case 403: self = .permissionDenied
        case 404: self = .unimplemented
        case 429, 502, 503, 504: self = .unavailable
        default: self = .unknown
        }
    }
}

/// The end of a call. An error when the code is not `.ok`; its description is the text alone.
package struct CallStatus: Error, Sendable, Hashable, CustomStringConvertible {
    package let code: CallCode
    package let message: String

    package init(_ code: CallCode, _ message: String) {
        self.code = code
        self.message = message
    }

    package static let ok = CallStatus(.ok, "")
    package static let deadlineExceeded = CallStatus(
        .deadlineExceeded, "context deadline exceeded")
    package static let canceled = CallStatus(.canceled, "context canceled")

    package var description: String {
        message.isEmpty ? "the call failed with status \(code.rawValue)" : message
    }
}
