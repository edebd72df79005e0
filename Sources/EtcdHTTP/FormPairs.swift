//  The `name=value&name=value` form that queries and form bodies share.

import RuntimeCore

/// The first thing wrong with a query or form, in Go's words.
struct FormError: Error {
    let text: String
}

enum FormPairs {
    /// Calls `body` for every well-formed pair in order, decoded; a pair without `=` has an empty
    /// value.
    ///
    /// - Returns: what is wrong, after having read everything; `nil` when nothing is.
    static func read(_ form: Bytes, _ body: (_ name: Bytes, _ value: Bytes) -> Void) -> FormError? {
        var failure: FormError?
        var position = 0
        while position < form.count {
            let end = form.firstIndex(of: UInt8(ascii: "&"), from: position)
            let pair = form[position..<end]
            position = end + 1
            if pair.isEmpty { continue }
            if pair.firstIndex(of: UInt8(ascii: ";"), from: 0) < pair.count {
                failure = FormError(text: "invalid semicolon separator in query")
                continue
            }
            let middle = pair.firstIndex(of: UInt8(ascii: "="), from: 0)
            do throws(PercentCoding.InvalidEscape) {
                let name = try PercentCoding.decode(pair.prefix(middle), plusIsSpace: true)
                let value = try PercentCoding.decode(pair.dropFirst(middle + 1), plusIsSpace: true)
                body(name, value)
            } catch {
                if failure == nil {
                    failure = FormError(text: "invalid URL escape " + GoText.quoted(error.text))
                }
            }
        }
        return failure
    }

    /// All values of one name; malformed pairs are passed over.
    static func values(of name: Bytes, in form: Bytes) -> [Bytes] {
        var values: [Bytes] = []
        _ = read(form) { each, value in
            if each == name { values.append(value) }
        }
        return values
    }
}

extension Bytes {
    /// The position of the first such byte at or after `start`; `count` when there is none.
    func firstIndex(of byte: UInt8, from start: Int) -> Int {
        withUnsafeBytes { buffer in
            var position = start
            while position < buffer.count, buffer[position] != byte { position += 1 }
            return position
        }
    }
}
