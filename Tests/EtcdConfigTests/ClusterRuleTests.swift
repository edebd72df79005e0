//  The own entry of the initial cluster: found or not, and what is advertised against it.

import EtcdConfig
import Testing

private let three = "a=http://10.0.0.1:2380,b=http://10.0.0.2:2380,c=http://10.0.0.3:2380"

private let clusterRules: [Refusal] = [
    // The name: by a matching address, by a similar name, else the entry is missing.
    Refusal(
        [
            "--name=x", "--initial-cluster", three, "--listen-peer-urls=http://10.0.0.2:2380",
            "--initial-advertise-peer-urls=http://10.0.0.2:2380",
        ], "couldn't find local name \"x\" in the initial cluster configuration", "--name b"),
    Refusal(
        [
            "--name=autumen-client1", "--listen-peer-urls=http://0.0.0.0:2480",
            "--initial-cluster=autumn-client0=http://10.0.0.1:2380,"
                + "autumn-client1=http://10.0.0.2:2480",
            "--initial-advertise-peer-urls=http://10.0.0.2:2380",
        ], "couldn't find local name \"autumen-client1\"", "--name autumn-client1"),
    Refusal(
        [
            "--name=d", "--initial-cluster", three, "--listen-peer-urls=http://10.0.0.4:2380",
            "--initial-advertise-peer-urls=http://10.0.0.4:2380",
        ], "couldn't find local name \"d\" in the initial cluster configuration (it has a, b, c)",
        "--initial-cluster \(three),d=http://10.0.0.4:2380"),
    Refusal(
        [
            "--name=infra1", "--initial-cluster=infra0=http://10.0.0.1:2380",
            "--initial-advertise-peer-urls=http://10.0.0.1:2381",
            "--listen-peer-urls=http://10.0.0.1:2381",
        ], "couldn't find local name \"infra1\"",
        "--initial-cluster infra0=http://10.0.0.1:2380,infra1=http://10.0.0.1:2381"),
    Refusal(
        ["--initial-cluster", three],
        "couldn't find local name \"default\" in the initial cluster configuration (it has a, b, "
            + "c); forgot to set --name?; forgot to set --initial-advertise-peer-urls?"),
    // What is advertised.
    Refusal(
        ["--name=a", "--initial-cluster=a=http://1.2.3.4:2380"],
        "--initial-cluster has a=http://1.2.3.4:2380 but missing from "
            + "--initial-advertise-peer-urls=http://localhost:2380 "
            + "(resolved urls: \"http://localhost:2380\" != \"http://1.2.3.4:2380\")"
            + "; forgot to set --initial-advertise-peer-urls?",
        "--initial-advertise-peer-urls http://1.2.3.4:2380"),
    Refusal(
        [
            "--name=a", "--initial-cluster=a=http://1.2.3.4:2480",
            "--initial-advertise-peer-urls=http://1.2.3.4:2380",
        ],
        "--initial-cluster has a=http://1.2.3.4:2480 but missing from "
            + "--initial-advertise-peer-urls=http://1.2.3.4:2380",
        "--initial-cluster a=http://1.2.3.4:2380"),
    Refusal(
        [
            "--name=a", "--initial-cluster=a=http://1.2.3.4:2380,a=http://1.2.3.5:2380",
            "--initial-advertise-peer-urls=http://1.2.3.4:2380",
        ],
        "--initial-cluster has a=http://1.2.3.5:2380 but missing from "
            + "--initial-advertise-peer-urls=http://1.2.3.4:2380",
        "--initial-advertise-peer-urls http://1.2.3.4:2380,http://1.2.3.5:2380"),
    Refusal(
        [
            "--name=a", "--initial-cluster=a=http://1.2.3.4:2380",
            "--initial-advertise-peer-urls=http://1.2.3.4:2380,http://1.2.3.5:2380",
        ],
        "--initial-advertise-peer-urls has http://1.2.3.5:2380 but missing from "
            + "--initial-cluster=a=http://1.2.3.4:2380"),
    Refusal(
        [
            "--name=a", "--initial-cluster-state=existing",
            "--initial-cluster=a=http://1.2.3.4:2380,b=http://1.2.3.5:2380",
            "--initial-advertise-peer-urls=http://1.2.3.4:2480",
            "--listen-peer-urls=http://1.2.3.4:2380",
        ], "--initial-cluster has a=http://1.2.3.4:2380 but missing from",
        "--initial-advertise-peer-urls http://1.2.3.4:2380", warning: true),
    // The list itself.
    Refusal(
        [
            "--name=a", "--initial-cluster=a=http://1.2.3.4:2380,b=http://1.2.3.4:2380",
            "--initial-advertise-peer-urls=http://1.2.3.4:2380",
        ], "initial cluster a=http://1.2.3.4:2380,b=http://1.2.3.4:2380 has duplicate url"),
    Refusal(
        ["--name=a", "--initial-cluster=a=1.2.3.4:2380,http://1.2.3.5:2380"],
        "error setting up initial cluster: ",
        "--initial-cluster a=http://1.2.3.4:2380,a=http://1.2.3.5:2380"),
    Refusal(
        ["--name=a", "--initial-cluster=a"],
        "error setting up initial cluster: URL scheme must be http, https, unix, or unixs: "),
    Refusal(
        ["--name=a", "--initial-cluster=a=https://localhost:2380"],
        "--initial-cluster has a=https://localhost:2380 but missing from "
            + "--initial-advertise-peer-urls=http://localhost:2380"),
    Refusal(
        ["--name=a", "--initial-cluster=a=http://localhost:2380,b=http://0.0.0.0:2390"],
        "--initial-cluster has b=http://0.0.0.0:2390, where nobody can reach it", warning: true),
    Refusal(
        ["--name=a", "--initial-cluster=a=http://localhost:2380,b=http://10.0.0.2:2380"],
        "--initial-advertise-peer-urls tells others http://localhost:2380, which they take for "
            + "themselves", "--initial-advertise-peer-urls http://192.0.2.7:2380", warning: true),
    Refusal(
        [
            "--name=a", "--initial-cluster=a=http://localhost:2380",
            "--initial-cluster-state=existing",
        ], "--initial-cluster-state is existing, but --initial-cluster names no other member",
        "--initial-cluster-state new", warning: true),
]

