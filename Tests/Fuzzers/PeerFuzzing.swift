//  What arrives on a member's peer port.

import EtcdProto
import NIOCore
import Raft
import RuntimeCore

@testable import EtcdTransport

enum PeerFuzzing {
    /// Messages are the same in whatever pieces they arrive, up to the error that ends the stream.
    static func appendStream(_ input: [UInt8]) {
        func read(_ parts: [ArraySlice<UInt8>]) -> [Message] {
            var decoder = AppendDecoder(local: .init(1), remote: .init(2))
            var messages: [Message] = []
            for part in parts {
                do {
                    try decoder.feed(ByteBuffer(bytes: part), into: &messages)
                } catch {
                    break
                }
            }
            return messages
        }
        let pieces = FuzzPieces(input)
        promise(read(pieces.parts) == read([pieces.whole[...]]), "pieces make other messages")
    }

    static func messageStream(_ input: [UInt8]) {
        func read(_ parts: [ArraySlice<UInt8>]) -> [Message] {
            var decoder = MessageDecoder()
            var messages: [Message] = []
            for part in parts {
                do {
                    try decoder.feed(ByteBuffer(bytes: part), into: &messages)
                } catch {
                    break
                }
            }
            return messages
        }
        let pieces = FuzzPieces(input)
        let messages = read([pieces.whole[...]])
        promise(read(pieces.parts) == messages, "pieces make other messages")
        for message in messages {
            var bytes: [UInt8] = []
            message.encode(into: &bytes)
            promise(bytes.count == message.encodedSize, "another size than stated")
            promise((try? Message(decoding: Bytes(bytes))) == message, "another after writing")
        }
    }

    /// Length and message at the start of a snapshot post, as `SnapshotReceiver` reads them.
    static func snapshotBody(_ input: [UInt8]) {
        var buffer = PeerFrameBuffer()
        for part in FuzzPieces(input) {
            buffer.append(ByteBuffer(bytes: part))
            guard let length = try? buffer.length(at: 0), buffer.count - 8 >= length else {
                continue
            }
            if let message = try? Message(decoding: buffer.slice(at: 8, count: length)) {
                try? PeerMessageCheck.check(message)
            }
            return buffer.consume(8 + length)
        }
    }

    /// What entries and snapshots of other members hold.
    static func records(_ input: [UInt8]) {
        let bytes = Bytes(input)
        if let message = try? Message(decoding: bytes) { try? PeerMessageCheck.check(message) }
        _ = try? Entry(decoding: bytes)
        _ = try? Snapshot(decoding: bytes)
        _ = try? V2Request(decoding: bytes)
        _ = try? InternalRaftRequest(decoding: bytes)
        _ = try? ConfChange(decoding: bytes)
        _ = try? ConfChangeV2(decoding: bytes)
    }
}
