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
            let refusal = handler.hashKV(HashKVRequest(revision: 0), address: address)
            return refusal.map { .failure($0) } ?? .success(nil)
        }
        switch reply {
        case .v3(.success(.hashKV(let response)))?: return .success(response)
        case .v3(.failure(let error))?, .failed(let error)?: return .failure(error)
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
        let reply = await ask(limit: requestLimit) { address in
            handler.linearizableBarrier(address: address).map { $0 }
        }
        if case .barrier? = reply { return true }
        return false
    }

    func raiseAlarm(for member: MemberID) async {
        let request = AlarmRequest(
            action: .activate, memberID: member.rawValue, alarm: .corrupt)
        _ = await ask(limit: requestLimit) { address in
            handler.alarm(request, context: CallContext(), address: address).map { $0 }
        }
    }

    private var requestLimit: TimeAmount {
        .milliseconds(Int64(clamping: handler.requestTimeoutMilliseconds))
    }

    /// - Parameter start: gives what to forget when no reply comes; `nil` for what is not
    ///   registered.
    private func ask(
        limit: TimeAmount?, _ start: (ReplyAddress) -> Result<RequestID?, ServerError>
    ) async -> Reply? {
        let waiting = OneReply(loop, limit: limit)
        let request: RequestID?
        switch start(waiting.address) {
        case .success(let id): request = id
        case .failure(let error): return .failed(error)
        }
        let reply: Reply? = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                waiting.whenReplied { continuation.resume(returning: $0) }
            }
        } onCancel: {
            waiting.give(nil)
        }
        if reply == nil, let request { handler.forget(request) }
        return reply
    }
}
