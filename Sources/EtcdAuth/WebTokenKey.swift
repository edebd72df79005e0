//  The key of JSON Web Tokens: what it may be for each algorithm, signing and checking.

import Crypto
import CryptoExtras
import Protobuf
package import RuntimeCore

/// The names that `sign-method` may have.
package enum WebTokenAlgorithm: String, Sendable, CaseIterable {
    case rs256 = "RS256"
    case rs384 = "RS384"
    case rs512 = "RS512"
    case ps256 = "PS256"
    case ps384 = "PS384"
    case ps512 = "PS512"
    case es256 = "ES256"
    case es384 = "ES384"
    case es512 = "ES512"
    case hs256 = "HS256"
    case hs384 = "HS384"
    case hs512 = "HS512"
    case edDSA = "EdDSA"
}

/// Why tokens cannot be made with the keys given; the texts are etcd's where it has one.
package enum WebTokenKeyError: Error, Sendable, Hashable, CustomStringConvertible {
    case invalidOptions
    case missingKey
    case keysDoNotMatch
    /// The file of the option is no key for the algorithm.
    case unreadable(option: String, algorithm: String)

    package var description: String {
        switch self {
        case .invalidOptions: "auth: invalid auth options"
        case .missingKey: "auth: missing key data"
        case .keysDoNotMatch: "auth: public and private keys don't match"
        case .unreadable(let option, let algorithm):
            "auth: \(option) is not a PEM file with a key for \(algorithm)"
        }
    }
}

