//  Reading gzip (RFC 1952) and deflate (RFC 1951): some clients compress what they send. Nothing is
//  ever compressed here.

import RuntimeCore

enum GzipError: Error, Equatable, CustomStringConvertible {
    case truncated
    case invalidHeader
    case invalidData
    case wrongChecksum
    case tooLarge

    var description: String {
        switch self {
        case .truncated: "unexpected EOF"
        case .invalidHeader: "gzip: invalid header"
        case .invalidData: "flate: corrupt input"
        case .wrongChecksum: "gzip: invalid checksum"
        case .tooLarge: "too large"
        }
    }
}

enum Gzip {
    private static let headFlags = (
        crc: UInt8(2), extra: UInt8(4), name: UInt8(8), comment: UInt8(16)
    )

    /// The content of all members of `input`, at most `bytesMax` bytes.
    static func decompressed(_ input: Bytes, bytesMax: Int) throws(GzipError) -> [UInt8] {
        var reader = DeflateReader(input, bytesMax: bytesMax)
        repeat {
            try skipHead(&reader)
            let start = reader.output.count
            try reader.inflate()
            let checksum = try reader.word()
            let size = try reader.word()
            let content = reader.output[start...]
            guard size == UInt32(truncatingIfNeeded: content.count),
                checksum == CRC32.checksum(content)
            else { throw .wrongChecksum }
        } while !reader.isAtEnd
        return reader.output
    }

    private static func skipHead(_ reader: inout DeflateReader) throws(GzipError) {
        guard try reader.byte() == 0x1F, try reader.byte() == 0x8B, try reader.byte() == 8 else {
            throw .invalidHeader
        }
        let flags = try reader.byte()
        // Time, level, system.
        for _ in 0..<6 { _ = try reader.byte() }
        if flags & headFlags.extra != 0 {
            let count = Int(try reader.byte()) | Int(try reader.byte()) << 8
            for _ in 0..<count { _ = try reader.byte() }
        }
        if flags & headFlags.name != 0 { while try reader.byte() != 0 {} }
        if flags & headFlags.comment != 0 { while try reader.byte() != 0 {} }
        if flags & headFlags.crc != 0 { for _ in 0..<2 { _ = try reader.byte() } }
    }
}

/// The checksum of gzip and zip: the polynomial of Ethernet, reflected.
enum CRC32 {
    private static let table: [UInt32] = (0..<256).map { index in
        (0..<8).reduce(UInt32(index)) { value, _ in
            value & 1 == 1 ? 0xEDB8_8320 ^ (value >> 1) : value >> 1
        }
    }

    static func checksum(_ bytes: some Sequence<UInt8>) -> UInt32 {
        let table = table
        var value = UInt32.max
        for byte in bytes { value = table[Int((value ^ UInt32(byte)) & 0xFF)] ^ (value >> 8) }
        return ~value
    }
}
