//  Rules for TLS, in etcd's words.

import EtcdConfig
import Testing

private let pair = ["--cert-file=/c", "--key-file=/k"]
private let peerPair = ["--peer-cert-file=/c", "--peer-key-file=/k"]
private let secureClients = [
    "--listen-client-urls=https://127.0.0.1:2379", "--advertise-client-urls=https://127.0.0.1:2379",
]

private let tlsRules: [([String], String)] = [
    (
        secureClients,
        "TLS key/cert (--cert-file, --key-file) must be provided for client url "
            + "https://127.0.0.1:2379 with HTTPS scheme"
    ),
    (
        ["--listen-peer-urls=https://127.0.0.1:2380"],
        "cannot listen on TLS for 127.0.0.1:2380: KeyFile and CertFile are not presented"
    ),
    (
        ["--listen-metrics-urls=https://127.0.0.1:9000"],
        "cannot listen on TLS for 127.0.0.1:9000: KeyFile and CertFile are not presented"
    ),
    (
        secureClients + ["--cert-file=/c"],
        "KeyFile and CertFile must both be present[key: , cert: /c]"
    ),
    (["--peer-key-file=/k"], "KeyFile and CertFile must both be present[key: /k, cert: ]"),
    (
        peerPair + ["--peer-client-key-file=/k"],
        "ClientKeyFile and ClientCertFile must both be present or both absent: key: /k, cert: ]"
    ),
    (
        ["--peer-cert-allowed-cn=a", "--peer-cert-allowed-hostname=b,c"],
        "AllowedCN and AllowedHostname are mutually exclusive (cn=\"a\", hostname=[\"b\" \"c\"])"
    ),
    (["--cipher-suites=FOO"], "unexpected TLS cipher suite \"FOO\""),
    (
        ["--cipher-suites=TLS_RSA_WITH_AES_128_GCM_SHA25"],
        "unexpected TLS cipher suite \"TLS_RSA_WITH_AES_128_GCM_SHA25\" (did you mean "
            + "TLS_RSA_WITH_AES_128_GCM_SHA256?)"
    ),
    (
        ["--tls-min-version=TLS1.3", "--tls-max-version=TLS1.2"],
        "min version (TLS1.3) is greater than max version (TLS1.2)"
    ),
    (
        ["--tls-min-version=TLS1.3", "--cipher-suites=TLS_RSA_WITH_AES_128_GCM_SHA256"],
        "cipher suites cannot be configured when only TLS1.3 is enabled"
    ),
    (
        ["--tls-min-version=TLS1.1"],
        "unexpected TLS version \"TLS1.1\" (must be one of: TLS1.2, TLS1.3)"
    ),
    (
        ["--tls-max-version=TLS1.2", "--cipher-suites=TLS_RSA_WITH_RC4_128_SHA"],
        "--cipher-suites has none that TLS1.2 can be spoken with"
    ),
    (
        ["--auto-tls", "--self-signed-cert-validity=0"],
        "selfSignedCertValidity is invalid,it should be greater than 0"
    ),
    (
        ["--ca-file=/a", "--trusted-ca-file=/b"],
        "--ca-file is the older form of --trusted-ca-file; set one of them"
    ),
]

@Suite("Rules for TLS")
struct TLSRuleTests {
    @Test("are etcd's", arguments: tlsRules)
    func rules(words: [String], message: String) {
        let (text, code) = check(words)
        #expect(text.contains("error: \(message)"), "\(text)")
        #expect(code == 1)
    }

