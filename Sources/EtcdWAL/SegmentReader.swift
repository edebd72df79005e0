//  Frames of one segment, read in chunks, so that opening a log holds its entries once and nothing
//  of what is skipped.

import RuntimeCore

/// Walks over the frames of a segment. Lengths are checked against the file before anything is
/// read or reserved for them.
struct SegmentReader {
    /// What stands at `offset`.
    enum Step {
        /// A record with its padding; the record is the first `size` bytes.
        case frame(Bytes, size: Int)
        /// A zero length word or the end of the file.
        case end
        /// The file ends inside the frame.
        case cutShort(String)
        /// No writer leaves this.
        case invalid(String)
    }

    /// Read at once. Entries keep the chunk they were read in alive, so it is not larger.
    private static let chunkBytes = 1 << 20

    let path: String
    /// Where the next frame starts.
    private(set) var offset = 0
    private let file: any File
    private let fileBytes: Int
    private var chunk = Bytes.empty
    private var chunkStart = 0

    init(path: String, file: any File) throws(FileError) {
        self.path = path
        self.file = file
        fileBytes = try file.size()
    }

    /// Looks at the frame at `offset` without moving.
    mutating func step() throws(FileError) -> Step {
        let left = fileBytes - offset
        if left <= 0 { return .end }
        guard left >= Frame.headerBytes, let header = try bytes(offset, Frame.headerBytes) else {
            return .cutShort("\(left) bytes are too few for a length")
        }
        let word = header.withUnsafeBytes {
            UInt64(littleEndian: $0.loadUnaligned(as: UInt64.self))
        }
        if word == 0 { return .end }
        let size = Int(word & 0x00FF_FFFF_FFFF_FFFF)
        // Logs of etcd before 2.3 have no padding and a plain length.
        let top = UInt8(truncatingIfNeeded: word >> 56)
        let padding = top & 0x80 == 0 ? 0 : Int(top & 7)
        let room = left - Frame.headerBytes
        // Before it is held against the file: what is torn has zeros in place of bytes, so that an
        // unfinished write never makes a length larger.
        if size > Limits.walRecordBytesMax {
            return .invalid("a record of \(size) bytes is larger than any record can be")
        }
        if size > room || size + padding > room {
            return .cutShort("a record of \(size) bytes, but the file has \(room) more")
        }
        if size == 0 { return .invalid("an empty record") }
        if top != 0, top != 0x80 | UInt8(Frame.padding(size)) {
            return .invalid("the length is malformed")
        }
        guard let frame = try bytes(offset + Frame.headerBytes, size + padding) else {
            return .cutShort("a record of \(size) bytes, but the file ended")
        }
        return .frame(frame, size: size)
    }

    /// Passes over a frame that `step` returned.
    mutating func accept(_ frame: Bytes) { offset += Frame.headerBytes + frame.count }

    /// `nil` when the file has become shorter meanwhile.
    private mutating func bytes(_ start: Int, _ count: Int) throws(FileError) -> Bytes? {
        if start < chunkStart || start + count > chunkStart + chunk.count {
            chunk = Bytes(
                try file.read(at: start, count: max(count, SegmentReader.chunkBytes)))
            chunkStart = start
        }
        guard start - chunkStart + count <= chunk.count else { return nil }
        return chunk[start - chunkStart..<start - chunkStart + count]
    }
}
