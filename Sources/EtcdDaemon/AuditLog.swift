//  The audit log: one JSON object a line, written in the background so that no event loop waits for
//  a disk.

import EtcdConfig
import EtcdEdge
import Glibc
import Logging
import Protobuf
import RuntimeCore
import Synchronization

final class AuditLog: AuditTrail {
    private struct State {
        var descriptor: Int32
        /// Lines that are not written yet.
        var waiting: [UInt8] = []
        /// Records that found no room in `waiting`.
        var lost = 0
        var isWriting = false
        var mustReopen = false
    }

    private let path: String
    private let events: ServerConfig.AuditEvents
    private let clock: any Clock
    private let background: any BackgroundPool
    private let logger: Logger
    private let state: Mutex<State>

    /// Opens the file for appending, or makes it.
    init(
        _ settings: ServerConfig.AuditSettings, clock: any Clock,
        background: any BackgroundPool, logger: Logger
    ) throws(FileError) {
        path = settings.path
        events = settings.events
        self.clock = clock
        self.background = background
        self.logger = logger
        state = Mutex(State(descriptor: try AuditLog.open(settings.path)))
    }

    deinit { state.withLock { _ = close($0.descriptor) } }

    private static func open(_ path: String) throws(FileError) -> Int32 {
        let descriptor = Glibc.open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw FileError(
                kind: .other, operation: "open", path: path,
                reason: String(cString: strerror(errno)))
        }
        return descriptor
    }

    /// Goes on in a new file of the same name: the old one may have been moved away.
    func reopen() {
        let mustStart = state.withLock { state in
            state.mustReopen = true
            defer { state.isWriting = true }
            return !state.isWriting
        }
        if mustStart { background.submit { [self] in writeAll() } }
    }

    // MARK: AuditTrail

    func note(_ record: AuditRecord) {
        switch events {
        case .all: break
        case .writes: if !record.isWrite, !record.isDenied { return }
        case .denied: if !record.isDenied { return }
        }
        let line = AuditLog.line(record, at: clock.now().wall)
        let mustStart = state.withLock { state in
            if state.waiting.count + line.count > Limits.auditBytesMax {
                state.lost += 1
                return false
            }
            state.waiting += line
            defer { state.isWriting = true }
            return !state.isWriting
        }
        if mustStart { background.submit { [self] in writeAll() } }
    }

    static func line(_ record: AuditRecord, at time: WallTime) -> [UInt8] {
        var line: [UInt8] = []
        func add(_ name: String, _ value: Bytes) {
            line.append(line.isEmpty ? UInt8(ascii: "{") : UInt8(ascii: ","))
            JSONValue.writeString(Bytes(name), into: &line)
            line.append(UInt8(ascii: ":"))
            JSONValue.writeString(value, into: &line)
        }
        add("ts", Bytes(TimestampText.microseconds(time)))
        add("user", Bytes(record.user))
        add("remote", Bytes(record.remoteAddress))
        add("api", Bytes(record.api.rawValue))
        add("method", Bytes(record.method))
        for (position, keys) in record.keys.enumerated() {
            line += Array(position == 0 ? ",\"keys\":[".utf8 : ",".utf8)
            line += Array("{\"key\":".utf8)
            JSONValue.writeString(keys.key, into: &line)
            if !keys.rangeEnd.isEmpty {
                line += Array(",\"range_end\":".utf8)
                JSONValue.writeString(keys.rangeEnd, into: &line)
            }
            line.append(UInt8(ascii: "}"))
        }
        if !record.keys.isEmpty { line.append(UInt8(ascii: "]")) }
        add("verdict", Bytes(record.verdict))
        line += Array("}\n".utf8)
        return line
    }

    // MARK: writing, on a background thread, one at a time

    private func writeAll() {
        while true {
            let (lines, lost, mustReopen) = state.withLock { state in
                let taken = (state.waiting, state.lost, state.mustReopen)
                state.waiting = []
                state.lost = 0
                state.mustReopen = false
                state.isWriting = !taken.0.isEmpty || taken.1 > 0 || taken.2
                return taken
            }
            if lines.isEmpty, lost == 0, !mustReopen { return }
            // Only this thread changes it.
            let descriptor = state.withLock { $0.descriptor }
            var complete = AuditLog.write(lines, to: descriptor)
            if lost > 0 {
                logger.warning("lost audit records", metadata: ["count": "\(lost)"])
                let note =
                    "{\"ts\":\"\(TimestampText.microseconds(clock.now().wall))\","
                    + "\"lost\":\(lost)}\n"
                complete = AuditLog.write(Array(note.utf8), to: descriptor) && complete
            }
            if !complete {
                logger.error(
                    "cannot write the audit log",
                    metadata: ["path": "\(path)", "error": "\(String(cString: strerror(errno)))"])
            }
            if mustReopen { replaceFile(descriptor) }
        }
    }

    private func replaceFile(_ old: Int32) {
        do throws(FileError) {
            let descriptor = try AuditLog.open(path)
            state.withLock { $0.descriptor = descriptor }
            close(old)
        } catch {
            logger.error("cannot reopen the audit log", metadata: ["error": "\(error)"])
        }
    }

    private static func write(_ bytes: [UInt8], to descriptor: Int32) -> Bool {
        var offset = 0
        while offset < bytes.count {
            let written = bytes[offset...].withUnsafeBytes {
                Glibc.write(descriptor, $0.baseAddress, $0.count)
            }
            if written < 0, errno == EINTR { continue }
            guard written > 0 else { return false }
            offset += written
        }
        return true
    }
}
