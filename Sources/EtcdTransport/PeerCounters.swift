//  Totals of the traffic with one peer, for the metrics (spec operations 1.2).

package import Raft
import Synchronization

/// What the metrics show of one peer; totals since the transport began to know it.
package struct PeerTraffic: Sendable {
    package let id: MemberID
    package let sentBytes: UInt64
    package let receivedBytes: UInt64
    package let sentFailures: UInt64
    package let receivedFailures: UInt64
    /// How often it stopped being reachable.
    package let disconnects: UInt64
    /// Of probes, in seconds.
    package let roundTrips: PeerDistribution
    package let snapshotsSent: SnapshotTraffic
    package let snapshotsReceived: SnapshotTraffic
}

/// Snapshots in one direction.
package struct SnapshotTraffic: Sendable {
    package let successes: UInt64
    package let failures: UInt64
    package let inFlight: Int
    /// Of the successful ones, in seconds.
    package let durations: PeerDistribution
}

/// Updated from any thread.
final class PeerCounters: Sendable {
    private let sentBytesValue = Atomic<UInt64>(0)
    private let receivedBytesValue = Atomic<UInt64>(0)
    private let sentFailuresValue = Atomic<UInt64>(0)
    private let receivedFailuresValue = Atomic<UInt64>(0)
    private let disconnectsValue = Atomic<UInt64>(0)
    private let roundTrips = PeerDistributionRecorder(first: 0.0001, count: 16)
    let snapshotsSent = SnapshotCounters()
    let snapshotsReceived = SnapshotCounters()

    func sent(bytes: Int) { sentBytesValue.wrappingAdd(UInt64(bytes), ordering: .relaxed) }
    func received(bytes: Int) { receivedBytesValue.wrappingAdd(UInt64(bytes), ordering: .relaxed) }
    func sendFailed(times: Int = 1) {
        sentFailuresValue.wrappingAdd(UInt64(times), ordering: .relaxed)
    }
    func receiveFailed() { receivedFailuresValue.wrappingAdd(1, ordering: .relaxed) }
    func disconnected() { disconnectsValue.wrappingAdd(1, ordering: .relaxed) }
    func probed(roundTripSeconds: Double) { roundTrips.add(roundTripSeconds) }

    func traffic(of id: MemberID) -> PeerTraffic {
        PeerTraffic(
            id: id, sentBytes: sentBytesValue.load(ordering: .relaxed),
            receivedBytes: receivedBytesValue.load(ordering: .relaxed),
            sentFailures: sentFailuresValue.load(ordering: .relaxed),
            receivedFailures: receivedFailuresValue.load(ordering: .relaxed),
            disconnects: disconnectsValue.load(ordering: .relaxed),
            roundTrips: roundTrips.distribution, snapshotsSent: snapshotsSent.traffic,
            snapshotsReceived: snapshotsReceived.traffic)
    }
}

/// Counts transfers of snapshots in one direction. Every `begin` is followed by one of the ends.
final class SnapshotCounters: Sendable {
    private let successes = Atomic<UInt64>(0)
    private let failures = Atomic<UInt64>(0)
    private let inFlight = Atomic<Int>(0)
    private let durations = PeerDistributionRecorder(first: 0.1, count: 10)

    func begin() { inFlight.wrappingAdd(1, ordering: .relaxed) }

    func end(succeededAfter seconds: Double) {
        inFlight.wrappingSubtract(1, ordering: .relaxed)
        successes.wrappingAdd(1, ordering: .relaxed)
        durations.add(seconds)
    }

    func endFailed() {
        inFlight.wrappingSubtract(1, ordering: .relaxed)
        failures.wrappingAdd(1, ordering: .relaxed)
    }

    var traffic: SnapshotTraffic {
        SnapshotTraffic(
            successes: successes.load(ordering: .relaxed),
            failures: failures.load(ordering: .relaxed),
            inFlight: inFlight.load(ordering: .relaxed), durations: durations.distribution)
    }
}
