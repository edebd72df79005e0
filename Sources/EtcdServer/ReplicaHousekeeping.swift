//  Proposals that time causes: announcing this member, and the clock that ends TTLs. Time never
//  changes the state by itself; it only puts entries into the log.

import EtcdMembership
import EtcdProto
import EtcdV2Store
import Raft
import RuntimeCore

/// What the apply role checks ten times a second.
struct ReplicaHousekeeping {
    private let localID: MemberID
    private let ids: RequestIDs
    private let wanted: Member
    private let retryMilliseconds: UInt64
    private var nextAnnouncement: Instant?
    private var lastSync: Instant?
    /// Request id of this start's announcement, which tells it from those of earlier starts that
    /// are still in the log.
    private(set) var announcementID: UInt64?
    /// Set once that announcement is applied; until then it is repeated.
    var isAnnounced = false

    init(
        localID: MemberID, ids: RequestIDs, name: String, clientURLs: [String],
        retryMilliseconds: UInt64
    ) {
        self.localID = localID
        self.ids = ids
        wanted = Member(id: localID, peerURLs: [], name: name, clientURLs: clientURLs)
        self.retryMilliseconds = retryMilliseconds
    }

    mutating func check(
        now: Moment, keyspace: V2Keyspace, members: MemberDirectory, status: ReplicaStatus,
        _ outputs: inout [ApplyOutput]
    ) {
        guard status.leader != .none else { return }
        announce(now, members, &outputs)
        endTTLs(now, keyspace, status, &outputs)
    }

    /// Proposes this member's name and client URLs until they are in the state.
    private mutating func announce(
        _ now: Moment, _ members: MemberDirectory, _ outputs: inout [ApplyOutput]
    ) {
        if let next = nextAnnouncement, now.monotonic < next { return }
        guard !isAnnounced, members.local != nil else { return }
        nextAnnouncement = now.monotonic.advanced(byMilliseconds: retryMilliseconds)
        let id = announcementID ?? ids.next()
        announcementID = id
        propose(
            V2Request(
                id: id, method: .put, path: ClusterRecords.attributesPath(localID),
                value: Bytes(wanted.attributesJSON)), now.monotonic, &outputs)
    }

    /// The leader puts its clock into the log when some deadline has passed, twice a second at
    /// most; members then remove the same keys. Never early: a key goes only if its deadline is
    /// not later than the entry's time.
    private mutating func endTTLs(
        _ now: Moment, _ keyspace: V2Keyspace, _ status: ReplicaStatus,
        _ outputs: inout [ApplyOutput]
    ) {
        guard status.role == .leader else { return }
        if let last = lastSync,
            now.monotonic < last.advanced(byMilliseconds: Limits.v2SyncMilliseconds)
        {
            return
        }
        guard let next = keyspace.nextExpiration, next <= now.wall else { return }
        lastSync = now.monotonic
        propose(
            V2Request(method: .sync, time: now.wall.unixNanoseconds), now.monotonic, &outputs)
    }

    private func propose(
        _ request: V2Request, _ now: Instant, _ outputs: inout [ApplyOutput]
    ) {
        var data: [UInt8] = []
        request.encode(into: &data)
        let expires = now.advanced(byMilliseconds: retryMilliseconds)
        outputs.append(
            .consensus(
                .propose(Proposal(id: 0, payload: .normal(Bytes(data)), expires: expires))))
    }
}
