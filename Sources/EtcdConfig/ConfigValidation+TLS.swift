//  Rules for TLS: which files belong together, and which listeners need them.

extension ConfigValidation {
    /// TLS towards clients and towards members, as far as the settings make sense.
    mutating func checkTLS() -> (client: TLSSettings, peer: TLSSettings) {
        var client = pair("")
        var peer = pair("peer-")
        checkVersionsAndSuites(&client)
        peer.cipherSuites = client.cipherSuites
        peer.minimumVersion = client.minimumVersion
        peer.maximumVersion = client.maximumVersion
        checkGenerated(&client, "auto-tls", "client")
        checkGenerated(&peer, "peer-auto-tls", "peer")
        checkClientListeners(client)
        checkPeerListeners(peer)
        checkNames(client, "client-cert-allowed-hostname")
        checkNames(peer, "peer-cert-allowed-cn")
        return (client, peer)
    }

    /// The settings of one side; `prefix` is empty for clients.
    private mutating func pair(_ prefix: String) -> TLSSettings {
        let isPeer = !prefix.isEmpty
        var tls = TLSSettings()
        tls.certFile = settings.text("\(prefix)cert-file")
        tls.keyFile = settings.text("\(prefix)key-file")
        tls.clientCertFile = settings.text("\(prefix)client-cert-file")
        tls.clientKeyFile = settings.text("\(prefix)client-key-file")
        tls.clientCertAuth = settings.flag("\(prefix)client-cert-auth")
        tls.trustedCAFile = settings.text("\(prefix)trusted-ca-file")
        tls.crlFile = settings.text(isPeer ? "peer-crl-file" : "client-crl-file")
        let side = isPeer ? "peer-" : "client-"
        tls.allowedCommonNames = settings.list("\(side)cert-allowed-cn")
        tls.allowedHostNames = settings.list("\(side)cert-allowed-hostname")
        tls.skipsClientSANVerification = settings.flag("\(side)skip-client-san-verification")
        let older = "\(prefix)ca-file"
        if settings.isSet(older), !settings.text(older).isEmpty {
            let newer = "\(prefix)trusted-ca-file"
            if tls.trustedCAFile.isEmpty {
                tls.trustedCAFile = settings.text(older)
                note(.warning, older, "--\(older) is deprecated, use --\(newer)")
            } else {
                error(
                    older, "--\(older) is the older form of --\(newer); set one of them",
                    corrections: ["remove \(settings.line(older, settings.text(older)))"])
            }
        }
        return tls
    }

    // MARK: Versions and cipher suites

    private mutating func checkVersionsAndSuites(_ tls: inout TLSSettings) {
        let minimum = version("tls-min-version") ?? .tls12
        let maximum = version("tls-max-version")
        tls.minimumVersion = minimum
        tls.maximumVersion = maximum ?? .tls13
        if let maximum, minimum > maximum {
            error(
                "tls-min-version",
                "min version (\(minimum.rawValue)) is greater than max version "
                    + "(\(maximum.rawValue))",
                corrections: [settings.line("tls-min-version", maximum.rawValue)])
        }
        let names = settings.list("cipher-suites")
        if minimum == .tls13, !names.isEmpty {
            error(
                "cipher-suites",
                "cipher suites cannot be configured when only TLS1.3 is enabled",
                corrections: [
                    "remove \(settings.line("cipher-suites", names.joined(separator: ",")))"
                ])
            return
        }
        tls.cipherSuites = suites(names)
        guard !names.isEmpty, tls.cipherSuites.isEmpty else { return }
        // What is left is TLS 1.3, unless something has been refused already.
        if maximum == .tls12 {
            error("cipher-suites", "--cipher-suites has none that TLS1.2 can be spoken with")
        }
        tls.minimumVersion = .tls13
    }

    /// An empty text leaves the choice to the library.
    private mutating func version(_ name: String) -> TLSSettings.Version? {
        let text = settings.text(name)
        if text.isEmpty { return nil }
        let version = TLSSettings.Version(rawValue: text)
        if version == nil {
            error(
                name,
                "unexpected TLS version \"\(text)\" (must be one of: TLS1.2, TLS1.3) for --\(name)",
                corrections: [settings.line(name, "TLS1.2")])
        }
        return version
    }

    private mutating func suites(_ names: [String]) -> [String] {
        var suites: [String] = []
        for given in names {
            let name = CipherSuite.aliases[given] ?? given
            if CipherSuite.available.contains(name) {
                if !suites.contains(name) { suites.append(name) }
            } else if CipherSuite.withdrawn.contains(name) {
                note(
                    .warning, "cipher-suites", "a cipher suite is too weak to be offered",
                    ["cipher-suite": name])
            } else if !CipherSuite.fixed.contains(name) {
                let known = CipherSuite.available.union(CipherSuite.fixed)
                let similar = closest(to: name, among: Array(known))
                error(
                    "cipher-suites",
                    "unexpected TLS cipher suite \"\(name)\""
                        + (similar.map { " (did you mean \($0)?)" } ?? ""))
            }
        }
        return suites
    }

