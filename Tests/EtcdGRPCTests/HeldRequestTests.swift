//  Requests that a call has to wait for: what is kept of them counts against the bound of the
//  connection, over gRPC and over the JSON gateway.

import EtcdNet
import EtcdProto
import LoneMember
import NIOCore
import NIOEmbedded
import RuntimeCore
import Testing

@testable import EtcdGRPC

/// Takes the second request a moment after the first, and all others at once.
private final class Pausing: V3Receiver {
    private let call: V3Call<PutResponse>
    private var count: Int64 = 0

    init(_ call: V3Call<PutResponse>) { self.call = call }

    func receive(_ request: PutRequest) {
        count += 1
        call.send(PutResponse(prevKV: KeyValue(version: count)))
        call.holdRequests()
        guard count == 1 else { return call.resumeRequests() }
        call.eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(1)) {
            self.call.resumeRequests()
        }
    }

    func requestsEnded() { call.finish() }

    func closed() {}
}

@Suite("unfinished requests of calls", .timeLimit(.minutes(1)))
struct HeldRequestTests {
    private static let put = "/etcdserverpb.KV/Put"
    private static let message = ServiceFixture.bytes(
        PutRequest(key: Bytes("k"), value: Bytes([UInt8](repeating: 7, count: 400))))

    private func settings(holding count: Int) -> ListenerSettings {
        var settings = ListenerSettings()
        settings.http2.collectedBytesMax = count
        return settings
    }

    private func connect(holding count: Int) throws -> CallConnection {
        try CallConnection(
            [
                .unary("etcdserverpb.KV", "Put") {
                    (request: PutRequest, call: V3Call<PutResponse>) in
                    call.respond(PutResponse(prevKV: KeyValue(key: request.key)))
                },
                .serverStream("etcdserverpb.KV", "Stay") {
                    (_: PutRequest, call: V3Call<PutResponse>) in
                    call.send(PutResponse())
                },
            ], settings: settings(holding: count))
    }

    private func begin(
        _ client: CallConnection, _ path: String = HeldRequestTests.put, stream: Int
    ) throws {
        try client.open(path, stream: stream)
        try client.data(CallConnection.framed(Self.message), stream: stream)
    }

    @Test("a request counts until its end has come or its call has ended")
    func calls() throws {
        let size = Self.message.count
        let client = try connect(holding: 3 * size)
        for stream in [1, 3, 5] { try begin(client, stream: stream) }
        #expect(client.heldBytes == 3 * size)
        #expect(try client.answers() == [])
        try begin(client, stream: 7)
        #expect(try client.answers() == ["reset 2"])
        #expect(client.heldBytes == 3 * size)
        #expect(try client.call(Self.put, Self.message, stream: 9).last == "grpc-status: 0 end")
        #expect(client.heldBytes == 3 * size)

        try client.data([], stream: 1, ends: true)
        #expect(try client.answers().last == "grpc-status: 0 end")
        #expect(client.heldBytes == 2 * size)
        // A second request ends the call.
        try client.data(CallConnection.framed([]), stream: 3)
        #expect(client.heldBytes == size)
        #expect(try client.answers().last == "reset 0")
        try client.reset(5)
        #expect(client.heldBytes == 0)
    }

    @Test("a request that is served does not count, however long its call lasts")
    func served() throws {
        let client = try connect(holding: 1_000)
        try begin(client, "/etcdserverpb.KV/Stay", stream: 1)
        #expect(client.heldBytes == Self.message.count)
        try client.data([], stream: 1, ends: true)
        #expect(try client.answers().last == "message ")
        #expect(client.heldBytes == 0)
    }

