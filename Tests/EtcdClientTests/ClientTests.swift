//  Calls of the v3 client against a scripted server on loopback.

import EtcdNet
import EtcdProto
import NIOCore
import RuntimeCore
import Testing

@testable import EtcdClient

private let range = "/etcdserverpb.KV/Range"
private let put = "/etcdserverpb.KV/Put"
private let snapshot = "/etcdserverpb.Maintenance/Snapshot"
private let watch = "/etcdserverpb.Watch/Watch"
private let authenticate = "/etcdserverpb.Auth/Authenticate"

@Suite("The v3 client", .timeLimit(.minutes(2)))
struct ClientTests {
    private func client(
        _ server: CallServer, others: [String] = [], user: ClientSettings.User? = nil
    ) throws -> Client {
        var settings = ClientSettings(endpoints: others + [server.endpoint])
        settings.user = user
        return try Client(settings, loop: server.loops.next())
    }

    private func failure(_ body: () async throws(CallStatus) -> Void) async -> CallStatus? {
        do throws(CallStatus) {
            try await body()
            return nil
        } catch {
            return error
        }
    }

    @Test("asks and is answered, many times over one connection, and tells its time limit")
    func unary() async throws {
        let server = try await CallServer([
            range: { call, message in
                let request = try? RangeRequest(decoding: message)
                call.answer(
                    RangeResponse(
                        kvs: [
                            KeyValue(key: request?.key ?? .empty, value: Bytes(call.timeout ?? "-"))
                        ],
                        count: 1))
            }
        ])
        let client = try client(server)
        let big = Bytes([UInt8](repeating: 7, count: 3 << 20))
        for key in [Bytes("a"), Bytes(""), big] {
            let answer: RangeResponse = try await client.call(
                range, RangeRequest(key: key), timeout: .seconds(30))
            #expect(answer.kvs.first?.key == key)
            #expect(answer.kvs.first?.value.text == "30000m")
        }
        await client.close()
        try await server.stop()
    }

    @Test("hears the server's code and text, percent escapes undone")
    func statuses() async throws {
        let server = try await CallServer([
            range: { call, _ in call.stream.finish(status: 11, message: "etcdserver: grün 100%") },
            put: { call, _ in
                call.send(PutResponse())
                call.stream.finish(status: 14, message: "late")
            },
        ])
        let client = try client(server)
        let refused = await failure { () async throws(CallStatus) in
            let _: RangeResponse = try await client.call(
                range, RangeRequest(), timeout: .seconds(30))
        }
        #expect(refused == CallStatus(.outOfRange, "etcdserver: grün 100%"))
        let late = await failure { () async throws(CallStatus) in
            let _: PutResponse = try await client.call(put, PutRequest(), timeout: .seconds(30))
        }
        #expect(late == CallStatus(.unavailable, "late"))
        let unknown = await failure { () async throws(CallStatus) in
            let _: PutResponse = try await client.call(
                "/x.Y/Z", PutRequest(), timeout: .seconds(30))
        }
        #expect(unknown == CallStatus(.unimplemented, "unknown method /x.Y/Z"))
        await client.close()
        try await server.stop()
    }

    @Test("a call whose time is up ends, and the server learns it")
    func deadline() async throws {
        let server = try await CallServer([range: { _, _ in }])
        let client = try client(server)
        let status = await failure { () async throws(CallStatus) in
            let _: RangeResponse = try await client.call(
                range, RangeRequest(), timeout: .milliseconds(50))
        }
        #expect(status == .deadlineExceeded)
        try await server.wait(for: "closed")
        await client.close()
        try await server.stop()
    }

