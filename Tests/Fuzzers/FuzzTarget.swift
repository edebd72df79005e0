//  What strangers can feed to this program before it knows who they are, one parser each. libFuzzer
//  looks for inputs that bring one down (scripts/fuzz.sh); the seeds are replayed as a test.

import RuntimeCore

/// One parser, by the name of its folder of seeds.
enum FuzzTarget: String, CaseIterable, Sendable {
    case http1, http2, websocket
    case grpc, messages, gatewayJSON, services
    case v2, credentials
    case appendStream, messageStream, snapshotBody, records

    /// Hands the input over. Whatever it is, this returns; a broken promise stops the process.
    func run(_ input: [UInt8]) {
        switch self {
        case .http1: HTTPFuzzing.http1(input)
        case .http2: HTTPFuzzing.http2(input)
        case .websocket: HTTPFuzzing.webSocket(input)
        case .grpc: CallFuzzing.framing(input)
        case .messages: CallFuzzing.messages(input)
        case .gatewayJSON: CallFuzzing.json(input)
        case .services: ServiceFuzzing.calls(input)
        case .v2: V2Fuzzing.requests(input)
        case .credentials: V2Fuzzing.credentials(input)
        case .appendStream: PeerFuzzing.appendStream(input)
        case .messageStream: PeerFuzzing.messageStream(input)
        case .snapshotBody: PeerFuzzing.snapshotBody(input)
        case .records: PeerFuzzing.records(input)
        }
    }
}

/// The first byte of an input says in which pieces the rest arrives.
struct FuzzPieces: Sequence {
    let parts: [ArraySlice<UInt8>]

    init(_ input: [UInt8]) {
        let size = Int(input.first ?? 0)
        var rest = input.dropFirst()
        var parts: [ArraySlice<UInt8>] = []
        while !rest.isEmpty {
            let part = rest.prefix(size == 0 ? rest.count : size)
            parts.append(part)
            rest = rest.dropFirst(part.count)
        }
        self.parts = parts
    }

    func makeIterator() -> IndexingIterator<[ArraySlice<UInt8>]> { parts.makeIterator() }

    var whole: [UInt8] { Array(parts.joined()) }
}

/// A promise that holds for every input.
func promise(_ isKept: Bool, _ what: @autoclosure () -> String) {
    precondition(isKept, what())
}
