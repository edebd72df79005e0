//  Backups: what is in them, and directories made of them.

import Crypto
import EtcdBackend
import EtcdMVCC
import EtcdMembership
import EtcdServer
import EtcdWAL
import Raft
import RuntimeCore
import RuntimePosix
import Testing

@testable import EtcdTools

@Suite struct SnapshotTests {
    private let place: ToolDirectory

    init() throws { place = try ToolDirectory() }

    private var backup: String { "\(place.root)/backup.db" }

    /// A database with its digest behind it, as a member streams it.
    private func makeBackup(keys: Int) throws {
        try place.makeDatabase("\(place.root)/plain.db", keys: keys)
        let image = try place.bytes("\(place.root)/plain.db")
        try place.write(image + Array(SHA256.hash(data: image)), to: backup)
    }

    private func restore(
        _ source: String? = nil, skipsDigest: Bool = false, bump: UInt64 = 0
    ) throws -> DataDirectory {
        let founders = try FoundingCluster(
            name: "a", cluster: "a=http://127.0.0.1:2380,b=http://127.0.0.1:2381", token: "t",
            peerURLs: "http://127.0.0.1:2380")
        try SnapshotRestore(
            source: source ?? backup, directory: place.data, founders: founders,
            skipsDigest: skipsDigest, revisionBump: bump
        ).run(now: WallTime(unixNanoseconds: 0))
        return place.data
    }

    @Test("The status counts all records and tells the last revision, with the digest or without")
    func status() throws {
        try makeBackup(keys: 5)
        let status = try SnapshotStatus(of: backup)
        #expect(status.revision == 6)
        #expect(status.totalKeys == 6)
        #expect(try SnapshotStatus(of: "\(place.root)/plain.db") == status)
    }

    @Test("A status of damaged pages names them")
    func damagedStatus() throws {
        try makeBackup(keys: 500)
        let size = try place.bytes(backup).count
        // Page 4 is the first that is neither meta, free list nor the first root.
        for page in 4..<size / 4096 { try place.damage(backup, at: page * 4096 + 8) }
        let error = #expect(throws: ToolError.self) { try SnapshotStatus(of: backup) }
        #expect(error?.message.contains("snapshot file integrity check failed") == true)
        #expect(error?.message.contains("page") == true)
    }

    @Test("A restored directory is a member of the new cluster, with all keys")
    func restored() throws {
        try makeBackup(keys: 5)
        let directory = try restore()
        let survey = try DirectorySurvey(directory)
        #expect(survey.findings.isEmpty)
        #expect(survey.log?.lastIndex == 2)
        #expect(survey.snapshot?.metadata.index == 2)
        #expect(survey.database?.revision == 6)
        #expect(survey.database?.applied == 2)
        let opened = try Bootstrap.open(directory, in: place.files)
        defer { opened.wal.close() }
        let cluster = try Bootstrap.restoreState(of: opened, into: V2Keyspace())
        #expect(cluster.members.count == 2)
        #expect(opened.snapshotMetadata.confState.voters == cluster.members.map(\.id))
        #expect(opened.clusterID == clusterID(of: cluster.members.map(\.id)))
        #expect(opened.hardState.commit == 2)
    }

    @Test("A raised revision is where history begins", arguments: [UInt64(1), 1_000_000_000])
    func bump(_ amount: UInt64) throws {
        try makeBackup(keys: 5)
        let directory = try restore(bump: amount)
        let backend = try Backend.open(
            path: directory.database, in: place.files, buckets: V3Keyspace.buckets,
            settings: Backend.Settings())
        defer { backend.close() }
        let store = try Store.open(backend: backend)
        #expect(store.reader.currentRevision == 6 + Int64(amount))
        #expect(store.reader.compactRevision == 6 + Int64(amount))
        while !store.compactStep(limit: 100) {}
        try backend.commit()
        #expect(store.reader.currentRevision == 6 + Int64(amount))
        #expect(backend.get(StoreBuckets.meta, key: Bytes("finishedCompactRev")) != nil)
        // As etcd does, the record that stands for the revision stays.
        let again = try Store.open(backend: backend)
        #expect(again.reader.currentRevision == 6 + Int64(amount))
    }

