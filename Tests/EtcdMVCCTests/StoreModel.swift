//  What the store must do, written for simplicity: the whole content once per revision.

import EtcdMVCC
import EtcdProto
import RuntimeCore

/// A store as a list of complete states.
struct StoreModel {
    struct Record: Equatable {
        let revision: Revision
        let isTombstone: Bool
        let key: Bytes
        /// As the database holds it.
        let value: Bytes
    }

    /// By revision; before the first write two states are empty.
    private(set) var states: [[Bytes: KeyValue]] = [[:], [:]]
    private(set) var records: [Record] = []
    private(set) var compacted: Int64 = -1
    let leases: Set<Int64> = [1, 2, 3]
    /// Changes of the write that is being executed.
    private var changes = 0

    var revision: Int64 { Int64(states.count) - 1 }
    var present: [Bytes: KeyValue] { states[states.count - 1] }

    // MARK: reads

    func range(_ request: RangeRequest, in state: [Bytes: KeyValue]? = nil, revision: Int64? = nil)
        throws(MVCCError) -> RangeResponse
    {
        let now = revision ?? self.revision
        if request.revision > now { throw .futureRevision }
        let main = request.revision <= 0 ? now : request.revision
        if main < compacted { throw .compacted }
        let content = main == now ? state ?? present : states[Int(main)]
        var kvs = select(content, request.key, request.rangeEnd)
        var response = RangeResponse(header: ResponseHeader(revision: now))
        response.count = Int64(kvs.count)
        if request.countOnly { return response }
        let isFiltered =
            request.minModRevision != 0 || request.maxModRevision != 0
            || request.minCreateRevision != 0 || request.maxCreateRevision != 0
        if request.limit > 0, request.sortOrder == .none, !isFiltered {
            kvs = Array(kvs.prefix(Int(request.limit) + 1))
        }
        kvs = kvs.filter {
            within($0.modRevision, request.minModRevision, request.maxModRevision)
                && within($0.createRevision, request.minCreateRevision, request.maxCreateRevision)
        }
        kvs = sort(kvs, request)
        if request.limit > 0, kvs.count > Int(request.limit) {
            kvs = Array(kvs.prefix(Int(request.limit)))
            response.more = true
        }
        if request.keysOnly { for position in kvs.indices { kvs[position].value = .empty } }
        response.kvs = KeyValueList(kvs)
        return response
    }

    private func within(_ number: Int64, _ low: Int64, _ high: Int64) -> Bool {
        (low == 0 || number >= low) && (high == 0 || number <= high)
    }

    private func sort(_ kvs: [KeyValue], _ request: RangeRequest) -> [KeyValue] {
        func before(_ a: KeyValue, _ b: KeyValue) -> Bool {
            switch request.sortTarget {
            case .version: a.version < b.version
            case .create: a.createRevision < b.createRevision
            case .mod: a.modRevision < b.modRevision
            case .value: a.value < b.value
            default: a.key < b.key
            }
        }
        if request.sortTarget.rawValue > 4 || request.sortOrder.rawValue > 2 { return kvs }
        let isDescending = request.sortOrder == .descend
        return kvs.enumerated().sorted { left, right in
            let (a, b) = (left.element, right.element)
            if before(a, b) || before(b, a) { return isDescending ? before(b, a) : before(a, b) }
            return left.offset < right.offset
        }.map(\.element)
    }

    private func select(_ content: [Bytes: KeyValue], _ key: Bytes, _ end: Bytes) -> [KeyValue] {
        let kvs = content.values.filter { kv in
            if end.isEmpty { return kv.key == key }
            if end == [0] { return kv.key >= key }
            return key <= kv.key && kv.key < end
        }
        return kvs.sorted { $0.key < $1.key }
    }

    // MARK: writes

    mutating func put(_ request: PutRequest) throws(MVCCError) -> PutResponse {
        if request.lease != 0, !leases.contains(request.lease) { throw .leaseNotFound }
        if request.ignoreValue || request.ignoreLease, present[request.key] == nil {
            throw .keyNotFound
        }
        begin()
        let response = apply(request)
        end()
        return response
    }

    mutating func deleteRange(_ request: DeleteRangeRequest) -> DeleteRangeResponse {
        begin()
        let response = apply(request)
        end()
        return response
    }

    mutating func txn(_ request: TxnRequest) throws(MVCCError) -> TxnResponse {
        var path: [RequestOp] = []
        let plan = plan(request, into: &path)
        let puts = path.compactMap { $0.request?.put }
        for put in puts {
            if put.ignoreValue || put.ignoreLease, present[put.key] == nil { throw .keyNotFound }
            if put.lease != 0, !leases.contains(put.lease) { throw .leaseNotFound }
        }
        for range in path.compactMap({ $0.request?.range }) where range.revision != 0 {
            if range.revision > revision { throw .futureRevision }
            if range.revision < compacted { throw .compacted }
        }
        begin()
        var choices = plan[...]
        var response = apply(request, &choices)
        end()
        response.header = ResponseHeader(revision: revision)
        return response
    }

    private mutating func begin() {
        states.append(present)
        changes = 0
    }

    private mutating func end() {
        if changes == 0 { states.removeLast() }
    }

