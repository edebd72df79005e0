//  The KV service over gRPC, on a member that is all there but for consensus.

import EtcdEdge
import EtcdProto
import LoneMember
import NIOCore
import NIOEmbedded
import RuntimeCore
import Testing

@testable import EtcdGRPC
@testable import EtcdServer

@Suite("KV service", .timeLimit(.minutes(1)))
struct KVServiceTests {
    private static let range = "/etcdserverpb.KV/Range"
    private static let all = RangeRequest(key: [0], rangeEnd: [0])

    @Test("what was put is read, deleted and gone, each with a full header")
    func roundTrip() throws {
        let fixture = try ServiceFixture()
        let put = try #require(try fixture.put("foo", "bar"))
        #expect(
            put.header == ResponseHeader(clusterID: 0xc1, memberID: 0x2a, revision: 2, raftTerm: 2))
        let found: [RangeResponse] = try fixture.call(Self.range, RangeRequest(key: Bytes("foo")))
        #expect(found.count == 1)
        #expect(found[0].kvs.map(\.value.text) == ["bar"])
        #expect(found[0].header == put.header)
        let deleted: [DeleteRangeResponse] = try fixture.call(
            "/etcdserverpb.KV/DeleteRange", DeleteRangeRequest(key: Bytes("foo"), prevKV: true))
        #expect(deleted[0].deleted == 1)
        #expect(deleted[0].prevKVs.map(\.value.text) == ["bar"])
        #expect(deleted[0].header?.revision == 3)
        let gone: [RangeResponse] = try fixture.call(
            Self.range, RangeRequest(key: Bytes("foo"), serializable: true))
        #expect(gone[0].count == 0)
    }

    @Test("a transaction writes or reads")
    func txn() throws {
        let fixture = try ServiceFixture()
        let put = RequestOp(request: .put(PutRequest(key: Bytes("a"), value: Bytes("1"))))
        let read = RequestOp(request: .range(RangeRequest(key: Bytes("a"))))
        let path = "/etcdserverpb.KV/Txn"
        let written: [TxnResponse] = try fixture.call(path, TxnRequest(success: [put, read]))
        #expect(written[0].succeeded)
        #expect(written[0].header?.revision == 2)
        #expect(written[0].responses.count == 2)
        let seen: [TxnResponse] = try fixture.call(path, TxnRequest(success: [read]))
        guard case .range(let range) = seen[0].responses.first?.response else {
            Issue.record("a range is answered by a range")
            return
        }
        #expect(range.kvs.map(\.value.text) == ["1"])
        #expect(seen[0].header?.raftTerm == 2)
    }

    @Test("what is compacted cannot be read, nor what is yet to come")
    func compaction() throws {
        let fixture = try ServiceFixture()
        for value in ["1", "2", "3"] { _ = try fixture.put("a", value) }
        let done: [CompactionResponse] = try fixture.call(
            "/etcdserverpb.KV/Compact", CompactionRequest(revision: 3))
        #expect(done[0].header?.revision == 4)
        #expect(
            try fixture.failure(Self.range, RangeRequest(key: Bytes("a"), revision: 2))
                == "grpc-status: 11, grpc-message: etcdserver: mvcc: required revision has been "
                + "compacted end")
        #expect(
            try fixture.failure(Self.range, RangeRequest(key: Bytes("a"), revision: 9))
                == "grpc-status: 11, grpc-message: etcdserver: mvcc: required revision is a future "
                + "revision end")
        #expect(
            try fixture.failure("/etcdserverpb.KV/Put", PutRequest())
                == "grpc-status: 3, grpc-message: etcdserver: key is not provided end")
    }

    @Test("a client that goes away is forgotten, and so is one that has waited too long")
    func forgotten() throws {
        let fixture = try ServiceFixture()
        let handler = fixture.member.handler
        let put = PutRequest(key: Bytes("a"))
        let cancelled = try fixture.begin("/etcdserverpb.KV/Put", put)
        _ = try fixture.begin("/etcdserverpb.KV/Put", put)
        #expect(handler.registry.count == 2)
        #expect(fixture.member.edges.all[0].waiterCount == 2)
        try fixture.client.reset(cancelled)
        #expect(handler.registry.count == 1)
        #expect(fixture.member.edges.all[0].waiterCount == 1)
        _ = try fixture.client.answers()
        let limit = Int64(handler.requestTimeoutMilliseconds)
        fixture.member.loop.advanceTime(by: .milliseconds(limit - 1))
        #expect(try fixture.client.answers().isEmpty)
        fixture.member.loop.advanceTime(by: .milliseconds(300))
        #expect(
            try fixture.client.answers().last?.hasSuffix(
                "grpc-status: 14, grpc-message: etcdserver: request timed out end") == true)
        #expect(handler.registry.count == 0)
        #expect(fixture.member.edges.all[0].waiterCount == 0)
    }

    @Test("the time limit of a physical compaction is that of its entry")
    func longCompaction() throws {
        let fixture = try ServiceFixture()
        let handler = fixture.member.handler
        let limit = TimeAmount.milliseconds(Int64(handler.requestTimeoutMilliseconds) + 300)
        // More than one step deletes; the member's clock stands, so there is no second one.
        for _ in 0..<1_500 { _ = try fixture.put("a") }
        _ = try fixture.client.answers()
        let request = CompactionRequest(revision: 1_500, physical: true)
        _ = try fixture.begin("/etcdserverpb.KV/Compact", request)
        fixture.member.run()
        fixture.member.loop.advanceTime(by: limit)
        #expect(try fixture.client.answers().isEmpty)
        #expect(fixture.member.edges.all[0].waiterCount == 1)
        _ = try fixture.begin("/etcdserverpb.KV/Compact", request)
        fixture.member.loop.advanceTime(by: limit)
        #expect(
            try fixture.client.answers().last?.hasSuffix(
                "grpc-status: 14, grpc-message: etcdserver: request timed out end") == true)
        #expect(handler.registry.count == 0)
    }

    @Test("ranges of one pass share a barrier; one that goes or is late leaves the others alone")
    func sharedBarrier() throws {
        let fixture = try ServiceFixture()
        let registry = fixture.member.handler.registry
        let edge = fixture.member.edges.all[0]
        func read() throws -> Int { try fixture.begin(Self.range, Self.all) }
        _ = try fixture.put("a", "1")
        _ = try fixture.client.answers()
        let cancelled = try read()
        _ = try read()
        fixture.member.loop.run()
        #expect(registry.count == 1 && edge.waiterCount == 1)
        try fixture.client.reset(cancelled)
        #expect(registry.count == 1 && edge.waiterCount == 1)
        fixture.member.run()
        #expect(try fixture.client.answers().filter { $0.hasSuffix(" end") }.count == 1)
        #expect(registry.count == 0 && edge.waiterCount == 0)
        let both = [try read(), try read()]
        fixture.member.loop.run()
        for stream in both { try fixture.client.reset(stream) }
        #expect(registry.count == 0 && edge.waiterCount == 0)
        _ = try fixture.client.answers()
        _ = try read()
        let limit = Int64(fixture.member.handler.requestTimeoutMilliseconds)
        fixture.member.loop.advanceTime(by: .milliseconds(limit + 300))
        #expect(
            try fixture.client.answers().last?.hasSuffix(
                "grpc-status: 14, grpc-message: etcdserver: request timed out end") == true)
        #expect(registry.count == 0 && edge.waiterCount == 0)
    }

    @Test("a member that stops says so")
    func stopping() throws {
        let fixture = try ServiceFixture()
        fixture.member.handler.status.publishStopping()
        #expect(
            try fixture.failure("/etcdserverpb.KV/Put", PutRequest(key: Bytes("a")))
                == "grpc-status: 14, grpc-message: etcdserver: server stopped end")
    }

    // MARK: RangeStream

    private func fill(_ fixture: ServiceFixture, _ count: Int) throws {
        for number in 0..<count { _ = try fixture.put("key\(100 + number)") }
    }

    private func stream(_ fixture: ServiceFixture, _ request: RangeRequest) throws
        -> [RangeResponse]
    {
        try fixture.call(
            "/etcdserverpb.KV/RangeStream", request, as: RangeStreamResponse.self
        ).map { $0.rangeResponse ?? RangeResponse() }
    }

    @Test("a range in portions is the same range, and its last portion says how it ended")
    func portions() throws {
        let fixture = try ServiceFixture()
        try fill(fixture, 45)
        for limit: Int64 in [0, 1, 9, 10, 11, 30, 31, 45, 50] {
            var request = Self.all
            request.limit = limit
            let whole: [RangeResponse] = try fixture.call(Self.range, request)
            let parts = try stream(fixture, request)
            #expect(parts.flatMap { Array($0.kvs) } == Array(whole[0].kvs))
            #expect(parts.dropLast().allSatisfy { $0.header == nil && $0.count == 0 && !$0.more })
            #expect(parts.last?.header == whole[0].header)
            #expect(parts.last?.count == whole[0].count)
            #expect(parts.last?.more == whole[0].more)
        }
        #expect(try stream(fixture, Self.all).map(\.kvs.count) == [10, 20, 15])
    }

    @Test("only a count is one portion")
    func countOnly() throws {
        let fixture = try ServiceFixture()
        try fill(fixture, 30)
        var request = Self.all
        request.countOnly = true
        let parts = try stream(fixture, request)
        #expect(parts.map(\.count) == [30])
        #expect(parts[0].kvs.isEmpty)
    }

    @Test("portions follow the client's pace and stay at their revision")
    func pace() throws {
        let fixture = try ServiceFixture()
        for number in 0..<60 {
            _ = try fixture.put("k\(100 + number)", String(repeating: "x", count: 20_000))
        }
        let stream = try fixture.begin("/etcdserverpb.KV/RangeStream", Self.all)
        fixture.member.run()
        var keys = try fixture.client.take(RangeStreamResponse.self, stream: stream)
            .flatMap { Array($0.rangeResponse!.kvs) }.map(\.key.text)
        #expect(keys.isEmpty)
        _ = try fixture.put("k100", "changed")
        for _ in 0..<200 {
            try fixture.client.allow(20_000, stream: stream)
            fixture.member.run()
            let parts = try fixture.client.take(RangeStreamResponse.self, stream: stream)
            for part in parts.compactMap(\.rangeResponse) {
                keys += part.kvs.map(\.key.text)
                #expect(part.kvs.allSatisfy { $0.value.count == 20_000 })
            }
        }
        #expect(keys == (100..<160).map { "k\($0)" })
    }

    @Test("orders and filters are not for streams")
    func unsupported() throws {
        let fixture = try ServiceFixture()
        let path = "/etcdserverpb.KV/RangeStream"
        #expect(
            try fixture.failure(path, RangeRequest(key: Bytes("a"), sortOrder: .descend))
                == "grpc-status: 12, grpc-message: RangeStream does not support custom sort orders "
                + "end")
        #expect(
            try fixture.failure(path, RangeRequest(key: Bytes("a"), minModRevision: 1))
                == "grpc-status: 12, grpc-message: RangeStream does not support revision filters "
                + "end")
    }
}
