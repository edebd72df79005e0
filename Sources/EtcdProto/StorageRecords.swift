//  The records of log segments and snapshot files (spec peer-and-disk 4).

package import Protobuf
package import Raft
package import RuntimeCore

/// One record of a log segment.
package struct WALRecord: Sendable, Hashable {
    package enum Kind: UInt64, Sendable {
        case metadata = 1
        case entry = 2
        case state = 3
        case crc = 4
        case snapshot = 5
    }

    package var kind: Kind
    /// The checksum chain after this record.
    package var crc: UInt32
    package var data: Bytes

    package init(kind: Kind, crc: UInt32, data: Bytes = .empty) {
        self.kind = kind
        self.crc = crc
        self.data = data
    }

    package var encodedSize: Int {
        ProtobufSize.field(1, kind.rawValue) + ProtobufSize.field(2, UInt64(crc))
            + (data.isEmpty ? 0 : ProtobufSize.field(3, count: data.count))
    }

    package func encode(into output: inout [UInt8]) {
        output.appendField(1, kind.rawValue)
        output.appendField(2, UInt64(crc))
        if !data.isEmpty { output.appendField(3, data) }
    }

    package init(decoding bytes: Bytes) throws(ProtobufError) {
        var kind: Kind?
        var crc: UInt32 = 0
        var data = Bytes.empty
        var reader = ProtobufReader(bytes)
        while let field = try reader.next() {
            switch field {
            case 1:
                let value = try reader.unsigned()
                guard let known = Kind(rawValue: value) else {
                    throw .invalidValue(field: 1, value)
                }
                kind = known
            case 2: crc = UInt32(truncatingIfNeeded: try reader.unsigned())
            case 3: data = try reader.bytes()
            default: try reader.skip()
            }
        }
        guard let kind else { throw .invalidValue(field: 1, 0) }
        self.init(kind: kind, crc: crc, data: data)
    }
}

/// Says that the snapshot file of this index and term is durable.
package struct WALSnapshot: Sendable, Hashable {
    package var index: LogIndex
    package var term: Term
    /// Absent in logs of releases before 3.5, and for the beginning of a log.
    package var confState: ConfState?

    package init(index: LogIndex, term: Term, confState: ConfState? = nil) {
        self.index = index
        self.term = term
        self.confState = confState
    }

    package func encode(into output: inout [UInt8]) {
        output.appendField(1, index.rawValue)
        output.appendField(2, term.rawValue)
        if let confState {
            output.appendHeader(3, count: confState.encodedSize)
            confState.encode(into: &output)
        }
    }

    package init(decoding bytes: Bytes) throws(ProtobufError) {
        var snapshot = WALSnapshot(index: 0, term: 0)
        var reader = ProtobufReader(bytes)
        while let field = try reader.next() {
            switch field {
            case 1: snapshot.index = LogIndex(try reader.unsigned())
            case 2: snapshot.term = Term(try reader.unsigned())
            case 3: snapshot.confState = try ConfState(decoding: try reader.bytes())
            default: try reader.skip()
            }
        }
        self = snapshot
    }
}

/// Whose log it is.
package struct LogMetadata: Sendable, Hashable {
    package var nodeID: UInt64
    package var clusterID: UInt64

    package init(nodeID: UInt64, clusterID: UInt64) {
        self.nodeID = nodeID
        self.clusterID = clusterID
    }

    package func encode(into output: inout [UInt8]) {
        output.appendField(1, nodeID)
        output.appendField(2, clusterID)
    }

    package init(decoding bytes: Bytes) throws(ProtobufError) {
        var metadata = LogMetadata(nodeID: 0, clusterID: 0)
        var reader = ProtobufReader(bytes)
        while let field = try reader.next() {
            switch field {
            case 1: metadata.nodeID = try reader.unsigned()
            case 2: metadata.clusterID = try reader.unsigned()
            default: try reader.skip()
            }
        }
        self = metadata
    }
}

/// The outside of a `.snap` file.
package struct SnapshotEnvelope: Sendable, Hashable {
    /// CRC-32C of `data`.
    package var crc: UInt32
    /// An encoded `Snapshot`.
    package var data: Bytes

    package init(crc: UInt32, data: Bytes) {
        self.crc = crc
        self.data = data
    }

    package func encode(into output: inout [UInt8]) {
        output.appendField(1, UInt64(crc))
        output.appendField(2, data)
    }

    package init(decoding bytes: Bytes) throws(ProtobufError) {
        var envelope = SnapshotEnvelope(crc: 0, data: .empty)
        var reader = ProtobufReader(bytes)
        while let field = try reader.next() {
            switch field {
            case 1: envelope.crc = UInt32(truncatingIfNeeded: try reader.unsigned())
            case 2: envelope.data = try reader.bytes()
            default: try reader.skip()
            }
        }
        self = envelope
    }
}
