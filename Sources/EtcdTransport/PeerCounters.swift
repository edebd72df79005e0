//  Totals of the traffic with one peer, for the metrics.

package import Raft
import Synchronization

/// What the metrics show of one peer; totals since the transport began to know it.
package struct PeerTraffic: Sendable {
    package let id: MemberID
    package let sentBytes: UInt64
    package let receivedBytes: UInt64
    package let sentFailures: UInt64
    package let receivedFailures: UInt64
    /// Probe round trips by upper bound (`PeerCounters.roundTripBounds`), not cumulative; the last
    /// one counts what is over the last bound.
    package let roundTrips: [UInt64]
    package let roundTripSecondsSum: Double
}

/// Updated from any thread.
package final class PeerCounters: Sendable {
    /// Seconds: etcd's buckets, 0.1 ms doubled fifteen times.
    package static let roundTripBounds: [Double] = (0..<16).map { 0.0001 * Double(1 << $0) }

    private let sentBytesValue = Atomic<UInt64>(0)
    private let receivedBytesValue = Atomic<UInt64>(0)
    private let sentFailuresValue = Atomic<UInt64>(0)
    private let receivedFailuresValue = Atomic<UInt64>(0)
    private let roundTrips = Mutex(
        (counts: [UInt64](repeating: 0, count: 17), secondsSum: 0.0))

    func sent(bytes: Int) { sentBytesValue.wrappingAdd(UInt64(bytes), ordering: .relaxed) }
    func received(bytes: Int) { receivedBytesValue.wrappingAdd(UInt64(bytes), ordering: .relaxed) }
    func sendFailed(times: Int = 1) {
        sentFailuresValue.wrappingAdd(UInt64(times), ordering: .relaxed)
    }
    func receiveFailed() { receivedFailuresValue.wrappingAdd(1, ordering: .relaxed) }

    func probed(roundTripSeconds: Double) {
        let bucket = Self.roundTripBounds.firstIndex { roundTripSeconds <= $0 } ?? 16
        roundTrips.withLock {
            $0.counts[bucket] += 1
            $0.secondsSum += roundTripSeconds
        }
    }

    func traffic(of id: MemberID) -> PeerTraffic {
        let (counts, sum) = roundTrips.withLock { ($0.counts, $0.secondsSum) }
        return PeerTraffic(
            id: id, sentBytes: sentBytesValue.load(ordering: .relaxed),
            receivedBytes: receivedBytesValue.load(ordering: .relaxed),
            sentFailures: sentFailuresValue.load(ordering: .relaxed),
            receivedFailures: receivedFailuresValue.load(ordering: .relaxed),
            roundTrips: counts, roundTripSecondsSum: sum)
    }
}
