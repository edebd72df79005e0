//  The handshakes in progress on one event loop of a listener, how many there may be, and how long:
//  whoever only opens connections must not keep others out.

import DequeModule
import NIOCore
import RuntimeCore

/// Confined to its event loop.
final class TLSHandshakeQueue {
    private static let limit = TimeAmount.milliseconds(Int64(Limits.tlsHandshakeMilliseconds))

    private let eventLoop: any EventLoop
    /// Oldest first; those that have ended are taken out when they come to the front.
    private var handshakes: Deque<(handshake: TLSHandshake, deadline: NIODeadline)> = []
    private var inProgress = 0
    /// Set for the oldest there was at the time: a timer for each would cost more than the rest of
    /// its keeping.
    private var hasTimer = false

    init(eventLoop: any EventLoop) { self.eventLoop = eventLoop }

    /// Counts one more; the oldest has to make room when there are too many.
    func begin(_ handshake: TLSHandshake) {
        handshakes.append((handshake, eventLoop.now + Self.limit))
        inProgress += 1
        removeEnded()
        setTimer()
        if inProgress > Limits.tlsHandshakesMax, let oldest = handshakes.first {
            oldest.handshake.giveUp()
        }
    }

    /// Called once for each, when it has ended.
    func end() { inProgress -= 1 }

    private func removeEnded() {
        while let first = handshakes.first, first.handshake.hasEnded { handshakes.removeFirst() }
    }

    private func setTimer() {
        guard !hasTimer, let first = handshakes.first else { return }
        hasTimer = true
        eventLoop.assumeIsolated().scheduleTask(deadline: first.deadline) { [weak self] in
            self?.timedOut()
        }
    }

    private func timedOut() {
        hasTimer = false
        removeEnded()
        while let first = handshakes.first, first.deadline <= eventLoop.now {
            first.handshake.timeOut()
            removeEnded()
        }
        setTimer()
    }
}
