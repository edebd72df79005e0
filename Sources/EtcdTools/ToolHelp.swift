//  Help texts in the form of etcd's tools.

extension ToolPath {
    /// How the command is called, line by line as cobra writes it.
    ///
    /// - Parameter isAsked: a flag for help is shown with the others.
    func usage(isAsked: Bool = true) -> String {
        let own = isRoot ? ToolPath.globalFlags + command.flags : command.flags
        let help = isAsked ? flags.filter { $0.name == "help" } : []
        let visible = command.subcommands.filter { !$0.isHidden }
        var text = "Usage:\n"
        if command.body != nil { text += "  \(useLine(hasFlags: !(own + help).isEmpty))\n" }
        if !command.subcommands.isEmpty {
            text += "  \(self.text) [command]\n\nAvailable Commands:\n"
            let width = max(11, command.subcommands.map(\.name.count).max() ?? 0)
            for command in visible.sorted(by: { $0.name < $1.name }) {
                text += "  \(padded(command.name, width)) \(command.short)\n"
            }
        }
        if !(own + help).isEmpty { text += "\nFlags:\n" + lines(own + help) }
        if !isRoot { text += "\nGlobal Flags:\n" + lines(ToolPath.globalFlags) }
        if !command.subcommands.isEmpty {
            text +=
                "\nUse \"\(self.text) [command] --help\" for more information about a command.\n"
        }
        return text
    }

    private func useLine(hasFlags: Bool) -> String {
        let parents = commands.dropLast().map(\.name)
        return (parents + [command.use] + (hasFlags ? ["[flags]"] : [])).joined(separator: " ")
    }

    private func lines(_ flags: [ToolFlag]) -> String {
        let rows = flags.sorted { $0.name < $1.name }.map { flag in
            let start = flag.shorthand.map { "  -\($0), " } ?? "      "
            return (start + "--\(flag.name)" + flag.kindName, flag.help + flag.initialNote)
        }
        let width = rows.map(\.0.count).max() ?? 0
        return rows.map { "\(padded($0.0, width))   \($0.1)\n" }.joined()
    }

    private func padded(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }
}

extension ToolFlag {
    fileprivate var kindName: String {
        switch kind {
        case .text: " string"
        case .boolean: ""
        case .unsigned: " uint"
        case .signed: " int"
        }
    }

    fileprivate var initialNote: String {
        switch kind {
        case .text: initial.isEmpty ? "" : " (default \"\(initial)\")"
        case .boolean: initial == "false" ? "" : " (default \(initial))"
        case .unsigned, .signed: initial == "0" ? "" : " (default \(initial))"
        }
    }
}