@Suite("The initial cluster")
struct ClusterRuleTests {
    private let host = ConfigHost(defaultAddress: { "192.0.2.7" })

    @Test("is checked in etcd's words, with the corrected line", arguments: clusterRules)
    func rule(_ rule: Refusal) {
        let (text, code) = check(rule.words, host: host)
        let severity = rule.isWarning ? "warning" : "error"
        let line = text.split(separator: "\n").first { $0.contains(rule.message) } ?? ""
        #expect(line.contains(". \(severity): "), "\(text)")
        if let correction = rule.correction {
            #expect(text.contains("   correct: \(correction)\n"), "\(text)")
        }
        #expect(code == (rule.isWarning ? 0 : 1))
    }

    @Test("the tutorial's second member: both problems in one message")
    func tutorial() {
        let (text, _) = check([
            "-name", "autumen-client1", "-listen-peer-urls", "http://0.0.0.0:2480",
            "-initial-advertise-peer-urls", "http://10.0.0.2:2380", "-initial-cluster",
            "autumn-client0=http://10.0.0.1:2380,autumn-client1=http://10.0.0.2:2480",
        ])
        #expect(text.contains("couldn't find local name \"autumen-client1\""))
        #expect(text.contains("correct: --name autumn-client1"))
        #expect(text.contains("but missing from --initial-advertise-peer-urls="))
        #expect(text.contains("correct: --initial-advertise-peer-urls http://10.0.0.2:2480"))
    }

    @Test("blanks after commas do not matter, order and repeated names are kept")
    func blanks() {
        let config = started(
            load([
                "--name=b", "--initial-cluster",
                "b=http://10.0.0.2:2380, a=http://10.0.0.1:2380 ,, b = http://10.0.0.3:2380",
                "--initial-advertise-peer-urls", "http://10.0.0.3:2380, http://10.0.0.2:2380",
            ]))
        #expect(config?.initialCluster.map(\.name) == ["b", "a", "b"])
        #expect(
            config?.initialAdvertisePeerURLs.map(\.text)
                == ["http://10.0.0.2:2380", "http://10.0.0.3:2380"])
    }

    @Test("names are compared by what they resolve to")
    func resolution() {
        let words = [
            "--name=a", "--initial-cluster=a=http://host.example:2380",
            "--initial-advertise-peer-urls=http://10.0.0.1:2380",
        ]
        let known = ConfigHost(resolve: { $0 == "host.example" ? ["10.0.0.1"] : [] })
        #expect(check(words, host: known).code == 0)
        #expect(check(words).code == 1)
    }

    @Test("a member that has run before needs no fitting initial cluster")
    func initialized() {
        let again = ConfigHost(isInitialized: { data, wal in data == "a.etcd" && wal == "/w" })
        let words = ["--name=a", "--wal-dir=/w", "--initial-cluster", "b=http://10.0.0.2:2380"]
        let outcome = load(words, host: again)
        #expect(started(outcome)?.initialCluster.map(\.name) == ["b"])
        #expect(
            notices(outcome).contains {
                $0.message.hasPrefix("server has already been initialized")
            })
        #expect(failure(load(words)).code == 1)
    }

    @Test("no initial cluster means this member alone, under its name and addresses")
    func alone() {
        let words = [
            "--name=a", "--initial-advertise-peer-urls=http://10.0.0.1:2380,http://10.0.0.1:2381",
        ]
        #expect(
            started(load(words))?.initialClusterText
                == "a=http://10.0.0.1:2380,a=http://10.0.0.1:2381")
        #expect(started(load(words + ["--initial-cluster="]))?.initialCluster.count == 2)
    }
}
