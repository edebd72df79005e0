//  Flag over variable over KEY=VALUE file; a YAML file instead of everything; nothing silently.

import EtcdConfig
import Testing

@Suite("Precedence")
struct PrecedenceTests {
    private let file = ["/c": "# [member]\nETCD_NAME=file\nETCD_MAX_WALS='7'\n"]

    @Test("a flag wins over a variable, a variable over a file")
    func order() {
        let three = load(
            ["--config-file=/c", "--name=flag"], ["ETCD_NAME": "variable"], files: file)
        #expect(started(three)?.name == "flag")
        #expect(started(three)?.maxWALs == 7)
        #expect(
            notices(three).contains {
                $0.level == .warning && $0.setting == "name"
                    && $0.message
                        == "conflicting environment variable \"ETCD_NAME\" is shadowed by "
                        + "corresponding command-line flag (either unset environment variable or "
                        + "disable flag)"
            })
        let overFile = notices(three).filter { $0.level == .info }.map(\.message)
        #expect(overFile == ["--name overrides ETCD_NAME of /c:2"])
        let two = load(["--config-file=/c"], ["ETCD_NAME": "variable"], files: file)
        #expect(started(two)?.name == "variable")
        #expect(notices(two).contains { $0.message == "ETCD_NAME overrides ETCD_NAME of /c:2" })
        #expect(started(load(["--config-file=/c"], files: file))?.name == "file")
    }

    @Test("a variable that is used is told, one that is empty is unset")
    func used() {
        let outcome = load([], ["ETCD_NAME": "v", "ETCD_MAX_WALS": ""])
        #expect(started(outcome)?.maxWALs == 5)
        let told = notices(outcome).filter {
            $0.message == "recognized and used environment variable"
        }
        #expect(told.map { $0.fields.map(\.value) } == [["ETCD_NAME", "v"]])
    }

    @Test("a variable that nobody knows is warned about")
    func unknown() {
        let outcome = load([], ["ETCD_NAM": "v", "ETCD_VERSION": "3", "HOME": "/"])
        let warned = notices(outcome).filter { $0.message.contains("variable") }
        #expect(warned.map(\.setting) == ["ETCD_NAM", "ETCD_VERSION"])
        #expect(warned[0].message == "unrecognized environment variable")
        #expect(warned[0].fields.map(\.value) == ["ETCD_NAM=v", "did you mean ETCD_NAME?"])
    }

    @Test("a bad value in a variable is refused in etcd's words")
    func badVariable() {
        let (text, code) = failure(load([], ["ETCD_HEARTBEAT_INTERVAL": "x"]))
        #expect(
            text.contains("invalid value \"x\" for ETCD_HEARTBEAT_INTERVAL: parse error"))
        #expect(code == 1)
    }

    @Test("a YAML file replaces flags and variables, and says which")
    func yaml() {
        let files = ["/c.yml": "name: yaml\n"]
        let outcome = load(
            ["--name=flag", "--config-file", "/c.yml"], ["ETCD_MAX_WALS": "9"], files: files)
        #expect(started(outcome)?.name == "yaml")
        #expect(started(outcome)?.maxWALs == 5)
        let told = notices(outcome).map(\.message)
        #expect(
            told.contains(
                "loaded server configuration, other configuration command line flags and "
                    + "environment variables will be ignored if provided"))
        #expect(told.contains("--name has no effect: /c.yml replaces all flags"))
        #expect(told.contains("ETCD_MAX_WALS has no effect: /c.yml replaces all variables"))
        #expect(failure(load(["--config-file=/c.yml", "--max-wals=x"], files: files)).code == 2)
    }

    @Test("ETCD_CONFIG_FILE names the file, unless the flag does")
    func configVariable() {
        let files = ["/a": "ETCD_NAME=a", "/b": "{\"name\": \"b\"}"]
        let variable = ["ETCD_CONFIG_FILE": "/b"]
        #expect(started(load([], variable, files: files))?.name == "b")
        #expect(started(load(["--config-file=/a"], variable, files: files))?.name == "a")
    }

    @Test("a missing file is refused")
    func missing() {
        let (text, code) = failure(load(["--config-file", "/none"]))
        #expect(text.contains("open /none: no such file or directory"))
        #expect(code == 1)
    }
}

@Suite("Configuration files")
struct ConfigFileTests {
    @Test("the form is told by the content, whatever the name")
    func form() {
        let forms: [(String, String)] = [
            ("ETCD_NAME=x", "x"), ("# [member]\n\nETCD_NAME=x", "x"),
            ("[member]\nETCD_NAME=x", "x"),
            ("; c\nname = x", "x"), ("export ETCD_NAME='x'", "x"), ("ETCD_NAME=\"x\"\r\n", "x"),
            ("name: x", "x"), ("---\nname: x", "x"), ("# c\nname: 'x'", "x"),
            ("initial-cluster: x=http://localhost:2380\nname: x", "x"), ("{\"name\": \"x\"}", "x"),
            ("", "default"), ("# nothing", "default"),
        ]
        for (text, name) in forms {
            for path in ["/c.conf", "/c.yml"] {
                let outcome = load(["--config-file", path], files: [path: text])
                #expect(started(outcome)?.name == name, "\(text)")
            }
        }
    }

