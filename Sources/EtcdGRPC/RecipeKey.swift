//  Keys of the lock and election recipes: one per lease under a common name, in the order in which
//  they were created.

import EtcdProto
import RuntimeCore

/// The place of one lease in the queue under a name.
struct RecipeKey {
    /// Time to live of a lease that the client did not bring along.
    static let leaseSeconds: Int64 = 60

    /// The name and a slash.
    let prefix: Bytes
    let key: Bytes
    let lease: Int64

    init(name: Bytes, lease: Int64) {
        prefix = RecipeKey.prefix(of: name)
        key = Bytes(prefix.array + Array(String(lease, radix: 16).utf8))
        self.lease = lease
    }

    static func prefix(of name: Bytes) -> Bytes { Bytes(name.array + [UInt8(ascii: "/")]) }

    /// Where the keys under a prefix end.
    static func end(of prefix: Bytes) -> Bytes {
        // A prefix ends in a slash, which is not the highest byte.
        Bytes(prefix.dropLast() + [UInt8(ascii: "/") + 1])
    }

    /// Whoever came first.
    static func oldest(under prefix: Bytes) -> RangeRequest {
        RangeRequest(
            key: prefix, rangeEnd: end(of: prefix), limit: 1, sortOrder: .ascend,
            sortTarget: .create)
    }

    /// Who came last among those who came before.
    func predecessor(of createRevision: Int64) -> RangeRequest {
        RangeRequest(
            key: prefix, rangeEnd: RecipeKey.end(of: prefix), limit: 1, sortOrder: .descend,
            sortTarget: .create, maxCreateRevision: createRevision - 1)
    }

    /// Creates the key unless it exists, in which case it is read; `also` is done in both cases.
    func acquisition(value: Bytes, also: [RequestOp] = []) -> TxnRequest {
        TxnRequest(
            compare: [RecipeKey.isCreated(key, at: 0)],
            success: [
                RequestOp(request: .put(PutRequest(key: key, value: value, lease: lease)))
            ] + also,
            failure: [RequestOp(request: .range(RangeRequest(key: key)))] + also)
    }

    static func isCreated(_ key: Bytes, at revision: Int64) -> Compare {
        Compare(
            result: .equal, target: .create, key: key, targetUnion: .createRevision(revision))
    }
}

extension Bytes {
    fileprivate func dropLast() -> [UInt8] { self[0..<count - 1].array }
}

extension TxnResponse {
    /// What the range at `position` found.
    func found(at position: Int) -> KeyValue? {
        guard responses.indices.contains(position),
            case .range(let range) = responses[position].response
        else { return nil }
        return range.kvs.first { _ in true }
    }
}

/// A place in the queue that was taken.
struct RecipePlace {
    let key: RecipeKey
    let createRevision: Int64
    /// What the key held before, if it existed.
    let earlierValue: Bytes?
    let header: ResponseHeader?

    /// `nil` when the answer is not one to an acquisition.
    init?(_ key: RecipeKey, _ response: TxnResponse) {
        self.key = key
        header = response.header
        if response.succeeded {
            createRevision = response.header?.revision ?? 0
            earlierValue = nil
        } else {
            guard let earlier = response.found(at: 0) else { return nil }
            createRevision = earlier.createRevision
            earlierValue = earlier.value
        }
    }
}

extension RecipeSession {
    /// Waits until nobody who came before is left: for one after the other, the last one first, so
    /// that few wake up with each deletion.
    func waitForPredecessors(of place: RecipePlace, then: @escaping () -> Void) {
        range(place.key.predecessor(of: place.createRevision)) { response in
            guard let last = response.kvs.first(where: { _ in true }) else { return then() }
            let request = WatchCreateRequest(
                key: last.key, startRevision: response.header?.revision ?? 0)
            self.watch(request) { news in
                switch news {
                case .event(let event):
                    guard event.type == .delete else { return }
                    self.stopWatching()
                    self.waitForPredecessors(of: place, then: then)
                // The deletion may be among what is gone: look again.
                case .compacted: self.waitForPredecessors(of: place, then: then)
                case .ended(let reason):
                    self.fail(reason.isEmpty ? "lost watcher waiting for delete" : reason)
                }
            }
        }
    }
}
