//  The path of a request: decoded, and either clean or redirected, as Go's request multiplexer
//  does it.

import EtcdNet
import RuntimeCore

struct RequestPath {
    enum Outcome: Equatable {
        /// - query: as sent.
        case clean(path: Bytes, query: Bytes)
        /// The client is sent to `location`; `link` is the same as it stands in the HTML body.
        case redirect(location: String, link: String)
        case malformed
    }

    /// - Parameter redirects: false for CONNECT, whose path is cleaned silently.
    static func resolve(_ target: String, redirects: Bool = true) -> Outcome {
        if let plain = plain(target) { return plain }
        let parts = RequestTarget(target)
        let query = parts.rawQuery.map { Bytes($0) } ?? .empty
        let path: Bytes
        do throws(TargetError) {
            path = try parts.decodedPath()
        } catch {
            return .malformed
        }
        let cleaned = PathCleaning.cleaned(path)
        // Cleaning only ever takes something away.
        if cleaned.count == path.count || !redirects { return .clean(path: cleaned, query: query) }
        let encoded = PercentCoding.encode(path: cleaned)
        if query.isEmpty { return .redirect(location: encoded, link: escapedHTML(encoded)) }
        return .redirect(
            location: encoded + "?" + escapedNonASCII(query),
            link: escapedHTML(encoded + "?" + query.text))
    }

    /// Nothing to decode and nothing to clean: nearly every request, in one pass and one copy.
    private static func plain(_ target: String) -> Outcome? {
        let bytes = Array(target.utf8)
        guard bytes.first == UInt8(ascii: "/") else { return nil }
        var end = bytes.count
        var previous: UInt8 = 0
        for (position, byte) in bytes.enumerated() {
            if byte == UInt8(ascii: "?") {
                end = position
                break
            }
            if byte == UInt8(ascii: "%") { return nil }
            if previous == UInt8(ascii: "/"), byte == previous || byte == UInt8(ascii: ".") {
                return nil
            }
            previous = byte
        }
        let whole = Bytes(bytes)
        return .clean(path: whole.prefix(end), query: whole.dropFirst(end + 1))
    }

    /// Header values are ASCII: whatever else stands in a query is escaped.
    private static func escapedNonASCII(_ bytes: Bytes) -> String {
        var output = ""
        for byte in bytes.array {
            if byte < 0x80 {
                output.unicodeScalars.append(Unicode.Scalar(byte))
            } else {
                output += "%" + String(byte, radix: 16)
            }
        }
        return output
    }

    private static func escapedHTML(_ text: String) -> String {
        var output = ""
        for character in text.unicodeScalars {
            switch character {
            case "&": output += "&amp;"
            case "<": output += "&lt;"
            case ">": output += "&gt;"
            case "\"": output += "&#34;"
            case "'": output += "&#39;"
            default: output.unicodeScalars.append(character)
            }
        }
        return output
    }
}
