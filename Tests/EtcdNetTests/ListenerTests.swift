//  Listeners on real sockets: accepting, bounds, and the ways to stop.

import Glibc
import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization
import Testing

@testable import EtcdNet

/// Answers with the loop it runs on; `/wait` never ends by itself.
private final class LoopNamer: HTTPHandler {
    let waiting = Mutex(0)

    func plan(for head: EtcdNet.HTTPRequestHead, responder: any HTTPResponder) -> HTTPBodyPlan {
        .ignore
    }

    func handle(
        _ head: EtcdNet.HTTPRequestHead, body: ByteBuffer, responder: any HTTPResponder
    ) {
        switch head.target {
        case "/wait":
            responder.start(status: 200, headers: [:])
            waiting.withLock { $0 += 1 }
        case "/slow":
            waiting.withLock { $0 += 1 }
            responder.eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(50)) {
                responder.respond(
                    status: 200, headers: [:], body: ByteBuffer(string: "slow"))
            }
        default:
            let name = "\(ObjectIdentifier(responder.eventLoop)) \(head.connection.localAddress)"
            responder.respond(status: 200, headers: [:], body: ByteBuffer(string: name))
        }
    }
}

/// A blocking client: fine for loopback, and it sees exactly what is on the wire.
private final class BlockingClient {
    private let descriptor: CInt

    init(_ address: SocketAddress) throws {
        let family =
            address.protocol == .unix ? AF_UNIX : address.protocol == .inet6 ? AF_INET6 : AF_INET
        descriptor = socket(family, Int32(SOCK_STREAM.rawValue), 0)
        let result = address.withSockAddr { pointer, size in
            connect(descriptor, pointer, socklen_t(size))
        }
        guard result == 0 else { throw IOError(errnoCode: errno, reason: "connect") }
    }

    convenience init(port: Int?) throws {
        try self.init(SocketAddress(ipAddress: "127.0.0.1", port: port ?? 0))
    }

    deinit { close(descriptor) }

    func send(_ text: String) { _ = text.withCString { write(descriptor, $0, strlen($0)) } }

    /// Up to and including `end`, or to the end of the input.
    func read(until end: String) -> String {
        var text = ""
        var byte: UInt8 = 0
        while !text.hasSuffix(end), Glibc.read(descriptor, &byte, 1) == 1 {
            text.unicodeScalars.append(UnicodeScalar(byte))
        }
        return text
    }

    /// The body of the answer to a GET.
    func get(_ path: String) -> String {
        send("GET \(path) HTTP/1.1\r\nHost: a\r\n\r\n")
        let head = read(until: "\r\n\r\n")
        guard
            let length = head.split(separator: "Content-Length: ").last?.split(separator: "\r\n")
                .first,
            let count = Int(length)
        else { return "" }
        var body = ""
        while body.utf8.count < count { body += read(until: "") + readByte() }
        return body
    }

    private func readByte() -> String {
        var byte: UInt8 = 0
        guard Glibc.read(descriptor, &byte, 1) == 1 else { return "?" }
        return String(UnicodeScalar(byte))
    }
}

@Suite("Listener", .serialized, .timeLimit(.minutes(1)))
struct ListenerTests {
    private func withListener(
        _ address: ListenAddress = .tcp(host: "127.0.0.1", port: 0), inherited: CInt? = nil,
        settings: ListenerSettings = ListenerSettings(),
        _ body: (Listener, LoopNamer) async throws -> Void
    ) async throws {
        let loops = EventLoops(count: 4)
        let handler = LoopNamer()
        let listener = try await Listener.bind(
            address, inheritedSocket: inherited, loops: loops, settings: settings,
            handler: handler)
        try await body(listener, handler)
        await listener.drain(graceMilliseconds: 0)
        try await loops.shutdown()
    }

    @Test("connections spread over all loops")
    func spread() async throws {
        try await withListener { listener, _ in
            let clients = try (0..<8).map { _ in try BlockingClient(port: listener.port) }
            let names = clients.map { $0.get("/") }
            #expect(Set(names).count == 4)
            #expect(names[0].hasSuffix(" \(listener.localAddress)"))
        }
    }

    @Test("a lone client always gets the first loop, and one that left makes room")
    func balance() async throws {
        try await withListener { listener, _ in
            var names: [String] = []
            for _ in 0..<5 {
                let client = try BlockingClient(port: listener.port)
                names.append(client.get("/"))
                client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
                _ = client.read(until: "")
                await listener.emptied(within: .seconds(10))
            }
            // Whose turn the very first finds is left open.
            #expect(Set(names[1...]).count == 1)
        }
    }

    @Test("an unspecified address takes in IPv4, and localhost is found")
    func addresses() async throws {
        for host in ["0.0.0.0", "localhost", ""] {
            try await withListener(.tcp(host: host, port: 0)) { listener, _ in
                let client = try BlockingClient(port: listener.port)
                #expect(client.get("/").hasSuffix(" 127.0.0.1:\(listener.port ?? 0)"))
            }
        }
    }

