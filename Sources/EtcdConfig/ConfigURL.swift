//  A URL as settings hold it: checked as etcd checks it, its text kept because ids follow from it.

import Glibc

package struct ConfigURL: Sendable, Hashable, Comparable, CustomStringConvertible {
    package enum Scheme: String, Sendable, Hashable {
        case http, https, unix, unixs

        package var isSecure: Bool { self == .https || self == .unixs }
        package var isUnix: Bool { self == .unix || self == .unixs }
    }

    /// The text as given, with the scheme in lower case: what other members compare and hash.
    package let text: String
    package let scheme: Scheme
    /// Without the brackets of an IPv6 address.
    package let host: String
    /// 0 when a `unix` URL has none.
    package let port: UInt16
    /// The file of a `unix` URL; empty for the others.
    package let path: String

    package var description: String { text }

    package static func < (left: ConfigURL, right: ConfigURL) -> Bool {
        left.text.utf8.lexicographicallyPrecedes(right.text.utf8)
    }

    /// - Throws: etcd's words for what is wrong.
    package init(_ given: String) throws(ValueError) {
        let text = given.trimmingBlanks
        guard let (schemeText, rest) = try ConfigURL.splitScheme(text) else {
            throw ValueError("URL scheme must be http, https, unix, or unixs: \(text)")
        }
        let authorityEnd = rest.firstIndex { "/?#".contains($0) } ?? rest.endIndex
        let authority = rest[..<authorityEnd]
        let tail = rest[authorityEnd...]
        let path = String(tail.prefix { $0 != "?" && $0 != "#" })
        let lowered = schemeText.lowercased()
        if let bad = authority.first(where: { " <>\"".contains($0) }) {
            throw ValueError("parse \"\(text)\": invalid character \"\(bad)\" in host name")
        }
        let place = authority.split(separator: "@", omittingEmptySubsequences: false).last ?? ""
        let (host, portText) = try ConfigURL.splitHost(place, in: text)
        guard let scheme = Scheme(rawValue: lowered) else {
            throw ValueError("URL scheme must be http, https, unix, or unixs: \(text)")
        }
        let normalized = "\(lowered)://\(rest)"
        if scheme.isUnix {
            // `unix://name:1` names a file as `unix:///dir/name` does, the port included.
            self.path = path.isEmpty ? String(place) : String(place) + path
            guard !self.path.isEmpty else {
                throw ValueError("URL address does not have the form \"host:port\": \(normalized)")
            }
            self.port = portText.flatMap { UInt16($0) } ?? 0
        } else {
            guard host != nil, let portText else {
                throw ValueError("URL address does not have the form \"host:port\": \(normalized)")
            }
            guard path.isEmpty else {
                throw ValueError("URL must not contain a path: \(normalized)")
            }
            guard let port = portText.isEmpty ? 0 : UInt16(portText) else {
                throw ValueError("address \(portText): invalid port: \(normalized)")
            }
            self.port = port
            self.path = ""
        }
        self.scheme = scheme
        self.host = host ?? ""
        self.text = normalized
    }

    /// A list of URLs: blanks around them do not matter, duplicates are dropped, the rest sorted.
    package static func list(_ text: String) throws(ValueError) -> [ConfigURL] {
        var urls: Set<ConfigURL> = []
        for item in text.split(separator: ",", omittingEmptySubsequences: false) {
            urls.insert(try ConfigURL(String(item)))
        }
        return urls.sorted()
    }

    /// The text of the same URL with another host or port.
    package func replacing(host: String? = nil, port: UInt16? = nil) -> String {
        let host = host ?? self.host
        let shown = host.contains(":") ? "[\(host)]" : host
        return "\(scheme.rawValue)://\(shown):\(port ?? self.port)"
    }

    /// The text of the same URL without TLS.
    var withoutTLS: String {
        switch scheme {
        case .https: "http" + text.dropFirst("https".count)
        case .unixs: "unix" + text.dropFirst("unixs".count)
        case .http, .unix: text
        }
    }

    /// A URL of any kind with `***` in the place of a user and password.
    package static func withoutUser(_ text: String) -> String {
        let start = text.firstRange(of: "://")?.upperBound ?? text.startIndex
        let end = text[start...].firstIndex { "/?#".contains($0) } ?? text.endIndex
        guard let at = text[start..<end].lastIndex(of: "@") else { return text }
        return text[..<start] + "***" + text[at...]
    }

    /// `host:port`, the host in brackets where it has colons.
    package var address: String { "\(shownHost):\(port)" }
    private var shownHost: String { host.contains(":") ? "[\(host)]" : host }

    package var hostIsIP: Bool { ConfigURL.isIP(host) }
    /// Listening there means on every address; advertising it means nothing.
    package var hostIsWildcard: Bool { host == "0.0.0.0" || host == "::" }
    package var hostIsLoopback: Bool {
        host == "localhost" || host == "::1" || (host.hasPrefix("127.") && hostIsIP)
    }

    /// Equal texts, or names of the same address.
    ///
    /// - Parameter resolve: the addresses of a host name; called only where the texts differ.
    package func isSamePlace(as other: ConfigURL, resolve: (_ host: String) -> [String]) -> Bool {
        if text == other.text { return true }
        guard scheme == other.scheme, port == other.port, !scheme.isUnix else { return false }
        if host == other.host { return true }
        // `localhost` is never resolved, as etcd has it.
        func addresses(_ url: ConfigURL) -> Set<String> {
            url.hostIsIP || url.host == "localhost" ? [url.host] : Set(resolve(url.host))
        }
        return !addresses(self).isDisjoint(with: addresses(other))
    }

    package static func isIP(_ text: String) -> Bool {
        var v4 = in_addr()
        var v6 = in6_addr()
        return inet_pton(AF_INET, text, &v4) == 1 || inet_pton(AF_INET6, text, &v6) == 1
    }
}

