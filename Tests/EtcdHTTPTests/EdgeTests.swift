//  The table of waiters, its deadlines, and late replies.

import EtcdEdge
import EtcdServer
import NIOCore
import NIOEmbedded
import RuntimeCore
import Testing

@testable import EtcdHTTP

private final class Recorder: EdgeWaiter {
    var received: [UInt64] = []
    var expired: [UInt64] = []

    func receive(_ reply: Reply, token: UInt64) { received.append(token) }
    func timedOut(token: UInt64) { expired.append(token) }
}

@Suite struct EdgeTests {
    @Test func deliversToTheWaiterOfTheNumber() {
        let loop = EmbeddedEventLoop()
        let edge = HTTPEdges([loop], firstNumber: 3).edge(of: loop)
        #expect(edge.number == 3)
        let one = Recorder()
        let other = Recorder()
        let first = edge.register(one, timeoutMilliseconds: nil)
        let second = edge.register(other, timeoutMilliseconds: nil)
        edge.deliver([
            EdgeReply(token: second, reply: .barrier), EdgeReply(token: first, reply: .barrier),
            EdgeReply(token: 77, reply: .barrier),
        ])
        #expect(one.received.isEmpty)
        loop.run()
        #expect(one.received == [first])
        #expect(other.received == [second])
        #expect(edge.waiterCount == 2)
    }

    @Test func dropsLateReplies() {
        let loop = EmbeddedEventLoop()
        let edge = HTTPEdge(number: 0, eventLoop: loop)
        let one = Recorder()
        let other = Recorder()
        let first = edge.register(one, timeoutMilliseconds: nil)
        edge.cancel(first)
        edge.cancel(first)
        // The slot is used again, under another number.
        let second = edge.register(other, timeoutMilliseconds: nil)
        #expect(first != second)
        edge.deliver([EdgeReply(token: first, reply: .barrier)])
        loop.run()
        #expect(one.received.isEmpty)
        #expect(other.received.isEmpty)
        #expect(edge.waiterCount == 1)
    }

    @Test func keepsDeadlines() {
        let loop = EmbeddedEventLoop()
        let edge = HTTPEdge(number: 0, eventLoop: loop)
        let short = Recorder()
        let long = Recorder()
        let endless = Recorder()
        let first = edge.register(short, timeoutMilliseconds: 250)
        let second = edge.register(long, timeoutMilliseconds: 1_000)
        _ = edge.register(endless, timeoutMilliseconds: nil)
        loop.advanceTime(by: .milliseconds(249))
        #expect(short.expired.isEmpty)
        loop.advanceTime(by: .milliseconds(201))
        #expect(short.expired == [first])
        #expect(edge.waiterCount == 2)
        edge.cancel(second)
        loop.advanceTime(by: .seconds(10))
        #expect(long.expired.isEmpty)
        #expect(endless.expired.isEmpty)
    }
}
