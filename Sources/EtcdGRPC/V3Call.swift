//  One call of a v3 method, as the service that serves it sees it.

package import EtcdEdge
import EtcdNet
package import EtcdProto
package import EtcdServer
package import NIOCore

/// The way back to the caller of one method, and what is known of the call. Confined to its event
/// loop. Whoever waits with it holds it; after the end its methods do nothing.
package final class V3Call<Response: ProtobufMessage>: V3WireClient, EdgeWaiter,
    InterruptibleCall
{
    package let metadata: CallMetadata
    package let edge: HTTPEdge
    /// Called once if the call ends before the service has ended it: the client is gone or has
    /// cancelled, its time is up, or its leader is lost.
    package var onClose: (() -> Void)?
    /// Called whenever `isWritable` turns true again.
    package var onWritable: (() -> Void)?

    private let wire: any V3Wire
    private let endpoint: V3Endpoint
    private let leaderWatch: LeaderWatch?
    private let audit: PendingAudit?
    private let start: NIODeadline?
    /// The only request of a unary call, to be shown if it is slow. As it came: hardly any call is.
    var request: (payload: V3Payload, type: any ProtobufMessage.Type)?
    private var deadline: UInt64?
    private var isFinished = false

    /// The call counts as started, and the client's time limit begins.
    ///
    /// - Parameter audit: what is to be noted when the call has ended.
    init(_ parts: V3CallParts, audit: PendingAudit? = nil) {
        self.audit = audit
        wire = parts.wire
        metadata = parts.metadata
        edge = parts.edge
        endpoint = parts.endpoint
        leaderWatch = parts.leaderWatch
        start = endpoint.callStarted()
        wire.client = self
        if let limit = metadata.timeoutMilliseconds {
            deadline = edge.register(self, timeoutMilliseconds: limit)
        }
        leaderWatch?.add(self)
    }

    package var eventLoop: any EventLoop { edge.eventLoop }
    package var context: CallContext { metadata.context }
    package var isOpen: Bool { !isFinished && wire.isOpen }
    package var isWritable: Bool { !isFinished && wire.isWritable }

    // MARK: the service's side

    /// The only answer of a unary call.
    package func respond(_ message: Response) {
        if isSlow { noteSlow(message) }
        send(message)
        finish()
    }

    /// A message that is too long ends the call, as if from outside.
    package func send(_ message: Response) {
        guard !isFinished else { return }
        do throws(GRPCStatus) {
            try wire.send(message)
            endpoint.counters.messageSent()
        } catch {
            if endpoint.rules.isStreaming { endpoint.counters.messageUnsent() }
            interrupt(error)
        }
    }

    /// An answer that exists in parts: `write` appends exactly `size` bytes of its protobuf form.
    package func send(size: Int, _ write: (inout [UInt8]) -> Void) {
        guard !isFinished else { return }
        do throws(GRPCStatus) {
            try wire.send(Response.self, size: size, write)
            endpoint.counters.messageSent()
        } catch {
            if endpoint.rules.isStreaming { endpoint.counters.messageUnsent() }
            interrupt(error)
        }
    }

    package func finish() {
        guard end(.ok) else { return }
        wire.finish()
    }

    package func fail(_ status: GRPCStatus) {
        if !isFinished, isSlow { noteSlow(nil) }
        guard end(status.code) else { return }
        wire.fail(status)
    }

    private var isSlow: Bool {
        guard let start else { return false }
        return endpoint.slowCalls?.isWorthANote(since: start) ?? false
    }

    private func noteSlow(_ response: Response?) {
        guard let slowCalls = endpoint.slowCalls, let start, let request,
            let request = try? request.payload.decoded(as: request.type)
        else { return }
        self.request = nil
        slowCalls.note(
            endpoint.rules, since: start, from: metadata.connection.remoteAddress, request: request,
            response: response)
    }

    package func fail(_ error: ServerError) { fail(GRPCStatus(error)) }

    /// Ends the call from outside: the service learns of it through `onClose`.
    package func interrupt(_ status: GRPCStatus) {
        let callback = onClose
        guard end(status.code) else { return }
        wire.fail(status)
        callback?()
    }

    /// Takes a note of a request within this call.
    func note(_ keys: NamedKeys, _ code: GRPCStatus.Code) { audit?.note([keys], code) }

    package func holdRequests() { if !isFinished { wire.holdRequests() } }
    package func resumeRequests() { if !isFinished { wire.resumeRequests() } }

    // MARK: V3WireClient

    package func wireClosed() {
        let callback = onClose
        guard end(.canceled) else { return }
        callback?()
    }

    package func wireBecameWritable() { onWritable?() }

    // MARK: EdgeWaiter

    package func receive(_ reply: Reply, token: UInt64) {}

    package func timedOut(token: UInt64) {
        deadline = nil
        interrupt(.deadlineExceeded)
    }

    /// False when the call has ended before. Lets go of everything, which breaks the cycles of the
    /// callbacks.
    private func end(_ code: GRPCStatus.Code) -> Bool {
        if isFinished { return false }
        isFinished = true
        endpoint.counters.callEnded(code, startedAt: start)
        audit?.note(code)
        if let deadline { edge.cancel(deadline) }
        deadline = nil
        leaderWatch?.remove(self)
        onClose = nil
        onWritable = nil
        return true
    }
}
