//  What watching asks of the store.

package import RuntimeCore

/// The past of the store, as the hub reads it on the apply thread.
package protocol WatchHistory: AnyObject {
    /// Of the newest write.
    var currentRevision: Int64 { get }
    /// Events below it are gone; -1 when nothing ever was compacted.
    var compactRevision: Int64 { get }

    /// Hands out the events of revisions `from...through` in order, of at most `maxRevisions`
    /// revisions that have any, and returns the last revision covered. Never stops inside one.
    func events(
        from: Int64, through: Int64, maxRevisions: Int, _ body: (StoreEvent) -> Void
    ) -> Int64

    /// The encoded KeyValue that `key` had before `revision`; `nil` when it had none, or when that
    /// cannot be read any more.
    func previousValue(of key: Bytes, before revision: Int64) -> Bytes?
}
