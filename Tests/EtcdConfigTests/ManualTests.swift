//  The manual and the sample files in config/ against the table of settings.
//  CONFIG_MANUAL_REWRITE=1 writes the manual's tables and the golden help anew.

import EtcdConfig
import Glibc
import Testing

/// The repository's top directory, links resolved.
private let root: String = {
    var parts = #filePath.split(separator: "/").map(String.init)
    parts.removeLast()
    guard let real = realpath("/" + parts.joined(separator: "/"), nil) else { return "/" }
    defer { free(real) }
    return String(cString: real).split(separator: "/").dropLast(2).map { "/\($0)" }.joined()
}()

private func text(of path: String) throws -> String {
    let file = try #require(fopen("\(root)/\(path)", "r"), "no \(root)/\(path)")
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while true {
        let count = fread(&buffer, 1, buffer.count, file)
        if count == 0 { break }
        bytes += buffer[..<count]
    }
    return String(decoding: bytes, as: UTF8.self)
}

private func write(_ text: String, to path: String) throws {
    let file = try #require(fopen("\(root)/\(path)", "w"))
    defer { fclose(file) }
    fputs(text, file)
}

private let rewrites = getenv("CONFIG_MANUAL_REWRITE") != nil

/// The part of the manual that follows from the table.
private func manualTables() -> String {
    var text = ""
    for section in SettingSection.allCases {
        text += "\n### \(section.rawValue)\n\n"
        text += "| flag | variable | YAML key | default | meaning |\n|---|---|---|---|---|\n"
        for setting in Setting.all where setting.section == section {
            var meaning = setting.help
            switch setting.support {
            case .supported: break
            case .later(let reason): meaning += " **Refused**: \(reason)."
            case .accepted(let reason): meaning += " *Without effect*: \(reason)."
            }
            if !setting.aliases.isEmpty {
                let names = setting.aliases.map { "`\($0)`" }.joined(separator: ", ")
                meaning += " Older name: \(names)."
            }
            let standard = setting.standard.isEmpty ? "empty" : "`\(setting.standard)`"
            let key = setting.yamlKey.map { "`\($0)`" } ?? "flag or variable only"
            text += "| `--\(setting.name)` | `\(setting.variable)` | \(key) | \(standard) | "
            text += "\(meaning.replacing("|", with: "\\|")) |\n"
        }
    }
    return text + "\n"
}

@Suite("The manual and the samples")
struct ManualTests {
    @Test("the manual's tables are the table of settings")
    func manual() throws {
        let start = "<!-- settings: written by ManualTests.swift -->\n"
        let end = "<!-- end of settings -->\n"
        let manual = try text(of: "config/README.md")
        let head = try #require(manual.split(separator: start).first)
        let tail = try #require(manual.split(separator: end).last)
        let expected = "\(head)\(start)\(manualTables())\(end)\(tail)"
        if rewrites { try write(expected, to: "config/README.md") }
        #expect(manual == expected || rewrites, "run with CONFIG_MANUAL_REWRITE=1")
    }

    @Test("--help is as written down")
    func help() throws {
        guard case .help(let shown) = load(["--help"]) else {
            Issue.record("no help")
            return
        }
        if rewrites { try write(shown, to: "config/help.txt") }
        #expect(try text(of: "config/help.txt") == shown, "run with CONFIG_MANUAL_REWRITE=1")
    }

    @Test("the annotated KEY=VALUE sample loads and shows every setting that acts")
    func keyValueSample() throws {
        let sample = try text(of: "config/etcd-swift.conf")
        #expect(check(["--config-file=/c"], files: ["/c": sample]).code == 0)
        for setting in Setting.all where setting.support == .supported && setting.name != "debug" {
            #expect(sample.contains("\(setting.variable)="), "\(setting.variable)")
        }
        // Each default that is shown as a comment is the default, and can be set.
        let opened = sample.split(separator: "\n").map { line in
            line.hasPrefix("#ETCD_") ? String(line.dropFirst()) : String(line)
        }.joined(separator: "\n")
        let (text, code) = check(["--config-file=/c"], files: ["/c": opened])
        #expect(code == 0, "\(text)")
        #expect(!text.contains("unrecognized") && !text.contains("no effect"), "\(text)")
        let shown = printed(["--config-file=/c"], files: ["/c": opened])
        for setting in Setting.all where setting.support == .supported {
            if setting.standard.contains("${") || setting.standard.isEmpty { continue }
            let quote = setting.standard.contains("\"") ? "'" : "\""
            let line = "\n\(setting.variable)=\(quote)\(setting.standard)\(quote)\n"
            let commented = "\n#" + line.dropFirst()
            if sample.contains("\n#\(setting.variable)=") {
                #expect(shown.contains(line) || shown.contains(commented), "\(setting.name)")
            }
        }
    }

    @Test("the annotated YAML sample loads and shows every setting that acts")
    func yamlSample() throws {
        let sample = try text(of: "config/etcd-swift.yml")
        let (text, code) = check(["--config-file=/c"], files: ["/c": sample])
        #expect(code == 0, "\(text)")
        #expect(!text.contains("unrecognized") && !text.contains("no effect"), "\(text)")
        for setting in Setting.all where setting.support == .supported && setting.name != "debug" {
            guard let key = setting.yamlKey?.split(separator: ".").last else { continue }
            let isThere = [0, 2, 4, 6].contains { depth in
                sample.contains("\n\(String(repeating: " ", count: depth))\(key):")
            }
            #expect(isThere, "\(key)")
        }
    }

    @Test("the three members of the sample cluster fit together")
    func threeNodes() throws {
        var clusters: Set<String> = []
        for name in ["infra0", "infra1", "infra2"] {
            let sample = try text(of: "config/three-node/\(name).conf")
            let (text, _) = check(["--config-file=/c"], files: ["/c": sample])
            #expect(text == "configuration: no problems\n")
            let config = started(load(["--config-file=/c"], files: ["/c": sample]))
            #expect(config?.name == name)
            clusters.insert(config?.initialClusterText ?? "")
        }
        #expect(clusters.count == 1)
    }
}
