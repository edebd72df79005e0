//  What the fields of an HTTP/2 request may be: any authority that Go takes, and nothing that
//  breaks the rules of messages. Ordinary requests and calls are held to the same.

import NIOCore
import NIOEmbedded
import Testing

@testable import EtcdNet

@Suite("HTTP/2 fields", .timeLimit(.minutes(1)))
struct HTTP2FieldTests {
    /// A request in pieces, so that each test changes what it is about.
    struct Request: Sendable, CustomTestStringConvertible {
        var what: String
        var pseudo: [(String, String)] = [
            (":method", "POST"), (":scheme", "http"), (":path", "/host"), (":authority", "a"),
        ]
        var fields: [(String, String)] = []
        var body: [String] = []
        var trailers: [(String, String)]?
        var trailersEnd = true

        var testDescription: String { what }

        init(_ what: String, _ change: (inout Request) -> Void = { _ in }) {
            self.what = what
            change(&self)
        }

        /// One more field, or another value for a pseudo field.
        init(field name: String, _ value: String) {
            self.init("\(name): \(value.debugDescription)") { $0.fields = [(name, value)] }
        }

        init(pseudo name: String, _ value: String?) {
            self.init("\(name) is \(value.debugDescription)") { request in
                request.pseudo.removeAll { $0.0 == name }
                if let value { request.pseudo.append((name, value)) }
            }
        }

        /// What a client sends; as a call when it is to be one.
        func bytes(stream: UInt32, isCall: Bool) -> [UInt8] {
            let type = isCall ? [("content-type", "application/grpc")] : []
            let hasMore = !body.isEmpty || trailers != nil
            var bytes = HTTP2Wire.block(pseudo + type + fields, stream: stream, ends: !hasMore)
            for (index, part) in body.enumerated() {
                let isLast = index == body.count - 1 && trailers == nil
                bytes += HTTP2Wire.data(part, stream: stream, ends: isLast)
            }
            if let trailers {
                bytes += HTTP2Wire.block(trailers, stream: stream, ends: trailersEnd)
            }
            return bytes
        }
    }

    private static let message = "\0\0\0\0\u{1}m"

    // MARK: authorities

    private static let authorities = [
        "http://127.0.0.1:2379", "https://[::1]:2379/", "#initially=[x]", "unix:///tmp/a b",
        "user@host", "a\tb", "é", "-", " ", "\u{7E}\\^`{|}<>\"",
    ]

    private func ask(_ pseudo: [(String, String)], _ fields: [(String, String)]) throws -> String {
        let client = try ServedConnection()
        try client.send(HTTP2Wire.preface + HTTP2Wire.settings())
        _ = try client.writes()
        try client.send(HTTP2Wire.block(pseudo + fields, stream: 1, ends: true))
        let frames = HTTP2Wire.frames(try client.writes().flatMap { Array($0.readableBytesView) })
        #expect(frames.contains { $0.type == 1 && $0.payload.first == 0x88 })
        let body = frames.filter { $0.type == 0 }.flatMap(\.payload)
        return String(decoding: body, as: UTF8.self)
    }

    @Test("any text is an authority, as in Go", arguments: authorities)
    func authority(text: String) throws {
        let request = Request(pseudo: ":authority", text)
        #expect(try ask(request.pseudo, []) == text)
        let client = try CallClient()
        try client.send(request.bytes(stream: 1, isCall: true))
        #expect(client.script.log == ["/host -", "end"])
        #expect(try client.answers() == [])
    }

    @Test("any text is a host too, and the first one counts", arguments: authorities)
    func host(text: String) throws {
        let missing = Request(pseudo: ":authority", nil)
        #expect(try ask(missing.pseudo, [("host", text), ("host", "other")]) == text)
        let empty = Request(pseudo: ":authority", "")
        #expect(try ask(empty.pseudo, [("host", text)]) == text)
        let other = Request(pseudo: ":authority", "other")
        #expect(try ask(other.pseudo, [("host", text)]) == "other")
    }

    @Test("a request may have no authority at all")
    func nowhere() throws {
        #expect(try ask(Request(pseudo: ":authority", nil).pseudo, []) == "-")
    }

    // MARK: well-formed requests

    private static let sound = [
        Request("plain"),
        Request(field: "te", "trailers"),
        Request(field: "x-empty", ""),
        Request(field: "x-text", " tab\t and é "),
        Request(field: "x!#$%&'*+-.^_`|~0", "v"),
        Request(field: "content-length", "0"),
        Request("stated length") {
            $0.fields = [("content-length", "6")]
            $0.body = [message]
        },
        Request("stated length in parts, ended by nothing") {
            $0.fields = [("content-length", "000006")]
            $0.body = ["\0\0\0", "\0\u{1}m", ""]
        },
        Request("stated length and trailers") {
            $0.fields = [("content-length", "6"), ("trailer", "x")]
            $0.body = [message]
            $0.trailers = [("x", "y")]
        },
        Request("trailers without a body") { $0.trailers = [("x", "y")] },
        Request("any scheme") { $0.pseudo[1].1 = "coap+tcp" },
    ]

