//  Clients of the v3 API: one request at a time each, at a member of their choice. Every answer is
//  held against the log, and against what was known when it was asked for. So many lines because
//  each kind of request stands beside the check of its answers.

import EtcdAuth
import EtcdMVCC
import EtcdProto
import EtcdServer
import Raft
import RuntimeCore

/// A client and what it remembers.
struct KVClient {
    enum Call {
        /// Goes through the log, which says what the answer must be.
        case write
        case range(RangeRequest)
        case readTxn(TxnRequest)
        /// Asked again once the leader knows that it led and has applied everything.
        case renewal(Int64)
        case hash(Int64)
        case defragment
    }

    struct Pending {
        let token: UInt64
        let member: Int
        let process: Int
        var request: RequestID?
        let deadline: UInt64
        let call: Call
        /// What some client had seen when this was asked: the answer must not be older.
        let floor: KVWorkload.Floor
        var register: Register?
    }

    struct Register {
        let key: Int
        let operation: Int
    }

    let number: Int
    /// Who it is when users and roles are in force; one of them does not exist at times.
    let user: String
    let edge: SimulatedEdge
    var random: RandomSource
    var nextToken: UInt64 = 0
    var nextValue = 0
    var pending: Pending?
    /// Newest state seen of each key.
    var seen: [Bytes: KeyValue] = [:]
    var leases: [Int64] = []

    init(number: Int, random: RandomSource) {
        self.number = number
        user = "u\(number % 3)"
        edge = SimulatedEdge(number: 100 + number)
        self.random = random
    }

    mutating func token() -> UInt64 {
        nextToken += 1
        return nextToken
    }

    /// A value that nobody else writes.
    mutating func value(_ plan: KVPlan) -> Bytes {
        nextValue += 1
        let name = Array("c\(number)-\(nextValue)".utf8)
        let padding = plan.valueBytesMax > name.count ? random.below(plan.valueBytesMax) : 0
        return Bytes(name + [UInt8](repeating: UInt8(ascii: "."), count: padding))
    }

    var seenValues: [KeyValue] { seen.keys.sorted().map { seen[$0]! } }
}

struct KVWorkload {
    /// What is known to have happened.
    struct Floor {
        var revision: Int64 = 1
        var index: LogIndex = 0
    }

    private static let timeout: UInt64 = 7_000_000_000

    let plan: SimulationPlan
    let requests: KVRequests
    private let administration: AuthRequests
    var clients: [KVClient]
    /// Per register.
    var histories: [[KVRegisterOperation]]
    /// Of every value of a register that some client has seen.
    private var revisions: [Bytes: Int64] = [:]
    /// What some client has seen of the whole by now.
    var floor = Floor()
    /// Newest revision that each start of a member has shown.
    private var shown: [Int: Int64] = [:]
    private(set) var answered = 0
    private(set) var digest: UInt64 = 0

    init(plan: SimulationPlan, random: inout RandomSource) {
        self.plan = plan
        requests = KVRequests(plan: plan)
        administration = AuthRequests(names: requests.names)
        clients = (0..<plan.kv.clients).map { KVClient(number: $0, random: random.split()) }
        histories = Array(repeating: [], count: plan.kv.registers)
    }

    var hasPending: Bool { clients.contains { $0.pending != nil } }

    // MARK: issuing

    /// Starts the next request of a client at some running member.
    mutating func issue(_ number: Int, in cluster: SimulatedCluster) throws {
        guard clients[number].pending == nil else { return }
        let running = cluster.running
        guard !running.isEmpty else { return }
        let member = running[clients[number].random.below(running.count)]
        if plan.kv.usesAuth, clients[number].random.oneIn(4) {
            return administrate(number, at: member, cluster)
        }
        switch clients[number].random.below(16) {
        case 0..<5: try useRegister(number, at: member, cluster)
        case 5..<7: putOther(number, at: member, cluster)
        case 7..<9: try read(number, at: member, cluster)
        case 9..<11 where plan.kv.transacts: try transact(number, at: member, cluster)
        case 11 where plan.kv.deletes:
            let request = requests.delete(&clients[number].random)
            let context = context(number)
            propose(number, at: member, cluster) { handler, address in
                handler.deleteRange(request, context: context, address: address)
            }
        case 12 where plan.kv.leases, 13 where plan.kv.leases:
            try useLease(number, at: member, cluster)
        case 14: try maintain(number, at: member, cluster)
        default: putOther(number, at: member, cluster)
        }
    }

