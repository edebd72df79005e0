//  Asking members for each other over loopback.

import EtcdMembership
import EtcdNet
import NIOCore
import Raft
import Testing

import struct NIOHTTP1.HTTPHeaders

@testable import EtcdDaemon

/// A peer port that tells of these members.
private struct PretendPeer: HTTPHandler {
    let members: [Member]

    func plan(for head: HTTPRequestHead, responder: any HTTPResponder) -> HTTPBodyPlan { .ignore }

    func handle(_ head: HTTPRequestHead, body: ByteBuffer, responder: any HTTPResponder) {
        responder.respond(
            status: 200, headers: ["X-Etcd-Cluster-ID": "1f"],
            body: ByteBuffer(bytes: memberListJSON(members)))
    }
}

@Suite("Questions to a cluster", .timeLimit(.minutes(1)))
struct ClusterQueriesTests {
    @Test("a member that knows of no members yet is passed by")
    func emptyList() async throws {
        let loops = EventLoops(count: 1)
        let known = [Member(id: MemberID(7), peerURLs: ["http://10.0.0.7:2380"], name: "seven")]
        var listeners: [Listener] = []
        for members in [[], known] {
            listeners.append(
                try await Listener.bind(
                    .tcp(host: "127.0.0.1", port: 0), loops: loops,
                    handler: PretendPeer(members: members)))
        }
        let urls = listeners.map { "http://\($0.localAddress)" }
        let client = HTTPClient(loops: loops)
        let queries = ClusterQueries(client: client, loop: loops.next())
        let running = try #require(await queries.members(from: urls, timeout: .seconds(20)))
        #expect(running.clusterID == 0x1f)
        #expect(running.members == known)
        #expect(await queries.members(from: [urls[0]], timeout: .seconds(20)) == nil)
        client.shutdown()
        for listener in listeners { await listener.drain(graceMilliseconds: 0) }
        try await loops.shutdown()
    }
}
