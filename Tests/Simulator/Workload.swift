//  Clients: one operation at a time each, at a member of their choice, with every answer noted.

import EtcdProto
import EtcdServer
import EtcdV2Store
import RuntimeCore
import Synchronization

/// A client's inbox.
final class SimulatedEdge: EdgePort {
    let number: Int
    private let arrived = Mutex<[EdgeReply]>([])

    init(number: Int) { self.number = number }

    func deliver(_ replies: [EdgeReply]) { arrived.withLock { $0 += replies } }

    func take() -> [EdgeReply] {
        arrived.withLock { arrived in
            let taken = arrived
            arrived = []
            return taken
        }
    }
}

/// A register client and, when the plan says so, a watcher of keys with a TTL.
struct SimulatedClient {
    struct Pending {
        let token: UInt64
        let member: Int
        let process: Int
        let request: RequestID?
        let deadline: UInt64
        let key: Int
        let operation: Int
    }

    struct Expectation {
        let token: UInt64
        /// When the TTL was asked for, and for how long. Nanoseconds of the run's time.
        let start: UInt64
        let duration: UInt64
        let key: Bytes
    }

    let number: Int
    let edge: SimulatedEdge
    var random: RandomSource
    var nextToken: UInt64 = 0
    var pending: Pending?
    var lastSeen: [Int: String] = [:]
    var expectations: [Expectation] = []

    init(number: Int, random: RandomSource) {
        self.number = number
        edge = SimulatedEdge(number: number)
        self.random = random
    }

    mutating func token() -> UInt64 {
        nextToken += 1
        return nextToken
    }
}

struct Workload {
    private static let timeout: UInt64 = 7_000_000_000

    let plan: SimulationPlan
    var clients: [SimulatedClient]
    /// Per key.
    var histories: [[RegisterOperation]]
    private(set) var expiriesSeen = 0
    private(set) var answered = 0
    /// How far one member's wall clock may be from another's. Nanoseconds.
    var skew: UInt64

    init(plan: SimulationPlan, random: inout RandomSource) {
        self.plan = plan
        clients = (0..<plan.clientCount).map {
            SimulatedClient(number: $0, random: random.split())
        }
        histories = Array(repeating: [], count: plan.keyCount)
        skew = UInt64(plan.clockSkewMilliseconds) * 2_000_000
    }

    var hasPending: Bool { clients.contains { $0.pending != nil } }

    // MARK: issuing

    /// Starts the next operation of a client at some running member.
    mutating func issue(_ number: Int, in cluster: SimulatedCluster, onlyReads: Bool = false) {
        guard clients[number].pending == nil else { return }
        let running = cluster.running
        guard !running.isEmpty else { return }
        let member = running[clients[number].random.below(running.count)]
        if !onlyReads, plan.usesTTL, clients[number].random.oneIn(8) {
            expectExpiry(number, at: member, cluster)
            return
        }
        let key = clients[number].random.below(plan.keyCount)
        let action = onlyReads ? .read : draw(number, key: key)
        start(action, key: key, client: number, at: member, cluster)
    }

    private mutating func draw(_ number: Int, key: Int) -> RegisterOperation.Action {
        let fresh = "c\(number)-\(histories[key].count)"
        switch clients[number].random.below(4) {
        case 0: return .set(fresh)
        case 1:
            guard let seen = clients[number].lastSeen[key] else { return .set(fresh) }
            return .swap(expected: seen, new: fresh)
        default: return .read
        }
    }

    private mutating func start(
        _ action: RegisterOperation.Action, key: Int, client number: Int,
        at member: SimulatedMember, _ cluster: SimulatedCluster
    ) {
        let process = member.process!
        let now = cluster.time.now
        let token = clients[number].token()
        let address = ReplyAddress(edge: clients[number].edge, token: token)
        histories[key].append(
            RegisterOperation(client: number, action: action, invokedAt: now))
        let operation = histories[key].count - 1
        let outcome: Result<RequestID, ServerError>
        switch action {
        case .read where plan.mutation == .readsWithoutBarrier:
            finishRead(key: key, operation: operation, process, number, now)
            return
        case .read:
            outcome = process.handler.linearizableBarrier(address: address)
        case .set(let value):
            outcome = process.handler.proposeV2(
                V2Request(method: .put, path: path(key), value: Bytes(value)), address: address)
        case .swap(let expected, let new):
            outcome = process.handler.proposeV2(
                V2Request(
                    method: .put, path: path(key), value: Bytes(new),
                    previousValue: Bytes(expected)),
                address: address)
        }
        guard case .success(let request) = outcome else {
            // Refused before anything happened: it never took place.
            histories[key].removeLast()
            return
        }
        clients[number].pending = SimulatedClient.Pending(
            token: token, member: member.number, process: process.incarnation,
            request: request, deadline: now + Workload.timeout, key: key, operation: operation)
    }

