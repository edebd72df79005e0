//  Asks another member, mostly the leader, over its peer port: what only it can answer or do
//  (spec grpc-v3 8 and 9, peer-and-disk 2).

package import EtcdMembership
package import EtcdNet
package import EtcdProto
package import NIOCore
import NIOHTTP1
package import Raft
import RuntimeCore

/// Asks one member at its addresses, in order, until one of them answers. Callable from any thread.
///
/// Futures are of the loop that the caller names, and fail with `PeerServiceError` only. The time
/// limit is for everything; each address gets its share of what is left. To find a new leader and
/// ask again is the caller's part.
package final class LeaderClient: Sendable {
    private let client: HTTPClient
    private let clusterIDText: String
    private let lines: [ObjectIdentifier: NIOLoopBoundBox<LeaderClientLine>]

    /// - Parameter loops: those that requests will come from: on each of them the number of
    ///   requests at a time is bounded.
    package init(client: HTTPClient, clusterID: UInt64, loops: [any EventLoop]) {
        self.client = client
        clusterIDText = String(clusterID, radix: 16)
        lines = Dictionary(
            loops.map { loop in
                (
                    ObjectIdentifier(loop),
                    .makeBoxSendingValue(LeaderClientLine(), eventLoop: loop)
                )
            }, uniquingKeysWith: { first, _ in first })
    }

    // MARK: What can be asked

    /// Renews a lease; gives its time in seconds from now on.
    package func keepAlive(
        _ lease: Int64, at urls: [String], on loop: any EventLoop, timeout: TimeAmount
    ) -> EventLoopFuture<Int64> {
        let question = LeaderQuestion(
            "POST", "/leases", "application/protobuf", body: LeaseKeepAliveRequest(id: lease))
        return ask(question, at: urls, on: loop, timeout: timeout) {
            (response) throws(PeerServiceError) in
            let answer: LeaseKeepAliveResponse = try LeaderAnswer.lease(response)
            guard answer.id == lease else { throw .failed("lease: renew id mismatch") }
            return answer.ttl
        }
    }

    /// What is left of a lease, and its keys if wanted.
    package func timeToLive(
        _ lease: Int64, withKeys: Bool, at urls: [String], on loop: any EventLoop,
        timeout: TimeAmount
    ) -> EventLoopFuture<LeaseTimeToLiveResponse> {
        let request = LeaseTimeToLiveRequest(id: lease, keys: withKeys)
        let question = LeaderQuestion(
            "POST", "/leases/internal", "application/protobuf",
            body: LeaseInternalRequest(request: request), maximumAnswer: 64 << 20)
        return ask(question, at: urls, on: loop, timeout: timeout) {
            (response) throws(PeerServiceError) in
            let answer: LeaseInternalResponse = try LeaderAnswer.lease(response)
            guard let inner = answer.response, inner.id == lease else {
                throw .failed("lease: TTL id mismatch")
            }
            return inner
        }
    }

    /// Makes a learner a voter; gives the members afterwards.
    ///
    /// - Parameter token: of the client who asked for it, if there is one.
    package func promote(
        _ member: MemberID, token: String?, at urls: [String], on loop: any EventLoop,
        timeout: TimeAmount
    ) -> EventLoopFuture<[Member]> {
        var question = LeaderQuestion("POST", "/members/promote/\(member.rawValue)")
        question.isRepeatable = false
        if let token { question.headers.add(name: "Authorization", value: token) }
        return ask(question, at: urls, on: loop, timeout: timeout, LeaderAnswer.promotion)
    }

    /// The hash over a member's key space at a revision, 0 for its newest.
    package func hashKV(
        revision: Int64, at urls: [String], on loop: any EventLoop, timeout: TimeAmount
    ) -> EventLoopFuture<HashKVResponse> {
        var question = LeaderQuestion("GET", "/members/hashkv")
        question.headers = [
            "Content-Type": "application/json", PeerHeader.clusterID: clusterIDText,
        ]
        question.body = ByteBuffer(bytes: HashKVText.request(revision: revision))
        return ask(question, at: urls, on: loop, timeout: timeout, LeaderAnswer.hashKV)
    }

    /// Whether a downgrade of the cluster is under way, as the member knows it.
    package func downgradeEnabled(
        at urls: [String], on loop: any EventLoop, timeout: TimeAmount
    ) -> EventLoopFuture<Bool> {
        let question = LeaderQuestion("GET", "/downgrade/enabled")
        return ask(question, at: urls, on: loop, timeout: timeout, LeaderAnswer.downgradeEnabled)
    }

    // MARK: How it is asked

    private typealias Reader<Value> =
        @Sendable (HTTPClientResponse) throws(PeerServiceError) -> Value

    private func ask<Value: Sendable>(
        _ question: LeaderQuestion, at urls: [String], on loop: any EventLoop,
        timeout: TimeAmount, _ read: @escaping Reader<Value>
    ) -> EventLoopFuture<Value> {
        let promise = loop.makePromise(of: Value.self)
        let deadline = NIODeadline.now() + timeout
        let line = lines[ObjectIdentifier(loop)]
        let begin: @Sendable () -> Void = {
            let attempt = LeaderAttempt(
                question: question, urls: urls, deadline: deadline, client: self.client,
                loop: loop, read: read, promise: promise)
            guard let line = line?.value else { return attempt.run() }
            let isTaken = line.enter {
                promise.futureResult.assumeIsolated().whenComplete { _ in line.leave() }
                attempt.run()
            }
            if !isTaken {
                promise.fail(PeerServiceError.failed("too many requests to one member"))
            }
        }
        if loop.inEventLoop {
            begin()
        } else {
            loop.execute(begin)
        }
        return promise.futureResult
    }
}

