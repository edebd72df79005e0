//  What changes in the rules when the process is to be a proxy.

import EtcdConfig
import Testing

@Suite("Rules for a proxy")
struct ProxyRuleTests {
    private let cluster =
        "--initial-cluster=infra0=http://10.0.0.1:2380,infra1=http://10.0.0.2:2380"

    @Test("it is none of the members and advertises nothing")
    func noMember() throws {
        let words = ["--proxy=on", "--listen-client-urls=http://127.0.0.1:8080", cluster]
        let config = try #require(started(load(words)))
        #expect(config.proxy.mode == .on)
        #expect(config.initialCluster.map(\.name) == ["infra0", "infra1"])
        let outcome = notices(load(words))
        #expect(!outcome.contains { $0.setting == "name" }, "\(outcome)")
        #expect(failure(load(["--proxy=off", cluster])).code == 1)
    }

    @Test("its ports are checked as far as it listens on them")
    func ports() {
        let shared = [
            "--proxy=readonly", cluster, "--listen-client-urls=http://127.0.0.1:2380",
        ]
        #expect(started(load(shared + ["--listen-peer-urls=http://name.example:2380"])) != nil)
        let twice = ["--proxy=on", cluster, "--listen-metrics-urls=http://localhost:2379"]
        #expect(failure(load(twice)).message.contains("address already in use"))
        let name = ["--proxy=on", cluster, "--listen-client-urls=http://name.example:1"]
        #expect(failure(load(name)).message.contains("expected IP in URL for binding"))
    }

    @Test("a member's data directory keeps the rules of a member")
    func initialized() {
        let member = ConfigHost(isInitialized: { _, _ in true })
        let words = ["--proxy=on", "--listen-client-urls=http://127.0.0.1:8080"]
        #expect(
            failure(load(words, host: member)).message.contains(
                "--advertise-client-urls is required"))
    }

    @Test("times, and what is said of them when they are wrong")
    func times() throws {
        let config = try #require(
            started(
                load([
                    "--proxy=on", "--proxy-failure-wait=1", "--proxy-refresh-interval=2",
                    "--proxy-dial-timeout=3", "--proxy-write-timeout=4",
                    "--proxy-read-timeout=5",
                ])))
        let times = config.proxy
        #expect(times.failureWaitMilliseconds == 1 && times.refreshMilliseconds == 2)
        #expect(times.dialMilliseconds == 3 && times.writeMilliseconds == 4)
        #expect(times.readMilliseconds == 5)
        let standard = try #require(started(load([]))).proxy
        #expect(standard.mode == .off && standard.refreshMilliseconds == 30_000)
        #expect(failure(load(["--proxy-read-timeout=-1"])).code == 2)
    }
}
