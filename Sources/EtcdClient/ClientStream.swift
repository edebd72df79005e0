//  The answer of a call, message by message.

package import EtcdNet
package import EtcdProto
import NIOCore
import RuntimeCore

/// Keeps what has arrived until it is asked for; the server is held back meanwhile. Confined to the
/// loop of its connection.
final class CallInbox: OutgoingCallReceiver {
    private let loop: any EventLoop
    var call: OutgoingCall?
    private var messages: [Bytes] = []
    private var status: CallStatus?
    private var waiter: EventLoopPromise<Bytes?>?

    init(loop: any EventLoop) { self.loop = loop }

    func received(_ message: Bytes) {
        if let waiter {
            self.waiter = nil
            waiter.succeed(message)
        } else {
            messages.append(message)
            call?.pause()
        }
    }

    func ended(_ status: CallStatus) {
        self.status = status
        call = nil
        if let waiter {
            self.waiter = nil
            tellEnd(waiter, status)
        }
    }

    /// `nil` after the last message of a call that went well. One question at a time.
    func next() -> EventLoopFuture<Bytes?> {
        precondition(waiter == nil, "two readers of one stream")
        let promise = loop.makePromise(of: Bytes?.self)
        if !messages.isEmpty {
            // Few: the window and one message at most.
            promise.succeed(messages.removeFirst())
            if messages.isEmpty { call?.resume() }
        } else if let status {
            tellEnd(promise, status)
        } else {
            waiter = promise
        }
        return promise.futureResult
    }

    private func tellEnd(_ promise: EventLoopPromise<Bytes?>, _ status: CallStatus) {
        if status.code == .ok { promise.succeed(nil) } else { promise.fail(status) }
    }
}

/// A running call. Ends when it is let go of. One reader at a time; otherwise callable from any
/// thread.
package final class ClientStream<Response: ProtobufMessage>: Sendable {
    private let loop: any EventLoop
    private let inbox: NIOLoopBound<CallInbox>

    init(loop: any EventLoop, inbox: NIOLoopBound<CallInbox>) {
        self.loop = loop
        self.inbox = inbox
    }

    deinit { cancel() }

    /// The next message; `nil` when the call has ended well. A cancelled task ends the call.
    package func next() async throws(CallStatus) -> Response? {
        let bytes: Bytes?
        do {
            bytes = try await withTaskCancellationHandler {
                try await loop.flatSubmit { [inbox] in inbox.value.next() }.get()
            } onCancel: {
                cancel()
            }
        } catch {
            throw error as? CallStatus ?? CallStatus(.unknown, "\(error)")
        }
        guard let bytes else { return nil }
        do {
            return try Response(decoding: bytes)
        } catch {
            cancel()
            throw CallStatus(.internal, "grpc: failed to unmarshal the received message: \(error)")
        }
    }

    /// Sends a further message, where the call was opened for that.
    package func send(_ message: some ProtobufMessage) {
        loop.execute { [inbox] in inbox.value.call?.send { message.encode(into: &$0) } }
    }

    package func cancel() {
        loop.execute { [inbox] in inbox.value.call?.abort() }
    }
}
