//  Comparing hashes with peers that agree, differ, are slow or silent, and waiting for nobody in
//  the end.

import EtcdMembership
import EtcdProto
import EtcdServer
import Logging
import NIOCore
import Raft
import RuntimeCore
import Synchronization
import Testing

@testable import EtcdDaemon

/// Answers as the test says, and notes what was asked.
private final class ScriptedAnswers: CorruptionQuestions {
    private struct Notes {
        var asked: [MemberID] = []
        var timeouts: [TimeAmount] = []
        var alarms: [MemberID] = []
    }

    private let clock: ManualClock
    private let own: HashKVResponse?
    private let others: [MemberID: HashKVResponse]
    private let notes = Mutex(Notes())

    /// - Parameters:
    ///   - own: takes ten seconds; `nil` for one that cannot be computed.
    ///   - others: of those that can be asked.
    init(_ clock: ManualClock, own: HashKVResponse?, others: [MemberID: HashKVResponse]) {
        self.clock = clock
        self.own = own
        self.others = others
    }

    var asked: [MemberID] { notes.withLock { $0.asked } }
    var timeouts: [TimeAmount] { notes.withLock { $0.timeouts } }
    var alarms: [MemberID] { notes.withLock { $0.alarms } }

    func ownHash() async -> Result<HashKVResponse, ServerError>? {
        clock.advance(milliseconds: 10_000)
        guard let own else { return .failure(.stopped) }
        return .success(own)
    }

    func hash(of member: Member, at revision: Int64, timeout: TimeAmount) async
        -> Result<HashKVResponse, any Error>?
    {
        notes.withLock {
            $0.asked.append(member.id)
            $0.timeouts.append(timeout)
        }
        guard let answer = others[member.id] else { return .failure(ServerError.timeout) }
        return .success(answer)
    }

    func barrier() async -> Bool { true }
    func raiseAlarm(for member: MemberID) async { notes.withLock { $0.alarms.append(member) } }
}

@Suite("Corruption monitor")
struct CorruptionMonitorTests {
    private let clock = ManualClock()
    private let lines = KeptLines()
    private let cluster = (1...3 as ClosedRange<UInt64>).map { number in
        Member(id: MemberID(number), peerURLs: ["http://\(number):1"])
    }

    private func monitor(_ answers: ScriptedAnswers, known: [Member] = []) -> CorruptionMonitor {
        let handler = EtcdLogHandler(
            name: "", sink: LogSink([lines], level: .debug), isJSON: true, clock: clock)
        return CorruptionMonitor(
            questions: answers,
            members: MemberDirectory(
                localID: 1, clusterID: 7, cluster: Cluster(members: known)),
            status: ReplicaStatus(), clock: clock, logger: Logger(label: "") { _ in handler })
    }

    private static func hash(_ hash: UInt32, compacted: Int64 = 1, at revision: Int64 = 5)
        -> HashKVResponse
    {
        HashKVResponse(
            header: ResponseHeader(revision: revision), hash: hash, compactRevision: compacted)
    }

    private static let starts: [([MemberID: HashKVResponse], Bool, String)] = [
        ([2: hash(7), 3: hash(7)], false, "initial corruption checking passed"),
        ([3: hash(7)], false, "initial corruption checking passed"),
        ([2: hash(7), 3: hash(8)], true, "member 3 has another hash"),
        ([2: hash(8, compacted: 2)], false, "initial corruption checking compared nothing"),
        ([:], false, "initial corruption checking compared nothing"),
    ]

    @Test("a start is checked against the members that its database knows", arguments: starts)
    func start(others: [MemberID: HashKVResponse], isRefused: Bool, text: String) async {
        let answers = ScriptedAnswers(clock, own: Self.hash(7), others: others)
        do {
            try await monitor(answers).checkAtStart(among: cluster)
            #expect(!isRefused)
            #expect(lines.take().count { $0.contains(text) } == 1)
        } catch {
            #expect(isRefused && "\(error)".contains(text))
        }
        #expect(answers.asked == [2, 3])
        // The more there is to read, the longer a peer may take.
        #expect(answers.timeouts.allSatisfy { $0 == .seconds(25) })
    }

    @Test("who is alone passes; who knows nobody has compared nothing")
    func alone() async throws {
        let answers = ScriptedAnswers(clock, own: Self.hash(7), others: [:])
        try await monitor(answers).checkAtStart(among: [cluster[0]])
        #expect(lines.take().last?.contains("initial corruption checking passed") == true)
        try await monitor(answers).checkAtStart(among: [])
        #expect(lines.take().last?.contains("initial corruption checking compared nothing") == true)
    }

    @Test("without a hash of its own a member does not start, and says why it compares nothing")
    func noOwnHash() async {
        let answers = ScriptedAnswers(clock, own: nil, others: [2: Self.hash(7)])
        await #expect(throws: BootstrapError.self) {
            try await monitor(answers).checkAtStart(among: cluster)
        }
        await monitor(answers, known: cluster).check()
        #expect(lines.take().count { $0.contains("failed to get own hash kv") } == 2)
        #expect(answers.asked.isEmpty)
    }

    @Test("a leader raises the alarm for who differs or is ahead, however long its own hash takes")
    func periodic() async {
        let answers = ScriptedAnswers(
            clock, own: Self.hash(7), others: [2: Self.hash(7), 3: Self.hash(8)])
        await monitor(answers, known: cluster).check()
        #expect(answers.alarms == [3])
        let ahead = ScriptedAnswers(
            clock, own: Self.hash(7),
            others: [2: Self.hash(7, at: 6), 3: Self.hash(9, compacted: 2)])
        await monitor(ahead, known: cluster).check()
        #expect(ahead.alarms == [2, 3])
    }

    @Test("a question that cannot be cancelled holds up nobody who is")
    func cancellation() async {
        let (releases, release) = AsyncStream.makeStream(of: Void.self)
        let isAsked = AsyncStream.makeStream(of: Void.self)
        let deaf = Task.detached { for await _ in releases {} }
        let asking = Task {
            await unlessCancelled { () async -> Int? in
                isAsked.continuation.yield()
                await deaf.value
                return 1
            }
        }
        for await _ in isAsked.stream { break }
        asking.cancel()
        #expect(await asking.value == nil)
        release.finish()
        await deaf.value
        #expect(await unlessCancelled { () async -> Int? in 2 } == 2)
    }
}
