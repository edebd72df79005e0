//  The two checksums of etcd's files: CRC-32C (log, snapshots, hashes) and FNV-1a (database meta).

/// CRC-32C (Castagnoli), reflected, initial value and final xor all ones.
///
/// `extend` continues a finished checksum with more data, which is how the log chains its records.
package enum CRC32C {
    /// Slicing-by-8 tables: table k advances a byte that stands k bytes before the end of a word.
    private static let tables: [[UInt32]] = {
        var first = [UInt32](repeating: 0, count: 256)
        for value in 0..<256 {
            var crc = UInt32(value)
            for _ in 0..<8 {
                crc = crc & 1 == 1 ? (crc >> 1) ^ 0x82F6_3B78 : crc >> 1
            }
            first[value] = crc
        }
        var all = [first]
        for level in 1..<8 {
            let previous = all[level - 1]
            all.append(previous.map { ($0 >> 8) ^ first[Int($0 & 0xFF)] })
        }
        return all
    }()
    private static let flat: [UInt32] = tables.flatMap { $0 }

    package static func checksum(_ bytes: Bytes) -> UInt32 { extend(0, with: bytes) }

    package static func extend(_ crc: UInt32, with bytes: Bytes) -> UInt32 {
        bytes.withUnsafeBytes { extend(crc, with: $0) }
    }

    package static func extend(_ crc: UInt32, with buffer: UnsafeRawBufferPointer) -> UInt32 {
        flat.withUnsafeBufferPointer { table in
            var value = ~crc
            var offset = 0
            let count = buffer.count
            while count - offset >= 8 {
                let word = UInt64(
                    littleEndian: buffer.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
                let mixed = word ^ UInt64(value)
                value = table[7 * 256 + Int(mixed & 0xFF)]
                value ^= table[6 * 256 + Int((mixed >> 8) & 0xFF)]
                value ^= table[5 * 256 + Int((mixed >> 16) & 0xFF)]
                value ^= table[4 * 256 + Int((mixed >> 24) & 0xFF)]
                value ^= table[3 * 256 + Int((mixed >> 32) & 0xFF)]
                value ^= table[2 * 256 + Int((mixed >> 40) & 0xFF)]
                value ^= table[1 * 256 + Int((mixed >> 48) & 0xFF)]
                value ^= table[Int(mixed >> 56)]
                offset += 8
            }
            while offset < count {
                value = (value >> 8) ^ table[Int((value ^ UInt32(buffer[offset])) & 0xFF)]
                offset += 1
            }
            return ~value
        }
    }
}

/// FNV-1a, 64 bit.
package enum FNV1a {
    package static func hash(_ buffer: UnsafeRawBufferPointer) -> UInt64 {
        var value: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in buffer {
            value = (value ^ UInt64(byte)) &* 0x100_0000_01B3
        }
        return value
    }
}
