//  The binary form of every message: round trips, cuts, unknown fields, order, depth.

import EtcdProto
import Protobuf
import RuntimeCore
import Testing

func encoded<M: ProtobufMessage>(_ message: M) -> Bytes {
    var output: [UInt8] = []
    message.encode(into: &output)
    return Bytes(output)
}

@Suite("Messages of the API")
struct MessageTests {
    @Test("there is one message per name")
    func names() {
        #expect(Set(allMessages.map { $0.messageName }).count == allMessages.count)
        #expect(RangeRequest.messageName == "etcdserverpb.RangeRequest")
        #expect(ClusterMember.messageName == "etcdserverpb.Member")
        #expect(LeaseRecord.messageName == "leasepb.Lease")
    }

    @Test("every message survives a round trip, in exactly the size it states")
    func roundTrips() throws {
        for type in allMessages { try check(type) }
        func check<M: ProtobufMessage>(_ type: M.Type) throws {
            var random = RandomSource(seed: 11)
            for _ in 0..<60 {
                let message = type.random(&random)
                var output: [UInt8] = [0xAA]
                message.encode(into: &output)
                #expect(output.count == message.encodedSize + 1, "\(type)")
                #expect(try M(decoding: Bytes(output).dropFirst(1)) == message, "\(type)")
            }
        }
    }

    @Test("an empty message takes no bytes")
    func empty() throws {
        for type in allMessages { try check(type) }
        func check<M: ProtobufMessage>(_ type: M.Type) throws {
            #expect(encoded(type.init()).isEmpty)
            #expect(try M(decoding: .empty) == M())
        }
    }

    @Test("a cut message is refused unless the cut falls between two fields")
    func cuts() {
        for type in allMessages { check(type) }
        func check<M: ProtobufMessage>(_ type: M.Type) {
            var random = RandomSource(seed: 12)
            for _ in 0..<4 {
                let whole = encoded(type.random(&random))
                for count in 0..<whole.count {
                    let cut = whole.prefix(count)
                    // What can be read is the fields before the cut and nothing else.
                    guard let message = try? M(decoding: cut) else { continue }
                    #expect(encoded(message) == cut, "\(type)")
                }
            }
        }
    }

    @Test("no flipped bit makes a decoder crash, and what it reads can be written again")
    func flips() throws {
        for type in allMessages { try check(type) }
        func check<M: ProtobufMessage>(_ type: M.Type) throws {
            var random = RandomSource(seed: 13)
            for _ in 0..<60 {
                var damaged = encoded(type.random(&random)).array
                if damaged.isEmpty { continue }
                for _ in 0...random.below(3) {
                    damaged[random.below(damaged.count)] ^= UInt8(1 << random.below(8))
                }
                guard let message = try? M(decoding: Bytes(damaged)) else { continue }
                // Overlong numbers are read, so that the lengths need not agree; records of a
                // key value list stay as they came.
                let again = try M(decoding: encoded(message))
                #expect(encoded(again) == encoded(message), "\(type)")
            }
        }
    }

