//  The peer protocol as the daemon sees it: members come and go, messages leave and arrive.

package import EtcdMembership
package import EtcdNet
package import Logging
package import NIOCore
package import Raft
package import RuntimeCore
import Synchronization

/// Who hears from the peers. Called from event loops and from the caller of `send`; must not block.
package protocol PeerTransportDelegate: Sendable {
    /// Checked: addressed to this member, from nobody who was removed, sane in their numbers. The
    /// database of a snapshot message is durable under its index by now.
    func receive(_ messages: [Message])
    /// Messages to the peer were lost.
    func peerUnreachable(_ id: MemberID)
    /// The receiver has made the snapshot durable and taken its message, or the transfer failed.
    func snapshotSent(to id: MemberID, succeeded: Bool)
    /// A peer says that the cluster has removed this member, which must stop.
    func localMemberRemoved(_ reason: String)
}

/// Callable from any thread.
package final class PeerTransport: Sendable {
    package struct Settings: Sendable {
        package var localID: MemberID
        package var clusterID: UInt64
        /// The advertised ones.
        package var localPeerURLs: [String]
        package var serverVersion: String
        package var minimumClusterVersion: String

        package init(
            localID: MemberID, clusterID: UInt64, localPeerURLs: [String],
            serverVersion: String = "3.5.33", minimumClusterVersion: String = "3.0.0"
        ) {
            self.localID = localID
            self.clusterID = clusterID
            self.localPeerURLs = localPeerURLs
            self.serverVersion = serverVersion
            self.minimumClusterVersion = minimumClusterVersion
        }
    }

    /// Members that are known by their own word only: beyond this somebody is making them up.
    static let remotesMax = 64

    private struct State {
        var peers: [MemberID: Peer] = [:]
        var remotes: [MemberID: Peer] = [:]
        var nextLoop = 0
        var isStopped = false
    }

    let identity: PeerIdentity
    let members: MemberDirectory
    let clock: any Clock
    let delegate: any PeerTransportDelegate
    let snapshots: SnapshotTransfers
    let statistics = PeerStatistics()
    let logger: Logger
    private let client: HTTPClient
    private let loops: [any EventLoop]
    private let state = Mutex(State())
    /// Of every member ever talked to, so that totals survive a replacement of its peer.
    private let counters = Mutex<[MemberID: PeerCounters]>([:])

    package init(
        settings: Settings, members: MemberDirectory, client: HTTPClient,
        loops: [any EventLoop], clock: any Clock, delegate: any PeerTransportDelegate,
        snapshots: SnapshotTransfers, logger: Logger
    ) {
        precondition(!loops.isEmpty)
        identity = PeerIdentity(
            localID: settings.localID, clusterID: settings.clusterID,
            localPeerURLs: settings.localPeerURLs, serverVersion: settings.serverVersion,
            minimumClusterVersion: settings.minimumClusterVersion)
        self.members = members
        self.client = client
        self.loops = loops
        self.clock = clock
        self.delegate = delegate
        self.snapshots = snapshots
        self.logger = logger
    }

    // MARK: Who there is

    /// Begins to talk to a member. The local one and known ones are no news.
    package func add(_ member: Member) {
        let old = state.withLock { state in
            if state.isStopped || member.id == identity.localID || state.peers[member.id] != nil {
                return nil as Peer?
            }
            state.peers[member.id] = makePeer(member.id, member.peerURLs, .member, &state)
            logger.info(
                "added remote peer",
                metadata: [
                    "remote-peer-id": "\(member.id)", "remote-peer-urls": "\(member.peerURLs)",
                ])
            return state.remotes.removeValue(forKey: member.id)
        }
        old?.stop()
    }

    /// The member has moved.
    package func update(_ member: Member) {
        let peer = state.withLock { $0.peers[member.id] }
        peer?.update(urls: member.peerURLs)
    }

    package func remove(_ id: MemberID) {
        let (peer, remote) = state.withLock {
            ($0.peers.removeValue(forKey: id), $0.remotes.removeValue(forKey: id))
        }
        peer?.stop()
        remote?.stop()
        statistics.forget(id)
        counters.withLock { _ = $0.removeValue(forKey: id) }
        if peer != nil {
            logger.info("removed remote peer", metadata: ["removed-remote-peer-id": "\(id)"])
        }
    }

    /// Exactly these members, apart from the local one.
    package func replaceAll(_ members: [Member]) {
        let known = state.withLock { Array($0.peers.keys) }
        let wanted = Set(members.map(\.id))
        for id in known where !wanted.contains(id) { remove(id) }
        for member in members {
            update(member)
            add(member)
        }
    }

    /// Remembers the addresses that an unknown member names, so that it can be answered before the
    /// log tells this member of it.
    func remember(_ id: MemberID, urls: [String]) {
        let areUsable = urls.allSatisfy { url in
            ["http://", "https://", "unix://", "unixs://"].contains { url.hasPrefix($0) }
        }
        if !areUsable || id == identity.localID || members.isRemoved(id) { return }
        state.withLock { state in
            if state.isStopped || state.peers[id] != nil || state.remotes[id] != nil
                || state.remotes.count >= Self.remotesMax
            {
                return
            }
            state.remotes[id] = makePeer(id, urls, .remote, &state)
            logger.info(
                "added remote for a member that is not known yet",
                metadata: ["remote-peer-id": "\(id)", "remote-peer-urls": "\(urls)"])
        }
    }

    private func makePeer(_ id: MemberID, _ urls: [String], _ role: Peer.Role, _ state: inout State)
        -> Peer
    {
        let loop = loops[state.nextLoop % loops.count]
        state.nextLoop += 1
        let counters = counters(of: id)
        return Peer(
            context: PeerContext(
                peer: id, identity: identity, members: members, client: client, loop: loop,
                clock: clock, delegate: delegate, statistics: statistics,
                counters: counters,
                activity: PeerActivity(peer: id, counters: counters, logger: logger),
                snapshots: snapshots, logger: logger),
            urls: urls, role: role)
    }

    /// A member that takes part; not one known by its own word only.
    func peer(_ id: MemberID) -> Peer? { state.withLock { $0.peers[id] } }

    func counters(of id: MemberID) -> PeerCounters {
        counters.withLock { counters in
            let found = counters[id] ?? PeerCounters()
            counters[id] = found
            return found
        }
    }

    /// Ends all links; what was sent before still leaves, if the streams to it are up.
    package func stop() {
        let all = state.withLock { state in
            state.isStopped = true
            defer {
                state.peers = [:]
                state.remotes = [:]
            }
            return Array(state.peers.values) + Array(state.remotes.values)
        }
        for peer in all { peer.stop() }
    }

    // MARK: Messages

    /// Sends messages to the members they are addressed to. Never blocks: what a peer has no room
    /// for is dropped, and the delegate hears that the peer is unreachable.
    package func send(_ messages: [Message]) {
        var groups: [(to: MemberID, messages: [Message])] = []
        for message in messages where message.to != .none {
            // A handful of peers: walking the list beats hashing.
            if let place = groups.firstIndex(where: { $0.to == message.to }) {
                groups[place].messages.append(message)
            } else {
                groups.append((message.to, [message]))
            }
        }
        let now = clock.monotonic()
        for group in groups {
            let peer = state.withLock { $0.peers[group.to] ?? $0.remotes[group.to] }
            if let peer {
                peer.send(group.messages, at: now)
            } else {
                logger.debug(
                    "ignored message send request; unknown remote peer target",
                    metadata: ["unknown-target-peer-id": "\(group.to)"])
            }
        }
    }

    /// Sends a snapshot and the database that belongs to it. Never blocks. Ends in exactly one
    /// `snapshotSent` of the delegate, perhaps before this returns; the image is released then.
    ///
    /// - Parameters:
    ///   - message: of the kind `.snapshot`.
    ///   - database: what follows the message; without it the transfer fails at once, because no
    ///     receiver takes the message alone.
    package func sendSnapshot(_ message: Message, database: (any DatabaseImage)?) {
        precondition(message.kind == .snapshot, "not a snapshot")
        let peer = state.withLock { $0.peers[message.to] ?? $0.remotes[message.to] }
        if let peer { return peer.sendSnapshot(message, database: database) }
        logger.debug(
            "ignored snapshot send request; unknown remote peer target",
            metadata: ["unknown-target-peer-id": "\(message.to)"])
        delegate.snapshotSent(to: message.to, succeeded: false)
    }

    // MARK: What is known of the traffic

    /// Since when a peer has been reachable; `nil` while it is not.
    package func activeSince(_ id: MemberID) -> Instant? { peer(id)?.context.activity.since }

    /// Streams that the peer has opened to us: 2 when messages need not be posted.
    package func streamCount(_ id: MemberID) -> Int { peer(id)?.streamCount ?? 0 }

    package var leaderStatistics: LeaderStatistics { statistics.leader }
    package var serverStatistics: ServerStatistics { statistics.server(at: clock.monotonic()) }

    /// In the order of the ids.
    package var traffic: [PeerTraffic] {
        counters.withLock { $0 }.sorted { $0.key < $1.key }.map { $0.value.traffic(of: $0.key) }
    }
}
