//  Reads of one pass of the loop ask the replica once, and each hears of the outcome by itself.

import EtcdEdge
import NIOCore
import NIOEmbedded
import Synchronization
import Testing

@testable import EtcdServer

private final class Reader: BarrierWaiter {
    private(set) var outcomes: [ServerError?] = []

    func barrierEnded(_ failure: ServerError?) { outcomes.append(failure) }
}

/// One loop's edge before a replica that answers when it is told to.
private struct BarrierBench {
    let fixture = Fixture()
    var edge: HTTPEdge { fixture.edges.all[0] }

    /// What the replica has been asked for.
    var asked: [UInt64] {
        fixture.consensus.inputs.withLock { inputs in
            inputs.compactMap { if case .readBarrier(let id, _) = $0 { id } else { nil } }
        }
    }

    func join(_ readers: Reader...) -> [SharedBarrier] {
        readers.map { edge.awaitBarrier($0, of: fixture.handler) }
    }

    func answer(_ reply: Reply, to id: UInt64) throws {
        let address = try #require(fixture.registry.take(id))
        edge.deliver([EdgeReply(token: address.token, reply: reply)])
        fixture.loop.run()
    }
}

@Suite("Shared barriers")
struct SharedBarrierTests {
    private let bench = BarrierBench()
    private let one = Reader()
    private let other = Reader()

    @Test("all who come in one pass share a question, whoever comes later asks anew")
    func sharing() throws {
        let late = Reader()
        _ = bench.join(one, other)
        #expect(bench.asked.isEmpty)
        bench.fixture.loop.run()
        #expect(bench.asked.count == 1)
        _ = bench.join(late)
        bench.fixture.loop.run()
        #expect(bench.asked.count == 2)
        try bench.answer(.barrier, to: bench.asked[0])
        #expect(one.outcomes == [nil] && other.outcomes == [nil] && late.outcomes.isEmpty)
        try bench.answer(.failed(.stopped), to: bench.asked[1])
        #expect(one.outcomes == [nil] && late.outcomes == [.stopped])
        #expect(bench.edge.waiterCount == 0)
    }

    @Test("a replica that cannot be asked fails all of them")
    func refusal() {
        bench.fixture.consensus.isFull.withLock { $0 = true }
        _ = bench.join(one, other)
        bench.fixture.loop.run()
        #expect(one.outcomes == [.tooManyRequests] && other.outcomes == [.tooManyRequests])
        #expect(bench.edge.waiterCount == 0 && bench.fixture.registry.count == 0)
    }

    @Test("the replica's time limit holds for all of them")
    func timeout() {
        _ = bench.join(one, other)
        bench.fixture.loop.run()
        bench.fixture.loop.advanceTime(by: .seconds(8))
        #expect(one.outcomes == [.timeout] && other.outcomes == [.timeout])
        #expect(bench.edge.waiterCount == 0 && bench.fixture.registry.count == 0)
    }

    @Test("the question is forgotten when the last one has gone, before it is asked or after")
    func leaving() throws {
        for barrier in bench.join(one, other) { barrier.leave() }
        bench.fixture.loop.run()
        #expect(bench.asked.isEmpty)
        let barriers = bench.join(one, other)
        bench.fixture.loop.run()
        barriers[0].leave()
        #expect(bench.fixture.registry.count == 1)
        barriers[1].leave()
        #expect(bench.fixture.registry.count == 0 && bench.edge.waiterCount == 0)
        #expect(one.outcomes.isEmpty && other.outcomes.isEmpty)
    }
}
