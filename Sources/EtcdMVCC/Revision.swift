//  Points in the store's history, and the keys under which bucket `key` keeps them.

package import RuntimeCore

/// One change: the write request it belongs to, and its place among that request's changes.
package struct Revision: Sendable, Hashable, Comparable {
    /// Main revisions of a sound database stay below: room for all the writes that are to come.
    static let mainBound = Int64.max / 2

    /// Number of the write request; what clients call the revision.
    package let main: Int64
    /// 0, 1, 2, … in the order of execution.
    package let sub: Int64

    package init(main: Int64, sub: Int64) {
        self.main = main
        self.sub = sub
    }

    @inline(__always)
    package static func < (left: Revision, right: Revision) -> Bool {
        left.main != right.main ? left.main < right.main : left.sub < right.sub
    }
}

/// The key of a record in bucket `key`: main and sub revision, big-endian, with `_` between them;
/// a deletion ends with `t`.
package struct RevisionKey: Sendable, Hashable {
    /// Bytes of a key that is no deletion.
    package static let length = 17
    static let separator = UInt8(ascii: "_")
    static let tombstoneMark = UInt8(ascii: "t")

    package let revision: Revision
    package let isTombstone: Bool

    package init(_ revision: Revision, isTombstone: Bool = false) {
        self.revision = revision
        self.isTombstone = isTombstone
    }

    /// `nil` for anything that is not the key of a record.
    package init?(_ buffer: UnsafeRawBufferPointer) {
        guard buffer.count == Self.length || buffer.count == Self.length + 1,
            buffer[8] == Self.separator
        else { return nil }
        let main = UInt64(bigEndian: buffer.loadUnaligned(as: UInt64.self))
        let sub = UInt64(bigEndian: buffer.loadUnaligned(fromByteOffset: 9, as: UInt64.self))
        guard main <= Int64.max, sub <= Int64.max else { return nil }
        isTombstone = buffer.count > Self.length
        if isTombstone, buffer[Self.length] != Self.tombstoneMark { return nil }
        revision = Revision(main: Int64(main), sub: Int64(sub))
    }

    package var bytes: Bytes {
        Bytes(withUnsafeBytes { Array($0) })
    }

    /// Lends the encoded key without an allocation.
    @inline(__always)
    package func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        var space: (UInt64, UInt64, UInt64) = (0, 0, 0)
        return Swift.withUnsafeMutableBytes(of: &space) { buffer in
            buffer.storeBytes(of: UInt64(revision.main).bigEndian, as: UInt64.self)
            buffer[8] = Self.separator
            buffer.storeBytes(of: UInt64(revision.sub).bigEndian, toByteOffset: 9, as: UInt64.self)
            buffer[Self.length] = Self.tombstoneMark
            let count = isTombstone ? Self.length + 1 : Self.length
            return body(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
        }
    }
}
