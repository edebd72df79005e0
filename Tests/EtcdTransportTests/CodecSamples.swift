//  Bytes recorded from etcd 3.4.23, and random messages.

import NIOCore
import Raft
import RuntimeCore

/// Written by member 87c54672198b8a9d to the streams of member ade7b0bd2ac7447d in a cluster of
/// three; what etcd attaches to every message is an empty snapshot.
enum EtcdBytes {
    static let vote =
        "0000000000000030080510fd889dd6d297ecf3ad01189d95aecca1ced1e287012002280130034000"
        + "4a0a12080a0228001000180050005800"
    static let heartbeat =
        "0000000000000030080810fd889dd6d297ecf3ad01189d95aecca1ced1e287012002280030004007"
        + "4a0a12080a0228001000180050005800"
    static let linkHeartbeat =
        "000000000000001e08081000180020002800300040004a0a12080a0228001000180050005800"
    static let appendMessage =
        "020000000000000038080310fd889dd6d297ecf3ad01189d95aecca1ced1e287012002280130033a06"
        + "08001002180440034a0a12080a0228001000180050005800"
    static let appendEntries =
        "010000000000000003000000000000008e0800100218052285010882f4a195aac1e8ce8a0112035055"
        + "541a262f302f6d656d626572732f383763353436373231393862386139642f61747472696275746573"
        + "22347b226e616d65223a2263222c22636c69656e7455524c73223a5b22687474703a2f2f3132372e30"
        + "2e302e313a3333383233225d7d2800320038004800500058006000680070007800800100000000000000"
        + "008d0800100218062284010881dca195aac1e8893912035055541a262f302f6d656d626572732f6536"
        + "3534346533313064316533393133"
        + "2f6174747269627574657322347b226e616d65223a2261222c22636c69656e7455524c73223a5b2268"
        + "7474703a2f2f3132372e302e302e313a3333383231225d7d2800320038004800500058006000680070"
        + "0078008001000000000000000042080010021807223a0884f4a195aac1e8ce8a0112035055541a0a2f"
        + "302f76657273696f6e2205332e302e3028003200380048005000580060006800700078008001000000"
        + "000000000007"
}

/// Spaces are for the reader.
func hex(_ text: String) -> ByteBuffer {
    let digits = text.filter { $0 != " " }.compactMap(\.hexDigitValue)
    precondition(digits.count % 2 == 0)
    return ByteBuffer(
        bytes: stride(from: 0, to: digits.count, by: 2).map {
            UInt8(digits[$0] * 16 + digits[$0 + 1])
        })
}

func randomBytes(_ random: inout RandomSource) -> Bytes {
    Bytes((0..<random.below(40)).map { _ in UInt8(truncatingIfNeeded: random.next()) })
}

func randomMessage(_ random: inout RandomSource) -> Message {
    let kinds: [Message.Kind] = [
        .propose, .appendResponse, .vote, .voteResponse, .heartbeat, .heartbeatResponse,
        .readIndex, .readIndexResponse, .preVote, .preVoteResponse, .timeoutNow, .transferLeader,
    ]
    var number: UInt64 { random.next() >> UInt64(2 + random.below(62)) }
    return Message(
        kinds[random.below(kinds.count)], to: MemberID(random.next() | 1),
        from: MemberID(random.next() | 1), term: Term(number), logTerm: Term(number),
        index: LogIndex(number),
        entries: (0..<random.below(3)).map { _ in
            Entry(term: Term(number), index: LogIndex(number), data: randomBytes(&random))
        },
        commit: LogIndex(number), reject: random.oneIn(2), rejectHint: LogIndex(number),
        context: randomBytes(&random))
}

/// Cuts `bytes` at random places.
func chunks(_ bytes: [UInt8], _ random: inout RandomSource) -> [ByteBuffer] {
    var list: [ByteBuffer] = []
    var position = 0
    let longest = 1 + random.below(60)
    while position < bytes.count {
        let end = min(bytes.count, position + 1 + random.below(longest))
        list.append(ByteBuffer(bytes: bytes[position..<end]))
        position = end
    }
    return list
}

let implausibleMessages: [Message] = [
    Message(.vote, to: 1, from: 2, term: Term(.max)),
    Message(.heartbeat, to: 1, from: 2, commit: LogIndex(1 << 62)),
    Message(.append, to: 1, from: 2, term: 1, index: LogIndex(.max)),
    Message(.append, to: 1, from: 2, term: 2, entries: [Entry(term: 2, index: 2)]),
    Message(.append, to: 1, from: 2, term: 2, entries: [Entry(term: 3, index: 1)]),
    Message(
        .append, to: 1, from: 2, term: 2, logTerm: 2, index: 4,
        entries: [Entry(term: 1, index: 5)]),
    Message(.snapshot, to: 1, from: 2, term: 2),
]
