//  Finding the watchers of a key: the tree of ranges and the group, against looking at all of them.

import EtcdProto
import RuntimeCore
import Testing

@testable import EtcdMVCC

@Suite("Watch: finding watchers")
struct WatchIndexTests {
    /// Few distinct keys, so that ranges touch, nest and repeat.
    private static func key(_ random: inout RandomSource) -> Bytes {
        Bytes((0..<random.below(4)).map { _ in [0x00, 0x61, 0x62, 0xFF][random.below(4)] })
    }

    private static func range(_ random: inout RandomSource) -> KeyRange {
        let start = key(&random)
        switch random.below(5) {
        case 0: return .single(start)
        case 1: return KeyRange(start: start, end: .unbounded)
        default: return KeyRange(start: start, end: .before(key(&random)))
        }
    }

    @Test("the tree finds what a look at every range finds, in order", arguments: 1...30)
    func tree(seed: UInt64) {
        var random = RandomSource(seed: seed)
        var tree = WatchIntervalTree(random: random.split())
        var ranges: [KeyRange: Int32] = [:]
        for step in 0..<600 as Range<Int32> {
            let range = Self.range(&random)
            if range.isSingle || range.isEmpty { continue }
            if ranges.removeValue(forKey: range) != nil {
                tree.remove(range)
            } else if ranges.count < 60 || random.oneIn(2) {
                ranges[range] = step
                tree.insert(range, value: step)
            }
            #expect(tree.isEmpty == ranges.isEmpty)
            let key = Self.key(&random)
            var found: [Int32] = []
            tree.forEach(containing: key) { found.append($0) }
            let expected = ranges.filter { $0.key.contains(key) }
            #expect(found.count == expected.count)
            #expect(Set(found) == Set(expected.values))
            let byValue = Dictionary(uniqueKeysWithValues: expected.map { ($1, $0) })
            let starts = found.map { byValue[$0]!.start }
            #expect(starts == starts.sorted())
        }
    }

    @Test("ten thousand ranges in order make no deep tree, and a query sees only a few of them")
    func balance() {
        var tree = WatchIntervalTree(random: RandomSource(seed: 7))
        let keys = (0...10_000).map { number in
            Bytes(withUnsafeBytes(of: UInt32(number).bigEndian) { Array($0) })
        }
        for index in 0..<10_000 {
            tree.insert(
                KeyRange(start: keys[index], end: .before(keys[index + 1])), value: Int32(index))
        }
        // 2 log2 n levels would be 27; a random tree stays below three times that.
        #expect(tree.depth < 60)
        for index in stride(from: 0, to: 10_000, by: 97) {
            var found: [Int32] = []
            tree.forEach(containing: keys[index]) { found.append($0) }
            #expect(found == [Int32(index)])
        }
        for index in 0..<10_000 {
            tree.remove(KeyRange(start: keys[index], end: .before(keys[index + 1])))
        }
        #expect(tree.isEmpty)
    }

    @Test("the group finds every member once, whoever came and went", arguments: 1...30)
    func group(seed: UInt64) {
        var random = RandomSource(seed: seed)
        var group = WatcherGroup(random: random.split())
        var positions: [Int32: WatcherGroup.Position] = [:]
        var ranges: [Int32: KeyRange] = [:]
        for step in 0..<800 as Range<Int32> {
            if random.below(5) < 3 {
                let range = Self.range(&random)
                if range.isEmpty { continue }
                positions[step] = group.add(step, at: range)
                ranges[step] = range
            } else if let member = ranges.keys.sorted().dropFirst(random.below(20)).first {
                ranges[member] = nil
                let position = positions.removeValue(forKey: member)!
                if let moved = group.remove(at: position) {
                    positions[moved]!.index = position.index
                }
            }
            let key = Self.key(&random)
            var found: [Int32] = []
            group.forEachPlace(containing: key) { place in
                #expect(group.places[Int(place)].range.contains(key))
                found += group.places[Int(place)].members
            }
            #expect(found.sorted() == ranges.filter { $0.value.contains(key) }.keys.sorted())
        }
    }
}