    @Test("everything about one side is found in the configuration")
    func values() throws {
        let config = try #require(
            started(
                load(
                    secureClients + pair + peerPair + [
                        "--client-cert-auth", "--trusted-ca-file=/a", "--client-crl-file=/r",
                        "--client-cert-allowed-hostname=h,i", "--client-cert-file=/cc",
                        "--client-key-file=/ck", "--tls-max-version=TLS1.2",
                        "--peer-cert-allowed-cn=n", "--peer-skip-client-san-verification",
                        "--peer-ca-file=/p",
                        "--cipher-suites=TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305,"
                            + "TLS_AES_128_GCM_SHA256,TLS_RSA_WITH_RC4_128_SHA",
                    ])))
        let client = config.clientTLS
        #expect(
            client.text
                == "cert = /c, key = /k, client-cert=/cc, client-key=/ck, trusted-ca = /a, "
                + "client-cert-auth = true, crl-file = /r")
        #expect(client.allowedHostNames == ["h", "i"] && client.allowedCommonNames.isEmpty)
        #expect(client.cipherSuites == ["TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"])
        #expect(client.minimumVersion == .tls12 && client.maximumVersion == .tls12)
        let peer = config.peerTLS
        #expect(peer.trustedCAFile == "/p" && peer.allowedCommonNames == ["n"])
        #expect(peer.skipsClientSANVerification && !peer.isGenerated)
        #expect(peer.cipherSuites == client.cipherSuites && peer.maximumVersion == .tls12)
    }

    @Test("YAML has them in two maps")
    func yaml() throws {
        let text = """
            client-transport-security:
              cert-file: /c
              key-file: /k
              client-cert-auth: true
              allowed-cn: [a, b]
              skip-client-san-verification: true
            peer-transport-security:
              auto-tls: true
              allowed-hostname: [c]
            cipher-suites: [TLS_RSA_WITH_AES_128_GCM_SHA256]
            self-signed-cert-validity: 3
            """
        let config = try #require(started(load(["--config-file=/f"], files: ["/f": text])))
        #expect(config.clientTLS.allowedCommonNames == ["a", "b"])
        #expect(config.clientTLS.clientCertAuth && config.clientTLS.skipsClientSANVerification)
        #expect(config.peerTLS.isGenerated && config.peerTLS.allowedHostNames == ["c"])
        #expect(config.selfSignedCertYears == 3)
    }

    @Test("generated certificates stand back behind files")
    func generated() throws {
        let outcome = load(pair + secureClients + ["--auto-tls", "--peer-auto-tls"])
        let config = try #require(started(outcome))
        #expect(!config.clientTLS.isGenerated && config.peerTLS.isGenerated)
        let messages = notices(outcome).map(\.message)
        #expect(messages.contains("ignoring client auto TLS since certs given"))
        let peer = notices(load(peerPair + ["--peer-auto-tls"])).map(\.message)
        #expect(peer.contains("ignoring peer auto TLS since certs given"))
    }

    @Test("listeners without TLS are named when there are certificates")
    func plainListeners() {
        let messages = notices(
            load(pair + peerPair + ["--client-cert-auth", "--peer-client-cert-auth"])
        ).map(\.message)
        let ignored =
            "scheme is HTTP while key and cert files are present; ignoring key and cert files"
        #expect(messages.count { $0 == ignored } == 2)
        for prefix in ["", "peer-"] {
            #expect(
                messages.contains(
                    "scheme is HTTP while --\(prefix)client-cert-auth is enabled; ignoring client "
                        + "cert auth for this URL"))
        }
    }

    @Test("a port may serve clients with TLS and without, by two URLs")
    func bothOnOnePort() throws {
        let urls = "http://127.0.0.1:2379,https://127.0.0.1:2379"
        let config = try #require(
            started(
                load(
                    pair + [
                        "--listen-client-urls=\(urls)",
                        "--advertise-client-urls=https://127.0.0.1:2379",
                    ])))
        #expect(config.listenClientURLs.map(\.scheme) == [.http, .https])
        let peers = "http://127.0.0.1:2380,https://127.0.0.1:2380"
        let (text, code) = check(peerPair + ["--listen-peer-urls=\(peers)"])
        #expect(text.contains("--listen-peer-urls has 127.0.0.1:2380 twice") && code == 1)
    }

    @Test("a cluster may be given with TLS")
    func cluster() throws {
        let config = try #require(
            started(
                load(
                    peerPair + [
                        "--name=a", "--initial-cluster=a=https://10.0.0.1:2380,b=https://b:2380",
                        "--initial-advertise-peer-urls=https://10.0.0.1:2380",
                        "--listen-peer-urls=https://10.0.0.1:2380",
                    ])))
        #expect(config.initialCluster.count == 2)
    }
}
