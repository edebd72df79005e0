//  Leases, promotions, hashes and downgrades: what is on the wire, compared with what etcd 3.4.23
//  and 3.5 answer, and what the asking side makes of it.

import EtcdMembership
import EtcdNet
import EtcdProto
import EtcdTransport
import NIOCore
import NIOPosix
import Raft
import RuntimeCore
import Synchronization
import Testing

struct ServiceAnswer: Sendable, CustomTestStringConvertible {
    var method = "POST"
    let path: String
    var headers = ""
    var body: [UInt8] = []
    let status: Int
    var type = "text/plain; charset=utf-8"
    var hasCluster = false
    /// In bytes, because some are protobuf.
    let answer: [UInt8]
    var testDescription: String { "\(method) \(path) \(body.prefix(20)) -> \(status)" }
}

private func lease(_ id: UInt8) -> [UInt8] { [8, id] }
private func timeToLive(_ id: UInt8) -> [UInt8] { [10, 4, 8, id, 16, 1] }

private func refused(
    method: String = "POST", _ path: String, headers: String = "", body: [UInt8] = [],
    _ status: Int, _ text: String, hasCluster: Bool = false
) -> ServiceAnswer {
    ServiceAnswer(
        method: method, path: path, headers: headers, body: body, status: status,
        hasCluster: hasCluster, answer: Array("\(text)\n".utf8))
}

private let json = "application/json"
private let protobuf = "application/protobuf"
private let behind = "waiting for node to catch up its applied index has timed out"
private let members =
    "[{\"id\":3,\"peerURLs\":[\"http://c:1\"],\"isLearner\":true},"
    + "{\"id\":4,\"peerURLs\":[\"http://d:1\"],\"name\":\"d\"}]\n"

private let answers: [ServiceAnswer] = [
    ServiceAnswer(
        path: "/leases", body: lease(1), status: 200, type: protobuf, answer: [16, 1, 24, 60]),
    refused("/leases", body: lease(100), 404, "lease not found"),
    refused("/leases", body: lease(101), 408, behind),
    refused("/leases", body: lease(102), 400, "not a primary lessor"),
    refused("/leases", body: lease(109), 400, "oops"),
    refused("/leases", body: Array("junk".utf8), 400, "error unmarshalling request"),
    refused(
        "/leases", body: [UInt8](repeating: 0, count: 65_537), 400, "error reading body"),
    refused(method: "GET", "/leases", 405, "Method Not Allowed"),
    ServiceAnswer(
        path: "/leases/internal", body: timeToLive(1), status: 200, type: protobuf,
        answer: [10, 13, 10, 0, 16, 1, 24, 215, 4, 32, 216, 4, 42, 1, 0x6B]),
    ServiceAnswer(
        path: "/leases/internal", body: [10, 2, 8, 1], status: 200, type: protobuf,
        answer: [10, 10, 10, 0, 16, 1, 24, 215, 4, 32, 216, 4]),
    refused("/leases/internal", body: timeToLive(100), 404, "lease not found"),
    refused("/leases/internal", body: timeToLive(101), 408, behind),
    refused("/leases/internal", body: timeToLive(102), 500, "not a primary lessor"),
    refused("/leases/internal", 400, "error unmarshalling request"),
    refused(method: "GET", "/leases/internal", 405, "Method Not Allowed"),
    ServiceAnswer(
        path: "/members/promote/1", status: 200, type: json, hasCluster: true,
        answer: Array(members.utf8)),
    refused("/members/promote/103", 404, "membership: ID not found", hasCluster: true),
    refused(
        "/members/promote/104", 412, "membership: can only promote a learner member",
        hasCluster: true),
    refused(
        "/members/promote/105", 412,
        "etcdserver: can only promote a learner member which is in sync with leader",
        hasCluster: true),
    refused("/members/promote/106", 408, "etcdserver: request timed out", hasCluster: true),
    refused("/members/promote/109", 500, "oops", hasCluster: true),
    refused("/members/promote/x", 404, "member x not found in cluster", hasCluster: true),
    refused("/members/promote/", 404, "member  not found in cluster", hasCluster: true),
    refused(method: "GET", "/members/promote/1", 405, "Method Not Allowed"),
    ServiceAnswer(
        method: "GET", path: "/members/hashkv", body: Array("{\"revision\":2}".utf8), status: 200,
        type: json, hasCluster: true,
        answer: Array(
            ("{\"header\":{\"revision\":3},\"hash\":1104811212,\"compact_revision\":-1,"
                + "\"hash_revision\":2}").utf8)),
    ServiceAnswer(
        method: "GET", path: "/members/hashkv", headers: "X-Etcd-Cluster-ID: c1\r\n",
        body: Array("{}".utf8), status: 200, type: json, hasCluster: true,
        answer: Array(
            "{\"header\":{\"revision\":3},\"hash\":1104811212,\"compact_revision\":-1}".utf8)),
    refused(
        method: "GET", "/members/hashkv", headers: "X-Etcd-Cluster-ID: c2\r\n",
        body: Array("{}".utf8),
        412, "cluster ID mismatch"),
    refused(
        method: "GET", "/members/hashkv", body: Array("{\"revision\":107}".utf8), 400,
        "mvcc: required revision has been compacted"),
    refused(
        method: "GET", "/members/hashkv", body: Array("{\"revision\":108}".utf8), 400,
        "mvcc: required revision is a future revision"),
    refused(
        method: "GET", "/members/hashkv", body: Array("{\"revision\":\"2\"}".utf8), 400,
        "error unmarshalling request"),
    refused(method: "GET", "/members/hashkv", 400, "error unmarshalling request"),
    refused("/members/hashkv", 405, "Method Not Allowed"),
    refused(method: "GET", "/members/hashkv/x", 404, "404 page not found"),
    ServiceAnswer(
        method: "GET", path: "/downgrade/enabled", status: 200, type: "text/plain",
        hasCluster: true, answer: Array("true".utf8)),
    refused("/downgrade/enabled", 405, "Method Not Allowed"),
]

