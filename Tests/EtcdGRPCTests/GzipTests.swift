//  Reading gzip: samples of the tool itself, and every way of breaking them.

import RuntimeCore
import Testing

@testable import EtcdGRPC

@Suite("gzip")
struct GzipTests {
    /// `printf '…' | gzip -n`, in hexadecimal.
    private static let samples: [(text: String, gzip: String)] = [
        ("", "1f8b080000000000000303000000000000000000"),
        ("foo", "1f8b08000000000000034bcbcf07002165738c03000000"),
    ]

    private static func bytes(_ hex: String) -> [UInt8] {
        let digits = hex.compactMap(\.hexDigitValue)
        return stride(from: 0, to: digits.count - 1, by: 2).map {
            UInt8(digits[$0] << 4 | digits[$0 + 1])
        }
    }

    private func outcome(_ input: [UInt8], max: Int = 1 << 20) -> Result<String, GzipError> {
        do throws(GzipError) {
            return .success(Bytes(try Gzip.decompressed(Bytes(input), bytesMax: max)).text)
        } catch {
            return .failure(error)
        }
    }

    @Test("short texts, in codes fixed beforehand")
    func fixed() {
        for (text, hex) in Self.samples {
            #expect(outcome(Self.bytes(hex)) == .success(text))
        }
    }

    @Test("a long text, in codes of its own and with copies")
    func dynamic() {
        let text = (0..<400).map { "line \($0 * $0 % 97) of \($0)\n" }.joined()
        #expect(outcome(Self.bytes(GzipSample.lines)) == .success(text))
    }

    @Test("content that could not be compressed")
    func stored() {
        let content = Array("stored".utf8)
        let head: [UInt8] = [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3]
        let checksum = CRC32.checksum(content)
        let end = (0..<4).map { UInt8(truncatingIfNeeded: checksum >> (8 * UInt32($0))) }
        let block: [UInt8] = [1, 6, 0, 0xF9, 0xFF] + content
        #expect(outcome(head + block + end + [6, 0, 0, 0]) == .success("stored"))
        #expect(outcome(head + [1, 6, 0, 0xF8, 0xFF] + content) == .failure(.invalidData))
        #expect(outcome(head + [7]) == .failure(.invalidData))
    }

    @Test("several files one after the other are one content")
    func members() {
        let foo = Self.bytes(Self.samples[1].gzip)
        #expect(outcome(foo + Self.bytes(Self.samples[0].gzip) + foo) == .success("foofoo"))
    }

    @Test("content beyond the bound is refused")
    func bound() {
        #expect(outcome(Self.bytes(Self.samples[1].gzip), max: 2) == .failure(.tooLarge))
        #expect(outcome(Self.bytes(Self.samples[1].gzip), max: 3) == .success("foo"))
    }

    @Test("what is cut off is an error at every length")
    func truncated() {
        let input = Self.bytes(GzipSample.lines)
        for count in 0..<input.count {
            #expect(throws: GzipError.self) { try outcome(Array(input[..<count])).get() }
        }
    }

    @Test("damage never passes and never crashes")
    func damaged() {
        let input = Self.bytes(GzipSample.lines)
        let content = outcome(input)
        var random = RandomSource(seed: 7)
        for _ in 0..<3_000 {
            var broken = input
            for _ in 0...random.below(3) {
                broken[random.below(broken.count)] = UInt8(random.below(256))
            }
            let found = outcome(broken, max: 100_000)
            // Only what the format ignores may change: time, level and system.
            if case .success = found { #expect(found == content) }
        }
    }
}
