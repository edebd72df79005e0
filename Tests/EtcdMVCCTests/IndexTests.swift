//  The key index against a plain dictionary of revision lists.

import RuntimeCore
import Testing

@testable import EtcdMVCC

@Suite("The key index")
struct IndexTests {
    @Test(
        "look-ups, walks, counts and compactions agree with a plain model",
        arguments: [IndexKeys.short, .long, .mixed], 1...4 as ClosedRange<UInt64>)
    func agreement(keys: IndexKeys, seed: UInt64) {
        var run = IndexRun(keys: keys, seed: seed)
        for _ in 0..<500 { run.step() }
        run.checkEverything()
        run.deleteAll()
        run.checkEverything()
    }

    @Test("keys in ascending order fill their leaves")
    func ascendingKeysFillLeaves() {
        var index = TreeIndex()
        for number in 0..<10_000 {
            put(&index, "key\(1_000_000 + number)", Int64(number + 2))
        }
        #expect(index.keyCount == 10_000)
        let leaves = index.leafCount
        #expect(leaves * IndexNode.capacity < 10_000 * 60)
    }

    @Test("a key whose last change is a deletion below the compact revision disappears")
    func deletedKeysDisappear() {
        var index = TreeIndex()
        put(&index, "a", 2)
        delete(&index, "a", 3)
        put(&index, "b", 4)
        #expect(index.compact(at: 4) == ["2.0", "3.0t"])
        #expect(index.root.summary.compactable == 0)
        #expect(Bytes("a").withUnsafeBytes { index.entry($0) == nil })
    }

    @Test("a deletion exactly at the compact revision stays")
    func deletionAtCompactRevisionStays() {
        var index = TreeIndex()
        put(&index, "a", 2)
        delete(&index, "a", 3)
        #expect(index.compact(at: 3) == ["2.0"])
        #expect(index.keyCount == 0)
        #expect(index.root.summary.compactable == 1)
        #expect(index.compact(at: 4) == ["3.0t"])
        #expect(index.root.count == 0)
    }

    @Test("a long past is removed in portions, oldest first")
    func portions() {
        var index = TreeIndex()
        for main in 2...1_001 as ClosedRange<Int64> { put(&index, "hot", main) }
        var removed: [RevisionKey] = []
        var position = Bytes.empty
        var steps = 1
        while !index.compactNext(at: 901, from: &position, limit: 100, into: &removed) {
            steps += 1
            #expect(removed.count % 100 == 0)
        }
        #expect(steps >= 9)
        #expect(removed.map(\.revision.main) == Array(2...900))
        Bytes("hot").withUnsafeBytes {
            #expect(index.find($0, at: 900) == nil)
            #expect(index.find($0, at: 901)?.revision.main == 901)
            #expect(index.find($0, at: 1_000)?.revision.main == 1_000)
        }
    }

    @Test("a count of the past looks at a bounded part of the keys, one of the present at none")
    func countedParts() {
        var index = TreeIndex()
        for number in 0..<5_000 { put(&index, "key\(1_000 + number)", Int64(number + 2)) }
        let all = TreeIndex.Bounds(lower: nil, upper: nil)
        let present = index.count(all, at: 5_001, most: 1)
        #expect(present.keys == 5_000 && present.resume == nil)
        for number in 0..<5_000 { put(&index, "key\(1_000 + number)", Int64(number + 5_002)) }
        for (main, expected) in [(5_001, 5_000), (2_501, 2_500), (1, 0)] as [(Int64, Int)] {
            var parts: [Int] = []
            var rest = KeyRange.everything
            while true {
                let part = rest.withBounds { index.count($0, at: main, most: 500) }
                parts.append(part.keys)
                guard let resume = part.resume else { break }
                rest = KeyRange(start: Bytes(resume), end: .unbounded)
            }
            #expect(parts.reduce(0, +) == expected)
            #expect(parts.count >= 8)
            // One leaf more than was asked for, at most.
            #expect(parts.allSatisfy { $0 < 700 })
        }
    }

    @Test("versions and creation follow the generations of a key")
    func generations() {
        var index = TreeIndex()
        #expect(put(&index, "a", 2).version == 1)
        let second = put(&index, "a", 3)
        #expect(second.version == 2 && second.createRevision == 2)
        #expect(second.previous?.revision.main == 2)
        delete(&index, "a", 4)
        let again = put(&index, "a", 5)
        #expect(again.version == 1 && again.createRevision == 5 && again.previous == nil)
    }

    @Test("removed records come back in their own order, whatever the order of their keys")
    func compactedRecords() {
        var random = RandomSource(seed: 4)
        for (previous, main) in [(-1, 1), (0, 5), (10, 100_000), (99_000, 100_000)]
            as [(
                Int64, Int64
            )]
        {
            var records = CompactedRecords(previous: previous, main: main)
            var expected: [Revision] = []
            for sub in 0..<500 as Range<Int64> {
                let revision = Revision(main: Int64(random.below(Int(main))) + 1, sub: sub)
                records.append(RevisionKey(revision, isTombstone: sub % 3 == 0))
                expected.append(revision)
            }
            #expect(records.count == 500)
            var taken: [RevisionKey] = []
            while records.count > 0 { taken += records.take(1 + random.below(50)) }
            #expect(taken.map(\.revision) == expected.sorted())
            #expect(taken.allSatisfy { $0.isTombstone == ($0.revision.sub % 3 == 0) })
        }
    }

