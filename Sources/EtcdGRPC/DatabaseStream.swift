//  A database on its way to a client: read in the background, sent as the client takes it, ended by
//  its digest.

import Crypto
import EtcdBackend
import EtcdProto
import EtcdServer
import NIOCore
import RuntimeCore

/// Sends one pinned database. Confined to the call's event loop, but for the reading.
final class DatabaseStream {
    /// Bytes of one message (etcd's value).
    private static let blobBytes = 32 << 10
    /// Bytes read at a time: fewer trips to the background than messages, yet no more than others
    /// on the event loop can wait for.
    private static let chunkBytes = 64 << 10

    private let call: V3Call<SnapshotResponse>
    private let database: BackendSnapshot
    private let background: any BackgroundPool
    /// Of what has been read; taken in the background, too.
    private var digest = SHA256()
    private var offset = 0
    /// A chunk is being read, or the stream rests after one.
    private var isBusy = false
    private var isOver = false
    private var chunkBegan = NIODeadline.uptimeNanoseconds(0)
    private let began = NIODeadline.now()
    private let durations: Histogram

    init(
        _ call: V3Call<SnapshotResponse>, _ database: BackendSnapshot,
        _ background: any BackgroundPool, durations: Histogram
    ) {
        self.call = call
        self.database = database
        self.background = background
        self.durations = durations
    }

    func start() {
        call.onWritable = { self.readOn() }
        call.onClose = { self.isOver = true }
        readOn()
    }

    /// One chunk at a time, and only while the client takes what it gets.
    private func readOn() {
        guard !isBusy, !isOver, call.isOpen, call.isWritable else { return }
        isBusy = true
        chunkBegan = .now()
        let box = NIOLoopBound(self, eventLoop: call.eventLoop)
        let loop = call.eventLoop
        let database = database
        let offset = offset
        let digest = digest
        let count = min(DatabaseStream.chunkBytes, database.imageBytes - offset)
        background.submit {
            let chunk = Result {
                var bytes = [UInt8](repeating: 0, count: count)
                try bytes.withUnsafeMutableBytes { buffer in
                    var filled = 0
                    while filled < count {
                        let got = try database.readImage(
                            at: offset + filled,
                            into: UnsafeMutableRawBufferPointer(rebasing: buffer[filled...]))
                        if got == 0 { throw DatabaseStreamError.endsEarly(offset + filled) }
                        filled += got
                    }
                }
                var digest = digest
                bytes.withUnsafeBytes { digest.update(bufferPointer: $0) }
                return (bytes, digest)
            }
            loop.execute { box.value.received(chunk) }
        }
    }

    private func received(_ chunk: Result<([UInt8], SHA256), any Error>) {
        isBusy = false
        guard !isOver, call.isOpen else { return }
        switch chunk {
        case .success((let bytes, let digest)):
            self.digest = digest
            send(Bytes(bytes))
        case .failure(let error):
            isOver = true
            call.fail(GRPCStatus(.internal, "snapshot: \(error)"))
        }
    }

    private func send(_ chunk: Bytes) {
        var position = 0
        while position < chunk.count {
            let end = min(position + DatabaseStream.blobBytes, chunk.count)
            offset += end - position
            call.send(
                SnapshotResponse(
                    remainingBytes: UInt64(database.imageBytes - offset),
                    blob: chunk[position..<end]))
            position = end
        }
        guard offset >= database.imageBytes else { return pause() }
        isOver = true
        durations.observe(Double((NIODeadline.now() - began).nanoseconds) / 1e9)
        call.send(SnapshotResponse(blob: Bytes(Array(digest.finalize()))))
        call.finish()
    }

    /// Rests as long as the chunk took: whoever reads and writes keys meanwhile comes first.
    private func pause() {
        isBusy = true
        call.eventLoop.assumeIsolated().scheduleTask(in: .now() - chunkBegan) {
            self.isBusy = false
            self.readOn()
        }
    }
}

private enum DatabaseStreamError: Error, CustomStringConvertible {
    case endsEarly(Int)

    var description: String {
        switch self {
        case .endsEarly(let offset): "the database ends at byte \(offset)"
        }
    }
}
