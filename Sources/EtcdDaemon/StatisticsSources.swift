//  What the pages of the front end show of the transport and of this process.

import EtcdHTTP
import EtcdMembership
import EtcdServer
import EtcdTransport
import Raft
import RuntimeCore
import Synchronization

/// `/v2/stats/self` and `/v2/stats/leader`.
final class TransportStatistics: SelfStatisticsSource, LeaderStatisticsSource {
    private struct SeenLeader {
        var id = MemberID.none
        var since: WallTime
    }

    private let transport: PeerTransport
    private let status: ReplicaStatus
    private let clock: any Clock
    private let startTime: WallTime
    private let seen: Mutex<SeenLeader>

    init(transport: PeerTransport, status: ReplicaStatus, clock: any Clock) {
        self.transport = transport
        self.status = status
        self.clock = clock
        startTime = clock.now().wall
        seen = Mutex(SeenLeader(since: startTime))
    }

    /// Remembers since when the present leader leads; called whenever a term starts.
    func noteLeader() {
        let leader = status.leader
        let now = clock.now().wall
        seen.withLock { seen in
            if seen.id != leader { seen = SeenLeader(id: leader, since: now) }
        }
    }

    var selfStatistics: SelfStatistics {
        noteLeader()
        let server = transport.serverStatistics
        return SelfStatistics(
            startTime: startTime, leaderStartTime: seen.withLock { $0.since },
            received: SelfStatistics.Traffic(
                requests: server.receivedAppends,
                packagesPerSecond: server.receiveRate?.packagesPerSecond ?? 0,
                bytesPerSecond: server.receiveRate?.bytesPerSecond ?? 0),
            sent: SelfStatistics.Traffic(
                requests: server.sentAppends,
                packagesPerSecond: server.sendRate?.packagesPerSecond ?? 0,
                bytesPerSecond: server.sendRate?.bytesPerSecond ?? 0))
    }

    var followerStatistics: [EtcdHTTP.FollowerStatistics] {
        transport.leaderStatistics.followers.map { follower in
            EtcdHTTP.FollowerStatistics(
                id: follower.id, current: follower.statistics.current,
                average: follower.statistics.average,
                standardDeviation: follower.statistics.standardDeviation,
                minimum: follower.statistics.minimum, maximum: follower.statistics.maximum,
                failures: follower.statistics.failures, successes: follower.statistics.successes)
        }
    }
}
