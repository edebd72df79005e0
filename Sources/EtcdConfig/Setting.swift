//  The one table of settings: everything that flags, variables, files, help, checks and the manual
//  know about a setting follows from its entry here.

/// What a setting's text may be, and how it is read (Go's syntax for numbers and durations).
package enum SettingKind: Sendable, Hashable {
    case string
    case bool
    /// An unsigned number of at most this many bits.
    case uint(bits: Int)
    /// A signed number of 64 bits.
    case int
    /// Such as `1h30m`, `500ms` or `0`; in YAML also an integer, which means nanoseconds.
    case duration
    /// URLs, comma separated.
    case urls
    /// Texts, comma separated.
    case list
    /// One of these texts; anything else is a syntax error.
    case choice([String])
}

/// The heading under which `--help` and the manual show a setting.
package enum SettingSection: String, Sendable, CaseIterable {
    case member = "Member"
    case clustering = "Clustering"
    case security = "Security"
    case auth = "Auth"
    case profiling = "Profiling and Monitoring"
    case logging = "Logging"
    case tracing = "Distributed tracing"
    case proxy = "v2 Proxy"
    case experimental = "Experimental features"
    case unsafe = "Unsafe features"
}

/// What this program does with a setting. Nothing that is set is ever ignored silently.
package enum SettingSupport: Sendable, Hashable {
    case supported
    /// Known, but another value than the default asks for something this release lacks: refused.
    case later(String)
    /// Known, without effect here: a warning names it when it is set to another value.
    case accepted(String)
}

package struct Setting: Sendable, Hashable {
    /// The flag without dashes; also the YAML key unless `yamlKey` says otherwise.
    package let name: String
    package let kind: SettingKind
    /// The default in the text a flag would have; `${name}.etcd` is the only one that is computed.
    package let standard: String
    package let section: SettingSection
    /// One sentence for `--help` and the manual.
    package let help: String
    package var support: SettingSupport
    /// Older names for the same thing; using one is warned about.
    package var aliases: [String]
    /// Where a YAML file holds it, such as `client-transport-security.cert-file`; `nil` when etcd
    /// does not read it from a file.
    package var yamlKey: String?

    init(
        _ name: String, _ kind: SettingKind, _ standard: String, _ section: SettingSection,
        _ help: String, support: SettingSupport = .supported, aliases: [String] = [],
        yaml: YAMLPlace = .sameName
    ) {
        self.name = name
        self.kind = kind
        self.standard = standard
        self.section = section
        self.help = help
        self.support = support
        self.aliases = aliases
        switch yaml {
        case .sameName: yamlKey = name
        case .at(let key): yamlKey = key
        case .nowhere: yamlKey = nil
        }
    }

    enum YAMLPlace {
        case sameName
        case at(String)
        case nowhere
    }

    /// `ETCD_` and the name in capitals with underscores.
    package var variable: String { Setting.variable(for: name) }

    package static func variable(for name: String) -> String {
        "ETCD_" + name.uppercased().replacing("-", with: "_")
    }

    /// Every setting, in the order of `--help`.
    package static let all: [Setting] =
        member + memberLimits + clustering + discovery + security + peerSecurity + auth + protection
        + profiling
        + logging + tracing + proxy + integrity + experimental + unsafe

    private static let byName: [String: Setting] = {
        var table: [String: Setting] = [:]
        for setting in all {
            precondition(table.updateValue(setting, forKey: setting.name) == nil, setting.name)
            for alias in setting.aliases {
                precondition(table.updateValue(setting, forKey: alias) == nil, alias)
            }
        }
        return table
    }()

    private static let byVariable: [String: (name: String, setting: Setting)] = {
        var table: [String: (name: String, setting: Setting)] = [:]
        for (name, setting) in byName { table[variable(for: name)] = (name, setting) }
        return table
    }()

    /// The setting with this name or alias.
    package static func named(_ name: String) -> Setting? { byName[name] }

    /// The setting with this variable, and the name or alias that the variable spells.
    package static func with(variable: String) -> (name: String, setting: Setting)? {
        byVariable[variable]
    }
}

extension Setting {
    /// Flags of etcd 0.4 that every later release takes and ignores. They never take a word.
    package static let ignoredFlags: Set<String> = [
        "cluster-active-size", "cluster-remove-delay", "cluster-sync-interval", "config", "force",
        "max-result-buffer", "max-retry-attempts", "peer-heartbeat-interval",
        "peer-election-timeout", "retry-interval", "snapshot", "v", "vv", "test.coverprofile",
        "test.outputdir",
    ]

    /// Flags of etcd 2 that are gone, and what took their place.
    package static let removedFlags: [String: String] = [
        "addr": "advertise-client-urls", "bind-addr": "listen-client-urls",
        "peer-addr": "initial-advertise-peer-urls", "peer-bind-addr": "listen-peer-urls",
        "peers": "initial-cluster", "peers-file": "initial-cluster",
    ]

    /// `ETCD_*` names that are no settings.
    package static let otherVariables: Set<String> = [
        "ETCD_CONFIG_FILE", "ETCD_VERSION", "ETCD_UNSUPPORTED_ARCH", "ETCD_VERIFY",
    ]
}
