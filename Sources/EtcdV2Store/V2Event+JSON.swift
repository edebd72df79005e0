//  Events and errors as clients read them, byte for byte as etcd writes them (spec http-v2 3).

import RuntimeCore

extension V2Event {
    /// Appends the body of an answer, newline included.
    ///
    /// - Parameters:
    ///   - noValueOnSuccess: the client wants only the action where it knows the rest.
    ///   - strippingPrefixLength: bytes of every key that clients do not see, such as those of
    ///     `/1`.
    package func writeJSON(
        into bytes: inout [UInt8], noValueOnSuccess: Bool, strippingPrefixLength: Int
    ) {
        writeAction(into: &bytes)
        if !(noValueOnSuccess && action.isKnownToItsWriter) {
            writeNodes(into: &bytes, strippingPrefixLength: strippingPrefixLength)
        }
        bytes.append("}\n")
    }

    /// Appends the event as it stands in a saved history.
    func writeSavedJSON(into bytes: inout [UInt8]) {
        writeAction(into: &bytes)
        writeNodes(into: &bytes, strippingPrefixLength: 0)
        if isRefresh { bytes.append(",\"refresh\":true") }
        bytes.append(UInt8(ascii: "}"))
    }

    private func writeAction(into bytes: inout [UInt8]) {
        bytes.append("{\"action\":\"")
        bytes.append(action.text)
        bytes.append(UInt8(ascii: "\""))
    }

    private func writeNodes(into bytes: inout [UInt8], strippingPrefixLength: Int) {
        bytes.append(",\"node\":")
        node.writeJSON(into: &bytes, strippingPrefixLength: strippingPrefixLength)
        if let previous {
            bytes.append(",\"prevNode\":")
            previous.writeJSON(into: &bytes, strippingPrefixLength: strippingPrefixLength)
        }
    }
}

extension V2Event.Action {
    fileprivate var text: StaticString {
        switch self {
        case .get: "get"
        case .set: "set"
        case .create: "create"
        case .update: "update"
        case .delete: "delete"
        case .expire: "expire"
        case .compareAndSwap: "compareAndSwap"
        case .compareAndDelete: "compareAndDelete"
        }
    }

    fileprivate var isKnownToItsWriter: Bool {
        switch self {
        case .set, .create, .update, .compareAndSwap: true
        case .get, .delete, .expire, .compareAndDelete: false
        }
    }
}

extension V2NodeView {
    fileprivate func writeJSON(into bytes: inout [UInt8], strippingPrefixLength: Int) {
        bytes.append(UInt8(ascii: "{"))
        let shownKey =
            key.count >= strippingPrefixLength
            ? key.dropFirst(strippingPrefixLength) : key
        if !shownKey.isEmpty {
            bytes.append("\"key\":")
            bytes.appendJSONString(shownKey)
            bytes.append(UInt8(ascii: ","))
        }
        if let value {
            bytes.append("\"value\":")
            bytes.appendJSONString(value)
            bytes.append(UInt8(ascii: ","))
        }
        if isDirectory { bytes.append("\"dir\":true,") }
        if let expiration {
            bytes.append("\"expiration\":\"")
            RFC3339.write(expiration, into: &bytes)
            bytes.append("\",")
        }
        if ttl != 0 {
            bytes.append("\"ttl\":")
            bytes.appendDecimal(ttl)
            bytes.append(UInt8(ascii: ","))
        }
        if !nodes.isEmpty {
            bytes.append("\"nodes\":[")
            for child in nodes {
                child.writeJSON(into: &bytes, strippingPrefixLength: strippingPrefixLength)
                bytes.append(UInt8(ascii: ","))
            }
            bytes[bytes.count - 1] = UInt8(ascii: "]")
            bytes.append(UInt8(ascii: ","))
        }
        if modifiedIndex != 0 {
            bytes.append("\"modifiedIndex\":")
            bytes.appendDecimal(modifiedIndex)
            bytes.append(UInt8(ascii: ","))
        }
        if createdIndex != 0 {
            bytes.append("\"createdIndex\":")
            bytes.appendDecimal(createdIndex)
            bytes.append(UInt8(ascii: ","))
        }
        // Every member left a comma behind itself.
        if bytes.last == UInt8(ascii: ",") { bytes.removeLast() }
        bytes.append(UInt8(ascii: "}"))
    }
}

extension V2Error {
    /// Appends the body of an answer, newline included. The prefix is taken off a cause that is a
    /// path; a cause that is too short to carry it stays whole.
    package func writeJSON(into bytes: inout [UInt8], strippingPrefixLength: Int) {
        bytes.append("{\"errorCode\":")
        bytes.appendDecimal(Int64(code.rawValue))
        bytes.append(",\"message\":")
        bytes.appendJSONString(Bytes(message))
        let text = Bytes(cause)
        let isPrefixed = text.count >= strippingPrefixLength && cause.utf8.first == V2Path.slash
        let shown = isPrefixed ? text.dropFirst(strippingPrefixLength) : text
        if !shown.isEmpty {
            bytes.append(",\"cause\":\"")
            // Where a key was no UTF-8, `cause` holds replacements already.
            bytes.appendEscaped(shown, escapingReplacements: true)
            bytes.append(UInt8(ascii: "\""))
        }
        bytes.append(",\"index\":")
        bytes.appendDecimal(index)
        bytes.append("}\n")
    }
}
