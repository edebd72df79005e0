//  What a change looks like to those who watch.

package import RuntimeCore

/// One change of one key.
package struct StoreEvent: Sendable, Hashable {
    package let isDelete: Bool
    package let key: Bytes
    /// The encoded KeyValue as stored: complete for a put; a deletion's holds the key only, so
    /// that the `kv` of its event still needs `modRevision`.
    package let record: Bytes
    package let modRevision: Int64
    /// Place among the changes of `modRevision`.
    package let sub: Int64
    /// 0 for a deletion. Equal to `modRevision` when the key was absent before: then there is no
    /// previous value to look for.
    package let createRevision: Int64

    package init(
        isDelete: Bool, key: Bytes, record: Bytes, modRevision: Int64, sub: Int64,
        createRevision: Int64
    ) {
        self.isDelete = isDelete
        self.key = key
        self.record = record
        self.modRevision = modRevision
        self.sub = sub
        self.createRevision = createRevision
    }
}
