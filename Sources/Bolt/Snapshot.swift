//  A committed state for readers: immutable, shared by any number of threads, without locks.

package import RuntimeCore

/// One committed state of a database.
///
/// Any thread may use it. It stays readable after later commits, after the database grew out of
/// its mapping, and after the database is closed; while it lives its pages are not reused, so the
/// file cannot shrink its garbage. Reads of a damaged page find nothing and report the page in
/// `SnapshotRegistry.damage`.
package final class Snapshot: Sendable {
    /// The number of the transaction that committed this state.
    package let transactionID: UInt64
    let meta: Meta
    let space: PageSpace
    private let path: String
    private let mapping: any FileMapping
    private let live: LiveStates

    init(meta: Meta, path: String, mapping: any FileMapping, live: LiveStates) {
        precondition(Int(meta.highWater) * meta.pageSize <= mapping.capacity)
        transactionID = meta.transactionID
        self.meta = meta
        self.path = path
        self.mapping = mapping
        self.live = live
        space = PageSpace(
            address: UInt(bitPattern: mapping.base), pageSize: meta.pageSize,
            highWater: meta.highWater)
        live.add(meta.transactionID)
    }

    deinit { live.remove(transactionID) }

    /// nil when there is no bucket of that name.
    package func bucket(_ name: Bytes) -> BucketView? {
        let directory = BucketView(snapshot: self, root: .page(meta.rootPage))
        return name.withUnsafeBytes { key in
            guard let element = directory.find(key), element.isBucket else { return nil }
            return view(element.value)
        }
    }

    /// In order.
    package var bucketNames: [Bytes] {
        var names: [Bytes] = []
        var cursor = BucketView(snapshot: self, root: .page(meta.rootPage)).makeCursor()
        var isThere = cursor.first()
        while isThere {
            if cursor.isBucket { names.append(Bytes(Array(cursor.key))) }
            isThere = cursor.next()
        }
        return names
    }

    private func view(_ value: UnsafeRawBufferPointer) -> BucketView? {
        guard let root = BucketRoot(value) else {
            report(meta.rootPage, "a bucket entry is cut off")
            return nil
        }
        return BucketView(snapshot: self, root: root)
    }

    func report(_ page: UInt64, _ reason: String) {
        live.report(.damaged(path: path, page: page, reason: reason))
    }

    func damaged(_ page: UInt64, _ reason: String) -> BoltError {
        .damaged(path: path, page: page, reason: reason)
    }

    // MARK: the file of this state

    /// Size of the file that `readImage` gives.
    package var imageBytes: Int { Int(meta.highWater) * meta.pageSize }

    /// Reads the file as of this state: a complete database without a stored free list. Pages
    /// that are free in it have undefined content.
    ///
    /// Goes through system calls, so that sending a large database does not fill memory.
    /// - Returns: bytes read; less than asked for only at the end of the image.
    package func readImage(at offset: Int, into buffer: UnsafeMutableRawBufferPointer)
        throws(BoltError) -> Int
    {
        let count = min(buffer.count, max(0, imageBytes - offset))
        guard count > 0 else { return 0 }
        let target = UnsafeMutableRawBufferPointer(rebasing: buffer[..<count])
        try readFile(at: offset, into: target)
        // Both metas describe this state, the second as its predecessor, as bbolt writes a copy.
        for slot in 0..<2 where offset < (slot + 1) * meta.pageSize {
            let start = slot * meta.pageSize
            let end = min(start + meta.pageSize, offset + count)
            guard max(start, offset) < end else { continue }
            let image = imageMeta(slot)
            let part = image[max(0, offset - start)..<end - start]
            UnsafeMutableRawBufferPointer(
                rebasing: target[max(start, offset) - offset..<end - offset]
            ).copyBytes(from: part)
        }
        return count
    }

    private func imageMeta(_ slot: Int) -> [UInt8] {
        var copy = meta
        copy.freeListPage = Format.noFreeList
        copy.transactionID = slot == 0 ? transactionID : max(1, transactionID) - 1
        return copy.pageImage(slot: UInt64(slot))
    }

    /// Fills `buffer` from the file, or fails: a committed state has no end in the middle.
    func readFile(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws(BoltError) {
        let count = try fileStep { () throws(FileError) in
            try mapping.read(at: offset, into: buffer)
        }
        guard count == buffer.count else {
            throw damaged(UInt64((offset + count) / meta.pageSize), "the file ends before it")
        }
    }

    /// Lets the system take back the memory that reads through the mapping have filled.
    package func releaseResidentPages() { mapping.releaseResidentPages() }
}
