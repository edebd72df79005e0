//  gRPC's framing, cut at every place where a network may cut it.

import RuntimeCore
import Testing

@testable import EtcdNet

@Suite("gRPC message framing")
struct MessageFramingTests {
    private static func framed(_ message: [UInt8], flags: UInt8 = 0) -> [UInt8] {
        [flags, 0, 0, UInt8(message.count >> 8), UInt8(message.count & 0xFF)] + message
    }

    /// Everything that comes of `pieces`; `nil` when a message was too large.
    private func messages(_ pieces: [[UInt8]], max: Int = 1_000) -> (
        found: [String], size: Int?, isWhole: Bool
    ) {
        var framing = MessageFraming()
        var found: [String] = []
        for piece in pieces {
            var rest = piece[...]
            while !rest.isEmpty {
                let step = Array(rest).withUnsafeBytes {
                    framing.next($0, messageBytesMax: max)
                }
                switch step {
                case .needsMore: rest = []
                case .tooLarge(let size): return (found, size, false)
                case .message(let message, let flags, let used):
                    found.append("\(flags):\(message.text)")
                    rest = rest.dropFirst(used)
                }
            }
        }
        return (found, nil, framing.isBetweenMessages)
    }

    @Test("messages come out the same wherever the bytes are cut")
    func cuts() {
        let stream =
            Self.framed(Array("one".utf8)) + Self.framed([])
            + Self.framed(Array("three".utf8), flags: 1)
        for first in 0...stream.count {
            for second in first...stream.count {
                let pieces = [
                    Array(stream[..<first]), Array(stream[first..<second]),
                    Array(stream[second...]),
                ]
                let outcome = messages(pieces)
                #expect(outcome.found == ["0:one", "0:", "1:three"])
                #expect(outcome.isWhole)
            }
        }
    }

    @Test("a stream that stops inside a message is not whole")
    func truncated() {
        let stream = Self.framed(Array("value".utf8))
        for count in 1..<stream.count {
            let outcome = messages([Array(stream[..<count])])
            #expect(outcome.found.isEmpty)
            #expect(!outcome.isWhole)
        }
    }

    @Test("a length beyond the bound is refused before its bytes arrive")
    func tooLarge() {
        #expect(messages([[0, 0, 0, 3, 232]]).size == nil)
        #expect(messages([[0, 0, 0, 3, 233]]).size == 1_001)
        #expect(messages([[0, 0xFF, 0xFF, 0xFF, 0xFF]]).size == 0xFFFF_FFFF)
        let after = messages([Self.framed(Array("fits".utf8)) + [0, 1, 0, 0, 0]])
        #expect(after.found == ["0:fits"])
        #expect(after.size == 1 << 24)
    }
}
