//  Every setting in every form it may be written.

import EtcdConfig
import Testing

/// A text that is not the setting's default.
private func sample(_ setting: Setting) -> String {
    switch setting.kind {
    case .string:
        switch setting.name {
        case "log-level": "warn"
        case "log-format": "console"
        case "logger": "capnslog"
        case "auto-compaction-mode": "revision"
        case "auto-compaction-retention": "7"
        case "metrics": "extensive"
        case "initial-cluster": "default=http://localhost:2380,b=http://127.0.0.1:12380"
        default: "sample"
        }
    case .bool: setting.standard == "true" ? "false" : "true"
    case .uint, .int: setting.name == "heartbeat-interval" ? "77" : "1777"
    case .duration: "77s"
    case .urls: "http://127.0.0.1:17777"
    case .list: setting.name == "feature-gates" ? "AllBeta=true" : "http://a:1,http://b:2"
    case .choice(let choices): choices.first { $0 != setting.standard && !$0.isEmpty } ?? ""
    }
}

/// The line of `config print` for a setting.
private func line(_ setting: Setting, _ text: String) -> String {
    let start = "\(setting.variable)="
    return text.split(separator: "\n").map(String.init).first { $0.hasPrefix(start) } ?? "unset"
}

private func expected(_ setting: Setting) -> String {
    let value =
        ["discovery-user", "discovery-password"].contains(setting.name) ? "***" : sample(setting)
    return value == "77s"
        ? "\(setting.variable)=\"1m17s\"" : "\(setting.variable)=\"\(value)\""
}

@Suite("Every setting in every form")
struct SettingFormsTests {
    @Test("as a flag with one dash or two, with = or a blank", arguments: Setting.all)
    func flag(_ setting: Setting) {
        for dashes in ["-", "--"] {
            let joined = printed(["\(dashes)\(setting.name)=\(sample(setting))"])
            #expect(line(setting, joined) == expected(setting))
            if setting.kind == .bool { continue }
            let apart = printed(["\(dashes)\(setting.name)", sample(setting)])
            #expect(line(setting, apart) == expected(setting))
        }
    }

    @Test("as an environment variable", arguments: Setting.all)
    func variable(_ setting: Setting) {
        #expect(
            line(setting, printed([], [setting.variable: sample(setting)])) == expected(setting))
    }

    @Test("as a line of a KEY=VALUE file", arguments: Setting.all)
    func keyValue(_ setting: Setting) {
        for quote in ["", "\"", "'"] {
            let text = "[member]\n\(setting.variable)=\(quote)\(sample(setting))\(quote)\n"
            let shown = printed(["--config-file", "/f"], files: ["/f": text])
            #expect(line(setting, shown) == expected(setting))
            #expect(shown.contains("# /f:2\n\(setting.variable)="))
        }
    }

    @Test("as a YAML key", arguments: Setting.all.filter { $0.yamlKey != nil })
    func yaml(_ setting: Setting) throws {
        let parts = try #require(setting.yamlKey).split(separator: ".").map(String.init)
        var text = ""
        for (depth, part) in parts.enumerated() {
            text += String(repeating: "  ", count: depth) + part + ":"
            text += depth == parts.count - 1 ? " '\(sample(setting))'\n" : "\n"
        }
        let shown = printed(["--config-file", "/f"], files: ["/f": text])
        #expect(line(setting, shown) == expected(setting))
    }

    @Test(
        "as an alias, which is warned about", arguments: Setting.all.filter { !$0.aliases.isEmpty })
    func alias(_ setting: Setting) {
        for alias in setting.aliases {
            let words = ["--\(alias)=\(sample(setting))"]
            #expect(line(setting, printed(words)) == expected(setting))
            #expect(check(words).text.contains("--\(alias) is deprecated, use --\(setting.name)"))
        }
    }

    @Test("what is not acted on is refused or warned about by name", arguments: Setting.all)
    func named(_ setting: Setting) {
        let (text, code) = check(["--\(setting.name)=\(sample(setting))"])
        switch setting.support {
        case .supported: #expect(!text.contains("--\(setting.name) has no effect here"))
        case .accepted(let reason):
            #expect(text.contains("--\(setting.name) has no effect here: \(reason)"))
            #expect(code == 0)
        case .later(let reason):
            #expect(text.contains("error: --\(setting.name): \(reason)"))
            #expect(code == 1)
        }
    }

    @Test("the default value is never refused or warned about", arguments: Setting.all)
    func standard(_ setting: Setting) {
        if setting.standard.contains("${") { return }
        let (text, _) = check(["--\(setting.name)=\(setting.standard)"])
        #expect(!text.contains("has no effect") && !text.contains("release"), "\(text)")
    }
}

