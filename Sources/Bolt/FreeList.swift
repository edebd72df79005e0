//  Where the free pages of an opened file come from: a walk over what is in use. This program never
//  stores a list of them, as etcd does not.

import RuntimeCore

/// Finds the free pages of a snapshot. Reads by system calls, headers only where that will do, so
/// that opening a large file does not fill memory.
struct FreeListLoader {
    private let snapshot: Snapshot
    private var used: PageSet

    private var pageSize: Int { snapshot.meta.pageSize }
    private var highWater: UInt64 { snapshot.meta.highWater }

    /// - Returns: the free pages, and the pages of a stored list, which are in use.
    static func load(_ snapshot: Snapshot) throws(BoltError) -> (FreePages, list: PageRun?) {
        var loader = FreeListLoader(snapshot: snapshot)
        try loader.visitTrees()
        let list = try loader.storedList()
        return (loader.unused(), list)
    }

    private init(snapshot: Snapshot) {
        self.snapshot = snapshot
        used = PageSet(highWater: snapshot.meta.highWater)
    }

    /// The pages of the list that bbolt has stored; it reads them until the first commit here, and
    /// nothing may be written there before. What the list says counts for nothing: no checksum
    /// tells whether it is right, and a wrong number would be a page of a tree that is written to.
    private mutating func storedList() throws(BoltError) -> PageRun? {
        let number = snapshot.meta.freeListPage
        guard number >= Format.firstTreePage, number < highWater else { return nil }
        let (identity, flags, overflow) = try header(of: number)
        guard identity == number, flags == Format.freeListFlag, number + overflow < highWater
        else { return nil }
        let run = PageRun(first: number, count: Int(overflow) + 1)
        guard (run.first..<run.end).allSatisfy({ !used.contains($0) }) else { return nil }
        _ = used.insert(run)
        return run
    }

    private func unused() -> FreePages {
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

    // MARK: trees

    private mutating func visitTrees() throws(BoltError) {
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
        let (identity, flags, overflow) = try header(of: number)
        guard identity == number, flags == Format.leafFlag || flags == Format.branchFlag else {
            throw snapshot.damaged(number, "not a page of a tree")
        }
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

    private func header(of number: UInt64)
        throws(BoltError) -> (number: UInt64, flags: UInt16, overflow: UInt64)
    {
        var words: (UInt64, UInt64) = (0, 0)
        var outcome: Result<Void, BoltError> = .success(())
        withUnsafeMutableBytes(of: &words) { buffer in
            do throws(BoltError) {
                try snapshot.readFile(at: Int(number) * pageSize, into: buffer)
            } catch {
                outcome = .failure(error)
            }
        }
        try outcome.get()
        let second = UInt64(littleEndian: words.1)
        return (
            UInt64(littleEndian: words.0), UInt16(truncatingIfNeeded: second), second >> 32
        )
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
