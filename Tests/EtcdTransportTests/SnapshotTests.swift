//  Snapshots with their databases, over real sockets: whole, held up, cut short and refused.

import EtcdMembership
import EtcdNet
import EtcdTransport
import Glibc
import Logging
import NIOCore
import Raft
import RuntimeCore
import Synchronization
import Testing

private func snapshotMessage(index: UInt64, to: MemberID = 2, from: MemberID = 1) -> Message {
    Message(
        .snapshot, to: to, from: from, term: 2,
        snapshot: Snapshot(
            metadata: SnapshotMetadata(index: LogIndex(index), term: 2), data: Bytes("{}")))
}

private func framed(_ message: Message) -> [UInt8] {
    var bytes: [UInt8] = []
    MessageCodec.encode(message, into: &bytes)
    return bytes
}

@Suite("snapshots with databases", .timeLimit(.minutes(1)))
struct SnapshotTests {
    /// Two members, of which the first knows the second.
    private func withMembers(
        files: MemorySnapshots, stallTimeout: TimeAmount = .seconds(30),
        reminderInterval: TimeAmount = .seconds(30), removed: [MemberID] = [],
        logger: Logger = quiet,
        _ body: (LoopbackMember, LoopbackMember) async throws -> Void
    ) async throws {
        try await withLoops { loops in
            let transfers = SnapshotTransfers(
                files: files, stallTimeout: stallTimeout, reminderInterval: reminderInterval)
            let first = try await LoopbackMember(
                1, loops: loops, snapshots: transfers, logger: logger)
            let second = try await LoopbackMember(
                2, loops: loops, removed: removed, snapshots: transfers)
            first.transport.add(second.member)
            second.transport.add(first.member)
            do {
                try await body(first, second)
            } catch {
                await first.stop()
                await second.stop()
                throw error
            }
            await first.stop()
            await second.stop()
        }
    }

    /// Waits until no file is left that was not committed; the test's time limit ends a wait.
    private func settled(_ files: MemorySnapshots) async throws -> MemorySnapshots.Content {
        while files.record.openFiles > 0 { try await Task.sleep(for: .milliseconds(2)) }
        return files.record
    }

    @Test(
        "a database arrives as it was, whatever its size",
        arguments: [1, 4_096, 256 << 10, (256 << 10) + 1, 5 << 20])
    func roundTrip(bytes: Int) async throws {
        let files = MemorySnapshots()
        try await withMembers(files: files) { first, second in
            var image: TestImage? = TestImage(bytes: bytes)
            let content = image?.content
            weak let watched = image
            let message = snapshotMessage(index: 9)
            first.transport.sendSnapshot(message, database: image)
            image = nil
            let sent = try await first.delegate.wait { !$0.snapshots.isEmpty }
            #expect(sent.snapshots == [true])
            #expect(second.delegate.record.messages == [message])
            let record = files.record
            #expect(record.databases[9] == content)
            #expect(record.openFiles == 0 && record.discarded == 0)
            #expect(record.largestPart <= 256 << 10)
            while watched != nil { try await Task.sleep(for: .milliseconds(2)) }

            let out = try #require(first.transport.traffic.first)
            #expect(out.snapshotsSent.successes == 1 && out.snapshotsSent.inFlight == 0)
            #expect(out.snapshotsSent.durations.count == 1)
            #expect(out.sentBytes > UInt64(bytes))
            let arrived = try #require(second.transport.traffic.first)
            #expect(arrived.snapshotsReceived.successes == 1)
            #expect(arrived.snapshotsReceived.failures == 0)
            #expect(arrived.receivedBytes > UInt64(bytes))
        }
    }

    @Test("a sender whose database cannot be read leaves nothing behind")
    func unreadable() async throws {
        let files = MemorySnapshots()
        try await withMembers(files: files) { first, second in
            first.transport.sendSnapshot(
                snapshotMessage(index: 9),
                database: TestImage(bytes: 5 << 20, readable: 3 << 20))
            let sent = try await first.delegate.wait { !$0.snapshots.isEmpty }
            #expect(sent.snapshots == [false])
            #expect(sent.unreachable == [2])
            let record = try await settled(files)
            #expect(record.databases.isEmpty)
            #expect(second.delegate.record.messages.isEmpty)
            #expect(first.transport.traffic.first?.snapshotsSent.failures == 1)
        }
    }

    @Test("a sender that does not move gives up")
    func stalledSender() async throws {
        let files = MemorySnapshots()
        let gate = Gate()
        defer { gate.open() }
        try await withMembers(files: files, stallTimeout: .milliseconds(50)) { first, second in
            first.transport.sendSnapshot(
                snapshotMessage(index: 9), database: TestImage(bytes: 1 << 20, gate: gate))
            let sent = try await first.delegate.wait { !$0.snapshots.isEmpty }
            #expect(sent.snapshots == [false])
            gate.open()
            #expect(try await settled(files).databases.isEmpty)
            #expect(second.delegate.record.messages.isEmpty)
        }
    }

