//  Whom a client asks, and how.

package import EtcdNet

package struct ClientSettings: Sendable {
    package struct User: Sendable, Hashable {
        package let name: String
        package let password: String

        package init(name: String, password: String) {
            self.name = name
            self.password = password
        }
    }

    /// `http://host:port`, `https://host:port`, `unix://path`, or `host:port` alone. Tried in this
    /// order; never empty.
    package var endpoints: [String]
    /// For endpoints with TLS; the system's list of authorities unless it names others.
    package var tls = TLSOptions()
    /// Endpoints without a scheme are spoken to with TLS.
    package var prefersTLS = false
    /// Logs in before the first call, and again when the server no longer knows the token.
    package var user: User?
    package var connection = CallConnectionSettings()

    package init(endpoints: [String]) {
        precondition(!endpoints.isEmpty)
        self.endpoints = endpoints
    }

    /// The endpoint as an origin.
    func origin(_ endpoint: String) -> String {
        var text = endpoint
        while text.first?.isWhitespace == true { text.removeFirst() }
        while text.last?.isWhitespace == true { text.removeLast() }
        for scheme in ["unix:", "unixs:"]
        where text.hasPrefix(scheme) && !text.hasPrefix(scheme + "//") {
            return scheme + "//" + text.dropFirst(scheme.count)
        }
        if text.contains("://") { return text }
        return (prefersTLS ? "https://" : "http://") + text
    }
}
