//  The database's disk is full while the log still takes entries: writes are refused, so that what
//  the database lacks does not fill the memory.

import EtcdBackend
import EtcdProto
import Raft
import RuntimeCore
import Simulator
import Testing

@testable import EtcdServer

@Suite("Full disk of the database")
struct FullDatabaseTests {
    private let disk = SimulatedDisk()

    /// One that makes the file grow.
    private func put(at index: LogIndex) -> ApplyInput {
        let request = PutRequest(
            key: Bytes("k\(index.rawValue)"), value: Bytes([UInt8](repeating: 7, count: 100_000)))
        var data: [UInt8] = []
        InternalRaftRequest(header: RequestHeader(id: index.rawValue), kind: .put(request))
            .encode(into: &data)
        return .entries([Entry(term: 1, index: index, data: Bytes(data))])
    }

    private func isRefused(_ fixture: Fixture) -> Bool {
        let put = V2Request(method: .put, path: Bytes("/1/a"), value: Bytes("v"))
        guard case .failure(let error) = fixture.handler.proposeV2(put, address: fixture.address())
        else { return false }
        return error == .noSpace
    }

    private func savesSnapshot(_ outputs: [ApplyOutput]) -> Bool {
        outputs.contains { if case .log(.saveSnapshot) = $0 { true } else { false } }
    }

    @Test("writes are refused from the failed commit on until one succeeds")
    func refusal() {
        let fixture = Fixture(disk: disk)
        var role = fixture.replica.makeApplyRole(v3: fixture.v3)
        disk.capacity = 0
        run(&role, at: 0, [put(at: 1)])
        #expect(!isRefused(fixture))
        run(&role, at: 100)
        #expect(isRefused(fixture))
        #expect(fixture.v3.backend.statistics.failedCommits == 1)
        disk.capacity = .max
        run(&role, at: 599)
        #expect(isRefused(fixture))
        run(&role, at: 600)
        #expect(!isRefused(fixture))
        #expect(fixture.v3.backend.pendingOperations == 0)
    }

    @Test("a member that must take others' writes stops before they fill its memory")
    func backlog() {
        let fixture = Fixture(
            disk: disk, settings: V3Keyspace.Settings(backlogBytesMax: 250_000))
        var role = fixture.replica.makeApplyRole(v3: fixture.v3)
        disk.capacity = 0
        run(&role, at: 0, [put(at: 1), put(at: 2)])
        let within = run(&role, at: 100)
        #expect(!fails(within))
        // Not only when a commit is due.
        let beyond = run(&role, at: 200, [put(at: 3)])
        #expect(fails(beyond))
    }

    private func fails(_ outputs: [ApplyOutput]) -> Bool {
        outputs.contains { if case .event(.failed) = $0 { true } else { false } }
    }

    @Test("log and database speak for themselves alone")
    func independence() {
        let fixture = Fixture(disk: disk)
        let status = fixture.replica.status
        var role = fixture.replica.makeApplyRole(v3: fixture.v3)
        disk.capacity = 0
        run(&role, at: 0, [put(at: 1)])
        run(&role, at: 100)
        status.publish(storageFull: true)
        status.publish(storageFull: false)
        #expect(isRefused(fixture))
        status.publish(storageFull: true)
        disk.capacity = .max
        run(&role, at: 600)
        #expect(isRefused(fixture))
        status.publish(storageFull: false)
        #expect(!isRefused(fixture))
    }

    @Test("a snapshot that is due waits for the pause after a failed commit")
    func snapshots() {
        let fixture = Fixture(disk: disk, snapshotCount: 2)
        var role = fixture.replica.makeApplyRole(v3: fixture.v3)
        disk.capacity = 0
        for index: LogIndex in [1, 2, 3, 4, 5, 6] {
            let outputs = run(&role, at: 0, [put(at: index)])
            #expect(!savesSnapshot(outputs))
        }
        #expect(fixture.v3.backend.statistics.failedCommits == 1)
        #expect(isRefused(fixture))
        run(&role, at: 500, [put(at: 7)])
        #expect(fixture.v3.backend.statistics.failedCommits == 2)
        disk.capacity = .max
        let during = run(&role, at: 999, [put(at: 8)])
        #expect(!savesSnapshot(during))
        let after = run(&role, at: 1_000, [put(at: 9)])
        #expect(savesSnapshot(after))
        #expect(!isRefused(fixture))
    }

    @Test("so does one that a follower wants")
    func followers() {
        let fixture = Fixture(disk: disk)
        var role = fixture.replica.makeApplyRole(v3: fixture.v3)
        disk.capacity = 0
        run(&role, at: 0, [put(at: 1), .snapshotWanted(2)])
        for time: UInt64 in [1, 2, 499] { run(&role, at: time, [.snapshotWanted(2)]) }
        #expect(fixture.v3.backend.statistics.failedCommits == 1)
        disk.capacity = .max
        run(&role, at: 500, [.snapshotWanted(2)])
        let isPinned = fixture.replica.databases.take(for: 2) != nil
        #expect(isPinned)
        #expect(!isRefused(fixture))
    }

    @Test("and one that a client wants; who asks in vain is told why")
    func clients() {
        let fixture = Fixture(disk: disk)
        var role = fixture.replica.makeApplyRole(v3: fixture.v3)
        disk.capacity = 0
        run(&role, at: 0, [put(at: 1)])
        for time: UInt64 in [0, 1, 499] {
            let outputs = run(&role, at: time, [.openDatabase(fixture.address())])
            #expect(snapshots(outputs) == ["refused"])
            #expect(!fails(outputs))
        }
        #expect(fixture.v3.backend.statistics.failedCommits == 1)
        disk.capacity = .max
        let after = run(&role, at: 500, [.openDatabase(fixture.address())])
        #expect(snapshots(after) == ["opened"])
        #expect(fixture.v3.backend.pendingOperations == 0)
    }

    /// What those who asked for the database were told.
    private func snapshots(_ outputs: [ApplyOutput]) -> [String] {
        outputs.flatMap { output -> [String] in
            guard case .reply(_, let replies) = output else { return [] }
            return replies.map { reply in
                switch reply.reply {
                case .database: "opened"
                case .failed: "refused"
                default: "something else"
                }
            }
        }
    }
}
