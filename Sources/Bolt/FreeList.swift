//  Where the free pages of an opened file come from: its stored list, or a walk over what is in
//  use. This program never stores one, as etcd does not.

import RuntimeCore

/// Finds the free pages of a snapshot. Reads by system calls, headers only where that will do, so
/// that opening a large file does not fill memory.
struct FreeListLoader {
    private let snapshot: Snapshot
    private var used: PageSet

    private var pageSize: Int { snapshot.meta.pageSize }
    private var highWater: UInt64 { snapshot.meta.highWater }

    /// - Returns: the free pages, and the pages of the stored list if that is where they are from.
    static func load(_ snapshot: Snapshot) throws(BoltError) -> (FreePages, list: PageRun?) {
        var loader = FreeListLoader(snapshot: snapshot)
        if let stored = try loader.storedList() { return stored }
        return (try loader.walk(), nil)
    }

    private init(snapshot: Snapshot) {
        self.snapshot = snapshot
        used = PageSet(highWater: snapshot.meta.highWater)
    }

    // MARK: stored

    /// nil when there is none, or none that makes sense: the walk finds the same.
    private func storedList() throws(BoltError) -> (FreePages, list: PageRun?)? {
        let number = snapshot.meta.freeListPage
        guard number >= Format.firstTreePage, number < highWater else { return nil }
        let header = try read(number, bytes: Format.pageHeaderBytes + 8)
        let (overflow, isSound, count) = header.withUnsafeBytes { buffer in
            let base = buffer.baseAddress!
            let short = base.word16(10)
            return (
                UInt64(base.word32(12)),
                base.word64(0) == number && base.word16(8) == Format.freeListFlag,
                short == 0xFFFF ? base.word64(16) : UInt64(short)
            )
        }
        let start = Format.pageHeaderBytes + (count >= 0xFFFF ? 8 : 0)
        guard isSound, number + overflow < highWater, count < highWater,
            start + Int(count) * 8 <= (Int(overflow) + 1) * pageSize
        else { return nil }
        let bytes = try read(number, bytes: start + Int(count) * 8)
        return bytes.withUnsafeBytes { buffer in
            var free = FreePages()
            var previous: UInt64 = Format.firstTreePage - 1
            for index in 0..<Int(count) {
                let page = buffer.baseAddress!.word64(start + index * 8)
                guard page > previous, page < highWater else { return nil }
                free.insert(PageRun(first: page, count: 1))
                previous = page
            }
            return (free, PageRun(first: number, count: Int(overflow) + 1))
        }
    }

    // MARK: rebuilt

    private mutating func walk() throws(BoltError) -> FreePages {
        var roots: [UInt64] = []
        try walk(from: snapshot.meta.rootPage) { page throws(BoltError) in
            for index in 0..<page.count {
                guard let element = page.element(index) else {
                    return false
                }
                guard element.isBucket else { continue }
                guard let root = BucketRoot(element.value) else { return false }
                if case .page(let number) = root { roots.append(number) }
            }
            return true
        }
        for root in roots { try walk(from: root, leaf: nil) }
        var free = FreePages()
        var run: PageRun?
        for page in Format.firstTreePage..<highWater {
            if used.contains(page) {
                if let run { free.insert(run) }
                run = nil
            } else {
                run = PageRun(first: run?.first ?? page, count: (run?.count ?? 0) + 1)
            }
        }
        if let run { free.insert(run) }
        return free
    }

    /// Marks the pages of one tree, level by level in ascending order, which disks like best.
    ///
    /// - Parameter leaf: looks at the whole leaf and says whether it is sound; nil to read no more
    ///   of leaves than their headers. A bucket inside a bucket stays unseen then: etcd has none.
    private mutating func walk(
        from root: UInt64, leaf: ((Page) throws(BoltError) -> Bool)?
    ) throws(BoltError) {
        var level = [root]
        for _ in 0..<Format.depthMax {
            if level.isEmpty { return }
            var below: [UInt64] = []
            for number in level.sorted() {
                try visit(number, below: &below, leaf: leaf)
            }
            level = below
        }
        if !level.isEmpty { throw snapshot.damaged(level[0], "the tree is too deep") }
    }

    private mutating func visit(
        _ number: UInt64, below: inout [UInt64], leaf: ((Page) throws(BoltError) -> Bool)?
    ) throws(BoltError) {
        guard number >= Format.firstTreePage, number < highWater else {
            throw snapshot.damaged(number, "outside of the file")
        }
        var header: (UInt64, UInt64) = (0, 0)
        try withHeader(&header, of: number)
        let flags = UInt16(truncatingIfNeeded: UInt64(littleEndian: header.1))
        let overflow = UInt64(littleEndian: header.1) >> 32
        guard UInt64(littleEndian: header.0) == number,
            flags == Format.leafFlag || flags == Format.branchFlag
        else { throw snapshot.damaged(number, "not a page of a tree") }
        guard number + overflow < highWater else {
            throw snapshot.damaged(number, "reaches outside of the file")
        }
        guard used.insert(PageRun(first: number, count: Int(overflow) + 1)) else {
            throw snapshot.damaged(number, "used twice")
        }
        if flags == Format.leafFlag, leaf == nil { return }
        let bytes = try read(number, bytes: (Int(overflow) + 1) * pageSize)
        var outcome: Result<Bool, BoltError> = .success(false)
        bytes.withUnsafeBytes { buffer in
            guard let page = Page(buffer.baseAddress!, extent: buffer.count, identity: number)
            else { return }
            if page.isLeaf, let leaf {
                do throws(BoltError) {
                    outcome = .success(try leaf(page))
                } catch {
                    outcome = .failure(error)
                }
            } else {
                for index in 0..<page.count { below.append(page.child(index)) }
                outcome = .success(page.count > 0)
            }
        }
        guard try outcome.get() else {
            throw snapshot.damaged(number, "its elements make no sense")
        }
    }

    private func withHeader(_ header: inout (UInt64, UInt64), of number: UInt64)
        throws(BoltError)
    {
        var outcome: Result<Void, BoltError> = .success(())
        withUnsafeMutableBytes(of: &header) { buffer in
            do throws(BoltError) {
                try snapshot.readFile(at: Int(number) * pageSize, into: buffer)
            } catch {
                outcome = .failure(error)
            }
        }
        try outcome.get()
    }

    private func read(_ number: UInt64, bytes count: Int) throws(BoltError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        var outcome: Result<Void, BoltError> = .success(())
        bytes.withUnsafeMutableBytes { buffer in
            do throws(BoltError) {
                try snapshot.readFile(at: Int(number) * pageSize, into: buffer)
            } catch {
                outcome = .failure(error)
            }
        }
        try outcome.get()
        return bytes
    }
}
