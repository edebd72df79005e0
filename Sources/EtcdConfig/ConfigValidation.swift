//  Every rule between settings, checked to the end so that all problems are named at once.

import RuntimeCore

/// Turns settings into a `ServerConfig`, collecting problems on the way.
struct ConfigValidation {
    var settings: Settings
    var problems: [ConfigProblem]
    var notices: [ConfigNotice]
    let host: ConfigHost
    /// What is advertised once the default host has been put in.
    var advertisedPeerURLs: [ConfigURL]
    var advertisedClientURLs: [ConfigURL]
    /// Off until the settings about it have been read.
    private(set) var compaction = ServerConfig.Compaction.off

    init(_ sources: SettingSources, host: ConfigHost) {
        settings = sources.settings
        problems = sources.problems
        notices = sources.notices
        self.host = host
        advertisedPeerURLs = settings.urls("initial-advertise-peer-urls")
        advertisedClientURLs = settings.urls("advertise-client-urls")
    }

    /// - Returns: the configuration; only to be used when no problem is an error.
    mutating func run() -> ServerConfig {
        checkSupport()
        checkTiming()
        checkLimits()
        checkLog()
        checkProtection()
        checkCompaction()
        useDefaultHost()
        checkAddresses()
        let cluster = checkCluster()
        return config(cluster, checkTLS())
    }

    // MARK: Names and places

    var name: String {
        let name = settings.text("name")
        return name.isEmpty ? "default" : name
    }

    var dataDirectory: String {
        let path = settings.isSet("data-dir") ? settings.text("data-dir") : ""
        return path.isEmpty ? "\(name).etcd" : path
    }

    // MARK: Reporting

    mutating func error(_ setting: String, _ message: String, corrections: [String] = []) {
        problems.append(
            ConfigProblem(.error, setting: setting, message, corrections: corrections))
    }

    mutating func doubt(_ setting: String, _ message: String, corrections: [String] = []) {
        problems.append(
            ConfigProblem(.warning, setting: setting, message, corrections: corrections))
    }

    mutating func note(
        _ level: ConfigNotice.Level, _ setting: String, _ message: String,
        _ fields: KeyValuePairs<String, String> = [:]
    ) {
        notices.append(ConfigNotice(level, setting: setting, message, fields))
    }

    // MARK: Single settings

    private mutating func checkTiming() {
        let heartbeat = settings.unsigned("heartbeat-interval")
        let election = settings.unsigned("election-timeout")
        if heartbeat == 0 {
            error(
                "heartbeat-interval", "--heartbeat-interval must be >0 (set to 0ms)",
                corrections: [settings.line("heartbeat-interval", "100")])
        }
        if election == 0 {
            error(
                "election-timeout", "--election-timeout must be >0 (set to 0ms)",
                corrections: [settings.line("election-timeout", "1000")])
            return
        }
        let (least, overflows) = heartbeat.multipliedReportingOverflow(by: 5)
        if overflows || election < least {
            error(
                "election-timeout",
                "--election-timeout[\(election)ms] should be at least as 5 times as "
                    + "--heartbeat-interval[\(heartbeat)ms]",
                corrections: overflows || least > ConfigBounds.electionMillisecondsMax
                    ? [settings.line("heartbeat-interval", String(max(1, election / 10)))]
                    : [settings.line("election-timeout", String(least))])
        }
        if election > ConfigBounds.electionMillisecondsMax {
            error(
                "election-timeout",
                "--election-timeout[\(election)ms] is too long, and should be set less than "
                    + "\(ConfigBounds.electionMillisecondsMax)ms",
                corrections: [
                    settings.line("election-timeout", String(ConfigBounds.electionMillisecondsMax))
                ])
        }
    }

    private mutating func checkLimits() {
        if settings.signed("max-learners") < 0 {
            error(
                "max-learners", "--max-learners must not be negative",
                corrections: [settings.line("max-learners", "1")])
        }
        let request = settings.unsigned("max-request-bytes")
        if request > ConfigBounds.requestBytesAdvised {
            note(
                .warning, "max-request-bytes", "exceeded recommended request limit",
                [
                    "max-request-bytes": String(request),
                    "recommended-request-bytes": String(ConfigBounds.requestBytesAdvised),
                ])
        }
        if request > ConfigBounds.requestBytesMax {
            note(
                .warning, "max-request-bytes",
                "requests that no log record can hold are refused in spite of the setting",
                [
                    "max-request-bytes": String(request),
                    "used": String(ConfigBounds.requestBytesMax),
                ])
        }
        if settings.signed("quota-backend-bytes") > ConfigBounds.quotaBytesAdvised {
            note(
                .warning, "quota-backend-bytes",
                "quota exceeds the recommended maximum of 8 GiB")
        }
        for name in ["snapshot-count", "snapshot-catchup-entries"]
        where settings.unsigned(name) == 0 {
            let standard = Setting.named(name)?.standard ?? ""
            note(.info, name, "updating \(name) to default", ["given": "0", "updated": standard])
        }
    }

    private mutating func checkCompaction() {
        let mode = settings.text("auto-compaction-mode")
        guard ["", "periodic", "revision"].contains(mode) else {
            error(
                "auto-compaction-mode", "unknown auto-compaction-mode \"\(mode)\"",
                corrections: [settings.line("auto-compaction-mode", "periodic")])
            return
        }
        do throws(ValueError) {
            compaction = try ServerConfig.Compaction(
                retention: settings.text("auto-compaction-retention"), mode: mode)
        } catch {
            self.error(
                "auto-compaction-retention", "error parsing CompactionRetention: \(error)")
        }
    }
}

/// Bounds of single settings.
enum ConfigBounds {
    static let electionMillisecondsMax: UInt64 = 50_000
    static let requestBytesAdvised: UInt64 = 10 << 20
    static let quotaBytesAdvised: Int64 = 8 << 30
    /// What fits into a record of the log together with what the member adds to a request: a larger
    /// one would be accepted, and stop the members that have to write it.
    static let requestBytesMax = UInt64(Limits.walRecordBytesMax - 64 << 10)
    /// The most hours that a duration can hold.
    static let retentionHoursMax = Int64.max / 3_600_000_000_000
}