    @Test("unknown fields of every wire type are passed over")
    func unknownFields() throws {
        let unknown = bytes(
            "c0 bb01 05  c1 bb01 0102030405060708  c2 bb01 02 ffff  c5 bb01 01020304")
        for type in allMessages { try check(type) }
        func check<M: ProtobufMessage>(_ type: M.Type) throws {
            var random = RandomSource(seed: 14)
            let message = type.random(&random)
            let known = encoded(message)
            let surrounded = unknown.array + known.array + unknown.array
            #expect(try M(decoding: Bytes(surrounded)) == message, "\(type)")
        }
        let inner = encoded(ResponseHeader(revision: 3)).array + unknown.array
        var outer: [UInt8] = []
        outer.appendField(1, Bytes(inner))
        #expect(
            try PutResponse(decoding: Bytes(outer))
                == PutResponse(header: ResponseHeader(revision: 3)))
    }

    @Test("fields are read in any order, and the last of a kind counts")
    func order() throws {
        let request = RangeRequest(
            key: Bytes("a"), rangeEnd: Bytes("b"), limit: 300, sortOrder: .descend,
            serializable: true)
        let reversed = bytes("38 01  28 02  18 ac02  12 01 62  0a 01 61")
        #expect(try RangeRequest(decoding: reversed) == request)
        let twice = bytes("18 05  0a 01 63  18 ac02  0a 01 61  12 01 62  28 02  38 01")
        #expect(try RangeRequest(decoding: twice) == request)
    }

    @Test("a message that comes in two parts is put together; of a oneof the last case counts")
    func merging() throws {
        let response = try PutResponse(decoding: bytes("0a 02 1805  0a 02 2007"))
        #expect(response.header == ResponseHeader(revision: 5, raftTerm: 7))
        let operation = try RequestOp(decoding: bytes("0a 03 0a0161  12 03 0a0162"))
        #expect(operation.request == .put(PutRequest(key: Bytes("b"))))
        let comparison = try Compare(decoding: bytes("20 05  30 00"))
        #expect(comparison.targetUnion == .modRevision(0))
    }

    @Test("a oneof is written even when its value is zero")
    func zeroChoices() {
        #expect(encoded(Compare(targetUnion: .version(0))) == bytes("20 00"))
        #expect(encoded(Compare(targetUnion: .value(.empty))) == bytes("3a 00"))
        #expect(encoded(WatchRequest(request: .progress(WatchProgressRequest()))) == bytes("1a 00"))
    }

    @Test("enum numbers without a name are kept; repeated ones are read packed or not")
    func enums() throws {
        let alarm = try AlarmMember(decoding: bytes("10 63"))
        #expect(alarm.alarm == AlarmType(rawValue: 99))
        #expect(alarm.alarm.name == "99")
        #expect(AlarmType.nospace.name == "NOSPACE")
        #expect(encoded(alarm) == bytes("10 63"))
        let negative = AlarmMember(alarm: AlarmType(rawValue: -1))
        #expect(encoded(negative) == bytes("10 ffffffffffffffffff01"))
        #expect(try AlarmMember(decoding: encoded(negative)) == negative)
        let wanted = WatchCreateRequest(filters: [.nodelete, .noput])
        #expect(encoded(wanted) == bytes("2a 02 0100"))
        #expect(try WatchCreateRequest(decoding: bytes("2a 02 0100")) == wanted)
        #expect(try WatchCreateRequest(decoding: bytes("28 01  28 00")) == wanted)
    }

    @Test(
        "malformed input is an error with its place",
        arguments: [
            ("0a", ProtobufError.truncated(offset: 1)),
            ("0a 05 61", .truncated(offset: 2)),
            ("18 80", .truncated(offset: 2)),
            ("18 ffffffffffffffffff02", .malformedVarint(offset: 11)),
            ("0a 01 61 00 00", .malformedTag(offset: 3)),
            ("0b", .malformedTag(offset: 0)),
            ("0c", .malformedTag(offset: 0)),
            ("08 05", .unexpectedWireType(field: 1, offset: 1)),
            ("1a 01 05", .unexpectedWireType(field: 3, offset: 1)),
            ("c5 bb01 0102", .truncated(offset: 3)),
            ("c1 bb01 01020304050607", .truncated(offset: 3)),
            ("0a ffffffffffffffffff01", .truncated(offset: 11)),
        ])
    func malformed(_ hex: String, _ error: ProtobufError) {
        #expect(throws: error) { try RangeRequest(decoding: bytes(hex)) }
    }

    @Test("an error inside an inner message ends everything, with its place in the outermost one")
    func innerErrors() {
        #expect(throws: ProtobufError.truncated(offset: 4)) {
            try PutResponse(decoding: bytes("0a 02 0880  12 00"))
        }
        #expect(throws: ProtobufError.malformedTag(offset: 4)) {
            try RangeResponse(decoding: bytes("0a 03 1805 00  18 01"))
        }
        #expect(throws: ProtobufError.self) { try RangeResponse(decoding: bytes("12 02 0a 05")) }
        #expect(throws: ProtobufError.truncated(offset: 3)) {
            try WatchCreateRequest(decoding: bytes("2a 01 80"))
        }
    }

    @Test("text must be UTF-8, bytes need not be")
    func utf8() throws {
        for invalid in ["ff", "c080", "eda080", "f4908080", "e282"] {
            let content = bytes(invalid)
            var output: [UInt8] = []
            output.appendField(1, content)
            let message = Bytes(output)
            #expect(throws: ProtobufError.invalidText(field: 1)) {
                try AuthUserGetRequest(decoding: message)
            }
            #expect(try User(decoding: message).name == content)
        }
        #expect(throws: ProtobufError.invalidText(field: 3)) {
            try ClusterMember(decoding: bytes("1a 01 61  1a 01 ff"))
        }
        let request = try AuthUserGetRequest(decoding: bytes("0a 06 c3a9f09f9880"))
        #expect(request.name == "é😀")
    }

    private func nested(_ levels: Int) -> Bytes {
        var content: [UInt8] = []
        for _ in 0..<levels {
            var operation: [UInt8] = []
            operation.appendField(4, Bytes(content))
            content = []
            content.appendField(2, Bytes(operation))
        }
        return Bytes(content)
    }

    @Test("transactions nest as deep as the bound of operations allows, and no stack is exhausted")
    func depth() throws {
        let allowed = nested(MessageReader.depthMax / 2)
        #expect(encoded(try TxnRequest(decoding: allowed)) == allowed)
        #expect(throws: ProtobufError.nestedTooDeeply) {
            try TxnRequest(decoding: nested(MessageReader.depthMax / 2 + 1))
        }
        #expect(throws: ProtobufError.nestedTooDeeply) { try TxnRequest(decoding: nested(4000)) }
        // The log wraps what a client was allowed.
        var wrapped: [UInt8] = []
        wrapped.appendField(6, allowed)
        _ = try InternalRaftRequest(decoding: Bytes(wrapped))
        var entry: [UInt8] = []
        entry.appendField(6, nested(4000))
        #expect(throws: ProtobufError.nestedTooDeeply) {
            try InternalRaftRequest(decoding: Bytes(entry))
        }
    }

    @Test("decoded bytes are slices of the input, not copies")
    func slices() throws {
        let input = encoded(PutRequest(key: Bytes("key"), value: Bytes("value")))
        let request = try PutRequest(decoding: input)
        let base = input.storage.withUnsafeBufferPointer { $0.baseAddress }
        #expect(request.key.storage.withUnsafeBufferPointer { $0.baseAddress } == base)
        #expect(request.value.storage.withUnsafeBufferPointer { $0.baseAddress } == base)
    }
}

