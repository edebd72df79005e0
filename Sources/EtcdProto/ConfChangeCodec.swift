//  Membership changes as entries carry them (spec peer-and-disk 3.1).

package import Protobuf
package import Raft
package import RuntimeCore

extension ConfChange {
    package var encoded: [UInt8] {
        var output: [UInt8] = []
        output.appendField(1, id)
        output.appendField(2, kind.rawValue)
        output.appendField(3, node.rawValue)
        if !context.isEmpty { output.appendField(4, context) }
        return output
    }

    package init(decoding bytes: Bytes) throws(ProtobufError) {
        var change = ConfChange(id: 0, kind: .addNode, node: .none)
        var reader = ProtobufReader(bytes)
        while let field = try reader.next() {
            switch field {
            case 1: change.id = try reader.unsigned()
            case 2: change.kind = try Kind(number: try reader.unsigned())
            case 3: change.node = MemberID(try reader.unsigned())
            case 4: change.context = try reader.bytes()
            default: try reader.skip()
            }
        }
        self = change
    }
}

extension ConfChange.Kind {
    fileprivate init(number: UInt64) throws(ProtobufError) {
        guard let kind = ConfChange.Kind(rawValue: number) else {
            throw .invalidValue(field: 2, number)
        }
        self = kind
    }
}

extension ConfChangeV2 {
    package var encoded: [UInt8] {
        var output: [UInt8] = []
        output.appendField(1, transition.rawValue)
        for change in changes {
            var single: [UInt8] = []
            single.appendField(1, change.kind.rawValue)
            single.appendField(2, change.node.rawValue)
            output.appendField(2, Bytes(single))
        }
        if !context.isEmpty { output.appendField(3, context) }
        return output
    }

    package init(decoding bytes: Bytes) throws(ProtobufError) {
        var change = ConfChangeV2()
        var reader = ProtobufReader(bytes)
        while let field = try reader.next() {
            switch field {
            case 1:
                let value = try reader.unsigned()
                guard let transition = Transition(rawValue: value) else {
                    throw .invalidValue(field: 1, value)
                }
                change.transition = transition
            case 2: change.changes.append(try Single(decoding: try reader.bytes()))
            case 3: change.context = try reader.bytes()
            default: try reader.skip()
            }
        }
        self = change
    }
}

extension ConfChangeV2.Single {
    fileprivate init(decoding bytes: Bytes) throws(ProtobufError) {
        var single = ConfChangeV2.Single(kind: .addNode, node: .none)
        var reader = ProtobufReader(bytes)
        while let field = try reader.next() {
            switch field {
            case 1: single.kind = try ConfChange.Kind(number: try reader.unsigned())
            case 2: single.node = MemberID(try reader.unsigned())
            default: try reader.skip()
            }
        }
        self = single
    }
}
