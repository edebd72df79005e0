//  A store in a directory of its own, and leases that are a plain dictionary.

import EtcdBackend
import EtcdMVCC
import EtcdProto
import Glibc
import RuntimeCore
import RuntimePosix
import Testing

/// Leases that exist, and the one that each key hangs on.
final class LeaseBook: LeaseAttachments {
    var leases: Set<Int64> = []
    private(set) var attached: [Bytes: Int64] = [:]

    init(_ leases: Set<Int64> = []) { self.leases = leases }

    func contains(_ lease: Int64) -> Bool { leases.contains(lease) }

    func attach(_ key: Bytes, to lease: Int64) {
        #expect(attached[key] == nil, "attached twice")
        attached[key] = lease
    }

    func detach(_ key: Bytes, from lease: Int64) {
        #expect(attached[key] == lease, "detached from a lease it does not hang on")
        attached[key] = nil
    }

    func reset(_ attachments: [LeaseAttachment]) {
        attached = Dictionary(uniqueKeysWithValues: attachments.map { ($0.key, $0.lease) })
    }
}

/// A store with its database; the directory goes with it.
final class StoreFixture {
    let directory: String
    let leases = LeaseBook([1, 2, 3])
    private(set) var backend: Backend
    private(set) var store: Store

    /// A fresh store, or one over a copy of the file `database`.
    init(database: String? = nil) throws {
        var template = Array("/tmp/etcd-swift-mvcc-XXXXXX".utf8CString)
        directory = String(cString: mkdtemp(&template))
        if let database {
            let files = PosixFileSystem()
            let copy = try files.open(directory + "/db", .replace, permissions: 0o600)
            try copy.write(try files.contents(of: database), at: 0)
            copy.close()
        }
        backend = try Self.openBackend(directory)
        store = try Store.open(backend: backend)
        leases.reset(store.leaseAttachments())
    }

    deinit {
        backend.close()
        try? PosixFileSystem().removeTree(directory)
    }

    var reader: StoreReader { store.reader }

    private static func openBackend(_ directory: String) throws -> Backend {
        try Backend.open(
            path: directory + "/db", in: PosixFileSystem(),
            buckets: [StoreBuckets.key, StoreBuckets.meta], settings: Backend.Settings())
    }

    /// Loses what was not committed, as a crash does, and starts again.
    func crash() throws {
        backend.close()
        backend = try Self.openBackend(directory)
        store = try Store.open(backend: backend)
        leases.reset(store.leaseAttachments())
    }

    func reopen() throws {
        try backend.commit()
        try crash()
    }

    /// Copies the committed database to where `other` may take it over.
    func copyDatabase(beside other: StoreFixture) throws -> String {
        let path = other.directory + "/received"
        try backend.commit()
        let snapshot = backend.committedSnapshot()
        var image = [UInt8](repeating: 0, count: snapshot.imageBytes)
        var position = 0
        while position < image.count {
            let read = try image.withUnsafeMutableBytes { bytes throws(BackendError) in
                let rest = UnsafeMutableRawBufferPointer(rebasing: bytes[position...])
                return try snapshot.readImage(at: position, into: rest)
            }
            position += read
        }
        let file = try PosixFileSystem().open(path, .replace, permissions: 0o600)
        try file.write(image, at: 0)
        file.close()
        return path
    }

    /// Lets the last element of every page with records lie outside of its page, in the file.
    /// Headers stay sound, so that the database opens.
    func damageRecords() throws {
        let files = PosixFileSystem()
        let content = try files.contents(of: backend.path)
        let file = try files.open(backend.path, .readWrite, permissions: 0o600)
        defer { file.close() }
        var damaged = 0
        for page in stride(from: 2 * 4_096, to: content.count, by: 4_096) {
            let elements = Int(content[page + 10])
            // A leaf, its first key as long as those of revisions and no others.
            guard content[page + 8] == 2, elements > 0,
                Int(content[page + 24]) == RevisionKey.length
            else { continue }
            try file.write([0xFF, 0xFF, 0xFF, 0x7F], at: page + elements * 16 + 4)
            damaged += 1
        }
        #expect(damaged > 0)
    }

    // MARK: short forms

    @discardableResult
    func put(_ key: String, _ value: String = "v", lease: Int64 = 0) throws -> PutResponse {
        try store.put(
            PutRequest(key: Bytes(key), value: Bytes(value), lease: lease), leases: leases)
    }

    @discardableResult
    func delete(_ key: String, _ end: String = "") throws -> DeleteRangeResponse {
        try store.deleteRange(
            DeleteRangeRequest(key: Bytes(key), rangeEnd: Bytes(end), prevKV: true),
            leases: leases)
    }

    func get(_ key: String, _ end: String = "", at revision: Int64 = 0) throws -> [String] {
        let request = RangeRequest(key: Bytes(key), rangeEnd: Bytes(end), revision: revision)
        return try reader.range(request).kvs.map(\.text)
    }

    func txn(_ request: TxnRequest) throws -> TxnResponse {
        try store.txn(request, leases: leases)
    }

    func compact(_ revision: Int64) throws {
        try store.beginCompaction(at: revision)
        while !store.compactStep(limit: 2) {}
    }

    /// The bucket of records: revisions with a mark on deletions.
    var records: [String] {
        var records: [String] = []
        backend.scan(StoreBuckets.key, from: .empty, to: nil) { key, _ in
            if let key = RevisionKey(key) {
                let mark = key.isTombstone ? "t" : ""
                records.append("\(key.revision.main).\(key.revision.sub)\(mark)")
            }
            return true
        }
        return records
    }
}

extension KeyValue {
    /// `key=value c2 m3 v1`, and the lease if there is one.
    var text: String {
        let hold = lease == 0 ? "" : " l\(lease)"
        return "\(key.text)=\(value.text) c\(createRevision) m\(modRevision) v\(version)\(hold)"
    }
}

extension RequestOp {
    static func put(
        _ key: String, _ value: String, lease: Int64 = 0, ignoreValue: Bool = false
    ) -> RequestOp {
        RequestOp(
            request: .put(
                PutRequest(
                    key: Bytes(key), value: Bytes(value), lease: lease, prevKV: true,
                    ignoreValue: ignoreValue)))
    }

    static func range(_ key: String, _ end: String = "", at revision: Int64 = 0) -> RequestOp {
        RequestOp(
            request: .range(
                RangeRequest(key: Bytes(key), rangeEnd: Bytes(end), revision: revision)))
    }

    static func delete(_ key: String, _ end: String = "") -> RequestOp {
        RequestOp(
            request: .deleteRange(
                DeleteRangeRequest(key: Bytes(key), rangeEnd: Bytes(end), prevKV: true)))
    }
}

extension TxnResponse {
    /// One line per answer, nested ones indented.
    var lines: [String] {
        var lines = ["\(succeeded) r\(header?.revision ?? -1)"]
        for response in responses {
            switch response.response {
            case .range(let range):
                let kvs = range.kvs.map(\.text).joined(separator: ", ")
                lines.append("  range r\(range.header?.revision ?? -1) [\(kvs)]")
            case .put(let put):
                lines.append(
                    "  put r\(put.header?.revision ?? -1) \(put.prevKV?.text ?? "new")")
            case .deleteRange(let delete):
                let kvs = delete.prevKVs.map(\.text).joined(separator: ", ")
                lines.append(
                    "  delete r\(delete.header?.revision ?? -1) \(delete.deleted) [\(kvs)]")
            case .txn(let txn): lines += txn.lines.map { "  " + $0 }
            case nil: lines.append("  nothing")
            }
        }
        return lines
    }
}