@Suite("services between members", .timeLimit(.minutes(1)))
struct PeerServicesTests {
    @Test("answers as etcd does", arguments: answers)
    func wire(_ expected: ServiceAnswer) async throws {
        try await withLoops { loops in
            let member = try await LoopbackMember(1, loops: loops, services: FakeServices())
            let head =
                "\(expected.method) \(expected.path) HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                + expected.headers
            let answer = try await RawPost.exchange(
                with: member.listener, head, [expected.body], isChunked: false)
            #expect(answer.hasPrefix("HTTP/1.1 \(expected.status) "))
            #expect(answer.contains("\r\nContent-Type: \(expected.type)\r\n"))
            #expect(answer.contains("X-Etcd-Cluster-Id: c1\r\n") == expected.hasCluster)
            let isLease = expected.path.hasPrefix("/leases")
            #expect(answer.contains("\r\nAllow: ") == (expected.status == 405 && !isLease))
            let text = String(decoding: expected.answer, as: UTF8.self)
            #expect(answer.hasSuffix("\r\n\r\n" + text))
            await member.stop()
        }
    }

    @Test("without anybody who serves them there are no such paths, and no downgrades")
    func nobody() async throws {
        try await withLoops { loops in
            let member = try await LoopbackMember(1, loops: loops)
            let leader = LeaderClient(
                client: HTTPClient(loops: loops), clusterID: testClusterID, loops: loops.all)
            let (urls, loop, time) = (member.member.peerURLs, loops.next(), TimeAmount.seconds(20))
            let missing = PeerServiceError.failed("unexpected http status 404: 404 page not found")
            // A member that knows no leases must not make anybody believe that his is gone.
            #expect(
                await peerFailure(leader.keepAlive(1, at: urls, on: loop, timeout: time)) == missing
            )
            #expect(
                await peerFailure(leader.promote(1, token: nil, at: urls, on: loop, timeout: time))
                    == missing)
            #expect(
                await peerFailure(leader.hashKV(revision: 1, at: urls, on: loop, timeout: time))
                    == missing)
            let downgrade = leader.downgradeEnabled(at: urls, on: loop, timeout: time)
            #expect(try await downgrade.get() == false)
            await member.stop()
        }
    }
}