    private mutating func putOther(
        _ number: Int, at member: SimulatedMember, _ cluster: SimulatedCluster
    ) {
        let value = clients[number].value(plan.kv)
        let request = requests.put(
            value, leases: clients[number].leases, &clients[number].random)
        let context = context(number)
        propose(number, at: member, cluster) { handler, address in
            handler.put(request, context: context, address: address)
        }
    }

    // MARK: users and roles

    /// Registers are the administrator's, so that every read of them can be asked for at the end.
    private func context(_ number: Int, _ register: KVClient.Register? = nil) -> CallContext {
        guard plan.kv.usesAuth else { return CallContext() }
        return CallContext(
            commonName: register == nil ? clients[number].user : AuthRequests.root)
    }

    private var administrator: CallContext {
        plan.kv.usesAuth ? CallContext(commonName: AuthRequests.root) : CallContext()
    }

    private mutating func administrate(
        _ number: Int, at member: SimulatedMember, _ cluster: SimulatedCluster
    ) {
        let request = administration.draw(
            isEnabled: cluster.checkers.oracle.auth.isEnabled, &clients[number].random)
        // Others try as well.
        let context =
            clients[number].random.oneIn(8) ? context(number) : administrator
        propose(number, at: member, cluster) { handler, address in
            handler.auth(request, context: context, address: address)
        }
    }

    /// A read is refused when, and only when, the rules that the member knows forbid it.
    ///
    /// - Returns: false when it was refused, rightly.
    private func checkVerdict(
        _ error: ServerError?, _ wishes: [AuthModel.Wish], _ context: CallContext,
        at member: SimulatedMember, _ cluster: SimulatedCluster
    ) throws -> Bool {
        let model = cluster.checkers.oracle.auth(at: member.process!.keyspaceV3.appliedIndex)
        let sender = AuthInfo(
            username: context.commonName ?? "",
            revision: context.commonName == nil ? 0 : model.revision)
        let refusal = model.refusal(of: wishes, by: sender)
        switch (error, refusal) {
        case (let error?, let refusal?) where error.text == refusal: return false
        case (.stopped?, _): return false
        case (_, let refusal?):
            throw Violation(
                description: "m\(member.number) must refuse \(sender.username) a read with "
                    + "\(refusal), but says \(error?.text ?? "what it holds")")
        case (let error?, nil)
        where [.permissionDenied, .userEmpty, .authRevisionOld].contains(error):
            throw Violation(
                description: "m\(member.number) refuses \(sender.username) a read it has a "
                    + "right to: \(error.text)")
        default: return true
        }
    }

    private mutating func transact(
        _ number: Int, at member: SimulatedMember, _ cluster: SimulatedCluster
    ) throws {
        let value = clients[number].value(plan.kv)
        let seen = clients[number].seenValues
        let request =
            clients[number].random.oneIn(3)
            ? requests.readTxn(known: floor.revision, seen: seen, &clients[number].random)
            : requests.txn(
                value, known: floor.revision, leases: clients[number].leases, seen: seen,
                &clients[number].random)
        try start(request, number, at: member, cluster, register: nil)
    }

    private mutating func start(
        _ request: TxnRequest, _ number: Int, at member: SimulatedMember,
        _ cluster: SimulatedCluster, register: KVClient.Register?
    ) throws {
        let token = clients[number].token()
        let address = ReplyAddress(edge: clients[number].edge, token: token)
        let context = context(number, register)
        let outcome = member.process!.handler.txn(
            request, context: context, address: address)
        switch outcome {
        case .success(.proposed(let id)):
            wait(number, token, at: member, cluster, .write, id, register)
        case .success(.read(.afterBarrier)):
            let barrier = member.process!.handler.linearizableBarrier(address: address)
            guard case .success(let id) = barrier else { return withdraw(register) }
            wait(number, token, at: member, cluster, .readTxn(request), id, register)
        case .success(.read(.now)):
            let result = member.process!.handler.readTxn(request, context: context)
            try check(result, request, context, at: member, floor: nil, cluster)
        case .failure:
            withdraw(register)
        }
    }

    private mutating func read(
        _ number: Int, at member: SimulatedMember, _ cluster: SimulatedCluster
    ) throws {
        let known = cluster.checkers.oracle.model.revision
        let request = requests.range(known: known, &clients[number].random)
        try start(request, number, at: member, cluster, register: nil)
    }

