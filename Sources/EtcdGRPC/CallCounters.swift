//  Counters of one method (spec operations 1.5), in the names of the library that etcd uses.

import EtcdServer

/// Started, sent, received and, per code, ended calls of one method. Callable from any thread.
package final class CallCounters: Sendable {
    private let started = Counter()
    private let sent = Counter()
    private let received = Counter()
    private let handled = GRPCStatus.Code.allCases.map { _ in Counter() }

    func callStarted() { started.add() }
    func messageSent() { sent.add() }
    func messageReceived() { received.add() }
    func callEnded(_ code: GRPCStatus.Code) { handled[code.rawValue].add() }

    package var startedCalls: UInt64 { started.total }
    package var sentMessages: UInt64 { sent.total }
    package var receivedMessages: UInt64 { received.total }
    package func endedCalls(_ code: GRPCStatus.Code) -> UInt64 { handled[code.rawValue].total }
}
