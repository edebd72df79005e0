//  What the tests of this module have in common: contents to compare, and random changes.

import Bolt
import Foundation
import RuntimeCore

extension Bytes: ExpressibleByStringLiteral {
    package init(stringLiteral value: String) { self.init(value) }
}

/// What a database should hold: buckets by name.
typealias Model = [Bytes: [Bytes: Bytes]]

/// Everything a snapshot holds, read by its cursors.
func contents(of snapshot: Snapshot) -> Model {
    var model: Model = [:]
    for name in snapshot.bucketNames {
        var bucket: [Bytes: Bytes] = [:]
        var cursor = snapshot.bucket(name)!.makeCursor()
        var isThere = cursor.first()
        while isThere {
            bucket[Bytes(Array(cursor.key))] = Bytes(Array(cursor.value))
            isThere = cursor.next()
        }
        model[name] = bucket
    }
    return model
}

/// etcd's checksum of a database file: bucket names, keys and values in order.
func goHash(of snapshot: Snapshot) -> (hash: UInt32, keys: Int) {
    var hash: UInt32 = 0
    var keys = 0
    for name in snapshot.bucketNames {
        hash = CRC32C.extend(hash, with: name)
        snapshot.bucket(name)!.scan(from: .empty) { key, value in
            hash = CRC32C.extend(CRC32C.extend(hash, with: key), with: value)
            keys += 1
            return true
        }
    }
    return (hash, keys)
}

/// The whole file of a snapshot, read in pieces of an odd size.
func image(of snapshot: Snapshot, piece: Int = 5_000) throws -> [UInt8] {
    var image: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: piece)
    while true {
        let count = try buffer.withUnsafeMutableBytes { part throws(BoltError) in
            try snapshot.readImage(at: image.count, into: part)
        }
        if count == 0 { return image }
        image += buffer.prefix(count)
    }
}

/// Draws changes and applies them to a transaction and to a model alike.
struct Changes {
    static let buckets: [Bytes] = ["alpha", "key", "omega"]
    var random: RandomSource
    /// Keys are drawn from this many.
    var keySpace = 800
    var ascending = 0

    init(seed: UInt64) { random = RandomSource(seed: seed) }

    mutating func key() -> Bytes {
        let number = String(random.below(keySpace))
        // Some keys long, so that branches are cut too; neighbours share prefixes.
        return Bytes(number.count == 2 ? number + String(repeating: "k", count: 90) : number)
    }

    mutating func value() -> Bytes {
        let count =
            random.oneIn(60) ? random.below(9_000) : random.below(random.oneIn(4) ? 300 : 40)
        return Bytes((0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ count) })
    }

    mutating func apply(_ number: Int, to transaction: WriteTransaction, _ model: inout Model)
        -> [String]
    {
        var problems: [String] = []
        for _ in 0..<number {
            let name = Changes.buckets[random.below(Changes.buckets.count)]
            if model[name] == nil {
                transaction.createBucketIfMissing(name)
                model[name] = [:]
            }
            switch random.below(20) {
            case 0..<9:
                let (key, value) = (key(), value())
                transaction.put(name, key: key, value: value)
                model[name]![key] = value
            case 9..<12:
                ascending += 1
                let key = Bytes("z\(1_000_000 + ascending)")
                transaction.setSequentialFill(name)
                transaction.put(name, key: key, value: key)
                model[name]![key] = key
            case 12..<19:
                let key = random.oneIn(3) ? model[name]!.keys.min() ?? key() : key()
                let wasThere = transaction.delete(name, key: key)
                if wasThere != (model[name]!.removeValue(forKey: key) != nil) {
                    problems.append("delete of \(key.text) said \(wasThere)")
                }
            default:
                let key = key()
                if transaction.get(name, key: key) != model[name]![key] {
                    problems.append("get of \(key.text)")
                }
            }
        }
        return problems
    }

    /// Takes nearly everything out of a bucket again, so that trees shrink.
    mutating func empty(_ transaction: WriteTransaction, _ model: inout Model) {
        for name in model.keys.sorted() where random.oneIn(2) {
            for key in model[name]!.keys.sorted() where !random.oneIn(30) {
                _ = transaction.delete(name, key: key)
                model[name]![key] = nil
            }
        }
    }
}

/// A path in the temporary directory that nobody else uses.
func temporaryPath() -> String {
    FileManager.default.temporaryDirectory.appending(path: "bolt-\(UUID().uuidString)").path
}
