//  Writing records: the frame around each, padded to words, and the checksum that chains them.

import EtcdProto
import Raft
import RuntimeCore

/// The frame of a record: a length word, the record, and zeros up to the next word.
///
/// A frame starts at a multiple of 8 bytes, so that its length word never spans two sectors.
enum Frame {
    static let headerBytes = 8
    /// What a disk writes whole or not at all.
    static let sectorBytes = 512

    /// Bytes after a record of `size` bytes.
    static func padding(_ size: Int) -> Int { (8 - size % 8) % 8 }

    /// The length word: 56 bits of size; the top byte is 0x80 + padding when there is some.
    static func word(_ size: Int) -> UInt64 {
        let padding = UInt64(padding(size))
        return UInt64(size) | (padding == 0 ? 0 : (0x80 | padding) << 56)
    }

    /// Whether some sector's part of `frame` is all zero, as a write leaves it that power loss cut
    /// short. `frame` is a record with its padding, found at `offset` in the file.
    static func isTorn(_ frame: Bytes, at offset: Int) -> Bool {
        var position = 0
        while position < frame.count {
            let sectorEnd = ((offset + position) / sectorBytes + 1) * sectorBytes - offset
            let part = frame[position..<min(sectorEnd, frame.count)]
            if part.isAllZero { return true }
            position = sectorEnd
        }
        return false
    }
}

extension Bytes {
    var isAllZero: Bool {
        withUnsafeBytes { buffer in
            var offset = 0
            while buffer.count - offset >= 8 {
                if buffer.loadUnaligned(fromByteOffset: offset, as: UInt64.self) != 0 {
                    return false
                }
                offset += 8
            }
            return buffer[offset...].allSatisfy { $0 == 0 }
        }
    }
}

/// Collects the frames of one write.
struct FrameEncoder {
    /// Buffers are kept between writes up to this size, so that one huge batch does not hold its
    /// memory for ever.
    private static let keptBytesMax = 4 << 20

    private(set) var bytes: [UInt8] = []
    /// The chain after the last record.
    private(set) var checksum: UInt32 = 0
    /// The size of the largest record; the caller refuses what no reader would take.
    private(set) var largestRecord = 0
    private var scratch: [UInt8] = []

    mutating func begin(checksum: UInt32) {
        let keeps = bytes.capacity <= FrameEncoder.keptBytesMax
        bytes.removeAll(keepingCapacity: keeps)
        scratch.removeAll(keepingCapacity: scratch.capacity <= FrameEncoder.keptBytesMax)
        self.checksum = checksum
        largestRecord = 0
    }

    /// The record that starts every segment and lets a reader start there.
    mutating func appendChecksum() {
        frame(WALRecord(kind: .crc, crc: checksum))
    }

    mutating func append(metadata: Bytes) { append(.metadata, metadata) }

    mutating func append(_ entry: Entry) {
        scratch.removeAll(keepingCapacity: true)
        entry.encode(into: &scratch)
        append(.entry, Bytes(scratch))
    }

    mutating func append(_ state: HardState) {
        scratch.removeAll(keepingCapacity: true)
        state.encode(into: &scratch)
        append(.state, Bytes(scratch))
    }

    mutating func append(_ snapshot: WALSnapshot) {
        scratch.removeAll(keepingCapacity: true)
        snapshot.encode(into: &scratch)
        append(.snapshot, Bytes(scratch))
    }

    private mutating func append(_ kind: WALRecord.Kind, _ data: Bytes) {
        checksum = CRC32C.extend(checksum, with: data)
        frame(WALRecord(kind: kind, crc: checksum, data: data))
    }

    private mutating func frame(_ record: WALRecord) {
        let start = bytes.count
        bytes.append(contentsOf: repeatElement(0, count: Frame.headerBytes))
        record.encode(into: &bytes)
        let size = bytes.count - start - Frame.headerBytes
        bytes.append(contentsOf: repeatElement(0, count: Frame.padding(size)))
        let word = Frame.word(size).littleEndian
        bytes.withUnsafeMutableBytes {
            $0.storeBytes(of: word, toByteOffset: start, as: UInt64.self)
        }
        largestRecord = max(largestRecord, size)
    }
}
