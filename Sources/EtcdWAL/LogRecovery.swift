//  The meaning of a log's records, taken one after the other.

import EtcdProto
import Raft
import RuntimeCore

/// Collects what the records of a log say from a snapshot on.
struct LogRecovery {
    private let start: WALSnapshot
    private var metadata: Bytes?
    private var hasFoundStart = false
    private(set) var hardState = HardState.initial
    /// Consecutive, the first one right after the snapshot.
    private(set) var entries: [Entry] = []
    /// Of the last entry, or of a later snapshot.
    private(set) var lastIndex = LogIndex(0)

    init(start: WALSnapshot) { self.start = start }

    /// - Returns: what is wrong with the record, or `nil`.
    mutating func take(_ record: WALRecord) -> String? {
        do {
            switch record.kind {
            case .crc:
                return nil
            case .metadata:
                if let metadata, metadata != record.data {
                    return "the metadata differs from that of the segment before"
                }
                // A copy, because the original would keep the chunk that was read alive.
                metadata = Bytes(Array(record.data.array))
                return nil
            case .state:
                hardState = try HardState(decoding: record.data)
                return nil
            case .entry:
                return take(try Entry(decoding: record.data))
            case .snapshot:
                return take(try WALSnapshot(decoding: record.data))
            }
        } catch {
            return "\(error)"
        }
    }

    private mutating func take(_ entry: Entry) -> String? {
        guard entry.index > start.index else {
            // Everything after it was replaced, so that nothing after the snapshot is left.
            entries.removeAll()
            lastIndex = entry.index
            return nil
        }
        let known = UInt64(entries.count)
        let place = entry.index.rawValue - start.index.rawValue - 1
        guard place <= known else {
            return "entry \(entry.index) follows entry \(start.index.rawValue + known)"
        }
        entries.removeLast(Int(known - place))
        entries.append(entry)
        lastIndex = entry.index
        return nil
    }

    private mutating func take(_ snapshot: WALSnapshot) -> String? {
        lastIndex = max(lastIndex, snapshot.index)
        guard snapshot.index == start.index else { return nil }
        guard snapshot.term == start.term else {
            return "the snapshot at index \(start.index) has term \(snapshot.term), "
                + "not \(start.term)"
        }
        hasFoundStart = true
        return nil
    }

    /// Nothing follows: takes stock.
    ///
    /// - Returns: the metadata.
    mutating func finish(in directory: String) throws(WALError) -> Bytes {
        dropReplaced()
        guard hasFoundStart else {
            throw WALError(
                .snapshotNotFound,
                "\(directory): no record of a snapshot at index \(start.index), term \(start.term)")
        }
        guard let metadata else {
            throw WALError(.corrupt, "\(directory): the log has no metadata")
        }
        let last = max(start.index, entries.last?.index ?? 0)
        guard hardState.commit <= last else {
            throw WALError(
                .corrupt,
                "\(directory): index \(hardState.commit) is committed, but the log ends at \(last)")
        }
        return metadata
    }

    /// A snapshot that a leader sent replaces the whole log. Entries behind it that were written
    /// before it came stay in the file until the next one takes their place; terms never fall in a
    /// log, so that a lower one gives them away. With them a member would claim, and vote with, a
    /// log that it has given up.
    private mutating func dropReplaced() {
        guard let first = entries.first, first.term < start.term else { return }
        entries.removeAll()
        lastIndex = start.index
    }
}