    @Test("ranges as requests spell them")
    func ranges() {
        let keys = ["", "a", "a\0", "ab", "b", "b\u{7f}", "c"]
        let table: [(String, String, [String])] = [
            ("a", "", ["a"]), ("a", "b", ["a", "a\0", "ab"]), ("b", "\0", ["b", "b\u{7f}", "c"]),
            ("\0", "\0", Array(keys.dropFirst())), ("b", "a", []), ("b", "b", []),
        ]
        for (key, end, expected) in table {
            let range = KeyRange(key: Bytes(key), rangeEnd: Bytes(end))
            #expect(keys.filter { range.contains(Bytes($0)) } == expected)
            #expect(range.isEmpty == expected.isEmpty)
            #expect(range.isSingle == end.isEmpty)
        }
    }

    @Test("the keys of records have etcd's form and order")
    func revisionKeys() {
        let key = RevisionKey(Revision(main: 0x0102, sub: 3), isTombstone: true).bytes
        #expect(key == [0, 0, 0, 0, 0, 0, 1, 2, 0x5F, 0, 0, 0, 0, 0, 0, 0, 3, 0x74])
        let revisions = [(1, 0), (1, 1), (2, 0), (255, 9), (256, 0), (Int64.max, 0)]
            .map { Revision(main: $0.0, sub: $0.1) }
        let keys = revisions.map { RevisionKey($0).bytes }
        #expect(keys == keys.sorted())
        #expect(
            keys.compactMap { $0.withUnsafeBytes { RevisionKey($0) } }.map(\.revision) == revisions)
        #expect(RevisionKey(revisions[0]).bytes.count == RevisionKey.length)
        #expect(
            Bytes(Array(repeating: 0xFF, count: 17)).withUnsafeBytes { RevisionKey($0) } == nil)
    }

    @Test("a lease comes and goes with the entry, also for long keys")
    func leases() {
        for key in ["short", String(repeating: "long", count: 500)] {
            var index = TreeIndex()
            put(&index, key, 2, lease: 7)
            let replaced = put(&index, key, 3, lease: 0)
            #expect(replaced.previous?.lease == 7)
            #expect(put(&index, key, 4, lease: 8).previous?.lease == 0)
            #expect(put(&index, key, 5, lease: 9).previous?.lease == 8)
            delete(&index, key, 6)
            #expect(put(&index, key, 7, lease: 1).previous == nil)
        }
    }
}

@discardableResult
private func put(_ index: inout TreeIndex, _ key: String, _ main: Int64, lease: Int64 = 0)
    -> TreeIndex.Written
{
    Bytes(key).withUnsafeBytes {
        index.put($0, at: Revision(main: main, sub: 0), lease: lease)
    }
}

private func delete(_ index: inout TreeIndex, _ key: String, _ main: Int64) {
    Bytes(key).withUnsafeBytes { index.delete($0, at: Revision(main: main, sub: 0)) }
}

extension TreeIndex {
    /// Compacts all keys and names what was removed.
    mutating func compact(at main: Int64) -> [String] {
        var removed: [RevisionKey] = []
        var position = Bytes.empty
        while !compactNext(at: main, from: &position, limit: 100, into: &removed) {}
        return removed.map {
            "\($0.revision.main).\($0.revision.sub)\($0.isTombstone ? "t" : "")"
        }
    }

    var leafCount: Int {
        func leaves(_ node: IndexNode) -> Int {
            node.isLeaf ? 1 : (0..<node.count).reduce(0) { $0 + leaves(node.child($1)) }
        }
        return leaves(root)
    }

    /// What the tree says about itself is true; returns what is not.
    func problems() -> [String] {
        var problems: [String] = []
        func check(
            _ node: IndexNode, above lower: [UInt8]?, below upper: [UInt8]?, mayBeEmpty: Bool
        ) {
            let sum = node.computeSummary()
            if sum.live != node.summary.live { problems.append("live") }
            if sum.compactable != node.summary.compactable { problems.append("compactable") }
            if sum.maxMain > node.summary.maxMain { problems.append("maxMain") }
            if node.count == 0, !mayBeEmpty { problems.append("empty node") }
            let bounds = [lower, upper].map { $0?.prefix(node.prefixLength) }
            if node.prefixLength > 0, bounds[0] == nil || bounds[0] != bounds[1] {
                problems.append("prefix")
            }
            for slot in 0..<node.count {
                let key = Array(node.key(slot))
                if slot > 0 || node.isLeaf {
                    if let lower, Bytes(key) < Bytes(lower) { problems.append("below") }
                    if let upper, Bytes(key) >= Bytes(upper) { problems.append("above") }
                }
                if slot > 0, Bytes(Array(node.key(slot - 1))) >= Bytes(key) {
                    problems.append("order")
                }
                guard !node.isLeaf else { continue }
                if node.child(slot).level != node.level - 1 { problems.append("level") }
                let next = slot + 1 < node.count ? Array(node.key(slot + 1)) : upper
                check(
                    node.child(slot), above: slot == 0 ? lower : key, below: next,
                    mayBeEmpty: node.count == 1)
            }
        }
        check(root, above: nil, below: nil, mayBeEmpty: true)
        return problems
    }
}
