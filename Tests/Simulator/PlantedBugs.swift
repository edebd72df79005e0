//  The bugs that prove the checkers: each strikes at a seam of the simulator, never in production
//  code.

import EtcdBackend
import EtcdMVCC
import EtcdProto
import EtcdServer
import Raft
import RuntimeCore

extension SimulatedCluster {
    /// The write never happens; the completion arrives all the same.
    func acknowledge(
        _ inputs: [LogInput], _ member: SimulatedMember, _ process: SimulatedMember.Process
    ) throws {
        guard random.oneIn(4) else { return }
        for case .append(let request) in inputs where request.snapshot == nil {
            member.disk.liesAboutSync = true
        }
    }

    /// What the apply role of `member` gets to see, and when.
    func sabotage(_ inputs: inout [ApplyInput], of member: SimulatedMember, at moment: Moment)
        -> Moment
    {
        switch plan.mutation {
        case .skipsAnEntry where member.number == 0:
            skip(&inputs) { $0.kind == .normal && $0.index.rawValue % 29 == 0 }
        case .skipsKVWrite where member.number == 0:
            skip(&inputs) { $0.isKVWrite && $0.index.rawValue % 7 == 0 }
        case .keepsRevokedRights where member.number == 0:
            skip(&inputs) { $0.revokesRights }
        case .leasesEndEarly where inputs.contains(where: \.grantsLease):
            let early = moment.monotonic.nanoseconds - 1_500_000_000
            return Moment(monotonic: Instant(nanoseconds: early), wall: moment.wall)
        default: break
        }
        return moment
    }

    private func skip(_ inputs: inout [ApplyInput], where isDoomed: (Entry) -> Bool) {
        for position in inputs.indices {
            guard case .entries(var entries) = inputs[position] else { continue }
            for index in entries.indices where isDoomed(entries[index]) {
                entries[index].data = .empty
            }
            inputs[position] = .entries(entries)
        }
    }

    /// The clock entry that ends TTLs of the v2 API, five seconds ahead.
    func hurry(_ input: inout ConsensusInput) {
        guard case .propose(let proposal) = input, case .normal(let data) = proposal.payload,
            case .v2(var request)? = try? EntryPayload.decode(data), request.method == .sync
        else { return }
        request.time += 5_000_000_000
        var bytes: [UInt8] = []
        request.encode(into: &bytes)
        input = .propose(
            Proposal(
                id: proposal.id, payload: .normal(Bytes(bytes)), expires: proposal.expires))
    }

    /// The database that arrives with a snapshot.
    func sabotage(_ database: Bytes?, for target: SimulatedMember) -> Bytes? {
        switch plan.mutation {
        case .snapshotWithoutDatabase: nil
        case .snapshotWithOldDatabase: target.disk.content(SimulatedMember.directory.database)
        default: database
        }
    }
}

extension SimulatedMember {
    private static let indexKey = Bytes("consistent_index")

    /// Lets every commit of the database write something wrong beside what is right.
    func sabotage(_ keyspace: V3Keyspace) {
        guard number == 0 else { return }
        let backend = keyspace.backend
        let honest = backend.beforeCommit
        switch plan.mutation {
        case .indexRunsAhead:
            backend.beforeCommit = { [unowned backend] in
                honest?()
                SimulatedMember.shiftIndex(by: 2, in: backend)
            }
        case .indexStaysBehind:
            backend.beforeCommit = { [unowned backend] in
                honest?()
                SimulatedMember.shiftIndex(by: -2, in: backend)
            }
        case .changesOldRecord:
            backend.beforeCommit = { [unowned backend] in
                honest?()
                SimulatedMember.changeFirstRecord(in: backend)
            }
        default: break
        }
    }

    private static func shiftIndex(by distance: Int64, in backend: Backend) {
        guard let bytes = backend.get(StoreBuckets.meta, key: indexKey), bytes.count == 8 else {
            return
        }
        let index = bytes.array.reduce(Int64(0)) { $0 << 8 | Int64($1) } + distance
        guard index > 0 else { return }
        backend.put(
            StoreBuckets.meta, key: indexKey,
            value: Bytes(withUnsafeBytes(of: index.bigEndian) { Array($0) }))
    }

    private static func changeFirstRecord(in backend: Backend) {
        var first: (key: Bytes, value: KeyValue)?
        backend.scan(StoreBuckets.key, from: .empty, to: nil) { key, record in
            if let value = try? KeyValue(decoding: Bytes(Array(record))) {
                first = (Bytes(Array(key)), value)
            }
            return false
        }
        guard var (key, value) = first, value.value != Bytes("changed") else { return }
        key = Bytes(key.array)
        value.value = Bytes("changed")
        var record: [UInt8] = []
        value.encode(into: &record)
        backend.put(StoreBuckets.key, key: key, value: Bytes(record))
    }
}

extension Entry {
    fileprivate var internalRequest: InternalRaftRequest? {
        guard kind == .normal, case .internalRequest(let request)? = try? EntryPayload.decode(data)
        else { return nil }
        return request
    }

    fileprivate var revokesRights: Bool {
        switch internalRequest?.kind {
        case .authUserRevokeRole, .authRoleRevokePermission, .authRoleDelete, .authUserDelete: true
        default: false
        }
    }

    fileprivate var isKVWrite: Bool {
        switch internalRequest?.kind {
        case .put, .txn, .deleteRange: true
        default: false
        }
    }
}

extension ApplyInput {
    fileprivate var grantsLease: Bool {
        guard case .entries(let entries) = self else { return false }
        return entries.contains {
            if case .leaseGrant? = $0.internalRequest?.kind { true } else { false }
        }
    }
}
