//  What a corruption monitor asks, and of whom.

import EtcdMembership
import EtcdProto
import EtcdServer
import EtcdTransport
import NIOCore
import Raft

/// Every answer comes at once, as `nil` or false, when the task that asks is cancelled.
protocol CorruptionQuestions: Sendable {
    /// Of this member's keys at its newest revision; takes as long as reading all of them.
    func ownHash() async -> Result<HashKVResponse, ServerError>?
    func hash(of member: Member, at revision: Int64, timeout: TimeAmount) async
        -> Result<HashKVResponse, any Error>?
    /// Whether everything committed before has been applied here, and this member still leads.
    func barrier() async -> Bool
    func raiseAlarm(for member: MemberID) async
}

/// Put to a running member and to its peers.
struct MemberQuestions: CorruptionQuestions {
    let handler: RequestHandler
    let client: LeaderClient
    let loop: any EventLoop

    func ownHash() async -> Result<HashKVResponse, ServerError>? {
        let reply = await ask(limit: nil) { address -> Result<RequestID?, ServerError> in
            handler.hashKV(HashKVRequest(revision: 0), address: address)
            return .success(nil)
        }
        switch reply {
        case .v3(.success(.hashKV(let response)))?: return .success(response)
        case .v3(.failure(let error))?: return .failure(error)
        default: return nil
        }
    }

    func hash(of member: Member, at revision: Int64, timeout: TimeAmount) async
        -> Result<HashKVResponse, any Error>?
    {
        await unlessCancelled { () async -> Result<HashKVResponse, any Error>? in
            do {
                return .success(
                    try await client.hashKV(
                        revision: revision, at: member.peerURLs, on: loop, timeout: timeout
                    ).get())
            } catch {
                return .failure(error)
            }
        }
    }

    func barrier() async -> Bool {
        let reply = await ask(limit: requestLimit) { handler.linearizableBarrier(address: $0) }
        if case .barrier? = reply { return true }
        return false
    }

    func raiseAlarm(for member: MemberID) async {
        let request = AlarmRequest(
            action: .activate, memberID: member.rawValue, alarm: .corrupt)
        _ = await ask(limit: requestLimit) {
            handler.alarm(request, context: CallContext(), address: $0)
        }
    }

    private var requestLimit: TimeAmount {
        .milliseconds(Int64(clamping: handler.requestTimeoutMilliseconds))
    }

    private func ask<ID>(
        limit: TimeAmount?, _ start: (ReplyAddress) -> Result<ID, ServerError>
    ) async -> Reply? {
        let reply = OneReply(loop, limit: limit)
        if case .failure(let error) = start(reply.address) { reply.give(.failed(error)) }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                reply.whenReplied { continuation.resume(returning: $0) }
            }
        } onCancel: {
            reply.give(nil)
        }
    }
}