    private mutating func start(
        _ request: RangeRequest, _ number: Int, at member: SimulatedMember,
        _ cluster: SimulatedCluster, register: KVClient.Register?
    ) throws {
        let token = clients[number].token()
        let address = ReplyAddress(edge: clients[number].edge, token: token)
        let handler = member.process!.handler
        let context = context(number, register)
        switch handler.range(request) {
        case .success(.now):
            let result = handler.readRange(request, context: context)
            try check(result, request, context, at: member, floor: nil, cluster)
        case .success(.afterBarrier):
            let barrier = handler.linearizableBarrier(address: address)
            guard case .success(let id) = barrier else { return withdraw(register) }
            if plan.mutation == .readsWithoutBarrier {
                // The planted bug: nobody waits for the barrier.
                let result = handler.readRange(request, context: context)
                try check(result, request, context, at: member, floor: floor, cluster)
                finish(register, result.map { KVAnswer($0) }, number, cluster.time.now)
                return
            }
            wait(number, token, at: member, cluster, .range(request), id, register)
        case .failure:
            withdraw(register)
        }
    }

    // MARK: registers

    private mutating func useRegister(
        _ number: Int, at member: SimulatedMember, _ cluster: SimulatedCluster
    ) throws {
        let key = clients[number].random.below(plan.kv.registers)
        let name = requests.names.register(key)
        switch clients[number].random.below(plan.kv.deletes ? 6 : 5) {
        case 0, 1:
            try readRegister(key, number, at: member, cluster)
        case 2:
            let value = clients[number].value(plan.kv)
            let register = record(.put(value), key, cluster)
            let context = administrator
            propose(number, at: member, cluster, register) { handler, address in
                handler.put(
                    PutRequest(key: name, value: value), context: context,
                    address: address)
            }
        case 3, 4:
            let value = clients[number].value(plan.kv)
            let expected = clients[number].seen[name]?.modRevision ?? 0
            let register = record(.swap(expected: expected, new: value), key, cluster)
            let request = requests.swap(name, expected: expected, new: value)
            try start(request, number, at: member, cluster, register: register)
        default:
            let register = record(.delete, key, cluster)
            let context = administrator
            propose(number, at: member, cluster, register) { handler, address in
                handler.deleteRange(
                    DeleteRangeRequest(key: name), context: context, address: address)
            }
        }
    }

    /// A linearizable read of one register.
    mutating func readRegister(
        _ key: Int, _ number: Int, at member: SimulatedMember, _ cluster: SimulatedCluster
    ) throws {
        guard clients[number].pending == nil else { return }
        let request = RangeRequest(key: requests.names.register(key))
        let register = record(.read, key, cluster)
        try start(request, number, at: member, cluster, register: register)
    }

    private mutating func record(
        _ action: KVRegisterOperation.Action, _ key: Int, _ cluster: SimulatedCluster
    ) -> KVClient.Register {
        histories[key].append(
            KVRegisterOperation(action: action, invokedAt: cluster.time.now))
        return KVClient.Register(key: key, operation: histories[key].count - 1)
    }

    /// Refused before anything happened: it never took place.
    private mutating func withdraw(_ register: KVClient.Register?) {
        guard let register else { return }
        precondition(register.operation == histories[register.key].count - 1)
        histories[register.key].removeLast()
    }

    // MARK: leases and maintenance

    private mutating func useLease(
        _ number: Int, at member: SimulatedMember, _ cluster: SimulatedCluster
    ) throws {
        let leases = clients[number].leases
        let choice = leases.isEmpty ? 0 : clients[number].random.below(6)
        switch choice {
        case 0:
            let request = LeaseGrantRequest(ttl: Int64(clients[number].random.below(5)))
            let context = context(number)
            propose(number, at: member, cluster) { handler, address in
                handler.leaseGrant(request, context: context, address: address)
            }
        case 1:
            let lease = leases[clients[number].random.below(leases.count)]
            let context = context(number)
            propose(number, at: member, cluster) { handler, address in
                handler.leaseRevoke(
                    LeaseRevokeRequest(id: lease), context: context, address: address)
            }
            if let request = clients[number].pending?.request {
                cluster.checkers.oracle.revocations.insert(request.rawValue)
            }
        default:
            let lease = leases[clients[number].random.below(leases.count)]
            try renew(lease, number, at: member, cluster)
        }
    }

