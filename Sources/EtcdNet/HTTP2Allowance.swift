//  What one client may cost beyond the work that its requests are worth: requests taken back, and
//  heads that unfold from a few bytes to a megabyte. Who uses too much of it is read from more
//  slowly, so that the others on the same event loop are served in time.

import NIOCore

/// A store that fills up again with time. A value; whoever holds it says what time it is.
struct HTTP2Allowance {
    /// What may be used at once.
    private let burst: Int
    private let perSecond: Int
    /// Used and not yet made up for, as of `since`.
    private var used = 0
    /// Nobody waits longer than this.
    private static let debtSeconds = 60
    private var since: NIODeadline?

    init(burst: Int, perSecond: Int) {
        self.burst = burst
        self.perSecond = perSecond
    }

    /// Costs nothing to ask. Time may have refilled what is exhausted: ask for `wait`.
    var isExhausted: Bool { used > burst }

    mutating func use(_ amount: Int, now: @autoclosure () -> NIODeadline) {
        if used == 0 { since = now() }
        used = min(used + amount, burst + perSecond * HTTP2Allowance.debtSeconds)
        if isExhausted { refill(now()) }
    }

    /// How long until there is something again; `nil` when there is.
    mutating func wait(now: NIODeadline) -> TimeAmount? {
        refill(now)
        guard isExhausted else { return nil }
        return .nanoseconds(Int64(used - burst) * 1_000_000_000 / Int64(perSecond) + 1)
    }

    private mutating func refill(_ now: NIODeadline) {
        guard let since, now > since else { return }
        let seconds = Double((now - since).nanoseconds) / 1_000_000_000
        let refilled = Int(min(seconds * Double(perSecond), Double(used)))
        used -= refilled
        // What is lost in rounding counts the next time.
        self.since = since + .nanoseconds(Int64(refilled) * 1_000_000_000 / Int64(perSecond))
    }
}

/// How much of a block of fields is looked at. Blocks of usual size are free.
struct HTTP2FieldAllowance {
    /// Of one block.
    static let freeBytes = 16 << 10
    /// One block of the largest size.
    private static let burst = HTTP2Limits.headerListBytes
    private static let perSecond = 256 << 10

    private(set) var excess = HTTP2Allowance(burst: burst, perSecond: perSecond)
    private var blockBytes = 0

    mutating func beginBlock() { blockBytes = 0 }

    /// Counts a field. False when it is not to be looked at: the block has become too large, or the
    /// client has sent too many large ones.
    mutating func admits(_ count: Int, now: @autoclosure () -> NIODeadline) -> Bool {
        // HPACK counts 32 bytes for each field beyond its text.
        blockBytes += count + 32
        if blockBytes <= HTTP2FieldAllowance.freeBytes { return true }
        // What is not looked at has to be unfolded, too: a block that goes on and on costs time.
        excess.use(count + 32, now: now())
        return blockBytes <= HTTP2Limits.headerListBytes && !excess.isExhausted
    }

    mutating func wait(now: NIODeadline) -> TimeAmount? { excess.wait(now: now) }
}
