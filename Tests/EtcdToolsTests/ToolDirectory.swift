//  A data directory in a temporary place, made with the modules that members use.

import EtcdBackend
import EtcdMVCC
import EtcdMembership
import EtcdProto
import EtcdServer
import EtcdWAL
import Foundation
import Raft
import RuntimeCore
import RuntimePosix

/// Removed with everything in it when the test is over.
final class ToolDirectory {
    let root: String
    let files = PosixFileSystem()
    var data: DataDirectory { DataDirectory(root: "\(root)/data", walDirectory: "") }

    init() throws {
        root = FileManager.default.temporaryDirectory.path + "/tools-\(UUID().uuidString)"
        try files.createDirectory(root, permissions: 0o700)
    }

    deinit { try? files.removeTree(root) }

    static let founders = ["a", "b", "c"].enumerated().map { number, name in
        Member(
            name: name, peerURLs: ["http://127.0.0.1:\(2380 + number)"], token: "t", addedAt: nil)
    }.sorted { $0.id < $1.id }
    static var local: Member { founders[0] }

    /// A member of three with `entries` entries after the founding ones, in segments of 4096 bytes.
    ///
    /// - Parameters:
    ///   - commit: the last entry that it knows to be committed.
    ///   - changes: membership changes among the entries, by index.
    @discardableResult
    func makeMember(
        entries: Int, commit: UInt64, changes: [UInt64: ConfChange] = [:]
    ) throws -> [Entry] {
        let opened = try Bootstrap.create(
            data, in: files, localID: Self.local.id,
            clusterID: clusterID(of: Self.founders.map(\.id)), founders: Self.founders,
            segmentBytes: 4096)
        let written = (4..<UInt64(4 + entries)).map { index in
            let change = changes[index]
            return Entry(
                term: 2, index: LogIndex(index), kind: change == nil ? .normal : .confChange,
                data: change.map { Bytes($0.encoded) }
                    ?? Bytes([UInt8](repeating: UInt8(index % 251), count: 300)))
        }
        for entry in written {
            try opened.wal.append(
                entries: [entry],
                hardState: HardState(
                    term: 2, vote: Self.local.id,
                    commit: LogIndex(min(commit, entry.index.rawValue))),
                mustSync: true)
        }
        opened.wal.close()
        return written
    }

    /// A database with `keys` keys, one revision each from 2 on; `applied` is the last entry whose
    /// effects it says to hold.
    func makeDatabase(_ path: String, keys: Int, applied: UInt64 = 3) throws {
        let backend = try Backend.open(
            path: path, in: files, buckets: V3Keyspace.buckets, settings: Backend.Settings())
        defer { backend.close() }
        for number in 0..<keys {
            let record = KeyValue(
                key: Bytes("key\(number)"), createRevision: Int64(number + 2),
                modRevision: Int64(number + 2), version: 1,
                value: Bytes([UInt8](repeating: 0x61, count: 200)))
            var encoded: [UInt8] = []
            record.encode(into: &encoded)
            backend.put(
                StoreBuckets.key,
                key: RevisionKey(Revision(main: Int64(number + 2), sub: 0)).bytes,
                value: Bytes(encoded))
        }
        backend.put(
            StoreBuckets.meta, key: Bytes("consistent_index"),
            value: withUnsafeBytes(of: applied.bigEndian) { Bytes(Array($0)) })
        try backend.commit()
    }

    func segments() throws -> [String] {
        try files.list(data.log).filter { $0.hasSuffix(".wal") }.map { "\(data.log)/\($0)" }
    }

    func bytes(_ path: String) throws -> [UInt8] { try files.contents(of: path) }

    func write(_ bytes: [UInt8], to path: String) throws {
        let file = try files.open(path, .replace, permissions: 0o600)
        defer { file.close() }
        try file.write(bytes, at: 0)
    }

    /// Changes one byte.
    func damage(_ path: String, at offset: Int) throws {
        let file = try files.open(path, .readWrite, permissions: 0o600)
        defer { file.close() }
        let byte = try file.read(at: offset, count: 1)
        try file.write([byte[0] ^ 0xFF], at: offset)
    }
}
