//  What the lessor refuses.

/// Why a request about a lease failed. Nothing was changed.
package enum LeaseError: Error, Sendable, Hashable, CustomStringConvertible {
    case notFound
    case exists
    case ttlTooLarge
    /// Only the primary can say.
    case notPrimary
    /// The database holds what no release of etcd writes; the text says where and what.
    case corrupt(String)

    package var description: String {
        switch self {
        case .notFound: "requested lease not found"
        case .exists: "lease already exists"
        case .ttlTooLarge: "too large lease TTL"
        case .notPrimary: "not a primary lessor"
        case .corrupt(let reason): "the database is corrupt: \(reason)"
        }
    }
}
