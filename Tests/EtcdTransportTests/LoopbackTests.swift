//  Two transports that talk to each other through real sockets.

import EtcdMembership
import EtcdNet
import EtcdTransport
import NIOCore
import NIOHTTP1
import Raft
import RuntimeCore
import Testing

@Suite("two members on the loopback interface", .timeLimit(.minutes(1)))
struct LoopbackTests {
    private func appends(_ count: Int, bytes: Int) -> [Message] {
        (0..<UInt64(count)).map { index in
            Message(
                .append, to: 2, from: 1, term: 1, logTerm: 1, index: LogIndex(index + 1),
                entries: [
                    Entry(
                        term: 1, index: LogIndex(index + 2),
                        data: Bytes([UInt8](repeating: UInt8(index % 251), count: bytes)))
                ], commit: LogIndex(index))
        }
    }

    @Test("messages arrive whole and in order, whatever their size")
    func order() async throws {
        try await withLoops { loops in
            let first = try await LoopbackMember(1, loops: loops)
            let second = try await LoopbackMember(2, loops: loops)
            first.transport.add(second.member)
            second.transport.add(first.member)
            try await first.waitForStreams(with: second)
            let sent = appends(300, bytes: 10) + appends(40, bytes: 200_000)
            for message in sent { first.transport.send([message]) }
            let answers = (1...UInt64(100)).map {
                Message(.appendResponse, to: 1, from: 2, term: 1, index: LogIndex($0))
            }
            second.transport.send(answers)
            let received = try await second.delegate.wait { $0.messages.count >= sent.count }
            #expect(received.messages == sent)
            let answered = try await first.delegate.wait { $0.messages.count >= answers.count }
            #expect(answered.messages == answers)
            #expect(first.transport.activeSince(2) != nil)

            let follower = try #require(first.transport.leaderStatistics.followers.first)
            #expect(follower.id == 2 && follower.statistics.successes == 340)
            #expect(first.transport.serverStatistics.sentAppends == 340)
            #expect(second.transport.serverStatistics.receivedAppends == 340)
            #expect(second.transport.serverStatistics.appendSource?.id == 1)
            let traffic = try #require(second.transport.traffic.first)
            #expect(traffic.id == 1 && traffic.receivedBytes > 8_000_000)
            await first.stop()
            await second.stop()
        }
    }

    @Test("without streams messages are posted, and a stranger can be answered")
    func posts() async throws {
        try await withLoops { loops in
            let first = try await LoopbackMember(1, loops: loops)
            let second = try await LoopbackMember(2, loops: loops)
            // The second does not know the first, so that no stream comes about.
            first.transport.add(second.member)
            let heartbeat = Message(.heartbeat, to: 2, from: 1, term: 1)
            first.transport.send([heartbeat])
            let received = try await second.delegate.wait { !$0.messages.isEmpty }
            #expect(received.messages == [heartbeat])
            let answer = Message(.heartbeatResponse, to: 1, from: 2, term: 1)
            second.transport.send([answer])
            let answered = try await first.delegate.wait { !$0.messages.isEmpty }
            #expect(answered.messages == [answer])
            await first.stop()
            await second.stop()
        }
    }

    @Test("snapshots are posted and confirmed")
    func snapshot() async throws {
        try await withLoops { loops in
            let first = try await LoopbackMember(1, loops: loops)
            let second = try await LoopbackMember(2, loops: loops)
            first.transport.add(second.member)
            let message = Message(
                .snapshot, to: 2, from: 1, term: 2,
                snapshot: Snapshot(
                    metadata: SnapshotMetadata(index: 9, term: 2),
                    data: Bytes([UInt8](repeating: 7, count: 3_000_000))))
            first.transport.sendSnapshot(message, database: TestImage(bytes: 10))
            let sent = try await first.delegate.wait { !$0.snapshots.isEmpty }
            #expect(sent.snapshots == [true])
            #expect(second.delegate.record.messages == [message])
            await second.stop()
            first.transport.sendSnapshot(message, database: TestImage(bytes: 10))
            let record = try await first.delegate.wait { $0.snapshots.count == 2 }
            #expect(record.snapshots == [true, false])
            #expect(record.unreachable.contains(2))
            await first.stop()
        }
    }

