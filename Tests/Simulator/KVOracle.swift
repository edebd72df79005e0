//  What the log means for the v3 key space: the model after every entry, what each request had to
//  be answered with, and how long each lease had to last.

import EtcdAuth
import EtcdMVCC
import EtcdProto
import Raft
import RuntimeCore

/// Fed with every committed entry, in order, when the first member applies it.
struct KVOracle {
    struct Outcome {
        let index: LogIndex
        let answer: KVAnswer
    }

    private struct Mark {
        let revision: Int64
        let compactRevision: Int64
        let auth: AuthModel
    }

    private struct Life {
        let lease: Int64
        let seconds: Int64
        let granted: LogIndex
        var ended: LogIndex?
    }

    private struct HashPlace: Hashable {
        let revision: Int64
        let compactRevision: Int64
    }

    private(set) var model: KVModel
    /// Users and roles after the newest entry.
    private(set) var auth = AuthModel()
    private(set) var index: LogIndex = 0
    /// After the entry of the same number; the first is the empty store.
    private var marks: [Mark]
    private var lives: [Life] = []
    private var living: [Int64: Int] = [:]
    private(set) var outcomes: [UInt64: Outcome] = [:]
    /// Requests by which clients end leases; other revocations come from time.
    var revocations: Set<UInt64> = []
    /// Not before this may time end the lease. Nanoseconds of the run's time.
    private(set) var earliestEnds: [Int64: UInt64] = [:]
    private var hashes: [HashPlace: (hash: UInt32, member: Int)] = [:]
    private(set) var leasesExpired = 0

    init(minimumLeaseSeconds: Int64) {
        model = KVModel(minimumLeaseSeconds: minimumLeaseSeconds)
        marks = [Mark(revision: 1, compactRevision: -1, auth: AuthModel())]
    }

    // MARK: the log

    mutating func take(_ entry: Entry, now: UInt64) throws {
        if entry.index <= index { return }
        guard entry.index == index.next else {
            throw Violation(description: "index \(entry.index) was applied before \(index.next)")
        }
        index = entry.index
        if entry.kind == .normal,
            case .internalRequest(let request)? = try? EntryPayload.decode(entry.data)
        {
            try take(request, now: now)
        }
        marks.append(
            Mark(
                revision: model.revision, compactRevision: model.compactRevision, auth: auth))
    }

    private mutating func take(_ request: InternalRaftRequest, now: UInt64) throws {
        if case .leaseRevoke(let revoke) = request.kind { try checkEnd(revoke.id, request.id, now) }
        guard let answer = answer(to: request) else { return }
        if outcomes[request.id] != nil {
            throw Violation(description: "request \(request.id) is twice in the log: \(answer)")
        }
        outcomes[request.id] = Outcome(index: index, answer: answer)
        switch (request.kind, answer) {
        case (.leaseGrant(let grant), .leaseGrant(_, let seconds, _)):
            living[grant.id] = lives.count
            lives.append(Life(lease: grant.id, seconds: seconds, granted: index, ended: nil))
            earliestEnds[grant.id] = now + UInt64(seconds) * 1_000_000_000
        case (.leaseRevoke(let revoke), .leaseRevoke):
            lives[living.removeValue(forKey: revoke.id)!].ended = index
            earliestEnds[revoke.id] = nil
        default: break
        }
    }

    /// Nobody gets what the rules of this moment forbid.
    private mutating func answer(to request: InternalRaftRequest) -> KVAnswer? {
        let sender = AuthInfo(
            username: request.header?.username ?? "",
            revision: request.header?.authRevision ?? 0)
        let wishes = AuthModel.wishes(of: request.kind, keys: keys(ofLease:))
        if let refusal = auth.refusal(of: wishes, by: sender) { return .refused(refusal) }
        return auth.apply(request.kind, by: sender) ?? model.apply(request.kind)
    }

    /// Of a lease, after the newest entry.
    func keys(ofLease lease: Int64) -> [Bytes] {
        model.values(in: .everything, at: model.revision).filter { $0.lease == lease }.map(\.key)
    }

    // MARK: leases

    /// Time ends a lease only when its TTL has passed since it was granted or last renewed.
    private mutating func checkEnd(_ lease: Int64, _ request: UInt64, _ now: UInt64) throws {
        guard !revocations.contains(request), let earliest = earliestEnds[lease] else { return }
        leasesExpired += 1
        if now < earliest {
            throw Violation(
                description: "lease \(lease) ended \((earliest - now) / 1_000_000) ms early")
        }
    }

    /// A client was told that its lease lasts `seconds` from now on.
    mutating func renewed(_ lease: Int64, seconds: Int64, now: UInt64) {
        guard let known = earliestEnds[lease] else { return }
        earliestEnds[lease] = max(known, now + UInt64(seconds) * 1_000_000_000)
    }

    /// Whether the lease is there, and nothing can have begun to end it.
    func mustLive(_ lease: Int64, now: UInt64) -> Bool {
        earliestEnds[lease].map { now < $0 } ?? false
    }

    /// Those that were there after the entry at `index`, sorted.
    func leases(at index: LogIndex) -> [Int64] {
        lives.filter { $0.granted <= index && ($0.ended.map { $0 > index } ?? true) }
            .map(\.lease).sorted()
    }

    // MARK: states

    func revision(at index: LogIndex) -> Int64 { marks[Int(index.rawValue)].revision }
    func auth(at index: LogIndex) -> AuthModel { marks[Int(index.rawValue)].auth }
    func compactRevision(at index: LogIndex) -> Int64 {
        marks[Int(index.rawValue)].compactRevision
    }

    /// Equal revisions have equal hashes, whoever computes them and when.
    mutating func compare(
        hash: UInt32, revision: Int64, compactRevision: Int64, member: Int
    ) throws {
        let place = HashPlace(revision: revision, compactRevision: compactRevision)
        guard let known = hashes[place] else {
            hashes[place] = (hash, member)
            return
        }
        if known.hash != hash {
            throw Violation(
                description: "m\(member) hashes revision \(revision) compacted at "
                    + "\(compactRevision) to \(hash), m\(known.member) to \(known.hash)")
        }
    }
}
