//  How many requests a second one user, or everybody together under one prefix of keys, may make of
//  this member. Off by default; etcd has nothing like it.

package import RuntimeCore
import Synchronization

/// Token buckets that hold one second's worth. Safe to use from any thread.
package final class RequestLimits: Sendable {
    package struct PrefixLimit: Sendable, Hashable {
        package let prefix: Bytes
        package let perSecond: UInt64

        package init(prefix: Bytes, perSecond: UInt64) {
            self.prefix = prefix
            self.perSecond = perSecond
        }
    }

    private struct Allowance {
        /// Billionths of a request, so that a nanosecond at any rate is a whole number.
        var left: UInt64
        var since: Instant
    }

    private struct State {
        var users: [String: Allowance] = [:]
        var lastSweep: Instant
        var prefixes: [Allowance]
    }

    private static let one: UInt64 = 1_000_000_000
    /// Users known at a time. Those who have not asked for a second may be forgotten: they have all
    /// they can have. Whoever finds no place shares one with others like that.
    private static let usersMax = 10_000
    private static let others = ""

    private let perUser: UInt64
    private let prefixes: [PrefixLimit]
    private let state: Mutex<State>

    /// - Parameters:
    ///   - perUser: requests a second; 0 for no limit.
    ///   - prefixes: each with a limit above 0.
    package init(perUser: UInt64, prefixes: [PrefixLimit], now: Instant) {
        self.perUser = perUser
        self.prefixes = prefixes
        state = Mutex(
            State(
                lastSweep: now,
                prefixes: prefixes.map {
                    Allowance(left: $0.perSecond * RequestLimits.one, since: now)
                }))
    }

    /// Whether one more request may pass, which is counted then.
    ///
    /// - Parameters:
    ///   - user: who asks, or where from when nobody knows.
    ///   - keys: what the request names; it counts once for each prefix that one of them touches.
    package func admits(user: String, keys: [NamedKeys], now: Instant) -> Bool {
        state.withLock { state in
            // Nothing is taken unless all allow it.
            var touched: [Int] = []
            for (position, limit) in prefixes.enumerated()
            where keys.contains(where: { $0.touches(limit.prefix) }) {
                refill(&state.prefixes[position], limit.perSecond, now)
                guard state.prefixes[position].left >= RequestLimits.one else { return false }
                touched.append(position)
            }
            guard perUser == 0 || takeOne(from: place(of: user, &state, now), &state, now) else {
                return false
            }
            for position in touched { state.prefixes[position].left -= RequestLimits.one }
            return true
        }
    }

    private func place(of user: String, _ state: inout State, _ now: Instant) -> String {
        if state.users[user] != nil || state.users.count < RequestLimits.usersMax { return user }
        if now.nanoseconds(since: state.lastSweep) >= RequestLimits.one {
            state.lastSweep = now
            state.users = state.users.filter {
                now.nanoseconds(since: $0.value.since) < RequestLimits.one
            }
        }
        return state.users.count < RequestLimits.usersMax ? user : RequestLimits.others
    }

    private func takeOne(from user: String, _ state: inout State, _ now: Instant) -> Bool {
        var own =
            state.users[user] ?? Allowance(left: perUser * RequestLimits.one, since: now)
        refill(&own, perUser, now)
        let isAdmitted = own.left >= RequestLimits.one
        if isAdmitted { own.left -= RequestLimits.one }
        state.users[user] = own
        return isAdmitted
    }

    private func refill(_ allowance: inout Allowance, _ perSecond: UInt64, _ now: Instant) {
        let most = perSecond * RequestLimits.one
        let passed = now.nanoseconds(since: allowance.since)
        let (gained, overflow) = passed.multipliedReportingOverflow(by: perSecond)
        allowance.left =
            overflow || gained >= most - allowance.left ? most : allowance.left + gained
        allowance.since = now
    }
}

extension NamedKeys {
    /// Whether the keys and those with `prefix` have any in common.
    func touches(_ prefix: Bytes) -> Bool {
        if rangeEnd.isEmpty { return key.prefix(prefix.count) == prefix }
        let isToTheEnd = rangeEnd.count == 1 && rangeEnd[0] == 0
        let endsBehindStart = isToTheEnd || rangeEnd > prefix
        // Every key from `key` on may have the prefix unless `key` is behind all that do.
        return endsBehindStart && (key < prefix || key.prefix(prefix.count) == prefix)
    }
}

extension String {
    /// Of `ip:port`; a path stays as it is.
    package var withoutPort: String {
        guard !hasPrefix("/"), let colon = lastIndex(of: ":") else { return self }
        return String(self[..<colon])
    }
}
