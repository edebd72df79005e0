//  The membership as the database keeps it, beside what a snapshot of the log says.

import EtcdBackend
import EtcdMembership
import Raft
import RuntimeCore
import Simulator
import Testing

@testable import EtcdServer

@Suite("database records")
struct DatabaseRecordsTests {
    private let backend: Backend
    private let old = Cluster(
        members: [Member(id: 1, peerURLs: ["http://old:1"])], removed: [9], version: "3.4.0")

    init() throws {
        let disk = SimulatedDisk()
        try disk.createDirectory("/data", permissions: 0o700)
        backend = try Backend.open(
            path: "/data/db", in: disk, buckets: V3Keyspace.buckets, settings: Backend.Settings())
    }

    private var membership: Cluster { DatabaseRecords.membership(in: backend, otherwise: old) }

    @Test("what was applied counts more than an older snapshot, or none")
    func membershipOfDatabase() {
        let members = [
            Member(id: 1, peerURLs: ["http://a:1"], name: "a", clientURLs: ["http://a:2"]),
            Member(id: 0xbeef, peerURLs: ["http://b:1"], isLearner: true),
        ]
        for member in members { DatabaseRecords.set(member, in: backend) }
        DatabaseRecords.set(Member(id: 0xdead, peerURLs: ["http://c:1"]), in: backend)
        DatabaseRecords.remove(0xdead, from: backend)
        DatabaseRecords.setClusterVersion("3.6.0", in: backend)
        let expected = Cluster(members: members, removed: [0xdead], version: "3.6.0")
        #expect(membership == expected)
        #expect(DatabaseRecords.membership(in: backend, otherwise: Cluster()) == expected)
    }

    @Test("a database that knows nothing leaves the word to the snapshot")
    func membershipOfSnapshot() {
        #expect(membership == old)
        DatabaseRecords.setClusterVersion("3.5.0", in: backend)
        #expect(membership == Cluster(members: old.members, removed: [9], version: "3.5.0"))
    }
}