    @Test("a long stream comes whole while a slow reader holds the server back")
    func backPressure() async throws {
        let parts = 3_000
        let server = try await CallServer([
            snapshot: { call, _ in
                var sent = 0
                func sendMore() {
                    while sent < parts, call.stream.isWritable {
                        sent += 1
                        call.send(
                            SnapshotResponse(
                                remainingBytes: UInt64(parts - sent),
                                blob: Bytes([UInt8](repeating: UInt8(sent & 255), count: 32_768))))
                    }
                    if sent == parts {
                        call.onWritable = nil
                        call.stream.finish()
                        call.stream.receiver = nil
                    }
                }
                call.onWritable = sendMore
                sendMore()
            }
        ])
        let client = try client(server)
        let stream: ClientStream<SnapshotResponse> = try await client.open(
            snapshot, SnapshotRequest())
        var seen = 0
        while let part = try await stream.next() {
            seen += 1
            #expect(part.blob.count == 32_768 && part.blob[0] == UInt8(seen & 255))
            if seen == 1 {
                // What the server could send meanwhile is bounded by the windows.
                try await Task.sleep(for: .milliseconds(50))
                #expect(part.remainingBytes == UInt64(parts - 1))
            }
        }
        #expect(seen == parts)
        await client.close()
        try await server.stop()
    }

    @Test("an open stream takes further requests, and ends when it is let go of")
    func duplex() async throws {
        let server = try await CallServer([
            watch: { call, message in
                let request = try? WatchRequest(decoding: message)
                guard case .create(let create)? = request?.request else { return }
                call.send(WatchResponse(watchID: create.watchID, created: true))
            }
        ])
        let client = try client(server)
        func create(_ id: Int64) -> WatchRequest {
            var request = WatchCreateRequest()
            request.watchID = id
            return WatchRequest(request: .create(request))
        }
        var stream: ClientStream<WatchResponse>? = try await client.open(
            watch, create(1), keepsOpen: true)
        #expect(try await stream?.next()?.watchID == 1)
        stream?.send(create(2))
        #expect(try await stream?.next()?.watchID == 2)
        stream = nil
        try await server.wait(for: "closed")
        let held: ClientStream<WatchResponse> = try await client.open(
            watch, create(3), keepsOpen: true)
        #expect(try await held.next()?.watchID == 3)
        let reader = Task { try await held.next() }
        reader.cancel()
        await #expect(throws: CallStatus.canceled) { try await reader.value }
        try await server.wait(for: "closed", count: 2)
        await client.close()
        try await server.stop()
    }

