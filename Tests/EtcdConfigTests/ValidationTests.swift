//  Every rule between settings, with etcd's words and the corrected line.

import EtcdConfig
import Testing

struct Refusal: Sendable, CustomTestStringConvertible {
    let words: [String]
    /// Parts of what `config check` says.
    let message: String
    let correction: String?
    let isWarning: Bool

    init(_ words: [String], _ message: String, _ correction: String? = nil, warning: Bool = false) {
        self.words = words
        self.message = message
        self.correction = correction
        isWarning = warning
    }

    var testDescription: String { message }
}

private let singleRules: [Refusal] = [
    Refusal(
        ["--heartbeat-interval=0"], "--heartbeat-interval must be >0 (set to 0ms)",
        "--heartbeat-interval 100"),
    Refusal(
        ["--election-timeout=0"], "--election-timeout must be >0 (set to 0ms)",
        "--election-timeout 1000"),
    Refusal(
        ["--election-timeout=400"],
        "--election-timeout[400ms] should be at least as 5 times as --heartbeat-interval[100ms]",
        "--election-timeout 500"),
    Refusal(
        ["--election-timeout=60000"],
        "--election-timeout[60000ms] is too long, and should be set less than 50000ms",
        "--election-timeout 50000"),
    Refusal(
        ["--heartbeat-interval=18446744073709551615"],
        "should be at least as 5 times as --heartbeat-interval", "--heartbeat-interval 100"),
    Refusal(["--max-learners=-1"], "--max-learners must not be negative", "--max-learners 1"),
    Refusal(["--logger=capnslog"], "--logger=capnslog is removed in v3.5", "--logger zap"),
    Refusal(["--logger=x"], "unknown logger option \"x\"", "--logger zap"),
    Refusal(["--log-level=inf"], "unrecognized level: \"inf\"", "--log-level info"),
    Refusal(["--log-level=WARN"], "unrecognized level: \"WARN\"", "--log-level warn"),
    Refusal(
        ["--log-format=xml"], "unknown log format: xml, supported values json, console",
        "--log-format json"),
    Refusal(
        ["--log-outputs=default,/tmp/x"], "multi logoutput for \"default\" is not supported yet",
        "--log-outputs stderr,/tmp/x"),
    Refusal(
        ["--auto-compaction-mode=x"], "unknown auto-compaction-mode \"x\"",
        "--auto-compaction-mode periodic"),
    Refusal(
        ["--auto-compaction-retention=x"],
        "error parsing CompactionRetention: time: invalid duration \"x\""),
    Refusal(
        ["--auto-compaction-mode=revision", "--auto-compaction-retention=5m"],
        "error parsing CompactionRetention"),
    Refusal(
        ["--auto-compaction-retention=1_000"],
        "error parsing CompactionRetention: time: invalid duration \"1_000\""),
    Refusal(
        ["--auto-compaction-mode=revision", "--auto-compaction-retention=0x3e8"],
        "error parsing CompactionRetention: time: invalid duration \"0x3e8\""),
    Refusal(
        ["--auto-compaction-retention=-1"],
        "error parsing CompactionRetention: time: invalid duration \"-1\""),
    Refusal(
        ["--auto-compaction-retention=9223372036854775807"],
        "error parsing CompactionRetention: 9223372036854775807 hours are too many, the most are "
            + "2562047"),
    Refusal(["--feature-gates=AllAlpha"], "missing bool value for AllAlpha"),
    Refusal(
        ["--feature-gates=AllAlpha=x"], "invalid value of AllAlpha=x, err: parse error"),
    Refusal(
        ["--feature-gates=AllAlphas=true"],
        "unrecognized feature gate: AllAlphas (did you mean AllAlpha?)"),
    Refusal(
        ["--feature-gates=AllAlpha=true", "--experimental-initial-corrupt-check"],
        "cannot set --experimental-initial-corrupt-check and --feature-gates at the same time, "
            + "please use --feature-gates only",
        "remove --experimental-initial-corrupt-check=true"),
    Refusal(
        ["--discovery=http://d", "--initial-cluster=default=http://localhost:2380"],
        "multiple discovery or bootstrap flags are set. Choose one of \"initial-cluster\", "
            + "\"discovery\", \"discovery-endpoints\" or \"discovery-srv\""),
    Refusal(
        ["--discovery=http://d", "--initial-cluster-state=existing"],
        "discovery URL should not be set when joining existing initial cluster"),
    Refusal(
        ["--discovery-token=t"], "both --discovery-token and --discovery-endpoints must be set"),
    Refusal(
        ["--discovery-endpoints=h:1"],
        "both --discovery-token and --discovery-endpoints must be set"),
    Refusal(
        ["--discovery-token=t", "--discovery-endpoints=,"],
        "both --discovery-token and --discovery-endpoints must be set"),
    Refusal(
        ["--discovery=http://d/t", "--discovery-cacert=c"],
        "both v2 discovery settings (discovery, discovery-proxy) and v3 discovery settings "
            + "(discovery-token, discovery-endpoints, discovery-cert, discovery-key, "
            + "discovery-cacert, discovery-user, discovery-password) are set"),
    Refusal(
        ["--discovery-token=t", "--discovery-endpoints=h:1", "--discovery-cert=c"],
        "--discovery-cert and --discovery-key must be set together"),
    Refusal(
        ["--discovery-token=t", "--discovery-endpoints=h:1", "--discovery-request-timeout=0"],
        "--discovery-request-timeout must be longer than a millisecond",
        "--discovery-request-timeout 5s"),
    Refusal(["--auth-token=jwt,sign-method=RS256"], "auth: missing key data"),
    Refusal(["--auth-token=jwt,sign-method=HS256,pub-key=k"], "auth: missing key data"),
    Refusal(
        ["--auth-token=jwt,priv-key=k"],
        "auth: invalid auth options (sign-method is missing; use one of RS256, RS384, RS512, "
            + "PS256, PS384, PS512, ES256, ES384, ES512, HS256, HS384, HS512, EdDSA)"),
    Refusal(
        ["--auth-token=jwt,sign-method=RS256,sign-method=RS512"],
        "auth: invalid auth options (sign-method is given twice)"),
    Refusal(
        ["--auth-token=jwt,sign-method"],
        "auth: invalid auth options (\"sign-method\" is not OPTION=VALUE)"),
    Refusal(
        ["--auth-token=jwt,sign-method=RS256,priv-key=k,ttl=x"],
        "auth: invalid auth options (ttl \"x\" is not a positive duration such as 5m)"),
    Refusal(
        ["--auth-token=x"],
        "auth: invalid auth options (unknown token type \"x\"; use simple or jwt)"),
]

