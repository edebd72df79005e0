//  One flag of a command: its names, what it takes, and the value it has when it is not given.

/// A flag as pflag, the parser of etcd's tools, would have it.
struct ToolFlag: Sendable {
    enum Kind: Sendable, Equatable {
        case text
        case boolean
        case unsigned
        case signed
    }

    let name: String
    /// A single letter, or `nil`.
    let shorthand: Character?
    let kind: Kind
    /// The value in text form; empty, `false` and `0` are not shown in help texts.
    let initial: String
    let isRequired: Bool
    let help: String

    private init(
        _ name: String, _ shorthand: Character?, _ kind: Kind, _ initial: String,
        _ isRequired: Bool, _ help: String
    ) {
        self.name = name
        self.shorthand = shorthand
        self.kind = kind
        self.initial = initial
        self.isRequired = isRequired
        self.help = help
    }

    static func text(
        _ name: String, _ help: String, shorthand: Character? = nil, initial: String = "",
        isRequired: Bool = false
    ) -> ToolFlag {
        ToolFlag(name, shorthand, .text, initial, isRequired, help)
    }

    static func boolean(
        _ name: String, _ help: String, shorthand: Character? = nil, initial: Bool = false
    ) -> ToolFlag {
        ToolFlag(name, shorthand, .boolean, String(initial), false, help)
    }

    static func unsigned(_ name: String, _ help: String) -> ToolFlag {
        ToolFlag(name, nil, .unsigned, "0", false, help)
    }

    static func signed(_ name: String, _ help: String) -> ToolFlag {
        ToolFlag(name, nil, .signed, "0", false, help)
    }

    /// The value that `text` stands for, in one spelling.
    ///
    /// - Throws: what Go says of a text that is none.
    func parse(_ text: String) throws(ToolError) -> String {
        func refuse(_ function: String, _ reason: String) -> ToolError {
            let shown = shorthand.map { "-\($0), --\(name)" } ?? "--\(name)"
            return .usage(
                "invalid argument \"\(text)\" for \"\(shown)\" flag: strconv.\(function): "
                    + "parsing \"\(text)\": \(reason)")
        }
        switch kind {
        case .text:
            return text
        case .boolean:
            if ["1", "t", "T", "true", "TRUE", "True"].contains(text) { return "true" }
            if ["0", "f", "F", "false", "FALSE", "False"].contains(text) { return "false" }
            throw refuse("ParseBool", "invalid syntax")
        case .unsigned:
            if let value = UInt64(text), !text.hasPrefix("+") { return String(value) }
            let isNumber = !text.isEmpty && text.allSatisfy { $0.isASCII && $0.isNumber }
            throw refuse("ParseUint", isNumber ? "value out of range" : "invalid syntax")
        case .signed:
            if let value = Int64(text) { return String(value) }
            let digits = text.first.map { "+-".contains($0) } == true ? text.dropFirst() : text[...]
            let isNumber = !digits.isEmpty && digits.allSatisfy { $0.isASCII && $0.isNumber }
            throw refuse("ParseInt", isNumber ? "value out of range" : "invalid syntax")
        }
    }
}
