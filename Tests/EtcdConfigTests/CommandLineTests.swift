//  The command line's grammar, its failures in etcd's words, and which source wins.

import EtcdConfig
import Testing

/// Words, and the first line on standard error that etcd 3.4.23 was seen to write.
private let badLines: [(words: [String], message: String)] = [
    (["--bogus"], "flag provided but not defined: -bogus"),
    (["-bogus=1", "x"], "flag provided but not defined: -bogus"),
    (["---x"], "bad flag syntax: ---x"),
    (["--=x"], "bad flag syntax: --=x"),
    (["--name"], "flag needs an argument: -name"),
    (["-config-file"], "flag needs an argument: -config-file"),
    (
        ["--heartbeat-interval=abc"],
        "invalid value \"abc\" for flag -heartbeat-interval: parse error"
    ),
    (
        ["--heartbeat-interval", "-1"],
        "invalid value \"-1\" for flag -heartbeat-interval: parse error"
    ),
    (["--snapshot-count="], "invalid value \"\" for flag -snapshot-count: parse error"),
    (["--max-snapshots=08"], "invalid value \"08\" for flag -max-snapshots: parse error"),
    (
        ["--max-snapshots=18446744073709551616"],
        "invalid value \"18446744073709551616\" for flag -max-snapshots: value out of range"
    ),
    (
        ["--max-concurrent-streams=99999999999"],
        "invalid value \"99999999999\" for flag -max-concurrent-streams: "
            + "strconv.ParseUint: parsing \"99999999999\": value out of range"
    ),
    (
        ["--quota-backend-bytes=zz"],
        "invalid value \"zz\" for flag -quota-backend-bytes: parse error"
    ),
    (
        ["--grpc-keepalive-min-time=5"],
        "invalid value \"5\" for flag -grpc-keepalive-min-time: parse error"
    ),
    (["--enable-v2=maybe"], "invalid boolean value \"maybe\" for -enable-v2: parse error"),
    (
        ["--initial-cluster-state=foo"],
        "invalid value \"foo\" for flag -initial-cluster-state: invalid value"
    ),
    (["--proxy=foo"], "invalid value \"foo\" for flag -proxy: invalid value"),
    (
        ["--listen-client-urls=ftp://1.2.3.4:5"],
        "invalid value \"ftp://1.2.3.4:5\" for flag -listen-client-urls: "
            + "URL scheme must be http, https, unix, or unixs: ftp://1.2.3.4:5"
    ),
]

@Suite("The command line")
struct CommandLineTests {
    @Test("fails in etcd's words with code 2 and a usage hint", arguments: badLines)
    func bad(_ words: [String], _ message: String) {
        let (text, code) = failure(load(words))
        #expect(text.hasPrefix(message), "\(text)")
        #expect(code == 2)
        #expect(text.contains("See 'etcd-swift --help'."))
    }

    @Test("names all its mistakes at once, with what was likely meant")
    func allMistakes() {
        let (text, code) = failure(
            load(["--nmae", "x", "--pre-vote=3", "--addr", "1.2.3.4:4001", "--max-wals", "y"]))
        #expect(code == 2)
        for line in [
            "flag provided but not defined: -nmae (did you mean --name?)",
            "flag provided but not defined: -addr (gone since etcd 3; use --advertise-client-urls)",
            "invalid boolean value \"3\" for -pre-vote: parse error",
            "invalid value \"y\" for flag -max-wals: parse error",
        ] {
            #expect(text.contains(line + "\n"), "\(text)")
        }
    }

    @Test(
        "refuses words that belong to no flag",
        arguments: [["x"], ["--", "x"], ["-"], ["--enable-v2", "false"], ["help"]])
    func stray(_ words: [String]) {
        let (text, code) = failure(load(words))
        #expect(text.hasPrefix("\"\(words.last ?? "")\" is not a valid flag"))
        #expect(code == 1)
    }

    @Test("takes the last of repeated flags")
    func repeated() {
        #expect(started(load(["--name", "a", "-name=b", "--name=c"]))?.name == "c")
    }

    @Test("reads numbers and durations as Go does")
    func numbers() {
        let config = started(
            load([
                "--heartbeat-interval=0x10", "--election-timeout=1_000_0", "--max-wals=0b11",
                "--max-snapshots=017", "--warning-apply-duration=1m1.5s",
            ]))
        #expect(config?.heartbeatMilliseconds == 16)
        #expect(failure(load(["--election-timeout=1__0"])).code == 2)
        #expect(config?.electionMilliseconds == 10_000)
        #expect(config?.maxWALs == 3)
        #expect(config?.maxSnapshots == 15)
        #expect(config?.warningApplyMilliseconds == 61_500)
    }

    @Test("warns about flags that etcd ignores", arguments: Setting.ignoredFlags.sorted())
    func ignored(_ name: String) {
        let found = notices(load(["-\(name)", "--name=a"]))
        #expect(found.contains { $0.setting == name && $0.level == .warning })
    }

    @Test(
        "shows help whatever else is there", arguments: ["-h", "--help", "-help", "--help=false"])
    func help(_ word: String) {
        for words in [[word], ["--name", "a", word, "--bogus"], ["config", "check", word]] {
            guard case .help(let text) = load(words) else {
                Issue.record("no help for \(words)")
                continue
            }
            #expect(text.contains("--name 'default'"))
        }
    }

    @Test("shows the version in etcd's lines and one of its own")
    func version() {
        guard case .version(let text) = load(["--version", "--name=a"]) else {
            Issue.record("no version")
            return
        }
        let lines = text.split(separator: "\n")
        #expect(
            lines.map { $0.split(separator: ":")[0] } == [
                "etcd Version", "Git SHA", "Go Version", "Go OS/Arch", "etcd-swift Version",
            ])
        #expect(lines[0] == "etcd Version: 3.5.33")
        #expect(failure(load(["--version=x"])).code == 2)
        #expect(started(load(["--version=false"])) != nil)
    }

    @Test("knows what is not part of it", arguments: ["grpc-proxy"])
    func sideProgram(_ word: String) {
        let (text, code) = failure(load([word, "start"]))
        #expect(text.hasPrefix("\(word) is not part of this release"))
        #expect(code == 1)
    }

    @Test("asks which command of config is meant")
    func configCommands() {
        #expect(failure(load(["config"])).code == 2)
        #expect(failure(load(["config", "chek"])).message.hasPrefix("\"chek\" is no command"))
    }

    @Test(
        "is shown without secrets",
        arguments: [
            (
                ["e", "--discovery-user", "u:p", "--name=x"],
                ["e", "--discovery-user", "***", "--name=x"]
            ),
            (["e", "-discovery-password=p", "y"], ["e", "-discovery-password=***", "y"]),
            (
                ["e", "--discovery", "http://u:p@h/t", "--force-new-cluster", "z"],
                ["e", "--discovery", "http://***@h/t", "--force-new-cluster", "z"]
            ),
            (
                ["e", "gateway", "start", "--unknown", "v"],
                ["e", "gateway", "start", "--unknown", "v"]
            ),
            (["e", "--discovery-password"], ["e", "--discovery-password"]),
        ])
    func shown(words: [String], expected: [String]) {
        #expect(Setting.shown(commandLine: words) == expected)
    }
}
