//  SRV records, asked for from the system's name servers.

import CResolver
import NIOPosix

/// One record of a service.
package struct ServiceRecord: Sendable, Hashable {
    package let priority: Int
    package let weight: Int
    package let port: UInt16
    /// Without the dot at its end.
    package let target: String

    package init(priority: Int, weight: Int, port: UInt16, target: String) {
        self.priority = priority
        self.weight = weight
        self.port = port
        self.target = target
    }
}

package enum ServiceRecords {
    private static let answerBytesMax = 64 << 10

    /// The records of `_service._tcp.domain`, most wanted first. Asked for on a thread of the pool;
    /// the time limits are those of /etc/resolv.conf.
    ///
    /// - Parameter service: without its underscore.
    package static func lookUp(_ service: String, domain: String) async throws(DiscoveryError)
        -> [ServiceRecord]
    {
        do {
            return try await NIOThreadPool.singleton.runIfActive { try ask(service, domain) }
        } catch {
            throw error as? DiscoveryError ?? DiscoveryError("\(error)")
        }
    }

    private static func ask(_ service: String, _ domain: String) throws(DiscoveryError)
        -> [ServiceRecord]
    {
        let name = "_\(service)._tcp.\(domain)"
        var answer = [UInt8](repeating: 0, count: answerBytesMax)
        var failure: Int32 = 0
        var server = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        let length = resolver_ask(
            name, Int32(ns_t_srv.rawValue), &answer, Int32(answer.count), &failure, &server)
        if length < 0 {
            let place = server.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
            let asked = place.isEmpty ? "" : " on \(String(decoding: place, as: UTF8.self)):53"
            throw DiscoveryError("lookup \(name)\(asked): \(reason(failure))")
        }
        let records = parse(Array(answer.prefix(Int(length))))
        if records.isEmpty { throw DiscoveryError("lookup \(name): no such host") }
        return records
    }

    /// Go's words.
    private static func reason(_ failure: Int32) -> String {
        switch failure {
        case HOST_NOT_FOUND, NO_DATA: "no such host"
        case TRY_AGAIN: "server misbehaving, or no answer in time"
        default: "server misbehaving"
        }
    }

    /// The SRV records of a name server's answer, ordered by priority, then by weight. What cannot
    /// be read is left out.
    package static func parse(_ answer: [UInt8]) -> [ServiceRecord] {
        var records: [ServiceRecord] = []
        var target = [CChar](repeating: 0, count: Int(NS_MAXDNAME))
        for number in 0..<Int32(UInt16.max) {
            var (priority, weight, port): (Int32, Int32, Int32) = (0, 0, 0)
            let kind = resolver_srv(
                answer, Int32(answer.count), number, &priority, &weight, &port, &target)
            if kind < 0 { break }
            if kind == 0 { continue }
            var name = String(
                decoding: target.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            if name.hasSuffix(".") { name.removeLast() }
            records.append(
                ServiceRecord(
                    priority: Int(priority), weight: Int(weight),
                    port: UInt16(truncatingIfNeeded: port), target: name))
        }
        return records.sorted { ($0.priority, -$0.weight) < ($1.priority, -$1.weight) }
    }
}
