//  An immutable slice of bytes: what every codec reads from and every message carries. What is
//  inlinable here was measured: other modules do not specialise it otherwise. It takes effect only
//  together with `@usableFromInline` on the type and on the members that it touches.

import Glibc

/// An immutable run of bytes that shares its storage with the buffer it was cut from.
///
/// Slicing never copies; equality, order and hash look at the content only. `Sendable` because the
/// storage is an array value that nobody can write to through this type.
@usableFromInline
package struct Bytes: Sendable {
    @usableFromInline package let storage: [UInt8]
    /// Invariant: `0 <= start <= end <= storage.count`.
    @usableFromInline package let start: Int
    @usableFromInline package let end: Int

    package static let empty = Bytes([])

    package init(_ array: [UInt8]) {
        storage = array
        start = 0
        end = array.count
    }

    package init(_ text: String) {
        self.init(Array(text.utf8))
    }

    package init(_ text: Substring) {
        self.init(Array(text.utf8))
    }

    @inlinable @inline(__always)
    init(storage: [UInt8], start: Int, end: Int) {
        self.storage = storage
        self.start = start
        self.end = end
    }

    @inlinable @inline(__always)
    package var count: Int { end - start }
    @inlinable @inline(__always)
    package var isEmpty: Bool { end == start }

    /// The byte at `position`, counted from the start of this slice.
    @inlinable @inline(__always)
    package subscript(position: Int) -> UInt8 {
        precondition(position >= 0 && position < count)
        return storage[start + position]
    }

    /// The bytes of `range`, counted from the start of this slice, without a copy.
    @inlinable @inline(__always)
    package subscript(range: Range<Int>) -> Bytes {
        precondition(range.lowerBound >= 0 && range.upperBound <= count)
        return Bytes(
            storage: storage, start: start + range.lowerBound, end: start + range.upperBound)
    }

    package func dropFirst(_ number: Int) -> Bytes { self[min(number, count)..<count] }
    package func prefix(_ number: Int) -> Bytes { self[0..<min(number, count)] }

    /// The content as an array; free when this slice covers its whole storage.
    package var array: [UInt8] {
        start == 0 && end == storage.count ? storage : Array(storage[start..<end])
    }

    /// The content as text; invalid UTF-8 becomes U+FFFD.
    package var text: String {
        withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
    }

    @inlinable @inline(__always)
    package func withUnsafeBytes<Result, Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        var outcome: Swift.Result<Result, Failure>?
        storage.withUnsafeBytes { buffer in
            do throws(Failure) {
                outcome = .success(try body(UnsafeRawBufferPointer(rebasing: buffer[start..<end])))
            } catch {
                outcome = .failure(error)
            }
        }
        return try outcome!.get()
    }
}

extension Bytes: Equatable, Hashable, Comparable {
    @usableFromInline
    package static func == (left: Bytes, right: Bytes) -> Bool {
        left.count == right.count && compare(left, right) == 0
    }

    @usableFromInline
    package static func < (left: Bytes, right: Bytes) -> Bool {
        let order = compare(left, right)
        return order != 0 ? order < 0 : left.count < right.count
    }

    /// The order of the part that both have.
    private static func compare(_ left: Bytes, _ right: Bytes) -> CInt {
        left.withUnsafeBytes { a in
            right.withUnsafeBytes { b in
                let count = min(a.count, b.count)
                guard count > 0, let first = a.baseAddress, let second = b.baseAddress else {
                    return 0
                }
                return memcmp(first, second, count)
            }
        }
    }

    @usableFromInline
    package func hash(into hasher: inout Hasher) {
        withUnsafeBytes { hasher.combine(bytes: $0) }
    }
}

extension Bytes: ExpressibleByArrayLiteral, CustomStringConvertible {
    @usableFromInline
    package init(arrayLiteral elements: UInt8...) { self.init(elements) }

    @usableFromInline
    package var description: String { "Bytes(\(count))" }
}
