//  The Lease service over gRPC, and questions that only another member can answer.

import EtcdEdge
import EtcdNet
import EtcdProto
import LoneMember
import NIOCore
import NIOEmbedded
import RuntimeCore
import Testing

@testable import EtcdGRPC
@testable import EtcdServer

@Suite("Lease service", .timeLimit(.minutes(1)))
struct LeaseServiceTests {
    private static let prefix = "/etcdserverpb.Lease/"

    @Test("a lease is granted, known, listed, attached and revoked")
    func life() throws {
        let fixture = try ServiceFixture()
        let granted: [LeaseGrantResponse] = try fixture.call(
            Self.prefix + "LeaseGrant", LeaseGrantRequest(ttl: 60, id: 7))
        #expect(granted[0].id == 7)
        #expect(granted[0].ttl == 60)
        #expect(granted[0].header?.raftTerm == 2)
        #expect(
            try fixture.failure(Self.prefix + "LeaseGrant", LeaseGrantRequest(ttl: 60, id: 7))
                == "grpc-status: 9, grpc-message: etcdserver: lease already exists end")
        _ = try fixture.put("a", lease: 7)
        let listed: [LeaseLeasesResponse] = try fixture.call(
            Self.prefix + "LeaseLeases", LeaseLeasesRequest())
        #expect(listed[0].leases == [LeaseStatus(id: 7)])
        let left: [LeaseTimeToLiveResponse] = try fixture.call(
            Self.prefix + "LeaseTimeToLive", LeaseTimeToLiveRequest(id: 7, keys: true))
        #expect(left[0].grantedTTL == 60)
        #expect(left[0].keys == [Bytes("a")])
        let _: [LeaseRevokeResponse] = try fixture.call(
            Self.prefix + "LeaseRevoke", LeaseRevokeRequest(id: 7))
        let gone: [LeaseTimeToLiveResponse] = try fixture.call(
            Self.prefix + "LeaseTimeToLive", LeaseTimeToLiveRequest(id: 7))
        #expect(gone[0].ttl == -1)
        #expect(gone[0].header?.clusterID == 0xc1)
        #expect(
            try fixture.failure(Self.prefix + "LeaseRevoke", LeaseRevokeRequest(id: 7))
                == "grpc-status: 5, grpc-message: etcdserver: requested lease not found end")
    }

    @Test("renewals are answered in order, also for leases that are not there")
    func keepAlive() throws {
        let fixture = try ServiceFixture()
        let _: [LeaseGrantResponse] = try fixture.call(
            Self.prefix + "LeaseGrant", LeaseGrantRequest(ttl: 60, id: 7))
        let stream = fixture.newStream()
        try fixture.client.open(Self.prefix + "LeaseKeepAlive", stream: stream)
        let requests = [7, 8, 7].map { LeaseKeepAliveRequest(id: $0) }
        try fixture.client.data(
            requests.flatMap { CallConnection.framed(ServiceFixture.bytes($0)) }, stream: stream,
            ends: true)
        fixture.member.run()
        let answers: [LeaseKeepAliveResponse] = try fixture.client.take(stream: stream)
        #expect(answers.map(\.id) == [7, 8, 7])
        #expect(answers.map(\.ttl) == [60, 0, 60])
        #expect(fixture.member.edges.all[0].waiterCount == 0)
    }

    @Test("a renewal waits for the one before it, though the client could take more")
    func keepAliveOrder() throws {
        let fixture = try GatewayFixture()
        fixture.post("/v3/lease/grant", "{\"ID\":\"7\",\"TTL\":\"60\"}")
        let (responder, sink) = try #require(fixture.open("/v3/lease/keepalive"))
        _ = sink.receive(ByteBuffer(string: "{\"ID\":\"7\"}{\"ID\":\"8\"}"))
        let edge = fixture.member.edges.all[0]
        #expect(edge.waiterCount == 1)
        responder.becomeWritable()
        #expect(edge.waiterCount == 1)
        fixture.member.run()
        let answers = responder.body.split(separator: "\n")
        #expect(answers.map { $0.contains("\"ID\":\"7\"") } == [true, false])
        #expect(edge.waiterCount == 0)
        sink.complete()
        #expect(responder.isFinished)
    }

    // MARK: questions to the leader

    private func ask(
        _ fixture: ServiceFixture, here: @escaping () -> LeaseAnswer<Int>,
        elsewhere: @escaping ([String]) -> EventLoopFuture<Int>
    ) -> (LeaseQuestion<Int>, Outcomes) {
        let question = LeaseQuestion(
            handler: fixture.member.handler, edge: fixture.member.edges.all[0],
            here: { _, _ in here() }, elsewhere: elsewhere)
        let outcomes = Outcomes()
        question.ask { outcomes.list.append($0) }
        return (question, outcomes)
    }

    private final class Outcomes {
        var list: [Result<Int, ServerError>] = []
        var asked = 0
    }

    private struct Refused: Error {}

    @Test("who leads answers at once")
    func here() throws {
        let fixture = try ServiceFixture()
        let (_, outcomes) = ask(
            fixture, here: { .here(5) }, elsewhere: { _ in preconditionFailure("asked elsewhere") })
        #expect(outcomes.list == [.success(5)])
        #expect(fixture.member.edges.all[0].waiterCount == 0)
    }

    @Test("the leader is asked until it answers, whoever that is by then")
    func elsewhere() throws {
        let fixture = try ServiceFixture()
        let loop = fixture.member.loop
        let attempts = Outcomes()
        let (_, outcomes) = ask(
            fixture,
            here: { attempts.asked == 1 ? .failed(.noLeader) : .forward(["u\(attempts.asked)"]) },
            elsewhere: { urls in
                attempts.asked += 1
                return urls == ["u2"]
                    ? loop.makeSucceededFuture(9) : loop.makeFailedFuture(Refused())
            })
        #expect(outcomes.list.isEmpty)
        loop.advanceTime(by: .milliseconds(60))
        #expect(attempts.asked == 1)
        attempts.asked = 2
        loop.advanceTime(by: .milliseconds(60))
        #expect(outcomes.list == [.success(9)])
        loop.advanceTime(by: .seconds(60))
        #expect(outcomes.list.count == 1)
        #expect(fixture.member.edges.all[0].waiterCount == 0)
    }

    @Test("a lease that the leader does not know is not asked for again")
    func notFound() throws {
        let fixture = try ServiceFixture()
        let loop = fixture.member.loop
        let (_, outcomes) = ask(
            fixture, here: { .forward(["u"]) },
            elsewhere: { _ in loop.makeFailedFuture(ServerError.leaseNotFound) })
        #expect(outcomes.list == [.failure(.leaseNotFound)])
    }

    @Test("who was deposed before the log took note asks whoever leads by then")
    func deposed() throws {
        let fixture = try ServiceFixture()
        let loop = fixture.member.loop
        let attempts = Outcomes()
        let (question, outcomes) = ask(
            fixture,
            here: {
                attempts.asked += 1
                return attempts.asked == 1
                    ? .afterCheckpoint(RequestID(rawValue: 1), 5) : .forward(["u"])
            }, elsewhere: { _ in loop.makeSucceededFuture(9) })
        question.receive(.failed(.notLeader), token: 0)
        #expect(outcomes.list.isEmpty)
        loop.advanceTime(by: .milliseconds(60))
        #expect(outcomes.list == [.success(9)])
        #expect(fixture.member.edges.all[0].waiterCount == 0)
    }

    @Test("without an answer the request's time limit ends it")
    func timeout() throws {
        let fixture = try ServiceFixture()
        let loop = fixture.member.loop
        let (_, outcomes) = ask(
            fixture, here: { .forward(["u"]) },
            elsewhere: { _ in loop.makeFailedFuture(Refused()) })
        let limit = Int64(fixture.member.handler.requestTimeoutMilliseconds)
        loop.advanceTime(by: .milliseconds(limit - 1))
        #expect(outcomes.list.isEmpty)
        loop.advanceTime(by: .milliseconds(300))
        #expect(outcomes.list == [.failure(.timeout)])
    }

    @Test("a question that nobody wants answered any more is dropped")
    func cancelled() throws {
        let fixture = try ServiceFixture()
        let loop = fixture.member.loop
        let attempts = Outcomes()
        let (question, outcomes) = ask(
            fixture, here: { .forward(["u"]) },
            elsewhere: { _ in
                attempts.asked += 1
                return loop.makeFailedFuture(Refused())
            })
        question.cancel()
        loop.advanceTime(by: .seconds(20))
        #expect(outcomes.list.isEmpty)
        #expect(attempts.asked == 1)
        #expect(fixture.member.edges.all[0].waiterCount == 0)
    }
}
