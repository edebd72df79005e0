//  The power fails at every point of a run of commits: the last or the next-to-come state is there.

import Bolt
import RuntimeCore
import Testing

@Suite struct CrashTests {
    static let path = "/db"
    static let sectorBytes = 512

    /// What becomes of writes that were not synced.
    enum Loss: CaseIterable {
        case everything, nothing, someWrites, someSectors
    }

    /// A run of commits, and after how many changes of the file each was done.
    struct Run {
        var changes: [TestDisk.Change] = []
        /// State and number of changes at which it had been committed; ascending.
        var states: [(model: Model, changes: Int)] = []
        let start: [UInt8]

        init(seed: UInt64, commits: Int, pageSize: Int) throws {
            let disk = TestDisk()
            var options = BoltOptions()
            options.pageSize = pageSize
            let database = try Database.open(path: path, in: disk, options: options)
            let inode = disk.inodes[path]!
            start = inode.memory.content
            inode.changes = []
            states = [([:], 0)]
            var source = Changes(seed: seed)
            var model: Model = [:]
            var held: [Snapshot] = []
            for commit in 0..<commits {
                let transaction = database.beginWrite()
                _ = source.apply(1 + source.random.below(60), to: transaction, &model)
                if source.random.oneIn(8) { source.empty(transaction, &model) }
                if commit % 2 == 0 {
                    try transaction.commit()
                } else if let sync = try transaction.commitUnsynced() {
                    // Seen before it is durable.
                    #expect(contents(of: database.snapshots.pin()) == model)
                    if commit % 4 == 1 { sync.run() }
                    try database.finish(sync)
                }
                states.append((model, inode.changes.count))
                // Readers only decide which pages are reused.
                if source.random.oneIn(3) { held.append(database.snapshots.pin()) }
                if source.random.oneIn(3), !held.isEmpty { held.removeFirst() }
            }
            changes = inode.changes
        }

        /// The file after a crash behind the first `count` changes.
        func image(after count: Int, _ loss: Loss, random: inout RandomSource) -> [UInt8] {
            let synced =
                changes[..<count].lastIndex {
                    if case .sync = $0 { true } else { false }
                } ?? 0
            var image = start
            for change in changes[..<synced] { apply(change, to: &image) }
            for change in changes[synced..<count] {
                switch loss {
                case .everything: break
                case .nothing: apply(change, to: &image)
                case .someWrites: if random.oneIn(2) { apply(change, to: &image) }
                case .someSectors:
                    guard case .write(let offset, let bytes) = change else {
                        apply(change, to: &image)
                        continue
                    }
                    for sector in stride(from: 0, to: bytes.count, by: sectorBytes) {
                        if random.oneIn(3) { continue }
                        let part = bytes[sector..<min(sector + sectorBytes, bytes.count)]
                        apply(.write(offset: offset + sector, bytes: Array(part)), to: &image)
                    }
                }
            }
            return image
        }

        private func apply(_ change: TestDisk.Change, to image: inout [UInt8]) {
            func grow(to size: Int) {
                if image.count < size {
                    image += [UInt8](repeating: 0, count: size - image.count)
                }
            }
            switch change {
            case .sync: break
            case .resize(let size):
                grow(to: size)
                image.removeLast(image.count - size)
            case .write(let offset, let bytes):
                grow(to: offset + bytes.count)
                image.replaceSubrange(offset..<offset + bytes.count, with: bytes)
            }
        }
    }

    @Test("after a crash anywhere the last or the previous state is there, whole", arguments: 1...4)
    func everyPoint(seed: UInt64) throws {
        let run = try Run(seed: seed, commits: 18, pageSize: seed % 2 == 0 ? 1024 : 4096)
        var random = RandomSource(seed: seed)
        for count in 0...run.changes.count {
            let newest = run.states.lastIndex { $0.changes <= count }!
            for loss in Loss.allCases {
                let image = run.image(after: count, loss, random: &random)
                let database = try Database.open(
                    path: CrashTests.path, in: TestDisk(CrashTests.path, image))
                #expect(database.check() == [])
                let found = contents(of: database.snapshots.pin())
                let isNewest = found == run.states[newest].model
                let isNext =
                    newest + 1 < run.states.count && found == run.states[newest + 1].model
                #expect(isNewest || isNext, "after \(count) changes, \(loss) lost")
                // Life goes on.
                let transaction = database.beginWrite()
                transaction.createBucketIfMissing("after")
                transaction.put("after", key: "crash", value: "alive")
                try transaction.commit()
                #expect(database.check() == [])
            }
        }
    }

    @Test("a lost newest meta page gives the state before", arguments: [1024, 4096])
    func lostMeta(pageSize: Int) throws {
        let run = try Run(seed: 3, commits: 12, pageSize: pageSize)
        var random = RandomSource(seed: 1)
        for state in 1..<run.states.count {
            var image = run.image(
                after: run.states[state].changes, .nothing, random: &random)
            // Transaction numbers begin at 1 with the empty state.
            let slot = (state + 1) % 2
            image[slot * pageSize + 16 + 48] ^= 1
            let database = try Database.open(
                path: CrashTests.path, in: TestDisk(CrashTests.path, image))
            #expect(database.check() == [])
            #expect(contents(of: database.snapshots.pin()) == run.states[state - 1].model)
        }
    }
}
