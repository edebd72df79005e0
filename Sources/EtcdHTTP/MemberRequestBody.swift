//  The body of POST and PUT on /v2/members: `{"peerURLs":[…]}`, and what is wrong with it.

import Glibc
import Protobuf
import RuntimeCore

/// Refused with status 400; the texts are those of etcd's parsers (spec http-v2 section 5).
struct MemberRequestError: Error, Equatable {
    let message: String
}

enum MemberRequestBody {
    /// The peer URLs, sorted.
    static func peerURLs(in body: Bytes) throws(MemberRequestError) -> [String] {
        let value: JSONValue
        do throws(JSONError) {
            value = try JSONValue.parse(body)
        } catch {
            // The one fault that clients meet in practice: no body, or half of one.
            if error.offset >= body.count {
                throw MemberRequestError(message: "unexpected end of JSON input")
            }
            throw MemberRequestError(message: error.description)
        }
        let urls = try strings(in: value)
        if urls.isEmpty { throw MemberRequestError(message: "no valid URLs given") }
        for url in urls { try PeerURL.check(url) }
        return urls.sorted()
    }

    private static func strings(in value: JSONValue) throws(MemberRequestError) -> [String] {
        guard case .object(let fields) = value else {
            if case .null = value { return [] }
            throw mismatch(
                value, "value of type struct { PeerURLs []string \"json:\\\"peerURLs\\\"\" }")
        }
        var urls: [String] = []
        for field in fields where isPeerURLs(field.name) {
            switch field.value {
            case .null: urls = []
            case .array(let elements):
                urls = []
                for element in elements {
                    if case .null = element {
                        urls.append("")
                    } else if let text = element.text {
                        // etcd ignores space around a URL.
                        urls.append(trimmed(text))
                    } else {
                        throw mismatch(element, "struct field .peerURLs of type string")
                    }
                }
            default: throw mismatch(field.value, "struct field .peerURLs of type []string")
            }
        }
        return urls
    }

    /// Names match without regard to case, as Go's decoder does it.
    private static func isPeerURLs(_ name: Bytes) -> Bool {
        name.text.lowercased() == "peerurls"
    }

    private static func mismatch(_ value: JSONValue, _ target: String) -> MemberRequestError {
        let kind =
            switch value {
            case .null: "null"
            case .bool: "bool"
            case .number: "number"
            case .string: "string"
            case .array: "array"
            case .object: "object"
            }
        return MemberRequestError(message: "json: cannot unmarshal \(kind) into Go \(target)")
    }

    private static func trimmed(_ text: String) -> String {
        var rest = Substring(text)
        while rest.first?.isWhitespace == true { rest.removeFirst() }
        while rest.last?.isWhitespace == true { rest.removeLast() }
        return String(rest)
    }
}

/// `scheme://host:port`, nothing behind it.
enum PeerURL {
    private static let schemes = ["http", "https", "unix", "unixs"]

    static func check(_ url: String) throws(MemberRequestError) {
        let bytes = Array(url.utf8)
        if bytes.contains(where: { $0 < 0x20 || $0 == 0x7F }) {
            throw unparsable(url, "net/url: invalid control character in URL")
        }
        let (scheme, rest) = try split(url)
        guard schemes.contains(scheme) else {
            throw MemberRequestError(
                message: "URL scheme must be http, https, unix, or unixs: \(url)")
        }
        // Without an authority everything is a path.
        guard rest.hasPrefix("//") else { throw hasNoPort(url) }
        let authority = rest.dropFirst(2).prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        let path = rest.dropFirst(2 + authority.count).prefix { $0 != "?" && $0 != "#" }
        let host = authority.split(separator: "@", omittingEmptySubsequences: false).last ?? ""
        try checkHost(host, of: url)
        if scheme.hasPrefix("unix") { return }
        guard hasPort(host) else { throw hasNoPort(url) }
        if !path.isEmpty {
            throw MemberRequestError(message: "URL must not contain a path: \(url)")
        }
    }

    /// The scheme in lower case; empty when there is none.
    private static func split(_ url: String) throws(MemberRequestError) -> (String, Substring) {
        guard let colon = url.firstIndex(of: ":") else { return ("", url[...]) }
        let scheme = url[..<colon]
        if scheme.isEmpty { throw unparsable(url, "missing protocol scheme") }
        let isScheme = scheme.utf8.enumerated().allSatisfy { position, byte in
            isalpha(Int32(byte)) != 0
                || position > 0 && (isdigit(Int32(byte)) != 0 || "+-.".utf8.contains(byte))
        }
        if isScheme { return (scheme.lowercased(), url[url.index(after: colon)...]) }
        let isFirstSegment = !scheme.contains { $0 == "/" || $0 == "?" || $0 == "#" }
        if isFirstSegment {
            throw unparsable(url, "first path segment in URL cannot contain colon")
        }
        return ("", url[...])
    }

    private static func checkHost(_ host: Substring, of url: String) throws(MemberRequestError) {
        let forbidden = " \"\\<>^`{|}"
        if let bad = host.first(where: forbidden.contains) {
            let shown = bad == "\"" || bad == "\\" ? "\\\(bad)" : "\(bad)"
            throw unparsable(url, "invalid character \"\(shown)\" in host name")
        }
        var port = host[...]
        if host.hasPrefix("[") {
            guard let close = host.lastIndex(of: "]") else {
                throw unparsable(url, "missing ']' in host")
            }
            port = host[host.index(after: close)...]
        } else {
            guard let colon = host.lastIndex(of: ":") else { return }
            port = host[colon...]
        }
        let digits = port.dropFirst()
        let isPort = port.isEmpty || port.hasPrefix(":") && digits.allSatisfy(\.isASCIIDigit)
        if !isPort { throw unparsable(url, "invalid port \"\(port)\" after host") }
    }

    private static func hasPort(_ host: Substring) -> Bool {
        if host.hasPrefix("[") {
            guard let close = host.lastIndex(of: "]") else { return false }
            return host[host.index(after: close)...].hasPrefix(":")
        }
        return host.filter { $0 == ":" }.count == 1
    }

    private static func hasNoPort(_ url: String) -> MemberRequestError {
        MemberRequestError(message: "URL address does not have the form \"host:port\": \(url)")
    }

    private static func unparsable(_ url: String, _ reason: String) -> MemberRequestError {
        let quoted = url.replacingQuotes
        return MemberRequestError(message: "parse \"\(quoted)\": \(reason)")
    }
}

extension Character {
    fileprivate var isASCIIDigit: Bool { self >= "0" && self <= "9" && isASCII }
}

extension String {
    /// For a place between double quotes.
    fileprivate var replacingQuotes: String {
        var output = ""
        for character in self {
            if character == "\"" || character == "\\" { output.append("\\") }
            output.append(character)
        }
        return output
    }
}
