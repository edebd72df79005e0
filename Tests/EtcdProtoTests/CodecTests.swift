//  Every codec against bytes worked out by hand from the wire format, round trips with random
//  content, and refusal of everything that is not a message.

import EtcdProto
import Protobuf
import Raft
import RuntimeCore
import Testing

func bytes(_ hex: String) -> Bytes {
    let digits = Array(hex.filter { $0 != " " })
    return Bytes(
        stride(from: 0, to: digits.count, by: 2).map {
            UInt8(String(digits[$0...$0 + 1]), radix: 16)!
        })
}

@Suite("Codecs")
struct CodecTests {
    @Test("an entry has its scalars always, in the order of their numbers")
    func entryGolden() throws {
        let entry = Entry(term: 2, index: 300, kind: .confChange, data: Bytes("ab"))
        var output: [UInt8] = []
        entry.encode(into: &output)
        #expect(Bytes(output) == bytes("08 01 10 02 18 ac02 22 02 6162"))
        #expect(output.count == entry.encodedSize)
        #expect(try Entry(decoding: Bytes(output)) == entry)
        output = []
        Entry(term: 0, index: 0).encode(into: &output)
        #expect(Bytes(output) == bytes("0800 1000 1800"))
    }

    @Test("a hard state and a heartbeat have the bytes etcd writes")
    func stateAndMessageGolden() throws {
        var output: [UInt8] = []
        HardState(term: 1, vote: 0x80, commit: 3).encode(into: &output)
        #expect(Bytes(output) == bytes("0801 108001 1803"))
        output = []
        Message(.heartbeat, to: 1, from: 2, term: 3, commit: 4, context: Bytes("c"))
            .encode(into: &output)
        #expect(
            Bytes(output)
                == bytes("0808 1001 1802 2003 2800 3000 4004 5000 5800 6201 63"))
    }

    @Test("an empty snapshot inside a message counts as none")
    func emptySnapshot() throws {
        var output: [UInt8] = []
        Message(.append, to: 1, from: 2).encode(into: &output)
        output += bytes("4a 08 1206 0a00 1000 1800").array
        #expect(try Message(decoding: Bytes(output)).snapshot == nil)
    }

    @Test("unknown fields are passed over, of every wire type")
    func unknownFields() throws {
        let extra = "a0 06 05  a1 06 0102030405060708  a2 06 01 ff  a5 06 01020304"
        let state = try HardState(decoding: bytes("0801" + extra + "1002 1803"))
        #expect(state == HardState(term: 1, vote: 2, commit: 3))
    }

    @Test(
        "malformed input is an error with its place",
        arguments: [
            ("08", ProtobufError.truncated(offset: 1)),
            ("0880", .truncated(offset: 2)),
            ("08 ffffffffffffffffff02", .malformedVarint(offset: 11)),
            ("00 00", .malformedTag(offset: 0)),
            ("0b", .malformedTag(offset: 0)),
            ("0a 05 01", .unexpectedWireType(field: 1, offset: 1)),
            ("22 05 01", .truncated(offset: 2)),
            ("08 07", .invalidValue(field: 1, 7)),
        ])
    func malformed(_ hex: String, _ error: ProtobufError) {
        #expect(throws: error) { try Entry(decoding: bytes(hex)) }
    }

    @Test("messages survive a round trip, and no cut of them crashes")
    func roundTrips() throws {
        var random = RandomSource(seed: 7)
        for _ in 0..<500 {
            let message = randomMessage(&random)
            var output: [UInt8] = []
            message.encode(into: &output)
            #expect(output.count == message.encodedSize)
            #expect(try Message(decoding: Bytes(output)) == message)
            let cut = Bytes(output).prefix(random.below(output.count + 1))
            _ = try? Message(decoding: cut)
            output[random.below(output.count)] ^= UInt8(1 << random.below(8))
            _ = try? Message(decoding: Bytes(output))
        }
    }

    private func randomMessage(_ random: inout RandomSource) -> Message {
        func number() -> UInt64 { random.next() >> UInt64(random.below(64)) }
        func data() -> Bytes { Bytes((0..<random.below(20)).map { UInt8($0) }) }
        var message = Message(Message.Kind.allCases[random.below(Message.Kind.allCases.count)])
        message.to = MemberID(number())
        message.from = MemberID(number())
        message.term = Term(number())
        message.logTerm = Term(number())
        message.index = LogIndex(number())
        message.commit = LogIndex(number())
        message.reject = random.oneIn(2)
        message.rejectHint = LogIndex(number())
        message.context = data()
        message.vote = random.oneIn(2) ? 0 : number()
        message.entries = (0..<random.below(4)).map { _ in
            Entry(term: Term(number()), index: LogIndex(number()), data: data())
        }
        if random.oneIn(3) {
            message.snapshot = Snapshot(
                metadata: SnapshotMetadata(
                    confState: ConfState(voters: [1, 2, 3], learners: [9]),
                    index: LogIndex(number() | 1), term: Term(number())), data: data())
        }
        return message
    }
}

@Suite("Content of entries")
struct PayloadTests {
    @Test(
        "a bare v2 request is told from the union by its method",
        arguments: [
            V2Method.put, .post, .delete, .quorumGet, .sync,
        ])
    func bareRequest(_ method: V2Method) throws {
        var request = V2Request(id: 77, method: method, path: Bytes("/1/a"))
        request.previousExists = false
        request.refresh = true
        request.expiration = -5
        var output: [UInt8] = []
        request.encode(into: &output)
        #expect(try EntryPayload.decode(Bytes(output)) == .v2(request))
    }

