//  The contract of the single-threaded owners and of the ways to reach them.

/// One single-threaded owner. Sees only inputs, writes only outputs, runs to completion.
///
/// `run` is called with what waits in the owner's mailbox, or with nothing when `wakeAt` has
/// passed. It never blocks on another role. Production calls it on one thread at a time, not
/// always the same; simulation calls it from its scheduler with prefixes of the backlog.
package protocol Role: SendableMetatype, ~Copyable {
    associatedtype Input: Sendable
    associatedtype Output: Sendable

    /// When the role wants to run even if nothing arrives; `nil` for never.
    var wakeAt: Instant? { get }

    mutating func run(_ inputs: [Input], now: Moment, outputs: inout [Output])
}

/// Where to post an input for an owner. Callable from any thread; never blocks.
package protocol Port<Message>: Sendable {
    associatedtype Message: Sendable

    /// False when the queue is at its bound: the message was not taken and the sender must say so
    /// to whoever waits.
    func post(_ message: Message) -> Bool
}

/// Runs work that may block, away from every role and event loop.
package protocol BackgroundPool: Sendable {
    func submit(_ work: @escaping @Sendable () -> Void)
}