/// Never leaves this module, and is never printed.
package struct WebTokenKey: Sendable {
    private enum Material: Sendable {
        case secret(SymmetricKey)
        case rsa(_RSA.Signing.PublicKey, _RSA.Signing.PrivateKey?)
        case p256(P256.Signing.PublicKey, P256.Signing.PrivateKey?)
        case p384(P384.Signing.PublicKey, P384.Signing.PrivateKey?)
        case p521(P521.Signing.PublicKey, P521.Signing.PrivateKey?)
        case ed25519(Curve25519.Signing.PublicKey, Curve25519.Signing.PrivateKey?)
    }

    package let algorithm: WebTokenAlgorithm
    private let material: Material

    /// - Parameters:
    ///   - publicKey: the content of the file of `pub-key`; `nil` or empty when there is none.
    ///   - privateKey: that of `priv-key`; for HS algorithms the secret itself.
    package init(_ algorithm: WebTokenAlgorithm, publicKey: Bytes?, privateKey: Bytes?)
        throws(WebTokenKeyError)
    {
        self.algorithm = algorithm
        let privateKey = privateKey?.isEmpty == true ? nil : privateKey
        let publicKey = publicKey?.isEmpty == true ? nil : publicKey
        switch algorithm {
        case .hs256, .hs384, .hs512:
            guard let privateKey else { throw .missingKey }
            material = .secret(SymmetricKey(data: privateKey.array))
        case .rs256, .rs384, .rs512, .ps256, .ps384, .ps512:
            // Smaller keys than today's advice are refused below 1024 bits only, as old clusters
            // have them.
            let (open, secret) = try WebTokenKey.pair(
                algorithm, publicKey, privateKey,
                open: {
                    try _RSA.Signing.PublicKey(unsafePEMRepresentation: PublicKeyFile.key(in: $0))
                },
                secret: { try _RSA.Signing.PrivateKey(unsafePEMRepresentation: $0) },
                publicPart: \.publicKey, bytes: { Array($0.derRepresentation) })
            material = .rsa(open, secret)
        case .es256:
            let (open, secret) = try WebTokenKey.pair(
                algorithm, publicKey, privateKey,
                open: { try P256.Signing.PublicKey(pemRepresentation: PublicKeyFile.key(in: $0)) },
                secret: { try P256.Signing.PrivateKey(pemRepresentation: $0) },
                publicPart: \.publicKey, bytes: { Array($0.rawRepresentation) })
            material = .p256(open, secret)
        case .es384:
            let (open, secret) = try WebTokenKey.pair(
                algorithm, publicKey, privateKey,
                open: { try P384.Signing.PublicKey(pemRepresentation: PublicKeyFile.key(in: $0)) },
                secret: { try P384.Signing.PrivateKey(pemRepresentation: $0) },
                publicPart: \.publicKey, bytes: { Array($0.rawRepresentation) })
            material = .p384(open, secret)
        case .es512:
            let (open, secret) = try WebTokenKey.pair(
                algorithm, publicKey, privateKey,
                open: { try P521.Signing.PublicKey(pemRepresentation: PublicKeyFile.key(in: $0)) },
                secret: { try P521.Signing.PrivateKey(pemRepresentation: $0) },
                publicPart: \.publicKey, bytes: { Array($0.rawRepresentation) })
            material = .p521(open, secret)
        case .edDSA:
            let (open, secret) = try WebTokenKey.pair(
                algorithm, publicKey, privateKey,
                open: {
                    try Curve25519.Signing.PublicKey(
                        rawRepresentation: Ed25519File.key(in: $0, after: Ed25519File.publicPrefix))
                },
                secret: {
                    try Curve25519.Signing.PrivateKey(
                        rawRepresentation: Ed25519File.key(in: $0, after: Ed25519File.privatePrefix)
                    )
                },
                publicPart: \.publicKey, bytes: { Array($0.rawRepresentation) })
            material = .ed25519(open, secret)
        }
    }

    private static func pair<Public, Private>(
        _ algorithm: WebTokenAlgorithm, _ publicKey: Bytes?, _ privateKey: Bytes?,
        open: (String) throws -> Public, secret: (String) throws -> Private,
        publicPart: (Private) -> Public, bytes: (Public) -> [UInt8]
    ) throws(WebTokenKeyError) -> (Public, Private?) {
        var hidden: Private?
        var shown: Public?
        if let privateKey {
            hidden = try? secret(privateKey.text)
            if hidden == nil {
                throw .unreadable(option: "priv-key", algorithm: algorithm.rawValue)
            }
        }
        if let publicKey {
            shown = try? open(publicKey.text)
            if shown == nil {
                throw .unreadable(option: "pub-key", algorithm: algorithm.rawValue)
            }
        }
        guard let hidden else {
            guard let shown else { throw .missingKey }
            return (shown, nil)
        }
        let own = publicPart(hidden)
        if let shown, bytes(shown) != bytes(own) { throw .keysDoNotMatch }
        return (own, hidden)
    }

    // MARK: use

    /// `nil` when this member has no key to sign with.
    func sign(_ text: [UInt8]) -> [UInt8]? {
        switch material {
        case .secret(let key): code(text, key)
        case .rsa(_, let key): key.flatMap { rsaSignature(text, $0) }
        case .p256(_, let key):
            key.flatMap { try? Array($0.signature(for: text).rawRepresentation) }
        case .p384(_, let key):
            key.flatMap { try? Array($0.signature(for: text).rawRepresentation) }
        case .p521(_, let key):
            key.flatMap { try? Array($0.signature(for: text).rawRepresentation) }
        case .ed25519(_, let key): key.flatMap { try? Array($0.signature(for: text)) }
        }
    }

    func verifies(_ signature: [UInt8], of text: [UInt8]) -> Bool {
        switch material {
        case .secret(let key): return isCode(signature, of: text, key)
        case .rsa(let key, _): return isRSASignature(signature, of: text, key)
        case .p256(let key, _):
            guard let signature = try? P256.Signing.ECDSASignature(rawRepresentation: signature)
            else { return false }
            return key.isValidSignature(signature, for: text)
        case .p384(let key, _):
            guard let signature = try? P384.Signing.ECDSASignature(rawRepresentation: signature)
            else { return false }
            return key.isValidSignature(signature, for: text)
        case .p521(let key, _):
            guard let signature = try? P521.Signing.ECDSASignature(rawRepresentation: signature)
            else { return false }
            return key.isValidSignature(signature, for: text)
        case .ed25519(let key, _): return key.isValidSignature(signature, for: text)
        }
    }

    private func code(_ text: [UInt8], _ key: SymmetricKey) -> [UInt8] {
        switch algorithm {
        case .hs384: Array(HMAC<SHA384>.authenticationCode(for: text, using: key))
        case .hs512: Array(HMAC<SHA512>.authenticationCode(for: text, using: key))
        default: Array(HMAC<SHA256>.authenticationCode(for: text, using: key))
        }
    }

    private func isCode(_ code: [UInt8], of text: [UInt8], _ key: SymmetricKey) -> Bool {
        switch algorithm {
        case .hs384: HMAC<SHA384>.isValidAuthenticationCode(code, authenticating: text, using: key)
        case .hs512: HMAC<SHA512>.isValidAuthenticationCode(code, authenticating: text, using: key)
        default: HMAC<SHA256>.isValidAuthenticationCode(code, authenticating: text, using: key)
        }
    }

    private var padding: _RSA.Signing.Padding {
        switch algorithm {
        case .ps256, .ps384, .ps512: .PSS
        default: .insecurePKCS1v1_5
        }
    }

    private func rsaSignature(_ text: [UInt8], _ key: _RSA.Signing.PrivateKey) -> [UInt8]? {
        let signature =
            switch algorithm {
            case .rs384, .ps384: try? key.signature(for: SHA384.hash(data: text), padding: padding)
            case .rs512, .ps512: try? key.signature(for: SHA512.hash(data: text), padding: padding)
            default: try? key.signature(for: SHA256.hash(data: text), padding: padding)
            }
        return signature.map { Array($0.rawRepresentation) }
    }

    private func isRSASignature(
        _ signature: [UInt8], of text: [UInt8], _ key: _RSA.Signing.PublicKey
    ) -> Bool {
        let signature = _RSA.Signing.RSASignature(rawRepresentation: signature)
        return switch algorithm {
        case .rs384, .ps384:
            key.isValidSignature(signature, for: SHA384.hash(data: text), padding: padding)
        case .rs512, .ps512:
            key.isValidSignature(signature, for: SHA512.hash(data: text), padding: padding)
        default: key.isValidSignature(signature, for: SHA256.hash(data: text), padding: padding)
        }
    }
}

/// PKCS #8 and SubjectPublicKeyInfo of Ed25519 (RFC 8410), which have one form each.
private enum Ed25519File {
    struct Unreadable: Error {}

    static let privatePrefix: [UInt8] = [
        0x30, 0x2E, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2B, 0x65, 0x70, 0x04, 0x22, 0x04,
        0x20,
    ]
    static let publicPrefix: [UInt8] = [
        0x30, 0x2A, 0x30, 0x05, 0x06, 0x03, 0x2B, 0x65, 0x70, 0x03, 0x21, 0x00,
    ]

    static func key(in pem: String, after prefix: [UInt8]) throws -> [UInt8] {
        let lines = pem.split { $0 == "\n" || $0 == "\r\n" || $0 == "\r" }
        guard let begin = lines.firstIndex(where: { $0.hasPrefix("-----BEGIN ") }),
            let end = lines[begin...].firstIndex(where: { $0.hasPrefix("-----END ") }),
            let der = ProtobufJSON.readBase64(Bytes(lines[(begin + 1)..<end].joined())),
            der.count == prefix.count + 32, der.prefix(prefix.count) == Bytes(prefix)
        else { throw Unreadable() }
        return der.dropFirst(prefix.count).array
    }
}
