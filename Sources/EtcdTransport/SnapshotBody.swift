//  The body of a snapshot post: the length of the message, the message, and the database.

import EtcdNet
import NIOCore
import NIOPosix
import Raft
import RuntimeCore

/// An image gave less than it had promised.
struct DatabaseImageError: Error, CustomStringConvertible {
    let offset: Int
    let imageBytes: Int
    var description: String { "the database ends at \(offset) of \(imageBytes) bytes" }
}

/// Confined to the loop of its exchange; the image is read on background threads.
final class SnapshotBody: HTTPClientBodySource {
    let length: Int
    private var start: ByteBuffer?
    private let image: any DatabaseImage
    private let imageBytes: Int
    /// Of the image; what lies before it was asked for.
    private var offset = 0
    private let background: NIOThreadPool
    private let loop: any EventLoop

    init(
        _ message: Message, image: any DatabaseImage, background: NIOThreadPool,
        loop: any EventLoop
    ) {
        var bytes: [UInt8] = []
        MessageCodec.encode(message, into: &bytes)
        start = ByteBuffer(bytes: bytes)
        self.image = image
        imageBytes = image.imageBytes
        length = bytes.count + imageBytes
        self.background = background
        self.loop = loop
    }

    func nextPart() -> EventLoopFuture<ByteBuffer?> {
        if let part = start {
            start = nil
            return loop.makeSucceededFuture(part)
        }
        guard offset < imageBytes else { return loop.makeSucceededFuture(nil) }
        let image = image
        let first = offset
        let count = min(SnapshotLimits.chunkBytes, imageBytes - first)
        offset += count
        return background.runIfActive(eventLoop: loop) {
            try Self.read(image, at: first, count: count)
        }
    }

    private static func read(_ image: any DatabaseImage, at first: Int, count: Int) throws
        -> ByteBuffer
    {
        var buffer = ByteBuffer()
        try buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: count) { memory in
            var filled = 0
            while filled < count {
                let rest = UnsafeMutableRawBufferPointer(rebasing: memory[filled..<count])
                let number = try image.readImage(at: first + filled, into: rest)
                guard number > 0, number <= rest.count else {
                    throw DatabaseImageError(
                        offset: first + filled, imageBytes: image.imageBytes)
                }
                filled += number
            }
            return filled
        }
        return buffer
    }
}