    @Test("A revision that cannot be raised further is refused, and nothing is left behind")
    func bumpTooFar() throws {
        try makeBackup(keys: 1)
        #expect(throws: ToolError.self) { try restore(bump: UInt64.max) }
        #expect(try place.files.info(place.data.root) == nil)
    }

    @Test("A wrong digest, a missing one and no database are refused; nothing is left behind")
    func refusals() throws {
        try makeBackup(keys: 5)
        let whole = try place.bytes(backup)
        let cut = "\(place.root)/cut.db"
        let cases: [([UInt8], Bool, String)] = [
            (Array(whole.dropLast(32)), false, "snapshot missing hash but --skip-hash-check=false"),
            (Array(whole.dropLast(33)), false, "snapshot missing hash but --skip-hash-check=false"),
            (whole.dropLast(1) + [whole.last! ^ 1], false, "expected sha256 ["),
            ([whole[0] ^ 1] + whole.dropFirst(), false, "expected sha256 ["),
            ([UInt8](repeating: 0, count: 4096 + 32), true, "no valid meta page"),
            (Array(whole.prefix(512 * 9)), true, "bytes long instead of"),
            ([], true, "is empty"),
        ]
        for (content, skips, message) in cases {
            try place.write(content, to: cut)
            let error = #expect(throws: ToolError.self) { try restore(cut, skipsDigest: skips) }
            #expect(error?.message.contains(message) == true, "\(String(describing: error))")
            #expect(try place.files.info(place.data.root) == nil)
        }
    }

    @Test("A plain copy of a database is restored when the digest is not asked for")
    func withoutDigest() throws {
        try makeBackup(keys: 5)
        let directory = try restore("\(place.root)/plain.db", skipsDigest: true)
        #expect(try DirectorySurvey(directory).findings.isEmpty)
    }

    @Test("What is there already is never overwritten")
    func occupied() throws {
        try makeBackup(keys: 5)
        try place.files.createDirectory(place.data.root, permissions: 0o700)
        try place.write([1], to: "\(place.data.root)/mine")
        let message = "data-dir \"\(place.data.root)\" not empty or could not be read"
        #expect(throws: ToolError(message)) { try restore() }
        #expect(try place.files.list(place.data.root) == ["mine"])
    }

    @Test("The hash of a file's keys is that of a store over it")
    func hashKV() throws {
        try makeBackup(keys: 5)
        let result = try HashKV.compute(backup, revision: 0)
        #expect(result.values.map(\.json) == ["hash", "hashRevision", "compactRevision"])
        #expect(result.values[1].number == 6)
        #expect(result.values[2].number == -1)
        let earlier = try HashKV.compute(backup, revision: 4)
        #expect(earlier.values[0].number != result.values[0].number)
        let future = ToolError("mvcc: required revision is a future revision")
        #expect(throws: future) { try HashKV.compute(backup, revision: 7) }
    }

    @Test(
        "A cluster that cannot be is refused in etcd's words",
        arguments: [
            ("x", "a=http://h:1", "http://h:1", "couldn't find local name \"x\""),
            ("a", "a", "http://h:1", "URL scheme must be http, https, unix, or unixs"),
            ("a", "a=http://h:1", "h:1", "URL scheme must be http, https, unix, or unixs"),
            (
                "a", "a=http://127.0.0.1:1", "http://127.0.0.1:2",
                "--initial-cluster has a=http://127.0.0.1:1 but missing from"
            ),
            (
                "a", "a=http://127.0.0.1:1", "http://127.0.0.1:1,http://127.0.0.1:2",
                "--initial-advertise-peer-urls has http://127.0.0.1:2 but missing from"
            ),
            ("a", "a=http://h:1,b=http://h:1", "http://h:1", "has duplicate url"),
        ])
    func clusters(_ name: String, _ cluster: String, _ urls: String, _ message: String) {
        let error = #expect(throws: ToolError.self) {
            try FoundingCluster(name: name, cluster: cluster, token: "t", peerURLs: urls)
        }
        #expect(error?.message.contains(message) == true, "\(String(describing: error))")
    }
}
