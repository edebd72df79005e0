//  Clients that watch: from now, from the past, from the future; that read at once, slowly or not
//  at all for a while; that go elsewhere and resume where they were.

import EtcdMVCC
import EtcdProto
import EtcdServer
import RuntimeCore

/// One client with one stream at a time.
struct WatchClient {
    struct Stream {
        let handle: WatchStreamHandle
        let member: Int
        let process: Int
    }

    enum Pace {
        /// Takes all as soon as it is told of news.
        case eager
        /// Takes a little now and then.
        case slow
        case stalled(until: UInt64)
    }

    let number: Int
    let edge: SimulatedEdge
    var random: RandomSource
    var stream: Stream?
    var watches: [WatchCheck] = []
    var pace = Pace.eager
    var hasNews = false
    var nextToken: UInt64 = 0
    var nextID: Int64 = 0

    init(number: Int, random: RandomSource) {
        self.number = number
        edge = SimulatedEdge(number: 200 + number)
        self.random = random
    }
}

/// What watchers went through.
package struct WatchCounts: Sendable {
    package var events = 0
    /// Watches taken up elsewhere.
    package var resumed = 0
    /// Full outboxes emptied.
    package var drained = 0
    /// Watches whose history was compacted away.
    package var compacted = 0

    package init() {}

    package static func += (sum: inout WatchCounts, more: WatchCounts) {
        sum.events += more.events
        sum.resumed += more.resumed
        sum.drained += more.drained
        sum.compacted += more.compacted
    }
}

struct WatchWorkload {
    private static let watchesMax = 4

    let plan: SimulationPlan
    private let names: KVNames
    private(set) var clients: [WatchClient]
    private(set) var counts = WatchCounts()
    private(set) var digest: UInt64 = 0

    init(plan: SimulationPlan, random: inout RandomSource) {
        self.plan = plan
        names = KVNames(registers: plan.kv.registers, others: plan.kv.keys)
        clients = (0..<plan.kv.watchers).map {
            WatchClient(number: $0, random: random.split())
        }
    }

    // MARK: acting

    /// Something a client does now and then.
    mutating func act(_ number: Int, in cluster: SimulatedCluster, _ kv: inout KVWorkload) throws {
        try drain(number, max: 2, cluster, &kv)
        guard let stream = clients[number].stream else {
            let running = cluster.running
            if running.isEmpty { return }
            let member = running[clients[number].random.below(running.count)]
            open(number, at: member)
            return
        }
        switch clients[number].random.below(12) {
        case 0, 1: addWatch(number, stream, cluster)
        case 2: cancelWatch(number, stream)
        case 3: _ = stream.handle.requestProgress()
        case 4: if clients[number].random.oneIn(3) { leave(number) }
        case 5 where plan.kv.slowReaders: changePace(number, cluster.time.now)
        default: if clients[number].watches.isEmpty { addWatch(number, stream, cluster) }
        }
    }

    private mutating func changePace(_ number: Int, _ now: UInt64) {
        switch clients[number].random.below(3) {
        case 0: clients[number].pace = .eager
        case 1: clients[number].pace = .slow
        default:
            let pause = UInt64(500 + clients[number].random.below(6_000)) * 1_000_000
            clients[number].pace = .stalled(until: now + pause)
        }
        clients[number].hasNews = true
    }

    /// Opens a stream and takes all watches up where they were.
    private mutating func open(_ number: Int, at member: SimulatedMember) {
        guard let process = member.process else { return }
        clients[number].nextToken += 1
        let address = ReplyAddress(
            edge: clients[number].edge, token: clients[number].nextToken)
        guard case .success(let handle) = process.handler.openWatchStream(address: address) else {
            return
        }
        clients[number].hasNews = false
        clients[number].stream = WatchClient.Stream(
            handle: handle, member: member.number, process: process.incarnation)
        for position in clients[number].watches.indices {
            clients[number].watches[position].stage = .requested
            _ = handle.create(clients[number].watches[position].request)
            counts.resumed += 1
        }
    }

    private mutating func leave(_ number: Int) {
        clients[number].stream?.handle.close()
        lose(number)
    }

    private mutating func lose(_ number: Int) {
        clients[number].stream = nil
        clients[number].watches.removeAll {
            if case .cancelling = $0.stage { true } else { false }
        }
    }

