//  Listeners and the client with TLS between them, on real sockets.

import NIOCore
import NIOEmbedded
import NIOHTTP1
import NIOPosix
import NIOSSL
import RuntimeCore
import Synchronization
import Testing

@testable import EtcdNet

/// Answers with what is known of the connection.
private struct FactTeller: HTTPHandler {
    func plan(for head: EtcdNet.HTTPRequestHead, responder: any HTTPResponder) -> HTTPBodyPlan {
        .ignore
    }

    func handle(
        _ head: EtcdNet.HTTPRequestHead, body: ByteBuffer, responder: any HTTPResponder
    ) {
        let facts = head.connection
        let text = "\(facts.isTLS) \(facts.commonName ?? "-")"
        responder.respond(status: 200, headers: [:], body: ByteBuffer(string: text))
    }
}

/// A listener, and one client of it.
private final class Line: Sendable {
    let loops = EventLoops(count: 2)
    let listener: Listener
    let rejections = Mutex<[String]>([])
    let scheme: String

    init(
        server: TLSOptions, plain: Bool = false, source: Bool = false, users: Bool = true,
        scheme: String = "https"
    ) async throws {
        self.scheme = scheme
        let box = NotedBox()
        var tls = ListenerTLS(context: try TLSContext(server)) { box.note($0.reason) }
        tls.acceptsPlainText = plain
        tls.checksSourceAddress = source
        tls.identifiesUsers = users
        var settings = ListenerSettings()
        settings.tls = tls
        listener = try await Listener.bind(
            .tcp(host: "127.0.0.1", port: 0), loops: loops, settings: settings,
            handler: FactTeller())
        box.noted = { [weak self] reason in self?.rejections.withLock { $0.append(reason) } }
    }

    /// The body of the answer.
    func ask(_ client: TLSOptions?, host: String = "127.0.0.1") async throws -> String {
        let client = HTTPClient(loops: loops, tls: try client.map { try TLSContext($0) })
        defer { client.shutdown() }
        let response = try await client.execute(
            HTTPClientRequest(
                origin: "\(scheme)://\(host):\(listener.port ?? 0)", target: "/"),
            on: loops.next(), timeout: .seconds(20), maximumBody: 1_000
        ).get()
        return String(buffer: response.body)
    }

    func failure(_ client: TLSOptions?, host: String = "127.0.0.1") async -> HTTPClientError? {
        do {
            _ = try await ask(client, host: host)
            return nil
        } catch {
            return error as? HTTPClientError
        }
    }

    func stop() async throws {
        await listener.drain(graceMilliseconds: 0)
        try await loops.shutdown()
    }
}

/// Set once, before any connection.
private final class NotedBox: Sendable {
    private let state = Mutex<(@Sendable (String) -> Void)?>(nil)

    var noted: (@Sendable (String) -> Void)? {
        get { state.withLock { $0 } }
        set { state.withLock { $0 = newValue } }
    }

    func note(_ reason: String) { noted?(reason) }
}

@Suite("TLS between a listener and a client")
struct TLSListenerTests {
    private let directory: TestDirectory
    private let authority: TestAuthority
    private let server: TLSOptions
    private let client: TLSOptions

    init() throws {
        directory = try TestDirectory()
        authority = try TestAuthority("ca")
        let leaf = try authority.leaf(
            "server", dnsNames: ["localhost"], addresses: [[127, 0, 0, 1]])
        server = try directory.options(leaf, authority: authority)
        var client = TLSOptions()
        client.dials = true
        client.trustedCAFile = server.trustedCAFile
        let own = try authority.leaf("alice")
        client.clientCertificateFile = try directory.write("alice.pem", own.certificate)
        client.clientKeyFile = try directory.write("alice.key", own.key)
        self.client = client
    }

