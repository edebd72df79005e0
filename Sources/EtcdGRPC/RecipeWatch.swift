//  A watcher that the member keeps for itself, on behalf of a recipe: what comes is handed to a
//  closure instead of a client.

import EtcdEdge
import EtcdMVCC
import EtcdProto
import EtcdServer
import Protobuf
import RuntimeCore

/// One watcher on a stream of its own. Confined to its event loop; ends with `stop` or with the
/// news that it has ended, and must see one of them.
final class RecipeWatch: EdgeWaiter {
    enum News {
        case event(Event)
        /// Part of the history that it should tell is gone.
        case compacted
        /// There will be no more, for the reason given by the server, which may be empty.
        case ended(String)
    }

    private let edge: HTTPEdge
    private var token: UInt64 = 0
    private var handle: WatchStreamHandle?
    private var waiting: ArraySlice<News> = []
    /// `nil` once it has ended.
    private var take: ((News) -> Void)?
    /// While true nothing is handed over.
    var isHeld = false {
        didSet { if !isHeld { drain() } }
    }

    private init(edge: HTTPEdge, take: @escaping (News) -> Void) {
        self.edge = edge
        self.take = take
    }

    /// Begins to watch. `take` is never called before this has returned.
    static func start(
        _ request: WatchCreateRequest, handler: RequestHandler, edge: HTTPEdge,
        take: @escaping (News) -> Void
    ) -> Result<RecipeWatch, ServerError> {
        let watch = RecipeWatch(edge: edge, take: take)
        watch.token = edge.register(watch, timeoutMilliseconds: nil)
        switch handler.openWatchStream(address: ReplyAddress(edge: edge, token: watch.token)) {
        case .failure(let error):
            watch.stop()
            return .failure(error)
        case .success(let handle):
            watch.handle = handle
            guard handle.create(request) else {
                watch.stop()
                return .failure(.tooManyRequests)
            }
            return .success(watch)
        }
    }

    /// Nothing is handed over afterwards. Idempotent.
    func stop() {
        take = nil
        waiting = []
        edge.cancel(token)
        handle?.close()
        handle = nil
    }

    // MARK: EdgeWaiter

    func receive(_ reply: Reply, token: UInt64) {
        switch reply {
        case .watchReady: drain()
        case .failed(let error): end(.ended(error.text))
        default: break
        }
    }

    func timedOut(token: UInt64) {}

    // MARK: private steps

    private func drain() {
        while !isHeld, let take {
            if let news = waiting.popFirst() {
                if case .event = news { take(news) } else { end(news) }
                continue
            }
            guard let handle, let delivery = handle.outbox.take(max: 1).first else { return }
            waiting = news(of: delivery)[...]
            if handle.outbox.takeWantsDrainNotice() { _ = handle.drained() }
        }
    }

    private func news(of delivery: WatchDelivery) -> [News] {
        switch delivery {
        case .created, .progress: return []
        case .cancelled(_, _, let compactRevision, let reason, _):
            return [compactRevision > 0 ? .compacted : .ended(reason)]
        case .ended: return [.ended("")]
        case .events(_, _, _, let events):
            var bytes: [UInt8] = []
            bytes.reserveCapacity(events.byteCount)
            events.append(0..<events.count, to: &bytes)
            do throws(ProtobufError) {
                return try WatchResponse(decoding: Bytes(bytes)).events.map { .event($0) }
            } catch {
                return [.ended("\(error)")]
            }
        }
    }

    private func end(_ news: News) {
        let take = take
        stop()
        take?(news)
    }
}
