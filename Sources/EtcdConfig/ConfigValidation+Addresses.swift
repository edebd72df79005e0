//  Rules for the URLs of this member: what it listens on, and what it tells others.

extension ConfigValidation {
    /// The lists that a listener follows from.
    private static let listening = [
        "listen-peer-urls", "listen-client-urls", "listen-client-http-urls", "listen-metrics-urls",
    ]

    /// Where everything is listened to and nothing else is said, the address of the default route
    /// is advertised instead of `localhost`.
    mutating func useDefaultHost() {
        replaceDefault(
            "initial-advertise-peer-urls", listening: "listen-peer-urls", \.advertisedPeerURLs)
        replaceDefault(
            "advertise-client-urls", listening: "listen-client-urls", \.advertisedClientURLs)
    }

    private mutating func replaceDefault(
        _ name: String, listening: String,
        _ urls: WritableKeyPath<ConfigValidation, [ConfigURL]>
    ) {
        guard self[keyPath: urls].map(\.text) == [Setting.named(name)?.standard],
            let listener = settings.urls(listening).first, listener.host == "0.0.0.0",
            let address = host.defaultAddress(), !address.isEmpty
        else { return }
        let text = self[keyPath: urls][0].replacing(host: address, port: listener.port)
        do {
            self[keyPath: urls] = [try ConfigURL(text)]
            note(.info, name, "detected default host for advertise", ["host": address])
        } catch {
            self.error(name, "the default host \(address) gives no URL: \(error)")
        }
    }

    mutating func checkAddresses() {
        let isProxy = isProxy
        // A proxy neither listens to members nor tells anybody where it is.
        let listening = ConfigValidation.listening.filter { !isProxy || $0 != "listen-peer-urls" }
        for name in listening { checkListeners(name) }
        checkSharedPorts(listening)
        if isProxy { return }
        if settings.isSet("listen-client-urls"), !settings.isSet("advertise-client-urls") {
            let urls = settings.urls("listen-client-urls").map { advertisable($0) }
            error(
                "advertise-client-urls",
                "--advertise-client-urls is required when --listen-client-urls is set explicitly",
                corrections: [correction("advertise-client-urls", urls, as: "listen-client-urls")])
        } else {
            checkAdvertised(
                "advertise-client-urls", advertisedClientURLs,
                listening: ["listen-client-urls", "listen-client-http-urls"])
        }
        checkAdvertised(
            "initial-advertise-peer-urls", advertisedPeerURLs, listening: ["listen-peer-urls"])
    }

    /// The line for `name` in the form in which `model` is set.
    private func correction(_ name: String, _ urls: [String], as model: String) -> String {
        var shown = settings
        if !settings.isSet(name), settings.isSet(model) {
            shown.preferredForm = settings.origin(model)
        }
        return shown.line(name, urls.joined(separator: ","))
    }

    // MARK: Listening

    private mutating func checkListeners(_ name: String) {
        let urls = settings.urls(name)
        let corrected = urls.map { bindable($0) }
        for url in urls {
            if isBindable(url) { continue }
            error(
                name, "expected IP in URL for binding (\(url))",
                corrections: [settings.line(name, corrected.joined(separator: ","))])
        }
    }

    private func isBindable(_ url: ConfigURL) -> Bool {
        url.scheme.isUnix || url.hostIsIP || url.host == "localhost"
    }

    /// The text of a URL that can be listened on.
    private func bindable(_ url: ConfigURL) -> String {
        isBindable(url) ? url.text : "\(url.scheme.rawValue)://0.0.0.0:\(url.port)"
    }

    private mutating func checkSharedPorts(_ lists: [String]) {
        var taken: [String: String] = [:]
        for name in lists {
            var places: Set<String> = []
            for url in settings.urls(name) {
                let place = url.scheme.isUnix ? url.path : url.address
                // One port can serve clients with TLS and without; the scheme is what differs.
                if name == "listen-client-urls", !places.insert(place).inserted { continue }
                if !url.scheme.isUnix, url.port == 0 { continue }
                guard let other = taken.updateValue(name, forKey: place) else { continue }
                if other == name {
                    error(name, "--\(name) has \(place) twice")
                } else if [other, name] == ["listen-client-urls", "listen-client-http-urls"] {
                    error(
                        name,
                        "cannot bind both --listen-client-urls and --listen-client-http-urls on "
                            + "the same url \(url)")
                } else {
                    error(
                        name,
                        "--\(other) and --\(name) cannot both listen on \(place): address "
                            + "already in use")
                }
            }
        }
    }

    // MARK: Advertising

    private mutating func checkAdvertised(
        _ name: String, _ urls: [ConfigURL], listening: [String]
    ) {
        let listeners = listening.flatMap { settings.urls($0) }.filter { !$0.scheme.isUnix }
        let ports = Set(listeners.map(\.port))
        for url in urls where !url.scheme.isUnix {
            func corrected(_ text: String) -> [String] {
                let texts = urls.map { $0 == url ? text : $0.text }
                return [correction(name, texts, as: listening[0])]
            }
            if url.host.isEmpty {
                let all = urls.map(\.text).joined(separator: ",")
                error(
                    name,
                    "--\(name) \"\(all)\" must be \"host:port\" (unexpected empty host (\(url)))",
                    corrections: corrected(advertisable(url)))
            } else if url.hostIsWildcard {
                doubt(
                    name, "--\(name) tells others \(url), where nobody can reach this member",
                    corrections: corrected(advertisable(url)))
            }
            guard !ports.isEmpty, !ports.contains(0), !ports.contains(url.port) else { continue }
            doubt(
                name,
                "--\(name) tells others \(url), but --\(listening[0]) listens on port "
                    + ports.sorted().map(String.init).joined(separator: ", ")
                    + " (right only if something forwards the port)",
                corrections: ports.count == 1
                    ? corrected(url.replacing(port: listeners[0].port)) : [])
        }
    }

    /// The URL with a host that others can reach, as far as that can be known here.
    func advertisable(_ url: ConfigURL) -> String {
        guard url.hostIsWildcard || url.host.isEmpty else { return url.text }
        return url.replacing(host: reachableHost)
    }

    var reachableHost: String {
        for url in settings.urls("listen-peer-urls") + settings.urls("listen-client-urls")
        where url.hostIsIP && !url.hostIsWildcard && !url.hostIsLoopback {
            return url.host
        }
        return host.defaultAddress() ?? "ADDRESS-OF-THIS-HOST"
    }
}