private let addressRules: [Refusal] = [
    Refusal(
        ["--listen-client-urls=http://10.0.0.1:2379"],
        "--advertise-client-urls is required when --listen-client-urls is set explicitly",
        "--advertise-client-urls http://10.0.0.1:2379"),
    Refusal(
        ["--listen-client-urls=http://0.0.0.0:2379,http://0.0.0.0:4001"],
        "--advertise-client-urls is required when --listen-client-urls is set explicitly",
        "--advertise-client-urls http://192.0.2.7:2379,http://192.0.2.7:4001"),
    Refusal(
        ["--listen-peer-urls=http://example.com:2380"],
        "expected IP in URL for binding (http://example.com:2380)",
        "--listen-peer-urls http://0.0.0.0:2380"),
    Refusal(
        ["--listen-metrics-urls=http://:9000,http://127.0.0.1:9001"],
        "expected IP in URL for binding (http://:9000)",
        "--listen-metrics-urls http://127.0.0.1:9001,http://0.0.0.0:9000"),
    Refusal(
        ["--listen-peer-urls=https://10.0.0.1:2380"],
        "cannot listen on TLS for 10.0.0.1:2380: KeyFile and CertFile are not presented",
        "--listen-peer-urls http://10.0.0.1:2380"),
    Refusal(
        ["--listen-client-http-urls=http://localhost:2379"],
        "cannot bind both --listen-client-urls and --listen-client-http-urls on the same url "
            + "http://localhost:2379"),
    Refusal(
        ["--listen-peer-urls=http://localhost:2379"],
        "cannot both listen on localhost:2379: address already in use"),
    Refusal(
        ["--initial-advertise-peer-urls=http://:2380"],
        "--initial-advertise-peer-urls \"http://:2380\" must be \"host:port\" "
            + "(unexpected empty host (http://:2380))",
        "--initial-advertise-peer-urls http://192.0.2.7:2380"),
    Refusal(
        ["--advertise-client-urls=http://:2379"],
        "--advertise-client-urls \"http://:2379\" must be \"host:port\" "
            + "(unexpected empty host (http://:2379))",
        "--advertise-client-urls http://192.0.2.7:2379"),
    Refusal(
        ["--advertise-client-urls=http://0.0.0.0:2379"],
        "--advertise-client-urls tells others http://0.0.0.0:2379, where nobody can reach",
        "--advertise-client-urls http://192.0.2.7:2379", warning: true),
    Refusal(
        ["--initial-advertise-peer-urls=http://10.0.0.1:2480"],
        "--initial-advertise-peer-urls tells others http://10.0.0.1:2480, but --listen-peer-urls "
            + "listens on port 2380",
        "--initial-advertise-peer-urls http://10.0.0.1:2380", warning: true),
]

