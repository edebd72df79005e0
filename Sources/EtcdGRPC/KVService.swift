//  The KV service: reads on the event loop that received them, writes through the log.

import EtcdMVCC
import EtcdProto
package import EtcdServer
import NIOCore
import RuntimeCore
import Synchronization

/// A class, since every call refers to it until it is answered.
package final class KVService: Sendable {
    /// Keys in the store up to which any range is served on the event loop; with more, one that
    /// may return them all goes elsewhere, so that other calls need not wait for it.
    static let keysServedInline = 10_000

    let handler: RequestHandler

    package init(handler: RequestHandler) { self.handler = handler }

    private static let name = "etcdserverpb.KV"

    package var methods: [V3Method] {
        var range = V3Method.unary(Self.name, "Range", gateway: "/v3/kv/range", body: self.range)
        // A serializable one is; the replica decides.
        range.isForLearners = true
        return [
            range,
            .serverStream(Self.name, "RangeStream", body: rangeStream),
            .unary(Self.name, "Put", gateway: "/v3/kv/put", body: put),
            .unary(Self.name, "DeleteRange", gateway: "/v3/kv/deleterange", body: deleteRange),
            .unary(Self.name, "Txn", gateway: "/v3/kv/txn", body: txn),
            .unary(Self.name, "Compact", gateway: "/v3/kv/compaction", body: compact),
        ]
    }

    // MARK: writes

    @Sendable private func put(_ request: PutRequest, _ call: V3Call<PutResponse>) {
        call.waitForResult(
            on: handler,
            { handler.put(request, context: call.context, address: $0) },
            response: { if case .put(let response) = $0 { response } else { nil } })
    }

    @Sendable private func deleteRange(
        _ request: DeleteRangeRequest, _ call: V3Call<DeleteRangeResponse>
    ) {
        call.waitForResult(
            on: handler,
            { handler.deleteRange(request, context: call.context, address: $0) },
            response: { if case .deleteRange(let response) = $0 { response } else { nil } })
    }

    /// With `physical` the time limit is that of the change alone: what it makes superfluous may
    /// take far longer to be deleted.
    @Sendable private func compact(
        _ request: CompactionRequest, _ call: V3Call<CompactionResponse>
    ) {
        call.waitForResult(
            on: handler, isBoundUntilApplied: request.physical,
            { handler.compact(request, context: call.context, address: $0) },
            response: { if case .compaction(let response) = $0 { response } else { nil } })
    }

    // MARK: reads

    @Sendable private func range(_ request: RangeRequest, _ call: V3Call<RangeResponse>) {
        call.waitToRead(
            on: handler, handler.range(request),
            read: { self.readRange(request, call) })
    }

    private func readRange(_ request: RangeRequest, _ call: V3Call<RangeResponse>) {
        if mayBeLong(request), hasManyKeys {
            let handler = handler
            readElsewhere(call) { handler.readRange(request, context: $0) }
        } else {
            call.answer(handler.readRange(request, context: call.context))
        }
    }

    @Sendable private func txn(_ request: TxnRequest, _ call: V3Call<TxnResponse>) {
        call.waitForTxn(
            on: handler,
            { handler.txn(request, context: call.context, address: $0()) },
            read: { self.readTxn(request, call) })
    }

    private func readTxn(_ request: TxnRequest, _ call: V3Call<TxnResponse>) {
        if mayBeLong(request), hasManyKeys {
            let handler = handler
            readElsewhere(call) { handler.readTxn(request, context: $0) }
        } else {
            call.answer(handler.readTxn(request, context: call.context))
        }
    }

    private var hasManyKeys: Bool { handler.v3.reader.keyCount > Self.keysServedInline }

    /// Whether so many keys may have to be looked at that others should not wait for it.
    private func mayBeLong(_ request: RangeRequest) -> Bool {
        guard !request.rangeEnd.isEmpty else { return false }
        let stopsEarly =
            request.limit > 0 && request.limit <= Int64(Self.keysServedInline)
            && request.sortTarget == .key && request.sortOrder != .descend
            && request.minModRevision == 0 && request.maxModRevision == 0
            && request.minCreateRevision == 0 && request.maxCreateRevision == 0
        return !stopsEarly
    }

    private func mayBeLong(_ request: TxnRequest) -> Bool {
        request.compare.contains { !$0.rangeEnd.isEmpty }
            || (request.success + request.failure).contains { operation in
                switch operation.request {
                case .range(let range): mayBeLong(range)
                case .txn(let inner): mayBeLong(inner)
                case .put, .deleteRange, nil: false
                }
            }
    }

    private func readElsewhere<Response>(
        _ call: V3Call<Response>,
        _ read: @escaping @Sendable (CallContext) -> Result<Response, ServerError>
    ) {
        let loop = call.eventLoop
        let bound = NIOLoopBound(call, eventLoop: loop)
        let context = call.context
        let interest = Interest()
        call.onClose = { interest.end() }
        let isTaken = handler.longReads.submit {
            // Nobody may wait any more once its turn has come.
            let outcome = interest.isAlive ? read(context) : .failure(.stopped)
            loop.execute { bound.value.answer(outcome) }
        }
        if !isTaken { call.fail(.tooManyRequests) }
    }
}

/// Whether somebody still waits for what another thread does.
private final class Interest: Sendable {
    private let hasEnded = Atomic<Bool>(false)

    var isAlive: Bool { !hasEnded.load(ordering: .relaxed) }

    func end() { hasEnded.store(true, ordering: .relaxed) }
}

extension V3Call {
    func answer(_ outcome: Result<Response, ServerError>) {
        switch outcome {
        case .success(let response): respond(response)
        case .failure(let error): fail(error)
        }
    }
}

extension V3Call<TxnResponse> {
    /// A transaction is a write or a read, which only the replica's checks tell.
    fileprivate func waitForTxn(
        on handler: RequestHandler,
        _ start: (() -> ReplyAddress) -> Result<TxnStart, ServerError>,
        read: @escaping () -> Void
    ) {
        var wait: ReplyWait<TxnResponse>?
        let outcome = start {
            let made = ReplyWait(call: self, handler: handler) { reply in
                if case .v3(.success(.txn(let response))) = reply {
                    self.respond(response)
                } else {
                    self.fail(.unknownMethod)
                }
            }
            wait = made
            return made.register()
        }
        switch outcome {
        case .success(.proposed(let id)): wait?.id = id
        case .success(.read(let start)): waitToRead(on: handler, .success(start), read: read)
        case .failure(let error):
            wait?.end()
            fail(error)
        }
    }
}
