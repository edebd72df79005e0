//  Which place a gateway forwards to next, and how it is told of places.

import EtcdConfig
import RuntimeCore
import Testing

@testable import EtcdProxy

@Suite("Targets of a gateway")
struct GatewayTargetsTests {
    /// A generator with a known sequence.
    private struct Steps: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return state ^ (state >> 29)
        }
    }

    private func target(_ host: String, _ priority: UInt16 = 0, _ weight: UInt16 = 0)
        -> GatewayTarget
    {
        GatewayTarget(host: host, port: 1, priority: priority, weight: weight)
    }

    private func picks(_ targets: inout GatewayTargets, _ count: Int) -> [String: Int] {
        var random = Steps(state: 7)
        var seen: [String: Int] = [:]
        for _ in 0..<count {
            let index = targets.pick(using: &random)
            seen[index.map { targets.all[$0].host } ?? "none", default: 0] += 1
        }
        return seen
    }

    @Test("targets without weights take turns")
    func turns() {
        var targets = GatewayTargets([target("a"), target("b"), target("c")])
        #expect(picks(&targets, 9) == ["a": 3, "b": 3, "c": 3])
    }

    @Test("a higher priority number is used only while no lower one works")
    func priorities() {
        var targets = GatewayTargets([target("later", 2), target("a", 1), target("b", 1)])
        #expect(picks(&targets, 4) == ["a": 2, "b": 2])
        var news = [targets.leaveAlone(1), targets.leaveAlone(1)]
        #expect(picks(&targets, 4) == ["b": 4])
        news.append(targets.leaveAlone(2))
        #expect(picks(&targets, 4) == ["later": 4])
        news.append(targets.leaveAlone(0))
        #expect(picks(&targets, 4) == ["none": 4])
        #expect(news == [true, false, true, true])
        targets.takeBack(2)
        #expect(picks(&targets, 4) == ["b": 4])
    }

    @Test("weights are shares, and weight 0 beside them gets next to nothing")
    func weights() {
        var targets = GatewayTargets([target("a", 0, 1), target("b", 0, 3), target("zero")])
        let seen = picks(&targets, 40_000)
        #expect((9_300...10_500).contains(seen["a"] ?? 0), "\(seen)")
        #expect((28_700...30_500).contains(seen["b"] ?? 0), "\(seen)")
        #expect((250...600).contains(seen["zero"] ?? 0), "\(seen)")
    }

    @Test("endpoints lose scheme and path; what is no address is named")
    func endpoints() throws {
        for (text, address) in [
            ("127.0.0.1:2379", "127.0.0.1:2379"), ("http://h:1", "h:1"), ("https://h:1/x", "h:1"),
            ("[::1]:2379", "[::1]:2379"), ("http://[::1]:5", "[::1]:5"), ("unix://h:1", "h:1"),
        ] {
            #expect(try GatewayTarget(endpoint: text).address == address)
        }
        for text in ["a", "a:", "a:b", "a:65536", "::1:5", "[::1:5", ""] {
            do {
                _ = try GatewayTarget(endpoint: text)
                Issue.record("\(text) was taken")
            } catch {
                #expect(error.description.contains("error parsing endpoint \"\(text)\""))
            }
        }
    }
}

@Suite("Command line of the gateway")
struct GatewayOptionsTests {
    @Test("every flag, with = and as the next word; stray words do not matter")
    func flags() {
        var expected = GatewayOptions()
        #expect(GatewayOptions.parse(["start"]) == .start(expected))
        #expect(GatewayOptions.parse(["start", "x", "-", "--", "--nope"]) == .start(expected))
        expected.listenAddress = ":1"
        expected.endpoints = ["a:1", "b:2", "c:3"]
        expected.discoveryDomain = "d"
        expected.discoveryName = "n"
        expected.isDiscoveryInsecure = true
        expected.trustedCAFile = "f"
        expected.retryMilliseconds = 90_000
        let words = [
            "start", "--listen-addr", ":1", "--endpoints=a:1,b:2", "--endpoints", "c:3", "stray",
            "--discovery-srv=d", "--discovery-srv-name", "n", "--insecure-discovery",
            "--trusted-ca-file=f", "--retry-delay", "1m30s",
        ]
        #expect(GatewayOptions.parse(words) == .start(expected))
        expected.isDiscoveryInsecure = false
        expected.endpoints = []
        let off = words + ["--insecure-discovery=false", "--endpoints="]
        guard case .start(let options) = GatewayOptions.parse(off) else {
            Issue.record("refused")
            return
        }
        #expect(!options.isDiscoveryInsecure && options.endpoints == ["a:1", "b:2", "c:3"])
        guard case .start(let none) = GatewayOptions.parse(["start", "--endpoints="]) else {
            Issue.record("refused")
            return
        }
        #expect(none.endpoints.isEmpty)
    }

    @Test(
        "what is wrong is said in etcd's words, before the usage",
        arguments: [
            ("--nope", "unknown flag: --nope"),
            ("--nope=1", "unknown flag: --nope"),
            ("--endpoints", "flag needs an argument: --endpoints"),
            ("-listen-addr=x", "unknown shorthand flag: 'l' in -listen-addr=x"),
            ("--=x", "bad flag syntax: --=x"),
            (
                "--retry-delay=5",
                "invalid argument \"5\" for \"--retry-delay\" flag: "
                    + "time: missing unit in duration \"5\""
            ),
            (
                "--retry-delay=-5s",
                "invalid argument \"-5s\" for \"--retry-delay\" flag: it must not be negative"
            ),
            (
                "--insecure-discovery=maybe",
                "invalid argument \"maybe\" for \"--insecure-discovery\" flag: "
                    + "strconv.ParseBool: parsing \"maybe\": invalid syntax"
            ),
        ])
    func refusals(word: String, message: String) {
        guard case .failure(let text) = GatewayOptions.parse(["start", word]) else {
            Issue.record("not refused")
            return
        }
        #expect(text.hasPrefix("Error: \(message)"), "\(text)")
        #expect(text.contains("\n      --listen-addr string          listen address"))
    }

    @Test("help is help")
    func help() {
        for words in [[], ["stop"], ["-h"], ["--help"]] {
            #expect(GatewayOptions.parse(words) == .help(GatewayOptions.commandHelp))
        }
        for word in ["-h", "--help"] {
            guard case .help(let text) = GatewayOptions.parse(["start", word]) else {
                Issue.record("no help")
                continue
            }
            #expect(text.hasPrefix("start the gateway\n\nUsage:\n  etcd-swift gateway start"))
        }
    }
}
