//  Whether a client's certificate is one for the address that it comes from. etcd asks that of
//  members: a certificate taken from one machine is worth nothing on another.

import Glibc

struct SourceAddressCheck: Sendable {
    enum Verdict: Sendable, Hashable {
        case passed
        case refused(String)
        /// `lookUp` has to say, which waits for a name server.
        case undecided
    }

    let certificate: PeerCertificate
    /// The address without a port.
    let source: String

    /// What can be told without asking anybody. A certificate without names is bound to no place.
    func verdict() -> Verdict {
        guard certificate.hasAlternativeNames else { return .passed }
        if !certificate.addresses.isEmpty {
            guard let refusal = certificate.refusal(of: source) else { return .passed }
            if certificate.dnsNames.isEmpty { return .refused(refusal) }
        }
        return .undecided
    }

    /// Asks for the names of the address, then for the addresses of the names. Blocks.
    func lookUp() -> Verdict {
        let names = certificate.dnsNames.filter { !$0.hasPrefix("*.") }
        let suffixes = certificate.dnsNames.filter { $0.hasPrefix("*.") }.map { $0.dropFirst() }
        if let name = Self.name(of: source),
            names.contains(name) || suffixes.contains(where: { name.hasSuffix($0) })
        {
            return .passed
        }
        var reason = ""
        for name in names {
            let found = Self.addresses(of: name)
            if found.contains(source) { return .passed }
            if found.isEmpty { reason = " (lookup \(name): no such host)" }
        }
        let list = certificate.dnsNames.map { "\"\($0)\"" }.joined(separator: " ")
        return .refused("tls: \"\(source)\" does not match any of DNSNames [\(list)]\(reason)")
    }

    private static func name(of address: String) -> String? {
        var hints = addrinfo()
        hints.ai_flags = AI_NUMERICHOST
        var found: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(address, nil, &hints, &found) == 0, let found else { return nil }
        defer { freeaddrinfo(found) }
        var buffer = [CChar](repeating: 0, count: Int(NI_MAXHOST))
        guard
            getnameinfo(
                found.pointee.ai_addr, found.pointee.ai_addrlen, &buffer, socklen_t(buffer.count),
                nil, 0, NI_NAMEREQD) == 0
        else { return nil }
        let name = String(
            decoding: buffer.prefix { $0 != 0 }.map { UInt8(truncatingIfNeeded: $0) }, as: UTF8.self
        )
        return name.hasSuffix(".") ? String(name.dropLast()) : name
    }

    private static func addresses(of name: String) -> Set<String> {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(name, nil, &hints, &list) == 0 else { return [] }
        defer { freeaddrinfo(list) }
        var addresses: Set<String> = []
        var next = list
        while let entry = next {
            var buffer = [CChar](repeating: 0, count: Int(NI_MAXHOST))
            if getnameinfo(
                entry.pointee.ai_addr, entry.pointee.ai_addrlen, &buffer,
                socklen_t(buffer.count), nil, 0, NI_NUMERICHOST) == 0
            {
                addresses.insert(
                    String(
                        decoding: buffer.prefix { $0 != 0 }.map { UInt8(truncatingIfNeeded: $0) },
                        as: UTF8.self))
            }
            next = entry.pointee.ai_next
        }
        return addresses
    }
}
