//  What the v2 statistics endpoints and the metrics tell about the traffic between members.

package import Raft
package import RuntimeCore
import Synchronization

/// How quickly appends leave for one follower, in milliseconds, as in etcd's `/v2/stats/leader`.
package struct FollowerStatistics: Sendable {
    package private(set) var current = 0.0
    package private(set) var average = 0.0
    package private(set) var standardDeviation = 0.0
    /// Before the first success the huge number that etcd shows there.
    package private(set) var minimum = Double(UInt64(1) << 63)
    package private(set) var maximum = 0.0
    package private(set) var failures: UInt64 = 0
    package private(set) var successes: UInt64 = 0
    private var averageSquare = 0.0

    mutating func succeeded(after milliseconds: Double, times: UInt64 = 1) {
        let total = average * Double(successes)
        let totalSquare = averageSquare * Double(successes)
        successes += times
        current = milliseconds
        minimum = min(minimum, milliseconds)
        maximum = max(maximum, milliseconds)
        average = (total + milliseconds * Double(times)) / Double(successes)
        averageSquare =
            (totalSquare + milliseconds * milliseconds * Double(times)) / Double(successes)
        // Rounding can make the difference a little negative.
        standardDeviation = max(0, averageSquare - average * average).squareRoot()
    }

    mutating func failed() { failures += 1 }
}

/// All followers that appends were sent to, in the order of their ids.
package struct LeaderStatistics: Sendable {
    package struct Follower: Sendable {
        package let id: MemberID
        package let statistics: FollowerStatistics
    }

    package let followers: [Follower]
}

/// Appends received and sent by this member, as in etcd's `/v2/stats/self`.
package struct ServerStatistics: Sendable {
    package struct Rate: Sendable {
        package let packagesPerSecond: Double
        package let bytesPerSecond: Double
    }

    package let receivedAppends: UInt64
    package let sentAppends: UInt64
    /// `nil` when nothing was received lately.
    package let receiveRate: Rate?
    /// `nil` when nothing was sent lately.
    package let sendRate: Rate?
    /// Who sent the last append, and since when it is the one; `nil` if nobody did.
    package let appendSource: (id: MemberID, since: Instant)?
}

/// The most recent transfers of one direction.
struct TransferSamples {
    /// etcd's number of samples.
    static let capacity = 200
    /// After this much silence there is no rate to speak of (etcd's value).
    static let staleNanoseconds: UInt64 = 1_000_000_000

    private var samples: [(at: Instant, bytes: Int)] = []
    /// Where the next sample goes once `samples` is full: the place of the oldest.
    private var next = 0
    private(set) var count: UInt64 = 0

    mutating func add(_ bytes: Int, at now: Instant) {
        count += 1
        if samples.count < Self.capacity {
            samples.append((now, bytes))
        } else {
            samples[next] = (now, bytes)
            next = (next + 1) % Self.capacity
        }
    }

    func rate(at now: Instant) -> ServerStatistics.Rate? {
        guard let first = samples.first else { return nil }
        let isFull = samples.count == Self.capacity
        let oldest = isFull ? samples[next] : first
        let newest = isFull ? samples[(next + Self.capacity - 1) % Self.capacity] : samples.last!
        if now.nanoseconds(since: newest.at) > Self.staleNanoseconds { return nil }
        let seconds = Double(newest.at.nanoseconds(since: oldest.at)) / 1e9
        if seconds == 0 { return nil }
        let bytes = samples.reduce(0) { $0 + $1.bytes }
        return ServerStatistics.Rate(
            packagesPerSecond: Double(samples.count) / seconds,
            bytesPerSecond: Double(bytes) / seconds)
    }
}

/// Collects the statistics of all peers. Callable from any thread.
final class PeerStatistics: Sendable {
    private struct State {
        var followers: [MemberID: FollowerStatistics] = [:]
        var received = TransferSamples()
        var sent = TransferSamples()
        var source: (id: MemberID, since: Instant)?
    }

    private let state = Mutex(State())

    func appendsSent(to peer: MemberID, times: UInt64, milliseconds: Double) {
        state.withLock {
            $0.followers[peer, default: FollowerStatistics()]
                .succeeded(after: milliseconds, times: times)
        }
    }

    func appendFailed(to peer: MemberID) {
        state.withLock { $0.followers[peer, default: FollowerStatistics()].failed() }
    }

    func appendsLeft(bytes: [Int], at now: Instant) {
        state.withLock { for size in bytes { $0.sent.add(size, at: now) } }
    }

    func appendArrived(from peer: MemberID, bytes: Int, at now: Instant) {
        state.withLock {
            $0.received.add(bytes, at: now)
            if $0.source?.id != peer { $0.source = (peer, now) }
        }
    }

    func forget(_ peer: MemberID) {
        state.withLock { _ = $0.followers.removeValue(forKey: peer) }
    }

    var leader: LeaderStatistics {
        let followers = state.withLock { $0.followers }
        return LeaderStatistics(
            followers: followers.sorted { $0.key < $1.key }.map {
                LeaderStatistics.Follower(id: $0.key, statistics: $0.value)
            })
    }

    func server(at now: Instant) -> ServerStatistics {
        state.withLock {
            ServerStatistics(
                receivedAppends: $0.received.count, sentAppends: $0.sent.count,
                receiveRate: $0.received.rate(at: now), sendRate: $0.sent.rate(at: now),
                appendSource: $0.source)
        }
    }
}
