//  The numbered errors of the v2 API (spec http-v2 section 3.1).

package struct V2Error: Error, Sendable, Hashable {
    package enum Code: Int, Sendable, CaseIterable {
        case keyNotFound = 100
        case compareFailed = 101
        case notAFile = 102
        case notADirectory = 104
        case keyExists = 105
        case rootIsReadOnly = 107
        case directoryNotEmpty = 108
        case unauthorized = 110
        case previousValueRequired = 201
        case ttlNotANumber = 202
        case indexNotANumber = 203
        case invalidField = 209
        case invalidForm = 210
        case refreshWithValue = 211
        case refreshWithoutTTL = 212
        case raftInternal = 300
        case leaderElection = 301
        case watcherCleared = 400
        case eventIndexCleared = 401
    }

    package let code: Code
    /// Left out of the body when empty. Paths in it still carry the store's first component.
    package let cause: String
    /// The store index at the time; 0 for request validation and consensus errors.
    package let index: UInt64

    package init(_ code: Code, cause: String, index: UInt64 = 0) {
        self.code = code
        self.cause = cause
        self.index = index
    }

    package var message: String {
        switch code {
        case .keyNotFound: "Key not found"
        case .compareFailed: "Compare failed"
        case .notAFile: "Not a file"
        case .notADirectory: "Not a directory"
        case .keyExists: "Key already exists"
        case .rootIsReadOnly: "Root is read only"
        case .directoryNotEmpty: "Directory not empty"
        case .unauthorized: "The request requires user authentication"
        case .previousValueRequired: "PrevValue is Required in POST form"
        case .ttlNotANumber: "The given TTL in POST form is not a number"
        case .indexNotANumber: "The given index in POST form is not a number"
        case .invalidField: "Invalid field"
        case .invalidForm: "Invalid POST form"
        case .refreshWithValue: "Value provided on refresh"
        case .refreshWithoutTTL: "A TTL must be provided on refresh"
        case .raftInternal: "Raft Internal Error"
        case .leaderElection: "During Leader Election"
        case .watcherCleared: "watcher is cleared due to etcd recovery"
        case .eventIndexCleared: "The event in requested index is outdated and cleared"
        }
    }

    package var httpStatus: Int {
        switch code {
        case .keyNotFound: 404
        case .compareFailed, .keyExists: 412
        case .notAFile, .directoryNotEmpty: 403
        case .unauthorized: 401
        case .raftInternal, .leaderElection: 500
        default: 400
        }
    }
}
