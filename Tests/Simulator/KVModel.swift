//  The v3 key space as simply as it can be written: every version of every key in a list, nothing
//  shared with the production store. What members hold and answer is compared with it.

import EtcdMVCC
import EtcdProto
import RuntimeCore

/// A pure function of the requests applied to it.
struct KVModel {
    /// What one revision did to one key.
    struct Change: Hashable {
        let key: Bytes
        /// `nil` when it was deleted.
        let value: KeyValue?
        let previous: KeyValue?
    }

    private struct Version {
        let revision: Int64
        let value: KeyValue?
    }

    /// Of the newest write; 1 before the first.
    private(set) var revision: Int64 = 1
    /// -1 when nothing was ever compacted. Nothing is forgotten here all the same.
    private(set) var compactRevision: Int64 = -1
    /// Effective TTLs in seconds.
    private(set) var leases: [Int64: Int64] = [:]
    private let minimumLeaseSeconds: Int64
    private var versions: [Bytes: [Version]] = [:]
    /// Those of revision 2 first.
    private var history: [[Change]] = []
    /// Of the request that is being applied.
    private var pending: [Change] = []

    init(minimumLeaseSeconds: Int64) { self.minimumLeaseSeconds = minimumLeaseSeconds }

    // MARK: reading

    func changes(of revision: Int64) -> [Change] {
        revision < 2 || revision > self.revision ? [] : history[Int(revision) - 2]
    }

    func value(of key: Bytes, at revision: Int64) -> KeyValue? {
        versions[key]?.last { $0.revision <= revision }?.value
    }

    /// All of a range, in key order.
    func values(in range: KeyRange, at revision: Int64) -> [KeyValue] {
        versions.keys.filter { range.contains($0) }.sorted()
            .compactMap { value(of: $0, at: revision) }
    }

    /// What a range request has to be answered with when the store stands at `present`.
    func range(_ request: RangeRequest, present: Int64) -> RangeResponse {
        let main = request.revision > 0 ? request.revision : present
        var found = values(
            in: KeyRange(key: request.key, rangeEnd: request.rangeEnd), at: main)
        var response = RangeResponse(
            header: ResponseHeader(revision: present), count: Int64(found.count))
        if request.countOnly { return response }
        found.removeAll { request.excludes($0) }
        let sorted = request.sorted(found)
        let limit = request.limit > 0 ? Int(request.limit) : Int.max
        response.more = sorted.count > limit
        for var each in sorted.prefix(limit) {
            if request.keysOnly { each.value = .empty }
            response.kvs.append(each)
        }
        return response
    }

    /// What a transaction without writes has to be answered with at `present`.
    func readTxn(_ request: TxnRequest, present: Int64) -> TxnResponse {
        let succeeds = request.compare.allSatisfy { holds($0, at: present) }
        var response = TxnResponse(
            header: ResponseHeader(revision: present), succeeded: succeeds)
        for operation in succeeds ? request.success : request.failure {
            guard case .range(let range)? = operation.request else { continue }
            response.responses.append(
                ResponseOp(response: .range(self.range(range, present: present))))
        }
        return response
    }

    func holds(_ compare: Compare, at revision: Int64) -> Bool {
        guard let value = value(of: compare.key, at: revision) else {
            return compare.target != .value && compare.holds(for: KeyValue())
        }
        return compare.holds(for: value)
    }

    // MARK: requests

    /// `nil` for what is no matter of keys or leases.
    mutating func apply(_ kind: InternalRaftRequest.Kind) -> KVAnswer? {
        switch kind {
        case .put(let request):
            refusal(of: request).map { .refused($0) } ?? write { $0.put(request) }
        case .deleteRange(let request): write { $0.deleteRange(request) }
        case .txn(let request): txn(request)
        case .compaction(let request): compact(request)
        case .leaseGrant(let request): grant(request)
        case .leaseRevoke(let request): revoke(request)
        default: nil
        }
    }

    /// Everything `body` changes becomes one revision.
    private mutating func write(_ body: (inout KVModel) -> KVAnswer) -> KVAnswer {
        pending = []
        let answer = body(&self)
        if !pending.isEmpty {
            revision += 1
            history.append(pending)
            pending = []
        }
        return answer
    }

    /// As the request that is being applied sees it.
    private var present: Int64 { pending.isEmpty ? revision : revision + 1 }

    private mutating func set(_ key: Bytes, _ value: KeyValue?) {
        let previous = self.value(of: key, at: present)
        pending.append(Change(key: key, value: value, previous: previous))
        versions[key, default: []].append(Version(revision: revision + 1, value: value))
    }

    /// A put alone asks for its lease first, one in a transaction for its key, as in etcd.
    private func refusal(of request: PutRequest, inTxn: Bool = false) -> String? {
        let lacksLease = request.lease != 0 && leases[request.lease] == nil
        let needsKey = request.ignoreValue || request.ignoreLease
        let lacksKey = needsKey && value(of: request.key, at: revision) == nil
        if lacksKey, inTxn || !lacksLease { return "etcdserver: key not found" }
        return lacksLease ? "etcdserver: requested lease not found" : nil
    }

    /// In a transaction the key is looked for before the lease.
    private func refusalInTxn(of request: PutRequest) -> String? {
        var withoutLease = request
        withoutLease.lease = 0
        return refusal(of: withoutLease) ?? refusal(of: request)
    }

    private mutating func put(_ request: PutRequest) -> KVAnswer {
        let previous = value(of: request.key, at: present)
        let next = KeyValue(
            key: request.key, createRevision: previous?.createRevision ?? revision + 1,
            modRevision: revision + 1, version: (previous?.version ?? 0) + 1,
            value: request.ignoreValue ? previous!.value : request.value,
            lease: request.ignoreLease ? previous!.lease : request.lease)
        set(request.key, next)
        return .put(
            PutResponse(
                header: ResponseHeader(revision: present),
                prevKV: request.prevKV ? previous : nil))
    }

