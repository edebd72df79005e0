//  Forming a cluster by DNS: SRV records name the members, and the own one is recognised by its
//  address (spec operations 6.4).

package import EtcdConfig
package import Logging
import NIOPosix

package struct ServiceDiscovery: Sendable {
    /// `--discovery-srv`.
    let domain: String
    /// `--discovery-srv-name`; empty when it is not set.
    let suffix: String
    let name: String
    /// This member's advertised peer URLs.
    let advertised: [ConfigURL]
    /// The addresses of a host name; empty when it has none. May block.
    let resolve: @Sendable (String) -> [String]
    let logger: Logger
    /// Handed in for the tests.
    var lookUp:
        @Sendable (_ service: String, _ domain: String) async -> Result<
            [ServiceRecord], DiscoveryError
        > = { service, domain in
            do throws(DiscoveryError) {
                return .success(try await ServiceRecords.lookUp(service, domain: domain))
            } catch {
                return .failure(error)
            }
        }

    package init(
        domain: String, suffix: String, name: String, advertised: [ConfigURL],
        resolve: @escaping @Sendable (String) -> [String], logger: Logger
    ) {
        self.domain = domain
        self.suffix = suffix
        self.name = name
        self.advertised = advertised
        self.resolve = resolve
        self.logger = logger
    }

    /// The members that the records name, this one by its own name, the others by numbers.
    ///
    /// - Parameter withOwn: it is an error when this one is not among them.
    package func members(withOwn: Bool = true) async throws(DiscoveryError)
        -> [ServerConfig.ClusterEntry]
    {
        var entries: [ServerConfig.ClusterEntry] = []
        var failures: [DiscoveryError] = []
        for (service, scheme) in [("etcd-server-ssl", "https"), ("etcd-server", "http")] {
            let service = suffix.isEmpty ? service : "\(service)-\(suffix)"
            var found: [ServerConfig.ClusterEntry] = []
            var failure: DiscoveryError?
            do throws(DiscoveryError) {
                found = try await members(of: service, scheme: scheme)
            } catch {
                failure = DiscoveryError(
                    "error querying DNS SRV records for _\(service) \(error.description)")
            }
            logger.info(
                "get cluster for \(service) SRV",
                metadata: [
                    "service-scheme": "\(scheme)", "service-name": "\(service)",
                    "server-name": "\(name)", "discovery-srv": "\(domain)",
                    "advertise-peer-urls": .array(advertised.map { .string($0.text) }),
                    "found-cluster": .array(found.map { .string("\($0.name)=\($0.url.text)") }),
                    "error": "\(failure?.description ?? "")",
                ])
            if let failure { failures.append(failure) }
            entries += found
        }
        if entries.isEmpty {
            throw DiscoveryError(failures.map(\.description).joined(separator: "; "))
        }
        guard withOwn else { return entries }
        guard entries.contains(where: { $0.name == name }) else {
            let found = entries.map(\.url.text).joined(separator: ", ")
            throw DiscoveryError(
                "cannot find local etcd member \"\(name)\" in SRV records: none of \(found) has "
                    + "an address of --initial-advertise-peer-urls "
                    + advertised.map(\.text).joined(separator: ","))
        }
        try checkOwn(entries.filter { $0.name == name }.map(\.url))
        return entries
    }

    /// Every advertised URL has a record, and the other way round.
    private func checkOwn(_ found: [ConfigURL]) throws(DiscoveryError) {
        guard found.count != advertised.count else { return }
        throw DiscoveryError(
            "the SRV records have \(found.map(\.text).joined(separator: ",")) for this member, but "
                + "--initial-advertise-peer-urls=\(advertised.map(\.text).joined(separator: ","))")
    }

    private func members(of service: String, scheme: String) async throws(DiscoveryError)
        -> [ServerConfig.ClusterEntry]
    {
        let records = try await lookUp(service, domain).get()
        var places: [(url: ConfigURL, addresses: Set<String>)] = []
        for url in advertised { places.append((url, await addresses(of: url.host))) }
        var entries: [ServerConfig.ClusterEntry] = []
        var failure: DiscoveryError?
        var number = 0
        for record in records {
            let addresses = await addresses(of: record.target)
            if addresses.isEmpty {
                failure = DiscoveryError("lookup \(record.target): no such host")
                continue
            }
            let own = places.first { place in
                place.url.port == record.port && !place.addresses.isDisjoint(with: addresses)
            }?.url
            let text = "\(scheme)://\(record.target):\(record.port)"
            if let own, own.scheme.rawValue != scheme {
                failure = DiscoveryError(
                    "bootstrap at \(text) from DNS for \(service) has scheme mismatch with "
                        + "expected peer \(own.text)")
                continue
            }
            do throws(ValueError) {
                entries.append(
                    ServerConfig.ClusterEntry(
                        name: own == nil ? String(number) : name, url: try ConfigURL(text)))
            } catch {
                failure = DiscoveryError("\(error)")
            }
            if own == nil { number += 1 }
        }
        if entries.isEmpty, let failure { throw failure }
        return entries
    }

    private func addresses(of host: String) async -> Set<String> {
        if ConfigURL.isIP(host) { return [host] }
        let found = try? await NIOThreadPool.singleton.runIfActive { [resolve] in resolve(host) }
        return Set(found ?? [])
    }
}
