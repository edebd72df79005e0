//  The sorted blocks of a generation against a dictionary.

import RuntimeCore
import Testing

@testable import EtcdBackend

@Suite("Ordered writes")
struct OrderedWritesTests {
    static func write(_ key: Bytes, _ value: Bytes?) -> Write {
        Write(prefix: key.withUnsafeBytes { KeyOrder.prefix($0) }, key: key, value: value)
    }

    static func keys(_ writes: OrderedWrites) -> [Bytes] {
        var keys: [Bytes] = []
        var position = writes.start
        while let write = writes.write(at: position) {
            keys.append(write.key)
            position = writes.position(after: position)
        }
        return keys
    }

    static let drawnKeys: [@Sendable (Int, inout RandomSource) -> Bytes] = [
        { number, _ in revisionKey(number) },
        { number, _ in revisionKey(5_000 - number) },
        { number, _ in revisionKey(number % 2 == 0 ? 10_000 + number : number) },
        { _, random in revisionKey(random.below(1_500), random.below(2)) },
        { _, random in
            Bytes((0..<1 + random.below(12)).map { _ in UInt8(random.below(3)) * 127 })
        },
    ]

    @Test(
        "ascending, descending, two runs, random, short keys: always the last write, in order",
        arguments: 0..<5)
    func matchesDictionary(shape: Int) {
        var random = RandomSource(seed: UInt64(shape) + 7)
        var writes = OrderedWrites()
        var model: [Bytes: Bytes?] = [:]
        for number in 0..<1_500 {
            let key = OrderedWritesTests.drawnKeys[shape](number, &random)
            let value: Bytes? = random.oneIn(4) ? nil : Bytes("\(number)")
            writes.set(OrderedWritesTests.write(key, value))
            model.updateValue(value, forKey: key)
        }
        let sorted = model.keys.sorted()
        #expect(OrderedWritesTests.keys(writes) == sorted)
        #expect(writes.count == sorted.count)
        #expect(writes.blocks.allSatisfy { !$0.isEmpty && $0.count <= 256 })
        for number in 0..<1_500 {
            let key = OrderedWritesTests.drawnKeys[shape](number, &random)
            key.withUnsafeBytes { bytes in
                let found = writes.find(bytes, prefix: KeyOrder.prefix(bytes))
                #expect((found != nil) == (model[key] != nil))
                if let found { #expect(found.value == model[key]!) }
                let bound = writes.write(at: writes.lowerBound(bytes))
                #expect(bound?.key == sorted.first { $0 >= key })
            }
        }
    }

    @Test("a copy does not see what is written after it")
    func copies() {
        var writes = OrderedWrites()
        for number in 0..<600 { writes.set(OrderedWritesTests.write(revisionKey(number), [1])) }
        let copy = writes
        for number in 300..<900 { writes.set(OrderedWritesTests.write(revisionKey(number), nil)) }
        #expect(OrderedWritesTests.keys(copy) == (0..<600).map { revisionKey($0) })
        #expect(copy.blocks.joined().allSatisfy { $0.value == [1] })
        #expect(writes.count == 900)
    }

    @Test("prefixes order as the keys do, zero bytes and short keys included")
    func order() {
        let keys: [Bytes] = [
            [], [0], [0, 0], [0, 1], [1], [1, 0, 0, 0, 0, 0, 0, 0], [1, 0, 0, 0, 0, 0, 0, 0, 0],
            [1, 0, 0, 0, 0, 0, 0, 0, 1], [1, 0, 0, 0, 0, 0, 0, 1], [255],
            [255, 255, 255, 255, 255, 255, 255, 255], [255, 255, 255, 255, 255, 255, 255, 255, 1],
        ]
        #expect(keys == keys.sorted())
        for (left, a) in keys.enumerated() {
            for (right, b) in keys.enumerated() {
                let order = b.withUnsafeBytes {
                    KeyOrder.compare(
                        OrderedWritesTests.write(a, nil), $0, prefix: KeyOrder.prefix($0))
                }
                #expect(order.signum() == (left - right).signum(), "\(a.array) \(b.array)")
            }
        }
    }
}
