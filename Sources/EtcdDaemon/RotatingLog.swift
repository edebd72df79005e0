//  A log file that makes room for a new one when it is full (--enable-log-rotation).

import EtcdConfig
import Glibc
import Logging
import RuntimeCore
import RuntimePosix
import Synchronization

/// Old files are kept beside the new one as `NAME-2026-01-02T03-04-05.678.EXT`, as etcd's are.
final class RotatingLog: LogDestination {
    private struct State {
        var descriptor: Int32
        var bytes: UInt64
    }

    private static let compressedSuffix = ".gz"

    private let path: String
    private let rotation: ServerConfig.LogRotation
    private let clock: any Clock
    private let state: Mutex<State>

    init(path: String, rotation: ServerConfig.LogRotation, clock: any Clock) throws(FileError) {
        self.path = path
        self.rotation = rotation
        self.clock = clock
        let descriptor = try RotatingLog.open(path)
        var facts = stat()
        let bytes = fstat(descriptor, &facts) == 0 ? UInt64(max(0, facts.st_size)) : 0
        state = Mutex(State(descriptor: descriptor, bytes: bytes))
    }

    static func open(_ path: String) throws(FileError) -> Int32 {
        let descriptor = Glibc.open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw FileError(
                kind: .other, operation: "open", path: path,
                reason: String(cString: strerror(errno)))
        }
        return descriptor
    }

    func write(_ line: [UInt8], level: Logger.Level) {
        state.withLock { state in
            if state.bytes > 0, state.bytes + UInt64(line.count) > rotation.maxBytes {
                rotate(&state)
            }
            state.bytes += UInt64(DescriptorLog.write(line, to: state.descriptor))
        }
    }

    /// When the new file cannot be had, the old one goes on.
    private func rotate(_ state: inout State) {
        let now = clock.now().wall
        let backup = backupName(at: now)
        guard rename(path, backup) == 0 else { return }
        guard let descriptor = try? RotatingLog.open(path) else {
            _ = rename(backup, path)
            return
        }
        close(state.descriptor)
        state = State(descriptor: descriptor, bytes: 0)
        removeOld(now: now)
        if rotation.compresses { compress(backup) }
    }

    // MARK: old files

    private var directory: String {
        path.lastIndex(of: "/").map { String(path[..<$0]) }.flatMap { $0.isEmpty ? "/" : $0 } ?? "."
    }

    /// The file's name in two parts, the second from its last dot on.
    private var nameParts: (stem: String, ending: String) {
        let name = path.split(separator: "/").last.map(String.init) ?? path
        guard let dot = name.lastIndex(of: "."), dot != name.startIndex else { return (name, "") }
        return (String(name[..<dot]), String(name[dot...]))
    }

    private func backupName(at time: WallTime) -> String {
        let (stem, ending) = nameParts
        return "\(directory)/\(stem)-\(timeText(time))\(ending)"
    }

    private func timeText(_ time: WallTime) -> String {
        var seconds = time_t(time.unixNanoseconds / 1_000_000_000)
        var parts = tm()
        if rotation.usesLocalTime {
            localtime_r(&seconds, &parts)
        } else {
            gmtime_r(&seconds, &parts)
        }
        func digits(_ number: Int, _ width: Int = 2) -> String {
            let text = String(number)
            return String(repeating: "0", count: max(0, width - text.count)) + text
        }
        let millisecond = Int(time.unixNanoseconds / 1_000_000 % 1_000)
        return "\(digits(Int(parts.tm_year) + 1900, 4))-\(digits(Int(parts.tm_mon) + 1))-"
            + "\(digits(Int(parts.tm_mday)))T\(digits(Int(parts.tm_hour)))-"
            + "\(digits(Int(parts.tm_min)))-\(digits(Int(parts.tm_sec))).\(digits(millisecond, 3))"
    }

    /// The names of old files, oldest first; their times sort as texts.
    private func backups() -> [String] {
        guard let handle = opendir(directory) else { return [] }
        defer { closedir(handle) }
        let (stem, ending) = nameParts
        var names: [String] = []
        while let entry = readdir(handle) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            let bare =
                name.hasSuffix(RotatingLog.compressedSuffix)
                ? String(name.dropLast(RotatingLog.compressedSuffix.count)) : name
            let time = bare.dropFirst(stem.count + 1).dropLast(ending.count)
            guard bare.hasPrefix(stem + "-"), bare.hasSuffix(ending), time.count == 23,
                time.allSatisfy({ $0.isNumber || "-T.".contains($0) })
            else { continue }
            names.append(name)
        }
        return names.sorted()
    }

    private func removeOld(now: WallTime) {
        var names = backups()
        if rotation.maxBackups > 0, names.count > rotation.maxBackups {
            for name in names.prefix(names.count - rotation.maxBackups) {
                unlink("\(directory)/\(name)")
            }
            names.removeFirst(names.count - rotation.maxBackups)
        }
        guard rotation.maxAgeDays > 0 else { return }
        // Nothing is as old as a century: more days would not fit.
        let age = Int64(min(rotation.maxAgeDays, 36_500)) * 86_400 * 1_000_000_000
        let (stem, ending) = nameParts
        let oldest = timeText(WallTime(unixNanoseconds: now.unixNanoseconds - age))
        for name in names where name < "\(stem)-\(oldest)\(ending)" {
            unlink("\(directory)/\(name)")
        }
    }

    /// By gzip, which goes on alone: the shell between lets init look after it.
    private func compress(_ file: String) {
        ChildProcess.run([
            "/bin/sh", "-c", "gzip -f -- \"$1\" </dev/null >/dev/null 2>&1 &", "sh", file,
        ])
    }
}
