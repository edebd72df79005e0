//  Range requests: from the index as far as it goes, records copied rather than decoded.

import EtcdBackend
import EtcdProto
import RuntimeCore

extension StoreMoment {
    /// - Parameter bytesMax: of keys and values, beyond which it throws `answerTooLarge`.
    func range(_ request: RangeRequest, bytesMax: Int = .max) throws(MVCCError) -> RangeResponse {
        let main = try resolve(request.revision)
        let range = KeyRange(key: request.key, rangeEnd: request.rangeEnd)
        var response = RangeResponse(header: ResponseHeader(revision: revision))
        if request.countOnly {
            response.count = Int64(try count(range, at: main))
            return response
        }
        let limit = request.limit > 0 ? Int(request.limit) : Int.max
        let order = RangeOrder(request)
        if order == nil, !request.hasFilters {
            try appendInKeyOrder(
                range, at: main, limit: limit, bytesMax: bytesMax, request, to: &response)
        } else {
            try appendSelected(
                range, at: main, limit: limit, bytesMax: bytesMax, order, request, to: &response)
        }
        return response
    }

    /// The plain case: the first keys of the range, as they stand.
    private func appendInKeyOrder(
        _ range: KeyRange, at main: Int64, limit: Int, bytesMax: Int, _ request: RangeRequest,
        to response: inout RangeResponse
    ) throws(MVCCError) {
        let found: Int
        if request.keysOnly {
            found = try appendKeys(
                range, at: main, limit: limit, bytesMax: bytesMax, to: &response.kvs)
        } else {
            let revisions = try collect(range, at: main, limit: limit) { $0.revision }
            found = revisions.count
            try append(
                revisions, at: main, keysOnly: false, bytesMax: bytesMax, to: &response.kvs)
        }
        response.count = Int64(found < limit ? found : try count(range, at: main))
        response.more = response.count > found
    }

    /// What a keys-only answer says of a key: all of it, or where to read it.
    private enum KeyAnswer: Sendable {
        case complete(Bytes)
        case stored(Revision)
    }

    /// Keys without values come from the index alone, unless newer revisions have replaced them.
    private func appendKeys(
        _ range: KeyRange, at main: Int64, limit: Int, bytesMax: Int,
        to list: inout KeyValueList
    ) throws(MVCCError) -> Int {
        let answers = try collect(range, at: main, limit: limit) { found -> KeyAnswer in
            if !found.isNewest { return .stored(found.revision) }
            let entry = found.entry
            return .complete(
                KeyValueRecord.make(
                    key: entry.key, createRevision: entry.createRevision, modRevision: entry.main,
                    version: entry.version, value: UnsafeRawBufferPointer(start: nil, count: 0),
                    lease: entry.lease))
        }
        for answer in answers {
            switch answer {
            case .complete(let record): record.withUnsafeBytes { list.append(record: $0) }
            case .stored(let revision):
                try append([revision], at: main, keysOnly: true, bytesMax: bytesMax, to: &list)
            }
            if list.encodedBytes > bytesMax { throw .answerTooLarge(bytesMax: bytesMax) }
        }
        return answers.count
    }

    /// Filters, then sorts, then cuts. Records are read only for what the index does not know.
    private func appendSelected(
        _ range: KeyRange, at main: Int64, limit: Int, bytesMax: Int, _ order: RangeOrder?,
        _ request: RangeRequest, to response: inout RangeResponse
    ) throws(MVCCError) {
        // etcd cuts before it sorts when only a target and no direction is given.
        let cutsFirst = request.sortOrder == .none && !request.hasFilters && limit < Int.max
        var found = try collect(range, at: main, limit: cutsFirst ? limit + 1 : Int.max) {
            Candidate($0)
        }
        response.count = Int64(
            cutsFirst && found.count > limit ? try count(range, at: main) : found.count)
        if request.hasFilters { found = try filter(found, at: main, request) }
        if let order { found = try sort(found, by: order, at: main) }
        response.more = found.count > limit
        try append(
            found.prefix(limit).map(\.revision), at: main, keysOnly: request.keysOnly,
            bytesMax: bytesMax, to: &response.kvs)
    }

