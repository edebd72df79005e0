//  A page of the database that cannot be read: the member stops instead of serving what is left.

import EtcdAuth
import EtcdBackend
import EtcdMVCC
import EtcdMembership
import EtcdProto
import Raft
import RuntimeCore
import Simulator
import Testing

@testable import EtcdServer

@Suite("Damaged database")
struct DamagedDatabaseTests {
    private static let pageBytes = 4_096

    private let disk = SimulatedDisk()
    private let directory = DataDirectory(root: "/data", walDirectory: "")

    /// Lets the last element of every leaf whose first key begins with `start` lie outside of its
    /// page. Headers stay sound, so that the file opens.
    private func damage(_ path: String, on disk: SimulatedDisk, keysFrom start: [UInt8]) throws {
        let content = try disk.contents(of: path)
        let file = try disk.open(path, .readWrite, permissions: 0o600)
        defer { file.close() }
        func word(_ offset: Int) -> Int {
            content[offset..<offset + 4].reversed().reduce(0) { $0 << 8 | Int($1) }
        }
        var damaged = 0
        let pages = stride(from: 2 * Self.pageBytes, to: content.count, by: Self.pageBytes)
        for page in pages where content[page + 8] == 2 && content[page + 10] > 0 {
            let element = page + 16
            let key = element + word(element + 4)
            guard key + start.count <= content.count, word(element + 8) >= start.count,
                content[key..<key + start.count].elementsEqual(start)
            else { continue }
            let last = element + (word(page + 10) & 0xFFFF - 1) * 16
            try file.write([0xFF, 0xFF, 0xFF, 0x7F], at: last + 4)
            damaged += 1
        }
        #expect(damaged > 0)
    }

    private func namesPage(_ error: any Error) -> Bool { "\(error)".contains("page") }

    @Test("a member that cannot read all of its rules does not start")
    func start() throws {
        let keyspace = emptyKeyspace(on: disk)
        try keyspace.commit()
        keyspace.backend.close()
        try damage(directory.database, on: disk, keysFrom: Array("auth".utf8))
        #expect {
            _ = try Bootstrap.openKeyspace(
                directory, in: disk, snapshot: SnapshotMetadata(index: 0, term: 0),
                cluster: Cluster(), settings: V3Keyspace.Settings(),
                random: RandomSource(seed: 1))
        } throws: {
            namesPage($0)
        }
    }

    @Test("of a received database neither half of the rules nor half of the keys come into force")
    func received() throws {
        for (number, start) in [Array("auth".utf8), [0, 0, 0, 0]].enumerated() {
            let disk = SimulatedDisk()
            let keyspace = emptyKeyspace(on: disk)
            keyspace.backend.put(AuthStore.settings, key: Bytes("authEnabled"), value: Bytes([1]))
            try keyspace.auth.recover(from: keyspace.backend)
            let path = DatabaseRecords.receivedPath(9, in: directory.snapshots)
            let other = try Backend.open(
                path: path, in: disk, buckets: V3Keyspace.buckets, settings: Backend.Settings())
            DatabaseRecords.setApplied(9, 1, ConfState(voters: [1]), in: other)
            let auth = AuthStore(bcryptCost: 4, tokens: .simple(seconds: 300))
            try auth.recover(from: other)
            var record: [UInt8] = []
            KeyValue(
                key: Bytes("a"), createRevision: 2, modRevision: 2, version: 1,
                value: Bytes("v"), lease: 0
            ).encode(into: &record)
            other.put(
                StoreBuckets.key, key: RevisionKey(Revision(main: 2, sub: 0)).bytes,
                value: Bytes(record))
            try other.commit()
            other.close()
            try damage(path, on: disk, keysFrom: start)
            #expect {
                try keyspace.restore(
                    from: path,
                    metadata: SnapshotMetadata(
                        confState: ConfState(voters: [1]), index: 9, term: 1))
            } throws: {
                namesPage($0)
            }
            // The rules were whole in the second case.
            #expect(keyspace.auth.isEnabled == (number == 0))
        }
    }

    @Test("an idle member stops, too, once a reader has met the damage")
    func idle() throws {
        let fixture = Fixture(disk: disk)
        var role = fixture.replica.makeApplyRole(v3: fixture.v3)
        _ = failures(&role, at: 0, [.entries([.put(bytes: 10, at: 1)])])
        _ = failures(&role, at: 100)
        #expect(fixture.v3.backend.pendingOperations == 0)
        try damage(directory.database, on: disk, keysFrom: [0, 0, 0, 0])
        let before = failures(&role, at: 200)
        #expect(before == [])
        fixture.v3.backend.scan(StoreBuckets.key, from: .empty, to: nil) { _, _ in true }
        let found = failures(&role, at: 300)
        #expect(found.count == 1)
        #expect(found.allSatisfy { $0.contains("page") })
    }

    /// Why the member ends, if it does so many milliseconds after its start.
    private func failures(
        _ role: inout ApplyRole, at milliseconds: UInt64, _ inputs: [ApplyInput] = []
    ) -> [String] {
        run(&role, at: milliseconds, inputs).compactMap { output -> String? in
            if case .event(.failed(let reason)) = output { reason } else { nil }
        }
    }
}
