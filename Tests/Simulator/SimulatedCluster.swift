//  All members under one scheduler: it picks the next role that has work, gives it a part of its
//  backlog, and carries what it says to where it belongs.

import EtcdBackend
import EtcdMVCC
import EtcdMembership
import EtcdProto
import EtcdServer
import Raft
import RuntimeCore

/// Something planned for a later time.
enum SimulationEvent {
    /// A message arrives, still encoded.
    ///
    /// With a snapshot travels the database that belongs to it.
    case deliver(to: MemberID, from: MemberID, Bytes, database: Bytes?)
    /// Work away from the roles of this start of a member.
    case background(member: Int, process: Int, @Sendable () -> Void)
    case snapshotOutcome(at: Int, peer: MemberID, succeeded: Bool)
    /// What the log role said, once the disk is done.
    case logOutputs(member: Int, process: Int, [LogOutput])
    case client(Int)
    case kvClient(Int)
    case watcher(Int)
    case fault
    case restart(Int)
    case diskHasRoom(Int)
}

/// A broken guarantee; the run ends with the first.
package struct Violation: Error, CustomStringConvertible {
    package let description: String
}

/// A crash left garbage where no sector shows that a write was torn. To refuse such a log is right,
/// since it cannot be told from a log whose acknowledged end went bad; the run ends there.
struct SpoiledLog: Error {}

final class SimulatedCluster {
    let plan: SimulationPlan
    let time = VirtualTime()
    var random: RandomSource
    var agenda = Agenda<SimulationEvent>()
    private(set) var members: [SimulatedMember] = []
    var network: SimulatedNetwork
    var trace: Trace
    var checkers: Checkers
    let clusterID: UInt64
    private(set) var steps = 0

    init(plan: SimulationPlan, random: RandomSource, isVerbose: Bool) throws {
        self.plan = plan
        self.random = random
        trace = Trace(isVerbose: isVerbose)
        checkers = Checkers(minimumLeaseSeconds: plan.kv.minimumLeaseSeconds)
        let founders = ClusterFormation.initialMembers(
            (0..<plan.memberCount).map { ("m\($0)", SimulatedCluster.url($0)) }, token: "sim")
        clusterID = EtcdMembership.clusterID(of: founders.map(\.id))
        network = SimulatedNetwork(random: self.random.split())
        for number in 0..<plan.memberCount {
            let founder = founders.first { $0.name == "m\(number)" }!
            let member = makeMember(number, id: founder.id)
            try member.create(clusterID: clusterID, founders: founders, known: founders)
            members.append(member)
        }
        trace.add(time.now, nil, plan.summary)
    }

    static func url(_ number: Int) -> String { "http://m\(number):2380" }

    private func makeMember(_ number: Int, id: MemberID) -> SimulatedMember {
        let skew = plan.clockSkewMilliseconds
        let offset = skew == 0 ? 0 : (random.below(2 * skew) - skew) * 1_000_000
        return SimulatedMember(
            number: number, id: id,
            clock: SimulatedClock(time: time, wallOffset: Int64(offset)), plan: plan,
            random: random.split())
    }

    /// A member that joins the running cluster with an empty disk.
    func addMember(id: MemberID, known: [Member]) throws {
        let member = makeMember(members.count, id: id)
        try member.create(clusterID: clusterID, founders: [], known: known)
        members.append(member)
        trace.add(time.now, member.number, "joins as \(id)")
    }

    func member(_ id: MemberID) -> SimulatedMember? { members.first { $0.id == id } }
    var running: [SimulatedMember] { members.filter(\.isRunning) }

    // MARK: scheduling

    /// One step: a role runs, or time moves to the next thing planned. False when nothing is left
    /// to do before `end`.
    func step(until end: UInt64, onEvent: (SimulationEvent) throws -> Void) throws -> Bool {
        steps += 1
        let now = Instant(nanoseconds: time.now)
        var choices: [(SimulatedMember, SimulatedMember.RoleName)] = []
        for member in members {
            for role in member.runnable(now) { choices.append((member, role)) }
        }
        if !choices.isEmpty {
            let (member, role) = choices[random.below(choices.count)]
            try run(role, of: member)
            // Work takes time too, and lets clocks of a busy cluster move.
            time.advance(to: time.now + UInt64(random.below(20_000)))
            while let event = agenda.due(time.now) { try handle(event, onEvent) }
            return true
        }
        let wakes = members.compactMap(\.nextWake) + [agenda.nextTime].compactMap { $0 }
        guard let next = wakes.min(), next <= end else { return false }
        time.advance(to: max(next, time.now))
        while let event = agenda.due(time.now) { try handle(event, onEvent) }
        return true
    }

