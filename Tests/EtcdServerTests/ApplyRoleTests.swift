//  The apply role fed by hand: who is told what, and when.

import EtcdBackend
import EtcdMembership
import EtcdProto
import EtcdServer
import EtcdV2Store
import Raft
import RuntimeCore
import Simulator
import Testing

@Suite("Apply role")
struct ApplyRoleTests {
    private let moment = StandingClock().now()

    private func run(
        _ role: inout ApplyRole, _ inputs: [ApplyInput], afterMilliseconds: UInt64 = 0
    ) -> [ApplyOutput] {
        var outputs: [ApplyOutput] = []
        let now = Moment(
            monotonic: moment.monotonic.advanced(byMilliseconds: afterMilliseconds),
            wall: moment.wall)
        role.run(inputs, now: now, outputs: &outputs)
        for case .reply(let edge, let replies) in outputs { edge.deliver(replies) }
        return outputs
    }

    private func events(_ outputs: [ApplyOutput]) -> [ReplicaEvent] {
        outputs.compactMap { if case .event(let event) = $0 { event } else { nil } }
    }

    /// What consensus hears of snapshots for followers.
    private func transfers(_ outputs: [ApplyOutput]) -> [String] {
        outputs.compactMap { output -> String? in
            switch output {
            case .consensus(.snapshotReady(let snapshot, let peer)):
                "\(peer) ready at \(snapshot.metadata.index)"
            case .consensus(.snapshotSent(let peer, let succeeded)):
                "\(peer) \(succeeded ? "sent" : "failed")"
            default: nil
            }
        }
    }

    @Test("the member that proposed a write answers it; the others only apply it")
    func answers() throws {
        let fixture = Fixture()
        var role = fixture.replica.makeApplyRole(v3: fixture.v3)
        let put = V2Request(method: .put, path: Bytes("/1/a"), value: Bytes("v"))
        let id = try fixture.handler.proposeV2(put, address: fixture.address(42)).get()
        var own = put
        own.id = id.rawValue
        var foreign = put
        foreign.id = id.rawValue ^ 1 << 50
        _ = run(&role, [.entries([.v2(foreign, at: 1), .v2(own, at: 2)])])
        #expect(fixture.edge.replies.map(\.token) == [42])
        guard case .v2(.success(let event), _, _)? = fixture.edge.replies.first?.reply else {
            Issue.record("no answer")
            return
        }
        #expect(event.node.value == Bytes("v") && event.previous != nil)
        #expect(fixture.replica.status.applied == 2)
    }

    @Test("a confirmed read waits for its index")
    func reads() throws {
        let fixture = Fixture()
        var role = fixture.replica.makeApplyRole(v3: fixture.v3)
        let id = try fixture.handler.linearizableBarrier(address: fixture.address(7)).get()
        _ = run(&role, [.readConfirmed(index: 1, ids: [id.rawValue])])
        #expect(fixture.edge.replies.isEmpty)
        _ = run(&role, [.entries([Entry(term: 1, index: 1)])])
        #expect(fixture.edge.replies.map(\.token) == [7])
    }

    @Test("an announcement of an earlier start, replayed, does not open the doors")
    func announcements() {
        let fixture = Fixture()
        var role = fixture.replica.makeApplyRole(v3: fixture.v3)
        let old = V2Request(
            id: 5, method: .put, path: Bytes("/0/members/1/attributes"),
            value: Bytes("{\"name\":\"old\",\"clientURLs\":[\"http://old:1\"]}"))
        let add = ConfChange(
            id: 0, kind: .addNode, node: 2,
            context: Bytes("{\"id\":2,\"peerURLs\":[\"http://b:1\"]}"))
        let change = Entry(term: 1, index: 1, kind: .confChange, data: Bytes(add.encoded))
        let outputs = run(&role, [.entries([change, .v2(old, at: 2)])])
        #expect(!events(outputs).contains(.published))
        #expect(fixture.replica.members.local?.name == "old")
        #expect(fixture.replica.members.list.map(\.id) == [1, 2])
    }

    @Test("an entry that nobody can read stops the member, and nothing after it is applied")
    func unreadable() {
        let fixture = Fixture()
        var role = fixture.replica.makeApplyRole(v3: fixture.v3)
        let bad = Entry(term: 1, index: 1, data: Bytes([0xFF, 0xFF]))
        let outputs = run(&role, [.entries([bad])])
        guard case .failed(let reason)? = events(outputs).last else {
            Issue.record("no failure")
            return
        }
        #expect(reason.contains("log entry 1"))
        let put = V2Request(method: .put, path: Bytes("/1/a"), value: Bytes("v"))
        _ = run(&role, [.entries([.v2(put, at: 2)])])
        let found = fixture.handler.getV2(Bytes("/1/a"), recursive: false, sorted: false)
        #expect(throws: (any Error).self) { try found.get() }
    }

