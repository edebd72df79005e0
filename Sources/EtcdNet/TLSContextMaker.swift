//  From options and files to the library's contexts.

import NIOCore
import NIOSSL

struct TLSContextMaker {
    private let options: TLSOptions

    init(_ options: TLSOptions) { self.options = options }

    /// Our close is announced; this is how long the other side's is waited for.
    private static let shutdownTimeout = TimeAmount.milliseconds(500)

    func server() throws(TLSError) -> NIOSSLContext {
        let (chain, key) = try pair(options.certificateFile, options.keyFile)
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain, privateKey: key)
        apply(to: &configuration)
        configuration.applicationProtocols = ["h2", "http/1.1"]
        if options.verifiesClients {
            configuration.certificateVerification = .noHostnameVerification
            configuration.trustRoots = try trustRoots()
            configuration.sendCANameList = true
        }
        return try context(configuration, options.certificateFile, options.keyFile)
    }

    private var hasOwnClientPair: Bool {
        !options.clientCertificateFile.isEmpty || !options.clientKeyFile.isEmpty
    }

    /// Reads what a client would be made of.
    func checkClient() throws(TLSError) {
        guard hasOwnClientPair else { return }
        _ = try pair(options.clientCertificateFile, options.clientKeyFile)
    }

    func client() throws(TLSError) -> NIOSSLContext {
        var configuration = TLSConfiguration.makeClientConfiguration()
        apply(to: &configuration)
        configuration.applicationProtocols = options.dialledProtocols
        let isOwn = hasOwnClientPair
        let certificate = isOwn ? options.clientCertificateFile : options.certificateFile
        let key = isOwn ? options.clientKeyFile : options.keyFile
        if !certificate.isEmpty || !key.isEmpty {
            let (chain, privateKey) = try pair(certificate, key)
            configuration.certificateChain = chain
            configuration.privateKey = privateKey
        }
        if options.trustsAnyServer {
            configuration.certificateVerification = .none
        } else {
            configuration.certificateVerification = .fullVerification
            configuration.trustRoots = try trustRoots()
        }
        return try context(configuration, certificate, key)
    }

    /// `nil` when the library can verify.
    ///
    /// - Parameter isNeeded: the library would do, but shows only the other side's own certificate,
    ///   not those that vouch for it.
    func verifier(isNeeded: Bool = false) throws(TLSError) -> AnchorVerifier? {
        if options.trustedCAFile.isEmpty { return nil }
        return try AnchorVerifier(try authorities(), isNeeded: isNeeded)
    }

    private func apply(to configuration: inout TLSConfiguration) {
        configuration.minimumTLSVersion = options.minimumVersion == .tls13 ? .tlsv13 : .tlsv12
        configuration.maximumTLSVersion = options.maximumVersion == .tls12 ? .tlsv12 : .tlsv13
        if !options.cipherSuites.isEmpty {
            configuration.cipherSuites = options.cipherSuites.joined(separator: ":")
        }
        // The library's own choices, and P-521, of which generated certificates are.
        configuration.curves = [.x25519_MLKEM768, .x25519, .secp256r1, .secp384r1, .secp521r1]
        configuration.verifySignatureAlgorithms = [
            .ecdsaSecp256R1Sha256, .rsaPssRsaeSha256, .rsaPkcs1Sha256, .ecdsaSecp384R1Sha384,
            .rsaPssRsaeSha384, .rsaPkcs1Sha384, .ecdsaSecp521R1Sha512, .rsaPssRsaeSha512,
            .rsaPkcs1Sha512, .ed25519,
        ]
        configuration.shutdownTimeout = Self.shutdownTimeout
        configuration.renegotiationSupport = .none
    }

    private func context(
        _ configuration: TLSConfiguration, _ certificate: String, _ key: String
    ) throws(TLSError) -> NIOSSLContext {
        do {
            return try NIOSSLContext(configuration: configuration)
        } catch {
            // Everything else has been read already.
            throw TLSError(
                certificate.isEmpty
                    ? "tls: \(error)"
                    : "tls: private key does not match public key (certificate \(certificate), "
                        + "key \(key))")
        }
    }

    private func pair(_ certificate: String, _ key: String) throws(TLSError)
        -> ([NIOSSLCertificateSource], NIOSSLPrivateKeySource)
    {
        guard !certificate.isEmpty, !key.isEmpty else {
            throw TLSError(
                "KeyFile and CertFile must both be present[key: \(key), cert: \(certificate)]")
        }
        let chain = try certificates(
            in: certificate, otherwise: "tls: failed to find any PEM data in certificate input")
        let bytes = try FileText.read(key)
        let privateKey: NIOSSLPrivateKey
        do {
            privateKey = try NIOSSLPrivateKey(bytes: bytes, format: .pem)
        } catch {
            throw TLSError("tls: failed to find any PEM data in key input (\(key))")
        }
        return (chain.map { .certificate($0) }, .privateKey(privateKey))
    }

    private func trustRoots() throws(TLSError) -> NIOSSLTrustRoots {
        if options.trustedCAFile.isEmpty { return .default }
        return .certificates(try authorities())
    }

    private func authorities() throws(TLSError) -> [NIOSSLCertificate] {
        try certificates(in: options.trustedCAFile, otherwise: "no certificate of an authority")
    }

    private func certificates(in path: String, otherwise failure: String) throws(TLSError)
        -> [NIOSSLCertificate]
    {
        let bytes = try FileText.read(path)
        guard let found = try? NIOSSLCertificate.fromPEMBytes(bytes), !found.isEmpty else {
            throw TLSError("\(failure) (\(path))")
        }
        return found
    }
}
