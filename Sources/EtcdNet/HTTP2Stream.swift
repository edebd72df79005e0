//  What all streams of an HTTP/2 connection have in common: their place in it, and the questions
//  that the library asks them.

package import NIOCore

/// One request and its answer. Confined to the event loop of its connection; the session holds it
/// until the stream closes. Its subclasses are `HTTP2Exchange` and `RemoteCallStream`.
package class HTTP2Stream {
    let id: Int32
    let loop: ListenerLoop
    /// `nil` once the stream is closed.
    private(set) var session: HTTP2Session?
    // Neighbours in the session's list of open streams.
    var next: HTTP2Stream?
    unowned(unsafe) var previous: HTTP2Stream?

    final var requestHasEnded = false
    /// The frame that is arriving is the last one of the request.
    final var requestIsEnding = false
    /// The stream is being reset: nothing more of the request is wanted.
    final var isRefused = false
    /// What is missing of the length that the request stated; `nil` when it stated none.
    final var bytesOwed: Int?
    /// Bytes held of the request, as counted against the connection's bound.
    private(set) final var collectedBytes = 0
    /// The library has asked for more of the answer's body, and there was none.
    final var isWaitingForOutput = false

    init(id: Int32, session: HTTP2Session) {
        self.id = id
        self.session = session
        loop = session.loop
    }

    package final var eventLoop: any EventLoop { loop.eventLoop }

    enum Supply {
        /// So many bytes were written; `isLast` when the body ends with them.
        case bytes(Int, isLast: Bool)
        case nothingYet
    }

    // MARK: the library's questions

    /// Moves what is there of the answer's body into `frame`.
    func supply(_ frame: UnsafeMutableRawBufferPointer) -> Supply { .nothingYet }

    /// Queues the fields behind the body; false when there are none.
    func submitTrailers(_ session: HTTP2Session) -> Bool { false }

    /// A part of the request's body. Whoever takes it returns its room to the client's window
    /// (`HTTP2Session.consume`).
    func received(_ bytes: UnsafeRawBufferPointer) {}

    /// The request is whole.
    func requestEnded() {}

    /// The client has taken enough for the answer to go on.
    func clientTookEnough() {}

    /// The stream or its connection is gone.
    func closed() {}

    /// Bytes whose room has not been returned to the client, and that nobody will take any more.
    var abandonedBytes: Int { 0 }

    // MARK: the session's steps

    /// Counts a part of the body. False when it makes the body longer than stated.
    final func accepts(_ count: Int) -> Bool {
        guard let bytesOwed else { return true }
        self.bytesOwed = bytesOwed - count
        return count <= bytesOwed
    }

    /// Counts what is held of the request from now on. False when that is more than before, and
    /// more than the connection may hold.
    final func mayHold(_ count: Int) -> Bool {
        let growth = count - collectedBytes
        guard growth != 0, let session else { return true }
        collectedBytes = count
        session.collectedBytes += growth
        return growth < 0 || session.collectedBytes <= session.collectedBytesMax
    }

    /// Nothing of the request is held any more.
    final func letGo() { _ = mayHold(0) }

    final func endRequest() {
        guard !requestHasEnded else { return }
        requestHasEnded = true
        requestEnded()
    }

    final func close() {
        guard session != nil else { return }
        letGo()
        session = nil
        closed()
    }

    /// The body goes on, or ends: the library is asked to ask again.
    final func outputChanged() {
        guard let session else { return }
        if isWaitingForOutput {
            isWaitingForOutput = false
            session.resume(self)
        }
        session.flushSoon()
    }
}
