//  The Watch service: requests go to the hub, and what it leaves in the stream's outbox goes out as
//  fast as the client takes it. Events are never encoded here.

import EtcdEdge
import EtcdMVCC
import EtcdProto
package import EtcdServer
import NIOCore
import Protobuf
import RuntimeCore

package struct WatchService: Sendable {
    private let handler: RequestHandler

    package init(handler: RequestHandler) { self.handler = handler }

    package var methods: [V3Method] {
        [
            .stream("etcdserverpb.Watch", "Watch", gateway: "/v3/watch") { call in
                WatchStream(call: call, handler: handler)
            }
        ]
    }
}

/// One client's stream of watchers.
private final class WatchStream: V3Receiver, EdgeWaiter {
    /// Deliveries taken from the outbox at once.
    private static let batchMax = 64
    /// Looks at 10 ms each for a token that the member does not know yet.
    private static let tokenLooksMax = 500
    /// What surrounds the events of a response, generously.
    private static let surroundingBytes = 128

    private let call: V3Call<WatchResponse>
    private let handler: RequestHandler
    /// `nil` once the call has ended.
    private var handle: WatchStreamHandle?
    private var token: UInt64?
    private var holdsRequests = false
    private var tokenLooks = 0
    private var awaitsToken = false

    init(call: V3Call<WatchResponse>, handler: RequestHandler) {
        self.call = call
        self.handler = handler
        let token = call.edge.register(self, timeoutMilliseconds: nil)
        self.token = token
        switch handler.openWatchStream(address: ReplyAddress(edge: call.edge, token: token)) {
        case .success(let handle):
            self.handle = handle
            call.onWritable = { self.drain() }
        case .failure(let error):
            release()
            call.fail(error)
        }
    }

    // MARK: V3Receiver

    func receive(_ request: WatchRequest) {
        guard let handle, let request = request.request else { return }
        var refusal: ServerError?
        if case .create(let create) = request {
            refusal = handler.refusalOfWatch(create, call.context)
            if refusal == .invalidAuthToken, waitForToken(request) { return }
        }
        let isTaken =
            switch request {
            case .create(let create): self.create(create, handle, refusal)
            case .cancel(let cancel): handle.cancel(cancel.watchID)
            case .progress: handle.requestProgress()
            }
        guard isTaken else {
            release()
            return call.fail(.tooManyRequests)
        }
        // Whoever does not read answers is not asked for more requests.
        if handle.outbox.isOverfull { holdRequests() }
    }

    /// The client may go on listening.
    func requestsEnded() {}

    func closed() { release() }

    // MARK: EdgeWaiter

    func receive(_ reply: Reply, token: UInt64) {
        if case .watchReady = reply { drain() }
    }

    func timedOut(token: UInt64) {}

    // MARK: private steps

    private func drain() {
        while call.isWritable, let handle {
            let batch = handle.outbox.take(max: WatchStream.batchMax)
            for delivery in batch { send(delivery) }
            if handle.outbox.takeWantsDrainNotice(), !handle.drained() {
                // Without the notice its stalled watchers would wait for ever.
                release()
                return call.fail(.tooManyRequests)
            }
            if batch.count < WatchStream.batchMax { break }
        }
        resumeRequests()
    }

    private func holdRequests() {
        holdsRequests = true
        call.holdRequests()
        handle?.outbox.awaitRoom()
        // There may be room again since it was looked at.
        resumeRequests()
    }

    private func resumeRequests() {
        guard holdsRequests, !awaitsToken, let handle, !handle.outbox.isOverfull else { return }
        holdsRequests = false
        call.resumeRequests()
    }

    /// Asks again when this member may have learned of the client's token; false when it will not.
    private func waitForToken(_ request: WatchRequest.Request) -> Bool {
        guard tokenLooks < WatchStream.tokenLooksMax, let token = call.context.token,
            handler.awaits(token: token)
        else { return false }
        tokenLooks += 1
        awaitsToken = true
        holdRequests()
        call.eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(10)) {
            self.awaitsToken = false
            guard self.handle != nil else { return }
            self.receive(WatchRequest(request: request))
            self.resumeRequests()
        }
        return true
    }

    private func create(
        _ request: WatchCreateRequest, _ handle: WatchStreamHandle, _ refusal: ServerError?
    ) -> Bool {
        let keys = NamedKeys(request.key, rangeEnd: request.rangeEnd)
        guard let refusal else {
            call.note(keys, .ok)
            return handle.create(request)
        }
        call.note(keys, GRPCStatus(refusal).code)
        return handle.refuse(reason: WatchStream.reason(of: refusal))
    }

    /// Why a client may not have a watch. The stream goes on.
    private static func reason(of error: ServerError) -> String {
        var status = GRPCStatus(error)
        if status.code != .permissionDenied, status.code != .unauthenticated {
            status.code = .invalidArgument
        }
        return status.goText
    }

    private func send(_ delivery: WatchDelivery) {
        switch delivery {
        case .created(let id, let revision):
            call.send(
                WatchResponse(
                    header: handler.header(revision: revision), watchID: id, created: true))
        case .cancelled(let id, let revision, let compactRevision, let reason, let alsoCreated):
            call.send(
                WatchResponse(
                    header: handler.header(revision: revision), watchID: id, created: alsoCreated,
                    canceled: true, compactRevision: compactRevision, cancelReason: reason))
        case .progress(let id, let revision):
            call.send(
                WatchResponse(header: handler.header(revision: revision), watchID: id))
        case .events(let id, let revision, let mayFragment, let events):
            send(events, id: id, header: handler.header(revision: revision), mayFragment)
        case .ended:
            release()
            call.fail(.watchCanceled)
        }
    }

    private func send(
        _ events: EncodedEvents, id: Int64, header: ResponseHeader, _ mayFragment: Bool
    ) {
        let limit = handler.settings.maxRequestBytes + GRPCServer.Settings.overheadBytes
        let portions =
            mayFragment
            ? events.fragments(below: limit - WatchStream.surroundingBytes) : [0..<events.count]
        for portion in portions {
            send(
                events, portion, id: id, header: header,
                isFragment: portion.upperBound < events.count)
        }
    }

    /// A response in the form of its parts: the shared bytes of the events are copied once.
    private func send(
        _ events: EncodedEvents, _ portion: Range<Int>, id: Int64, header: ResponseHeader,
        isFragment: Bool
    ) {
        let headerSize = header.encodedSize
        var size = ProtobufSize.field(1, count: headerSize)
        if id != 0 { size += ProtobufSize.field(2, UInt64(bitPattern: id)) }
        if isFragment { size += ProtobufSize.field(7, 1) }
        size +=
            portion.count == events.count
            ? events.byteCount : portion.reduce(0) { $0 + events[$1].count }
        call.send(size: size) { output in
            output.appendHeader(1, count: headerSize)
            header.encode(into: &output)
            if id != 0 { output.appendField(2, signed: id) }
            if isFragment { output.appendField(7, true) }
            events.append(portion, to: &output)
        }
    }

    private func release() {
        if let token { call.edge.cancel(token) }
        token = nil
        handle?.close()
        handle = nil
        call.onWritable = nil
    }
}
