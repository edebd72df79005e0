//  Clients that send anything: nothing crashes, and nothing is left behind when they are gone.

import EtcdEdge
import EtcdProto
import EtcdServer
import LoneMember
import NIOCore
import NIOEmbedded
import RuntimeCore
import Testing

@testable import EtcdGRPC

@Suite("gRPC server under hostile input", .timeLimit(.minutes(2)))
struct CallFuzzTests {
    private static let paths = [
        "/etcdserverpb.KV/Put", "/etcdserverpb.KV/Range", "/etcdserverpb.KV/RangeStream",
        "/etcdserverpb.Watch/Watch", "/etcdserverpb.Lease/LeaseKeepAlive", "/x/y",
    ]

    private static func message(_ random: inout RandomSource) -> [UInt8] {
        switch random.below(5) {
        case 0: ServiceFixture.bytes(PutRequest(key: Bytes("k"), value: Bytes("v")))
        case 1: ServiceFixture.bytes(RangeRequest(key: [0], rangeEnd: [0]))
        case 2:
            ServiceFixture.bytes(
                WatchRequest(request: .create(WatchCreateRequest(key: [0], rangeEnd: [0]))))
        case 3: ServiceFixture.bytes(LeaseKeepAliveRequest(id: 1))
        default: (0..<random.below(40)).map { _ in UInt8(random.below(256)) }
        }
    }

    /// A few calls, with messages whole, cut and broken.
    private func act(_ fixture: ServiceFixture, _ random: inout RandomSource) throws {
        let client = fixture.client
        let stream = random.oneIn(4) ? 2 * random.below(20) + 1 : fixture.newStream()
        switch random.below(8) {
        case 0...3:
            var fields: [(String, String)] = []
            if random.oneIn(4) { fields.append(("grpc-timeout", "\(random.below(300))m")) }
            if random.oneIn(8) { fields.append(("grpc-encoding", "gzip")) }
            if random.oneIn(8) { fields.append(("hasleader", "true")) }
            try client.open(
                Self.paths[random.below(Self.paths.count)], stream: stream, fields: fields)
            for _ in 0..<random.below(4) {
                var body = CallConnection.framed(
                    Self.message(&random), flags: random.oneIn(8) ? UInt8(random.below(3)) : 0)
                if random.oneIn(3) { body[random.below(body.count)] = UInt8(random.below(256)) }
                if random.oneIn(5) { body.removeLast(random.below(body.count)) }
                try client.data(body, stream: stream, ends: random.oneIn(3))
            }
            if random.oneIn(2) { try client.data([], stream: stream, ends: true) }
        case 4: try client.reset(stream)
        case 5: try client.allow(1 + random.below(100_000), stream: stream)
        case 6: fixture.member.loop.advanceTime(by: .milliseconds(Int64(random.below(400))))
        default: fixture.member.run()
        }
    }

    @Test("calls in any state end with their connection", arguments: 0..<40)
    func calls(seed: Int) throws {
        var random = RandomSource(seed: UInt64(seed))
        let fixture = try ServiceFixture()
        for _ in 0..<60 { try act(fixture, &random) }
        fixture.member.run()
        _ = try? fixture.client.answers()
        if fixture.client.channel.isActive { try fixture.client.channel.close().wait() }
        fixture.member.run()
        #expect(fixture.member.openStreams == 0)
        #expect(fixture.client.heldBytes == 0)
        #expect(fixture.member.edges.all[0].waiterCount == 0)
        #expect(fixture.member.handler.registry.count == 0)
    }

    @Test("bytes of any kind", arguments: 0..<40)
    func bytes(seed: Int) throws {
        var random = RandomSource(seed: UInt64(1_000 + seed))
        let fixture = try ServiceFixture()
        for _ in 0..<50 where fixture.client.channel.isActive {
            let type = UInt8(random.below(11))
            let payload = (0..<random.below(60)).map { _ in UInt8(random.below(256)) }
            try fixture.client.open(
                Self.paths[random.below(3)], stream: fixture.newStream())
            try fixture.client.send(
                CallConnection.frame(
                    type: type, flags: UInt8(random.below(64)), stream: random.below(12), payload))
            fixture.member.run()
        }
        if fixture.client.channel.isActive { try fixture.client.channel.close().wait() }
        fixture.member.run()
        #expect(fixture.member.openStreams == 0)
        #expect(fixture.client.heldBytes == 0)
        #expect(fixture.member.edges.all[0].waiterCount == 0)
    }
}
