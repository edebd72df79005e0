//  A request in a log line: what it names, never a value or a password.

package import EtcdProto
import RuntimeCore

package enum RequestText {
    /// Operations of a transaction that are shown.
    private static let operationsMax = 10
    /// Characters of a key that are shown.
    private static let keyMax = 256

    package static func range(_ request: RangeRequest) -> String {
        var text = "key:\(quoted(request.key)) "
        if !request.rangeEnd.isEmpty { text += "range_end:\(quoted(request.rangeEnd)) " }
        if request.limit != 0 { text += "limit:\(request.limit) " }
        if request.revision != 0 { text += "revision:\(request.revision) " }
        if request.serializable { text += "serializable:true " }
        if request.keysOnly { text += "keys_only:true " }
        if request.countOnly { text += "count_only:true " }
        return text
    }

    package static func put(_ request: PutRequest) -> String {
        let lease = request.lease == 0 ? "" : "lease:\(request.lease) "
        return "key:\(quoted(request.key)) value_size:\(request.value.count) " + lease
    }

    package static func deleteRange(_ request: DeleteRangeRequest) -> String {
        let end = request.rangeEnd.isEmpty ? "" : "range_end:\(quoted(request.rangeEnd)) "
        return "key:\(quoted(request.key)) " + end
    }

    package static func txn(_ request: TxnRequest) -> String {
        let compared = request.compare.prefix(operationsMax).map { "key:\(quoted($0.key)) " }
        return "compare:<\(compared.joined())> success:<\(operations(request.success))> "
            + "failure:<\(operations(request.failure))>"
    }

    private static func operations(_ all: [RequestOp]) -> String {
        let shown = all.prefix(operationsMax).map { operation in
            switch operation.request {
            case .range(let range): "request_range:<\(Self.range(range))> "
            case .put(let put): "request_put:<\(Self.put(put))> "
            case .deleteRange(let delete): "request_delete_range:<\(deleteRange(delete))> "
            case .txn(let txn): "request_txn:<\(Self.txn(txn))> "
            case nil: ""
            }
        }
        let more = all.count - shown.count
        return shown.joined() + (more > 0 ? "and \(more) more " : "")
    }

    static func applied(_ request: InternalRaftRequest) -> String {
        let header = "header:<ID:\(request.id) > "
        return switch request.kind {
        case .range(let range): header + "range:<\(Self.range(range))>"
        case .put(let put): header + "put:<\(Self.put(put))>"
        case .deleteRange(let delete): header + "delete_range:<\(deleteRange(delete))>"
        case .txn(let txn): header + "txn:<\(Self.txn(txn))>"
        case .compaction(let compaction):
            header + "compaction:<revision:\(compaction.revision) >"
        case .leaseGrant(let grant):
            header + "lease_grant:<ttl:\(grant.ttl)-second id:\(grant.id) >"
        case .leaseRevoke(let revoke): header + "lease_revoke:<id:\(revoke.id) >"
        default: header + (AppliedOperation(request.kind)?.name ?? "")
        }
    }

    static func applied(_ request: V2Request) -> String {
        "header:<ID:\(request.id) Method:\"\(AppliedOperation(request.method).name)\" "
            + "Path:\(quoted(request.path))> value_size:\(request.value.count)"
    }

    /// In quotes, with bytes that are no printable characters as in C.
    static func quoted(_ bytes: Bytes) -> String {
        var text = "\""
        for byte in bytes.prefix(keyMax).array {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                text += "\\" + String(UnicodeScalar(byte))
            case 0x20..<0x7F: text += String(UnicodeScalar(byte))
            default:
                let octal = String(byte, radix: 8)
                text += "\\" + String(repeating: "0", count: 3 - octal.count) + octal
            }
        }
        return text + (bytes.count > keyMax ? "…\"" : "\"")
    }
}