    /// At the member, or at the leader it names.
    private mutating func renew(
        _ lease: Int64, _ number: Int, at member: SimulatedMember, _ cluster: SimulatedCluster
    ) throws {
        if plan.mutation == .renewsNothing {
            guard let seconds = cluster.checkers.oracle.model.leases[lease] else { return }
            try renewed(lease, seconds: seconds, number, cluster)
            return
        }
        let token = clients[number].token()
        let address = ReplyAddress(edge: clients[number].edge, token: token)
        var asked = member
        var answer = member.process!.handler.leaseRenew(lease) { address }
        if case .forward(let urls) = answer,
            let leader = cluster.running.first(where: {
                urls.contains(SimulatedCluster.url($0.number))
            })
        {
            asked = leader
            answer = leader.process!.handler.leaseRenew(lease) { address }
        }
        switch answer {
        case .here(let response):
            try renewed(lease, seconds: response.ttl, number, cluster)
        case .afterBarrier(let id):
            wait(number, token, at: asked, cluster, .renewal(lease), id, nil)
        case .afterCheckpoint, .forward, .failed: break
        }
    }

    /// What a client is told of its lease: it lives for a while from now on, or it is gone.
    private mutating func renewed(
        _ lease: Int64, seconds: Int64, _ number: Int, _ cluster: SimulatedCluster
    ) throws {
        let now = cluster.time.now
        answered += 1
        if seconds > 0 {
            cluster.checkers.oracle.renewed(lease, seconds: seconds, now: now)
            return
        }
        clients[number].leases.removeAll { $0 == lease }
        if cluster.checkers.oracle.mustLive(lease, now: now) {
            throw Violation(description: "lease \(lease) lives, but its renewal finds none")
        }
    }

    private mutating func maintain(
        _ number: Int, at member: SimulatedMember, _ cluster: SimulatedCluster
    ) throws {
        switch clients[number].random.below(3) {
        case 0 where plan.kv.compacts:
            let back = Int64(clients[number].random.below(12))
            let request = CompactionRequest(
                revision: max(1, cluster.checkers.oracle.model.revision + 1 - back),
                physical: clients[number].random.oneIn(2))
            let context = administrator
            propose(number, at: member, cluster) { handler, address in
                handler.compact(request, context: context, address: address)
            }
        case 1 where plan.kv.defragments:
            let token = clients[number].token()
            let address = ReplyAddress(edge: clients[number].edge, token: token)
            if member.process!.handler.defragment(address: address) == nil {
                wait(number, token, at: member, cluster, .defragment, nil, nil)
            }
        default:
            let token = clients[number].token()
            let address = ReplyAddress(edge: clients[number].edge, token: token)
            let revision =
                clients[number].random.oneIn(2)
                ? 0 : max(1, floor.revision - Int64(clients[number].random.below(8)))
            let request = HashKVRequest(revision: revision)
            if member.process!.handler.hashKV(request, address: address) == nil {
                wait(number, token, at: member, cluster, .hash(revision), nil, nil)
            }
        }
    }

    // MARK: waiting

    private mutating func propose(
        _ number: Int, at member: SimulatedMember, _ cluster: SimulatedCluster,
        _ register: KVClient.Register? = nil,
        _ call: (RequestHandler, ReplyAddress) -> Result<RequestID, ServerError>
    ) {
        let token = clients[number].token()
        let address = ReplyAddress(edge: clients[number].edge, token: token)
        guard case .success(let id) = call(member.process!.handler, address) else {
            withdraw(register)
            return
        }
        wait(number, token, at: member, cluster, .write, id, register)
    }

    private mutating func wait(
        _ number: Int, _ token: UInt64, at member: SimulatedMember, _ cluster: SimulatedCluster,
        _ call: KVClient.Call, _ request: RequestID?, _ register: KVClient.Register?
    ) {
        clients[number].pending = KVClient.Pending(
            token: token, member: member.number, process: member.process!.incarnation,
            request: request, deadline: cluster.time.now + KVWorkload.timeout, call: call,
            floor: floor, register: register)
    }

    // MARK: answers

    /// Takes what has arrived and ends what has waited too long.
    mutating func collect(from cluster: SimulatedCluster) throws {
        for number in clients.indices {
            for reply in clients[number].edge.take() {
                try take(reply, client: number, cluster)
            }
            guard let pending = clients[number].pending else { continue }
            let current = cluster.members[pending.member].process
            let isGone = current.map { $0.incarnation != pending.process } ?? true
            if isGone || pending.deadline <= cluster.time.now {
                if !isGone, let request = pending.request { current?.handler.forget(request) }
                clients[number].pending = nil
            }
        }
    }

