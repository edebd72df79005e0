//  The bounds of watching, each with its reason.

extension WatchHub {
    /// How much watching may hold and do at once. Sizes in bytes.
    package struct Settings: Sendable {
        /// Shortest pause between progress notifications (etcd's value).
        package static let progressMillisecondsMin: UInt64 = 100

        /// Pause between progress notifications to a quiet watcher, before jitter (etcd's value).
        package var progressMilliseconds: UInt64
        /// Deliveries that wait for a slow stream (etcd's value), besides one for each of its
        /// watchers: a single write may concern them all, and each costs more memory than its
        /// delivery.
        package var outboxDeliveriesMax = 128
        /// Bytes of events that wait for a slow stream, so that a client that stops reading costs a
        /// known amount. While no more than half of it waits, a delivery is taken at any size.
        package var outboxBytesMax = 8 << 20
        /// Watchers that one run helps to catch up (etcd's value).
        package var runWatchersMax = 512
        /// History that one run reads: a few milliseconds of work between two batches of writes.
        package var runRevisionsMax = 4_000
        package var runBytesMax = 8 << 20
        /// Distinct revisions in one response from history (etcd's value).
        package var responseRevisionsMax = 1_000
        /// Bytes at which a response from history ends at the next revision.
        package var responseBytesMax = 1 << 20

        package init(progressMilliseconds: UInt64 = 600_000) {
            self.progressMilliseconds = progressMilliseconds
        }
    }
}