    @Test("what keeps the rules is served", arguments: sound)
    func soundRequest(request: Request) throws {
        let client = try ServedConnection()
        try client.send(
            HTTP2Wire.preface + HTTP2Wire.settings() + request.bytes(stream: 1, isCall: false))
        #expect(client.script.seen == ["POST /host \(request.body.joined())"])
        let calls = try CallClient()
        try calls.send(request.bytes(stream: 1, isCall: true))
        let messages = request.body.isEmpty ? [] : ["m"]
        #expect(calls.script.log == ["/host -"] + messages + ["end"])
        #expect(try calls.answers() == [])
    }

    // MARK: malformed requests

    private static let malformedHeads = [
        Request(pseudo: ":method", nil), Request(pseudo: ":method", ""),
        Request(pseudo: ":method", "PO ST"), Request(pseudo: ":method", "PO\r\nST"),
        Request(pseudo: ":scheme", nil), Request(pseudo: ":scheme", ""),
        Request(pseudo: ":scheme", "ht tp"), Request(pseudo: ":scheme", "1http"),
        Request(pseudo: ":path", nil), Request(pseudo: ":path", ""),
        Request(pseudo: ":path", "/a b"), Request(pseudo: ":path", "/a\r\n"),
        Request(pseudo: ":path", "/a\0"), Request(pseudo: ":authority", "a\r\nb: c"),
        Request(pseudo: ":authority", "a\0b"), Request(pseudo: ":authority", "a\u{7F}"),
        Request(pseudo: ":status", "200"), Request(pseudo: ":protocol", "websocket"),
        Request(pseudo: ":unknown", "x"), Request(pseudo: ":", "x"),
        Request(pseudo: ":Path", "/x"),
        Request("a repeated method") { $0.pseudo.append((":method", "POST")) },
        Request("a repeated scheme") { $0.pseudo.append((":scheme", "http")) },
        Request("a repeated path") { $0.pseudo.append((":path", "/host")) },
        Request("a repeated authority") { $0.pseudo.append((":authority", "a")) },
        Request("a pseudo field behind another") {
            $0.fields = [("x", "y"), $0.pseudo.removeLast()]
        },
        Request("CONNECT with a path") { $0.pseudo[0].1 = "CONNECT" },
        Request("CONNECT with a scheme") {
            $0.pseudo = [(":method", "CONNECT"), (":scheme", "http"), (":authority", "a")]
        },
        Request("CONNECT to nowhere") { $0.pseudo = [(":method", "CONNECT")] },
        Request(field: "X-Upper", "v"), Request(field: "x-uppeR", "v"), Request(field: "", "v"),
        Request(field: "a b", "v"), Request(field: "a:b", "v"), Request(field: "a\r\nb", "v"),
        Request(field: "a\0", "v"), Request(field: "é", "v"),
        Request(field: "x", "a\rb"), Request(field: "x", "a\nb"), Request(field: "x", "a\0b"),
        Request(field: "x", "a\u{1B}"), Request(field: "x", "a\u{7F}"),
        Request(field: "host", "a\r\nb"),
        Request(field: "connection", "close"), Request(field: "proxy-connection", "x"),
        Request(field: "keep-alive", "5"), Request(field: "transfer-encoding", "chunked"),
        Request(field: "upgrade", "h2c"), Request(field: "te", "gzip"),
        Request(field: "te", "trailers, gzip"),
        Request(field: "content-length", ""), Request(field: "content-length", "-1"),
        Request(field: "content-length", "+1"), Request(field: "content-length", "0x0"),
        Request(field: "content-length", "0, 0"), Request(field: "content-length", " 0"),
        Request(field: "content-length", "9223372036854775808"),
        Request(field: "content-length", "1"),
        Request("two lengths") { $0.fields = [("content-length", "0"), ("content-length", "0")] },
    ]