/// What is asked, without where.
struct LeaderQuestion: Sendable {
    let method: String
    let target: String
    var headers: HTTPHeaders = [:]
    var body = ByteBuffer()
    var isRepeatable = true
    let maximumAnswer: Int

    init(_ method: String, _ target: String) {
        self.method = method
        self.target = target
        maximumAnswer = 1 << 20
    }

    init(
        _ method: String, _ target: String, _ type: String, body message: some ProtobufMessage,
        maximumAnswer: Int = 64 << 10
    ) {
        self.method = method
        self.target = target
        self.maximumAnswer = maximumAnswer
        headers = ["Content-Type": type]
        var bytes: [UInt8] = []
        message.encode(into: &bytes)
        body = ByteBuffer(bytes: bytes)
    }

    func request(to origin: String) -> HTTPClientRequest {
        HTTPClientRequest(
            method: method, origin: origin, target: target, headers: headers, body: body,
            isRepeatable: isRepeatable)
    }
}

/// One question on its way along the addresses. Confined to its loop.
private final class LeaderAttempt<Value: Sendable> {
    private let question: LeaderQuestion
    private var urls: ArraySlice<String>
    private let deadline: NIODeadline
    private let client: HTTPClient
    private let loop: any EventLoop
    private let read: @Sendable (HTTPClientResponse) throws(PeerServiceError) -> Value
    private let promise: EventLoopPromise<Value>
    private var failure = PeerServiceError.unreachable("no address is known")

    init(
        question: LeaderQuestion, urls: [String], deadline: NIODeadline, client: HTTPClient,
        loop: any EventLoop,
        read: @escaping @Sendable (HTTPClientResponse) throws(PeerServiceError) -> Value,
        promise: EventLoopPromise<Value>
    ) {
        self.question = question
        self.urls = urls[...]
        self.deadline = deadline
        self.client = client
        self.loop = loop
        self.read = read
        self.promise = promise
    }

    func run() {
        let left = deadline - .now()
        guard left > .nanoseconds(0) else { return promise.fail(PeerServiceError.timeout) }
        guard let url = urls.first else { return promise.fail(failure) }
        // A silent address must not use up the time of the others.
        let share = TimeAmount.nanoseconds(left.nanoseconds / Int64(urls.count))
        urls.removeFirst()
        client.execute(
            question.request(to: url), on: loop, timeout: share,
            maximumBody: question.maximumAnswer
        ).assumeIsolated().whenComplete { result in
            switch result {
            case .success(let response): self.answered(response)
            case .failure(let error):
                let isTimeout = (error as? HTTPClientError)?.kind == .timeout
                self.failure = isTimeout ? .timeout : .unreachable("\(error)")
                self.run()
            }
        }
    }

    private func answered(_ response: HTTPClientResponse) {
        do throws(PeerServiceError) {
            promise.succeed(try read(response))
        } catch {
            promise.fail(error)
        }
    }
}

/// The requests of one event loop: so many at a time, the others in a queue with a bound. Confined
/// to its loop.
private final class LeaderClientLine {
    /// Connections that one loop needs at most (those that the HTTP client keeps).
    static let runningMax = 16
    /// Clients that renew leases through a follower; beyond it the leader is overloaded, and more
    /// waiting would be in vain.
    static let waitingMax = 4_096

    private var running = 0
    private var waiting = CircularBuffer<() -> Void>()
    private var isAdmitting = false

    /// Runs `body` now or when others have left; false when too many wait already. `leave` must
    /// follow once for every `body` that was run, perhaps from within it.
    func enter(_ body: @escaping () -> Void) -> Bool {
        if waiting.count >= Self.waitingMax { return false }
        waiting.append(body)
        admit()
        return true
    }

    /// Its place goes to the one that has waited longest.
    func leave() {
        running -= 1
        admit()
    }

    /// A loop instead of a call in a call: a thousand that wait may fail one after the other.
    private func admit() {
        if isAdmitting { return }
        isAdmitting = true
        while running < Self.runningMax, let next = waiting.popFirst() {
            running += 1
            next()
        }
        isAdmitting = false
    }
}