    /// The revision to answer with inside a write.
    private var answered: Int64 { changes == 0 ? revision - 1 : revision }

    private mutating func apply(_ request: PutRequest) -> PutResponse {
        let old = present[request.key]
        let kv = KeyValue(
            key: request.key, createRevision: old?.createRevision ?? revision,
            modRevision: revision, version: (old?.version ?? 0) + 1,
            value: request.ignoreValue ? old?.value ?? .empty : request.value,
            lease: request.ignoreLease ? old?.lease ?? 0 : request.lease)
        states[states.count - 1][request.key] = kv
        record(kv, isTombstone: false)
        return PutResponse(
            header: ResponseHeader(revision: revision), prevKV: request.prevKV ? old : nil)
    }

    private mutating func apply(_ request: DeleteRangeRequest) -> DeleteRangeResponse {
        let old = select(present, request.key, request.rangeEnd)
        for kv in old {
            states[states.count - 1][kv.key] = nil
            record(KeyValue(key: kv.key), isTombstone: true)
        }
        return DeleteRangeResponse(
            header: ResponseHeader(revision: answered), deleted: Int64(old.count),
            prevKVs: request.prevKV ? KeyValueList(old) : [])
    }

    private mutating func record(_ kv: KeyValue, isTombstone: Bool) {
        var value: [UInt8] = []
        kv.encode(into: &value)
        let revision = Revision(main: revision, sub: Int64(changes))
        records.append(
            Record(
                revision: revision, isTombstone: isTombstone, key: kv.key, value: Bytes(value)))
        changes += 1
    }

    private mutating func apply(_ request: TxnRequest, _ choices: inout ArraySlice<Bool>)
        -> TxnResponse
    {
        let succeeded = choices.removeFirst()
        var response = TxnResponse(header: ResponseHeader(), succeeded: succeeded)
        for operation in succeeded ? request.success : request.failure {
            let answer: ResponseOp.Response?
            switch operation.request {
            case .put(let put): answer = .put(apply(put))
            case .deleteRange(let delete): answer = .deleteRange(apply(delete))
            case .range(let range):
                answer = (try? self.range(range, in: present, revision: answered)).map {
                    .range($0)
                }
            case .txn(let txn): answer = .txn(apply(txn, &choices))
            case nil: answer = nil
            }
            response.responses.append(ResponseOp(response: answer))
        }
        return response
    }

    // MARK: comparing

    /// The choices of the transaction and its nested ones, and all operations of the chosen path.
    private func plan(_ request: TxnRequest, into path: inout [RequestOp]) -> [Bool] {
        let succeeded = request.compare.allSatisfy(holds)
        var choices = [succeeded]
        for operation in succeeded ? request.success : request.failure {
            path.append(operation)
            if let inner = operation.request?.txn { choices += plan(inner, into: &path) }
        }
        return choices
    }

    private func holds(_ compare: Compare) -> Bool {
        let kvs = select(present, compare.key, compare.rangeEnd)
        if kvs.isEmpty, compare.target == .value { return false }
        return (kvs.isEmpty ? [KeyValue()] : kvs).allSatisfy { kv in
            let union = compare.targetUnion
            let order =
                switch compare.target {
                case .value: ordering(kv.value, union?.value ?? .empty)
                case .create: ordering(kv.createRevision, union?.createRevision ?? 0)
                case .mod: ordering(kv.modRevision, union?.modRevision ?? 0)
                case .version: ordering(kv.version, union?.version ?? 0)
                case .lease: ordering(kv.lease, union?.lease ?? 0)
                default: 0
                }
            return switch compare.result {
            case .equal: order == 0
            case .notEqual: order != 0
            case .greater: order > 0
            case .less: order < 0
            default: true
            }
        }
    }

    private func ordering<Value: Comparable>(_ a: Value, _ b: Value) -> Int {
        a == b ? 0 : a < b ? -1 : 1
    }

    // MARK: compaction

    mutating func beginCompaction(at main: Int64) throws(MVCCError) {
        if main <= compacted { throw .compacted }
        if main > revision { throw .futureRevision }
        compacted = main
    }

    /// Forgets the records that nobody needs at `compacted` or later.
    mutating func finishCompaction() {
        var newest: [Bytes: Revision] = [:]
        for record in records where record.revision.main <= compacted {
            newest[record.key] = record.revision
        }
        records.removeAll { record in
            if record.revision.main > compacted { return false }
            if record.revision != newest[record.key] { return true }
            return record.isTombstone && record.revision.main < compacted
        }
    }

    /// HashKV at `main`.
    func hash(at main: Int64) -> UInt32 {
        let kept = Set(states[Int(main)].values.map { "\($0.key.text) \($0.modRevision)" })
        var crc = CRC32C.checksum(Bytes("key"))
        for record in records where record.revision.main <= main {
            let name = "\(record.key.text) \(record.revision.main)"
            if record.revision.main == compacted, record.isTombstone { continue }
            if record.revision.main <= compacted, !kept.isEmpty {
                if record.isTombstone || !kept.contains(name) { continue }
            }
            let key = RevisionKey(record.revision, isTombstone: record.isTombstone).bytes
            crc = CRC32C.extend(CRC32C.extend(crc, with: key), with: record.value)
        }
        return crc
    }
}