extension ConfigURL {
    /// The scheme and what follows `//`; `nil` when there is no `//` after a scheme.
    private static func splitScheme(_ text: String) throws(ValueError) -> (String, Substring)? {
        guard let colon = text.firstIndex(of: ":") else { return nil }
        let scheme = text[..<colon]
        guard let first = scheme.first else {
            throw ValueError("parse \"\(text)\": missing protocol scheme")
        }
        let isScheme =
            first.isASCII && first.isLetter
            && scheme.allSatisfy {
                $0.isASCII && ($0.isLetter || $0.isNumber || "+-.".contains($0))
            }
        guard isScheme else {
            guard text.firstIndex(of: "/").map({ $0 < colon }) == true else {
                throw ValueError(
                    "parse \"\(text)\": first path segment in URL cannot contain colon")
            }
            return nil
        }
        let rest = text[text.index(after: colon)...]
        return rest.hasPrefix("//") ? (String(scheme), rest.dropFirst(2)) : nil
    }

    /// The host, and the port's text if there is a colon for it. The host is `nil` when the text
    /// is not of the form `host:port`.
    private static func splitHost(
        _ place: Substring, in text: String
    ) throws(ValueError) -> (host: String?, port: Substring?) {
        func checked(_ port: Substring) throws(ValueError) -> Substring {
            guard port.allSatisfy({ $0.isASCII && $0.isNumber }) else {
                throw ValueError("parse \"\(text)\": invalid port \":\(port)\" after host")
            }
            return port
        }
        if place.hasPrefix("[") {
            guard let close = place.firstIndex(of: "]") else {
                throw ValueError("parse \"\(text)\": missing ']' in host")
            }
            let after = place[place.index(after: close)...]
            let host = String(place[..<close].dropFirst())
            guard after.hasPrefix(":") else { return (host, nil) }
            return (host, try checked(after.dropFirst()))
        }
        guard let colon = place.lastIndex(of: ":") else { return (String(place), nil) }
        let host = place[..<colon]
        let port = try checked(place[place.index(after: colon)...])
        return host.contains(":") ? (nil, port) : (String(host), port)
    }
}

extension StringProtocol {
    /// Without blanks and line ends on both sides.
    var trimmingBlanks: String {
        var text = Substring(self)
        while let last = text.last, last.isWhitespace { text.removeLast() }
        return String(text.drop { $0.isWhitespace })
    }
}