@Suite("The table of settings")
struct SettingTableTests {
    @Test("has every flag of etcd's documentation")
    func complete() {
        let names = """
            name data-dir wal-dir snapshot-count snapshot-catchup-entries heartbeat-interval \
            election-timeout initial-election-tick-advance listen-peer-urls listen-client-urls \
            listen-client-http-urls max-snapshots max-wals memory-mlock quota-backend-bytes \
            backend-bbolt-freelist-type backend-batch-interval backend-batch-limit max-txn-ops \
            max-request-bytes max-concurrent-streams grpc-keepalive-min-time \
            grpc-keepalive-interval grpc-keepalive-timeout socket-reuse-port socket-reuse-address \
            enable-grpc-gateway raft-read-timeout raft-write-timeout feature-gates \
            bootstrap-defrag-threshold-megabytes max-learners next-cluster-version-compatible \
            initial-advertise-peer-urls initial-cluster initial-cluster-state \
            initial-cluster-token advertise-client-urls discovery discovery-proxy \
            discovery-fallback discovery-srv discovery-srv-name discovery-token \
            discovery-endpoints discovery-dial-timeout discovery-request-timeout \
            discovery-keepalive-time discovery-keepalive-timeout discovery-insecure-transport \
            discovery-insecure-skip-tls-verify discovery-cert discovery-key discovery-cacert \
            discovery-user discovery-password strict-reconfig-check pre-vote auto-compaction-mode \
            auto-compaction-retention v2-deprecation enable-v2 experimental-enable-v2v3 proxy \
            proxy-failure-wait proxy-refresh-interval proxy-dial-timeout proxy-write-timeout \
            proxy-read-timeout cert-file key-file client-cert-file client-key-file \
            client-cert-auth trusted-ca-file client-crl-file peer-crl-file \
            client-cert-allowed-hostname auto-tls peer-cert-file peer-key-file \
            peer-client-cert-auth peer-trusted-ca-file peer-client-cert-file peer-client-key-file \
            peer-auto-tls self-signed-cert-validity peer-cert-allowed-cn \
            peer-cert-allowed-hostname peer-skip-client-san-verification cipher-suites \
            tls-min-version tls-max-version cors host-whitelist ca-file peer-ca-file auth-token \
            bcrypt-cost auth-token-ttl logger log-outputs log-level log-format \
            enable-log-rotation log-rotation-config-json debug log-package-levels log-output \
            enable-pprof metrics listen-metrics-urls warning-apply-duration \
            warning-unary-request-duration watch-progress-notify-interval \
            enable-distributed-tracing distributed-tracing-address \
            distributed-tracing-service-name distributed-tracing-instance-id \
            distributed-tracing-sampling-rate corrupt-check-time compact-hash-check-time \
            compaction-batch-limit compaction-sleep-interval downgrade-check-time unsafe-no-fsync \
            force-new-cluster experimental-initial-corrupt-check experimental-corrupt-check-time \
            experimental-compact-hash-check-enabled experimental-compact-hash-check-time \
            experimental-enable-lease-checkpoint experimental-enable-lease-checkpoint-persist \
            experimental-compaction-batch-limit experimental-compaction-sleep-interval \
            experimental-watch-progress-notify-interval experimental-warning-apply-duration \
            experimental-warning-unary-request-duration \
            experimental-peer-skip-client-san-verification experimental-memory-mlock \
            experimental-txn-mode-write-with-shared-buffer \
            experimental-stop-grpc-service-on-defrag \
            experimental-bootstrap-defrag-threshold-megabytes experimental-downgrade-check-time \
            experimental-snapshot-catchup-entries experimental-snapshot-catch-up-entries \
            experimental-enable-distributed-tracing experimental-distributed-tracing-address \
            experimental-distributed-tracing-service-name \
            experimental-distributed-tracing-instance-id \
            experimental-distributed-tracing-sampling-rate \
            experimental-backend-bbolt-freelist-type experimental-v3demo experimental-gRPC-addr \
            experimental-auto-compaction-retention
            """.split(separator: " ").map(String.init)
        #expect(names.filter { Setting.named($0) == nil } == [])
    }

    @Test("every default can be read", arguments: Setting.all)
    func defaults(_ setting: Setting) {
        _ = setting.standardValue
        #expect(!setting.help.isEmpty)
    }
}