    private mutating func take(
        _ reply: EdgeReply, client number: Int, _ cluster: SimulatedCluster
    ) throws {
        guard let pending = clients[number].pending, pending.token == reply.token else { return }
        switch (reply.reply, pending.call) {
        case (.v3(let result), .write):
            clients[number].pending = nil
            try takeWrite(KVAnswer(result), pending, client: number, cluster)
        case (.v3(.success(.hashKV(let response))), .hash(let revision)):
            clients[number].pending = nil
            answered += 1
            try cluster.checkers.oracle.compare(
                hash: response.hash,
                revision: revision == 0 ? response.header?.revision ?? 0 : revision,
                compactRevision: response.compactRevision, member: pending.member)
        case (.v3, .hash), (.v3, .defragment):
            clients[number].pending = nil
            answered += 1
        case (.barrier, .range(let request)):
            clients[number].pending = nil
            guard let member = asked(pending, cluster) else { return }
            let context = context(number, pending.register)
            let result = member.process!.handler.readRange(request, context: context)
            try check(result, request, context, at: member, floor: pending.floor, cluster)
            finish(pending.register, result.map { KVAnswer($0) }, number, cluster.time.now)
        case (.barrier, .readTxn(let request)):
            clients[number].pending = nil
            guard let member = asked(pending, cluster) else { return }
            let context = context(number, pending.register)
            let result = member.process!.handler.readTxn(request, context: context)
            try check(result, request, context, at: member, floor: pending.floor, cluster)
        case (.barrier, .renewal(let lease)):
            clients[number].pending = nil
            guard let member = asked(pending, cluster) else { return }
            let address = ReplyAddress(edge: clients[number].edge, token: 0)
            let answer = member.process!.handler.leaseRenew(lease, isConfirmed: true) { address }
            if case .here(let response) = answer {
                try renewed(lease, seconds: response.ttl, number, cluster)
            }
        case (.failed, _):
            // May have been proposed before it failed.
            clients[number].pending = nil
        default:
            throw Violation(description: "an answer to something else: \(reply.reply)")
        }
    }

    /// Where the request was made, if that process still runs.
    private func asked(
        _ pending: KVClient.Pending, _ cluster: SimulatedCluster
    ) -> SimulatedMember? {
        let member = cluster.members[pending.member]
        return member.process?.incarnation == pending.process ? member : nil
    }

    private mutating func takeWrite(
        _ answer: KVAnswer, _ pending: KVClient.Pending, client number: Int,
        _ cluster: SimulatedCluster
    ) throws {
        guard let expected = cluster.checkers.oracle.outcomes[pending.request!.rawValue] else {
            throw Violation(description: "answered, but in no log: \(answer)")
        }
        if answer != expected.answer {
            throw Violation(
                description: "m\(pending.member) answers the request at index \(expected.index) "
                    + "with \(answer) instead of \(expected.answer)")
        }
        if expected.index <= pending.floor.index {
            throw Violation(
                description: "index \(expected.index) was asked for after \(pending.floor.index) "
                    + "had been answered")
        }
        floor.index = max(floor.index, expected.index)
        floor.revision = max(floor.revision, answer.revision ?? 0)
        note(answer)
        if case .leaseGrant(let id, _, _) = answer { clients[number].leases.append(id) }
        finish(pending.register, .success(answer), number, cluster.time.now)
    }

    private mutating func note(_ answer: KVAnswer) {
        answered += 1
        for byte in "\(answer)".utf8 { digest = (digest ^ UInt64(byte)) &* 0x100_0000_01B3 }
    }

    // MARK: reads

    /// What `member` has shown may never be unsaid by the same process, and a linearizable read
    /// (with a `floor`) sees all that anybody had seen when it began.
    private mutating func checkPresent(
        _ revision: Int64, at member: SimulatedMember, floor asked: Floor?,
        _ cluster: SimulatedCluster
    ) throws {
        if let asked, revision < asked.revision {
            throw Violation(
                description: "m\(member.number) reads at revision \(revision) after "
                    + "\(asked.revision) was seen")
        }
        try show(revision, at: member, cluster)
        if asked != nil { floor.revision = max(floor.revision, revision) }
    }

