//  Rules for forming or joining a cluster: the own entry, its addresses, the others.

extension ConfigValidation {
    typealias ClusterEntry = ServerConfig.ClusterEntry

    /// - Returns: the entries of the initial cluster, the own entry alone when none are given.
    mutating func checkCluster() -> [ClusterEntry] {
        checkBootstrapChoice()
        checkDiscovery()
        let given = settings.isSet("initial-cluster") ? settings.text("initial-cluster") : ""
        guard !given.trimmingBlanks.isEmpty else {
            return advertisedPeerURLs.map { ClusterEntry(name: name, url: $0) }
        }
        let entries = parseCluster(given)
        guard let entries else { return [] }
        if host.isInitialized(dataDirectory, settings.text("wal-dir")) {
            note(
                .info, "initial-cluster",
                "server has already been initialized; the settings that form a cluster do not "
                    + "count", ["data-dir": dataDirectory])
            return entries
        }
        // A proxy is none of the members.
        if isProxy { return entries }
        checkOwnEntry(entries, given)
        checkDuplicates(entries, given)
        checkOthers(entries)
        return entries
    }

    private mutating func checkBootstrapChoice() {
        let ways = ["initial-cluster", "discovery", "discovery-endpoints", "discovery-srv"]
            .filter { settings.isSet($0) && !settings.text($0).isEmpty }
        if ways.count > 1 {
            error(
                ways[1],
                "multiple discovery or bootstrap flags are set. Choose one of "
                    + "\"initial-cluster\", \"discovery\", \"discovery-endpoints\" or "
                    + "\"discovery-srv\"")
        }
        if let way = ways.first(where: { ["discovery", "discovery-endpoints"].contains($0) }),
            !isNew
        {
            error(
                way,
                "discovery URL should not be set when joining existing initial cluster")
        }
    }

    var isNew: Bool { settings.text("initial-cluster-state") == "new" }

    /// `nil` when an entry cannot be read.
    private mutating func parseCluster(_ given: String) -> [ClusterEntry]? {
        let items = given.split(separator: ",").map(\.trimmingBlanks).filter { !$0.isEmpty }
        let corrected = items.map { correctedEntry($0) }.joined(separator: ",")
        let corrections = corrected == given ? [] : [settings.line("initial-cluster", corrected)]
        var entries: [ClusterEntry] = []
        var isBroken = false
        for item in items {
            do {
                entries.append(try ClusterEntry(item))
            } catch {
                isBroken = true
                self.error(
                    "initial-cluster", "error setting up initial cluster: \(error) (\(item))",
                    corrections: corrections)
            }
        }
        return isBroken ? nil : entries
    }

    /// The entry as it most likely should have been: with a name, with a scheme.
    private func correctedEntry(_ item: String) -> String {
        let candidates = [
            item, item.replacing("=", with: "=http://", maxReplacements: 1), "\(name)=\(item)",
            "\(name)=http://\(item)",
        ]
        for candidate in candidates {
            guard let entry = try? ClusterEntry(candidate), !entry.name.isEmpty else {
                continue
            }
            return "\(entry.name)=\(entry.url.text)"
        }
        return item
    }

    // MARK: The own entry

    private mutating func checkOwnEntry(_ entries: [ClusterEntry], _ given: String) {
        var ownName = name
        if !entries.contains(where: { $0.name == name }) {
            let candidate = likelyName(entries)
            let added =
                given.trimmingBlanks
                + advertisedPeerURLs.map { ",\(name)=\(advertisable($0))" }.joined()
            error(
                "name",
                "couldn't find local name \"\(name)\" in the initial cluster configuration "
                    + "(it has \(uniqueNames(entries).joined(separator: ", ")))"
                    + forgotten(),
                corrections: [
                    candidate.map { settings.line("name", $0) }
                        ?? settings.line("initial-cluster", added)
                ])
            guard let candidate else { return }
            ownName = candidate
        }
        checkAdvertised(entries.filter { $0.name == ownName }.map(\.url), ownName, given)
    }

    private func forgotten() -> String {
        var names: [String] = []
        if name == "default" { names.append("--name") }
        if !settings.isSet("initial-advertise-peer-urls") {
            names.append("--initial-advertise-peer-urls")
        }
        return names.map { "; forgot to set \($0)?" }.joined()
    }

    private func uniqueNames(_ entries: [ClusterEntry]) -> [String] {
        var names: [String] = []
        for entry in entries where !names.contains(entry.name) { names.append(entry.name) }
        return names
    }

