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
        let parts = contentType.split(separator: ";", omittingEmptySubsequences: false)
        let type = parts[0].trimmed.lowercased()
        if type.isEmpty { return .malformed("mime: no media type") }
        let names = type.split(separator: "/", omittingEmptySubsequences: false)
        guard names[0].isToken, names.count == 1 || (names.count == 2 && names[1].isToken) else {
            let reason =
                names[0].isToken ? "expected token after slash" : "expected slash after first token"
            return .malformed("mime: " + reason)
        }
        return type == form ? .isForm : .isNone
    }
}

extension Substring {
    fileprivate var trimmed: String {
        var rest = self
        while let first = rest.first, first == " " || first == "\t" { rest.removeFirst() }
        while let last = rest.last, last == " " || last == "\t" { rest.removeLast() }
        return String(rest)
    }

    fileprivate var isToken: Bool {
        !isEmpty
            && utf8.allSatisfy { byte in
                byte > 0x20 && byte < 0x7F && !"()<>@,;:\\\"/[]?=".utf8.contains(byte)
            }
    }
}
