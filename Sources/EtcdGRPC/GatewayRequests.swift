//  The requests of a streaming call over the JSON gateway: JSON values one after the other in the
//  body of one HTTP request, served while the rest is still to come.

import EtcdNet
import NIOCore
import Protobuf
import RuntimeCore

/// Cuts a request body into messages and hands them to the call's inlet. Confined to its event
/// loop.
///
/// As in etcd, a first message that cannot be read fails the call, and later ones end the requests
/// without a word.
final class GatewayRequests: HTTPBodySink {
    private let eventLoop: any EventLoop
    private let messageBytesMax: Int
    private let call: GatewayCall
    /// `nil` once there is nobody to take requests.
    private var inlet: (any V3Inlet)?

    private var scanner = JSONScanner()
    /// What has arrived and is not handed over; the first `scanned` bytes belong to an incomplete
    /// message.
    private var pending = ByteBuffer()
    private var scanned = 0
    private var hasEnded = false
    private var messages = 0

    private var isHeld = false
    private var isWorking = false
    /// What arrived while requests were held; kept until they may go on.
    private var accepted: EventLoopPromise<Void>?

    init(call: GatewayCall, eventLoop: any EventLoop, messageBytesMax: Int) {
        self.call = call
        self.eventLoop = eventLoop
        self.messageBytesMax = messageBytesMax
    }

    func start(_ inlet: any V3Inlet) { self.inlet = inlet }

    // MARK: HTTPBodySink

    func receive(_ chunk: ByteBuffer) -> EventLoopFuture<Void> {
        guard inlet != nil else { return eventLoop.makeSucceededVoidFuture() }
        if pending.readableBytes == 0 {
            pending = chunk
        } else {
            // What has been handed over would stay in front of what has not.
            pending.discardReadBytes()
            pending.writeImmutableBuffer(chunk)
        }
        work()
        guard isHeld, inlet != nil else { return eventLoop.makeSucceededVoidFuture() }
        let promise = eventLoop.makePromise(of: Void.self)
        accepted = promise
        return promise.futureResult
    }

    var heldBytes: Int { pending.readableBytes }

    func complete() {
        hasEnded = true
        work()
    }

    func fail(_ error: any Error) {
        stop()
        call.abandon()
    }

    // MARK: the call's side

    func hold() { isHeld = true }

    func resume() {
        guard isHeld else { return }
        isHeld = false
        work()
        if !isHeld { readOn() }
    }

    /// The call has ended.
    func stop() {
        letGo()
        readOn()
    }

    private func readOn() {
        let accepted = accepted
        self.accepted = nil
        accepted?.succeed()
    }

    // MARK: private steps

    /// Hands over what is complete. Not reentrant: services resume while they are given a message.
    private func work() {
        guard !isWorking else { return }
        isWorking = true
        defer { isWorking = false }
        while !isHeld, let inlet {
            do throws(JSONScanner.Failure) {
                if let value = try nextValue() {
                    messages += 1
                    inlet.receive(.json(value))
                } else {
                    if hasEnded { end(inlet) }
                    return
                }
            } catch {
                refuse(inlet, error.text)
            }
        }
    }

    /// No further request is wanted, though the call may go on.
    private func letGo() {
        inlet = nil
        pending = ByteBuffer()
        scanned = 0
    }

    private func end(_ inlet: any V3Inlet) {
        letGo()
        inlet.requestsEnded()
    }

    private func refuse(_ inlet: any V3Inlet, _ text: String) {
        if messages > 0 { return end(inlet) }
        letGo()
        inlet.interrupt(GRPCStatus(.unknown, text))
    }

    /// `nil` when more bytes are needed, or none are left.
    private func nextValue() throws(JSONScanner.Failure) -> JSONValue? {
        guard let length = try nextLength() else { return nil }
        let bytes = pending.readBytes(length: length) ?? []
        scanned = 0
        if pending.readableBytes == 0 { pending = ByteBuffer() }
        return try GatewayJSON.parse(Bytes(bytes))
    }

    private func nextLength() throws(JSONScanner.Failure) -> Int? {
        let view = pending.readableBytesView
        for position in scanned..<view.count {
            switch try scanner.feed(view[view.startIndex + position]) {
            case .goOn: break
            case .ended: return position + 1
            case .endedBefore: return position
            }
        }
        scanned = view.count
        if hasEnded, try scanner.feedEnd() { return scanned }
        if !scanner.isInside {
            // White space between messages.
            pending = ByteBuffer()
            scanned = 0
        }
        guard scanned <= messageBytesMax else {
            throw JSONScanner.Failure(
                text: "message of more than \(messageBytesMax) bytes")
        }
        return nil
    }
}

/// Reads values whose extent is known.
enum GatewayJSON {
    /// - Parameter bytes: one value that the scanner has passed.
    static func parse(_ bytes: Bytes) throws(JSONScanner.Failure) -> JSONValue {
        let value: JSONValue
        do throws(JSONError) {
            value = try JSONValue.parse(bytes)
        } catch {
            throw JSONScanner.Failure(text: error.reason)
        }
        switch value {
        case .object, .null: return value
        default:
            let error = ProtobufJSONError(value, isNo: "map[string]json.RawMessage")
            throw JSONScanner.Failure(text: error.description)
        }
    }

    /// The first value of a body; what follows it is ignored, and no value is an empty object.
    static func first(in body: ByteBuffer) throws(JSONScanner.Failure) -> JSONValue {
        let bytes = Bytes(Array(body.readableBytesView))
        if case .object = (try? JSONValue.parse(bytes)) { return try parse(bytes) }
        var scanner = JSONScanner()
        for position in 0..<bytes.count {
            switch try scanner.feed(bytes[position]) {
            case .goOn: break
            case .ended: return try parse(bytes.prefix(position + 1))
            case .endedBefore: return try parse(bytes.prefix(position))
            }
        }
        return try scanner.feedEnd() ? parse(bytes) : .object([])
    }
}