    @Test("requests that were held are handed over to the last one before their end is")
    func heldEnd() throws {
        let client = try CallConnection([
            .stream("etcdserverpb.KV", "Pause") { Pausing($0) }
        ])
        try client.open("/etcdserverpb.KV/Pause", stream: 1)
        let requests = (0..<4).flatMap { _ in CallConnection.framed(Self.message) }
        try client.data(requests, stream: 1, ends: true)
        #expect(try client.take(PutResponse.self, stream: 1).count == 1)
        client.loop.advanceTime(by: .milliseconds(1))
        #expect(
            try client.take(PutResponse.self, stream: 1).map { $0.prevKV?.version } == [2, 3, 4])
    }

    @Test("a compressed request counts as what it was before")
    func compressed() throws {
        let client = try connect(holding: 1_000)
        // `printf '\x0a\x03foo' | gzip -9n`
        let gzipped: [UInt8] = [
            0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 2, 3, 0xE3, 0x62, 0x4E, 0xCB, 0xCF, 7, 0, 0x61, 0xFC,
            0x15, 0xED, 5, 0, 0, 0,
        ]
        try client.open(Self.put, stream: 1, fields: [("grpc-encoding", "gzip")])
        try client.data(CallConnection.framed(gzipped, flags: 1), stream: 1)
        #expect(client.heldBytes == 5)
    }

    // MARK: the gateway

    @Test("the gateway keeps messages that are not whole, and nothing else")
    func gateway() throws {
        let fixture = try GatewayFixture()
        let (responder, sink) = try #require(fixture.open("/v3/watch"))
        let start = "{\"create_request\":{\"ke"
        _ = sink.receive(ByteBuffer(string: start))
        #expect(sink.heldBytes == start.utf8.count)
        _ = sink.receive(ByteBuffer(string: "y\":\"Zm9v\"}} {"))
        #expect(sink.heldBytes == 2)
        // What cannot be read ends the requests, but not the call.
        _ = sink.receive(ByteBuffer(string: "nonsense"))
        #expect(sink.heldBytes == 0)
        fixture.member.run()
        #expect(responder.status == 200)
        #expect(!responder.isFinished)
        #expect(fixture.member.openStreams == 1)
        responder.close()
        fixture.member.run()
    }

    @Test("what has been handed over is not kept, wherever the parts of the body end")
    func gatewayParts() throws {
        let fixture = try GatewayFixture()
        let (responder, sink) = try #require(fixture.open("/v3/watch"))
        let (head, rest) = ("{\"create_request\":{\"key\":\"Zm9v\"", "}}")
        _ = sink.receive(ByteBuffer(string: head))
        for _ in 0..<20 {
            _ = sink.receive(ByteBuffer(string: rest + head))
            #expect(sink.heldBytes == head.utf8.count)
        }
        fixture.member.run()
        #expect(responder.body.split(separator: "\n").count == 20)
        responder.close()
        fixture.member.run()
    }

    @Test("messages that are not whole count over HTTP/2, up to the bound")
    func gatewayConnection() throws {
        let fixture = try GatewayFixture()
        let key = [UInt8](repeating: UInt8(ascii: "A"), count: 400)
        let part = Array("{\"create_request\":{\"key\":\"".utf8) + key
        let client = try CallConnection(
            serving: fixture.gateway, table: fixture.table, loop: fixture.member.loop,
            settings: settings(holding: 2 * part.count))
        func post(stream: Int) throws {
            try client.open("/v3/watch", stream: stream, type: "application/json")
            try client.data(part, stream: stream)
        }
        for stream in [1, 3] { try post(stream: stream) }
        #expect(client.heldBytes == 2 * part.count)
        #expect(try client.answers() == [])
        try post(stream: 5)
        let refusal = try client.answers()
        #expect(refusal.first?.hasPrefix(":status: 413") == true)
        #expect(refusal.last == "reset 0")
        #expect(client.heldBytes == 2 * part.count)

        try client.data(Array("\"}}".utf8), stream: 1)
        #expect(client.heldBytes == part.count)
        fixture.member.run()
        #expect(try client.answers().first?.hasPrefix(":status: 200") == true)
        #expect(fixture.member.openStreams == 2)
        try client.reset(3)
        #expect(client.heldBytes == 0)
        try client.channel.close().wait()
        fixture.member.run()
        #expect(fixture.member.openStreams == 0)
    }
}
