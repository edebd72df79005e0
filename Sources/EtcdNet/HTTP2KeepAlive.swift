//  Pings on an HTTP/2 connection: a client must not send too many, and one that has been silent for
//  long is asked whether it is still there (spec grpc-v3 4).

import NIOCore

/// How a listener treats its HTTP/2 connections. Times in milliseconds.
package struct HTTP2Settings: Sendable {
    /// Requests that one client may have open.
    package var concurrentStreams = HTTP2Limits.concurrentStreams
    /// Bytes that may be held of one client's unfinished requests.
    package var collectedBytesMax = HTTP2Limits.collectedBytesMax
    /// The shortest time between a client's pings while it has a request open.
    package var clientPingMilliseconds: UInt64 = 5_000
    /// Silence after which the client is pinged; 0 for never.
    package var pingMilliseconds: UInt64 = 2 * 3_600_000
    /// Silence after that ping at which the connection is cut.
    package var pingTimeoutMilliseconds: UInt64 = 20_000

    package init() {}
}

/// Counts the pings of one client that come too soon. The rules are those of gRPC for Go.
struct ClientPings {
    /// More than so many lead to the end of the connection.
    static let strikesMax = 2
    /// The shortest time between pings while no request is open.
    static let idleMilliseconds: Int64 = 2 * 3_600_000

    private let shortest: TimeAmount
    private var last: NIODeadline?
    private var strikes = 0
    private var isForgiven = false

    init(shortestMilliseconds: UInt64) {
        shortest = .milliseconds(Int64(clamping: shortestMilliseconds))
    }

    /// Something was sent, which makes up for earlier pings and the next one.
    mutating func answerSent() { isForgiven = true }

    /// Counts a ping. False when it is one too many.
    mutating func isWelcome(now: NIODeadline, hasStreams: Bool) -> Bool {
        defer { last = now }
        if isForgiven {
            isForgiven = false
            strikes = 0
            return true
        }
        let distance = hasStreams ? shortest : .milliseconds(ClientPings.idleMilliseconds)
        if let last, last + distance > now { strikes += 1 }
        return strikes <= ClientPings.strikesMax
    }
}

/// Decides when a silent client is pinged, and when it is given up.
struct ServerPings {
    enum Step: Equatable {
        case wait(TimeAmount)
        case ping(thenWait: TimeAmount)
        case giveUp
    }

    private let interval: TimeAmount
    private let timeout: TimeAmount
    private var lastHeard: NIODeadline
    private var pingSent: NIODeadline?

    init(_ settings: HTTP2Settings, now: NIODeadline) {
        interval = .milliseconds(Int64(clamping: settings.pingMilliseconds))
        timeout = .milliseconds(Int64(clamping: settings.pingTimeoutMilliseconds))
        lastHeard = now
    }

    mutating func heard(now: NIODeadline) { lastHeard = now }

    /// What is to be done now; to be asked again after the time that it returns.
    mutating func next(now: NIODeadline) -> Step {
        if let sent = pingSent, lastHeard < sent {
            let end = sent + timeout
            return end <= now ? .giveUp : .wait(end - now)
        }
        pingSent = nil
        let due = lastHeard + interval
        if due > now { return .wait(due - now) }
        pingSent = now
        return .ping(thenWait: timeout)
    }
}
