//  What an HTTP/2 connection holds of requests that are not finished: all of it counts, up to a
//  bound.

import NIOCore
import NIOEmbedded
import NIOHTTP1
import Testing

@testable import EtcdNet

@Suite("unfinished HTTP/2 requests", .timeLimit(.minutes(1)))
struct HTTP2HeldRequestTests {
    private static let message = String(repeating: "x", count: 400)

    private func settings(holding count: Int) -> ListenerSettings {
        var settings = ListenerSettings()
        settings.http2.collectedBytesMax = count
        return settings
    }

    // MARK: calls

    @Test("messages that are kept until the request has ended count, up to the bound")
    func kept() throws {
        let client = try CallClient(settings: settings(holding: 1_000))
        try client.call("/keep", stream: 1, [Self.message], ends: false)
        try client.call("/keep", stream: 3, [Self.message], ends: false)
        #expect(client.heldBytes == 800)
        #expect(try client.answers() == [])
        try client.call("/keep", stream: 5, [Self.message], ends: false)
        #expect(try client.answers() == ["5 reset 2"])
        #expect(client.script.log.last == "closed")
        #expect(client.heldBytes == 800)
        try client.send(HTTP2Wire.frame(type: 0, flags: 1, stream: 1, []))
        #expect(client.script.log.last == "end")
        #expect(client.heldBytes == 400)
        client.script.streams[1].finish()
        #expect(client.heldBytes == 0)
        #expect(try client.answers().last == "3 reset 0")
        #expect(client.heldBytes == 0)
    }

    @Test("the memory of a head is given back once it has been handed over")
    func heads() throws {
        let client = try CallClient()
        try client.call("/keep", stream: 1, [], ends: false)
        #expect(!client.holdsFields)
        let fields = RequestFields()
        let text = [UInt8](repeating: 7, count: 4_000)
        for _ in 0..<100 { text.withUnsafeBytes { fields.add(name: $0, value: $0) } }
        #expect(fields.capacity >= 800_000)
        fields.removeAll()
        #expect(fields.capacity < 64 << 10)
    }

    @Test("a request that is whole at once is served, whatever others keep")
    func whole() throws {
        let client = try CallClient(settings: settings(holding: 500))
        try client.call("/keep", stream: 1, [Self.message], ends: false)
        try client.call("/keep", stream: 3, [Self.message])
        #expect(client.script.log == ["/keep t", "400", "/keep t", "400", "end"])
        #expect(client.heldBytes == 400)
        #expect(try client.answers() == [])
    }

    @Test("a message counts while it arrives, and on when it is kept; not if it is handed over")
    func pieces() throws {
        for (path, kept) in [("/keep", 400), ("/a", 0)] {
            let client = try CallClient()
            let framed = CallClient.framed(Array(Self.message.utf8))
            try client.call(path, stream: 1, [], ends: false)
            try client.send(HTTP2Wire.frame(type: 0, stream: 1, Array(framed.prefix(105))))
            #expect(client.heldBytes == 100)
            try client.send(HTTP2Wire.frame(type: 0, stream: 1, Array(framed.dropFirst(105))))
            #expect(client.heldBytes == kept)
            try client.send(HTTP2Wire.frame(type: 3, stream: 1, [0, 0, 0, 8]))
            #expect(client.heldBytes == 0)
        }
    }

    @Test("a connection that breaks holds nothing")
    func broken() throws {
        let client = try CallClient()
        try client.call("/keep", stream: 1, [Self.message], ends: false)
        #expect(client.heldBytes == 400)
        try client.channel.close().wait()
        #expect(client.heldBytes == 0)
    }

    // MARK: ordinary requests

    private func connect(holding count: Int) throws -> (ServedConnection, HTTP2Session) {
        let client = try ServedConnection(settings: settings(holding: count))
        try client.send(
            HTTP2Wire.preface + HTTP2Wire.settings()
                + HTTP2Wire.frame(type: 4, flags: 1, stream: 0, []))
        _ = try client.writes()
        let session = try client.channel.pipeline.syncOperations.handler(type: HTTP2Session.self)
        return (client, session)
    }

    private func post(
        _ client: ServedConnection, _ path: String, stream: UInt32, _ part: String
    ) throws {
        try client.send(
            HTTP2Wire.request("POST", path, stream: stream, ends: false)
                + HTTP2Wire.data(part, stream: stream, ends: false))
    }

    private func answers(_ client: ServedConnection) throws -> [HTTP2Wire.Frame] {
        HTTP2Wire.frames(try client.writes().flatMap { Array($0.readableBytesView) })
            .filter { $0.type <= 1 || $0.type == 3 }
    }

    private func body(_ frames: [HTTP2Wire.Frame], _ stream: UInt32) -> String {
        let parts = frames.filter { $0.type == 0 && $0.stream == stream }.flatMap(\.payload)
        return String(decoding: parts, as: UTF8.self)
    }

    @Test("bodies that are collected count, up to the bound")
    func collected() throws {
        let (client, session) = try connect(holding: 10)
        try post(client, "/echo", stream: 1, "123456")
        #expect(session.collectedBytes == 6)
        try post(client, "/echo", stream: 3, "123456")
        #expect(body(try answers(client), 3) == "413 Request Entity Too Large")
        #expect(session.collectedBytes == 6)
        try client.send(HTTP2Wire.data("7890", stream: 1, ends: true))
        #expect(body(try answers(client), 1) == "1234567890")
        #expect(session.collectedBytes == 0)
    }

    @Test("so does what a sink keeps of its body")
    func sinks() throws {
        let (client, session) = try connect(holding: 10)
        try post(client, "/hoard", stream: 1, "1234")
        try post(client, "/hoard", stream: 3, "1234")
        #expect(session.collectedBytes == 8)
        try post(client, "/hoard", stream: 5, "1234")
        let sinks = client.script.sinks
        #expect(body(try answers(client), 5) == "413 Request Entity Too Large")
        #expect(sinks[2].log == ["1234", "tooLarge"])
        #expect(session.collectedBytes == 8)
        // No status can be told any more.
        sinks[1].responder.start(status: 200, headers: [:])
        _ = try answers(client)
        try client.send(HTTP2Wire.data("5678", stream: 3, ends: false))
        #expect(
            try answers(client) == [
                HTTP2Wire.Frame(type: 3, flags: 0, stream: 3, payload: [0, 0, 0, 2])
            ])
        #expect(sinks[1].log == ["1234", "5678", "tooLarge"])
        #expect(session.collectedBytes == 4)
        try client.send(HTTP2Wire.data("9", stream: 1, ends: true))
        #expect(body(try answers(client), 1) == "12349complete")
        #expect(session.collectedBytes == 0)
    }
}