@Suite("Rules between settings")
struct ValidationTests {
    private let host = ConfigHost(defaultAddress: { "192.0.2.7" })

    @Test(
        "are checked in etcd's words, with the corrected line",
        arguments: singleRules + addressRules)
    func rule(_ rule: Refusal) {
        let (text, code) = check(rule.words, host: host)
        #expect(text.contains((rule.isWarning ? "warning: " : "error: ")), "\(text)")
        #expect(text.contains(rule.message), "\(text)")
        if let correction = rule.correction {
            #expect(text.contains("   correct: \(correction)\n"), "\(text)")
        }
        #expect(code == (rule.isWarning ? 0 : 1))
        switch load(rule.words, host: host) {
        case .run(_, let notices):
            #expect(rule.isWarning)
            #expect(notices.contains { $0.message.contains(rule.message) })
        case .failure(let message, let code):
            #expect(!rule.isWarning && code == 1)
            #expect(message.contains(rule.message))
        default: Issue.record("neither run nor failure")
        }
    }

    @Test("all problems are named at once, at the start as in the check")
    func allAtOnce() {
        let words = [
            "--name=a", "--election-timeout=400", "--peer-cert-file=/c", "--log-level=loud",
            "--listen-client-urls=http://h:2379", "--initial-cluster=b=http://10.0.0.1:2380",
        ]
        let (text, _) = check(words, ["ETCD_PRE_VOTE": "perhaps"])
        #expect(text.hasPrefix("configuration: 7 errors"), "\(text)")
        let (message, code) = failure(load(words, ["ETCD_PRE_VOTE": "perhaps"]))
        #expect(code == 1)
        #expect(message.hasPrefix("failed to verify flags: 7 errors"))
        let problems = text.split(separator: "\n").filter { $0.contains("error: ") }
        #expect(problems.count == 7)
        for line in problems { #expect(message.contains(line)) }
    }

    @Test("corrections have the form in which the setting is given")
    func forms() {
        let variable = check([], ["ETCD_ELECTION_TIMEOUT": "400"]).text
        #expect(variable.contains("correct: ETCD_ELECTION_TIMEOUT=500"))
        let file = check(["--config-file=/c"], files: ["/c": "ETCD_ELECTION_TIMEOUT=400"]).text
        #expect(file.contains("correct: ETCD_ELECTION_TIMEOUT=\"500\""))
        #expect(file.contains("set by: /c:1"))
        let yaml = check(["--config-file=/c"], files: ["/c": "election-timeout: 400"]).text
        #expect(yaml.contains("correct: election-timeout: '500'"))
    }

    @Test("the default host is advertised when everything is listened to")
    func defaultHost() {
        let outcome = load(["--name=a", "--listen-peer-urls=http://0.0.0.0:2390"], host: host)
        #expect(started(outcome)?.initialAdvertisePeerURLs.map(\.text) == ["http://192.0.2.7:2390"])
        #expect(started(outcome)?.initialClusterText == "a=http://192.0.2.7:2390")
        #expect(notices(outcome).contains { $0.message == "detected default host for advertise" })
        let own = load(["--name=a", "--listen-peer-urls=http://10.0.0.1:2380"], host: host)
        #expect(started(own)?.initialAdvertisePeerURLs.map(\.text) == ["http://localhost:2380"])
    }

    @Test("defaults are etcd 3.5's, except that the v2 API is on")
    func defaults() throws {
        let config = try #require(started(load([])))
        #expect(config.name == "default")
        #expect(config.dataDirectory == "default.etcd")
        #expect(config.initialClusterText == "default=http://localhost:2380")
        #expect(config.snapshotCount == 100_000)
        #expect(config.snapshotCatchupEntries == 5_000)
        #expect(config.heartbeatMilliseconds == 100)
        #expect(config.electionMilliseconds == 1_000)
        #expect(config.maxRequestBytes == 1_572_864)
        #expect(config.preVote && config.strictReconfigCheck && config.enableV2)
        #expect(config.isNewCluster && config.initialClusterToken == "etcd-cluster")
        #expect(config.logFormat == .json && config.logLevel == .info)
        #expect(config.logOutputs == [.standardError])
        #expect(config.cors == ["*"] && config.hostWhitelist == ["*"])
    }

    @Test("zero means the default for the counts of snapshots")
    func zeroCounts() {
        let zero = started(load(["--snapshot-count=0", "--snapshot-catchup-entries=0"]))
        #expect(zero?.snapshotCount == 100_000)
        #expect(zero?.snapshotCatchupEntries == 5_000)
    }

    @Test(
        "compaction keeps revisions, hours or what a duration says",
        arguments: [
            ("periodic", "", .off), ("periodic", "0", .off), ("periodic", "-1h", .off),
            ("revision", "0", .off), ("periodic", "5", .periodic(milliseconds: 18_000_000)),
            ("periodic", "90m", .periodic(milliseconds: 5_400_000)),
            ("periodic", "2562047", .periodic(milliseconds: 9_223_369_200_000)),
            ("revision", "1000", .revisions(1_000)),
            ("revision", "9223372036854775807", .revisions(.max)),
        ] as [(String, String, ServerConfig.Compaction)])
    func compaction(mode: String, retention: String, expected: ServerConfig.Compaction) {
        let words = ["--auto-compaction-mode=\(mode)", "--auto-compaction-retention=\(retention)"]
        #expect(started(load(words))?.compaction == expected)
    }

    @Test("requests that the log cannot hold are refused, whatever is asked for")
    func endlessRequests() {
        let outcome = load(["--max-request-bytes=18446744073709551615"])
        #expect(started(outcome)?.maxRequestBytes == 268_369_920)
        #expect(notices(outcome).contains { $0.message.contains("no log record can hold") })
    }

    @Test("an empty list of URLs is the default, but counts as set")
    func emptyURLs() {
        #expect(
            started(load(["--initial-advertise-peer-urls="]))?.initialAdvertisePeerURLs.map(\.text)
                == ["http://localhost:2380"])
        #expect(
            check(["--listen-client-urls="]).text.contains(
                "--advertise-client-urls is required when --listen-client-urls is set explicitly"))
    }

    @Test("--debug means the level debug")
    func debug() {
        #expect(started(load(["--debug", "--log-level=warn"]))?.logLevel == .debug)
    }
}