    @Test("a socket file is made, and removed in the end; a stale one is replaced")
    func unixSocket() async throws {
        let path = "/tmp/etcd-net-\(getpid()).sock"
        let stale = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        try SocketAddress(unixDomainSocketPath: path).withSockAddr { pointer, size in
            #expect(bind(stale, pointer, socklen_t(size)) == 0)
        }
        close(stale)
        try await withListener(.unix(path: path)) { listener, _ in
            #expect(listener.localAddress == path)
            let client = try BlockingClient(SocketAddress(unixDomainSocketPath: path))
            #expect(client.get("/") != "")
        }
        #expect(access(path, F_OK) != 0)
    }

    @Test("a socket bound by somebody else is taken over")
    func inherited() async throws {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        try SocketAddress(ipAddress: "127.0.0.1", port: 0).withSockAddr { pointer, size in
            #expect(bind(descriptor, pointer, socklen_t(size)) == 0)
        }
        try await withListener(.unix(path: ""), inherited: descriptor) { listener, _ in
            let client = try BlockingClient(port: listener.port)
            #expect(client.get("/") != "")
            // Accepted connections have what the listening socket has.
            for (level, name, value) in [
                (SOL_SOCKET, SO_KEEPALIVE, 1), (SOL_TCP, TCP_NODELAY, 1),
                (SOL_TCP, TCP_KEEPIDLE, 30), (SOL_TCP, TCP_KEEPINTVL, 30),
            ] as [(CInt, CInt, CInt)] {
                var found: CInt = -1
                var size = socklen_t(MemoryLayout<CInt>.size)
                #expect(getsockopt(descriptor, level, name, &found, &size) == 0)
                #expect(found == value)
            }
        }
    }

    @Test("so is a socket file bound by somebody else")
    func inheritedFile() async throws {
        let path = "/tmp/etcd-swift-listener-\(UInt64.random(in: 0...UInt64.max))"
        defer { unlink(path) }
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        let address = try SocketAddress(unixDomainSocketPath: path)
        address.withSockAddr { pointer, size in
            #expect(bind(descriptor, pointer, socklen_t(size)) == 0)
        }
        try await withListener(.unix(path: ""), inherited: descriptor) { _, _ in
            let answer = try? BlockingClient(address).get("/")
            #expect(answer?.isEmpty == false)
        }
    }

    @Test("an address in use is reported in Go's words")
    func addressInUse() async throws {
        try await withListener { listener, _ in
            let loops = EventLoops(count: 1)
            let port = listener.port ?? 0
            let error = await #expect(throws: ListenError.self) {
                try await Listener.bind(
                    .tcp(host: "127.0.0.1", port: port), loops: loops, handler: LoopNamer())
            }
            #expect(
                error?.description
                    == "listen tcp 127.0.0.1:\(port): bind: address already in use")
            try await loops.shutdown()
        }
    }

    @Test("beyond the bound connections wait until there is room")
    func bound() async throws {
        try await withListener(settings: ListenerSettings(maxConnections: 1)) { listener, _ in
            var first: BlockingClient? = try BlockingClient(port: listener.port)
            let name = first?.get("/")
            #expect(name != "")
            let second = try BlockingClient(port: listener.port)
            second.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(first?.get("/") == name)
            first = nil
            #expect(second.read(until: "\r\n").hasPrefix("HTTP/1.1 200 OK"))
        }
    }

    @Test("draining closes idle connections, lets short answers finish and cuts streams in the end")
    func drain() async throws {
        let loops = EventLoops(count: 2)
        let handler = LoopNamer()
        let listener = try await Listener.bind(
            .tcp(host: "127.0.0.1", port: 0), loops: loops, handler: handler)
        let idle = try BlockingClient(port: listener.port)
        #expect(idle.get("/") != "")
        let fresh = try BlockingClient(port: listener.port)
        let slow = try BlockingClient(port: listener.port)
        slow.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
        let stream = try BlockingClient(port: listener.port)
        stream.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(stream.read(until: "\r\n\r\n").hasPrefix("HTTP/1.1 200 OK"))
        while handler.waiting.withLock({ $0 }) < 2 { usleep(1_000) }

        await listener.drain(graceMilliseconds: 2_000)
        #expect(idle.read(until: "never") == "")
        #expect(fresh.read(until: "never") == "")
        let answer = slow.read(until: "never")
        #expect(answer.contains("Connection: close\r\n"))
        #expect(answer.hasSuffix("\r\n\r\nslow"))
        #expect(stream.read(until: "never") == "")
        #expect(throws: IOError.self) { _ = try BlockingClient(port: listener.port) }
        try await loops.shutdown()
    }
}
