//  What certificates and lists of revoked ones say, and whom they fit.

import Foundation
import NIOSSL
import SwiftASN1
import Testing
import X509

@testable import EtcdNet

@Suite("Certificates of the other side")
struct TLSCertificateTests {
    private func certificate(
        _ name: String = "alice", _ dnsNames: [String] = [], _ addresses: [[UInt8]] = []
    ) throws -> PeerCertificate {
        let leaf = try TestAuthority("ca").leaf(name, dnsNames: dnsNames, addresses: addresses)
        return try PeerCertificate(der: try PEMDocument(pemString: leaf.certificate).derBytes)
    }

    @Test("say who they are")
    func facts() throws {
        let shown = try certificate("alice", ["a.example", "*.b"], [[127, 0, 0, 1]])
        #expect(shown.commonName == "alice")
        #expect(shown.dnsNames == ["a.example", "*.b"])
        #expect(shown.addressTexts == ["127.0.0.1"])
        #expect(shown.hasAlternativeNames && shown.suits == (true, true))
        #expect(try !certificate().hasAlternativeNames)
    }

    @Test(
        "fit a name or an address, or say why not in Go's words",
        arguments: [
            ("a.example", nil), ("A.Example", nil), ("x.b.example", nil), ("10.0.0.1", nil),
            ("::ffff:10.0.0.1", nil), ("2001:db8::1", nil),
            ("x.y.b.example", "x509: certificate is valid for a.example, *.b.example, not "),
            ("b.example", "x509: certificate is valid for a.example, *.b.example, not b.example"),
            (".b.example", "x509: certificate is valid for a.example"),
            ("10.0.0.2", "x509: certificate is valid for 10.0.0.1, 2001:db8::1, not 10.0.0.2"),
            ("", "x509: certificate is valid for a.example"),
        ] as [(String, String?)])
    func matching(host: String, refusal: String?) throws {
        let v6: [UInt8] = [0x20, 1, 0xD, 0xB8] + [UInt8](repeating: 0, count: 11) + [1]
        let shown = try certificate("x", ["a.example", "*.b.example"], [[10, 0, 0, 1], v6])
        if let refusal {
            #expect(try #require(shown.refusal(of: host)).hasPrefix(refusal))
        } else {
            #expect(shown.refusal(of: host) == nil)
        }
    }

    @Test("are bound to no place without names, and to an address without asking")
    func source() throws {
        func verdict(_ shown: PeerCertificate, _ source: String) -> SourceAddressCheck.Verdict {
            SourceAddressCheck(certificate: shown, source: source).verdict()
        }
        #expect(verdict(try certificate(), "10.0.0.1") == .passed)
        let bound = try certificate("x", [], [[10, 0, 0, 1]])
        #expect(verdict(bound, "10.0.0.1") == .passed)
        #expect(
            verdict(bound, "10.0.0.2")
                == .refused("x509: certificate is valid for 10.0.0.1, not 10.0.0.2"))
        #expect(verdict(try certificate("x", ["a"], [[10, 0, 0, 1]]), "10.0.0.2") == .undecided)
        #expect(verdict(try certificate("x", ["a"]), "10.0.0.2") == .undecided)
    }

    @Test("are compared with the addresses of their names")
    func lookUp() throws {
        let local = SourceAddressCheck(
            certificate: try certificate("x", ["localhost"]), source: "127.0.0.1")
        #expect(local.lookUp() == .passed)
        let away = SourceAddressCheck(
            certificate: try certificate("x", ["localhost"]), source: "192.0.2.1")
        guard case .refused(let reason) = away.lookUp() else {
            Issue.record("192.0.2.1 passes for localhost")
            return
        }
        #expect(
            reason.hasPrefix(
                "tls: \"192.0.2.1\" does not match any of DNSNames [\"localhost\"]"))
    }

    @Test("are remembered by what they are, and not without bound")
    func memo() throws {
        var memo = PeerCertificateMemo()
        for number in 0..<70 {
            let leaf = try TestAuthority("ca").leaf("client \(number)")
            let shown = try NIOSSLCertificate(bytes: Array(leaf.certificate.utf8), format: .pem)
            for _ in 0..<2 {
                #expect(try memo.certificate(shown).commonName == "client \(number)")
            }
            #expect(memo.count == (number < 64 ? number + 1 : number - 63))
        }
    }

    @Test("whatever is no certificate is an error")
    func malformed() {
        for bytes in [[], [0x30], [0x30, 0x80], [UInt8](repeating: 0x30, count: 500)] {
            #expect(throws: (any Error).self) { try PeerCertificate(der: bytes) }
        }
    }
}

@Suite("Lists of revoked certificates")
struct RevocationListTests {
    @Test("hold serial numbers, in DER or PEM, with or without a time of the next")
    func content() throws {
        for hasNextUpdate in [true, false] {
            let bytes = try TestAuthority.revocationList(
                [[0, 0xFF, 1], [7]], hasNextUpdate: hasNextUpdate)
            let pem = PEMDocument(type: "X509 CRL", derBytes: bytes).pemString
            for list in [try RevocationList(bytes), try RevocationList(Array(pem.utf8))] {
                #expect(list.contains([0xFF, 1]) && list.contains([0, 0, 7]))
                #expect(!list.contains([1]) && !list.contains([]))
            }
            let empty = try TestAuthority.revocationList([], hasNextUpdate: hasNextUpdate)
            #expect(try !RevocationList(empty).contains([7]))
        }
    }

    @Test("that are none are errors, never a crash")
    func malformed() throws {
        let whole = try TestAuthority.revocationList([[1], [2], [3]])
        for count in whole.indices {
            #expect(throws: TLSError.self) { try RevocationList(Array(whole[..<count])) }
        }
        var random = SystemRandomNumberGenerator()
        for _ in 0..<2_000 {
            var bytes = whole
            for _ in 0..<3 {
                bytes[Int.random(in: bytes.indices, using: &random)] = UInt8.random(
                    in: 0...255, using: &random)
            }
            _ = try? RevocationList(bytes)
        }
    }
}

@Suite("Generated certificates")
struct SelfSignedCertificateTests {
    @Test("are etcd's: P-521, for servers, of the hosts given, once each")
    func content() throws {
        let end = Date.now + 86_400
        let made = try SelfSignedCertificate(
            hosts: ["localhost", "127.0.0.1", "::1", "localhost"], notBefore: .now, notAfter: end)
        let parsed = try Certificate(pemEncoded: made.certificate)
        #expect(parsed.subject == parsed.issuer && "\(parsed.subject)" == "O=etcd")
        #expect(parsed.signatureAlgorithm == .ecdsaWithSHA512)
        #expect(abs(parsed.notValidAfter.timeIntervalSince(end)) < 2)
        let names = try #require(try parsed.extensions.subjectAlternativeNames)
        #expect(names.count == 3)
        #expect(try parsed.extensions.extendedKeyUsage == ExtendedKeyUsage([.serverAuth]))
        #expect(parsed.publicKey.isValidSignature(parsed.signature, for: parsed))
        #expect(made.key.hasPrefix("-----BEGIN EC PRIVATE KEY-----"))
    }

    @Test("can be served")
    func serves() throws {
        let directory = try TestDirectory()
        let made = try SelfSignedCertificate(
            hosts: ["a"], notBefore: .now, notAfter: .now + 60)
        var options = TLSOptions()
        options.certificateFile = try directory.write("c", made.certificate)
        options.keyFile = try directory.write("k", made.key)
        _ = try TLSContext(options).server()
    }
}
