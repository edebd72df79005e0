//  A command of the tools: its place in the tree, its flags, and what it does.

import EtcdConfig

/// What a command was called with.
struct ToolInvocation: Sendable {
    /// The program's name as help texts and messages show it.
    let program: String
    /// By name; flags that were not given have their initial values.
    fileprivate(set) var values: [String: String]
    fileprivate(set) var given: Set<String> = []
    fileprivate(set) var arguments: [String] = []

    /// The flag is one of the command's: anything else is a mistake in this module.
    func text(_ flag: String) -> String {
        guard let value = values[flag] else { preconditionFailure("no flag --\(flag)") }
        return value
    }

    func isOn(_ flag: String) -> Bool { text(flag) == "true" }

    func unsigned(_ flag: String) -> UInt64 { UInt64(text(flag)) ?? 0 }

    func signed(_ flag: String) -> Int64 { Int64(text(flag)) ?? 0 }

    func isGiven(_ flag: String) -> Bool { given.contains(flag) }
}

/// A command as cobra, the library of etcd's tools, would have it: either a group of others or
/// something that runs.
struct ToolCommand: Sendable {
    typealias Body = @Sendable (ToolInvocation) async throws -> Int32

    /// The name, followed by what stands behind it in the usage line.
    let use: String
    let short: String
    var flags: [ToolFlag] = []
    /// How many arguments are taken; `nil` leaves it to the body to count them.
    var argumentCount: Int?
    /// Left out of the parent's list.
    var isHidden = false
    var subcommands: [ToolCommand] = []
    /// Throws `ToolError` only.
    var body: Body?

    var name: String { String(use.prefix { $0 != " " }) }
}

/// The way from the root of the tree to one command.
struct ToolPath: Sendable {
    /// Of every command: shown as its own by the root, as global ones by the others.
    static let globalFlags: [ToolFlag] = [
        .text(
            "write-out", "set the output format (fields, json, protobuf, simple, table)",
            shorthand: "w", initial: "simple")
    ]

    /// At least the root.
    private(set) var commands: [ToolCommand]

    init(root: ToolCommand) { commands = [root] }

    var root: ToolCommand { commands[0] }
    var command: ToolCommand { commands[commands.count - 1] }
    var isRoot: Bool { commands.count == 1 }
    var text: String { commands.map(\.name).joined(separator: " ") }

    /// All flags that may stand in the command line.
    var flags: [ToolFlag] {
        command.flags + ToolPath.globalFlags + [
            .boolean("help", "help for \(command.name)", shorthand: "h")
        ]
    }

    mutating func enter(_ command: ToolCommand) { commands.append(command) }

    /// The command that `word` means: its name, or the beginning of only one.
    func subcommand(_ word: String) -> ToolCommand? {
        if let exact = command.subcommands.first(where: { $0.name == word }) { return exact }
        let candidates = command.subcommands.filter { $0.name.hasPrefix(word) }
        return candidates.count == 1 ? candidates[0] : nil
    }
}

extension ToolPath {
    /// Walks to the command that `arguments` name; what is left are its flags and arguments.
    mutating func resolve(_ arguments: [String]) throws(ToolError) -> [String] {
        var rest = arguments
        while let position = firstWord(of: rest), let next = subcommand(rest[position]) {
            rest.remove(at: position)
            enter(next)
        }
        if isRoot, let position = firstWord(of: rest) {
            throw .unknownCommand(
                "unknown command \"\(rest[position])\" for \"\(text)\""
                    + suggestions(for: rest[position]))
        }
        return rest
    }

    /// Where the first argument stands that is neither a flag nor the value of one.
    private func firstWord(of arguments: [String]) -> Int? {
        var position = 0
        while position < arguments.count {
            let argument = arguments[position]
            if argument == "--" { return nil }
            guard argument.hasPrefix("-"), argument.count > 1 else {
                return argument.isEmpty ? nil : position
            }
            if !argument.contains("="), takesNext(argument) { position += 1 }
            position += 1
        }
        return nil
    }

