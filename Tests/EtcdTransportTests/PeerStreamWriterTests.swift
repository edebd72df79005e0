//  A stream that a peer reads slowly, not at all, or leaves.

import EtcdMembership
import EtcdNet
import Logging
import NIOCore
import NIOEmbedded
import NIOHTTP1
import NIOPosix
import Raft
import RuntimeCore
import Synchronization
import Testing

@testable import EtcdTransport

@Suite("stream writer")
struct PeerStreamWriterTests {
    let loop = EmbeddedEventLoop()
    let responder: FakeResponder
    let writer: PeerStreamWriter
    let closed: Atomic<Int>.Box

    init() {
        responder = FakeResponder(eventLoop: loop)
        closed = Atomic<Int>.Box()
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let counters = PeerCounters()
        let context = PeerContext(
            peer: remoteID,
            identity: PeerIdentity(
                localID: localID, clusterID: testClusterID, localPeerURLs: [],
                serverVersion: "3.5.33", minimumClusterVersion: "3.0.0"),
            members: makeDirectory([]),
            client: HTTPClient(loops: MultiThreadedEventLoopGroup.singleton), loop: loop,
            clock: TestClock(), delegate: RecordingDelegate(), statistics: PeerStatistics(),
            counters: counters,
            activity: PeerActivity(peer: remoteID, counters: counters, logger: logger),
            snapshots: SnapshotTransfers(files: MemorySnapshots()), logger: logger)
        writer = PeerStreamWriter(kind: .message, context: context, responder: responder) {
            [closed] _ in closed.value.wrappingAdd(1, ordering: .relaxed)
        }
    }

    let now = Instant(nanoseconds: 1)

    func message(_ number: UInt64) -> Message {
        Message(.heartbeat, to: remoteID, from: localID, term: Term(number))
    }

    /// What was written, link heartbeats left out.
    func written() throws -> [Message] {
        var decoder = MessageDecoder()
        var messages: [Message] = []
        try decoder.feed(responder.body, into: &messages)
        return messages
    }

    @Test("a batch leaves in order, in one part")
    func batch() throws {
        #expect(writer.post([message(1), message(2)], at: now) == 0)
        #expect(writer.post([message(3)], at: now) == 0)
        loop.run()
        #expect(try written() == [message(1), message(2), message(3)])
    }

    @Test("what has no room waits, up to a bound, and leaves when there is room again")
    func backlog() throws {
        responder.isWritable = false
        let messages = (1...UInt64(Limits.peerQueueMax)).map { message($0) }
        #expect(writer.post(messages, at: now) == 0)
        loop.run()
        #expect(writer.post([message(0), message(0)], at: now) == 2)
        #expect(try written().isEmpty)
        responder.isWritable = true
        responder.onWritable?()
        loop.run()
        #expect(try written() == messages)
        #expect(writer.post([message(9)], at: now) == 0)
        loop.run()
        #expect(try written().last == message(9))
    }

    func append(_ commit: UInt64, entries: [Entry] = [], term: UInt64 = 1) -> Message {
        Message(
            .append, to: remoteID, from: localID, term: Term(term), logTerm: 1, index: 7,
            entries: entries, commit: LogIndex(commit))
    }

    @Test("what may wait does so for a moment")
    func patience() throws {
        #expect(writer.post([append(5)], at: now, mayWait: true) == 0)
        loop.run()
        #expect(try written().isEmpty)
        loop.advanceTime(by: PeerStreamWriter.patience)
        #expect(try written() == [append(5)])
    }

    @Test("what may wait leaves with what may not, or is replaced by it")
    func company() throws {
        let next = append(6, entries: [Entry(term: 1, index: 8)])
        _ = writer.post([append(5)], at: now, mayWait: true)
        _ = writer.post([append(6)], at: now, mayWait: true)
        _ = writer.post([next], at: now)
        loop.run()
        #expect(try written() == [next])
        // Another leader's word is no replacement.
        _ = writer.post([append(6)], at: now, mayWait: true)
        _ = writer.post([append(6, term: 2)], at: now)
        loop.run()
        #expect(try written() == [next, append(6), append(6, term: 2)])
        loop.advanceTime(by: PeerStreamWriter.patience)
        #expect(try written().count == 3)
    }

    @Test("what is held back can be called for")
    func flush() throws {
        _ = writer.post([append(5)], at: now, mayWait: true)
        writer.flush()
        loop.run()
        #expect(try written() == [append(5)])
        writer.flush()
        loop.run()
        #expect(try written().count == 1)
    }

    @Test("an idle stream carries signs of life")
    func beats() {
        loop.advanceTime(by: .seconds(4))
        #expect(responder.body.readableBytes == 2 * 26)
    }

    @Test("a stream that the peer has left takes nothing more, and is reported once")
    func left() {
        responder.isWritable = false
        #expect(writer.post([message(1)], at: now) == 0)
        loop.run()
        responder.onClose?()
        #expect(closed.value.load(ordering: .relaxed) == 1)
        #expect(responder.onClose == nil && responder.onWritable == nil)
        #expect(writer.post([message(1)], at: now) == 1)
    }

    @Test("closing lets out what was posted before")
    func close() throws {
        _ = writer.post([message(1)], at: now)
        writer.close()
        loop.run()
        #expect(try written() == [message(1)])
        #expect(responder.isFinished && closed.value.load(ordering: .relaxed) == 0)
    }
}

extension Atomic<Int> {
    /// A counter that closures can share.
    final class Box: Sendable {
        let value = Atomic<Int>(0)
    }
}
