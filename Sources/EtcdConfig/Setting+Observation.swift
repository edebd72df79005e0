//  The settings of sections Profiling, Logging, Distributed tracing and v2 Proxy.

extension Setting {
    private static let noTracing = "distributed tracing is not part of this release"

    static let profiling: [Setting] = [
        Setting(
            "enable-pprof", .bool, "false", .profiling,
            "Serve diagnostics under /debug/pprof/ on the client URLs.",
            support: .accepted("profiles of a Go program are nothing this program has")),
        Setting(
            "metrics", .string, "basic", .profiling,
            "Detail of the metrics: basic, or extensive for histograms of gRPC calls."),
        Setting(
            "listen-metrics-urls", .urls, "", .profiling,
            "Further URLs on which only metrics and health are served."),
        Setting(
            "warning-apply-duration", .duration, "100ms", .profiling,
            "Time of applying an entry beyond which a warning is logged.",
            aliases: ["experimental-warning-apply-duration"]),
        Setting(
            "warning-unary-request-duration", .duration, "300ms", .profiling,
            "Time of a v3 request beyond which a warning is logged (0 for the default).",
            aliases: ["experimental-warning-unary-request-duration"]),
    ]

    static let logging: [Setting] = [
        Setting("logger", .string, "zap", .logging, "Form of the log; only zap is left."),
        Setting(
            "log-outputs", .list, "default", .logging,
            "Where the log goes, comma separated: default, stderr, stdout, systemd/journal, paths.",
            aliases: ["log-output"]),
        Setting(
            "log-level", .string, "info", .logging,
            "Lowest level that is logged: debug, info, warn, error, panic or fatal."),
        Setting("log-format", .string, "json", .logging, "Form of a log line: json or console."),
        Setting(
            "enable-log-rotation", .bool, "false", .logging,
            "Exchange the log file when it is full; --log-outputs must name a single file."),
        Setting(
            "log-rotation-config-json", .string,
            #"{"maxsize": 100, "maxage": 0, "maxbackups": 0, "localtime": false, "#
                + #""compress": false}"#,
            .logging,
            "For --enable-log-rotation, as JSON: megabytes of a file, days and number of old files "
                + "that are kept (0 keeps all), local time in their names, gzip."),
        Setting(
            "debug", .bool, "false", .logging,
            "Older form of --log-level=debug, which it overrules."),
        Setting(
            "log-package-levels", .string, "", .logging, "Levels for single packages of etcd.",
            support: .accepted("it names packages that this program does not have; use --log-level")
        ),
    ]

    static let tracing: [Setting] = [
        Setting(
            "enable-distributed-tracing", .bool, "false", .tracing, "Send traces.",
            support: .later(noTracing), aliases: ["experimental-enable-distributed-tracing"]),
        traced("address", .string, "localhost:4317", "Address of the collector of traces."),
        traced("service-name", .string, "etcd", "Name of the service in traces."),
        traced("instance-id", .string, "", "Name of this member in traces."),
        traced("sampling-rate", .int, "0", "Traced requests per million."),
    ]

    private static func traced(
        _ name: String, _ kind: SettingKind, _ standard: String, _ help: String
    ) -> Setting {
        Setting(
            "distributed-tracing-\(name)", kind, standard, .tracing, help,
            support: .accepted(noTracing),
            aliases: ["experimental-distributed-tracing-\(name)"])
    }

    static let proxy: [Setting] = [
        Setting(
            "proxy", .choice(["off", "readonly", "on"]), "off", .proxy,
            "Run as a proxy of the v2 API instead of a member: on, or readonly for GET alone."),
        proxyTime("failure-wait", "5000", "for which a failed endpoint is left alone"),
        proxyTime("refresh-interval", "30000", "between looks at the members"),
        proxyTime("dial-timeout", "1000", "for connecting to an endpoint; 0 for no limit"),
        proxyTime("write-timeout", "5000", "for writing to an endpoint; 0 for no limit"),
        proxyTime("read-timeout", "0", "for reading from an endpoint; 0 for no limit"),
    ]

    private static func proxyTime(_ name: String, _ standard: String, _ what: String) -> Setting {
        Setting(
            "proxy-\(name)", .uint(bits: 64), standard, .proxy, "Time in milliseconds \(what).")
    }
}