    private func takesNext(_ argument: String) -> Bool {
        let flag: ToolFlag?
        if argument.hasPrefix("--") {
            flag = flags.first { $0.name == argument.dropFirst(2) }
        } else {
            guard argument.count == 2 else { return false }
            flag = flags.first { $0.shorthand == argument.last }
        }
        // What nobody knows is taken to have a value, as cobra does.
        return flag.map { $0.kind != .boolean } ?? true
    }

    private func suggestions(for word: String) -> String {
        let near = command.subcommands.filter {
            !$0.isHidden
                && (editDistance($0.name.lowercased(), word.lowercased()) <= 2
                    || $0.name.lowercased().hasPrefix(word.lowercased()))
        }
        if near.isEmpty { return "" }
        return "\n\nDid you mean this?\n" + near.map { "\t\($0.name)\n" }.joined()
    }

    /// Reads flags, which may stand between arguments, as pflag does.
    ///
    /// - Returns: `nil` when help is asked for.
    func parse(_ arguments: [String]) throws(ToolError) -> ToolInvocation? {
        var values: [String: String] = [:]
        for flag in flags { values[flag.name] = flag.initial }
        var invocation = ToolInvocation(program: root.name, values: values)
        var rest = arguments[...]
        while let argument = rest.popFirst() {
            if argument == "--" {
                invocation.arguments += rest
                break
            }
            if argument.hasPrefix("--") {
                try readLong(argument, &rest, into: &invocation)
            } else if argument.hasPrefix("-"), argument.count > 1 {
                try readShort(argument, &rest, into: &invocation)
            } else {
                invocation.arguments.append(argument)
            }
        }
        return invocation.isOn("help") ? nil : invocation
    }

    private func readLong(
        _ argument: String, _ rest: inout ArraySlice<String>,
        into invocation: inout ToolInvocation
    ) throws(ToolError) {
        let body = argument.dropFirst(2)
        let name = String(body.prefix { $0 != "=" })
        guard !name.isEmpty, !name.hasPrefix("-") else {
            throw .usage("bad flag syntax: \(argument)")
        }
        guard let flag = flags.first(where: { $0.name == name }) else {
            throw .usage("unknown flag: --\(name)")
        }
        if name.count < body.count {
            try set(flag, String(body.dropFirst(name.count + 1)), in: &invocation)
        } else if flag.kind == .boolean {
            try set(flag, "true", in: &invocation)
        } else if let value = rest.popFirst() {
            try set(flag, value, in: &invocation)
        } else {
            throw .usage("flag needs an argument: \(argument)")
        }
    }

    private func readShort(
        _ argument: String, _ rest: inout ArraySlice<String>,
        into invocation: inout ToolInvocation
    ) throws(ToolError) {
        var letters = argument.dropFirst()
        while let letter = letters.popFirst() {
            guard let flag = flags.first(where: { $0.shorthand == letter }) else {
                throw .usage("unknown shorthand flag: '\(letter)' in \(argument)")
            }
            if letters.hasPrefix("="), letters.count > 1 {
                return try set(flag, String(letters.dropFirst()), in: &invocation)
            }
            if flag.kind == .boolean {
                try set(flag, "true", in: &invocation)
                continue
            }
            if !letters.isEmpty { return try set(flag, String(letters), in: &invocation) }
            guard let value = rest.popFirst() else {
                throw .usage("flag needs an argument: '\(letter)' in \(argument)")
            }
            return try set(flag, value, in: &invocation)
        }
    }

    private func set(
        _ flag: ToolFlag, _ value: String, in invocation: inout ToolInvocation
    ) throws(ToolError) {
        invocation.values[flag.name] = try flag.parse(value)
        invocation.given.insert(flag.name)
    }

    /// Whether everything is there that the command cannot do without.
    func check(_ invocation: ToolInvocation) throws(ToolError) {
        if let count = command.argumentCount, invocation.arguments.count != count {
            throw .usage("accepts \(count) arg(s), received \(invocation.arguments.count)")
        }
        let missing = flags.filter { $0.isRequired && !invocation.isGiven($0.name) }
            .map(\.name).sorted()
        if !missing.isEmpty {
            let names = missing.map { "\"\($0)\"" }.joined(separator: ", ")
            throw .usage("required flag(s) \(names) not set")
        }
    }
}