    private func path(_ key: Int) -> Bytes { Bytes("/1/k\(key)") }

    /// Puts a key that lives for a while and watches it at the same member.
    private mutating func expectExpiry(
        _ number: Int, at member: SimulatedMember, _ cluster: SimulatedCluster
    ) {
        let process = member.process!
        let seconds = 1 + UInt64(clients[number].random.below(3))
        let token = clients[number].token()
        let key = Bytes("/1/ttl-\(number)-\(token)")
        let address = ReplyAddress(edge: clients[number].edge, token: token)
        guard
            case .success = process.keyspace.watch(
                key, recursive: false, stream: true, since: 0, address: address)
        else { return }
        let wall = member.clock.now().wall
        let request = V2Request(
            method: .put, path: key, value: Bytes("x"),
            expiration: wall.advanced(bySeconds: Int64(seconds)).unixNanoseconds)
        let unheard = ReplyAddress(edge: clients[number].edge, token: 0)
        guard case .success = process.handler.proposeV2(request, address: unheard) else { return }
        clients[number].expectations.append(
            SimulatedClient.Expectation(
                token: token, start: cluster.time.now, duration: seconds * 1_000_000_000,
                key: key))
    }

    // MARK: answers

    /// Takes what has arrived and ends what has waited too long.
    mutating func collect(from cluster: SimulatedCluster) throws {
        let now = cluster.time.now
        for number in clients.indices {
            for reply in clients[number].edge.take() {
                try take(reply, client: number, cluster)
            }
            guard let pending = clients[number].pending else { continue }
            let current = cluster.members[pending.member].process
            let isGone = current.map { $0.incarnation != pending.process } ?? true
            if isGone || pending.deadline <= now {
                if !isGone, let request = pending.request { current?.handler.forget(request) }
                clients[number].pending = nil
            }
        }
    }

    private mutating func take(
        _ reply: EdgeReply, client number: Int, _ cluster: SimulatedCluster
    ) throws {
        if case .v2Watch(let event) = reply.reply {
            try checkExpiry(event, token: reply.token, client: number, cluster)
            return
        }
        guard let pending = clients[number].pending, pending.token == reply.token else { return }
        let now = cluster.time.now
        switch reply.reply {
        case .v2(.success(let event), _, _):
            finish(pending, .done, number, now)
            if let value = event.node.value { clients[number].lastSeen[pending.key] = value.text }
        case .v2(.failure(let error), _, _):
            // Both mean that the register did not hold what was expected.
            precondition(error.code == .compareFailed || error.code == .keyNotFound)
            finish(pending, .mismatch, number, now)
        case .barrier:
            guard let process = cluster.members[pending.member].process,
                process.incarnation == pending.process
            else { return }
            finishRead(
                key: pending.key, operation: pending.operation, process, number, now)
        case .failed:
            // May have been proposed before it failed.
            clients[number].pending = nil
        default: break
        }
    }

    private mutating func finish(
        _ pending: SimulatedClient.Pending, _ outcome: RegisterOperation.Outcome, _ number: Int,
        _ now: UInt64
    ) {
        histories[pending.key][pending.operation].outcome = outcome
        histories[pending.key][pending.operation].returnedAt = now
        clients[number].pending = nil
        answered += 1
    }

    private mutating func finishRead(
        key: Int, operation: Int, _ process: SimulatedMember.Process, _ number: Int, _ now: UInt64
    ) {
        let found = process.handler.getV2(path(key), recursive: false, sorted: false)
        let value = (try? found.get())?.node.value?.text
        histories[key][operation].outcome = .value(value)
        histories[key][operation].returnedAt = now
        if let value { clients[number].lastSeen[key] = value }
        clients[number].pending = nil
        answered += 1
    }

    private mutating func checkExpiry(
        _ event: V2Event, token: UInt64, client number: Int, _ cluster: SimulatedCluster
    ) throws {
        guard event.action == .expire,
            let index = clients[number].expectations.firstIndex(where: { $0.token == token })
        else { return }
        let expected = clients[number].expectations.remove(at: index)
        expiriesSeen += 1
        if plan.clockJumps { return }
        let earliest = expected.start + expected.duration - min(skew, expected.duration)
        if cluster.time.now < earliest {
            throw Violation(
                description: "\(expected.key.text) expired "
                    + "\((earliest - cluster.time.now) / 1_000_000) ms early")
        }
    }

    func checkLinearizable() throws {
        for (key, history) in histories.enumerated() {
            if let violation = Linearizability.violation(in: history) {
                throw Violation(description: "key \(key) is not linearizable: \(violation)")
            }
        }
    }
}
