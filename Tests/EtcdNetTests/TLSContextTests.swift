//  The files behind TLS: which can be used, and what becomes of those that change.

import NIOSSL
import Synchronization
import Testing

@testable import EtcdNet

@Suite("Files of TLS")
struct TLSContextTests {
    private func failure(_ options: TLSOptions) throws -> String {
        do throws(TLSError) {
            _ = try TLSContext(options)
        } catch {
            return error.description
        }
        Issue.record("no error")
        return ""
    }

    @Test("that do not fit are refused in etcd's words")
    func refusals() throws {
        let directory = try TestDirectory()
        let authority = try TestAuthority("ca")
        let good = try directory.options(try authority.leaf("a"), authority: authority)
        let other = try directory.write("other.pem", try authority.leaf("b").key)
        let junk = try directory.write("junk.pem", "-----BEGIN NOTHING-----\n")
        func changed(_ change: (inout TLSOptions) -> Void) throws -> String {
            var options = good
            change(&options)
            return try failure(options)
        }
        #expect(
            try changed { $0.keyFile = "" }
                == "KeyFile and CertFile must both be present[key: , "
                + "cert: \(good.certificateFile)]")
        #expect(
            try changed { $0.certificateFile = "/nix" }
                == "open /nix: no such file or directory")
        #expect(
            try changed { $0.keyFile = other }.hasPrefix(
                "tls: private key does not match public key"))
        #expect(
            try changed { $0.certificateFile = junk }.hasPrefix(
                "tls: failed to find any PEM data in certificate input"))
        #expect(
            try changed { $0.keyFile = junk }.hasPrefix(
                "tls: failed to find any PEM data in key input"))
        #expect(try changed { $0.trustedCAFile = junk }.contains(junk))
        #expect(try changed { $0.clientKeyFile = other }.contains("must both be present"))
    }

    @Test("that are exchanged are read again; broken ones are reported once and change nothing")
    func rotation() throws {
        let directory = try TestDirectory()
        let authority = try TestAuthority("ca")
        let options = try directory.options(try authority.leaf("a"))
        let notices = Mutex<[String]>([])
        let context = try TLSContext(options) { notice in
            let text =
                switch notice {
                case .reloaded: "reloaded"
                case .failed(let error, _): error.description
                }
            notices.withLock { $0.append(text) }
        }
        let first = try context.server()
        #expect(try context.server() === first)
        let next = try authority.leaf("b")
        try directory.write("cert.pem", next.certificate)
        for _ in 0..<3 { #expect(try context.server() === first) }
        #expect(notices.withLock { $0.count } == 1)
        #expect(notices.withLock { $0[0] }.hasPrefix("tls: private key does not match"))
        try directory.write("key.pem", next.key)
        #expect(try context.server() !== first)
        #expect(notices.withLock { $0.last } == "reloaded")
        let second = try context.server()
        context.reload()
        #expect(try context.server() !== second)
        try directory.write("cert.pem", "")
        #expect(throws: Never.self) { try context.server() }
    }

    @Test("with revoked certificates are read again too; before the first nobody comes in")
    func revocation() throws {
        let directory = try TestDirectory()
        let authority = try TestAuthority("ca")
        let leaf = try authority.leaf("x")
        var options = try directory.options(leaf, authority: authority)
        options.revocationFile = "\(directory.path)/list"
        let context = try TLSContext(options)
        let shown = try PeerCertificate(
            NIOSSLCertificate(bytes: Array(leaf.certificate.utf8), format: .pem))
        let missing = try #require(context.refusal(ofClient: shown))
        #expect(missing == "open \(directory.path)/list: no such file or directory")
        try directory.write("list", try TestAuthority.revocationList([[9]]))
        _ = try context.server()
        #expect(context.refusal(ofClient: shown) == nil)
        try directory.write("list", try TestAuthority.revocationList([[9], leaf.serial]))
        _ = try context.server()
        let revoked = try #require(context.refusal(ofClient: shown))
        #expect(revoked.hasPrefix("transport: certificate serial "))
        #expect(revoked.hasSuffix(" revoked"))
        try directory.write("list", "junk")
        _ = try context.server()
        #expect(context.refusal(ofClient: shown) == revoked)
    }

    @Test(
        "every cipher suite that settings allow is one of the library's",
        arguments: [
            "TLS_RSA_WITH_AES_128_CBC_SHA", "TLS_RSA_WITH_AES_256_CBC_SHA",
            "TLS_RSA_WITH_AES_128_GCM_SHA256", "TLS_RSA_WITH_AES_256_GCM_SHA384",
            "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA", "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
            "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
            "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
            "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
            "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
            "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
        ])
    func suites(name: String) throws {
        let directory = try TestDirectory()
        var options = try directory.options(try TestAuthority("ca").leaf("a"))
        options.cipherSuites = [name]
        _ = try TLSContext(options).server()
    }

    @Test("lists of names let in whom they name")
    func names() throws {
        let directory = try TestDirectory()
        let authority = try TestAuthority("ca")
        let leaf = try authority.leaf("alice", dnsNames: ["a.example"])
        let shown = try PeerCertificate(
            NIOSSLCertificate(bytes: Array(leaf.certificate.utf8), format: .pem))
        func admits(_ commonNames: [String], _ hostNames: [String]) throws -> Bool {
            var options = try directory.options(leaf, authority: authority)
            options.allowedCommonNames = commonNames
            options.allowedHostNames = hostNames
            return try TLSContext(options).refusal(ofClient: shown) == nil
        }
        #expect(try admits([], []) && admits(["bob", "alice"], []) && admits([], ["a.example"]))
        #expect(try !admits(["bob"], []) && !admits([], ["b.example"]) && !admits(["Alice"], []))
    }

    @Test("a side without certificate serves nobody, but can dial")
    func empty() throws {
        let context = try TLSContext(TLSOptions())
        #expect(throws: TLSError.self) { try context.server() }
        _ = try context.clientHandler(for: "a.example")
    }
}
