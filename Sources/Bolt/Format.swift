//  bbolt's file format in numbers, and its meta page (spec peer-and-disk 5). Little-endian.

import RuntimeCore

/// Constants of the format.
enum Format {
    static let pageHeaderBytes = 16
    static let elementBytes = 16
    static let branchFlag: UInt16 = 0x01
    static let leafFlag: UInt16 = 0x02
    static let metaFlag: UInt16 = 0x04
    static let freeListFlag: UInt16 = 0x10
    /// Marks a leaf element whose value is a bucket.
    static let bucketFlag: UInt32 = 0x01
    static let bucketHeaderBytes = 16
    static let metaBytes = 64
    static let magic: UInt32 = 0xED0C_DAED
    static let version: UInt32 = 2
    /// The free list page of a file that does not store its free list.
    static let noFreeList = UInt64.max
    static let keyBytesMax = 32_768
    static let valueBytesMax = Int(Int32.max) - 1
    /// Pages 0 and 1 are metas; no tree uses them.
    static let firstTreePage: UInt64 = 2
    static let pageSizes = 1_024...65_536
    /// A sound tree is never this deep; a damaged one may be a circle.
    static let depthMax = 64
}

/// A run of neighbouring pages.
struct PageRun: Sendable, Equatable {
    var first: UInt64
    var count: Int

    var end: UInt64 { first + UInt64(count) }
}

/// One committed state: what a meta page says.
struct Meta: Sendable, Equatable {
    var pageSize: Int
    var rootPage: UInt64
    /// Of the directory of buckets; unused, but kept.
    var sequence: UInt64
    var freeListPage: UInt64
    /// Pages from here on are not part of the content.
    var highWater: UInt64
    var transactionID: UInt64

    /// Reads the meta that follows a page header at the start of `page`.
    /// - Returns: nil when its checksum or a constant is wrong, or a number makes no sense.
    init?(page: UnsafeRawBufferPointer) {
        guard page.count >= Format.pageHeaderBytes + Format.metaBytes, let base = page.baseAddress
        else { return nil }
        let meta = base + Format.pageHeaderBytes
        let size = Int(meta.word32(8))
        guard meta.word32(0) == Format.magic, meta.word32(4) == Format.version,
            meta.word64(56) == FNV1a.hash(UnsafeRawBufferPointer(start: meta, count: 56)),
            Format.pageSizes.contains(size), size & (size - 1) == 0
        else { return nil }
        pageSize = size
        rootPage = meta.word64(16)
        sequence = meta.word64(24)
        freeListPage = meta.word64(32)
        highWater = meta.word64(40)
        transactionID = meta.word64(48)
        guard highWater > Format.firstTreePage, highWater < 1 << 44, transactionID < 1 << 62,
            rootPage >= Format.firstTreePage, rootPage < highWater
        else { return nil }
    }

    init(pageSize: Int, rootPage: UInt64, highWater: UInt64, transactionID: UInt64) {
        self.pageSize = pageSize
        self.rootPage = rootPage
        self.highWater = highWater
        self.transactionID = transactionID
        sequence = 0
        freeListPage = Format.noFreeList
    }

    /// The whole meta page with number `slot`.
    func pageImage(slot: UInt64) -> [UInt8] {
        var image = [UInt8](repeating: 0, count: pageSize)
        image.withUnsafeMutableBytes { buffer in
            let base = buffer.baseAddress!
            base.storeHeader(page: slot, flags: Format.metaFlag, count: 0, overflow: 0)
            let meta = base + Format.pageHeaderBytes
            meta.store32(Format.magic, 0)
            meta.store32(Format.version, 4)
            meta.store32(UInt32(pageSize), 8)
            meta.store64(rootPage, 16)
            meta.store64(sequence, 24)
            meta.store64(freeListPage, 32)
            meta.store64(highWater, 40)
            meta.store64(transactionID, 48)
            meta.store64(FNV1a.hash(UnsafeRawBufferPointer(start: meta, count: 56)), 56)
        }
        return image
    }
}

extension UnsafeRawPointer {
    @inline(__always)
    func word16(_ offset: Int) -> UInt16 {
        UInt16(littleEndian: loadUnaligned(fromByteOffset: offset, as: UInt16.self))
    }

    @inline(__always)
    func word32(_ offset: Int) -> UInt32 {
        UInt32(littleEndian: loadUnaligned(fromByteOffset: offset, as: UInt32.self))
    }

    @inline(__always)
    func word64(_ offset: Int) -> UInt64 {
        UInt64(littleEndian: loadUnaligned(fromByteOffset: offset, as: UInt64.self))
    }
}

extension UnsafeMutableRawPointer {
    @inline(__always)
    func store16(_ value: UInt16, _ offset: Int) {
        storeBytes(of: value.littleEndian, toByteOffset: offset, as: UInt16.self)
    }

    @inline(__always)
    func store32(_ value: UInt32, _ offset: Int) {
        storeBytes(of: value.littleEndian, toByteOffset: offset, as: UInt32.self)
    }

    @inline(__always)
    func store64(_ value: UInt64, _ offset: Int) {
        storeBytes(of: value.littleEndian, toByteOffset: offset, as: UInt64.self)
    }

    func storeHeader(page: UInt64, flags: UInt16, count: Int, overflow: Int) {
        store64(page, 0)
        store16(flags, 8)
        store16(UInt16(count), 10)
        store32(UInt32(overflow), 12)
    }
}