    @Test("a failed entry does not count as applied, and its database is left alone from then on")
    func databaseAfterFailure() {
        let fixture = Fixture()
        var role = fixture.replica.makeApplyRole(v3: fixture.v3)
        let commits = fixture.v3.backend.statistics.commits
        let bad = Entry(term: 1, index: 2, data: Bytes([0xFF, 0xFF]))
        var outputs = run(&role, [.entries([.put(bytes: 10, at: 1), bad])])
        #expect(fixture.v3.appliedIndex == 1)
        #expect(fixture.replica.status.applied == 1)
        outputs += run(&role, [.snapshotWanted(2)] + asking(fixture))
        outputs += run(&role, [.stop], afterMilliseconds: 10_000)
        #expect(transfers(outputs).isEmpty)
        #expect(fixture.edge.replies.map(\.token) == [1, 2])
        #expect(fixture.edge.replies.allSatisfy(isStopped))
        #expect(fixture.v3.backend.statistics.commits == commits)
    }

    @Test("a stopped member's database is left alone")
    func databaseAfterStop() {
        let fixture = Fixture()
        var role = fixture.replica.makeApplyRole(v3: fixture.v3)
        let commits = fixture.v3.backend.statistics.commits
        let outputs = run(
            &role,
            [.entries([.put(bytes: 10, at: 1)]), .stop, .snapshotWanted(2)] + asking(fixture))
        #expect(transfers(outputs).isEmpty)
        #expect(fixture.edge.replies.map(\.token) == [1, 2])
        #expect(fixture.edge.replies.allSatisfy(isStopped))
        #expect(fixture.v3.backend.statistics.commits == commits + 1)
    }

    /// What clients ask of the database itself.
    private func asking(_ fixture: Fixture) -> [ApplyInput] {
        [.openDatabase(fixture.address(1)), .defragment(fixture.address(2))]
    }

    private func isStopped(_ reply: EdgeReply) -> Bool {
        if case .failed(.stopped) = reply.reply { true } else { false }
    }

    @Test("a change without effect is still reported to consensus, as one of nobody")
    func refusedChange() {
        let fixture = Fixture()
        var role = fixture.replica.makeApplyRole(v3: fixture.v3)
        let remove = ConfChange(id: 0, kind: .removeNode, node: 77)
        let outputs = run(
            &role,
            [.entries([Entry(term: 1, index: 1, kind: .confChange, data: Bytes(remove.encoded))])])
        let applied = outputs.compactMap { output -> ConfChangeV2? in
            if case .consensus(.confChangeApplied(let change, _)) = output { change } else { nil }
        }
        #expect(applied == [ConfChangeV2(ConfChange(id: 0, kind: .removeNode, node: .none))])
    }

    @Test("a full disk puts a follower's snapshot off, and consensus may ask again after a while")
    func fullDisk() {
        let fixture = Fixture()
        var role = fixture.replica.makeApplyRole(v3: fixture.v3)
        _ = run(&role, [.entries([.put(bytes: 200_000, at: 1)])])
        fixture.disk.capacity = 0
        var outputs = run(&role, [.snapshotWanted(2)])
        outputs += run(&role, [], afterMilliseconds: 400)
        #expect(transfers(outputs).isEmpty && events(outputs).isEmpty)
        outputs = run(&role, [], afterMilliseconds: 600)
        outputs += run(&role, [], afterMilliseconds: 1_200)
        #expect(transfers(outputs) == ["2 failed"])
        fixture.disk.capacity = .max
        outputs = run(&role, [.snapshotWanted(2)], afterMilliseconds: 2_000)
        #expect(transfers(outputs) == ["2 ready at 1"])
    }

    @Test("a leader of a later term hears of what was refused to it, not to an earlier one")
    func askedAnew() {
        let fixture = Fixture()
        var role = fixture.replica.makeApplyRole(v3: fixture.v3)
        _ = run(&role, [.entries([.put(bytes: 200_000, at: 1)])])
        fixture.disk.capacity = 0
        _ = run(&role, [.snapshotWanted(2)])
        fixture.disk.capacity = .max
        // No attempt is made before.
        var outputs = run(&role, [.snapshotWanted(2)], afterMilliseconds: 500)
        outputs += run(&role, [], afterMilliseconds: 1_200)
        #expect(transfers(outputs) == ["2 ready at 1"])
    }

    @Test("stopping answers everybody who waits")
    func stops() throws {
        let fixture = Fixture()
        var role = fixture.replica.makeApplyRole(v3: fixture.v3)
        _ = try fixture.handler.linearizableBarrier(address: fixture.address(1)).get()
        _ = try fixture.handler.linearizableBarrier(address: fixture.address(2)).get()
        _ = run(&role, [.stop])
        #expect(fixture.edge.replies.map(\.token) == [1, 2])
    }
}

@Suite("Metrics")
struct MetricsTests {
    @Test("a histogram counts cumulatively and writes etcd's text")
    func histogram() {
        let histogram = Histogram(first: 0.001, count: 3)
        for value in [0.0005, 0.001, 0.003, 9] { histogram.observe(value) }
        var text = MetricsText()
        text.histogram("h", "Help.", [("a=\"b\"", histogram)])
        #expect(
            Bytes(text.bytes).text == """
                # HELP h Help.
                # TYPE h histogram
                h_bucket{a="b",le="0.001"} 2
                h_bucket{a="b",le="0.002"} 2
                h_bucket{a="b",le="0.004"} 3
                h_bucket{a="b",le="+Inf"} 4
                h_sum{a="b"} 9.0045
                h_count{a="b"} 4

                """)
    }
}