    @Test("text that is not UTF-8 is repaired: others have applied the entry")
    func foreignText() throws {
        var user: [UInt8] = []
        user.appendField(1, Bytes([0x6A, 0x6F, 0x73, 0xE9]))
        var entry: [UInt8] = []
        entry.appendField(1100, Bytes(user))
        guard case .internalRequest(let request) = try EntryPayload.decode(Bytes(entry)),
            case .authUserAdd(let add) = request.kind
        else {
            Issue.record("not a request for a user")
            return
        }
        #expect(add.name == "jos\u{FFFD}")
        #expect(throws: ProtobufError.invalidText(field: 1)) {
            try AuthUserAddRequest(decoding: Bytes(user))
        }
    }

    @Test(
        "what cannot be read does not pass for a v2 request",
        arguments: ["32 03 0a 05 61", "a2 06 02 08", "08 01 a2 06 01", "12 01 ff"])
    func unreadable(_ entry: String) {
        #expect(throws: ProtobufError.self) { try EntryPayload.decode(bytes(entry)) }
    }

    @Test("absent and false differ for prevExist and refresh")
    func nullable() throws {
        var output: [UInt8] = []
        V2Request(method: .put).encode(into: &output)
        let request = try V2Request(decoding: Bytes(output))
        #expect(request.previousExists == nil && request.refresh == nil)
    }

    @Test("the union: a version, attributes, a wrapped v2 request, anything else")
    func union() throws {
        // 1300 {1: "3.5.0"} with a header id.
        let version = try EntryPayload.decode(
            bytes("a2 06 02 08 09  a2 51 07 0a 05 332e352e30"))
        guard case .internalRequest(let request) = version else {
            Issue.record("not the union")
            return
        }
        #expect(request.id == 9)
        #expect(request.kind == .clusterVersionSet("3.5.0"))
        var inner: [UInt8] = []
        V2Request(id: 1, method: .put, path: Bytes("/1")).encode(into: &inner)
        var outer: [UInt8] = []
        outer.appendField(2, Bytes(inner))
        #expect(
            try EntryPayload.decode(Bytes(outer))
                == .internalRequest(InternalRaftRequest(decoding: Bytes(outer))))
        let put = try EntryPayload.decode(bytes("22 04 0a 02 6162"))
        #expect(
            put
                == .internalRequest(
                    InternalRaftRequest(header: nil, kind: .put(PutRequest(key: Bytes("ab"))))))
        // 9900 is planted by test tools.
        let unknown = try InternalRaftRequest(decoding: bytes("e2 ea04 02 0a 00"))
        #expect(unknown.kind == .other(field: 9900, bytes("0a 00")))
        var again: [UInt8] = []
        unknown.encode(into: &again)
        #expect(Bytes(again) == bytes("e2 ea04 02 0a 00"))
    }

    @Test("a waiter's number is the request's own, else its header's")
    func requestID() throws {
        #expect(try InternalRaftRequest(decoding: bytes("08 05  a2 06 02 08 09")).id == 5)
        #expect(try InternalRaftRequest(decoding: bytes("a2 06 02 08 09")).id == 9)
        #expect(try InternalRaftRequest(decoding: bytes("22 00")).id == 0)
        #expect(throws: ProtobufError.self) { try InternalRaftRequest(decoding: bytes("22 03 0a")) }
        #expect(throws: ProtobufError.self) { try InternalRaftRequest(decoding: bytes("28 03")) }
    }

    @Test("membership changes survive a round trip")
    func confChanges() throws {
        let change = ConfChange(
            id: 5, kind: .updateNode, node: 0xFFFF_FFFF_FFFF_FFFF, context: Bytes("{}"))
        #expect(try ConfChange(decoding: Bytes(change.encoded)) == change)
        let joint = ConfChangeV2(
            transition: .jointExplicit,
            changes: [.init(kind: .addLearnerNode, node: 3), .init(kind: .removeNode, node: 1)],
            context: Bytes("x"))
        #expect(try ConfChangeV2(decoding: Bytes(joint.encoded)) == joint)
    }
}

@Suite("JSON")
struct JSONTests {
    @Test("strings are escaped as Go escapes them")
    func escaping() {
        var output: [UInt8] = []
        let text: [UInt8] = Array("a\"\\<>&\n\t\u{1}\u{2028}é".utf8) + [0xFF, 0xC0]
        JSONValue.writeString(Bytes(text), into: &output)
        #expect(
            Bytes(output).text
                == #""a\"\\\u003c\u003e\u0026\n\t\u0001\u2028é\ufffd\ufffd""#)
    }

    @Test(
        "what is not JSON is refused",
        arguments: [
            "", "{", "[1,]", "{\"a\" 1}", "01", "1.", "-", "tru", "\"\u{1}\"", "\"\\x\"", "1 2",
            "\"a", String(repeating: "[", count: 300),
        ])
    func refused(_ text: String) {
        #expect(throws: JSONError.self) { try JSONValue.parse(Bytes(text)) }
    }

    @Test("numbers keep all their digits, surrogates become characters")
    func values() throws {
        let value = try JSONValue.parse(
            Bytes(#" {"id":18446744073709551615,"s":"\ud83d\ude00\u0041","a":["x",null]} "#))
        #expect(value["id"]?.unsigned == UInt64.max)
        #expect(value["s"]?.text == "😀A")
        #expect(value["a"]?.elements?.count == 2)
        #expect(value["a"]?.strings == nil)
    }
}
