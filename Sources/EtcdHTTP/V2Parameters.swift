//  The parameters of one v2 request: the first value of each known name, the body before the query.

import EtcdNet
import RuntimeCore

/// Names the v2 API knows.
enum V2Parameter: Int, CaseIterable {
    case value, ttl, dir, recursive, sorted, quorum, wait, waitIndex, stream
    case prevValue, prevIndex, prevExist, refresh, noValueOnSuccess

    private static let names: [(name: Bytes, parameter: V2Parameter)] = allCases.map {
        (Bytes("\($0)"), $0)
    }

    init?(name: Bytes) {
        for each in V2Parameter.names where each.name == name {
            self = each.parameter
            return
        }
        return nil
    }

    var name: String { "\(self)" }
}

struct V2Parameters {
    private var values: [Bytes?] = []
    /// What is wrong with body or query; the body's fault comes first.
    private(set) var failure: TargetError?

    /// - Parameter form: the body when it is a form, otherwise empty.
    init(form: Bytes, query: Bytes) {
        if form.isEmpty, query.isEmpty { return }
        values = Array(repeating: nil, count: V2Parameter.allCases.count)
        read(form)
        read(query)
    }

    subscript(parameter: V2Parameter) -> Bytes? {
        values.isEmpty ? nil : values[parameter.rawValue]
    }

    var isEmpty: Bool { values.isEmpty }

    private mutating func read(_ text: Bytes) {
        if text.isEmpty { return }
        let form = FormFields(text)
        for field in form.fields {
            guard let parameter = V2Parameter(name: field.name) else { continue }
            if values[parameter.rawValue] == nil { values[parameter.rawValue] = field.value }
        }
        failure = failure ?? form.error
    }

    // MARK: typed access, with etcd's errors

    /// Absent is false; present but empty is an error.
    func flag(_ parameter: V2Parameter) throws(V2ParameterFault) -> Bool {
        guard let text = self[parameter] else { return false }
        guard let value = V2Parameters.boolean(text) else { throw .invalidField(parameter) }
        return value
    }

    func optionalFlag(_ parameter: V2Parameter) throws(V2ParameterFault) -> Bool? {
        self[parameter] == nil ? nil : try flag(parameter)
    }

    /// Absent is 0.
    func number(_ parameter: V2Parameter) throws(V2ParameterFault) -> UInt64 {
        guard let text = self[parameter] else { return 0 }
        guard let value = V2Parameters.unsigned(text) else { throw .notANumber(parameter) }
        return value
    }

    /// The spellings that Go takes for a boolean.
    static func boolean(_ text: Bytes) -> Bool? {
        switch text.text {
        case "1", "t", "T", "TRUE", "true", "True": true
        case "0", "f", "F", "FALSE", "false", "False": false
        default: nil
        }
    }

    /// Decimal digits and nothing else; `nil` also beyond 64 bits.
    static func unsigned(_ text: Bytes) -> UInt64? {
        if text.isEmpty { return nil }
        var value: UInt64 = 0
        for position in 0..<text.count {
            let digit = text[position] &- UInt8(ascii: "0")
            guard digit < 10 else { return nil }
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, overflowed) = product.addingReportingOverflow(UInt64(digit))
            if overflow || overflowed { return nil }
            value = sum
        }
        return value
    }
}

enum V2ParameterFault: Error {
    case invalidField(V2Parameter)
    case notANumber(V2Parameter)
}
