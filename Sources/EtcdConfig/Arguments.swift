//  The command line in Go's grammar: one or two dashes, `=` or a following word for the value,
//  booleans only with `=`.

/// What the words of a command line say.
struct Arguments {
    struct Flag: Hashable {
        /// As written, without dashes; a setting's name, an alias or one of the flags below.
        let name: String
        /// `nil` for a boolean without `=`.
        let value: String?
    }

    var flags: [Flag] = []
    /// In the words of Go's flag package; the first is what etcd would say.
    var errors: [String] = []
    /// The first word that belongs to no flag.
    var stray: String?
    var ignored: [String] = []
    var wantsHelp = false
    var wantsVersion = false
    var configFile: String?

    init(_ words: [String]) {
        var rest = words[...]
        while let word = rest.popFirst() {
            if word == "--" {
                stray = rest.first
                return
            }
            guard word.hasPrefix("-"), word != "-" else {
                stray = word
                return
            }
            let body = word.dropFirst(word.hasPrefix("--") ? 2 : 1)
            guard let first = body.first, first != "-", first != "=" else {
                errors.append("bad flag syntax: \(word)")
                continue
            }
            let parts = body.split(
                separator: "=", maxSplits: 1, omittingEmptySubsequences: false
            ).map(String.init)
            take(parts[0], value: parts.count == 2 ? parts[1] : nil, rest: &rest)
            if wantsHelp { return }
        }
    }

    private mutating func take(_ name: String, value: String?, rest: inout ArraySlice<String>) {
        switch name {
        case "h", "help": wantsHelp = true
        case "version": takeVersion(value)
        case "config-file":
            if let text = word(for: name, value, &rest) { configFile = text }
        case _ where Setting.ignoredFlags.contains(name): ignored.append(name)
        default:
            guard let setting = Setting.named(name) else {
                unknown(name, hasValue: value != nil, rest: &rest)
                return
            }
            if setting.kind == .bool {
                flags.append(Flag(name: name, value: value))
            } else if let text = word(for: name, value, &rest) {
                flags.append(Flag(name: name, value: text))
            }
        }
    }

    private mutating func takeVersion(_ value: String?) {
        do {
            wantsVersion = try value.map(GoSyntax.bool) ?? true
        } catch {
            errors.append("invalid boolean value \"\(value ?? "")\" for -version: \(error)")
        }
    }

    private mutating func word(
        for name: String, _ value: String?, _ rest: inout ArraySlice<String>
    ) -> String? {
        if let value { return value }
        if let next = rest.popFirst() { return next }
        errors.append("flag needs an argument: -\(name)")
        return nil
    }

    private mutating func unknown(
        _ name: String, hasValue: Bool, rest: inout ArraySlice<String>
    ) {
        var text = "flag provided but not defined: -\(name)"
        if let successor = Setting.removedFlags[name] {
            text += " (gone since etcd 3; use --\(successor))"
        } else if let similar = Setting.similar(to: name) {
            text += " (did you mean --\(similar)?)"
        }
        errors.append(text)
        // What follows is most likely its value; taking it as a word of its own would only hide
        // the errors behind it.
        if !hasValue, let next = rest.first, !next.hasPrefix("-") { rest.removeFirst() }
    }
}
