//  A token of the v2 protocol on loopback.

import EtcdConfig
import EtcdNet
import NIOCore
import Synchronization
import Testing

import struct NIOHTTP1.HTTPHeaders

@testable import EtcdDiscovery

/// The key space of a discovery service for clusters of one. It stores the first registration, and
/// cuts the connection instead of saying so.
private final class ForgetfulService: HTTPHandler {
    /// What `X-Etcd-Index` says.
    let index: UInt64
    let asked = Mutex<[String]>([])
    private let stored = Mutex<String?>(nil)

    init(index: UInt64 = 3) { self.index = index }

    func plan(for head: HTTPRequestHead, responder: any HTTPResponder) -> HTTPBodyPlan {
        .collect(maximum: 1_000)
    }

    func handle(_ head: HTTPRequestHead, body: ByteBuffer, responder: any HTTPResponder) {
        asked.withLock { $0.append("\(head.method) \(head.target)") }
        if head.method == "PUT" {
            let isFirst = stored.withLock { stored in
                defer { stored = "me=http://10.0.0.1:2380" }
                return stored == nil
            }
            if isFirst { return responder.abort() }
            return respond(
                responder, 412,
                #"{"errorCode":105,"message":"Key already exists","cause":"/t/1a","index":3}"#)
        }
        if head.target == "/t/_config/size" {
            return respond(responder, 200, #"{"action":"get","node":{"value":"1"}}"#)
        }
        let nodes = stored.withLock { $0 }.map {
            #"{"key":"/t/1a","value":"\#($0)","createdIndex":2}"#
        }
        let list = nodes ?? ""
        respond(responder, 200, #"{"action":"get","node":{"nodes":[\#(list)]}}"#)
    }

    private func respond(_ responder: any HTTPResponder, _ status: Int, _ text: String) {
        responder.respond(
            status: status, headers: ["X-Etcd-Index": "\(index)"], body: ByteBuffer(string: text))
    }
}

@Suite("Tokens of the v2 protocol", .timeLimit(.minutes(1)))
struct V2RegistryTests {
    private func with(
        _ service: ForgetfulService, _ body: (V2Registry) async throws -> Void
    ) async throws {
        let loops = EventLoops(count: 1)
        let listener = try await Listener.bind(
            .tcp(host: "127.0.0.1", port: 0), loops: loops, handler: service)
        let client = HTTPClient(loops: loops)
        try await body(
            V2Registry(
                try DiscoveryURL("http://\(listener.localAddress)/t"), proxy: nil, client: client,
                loop: loops.next()))
        client.shutdown()
        await listener.drain(graceMilliseconds: 0)
        try await loops.shutdown()
    }

    @Test("a registration that was cut off on a kept connection is not taken for another's")
    func cutOff() async throws {
        let service = ForgetfulService()
        let own = "me=http://10.0.0.1:2380"
        try await with(service) { registry in
            var discovery = Discovery(registry, service: "http://x", logger: quiet)
            discovery.sleep = { _ in }
            let outcome = try await discovery.join(id: "1a", entries: try entries(own))
            #expect(outcome == .joined(try entries(own)))
        }
        let asked = service.asked.withLock { $0 }
        #expect(asked.filter { $0.hasPrefix("PUT") }.count == 2, "\(asked)")
    }
    @Test("a service that claims to be at the last position is waited for from the present on")
    func lastPosition() async throws {
        let service = ForgetfulService(index: .max)
        try await with(service) { registry in
            let position = try await registry.registrations().position
            #expect(position == .max)
            try await registry.waitForNews(after: position)
        }
        #expect(
            service.asked.withLock { $0.last } == "GET /t?recursive=true&wait=true&waitIndex=0")
    }
}