    @Test("the log hears of a transfer that takes long, as long as it does")
    func reminders() async throws {
        let log = RecordedLog()
        let gate = Gate()
        defer { gate.open() }
        try await withMembers(
            files: MemorySnapshots(), reminderInterval: .milliseconds(5), logger: log.logger
        ) { first, _ in
            let text = "snapshotting taking too long to transfer"
            let message = snapshotMessage(index: 9)
            first.transport.sendSnapshot(
                message, database: TestImage(bytes: 1_000_000, gate: gate))
            while log.fields(of: text).count < 2 { try await Task.sleep(for: .milliseconds(2)) }
            gate.open()
            _ = try await first.delegate.wait { !$0.snapshots.isEmpty }
            let told = log.fields(of: text)
            #expect(told[1]["bytes"] == "\(1_000_000 + framed(message).count)")
            #expect(told[1]["size"] == "1.0 MB")
            #expect(told[1]["remote-peer-id"] == "2")
            #expect(told[1]["transferring duration"] != nil)
            try await Task.sleep(for: .milliseconds(50))
            #expect(log.fields(of: text).count == told.count)
        }
    }

    @Test("a sender that goes silent, or away, leaves nothing behind", arguments: [true, false])
    func half(closes: Bool) async throws {
        let files = MemorySnapshots()
        let stallTimeout = closes ? TimeAmount.seconds(50) : .milliseconds(50)
        try await withMembers(files: files, stallTimeout: stallTimeout) { _, second in
            let message = framed(snapshotMessage(index: 9))
            let channel = try await RawPost.begin(
                with: second.listener,
                SnapshotPost(status: 0).head
                    + "Content-Length: \(message.count + 1_000_000)\r\n\r\n",
                message + [UInt8](repeating: 1, count: 600_000))
            while files.record.largestPart == 0 { try await Task.sleep(for: .milliseconds(2)) }
            if closes { try await channel.close().get() }
            let record = try await settled(files)
            #expect(record.discarded == 1 && record.databases.isEmpty)
            try await channel.closeFuture.get()
            #expect(second.delegate.record.messages.isEmpty)
            let traffic = try #require(second.transport.traffic.first)
            #expect(traffic.snapshotsReceived.failures == 1)
            #expect(traffic.snapshotsReceived.inFlight == 0)
        }
    }

    @Test("a full disk is told to the sender, and the file removed")
    func fullDisk() async throws {
        let files = MemorySnapshots(capacity: 1 << 20)
        try await withMembers(files: files) { first, second in
            first.transport.sendSnapshot(
                snapshotMessage(index: 9), database: TestImage(bytes: 5 << 20))
            let sent = try await first.delegate.wait { !$0.snapshots.isEmpty }
            #expect(sent.snapshots == [false])
            #expect(try await settled(files).databases.isEmpty)
            #expect(second.delegate.record.messages.isEmpty)
        }
    }

    @Test("a slow receiver slows the sender down instead of filling memory")
    func slowReceiver() async throws {
        let bytes = 64 << 20
        let image = TestImage(bytes: bytes)
        let (appends, ahead) = (Atomic<Int>.Box(), Atomic<Int>.Box())
        let files = MemorySnapshots {
            let count = appends.value.wrappingAdd(1, ordering: .relaxed).oldValue
            // Every earlier part was at most this long.
            let lead = image.readBytes - count * (256 << 10)
            _ = ahead.value.max(lead, ordering: .relaxed)
            usleep(2_000)
        }
        try await withMembers(files: files) { first, _ in
            first.transport.sendSnapshot(snapshotMessage(index: 9), database: image)
            let sent = try await first.delegate.wait { !$0.snapshots.isEmpty }
            #expect(sent.snapshots == [true])
            #expect(files.record.databases[9]?.count == bytes)
            // What the kernel buffers of a connection on both sides, and our few chunks.
            #expect(ahead.value.load(ordering: .relaxed) < 24 << 20)
        }
    }

    @Test("sixteen snapshots travel at a time, the next is refused at once")
    func many() async throws {
        let files = MemorySnapshots()
        let gate = Gate()
        defer { gate.open() }
        try await withMembers(files: files) { first, second in
            let images = (0..<17).map {
                TestImage(bytes: 700_000 + $0, seed: UInt64($0), gate: gate)
            }
            for (index, image) in images.enumerated() {
                first.transport.sendSnapshot(
                    snapshotMessage(index: UInt64(index + 1)), database: image)
            }
            #expect(first.delegate.record.snapshots == [false])
            gate.open()
            let sent = try await first.delegate.wait { $0.snapshots.count == 17 }
            #expect(sent.snapshots == [false] + [Bool](repeating: true, count: 16))
            let record = files.record
            for (index, image) in images.dropLast().enumerated() {
                #expect(record.databases[UInt64(index + 1)] == image.content)
            }
            #expect(record.databases.count == 16 && record.openFiles == 0)
            #expect(second.delegate.record.messages.count == 16)
        }
    }

