//  One member of three goes on alone, with all it has.

import EtcdMembership
import EtcdProto
import EtcdServer
import EtcdWAL
import Raft
import RuntimeCore
import RuntimePosix
import Testing

@testable import EtcdTools

@Suite struct QuorumRecoveryTests {
    private let place: ToolDirectory
    private let local = ToolDirectory.local.id

    init() throws { place = try ToolDirectory() }

    private func changes(after index: UInt64) throws -> [ConfChange] {
        let opened = try Bootstrap.open(place.data, in: place.files)
        defer { opened.wal.close() }
        #expect(opened.hardState.commit == opened.entries.last?.index)
        return try opened.entries.filter { $0.index.rawValue > index }
            .map { try ConfChange(decoding: $0.data) }
    }

    @Test("Every entry of the log stays and counts as committed; the others are removed")
    func keepsAll() throws {
        try place.makeMember(entries: 10, commit: 8)
        try place.makeDatabase(place.data.database, keys: 1, applied: 7)
        let lines = try QuorumRecovery(directory: place.data, peerURLs: nil).run()
        let changes = try changes(after: 13)
        #expect(changes.map(\.kind) == [.removeNode, .removeNode])
        #expect(changes.map(\.node) == ToolDirectory.founders.dropFirst().map(\.id))
        #expect(lines.contains { $0.contains("5 of them, after 8") })
        #expect(lines.contains("member \(local) is the only member of its cluster"))
        #expect(try DirectorySurvey(place.data).findings.isEmpty)
    }

    @Test("etcd's way drops what is not known to be committed")
    func dropsUncommitted() throws {
        try place.makeMember(entries: 10, commit: 8)
        var opened = try Bootstrap.open(place.data, in: place.files)
        let result = try Bootstrap.forceNewCluster(&opened, applied: 9, peerURLs: [])
        opened.wal.close()
        #expect(result.uncommitted == 4)
        #expect(result.last == 11)
        #expect(try changes(after: 9).map(\.kind) == [.removeNode, .removeNode])
    }

    @Test("A log that ends before what the database holds is left as it is")
    func databaseAhead() throws {
        try place.makeMember(entries: 10, commit: 8)
        var opened = try Bootstrap.open(place.data, in: place.files)
        let error = #expect(throws: BootstrapError.self) {
            try Bootstrap.forceNewCluster(&opened, applied: 15, peerURLs: [])
        }
        opened.wal.close()
        #expect(error?.description.contains("up to 15, but the log ends at 13") == true)
        let again = try Bootstrap.open(place.data, in: place.files)
        defer { again.wal.close() }
        #expect(again.entries.last?.index == 13)
    }

    @Test("A second time changes nothing")
    func again() throws {
        try place.makeMember(entries: 10, commit: 8)
        try place.makeDatabase(place.data.database, keys: 1)
        _ = try QuorumRecovery(directory: place.data, peerURLs: nil).run()
        let lines = try QuorumRecovery(directory: place.data, peerURLs: nil).run()
        #expect(!lines.contains { $0.hasPrefix("removed member") })
        #expect(try changes(after: 15).isEmpty)
    }

    @Test("New peer URLs are recorded for the member that stays")
    func moves() throws {
        try place.makeMember(entries: 3, commit: 6)
        try place.makeDatabase(place.data.database, keys: 1)
        _ = try QuorumRecovery(directory: place.data, peerURLs: ["http://127.0.0.1:9"]).run()
        let last = try #require(try changes(after: 6).last)
        #expect(last.kind == .updateNode)
        #expect(last.node == local)
        #expect(try Member(json: last.context).peerURLs == ["http://127.0.0.1:9"])
    }

    @Test("A learner becomes a voter: a cluster without one could do nothing")
    func learner() throws {
        try place.makeMember(
            entries: 6, commit: 9,
            changes: [
                5: ConfChange(id: 1, kind: .removeNode, node: local),
                6: ConfChange(
                    id: 2, kind: .addLearnerNode, node: local,
                    context: Bytes(ToolDirectory.local.json())),
            ])
        try place.makeDatabase(place.data.database, keys: 1)
        let lines = try QuorumRecovery(directory: place.data, peerURLs: nil).run()
        let last = try #require(try changes(after: 9).last)
        #expect(last.kind == .addNode)
        #expect(try ConfChangeContext(json: last.context).isPromotion)
        #expect(lines.contains("member \(local) was a learner and votes now"))
    }

    @Test("Members added by the log are removed, members removed by it are left alone")
    func followsChanges() throws {
        let added = Member(id: MemberID(0xADD), peerURLs: ["http://127.0.0.1:77"])
        let gone = ToolDirectory.founders[1].id
        try place.makeMember(
            entries: 6, commit: 4,
            changes: [
                5: ConfChange(
                    id: 1, kind: .addNode, node: added.id, context: Bytes(added.json())),
                6: ConfChange(id: 2, kind: .removeNode, node: gone),
            ])
        try place.makeDatabase(place.data.database, keys: 1)
        _ = try QuorumRecovery(directory: place.data, peerURLs: nil).run()
        #expect(
            try Set(changes(after: 9).map(\.node)) == [added.id, ToolDirectory.founders[2].id])
    }

    @Test("A member that was removed is told what to do instead")
    func removed() throws {
        try place.makeMember(
            entries: 3, commit: 6,
            changes: [5: ConfChange(id: 1, kind: .removeNode, node: local)])
        try place.makeDatabase(place.data.database, keys: 1)
        let error = #expect(throws: ToolError.self) {
            try QuorumRecovery(directory: place.data, peerURLs: nil).run()
        }
        #expect(error?.message.contains("was removed from its cluster") == true)
    }

    @Test("A removal that was perhaps never committed can be dropped in etcd's way")
    func perhapsRemoved() throws {
        try place.makeMember(
            entries: 3, commit: 4,
            changes: [5: ConfChange(id: 1, kind: .removeNode, node: local)])
        try place.makeDatabase(place.data.database, keys: 1)
        let error = #expect(throws: ToolError.self) {
            try QuorumRecovery(directory: place.data, peerURLs: nil).run()
        }
        #expect(error?.message.contains("entry 5 removes member \(local)") == true)
        #expect(error?.message.contains("--force-new-cluster") == true)
        #expect(try DirectorySurvey(place.data).log?.lastIndex == 6)
    }

    @Test("A damaged directory is left as it is")
    func damaged() throws {
        try place.makeMember(entries: 40, commit: 43)
        try place.makeDatabase(place.data.database, keys: 1)
        let segment = try place.segments()[1]
        try place.damage(segment, at: 2000)
        let before = try place.bytes(segment)
        let error = #expect(throws: ToolError.self) {
            try QuorumRecovery(directory: place.data, peerURLs: nil).run()
        }
        #expect(error?.message.contains("damaged: \(segment)") == true)
        #expect(error?.message.contains("Nothing was changed") == true)
        #expect(try place.bytes(segment) == before)
    }
}
