//  Random requests against the store and the model, with compactions, crashes and restarts.

import EtcdBackend
import EtcdMVCC
import EtcdProto
import RuntimeCore
import Testing

@Suite("The store against a plain model")
struct StoreModelTests {
    @Test(
        "answers, records, events, leases and hashes agree, whatever is compacted or crashes",
        arguments: 1...24 as ClosedRange<UInt64>)
    func agreement(seed: UInt64) throws {
        var run = try StoreModelRun(seed: seed)
        for _ in 0..<300 { try run.step() }
        try run.finish()
    }

    @Test("equal requests make equal databases")
    func determinism() throws {
        for seed in 50..<53 as Range<UInt64> {
            var first = try StoreModelRun(seed: seed)
            var second = try StoreModelRun(seed: seed)
            for _ in 0..<120 {
                try first.step()
                try second.step()
            }
            #expect(first.databaseHash == second.databaseHash)
        }
    }
}

/// A store beside its model.
private struct StoreModelRun {
    private var random: RandomSource
    private let fixture: StoreFixture
    private var model = StoreModel()
    /// The model as of the last commit, and whether a compaction was running then.
    private var committed = StoreModel()
    private let keys = ["a", "ab", "b", "ba", "c", "d\0", "e"].map { Bytes($0) }
    private let values = ["", "1", "2", "longer than the others"].map { Bytes($0) }

    init(seed: UInt64) throws {
        random = RandomSource(seed: seed)
        fixture = try StoreFixture()
    }

    var databaseHash: UInt32 { fixture.backend.views.view().hash { _, _ in false } }

    mutating func step() throws {
        switch random.below(24) {
        case 0: try compact()
        case 1: try commit()
        case 2: try crash()
        case 3...5: try compareRanges()
        case 6...8: try deleteRange()
        case 9...13: try txn()
        case 14: try deleteKeys()
        case 15: try checkHistory()
        default: try put()
        }
        try stepCompaction()
        #expect(fixture.reader.currentRevision == model.revision)
        #expect(fixture.reader.compactRevision == model.compacted)
        #expect(fixture.reader.keyCount == model.present.count)
        let held = model.present.filter { $0.value.lease != 0 }.mapValues(\.lease)
        #expect(fixture.leases.attached == held)
    }

    mutating func finish() throws {
        while fixture.store.hasCompaction { try stepCompaction(limit: 100) }
        checkRecords()
        let mains = [0, max(model.compacted, 1), model.revision]
        let hashes = try mains.map { try fixture.reader.hashKV(at: $0) }
        let database = databaseHash
        try fixture.reopen()
        checkRecords()
        #expect(databaseHash == database)
        for (hash, main) in zip(hashes, mains) {
            #expect(try fixture.reader.hashKV(at: main) == hash)
            #expect(hash.hash == model.hash(at: main == 0 ? model.revision : main))
        }
        for _ in 0..<50 { try compareRanges() }
    }

    private func checkRecords() {
        var actual: [Bytes: Bytes] = [:]
        fixture.backend.scan(StoreBuckets.key, from: .empty, to: nil) { key, value in
            actual[Bytes(Array(key))] = Bytes(Array(value))
            return true
        }
        let expected = model.records.map { record in
            (
                RevisionKey(record.revision, isTombstone: record.isTombstone).bytes,
                record.value
            )
        }
        #expect(actual == Dictionary(uniqueKeysWithValues: expected))
    }

    // MARK: writes

    private mutating func key() -> Bytes { keys[random.below(keys.count)] }

    private mutating func rangeEnd() -> Bytes {
        switch random.below(5) {
        case 0: [0]
        case 1, 2: key()
        default: .empty
        }
    }

    private mutating func putRequest() -> PutRequest {
        var request = PutRequest(key: key())
        request.prevKV = random.oneIn(3)
        if random.oneIn(8) {
            request.ignoreValue = true
        } else {
            request.value = values[random.below(values.count)]
        }
        if random.oneIn(8) {
            request.ignoreLease = true
        } else if random.oneIn(3) {
            request.lease = Int64(random.below(random.oneIn(4) ? 5 : 4))
        }
        return request
    }