    @Test("a transport that stops gives up what is on its way")
    func stop() async throws {
        let files = MemorySnapshots()
        let gate = Gate()
        defer { gate.open() }
        try await withMembers(files: files) { first, second in
            first.transport.sendSnapshot(
                snapshotMessage(index: 9), database: TestImage(bytes: 1 << 20, gate: gate))
            first.transport.stop()
            let sent = try await first.delegate.wait { !$0.snapshots.isEmpty }
            #expect(sent.snapshots == [false])
            gate.open()
            #expect(try await settled(files).databases.isEmpty)
            first.transport.sendSnapshot(snapshotMessage(index: 10), database: nil)
            #expect(first.delegate.record.snapshots == [false, false])
        }
    }

    @Test("a member that nobody knows gets no snapshot")
    func unknown() async throws {
        try await withMembers(files: MemorySnapshots()) { first, _ in
            first.transport.sendSnapshot(
                snapshotMessage(index: 9, to: 99), database: TestImage(bytes: 10))
            #expect(first.delegate.record.snapshots == [false])
        }
    }

    @Test("a removed member's database is refused before it is read")
    func removed() async throws {
        let files = MemorySnapshots()
        try await withMembers(files: files, removed: [1]) { first, second in
            first.transport.sendSnapshot(
                snapshotMessage(index: 9), database: TestImage(bytes: 200_000))
            let sent = try await first.delegate.wait { !$0.snapshots.isEmpty }
            #expect(sent.snapshots == [false])
            #expect(files.record.databases.isEmpty && files.record.openFiles == 0)
            #expect(second.delegate.record.messages.isEmpty)
        }
    }

    @Test("a snapshot without its database is not sent")
    func alone() async throws {
        try await withMembers(files: MemorySnapshots()) { first, _ in
            first.transport.send([snapshotMessage(index: 9)])
            first.transport.sendSnapshot(snapshotMessage(index: 10), database: nil)
            #expect(first.delegate.record.snapshots == [false, false])
        }
    }

    @Test("whoever sends a snapshot without its database is refused", arguments: posts)
    func answers(_ case: SnapshotPost) async throws {
        let files = MemorySnapshots()
        try await withMembers(files: files) { _, second in
            let answer = try await RawPost.exchange(
                with: second.listener, `case`.head,
                [framed(snapshotMessage(index: 5)), `case`.database],
                isChunked: `case`.isChunked)
            #expect(answer.hasPrefix("HTTP/1.1 \(`case`.status) "))
            #expect(answer.hasSuffix("\r\n\r\n" + `case`.text))
            #expect(answer.contains("X-Etcd-Cluster-Id: c1\r\n"))
            let record = try await settled(files)
            let isTaken = `case`.status == 204
            #expect(record.databases[5] == (isTaken ? `case`.database : nil))
            #expect(second.delegate.record.messages.count == (isTaken ? 1 : 0))
        }
    }
}

struct SnapshotPost: Sendable {
    var version = "3.5.33"
    var cluster = "c1"
    var isChunked = false
    var databaseBytes = 0
    let status: Int
    var text = ""

    var database: [UInt8] { [UInt8](repeating: 7, count: databaseBytes) }

    /// Without what frames the body.
    var head: String {
        "POST /raft/snapshot HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Server-From: 1\r\n"
            + "X-Server-Version: \(version)\r\nX-Min-Cluster-Version: 3.0.0\r\n"
            + "X-Etcd-Cluster-ID: \(cluster)\r\n"
    }
}

private let missing = "failed to save KV snapshot (no database follows the message)\n"
private let posts = [
    SnapshotPost(status: 500, text: missing),
    SnapshotPost(databaseBytes: 10, status: 204),
    SnapshotPost(isChunked: true, databaseBytes: 300_000, status: 204),
    SnapshotPost(isChunked: true, status: 500, text: missing),
    SnapshotPost(version: "3.6.1", status: 500, text: missing),
    SnapshotPost(version: "3.6.1", databaseBytes: 10, status: 204),
    SnapshotPost(
        cluster: "c2", databaseBytes: 10, status: 412, text: "cluster ID mismatch\n"),
    SnapshotPost(
        version: "2.3.8", databaseBytes: 10, status: 412, text: "incompatible version\n"),
]