@Suite("Lists of key values")
struct KeyValueListTests {
    private let first = KeyValue(key: Bytes("a"), modRevision: 2, value: Bytes("x"))
    private let second = KeyValue(
        key: Bytes("b"), createRevision: 1, value: Bytes([UInt8](repeating: 1, count: 300)))

    @Test("records are taken as they are and come out decoded, in order")
    func elements() {
        var list = KeyValueList()
        #expect(list.isEmpty && list.first == nil && list.last == nil)
        encoded(first).withUnsafeBytes { list.append(record: $0) }
        list.append(second)
        list.append(KeyValue())
        #expect(list.count == 3)
        #expect(Array(list) == [first, second, KeyValue()])
        #expect(list == [first, second, KeyValue()])
        #expect(list != [second, first, KeyValue()])
        #expect(list.first == first)
        #expect(list.last == KeyValue() && KeyValueList([first, second]).last == second)
        var records: [Bytes] = []
        list.forEachRecord { records.append($0) }
        #expect(records == [encoded(first), encoded(second), .empty])
    }

    @Test("a message frames them with the number of its own field")
    func framing() throws {
        let list: KeyValueList = [first, second]
        let inRange = encoded(RangeResponse(kvs: list))
        #expect(inRange[0] == 0x12)
        let inDelete = encoded(DeleteRangeResponse(prevKVs: list))
        #expect(inDelete[0] == 0x1A)
        #expect(inRange.dropFirst(1).prefix(6) == inDelete.dropFirst(1).prefix(6))
        #expect(try RangeResponse(decoding: inRange).kvs == list)
        #expect(try DeleteRangeResponse(decoding: inDelete).prevKVs == list)
    }

    @Test("a record that cannot be read is an empty element")
    func unsoundRecord() {
        var list = KeyValueList()
        bytes("0a 05 61").withUnsafeBytes { list.append(record: $0) }
        list.append(second)
        #expect(Array(list) == [KeyValue(), second])
    }
}
