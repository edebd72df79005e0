//  The Watch service over gRPC: what the hub has for a client, in order and at the client's pace.

import EtcdEdge
import EtcdProto
import EtcdServer
import LoneMember
import NIOCore
import NIOEmbedded
import RuntimeCore
import Testing

@testable import EtcdGRPC

@Suite("Watch service", .timeLimit(.minutes(1)))
struct WatchServiceTests {
    private static let path = "/etcdserverpb.Watch/Watch"

    private func open(_ fixture: ServiceFixture) throws -> Int {
        let stream = fixture.newStream()
        try fixture.client.open(Self.path, stream: stream)
        return stream
    }

    private func create(
        _ fixture: ServiceFixture, _ stream: Int, _ request: WatchCreateRequest
    ) throws -> [WatchResponse] {
        try fixture.send(WatchRequest(request: .create(request)), stream: stream)
        return try take(fixture, stream)
    }

    private func take(_ fixture: ServiceFixture, _ stream: Int) throws -> [WatchResponse] {
        fixture.member.run()
        return try fixture.client.take(WatchResponse.self, stream: stream)
    }

    @Test("a watcher is created, sees what happens, and ends when it is asked to")
    func life() throws {
        let fixture = try ServiceFixture()
        let stream = try open(fixture)
        let created = try create(fixture, stream, WatchCreateRequest(key: Bytes("a"), prevKV: true))
        let header = ResponseHeader(clusterID: 0xc1, memberID: 0x2a, revision: 1, raftTerm: 2)
        #expect(created == [WatchResponse(header: header, watchID: 0, created: true)])
        _ = try fixture.put("b", "not watched")
        _ = try fixture.put("a", "1")
        _ = try fixture.put("a", "2")
        let events = try take(fixture, stream)
        #expect(events.map { $0.header?.revision } == [3, 4])
        #expect(events.flatMap(\.events).map { $0.kv?.value.text } == ["1", "2"])
        #expect(events.flatMap(\.events).map { $0.prevKV?.value.text } == [nil, "1"])
        try fixture.send(
            WatchRequest(request: .cancel(WatchCancelRequest(watchID: 0))), stream: stream)
        #expect(try take(fixture, stream).map(\.canceled) == [true])
        _ = try fixture.put("a", "3")
        #expect(try take(fixture, stream).isEmpty)
    }

    @Test("watchers of one stream share its answers by their ids")
    func several() throws {
        let fixture = try ServiceFixture()
        let stream = try open(fixture)
        _ = try create(fixture, stream, WatchCreateRequest(key: Bytes("a")))
        let second = try create(
            fixture, stream, WatchCreateRequest(key: Bytes("a"), watchID: 300))
        #expect(second.map(\.watchID) == [300])
        _ = try fixture.put("a")
        let events = try take(fixture, stream)
        #expect(events.map(\.watchID).sorted() == [0, 300])
        #expect(events.allSatisfy { $0.events.count == 1 && $0.header?.raftTerm == 2 })
    }

    @Test("history is told from the revision asked for, or not at all")
    func history() throws {
        let fixture = try ServiceFixture()
        for value in ["1", "2", "3"] { _ = try fixture.put("a", value) }
        let stream = try open(fixture)
        let past = try create(
            fixture, stream, WatchCreateRequest(key: Bytes("a"), startRevision: 3))
        #expect(past.first?.created == true)
        #expect(past.flatMap(\.events).map { $0.kv?.value.text } == ["2", "3"])
        let _: [CompactionResponse] = try fixture.call(
            "/etcdserverpb.KV/Compact", CompactionRequest(revision: 4))
        let lost = try create(
            fixture, stream, WatchCreateRequest(key: Bytes("a"), startRevision: 2))
        #expect(lost.map(\.created) == [true, false])
        #expect(lost.last?.canceled == true)
        #expect(lost.last?.compactRevision == 4)
        let empty = try create(
            fixture, stream,
            WatchCreateRequest(key: Bytes("b"), rangeEnd: Bytes("a")))
        #expect(empty.map(\.watchID) == [-1])
        #expect(empty.first?.cancelReason == "mvcc: watcher range is empty")
    }

