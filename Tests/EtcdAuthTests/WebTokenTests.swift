//  JSON Web Tokens: every algorithm, what is refused, and which keys.

import Crypto
import EtcdAuth
import RuntimeCore
import Testing

private let keyPairs: [(WebTokenAlgorithm, String, String)] = [
    (.rs256, TokenKeys.rsa, TokenKeys.rsaPublic), (.rs384, TokenKeys.rsa, TokenKeys.rsaPublic),
    (.rs512, TokenKeys.rsa, TokenKeys.rsaPublic), (.ps256, TokenKeys.rsa, TokenKeys.rsaPublic),
    (.ps384, TokenKeys.rsa, TokenKeys.rsaPublic), (.ps512, TokenKeys.rsa, TokenKeys.rsaPublic),
    (.es256, TokenKeys.es256, TokenKeys.es256Public),
    (.es384, TokenKeys.es384, TokenKeys.es384Public),
    (.es512, TokenKeys.es512, TokenKeys.es512Public),
    (.edDSA, TokenKeys.ed25519, TokenKeys.ed25519Public),
]

@Suite("Signed tokens")
struct WebTokenTests {
    private static let info = AuthInfo(username: "al\"ice", revision: 42)
    private static func at(_ seconds: Int64) -> WallTime {
        WallTime(unixNanoseconds: (1_700_000_000 + seconds) * 1_000_000_000)
    }

    private static func tokens(
        _ algorithm: WebTokenAlgorithm, _ privateKey: String?, _ publicKey: String? = nil
    ) throws -> WebTokens {
        WebTokens(
            key: try WebTokenKey(
                algorithm, publicKey: publicKey.map { Bytes($0) },
                privateKey: privateKey.map { Bytes($0) }), ttlSeconds: 300)
    }

