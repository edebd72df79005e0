//  Where the body of a request goes while it arrives.

import NIOCore

/// Why a streamed request body ended early.
package enum HTTPBodyError: Error, Sendable, Equatable {
    case connectionClosed
    case malformed
    /// The connection held too much of its client's requests.
    case tooLarge
}

enum HTTP1BodyTarget {
    /// Becomes an argument of `HTTPHandler.handle`.
    case collector(HTTP1BodyCollector)
    case sink(any HTTPBodySink)
    /// Nobody wants it; so many bytes are read for the sake of the connection.
    case nowhere(allowance: Int)

    func fail(_ error: HTTPBodyError) {
        if case .sink(let sink) = self { sink.fail(error) }
    }
}

/// A body being put together. Confined to its event loop.
final class HTTP1BodyCollector {
    let head: HTTPRequestHead
    let exchange: HTTP1Exchange
    private let maximum: Int
    private(set) var body = ByteBuffer()

    init(head: HTTPRequestHead, exchange: HTTP1Exchange, maximum: Int, announced: Int?) {
        self.head = head
        self.exchange = exchange
        self.maximum = maximum
        announcedBytes = announced ?? 0
    }

    private let announcedBytes: Int

    /// False when the body is longer than allowed.
    func append(_ part: ByteBuffer) -> Bool {
        guard body.readableBytes + part.readableBytes <= maximum else { return false }
        if body.readableBytes == 0 {
            body = part
            let missing = announcedBytes - part.readableBytes
            // More is to come: room for all of it at once, but not on the client's word alone.
            if missing > 0 {
                body.reserveCapacity(
                    minimumWritableBytes: min(missing, HTTPServerLimits.bodyReserveMax))
            }
        } else {
            body.writeImmutableBuffer(part)
        }
        return true
    }
}
