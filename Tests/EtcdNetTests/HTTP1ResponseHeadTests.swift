//  Heads of answers whose fields are longer than the room that is tried first.

import NIOCore
import NIOHTTP1
import Testing

@testable import EtcdNet

@Suite("HTTP/1.1 heads of answers", .timeLimit(.minutes(1)))
struct HTTP1ResponseHeadTests {
    private static let date = "Thu, 01 Jan 1970 00:00:00 GMT"

    /// Memory is had in powers of two: what needs just that much has nothing to spare.
    @Test("a field of any length finds room, also beside a body", arguments: 10...16)
    func lengths(exponent: Int) {
        let power = 1 << exponent
        for body in [nil, ByteBuffer(repeating: 120, count: 100)] {
            let count = body?.readableBytes ?? 0
            let rest =
                "\r\nDate: \(Self.date)\r\nContent-Length: \(count)\r\n\r\n"
                + String(repeating: "x", count: count)
            for length in stride(from: power - 512, through: power, by: 8) {
                let location = String(repeating: "a", count: length)
                let head = HTTP1ResponseHead(
                    isHTTP10: false, status: 307, headers: ["Location": location],
                    framing: .length(count), connection: .unstated)
                var output = ByteBuffer()
                head.write(to: &output, date: Array(Self.date.utf8), body: body)
                let isWhole =
                    String(buffer: output)
                    == "HTTP/1.1 307 Temporary Redirect\r\nLocation: \(location)" + rest
                #expect(isWhole, "\(length) bytes")
            }
        }
    }
}
