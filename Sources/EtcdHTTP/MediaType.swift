//  Content types of request bodies.

import RuntimeCore

enum MediaType {
    static let form = "application/x-www-form-urlencoded"

    /// The part before the first `;`, trimmed and in lower case when there is a `;`, as etcd
    /// compares it.
    static func essence(of contentType: String) -> String {
        guard let end = contentType.utf8.firstIndex(of: UInt8(ascii: ";")) else {
            return contentType
        }
        return contentType[..<end].trimmed.lowercased()
    }

    /// What Go's form parser does with a body of this type.
    enum FormReading: Equatable {
        case isForm
        case isNone
        /// The header cannot be understood.
        case malformed(String)
    }

    static func formReading(of contentType: String?) -> FormReading {
        // Absent is octets to Go, which is no form.
        guard let contentType, !contentType.isEmpty else { return .isNone }
        if contentType == form { return .isForm }
        let end = contentType.firstIndex(of: ";") ?? contentType.endIndex
        let type = contentType[..<end].trimmed.lowercased()
        if let reason = fault(inType: type) { return .malformed("mime: " + reason) }
        if !hasWellFormedParameters(contentType[end...]) {
            return .malformed("mime: invalid media parameter")
        }
        return type == form ? .isForm : .isNone
    }

    private static func fault(inType type: String) -> String? {
        let first = type.prefix(while: \.isToken)
        if first.isEmpty { return "no media type" }
        var rest = type[first.endIndex...]
        if rest.isEmpty { return nil }
        guard rest.removeFirst() == "/" else { return "expected slash after first token" }
        let second = rest.prefix(while: \.isToken)
        if second.isEmpty { return "expected token after slash" }
        return second.endIndex == rest.endIndex ? nil : "unexpected content after media subtype"
    }

    /// `; name=token`, `; name="text"`, any number of them; a lone semicolon at the end is fine.
    private static func hasWellFormedParameters(_ text: Substring) -> Bool {
        var rest = text.drop(while: \.isBlank)
        while !rest.isEmpty {
            guard rest.removeFirst() == ";" else { return false }
            rest = rest.drop(while: \.isBlank)
            if rest.isEmpty { return true }
            let name = rest.prefix(while: \.isToken)
            rest = rest[name.endIndex...].drop(while: \.isBlank)
            guard !name.isEmpty, rest.first == "=" else { return false }
            rest = rest.dropFirst().drop(while: \.isBlank)
            if rest.first == "\"" {
                guard let close = rest.dropFirst().firstIndex(of: "\"") else { return false }
                rest = rest[rest.index(after: close)...]
            } else {
                let value = rest.prefix(while: \.isToken)
                if value.isEmpty { return false }
                rest = rest[value.endIndex...]
            }
            rest = rest.drop(while: \.isBlank)
        }
        return true
    }
}

extension Substring {
    fileprivate var trimmed: String {
        var rest = drop(while: \.isBlank)
        while rest.last?.isBlank == true { rest.removeLast() }
        return String(rest)
    }
}

extension Character {
    fileprivate var isBlank: Bool { self == " " || self == "\t" }

    fileprivate var isToken: Bool {
        guard let byte = asciiValue else { return false }
        return byte > 0x20 && byte < 0x7F && !"()<>@,;:\\\"/[]?=".utf8.contains(byte)
    }
}
