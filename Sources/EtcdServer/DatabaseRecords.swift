//  What the replica itself keeps in the database: how far it has applied, and the membership, where
//  members from 3.6 on look for it (spec peer-and-disk 6).

package import EtcdBackend
import EtcdMVCC
package import EtcdMembership
import Protobuf
package import Raft
package import RuntimeCore

/// A running downgrade, as every member knows it.
package struct DowngradeState: Sendable, Hashable {
    package var targetVersion: String
    package var isEnabled: Bool

    package init(targetVersion: String = "", isEnabled: Bool = false) {
        self.targetVersion = targetVersion
        self.isEnabled = isEnabled
    }

    /// `nil` when no downgrade is under way.
    package var target: SemanticVersion? {
        isEnabled ? SemanticVersion(targetVersion)?.line : nil
    }
}

package enum DatabaseRecords {
    private static let meta = StoreBuckets.meta
    static let cluster = Bucket(name: Bytes("cluster"), number: 4, isSequential: false)
    static let members = Bucket(name: Bytes("members"), number: 5, isSequential: false)
    static let removedMembers = Bucket(
        name: Bytes("members_removed"), number: 6, isSequential: false)

    static let consistentIndexKey = Bytes("consistent_index")
    private static let termKey = Bytes("term")
    private static let confStateKey = Bytes("confState")
    private static let storageVersionKey = Bytes("storageVersion")
    private static let clusterVersionKey = Bytes("clusterVersion")
    private static let downgradeKey = Bytes("downgrade")
    private static let removedValue = Bytes("removed")

    /// Where a leader's database for the snapshot at `index` is put on arrival.
    package static func receivedPath(_ index: LogIndex, in directory: String) -> String {
        let digits = String(index.rawValue, radix: 16)
        return "\(directory)/" + String(repeating: "0", count: 16 - digits.count) + digits
            + ".snap.db"
    }

    // MARK: how far the database has come

    /// The entry whose effects the database holds, with everything before it; 0 for a new one.
    package static func appliedIndex(in backend: Backend) -> LogIndex {
        appliedIndex(backend.get(meta, key: consistentIndexKey))
    }

    static func appliedIndex(_ record: Bytes?) -> LogIndex { LogIndex(number(record)) }

    package static func appliedTerm(in backend: Backend) -> Term {
        Term(number(backend.get(meta, key: termKey)))
    }

    static func setApplied(
        _ index: LogIndex, _ term: Term, _ confState: ConfState, in backend: Backend
    ) {
        backend.put(meta, key: consistentIndexKey, value: bigEndian(index.rawValue))
        backend.put(meta, key: termKey, value: bigEndian(term.rawValue))
        if !confState.voters.isEmpty {
            backend.put(meta, key: confStateKey, value: json(confState))
        }
    }

    private static func number(_ bytes: Bytes?) -> UInt64 {
        guard let bytes, bytes.count == 8 else { return 0 }
        return bytes.array.reduce(0) { $0 << 8 | UInt64($1) }
    }

    private static func bigEndian(_ value: UInt64) -> Bytes {
        withUnsafeBytes(of: value.bigEndian) { Bytes(Array($0)) }
    }

    private static func json(_ state: ConfState) -> Bytes {
        func list(_ ids: [MemberID]) -> String {
            "[" + ids.map { String($0.rawValue) }.joined(separator: ",") + "]"
        }
        var text = "{\"voters\":" + list(state.voters)
        if !state.learners.isEmpty { text += ",\"learners\":" + list(state.learners) }
        if !state.votersOutgoing.isEmpty {
            text += ",\"voters_outgoing\":" + list(state.votersOutgoing)
        }
        if !state.learnersNext.isEmpty {
            text += ",\"learners_next\":" + list(state.learnersNext)
        }
        return Bytes(text + ",\"auto_leave\":\(state.autoLeave)}")
    }

    /// What differs between members with equal data (spec grpc-v3 10).
    package static func isVolatile(_ bucket: Bytes, _ key: UnsafeRawBufferPointer) -> Bool {
        guard bucket == meta.name else { return false }
        let key = Bytes(Array(key))
        return key == consistentIndexKey || key == termKey || key == storageVersionKey
    }

    // MARK: membership

    static func set(_ member: Member, in backend: Backend) {
        backend.put(members, key: Bytes("\(member.id)"), value: Bytes(member.json()))
    }

    static func remove(_ id: MemberID, from backend: Backend) {
        backend.delete(members, key: Bytes("\(id)"))
        backend.put(removedMembers, key: Bytes("\(id)"), value: removedValue)
    }

    static func setClusterVersion(_ version: String, in backend: Backend) {
        backend.put(cluster, key: clusterVersionKey, value: Bytes(version))
    }

    static func setDowngrade(_ state: DowngradeState, in backend: Backend) {
        var text = Array("{\"target-version\":".utf8)
        JSONValue.writeString(Bytes(state.targetVersion), into: &text)
        text += Array(",\"enabled\":\(state.isEnabled)}".utf8)
        backend.put(cluster, key: downgradeKey, value: Bytes(text))
    }

    static func downgrade(in backend: Backend) -> DowngradeState {
        guard let bytes = backend.get(cluster, key: downgradeKey),
            let value = try? JSONValue.parse(bytes)
        else { return DowngradeState() }
        return DowngradeState(
            targetVersion: value["target-version"]?.text ?? "",
            isEnabled: value["enabled"]?.bool ?? false)
    }

    /// Whether the database knows any member; those of releases before 3.5 do not always.
    static func hasMembers(in backend: Backend) -> Bool {
        var found = false
        backend.scan(members, from: .empty, to: nil) { _, _ in
            found = true
            return false
        }
        return found
    }

    /// The membership as of the last entry that the database holds; the log's newest snapshot, if
    /// there is one, may be far behind that.
    ///
    /// - Parameter snapshot: what that snapshot says; counts where the database says nothing.
    package static func membership(in backend: Backend, otherwise snapshot: Cluster) -> Cluster {
        var known: [Member] = []
        backend.scan(members, from: .empty, to: nil) { _, value in
            if let member = try? Member(json: Bytes(Array(value))) { known.append(member) }
            return true
        }
        var removed: [MemberID] = []
        backend.scan(removedMembers, from: .empty, to: nil) { key, _ in
            if let id = UInt64(String(decoding: key, as: UTF8.self), radix: 16) {
                removed.append(MemberID(id))
            }
            return true
        }
        let version = backend.get(cluster, key: clusterVersionKey).map {
            String(decoding: $0.array, as: UTF8.self)
        }
        return Cluster(
            members: known.isEmpty ? snapshot.members : known,
            removed: known.isEmpty ? snapshot.removed : removed,
            version: version ?? snapshot.version)
    }

    /// Makes the membership in the database that of `cluster`.
    static func replaceMembership(with wanted: Cluster, in backend: Backend) {
        for bucket in [members, removedMembers] {
            var keys: [Bytes] = []
            backend.scan(bucket, from: .empty, to: nil) { key, _ in
                keys.append(Bytes(Array(key)))
                return true
            }
            for key in keys { backend.delete(bucket, key: key) }
        }
        for member in wanted.members { set(member, in: backend) }
        for id in wanted.removed {
            backend.put(removedMembers, key: Bytes("\(id)"), value: removedValue)
        }
        if let version = wanted.version { setClusterVersion(version, in: backend) }
    }
}