    /// Notes a revision that a process has shown to somebody.
    private mutating func show(
        _ revision: Int64, at member: SimulatedMember, _ cluster: SimulatedCluster
    ) throws {
        let process = member.number * 10_000 + member.process!.incarnation
        let before = shown[process] ?? 0
        if revision < before {
            throw Violation(
                description: "m\(member.number) went back from revision \(before) to \(revision)")
        }
        if revision > cluster.checkers.oracle.model.revision {
            throw Violation(
                description: "m\(member.number) shows revision \(revision), which nobody wrote")
        }
        shown[process] = revision
    }

    private mutating func check(
        _ result: Result<RangeResponse, ServerError>, _ request: RangeRequest,
        _ context: CallContext, at member: SimulatedMember, floor asked: Floor?,
        _ cluster: SimulatedCluster
    ) throws {
        guard
            try checkVerdict(
                result.error, [AuthModel.wish(request)], context, at: member, cluster)
        else { return }
        let model = cluster.checkers.oracle.model
        switch result {
        case .success(let response):
            let present = response.header?.revision ?? 0
            try checkPresent(present, at: member, floor: asked, cluster)
            let expected = KVAnswer(model.range(request, present: present))
            let answer = KVAnswer(response)
            if answer != expected {
                throw Violation(
                    description: "m\(member.number) reads \(answer) instead of \(expected), "
                        + "asked for \(request)")
            }
            note(answer)
        case .failure(.compacted):
            if request.revision <= 0 || request.revision >= model.compactRevision {
                throw Violation(
                    description: "revision \(request.revision) is not compacted at all")
            }
        case .failure(.futureRevision):
            if request.revision <= asked?.revision ?? 0 {
                throw Violation(
                    description: "revision \(request.revision) is there, but called future")
            }
        case .failure(let error):
            throw Violation(description: "m\(member.number) cannot read: \(error.text)")
        }
    }

    private mutating func check(
        _ result: Result<TxnResponse, ServerError>, _ request: TxnRequest,
        _ context: CallContext, at member: SimulatedMember, floor asked: Floor?,
        _ cluster: SimulatedCluster
    ) throws {
        let wishes = AuthModel.wishes(of: request) { _ in [] }
        guard try checkVerdict(result.error, wishes, context, at: member, cluster) else {
            return
        }
        switch result {
        case .success(let response):
            let present = response.header?.revision ?? 0
            try checkPresent(present, at: member, floor: asked, cluster)
            let expected = KVAnswer(
                cluster.checkers.oracle.model.readTxn(request, present: present))
            let answer = KVAnswer(response)
            if answer != expected {
                throw Violation(
                    description: "m\(member.number) reads \(answer) instead of \(expected)")
            }
            note(answer)
        case .failure(let error):
            throw Violation(description: "m\(member.number) cannot read: \(error.text)")
        }
    }

    // MARK: histories of registers

    private mutating func finish(
        _ register: KVClient.Register?, _ result: Result<KVAnswer, ServerError>, _ number: Int,
        _ now: UInt64
    ) {
        if let register, case .success(.refused) = result {
            histories[register.key][register.operation].wasRefused = true
        }
        guard let register, case .success(let answer) = result,
            let outcome = outcome(of: answer, number)
        else { return }
        histories[register.key][register.operation].outcome = outcome
        histories[register.key][register.operation].returnedAt = now
    }

    /// What the answer to a request on one register says; the client remembers what it saw.
    private mutating func outcome(of answer: KVAnswer, _ number: Int)
        -> KVRegisterOperation.Outcome?
    {
        switch answer {
        case .put(let response): return .written(response.header?.revision ?? 0)
        case .deleteRange(let response): return .deleted(response.deleted > 0)
        case .range(let response):
            remember(response.kvs, number)
            return .found(response.kvs.first)
        case .txn(let response):
            if response.succeeded { return .written(response.header?.revision ?? 0) }
            if case .range(let range)? = response.responses.first?.response {
                remember(range.kvs, number)
            }
            return .mismatch
        default: return nil
        }
    }

    private mutating func remember(_ values: KeyValueList, _ number: Int) {
        for value in values {
            clients[number].seen[value.key] = value
            revisions[value.value] = value.modRevision
        }
    }

    func checkLinearizable() throws {
        for (key, history) in histories.enumerated() {
            let completed = KVRegisterOperation.completed(history, seen: revisions)
            if let violation = Linearizability.violation(in: completed) {
                throw Violation(description: "register \(key) is not linearizable: \(violation)")
            }
        }
    }
}

extension Result {
    fileprivate var error: Failure? {
        if case .failure(let error) = self { error } else { nil }
    }
}