    private func handle(_ event: SimulationEvent, _ onEvent: (SimulationEvent) throws -> Void)
        throws
    {
        switch event {
        case .deliver(let to, let from, let bytes, let database):
            try deliver(bytes, database, from: from, to: to)
        case .background(let number, let process, let work):
            guard members[number].process?.incarnation == process else { return }
            work()
        case .snapshotOutcome(let number, let peer, let succeeded):
            _ = members[number].process?.consensusMailbox.post(
                .snapshotSent(peer, succeeded: succeeded))
        case .logOutputs(let number, let process, let outputs):
            let member = members[number]
            guard let current = member.process, current.incarnation == process else {
                return
            }
            try route(outputs, of: member, current)
        case .restart(let number):
            try restart(members[number])
        case .diskHasRoom(let number):
            members[number].disk.capacity = Int.max
            trace.add(time.now, number, "disk has room again")
        case .client, .kvClient, .watcher, .fault:
            try onEvent(event)
        }
    }

    private func run(_ role: SimulatedMember.RoleName, of member: SimulatedMember) throws {
        guard let process = member.process else { return }
        let moment = member.clock.now()
        switch role {
        case .consensus:
            var outputs: [ConsensusOutput] = []
            let inputs = process.consensusMailbox.take(part(process.consensusMailbox.count))
            process.consensus.run(inputs, now: moment, outputs: &outputs)
            try route(outputs, of: member, process)
            try checkers.observe(process.replica.status, of: member)
        case .log:
            var outputs: [LogOutput] = []
            let inputs = process.logMailbox.take(part(process.logMailbox.count))
            if plan.mutation == .acknowledgesBeforeDurable {
                try acknowledge(inputs, member, process)
            }
            process.log.run(inputs, now: moment, outputs: &outputs)
            let delay = 1_000 * UInt64(1 + random.below(plan.diskMicrosecondsMax))
            process.logBusyUntil = time.now + delay
            agenda.plan(
                .logOutputs(member: member.number, process: process.incarnation, outputs),
                at: time.now + delay)
        case .apply:
            var outputs: [ApplyOutput] = []
            var inputs = process.applyMailbox.take(part(process.applyMailbox.count))
            for input in inputs {
                if case .entries(let entries) = input {
                    try checkers.applied(entries, by: member, now: time.now)
                }
            }
            let takesSnapshot = inputs.contains { if case .restore = $0 { true } else { false } }
            let moment = sabotage(&inputs, of: member, at: moment)
            process.apply.run(inputs, now: moment, outputs: &outputs)
            try route(outputs, of: member, process)
            try checkApplied(by: member, process, takesSnapshot: takesSnapshot)
        }
        for work in process.background.take() { planWork(work, of: member, process) }
    }

    private func planWork(
        _ work: @escaping @Sendable () -> Void, of member: SimulatedMember,
        _ process: SimulatedMember.Process
    ) {
        agenda.plan(
            .background(member: member.number, process: process.incarnation, work),
            at: time.now + 1_000 * UInt64(1 + random.below(plan.diskMicrosecondsMax)))
    }

    /// How much of a backlog a role gets to see at once.
    private func part(_ count: Int) -> Int { count == 0 ? 0 : 1 + random.below(count) }

    /// What has just been applied shows as it must.
    private func checkApplied(
        by member: SimulatedMember, _ process: SimulatedMember.Process, takesSnapshot: Bool
    ) throws {
        if member.process !== process { return }
        if takesSnapshot {
            try checkers.oracle.checkState(
                of: process, member: member.number, "after a snapshot")
            return
        }
        let index = process.keyspaceV3.appliedIndex
        let revision = process.replica.v3.reader.currentRevision
        if index <= checkers.oracle.index, revision != checkers.oracle.revision(at: index) {
            throw Violation(
                description: "m\(member.number) is at revision \(revision) after index \(index), "
                    + "which makes \(checkers.oracle.revision(at: index))")
        }
    }

    // MARK: routing

