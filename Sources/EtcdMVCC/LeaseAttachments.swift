//  The store's view of leases.

package import RuntimeCore

/// Which leases exist, and which keys hang on them. The apply thread calls it while it applies a
/// write, in the order of the changes; `EtcdServer` adapts the lessor to it.
package protocol LeaseAttachments: AnyObject {
    func contains(_ lease: Int64) -> Bool
    func attach(_ key: Bytes, to lease: Int64)
    func detach(_ key: Bytes, from lease: Int64)
}

/// A key that hung on a lease when the store was opened.
package struct LeaseAttachment: Sendable, Hashable {
    package let key: Bytes
    package let lease: Int64
}
