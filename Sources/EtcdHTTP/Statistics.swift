//  What /v2/stats shows of the peer transport. The transport counts; whoever composes the program
//  connects the two.

package import Raft
package import RuntimeCore

/// How often and how fast append messages come and go.
package struct SelfStatistics: Sendable, Hashable {
    /// Rates over the last messages, per second and in bytes per second; 0 while unknown.
    package struct Traffic: Sendable, Hashable {
        package var requests: UInt64
        package var packagesPerSecond: Double
        package var bytesPerSecond: Double

        package init(
            requests: UInt64 = 0, packagesPerSecond: Double = 0, bytesPerSecond: Double = 0
        ) {
            self.requests = requests
            self.packagesPerSecond = packagesPerSecond
            self.bytesPerSecond = bytesPerSecond
        }
    }

    /// When this member started.
    package var startTime: WallTime
    /// When the present leader was first seen; of no meaning while there is none.
    package var leaderStartTime: WallTime
    package var received: Traffic
    package var sent: Traffic

    package init(
        startTime: WallTime, leaderStartTime: WallTime, received: Traffic = Traffic(),
        sent: Traffic = Traffic()
    ) {
        self.startTime = startTime
        self.leaderStartTime = leaderStartTime
        self.received = received
        self.sent = sent
    }
}

/// Callable from any event loop; must not block.
package protocol SelfStatisticsSource: Sendable {
    var selfStatistics: SelfStatistics { get }
}

/// How the leader fares with one follower. Milliseconds.
package struct FollowerStatistics: Sendable, Hashable {
    package var id: MemberID
    package var current: Double
    package var average: Double
    package var standardDeviation: Double
    /// 2^63 before the first answer, as in etcd.
    package var minimum: Double
    package var maximum: Double
    package var failures: UInt64
    package var successes: UInt64

    package init(
        id: MemberID, current: Double = 0, average: Double = 0, standardDeviation: Double = 0,
        minimum: Double = 9_223_372_036_854_775_808, maximum: Double = 0, failures: UInt64 = 0,
        successes: UInt64 = 0
    ) {
        self.id = id
        self.current = current
        self.average = average
        self.standardDeviation = standardDeviation
        self.minimum = minimum
        self.maximum = maximum
        self.failures = failures
        self.successes = successes
    }
}

/// Callable from any event loop; must not block.
package protocol LeaderStatisticsSource: Sendable {
    /// In any order; asked for on a leader only.
    var followerStatistics: [FollowerStatistics] { get }
}
