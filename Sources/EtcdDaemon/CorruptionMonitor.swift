//  Compares this member's keys with those of the others (spec operations 5.1): once before serving,
//  and from time to time while it leads.

import EtcdMVCC
import EtcdMembership
import EtcdNet
import EtcdProto
import EtcdServer
import EtcdTransport
import Logging
import NIOCore
import Raft
import RuntimeCore

struct CorruptionMonitor: Sendable {
    private static let askLimit = TimeAmount.seconds(5)

    let handler: RequestHandler
    let client: LeaderClient
    let loop: any EventLoop
    let logger: Logger

    /// Refuses to start a member whose data differs from a peer's at the same revision. Peers that
    /// cannot be asked, or have no such revision, prove nothing.
    func checkAtStart() async throws(BootstrapError) {
        guard let own = await ownHash(at: 0) else { return }
        let revision = own.header?.revision ?? 0
        for member in others {
            guard let answer = await hash(of: member, at: revision) else { continue }
            if answer.compactRevision == own.compactRevision, answer.hash != own.hash {
                throw BootstrapError(
                    description: "\(handler.members.localID) found data inconsistency with peers: "
                        + "member \(member.id) has another hash at revision \(revision). Remove "
                        + "this member and add it again with an empty data directory")
            }
        }
        logger.info(
            "initial corruption checking passed; no corruption",
            metadata: ["local-member-id": "\(handler.members.localID)"])
    }

    /// Until the task is cancelled.
    func run(everyMilliseconds period: UInt64) async {
        while !Task.isCancelled {
            try? await Task.sleep(for: .milliseconds(period))
            if handler.status.role == .leader { await check() }
        }
    }

    private func check() async {
        guard await barrier(), let before = await ownHash(at: 0) else { return }
        let revision = before.header?.revision ?? 0
        var answers: [(id: MemberID, hash: HashKVResponse)] = []
        for member in others {
            if let answer = await hash(of: member, at: revision) {
                answers.append((member.id, answer))
            }
        }
        guard await barrier(), let after = await ownHash(at: 0) else { return }
        let newest = after.header?.revision ?? 0
        if after.hash != before.hash, newest == revision,
            after.compactRevision == before.compactRevision
        {
            await raise(handler.members.localID, "the leader's own hash has changed")
        }
        for (id, answer) in answers {
            if (answer.header?.revision ?? 0) > newest {
                await raise(id, "its revision is ahead of the leader's")
            } else if answer.compactRevision > after.compactRevision {
                await raise(id, "its compact revision is ahead of the leader's")
            } else if answer.compactRevision == before.compactRevision, answer.hash != before.hash {
                await raise(id, "its hash at revision \(revision) differs from the leader's")
            }
        }
    }

    private var others: [Member] {
        handler.members.list.filter { $0.id != handler.members.localID }
    }

    private func raise(_ member: MemberID, _ reason: String) async {
        logger.error(
            "found data inconsistency; raising the alarm",
            metadata: ["member-id": "\(member)", "reason": "\(reason)"])
        let request = AlarmRequest(
            action: .activate, memberID: member.rawValue, alarm: .corrupt)
        _ = await ask { handler.alarm(request, context: CallContext(), address: $0) }
    }

    // MARK: questions

    private func ownHash(at revision: Int64) async -> HashKVResponse? {
        let reply = await ask { address -> Result<RequestID?, ServerError> in
            handler.hashKV(HashKVRequest(revision: revision), address: address)
            return .success(nil)
        }
        if case .v3(.success(.hashKV(let response)))? = reply { return response }
        return nil
    }

    private func barrier() async -> Bool {
        let reply = await ask { handler.linearizableBarrier(address: $0) }
        if case .barrier? = reply { return true }
        return false
    }

    private func hash(of member: Member, at revision: Int64) async -> HashKVResponse? {
        do {
            return try await client.hashKV(
                revision: revision, at: member.peerURLs, on: loop,
                timeout: CorruptionMonitor.askLimit
            ).get()
        } catch {
            logger.warning(
                "failed to get hash kv from peer",
                metadata: [
                    "remote-peer-id": "\(member.id)", "requested-revision": "\(revision)",
                    "error": "\(error)",
                ])
            return nil
        }
    }

    private func ask<ID>(_ start: (ReplyAddress) -> Result<ID, ServerError>) async -> Reply? {
        let reply = OneReply(
            loop, limit: .milliseconds(Int64(clamping: handler.requestTimeoutMilliseconds)))
        if case .failure(let error) = start(reply.address) { reply.give(.failed(error)) }
        return await withCheckedContinuation { continuation in
            reply.whenReplied { continuation.resume(returning: $0) }
        }
    }
}
