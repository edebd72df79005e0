//  Certificates that nobody vouches for: those of --auto-tls and --peer-auto-tls.

import Crypto
package import FoundationEssentials
import SwiftASN1
import X509

package struct SelfSignedCertificate: Sendable {
    /// PEM.
    package let certificate: String
    /// PEM, in the form of SEC 1.
    package let key: String

    /// As etcd makes them: P-521, for servers, of the organization "etcd".
    ///
    /// - Parameter hosts: names and addresses that the certificate is valid for.
    package init(hosts: [String], notBefore: Date, notAfter: Date) throws {
        let key = P521.Signing.PrivateKey()
        let subject = try DistinguishedName { OrganizationName("etcd") }
        var names: [GeneralName] = []
        for host in hosts {
            let name: GeneralName =
                if let address = IPText.bytes(host) {
                    .ipAddress(ASN1OctetString(contentBytes: address[...]))
                } else {
                    .dnsName(host)
                }
            if !names.contains(name) { names.append(name) }
        }
        let made = try Certificate(
            version: .v3, serialNumber: Certificate.SerialNumber(),
            publicKey: Certificate.PublicKey(key.publicKey), notValidBefore: notBefore,
            notValidAfter: notAfter, issuer: subject, subject: subject,
            signatureAlgorithm: .ecdsaWithSHA512,
            extensions: Certificate.Extensions {
                Critical(KeyUsage(digitalSignature: true, keyEncipherment: true))
                try ExtendedKeyUsage([.serverAuth])
                Critical(BasicConstraints.notCertificateAuthority)
                SubjectAlternativeNames(names)
            }, issuerPrivateKey: Certificate.PrivateKey(key))
        certificate = try made.serializeAsPEM().pemString + "\n"
        self.key = try Self.pem(of: key)
    }

    private static func pem(of key: P521.Signing.PrivateKey) throws -> String {
        let secp521r1: ASN1ObjectIdentifier = [1, 3, 132, 0, 35]
        var serializer = DER.Serializer()
        try serializer.appendConstructedNode(identifier: .sequence) { fields in
            try fields.serialize(1)
            try fields.serialize(
                ASN1OctetString(contentBytes: Array(key.rawRepresentation)[...]))
            try fields.serialize(
                explicitlyTaggedWithTagNumber: 0, tagClass: .contextSpecific
            ) { try $0.serialize(secp521r1) }
            try fields.serialize(
                explicitlyTaggedWithTagNumber: 1, tagClass: .contextSpecific
            ) {
                try $0.serialize(
                    ASN1BitString(bytes: Array(key.publicKey.x963Representation)[...]))
            }
        }
        return PEMDocument(type: "EC PRIVATE KEY", derBytes: serializer.serializedBytes).pemString
            + "\n"
    }
}
