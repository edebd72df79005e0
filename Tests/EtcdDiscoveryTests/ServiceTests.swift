//  SRV records: reading answers, and telling which member is which.

import EtcdConfig
import Logging
import Testing

@testable import EtcdDiscovery

@Suite("Clusters by DNS")
struct ServiceTests {
    /// A record of a domain and who it is.
    private static let hosts = [
        "m0.example": ["10.0.0.1"], "m1.example": ["10.0.0.2"], "m2.example": ["10.0.0.3"],
        "me": ["10.0.0.2", "fd00::2"],
    ]

    private func discovery(
        _ advertised: String, suffix: String = "", ssl: [ServiceRecord] = [],
        plain: [ServiceRecord] = []
    ) throws -> ServiceDiscovery {
        var discovery = ServiceDiscovery(
            domain: "example", suffix: suffix, name: "n1",
            advertised: try ConfigURL.list(advertised),
            resolve: { Self.hosts[$0] ?? [] }, logger: quiet)
        discovery.lookUp = { service, domain in
            let tail = suffix.isEmpty ? "" : "-\(suffix)"
            let found = service == "etcd-server-ssl\(tail)" ? ssl : plain
            return found.isEmpty
                ? .failure(DiscoveryError("lookup _\(service)._tcp.\(domain): no such host"))
                : .success(found)
        }
        return discovery
    }

    private func record(_ host: String, _ port: UInt16 = 2380) -> ServiceRecord {
        ServiceRecord(priority: 0, weight: 0, port: port, target: host)
    }

    private var three: [ServiceRecord] {
        [record("m0.example"), record("m1.example"), record("m2.example")]
    }

    @Test("the own record is found by its address; the others get numbers")
    func found() async throws {
        let plain = try await discovery("http://me:2380", plain: three).members()
        #expect(
            text(plain)
                == "0=http://m0.example:2380,n1=http://m1.example:2380,1=http://m2.example:2380")
        let secure = try await discovery(
            "https://10.0.0.1:2380", suffix: "blue", ssl: three
        ).members()
        #expect(
            text(secure)
                == "n1=https://m0.example:2380,0=https://m1.example:2380,1=https://m2.example:2380")
    }

    @Test("both services are merged; targets that have no address are passed by")
    func merged() async throws {
        let entries = try await discovery(
            "https://10.0.0.1:2380", ssl: [record("m0.example"), record("nowhere.example")],
            plain: [record("m1.example", 7001)]
        ).members()
        #expect(text(entries) == "n1=https://m0.example:2380,0=http://m1.example:7001")
    }

    @Test("who is no member needs no record")
    func observer() async throws {
        let entries = try await discovery("http://me:9", plain: three).members(withOwn: false)
        #expect(
            text(entries)
                == "0=http://m0.example:2380,1=http://m1.example:2380,2=http://m2.example:2380")
    }

    @Test("ends with etcd's words for what is wrong")
    func failures() async throws {
        let cases: [(ServiceDiscovery, String)] = [
            (
                try discovery("http://me:2380"),
                "error querying DNS SRV records for _etcd-server-ssl lookup "
                    + "_etcd-server-ssl._tcp.example: no such host; "
                    + "error querying DNS SRV records for _etcd-server lookup "
                    + "_etcd-server._tcp.example: no such host"
            ),
            (
                try discovery("http://me:2381", plain: three),
                "cannot find local etcd member \"n1\" in SRV records: none of "
            ),
            (
                try discovery("https://me:2380", plain: [record("m1.example")]),
                "error querying DNS SRV records for _etcd-server-ssl lookup "
                    + "_etcd-server-ssl._tcp.example: no such host; "
                    + "error querying DNS SRV records for _etcd-server bootstrap at "
                    + "http://m1.example:2380 from DNS for etcd-server has scheme mismatch with "
                    + "expected peer https://me:2380"
            ),
            (
                try discovery("http://me:2380", plain: [record("nowhere.example")]),
                "error querying DNS SRV records for _etcd-server-ssl lookup"
            ),
            (
                try discovery("http://me:2380,http://10.0.0.1:2380", plain: [record("m1.example")]),
                "the SRV records have http://m1.example:2380 for this member, but "
            ),
        ]
        for (discovery, start) in cases {
            let error = await #expect(throws: DiscoveryError.self) { try await discovery.members() }
            #expect(error?.description.hasPrefix(start) == true, "\(error as Any)")
        }
    }

    // MARK: Answers of name servers

    private func name(_ labels: String) -> [UInt8] {
        labels.split(separator: ".").flatMap { [UInt8($0.utf8.count)] + Array($0.utf8) } + [0]
    }

    /// A message with one question and these records.
    private func message(_ records: [[UInt8]]) -> [UInt8] {
        let header: [UInt8] = [0, 1, 0x81, 0x80, 0, 1, 0, UInt8(records.count), 0, 0, 0, 0]
        return header + name("_x._tcp.example") + [0, 33, 0, 1] + records.joined()
    }

    /// The name is a reference to the question's.
    private func answer(type: UInt8 = 33, _ data: [UInt8]) -> [UInt8] {
        [0xC0, 12, 0, type, 0, 1, 0, 0, 0, 60, 0, UInt8(data.count)] + data
    }

    @Test("records are read, compressed names included, and ordered by priority and weight")
    func parsing() {
        let records = ServiceRecords.parse(
            message([
                answer([0, 2, 0, 1, 9, 76] + name("b.example")),
                answer(type: 5, name("alias.example")),
                answer([0, 1, 0, 1, 9, 76, 1, 0x61, 0xC0, 20]),
                answer([0, 1, 0, 5, 0x1B, 0x59] + name("c.example")),
            ]))
        #expect(
            records == [
                ServiceRecord(priority: 1, weight: 5, port: 7001, target: "c.example"),
                ServiceRecord(priority: 1, weight: 1, port: 2380, target: "a.example"),
                ServiceRecord(priority: 2, weight: 1, port: 2380, target: "b.example"),
            ])
    }

    @Test("whatever a name server sends is read without harm")
    func hostile() {
        let good = message([answer([0, 2, 0, 1, 9, 76] + name("b.example"))])
        for length in 0..<good.count {
            #expect(ServiceRecords.parse(Array(good.prefix(length))).isEmpty)
        }
        // A name that refers to itself, and data too short for a record.
        #expect(
            ServiceRecords.parse(message([answer([0, 2, 0, 1, 9, 76, 0xC0, 51])])).isEmpty)
        #expect(ServiceRecords.parse(message([answer([0, 2])])).isEmpty)
        var random = SystemRandomNumberGenerator()
        for _ in 0..<2_000 {
            var bent = good
            for _ in 0..<3 {
                bent[Int.random(in: 0..<bent.count, using: &random)] =
                    UInt8.random(in: 0...255, using: &random)
            }
            #expect(ServiceRecords.parse(bent).count <= 1)
        }
    }
}
