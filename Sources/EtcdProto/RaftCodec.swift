//  The raft values that stay on disk and travel inside messages, as etcd writes them (spec
//  peer-and-disk 3.1): scalars always, in the order of their numbers.

package import Protobuf
package import Raft
package import RuntimeCore

extension Entry {
    package var encodedSize: Int {
        ProtobufSize.field(1, kind.rawValue) + ProtobufSize.field(2, term.rawValue)
            + ProtobufSize.field(3, index.rawValue)
            + (data.isEmpty ? 0 : ProtobufSize.field(4, count: data.count))
    }

    package func encode(into output: inout [UInt8]) {
        output.appendField(1, kind.rawValue)
        output.appendField(2, term.rawValue)
        output.appendField(3, index.rawValue)
        if !data.isEmpty { output.appendField(4, data) }
    }

    package init(decoding bytes: Bytes) throws(ProtobufError) {
        var entry = Entry(term: 0, index: 0)
        var reader = ProtobufReader(bytes)
        while let field = try reader.next() {
            switch field {
            case 1:
                let value = try reader.unsigned()
                guard let kind = Entry.Kind(rawValue: value) else {
                    throw .invalidValue(field: 1, value)
                }
                entry.kind = kind
            case 2: entry.term = Term(try reader.unsigned())
            case 3: entry.index = LogIndex(try reader.unsigned())
            case 4: entry.data = try reader.bytes()
            default: try reader.skip()
            }
        }
        self = entry
    }
}

extension HardState {
    package var encodedSize: Int {
        ProtobufSize.field(1, term.rawValue) + ProtobufSize.field(2, vote.rawValue)
            + ProtobufSize.field(3, commit.rawValue)
    }

    package func encode(into output: inout [UInt8]) {
        output.appendField(1, term.rawValue)
        output.appendField(2, vote.rawValue)
        output.appendField(3, commit.rawValue)
    }

    package init(decoding bytes: Bytes) throws(ProtobufError) {
        var state = HardState.initial
        var reader = ProtobufReader(bytes)
        while let field = try reader.next() {
            switch field {
            case 1: state.term = Term(try reader.unsigned())
            case 2: state.vote = MemberID(try reader.unsigned())
            case 3: state.commit = LogIndex(try reader.unsigned())
            default: try reader.skip()
            }
        }
        self = state
    }
}

extension ConfState {
    package var encodedSize: Int {
        size(1, voters) + size(2, learners) + size(3, votersOutgoing) + size(4, learnersNext)
            + ProtobufSize.field(5, autoLeave ? 1 : 0)
    }

    private func size(_ field: Int, _ ids: [MemberID]) -> Int {
        ids.reduce(0) { $0 + ProtobufSize.field(field, $1.rawValue) }
    }

    package func encode(into output: inout [UInt8]) {
        for id in voters { output.appendField(1, id.rawValue) }
        for id in learners { output.appendField(2, id.rawValue) }
        for id in votersOutgoing { output.appendField(3, id.rawValue) }
        for id in learnersNext { output.appendField(4, id.rawValue) }
        output.appendField(5, autoLeave)
    }

    package init(decoding bytes: Bytes) throws(ProtobufError) {
        var lists: [[UInt64]] = [[], [], [], []]
        var autoLeave = false
        var reader = ProtobufReader(bytes)
        while let field = try reader.next() {
            switch field {
            case 1...4: try reader.unsigned(into: &lists[field - 1])
            case 5: autoLeave = try reader.bool()
            default: try reader.skip()
            }
        }
        let ids = lists.map { $0.sorted().map { MemberID($0) } }
        self.init(
            voters: ids[0], learners: ids[1], votersOutgoing: ids[2], learnersNext: ids[3],
            autoLeave: autoLeave)
    }
}

extension SnapshotMetadata {
    package var encodedSize: Int {
        ProtobufSize.field(1, count: confState.encodedSize)
            + ProtobufSize.field(2, index.rawValue) + ProtobufSize.field(3, term.rawValue)
    }

    package func encode(into output: inout [UInt8]) {
        output.appendHeader(1, count: confState.encodedSize)
        confState.encode(into: &output)
        output.appendField(2, index.rawValue)
        output.appendField(3, term.rawValue)
    }

    package init(decoding bytes: Bytes) throws(ProtobufError) {
        var metadata = SnapshotMetadata(index: 0, term: 0)
        var reader = ProtobufReader(bytes)
        while let field = try reader.next() {
            switch field {
            case 1: metadata.confState = try ConfState(decoding: try reader.bytes())
            case 2: metadata.index = LogIndex(try reader.unsigned())
            case 3: metadata.term = Term(try reader.unsigned())
            default: try reader.skip()
            }
        }
        self = metadata
    }
}

extension Snapshot {
    package var encodedSize: Int {
        (data.isEmpty ? 0 : ProtobufSize.field(1, count: data.count))
            + ProtobufSize.field(2, count: metadata.encodedSize)
    }

    package func encode(into output: inout [UInt8]) {
        if !data.isEmpty { output.appendField(1, data) }
        output.appendHeader(2, count: metadata.encodedSize)
        metadata.encode(into: &output)
    }

    package init(decoding bytes: Bytes) throws(ProtobufError) {
        var snapshot = Snapshot(metadata: SnapshotMetadata(index: 0, term: 0))
        var reader = ProtobufReader(bytes)
        while let field = try reader.next() {
            switch field {
            case 1: snapshot.data = try reader.bytes()
            case 2: snapshot.metadata = try SnapshotMetadata(decoding: try reader.bytes())
            default: try reader.skip()
            }
        }
        self = snapshot
    }
}