    private mutating func put() throws {
        let request = putRequest()
        try compare("\(request)") { model throws(MVCCError) in
            try model.put(request)
        } store: {
            store, leases throws(MVCCError) in
            try store.put(request, leases: leases)
        }
    }

    private mutating func deleteRange() throws {
        let request = DeleteRangeRequest(
            key: key(), rangeEnd: rangeEnd(), prevKV: random.oneIn(2))
        try compare("\(request)") { model throws(MVCCError) in
            model.deleteRange(request)
        } store: { store, leases throws(MVCCError) in
            try store.deleteRange(request, leases: leases)
        }
    }

    private mutating func deleteKeys() throws {
        let doomed = Set((0..<3).map { _ in key() }).sorted()
        let request = TxnRequest(success: doomed.map { .delete($0.text) })
        let before = model.revision
        let response = try model.txn(request)
        let deleted = response.responses.compactMap { $0.response?.deleteRange?.deleted }
        let count = try fixture.store.deleteKeys(doomed, leases: fixture.leases)
        #expect(count == Int(deleted.reduce(0, +)))
        checkEvents(before: before)
    }

    /// A transaction whose chosen and unchosen paths put no key twice: that is refused before the
    /// store sees it.
    private mutating func txnRequest(depth: Int, free: inout [Bytes]) -> TxnRequest {
        var request = TxnRequest()
        for _ in 0..<random.below(3) { request.compare.append(compareRequest()) }
        let keys = free
        for isSuccess in [true, false] {
            var operations: [RequestOp] = []
            for _ in 0..<random.below(4) {
                operations.append(operation(depth: depth, free: &free))
            }
            if isSuccess { request.success = operations } else { request.failure = operations }
            if isSuccess, depth == 0 { free = keys }
        }
        return request
    }

    private mutating func operation(depth: Int, free: inout [Bytes]) -> RequestOp {
        switch random.below(6) {
        case 0: return RequestOp(request: .range(rangeRequest(plain: true)))
        case 1 where depth < 2:
            return RequestOp(request: .txn(txnRequest(depth: depth + 1, free: &free)))
        case 2:
            return RequestOp(
                request: .deleteRange(
                    DeleteRangeRequest(
                        key: key(), rangeEnd: rangeEnd(), prevKV: random.oneIn(2))))
        default:
            guard !free.isEmpty else {
                return RequestOp(request: .range(rangeRequest(plain: true)))
            }
            var request = putRequest()
            request.key = free.remove(at: random.below(free.count))
            return RequestOp(request: .put(request))
        }
    }

    private mutating func compareRequest() -> Compare {
        let number = Int64(random.below(4))
        let union: Compare.TargetUnion? =
            switch random.below(6) {
            case 0: .version(number)
            case 1: .createRevision(model.revision - number)
            case 2: .modRevision(model.revision - number)
            case 3: .value(values[random.below(values.count)])
            case 4: .lease(number)
            default: nil
            }
        let matching: Int32 =
            switch union {
            case .version: 0
            case .createRevision: 1
            case .modRevision: 2
            case .value: 3
            case .lease: 4
            case nil: Int32(random.below(7))
            }
        return Compare(
            result: Compare.CompareResult(rawValue: Int32(random.below(5))),
            target: Compare.CompareTarget(
                rawValue: random.oneIn(10) ? Int32(random.below(5)) : matching),
            key: key(), targetUnion: union, rangeEnd: rangeEnd())
    }

    private mutating func txn() throws {
        var free = keys
        let request = txnRequest(depth: 0, free: &free)
        try compare("\(request)") { model throws(MVCCError) in
            try model.txn(request)
        } store: {
            store, leases throws(MVCCError) in
            try store.txn(request, leases: leases)
        }
    }

    private mutating func compare<Response: Equatable>(
        _ name: String, model apply: (inout StoreModel) throws(MVCCError) -> Response,
        store execute: (Store, LeaseBook) throws(MVCCError) -> Response
    ) throws {
        let before = model.revision
        let expected: Result<Response, MVCCError>
        do throws(MVCCError) { expected = .success(try apply(&model)) } catch {
            expected = .failure(error)
        }
        let actual: Result<Response, MVCCError>
        do throws(MVCCError) {
            actual = .success(try execute(fixture.store, fixture.leases))
        } catch {
            actual = .failure(error)
        }
        #expect(actual == expected, "\(name)")
        checkEvents(before: before)
    }

