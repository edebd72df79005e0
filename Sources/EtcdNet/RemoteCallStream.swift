//  One gRPC call of an HTTP/2 connection: messages in, messages and a status out.

/// Confined to the event loop of its connection. Any number of `send`s, then `finish` once, or
/// `refuse` alone. Calls after the end are ignored.
package final class RemoteCallStream: HTTP2Stream {
    /// Held until the stream is answered or closed.
    package var receiver: (any RemoteCallReceiver)?
    /// The longest message that is let pass.
    package var messageBytesMax = 4 << 20
    /// What follows `application/grpc+` in the content type, if the client said it.
    package var contentSubtype: String?
    /// Bytes of messages that the receiver keeps until the request has ended. They count against
    /// the connection's bound when the client lets it wait for that.
    package var keptBytes = 0

    // What arrives.
    private var framing = MessageFraming()
    private var isHeld = false
    private var isFeeding = false
    private var isMalformed = false
    /// Arrived while held; still narrows the client's window.
    private var heldInput: [UInt8] = []
    private var hasReportedEnd = false

    // What leaves: messages with their heads, from `sentBytes` on.
    private var output: [UInt8] = []
    private var sentBytes = 0
    private var hasHead = false
    private var isFinished = false
    private var wasFull = false
    /// With the status: `nil` for the usual success.
    private var trailers: HTTP2FieldBlock?

    /// Sent output is let go of in pieces of this size.
    private static let sentBytesKept = 64 << 10

    package var connection: ConnectionFacts? { session?.facts }
    package var isOpen: Bool { session != nil && !isFinished }

    package var isWritable: Bool {
        guard isOpen else { return false }
        if output.count - sentBytes < HTTP2Limits.streamHighWater { return true }
        wasFull = true
        return false
    }

    // MARK: Sending

    /// Sends the message that `write` appends: less than 4 GiB.
    ///
    /// - Parameter size: of the message; no more than the place taken at once depends on it.
    package func send(size: Int, _ write: (inout [UInt8]) -> Void) {
        guard let session, !isFinished else { return }
        let start = output.count
        if start == 0 { output.reserveCapacity(MessageFraming.headBytes + size) }
        for _ in 0..<MessageFraming.headBytes { output.append(0) }
        write(&output)
        let length = UInt32(output.count - start - MessageFraming.headBytes)
        output[start + 1] = UInt8(truncatingIfNeeded: length >> 24)
        output[start + 2] = UInt8(truncatingIfNeeded: length >> 16)
        output[start + 3] = UInt8(truncatingIfNeeded: length >> 8)
        output[start + 4] = UInt8(truncatingIfNeeded: length)
        if hasHead {
            outputChanged()
        } else {
            hasHead = true
            session.submitCallHead(self)
        }
    }

    /// Ends the call with success.
    package func finish() {
        guard let session, !isFinished else { return }
        end()
        if hasHead { outputChanged() } else { session.submitCallEnd(self, statusBlock(0, "")) }
    }

    /// Ends the call with an error.
    package func finish(status: Int, message: String) {
        guard let session, !isFinished else { return }
        end()
        if hasHead {
            var block = HTTP2FieldBlock()
            block.addStatus(status, message)
            trailers = block
            outputChanged()
        } else {
            session.submitCallEnd(self, statusBlock(status, message))
        }
    }

    /// Answers a request that is no call, in the form that gRPC clients understand.
    package func refuse(httpStatus: Int, status: Int, message: String) {
        guard let session, !isFinished, !hasHead else { return }
        end()
        session.submitCallEnd(self, statusBlock(status, message, httpStatus: httpStatus))
    }

    /// Head and end of an answer in one.
    private func statusBlock(_ status: Int, _ message: String, httpStatus: Int = 200)
        -> HTTP2FieldBlock
    {
        var block = HTTP2FieldBlock()
        block.add(name: ":status", value: String(httpStatus))
        block.add(name: "content-type", value: contentType)
        block.addStatus(status, message)
        return block
    }

    var contentType: String {
        contentSubtype.map { "application/grpc+\($0)" } ?? "application/grpc"
    }

    private func end() {
        isFinished = true
        receiver = nil
        // What arrives from here on is dropped, and so is what waits.
        dropHeldInput()
        keptBytes = 0
        if collectedBytes > 0 {
            framing = MessageFraming()
            letGo()
        }
    }

    override func supply(_ frame: UnsafeMutableRawBufferPointer) -> Supply {
        let count = min(output.count - sentBytes, frame.count)
        if count > 0 {
            output.withUnsafeBytes { bytes in
                frame.copyMemory(
                    from: UnsafeRawBufferPointer(rebasing: bytes[sentBytes..<(sentBytes + count)]))
            }
            sentBytes += count
        }
        let isAllSent = sentBytes == output.count
        if isAllSent, isFinished { return .bytes(count, isLast: true) }
        if count == 0 { return .nothingYet }
        forgetSentBytes(isAllSent)
        if wasFull, output.count - sentBytes <= HTTP2Limits.streamLowWater {
            wasFull = false
            session?.becameWritable(self)
        }
        return .bytes(count, isLast: false)
    }

    private func forgetSentBytes(_ isAllSent: Bool) {
        if isAllSent {
            output.removeAll(keepingCapacity: output.capacity <= Self.sentBytesKept)
            sentBytes = 0
        } else if sentBytes >= Self.sentBytesKept, sentBytes >= output.count / 2 {
            output.removeFirst(sentBytes)
            sentBytes = 0
        }
    }

    override func submitTrailers(_ session: HTTP2Session) -> Bool {
        if let trailers {
            session.submitTrailers(self, trailers)
        } else {
            session.submitSuccess(self)
        }
        return true
    }

    override func clientTookEnough() { receiver?.streamBecameWritable() }

    // MARK: Receiving

    /// Messages are kept back until `resumeInput`, and the client's window closes.
    package func holdInput() { isHeld = true }

    package func resumeInput() {
        guard isHeld else { return }
        isHeld = false
        // Whoever hands over what was held goes on with the rest, and reports the end behind it.
        guard let session, !isFinished, !isFeeding else { return }
        let input = heldInput
        heldInput = []
        if !input.isEmpty {
            input.withUnsafeBytes { feed($0) }
            session.flushSoon()
        }
        reportEnd()
    }

    override func received(_ bytes: UnsafeRawBufferPointer) {
        if isFinished || isMalformed {
            session?.consume(bytes.count, id)
        } else if isHeld {
            heldInput.append(contentsOf: bytes)
        } else {
            feed(bytes)
        }
    }

    /// Hands over the messages that end in `bytes`, and returns the room of what was used.
    private func feed(_ bytes: UnsafeRawBufferPointer) {
        guard let session else { return }
        isFeeding = true
        defer { isFeeding = false }
        var rest = bytes
        while !rest.isEmpty, !isHeld, !isFinished, !isMalformed {
            switch framing.next(rest, messageBytesMax: messageBytesMax) {
            case .needsMore:
                rest = UnsafeRawBufferPointer(rebasing: rest[rest.endIndex...])
            case .message(let message, let flags, let used):
                rest = UnsafeRawBufferPointer(rebasing: rest[used...])
                receiver?.received(message, flags: flags)
            case .tooLarge(let size):
                malformed(.tooLarge(size))
            }
        }
        // What ends with this frame will be served at once.
        if !mayHold(framing.heldBytes + (requestIsEnding ? 0 : keptBytes)) {
            isRefused = true
            session.reset(self)
        }
        if isHeld, !isFinished {
            heldInput.append(contentsOf: rest)
            session.consume(bytes.count - rest.count, id)
        } else {
            session.consume(bytes.count, id)
        }
    }

    private func malformed(_ error: RemoteCallError) {
        isMalformed = true
        receiver?.receivedMalformed(error)
    }

    override func requestEnded() { reportEnd() }

    private func reportEnd() {
        guard requestHasEnded, !isHeld, !hasReportedEnd, !isMalformed, !isFinished else { return }
        hasReportedEnd = true
        if framing.isBetweenMessages {
            keptBytes = 0
            letGo()
            receiver?.requestEnded()
        } else {
            malformed(.truncated)
        }
    }

    private func dropHeldInput() {
        guard !heldInput.isEmpty else { return }
        session?.consume(heldInput.count, id)
        heldInput = []
    }

    override var abandonedBytes: Int { heldInput.count }

    override func closed() {
        let interrupted = receiver
        receiver = nil
        isFinished = true
        output = []
        heldInput = []
        interrupted?.streamClosed()
    }
}