@Suite("leader client", .timeLimit(.minutes(1)))
struct LeaderClientTests {
    /// A member and somebody who asks it.
    private func withLeader(
        _ services: FakeServices = FakeServices(), clusterID: UInt64 = testClusterID,
        _ body: (Asking) async throws -> Void
    ) async throws {
        try await withLoops { loops in
            let member = try await LoopbackMember(1, loops: loops, services: services)
            let client = LeaderClient(
                client: HTTPClient(loops: loops), clusterID: clusterID, loops: loops.all)
            try await body(Asking(client: client, urls: member.member.peerURLs, loop: loops.next()))
            await member.stop()
        }
    }

    struct Asking {
        let client: LeaderClient
        var urls: [String]
        let loop: any EventLoop
        var time = TimeAmount.seconds(20)

        func keepAlive(_ id: Int64) -> EventLoopFuture<Int64> {
            client.keepAlive(id, at: urls, on: loop, timeout: time)
        }
        func timeToLive(_ id: Int64, keys: Bool) -> EventLoopFuture<LeaseTimeToLiveResponse> {
            client.timeToLive(id, withKeys: keys, at: urls, on: loop, timeout: time)
        }
        func promote(_ id: MemberID, token: String? = nil) -> EventLoopFuture<[Member]> {
            client.promote(id, token: token, at: urls, on: loop, timeout: time)
        }
        func hashKV(_ revision: Int64) -> EventLoopFuture<HashKVResponse> {
            client.hashKV(revision: revision, at: urls, on: loop, timeout: time)
        }
    }

    @Test("what a member answers comes back whole")
    func successes() async throws {
        let services = FakeServices()
        try await withLeader(services) { leader in
            #expect(try await leader.keepAlive(1).get() == 60)
            let view = try await leader.timeToLive(1, keys: true).get()
            #expect(view.ttl == 599 && view.grantedTTL == 600 && view.keys == [Bytes("k")])
            #expect(try await leader.timeToLive(1, keys: false).get().keys.isEmpty)
            let members = try await leader.promote(1, token: "abc").get()
            #expect(members.map(\.id) == [3, 4] && members[0].isLearner)
            _ = try await leader.promote(1).get()
            #expect(services.promotionTokens == ["abc", nil])
            let hash = try await leader.hashKV(7).get()
            #expect(hash.hash == 1_104_811_212 && hash.compactRevision == -1)
            #expect(hash.hashRevision == 7 && hash.header?.revision == 3)
            let downgrade = leader.client.downgradeEnabled(
                at: leader.urls, on: leader.loop, timeout: leader.time)
            #expect(try await downgrade.get())
        }
    }