    private mutating func addWatch(
        _ number: Int, _ stream: WatchClient.Stream, _ cluster: SimulatedCluster
    ) {
        guard clients[number].watches.count < WatchWorkload.watchesMax else { return }
        var random = clients[number].random
        clients[number].nextID += 1
        let range = names.drawRange(&random)
        // An empty range is refused.
        let isEmpty = KeyRange(key: range.start, rangeEnd: range.end).isEmpty
        let known = cluster.checkers.oracle.model.revision
        let next: Int64 =
            switch random.below(4) {
            case 0, 1: 0
            case 2: max(1, known - Int64(random.below(30)))
            default: known + Int64(random.below(6))
            }
        let filter = random.below(6)
        let watch = WatchCheck(
            id: clients[number].nextID,
            range: KVRangeName(start: range.start, end: isEmpty ? .empty : range.end),
            wantsPuts: filter != 0, wantsDeletes: filter != 1, wantsPrevious: random.oneIn(2),
            wantsProgress: random.oneIn(3), next: next)
        clients[number].random = random
        clients[number].watches.append(watch)
        _ = stream.handle.create(watch.request)
    }

    private mutating func cancelWatch(_ number: Int, _ stream: WatchClient.Stream) {
        guard !clients[number].watches.isEmpty else { return }
        let position = clients[number].random.below(clients[number].watches.count)
        guard case .created = clients[number].watches[position].stage else { return }
        clients[number].watches[position].stage = .cancelling
        _ = stream.handle.cancel(clients[number].watches[position].id)
    }

    // MARK: taking

    /// Lets everybody who was told of news take them.
    mutating func collect(from cluster: SimulatedCluster, _ kv: inout KVWorkload) throws {
        for number in clients.indices {
            for reply in clients[number].edge.take() where reply.token == clients[number].nextToken
            {
                switch reply.reply {
                case .watchReady: clients[number].hasNews = true
                default: throw Violation(description: "a watch stream got \(reply.reply)")
                }
            }
            guard let stream = clients[number].stream else { continue }
            let current = cluster.members[stream.member].process
            if current?.incarnation != stream.process {
                lose(number)
                continue
            }
            switch clients[number].pace {
            case .eager: break
            case .slow: continue
            case .stalled(let end):
                if cluster.time.now < end { continue }
                clients[number].pace = .eager
                clients[number].hasNews = true
            }
            if clients[number].hasNews { try drain(number, max: 64, cluster, &kv) }
        }
    }

    /// As a front end does: takes batches until one is not full, and tells the hub when there is
    /// room again.
    private mutating func drain(
        _ number: Int, max: Int, _ cluster: SimulatedCluster, _ kv: inout KVWorkload
    ) throws {
        guard let stream = clients[number].stream else { return }
        let isEager: Bool
        switch clients[number].pace {
        case .eager: isEager = true
        case .slow: isEager = false
        case .stalled: return
        }
        while clients[number].stream != nil {
            let batch = stream.handle.outbox.take(max: max)
            for delivery in sabotaged(batch) {
                try take(delivery, number, stream, cluster, &kv)
            }
            if stream.handle.outbox.takeWantsDrainNotice() {
                _ = stream.handle.drained()
                counts.drained += 1
            }
            if batch.count < max {
                clients[number].hasNews = false
                break
            }
            if !isEager { break }
        }
    }

    private mutating func take(
        _ delivery: WatchDelivery, _ number: Int, _ stream: WatchClient.Stream,
        _ cluster: SimulatedCluster, _ kv: inout KVWorkload
    ) throws {
        let model = cluster.checkers.oracle.model
        switch delivery {
        case .created(let id, let revision):
            try watch(id, number) { try $0.created(at: revision) }
        case .events(let id, _, _, let encoded):
            var frames: [UInt8] = []
            encoded.append(0..<encoded.count, to: &frames)
            var events = try WatchResponse(decoding: Bytes(frames)).events
            if plan.mutation == .watchForgetsPrevious { forgetPrevious(&events) }
            try watch(id, number) { try $0.take(events, model) }
            counts.events += events.count
            note(UInt64(bitPattern: events.last?.kv?.modRevision ?? 0))
            // Whoever watches has seen it happen.
            kv.floor.revision = max(kv.floor.revision, events.last?.kv?.modRevision ?? 0)
        case .progress(let id, let revision):
            for watch in clients[number].watches
            where id == WatchDelivery.noWatcher || id == watch.id {
                try self.watch(watch.id, number) { try $0.progress(to: revision, model) }
            }
        case .cancelled(let id, _, let compactRevision, let reason, let alsoCreated):
            guard !alsoCreated else {
                throw Violation(description: "a watch was refused: \(reason)")
            }
            try cancelled(id, compactRevision, reason, number, stream, model)
        case .ended:
            lose(number)
        }
    }

