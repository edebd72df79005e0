//  What the key index must answer, written for simplicity.

import RuntimeCore
import Testing

@testable import EtcdMVCC

/// Which keys a run uses.
enum IndexKeys: Sendable, CaseIterable {
    /// Shallow trees.
    case short
    /// Keys in blocks of their own and long separators, so that small trees are deep.
    case long
    case mixed

    func make(_ random: inout RandomSource) -> Bytes {
        let isLong = self == .long || (self == .mixed && random.oneIn(3))
        let number = random.below(self == .short ? 3_000 : 400)
        guard isLong else { return Bytes("k\(number)") }
        let repetitions = [100, 255, 300].map { $0 + number % 7 }[number % 3]
        return Bytes(String(repeating: "ab", count: repetitions) + "\(number)")
    }
}

/// One random run of an index beside its model.
struct IndexRun: ~Copyable {
    struct Change {
        let revision: Revision
        let isTombstone: Bool
    }

    var random: RandomSource
    let keys: IndexKeys
    var index = TreeIndex()
    var model: [Bytes: [Change]] = [:]
    var current: Int64 = 1
    var compacted: Int64 = 0

    init(keys: IndexKeys, seed: UInt64) {
        self.keys = keys
        random = RandomSource(seed: seed)
    }

    mutating func step() {
        switch random.below(20) {
        case 0: compact()
        case 1: checkRange()
        case 2...5: deleteSome()
        default: putSome()
        }
    }

    private mutating func putSome() {
        current += 1
        for sub in 0..<Int64(1 + random.below(4)) {
            let key = keys.make(&random)
            if model[key]?.last?.revision.main == current { continue }
            let revision = Revision(main: current, sub: sub)
            let lease = random.oneIn(3) ? Int64(1 + random.below(5)) : 0
            let written = key.withUnsafeBytes { index.put($0, at: revision, lease: lease) }
            let before = (model[key] ?? []).reversed().prefix { !$0.isTombstone }
            if compacted == 0 {
                #expect(written.version == Int64(before.count) + 1)
                #expect(written.createRevision == before.last?.revision.main ?? current)
            }
            #expect(written.previous?.revision == before.first?.revision)
            model[key, default: []].append(Change(revision: revision, isTombstone: false))
        }
    }

    private mutating func deleteSome() {
        let key = keys.make(&random)
        guard let last = model[key]?.last, !last.isTombstone else { return }
        delete(key)
    }

    private mutating func delete(_ key: Bytes) {
        current += 1
        let revision = Revision(main: current, sub: 0)
        key.withUnsafeBytes { index.delete($0, at: revision) }
        model[key]?.append(Change(revision: revision, isTombstone: true))
    }

    mutating func deleteAll() {
        for (key, changes) in model where changes.last?.isTombstone == false { delete(key) }
        current += 1
        compact(at: current)
        #expect(index.keyCount == 0)
        #expect(index.root.isLeaf && index.root.count == 0)
    }

    private mutating func compact() {
        compact(at: compacted + Int64(random.below(Int(current - compacted) + 1)))
    }

    private mutating func compact(at main: Int64) {
        compacted = max(compacted, main)
        var removed: [RevisionKey] = []
        var position = Bytes.empty
        while !index.compactNext(
            at: main, from: &position, limit: 1 + random.below(20), into: &removed)
        {}
        var expected: Set<Revision> = []
        for (key, changes) in model {
            let end = changes.firstIndex { $0.revision.main > main } ?? changes.count
            guard end > 0 else { continue }
            let last = changes[end - 1]
            let keeps = !last.isTombstone || last.revision.main == main
            let gone = keeps ? end - 1 : end
            expected.formUnion(changes[..<gone].map(\.revision))
            model[key] = gone == changes.count ? nil : Array(changes[gone...])
        }
        #expect(Set(removed.map(\.revision)) == expected)
        #expect(removed.count == expected.count)
        #expect(index.problems() == [])
    }

    private func modelAnswer(_ range: KeyRange, at main: Int64) -> [Revision] {
        model.filter { range.contains($0.key) }.sorted { $0.key < $1.key }.compactMap { item in
            let last = item.value.last { $0.revision.main <= main }
            return last.flatMap { $0.isTombstone ? nil : $0.revision }
        }
    }

    private mutating func checkRange() {
        let main = compacted + Int64(random.below(Int(current - compacted) + 1))
        let key = keys.make(&random)
        let other = keys.make(&random)
        let single = key.withUnsafeBytes { index.find($0, at: main)?.revision }
        #expect(single == modelAnswer(.single(key), at: main).first)
        check(KeyRange(key: key, rangeEnd: other), at: main)
        check(KeyRange(key: key, rangeEnd: [0]), at: main)
    }

    mutating func checkEverything() {
        #expect(index.problems() == [])
        for main in Set([compacted, current, (compacted + current) / 2]) {
            check(.everything, at: main)
        }
    }

    private func check(_ range: KeyRange, at main: Int64) {
        let expected = modelAnswer(range, at: main)
        var actual: [Revision] = []
        _ = range.withBounds { bounds in
            index.visit(bounds, at: main) {
                actual.append($0.revision)
                return true
            }
        }
        #expect(actual == expected)
        for most in [1, 100, Int.max] {
            #expect(count(range, at: main, most: most) == expected.count)
        }
    }

    /// Adds up the parts of a count.
    private func count(_ range: KeyRange, at main: Int64, most: Int) -> Int {
        var keys = 0
        var rest = range
        while true {
            let part = rest.withBounds { index.count($0, at: main, most: most) }
            keys += part.keys
            guard let resume = part.resume else { return keys }
            rest = KeyRange(start: Bytes(resume), end: range.end)
        }
    }
}
