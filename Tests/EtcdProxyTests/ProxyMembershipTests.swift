//  Endpoints, the members they come from, and what is remembered of them.

import EtcdMembership
import EtcdServer
import Logging
import NIOCore
import NIOEmbedded
import Raft
import RuntimeCore
import RuntimePosix
import Synchronization
import Testing

@testable import EtcdProxy

@Suite("Endpoints of a proxy")
struct ProxyDirectorTests {
    @Test("a failed endpoint is left alone for a while, and a new list forgets failures")
    func failures() async throws {
        let loop = NIOAsyncTestingEventLoop()
        let director = ProxyDirector(failureWait: .seconds(5), timers: loop, logger: quiet)
        #expect(director.available.isEmpty)
        director.replace(["a", "b"])
        #expect(Set(director.available.map(\.origin)) == ["a", "b"])
        let first = try #require(director.available.first)
        director.failed(first)
        director.failed(first)
        #expect(!director.available.contains(first) && director.available.count == 1)
        await loop.advanceTime(by: .milliseconds(4_999))
        #expect(director.available.count == 1)
        await loop.advanceTime(by: .milliseconds(1))
        #expect(director.available.contains(first))
        director.failed(first)
        director.replace(["a", "b"])
        #expect(director.available.count == 2)
        // Of an earlier list: nobody's business any more.
        director.failed(first)
        #expect(director.available.count == 2)
        await loop.shutdownGracefully()
    }
}

@Suite("Members of a proxy")
struct ProxyMembershipTests {
    private final class World: Sendable {
        let answer = Mutex<[Member]?>(nil)
        let asked = Mutex<[[String]]>([])
        let stored = Mutex<[[String]]>([])
    }

    private struct Refused: Error {}

    private func member(_ number: UInt64, _ peers: [String], _ clients: [String]) -> Member {
        Member(id: .init(number), peerURLs: peers, name: "m\(number)", clientURLs: clients)
    }

    private func membership(of director: ProxyDirector, in world: World) -> ProxyMembership {
        ProxyMembership(
            director: director, peerURLs: ["p0"], intervalMilliseconds: 30_000, logger: quiet,
            ask: { urls in
                world.asked.withLock { $0.append(urls) }
                return world.answer.withLock { $0 }
            }, remember: { urls in world.stored.withLock { $0.append(urls) } })
    }

