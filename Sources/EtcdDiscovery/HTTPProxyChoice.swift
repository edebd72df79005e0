//  Which proxy, if any, stands between this member and a discovery service: the setting's, or the
//  environment's as every program of its kind reads it.

package import EtcdNet
import FoundationEssentials

package enum HTTPProxyChoice {
    /// - Parameters:
    ///   - setting: `--discovery-proxy`; empty when it is not set.
    ///   - environment: HTTP_PROXY, HTTPS_PROXY and NO_PROXY count, also in small letters.
    package static func proxy(
        for url: DiscoveryURL, setting: String, environment: [String: String]
    ) throws(DiscoveryError) -> HTTPClientProxy? {
        if !setting.isEmpty { return try parse(setting, from: "--discovery-proxy") }
        let name = url.origin.hasPrefix("https:") ? "HTTPS_PROXY" : "HTTP_PROXY"
        guard let text = value(name, environment), isProxied(url, environment) else { return nil }
        return try parse(text, from: name)
    }

    private static func value(_ name: String, _ environment: [String: String]) -> String? {
        let value = environment[name] ?? environment[name.lowercased()]
        return value?.isEmpty == false ? value : nil
    }

    /// A proxy's URL; `http://` may be left out.
    static func parse(_ text: String, from source: String) throws(DiscoveryError)
        -> HTTPClientProxy
    {
        var scheme = "http"
        var rest = Substring(text)
        if let end = text.firstRange(of: "://") {
            scheme = text[..<end.lowerBound].lowercased()
            rest = text[end.upperBound...]
        }
        rest = rest.prefix { !"/?#".contains($0) }
        var authorization: String?
        if let at = rest.lastIndex(of: "@") {
            authorization = basic(String(rest[..<at]))
            rest = rest[rest.index(after: at)...]
        }
        do throws(HTTPClientError) {
            guard scheme == "http" || scheme == "https" else {
                throw HTTPClientError(.badAddress, "unknown scheme \(scheme)")
            }
            return try HTTPClientProxy(
                origin: "\(scheme)://\(rest)", authorization: authorization)
        } catch {
            throw DiscoveryError(
                "invalid proxy address \"\(rest)\" (\(source)): it must be "
                    + "http://host:port or https://host:port")
        }
    }

    /// `user:password`, its percent escapes undone, as HTTP sends it.
    static func basic(_ user: String) -> String {
        let plain = PercentCoding.decoded(user) ?? user
        let whole = plain.contains(":") ? plain : plain + ":"
        return "Basic " + Data(whole.utf8).base64EncodedString()
    }

    /// Loopback is always asked without a proxy, and so are the hosts of NO_PROXY.
    private static func isProxied(_ url: DiscoveryURL, _ environment: [String: String]) -> Bool {
        let (host, port) = place(of: url.origin)
        if host == "localhost" || host == "::1" || host.hasPrefix("127.") { return false }
        for item in (value("NO_PROXY", environment) ?? "").split(separator: ",") {
            var entry = item.filter { $0 != " " }.lowercased()
            if entry == "*" { return false }
            if entry.hasPrefix("*") { entry.removeFirst() }
            if entry.isEmpty { continue }
            let suffix = entry.hasPrefix(".") ? entry : "." + entry
            if entry == host || entry == "\(host):\(port)" || host.hasSuffix(suffix) {
                return false
            }
        }
        return true
    }

    /// Host and port of an origin that has been checked.
    private static func place(of origin: String) -> (host: String, port: String) {
        let isSecure = origin.hasPrefix("https:")
        let place = origin.dropFirst(isSecure ? 8 : 7).lowercased()
        let standard = isSecure ? "443" : "80"
        if let close = place.lastIndex(of: "]") {
            let port = place[close...].dropFirst(2)
            return (String(place[..<close].dropFirst()), port.isEmpty ? standard : String(port))
        }
        let parts = place.split(separator: ":", maxSplits: 1)
        return (String(parts.first ?? ""), parts.count == 2 ? String(parts[1]) : standard)
    }
}
