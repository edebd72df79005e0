//  What a member holds against what the log says it must hold: at every start, after every received
//  snapshot, before crashes and at the end.

import EtcdBackend
import EtcdMVCC
import EtcdProto
import EtcdServer
import Raft
import RuntimeCore

extension KVOracle {
    /// The database at its own applied index: everything up to it, and nothing beyond.
    mutating func checkState(
        of process: SimulatedMember.Process, member: Int, _ occasion: String
    ) throws {
        let keyspace = process.keyspaceV3
        let index = keyspace.appliedIndex
        func broken(_ what: String) -> Violation {
            Violation(description: "m\(member) \(occasion), applied \(index): \(what)")
        }
        guard index <= self.index else {
            throw broken("nobody has applied more than \(self.index)")
        }
        let reader = keyspace.store.reader
        let revision = revision(at: index)
        if reader.currentRevision != revision {
            throw broken("revision \(reader.currentRevision) instead of \(revision)")
        }
        if reader.compactRevision != compactRevision(at: index) {
            throw broken(
                "compacted at \(reader.compactRevision) instead of \(compactRevision(at: index))")
        }
        let expected = model.values(in: .everything, at: revision)
        let request = RangeRequest(key: [0], rangeEnd: [0])
        guard let found = try? reader.range(request).kvs else {
            throw broken("its keys cannot be read")
        }
        if Array(found) != expected {
            throw broken("holds \(found.text) instead of \(KeyValueList(expected).text)")
        }
        let leases = process.handler.leaseLeases().leases.map(\.id).sorted()
        if leases != self.leases(at: index) {
            throw broken("has leases \(leases) instead of \(self.leases(at: index))")
        }
        if let difference = auth(at: index).difference(from: process.replica.v3.auth) {
            throw broken(difference)
        }
        for lease in leases {
            // Only a leader tells.
            let request = LeaseTimeToLiveRequest(id: lease, keys: true)
            guard
                case .here(let view) = process.handler.leaseTimeToLive(
                    request, context: nil, isConfirmed: true,
                    address: { preconditionFailure("a confirmed answer does not wait") })
            else { break }
            let wanted = expected.filter { $0.lease == lease }.map(\.key)
            if view.keys != wanted {
                throw broken(
                    "lease \(lease) has \(view.keys.map(\.text)), not \(wanted.map(\.text))")
            }
        }
        try compareHash(of: reader, member: member)
    }

    private mutating func compareHash(of reader: StoreReader, member: Int) throws {
        let response: HashKVResponse
        do {
            response = try reader.hashKV(at: 0)
        } catch {
            throw Violation(description: "m\(member) cannot hash its keys: \(error)")
        }
        try compare(
            hash: response.hash, revision: reader.currentRevision,
            compactRevision: response.compactRevision, member: member)
    }
}

/// What must hold for files as a start finds them.
enum StartChecks {
    /// The pages of the database are sound, and it is not ahead of the log it was made from.
    static func check(_ process: SimulatedMember.Process, member: Int) throws {
        let problems = process.keyspaceV3.backend.committedSnapshot().check()
        if !problems.isEmpty {
            throw Violation(
                description: "the database of m\(member) is damaged: "
                    + problems.prefix(5).joined(separator: "; "))
        }
        let applied = process.keyspaceV3.appliedIndex
        if applied > process.logEnd {
            throw Violation(
                description: "the database of m\(member) holds entries up to \(applied), its log "
                    + "ends at \(process.logEnd)")
        }
    }
}
