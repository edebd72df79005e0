//  Records of consecutive segments: the checksum chain, and telling a torn tail from damage.

import EtcdProto
import RuntimeCore

/// Reads segments in order, from any of them on.
struct LogReader {
    /// An unfinished write at the end of the last segment.
    struct Tear {
        let offset: Int
        let reason: String
    }

    /// The chain after the last record.
    private(set) var checksum: UInt32 = 0
    /// Set once `next` has returned `nil` because of one.
    private(set) var tear: Tear?
    private let files: [(path: String, file: any File)]
    private var position = 0
    private var reader: SegmentReader
    /// Where the record that `next` returned or refused last starts.
    private var lastOffset = 0
    /// What is wrong where `next` has thrown because of the content.
    private(set) var damage: String?
    /// A reader that starts in the middle of a log takes the first checksum on trust.
    private var hasChain = false

    /// - Parameter files: at least one, without gaps.
    init(_ files: [(path: String, file: any File)]) throws(WALError) {
        self.files = files
        reader = try LogReader.reader(files[0])
    }

    private static func reader(_ segment: (path: String, file: any File)) throws(WALError)
        -> SegmentReader
    {
        try withFileErrors(path: segment.path) { () throws(FileError) in
            try SegmentReader(path: segment.path, file: segment.file)
        }
    }

    /// Where the next record would start in the segment read last.
    var offset: Int { reader.offset }

    /// The segment that was read last, by its position among the files.
    var segment: Int { position }

    var recordOffset: Int { lastOffset }

    private var isInLastSegment: Bool { position == files.count - 1 }

    /// Damage in the record that `next` returned last.
    func corrupt(_ reason: String) -> WALError { .corrupt(reader.path, at: lastOffset, reason) }

    private mutating func damaged(_ reason: String) -> WALError {
        damage = reason
        return corrupt(reason)
    }

    /// The next record, or `nil` at the end of the last segment's used part.
    mutating func next() throws(WALError) -> WALRecord? {
        while tear == nil {
            lastOffset = reader.offset
            let step: SegmentReader.Step
            do throws(FileError) {
                step = try reader.step()
            } catch {
                throw WALError(error, path: reader.path)
            }
            switch step {
            case .end:
                if isInLastSegment { return nil }
                position += 1
                reader = try LogReader.reader(files[position])
            case .cutShort(let reason):
                guard isInLastSegment else { throw damaged(reason) }
                tear = Tear(offset: lastOffset, reason: reason)
            case .invalid(let reason):
                throw damaged(reason)
            case .frame(let frame, let size):
                if let record = try checked(frame, size) {
                    reader.accept(frame)
                    return record
                }
            }
        }
        return nil
    }

    /// The record of a frame, or `nil` after setting `tear`.
    private mutating func checked(_ frame: Bytes, _ size: Int) throws(WALError) -> WALRecord? {
        let reason: String
        switch decoded(frame[0..<size]) {
        case .success(let record) where record.kind == .crc:
            // Heads of segments are durable before the segment has its name: never torn.
            guard record.crc == checksum || !hasChain else {
                throw damaged("the log before it has checksum \(checksum), not \(record.crc)")
            }
            checksum = record.crc
            hasChain = true
            return record
        case .success(let record):
            let expected = CRC32C.extend(checksum, with: record.data)
            if record.crc == expected {
                checksum = expected
                hasChain = true
                return record
            }
            reason = "checksum \(record.crc), but the content has \(expected)"
        case .failure(let error):
            reason = "\(error)"
        }
        guard isInLastSegment, Frame.isTorn(frame, at: lastOffset + Frame.headerBytes) else {
            throw damaged(reason)
        }
        tear = Tear(offset: lastOffset, reason: reason)
        return nil
    }

    private func decoded(_ bytes: Bytes) -> Result<WALRecord, any Error> {
        Result { try WALRecord(decoding: bytes) }
    }
}
