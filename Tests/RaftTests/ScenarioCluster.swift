//  The commands of the scenario files in testdata, over a handful of members whose disks and
//  network stand still until a command moves them. What is printed is the documentation.

import Raft
import RuntimeCore
import Scenario

/// A command that makes no sense, with the reason.
struct ScenarioFailure: Error, CustomStringConvertible {
    let description: String
}

/// Members, what is on its way between them, and one function for each command.
final class ScenarioCluster {
    private var members: [TestMember] = []
    private var network: [Message] = []
    /// Members whose disk has stopped.
    private var stalled: Set<MemberID> = []
    /// Members that only talk to members with the same number.
    private var sides: [MemberID: Int] = [:]

    func execute(_ command: ScenarioCommand) throws -> String {
        switch command.name {
        case "cluster": return try create(command)
        case "add-member": return try addMember(command)
        case "tick":
            let member = try first(command)
            for _ in 0..<(command.integer("times") ?? 1) { member.node.tick() }
        case "campaign": try first(command).node.campaign()
        case "propose": return try propose(command)
        case "change": return try change(command)
        case "read": try first(command).node.readIndex(context: try bytes(command, "context"))
        case "transfer": try first(command).node.transferLeadership(to: try id(command, "to"))
        case "unreachable": try first(command).node.reportUnreachable(try id(command, "peer"))
        case "snapshot-status":
            try first(command).node.reportSnapshot(
                try id(command, "peer"), succeeded: command.has("succeeded"))
        case "provide-snapshot":
            let member = try first(command)
            member.node.provideSnapshot(member.currentSnapshot, to: try id(command, "to"))
        case "compact": try first(command).compact(keeping: command.integer("keep") ?? 0)
        case "restart": return try restart(command)
        case "stall": stalled.formUnion(try members(command).map(\.id))
        case "resume": stalled.subtract(try members(command).map(\.id))
        case "partition": try partition(command)
        case "heal": sides = [:]
        case "drop": return drop(command)
        case "step": return try step(command)
        case "ready": return try members(command).map { ready($0) }.joined()
        case "persist": return try members(command).map { persist($0) }.joined()
        case "deliver": return try deliver(command)
        case "stabilize": return stabilize()
        case "silently-stabilize": _ = stabilize()
        case "status": return try members(command).map { status($0) }.joined()
        case "progress": return try progress(command)
        case "log": return try members(command).map { log($0) }.joined()
        default: throw ScenarioFailure(description: "unknown command \(command.name)")
        }
        return "ok"
    }

    // MARK: Members

    private func create(_ command: ScenarioCommand) throws -> String {
        members = []
        network = []
        let voters = try ids(command.values("voters") ?? [])
        let learners = try ids(command.values("learners") ?? [])
        for id in voters + learners {
            members.append(
                TestMember(
                    configuration(id, command), voters: voters, learners: learners,
                    seed: id.rawValue))
        }
        return "ok"
    }

    private func addMember(_ command: ScenarioCommand) throws -> String {
        for id in try ids(command.words) {
            members.append(
                TestMember(configuration(id, command), disk: TestDisk(), seed: id.rawValue))
        }
        return "ok"
    }

    private func configuration(_ id: MemberID, _ command: ScenarioCommand) -> RaftConfiguration {
        RaftConfiguration(
            id: id, electionTicks: command.integer("election") ?? 3,
            heartbeatTicks: 1, preVote: command.has("pre-vote"),
            checkQuorum: command.has("check-quorum"),
            maxMessageBytes: command.integer("message-bytes") ?? 1 << 20,
            maxInflightMessages: command.integer("inflight") ?? 256,
            maxUncommittedBytes: command.integer("uncommitted") ?? 1 << 20)
    }

    private func restart(_ command: ScenarioCommand) throws -> String {
        let member = try first(command)
        let place = members.firstIndex { $0 === member }!
        let lost = member.outstanding.count
        members[place] = member.restarted(seed: member.id.rawValue + 100)
        stalled.remove(member.id)
        return "lost \(lost) writes\n" + status(members[place])
    }

    private func ids(_ words: [String]) throws -> [MemberID] {
        try words.map { word in
            guard let number = UInt64(word) else {
                throw ScenarioFailure(description: "\(word) is no member")
            }
            return MemberID(number)
        }
    }

    private func id(_ command: ScenarioCommand, _ name: String) throws -> MemberID {
        try ids(command.values(name) ?? []).first ?? .none
    }

    private func bytes(_ command: ScenarioCommand, _ name: String) throws -> Bytes {
        guard let value = command.value(name) else {
            throw ScenarioFailure(description: "\(command.name) needs \(name)")
        }
        return Bytes(value)
    }

    /// The members named without a key; all when there are none.
    private func members(_ command: ScenarioCommand) throws -> [TestMember] {
        let numbers = try ids(command.words.filter { UInt64($0) != nil })
        guard !numbers.isEmpty else { return members }
        return try numbers.map { id in
            guard let member = members.first(where: { $0.id == id }) else {
                throw ScenarioFailure(description: "no member \(id)")
            }
            return member
        }
    }

    private func first(_ command: ScenarioCommand) throws -> TestMember {
        guard let member = try members(command).first else {
            throw ScenarioFailure(description: "no members")
        }
        return member
    }

