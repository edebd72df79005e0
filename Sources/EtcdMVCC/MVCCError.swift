//  What the store refuses, and what it cannot read.

/// Why a request to the store failed. Nothing was written when one is thrown, except for
/// `corrupt`, after which the member must stop, and `answerTooLarge`.
package enum MVCCError: Error, Sendable, Hashable, CustomStringConvertible {
    /// History below the compact revision is gone.
    case compacted
    case futureRevision
    case leaseNotFound
    /// `ignore_value` or `ignore_lease` on a key that is not there.
    case keyNotFound
    /// The answer would be longer than its limit. A write is complete all the same.
    case answerTooLarge(bytesMax: Int)
    /// The database is being replaced by a received snapshot: ask again.
    case unavailable
    /// The database holds what no release of etcd writes; the text says where and what.
    case corrupt(String)

    package var description: String {
        switch self {
        case .compacted: "required revision has been compacted"
        case .futureRevision: "required revision is a future revision"
        case .leaseNotFound: "requested lease not found"
        case .keyNotFound: "key not found"
        case .answerTooLarge(let bytesMax): "the answer is longer than \(bytesMax) bytes"
        case .unavailable: "the database is being replaced"
        case .corrupt(let reason): "the database is corrupt: \(reason)"
        }
    }
}
