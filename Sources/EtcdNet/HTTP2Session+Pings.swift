//  The pings of an HTTP/2 connection, both ways.

import CNGHTTP2
import NIOCore

extension HTTP2Session {
    /// The client has pinged. False when that was once too often: then it has been told to go.
    func pingReceived() -> Bool {
        if clientPings.isWelcome(now: .now(), hasStreams: hasStreams) { return true }
        let reason = Array("too_many_pings".utf8)
        nghttp2_submit_goaway(
            session, UInt8(NGHTTP2_FLAG_NONE.rawValue),
            nghttp2_session_get_last_proc_stream_id(session),
            NGHTTP2_ENHANCE_YOUR_CALM.rawValue, reason, reason.count)
        return false
    }

    /// Looks after the connection as long as it is open.
    func startPinging() {
        guard loop.settings.http2.pingMilliseconds > 0 else { return }
        checkOnClient()
    }

    private func checkOnClient() {
        guard context != nil else { return }
        switch serverPings.next(now: .now()) {
        case .giveUp: cut()
        case .wait(let time): checkOnClient(in: time)
        case .ping(let time):
            nghttp2_submit_ping(session, UInt8(NGHTTP2_FLAG_NONE.rawValue), nil)
            flushSoon()
            checkOnClient(in: time)
        }
    }

    private func checkOnClient(in time: TimeAmount) {
        // Cancelled with the connection. A weak reference would make every use of the session's
        // reference count slower.
        pingTimer = loop.eventLoop.assumeIsolated().scheduleTask(in: time) {
            self.checkOnClient()
        }
    }
}
