//  Authorities and certificates in a directory of their own, for the tests of TLS.

import Crypto
import Foundation
import SwiftASN1
import X509

@testable import EtcdNet

/// Signs certificates, and lists those it has revoked.
struct TestAuthority {
    let key = P256.Signing.PrivateKey()
    let certificate: Certificate

    init(_ name: String) throws {
        let subject = try DistinguishedName { CommonName(name) }
        certificate = try Certificate(
            version: .v3, serialNumber: Certificate.SerialNumber(),
            publicKey: .init(key.publicKey), notValidBefore: .now - 60,
            notValidAfter: .now + 86_400, issuer: subject, subject: subject,
            signatureAlgorithm: .ecdsaWithSHA256,
            extensions: Certificate.Extensions {
                Critical(BasicConstraints.isCertificateAuthority(maxPathLength: nil))
                Critical(KeyUsage(keyCertSign: true, cRLSign: true))
            }, issuerPrivateKey: .init(key))
    }

    struct Leaf {
        let certificate: String
        let key: String
        let serial: [UInt8]
    }

    func leaf(
        _ commonName: String, dnsNames: [String] = [], addresses: [[UInt8]] = [],
        age: TimeInterval = 60, life: TimeInterval = 86_400
    ) throws -> Leaf {
        let key = P256.Signing.PrivateKey()
        let names: [GeneralName] =
            dnsNames.map { .dnsName($0) }
            + addresses.map { .ipAddress(ASN1OctetString(contentBytes: $0[...])) }
        let made = try Certificate(
            version: .v3, serialNumber: Certificate.SerialNumber(),
            publicKey: .init(key.publicKey), notValidBefore: .now - age,
            notValidAfter: .now - age + life, issuer: certificate.subject,
            subject: try DistinguishedName { CommonName(commonName) },
            signatureAlgorithm: .ecdsaWithSHA256,
            extensions: Certificate.Extensions {
                Critical(BasicConstraints.notCertificateAuthority)
                try ExtendedKeyUsage([.serverAuth, .clientAuth])
                if !names.isEmpty { SubjectAlternativeNames(names) }
            }, issuerPrivateKey: .init(self.key))
        return Leaf(
            certificate: try made.serializeAsPEM().pemString, key: key.pemRepresentation,
            serial: Array(made.serialNumber.bytes))
    }

    func pem() throws -> String { try certificate.serializeAsPEM().pemString }

    /// A list with these serial numbers; its signature is nonsense, which nobody looks at.
    static func revocationList(_ serials: [[UInt8]], hasNextUpdate: Bool = true) throws -> [UInt8] {
        let algorithm: ASN1ObjectIdentifier = [1, 2, 840, 10045, 4, 3, 2]
        let time = UTCTimeNode()
        var list = DER.Serializer()
        try list.appendConstructedNode(identifier: .sequence) { list in
            try list.appendConstructedNode(identifier: .sequence) { fields in
                try fields.serialize(1)
                try fields.appendConstructedNode(identifier: .sequence) {
                    try $0.serialize(algorithm)
                }
                fields.appendConstructedNode(identifier: .sequence) { _ in }
                try fields.serialize(time.value)
                if hasNextUpdate { try fields.serialize(time.value) }
                if !serials.isEmpty {
                    try fields.appendConstructedNode(identifier: .sequence) { entries in
                        for serial in serials {
                            try entries.appendConstructedNode(identifier: .sequence) { entry in
                                entry.appendPrimitiveNode(identifier: .integer) {
                                    $0.append(contentsOf: serial)
                                }
                                try entry.serialize(time.value)
                            }
                        }
                    }
                }
            }
            try list.appendConstructedNode(identifier: .sequence) { try $0.serialize(algorithm) }
            try list.serialize(ASN1BitString(bytes: [0, 1][...]))
        }
        return list.serializedBytes
    }

    private struct UTCTimeNode {
        let value: UTCTime

        init() {
            do {
                value = try UTCTime(
                    year: 2026, month: 1, day: 2, hours: 3, minutes: 4, seconds: 5)
            } catch {
                preconditionFailure("\(error)")
            }
        }
    }
}

/// A directory that is removed with this object.
final class TestDirectory {
    let path: String

    init() throws {
        path = NSTemporaryDirectory() + "etcd-tls-" + UUID().uuidString
        try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// Puts a whole new file in the place of one that may be there.
    @discardableResult
    func write(_ name: String, _ bytes: some Collection<UInt8>) throws -> String {
        let file = "\(path)/\(name)"
        try Data(bytes).write(to: URL(fileURLWithPath: file), options: .atomic)
        return file
    }

    @discardableResult
    func write(_ name: String, _ text: String) throws -> String { try write(name, text.utf8) }

    /// Options with files of this directory.
    func options(_ leaf: TestAuthority.Leaf, authority: TestAuthority? = nil) throws -> TLSOptions {
        var options = TLSOptions()
        options.certificateFile = try write("cert.pem", leaf.certificate)
        options.keyFile = try write("key.pem", leaf.key)
        if let authority { options.trustedCAFile = try write("ca.pem", try authority.pem()) }
        return options
    }
}
