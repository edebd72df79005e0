//  The YAML (or JSON) file of --config-file, flattened to settings by the table's YAML keys.

import Yams

/// The leaves of a YAML file.
struct YAMLFile {
    struct Entry: Hashable {
        /// The path of keys, joined with dots, as written.
        let key: String
        /// A scalar's text, or a list's items joined with commas.
        let text: String
        /// Whether the text is a plain integer, which for durations means nanoseconds.
        let isInteger: Bool
        /// Nothing stands behind the key, or `null`.
        let isNull: Bool
        /// Counted from 1; 0 when the parser did not say.
        let line: Int
    }

    var entries: [Entry] = []

    /// - Throws: what the parser says, or that the file is no map.
    init(_ text: String) throws(ValueError) {
        let root: Node?
        do {
            root = try Yams.compose(yaml: text)
        } catch {
            throw ValueError("error converting YAML: \(error)".trimmingBlanks)
        }
        guard let root else { return }
        if case .scalar(let scalar) = root, YAMLFile.isNull(scalar) { return }
        guard case .mapping(let mapping) = root else {
            throw ValueError("the file holds neither KEY=VALUE lines nor a YAML map of settings")
        }
        try flatten(mapping, below: "")
    }

    private mutating func flatten(_ mapping: Node.Mapping, below prefix: String)
        throws(ValueError)
    {
        for (keyNode, node) in mapping {
            guard case .scalar(let keyScalar) = keyNode else {
                throw ValueError("a key below \(prefix.isEmpty ? "the top" : prefix) is no text")
            }
            let key = prefix.isEmpty ? keyScalar.string : "\(prefix).\(keyScalar.string)"
            let line = keyScalar.mark?.line ?? node.mark?.line ?? 0
            switch node {
            case .mapping(let inner): try flatten(inner, below: key)
            case .sequence(let items):
                var texts: [String] = []
                for item in items {
                    guard case .scalar(let scalar) = item else {
                        throw ValueError("line \(line): \(key) must be a list of texts")
                    }
                    texts.append(scalar.string)
                }
                entries.append(
                    Entry(
                        key: key, text: texts.joined(separator: ","), isInteger: false,
                        isNull: false, line: line))
            case .scalar(let scalar):
                entries.append(
                    Entry(
                        key: key, text: scalar.string,
                        isInteger: YAMLFile.isPlain(scalar) && Int64(scalar.string) != nil,
                        isNull: YAMLFile.isNull(scalar), line: line))
            case .alias:
                throw ValueError("line \(line): \(key): an alias has no anchor")
            }
        }
    }

    private static func isPlain(_ scalar: Node.Scalar) -> Bool {
        scalar.style == .plain || scalar.style == .any
    }

    private static func isNull(_ scalar: Node.Scalar) -> Bool {
        isPlain(scalar) && ["", "~", "null", "Null", "NULL"].contains(scalar.string)
    }

    /// YAML's other words for true and false.
    static func bool(_ text: String) -> Bool? {
        switch text.lowercased() {
        case "true", "yes", "on", "y": true
        case "false", "no", "off", "n": false
        default: nil
        }
    }
}

extension Setting {
    /// The setting that a YAML key names, its place in a map included. Case does not matter.
    static func with(yamlKey key: String) -> (name: String, setting: Setting)? {
        byYAMLKey[key.lowercased()]
    }

    private static let byYAMLKey: [String: (name: String, setting: Setting)] = {
        var table: [String: (name: String, setting: Setting)] = [:]
        for setting in all {
            guard let key = setting.yamlKey else { continue }
            table[key.lowercased()] = (setting.name, setting)
            for alias in setting.aliases { table[alias.lowercased()] = (alias, setting) }
        }
        return table
    }()
}