    private func route(
        _ outputs: [ConsensusOutput], of member: SimulatedMember,
        _ process: SimulatedMember.Process
    ) throws {
        for output in outputs {
            switch output {
            case .append(let request):
                member.willWrite(request)
                _ = process.logMailbox.post(.append(request))
            case .send(let messages): for message in messages { send(message, from: member) }
            case .apply(let entries): _ = process.applyMailbox.post(.entries(entries))
            case .restore(let snapshot):
                trace.add(time.now, member.number, "takes snapshot \(snapshot.metadata.index)")
                _ = process.applyMailbox.post(.restore(snapshot))
            case .confState(let state): _ = process.applyMailbox.post(.confState(state))
            case .snapshotWanted(let peer): _ = process.applyMailbox.post(.snapshotWanted(peer))
            case .readConfirmed(let index, let ids):
                _ = process.applyMailbox.post(.readConfirmed(index: index, ids: ids))
            case .failed(let ids, let error):
                _ = process.applyMailbox.post(.failed(ids, error))
            }
        }
    }

    private func route(
        _ outputs: [LogOutput], of member: SimulatedMember, _ process: SimulatedMember.Process
    ) throws {
        for output in outputs {
            switch output {
            case .persisted(let number):
                member.wrote(upTo: number)
                _ = process.consensusMailbox.post(.persisted(number))
            case .snapshotSaved(let metadata):
                _ = process.consensusMailbox.post(.snapshotSaved(metadata))
            case .storageFull(let reason):
                trace.add(time.now, member.number, reason == nil ? "disk usable" : "disk full")
                _ = process.consensusMailbox.post(.storageFull(reason != nil))
            case .failed(let reason):
                // A broken disk stops the member; its files stay as they are.
                trace.add(time.now, member.number, "log failed: \(reason)")
                stop(member)
            case .closed: break
            }
        }
    }

    private func route(
        _ outputs: [ApplyOutput], of member: SimulatedMember, _ process: SimulatedMember.Process
    ) throws {
        for output in outputs {
            switch output {
            case .reply(let edge, let replies): edge.deliver(replies)
            case .consensus(var input):
                if plan.mutation == .expiresEarly { hurry(&input) }
                _ = process.consensusMailbox.post(input)
            case .log(let input): _ = process.logMailbox.post(input)
            case .peers: break
            case .event(.removed):
                trace.add(time.now, member.number, "removed; stops")
                member.isRetired = true
                stop(member)
            case .event(.failed(let reason)):
                throw Violation(description: "m\(member.number) cannot continue: \(reason)")
            case .event: break
            case .sync(let sync):
                let mailbox = process.applyMailbox
                planWork(
                    {
                        sync.run()
                        _ = mailbox.post(.databaseSynced(sync))
                    }, of: member, process)
            case .background(let work):
                let mailbox = process.applyMailbox
                planWork({ _ = mailbox.post(work()) }, of: member, process)
            }
        }
    }

    private func stop(_ member: SimulatedMember) {
        member.crash(.drop)
        if !member.isRetired {
            agenda.plan(.restart(member.number), at: time.now + 1_000_000_000)
        }
    }

    // MARK: network

    private func send(_ message: Message, from member: SimulatedMember) {
        var bytes: [UInt8] = []
        message.encode(into: &bytes)
        let delay = 1_000 * UInt64(20 + random.below(plan.latencyMicrosecondsMax))
        let isSnapshot = message.kind == .snapshot
        let database = isSnapshot ? takeDatabase(of: member, for: message.to) : nil
        // A snapshot without its database is not worth sending.
        let isLost =
            plan.lossOneIn > 0 && random.oneIn(plan.lossOneIn) || isSnapshot && database == nil
        guard
            let arrival = network.arrival(
                from: member.id, to: message.to, at: time.now + delay, isLost: isLost)
        else {
            // The transport notices some losses, not all.
            if isSnapshot {
                agenda.plan(
                    .snapshotOutcome(at: member.number, peer: message.to, succeeded: false),
                    at: time.now + 5_000_000_000)
            } else if random.oneIn(2) {
                _ = member.process?.consensusMailbox.post(.peerUnreachable(message.to))
            }
            return
        }
        agenda.plan(
            .deliver(to: message.to, from: member.id, Bytes(bytes), database: database),
            at: arrival)
        if isSnapshot {
            agenda.plan(
                .snapshotOutcome(at: member.number, peer: message.to, succeeded: true),
                at: arrival + delay)
        }
    }