    @Test("endpoints and peer URLs follow the members; nobody answering means no endpoints")
    func refresh() async {
        let world = World()
        let loop = NIOAsyncTestingEventLoop()
        let director = ProxyDirector(failureWait: .seconds(1), timers: loop, logger: quiet)
        let membership = membership(of: director, in: world)
        await membership.refresh()
        #expect(director.available.isEmpty && world.stored.withLock { $0 }.isEmpty)
        world.answer.withLock {
            $0 = [member(2, ["p2"], ["c2"]), member(1, ["p1"], ["c1", "c0"])]
        }
        await membership.refresh()
        #expect(Set(director.available.map(\.origin)) == ["c0", "c1", "c2"])
        await membership.refresh()
        world.answer.withLock { $0 = [member(3, ["p3"], [])] }
        await membership.refresh()
        #expect(director.available.isEmpty)
        world.answer.withLock { $0 = nil }
        await membership.refresh()
        #expect(
            world.asked.withLock { $0 } == [["p0"], ["p0"], ["p1", "p2"], ["p1", "p2"], ["p3"]])
        #expect(world.stored.withLock { $0 } == [["p1", "p2"], ["p3"]])
    }

    @Test("members without peer URLs are no answer: the ones known before are asked again")
    func emptyAnswer() async {
        let world = World()
        let loop = NIOAsyncTestingEventLoop()
        let director = ProxyDirector(failureWait: .seconds(1), timers: loop, logger: quiet)
        let membership = membership(of: director, in: world)
        for answer in [[], [member(1, [], ["c1"])]] {
            world.answer.withLock { $0 = answer }
            await membership.refresh()
            #expect(director.available.isEmpty && world.stored.withLock { $0 }.isEmpty)
        }
        world.answer.withLock { $0 = [member(1, ["p1"], ["c1"])] }
        await membership.refresh()
        #expect(director.available.map(\.origin) == ["c1"])
        #expect(world.asked.withLock { $0 } == [["p0"], ["p0"], ["p0"]])
        #expect(world.stored.withLock { $0 } == [["p1"]])
    }

    @Test("what could not be stored is stored later")
    func storing() async {
        let world = World()
        let loop = NIOAsyncTestingEventLoop()
        let director = ProxyDirector(failureWait: .seconds(1), timers: loop, logger: quiet)
        let membership = ProxyMembership(
            director: director, peerURLs: ["p1"], intervalMilliseconds: 1, logger: quiet,
            ask: { _ in [Member(id: .init(1), peerURLs: ["p1"], clientURLs: ["c1"])] },
            remember: { urls in
                let attempts = world.stored.withLock { stored in
                    stored.append(urls)
                    return stored.count
                }
                if attempts == 1 { throw Refused() }
            })
        for _ in 0..<3 { await membership.refresh() }
        #expect(world.stored.withLock { $0 }.count == 2)
        #expect(director.available.count == 1)
    }

    @Test("the cluster file is etcd's; a broken one is refused by name")
    func file() throws {
        let files = PosixFileSystem()
        let directory = "/tmp/etcd-proxy-test-\(SystemEntropy.seed())"
        try files.createDirectory(directory, permissions: 0o700)
        defer { try? files.removeTree(directory) }
        let file = ProxyClusterFile(directory: directory)
        #expect(try file.read(in: files) == nil)
        try file.write(["http://a:1", "http://\"b\":2"], in: files)
        #expect(
            String(decoding: try files.contents(of: directory + "/cluster"), as: UTF8.self)
                == #"{"PeerURLs":["http://a:1","http://\"b\":2"]}"#)
        #expect(try file.read(in: files) == ["http://a:1", "http://\"b\":2"])
        #expect(try files.list(directory) == ["cluster"])
        try file.write([], in: files)
        #expect(try file.read(in: files) == nil)
        for broken in ["", "{", "[]", "{}", #"{"PeerURLs":[1]}"#, #"{"PeerURLs":"a"}"#] {
            let handle = try files.open(directory + "/cluster", .replace, permissions: 0o600)
            try handle.write(Array(broken.utf8), at: 0)
            handle.close()
            let error = #expect(throws: ProxyClusterFile.Malformed.self) {
                try file.read(in: files)
            }
            #expect(error?.description.contains(directory + "/cluster") == true)
        }
    }
}

@Suite("Counters of a proxy")
struct ProxyMetricsTests {
    private func page(_ metrics: ProxyMetrics) -> String {
        var text = MetricsText()
        metrics.write(into: &text)
        return String(decoding: text.bytes, as: UTF8.self)
    }

    @Test("names, labels and bounds are etcd's, and nothing is shown before it is counted")
    func names() {
        let metrics = ProxyMetrics()
        #expect(page(metrics).isEmpty)
        metrics.received("GET")
        metrics.received("PUT")
        metrics.handled("GET", status: 200, seconds: 0.0004)
        metrics.handled("GET", status: 404, seconds: 3)
        metrics.dropped("PUT", .zeroEndpoints)
        let text = page(metrics)
        for line in [
            #"etcd_proxy_requests_total{method="GET"} 1"#,
            #"etcd_proxy_handled_total{code="200",method="GET"} 1"#,
            #"etcd_proxy_handled_total{code="404",method="GET"} 1"#,
            #"etcd_proxy_dropped_total{method="PUT",proxying_error="zero_endpoints"} 1"#,
            #"etcd_proxy_handling_duration_seconds_bucket{method="GET",le="0.0005"} 1"#,
            #"etcd_proxy_handling_duration_seconds_bucket{method="GET",le="2.048"} 1"#,
            #"etcd_proxy_handling_duration_seconds_bucket{method="GET",le="+Inf"} 2"#,
            #"etcd_proxy_handling_duration_seconds_count{method="GET"} 2"#,
        ] {
            #expect(text.contains(line + "\n"), "\(line)")
        }
    }

    @Test("clients cannot make the page grow without end")
    func bound() {
        let metrics = ProxyMetrics()
        for number in 0..<1_000 { metrics.received("M\(number)") }
        metrics.handled("M999", status: 200, seconds: 1)
        let text = page(metrics)
        #expect(text.contains("etcd_proxy_requests_total{method=\"other\"} 936\n"))
        #expect(text.contains("etcd_proxy_handled_total{code=\"200\",method=\"other\"} 1\n"))
    }
}
