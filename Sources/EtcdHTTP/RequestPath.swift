//  The path of a request: decoded, and either clean or redirected, as Go's request multiplexer
//  does it.

import RuntimeCore

struct RequestPath {
    enum Outcome {
        case clean(path: Bytes, query: Bytes)
        /// The client is sent to `location`.
        case redirect(location: String, link: String)
        case malformed
    }

    /// - Parameter target: the request target in origin or absolute form.
    static func resolve(_ target: String, redirects: Bool) -> Outcome {
        var raw = Bytes(target)
        if raw.isEmpty || raw[0] != UInt8(ascii: "/") {
            guard let origin = originForm(of: raw) else { return .malformed }
            raw = origin
        }
        let mark = raw.firstIndex(of: UInt8(ascii: "?"), from: 0)
        let query = raw.dropFirst(mark + 1)
        let encoded = raw.prefix(mark)
        if isPlain(encoded) { return .clean(path: encoded, query: query) }
        do throws(PercentCoding.InvalidEscape) {
            let path = try PercentCoding.decode(encoded, plusIsSpace: false)
            let cleaned = clean(path)
            if cleaned == path || !redirects { return .clean(path: cleaned, query: query) }
            let suffix = query.isEmpty ? "" : "?"
            let encodedPath = PercentCoding.encodePath(cleaned)
            return .redirect(
                location: encodedPath + suffix + PercentCoding.escapeNonASCII(query),
                link: encodedPath + suffix + query.text)
        } catch {
            return .malformed
        }
    }

    /// Nothing to decode and nothing to clean: by far the most common case.
    private static func isPlain(_ path: Bytes) -> Bool {
        path.withUnsafeBytes { buffer in
            var previous: UInt8 = 0
            for byte in buffer {
                if byte == UInt8(ascii: "%") { return false }
                let isSuspect = byte == UInt8(ascii: "/") || byte == UInt8(ascii: ".")
                if isSuspect, previous == UInt8(ascii: "/") { return false }
                previous = byte
            }
            return true
        }
    }

    /// Removes empty, `.` and `..` segments; a slash at the end stays.
    static func clean(_ path: Bytes) -> Bytes {
        var segments: [Bytes] = []
        var position = 1
        while position <= path.count {
            let end = path.firstIndex(of: UInt8(ascii: "/"), from: position)
            let segment = path[position..<max(end, position)]
            position = end + 1
            switch segment.text {
            case "", ".": continue
            case "..": _ = segments.popLast()
            default: segments.append(segment)
            }
        }
        var output: [UInt8] = []
        for segment in segments {
            output.append(UInt8(ascii: "/"))
            segment.withUnsafeBytes { output.append(contentsOf: $0) }
        }
        if output.isEmpty || path[path.count - 1] == UInt8(ascii: "/") {
            output.append(UInt8(ascii: "/"))
        }
        return Bytes(output)
    }

    /// `http://host/path` as proxies send it, without scheme and host; `nil` for anything else.
    private static func originForm(of target: Bytes) -> Bytes? {
        let scheme = target.firstIndex(of: UInt8(ascii: ":"), from: 0)
        let rest = target.dropFirst(scheme)
        guard scheme > 0, rest.prefix(3) == Bytes("://") else { return nil }
        let afterHost = rest.dropFirst(3)
        let slash = afterHost.firstIndex(of: UInt8(ascii: "/"), from: 0)
        let mark = afterHost.firstIndex(of: UInt8(ascii: "?"), from: 0)
        if slash < mark { return afterHost.dropFirst(slash) }
        return Bytes([UInt8(ascii: "/")] + afterHost.dropFirst(mark).array)
    }
}
