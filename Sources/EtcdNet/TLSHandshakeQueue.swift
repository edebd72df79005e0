//  The handshakes in progress on one event loop of a listener, and how many there may be: whoever
//  only opens connections must not keep others out.

import DequeModule
import RuntimeCore

/// Confined to its event loop.
final class TLSHandshakeQueue {
    /// Oldest first; those that have ended are taken out when they come to the front.
    private var handshakes: Deque<TLSHandshake> = []
    private var inProgress = 0

    /// Counts one more; the oldest has to make room when there are too many.
    func begin(_ handshake: TLSHandshake) {
        handshakes.append(handshake)
        inProgress += 1
        while let first = handshakes.first, first.hasEnded { handshakes.removeFirst() }
        if inProgress > Limits.tlsHandshakesMax, let oldest = handshakes.first { oldest.giveUp() }
    }

    /// Called once for each, when it has ended.
    func end() { inProgress -= 1 }
}
