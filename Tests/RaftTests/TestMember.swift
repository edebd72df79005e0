//  A member for tests: the core with a disk that can lose what is not written yet and a state
//  machine that is a running hash. Drives `Ready` exactly as the contract there says.

import Raft
import RuntimeCore

/// Configuration changes of tests as text: `+1` voter, `~2` learner, `-3` removal, `u4` update,
/// `!5` a change that the state machine refuses; several need a joint configuration; `explicit`
/// keeps it until an empty change.
enum ConfChangeText {
    static func parse(_ text: String) -> ConfChangeV2 {
        var change = ConfChangeV2()
        for word in text.split(separator: " ") {
            if word == "explicit" {
                change.transition = .jointExplicit
                continue
            }
            if word == "joint" {
                change.transition = .jointImplicit
                continue
            }
            let node = MemberID(UInt64(word.dropFirst()) ?? 0)
            switch word.first {
            case "+": change.changes.append(.init(kind: .addNode, node: node))
            case "~": change.changes.append(.init(kind: .addLearnerNode, node: node))
            case "-": change.changes.append(.init(kind: .removeNode, node: node))
            case "u": change.changes.append(.init(kind: .updateNode, node: node))
            default: change.changes.append(.init(kind: .addNode, node: .none))
            }
        }
        return change
    }

    static func kind(_ text: String) -> Entry.Kind {
        let change = parse(text)
        return change.changes.count == 1 && change.transition == .auto
            ? .confChange : .confChangeV2
    }
}

/// What survives a crash.
struct TestDisk: Sendable {
    var hardState = HardState.initial
    var snapshot = Snapshot(metadata: SnapshotMetadata(index: 0, term: 0))
    var entries: [Entry] = []

    var lastIndex: LogIndex { entries.last?.index ?? snapshot.metadata.index }

    mutating func write(_ ready: Ready) {
        if let newer = ready.snapshot {
            snapshot = newer
            entries = []
        }
        if let first = ready.entries.first {
            entries.removeAll { $0.index >= first.index }
            entries += ready.entries
        }
        if let state = ready.hardState { hardState = state }
    }
}

/// One member: core, disk, state machine.
final class TestMember {
    let id: MemberID
    let configuration: RaftConfiguration
    var node: RawNode
    var disk: TestDisk
    /// Handed out, not durable yet; oldest first.
    var outstanding: [Ready] = []
    private(set) var appliedIndex: LogIndex
    private(set) var appliedTerm: Term
    private(set) var stateHash: UInt64
    private(set) var confState: ConfState
    var readStates: [ReadState] = []
    var snapshotsWanted: [MemberID] = []
    var events: [RaftEvent] = []
    /// Data of applied normal entries since the start of this process.
    var appliedData: [String] = []
    var onApply: (Entry, UInt64) -> Void = { _, _ in }

    init(
        _ configuration: RaftConfiguration, disk: TestDisk, seed: UInt64 = 1
    ) {
        id = configuration.id
        self.configuration = configuration
        self.disk = disk
        let metadata = disk.snapshot.metadata
        appliedIndex = metadata.index
        appliedTerm = metadata.term
        stateHash = Self.hash(in: disk.snapshot)
        confState = metadata.confState
        node = RawNode(
            configuration: configuration, random: RandomSource(seed: seed),
            hardState: disk.hardState, snapshot: metadata, entries: disk.entries,
            applied: metadata.index)
    }

    /// A member of a cluster whose first configuration is given by a snapshot at index 1.
    convenience init(
        _ configuration: RaftConfiguration, voters: [MemberID], learners: [MemberID] = [],
        seed: UInt64 = 1
    ) {
        var disk = TestDisk()
        disk.snapshot.metadata = SnapshotMetadata(
            confState: ConfState(voters: voters, learners: learners), index: 1, term: 1)
        disk.hardState = HardState(term: 1, vote: .none, commit: 1)
        self.init(configuration, disk: disk, seed: seed)
    }

    private static func hash(in snapshot: Snapshot) -> UInt64 {
        var value: UInt64 = 0
        for byte in snapshot.data.array { value = value << 8 | UInt64(byte) }
        return value
    }

    /// A snapshot of the state machine as it is now.
    var currentSnapshot: Snapshot {
        let bytes = (0..<8).map { UInt8(truncatingIfNeeded: stateHash >> (8 * (7 - $0))) }
        return Snapshot(
            metadata: SnapshotMetadata(
                confState: confState, index: appliedIndex, term: appliedTerm),
            data: Bytes(bytes))
    }

    /// Takes a `Ready`, applies its committed entries, puts it on the way to the disk, and gives
    /// what may be sent at once.
    func takeReady() -> Ready {
        let ready = node.ready()
        for entry in ready.committed { apply(entry) }
        if !ready.committed.isEmpty { node.applied(upTo: appliedIndex) }
        readStates += ready.readStates
        snapshotsWanted += ready.snapshotsWanted
        events += ready.events
        if ready.needsPersistence { outstanding.append(ready) }
        return ready
    }

    /// Completes the oldest write; gives the messages that it released.
    func persistOne() -> [Message] {
        guard !outstanding.isEmpty else { return [] }
        let ready = outstanding.removeFirst()
        disk.write(ready)
        if let snapshot = ready.snapshot, snapshot.metadata.index > appliedIndex {
            appliedIndex = snapshot.metadata.index
            appliedTerm = snapshot.metadata.term
            stateHash = Self.hash(in: snapshot)
            confState = snapshot.metadata.confState
        }
        node.persisted(ready.number)
        return ready.messagesAfterPersist
    }

    private func apply(_ entry: Entry) {
        precondition(entry.index == appliedIndex.next, "applied out of order")
        appliedIndex = entry.index
        appliedTerm = entry.term
        stateHash = (stateHash ^ entry.term.rawValue) &* 0x100_0000_01B3
        for byte in entry.data.array { stateHash = (stateHash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        switch entry.kind {
        case .normal:
            if !entry.data.isEmpty { appliedData.append(entry.data.text) }
        case .confChange, .confChangeV2:
            let change = ConfChangeText.parse(entry.data.text)
            if let state = node.applyConfChange(change, at: entry.index) { confState = state }
        }
        onApply(entry, stateHash)
    }

    /// Makes a snapshot durable and forgets the log up to `keep` entries before it.
    func compact(keeping keep: Int) {
        guard outstanding.allSatisfy({ $0.snapshot == nil }) else { return }
        let snapshot = currentSnapshot
        guard snapshot.metadata.index > disk.snapshot.metadata.index else { return }
        disk.snapshot = snapshot
        disk.entries.removeAll { $0.index <= snapshot.metadata.index }
        node.snapshotTaken(snapshot.metadata)
        let limit = appliedIndex - min(keep, Int(appliedIndex.rawValue))
        node.compactLog(upTo: limit)
    }

    /// The same member after a crash that lost every outstanding write.
    func restarted(seed: UInt64) -> TestMember {
        TestMember(configuration, disk: disk, seed: seed)
    }
}
