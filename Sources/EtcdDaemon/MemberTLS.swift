//  TLS of one member towards clients and towards other members, from its settings to what listeners
//  and the HTTP client need.

import EtcdConfig
import EtcdNet
import Logging
import RuntimePosix

struct MemberTLS: Sendable {
    /// `nil` when nothing that clients may reach speaks TLS.
    private let client: TLSContext?
    /// Also without settings: then with the system's list of authorities, for dialling alone.
    let peer: TLSContext
    private let config: ServerConfig
    private let rejections: TLSRejectionLog

    /// Reads all files, and makes certificates where the settings want that. Throws what a start
    /// has to end with.
    ///
    /// - Parameter directory: where made certificates are kept; `nil` for the data directory.
    static func open(
        _ config: ServerConfig, directory: String? = nil, in files: PosixFileSystem, logger: Logger
    ) throws -> MemberTLS {
        let generator = GeneratedCertificate(
            dataDirectory: directory ?? config.dataDirectory, years: config.selfSignedCertYears,
            files: files,
            logger: logger)
        var peerSettings = config.peerTLS
        if peerSettings.isGenerated {
            try generator.provide(&peerSettings, "peer", hosts: config.listenPeerURLs.map(\.host))
        }
        note("peer", peerSettings, logger)
        var clientSettings = config.clientTLS
        if clientSettings.isGenerated {
            try generator.provide(
                &clientSettings, "client", hosts: config.listenClientURLs.map(\.host))
        }
        note("client", clientSettings, logger)
        let isSecure = [
            config.listenClientURLs, config.listenClientHTTPURLs, config.listenMetricsURLs,
        ].joined().contains(where: \.scheme.isSecure)
        var peerOptions = TLSOptions(peerSettings)
        peerOptions.dials = true
        // As etcd: members found by DNS prove to be of the domain, unless an authority is named.
        if case .records(let domain, _) = config.discovery, peerOptions.trustedCAFile.isEmpty {
            peerOptions.dialledServerName = domain
        }
        return MemberTLS(
            client: isSecure
                ? try context(TLSOptions(clientSettings), "client", logger) : nil,
            peer: try context(peerOptions, "peer", logger), config: config,
            rejections: TLSRejectionLog(logger: logger))
    }

    private static func note(_ side: String, _ settings: TLSSettings, _ logger: Logger) {
        if settings.isEmpty { return }
        logger.info(
            "starting with \(side) TLS",
            metadata: [
                "tls-info": "\(settings.text)",
                "cipher-suites": .array(settings.cipherSuites.map { .string($0) }),
            ])
    }

    private static func context(_ options: TLSOptions, _ side: String, _ logger: Logger) throws
        -> TLSContext
    {
        try TLSContext(options) { notice in
            switch notice {
            case .reloaded(let files):
                logger.info(
                    "read the \(side) TLS files again",
                    metadata: ["files": .array(files.map { .string($0) })])
            case .failed(let error, let files):
                logger.warning(
                    "cannot use the \(side) TLS files as they are now; what was read before stays",
                    metadata: [
                        "files": .array(files.map { .string($0) }), "error": "\(error)",
                    ])
            }
        }
    }

    /// What a proxy dials members with, as one of their clients. Settings towards members take the
    /// place of missing ones towards clients.
    static func asClient(_ config: ServerConfig, peer: TLSContext, logger: Logger) throws
        -> TLSContext
    {
        let settings = config.clientTLS
        if settings.isGenerated {
            var options = TLSOptions()
            options.dials = true
            options.trustsAnyServer = true
            return try context(options, "client", logger)
        }
        if settings.isEmpty, settings.trustedCAFile.isEmpty { return peer }
        var options = TLSOptions(settings)
        options.dials = true
        return try context(options, "client", logger)
    }

    /// Reads all files again.
    func reload() {
        client?.reload()
        peer.reload()
    }

    // MARK: Listeners

    /// For one place of the client listeners. `schemes` are those of the URLs that name it.
    func forClients(_ schemes: [ConfigURL.Scheme]) -> ListenerTLS? {
        var tls = listener(client, "client", schemes)
        tls?.identifiesUsers = config.clientTLS.clientCertAuth
        return tls
    }

    func forMetrics(_ schemes: [ConfigURL.Scheme]) -> ListenerTLS? {
        var tls = listener(client, "client", schemes)
        tls?.checksSourceAddress = !config.clientTLS.skipsClientSANVerification
        return tls
    }

    func forPeers(_ schemes: [ConfigURL.Scheme]) -> ListenerTLS? {
        var tls = listener(peer, "peer", schemes)
        tls?.checksSourceAddress = !config.peerTLS.skipsClientSANVerification
        return tls
    }

    private func listener(
        _ context: TLSContext?, _ side: String, _ schemes: [ConfigURL.Scheme]
    ) -> ListenerTLS? {
        guard let context, schemes.contains(where: \.isSecure) else { return nil }
        let rejections = rejections
        var tls = ListenerTLS(context: context) { rejections.note($0, side: side) }
        tls.acceptsPlainText = !schemes.allSatisfy(\.isSecure)
        return tls
    }
}

extension TLSOptions {
    fileprivate init(_ settings: TLSSettings) {
        self.init()
        certificateFile = settings.certFile
        keyFile = settings.keyFile
        clientCertificateFile = settings.clientCertFile
        clientKeyFile = settings.clientKeyFile
        trustedCAFile = settings.trustedCAFile
        requiresClientCertificate = settings.clientCertAuth
        revocationFile = settings.crlFile
        allowedCommonNames = settings.allowedCommonNames
        allowedHostNames = settings.allowedHostNames
        cipherSuites = settings.cipherSuites
        minimumVersion = settings.minimumVersion == .tls13 ? .tls13 : .tls12
        maximumVersion = settings.maximumVersion == .tls12 ? .tls12 : .tls13
        trustsAnyServer = settings.isGenerated
    }
}