    // MARK: Inputs

    private func propose(_ command: ScenarioCommand) throws -> String {
        let data = (command.values("data") ?? []).map { Bytes($0) }
        do {
            try first(command).node.propose(data)
            return "ok"
        } catch let error as ProposalError {
            return "refused: \(error)"
        }
    }

    private func change(_ command: ScenarioCommand) throws -> String {
        let text = (command.values("to") ?? []).joined(separator: " ")
        do {
            try first(command).node.proposeConfChange(
                kind: ConfChangeText.kind(text), data: Bytes(text))
            return "ok"
        } catch let error as ProposalError {
            return "refused: \(error)"
        }
    }

    /// A message made up by hand.
    private func step(_ command: ScenarioCommand) throws -> String {
        guard let name = command.value("kind"),
            let kind = Message.Kind.allCases.first(where: { "\($0)" == name })
        else { throw ScenarioFailure(description: "which kind of message?") }
        func number(_ name: String) -> UInt64 { UInt64(command.integer(name) ?? 0) }
        let member = try first(command)
        var message = Message(
            kind, to: member.id, from: MemberID(number("from")), term: Term(number("term")),
            logTerm: Term(number("log-term")), index: LogIndex(number("index")),
            commit: LogIndex(number("commit")), reject: command.has("reject"),
            rejectHint: LogIndex(number("hint")))
        if let place = command.integer("at") {
            message.snapshot = Snapshot(
                metadata: SnapshotMetadata(
                    confState: member.confState, index: LogIndex(UInt64(place)),
                    term: message.logTerm))
        }
        for (offset, term) in (command.values("terms") ?? []).enumerated() {
            message.entries.append(
                Entry(
                    term: Term(UInt64(term) ?? 0), index: message.index + offset + 1,
                    data: Bytes("t\(term)")))
        }
        member.node.step(message)
        return "ok"
    }

    // MARK: Time passing

    private func partition(_ command: ScenarioCommand) throws {
        sides = [:]
        for id in try ids(command.words) { sides[id] = 1 }
    }

    private func drop(_ command: ScenarioCommand) -> String {
        let to = command.values("to")?.compactMap { UInt64($0) }.map { MemberID($0) }
        let dropped = network.filter { to?.contains($0.to) ?? true }
        network.removeAll { to?.contains($0.to) ?? true }
        return dropped.map { "dropped \(Describe.message($0))\n" }.joined()
    }

    private func ready(_ member: TestMember) -> String {
        guard member.node.hasReady else { return "\(member.id): nothing to do\n" }
        let ready = member.takeReady()
        network += ready.messages
        return "\(member.id) Ready \(ready.number)\n" + Describe.ready(ready)
    }

    private func persist(_ member: TestMember) -> String {
        guard let write = member.outstanding.first else {
            return "\(member.id): nothing to persist\n"
        }
        let released = member.persistOne()
        network += released
        return "\(member.id) Ready \(write.number) is durable\n"
            + released.map { "  -> \(Describe.message($0))\n" }.joined()
    }

    private func deliver(_ command: ScenarioCommand) throws -> String {
        let receivers = try members(command).map(\.id)
        let batch = network.filter { receivers.contains($0.to) }
        network.removeAll { receivers.contains($0.to) }
        return batch.map { deliver($0) }.joined()
    }

    private func deliver(_ message: Message) -> String {
        let cut = sides[message.from, default: 0] != sides[message.to, default: 0]
        guard !cut, let member = members.first(where: { $0.id == message.to }) else {
            return "lost \(Describe.message(message))\n"
        }
        member.node.step(message)
        return "\(Describe.message(message))\n"
    }

    /// Lets everybody work until nobody has anything to do, printing each step.
    private func stabilize() -> String {
        var output = ""
        for _ in 0..<200 {
            var busy = false
            for member in members where member.node.hasReady {
                output += ready(member)
                busy = true
            }
            for member in members where !stalled.contains(member.id) {
                while !member.outstanding.isEmpty {
                    // Shown only where it says something: promises that may leave now.
                    let text = persist(member)
                    if text.contains("->") { output += text }
                    busy = true
                }
            }
            let batch = network
            network = []
            for message in batch {
                output += "  " + deliver(message)
                busy = true
            }
            if !busy { return output.isEmpty ? "nothing happens" : output }
        }
        return output + "never comes to rest"
    }

    // MARK: Looking

    private func status(_ member: TestMember) -> String {
        let status = member.node.status
        return "\(status.id): \(status.role), term \(status.term), vote \(status.vote), leader"
            + " \(status.leader), commit \(status.commit), last \(status.lastIndex),"
            + " \(Describe.confState(status.confState))\n"
    }

    private func progress(_ command: ScenarioCommand) throws -> String {
        try first(command).node.status.progress.map { member in
            "\(member.id): \(member.state), match \(member.match), next \(member.next)"
                + (member.recentActive ? "" : ", silent") + (member.isLearner ? ", learner" : "")
                + "\n"
        }.joined()
    }

    private func log(_ member: TestMember) -> String {
        "\(member.id) on disk: "
            + (member.disk.snapshot.metadata.index > 0
                ? "snapshot at \(Describe.position(member.disk.snapshot.metadata)) " : "")
            + Describe.entries(member.disk.entries) + "\n"
    }
}
