//  What a URL must look like under which a member is reached by the others (spec http-v2 5).

/// In etcd's words.
package struct PeerURLError: Error, Sendable, CustomStringConvertible {
    package let description: String
}

/// `scheme://host:port`, nothing behind it.
package enum PeerURL {
    private static let schemes = ["http", "https", "unix", "unixs"]

    package static func check(_ url: String) throws(PeerURLError) {
        let bytes = Array(url.utf8)
        if bytes.contains(where: { $0 < 0x20 || $0 == 0x7F }) {
            throw unparsable(url, "net/url: invalid control character in URL")
        }
        let (scheme, rest) = try split(url)
        guard schemes.contains(scheme) else {
            throw PeerURLError(
                description: "URL scheme must be http, https, unix, or unixs: \(url)")
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
            throw PeerURLError(description: "URL must not contain a path: \(url)")
        }
    }

    /// The scheme in lower case; empty when there is none.
    private static func split(_ url: String) throws(PeerURLError) -> (String, Substring) {
        guard let colon = url.firstIndex(of: ":") else { return ("", url[...]) }
        let scheme = url[..<colon]
        if scheme.isEmpty { throw unparsable(url, "missing protocol scheme") }
        let isScheme = scheme.utf8.enumerated().allSatisfy { position, byte in
            isLetter(byte) || position > 0 && (isDigit(byte) || "+-.".utf8.contains(byte))
        }
        if isScheme { return (scheme.lowercased(), url[url.index(after: colon)...]) }
        let isFirstSegment = !scheme.contains { $0 == "/" || $0 == "?" || $0 == "#" }
        if isFirstSegment {
            throw unparsable(url, "first path segment in URL cannot contain colon")
        }
        return ("", url[...])
    }

    private static func isLetter(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }

    private static func checkHost(_ host: Substring, of url: String) throws(PeerURLError) {
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

    private static func hasNoPort(_ url: String) -> PeerURLError {
        PeerURLError(description: "URL address does not have the form \"host:port\": \(url)")
    }

    private static func unparsable(_ url: String, _ reason: String) -> PeerURLError {
        let quoted = url.replacingQuotes
        return PeerURLError(description: "parse \"\(quoted)\": \(reason)")
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
