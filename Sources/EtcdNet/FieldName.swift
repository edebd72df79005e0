//  Field names in the form in which Go writes them: `X-Etcd-Index`.

enum FieldName {
    static func makeCanonical(_ name: UnsafeMutableBufferPointer<UInt8>) {
        var isStart = true
        for index in name.indices {
            let byte = name[index]
            if ASCII.isLetter(byte) { name[index] = isStart ? byte & 0xDF : byte | 0x20 }
            isStart = byte == UInt8(ascii: "-")
        }
    }

    /// Names nearly always are; eight bytes are looked at together, each in its lane of a word.
    /// The answer is exact for ASCII.
    static func isCanonical(_ name: UnsafeRawBufferPointer) -> Bool {
        // A capital belongs at the first byte and after each hyphen, and nowhere else.
        var startsBefore: UInt64 = 0x80
        var index = 0
        while index + 8 <= name.count {
            let word = UInt64(
                littleEndian: name.loadUnaligned(fromByteOffset: index, as: UInt64.self))
            if !isCanonical(word, &startsBefore) { return false }
            index += 8
        }
        var word: UInt64 = 0
        var shift: UInt64 = 0
        while index < name.count {
            word |= UInt64(name[index]) << shift
            shift += 8
            index += 1
        }
        return isCanonical(word, &startsBefore)
    }

    private static let lanes: UInt64 = 0x0101_0101_0101_0101
    private static let highBits: UInt64 = 0x8080_8080_8080_8080

    /// The high bit of every lane whose byte is at least `bound`; bytes must be ASCII.
    @inline(__always)
    private static func atLeast(_ bound: UInt8, _ word: UInt64) -> UInt64 {
        (word &+ lanes &* UInt64(0x80 - bound)) & highBits
    }

    /// `startsBefore` has the lowest lane's high bit set if this word's first byte must be a
    /// capital, and is updated for the next word.
    @inline(__always)
    private static func isCanonical(_ word: UInt64, _ startsBefore: inout UInt64) -> Bool {
        let capitals = atLeast(0x41, word) & ~atLeast(0x5B, word)
        let smalls = atLeast(0x61, word) & ~atLeast(0x7B, word)
        let hyphens = atLeast(0x2D, word) & ~atLeast(0x2E, word)
        let starts = hyphens << 8 | startsBefore
        startsBefore = hyphens >> 56
        return (capitals & ~starts) | (smalls & starts) == 0
    }
}
