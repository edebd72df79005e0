//  Is a state sound? Order, ranges and single use of every page that can be reached.

import RuntimeCore

extension Snapshot {
    /// Reads every page of this state. Long for a large database; any thread.
    /// - Returns: what is wrong, page by page; empty when the state is sound.
    package func check() -> [String] {
        var checker = SnapshotCheck(self)
        return checker.run()
    }
}

/// One run of the check. Reads pages by system calls, one at a time on each level.
struct SnapshotCheck {
    /// More would not tell more.
    private static let problemsMax = 100
    private let snapshot: Snapshot
    private(set) var used: PageSet
    private var problems: [String] = []
    /// Depth at which the present tree has its leaves.
    private var leafDepth: Int?

    init(_ snapshot: Snapshot) {
        self.snapshot = snapshot
        used = PageSet(highWater: snapshot.meta.highWater)
        _ = used.insert(PageRun(first: 0, count: 2))
    }

    mutating func run() -> [String] {
        var roots: [(name: String, value: [UInt8])] = []
        checkTree(snapshot.meta.rootPage) { element in
            guard element.isBucket else { return "a value among the buckets" }
            roots.append((String(decoding: element.key, as: UTF8.self), Array(element.value)))
            return nil
        }
        for (name, value) in roots {
            value.withUnsafeBytes { checkBucket(name, $0) }
        }
        return problems
    }

    private mutating func checkBucket(_ name: String, _ value: UnsafeRawBufferPointer) {
        guard let root = BucketRoot(value) else {
            return note(snapshot.meta.rootPage, "the entry of bucket \(name) is cut off")
        }
        switch root {
        case .page(let number):
            checkTree(number) { $0.isBucket ? "a bucket in bucket \(name)" : nil }
        case .inline(let address, let count):
            guard let base = UnsafeRawPointer(bitPattern: address),
                let page = Page(base, extent: count, identity: 0), page.isLeaf
            else {
                return note(snapshot.meta.rootPage, "inline bucket \(name) makes no sense")
            }
            checkLeaf(page, snapshot.meta.rootPage, lower: nil, upper: nil) { _ in nil }
        }
    }

    private typealias ElementCheck = (Page.Element) -> String?

    private mutating func note(_ page: UInt64, _ problem: String) {
        guard problems.count < SnapshotCheck.problemsMax else { return }
        problems.append("page \(page): \(problem)")
    }

    private mutating func checkTree(_ root: UInt64, _ element: ElementCheck) {
        leafDepth = nil
        checkPage(root, depth: 0, lower: nil, upper: nil, element)
    }

    /// - Parameters:
    ///   - lower: no key below is smaller.
    ///   - upper: every key below is smaller.
    private mutating func checkPage(
        _ number: UInt64, depth: Int, lower: [UInt8]?, upper: [UInt8]?, _ element: ElementCheck
    ) {
        guard problems.count < SnapshotCheck.problemsMax else { return }
        guard depth < Format.depthMax else { return note(number, "the tree is too deep") }
        guard let bytes = read(number) else { return }
        bytes.withUnsafeBytes { buffer in
            guard let page = Page(buffer.baseAddress!, extent: buffer.count, identity: number)
            else { return note(number, "not a page of a tree") }
            if page.isLeaf {
                if leafDepth ?? depth != depth { note(number, "a leaf at another depth") }
                leafDepth = depth
                if page.count == 0, depth > 0 { note(number, "an empty leaf") }
                checkLeaf(page, number, lower: lower, upper: upper, element)
            } else {
                checkBranch(page, number, depth: depth, lower: lower, upper: upper, element)
            }
        }
    }

    private mutating func checkLeaf(
        _ page: Page, _ number: UInt64, lower: [UInt8]?, upper: [UInt8]?, _ check: ElementCheck
    ) {
        var previous: [UInt8]?
        for index in 0..<page.count {
            guard let element = page.element(index) else {
                return note(number, "element \(index) reaches outside of the page")
            }
            let key = Array(element.key)
            checkKey(key, number, index, previous: previous, lower: lower, upper: upper)
            if let problem = check(element) { note(number, "element \(index): \(problem)") }
            previous = key
        }
    }

    private mutating func checkBranch(
        _ page: Page, _ number: UInt64, depth: Int, lower: [UInt8]?, upper: [UInt8]?,
        _ element: ElementCheck
    ) {
        if page.count == 0 { note(number, "a branch without children") }
        var keys: [[UInt8]] = []
        for index in 0..<page.count {
            guard let key = page.separator(index) else {
                return note(number, "element \(index) reaches outside of the page")
            }
            keys.append(Array(key))
            checkKey(
                keys[index], number, index, previous: index > 0 ? keys[index - 1] : nil,
                lower: lower, upper: upper)
        }
        for index in 0..<page.count {
            checkPage(
                page.child(index), depth: depth + 1, lower: keys[index],
                upper: index + 1 < keys.count ? keys[index + 1] : upper, element)
        }
    }

    private mutating func checkKey(
        _ key: [UInt8], _ number: UInt64, _ index: Int, previous: [UInt8]?, lower: [UInt8]?,
        upper: [UInt8]?
    ) {
        if key.isEmpty || key.count > Format.keyBytesMax {
            note(number, "element \(index): a key of \(key.count) bytes")
        }
        if let previous, !previous.lexicographicallyPrecedes(key) {
            note(number, "element \(index): not in order")
        }
        if let lower, key.lexicographicallyPrecedes(lower) {
            note(number, "element \(index): before what its branch says")
        }
        if let upper, !key.lexicographicallyPrecedes(upper) {
            note(number, "element \(index): after what its branch says")
        }
    }

    /// The whole page with its overflow, marked as used.
    private mutating func read(_ number: UInt64) -> [UInt8]? {
        let pageSize = snapshot.meta.pageSize
        guard number >= Format.firstTreePage, number < snapshot.meta.highWater else {
            note(number, "outside of the file")
            return nil
        }
        guard let head = bytes(at: number, count: Format.pageHeaderBytes) else { return nil }
        let overflow = head.withUnsafeBytes { UInt64($0.baseAddress!.word32(12)) }
        guard number + overflow < snapshot.meta.highWater else {
            note(number, "reaches outside of the file")
            return nil
        }
        guard used.insert(PageRun(first: number, count: Int(overflow) + 1)) else {
            note(number, "used twice")
            return nil
        }
        return bytes(at: number, count: (Int(overflow) + 1) * pageSize)
    }

    private mutating func bytes(at number: UInt64, count: Int) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: count)
        var failure: BoltError?
        bytes.withUnsafeMutableBytes { buffer in
            do throws(BoltError) {
                try snapshot.readFile(at: Int(number) * snapshot.meta.pageSize, into: buffer)
            } catch {
                failure = error
            }
        }
        if let failure {
            note(number, "\(failure)")
            return nil
        }
        return bytes
    }
}