    @Test("handlers learn that it is TLS, and who the client is")
    func facts() async throws {
        let line = try await Line(server: server)
        #expect(try await line.ask(client) == "true alice")
        #expect(try await line.ask(client, host: "localhost") == "true alice")
        try await line.stop()
        let unnamed = try await Line(server: server, users: false)
        #expect(try await unnamed.ask(client) == "true -")
        try await unnamed.stop()
    }

    @Test("clients without the right certificate are turned away and noted")
    func clients() async throws {
        let line = try await Line(server: server)
        var without = client
        without.clientCertificateFile = ""
        without.clientKeyFile = ""
        #expect(await line.failure(without) != nil)
        let stranger = try TestAuthority("other").leaf("alice")
        var foreign = client
        foreign.clientCertificateFile = try directory.write("other.pem", stranger.certificate)
        foreign.clientKeyFile = try directory.write("other.key", stranger.key)
        #expect(await line.failure(foreign) != nil)
        let late = try authority.leaf("alice", age: 1_000, life: 500)
        var expired = client
        expired.clientCertificateFile = try directory.write("late.pem", late.certificate)
        expired.clientKeyFile = try directory.write("late.key", late.key)
        #expect(await line.failure(expired) != nil)
        let seen = line.rejections.withLock { $0 }
        let start = "tls: failed to verify client certificate: "
        #expect(seen.count == 3)
        #expect(seen.first == "tls: client didn't provide a certificate")
        #expect(seen[1] == start + "x509: certificate signed by unknown authority")
        #expect(seen[2].hasPrefix(start + "x509: certificate has expired or is not yet valid: "))
        try await line.stop()
    }

    @Test("servers are verified by authority and by name")
    func servers() async throws {
        let leaf = try authority.leaf("server", dnsNames: ["elsewhere"])
        var options = try directory.options(leaf)
        options.trustedCAFile = ""
        let line = try await Line(server: options)
        #expect(await line.failure(client)?.kind == .closed)
        var trusting = client
        trusting.trustsAnyServer = true
        #expect(try await line.ask(trusting) == "true -")
        let other = try directory.write("others.pem", try TestAuthority("other").pem())
        var wrong = client
        wrong.trustedCAFile = other
        let error = try #require(await line.failure(wrong))
        #expect(error.kind == .connect)
        #expect(error.description.hasSuffix("x509: certificate signed by unknown authority"))
        #expect(await line.failure(nil)?.kind == .badAddress)
        try await line.stop()
    }

    @Test("a server must be one of those named, also when it is dialled")
    func namedServers() async throws {
        let line = try await Line(server: server)
        var picky = client
        picky.allowedCommonNames = ["somebody"]
        let error = try #require(await line.failure(picky))
        #expect(error.description.contains("client certificate authentication failed"))
        picky.allowedCommonNames = ["server"]
        #expect(try await line.ask(picky) == "true alice")
        try await line.stop()
    }

    @Test("certificates are compared with the address, asking for names where needed")
    func source() async throws {
        let line = try await Line(server: server, source: true)
        func ask(_ dnsNames: [String], _ addresses: [[UInt8]]) async throws -> String? {
            let leaf = try authority.leaf("peer", dnsNames: dnsNames, addresses: addresses)
            var options = client
            options.clientCertificateFile = try directory.write("peer.pem", leaf.certificate)
            options.clientKeyFile = try directory.write("peer.key", leaf.key)
            return try? await line.ask(options)
        }
        #expect(try await ask([], [[127, 0, 0, 1]]) == "true peer")
        #expect(try await ask(["localhost"], []) == "true peer")
        #expect(try await ask([], [[10, 9, 9, 9]]) == nil)
        #expect(try await ask(["localhost"], [[10, 9, 9, 9]]) == "true peer")
        try await line.stop()
    }