    /// The entry that this member is likely meant to be: the one with its address, else one whose
    /// name differs by a slip. Another number in the name or another host is no slip.
    private func likelyName(_ entries: [ClusterEntry]) -> String? {
        let byAddress = entries.first { entry in
            advertisedPeerURLs.contains { isSamePlace($0, entry.url) }
        }
        if let byAddress { return byAddress.name }
        let isHostKnown = settings.isSet("initial-advertise-peer-urls")
        let hosts = Set(advertisedPeerURLs.map(\.host))
        let number = name.filter(\.isNumber)
        let candidates = entries.filter { entry in
            entry.name.filter(\.isNumber) == number
                && (!isHostKnown || hosts.contains(entry.url.host))
        }
        return closest(to: name, among: uniqueNames(candidates))
    }

    private mutating func checkAdvertised(
        _ configured: [ConfigURL], _ ownName: String, _ given: String
    ) {
        var unmatched = configured
        var extra: [ConfigURL] = []
        for url in advertisedPeerURLs {
            if let position = unmatched.firstIndex(where: { isSamePlace($0, url) }) {
                unmatched.remove(at: position)
            } else {
                extra.append(url)
            }
        }
        guard !unmatched.isEmpty || !extra.isEmpty else { return }
        let advertised = advertisedPeerURLs.map(\.text).joined(separator: ",")
        var message: String
        if unmatched.isEmpty {
            message =
                "--initial-advertise-peer-urls has \(extra.map(\.text).joined(separator: ",")) "
                + "but missing from --initial-cluster=\(given)"
        } else {
            let missing = unmatched.map { "\(ownName)=\($0)" }.joined(separator: ",")
            message =
                "--initial-cluster has \(missing) but missing from "
                + "--initial-advertise-peer-urls=\(advertised)"
            if let other = extra.first {
                message += " (resolved urls: \"\(other)\" != \"\(unmatched[0])\")"
            }
        }
        if !settings.isSet("initial-advertise-peer-urls") {
            message += "; forgot to set --initial-advertise-peer-urls?"
        }
        let corrections = [mismatchCorrection(configured, ownName, given)]
        if isNew {
            error("initial-advertise-peer-urls", message, corrections: corrections)
        } else {
            // The cluster knows the address from the addition; etcd does not compare again.
            doubt("initial-advertise-peer-urls", message, corrections: corrections)
        }
    }

    /// Whichever of the two lists fits the listening ports is taken as right; the shared list when
    /// both or none do.
    private func mismatchCorrection(
        _ configured: [ConfigURL], _ ownName: String, _ given: String
    ) -> String {
        let ports = Set(settings.urls("listen-peer-urls").map(\.port))
        let configuredFits = configured.allSatisfy { ports.contains($0.port) }
        let advertisedFits = advertisedPeerURLs.allSatisfy { ports.contains($0.port) }
        let isOwnSet = settings.isSet("initial-advertise-peer-urls")
        guard isOwnSet, advertisedFits, !configuredFits else {
            let text = configured.map(\.text).joined(separator: ",")
            var shown = settings
            if !isOwnSet { shown.preferredForm = settings.origin("initial-cluster") }
            return shown.line("initial-advertise-peer-urls", text)
        }
        var isPlaced = false
        let items = given.split(separator: ",").map(\.trimmingBlanks).flatMap { item in
            guard item.split(separator: "=").first?.trimmingBlanks == ownName else {
                return [item]
            }
            defer { isPlaced = true }
            return isPlaced ? [] : advertisedPeerURLs.map { "\(ownName)=\($0)" }
        }
        return settings.line("initial-cluster", items.joined(separator: ","))
    }

    private func isSamePlace(_ left: ConfigURL, _ right: ConfigURL) -> Bool {
        left.isSamePlace(as: right, resolve: host.resolve)
    }

    // MARK: The others

    private mutating func checkDuplicates(_ entries: [ClusterEntry], _ given: String) {
        var seen: Set<String> = []
        let isDuplicate = entries.contains { !seen.insert($0.url.text).inserted }
        if isDuplicate {
            error("initial-cluster", "initial cluster \(given) has duplicate url")
        }
    }

    private mutating func checkOthers(_ entries: [ClusterEntry]) {
        let others = entries.filter { $0.name != name }
        for entry in others where entry.url.hostIsWildcard {
            doubt(
                "initial-cluster",
                "--initial-cluster has \(entry.name)=\(entry.url), where nobody can reach it")
        }
        if others.isEmpty, !isNew, entries.contains(where: { $0.name == name }) {
            doubt(
                "initial-cluster-state",
                "--initial-cluster-state is existing, but --initial-cluster names no other member "
                    + "to join", corrections: [settings.line("initial-cluster-state", "new")])
        }
        let isApart = others.contains { !$0.url.hostIsLoopback }
        for url in advertisedPeerURLs where url.hostIsLoopback && isApart {
            doubt(
                "initial-advertise-peer-urls",
                "--initial-advertise-peer-urls tells others \(url), which they take for themselves",
                corrections: [
                    settings.line(
                        "initial-advertise-peer-urls", url.replacing(host: reachableHost))
                ])
        }
    }
}
