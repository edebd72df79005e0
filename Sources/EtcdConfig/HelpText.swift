//  What `--help` shows, made from the table of settings in etcd's grouping.

enum HelpText {
    static let usage: String = {
        "Usage:\n" + ProgramCommand.all.map { "\n" + $0.summary }.joined()
    }()

    static let full: String = {
        var text = usage
        text += "\nEvery flag may be written with one dash or two, and with '=' or a blank before "
        text += "its value;\nbooleans only with '='. --max-wals has the variable ETCD_MAX_WALS "
        text += "and the YAML key max-wals.\n"
        for section in SettingSection.allCases {
            text += "\n\(section.rawValue):\n"
            for setting in Setting.all where setting.section == section {
                text += entry(setting)
            }
            if section == .unsafe {
                text += "\nUnsafe features may break the guarantees that the cluster gives.\n"
            }
        }
        return text
    }()

    private static func entry(_ setting: Setting) -> String {
        var text = "  --\(setting.name) '\(setting.standard)'\n    \(setting.help)\n"
        switch setting.support {
        case .supported: break
        case .later(let reason): text += "    [not yet] \(reason).\n"
        case .accepted(let reason): text += "    [no effect] \(reason).\n"
        }
        return text
    }
}
