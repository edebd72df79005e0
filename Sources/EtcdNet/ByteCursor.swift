//  Writes text into memory that is known to be large enough.

/// A position in writable memory. The owner has reserved room for all that will be written.
struct ByteCursor {
    private(set) var position: UnsafeMutablePointer<UInt8>
    private let end: UnsafeMutablePointer<UInt8>

    init(_ memory: UnsafeMutableRawBufferPointer) {
        // Memory of a byte buffer with reserved space is never empty.
        position = memory.baseAddress!.assumingMemoryBound(to: UInt8.self)
        end = position + memory.count
    }

    /// Bytes that may still be written.
    var room: Int { end - position }

    @inline(__always)
    mutating func write(_ text: StaticString) {
        position.update(from: text.utf8Start, count: text.utf8CodeUnitCount)
        position += text.utf8CodeUnitCount
    }

    @inline(__always)
    mutating func write(_ byte: UInt8) {
        position.pointee = byte
        position += 1
    }

    mutating func write(_ bytes: UnsafeRawBufferPointer) {
        guard let base = bytes.baseAddress else { return }
        UnsafeMutableRawPointer(position).copyMemory(from: base, byteCount: bytes.count)
        position += bytes.count
    }

    mutating func write(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { write($0) }
    }

    mutating func writeDecimal(_ number: Int) {
        if number >= 10 { writeDecimal(number / 10) }
        write(UInt8(ascii: "0") + UInt8(number % 10))
    }

    mutating func writeHexadecimal(_ number: Int) {
        if number >= 16 { writeHexadecimal(number >> 4) }
        let digit = UInt8(number & 15)
        write(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") - 10 + digit)
    }

    /// A field name in Go's canonical form: a capital after the start and after each hyphen.
    mutating func writeFieldName(_ name: UnsafeBufferPointer<UInt8>) {
        write(UnsafeRawBufferPointer(name))
        if !FieldName.isCanonical(UnsafeRawBufferPointer(name)) {
            let written = UnsafeMutableBufferPointer(
                start: position - name.count, count: name.count)
            FieldName.makeCanonical(written)
        }
    }

    /// A field value; line breaks become spaces, so that no value can begin another field.
    mutating func writeFieldValue(_ value: UnsafeBufferPointer<UInt8>) {
        let target = position
        for index in 0..<value.count {
            let byte = value[index]
            let breaksLine = byte == ASCII.lineFeed || byte == ASCII.carriageReturn
            target[index] = breaksLine ? ASCII.space : byte
        }
        position += value.count
    }
}
