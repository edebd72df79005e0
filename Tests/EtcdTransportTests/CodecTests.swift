//  The two stream encodings against bytes that etcd 3.4.23 wrote, and against chunks cut anywhere.

import EtcdTransport
import NIOCore
import Raft
import RuntimeCore
import Testing

@Suite("message stream")
struct MessageStreamTests {
    @Test("reads what etcd writes")
    func readsEtcd() throws {
        var decoder = MessageDecoder()
        var messages: [Message] = []
        try decoder.feed(hex(EtcdBytes.vote + EtcdBytes.linkHeartbeat), into: &messages)
        try decoder.feed(hex(EtcdBytes.heartbeat), into: &messages)
        let leader: MemberID = 0x87c5_4672_198b_8a9d
        let reader: MemberID = 0xade7_b0bd_2ac7_447d
        #expect(
            messages == [
                Message(.vote, to: reader, from: leader, term: 2, logTerm: 1, index: 3),
                Message(.heartbeat, to: reader, from: leader, term: 2, commit: 7),
            ])
    }

    @Test("writes the length and every scalar, zero or not")
    func writes() {
        var bytes: [UInt8] = []
        MessageCodec.encodeLinkHeartbeat(into: &bytes)
        #expect(
            bytes
                == Array(
                    hex("0000000000000012 0808 1000 1800 2000 2800 3000 4000 5000 5800")
                        .readableBytesView))
    }

    @Test("reads what it wrote, whatever the chunks", arguments: 0..<40 as Range<UInt64>)
    func roundTrip(seed: UInt64) throws {
        var random = RandomSource(seed: seed)
        let sent = (0..<30).map { _ in randomMessage(&random) }
        var bytes: [UInt8] = []
        for message in sent {
            if random.oneIn(5) { MessageCodec.encodeLinkHeartbeat(into: &bytes) }
            MessageCodec.encode(message, into: &bytes)
        }
        var decoder = MessageDecoder()
        var read: [Message] = []
        for chunk in chunks(bytes, &random) { try decoder.feed(chunk, into: &read) }
        #expect(read == sent)
    }

    @Test("refuses a huge length before its bytes come")
    func hugeLength() {
        var decoder = MessageDecoder()
        var messages: [Message] = []
        #expect(throws: PeerCodecError.tooLong(1 << 40)) {
            try decoder.feed(hex("0000010000000000"), into: &messages)
        }
    }

    @Test("refuses what no member sends", arguments: implausibleMessages)
    func implausible(message: Message) {
        var bytes: [UInt8] = []
        MessageCodec.encode(message, into: &bytes)
        var decoder = MessageDecoder()
        var messages: [Message] = []
        #expect(throws: PeerCodecError.self) {
            try decoder.feed(ByteBuffer(bytes: bytes), into: &messages)
        }
        #expect(messages.isEmpty)
    }
}

@Suite("append stream")
struct AppendStreamTests {
    @Test("reads what etcd writes")
    func readsEtcd() throws {
        var decoder = AppendDecoder(local: 0xade7_b0bd_2ac7_447d, remote: 0x87c5_4672_198b_8a9d)
        var messages: [Message] = []
        try decoder.feed(hex(EtcdBytes.appendMessage + "00"), into: &messages)
        try decoder.feed(hex(EtcdBytes.appendEntries), into: &messages)
        try #require(messages.count == 2)
        #expect(messages[0].entries == [Entry(term: 2, index: 4)])
        #expect(messages[0].commit == 3)
        let second = messages[1]
        #expect(second.kind == .append && second.term == 2 && second.logTerm == 2)
        #expect(second.index == 4 && second.commit == 7)
        #expect(second.to == 0xade7_b0bd_2ac7_447d && second.from == 0x87c5_4672_198b_8a9d)
        #expect(second.entries.map(\.index) == [5, 6, 7])
        #expect(second.entries.map(\.data.count) == [133, 132, 58])
    }