    private func filter(
        _ candidates: [Candidate], at main: Int64, _ request: RangeRequest
    ) throws(MVCCError) -> [Candidate] {
        let filtersCreation = request.minCreateRevision != 0 || request.maxCreateRevision != 0
        var kept: [Candidate] = []
        for var candidate in candidates {
            let mod = candidate.revision.main
            if request.maxModRevision != 0, mod > request.maxModRevision { continue }
            if request.minModRevision != 0, mod < request.minModRevision { continue }
            if filtersCreation {
                candidate = try complete(candidate, at: main)
                let create = candidate.createRevision
                if request.maxCreateRevision != 0, create > request.maxCreateRevision { continue }
                if request.minCreateRevision != 0, create < request.minCreateRevision { continue }
            }
            kept.append(candidate)
        }
        return kept
    }

    /// `candidates`, which are in key order, by another order; equal ones stay in key order.
    private func sort(
        _ candidates: [Candidate], by order: RangeOrder, at main: Int64
    ) throws(MVCCError) -> [Candidate] {
        switch order.target {
        case .key:
            return order.isDescending ? candidates.reversed() : candidates
        case .mod:
            return order.sorted(candidates) { $0.revision.main < $1.revision.main }
        case .create, .version:
            var known: [Candidate] = []
            known.reserveCapacity(candidates.count)
            for candidate in candidates { known.append(try complete(candidate, at: main)) }
            let byCreation = order.target == .create
            return order.sorted(known) {
                byCreation ? $0.createRevision < $1.createRevision : $0.version < $1.version
            }
        default:
            var valued: [(value: Bytes, candidate: Candidate)] = []
            for candidate in candidates {
                let value = try withFields(candidate.revision, at: main) { record, fields in
                    Bytes(Array(record[fields.value]))
                }
                valued.append((value, candidate))
            }
            return order.sorted(valued) { $0.value < $1.value }.map(\.candidate)
        }
    }

    // MARK: answers

    private func append(
        _ revisions: [Revision], at main: Int64, keysOnly: Bool, bytesMax: Int,
        to list: inout KeyValueList
    ) throws(MVCCError) {
        var scratch: [UInt8] = []
        for (position, revision) in revisions.enumerated() {
            var isSound = true
            try withRecord(revision, at: main) { record in
                if position == 0, revisions.count > 1 {
                    list.reserve(bytes: min(revisions.count * (record.count + 6), Self.reserveMax))
                }
                if keysOnly {
                    isSound = Self.stripValue(of: record, into: &scratch)
                    scratch.withUnsafeBytes { list.append(record: $0) }
                } else {
                    list.append(record: record)
                }
            }
            if !isSound {
                throw .corrupt("revision \(revision.main), \(revision.sub) is no KeyValue")
            }
            if list.encodedBytes > bytesMax { throw .answerTooLarge(bytesMax: bytesMax) }
        }
    }

    /// Room made at once for an answer whose size is guessed from its first record.
    private static let reserveMax = 4 << 20

    private static func stripValue(
        of record: UnsafeRawBufferPointer, into scratch: inout [UInt8]
    ) -> Bool {
        scratch.removeAll(keepingCapacity: true)
        guard let fields = KeyValueFields(record) else { return false }
        scratch.append(contentsOf: record[..<fields.valueField.lowerBound])
        scratch.append(contentsOf: record[fields.valueField.upperBound...])
        return true
    }
}

extension RangeRequest {
    fileprivate var hasFilters: Bool {
        minModRevision != 0 || maxModRevision != 0 || minCreateRevision != 0
            || maxCreateRevision != 0
    }
}

/// An order other than that of the keys. Unknown directions and targets are none, as in 3.5.
private struct RangeOrder: Equatable {
    let target: RangeRequest.SortTarget
    let isDescending: Bool

    init?(_ request: RangeRequest) {
        target = request.sortTarget
        isDescending = request.sortOrder == .descend
        let isKnown = (0...4).contains(request.sortTarget.rawValue)
        switch request.sortOrder {
        case .none where request.sortTarget != .key && isKnown: break
        case .ascend where isKnown, .descend where isKnown: break
        default: return nil
        }
    }

    /// Ties are broken by position, so that the answer is the same on every member.
    func sorted<Element>(
        _ elements: [Element], _ isBefore: (Element, Element) -> Bool
    ) -> [Element] {
        let positions = elements.indices.sorted { left, right in
            let a = elements[isDescending ? right : left]
            let b = elements[isDescending ? left : right]
            if isBefore(a, b) { return true }
            return !isBefore(b, a) && left < right
        }
        return positions.map { elements[$0] }
    }
}