    @Test("refusals come back as what they were")
    func failures() async throws {
        try await withLeader { leader in
            let number = { (error: PeerServiceError) in
                100 + Int64(FakeServices.errors.firstIndex(of: error) ?? 99)
            }
            for error in [PeerServiceError.leaseNotFound, .notCaughtUp, .notPrimary] {
                #expect(await peerFailure(leader.keepAlive(number(error))) == error)
                #expect(await peerFailure(leader.timeToLive(number(error), keys: true)) == error)
            }
            for error in [
                PeerServiceError.memberNotFound, .memberNotLearner, .learnerNotReady, .timeout,
            ] {
                #expect(
                    await peerFailure(leader.promote(MemberID(UInt64(number(error))))) == error)
            }
            for error in [PeerServiceError.revisionCompacted, .revisionInFuture] {
                #expect(await peerFailure(leader.hashKV(number(error))) == error)
            }
            #expect(
                await peerFailure(leader.keepAlive(109))
                    == .failed("unexpected http status 400: oops"))
        }
        try await withLeader(clusterID: 99) { leader in
            #expect(await peerFailure(leader.hashKV(1)) == .clusterMismatch)
        }
    }

    @Test("addresses are tried in order until one answers")
    func addresses() async throws {
        try await withLeader { leader in
            var leader = leader
            let good = leader.urls[0]
            leader.urls = ["http://127.0.0.1:1", "https://x", good]
            let time = try await leader.keepAlive(1).get()
            #expect(time == 60)
            // An answer is an answer: the last address is not asked.
            leader.urls = [good, "http://127.0.0.1:1"]
            #expect(await peerFailure(leader.keepAlive(100)) == .leaseNotFound)
            leader.urls = ["http://127.0.0.1:1"]
            guard case .unreachable? = await peerFailure(leader.keepAlive(1)) else {
                Issue.record("somebody answered")
                return
            }
            leader.urls = []
            #expect(await peerFailure(leader.keepAlive(1)) == .unreachable("no address is known"))
        }
    }

    @Test("a silent address costs its share of the time, not all of it")
    func silentAddress() async throws {
        let silent = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .bind(host: "127.0.0.1", port: 0).get()
        let port = try #require(silent.localAddress?.port)
        try await withLeader { leader in
            var leader = leader
            leader.urls.insert("http://127.0.0.1:\(port)", at: 0)
            leader.time = .seconds(4)
            let time = try await leader.keepAlive(1).get()
            #expect(time == 60)
            leader.urls.removeLast()
            leader.time = .milliseconds(50)
            #expect(await peerFailure(leader.keepAlive(1)) == .timeout)
        }
        try await silent.close().get()
    }

    @Test("many renewals at once share a few connections, and none is forgotten")
    func burst() async throws {
        let (running, peak) = (Atomic<Int>.Box(), Atomic<Int>.Box())
        let services = FakeServices { answer in
            let now = running.value.wrappingAdd(1, ordering: .relaxed).newValue
            _ = peak.value.max(now, ordering: .relaxed)
            MultiThreadedEventLoopGroup.singleton.next().scheduleTask(in: .milliseconds(1)) {
                running.value.wrappingSubtract(1, ordering: .relaxed)
                answer()
            }
        }
        try await withLeader(services) { leader in
            let futures = (0..<500).map { _ in leader.keepAlive(1) }
            for future in futures {
                let time = try await future.get()
                #expect(time == 60)
            }
            #expect(peak.value.load(ordering: .relaxed) <= 16)
        }
    }

    @Test("more than can wait are refused at once, and those whose time is over do not ask")
    func overload() async throws {
        let gate = HeldAnswers()
        let services = FakeServices { gate.hold($0) }
        try await withLeader(services) { leader in
            let futures = (0..<16 + 4_095).map { _ in leader.keepAlive(1) }
            var hasty = leader
            hasty.time = .nanoseconds(0)
            let late = hasty.keepAlive(1)
            #expect(
                await peerFailure(leader.keepAlive(1)) == .failed("too many requests to one member")
            )
            gate.release()
            for future in futures {
                let time = try await future.get()
                #expect(time == 60)
            }
            #expect(await peerFailure(late) == .timeout)
        }
    }

}

/// The error of a question that must not be answered; `nil` is an issue of the test already.
private func peerFailure<Value: Sendable>(_ future: EventLoopFuture<Value>) async
    -> PeerServiceError?
{
    do {
        _ = try await future.get()
        Issue.record("answered where a refusal was due")
        return nil
    } catch {
        return error as? PeerServiceError
    }
}

/// Keeps answers back until they are released, once and for all.
private final class HeldAnswers: Sendable {
    private let held = Mutex<[@Sendable () -> Void]?>([])

    func hold(_ answer: @escaping @Sendable () -> Void) {
        let isHeld = held.withLock { $0?.append(answer) != nil }
        if !isHeld { answer() }
    }

    func release() {
        let answers = held.withLock { held in
            defer { held = nil }
            return held ?? []
        }
        for answer in answers { answer() }
    }
}