    private mutating func cancelled(
        _ id: Int64, _ compactRevision: Int64, _ reason: String, _ number: Int,
        _ stream: WatchClient.Stream, _ model: KVModel
    ) throws {
        guard let position = clients[number].watches.firstIndex(where: { $0.id == id }) else {
            throw Violation(description: "watch \(id), which nobody has, was cancelled")
        }
        if case .cancelling = clients[number].watches[position].stage {
            clients[number].watches.remove(at: position)
            return
        }
        guard compactRevision > 0 else {
            throw Violation(description: "watch \(id) was cancelled: \(reason)")
        }
        try clients[number].watches[position].compacted(at: compactRevision, model)
        counts.compacted += 1
        clients[number].nextID += 1
        clients[number].watches[position].id = clients[number].nextID
        clients[number].watches[position].stage = .requested
        _ = stream.handle.create(clients[number].watches[position].request)
    }

    private mutating func watch(
        _ id: Int64, _ number: Int, _ body: (inout WatchCheck) throws -> Void
    ) throws {
        guard let position = clients[number].watches.firstIndex(where: { $0.id == id }) else {
            throw Violation(description: "something came for watch \(id), which nobody has")
        }
        try body(&clients[number].watches[position])
    }

    private mutating func note(_ number: UInt64) {
        digest = (digest ^ number) &* 0x100_0000_01B3
    }

    // MARK: planted bugs

    private mutating func sabotaged(_ batch: [WatchDelivery]) -> [WatchDelivery] {
        switch plan.mutation {
        case .watchDropsEvents:
            batch.filter {
                if case .events(_, let revision, _, _) = $0 { revision % 13 != 0 } else { true }
            }
        case .watchTearsRevisions: batch.flatMap { torn($0) }
        default: batch
        }
    }

    private func torn(_ delivery: WatchDelivery) -> [WatchDelivery] {
        guard case .events(let id, let revision, let mayFragment, let events) = delivery,
            events.count > 1
        else { return [delivery] }
        return (0..<events.count).map { position in
            .events(
                id: id, revision: revision, mayFragment: mayFragment,
                EncodedEvents(events[position]))
        }
    }

    private func forgetPrevious(_ events: inout [Event]) {
        for position in events.indices where (events[position].kv?.modRevision ?? 0) % 5 == 0 {
            events[position].prevKV = nil
        }
    }

    // MARK: the end

    /// From now on everybody reads at once, at one of `members`.
    mutating func settle(at members: [SimulatedMember]) {
        for number in clients.indices {
            clients[number].pace = .eager
            clients[number].hasNews = true
            let isThere = members.contains { $0.number == clients[number].stream?.member }
            if !isThere { leave(number) }
            if clients[number].stream == nil, !clients[number].watches.isEmpty, !members.isEmpty {
                open(number, at: members[clients[number].random.below(members.count)])
            }
        }
    }

    /// Whether every watch has got all there is.
    func isSettled(_ model: KVModel) -> Bool {
        clients.allSatisfy { client in
            client.watches.allSatisfy { watch in
                switch watch.stage {
                case .requested, .cancelling: false
                case .created: watch.nextExpected(model) == nil
                }
            }
        }
    }

    /// What the first unfinished watch still lacks.
    func missing(_ model: KVModel) -> String {
        for client in clients {
            for watch in client.watches where watch.nextExpected(model) != nil {
                let place = client.stream.map { "m\($0.member)" } ?? "nobody"
                return "watch \(watch.id) at \(place) lacks \(watch.nextExpected(model)!)"
            }
        }
        return "a watch was never created or cancelled"
    }
}