    @Test("are understood by whoever has the public key", arguments: keyPairs)
    func everyAlgorithm(algorithm: WebTokenAlgorithm, secret: String, open: String) throws {
        let token = try Self.tokens(algorithm, secret, open).make(Self.info, now: Self.at(0))
        let verifier = try Self.tokens(algorithm, nil, open)
        #expect(verifier.info(of: token, now: Self.at(0)) == Self.info)
        // Known by now, and still only for its time.
        #expect(verifier.info(of: token, now: Self.at(300)) == Self.info)
        #expect(verifier.info(of: token, now: Self.at(301)) == nil)
        #expect(throws: AuthError.verifyOnly) {
            _ = try verifier.make(Self.info, now: Self.at(0))
        }
    }

    @Test(
        "the public key may come in a certificate",
        arguments: [
            (WebTokenAlgorithm.rs256, TokenKeys.rsa, TokenKeys.rsaCertificate),
            (.ps512, TokenKeys.rsa, TokenKeys.rsaCertificate),
            (.es256, TokenKeys.es256, TokenKeys.es256Certificate),
        ])
    func certificates(algorithm: WebTokenAlgorithm, secret: String, certificate: String) throws {
        let token = try Self.tokens(algorithm, secret, certificate).make(
            Self.info, now: Self.at(0))
        let verifier = try Self.tokens(algorithm, nil, certificate)
        #expect(verifier.info(of: token, now: Self.at(0)) == Self.info)
        let cut = String(certificate.prefix(certificate.count / 2))
        for bad in [cut, certificate.replacing("MII", with: "MIJ")] {
            #expect(
                throws: WebTokenKeyError.unreadable(
                    option: "pub-key", algorithm: algorithm.rawValue)
            ) { _ = try Self.tokens(algorithm, nil, bad) }
        }
    }

    @Test("of a common secret", arguments: [WebTokenAlgorithm.hs256, .hs384, .hs512])
    func secrets(_ algorithm: WebTokenAlgorithm) throws {
        let token = try Self.tokens(algorithm, "secret").make(Self.info, now: Self.at(0))
        #expect(try Self.tokens(algorithm, "secret").info(of: token, now: Self.at(1)) == Self.info)
        #expect(try Self.tokens(algorithm, "other").info(of: token, now: Self.at(1)) == nil)
        #expect(throws: WebTokenKeyError.missingKey) { _ = try Self.tokens(algorithm, nil, "x") }
    }

    @Test("one of another library with the same secret is accepted")
    func foreign() throws {
        // Made by Python's hmac over {"alg":"HS256","typ":"JWT"} and
        // {"exp":1700000100,"revision":7,"username":"root"}, secret "secret".
        let token =
            "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9."
            + "eyJleHAiOjE3MDAwMDAxMDAsInJldmlzaW9uIjo3LCJ1c2VybmFtZSI6InJvb3QifQ."
            + "c000I7Sk0yXjx_hj-CaghBSZId0qMgGWQ6bXVjy0ilc"
        let info = try Self.tokens(.hs256, "secret").info(of: token, now: Self.at(0))
        #expect(info == AuthInfo(username: "root", revision: 7))
    }

    @Test(
        "a time that is no number is not taken for none",
        arguments: [
            (#""exp":1700000100"#, true), (#""nbf":1700000000,"iat":1700000000"#, true),
            (#""exp":"1700000100""#, false), (#""exp":null"#, false), (#""exp":{}"#, false),
            (#""nbf":"0""#, false), (#""iat":true"#, false),
        ])
    func times(claims: String, isTaken: Bool) throws {
        let key = try WebTokenKey(.hs256, publicKey: nil, privateKey: Bytes("secret"))
        let head = #"{"alg":"HS256","typ":"JWT"}"#
        let body = #"{"revision":7,"username":"root",\#(claims)}"#
        let unsigned = "\(Self.base64URL(head)).\(Self.base64URL(body))"
        let mac = HMAC<SHA256>.authenticationCode(
            for: Array(unsigned.utf8), using: SymmetricKey(data: Array("secret".utf8)))
        let token = "\(unsigned).\(Self.base64URL(Array(mac)))"
        let info = WebTokens(key: key, ttlSeconds: 300).info(of: token, now: Self.at(1))
        #expect((info == AuthInfo(username: "root", revision: 7)) == isTaken)
    }

    private static func base64URL(_ text: String) -> String { base64URL(Array(text.utf8)) }

    private static func base64URL(_ bytes: [UInt8]) -> String {
        let digits = Array(
            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)
        var text: [UInt8] = []
        var (held, count) = (0, 0)
        for byte in bytes {
            held = held << 8 | Int(byte)
            count += 8
            while count >= 6 {
                count -= 6
                text.append(digits[held >> count & 63])
            }
        }
        if count > 0 { text.append(digits[held << (6 - count) & 63]) }
        return String(decoding: text, as: UTF8.self)
    }

    @Test("that were tampered with are refused")
    func tampering() throws {
        let tokens = try Self.tokens(.hs256, "secret")
        let token = try tokens.make(Self.info, now: Self.at(0))
        let parts = token.split(separator: ".").map(String.init)
        let none = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0"
        let bad = [
            "", ".", "..", "a.b.c", parts[0] + "." + parts[1], token + "A", token + ".x",
            none + "." + parts[1] + ".", none + "." + parts[1] + "." + parts[2],
            parts[1] + "." + parts[0] + "." + parts[2],
            parts[0] + "." + parts[1].dropLast() + "." + parts[2],
            String(repeating: "a", count: 100_000),
        ]
        for each in bad {
            #expect(tokens.info(of: each, now: Self.at(0)) == nil, "\(each.prefix(60))")
        }
        // A public key must not serve as a secret: the algorithm is the member's choice.
        let signer = try Self.tokens(.hs256, TokenKeys.rsaPublic)
        let forged = try signer.make(Self.info, now: Self.at(0))
        let verifier = try Self.tokens(.rs256, nil, TokenKeys.rsaPublic)
        #expect(verifier.info(of: forged, now: Self.at(0)) == nil)
    }

    @Test("need keys that can be read, of the right kind, and that belong together")
    func keys() {
        #expect(throws: WebTokenKeyError.missingKey) { _ = try Self.tokens(.rs256, nil) }
        #expect(throws: WebTokenKeyError.keysDoNotMatch) {
            _ = try Self.tokens(.rs256, TokenKeys.rsa, TokenKeys.otherRSAPublic)
        }
        #expect(throws: WebTokenKeyError.unreadable(option: "priv-key", algorithm: "ES256")) {
            _ = try Self.tokens(.es256, TokenKeys.rsa)
        }
        #expect(throws: WebTokenKeyError.unreadable(option: "pub-key", algorithm: "RS256")) {
            _ = try Self.tokens(.rs256, nil, "no key")
        }
        #expect(throws: WebTokenKeyError.unreadable(option: "priv-key", algorithm: "EdDSA")) {
            _ = try Self.tokens(.edDSA, TokenKeys.es256)
        }
    }
}
