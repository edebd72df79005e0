//  Counters of one method (spec operations 1.5), in the names of the library that etcd uses.

import EtcdServer
import NIOCore

/// Started, sent, received and, per code, ended calls of one method. Callable from any thread.
package final class CallCounters: Sendable {
    private let started = Counter()
    private let sent = Counter()
    private let received = Counter()
    private let unreadable = Counter()
    private let unsent = Counter()
    private let handled = GRPCStatus.Code.allCases.map { _ in Counter() }
    /// How long calls take; `nil` when nobody wants to know.
    let durations: Histogram?

    /// The library's bounds, in seconds.
    private static let bounds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

    init(measuresDurations: Bool) {
        durations = measuresDurations ? Histogram(bounds: CallCounters.bounds) : nil
    }

    /// When a call starts that will be measured.
    func callStarted() -> NIODeadline? {
        started.add()
        return durations == nil ? nil : .now()
    }

    func messageSent() { sent.add() }
    func messageReceived() { received.add() }
    /// A message of a stream could not be read, which ends the stream.
    func messageUnreadable() { unreadable.add() }
    /// A message of a stream could not be sent, which ends the stream.
    func messageUnsent() { unsent.add() }

    func callEnded(_ code: GRPCStatus.Code, startedAt start: NIODeadline?) {
        handled[code.rawValue].add()
        guard let durations, let start else { return }
        durations.observe(nanoseconds: UInt64(max(0, (NIODeadline.now() - start).nanoseconds)))
    }

    package var startedCalls: UInt64 { started.total }
    package var sentMessages: UInt64 { sent.total }
    package var unreadableMessages: UInt64 { unreadable.total }
    package var unsentMessages: UInt64 { unsent.total }
    package var receivedMessages: UInt64 { received.total }
    package func endedCalls(_ code: GRPCStatus.Code) -> UInt64 { handled[code.rawValue].total }
}
