//  A database on its way from a connection to a file: one chunk collects what arrives while the one
//  before it is written.

import NIOCore
import NIOPosix

/// Confined to the loop of its request; the file is touched on background threads only.
final class SnapshotWriter {
    private let background: NIOThreadPool
    private let loop: any EventLoop
    private let file: EventLoopFuture<any SnapshotFile>
    /// What was handed to the background last; each job waits for the one before it.
    private var last: EventLoopFuture<Void>
    private var chunk = ByteBuffer()
    /// Taken over so far, written or not.
    private(set) var bytes = 0

    init(files: any SnapshotFiles, background: NIOThreadPool, loop: any EventLoop) {
        self.background = background
        self.loop = loop
        file = background.runIfActive(eventLoop: loop) { try files.create() }
        last = file.map { _ in }
    }

    /// Done when more is welcome; fails when what came before could not be written.
    func write(_ part: ByteBuffer) -> EventLoopFuture<Void> {
        bytes += part.readableBytes
        let isFull = chunk.readableBytes + part.readableBytes > SnapshotLimits.chunkBytes
        guard isFull, chunk.readableBytes > 0 else {
            collect(part)
            return loop.makeSucceededVoidFuture()
        }
        let before = last
        let full = chunk
        chunk = ByteBuffer()
        collect(part)
        last = job(after: before) { try $0.append(full) }
        return before
    }

    private func collect(_ part: ByteBuffer) {
        if chunk.readableBytes == 0 {
            chunk.reserveCapacity(max(SnapshotLimits.chunkBytes, part.readableBytes))
        }
        chunk.writeImmutableBuffer(part)
    }

    /// Done when the database is durable under its name. Nothing but `discard` may follow.
    func commit(index: UInt64) -> EventLoopFuture<Void> {
        let rest = chunk
        chunk = ByteBuffer()
        last = job(after: last) { file in
            if rest.readableBytes > 0 { try file.append(rest) }
            try file.commit(index: index)
        }
        return last
    }

    /// Removes the file, after what still runs on it. Nothing may follow.
    func discard() {
        chunk = ByteBuffer()
        let file = file
        let background = background
        last.whenComplete { _ in
            // The file's future is done by now.
            file.whenSuccess { file in
                background.submit { state in
                    if case .active = state { file.discard() }
                }
            }
        }
    }

    private func job(
        after before: EventLoopFuture<Void>,
        _ body: @escaping @Sendable (any SnapshotFile) throws -> Void
    ) -> EventLoopFuture<Void> {
        let file = file
        let background = background
        let loop = loop
        return before.flatMap { file }.flatMap { file in
            background.runIfActive(eventLoop: loop) { try body(file) }
        }
    }
}