@Suite("Watch: encoded events")
struct EncodedEventsTests {
    private func frames(_ sizes: [Int]) -> EncodedEvents {
        EncodedEvents(sizes.map { Bytes([UInt8](repeating: 1, count: $0)) })
    }

    @Test("what is encoded decodes to the event")
    func content() {
        let history = PlainHistory()
        let events =
            history.write([(Bytes("a"), Bytes("1"))])
            + history.write([(Bytes("a"), Bytes("2")), (Bytes("b"), Bytes(""))])
            + history.write([(Bytes("a"), nil)])
        let encoded = EncodedEvents(events.map { $0.frame() })
        #expect(encoded.count == 4)
        #expect(encoded.byteCount == (0..<4).reduce(0) { $0 + encoded[$1].count })
        #expect(encoded.decoded.map(\.text) == ["a=1#2", "a=2#3", "b=#3", "-a#4"])
        #expect(encoded.decoded.map(\.kv?.version) == [1, 2, 1, 0])
        #expect(encoded.decoded.map(\.prevKV) == [nil, nil, nil, nil])
        let previous = history.previousValue(of: Bytes("a"), before: 4)
        let withPrevious = EncodedEvents(events[3].frame(previous: previous))
        #expect(withPrevious.decoded.map(\.text) == ["-a#4<2#3"])
    }

    @Test("each event is encoded once, whoever takes it, and its past is read once")
    func sharing() throws {
        let fixture = WatchFixture()
        for stream: UInt64 in 1...4 { fixture.open(stream) }
        fixture.put("a", "1")
        fixture.create(1, .init("a"))
        fixture.create(2, .init("a", to: "b"))
        fixture.create(3, .init("a", prevKV: true))
        fixture.create(4, .init("", to: "\0", prevKV: true))
        for stream: UInt64 in 1...4 { _ = fixture.take(stream) }
        fixture.put("a", "2")
        let single = (1...4).map { fixture.encoded(UInt64($0)) }
        #expect(single[0] === single[1])
        #expect(single[2] === single[3])
        #expect(single[0] !== single[2])
        #expect(fixture.history.previousReads == 1)
        fixture.write([(Bytes("a"), Bytes("3")), (Bytes("b"), Bytes("1"))])
        let several = (1...4).map { fixture.encoded(UInt64($0)) }
        #expect(several[0] === several[1])
        #expect(several[3]?[0] == several[2]?[0])
        #expect(several.map { $0?.count } == [1, 1, 1, 2])
        #expect(fixture.history.previousReads == 2)
    }

    @Test("equal watchers that catch up share what they get")
    func sharedHistory() {
        let fixture = WatchFixture()
        for number in 0..<10 { fixture.put("a", "\(number)") }
        for stream: UInt64 in 1...3 {
            fixture.open(stream)
            fixture.create(stream, .init("a", from: stream == 3 ? 4 : 2))
        }
        fixture.settle()
        let got = (1...3).map { fixture.encoded(UInt64($0)) }
        #expect(got[0] === got[1])
        #expect(got.map { $0?.count } == [10, 10, 8])
        #expect(fixture.history.passes.count == 1)
    }

    @Test(
        "fragments are cut between events and stay below the limit, unless one event does not",
        arguments: [
            ([3, 3, 3], 10, [0..<3]),
            ([3, 3, 4], 10, [0..<2, 2..<3]),
            ([3, 3, 3, 3], 7, [0..<2, 2..<4]),
            ([20, 1, 1], 10, [0..<1, 1..<3]),
            ([1, 20, 1], 10, [0..<1, 1..<2, 2..<3]),
            ([20], 10, [0..<1]),
            ([10], 10, [0..<1]),
        ])
    func fragments(sizes: [Int], limit: Int, expected: [Range<Int>]) {
        #expect(frames(sizes).fragments(below: limit) == expected)
    }
}

extension WatchFixture {
    /// The events of the newest delivery to the stream.
    fileprivate func encoded(_ streamID: UInt64) -> EncodedEvents? {
        guard case .events(_, _, _, let events) = take(streamID).last else { return nil }
        return events
    }
}
