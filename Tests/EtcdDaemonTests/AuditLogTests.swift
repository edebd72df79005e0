//  The audit log: its lines, what it leaves out, and a file that is moved away.

import EtcdEdge
import Glibc
import Logging
import RuntimeCore
import RuntimePosix
import Testing

@testable import EtcdConfig
@testable import EtcdDaemon

/// Works at once, on the thread of whoever submits.
private struct NoBackground: BackgroundPool {
    func submit(_ work: @escaping @Sendable () -> Void) { work() }
}

@Suite("Audit log")
struct AuditLogTests {
    private let record = AuditRecord(
        api: .grpc, method: "/etcdserverpb.KV/Put", isWrite: true, user: "al\"ice",
        remoteAddress: "127.0.0.1:7",
        keys: [NamedKeys(Bytes("a\n")), NamedKeys(Bytes("b"), rangeEnd: Bytes("c"))],
        verdict: "OK")

    @Test("a line names who, from where, what, which keys and the verdict")
    func line() {
        let line = String(
            decoding: AuditLog.line(record, at: WallTime(unixNanoseconds: 0)), as: UTF8.self)
        #expect(
            line == """
                {"ts":"1970-01-01T00:00:00.000000Z","user":"al\\"ice","remote":"127.0.0.1:7",\
                "api":"grpc","method":"/etcdserverpb.KV/Put","keys":[{"key":"a\\n"},\
                {"key":"b","range_end":"c"}],"verdict":"OK"}

                """)
    }

    @Test("only what was asked for is noted, and whatever was denied")
    func events() throws {
        var read = record
        read.isWrite = false
        var denied = read
        denied.isDenied = true
        for (events, expected) in [
            (ServerConfig.AuditEvents.all, 3), (.writes, 2), (.denied, 1),
        ] {
            let place = TemporaryFile()
            let log = try AuditLog(
                ServerConfig.AuditSettings(path: place.path, events: events), clock: SystemClock(),
                background: NoBackground(), logger: Logger(label: "test"))
            for each in [record, read, denied] { log.note(each) }
            #expect(try place.lines().count == expected)
        }
    }

    @Test("after reopening a file that was moved away, lines go to a new one")
    func reopening() throws {
        let place = TemporaryFile()
        let log = try AuditLog(
            ServerConfig.AuditSettings(path: place.path, events: .all), clock: SystemClock(),
            background: NoBackground(), logger: Logger(label: "test"))
        log.note(record)
        try PosixFileSystem().rename(place.path, to: place.path + ".1")
        log.note(record)
        log.reopen()
        log.note(record)
        #expect(try place.lines(".1").count == 2)
        #expect(try place.lines().count == 1)
    }

    @Test("a file that cannot be made is an error that names it")
    func refused() {
        #expect(throws: FileError.self) {
            try AuditLog(
                ServerConfig.AuditSettings(path: "/nowhere/audit", events: .all),
                clock: SystemClock(), background: NoBackground(), logger: Logger(label: "test"))
        }
    }
}

/// A name in a directory that is gone when the test ends.
private final class TemporaryFile {
    private let directory: String
    let path: String

    init() {
        var template = Array("/tmp/etcd-swift-test-XXXXXX".utf8CString)
        directory = String(cString: mkdtemp(&template))
        path = directory + "/audit"
    }

    deinit { try? PosixFileSystem().removeTree(directory) }

    func lines(_ suffix: String = "") throws -> [Substring] {
        let file = try PosixFileSystem().open(path + suffix, .read, permissions: 0)
        defer { file.close() }
        let bytes = try file.read(at: 0, count: try file.size())
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n")
    }
}