    @Test("the classic file loads: headings in comments, quotes or none, several client ports")
    func classic() {
        let text = """
            # [member]
            ETCD_NAME=etcd2
            ETCD_DATA_DIR="/var/lib/etcd/etcd2"
            #ETCD_WAL_DIR=""
            #ETCD_SNAPSHOT_COUNT="10000"
            ETCD_LISTEN_PEER_URLS='http://0.0.0.0:2380'
            ETCD_LISTEN_CLIENT_URLS="http://0.0.0.0:2379, http://0.0.0.0:4001"
            #ETCD_CORS=""
            #
            #[cluster]
            ETCD_INITIAL_ADVERTISE_PEER_URLS="http://10.0.0.2:2380"
            ETCD_INITIAL_CLUSTER="etcd1=http://10.0.0.1:2380, etcd2=http://10.0.0.2:2380"
            ETCD_INITIAL_CLUSTER_STATE=new
            ETCD_INITIAL_CLUSTER_TOKEN="etcd-cluster"
            ETCD_ADVERTISE_CLIENT_URLS=http://10.0.0.2:2379,http://10.0.0.2:4001
            """
        let path = "/etc/etcd-swift/etcd-swift.conf"
        let outcome = load(["--config-file", path], files: [path: text])
        #expect(notices(outcome) == [])
        let config = started(outcome)
        #expect(config?.name == "etcd2")
        #expect(config?.dataDirectory == "/var/lib/etcd/etcd2")
        #expect(config?.listenClientURLs.map(\.port) == [2379, 4001])
        #expect(
            config?.advertiseClientURLs.map(\.text) == [
                "http://10.0.0.2:2379", "http://10.0.0.2:4001",
            ])
        #expect(config?.initialCluster.map(\.name) == ["etcd1", "etcd2"])
    }

    @Test("broken lines and unknown keys are named with their place")
    func broken() {
        let text = "ETCD_NAME=x\nwhat is this\nETCD_CORS=\"*\nETCD_MAX_WALS=q\nETCD_NAMES=3\n"
        let (shown, code) = check(["--config-file=/c"], files: ["/c": text])
        for line in [
            "/c:2: expected KEY=VALUE, found: what is this",
            "/c:3: the quotes of ETCD_CORS are not closed: \"*",
            "invalid value \"q\" for ETCD_MAX_WALS: parse error (/c:4)",
            "unrecognized key in the configuration file (key: ETCD_NAMES, place: /c:5",
        ] {
            #expect(shown.contains(line), "\(shown)")
        }
        #expect(code == 1)
    }

    @Test("YAML: case does not matter, null is unset, integers are nanoseconds, lists are lists")
    func yamlForms() {
        let text = """
            NAME: x
            data-dir:
            warning-apply-duration: 2000000000
            log-outputs: [stderr, /tmp/log]
            enable-v2: no
            socket-options:
              reuse-port: true
            """
        let outcome = load(["--config-file=/c"], files: ["/c": text])
        let config = started(outcome)
        #expect(config?.name == "x")
        #expect(config?.dataDirectory == "x.etcd")
        #expect(config?.warningApplyMilliseconds == 2_000)
        #expect(config?.logOutputs == [.standardError, .file("/tmp/log")])
        #expect(config?.enableV2 == false)
        #expect(config?.socketReusePort == true)
    }

    @Test("YAML: what cannot be read or is not known is named with its place")
    func yamlBroken() {
        #expect(failure(load(["--config-file=/c"], files: ["/c": "name: [x\n"])).code == 1)
        #expect(failure(load(["--config-file=/c"], files: ["/c": "- a\n"])).code == 1)
        let text = """
            max-wals: q
            listen-peer-urls: ftp://x
            nmae: z
            cert-file: c
            client-transport-security: {allowed-dn: [x]}
            """
        let (shown, code) = check(["--config-file=/c"], files: ["/c": text])
        for line in [
            "invalid value \"q\" for max-wals: parse error (/c:1)",
            "URL scheme must be http, https, unix, or unixs: ftp://x (/c:2)",
            "key: nmae, place: /c:3, hint: did you mean name?",
            "key: cert-file, place: /c:4, hint: in a file it belongs to "
                + "client-transport-security.cert-file",
            "key: client-transport-security.allowed-dn, place: /c:5",
        ] {
            #expect(shown.contains(line), "\(shown)")
        }
        #expect(code == 1)
    }

    @Test("never crash the reader, whatever the text")
    func hostile() {
        var state: UInt64 = 7
        let words = [
            "ETCD_NAME", "name", "=", ":", " ", "\n", "\"", "'", "[", "]", "{", "}", "#", "\\", ",",
            "- ", "&a", "*a", "initial-cluster", "listen-peer-urls", "http://", "1", "é", "\t",
            "---",
        ]
        for _ in 0..<3_000 {
            var text = ""
            for _ in 0..<10 {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                text += words[Int(state >> 33) % words.count]
            }
            _ = load(["--config-file=/c"], files: ["/c": text])
        }
    }
}
