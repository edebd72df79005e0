//  A stream that we have opened to a peer: its messages to us travel in the response.

import EtcdNet
import Logging
import NIOCore
import NIOHTTP1
import Raft
import RuntimeCore

/// Keeps one stream open: dials, reads, dials again. Confined to the peer's loop.
final class PeerStreamReader: HTTPClientStreamDelegate {
    /// The text of a refusal is short; more is not read.
    private static let refusalBytesMax = 1_024
    private static let timeout = TimeAmount.milliseconds(
        Int64(Limits.peerStreamTimeoutMilliseconds))
    /// Peers before 2.1 had other streams.
    private static let oldestRelease = PeerRelease(major: 2, minor: 1)

    private enum State {
        case waiting(Scheduled<Void>)
        case dialling(any HTTPClientStream)
        case refused(any HTTPClientStream, status: Int, text: ByteBuffer)
        case reading(any HTTPClientStream, PeerStreamDecoder)
        case stopped
    }

    private let kind: PeerStreamKind
    private let context: PeerContext
    private let urls: PeerURLs
    private var state = State.stopped
    private var url = ""
    private var dialledAt = NIODeadline.uptimeNanoseconds(0)
    private var receivedAt = NIODeadline.uptimeNanoseconds(0)

    init(kind: PeerStreamKind, context: PeerContext, urls: PeerURLs) {
        self.kind = kind
        self.context = context
        self.urls = urls
    }

    func start() { dial() }

    func stop() {
        let old = state
        state = .stopped
        switch old {
        case .waiting(let timer): timer.cancel()
        case .dialling(let stream), .refused(let stream, _, _): stream.cancel()
        case .reading(let stream, _):
            stream.cancel()
            context.activity.streamEnded(nil)
        case .stopped: break
        }
    }

    private func dial() {
        dialledAt = .now()
        url = urls.current
        var headers = context.identity.requestHeaders()
        headers.add(name: PeerHeader.to, value: context.peer.description)
        let request = HTTPClientRequest(
            origin: url,
            target: "/raft/stream/\(kind.rawValue)/\(context.identity.localID)",
            headers: headers)
        state = .dialling(
            context.client.openStream(
                request, on: context.loop, connectTimeout: Self.timeout, delegate: self))
    }

    // MARK: What the stream tells

    func started(status: Int, headers: HTTPHeaders) {
        guard case .dialling(let stream) = state else { return }
        guard status == 200 else {
            state = .refused(stream, status: status, text: ByteBuffer())
            // It has told its verdict; its body may take no longer than the verdict took.
            watch(stream)
            return
        }
        let release = PeerIdentity.release(headers, PeerHeader.version)
        guard let release, release >= Self.oldestRelease else {
            stream.cancel()
            retry("unsupported version of remote peer")
            return
        }
        state = .reading(
            stream,
            PeerStreamDecoder(kind, local: context.identity.localID, remote: context.peer))
        watch(stream)
        context.activity.streamStarted(at: context.clock.monotonic())
        context.logger.info(
            "established TCP streaming connection with remote peer",
            metadata: [
                "stream-reader-type": "\(kind.title)",
                "local-member-id": "\(context.identity.localID)",
                "remote-peer-id": "\(context.peer)",
            ])
    }

    func received(_ part: ByteBuffer) {
        switch state {
        case .refused(let stream, let status, var text):
            if text.readableBytes + part.readableBytes > Self.refusalBytesMax { return }
            text.writeImmutableBuffer(part)
            state = .refused(stream, status: status, text: text)
        case .reading(let stream, let decoder):
            receivedAt = .now()
            context.counters.received(bytes: part.readableBytes)
            var messages: [Message] = []
            do throws(PeerCodecError) {
                try decoder.feed(part, into: &messages)
            } catch {
                context.deliver(messages)
                lost(stream, "\(error)")
                return
            }
            context.deliver(messages)
        case .waiting, .dialling, .stopped: break
        }
    }

    func ended(_ error: HTTPClientError?) {
        switch state {
        case .dialling: retry(error?.description ?? "no response")
        case .refused(_, let status, let text):
            refused(status, String(buffer: text).trimmingLineEnd())
        case .reading(let stream, _): lost(stream, error?.description ?? "EOF")
        case .waiting, .stopped: break
        }
    }

    // MARK: What follows

    /// Gives the stream up when nothing came for too long; link heartbeats come otherwise.
    private func watch(_ stream: any HTTPClientStream) {
        receivedAt = .now()
        watch(stream, in: Self.timeout)
    }

    private func watch(_ stream: any HTTPClientStream, in time: TimeAmount) {
        let bound = NIOLoopBound((self, stream), eventLoop: context.loop)
        context.loop.scheduleTask(in: time) {
            let (reader, stream) = bound.value
            reader.checkTimeout(of: stream)
        }
    }

    private func checkTimeout(of watched: any HTTPClientStream) {
        switch state {
        case .reading(let stream, _) where stream === watched:
            let left = receivedAt + Self.timeout - .now()
            if left > .nanoseconds(0) {
                watch(stream, in: left)
            } else {
                lost(stream, "i/o timeout")
            }
        case .refused(let stream, let status, let text) where stream === watched:
            stream.cancel()
            refused(status, String(buffer: text).trimmingLineEnd())
        default: break
        }
    }

    private func lost(_ stream: any HTTPClientStream, _ reason: String) {
        stream.cancel()
        context.counters.receiveFailed()
        context.activity.streamEnded(reason)
        context.logger.warning(
            "lost TCP streaming connection with remote peer",
            metadata: [
                "stream-reader-type": "\(kind.title)",
                "local-member-id": "\(context.identity.localID)",
                "remote-peer-id": "\(context.peer)", "error": "\(reason)",
            ])
        redial()
    }

    private func refused(_ status: Int, _ text: String) {
        switch status {
        case 410:
            state = .stopped
            context.localMemberRemoved()
        case 404: retry("remote peer \(context.peer) failed to find local member")
        default: retry("unhandled status \(status) on \(url): \(text)")
        }
    }

    private func retry(_ reason: String) {
        urls.failed(url)
        context.activity.failed(reason)
        redial()
    }

    private func redial() {
        let pause = TimeAmount.milliseconds(Int64(Limits.peerRedialMilliseconds))
        let bound = NIOLoopBound(self, eventLoop: context.loop)
        // Even when the pause is over: not from within a callback of the stream.
        state = .waiting(
            context.loop.scheduleTask(deadline: dialledAt + pause) {
                guard case .waiting = bound.value.state else { return }
                bound.value.dial()
            })
    }
}

/// Either of the two encodings. A reference, so that feeding does not copy what has arrived.
private final class PeerStreamDecoder {
    private let kind: PeerStreamKind
    private var messages = MessageDecoder()
    private var appends: AppendDecoder

    init(_ kind: PeerStreamKind, local: MemberID, remote: MemberID) {
        self.kind = kind
        appends = AppendDecoder(local: local, remote: remote)
    }

    func feed(_ chunk: ByteBuffer, into output: inout [Message]) throws(PeerCodecError) {
        switch kind {
        case .message: try messages.feed(chunk, into: &output)
        case .append: try appends.feed(chunk, into: &output)
        }
    }
}

extension String {
    /// Without the line feed that ends etcd's refusals.
    func trimmingLineEnd() -> String { hasSuffix("\n") ? String(dropLast()) : self }
}
