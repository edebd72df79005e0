//  Compares this member's keys with those of the others (spec operations 5.1): once before serving,
//  and from time to time while it leads.

import EtcdMembership
import EtcdProto
import EtcdServer
import Logging
import NIOCore
import Raft
import RuntimeCore

struct CorruptionMonitor: Sendable {
    /// A database, read from its first key to its last.
    private struct OwnHash {
        let response: HashKVResponse
        let nanoseconds: UInt64

        var revision: Int64 { response.header?.revision ?? 0 }

        /// How long a peer may take for the same, which has its clients to serve, too.
        var patience: TimeAmount {
            .seconds(5) + .nanoseconds(Int64(clamping: nanoseconds)) * 2
        }
    }

    let questions: any CorruptionQuestions
    let members: MemberDirectory
    let status: ReplicaStatus
    let clock: any Clock
    let logger: Logger

    /// Refuses to start a member whose data differs from a peer's at the same revision. Peers that
    /// cannot be asked, or have no such revision, prove nothing.
    ///
    /// - Parameter known: the members as far as this one has applied the log.
    func checkAtStart(among known: [Member]) async throws(BootstrapError) {
        guard let own = await ownHash() else {
            throw BootstrapError(
                description: "\(members.localID) cannot compute the hash of its keys, which the "
                    + "initial corruption check compares with those of peers")
        }
        let peers = known.filter { $0.id != members.localID }
        var compared = 0
        for peer in peers {
            guard let answer = await hash(of: peer, like: own),
                answer.compactRevision == own.response.compactRevision
            else { continue }
            compared += 1
            if answer.hash != own.response.hash {
                throw BootstrapError(
                    description: "\(members.localID) found data inconsistency with peers: "
                        + "member \(peer.id) has another hash at revision \(own.revision). Remove "
                        + "this member and add it again with an empty data directory")
            }
        }
        guard compared > 0 || (peers.isEmpty && !known.isEmpty) else {
            logger.warning(
                "initial corruption checking compared nothing; no peer has told a hash that fits",
                metadata: [
                    "local-member-id": "\(members.localID)", "peers": "\(peers.count)",
                    "revision": "\(own.revision)",
                ])
            return
        }
        logger.info(
            "initial corruption checking passed; no corruption",
            metadata: ["local-member-id": "\(members.localID)"])
    }

    /// Until the task is cancelled.
    func run(everyMilliseconds period: UInt64) async {
        while !Task.isCancelled {
            try? await Task.sleep(for: .milliseconds(period))
            if status.role == .leader { await check() }
        }
    }

    func check() async {
        guard await questions.barrier(), let before = await ownHash() else { return }
        let peers = members.list.filter { $0.id != members.localID }
        var answers: [(id: MemberID, hash: HashKVResponse)] = []
        for peer in peers {
            if let answer = await hash(of: peer, like: before) {
                answers.append((peer.id, answer))
            }
        }
        guard await questions.barrier(), let after = await ownHash() else { return }
        let (old, new) = (before.response, after.response)
        if new.hash != old.hash, after.revision == before.revision,
            new.compactRevision == old.compactRevision
        {
            await raise(members.localID, "the leader's own hash has changed")
        }
        for (id, answer) in answers {
            if (answer.header?.revision ?? 0) > after.revision {
                await raise(id, "its revision is ahead of the leader's")
            } else if answer.compactRevision > new.compactRevision {
                await raise(id, "its compact revision is ahead of the leader's")
            } else if answer.compactRevision == old.compactRevision, answer.hash != old.hash {
                await raise(
                    id, "its hash at revision \(before.revision) differs from the leader's")
            }
        }
    }

    private func raise(_ member: MemberID, _ reason: String) async {
        logger.error(
            "found data inconsistency; raising the alarm",
            metadata: ["member-id": "\(member)", "reason": "\(reason)"])
        await questions.raiseAlarm(for: member)
    }

    // MARK: hashes

    /// `nil` when it cannot be had, which the log then says, or is not wanted any more.
    private func ownHash() async -> OwnHash? {
        let start = clock.monotonic()
        switch await questions.ownHash() {
        case .success(let response):
            return OwnHash(
                response: response,
                nanoseconds: clock.monotonic().nanoseconds(since: start))
        case .failure(let error):
            logger.warning(
                "failed to get own hash kv",
                metadata: ["local-member-id": "\(members.localID)", "error": "\(error.text)"])
            return nil
        case nil:
            return nil
        }
    }

    private func hash(of peer: Member, like own: OwnHash) async -> HashKVResponse? {
        switch await questions.hash(of: peer, at: own.revision, timeout: own.patience) {
        case .success(let response): return response
        case .failure(let error):
            logger.warning(
                "failed to get hash kv from peer",
                metadata: [
                    "remote-peer-id": "\(peer.id)", "requested-revision": "\(own.revision)",
                    "error": "\(error)",
                ])
            return nil
        case nil:
            return nil
        }
    }
}
