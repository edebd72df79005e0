//  What the parts of a request mean for one key, naively; and answers of the store made comparable.

import EtcdProto
import EtcdServer
import RuntimeCore

extension RangeRequest {
    func excludes(_ value: KeyValue) -> Bool {
        (minModRevision != 0 && value.modRevision < minModRevision)
            || (maxModRevision != 0 && value.modRevision > maxModRevision)
            || (minCreateRevision != 0 && value.createRevision < minCreateRevision)
            || (maxCreateRevision != 0 && value.createRevision > maxCreateRevision)
    }

    /// `values` are in key order, which ties keep.
    func sorted(_ values: [KeyValue]) -> [KeyValue] {
        if sortOrder == .none { return values }
        if sortTarget == .key { return sortOrder == .descend ? values.reversed() : values }
        func isBefore(_ left: KeyValue, _ right: KeyValue) -> Bool {
            switch sortTarget {
            case .version: left.version < right.version
            case .create: left.createRevision < right.createRevision
            case .mod: left.modRevision < right.modRevision
            default: left.value < right.value
            }
        }
        let isDescending = sortOrder == .descend
        return values.enumerated().sorted { left, right in
            let (a, b) = isDescending ? (right, left) : (left, right)
            if isBefore(a.element, b.element) { return true }
            return !isBefore(b.element, a.element) && left.offset < right.offset
        }.map(\.element)
    }
}

extension Compare {
    func holds(for value: KeyValue) -> Bool {
        switch targetUnion {
        case .version(let wanted): holds(value.version, wanted)
        case .createRevision(let wanted): holds(value.createRevision, wanted)
        case .modRevision(let wanted): holds(value.modRevision, wanted)
        case .value(let wanted): holds(value.value, wanted)
        case .lease(let wanted): holds(value.lease, wanted)
        case nil: preconditionFailure("the workload always compares with something")
        }
    }

    private func holds<Value: Comparable>(_ found: Value, _ wanted: Value) -> Bool {
        switch result {
        case .equal: found == wanted
        case .notEqual: found != wanted
        case .greater: found > wanted
        default: found < wanted
        }
    }
}

extension KVAnswer {
    init(_ result: Result<V3Result, ServerError>) {
        switch result {
        case .failure(let error): self = .refused(error.text)
        case .success(let result):
            switch result {
            case .put(var response):
                response.header = response.header.bare
                self = .put(response)
            case .deleteRange(var response):
                response.header = response.header.bare
                self = .deleteRange(response)
            case .txn(var response):
                response.header = response.header.bare
                self = .txn(response)
            case .range(let response): self.init(response)
            case .compaction(let response): self = .compaction(response.header?.revision ?? 0)
            case .leaseGrant(let response):
                self = .leaseGrant(
                    id: response.id, seconds: response.ttl, response.header?.revision ?? 0)
            case .leaseRevoke(let response): self = .leaseRevoke(response.header?.revision ?? 0)
            default: self = .other
            }
        }
    }

    init(_ response: RangeResponse) {
        var response = response
        response.header = response.header.bare
        self = .range(response)
    }

    init(_ response: TxnResponse) {
        var response = response
        response.header = response.header.bare
        self = .txn(response)
    }
}

extension ResponseHeader? {
    /// The revision alone.
    fileprivate var bare: ResponseHeader? { map { ResponseHeader(revision: $0.revision) } }
}
