//  How scenario files show what the core deals in.

import Raft
import RuntimeCore

/// Text for people; one line for each thing.
enum Describe {
    /// Entries as `term/index "data"`.
    static func entries(_ entries: [Entry]) -> String {
        guard !entries.isEmpty else { return "no entries" }
        return entries.map { entry in
            let data = entry.data.isEmpty ? "empty" : "\"\(entry.data.text)\""
            return "\(entry.term)/\(entry.index) \(entry.kind == .normal ? "" : "change ")\(data)"
        }.joined(separator: ", ")
    }

    static func position(_ metadata: SnapshotMetadata) -> String {
        "\(metadata.term)/\(metadata.index)"
    }

    static func confState(_ state: ConfState) -> String {
        func list(_ ids: [MemberID]) -> String {
            "(" + ids.map(\.description).joined(separator: " ") + ")"
        }
        var text = "voters \(list(state.voters))"
        if !state.votersOutgoing.isEmpty { text += " and \(list(state.votersOutgoing))" }
        if !state.learners.isEmpty { text += " learners \(list(state.learners))" }
        if !state.learnersNext.isEmpty { text += " learners next \(list(state.learnersNext))" }
        if state.autoLeave { text += " leaving by itself" }
        return text
    }

    static func message(_ message: Message) -> String {
        var text = "\(message.from)->\(message.to) \(message.kind)"
        if message.term > 0 { text += " term \(message.term)" }
        switch message.kind {
        case .append:
            text += " after \(message.logTerm)/\(message.index) commit \(message.commit)"
            text += message.entries.isEmpty ? "" : ": " + entries(message.entries)
        case .appendResponse:
            text += message.reject ? " rejects \(message.index), perhaps" : " has \(message.index)"
            if message.reject { text += " \(message.logTerm)/\(message.rejectHint)" }
        case .vote, .preVote:
            text += " log ends at \(message.logTerm)/\(message.index)"
        case .voteResponse, .preVoteResponse:
            text += message.reject ? " no" : " yes"
        case .heartbeat:
            text += " commit \(message.commit)"
        case .snapshot:
            if let metadata = message.snapshot?.metadata {
                text += " at \(position(metadata)) \(confState(metadata.confState))"
            }
        case .propose:
            text += ": " + entries(message.entries)
        case .readIndex:
            text += " \"\(message.entries[0].data.text)\""
        case .readIndexResponse:
            text += " \"\(message.entries[0].data.text)\" at \(message.index)"
        default:
            break
        }
        if !message.context.isEmpty { text += " context \"\(message.context.text)\"" }
        return text
    }

    static func event(_ event: RaftEvent) -> String {
        switch event {
        case .becameFollower(let term): return "becomes follower in term \(term)"
        case .becamePreCandidate(let term): return "becomes pre-candidate in term \(term)"
        case .becameCandidate(let term): return "becomes candidate in term \(term)"
        case .becameLeader(let term): return "becomes leader of term \(term)"
        case .leaderElected(let id, let term): return "sees leader \(id) of term \(term)"
        case .leaderLost(let id, let term): return "no longer has leader \(id) of term \(term)"
        case .startedElection(let term): return "starts an election from term \(term)"
        case .quorumLost(let term): return "hears from no quorum in term \(term)"
        case .startedTransfer(let id): return "hands over to \(id)"
        case .abortedTransfer(let id): return "gives up handing over to \(id)"
        case .ignoredConfChange(let error): return "ignores a change: \(error)"
        case .droppedInvalidMessage(let id, let kind): return "drops invalid \(kind) from \(id)"
        case .lostEntries(let committed, let last):
            return "lost entries: committed \(committed), last \(last)"
        }
    }

    static func ready(_ ready: Ready) -> String {
        var lines = ready.events.map { event($0) }
        if let state = ready.hardState {
            lines.append("hard state: term \(state.term) vote \(state.vote) commit \(state.commit)")
        }
        if let snapshot = ready.snapshot {
            lines.append("persist snapshot at \(position(snapshot.metadata))")
        }
        if !ready.entries.isEmpty { lines.append("persist \(entries(ready.entries))") }
        if !ready.committed.isEmpty { lines.append("apply \(entries(ready.committed))") }
        for read in ready.readStates {
            lines.append("read \"\(read.context.text)\" may be served at \(read.index)")
        }
        for id in ready.snapshotsWanted { lines.append("wants a snapshot for \(id)") }
        lines += ready.messages.map { "-> " + message($0) }
        lines += ready.messagesAfterPersist.map { "once durable -> " + message($0) }
        return lines.map { "  \($0)\n" }.joined()
    }
}
