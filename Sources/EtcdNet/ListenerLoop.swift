//  What the connections of one listener share on one event loop: the list of who has to flush
//  at the end of the pass, spare output buffers, the Date header, and the connections
//  themselves.

import NIOCore

/// A served connection. Confined to its event loop.
protocol ServerConnection: AnyObject {
    /// Sends everything queued during this pass of the loop.
    func flush()
    /// Finishes what is in flight and closes; closes at once when idle.
    func drain()
    /// Closes now.
    func cut()
}

/// Confined to `eventLoop`.
final class ListenerLoop {
    let eventLoop: any EventLoop
    let settings: ListenerSettings
    /// For HTTP/2 sessions, which must not outlive this object.
    let callFields = CallFieldBlocks()
    let handshakes: TLSHandshakeQueue
    var certificates = PeerCertificateMemo()
    private(set) var isDraining = false
    private var dates = DateCache()
    private var waitingForFlush: [any ServerConnection] = []
    private var spareBuffers: [ByteBuffer] = []
    private var connections: [ObjectIdentifier: any ServerConnection] = [:]

    /// Connections that wait to be closed.
    private var lingering = 0

    /// More would only take descriptors from others.
    private static let lingeringMax = 1_024
    private static let lingerTime = TimeAmount.milliseconds(250)
    private static let spareBuffersMax = 16
    private static let bufferBytes = 4_096
    private static let spareBufferBytesMax = 128 << 10

    init(eventLoop: any EventLoop, settings: ListenerSettings) {
        self.eventLoop = eventLoop
        self.settings = settings
        handshakes = TLSHandshakeQueue(eventLoop: eventLoop)
    }

    /// `HTTPDate.length` bytes.
    func date() -> [UInt8] { dates.current() }

    // MARK: Flushing

    /// `connection.flush()` will be called before the loop waits again. Tasks that a task of the
    /// loop adds run in the same pass, so that a batch of replies leaves in one write each.
    func flushLater(_ connection: any ServerConnection) {
        waitingForFlush.append(connection)
        guard waitingForFlush.count == 1 else { return }
        eventLoop.assumeIsolated().execute { self.flushAll() }
    }

    private func flushAll() {
        var batch: [any ServerConnection] = []
        swap(&batch, &waitingForFlush)
        for connection in batch { connection.flush() }
        // Keeps the array's storage for the next pass.
        if waitingForFlush.isEmpty {
            batch.removeAll(keepingCapacity: batch.count <= 1_024)
            swap(&batch, &waitingForFlush)
        }
    }

    func takeBuffer() -> ByteBuffer {
        guard var buffer = spareBuffers.popLast() else {
            return ByteBufferAllocator().buffer(capacity: Self.bufferBytes)
        }
        buffer.clear()
        return buffer
    }

    /// `buffer` may still be on its way out; `takeBuffer` then replaces its storage.
    func recycle(_ buffer: ByteBuffer) {
        if buffer.capacity <= Self.spareBufferBytesMax, spareBuffers.count < Self.spareBuffersMax {
            spareBuffers.append(buffer)
        }
    }

    // MARK: Connections

    func add(_ connection: any ServerConnection) {
        connections[ObjectIdentifier(connection)] = connection
    }

    func remove(_ connection: any ServerConnection) {
        connections[ObjectIdentifier(connection)] = nil
    }

    /// Closes a connection that has nobody any more, later; false when there are too many of them.
    func linger(_ channel: any Channel) -> Bool {
        guard lingering < ListenerLoop.lingeringMax, !isDraining else { return false }
        lingering += 1
        eventLoop.assumeIsolated().scheduleTask(in: ListenerLoop.lingerTime) {
            self.lingering -= 1
            channel.close(promise: nil)
        }
        return true
    }

    func drain() {
        isDraining = true
        for connection in Array(connections.values) { connection.drain() }
    }

    func cutAll() {
        for connection in Array(connections.values) { connection.cut() }
    }
}

extension Error {
    /// The socket is of no use any more: the channel closes by itself after it has told. Closing it
    /// first would send a farewell that nobody can receive.
    var isOfSocket: Bool { self is IOError }
}
