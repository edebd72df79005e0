//  The INI-style file: KEY=VALUE as systemd reads it, headings in brackets or comments.

/// The lines of a KEY=VALUE file.
struct KeyValueFile {
    struct Entry: Hashable {
        /// As written, such as `ETCD_NAME`.
        let key: String
        let value: String
        /// Counted from 1.
        let line: Int
    }

    var entries: [Entry] = []
    var errors: [(line: Int, reason: String)] = []

    init(_ text: String) {
        // A line that ends in a backslash goes on in the next, as systemd has it.
        var pending = ""
        var pendingLine = 0
        for (position, line) in text.split(
            omittingEmptySubsequences: false, whereSeparator: \.isNewline
        ).enumerated() {
            if pending.isEmpty { pendingLine = position + 1 }
            if line.hasSuffix("\\"), !KeyValueFile.isComment(line.trimmingBlanks) {
                pending += line.dropLast()
                continue
            }
            take(pending + line, number: pendingLine)
            pending = ""
        }
        if !pending.isEmpty { take(pending, number: pendingLine) }
    }

    private mutating func take(_ line: String, number: Int) {
        var text = Substring(line.trimmingBlanks)
        if text.isEmpty || KeyValueFile.isComment(String(text)) { return }
        if text.hasPrefix("["), text.hasSuffix("]") { return }
        if text.hasPrefix("export ") { text = text.dropFirst(7) }
        guard let equals = text.firstIndex(of: "=") else {
            errors.append((number, "expected KEY=VALUE, found: \(text)"))
            return
        }
        let key = text[..<equals].trimmingBlanks
        guard !key.isEmpty else {
            errors.append((number, "expected KEY=VALUE, found: \(text)"))
            return
        }
        let raw = text[text.index(after: equals)...].trimmingBlanks
        guard let value = KeyValueFile.unquoted(raw) else {
            errors.append((number, "the quotes of \(key) are not closed: \(raw)"))
            return
        }
        entries.append(Entry(key: key, value: value, line: number))
    }

    private static func isComment(_ line: String) -> Bool {
        line.hasPrefix("#") || line.hasPrefix(";")
    }

    /// The value without its quotes; quoted and plain parts may follow each other. `nil` when a
    /// quote stays open.
    private static func unquoted(_ raw: String) -> String? {
        var value = ""
        var quote: Character?
        var isEscaped = false
        for character in raw {
            if isEscaped {
                value.append(character)
                isEscaped = false
            } else if character == "\\", quote != "'" {
                isEscaped = true
            } else if let open = quote {
                if character == open { quote = nil } else { value.append(character) }
            } else if character == "\"" || character == "'" {
                quote = character
            } else {
                value.append(character)
            }
        }
        return quote == nil ? value.trimmingBlanks : nil
    }

    /// Whether a file's text is of this form rather than YAML: its first significant line is a
    /// heading or has `=` before any `:`.
    static func recognizes(_ text: String) -> Bool? {
        for line in text.split(whereSeparator: \.isNewline) {
            let trimmed = line.trimmingBlanks
            if trimmed.isEmpty || isComment(trimmed) || trimmed == "---" { continue }
            if trimmed.hasPrefix("["), trimmed.hasSuffix("]"), !trimmed.contains(",") {
                return true
            }
            guard let separator = trimmed.first(where: { $0 == "=" || $0 == ":" }) else {
                return false
            }
            return separator == "=" && !trimmed.hasPrefix("{")
        }
        return nil
    }
}
