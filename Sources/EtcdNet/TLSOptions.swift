//  What TLS on one side, towards clients or towards members, is made of.

/// Files and rules. Empty paths and lists stand for what is not set.
package struct TLSOptions: Sendable, Hashable {
    package enum Version: Sendable, Hashable { case tls12, tls13 }

    /// PEM: the certificate that this process shows as a server, with what signed it.
    package var certificateFile = ""
    package var keyFile = ""
    /// The certificate shown when this process is itself the client; the server's when empty.
    package var clientCertificateFile = ""
    package var clientKeyFile = ""
    /// PEM: who may sign the other side's certificates; the system's list when empty.
    package var trustedCAFile = ""
    /// Clients must have a certificate; so they must when `trustedCAFile` is set.
    package var requiresClientCertificate = false
    /// DER or PEM: serial numbers that are refused.
    package var revocationFile = ""
    /// One of them must be the common name of the other side's certificate.
    package var allowedCommonNames: [String] = []
    /// The other side's certificate must be valid for one of them.
    package var allowedHostNames: [String] = []
    /// IANA names of suites of TLS 1.2, all known to the library; the library's choice when empty.
    package var cipherSuites: [String] = []
    package var minimumVersion = Version.tls12
    package var maximumVersion = Version.tls13
    /// This side is dialled from here, not only listened on.
    package var dials = false
    /// Dialled servers are not verified: their certificates are generated.
    package var trustsAnyServer = false
    /// Whom the certificate of a dialled server has to name instead of the host that was dialled;
    /// empty for that host.
    package var dialledServerName = ""
    /// What is to be spoken to dialled servers, most wanted first, such as `h2`; empty for HTTP/1.1
    /// without a word about it.
    package var dialledProtocols: [String] = []

    package init() {}

    /// Whether a server could be made of it.
    package var hasCertificate: Bool { !certificateFile.isEmpty || !keyFile.isEmpty }

    var verifiesClients: Bool { requiresClientCertificate || !trustedCAFile.isEmpty }

    /// What contexts are made of.
    var files: [String] {
        [certificateFile, keyFile, clientCertificateFile, clientKeyFile, trustedCAFile].filter {
            !$0.isEmpty
        }
    }
}

/// Why TLS cannot be set up, in etcd's words where it has some.
package struct TLSError: Error, Sendable, Hashable, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }
}