    @Test("a member hears that it was removed")
    func removed() async throws {
        try await withLoops { loops in
            let first = try await LoopbackMember(1, loops: loops)
            let second = try await LoopbackMember(2, loops: loops, removed: [1])
            first.transport.add(second.member)
            _ = try await first.delegate.wait { $0.removals > 0 }
            #expect(second.delegate.record.messages.isEmpty)
            await first.stop()
            await second.stop()
        }
    }

    @Test("a peer that goes away is noticed, and one that comes back is found")
    func comeAndGo() async throws {
        try await withLoops { loops in
            let first = try await LoopbackMember(1, loops: loops)
            let second = try await LoopbackMember(2, loops: loops)
            first.transport.add(second.member)
            second.transport.add(first.member)
            try await first.waitForStreams(with: second)
            second.transport.stop()
            _ = try await first.delegate.wait { !$0.unreachable.isEmpty }
            await second.stop()
            while first.transport.activeSince(2) != nil {
                try await Task.sleep(for: .milliseconds(5))
            }
            let third = try await LoopbackMember(2, loops: loops)
            first.transport.update(third.member)
            third.transport.add(first.member)
            try await first.waitForStreams(with: third)
            let heartbeat = Message(.heartbeat, to: 2, from: 1, term: 1)
            first.transport.send([heartbeat])
            _ = try await third.delegate.wait { $0.messages.contains(heartbeat) }
            await first.stop()
            await third.stop()
        }
    }

    @Test("a lying peer costs its stream, no more", arguments: lies)
    func liar(lie: String) async throws {
        try await withLoops { loops in
            let handler = TellingHandler(frames: [hex(lie)])
            let listener = try await Listener.bind(
                .tcp(host: "127.0.0.1", port: 0), loops: loops, handler: handler)
            let first = try await LoopbackMember(1, loops: loops)
            first.transport.add(
                Member(id: 2, peerURLs: ["http://\(listener.localAddress)"]))
            while (first.transport.traffic.first?.receivedFailures ?? 0) < 4 {
                try await Task.sleep(for: .milliseconds(5))
            }
            #expect(first.delegate.record.messages.isEmpty)
            await first.stop()
            await listener.drain(graceMilliseconds: 0)
        }
    }

    @Test("a snapshot that comes over a stream is left out, and what follows it is taken")
    func snapshotOverStream() async throws {
        try await withLoops { loops in
            let heartbeat = Message(.heartbeat, to: 1, from: 2, term: 1)
            let snapshot = Message(
                .snapshot, to: 1, from: 2, term: 1,
                snapshot: Snapshot(metadata: SnapshotMetadata(index: 9, term: 1)))
            let frames = [snapshot, heartbeat].map { message -> ByteBuffer in
                var bytes: [UInt8] = []
                MessageCodec.encode(message, into: &bytes)
                return ByteBuffer(bytes: bytes)
            }
            let listener = try await Listener.bind(
                .tcp(host: "127.0.0.1", port: 0), loops: loops,
                handler: TellingHandler(frames: frames))
            let first = try await LoopbackMember(1, loops: loops)
            first.transport.add(
                Member(id: 2, peerURLs: ["http://\(listener.localAddress)"]))
            // One from each kind of stream.
            while (first.transport.traffic.first?.receivedFailures ?? 0) < 2 {
                try await Task.sleep(for: .milliseconds(5))
            }
            let received = try await first.delegate.wait { $0.messages.count >= 2 }
            #expect(received.messages.allSatisfy { $0 == heartbeat })
            await first.stop()
            await listener.drain(graceMilliseconds: 0)
        }
    }
}

private let lies = [
    "ffffffffffffffff", "7fffffffffffffff00", "0000000000000004 08080000",
    // A vote in a term that no election can reach.
    "0000000000000011 0805 1001 1802 20ffffffffffffffffff01",
]

/// Says the same on every stream.
private struct TellingHandler: HTTPHandler {
    /// Of the message stream.
    let frames: [ByteBuffer]

    func plan(for head: EtcdNet.HTTPRequestHead, responder: any HTTPResponder) -> HTTPBodyPlan {
        .ignore
    }

    func handle(_ head: EtcdNet.HTTPRequestHead, body: ByteBuffer, responder: any HTTPResponder) {
        responder.start(status: 200, headers: ["X-Server-Version": "3.5.33"])
        for frame in frames {
            // On the append stream as a full message, so that both meet the same check.
            if head.target.contains("msgapp") { responder.write(ByteBuffer(bytes: [2])) }
            responder.write(frame)
        }
    }
}