    private mutating func deleteRange(_ request: DeleteRangeRequest) -> KVAnswer {
        let doomed = values(
            in: KeyRange(key: request.key, rangeEnd: request.rangeEnd), at: present)
        for each in doomed { set(each.key, nil) }
        return .deleteRange(
            DeleteRangeResponse(
                header: ResponseHeader(revision: present), deleted: Int64(doomed.count),
                prevKVs: request.prevKV ? KeyValueList(doomed) : KeyValueList()))
    }

    private mutating func txn(_ request: TxnRequest) -> KVAnswer {
        let succeeds = request.compare.allSatisfy { holds($0, at: revision) }
        let operations = succeeds ? request.success : request.failure
        for operation in operations {
            guard case .put(let put)? = operation.request else { continue }
            if let refusal = refusalInTxn(of: put) { return .refused(refusal) }
        }
        return write { model in
            var response = TxnResponse(succeeded: succeeds)
            for operation in operations {
                let answer: ResponseOp.Response?
                switch operation.request {
                case .range(let range): answer = .range(model.range(range, present: model.present))
                case .put(let put): answer = model.put(put).operation
                case .deleteRange(let delete): answer = model.deleteRange(delete).operation
                default: preconditionFailure("the workload makes no such operation")
                }
                response.responses.append(ResponseOp(response: answer))
            }
            response.header = ResponseHeader(revision: model.present)
            return .txn(response)
        }
    }

    private mutating func compact(_ request: CompactionRequest) -> KVAnswer {
        if request.revision <= compactRevision {
            return .refused("etcdserver: mvcc: required revision has been compacted")
        }
        if request.revision > revision {
            return .refused("etcdserver: mvcc: required revision is a future revision")
        }
        compactRevision = request.revision
        return .compaction(revision)
    }

    private mutating func grant(_ request: LeaseGrantRequest) -> KVAnswer {
        if leases[request.id] != nil { return .refused("etcdserver: lease already exists") }
        let seconds = max(request.ttl, minimumLeaseSeconds)
        leases[request.id] = seconds
        return .leaseGrant(id: request.id, seconds: seconds, revision)
    }

    private mutating func revoke(_ request: LeaseRevokeRequest) -> KVAnswer {
        guard leases.removeValue(forKey: request.id) != nil else {
            return .refused("etcdserver: requested lease not found")
        }
        let doomed = values(in: .everything, at: revision).filter { $0.lease == request.id }
        return write { model in
            for each in doomed { model.set(each.key, nil) }
            return .leaseRevoke(model.present)
        }
    }
}

/// An answer without what differs between members: cluster, member and term of its header.
enum KVAnswer: Hashable, CustomStringConvertible {
    case put(PutResponse)
    case deleteRange(DeleteRangeResponse)
    case txn(TxnResponse)
    case range(RangeResponse)
    case compaction(Int64)
    case leaseGrant(id: Int64, seconds: Int64, Int64)
    case leaseRevoke(Int64)
    case refused(String)
    /// Nothing the model knows.
    case other

    fileprivate var operation: ResponseOp.Response? {
        switch self {
        case .put(let response): .put(response)
        case .deleteRange(let response): .deleteRange(response)
        default: nil
        }
    }

    /// Of the header; `nil` for refusals.
    var revision: Int64? {
        switch self {
        case .put(let response): response.header?.revision
        case .deleteRange(let response): response.header?.revision
        case .txn(let response): response.header?.revision
        case .range(let response): response.header?.revision
        case .compaction(let revision), .leaseGrant(_, _, let revision), .leaseRevoke(let revision):
            revision
        case .refused, .other: nil
        }
    }

    /// The lists and headers of operations within a transaction say which revision they saw too.
    var description: String {
        switch self {
        case .put(let response):
            "put @\(revision ?? 0)" + (response.prevKV.map { " before \($0.text)" } ?? "")
        case .deleteRange(let response):
            "deleted \(response.deleted) @\(revision ?? 0) \(response.prevKVs.text)"
        case .txn(let response):
            "txn \(response.succeeded) @\(revision ?? 0): "
                + response.responses.map(KVAnswer.text).joined(separator: ", ")
        case .range(let response):
            "range @\(revision ?? 0) count \(response.count)\(response.more ? " more" : "") "
                + response.kvs.text
        case .compaction(let revision): "compacted @\(revision)"
        case .leaseGrant(let id, let seconds, let revision):
            "granted \(id) \(seconds)s @\(revision)"
        case .leaseRevoke(let revision): "revoked @\(revision)"
        case .refused(let reason): "refused: \(reason)"
        case .other: "other"
        }
    }

    private static func text(_ operation: ResponseOp) -> String {
        switch operation.response {
        case .put(let response): "\(KVAnswer.put(response))"
        case .deleteRange(let response): "\(KVAnswer.deleteRange(response))"
        case .range(let response): "\(KVAnswer.range(response))"
        case .txn(let response): "\(KVAnswer.txn(response))"
        case nil: "nothing"
        }
    }
}

extension KeyValue {
    /// Key, value's beginning, creation, modification and version, lease.
    var text: String {
        "\(key.text)=\(value.prefix(12).text)[\(createRevision),\(modRevision),\(version)]"
            + (lease == 0 ? "" : "L\(lease % 1_000)")
    }
}

extension KeyValueList {
    var text: String { "{" + map(\.text).joined(separator: " ") + "}" }
}
