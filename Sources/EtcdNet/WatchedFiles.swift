//  Things made of files, made anew when one of the files has changed.

import Glibc
import NIOCore
import RuntimePosix

/// The last value that could be made of some files.
struct WatchedFiles<Value: Sendable>: Sendable {
    /// A failure that may have nothing to do with the files is not the last word.
    private static var retryPause: TimeAmount { .seconds(1) }

    let paths: [String]
    private(set) var value: Value
    private var stamps: [FileStamp?]
    private var retryAt: NIODeadline?

    init(_ paths: [String], make: () throws(TLSError) -> Value) throws(TLSError) {
        self.paths = paths
        stamps = paths.map { FileStamp($0) }
        value = try make()
    }

    mutating func amend(_ body: (inout Value) -> Void) { body(&value) }

    /// Looks at the files, and makes the value anew if they are others than the last time. When
    /// that fails, the value stays.
    ///
    /// - Parameter isForced: makes it anew in any case.
    /// - Returns: what there is to report; a failure once for each state of the files.
    mutating func refresh(
        isForced: Bool = false, make: () throws(TLSError) -> Value
    ) -> TLSNotice? {
        var hasChanged = isForced
        for (position, path) in paths.enumerated() {
            let seen = FileStamp(path)
            guard seen != stamps[position] else { continue }
            stamps[position] = seen
            hasChanged = true
        }
        if !hasChanged {
            guard let retryAt, retryAt <= .now() else { return nil }
        }
        do throws(TLSError) {
            value = try make()
            retryAt = nil
            return .reloaded(paths)
        } catch {
            retryAt = .now() + Self.retryPause
            return hasChanged ? .failed(error, paths) : nil
        }
    }
}

/// What became of files that have changed.
package enum TLSNotice: Sendable {
    case reloaded([String])
    /// What was read before stays in force.
    case failed(TLSError, [String])
}

enum FileText {
    /// The whole file. The error is in Go's words.
    static func read(_ path: String) throws(TLSError) -> [UInt8] {
        func failure(_ operation: String) -> TLSError {
            TLSError("\(operation) \(path): \(String(cString: strerror(errno)).lowercased())")
        }
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure("open") }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = Glibc.read(descriptor, &part, part.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw failure("read") }
            if count == 0 { return bytes }
            bytes += part[..<count]
        }
    }
}