    /// The events are the records that the write has added.
    private func checkEvents(before: Int64) {
        let events = fixture.store.takeEvents()
        let added = model.records.filter { $0.revision.main > before }
        #expect(events.map(\.key) == added.map(\.key))
        #expect(events.map(\.isDelete) == added.map(\.isTombstone))
        #expect(events.map(\.record) == added.map(\.value))
        #expect(events.map(\.modRevision) == added.map(\.revision.main))
        #expect(events.map(\.sub) == added.map(\.revision.sub))
        #expect(fixture.store.takeEvents().isEmpty)
    }

    // MARK: reads

    private mutating func rangeRequest(plain: Bool) -> RangeRequest {
        var request = RangeRequest(key: key(), rangeEnd: rangeEnd())
        if random.oneIn(3) {
            request.revision = Int64(random.below(Int(model.revision) + 3)) - 1
        }
        request.limit = random.oneIn(3) ? Int64(random.below(4)) : 0
        request.keysOnly = random.oneIn(4)
        request.countOnly = random.oneIn(6)
        if plain { return request }
        request.sortOrder = RangeRequest.SortOrder(rawValue: Int32(random.below(4)))
        request.sortTarget = RangeRequest.SortTarget(rawValue: Int32(random.below(6)))
        let now = Int(model.revision)
        if random.oneIn(4) { request.minModRevision = Int64(random.below(now + 2)) }
        if random.oneIn(4) { request.maxModRevision = Int64(random.below(now + 2)) }
        if random.oneIn(4) { request.minCreateRevision = Int64(random.below(now + 2)) }
        if random.oneIn(4) { request.maxCreateRevision = Int64(random.below(now + 2)) }
        return request
    }

    private mutating func compareRanges() throws {
        for _ in 0..<4 {
            let request = rangeRequest(plain: false)
            let model = model
            let reader = fixture.reader
            let expected: Result<RangeResponse, MVCCError>
            do throws(MVCCError) { expected = .success(try model.range(request)) } catch {
                expected = .failure(error)
            }
            let actual: Result<RangeResponse, MVCCError>
            do throws(MVCCError) { actual = .success(try reader.range(request)) } catch {
                actual = .failure(error)
            }
            #expect(actual == expected, "\(request)")
        }
    }

    private mutating func checkHistory() throws {
        let from = max(model.compacted, 1) + Int64(random.below(4))
        let most = 1 + random.below(5)
        var events: [StoreEvent] = []
        let covered = fixture.reader.events(
            from: from, through: Int64.max, maxRevisions: most
        ) { events.append($0) }
        let wanted = model.records.filter { $0.revision.main >= from }
        let mains = Set(wanted.map(\.revision.main)).sorted()
        let last = mains.count > most ? mains[most - 1] : model.revision
        #expect(covered == (from > model.revision ? model.revision : last))
        let expected = wanted.filter { $0.revision.main <= last }
        if !fixture.store.hasCompaction {
            #expect(events.map(\.key) == expected.map(\.key))
            #expect(events.map(\.record) == expected.map(\.value))
        }
        for event in events {
            let previous = fixture.reader.previousValue(of: event.key, before: event.modRevision)
            let main = event.modRevision - 1
            let kv = main < max(model.compacted, 0) ? nil : model.states[Int(main)][event.key]
            #expect(try previous.map { try KeyValue(decoding: $0) } == kv)
        }
    }

    // MARK: life

    private mutating func commit() throws {
        try fixture.backend.commit()
        committed = model
    }

    private mutating func crash() throws {
        try fixture.crash()
        model = committed
    }

    private mutating func compact() throws {
        let main = model.compacted - 1 + Int64(random.below(Int(model.revision) + 4))
        try compare("compact \(main)") { model throws(MVCCError) in
            try model.beginCompaction(at: main)
            return true
        } store: { store, _ throws(MVCCError) in
            try store.beginCompaction(at: main)
            return true
        }
    }

    private mutating func stepCompaction(limit: Int = 1) throws {
        guard fixture.store.hasCompaction else { return }
        if fixture.store.compactStep(limit: limit) {
            model.finishCompaction()
            checkRecords()
        }
    }
}
