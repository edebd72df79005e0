//  Settings that are known but not acted on: refused or warned about by name.

extension ConfigValidation {
    mutating func checkSupport() {
        for setting in Setting.all where settings.isSet(setting.name) {
            let value = settings.value(setting.name)
            if value == setting.standardValue || setting.means(nothing: value) { continue }
            let written = "--\(settings.spelling(setting.name))"
            switch setting.support {
            case .supported: break
            case .later(let reason):
                error(
                    setting.name, "\(written): \(reason)",
                    corrections: ["remove \(currentLine(setting))"])
            case .accepted(let reason):
                note(
                    .warning, setting.name, "\(written) has no effect here: \(reason)",
                    ["origin": settings.origin(setting.name).text])
            }
        }
        checkGates()
    }

    private func currentLine(_ setting: Setting) -> String {
        settings.line(setting.name, setting.shown(settings.text(setting.name)))
    }

    private mutating func checkGates() {
        for item in settings.list("feature-gates") {
            let parts = item.split(separator: "=", maxSplits: 1).map(\.trimmingBlanks)
            let name = parts.first ?? item
            guard parts.count == 2 else {
                error("feature-gates", "missing bool value for \(name)")
                continue
            }
            do {
                _ = try GoSyntax.bool(parts[1])
            } catch {
                self.error(
                    "feature-gates", "invalid value of \(name)=\(parts[1]), err: \(error)")
                continue
            }
            if Setting.knownGates[name] == nil {
                let similar = closest(to: name, among: Array(Setting.knownGates.keys))
                error(
                    "feature-gates",
                    "unrecognized feature gate: \(name)"
                        + (similar.map { " (did you mean \($0)?)" } ?? ""))
            }
        }
        guard settings.isSet("feature-gates") else { return }
        for flag in Setting.gates.keys.sorted() where settings.isSet(flag) {
            error(
                flag,
                "cannot set --\(flag) and --feature-gates at the same time, please use "
                    + "--feature-gates only",
                corrections: ["remove \(settings.line(flag, settings.text(flag)))"])
        }
    }
}

extension Setting {
    /// Whether a value that is not the default asks for nothing either.
    func means(nothing value: SettingValue) -> Bool {
        switch value {
        case .text(""), .list([]), .urls([]): support != .supported
        case .nanoseconds(let number): number == 0 && support != .supported && standard == "0"
        default: false
        }
    }
}
