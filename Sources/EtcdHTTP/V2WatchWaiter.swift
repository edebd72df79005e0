//  One watch on its way to one client: a long poll that ends with its first event, or a stream.

import EtcdEdge
import EtcdNet
import EtcdProto
import EtcdServer
import EtcdV2Store
import NIOCore
import RuntimeCore

/// Created per watch request; lives until the response ends or the client is gone.
final class V2WatchWaiter: EdgeWaiter {
    private let keyspace: V2Keyspace
    private let edge: HTTPEdge
    private let responder: any HTTPResponder
    private let isStream: Bool
    private var token: UInt64?
    private var watch: V2WatchID?
    /// Events that the client has not taken yet, in order. At most `Limits.v2StreamBacklogMax`
    /// beyond what history held at the start.
    private var backlog: [V2Event] = []
    private var backlogMax = Limits.v2StreamBacklogMax

    init(
        keyspace: V2Keyspace, edge: HTTPEdge, responder: any HTTPResponder, isStream: Bool
    ) {
        self.keyspace = keyspace
        self.edge = edge
        self.responder = responder
        self.isStream = isStream
    }

    /// Registers the watch. Returns the store's index at its start.
    func begin(_ request: V2Request) -> Result<UInt64, V2Error> {
        let token = edge.register(self, timeoutMilliseconds: nil)
        self.token = token
        let outcome = keyspace.watch(
            request.path, recursive: request.recursive, stream: isStream, since: request.since,
            address: ReplyAddress(edge: edge, token: token))
        switch outcome {
        case .success((let start, let storeIndex)):
            switch start {
            case .fired(let event): backlog = [event]
            case .waiting(let id, let history):
                watch = id
                backlog = history
            }
            return .success(storeIndex)
        case .failure(let error):
            release()
            return .failure(error)
        }
    }

    /// The head of the answer is out: now the body may follow.
    func started() {
        // Whoever was found to be gone when the head was sent will not close it again.
        guard responder.isOpen else { return release() }
        backlogMax = Limits.v2StreamBacklogMax + backlog.count
        responder.onClose = { self.release() }
        responder.onWritable = { self.flush() }
        flush()
        if !isStream, watch == nil { end() }
    }

    func receive(_ reply: Reply, token: UInt64) {
        switch reply {
        case .v2Watch(let event):
            backlog.append(event)
            flush()
            // A client that reads too slowly is cut off without a word, as in etcd.
            if backlog.count > backlogMax { end() }
        default: end()
        }
    }

    func timedOut(token: UInt64) { end() }

    private func flush() {
        if backlog.isEmpty || token == nil { return }
        if !isStream {
            responder.write(V2Answers.body(backlog[0]))
            end()
            return
        }
        var sent = 0
        while sent < backlog.count, responder.isWritable {
            responder.write(V2Answers.body(backlog[sent]))
            sent += 1
        }
        backlog.removeFirst(sent)
    }

    /// Ends the response, and with it the watch.
    private func end() {
        if token == nil { return }
        release()
        responder.finish()
    }

    /// Lets go of everything, which also breaks the cycle with the responder.
    private func release() {
        if let watch { keyspace.cancelWatch(watch) }
        if let token { edge.cancel(token) }
        watch = nil
        token = nil
        backlog.removeAll()
        responder.onClose = nil
        responder.onWritable = nil
    }
}
