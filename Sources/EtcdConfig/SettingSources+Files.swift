//  Reading the file of --config-file, whichever of the two forms it has.

extension SettingSources {
    /// - Returns: whether the file replaces flags and variables.
    mutating func readFile(_ path: String, _ text: String) -> Bool {
        let looksLikeYAML = [".yml", ".yaml", ".json"].contains { path.hasSuffix($0) }
        if KeyValueFile.recognizes(text) ?? !looksLikeYAML {
            readKeyValues(path, KeyValueFile(text))
            return false
        }
        readYAML(path, text)
        return true
    }

    private mutating func readKeyValues(_ path: String, _ file: KeyValueFile) {
        settings.preferredForm = .keyValueFile(path: path, line: 0)
        for (line, reason) in file.errors { problem("config-file", "\(path):\(line): \(reason)") }
        for entry in file.entries {
            let place = "\(path):\(entry.line)"
            let upper = entry.key.uppercased().replacing("-", with: "_")
            let variable = upper.hasPrefix("ETCD_") ? upper : "ETCD_" + upper
            guard let (name, setting) = Setting.with(variable: variable) else {
                warn(
                    entry.key, "unrecognized key in the configuration file",
                    ["key": entry.key, "place": place])
                continue
            }
            if entry.value.isEmpty { continue }
            do {
                let value = try setting.read(entry.value)
                assign(
                    value, to: setting, origin: .keyValueFile(path: path, line: entry.line),
                    spelling: name)
            } catch {
                problem(
                    setting.name,
                    "invalid value \"\(entry.value)\" for \(entry.key): \(error) (\(place))")
            }
        }
    }

    private mutating func readYAML(_ path: String, _ text: String) {
        settings.preferredForm = .yamlFile(path: path, line: 0)
        notices.append(
            ConfigNotice(
                .info, setting: "config-file",
                "loaded server configuration, other configuration command line flags and "
                    + "environment variables will be ignored if provided", ["path": path]))
        let file: YAMLFile
        do {
            file = try YAMLFile(text)
        } catch {
            problem("config-file", "\(path): \(error)")
            return
        }
        for entry in file.entries { take(entry, path) }
    }

    private mutating func take(_ entry: YAMLFile.Entry, _ path: String) {
        let place = "\(path):\(entry.line)"
        guard let (name, setting) = Setting.with(yamlKey: entry.key) else {
            takeUnknown(entry, place)
            return
        }
        if entry.isNull { return }
        do {
            let value = try setting.readYAML(entry)
            assign(
                value, to: setting, origin: .yamlFile(path: path, line: entry.line),
                spelling: name)
        } catch {
            problem(
                setting.name,
                "invalid value \"\(entry.text)\" for \(entry.key): \(error) (\(place))")
        }
    }

    private mutating func takeUnknown(_ entry: YAMLFile.Entry, _ place: String) {
        var hint = ""
        if let setting = Setting.named(entry.key.lowercased()) {
            hint = setting.yamlKey.map { "in a file it belongs to \($0)" } ?? "only a flag sets it"
        } else if let similar = Setting.similar(to: entry.key.lowercased()) {
            hint = "did you mean \(similar)?"
        }
        warn(
            entry.key, "unrecognized key in the configuration file",
            ["key": entry.key, "place": place, "hint": hint])
    }
}

extension Setting {
    /// Reads what a YAML file says: as a flag would, and integers as nanoseconds for durations.
    func readYAML(_ entry: YAMLFile.Entry) throws(ValueError) -> SettingValue {
        switch kind {
        case .duration where entry.isInteger: .nanoseconds(try GoSyntax.signed(entry.text))
        case .bool:
            if let isOn = YAMLFile.bool(entry.text) { .flag(isOn) } else { try read(entry.text) }
        default: try read(entry.text)
        }
    }
}
