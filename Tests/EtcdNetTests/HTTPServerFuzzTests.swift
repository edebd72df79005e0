//  Hostile input: mutated requests, cut anywhere, with clients that leave and handlers that
//  answer at any time. Nothing may crash, hang or be told twice that its client is gone.

import NIOCore
import NIOEmbedded
import NIOHTTP1
import RuntimeCore
import Testing

@testable import EtcdNet

@Suite("HTTP server under hostile input", .timeLimit(.minutes(2)))
struct HTTPServerFuzzTests {
    private static let http1Seeds: [[UInt8]] = {
        let targets = ["/hello", "/later", "/stream", "/ignore", "/limit", "/sink", "/patient"]
        var seeds = HTTP1RefusalTests.refused.map(\.request) + HTTP1RefusalTests.served
        for target in targets + ["/early", "/large", "/echo"] {
            seeds.append("GET \(target) HTTP/1.1\r\nHost: a\r\n\r\n")
            seeds.append("PUT \(target) HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nvalue=")
            seeds.append(
                "PUT \(target) HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                    + "3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nA: b\r\n\r\n")
            seeds.append(
                "PUT \(target) HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx")
        }
        return seeds.map { Array($0.utf8) }
    }()

    private static let http2Seeds: [[UInt8]] = {
        var seeds: [[UInt8]] = [
            HTTP2Wire.settings(), HTTP2Wire.frame(type: 6, stream: 0, [0, 1, 2, 3, 4, 5, 6, 7]),
            HTTP2Wire.frame(type: 3, stream: 1, [0, 0, 0, 8]),
            HTTP2Wire.frame(type: 8, stream: 1, [0, 0, 255, 255]),
            HTTP2Wire.frame(type: 7, stream: 0, [0, 0, 0, 0, 0, 0, 0, 0]),
            HTTP2Wire.frame(type: 9, flags: 4, stream: 1, [0x82]),
        ]
        for (index, target) in ["/hello", "/later", "/stream", "/sink", "/patient", "/echo"]
            .enumerated()
        {
            let id = UInt32(index * 2 + 1)
            seeds.append(HTTP2Wire.request("GET", target, stream: id, ends: true))
            seeds.append(
                HTTP2Wire.request("PUT", target, stream: id + 20, ends: false)
                    + HTTP2Wire.data("value", stream: id + 20, ends: index % 2 == 0))
            seeds.append(
                HTTP2Wire.request(
                    "PUT", target, stream: id + 40, ends: false,
                    fields: [("content-length", "5"), ("te", "trailers")])
                    + HTTP2Wire.data("value", stream: id + 40, ends: false)
                    + HTTP2Wire.block([("x", "y")], stream: id + 40, ends: true))
        }
        return seeds
    }()

    private func mutate(_ bytes: inout [UInt8], _ random: inout RandomSource) {
        for _ in 0..<random.below(4) where !bytes.isEmpty {
            let position = random.below(bytes.count)
            switch random.below(4) {
            case 0: bytes[position] = UInt8(truncatingIfNeeded: random.next())
            case 1: bytes.remove(at: position)
            case 2: bytes.insert([13, 10, 32, 58, 0, 255][random.below(6)], at: position)
            default:
                let end = min(bytes.count, position + random.below(20))
                bytes.append(contentsOf: bytes[position..<end])
            }
        }
    }

    private func input(
        _ seeds: [[UInt8]], _ prefix: [UInt8], _ random: inout RandomSource
    ) -> [UInt8] {
        var bytes = prefix
        for _ in 0...random.below(5) { bytes += seeds[random.below(seeds.count)] }
        mutate(&bytes, &random)
        return bytes
    }

    /// A handler's turn, or the client's.
    private func disturb(_ client: ServedConnection, _ random: inout RandomSource) throws {
        let script = client.script
        switch random.below(12) {
        case 0...4:
            guard !script.owed.isEmpty else { break }
            let responder = script.owed[random.below(script.owed.count)]
            switch random.below(5) {
            case 0: responder.respond(status: 200, headers: [:], body: ByteBuffer(string: "x"))
            case 1: responder.write(ByteBuffer(repeating: 120, count: random.below(40_000)))
            case 2: responder.start(status: 200, headers: [:])
            case 3: responder.finish()
            default: if random.oneIn(4) { responder.abort() }
            }
        case 5, 6:
            let sink = script.sinks.last
            sink?.taken?.succeed()
            sink?.taken = nil
        case 7:
            client.channel.isWritable.toggle()
            client.channel.pipeline.fireChannelWritabilityChanged()
        case 8: if random.oneIn(8) { client.endInput() }
        case 9: if random.oneIn(16), client.isOpen { try client.channel.close().wait() }
        case 10: client.channel.embeddedEventLoop.advanceTime(by: .seconds(1))
        default: _ = try client.writes()
        }
    }

    private func run(_ bytes: [UInt8], _ random: inout RandomSource) throws {
        let client = try ServedConnection()
        var position = 0
        while position < bytes.count, client.isOpen {
            let end = min(bytes.count, position + 1 + random.below(random.oneIn(3) ? 4 : 200))
            try client.send(Array(bytes[position..<end]))
            position = end
            if random.oneIn(2) { try disturb(client, &random) }
        }
        for _ in 0..<random.below(6) { try disturb(client, &random) }
        for sink in client.script.sinks { sink.taken?.succeed() }
        if client.isOpen { try client.channel.close().wait() }
        _ = try? client.writes()
        #expect(client.script.closed <= client.script.seen.count)
        for responder in client.script.owed { #expect(!responder.isOpen) }
    }

    @Test("HTTP/1.1", arguments: 1...8)
    func http1(seed: UInt64) throws {
        var random = RandomSource(seed: seed)
        for _ in 0..<1_500 {
            let bytes = input(Self.http1Seeds, [], &random)
            try run(bytes, &random)
        }
    }

    @Test("HTTP/2", arguments: 1...8)
    func http2(seed: UInt64) throws {
        var random = RandomSource(seed: seed)
        let preface = HTTP2Wire.preface + HTTP2Wire.settings()
        for _ in 0..<1_000 {
            let bytes = input(Self.http2Seeds, preface, &random)
            try run(bytes, &random)
        }
    }
}
