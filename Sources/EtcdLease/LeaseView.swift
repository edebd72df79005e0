//  What the lessor tells about a lease.

package import EtcdProto
package import RuntimeCore

/// One lease as a client may see it.
package struct LeaseView: Sendable, Hashable {
    /// Whole seconds left, 0 when it waits for its revocation. A member that is not primary does
    /// not know, and says the granted time.
    package let ttl: Int64
    package let grantedTTL: Int64
    /// What hangs on it, sorted; empty when not asked for.
    package let keys: [Bytes]
}

/// The outcome of a keep-alive.
package enum LeaseRenewal: Sendable, Hashable {
    /// The lease has its whole time again.
    case renewed(ttl: Int64)
    /// The same, but the log holds a checkpoint with less. The caller proposes this one, which
    /// takes it back, and answers the client when it is applied: otherwise a new leader could end
    /// the lease before the time that the client was told.
    case renewedOnceApplied(ttl: Int64, LeaseCheckpoint)
    /// Unknown, or its time is up.
    case notFound
    case notPrimary
}
