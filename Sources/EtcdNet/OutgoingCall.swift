//  One gRPC call that this process makes: messages out, messages and a status in.

import NIOCore
package import RuntimeCore

/// Hears what comes of one call. All calls on the loop of its connection.
package protocol OutgoingCallReceiver: AnyObject {
    func received(_ message: Bytes)
    /// The last call, exactly once.
    func ended(_ status: CallStatus)
}

/// Confined to the loop of its connection, which holds it until it has ended. After the end every
/// call here is ignored.
package final class OutgoingCall {
    private weak var connection: CallConnection?
    private let id: Int32
    private var receiver: (any OutgoingCallReceiver)?
    private let messageBytesMax: Int

    // What arrives.
    private var framing = MessageFraming()
    private var isPaused = false
    /// Bytes that still narrow the server's window.
    private var owedBytes = 0
    private var httpStatus = 0
    private var grpcStatus: Int?
    private var grpcMessage = ""
    private var contentType = ""

    // What leaves: messages with their heads, from `sentBytes` on.
    private var output: [UInt8] = []
    private var sentBytes = 0
    private var isHalfClosed = false
    private(set) var isWaitingForOutput = false
    var timer: Scheduled<Void>?

    init(
        _ connection: CallConnection, id: Int32, messageBytesMax: Int,
        receiver: any OutgoingCallReceiver
    ) {
        self.connection = connection
        self.id = id
        self.messageBytesMax = messageBytesMax
        self.receiver = receiver
    }

    package var isOpen: Bool { receiver != nil }

    // MARK: Sending

    /// Sends the message that `write` appends.
    package func send(_ write: (inout [UInt8]) -> Void) {
        guard isOpen, !isHalfClosed else { return }
        let start = output.count
        for _ in 0..<MessageFraming.headBytes { output.append(0) }
        write(&output)
        let length = UInt32(output.count - start - MessageFraming.headBytes)
        for place in 1...4 {
            output[start + place] = UInt8(truncatingIfNeeded: length >> (32 - 8 * UInt32(place)))
        }
        outputChanged()
    }

    /// Nothing more will be sent.
    package func halfClose() {
        guard isOpen, !isHalfClosed else { return }
        isHalfClosed = true
        outputChanged()
    }

    private func outputChanged() {
        let wasWaiting = isWaitingForOutput
        isWaitingForOutput = false
        connection?.outputChanged(id, resumes: wasWaiting)
    }

    /// Moves what is there into `frame`; `nil` when there is nothing yet.
    func supply(_ frame: UnsafeMutableRawBufferPointer) -> (count: Int, isLast: Bool)? {
        let count = min(output.count - sentBytes, frame.count)
        output.withUnsafeBytes { bytes in
            frame.copyMemory(
                from: UnsafeRawBufferPointer(rebasing: bytes[sentBytes..<(sentBytes + count)]))
        }
        sentBytes += count
        let isAllSent = sentBytes == output.count
        if isAllSent {
            output.removeAll(keepingCapacity: true)
            sentBytes = 0
        }
        if count == 0, !isHalfClosed {
            isWaitingForOutput = true
            return nil
        }
        return (count, isAllSent && isHalfClosed)
    }

    // MARK: Receiving

    /// From here on the server may send only what its window still holds, plus the rest of a
    /// message that has begun.
    package func pause() { isPaused = true }

    /// What has been received is taken: the server may send as much again.
    package func resume() {
        isPaused = false
        returnRoom()
    }

    private func returnRoom() {
        guard owedBytes > 0, let connection else { return }
        connection.consume(owedBytes, id)
        owedBytes = 0
    }

    func received(_ bytes: UnsafeRawBufferPointer) {
        owedBytes += bytes.count
        var rest = bytes
        while isOpen, !rest.isEmpty {
            switch framing.next(rest, messageBytesMax: messageBytesMax) {
            case .needsMore:
                rest = UnsafeRawBufferPointer(rebasing: rest[rest.endIndex...])
            case .message(let message, let flags, let used):
                rest = UnsafeRawBufferPointer(rebasing: rest[used...])
                if flags != 0 {
                    abort(CallStatus(.internal, "grpc: received a compressed message"))
                } else {
                    receiver?.received(message)
                }
            case .tooLarge(let size):
                abort(
                    CallStatus(
                        .resourceExhausted,
                        "grpc: received message larger than max (\(size) vs. \(messageBytesMax))"))
            }
        }
        if !isPaused || !isOpen { returnRoom() }
    }

    func field(_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) {
        func text() -> String { String(decoding: value, as: UTF8.self) }
        if ASCII.equals(name, ":status") {
            httpStatus = Int(text()) ?? 0
        } else if ASCII.equals(name, "content-type") {
            contentType = text()
        } else if ASCII.equals(name, "grpc-status") {
            grpcStatus = Int(text()) ?? CallCode.unknown.rawValue
        } else if ASCII.equals(name, "grpc-message") {
            let decoded = try? PercentCoding.decode(value, plusIsSpace: false)
            grpcMessage = decoded?.text ?? text()
        }
    }

    // MARK: Ends

    /// Gives the call up; the receiver hears `status`.
    package func abort(_ status: CallStatus = .canceled) {
        guard isOpen else { return }
        connection?.reset(id)
        end(status)
    }

    /// The stream is gone. `reset` is HTTP/2's code, 0 for a regular end.
    func closed(reset: UInt32, connectionStatus: CallStatus?) {
        let status: CallStatus
        if let grpcStatus {
            status = CallStatus(CallCode(rawValue: grpcStatus), grpcMessage)
        } else if let connectionStatus {
            status = connectionStatus
        } else if httpStatus != 0, httpStatus != 200 {
            status = CallStatus(
                CallCode(httpStatus: httpStatus),
                "unexpected HTTP status code received from server: \(httpStatus)")
        } else if httpStatus == 200, !contentType.hasPrefix("application/grpc") {
            status = CallStatus(
                .unknown,
                "unexpected content-type \"\(contentType)\" received from server: no gRPC server")
        } else {
            status = OutgoingCall.status(ofReset: reset)
        }
        end(status)
    }

    private static func status(ofReset code: UInt32) -> CallStatus {
        let text = "stream terminated by RST_STREAM with error code: \(code)"
        switch code {
        case 0: return CallStatus(.internal, "server closed the stream without sending trailers")
        case 7: return CallStatus(.unavailable, text)
        case 8: return CallStatus(.canceled, text)
        case 11: return CallStatus(.resourceExhausted, text)
        default: return CallStatus(.internal, text)
        }
    }

    private func end(_ status: CallStatus) {
        guard let receiver else { return }
        self.receiver = nil
        timer?.cancel()
        timer = nil
        output = []
        sentBytes = 0
        isPaused = false
        returnRoom()
        connection = nil
        if status.code == .ok, !framing.isBetweenMessages {
            receiver.ended(CallStatus(.internal, "the stream ended inside a message"))
        } else {
            receiver.ended(status)
        }
    }
}
