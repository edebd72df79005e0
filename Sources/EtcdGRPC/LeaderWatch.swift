//  Ends the calls of clients that insist on a leader once this member has lost its own (spec
//  grpc-v3 3): reconnecting to another member costs more than waiting a little.

import EtcdEdge
import EtcdServer
import Raft

/// What stands before every call needs to know of the member.
package protocol MemberFacts: Sendable {
    var knowsLeader: Bool { get }
    var isLearner: Bool { get }
    var electionMilliseconds: UInt64 { get }
    /// Whether this member may yet learn of a token that it does not know.
    func awaits(token: String) -> Bool
}

extension RequestHandler: MemberFacts {
    package var knowsLeader: Bool { status.leader != .none }
    package var electionMilliseconds: UInt64 { settings.electionMilliseconds }
}

/// A call that can be ended from outside.
protocol InterruptibleCall: AnyObject {
    func interrupt(_ status: GRPCStatus)
}

/// The streaming calls of one event loop that end with the loss of the leader. Confined to it.
final class LeaderWatch: EdgeWaiter {
    /// Checks without a leader after which the calls end, one per election timeout.
    static let missesMax = 3

    private let facts: any MemberFacts
    private let edge: HTTPEdge
    private var calls: [ObjectIdentifier: any InterruptibleCall] = [:]
    private var misses = 0
    private var isWaiting = false

    init(facts: any MemberFacts, edge: HTTPEdge) {
        self.facts = facts
        self.edge = edge
    }

    func add(_ call: any InterruptibleCall) {
        calls[ObjectIdentifier(call)] = call
        wait()
    }

    func remove(_ call: any InterruptibleCall) { calls[ObjectIdentifier(call)] = nil }

    private func wait() {
        guard !isWaiting else { return }
        isWaiting = true
        _ = edge.register(self, timeoutMilliseconds: facts.electionMilliseconds)
    }

    func receive(_ reply: Reply, token: UInt64) {}

    func timedOut(token: UInt64) {
        isWaiting = false
        check()
        // Nobody looks while there are no calls: what was missed before them does not count.
        if calls.isEmpty { misses = 0 } else { wait() }
    }

    /// Counts one check.
    func check() {
        misses = facts.knowsLeader ? 0 : misses + 1
        guard misses >= LeaderWatch.missesMax else { return }
        misses = 0
        let lost = calls
        calls = [:]
        for call in lost.values { call.interrupt(.noLeader) }
    }
}