    // MARK: Certificates

    private mutating func checkGenerated(
        _ tls: inout TLSSettings, _ setting: String, _ side: String
    ) {
        guard settings.flag(setting) else { return }
        if !tls.isEmpty {
            note(.warning, setting, "ignoring \(side) auto TLS since certs given")
        } else if settings.unsigned("self-signed-cert-validity") == 0 {
            error(
                "self-signed-cert-validity",
                "selfSignedCertValidity is invalid,it should be greater than 0",
                corrections: [settings.line("self-signed-cert-validity", "1")])
        } else {
            tls.isGenerated = true
        }
    }

    private mutating func checkNames(_ tls: TLSSettings, _ setting: String) {
        let names = tls.allowedCommonNames
        let hosts = tls.allowedHostNames
        guard !names.isEmpty, !hosts.isEmpty else { return }
        error(
            setting,
            "AllowedCN and AllowedHostname are mutually exclusive (cn=\(goText(names)), "
                + "hostname=\(goText(hosts)))")
    }

    private func goText(_ list: [String]) -> String {
        let quoted = list.map { "\"\($0)\"" }
        return quoted.count == 1 ? quoted[0] : "[\(quoted.joined(separator: " "))]"
    }

    /// Both files of a pair or none.
    private mutating func checkPairs(_ tls: TLSSettings, _ prefix: String) {
        if tls.certFile.isEmpty != tls.keyFile.isEmpty {
            error(
                tls.certFile.isEmpty ? "\(prefix)key-file" : "\(prefix)cert-file",
                "KeyFile and CertFile must both be present[key: \(tls.keyFile), "
                    + "cert: \(tls.certFile)]")
        }
        if tls.clientCertFile.isEmpty != tls.clientKeyFile.isEmpty {
            error(
                tls.clientCertFile.isEmpty
                    ? "\(prefix)client-key-file" : "\(prefix)client-cert-file",
                "ClientKeyFile and ClientCertFile must both be present or both absent: "
                    + "key: \(tls.clientKeyFile), cert: \(tls.clientCertFile)]")
        }
    }

    // MARK: Listeners

    private mutating func checkClientListeners(_ tls: TLSSettings) {
        var isSecure = false
        for name in ["listen-client-urls", "listen-client-http-urls"] {
            for url in settings.urls(name) {
                isSecure = isSecure || url.scheme.isSecure
                if url.scheme.isSecure, tls.isEmpty {
                    error(
                        name,
                        "TLS key/cert (--cert-file, --key-file) must be provided for client url "
                            + "\(url) with HTTPS scheme", corrections: [plain(name)])
                }
                notePlain(url, tls, "client", "")
            }
        }
        for url in settings.urls("listen-metrics-urls") where url.scheme.isSecure {
            isSecure = true
            if tls.isEmpty { refuse("listen-metrics-urls", url) }
        }
        if isSecure { checkPairs(tls, "") }
    }

    private mutating func checkPeerListeners(_ tls: TLSSettings) {
        for url in settings.urls("listen-peer-urls") {
            if url.scheme.isSecure, tls.isEmpty { refuse("listen-peer-urls", url) }
            notePlain(url, tls, "peer", "peer-")
        }
        // Members are dialled with it too.
        checkPairs(tls, "peer-")
    }

    private mutating func refuse(_ name: String, _ url: ConfigURL) {
        let place = url.scheme.isUnix ? url.path : url.address
        error(
            name, "cannot listen on TLS for \(place): KeyFile and CertFile are not presented",
            corrections: [plain(name)])
    }

    /// The line that does without TLS.
    private func plain(_ name: String) -> String {
        let urls = settings.urls(name).map(\.withoutTLS)
        return settings.line(name, urls.joined(separator: ","))
    }

    /// Says which listeners go without the TLS that is set up.
    private mutating func notePlain(
        _ url: ConfigURL, _ tls: TLSSettings, _ side: String, _ prefix: String
    ) {
        if url.scheme.isSecure { return }
        if !tls.isEmpty {
            note(
                .warning, "listen-\(side)-urls",
                "scheme is HTTP while key and cert files are present; ignoring key and cert files",
                ["\(side)-url": url.text])
        }
        if tls.clientCertAuth {
            note(
                .warning, "listen-\(side)-urls",
                "scheme is HTTP while --\(prefix)client-cert-auth is enabled; ignoring client "
                    + "cert auth for this URL", ["\(side)-url": url.text])
        }
    }
}