    @Test("passes by endpoints where nobody listens, and names them all when nobody does anywhere")
    func endpoints() async throws {
        let server = try await CallServer([range: { call, _ in call.answer(RangeResponse()) }])
        let nobody = try await CallServer([:])
        let dead = nobody.endpoint
        try await nobody.stop()
        let client = try client(server, others: [dead, "http://\(dead)"])
        let _: RangeResponse = try await client.call(range, RangeRequest(), timeout: .seconds(30))
        await client.close()
        let lost = try Client(
            ClientSettings(endpoints: [dead, "ftp://x"]), loop: server.loops.next())
        let status = try #require(
            await failure { () async throws(CallStatus) in
                let _: RangeResponse = try await lost.call(
                    range, RangeRequest(), timeout: .seconds(30))
            })
        #expect(status.code == .unavailable)
        #expect(status.message.contains("dial \(dead): "))
        #expect(status.message.contains("bad address \"ftp://x\": unknown scheme"))
        try await server.stop()
    }

    @Test("goes to the next endpoint when one fails in the middle, if the call may be repeated")
    func failover() async throws {
        let failing: CallScript = { call, _ in
            call.stream.finish(status: 14, message: "etcdserver: server stopped")
        }
        let first = try await CallServer([range: failing, put: failing])
        let second = try await CallServer([
            range: { call, _ in call.answer(RangeResponse(count: 5)) },
            put: { call, _ in call.answer(PutResponse()) },
        ])
        let client = try client(second, others: [first.endpoint])
        let refused = await failure { () async throws(CallStatus) in
            let _: PutResponse = try await client.call(put, PutRequest(), timeout: .seconds(30))
        }
        #expect(refused == CallStatus(.unavailable, "etcdserver: server stopped"))
        let answer: RangeResponse = try await client.call(
            range, RangeRequest(), timeout: .seconds(30), isRepeatable: true)
        #expect(answer.count == 5)
        await client.close()
        try await first.stop()
        try await second.stop()
    }

    @Test("dials again after the server has hung up")
    func reconnects() async throws {
        let server = try await CallServer([range: { call, _ in call.answer(RangeResponse()) }])
        let second = try await CallServer([range: { call, _ in call.answer(RangeResponse()) }])
        let client = try client(second, others: [server.endpoint])
        let _: RangeResponse = try await client.call(range, RangeRequest(), timeout: .seconds(30))
        await server.hangUp()
        let _: RangeResponse = try await client.call(
            range, RangeRequest(), timeout: .seconds(30), isRepeatable: true)
        #expect(second.log == [range])
        await client.close()
        try await server.stop()
        try await second.stop()
    }

    @Test(
        "a server that falls silent is given up: before its greeting, and in the middle of a call")
    func silence() async throws {
        let loops = EventLoops(count: 1)
        // An empty SETTINGS frame, and nothing more.
        let greeting: [UInt8] = [0, 0, 0, 4, 0, 0, 0, 0, 0]
        for (words, expected) in [
            ([], "no answer to the greeting in time"),
            (greeting, "keepalive ping failed to receive ACK within timeout"),
            (Array("HTTP/1.1 400 Bad Request\r\n\r\n".utf8), "does not speak HTTP/2"),
        ] as [([UInt8], String)] {
            let server = try await MuteServer(saying: words, on: loops.next())
            var settings = ClientSettings(endpoints: ["http://127.0.0.1:\(server.port)"])
            settings.connection.dialTimeout = .milliseconds(words == [] ? 100 : 30_000)
            settings.connection.keepAlive = .milliseconds(50)
            settings.connection.keepAliveTimeout = .milliseconds(50)
            // The interval counts from the end of the time for dialling.
            if words == greeting { settings.connection.dialTimeout = .milliseconds(200) }
            let client = try Client(settings, loop: loops.next())
            let status = await failure { () async throws(CallStatus) in
                let _: RangeResponse = try await client.call(
                    range, RangeRequest(), timeout: .seconds(60))
            }
            #expect(status?.code == .unavailable)
            #expect(status?.message.contains(expected) == true, "\(status as Any)")
            await client.close()
            try await server.stop()
        }
        try await loops.shutdown()
    }

    @Test("logs in first, and again when the token is no longer known")
    func login() async throws {
        let server = try await CallServer([
            authenticate: { call, message in
                let request = try? AuthenticateRequest(decoding: message)
                guard request?.name == "root", request?.password == "secret" else {
                    return call.stream.finish(
                        status: 3,
                        message: "etcdserver: authentication failed, invalid user ID or password")
                }
                call.answer(AuthenticateResponse(token: "t"))
            },
            range: { call, message in
                let isFirst = (try? RangeRequest(decoding: message))?.key.text == "first"
                if isFirst || call.token != "t" {
                    return call.stream.finish(status: 16, message: "etcdserver: invalid auth token")
                }
                call.answer(RangeResponse())
            },
        ])
        let known = try client(server, user: .init(name: "root", password: "secret"))
        let _: RangeResponse = try await known.call(range, RangeRequest(), timeout: .seconds(30))
        #expect(server.log == [authenticate, range])
        let stale = await failure { () async throws(CallStatus) in
            let _: RangeResponse = try await known.call(
                range, RangeRequest(key: Bytes("first")), timeout: .seconds(30))
        }
        #expect(stale?.code == .unauthenticated)
        #expect(server.log.suffix(3) == [range, authenticate, range])
        let wrong = try client(server, user: .init(name: "root", password: "x"))
        let refused = await failure { () async throws(CallStatus) in
            let _: RangeResponse = try await wrong.call(
                range, RangeRequest(), timeout: .seconds(30))
        }
        #expect(
            refused?.message == "etcdserver: authentication failed, invalid user ID or password")
        await known.close()
        await wrong.close()
        try await server.stop()
    }

    @Test("calls without a token where there is no authentication")
    func withoutAuthentication() async throws {
        let server = try await CallServer([
            authenticate: { call, _ in
                call.stream.finish(status: 9, message: "etcdserver: authentication is not enabled")
            },
            range: { call, _ in
                call.answer(RangeResponse(count: call.token == nil ? 1 : 0))
            },
        ])
        let client = try client(server, user: .init(name: "root", password: "secret"))
        let answer: RangeResponse = try await client.call(
            range, RangeRequest(), timeout: .seconds(30))
        #expect(answer.count == 1)
        await client.close()
        try await server.stop()
    }
}
