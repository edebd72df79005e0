//  TLS towards one side, clients or members, as the settings have it.

package struct TLSSettings: Sendable, Hashable {
    package enum Version: String, Sendable, Hashable, Comparable {
        case tls12 = "TLS1.2"
        case tls13 = "TLS1.3"

        package static func < (left: Version, right: Version) -> Bool {
            left == .tls12 && right == .tls13
        }
    }

    // Paths; empty when not set.
    package var certFile = ""
    package var keyFile = ""
    package var clientCertFile = ""
    package var clientKeyFile = ""
    package var trustedCAFile = ""
    package var crlFile = ""
    package var clientCertAuth = false
    package var allowedCommonNames: [String] = []
    package var allowedHostNames: [String] = []
    package var skipsClientSANVerification = false
    /// Certificate and key are to be made, or found, in the data directory. Never with files.
    package var isGenerated = false
    /// Of TLS 1.2, in the order given; only such as can be had. Empty: the library's choice.
    package var cipherSuites: [String] = []
    package var minimumVersion = Version.tls12
    package var maximumVersion = Version.tls13

    package init() {}

    /// Nothing to show to the other side: no TLS listener can be made of it.
    package var isEmpty: Bool { certFile.isEmpty && keyFile.isEmpty && !isGenerated }

    /// As etcd writes it into its log.
    package var text: String {
        "cert = \(certFile), key = \(keyFile), client-cert=\(clientCertFile), "
            + "client-key=\(clientKeyFile), trusted-ca = \(trustedCAFile), "
            + "client-cert-auth = \(clientCertAuth), crl-file = \(crlFile)"
    }
}

/// The names that --cipher-suites takes, which are Go's.
enum CipherSuite {
    /// Offered here.
    static let available: Set<String> = [
        "TLS_RSA_WITH_AES_128_CBC_SHA", "TLS_RSA_WITH_AES_256_CBC_SHA",
        "TLS_RSA_WITH_AES_128_GCM_SHA256", "TLS_RSA_WITH_AES_256_GCM_SHA384",
        "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA", "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
        "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
        "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
        "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
        "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
        "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    ]

    /// Of TLS 1.3, where nobody chooses: always offered.
    static let fixed: Set<String> = [
        "TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256",
    ]

    /// Names that Go knows, of suites that are broken or nearly so: RC4, 3DES, CBC with SHA-256.
    static let withdrawn: Set<String> = [
        "TLS_RSA_WITH_RC4_128_SHA", "TLS_RSA_WITH_3DES_EDE_CBC_SHA",
        "TLS_RSA_WITH_AES_128_CBC_SHA256", "TLS_ECDHE_ECDSA_WITH_RC4_128_SHA",
        "TLS_ECDHE_RSA_WITH_RC4_128_SHA", "TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA",
        "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256", "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256",
    ]

    /// Older names.
    static let aliases = [
        "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305": "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
        "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305": "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    ]
}