    /// The image that the apply role has pinned for the follower, as the transport would send it.
    private func takeDatabase(of member: SimulatedMember, for peer: MemberID) -> Bytes? {
        guard let pinned = member.process?.replica.databases.take(for: peer) else { return nil }
        var bytes = [UInt8](repeating: 0, count: pinned.imageBytes)
        let isWhole = bytes.withUnsafeMutableBytes { buffer in
            (try? pinned.readImage(at: 0, into: buffer)) == buffer.count
        }
        return isWhole ? Bytes(bytes) : nil
    }

    private func deliver(_ bytes: Bytes, _ database: Bytes?, from: MemberID, to: MemberID)
        throws
    {
        guard let target = member(to), let process = target.process else { return }
        // What the transport checks before a message gets in.
        if process.replica.members.isRemoved(from) { return }
        let message: Message
        do {
            message = try Message(decoding: bytes)
        } catch {
            throw Violation(description: "a member sent what cannot be read: \(error)")
        }
        if let snapshot = message.snapshot, let database = sabotage(database, for: target) {
            // Durable before the message is taken; a full disk refuses it.
            let path = DatabaseRecords.receivedPath(
                snapshot.metadata.index, in: SimulatedMember.directory.snapshots)
            do {
                try target.disk.replaceAtomically(
                    path, temporary: path + ".tmp", with: database.array, permissions: 0o600)
            } catch {
                return
            }
        }
        process.connectivity.set(from, Instant(nanoseconds: VirtualTime.origin))
        _ = process.consensusMailbox.post(.messages([message]))
    }

    // MARK: faults

    func crash(_ member: SimulatedMember, restartAfter nanoseconds: UInt64) throws {
        trace.add(time.now, member.number, "crashes")
        if let process = member.process {
            try checkers.oracle.checkState(of: process, member: member.number, "before a crash")
        }
        member.crash(plan.crashMode)
        agenda.plan(.restart(member.number), at: time.now + nanoseconds)
    }

    /// A start that fails is a violation, unless the disk is such that it must fail.
    private func explain(_ error: BootstrapError, of member: SimulatedMember) throws {
        if member.disk.capacity != Int.max, error.description.contains("No space") {
            trace.add(time.now, member.number, "cannot start while its disk is full")
            agenda.plan(.restart(member.number), at: time.now + 1_000_000_000)
        } else if plan.crashMode == .corrupt, error.description.contains("is damaged") {
            throw SpoiledLog()
        } else {
            throw Violation(description: "m\(member.number) cannot restart: \(error)")
        }
    }

    func restart(_ member: SimulatedMember) throws {
        guard !member.isRunning, !member.isRetired else { return }
        member.disk.liesAboutSync = plan.mutation == .syncDoesNothing && member.number == 0
        do {
            try member.restart()
        } catch {
            try explain(error, of: member)
            return
        }
        trace.add(time.now, member.number, "restarts")
        try checkers.restarted(member)
    }
}

/// Which links work, and when what was sent over them arrives.
struct SimulatedNetwork {
    private struct Link: Hashable {
        let from: MemberID
        let to: MemberID
    }

    private var random: RandomSource
    private var cut: Set<Link> = []
    /// Streams keep their order: nothing overtakes what was sent before.
    private var lastArrival: [Link: UInt64] = [:]

    init(random: RandomSource) { self.random = random }

    /// `nil` when the message does not get through.
    mutating func arrival(from: MemberID, to: MemberID, at time: UInt64, isLost: Bool) -> UInt64? {
        let link = Link(from: from, to: to)
        if isLost || cut.contains(link) { return nil }
        // Posts of the pipeline may overtake the stream.
        if random.oneIn(10) { return time }
        let arrival = max(time, lastArrival[link] ?? 0)
        lastArrival[link] = arrival
        return arrival
    }

    mutating func cutBoth(_ a: MemberID, _ b: MemberID) {
        cut.insert(Link(from: a, to: b))
        cut.insert(Link(from: b, to: a))
    }

    mutating func cutOneWay(from: MemberID, to: MemberID) { cut.insert(Link(from: from, to: to)) }
    mutating func heal() { cut.removeAll() }
}