    @Test("one port can serve plain text beside TLS, another does not")
    func plain() async throws {
        let both = try await Line(server: server, plain: true, scheme: "http")
        #expect(try await both.ask(nil) == "false -")
        try await both.stop()
        let secure = try await Line(server: server, scheme: "http")
        #expect(await secure.failure(nil) != nil)
        #expect(
            secure.rejections.withLock { $0 } == [
                "tls: first record does not look like a TLS handshake"
            ])
        try await secure.stop()
        let mixed = try await Line(server: server, plain: true)
        #expect(try await mixed.ask(client) == "true alice")
        try await mixed.stop()
    }
}

/// Handshakes without sockets, where time is ours.
@Suite("Handshakes that do not come to an end")
struct TLSHandshakeTests {
    private final class Reasons: Sendable {
        let all = Mutex<[String]>([])
    }

    private func settings(_ reasons: Reasons, _ directory: TestDirectory) throws
        -> ListenerSettings
    {
        let authority = try TestAuthority("ca")
        let options = try directory.options(try authority.leaf("server"))
        var settings = ListenerSettings()
        settings.tls = ListenerTLS(context: try TLSContext(options)) { rejection in
            reasons.all.withLock { $0.append(rejection.reason) }
        }
        return settings
    }

    private func connect(_ loop: ListenerLoop, _ eventLoop: EmbeddedEventLoop) throws
        -> EmbeddedChannel
    {
        let channel = EmbeddedChannel(loop: eventLoop)
        try TLSHandshake.install(
            in: channel.pipeline.syncOperations, position: .last,
            TLSHandshake(loop: loop, handler: FactTeller(), tls: try #require(loop.settings.tls)))
        try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
        return channel
    }

    @Test("are cut after their time")
    func timeout() throws {
        let reasons = Reasons()
        let eventLoop = EmbeddedEventLoop()
        let directory = try TestDirectory()
        let loop = ListenerLoop(
            eventLoop: eventLoop, settings: try settings(reasons, directory))
        let gone = try connect(loop, eventLoop)
        gone.close(promise: nil)
        eventLoop.advanceTime(by: .milliseconds(1))
        let channel = try connect(loop, eventLoop)
        eventLoop.advanceTime(by: .seconds(2))
        let later = try connect(loop, eventLoop)
        let limit = Int64(Limits.tlsHandshakeMilliseconds)
        eventLoop.advanceTime(by: .milliseconds(limit - 2_001))
        #expect(channel.isActive && reasons.all.withLock { $0.isEmpty })
        eventLoop.advanceTime(by: .milliseconds(1))
        let reason = "tls: the handshake took too long"
        #expect(reasons.all.withLock { $0 } == [reason])
        // The library may wait for the other side's farewell.
        eventLoop.advanceTime(by: .seconds(1))
        #expect(!channel.isActive)
        eventLoop.advanceTime(by: .milliseconds(999))
        #expect(later.isActive && reasons.all.withLock { $0 } == [reason])
        eventLoop.advanceTime(by: .milliseconds(1))
        #expect(reasons.all.withLock { $0 } == [reason, reason])
    }

    @Test("have to make room, the oldest first, when there are too many")
    func bound() throws {
        let reasons = Reasons()
        let eventLoop = EmbeddedEventLoop()
        let directory = try TestDirectory()
        let loop = ListenerLoop(
            eventLoop: eventLoop, settings: try settings(reasons, directory))
        var channels: [EmbeddedChannel] = []
        for _ in 0..<Limits.tlsHandshakesMax { channels.append(try connect(loop, eventLoop)) }
        #expect(reasons.all.withLock { $0.isEmpty })
        for _ in 0..<3 { channels.append(try connect(loop, eventLoop)) }
        #expect(
            reasons.all.withLock { $0 }
                == Array(repeating: "tls: too many handshakes in progress", count: 3))
        eventLoop.advanceTime(by: .seconds(1))
        #expect(channels.prefix(3).allSatisfy { !$0.isActive })
        #expect(channels.dropFirst(3).allSatisfy { $0.isActive })
        loop.drain()
        eventLoop.advanceTime(by: .seconds(1))
        #expect(channels.allSatisfy { !$0.isActive })
    }
}
