//  A request target taken apart as Go's net/url does: path, query, percent escapes, form fields.

package import RuntimeCore

/// Why a target or form cannot be decoded; the text is Go's.
package struct TargetError: Error, Sendable, Equatable, CustomStringConvertible {
    package let description: String

    static func escape(_ bytes: some Sequence<UInt8>) -> TargetError {
        TargetError(description: "invalid URL escape \(GoQuoting.quoted(bytes))")
    }

    static let semicolon = TargetError(description: "invalid semicolon separator in query")
}

/// Path and query of a request target, both still percent-encoded.
package struct RequestTarget: Sendable, Equatable {
    package var rawPath: Substring
    /// Without the question mark; `nil` when there is none.
    package var rawQuery: Substring?

    package init(_ target: String) {
        if let mark = target.utf8.firstIndex(of: UInt8(ascii: "?")) {
            rawPath = target[..<mark]
            rawQuery = target[target.utf8.index(after: mark)...]
        } else {
            rawPath = target[...]
            rawQuery = nil
        }
    }

    /// The path with its escapes replaced; `+` stays.
    package func decodedPath() throws(TargetError) -> Bytes {
        guard rawPath.utf8.contains(UInt8(ascii: "%")) else { return Bytes(rawPath) }
        return try PercentCoding.decode(rawPath.utf8, plusIsSpace: false)
    }

    /// The fields of the query, in order, and the first error in it, if there is one.
    package func queryFields() -> FormFields {
        FormFields(rawQuery.map { Bytes($0) } ?? .empty)
    }
}

/// Fields of a query or of an `application/x-www-form-urlencoded` body, decoded, in order of
/// appearance.
package struct FormFields: Sendable {
    package private(set) var fields: [(name: Bytes, value: Bytes)] = []
    /// The first malformed field. Well-formed fields after it are kept, as in Go.
    package private(set) var error: TargetError?

    package init(_ encoded: Bytes) {
        var start = 0
        while start < encoded.count {
            var end = start
            while end < encoded.count, encoded[end] != UInt8(ascii: "&") { end += 1 }
            if end > start { add(encoded[start..<end]) }
            start = end + 1
        }
    }

    /// The first value of `name`.
    package subscript(name: String) -> Bytes? {
        let wanted = name.utf8
        return fields.first { field in
            field.name.count == wanted.count
                && field.name.withUnsafeBytes { $0.elementsEqual(wanted) }
        }?.value
    }

    private mutating func add(_ pair: Bytes) {
        let hasSemicolon = pair.withUnsafeBytes { $0.contains(UInt8(ascii: ";")) }
        guard !hasSemicolon else {
            error = error ?? .semicolon
            return
        }
        let equals = pair.withUnsafeBytes { $0.firstIndex(of: UInt8(ascii: "=")) }
        do throws(TargetError) {
            let name = try Self.decode(pair[0..<(equals ?? pair.count)])
            let value = try equals.map { at throws(TargetError) in
                try Self.decode(pair.dropFirst(at + 1))
            }
            fields.append((name, value ?? .empty))
        } catch let failure {
            error = error ?? failure
        }
    }

    private static func decode(_ bytes: Bytes) throws(TargetError) -> Bytes {
        let isPlain = bytes.withUnsafeBytes { raw in
            !raw.contains { $0 == UInt8(ascii: "%") || $0 == UInt8(ascii: "+") }
        }
        return isPlain ? bytes : try PercentCoding.decode(bytes.array, plusIsSpace: true)
    }
}
