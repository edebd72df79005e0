//  The manual page etcd-swift(1) as roff, made from the tables of commands and settings.

package enum ManualPage {
    package static let roff: String = {
        var text = """
            .TH ETCD\\-SWIFT 1 "" "etcd-swift \(ProgramVersion.own)" "User Commands"
            .SH NAME
            etcd\\-swift \\- replicated key\\-value store for configuration and coordination
            .SH SYNOPSIS

            """
        for command in ProgramCommand.all {
            text += ".B etcd\\-swift\n"
            text += line(
                [command.words, command.arguments].filter { !$0.isEmpty }
                    .joined(separator: " "))
            text += ".br\n"
        }
        text += """
            .SH DESCRIPTION
            One member of a cluster that takes etcd's place: it serves etcd's v2 HTTP API and v3
            gRPC API, speaks etcd's peer protocol and keeps etcd's data directory.
            Clients are served on port 2379 and other members on port 2380 unless told otherwise.
            .SH COMMANDS

            """
        for command in ProgramCommand.words {
            text += ".TP\n.B \(escaped(command.words))\n\(line(command.help))"
            if command.options.isEmpty { continue }
            text += ".RS\n"
            for option in command.options {
                text += ".TP\n\\fB\\-\\-\(escaped(option.name))\\fR"
                text += option.value.isEmpty ? "\n" : " \\fI\(escaped(option.value))\\fR\n"
                text += line(option.help)
            }
            text += ".RE\n"
        }
        text += """
            .SH OPTIONS
            Every flag may be written with one dash or two, and with '=' or a blank before its
            value; booleans only with '=' or alone.
            Each has a variable, ETCD_ and its name in capitals with underscores, and unless said
            otherwise a key of the same name in a YAML file.
            A flag wins over a variable, a variable over a KEY=VALUE file; a YAML file replaces
            both.
            .TP
            \\fB\\-\\-config\\-file\\fR \\fIPATH\\fR (variable ETCD_CONFIG_FILE)
            Read the settings from this file, in KEY=VALUE or YAML form.

            """
        for section in SettingSection.allCases {
            text += ".SS \(escaped(section.rawValue))\n"
            for setting in Setting.all where setting.section == section { text += entry(setting) }
        }
        return text + ending
    }()

    private static func entry(_ setting: Setting) -> String {
        var text = ".TP\n\\fB\\-\\-\(escaped(setting.name))\\fR"
        text += setting.kind == .bool ? "=\\fI" : " \\fI"
        text += setting.standard.isEmpty ? "\\(dq\\(dq" : escaped(setting.standard)
        text += "\\fR\n" + line(setting.help)
        switch setting.support {
        case .supported: break
        case .later(let reason): text += line("Refused: \(reason).")
        case .accepted(let reason): text += line("Without effect: \(reason).")
        }
        if let key = setting.yamlKey, key != setting.name { text += line("YAML key: \(key).") }
        if setting.yamlKey == nil { text += line("Flag or variable only.") }
        return text
    }

    private static let ending = """
        .SH FILES
        .TP
        .I /etc/etcd\\-swift/etcd\\-swift.conf
        Settings of the service, KEY=VALUE.
        .TP
        .I /var/lib/etcd\\-swift
        Data directory of the service.
        .SH SIGNALS
        SIGTERM and SIGINT let clients finish, hand leadership over and end the member.
        SIGHUP reads certificates, keys and revocation lists again and opens the audit log anew.
        .SH EXIT STATUS
        .TP
        .B 0
        A requested end, a healthy member, a configuration without errors.
        .TP
        .B 1
        A configuration that cannot work, a start that is refused, a failure, an unhealthy member.
        .TP
        .B 2
        A command line that cannot be read.
        .SH EXAMPLES
        .nf
        etcd\\-swift \\-\\-name infra0 \\-\\-data\\-dir /var/lib/infra0
        etcd\\-swift config check \\-\\-config\\-file /etc/etcd\\-swift/etcd\\-swift.conf
        curl http://127.0.0.1:2379/v2/keys/message \\-XPUT \\-d value=hello
        ETCDCTL_API=3 etcdctl put message hello
        .fi
        .SH SEE ALSO
        .BR etcdctl (1),
        .BR systemctl (1)

        """

    /// One line of running text, which may begin with anything.
    private static func line(_ text: String) -> String {
        let escaped = escaped(text)
        let isControl = escaped.hasPrefix(".") || escaped.hasPrefix("'")
        return (isControl ? "\\&" : "") + escaped + "\n"
    }

    private static func escaped(_ text: String) -> String {
        text.replacing("\\", with: "\\e").replacing("-", with: "\\-")
    }
}
