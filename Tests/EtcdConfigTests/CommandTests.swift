//  The table of commands, and what follows from it: help, manual page, completion, health checks.

import EtcdConfig
import Testing

private func question(
    _ arguments: [String], _ environment: [String: String] = [:], files: [String: String] = [:]
) -> HealthcheckQuestion? {
    let outcome = HealthcheckQuestion.read(
        arguments: arguments, environment: environment,
        readFile: { path in
            guard let text = files[path] else { throw MissingFile(path: path) }
            return Array(text.utf8)
        })
    guard case .ask(let question) = outcome else { return nil }
    return question
}

@Suite("Commands")
struct CommandTests {
    @Test("every command has help, and every option too")
    func help() {
        for command in ProgramCommand.all {
            #expect(command.help.hasSuffix(".") || command.words == "man", "\(command.words)")
            for option in command.options { #expect(option.help.hasSuffix("."), "\(option.name)") }
        }
    }

    @Test("the manual page names every setting and command, and begins no line by accident")
    func manual() {
        let page = ManualPage.roff
        for setting in Setting.all {
            let name = setting.name.replacing("-", with: "\\-")
            #expect(page.contains("\\fB\\-\\-\(name)\\fR"), "\(setting.name)")
        }
        let requests: Set<String> = [
            "TH", "SH", "SS", "TP", "B", "BR", "I", "br", "nf", "fi", "RS", "RE",
        ]
        for line in page.split(separator: "\n") where line.hasPrefix(".") || line.hasPrefix("'") {
            let request = String(line.dropFirst().prefix { $0 != " " })
            #expect(line.hasPrefix(".") && requests.contains(request), "\(line)")
        }
        guard case .print(let shown) = load(["man"]) else {
            Issue.record("no page")
            return
        }
        #expect(shown == page)
    }

    @Test("completion knows every flag", arguments: ShellCompletion.shells)
    func completion(shell: String) throws {
        let script = try #require(ShellCompletion.script(for: shell))
        for setting in Setting.all { #expect(script.contains(setting.name), "\(setting.name)") }
        for word in ["healthcheck", "check", "print", "insecure-skip-tls-verify"] {
            #expect(script.contains(word), "\(word)")
        }
        #expect(ShellCompletion.script(for: "csh") == nil)
        #expect(failure(load(["completion", "csh"])).code == 2)
        #expect(failure(load(["completion"])).message.contains("bash, zsh, fish"))
    }

    @Test(
        "a member's health is asked where its settings say it listens",
        arguments: [
            (["-listen-client-urls", "http://0.0.0.0:4001"], "http://127.0.0.1:4001"),
            (["--listen-client-urls=http://[::]:2379"], "http://[::1]:2379"),
            (["--listen-client-urls", "http://10.0.0.1:2379"], "http://10.0.0.1:2379"),
            (
                [
                    "--listen-client-urls", "https://10.0.0.1:2379", "--cert-file", "/c",
                    "--key-file", "/k", "--listen-metrics-urls", "http://0.0.0.0:2381",
                ], "http://127.0.0.1:2381"
            ),
            ([], "http://localhost:2379"),
        ])
    func aim(flags: [String], endpoint: String) {
        let advertised =
            flags.isEmpty ? [] : ["--advertise-client-urls", "http://10.0.0.1:2379"]
        #expect(question(flags + advertised)?.endpoints == [endpoint])
    }

    @Test("a member with TLS is shown its own certificate")
    func ownCertificate() {
        let found = question(
            ["--config-file", "/f"],
            files: [
                "/f": """
                ETCD_LISTEN_CLIENT_URLS="https://0.0.0.0:2379"
                ETCD_ADVERTISE_CLIENT_URLS="https://10.0.0.1:2379"
                ETCD_CERT_FILE="/cert"
                ETCD_KEY_FILE="/key"
                """
            ])
        #expect(found?.endpoints == ["https://127.0.0.1:2379"])
        #expect(found?.certificateFile == "/cert" && found?.keyFile == "/key")
        #expect(found?.trustsAnyServer == true)
    }

    @Test("endpoints without a scheme have the one that the options ask for")
    func schemes() {
        #expect(question(["--endpoints", "a:1, b:2"])?.endpoints == ["http://a:1", "http://b:2"])
        #expect(question(["--endpoints=a:1", "--cacert", "/ca"])?.endpoints == ["https://a:1"])
        #expect(question(["--endpoints=a:1"])?.trustsAnyServer == false)
        #expect(question(["--endpoints=a:1", "--timeout", "250ms"])?.timeoutMilliseconds == 250)
    }

    @Test(
        "what cannot be asked is refused",
        arguments: [
            ["--endpoints", ""], ["--endpoints"], ["--timeout", "5"], ["--timeout", "0"],
            ["--endpoints", "a:1", "--name", "x"], ["config", "print"], ["--serializable=maybe"],
            ["--no-such-flag"], ["--listen-client-urls", "ftp://x"],
        ])
    func refused(arguments: [String]) {
        #expect(question(arguments) == nil)
    }
}

@Suite("Log rotation")
struct LogRotationTests {
    private func rotation(_ json: String) -> ServerConfig.LogRotation? {
        let outcome = load([
            "--enable-log-rotation", "--log-outputs", "/log", "--log-rotation-config-json", json,
        ])
        guard case .run(let config, _) = outcome else { return nil }
        return config.logRotation
    }

    @Test("what is left out has its default; 0 megabytes are the default too")
    func defaults() {
        #expect(rotation("{}")?.maxBytes == 100 << 20)
        #expect(rotation(#"{"maxsize": 0}"#)?.maxBytes == 100 << 20)
        let all = rotation(
            #"{"maxsize": 5, "maxage": 7, "maxbackups": 3, "localtime": true, "compress": true}"#)
        #expect(all?.maxBytes == 5 << 20)
        #expect(all?.maxAgeDays == 7 && all?.maxBackups == 3)
        #expect(all?.usesLocalTime == true && all?.compresses == true)
    }

    @Test(
        "what is no such object is refused",
        arguments: [
            "", "x", "[]", "{", #"{"maxsize": -1}"#, #"{"maxsize": "a"}"#, #"{"compress": 1}"#,
            #"{"size": 1}"#,
        ])
    func refused(json: String) {
        #expect(rotation(json) == nil)
    }

    @Test("without the switch nothing is exchanged")
    func off() {
        #expect(started(load([]))?.logRotation == nil)
    }
}
