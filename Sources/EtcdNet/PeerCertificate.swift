//  The certificate that the other side of a connection has shown, as far as rules and logs need it.

import Glibc
import NIOSSL
import SwiftASN1
import X509

struct PeerCertificate: Sendable {
    /// The last common name of the subject; empty when it has none.
    let commonName: String
    let dnsNames: [String]
    /// 4 or 16 bytes each.
    let addresses: [[UInt8]]
    /// Big-endian.
    let serial: [UInt8]
    /// Whether its usages, if it states any, allow it to be shown by a client, and by a server.
    let suits: (client: Bool, server: Bool)

    init(_ certificate: NIOSSLCertificate) throws(TLSError) {
        try self.init(der: Self.bytes(of: certificate))
    }

    init(der bytes: [UInt8]) throws(TLSError) {
        do {
            try self.init(parsing: bytes)
        } catch {
            throw Self.malformed(error)
        }
    }

    static func bytes(of certificate: NIOSSLCertificate) throws(TLSError) -> [UInt8] {
        do {
            return try certificate.toDERBytes()
        } catch {
            throw malformed(error)
        }
    }

    private static func malformed(_ error: any Error) -> TLSError {
        TLSError("x509: malformed certificate: \(error)")
    }

    private init(parsing der: [UInt8]) throws {
        let parsed = try Certificate(derEncoded: der)
        var name = ""
        for attribute in parsed.subject.lazy.flatMap({ $0 })
        where attribute.type == .RDNAttributeType.commonName {
            name = String(attribute.value) ?? "\(attribute.value)"
        }
        commonName = name
        serial = Array(parsed.serialNumber.bytes)
        let usages = try parsed.extensions.extendedKeyUsage
        let isFree = usages.map { $0.contains(.any) } ?? true
        suits = (
            isFree || usages?.contains(.clientAuth) == true,
            isFree || usages?.contains(.serverAuth) == true
        )
        var dnsNames: [String] = []
        var addresses: [[UInt8]] = []
        for name in try parsed.extensions.subjectAlternativeNames ?? SubjectAlternativeNames() {
            switch name {
            case .dnsName(let text): dnsNames.append(text)
            case .ipAddress(let bytes): addresses.append(Array(bytes.bytes))
            default: break
            }
        }
        self.dnsNames = dnsNames
        self.addresses = addresses
    }

    var addressTexts: [String] { addresses.map(IPText.text) }

    var hasAlternativeNames: Bool { !dnsNames.isEmpty || !addresses.isEmpty }

    /// `nil` when the certificate is valid for `host`, a name or an address; else Go's words.
    func refusal(of host: String) -> String? {
        if let address = IPText.bytes(host) {
            if addresses.contains(address) { return nil }
            if addresses.isEmpty {
                return "x509: cannot validate certificate for \(host) because it doesn't contain "
                    + "any IP SANs"
            }
            let valid = addressTexts.joined(separator: ", ")
            return "x509: certificate is valid for \(valid), not \(host)"
        }
        let wanted = host.lowercased()
        if dnsNames.contains(where: { Self.matches($0.lowercased(), wanted) }) { return nil }
        if dnsNames.isEmpty {
            return "x509: certificate is not valid for any names, but wanted to match \(host)"
        }
        return "x509: certificate is valid for \(dnsNames.joined(separator: ", ")), not \(host)"
    }

    /// A star stands for exactly one whole first label.
    private static func matches(_ pattern: String, _ host: String) -> Bool {
        guard pattern.hasPrefix("*.") else { return pattern == host && !host.isEmpty }
        guard let dot = host.firstIndex(of: "."), dot != host.startIndex else { return false }
        return host[dot...] == pattern.dropFirst()
    }
}

/// Addresses as certificates hold them.
enum IPText {
    /// 4 or 16 bytes; an IPv4 address in IPv6's clothes is IPv4. `nil` when `text` is no address.
    static func bytes(_ text: String) -> [UInt8]? {
        var v4 = [UInt8](repeating: 0, count: 4)
        if inet_pton(AF_INET, text, &v4) == 1 { return v4 }
        var v6 = [UInt8](repeating: 0, count: 16)
        let plain = text.split(separator: "%", maxSplits: 1).first.map(String.init) ?? text
        guard inet_pton(AF_INET6, plain, &v6) == 1 else { return nil }
        let isMapped = v6[..<10].allSatisfy { $0 == 0 } && v6[10] == 255 && v6[11] == 255
        return isMapped ? Array(v6[12...]) : v6
    }

    static func text(_ bytes: [UInt8]) -> String {
        guard bytes.count == 4 || bytes.count == 16 else {
            return "?" + bytes.map { String($0, radix: 16) }.joined()
        }
        var buffer = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        let family = bytes.count == 4 ? AF_INET : AF_INET6
        guard inet_ntop(family, bytes, &buffer, socklen_t(buffer.count)) != nil else { return "" }
        return String(
            decoding: buffer.prefix { $0 != 0 }.map { UInt8(truncatingIfNeeded: $0) }, as: UTF8.self
        )
    }
}
