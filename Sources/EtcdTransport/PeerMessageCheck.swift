//  What no honest member sends, refused before it reaches the consensus core, whose arithmetic and
//  assertions rest on sensible numbers.

import Raft

enum PeerMessageCheck {
    /// Terms and indexes grow by one at a time from zero: from here on they are an attack or a
    /// broken sender, and sums of two of them would not fit. A power of two, so that any number
    /// of values can be tested through the union of their bits.
    static let numberLimit: UInt64 = 1 << 62

    static func check(_ message: Message) throws(PeerCodecError) {
        var bits =
            message.term.rawValue | message.logTerm.rawValue | message.index.rawValue
            | message.commit.rawValue | message.rejectHint.rawValue
        for entry in message.entries { bits |= entry.index.rawValue | entry.term.rawValue }
        if let metadata = message.snapshot?.metadata {
            bits |= metadata.index.rawValue | metadata.term.rawValue
        }
        if bits >= numberLimit {
            throw .implausible("\(message.kind) message with a term or index over \(numberLimit)")
        }
        switch message.kind {
        case .append: try checkAppend(message)
        case .snapshot:
            if message.snapshot == nil { throw .implausible("snapshot message without snapshot") }
        default: break
        }
    }

    /// The entries of an append follow its index without a gap, in terms that never go back.
    private static func checkAppend(_ message: Message) throws(PeerCodecError) {
        var index = message.index.rawValue
        var term = message.logTerm.rawValue
        for entry in message.entries {
            index += 1
            if entry.index.rawValue != index || entry.term.rawValue < term
                || entry.term > message.term
            {
                throw .implausible(
                    "append with entry \(entry.index) of term \(entry.term) where \(index) belongs")
            }
            term = entry.term.rawValue
        }
    }

    /// Types that a member only sends to itself.
    static func isLocal(_ kind: Message.Kind) -> Bool {
        switch kind {
        case .hup, .beat, .unreachable, .snapshotStatus, .checkQuorum, .storageAppend,
            .storageAppendResponse, .storageApply, .storageApplyResponse, .forgetLeader:
            true
        default: false
        }
    }
}
