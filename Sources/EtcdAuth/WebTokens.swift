//  JSON Web Tokens (RFC 7519) as etcd makes them: claims `exp`, `revision` and `username`, signed
//  with a key that all members share, so that each can check a token by itself.

import Crypto
import Protobuf
package import RuntimeCore
import Synchronization

package final class WebTokens: Sendable {
    /// Tokens whose signature has been checked, so that a client's requests cost one check in all.
    private static let knownMax = 1_024
    /// Longer ones are none of ours, and would only cost time.
    private static let bytesMax = 64 << 10

    private struct Claims: Sendable {
        let info: AuthInfo
        /// Unix seconds; the token is valid up to and including `expires`.
        let expires: Double?
        let notBefore: Double
    }

    private let key: WebTokenKey
    private let ttlSeconds: Int64
    private let known = Mutex<[SHA256.Digest: Claims]>([:])

    package init(key: WebTokenKey, ttlSeconds: Int64) {
        self.key = key
        self.ttlSeconds = ttlSeconds
    }

    /// A token for `info`, valid from `now` on for the time that was set.
    package func make(_ info: AuthInfo, now: WallTime) throws(AuthError) -> String {
        let expires = now.unixNanoseconds / 1_000_000_000 + ttlSeconds
        var claims: [UInt8] = Array("{\"exp\":\(expires),\"revision\":\(info.revision)".utf8)
        claims += Array(",\"username\":".utf8)
        JSONValue.writeString(Bytes(info.username), into: &claims)
        claims.append(UInt8(ascii: "}"))
        let header = Array("{\"alg\":\"\(key.algorithm.rawValue)\",\"typ\":\"JWT\"}".utf8)
        let signed = Base64URL.text(header) + "." + Base64URL.text(claims)
        guard let signature = key.sign(Array(signed.utf8)) else { throw .verifyOnly }
        return signed + "." + Base64URL.text(signature)
    }

    /// Who a token speaks for; `nil` when it is not signed by the common key, not yet or no longer
    /// valid, or lacks a claim.
    package func info(of token: String, now: WallTime) -> AuthInfo? {
        guard token.utf8.count <= WebTokens.bytesMax else { return nil }
        let digest = SHA256.hash(data: Array(token.utf8))
        let claims: Claims
        if let seen = known.withLock({ $0[digest] }) {
            claims = seen
        } else {
            guard let checked = check(token) else { return nil }
            claims = checked
            known.withLock { known in
                // The rest is checked anew when it is used.
                if known.count >= WebTokens.knownMax { known.removeAll() }
                known[digest] = checked
            }
        }
        let seconds = Double(now.unixNanoseconds / 1_000_000_000)
        guard claims.expires.map({ seconds <= $0 }) ?? true, seconds >= claims.notBefore else {
            return nil
        }
        return claims.info
    }

    private func check(_ token: String) -> Claims? {
        let parts = token.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 3,
            let header = json(Bytes(Array(parts[0]))),
            // Whoever chose the algorithm by the token would let its sender choose.
            header["alg"]?.text == key.algorithm.rawValue,
            let signature = Base64URL.bytes(Bytes(Array(parts[2]))),
            key.verifies(
                signature.array,
                of: Array(parts[0]) + [UInt8(ascii: ".")] + Array(parts[1])),
            let claims = json(Bytes(Array(parts[1]))),
            let name = claims["username"]?.text,
            let revision = claims["revision"]?.double, revision >= 0, revision < 0x1p63,
            // A time that cannot be understood must not count as none.
            ["exp", "nbf", "iat"].allSatisfy({ claims[$0].map { $0.double != nil } ?? true })
        else { return nil }
        return Claims(
            info: AuthInfo(username: name, revision: UInt64(revision)),
            expires: claims["exp"]?.double,
            notBefore: max(claims["nbf"]?.double ?? 0, claims["iat"]?.double ?? 0))
    }

    private func json(_ text: Bytes) -> JSONValue? {
        Base64URL.bytes(text).flatMap { try? JSONValue.parse($0) }
    }
}

extension JSONValue {
    fileprivate var double: Double? {
        guard case .number(let text) = self else { return nil }
        return Double(text)
    }
}

/// RFC 4648 section 5, without padding.
private enum Base64URL {
    static func text(_ bytes: [UInt8]) -> String {
        var quoted: [UInt8] = []
        ProtobufJSON.writeBase64(Bytes(bytes), into: &quoted)
        let digits = quoted.dropFirst().dropLast().compactMap { digit -> UInt8? in
            switch digit {
            case UInt8(ascii: "+"): UInt8(ascii: "-")
            case UInt8(ascii: "/"): UInt8(ascii: "_")
            case UInt8(ascii: "="): nil
            default: digit
            }
        }
        return String(decoding: digits, as: UTF8.self)
    }

    static func bytes(_ text: Bytes) -> Bytes? {
        text.array.contains { $0 == 0x0A || $0 == 0x0D } ? nil : ProtobufJSON.readBase64(text)
    }
}