    @Test("writes the short form exactly when both sides know where they are")
    func forms() {
        var encoder = AppendEncoder()
        func form(_ message: Message) -> UInt8 {
            var bytes: [UInt8] = []
            encoder.encode(message, into: &bytes)
            return bytes[0]
        }
        let entry: (LogIndex) -> Entry = { Entry(term: 3, index: $0) }
        #expect(form(Message(.append, term: 3, logTerm: 2, index: 7, entries: [entry(8)])) == 2)
        #expect(form(Message(.append, term: 3, logTerm: 3, index: 8, entries: [entry(9)])) == 1)
        #expect(form(Message(.append, term: 3, logTerm: 3, index: 9)) == 1)
        #expect(form(Message(.append, term: 3, logTerm: 3, index: 8)) == 2)
        #expect(form(Message(.append, term: 3, logTerm: 3, index: 8, entries: [entry(9)])) == 1)
        #expect(form(Message(.append, term: 4, logTerm: 3, index: 9)) == 2)
        #expect(form(Message(.append, term: 4, logTerm: 3, index: 9)) == 2)
        #expect(form(Message(.append, term: 4, logTerm: 4, index: 9)) == 1)
    }

    @Test("short form, byte for byte")
    func shortForm() {
        var encoder = AppendEncoder()
        var bytes: [UInt8] = []
        encoder.encode(Message(.append, commit: 9), into: &bytes)
        #expect(bytes == Array(hex("01 0000000000000000 0000000000000009").readableBytesView))
    }

    @Test("reads what it wrote, whatever the chunks", arguments: 0..<40 as Range<UInt64>)
    func roundTrip(seed: UInt64) throws {
        var random = RandomSource(seed: seed)
        var sent: [Message] = []
        var index: UInt64 = UInt64(random.below(5))
        var term: UInt64 = 1
        for _ in 0..<30 {
            let logTerm = term
            if random.oneIn(8) { term += 1 }
            if random.oneIn(10) { index = UInt64(random.below(50)) }
            let entries = (0..<random.below(5)).map { offset in
                Entry(
                    term: Term(term), index: LogIndex(index + 1 + UInt64(offset)),
                    data: randomBytes(&random))
            }
            sent.append(
                Message(
                    .append, to: 1, from: 2, term: Term(term), logTerm: Term(logTerm),
                    index: LogIndex(index), entries: entries, commit: LogIndex(index)))
            index += UInt64(entries.count)
        }
        var encoder = AppendEncoder()
        var bytes: [UInt8] = []
        for message in sent {
            if random.oneIn(5) { AppendEncoder.encodeLinkHeartbeat(into: &bytes) }
            encoder.encode(message, into: &bytes)
        }
        var decoder = AppendDecoder(local: 1, remote: 2)
        var read: [Message] = []
        for chunk in chunks(bytes, &random) { try decoder.feed(chunk, into: &read) }
        #expect(read == sent)
    }

    @Test(
        "refuses lies about lengths",
        arguments: [
            "03", "01ffffffffffffffff", "01000000000000000100000000ffffffff", "02ffffffff00000000",
            // An entry that is not where the stream stands.
            "010000000000000001000000000000000608001001186400000000000000 00",
        ])
    func lies(bytes: String) {
        var decoder = AppendDecoder(local: 1, remote: 2)
        var messages: [Message] = []
        #expect(throws: PeerCodecError.self) { try decoder.feed(hex(bytes), into: &messages) }
    }

    @Test(
        "garbage ends in an error or waits for more, never worse",
        arguments: 0..<200 as Range<UInt64>)
    func garbage(seed: UInt64) {
        var random = RandomSource(seed: seed)
        let bytes = (0..<200).map { _ in
            random.oneIn(2) ? 0 : UInt8(truncatingIfNeeded: random.next())
        }
        var appends = AppendDecoder(local: 1, remote: 2)
        var messages = MessageDecoder()
        var read: [Message] = []
        for chunk in chunks(bytes, &random) {
            guard (try? appends.feed(chunk, into: &read)) != nil else { break }
        }
        for chunk in chunks([0, 0, 0, 0, 0, 0, 0] + bytes, &random) {
            guard (try? messages.feed(chunk, into: &read)) != nil else { break }
        }
    }
}
