//  What stands before every route of a client listener: the host check against DNS rebinding, and
//  permissions for browsers (spec http-v2 section 8).

import EtcdNet

import struct NIOHTTP1.HTTPHeaders

/// Which Host headers and which web origins are welcome.
struct RequestGate: Sendable {
    enum Verdict {
        /// Serve it; every answer carries these fields.
        case serve([(String, String)])
        /// An unknown host.
        case misdirected(host: String)
    }

    /// Empty: all.
    private let hosts: Set<String>
    private let origins: CrossOrigins

    init(hosts: [String], origins: [String]) {
        self.hosts = hosts.contains("*") ? [] : Set(hosts)
        self.origins = CrossOrigins(origins)
    }

    func check(_ head: HTTPRequestHead) -> Verdict {
        if !hosts.isEmpty, !head.connection.isTLS {
            let host = RequestGate.hostname(of: head.headers.first(name: "host") ?? "")
            if !hosts.contains(host) { return .misdirected(host: host) }
        }
        return .serve(origins.fields(for: head))
    }

    /// The host without the port; the text as it is when there is no valid port.
    static func hostname(of host: String) -> String {
        guard let colon = host.lastIndex(of: ":") else { return host }
        let name = host[..<colon]
        if name.hasPrefix("["), name.hasSuffix("]") { return String(name.dropFirst().dropLast()) }
        return name.contains(":") || name.contains("[") || name.contains("]") ? host : String(name)
    }

    /// etcd's explanation, which tells the operator what to do.
    static func misdirectedText(host: String) -> String {
        """

        etcd received your request, but the Host header was unrecognized.

        To fix this, choose one of the following options:
        - Enable TLS, then any HTTPS request will be allowed.
        - Add the hostname you want to use to the whitelist in settings.
          - e.g. etcd --host-whitelist "\(host)"

        This requirement has been added to help prevent "DNS Rebinding" attacks (CVE-2018-5702).

        """
    }
}