    @Test("progress is told when it is asked for")
    func progress() throws {
        let fixture = try ServiceFixture()
        let stream = try open(fixture)
        _ = try create(fixture, stream, WatchCreateRequest(key: Bytes("a")))
        _ = try fixture.put("b")
        try fixture.send(
            WatchRequest(request: .progress(WatchProgressRequest())), stream: stream)
        let told = try take(fixture, stream)
        #expect(told.map(\.watchID) == [-1])
        #expect(told.first?.header?.revision == 2)
    }

    @Test("the stream closes with its client, and only then")
    func closing() throws {
        let fixture = try ServiceFixture()
        let stream = try open(fixture)
        _ = try create(fixture, stream, WatchCreateRequest(key: Bytes("a")))
        #expect(fixture.member.openStreams == 1)
        try fixture.client.data([], stream: stream, ends: true)
        _ = try fixture.put("a")
        #expect(try take(fixture, stream).count == 1)
        try fixture.client.reset(stream)
        fixture.member.run()
        #expect(fixture.member.openStreams == 0)
        #expect(fixture.member.edges.all[0].waiterCount == 0)
        _ = try open(fixture)
        fixture.member.run()
        try fixture.client.channel.close().wait()
        fixture.member.run()
        #expect(fixture.member.openStreams == 0)
    }

    @Test("a client that does not read gets everything in order once it does")
    func slow() throws {
        let fixture = try ServiceFixture()
        let stream = try open(fixture)
        _ = try create(fixture, stream, WatchCreateRequest(key: Bytes("a")))
        let count = 400
        let filling = String(repeating: "x", count: 4_000)
        for number in 0..<count {
            _ = try fixture.member.handler.put(
                PutRequest(key: Bytes("a"), value: Bytes("\(number) \(filling)")),
                context: .init(), address: .init(edge: fixture.member.edges.all[0], token: .max)
            ).get()
            if number % 50 == 0 { fixture.member.run() }
        }
        fixture.member.run()
        var values: [String] = []
        for _ in 0..<1_000 where values.count < count {
            try fixture.client.allow(10_000, stream: stream)
            let answers = try take(fixture, stream)
            for event in answers.flatMap(\.events) {
                let text = event.kv?.value.text ?? ""
                values.append(String(text.prefix { $0 != " " }))
            }
        }
        #expect(values == (0..<count).map { "\($0)" })
    }

    @Test("a response that is too large comes in parts if the client agreed to that")
    func fragments() throws {
        let fixture = try ServiceFixture()
        let whole = try open(fixture)
        let parts = try open(fixture)
        for (stream, fragment) in [(whole, false), (parts, true)] {
            try fixture.client.allow(8 << 20, stream: stream)
            _ = try create(
                fixture, stream,
                WatchCreateRequest(key: [0], rangeEnd: [0], fragment: fragment))
        }
        // Revisions of one transaction are one response, here of 1.6 MB and more than the bound.
        let value = Bytes([UInt8](repeating: 7, count: 200_000))
        let puts = (0..<4).map {
            RequestOp(request: .put(PutRequest(key: Bytes("k\($0)"), value: value)))
        }
        _ = try fixture.member.handler.txn(
            TxnRequest(success: puts), context: .init(),
            address: .init(edge: fixture.member.edges.all[0], token: .max)
        ).get()
        let one = try take(fixture, whole)
        #expect(one.map(\.events.count) == [4])
        #expect(one.map(\.fragment) == [false])
        let several = try take(fixture, parts)
        #expect(several.flatMap(\.events).count == 4)
        #expect(several.map(\.fragment) == several.indices.map { $0 < several.count - 1 })
    }
}