    private static let malformedBodies = [
        Request("a body that is too short") {
            $0.fields = [("content-length", "7")]
            $0.body = [message]
        },
        Request("a body that is too short, ended by nothing") {
            $0.fields = [("content-length", "7")]
            $0.body = [message, ""]
        },
        Request("a body that is too long") {
            $0.fields = [("content-length", "5")]
            $0.body = [message]
        },
        Request("a body that is too long in its last part") {
            $0.fields = [("content-length", "7")]
            $0.body = [message, "ab", "c"]
        },
        Request("a body where there is none") {
            $0.fields = [("content-length", "0")]
            $0.body = [message]
        },
        Request("trailers behind a body that is too short") {
            $0.fields = [("content-length", "7")]
            $0.body = [message]
            $0.trailers = [("x", "y")]
        },
        Request("trailers with a pseudo field") { $0.trailers = [(":path", "/x")] },
        Request("trailers in upper case") { $0.trailers = [("X", "y")] },
        Request("trailers with a bad value") { $0.trailers = [("x", "a\r\nb")] },
        Request("trailers about the connection") { $0.trailers = [("connection", "close")] },
        Request("trailers about the length") { $0.trailers = [("content-length", "0")] },
        Request("trailers that end nothing") {
            $0.trailers = [("x", "y")]
            $0.trailersEnd = false
        },
    ]

    /// The stream is refused, nobody has seen the request as a whole, and the connection goes on.
    @Test("what breaks the rules costs the stream", arguments: malformedHeads + malformedBodies)
    func malformedRequest(request: Request) throws {
        let client = try ServedConnection()
        try client.send(HTTP2Wire.preface + HTTP2Wire.settings())
        _ = try client.writes()
        try client.send(request.bytes(stream: 1, isCall: false))
        let frames = HTTP2Wire.frames(try client.writes().flatMap { Array($0.readableBytesView) })
        #expect(
            frames.filter { $0.type != 8 }
                == [HTTP2Wire.Frame(type: 3, flags: 0, stream: 1, payload: [0, 0, 0, 1])])
        #expect(client.script.seen.isEmpty)
        try client.send(Request("sound").bytes(stream: 3, isCall: false))
        #expect(client.script.seen == ["POST /host "])
        #expect(client.isOpen)
    }

    @Test("a call's head that breaks the rules costs the stream", arguments: malformedHeads)
    func malformedCall(request: Request) throws {
        let client = try CallClient()
        try client.send(request.bytes(stream: 1, isCall: true))
        #expect(try client.answers() == ["1 reset 1"])
        #expect(client.script.log.isEmpty)
        try client.send(Request("sound").bytes(stream: 3, isCall: true))
        #expect(client.script.log == ["/host -", "end"])
    }

    @Test("a call's body that breaks the rules ends the call", arguments: malformedBodies)
    func malformedCallBody(request: Request) throws {
        let client = try CallClient()
        try client.send(request.bytes(stream: 1, isCall: true))
        #expect(try client.answers() == ["1 reset 1"])
        #expect(client.script.log.first == "/host -")
        #expect(client.script.log.last == "closed")
        #expect(!client.script.log.contains("end"))
        try client.send(Request("sound").bytes(stream: 3, isCall: true))
        #expect(client.script.log.suffix(2) == ["/host -", "end"])
    }

    @Test("a sink learns that its body is not what was stated")
    func sink() throws {
        let client = try ServedConnection()
        try client.send(HTTP2Wire.preface + HTTP2Wire.settings())
        let request = Request("too short") {
            $0.pseudo[2].1 = "/sink"
            $0.fields = [("content-length", "7")]
            $0.body = ["abc", "def"]
        }
        try client.send(request.bytes(stream: 1, isCall: false))
        _ = try client.writes()
        #expect(client.script.sinks.first?.log == ["abc", "def", "connectionClosed"])
    }

    @Test("a body that goes on after its stream was refused is dropped, and its room returned")
    func rest() throws {
        let client = try CallClient()
        let head = HTTP2Wire.block(
            Request("plain").pseudo
                + [("content-type", "application/grpc"), ("content-length", "5")],
            stream: 1, ends: false)
        let part = HTTP2Wire.data(
            String(repeating: "x", count: 16_384), stream: 1, ends: false)
        let parts = (0..<40).flatMap { _ in part }
        // In one read, so that the refusal has not left when the rest arrives.
        try client.send(head + parts)
        #expect(try client.answers() == ["1 reset 1"])
        for _ in 0..<4 {
            try client.send(parts)
            #expect(try client.answers() == [])
        }
        try client.call("/a", stream: 3, ["still here"])
        #expect(client.script.log == ["/host -", "closed", "/a t", "still here", "end"])
    }

    @Test("what follows trailers that end nothing is dropped")
    func behindTrailers() throws {
        let client = try CallClient()
        let request = Request("open end") {
            $0.trailers = [("x", "y")]
            $0.trailersEnd = false
        }
        try client.send(
            request.bytes(stream: 1, isCall: true)
                + HTTP2Wire.data(Self.message, stream: 1, ends: true)
                + HTTP2Wire.block([("x", "y")], stream: 1, ends: true))
        #expect(try client.answers() == ["1 reset 1"])
        #expect(client.script.log == ["/host -", "closed"])
        #expect(client.channel.isActive)
    }
}
