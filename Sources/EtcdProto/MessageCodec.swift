//  The messages that members exchange (spec peer-and-disk 3.1, `raftpb.Message`).

package import Protobuf
package import Raft
package import RuntimeCore

extension Message {
    package var encodedSize: Int {
        var size =
            ProtobufSize.field(1, kind.rawValue) + ProtobufSize.field(2, to.rawValue)
            + ProtobufSize.field(3, from.rawValue) + ProtobufSize.field(4, term.rawValue)
            + ProtobufSize.field(5, logTerm.rawValue) + ProtobufSize.field(6, index.rawValue)
            + ProtobufSize.field(8, commit.rawValue) + ProtobufSize.field(10, reject ? 1 : 0)
            + ProtobufSize.field(11, rejectHint.rawValue)
        for entry in entries { size += ProtobufSize.field(7, count: entry.encodedSize) }
        if let snapshot { size += ProtobufSize.field(9, count: snapshot.encodedSize) }
        if !context.isEmpty { size += ProtobufSize.field(12, count: context.count) }
        if vote != 0 { size += ProtobufSize.field(13, vote) }
        return size
    }

    package func encode(into output: inout [UInt8]) {
        output.appendField(1, kind.rawValue)
        output.appendField(2, to.rawValue)
        output.appendField(3, from.rawValue)
        output.appendField(4, term.rawValue)
        output.appendField(5, logTerm.rawValue)
        output.appendField(6, index.rawValue)
        for entry in entries {
            output.appendHeader(7, count: entry.encodedSize)
            entry.encode(into: &output)
        }
        output.appendField(8, commit.rawValue)
        if let snapshot {
            output.appendHeader(9, count: snapshot.encodedSize)
            snapshot.encode(into: &output)
        }
        output.appendField(10, reject)
        output.appendField(11, rejectHint.rawValue)
        if !context.isEmpty { output.appendField(12, context) }
        // Only 3.6 and later know this field; earlier ones never need it.
        if vote != 0 { output.appendField(13, vote) }
    }

    /// Entry data, context and snapshot are slices of `bytes`.
    package init(decoding bytes: Bytes) throws(ProtobufError) {
        var message = Message(.hup)
        var reader = ProtobufReader(bytes)
        while let field = try reader.next() {
            switch field {
            case 1:
                let value = try reader.unsigned()
                guard let kind = Message.Kind(rawValue: value) else {
                    throw .invalidValue(field: 1, value)
                }
                message.kind = kind
            case 2: message.to = MemberID(try reader.unsigned())
            case 3: message.from = MemberID(try reader.unsigned())
            case 4: message.term = Term(try reader.unsigned())
            case 5: message.logTerm = Term(try reader.unsigned())
            case 6: message.index = LogIndex(try reader.unsigned())
            case 7: message.entries.append(try Entry(decoding: try reader.bytes()))
            case 8: message.commit = LogIndex(try reader.unsigned())
            case 9:
                let snapshot = try Snapshot(decoding: try reader.bytes())
                // Releases up to 3.5 attach an empty snapshot to every message.
                if snapshot.metadata.index > 0 { message.snapshot = snapshot }
            case 10: message.reject = try reader.bool()
            case 11: message.rejectHint = LogIndex(try reader.unsigned())
            case 12: message.context = try reader.bytes()
            case 13: message.vote = try reader.unsigned()
            default: try reader.skip()
            }
        }
        self = message
    }
}
