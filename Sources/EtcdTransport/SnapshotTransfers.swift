//  What all transfers of snapshots share: threads that may block, the place for what arrives, and
//  how many there may be at a time (spec peer-and-disk 2.5).

package import NIOCore
package import NIOPosix
import Synchronization

enum SnapshotLimits {
    /// What is read or written at a time; two of them exist per transfer, one at the disk and one
    /// at the network.
    static let chunkBytes = 256 << 10
    /// Transfers in one direction at a time (etcd's value for sending).
    static let transfersMax = 16
    /// A received database is synced whenever so much is not: the rest of the disk's users shall
    /// not wait for a gigabyte at its end.
    static let unsyncedBytesMax = 32 << 20
    /// The message in front of the database. From 3.7 on it carries no store (etcd's values).
    static func messageBytesMax(from release: PeerRelease) -> Int {
        release < PeerRelease(major: 3, minor: 7) ? 512 << 20 : 64 << 20
    }
}

/// Handed to the transport at its start. Callable from any thread.
package final class SnapshotTransfers: Sendable {
    let files: any SnapshotFiles
    let background: NIOThreadPool
    let stallTimeout: TimeAmount
    let answerTimeout: TimeAmount
    let reminderInterval: TimeAmount
    /// Received databases, in seconds: from their first byte until they are durable, and the end
    /// of it, in which they are made durable.
    let saving = PeerDistributionRecorder(first: 0.1, count: 10)
    let syncing = PeerDistributionRecorder(first: 0.001, count: 14)
    private let sending = Atomic<Int>(0)
    private let receiving = Atomic<Int>(0)

    /// - Parameters:
    ///   - background: a running pool; files and images are read and written on its threads.
    ///   - stallTimeout: a transfer that does not move for so long has failed. There is no limit
    ///     for all of it: a large database may take its time.
    ///   - answerTimeout: for the receiver of the last byte to make it durable and say so.
    ///   - reminderInterval: how often the log hears of a transfer that takes long (etcd's value).
    package init(
        files: any SnapshotFiles, background: NIOThreadPool = .singleton,
        stallTimeout: TimeAmount = .seconds(30), answerTimeout: TimeAmount = .minutes(5),
        reminderInterval: TimeAmount = .seconds(30)
    ) {
        self.files = files
        self.background = background
        self.stallTimeout = stallTimeout
        self.answerTimeout = answerTimeout
        self.reminderInterval = reminderInterval
    }

    /// False when there are too many already; otherwise `endSending` must follow.
    func beginSending() -> Bool { Self.begin(sending) }
    func endSending() { sending.wrappingSubtract(1, ordering: .relaxed) }

    /// False when there are too many already; otherwise `endReceiving` must follow.
    func beginReceiving() -> Bool { Self.begin(receiving) }
    func endReceiving() { receiving.wrappingSubtract(1, ordering: .relaxed) }

    private static func begin(_ count: borrowing Atomic<Int>) -> Bool {
        if count.wrappingAdd(1, ordering: .relaxed).newValue <= SnapshotLimits.transfersMax {
            return true
        }
        count.wrappingSubtract(1, ordering: .relaxed)
        return false
    }
}

/// How long it took to store received databases.
package struct ReceivedDatabases: Sendable {
    package let saving: PeerDistribution
    package let syncing: PeerDistribution
}

extension PeerTransport {
    package var receivedDatabases: ReceivedDatabases {
        ReceivedDatabases(
            saving: snapshots.saving.distribution, syncing: snapshots.syncing.distribution)
    }
}
