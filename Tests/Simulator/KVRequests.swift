//  What v3 clients ask, drawn from their random source. Which kinds exist at all is the plan's
//  affair.

import EtcdProto
import RuntimeCore

/// The keys of a run.
///
/// Registers are only ever written alone, so that their histories can be checked without knowing
/// anything else; the others take part in everything.
struct KVNames {
    static let everything = (start: Bytes([0]), end: Bytes([0]))

    let registers: Int
    let others: Int

    func register(_ number: Int) -> Bytes { Bytes("r\(number)") }
    func other(_ number: Int) -> Bytes { Bytes("k\(number)") }

    func drawAny(_ random: inout RandomSource) -> Bytes {
        let number = random.below(registers + others)
        return number < registers ? register(number) : other(number - registers)
    }

    func drawOther(_ random: inout RandomSource) -> Bytes { other(random.below(others)) }

    /// One key, all keys, or some neighbours.
    func drawRange(_ random: inout RandomSource) -> (start: Bytes, end: Bytes) {
        switch random.below(4) {
        case 0: return (drawAny(&random), .empty)
        case 1: return KVNames.everything
        case 2: return (Bytes("k"), Bytes("l"))
        default:
            let start = drawAny(&random)
            return (start, Bytes("k\(1 + random.below(others))"))
        }
    }
}

/// Draws single requests.
struct KVRequests {
    let plan: SimulationPlan
    let names: KVNames

    init(plan: SimulationPlan) {
        self.plan = plan
        names = KVNames(registers: plan.kv.registers, others: plan.kv.keys)
    }

    func put(
        _ value: Bytes, leases: [Int64], _ random: inout RandomSource
    ) -> PutRequest {
        var request = PutRequest(key: names.drawOther(&random), value: value)
        if !leases.isEmpty, random.oneIn(3) { request.lease = leases[random.below(leases.count)] }
        request.prevKV = random.oneIn(3)
        if random.oneIn(10) {
            request.ignoreValue = true
            request.value = .empty
        }
        if random.oneIn(10) {
            request.ignoreLease = true
            request.lease = 0
        }
        return request
    }

    /// - Parameter known: a revision that exists.
    func range(known: Int64, _ random: inout RandomSource) -> RangeRequest {
        let range = names.drawRange(&random)
        var request = RangeRequest(key: range.start, rangeEnd: range.end)
        request.serializable = plan.kv.readsLocally && random.oneIn(3)
        if plan.kv.readsOldRevisions, random.oneIn(3) {
            request.revision = max(1, known + 2 - Int64(random.below(20)))
        }
        if random.oneIn(4) { request.limit = Int64(1 + random.below(3)) }
        if random.oneIn(4) {
            request.sortOrder = random.oneIn(2) ? .ascend : .descend
            request.sortTarget = RangeRequest.SortTarget(rawValue: Int32(random.below(5)))
        }
        request.keysOnly = random.oneIn(8)
        request.countOnly = random.oneIn(8)
        if random.oneIn(8) { request.minModRevision = max(1, known - Int64(random.below(10))) }
        if random.oneIn(8) { request.maxCreateRevision = max(1, known - Int64(random.below(10))) }
        return request
    }

    func delete(_ random: inout RandomSource) -> DeleteRangeRequest {
        var request = DeleteRangeRequest(key: names.drawOther(&random))
        if random.oneIn(3) { request.rangeEnd = Bytes("k\(1 + random.below(names.others))") }
        if random.oneIn(12) { (request.key, request.rangeEnd) = (Bytes("k"), Bytes("l")) }
        request.prevKV = random.oneIn(2)
        return request
    }

    // MARK: transactions

    func compare(_ seen: KeyValue?, _ random: inout RandomSource) -> Compare {
        let key = seen?.key ?? names.drawAny(&random)
        let results: [Compare.CompareResult] = [.equal, .equal, .greater, .less, .notEqual]
        let result = results[random.below(5)]
        let seen = seen ?? KeyValue()
        switch random.below(5) {
        case 0:
            return Compare(
                result: result, target: .version, key: key, targetUnion: .version(seen.version))
        case 1:
            return Compare(
                result: result, target: .create, key: key,
                targetUnion: .createRevision(seen.createRevision))
        case 2:
            return Compare(
                result: result, target: .mod, key: key,
                targetUnion: .modRevision(seen.modRevision))
        case 3:
            return Compare(
                result: result, target: .value, key: key, targetUnion: .value(seen.value))
        default:
            return Compare(
                result: result, target: .lease, key: key, targetUnion: .lease(seen.lease))
        }
    }

    /// Several writes and reads under some comparisons; no key is written twice.
    func txn(
        _ value: Bytes, known: Int64, leases: [Int64], seen: [KeyValue],
        _ random: inout RandomSource
    ) -> TxnRequest {
        var request = TxnRequest()
        for _ in 0..<random.below(3) {
            let about = seen.isEmpty ? nil : seen[random.below(seen.count)]
            request.compare.append(compare(about, &random))
        }
        request.success = branch(value, known: known, leases: leases, &random)
        request.failure = branch(value, known: known, leases: leases, &random)
        return request
    }

    private func branch(
        _ value: Bytes, known: Int64, leases: [Int64], _ random: inout RandomSource
    ) -> [RequestOp] {
        var operations: [RequestOp] = []
        var written: Set<Bytes> = []
        for _ in 0..<random.below(5) {
            switch random.below(4) {
            case 0:
                var range = range(known: known, &random)
                range.revision = 0
                range.serializable = false
                operations.append(RequestOp(request: .range(range)))
            case 1 where plan.kv.deletes:
                let request = DeleteRangeRequest(
                    key: names.drawOther(&random), prevKV: random.oneIn(2))
                guard written.insert(request.key).inserted else { continue }
                operations.append(RequestOp(request: .deleteRange(request)))
            default:
                let request = put(value, leases: leases, &random)
                guard written.insert(request.key).inserted else { continue }
                operations.append(RequestOp(request: .put(request)))
            }
        }
        return operations
    }

    /// Reads only.
    func readTxn(
        known: Int64, seen: [KeyValue], _ random: inout RandomSource
    ) -> TxnRequest {
        var request = TxnRequest()
        if let about = seen.last, random.oneIn(2) { request.compare = [compare(about, &random)] }
        for _ in 0..<(1 + random.below(3)) {
            var range = range(known: known, &random)
            range.revision = 0
            range.serializable = false
            request.success.append(RequestOp(request: .range(range)))
        }
        request.failure = request.success.reversed()
        return request
    }

    /// The whole transaction of a read-modify-write on a register.
    func swap(_ key: Bytes, expected: Int64, new: Bytes) -> TxnRequest {
        TxnRequest(
            compare: [
                Compare(
                    result: .equal, target: .mod, key: key, targetUnion: .modRevision(expected))
            ],
            success: [RequestOp(request: .put(PutRequest(key: key, value: new)))],
            failure: [RequestOp(request: .range(RangeRequest(key: key)))])
    }
}
