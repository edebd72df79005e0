//  Random operations against a store written for simplicity: a flat table of paths.

import EtcdV2Store
import RuntimeCore
import Testing

@Suite("Against a naive model")
struct ModelTests {
    @Test("results, errors, trees, deadlines and events agree", arguments: 1...40)
    func agreement(seed: UInt64) throws {
        var run = ModelRun(seed: seed)
        for _ in 0..<400 { try run.step() }
        try run.finish()
    }

    @Test("equal operations give equal stores, whatever the order of dictionaries")
    func determinism() throws {
        for seed in 100..<110 as Range<UInt64> {
            var first = ModelRun(seed: seed)
            var second = ModelRun(seed: seed)
            for _ in 0..<200 {
                try first.step()
                try second.step()
            }
            #expect(first.store.save() == second.store.save())
        }
    }
}

/// A store, its model, and what a stream over everything has heard.
private struct ModelRun {
    var random: RandomSource
    var store = V2Store()
    var model = Model()
    var watch: V2WatchID
    var now: Int64 = 0
    let names = ["a", "b", "_c", "dd"]
    let values = ["", "1", "2"]

    init(seed: UInt64) {
        random = RandomSource(seed: seed)
        watch = V2WatchID.everything(in: store)
    }

    mutating func step() throws {
        now += Int64(random.below(3))
        let depth = 1 + random.below(3)
        let path = "/1" + (0..<depth).map { _ in "/" + names[random.below(names.count)] }.joined()
        let value = values[random.below(values.count)]
        let isDirectory = random.oneIn(4)
        let deadline = random.oneIn(3) ? now + Int64(random.below(20)) : nil
        let previousIndex = random.oneIn(4) ? UInt64(random.below(Int(model.index) + 2)) : 0
        let previousValue = values[random.below(values.count)]
        let operation = ModelOperation(
            kind: ModelOperation.Kind.allCases[random.below(ModelOperation.Kind.allCases.count)],
            path: path, value: value, isDirectory: isDirectory, recursive: random.oneIn(3),
            deadline: deadline, previousIndex: previousIndex, previousValue: previousValue)
        let actual = operation.perform(on: store, now: now)
        let expected = model.perform(operation, now: now)
        #expect(actual == expected, "\(operation)")
        #expect(store.currentIndex == model.index)
        #expect(
            store.nextExpiration
                == model.nodes.values.compactMap(\.deadline).min().map { time($0) })
        let heard = store.takeDeliveries().compactMap(\.event).map {
            "\($0.action) \($0.node.key.text) \($0.node.modifiedIndex)"
        }
        #expect(heard == model.takeEvents(), "\(operation)")
        if random.oneIn(50) { try reload() }
    }

    private mutating func reload() throws {
        let saved = store.save()
        let copy = V2Store()
        try copy.recover(Bytes(saved))
        #expect(copy.save() == saved)
        store = copy
        watch = V2WatchID.everything(in: store)
    }

    func finish() throws {
        for (path, node) in model.nodes {
            let view = try store.get(
                Bytes(path), recursive: false, sorted: true, now: time(now)
            ).node
            #expect(view.isDirectory == (node.value == nil))
            #expect(view.value?.text == node.value)
            #expect(view.modifiedIndex == node.modified)
            #expect(view.createdIndex == node.created)
            #expect(view.expiration == node.deadline.map { time($0) })
            let children = model.children(of: path).filter { !$0.contains("/_") }
            #expect(view.nodes.map(\.key.text) == children.map { path + $0 })
        }
    }
}

extension V2WatchID {
    /// Streams do not hear of hidden keys from above, so the model leaves those out as well.
    fileprivate static func everything(in store: V2Store) -> V2WatchID {
        let start = try? store.watch(Bytes("/1"), recursive: true, stream: true, since: 0)
        guard case .waiting(let id, _) = start else { preconditionFailure("no watch") }
        return id
    }
}
