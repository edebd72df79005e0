//  Ids against known answers, the rules of change as tables, version agreement.

import EtcdMembership
import Raft
import RuntimeCore
import Testing

@Suite("Identity")
struct IdentityTests {
    @Test(
        "member ids follow from address and token",
        arguments: [
            ("http://localhost:2380", 0x8e9e_05c5_2164_694d),
            ("http://192.168.7.168:2380", 0x1a66_1f2b_9997_ba39),
            ("http://192.167.0.168:2380", 0x43a1_2a00_4e5d_b5da),
            ("http://192.167.0.170:2480", 0x6d0a_bb56_999e_c8a6),
            ("http://192.167.0.172:2580", 0xbe0b_d15a_5e2c_8f47),
        ] as [(String, UInt64)])
    func memberID(_ url: String, _ id: UInt64) {
        let member = Member(name: "x", peerURLs: [url], token: "etcd-cluster", addedAt: nil)
        #expect(member.id == MemberID(id))
    }

    @Test("cluster ids follow from the first members, in any order")
    func cluster() {
        #expect(clusterID(of: [0x8e9e_05c5_2164_694d]) == 0xcdf8_1819_4e3a_8c32)
        let three: [MemberID] = [
            0xbe0b_d15a_5e2c_8f47, 0x43a1_2a00_4e5d_b5da, 0x6d0a_bb56_999e_c8a6,
        ]
        #expect(clusterID(of: three) == 0x496a_c22d_c550_e3cd)
    }

    @Test("the time of an addition makes another id for the same address")
    func addedLater() {
        let urls = ["http://10.0.0.1:2380"]
        let first = Member(
            name: "", peerURLs: urls, token: "", addedAt: WallTime(unixNanoseconds: 1_000_000_000))
        let second = Member(
            name: "", peerURLs: urls, token: "", addedAt: WallTime(unixNanoseconds: 2_000_000_000))
        #expect(first.id != second.id)
    }
}

@Suite("Rules of change")
struct ClusterTests {
    private let cluster = Cluster(
        members: [
            Member(id: 1, peerURLs: ["http://a:1"], name: "a"),
            Member(id: 2, peerURLs: ["http://b:1"], isLearner: true),
        ], removed: [9])

    private func refusal(_ change: ConfChange, urls: [String] = [], promotes: Bool = false)
        -> MembershipRefusal?
    {
        let list = urls.map { "\"\($0)\"" }.joined(separator: ",")
        let json =
            "{\"id\":\(change.node.rawValue),\"peerURLs\":[\(list)],\"isPromote\":\(promotes)}"
        do throws(MembershipRefusal) {
            let context = try? ConfChangeContext(json: Bytes(json))
            try cluster.validate(change, context: context, maxLearners: 1)
            return nil
        } catch {
            return error
        }
    }

    @Test("every refusal, and what is allowed")
    func table() {
        func change(_ kind: ConfChange.Kind, _ node: MemberID) -> ConfChange {
            ConfChange(id: 0, kind: kind, node: node)
        }
        #expect(refusal(change(.addNode, 3), urls: ["http://c:1"]) == nil)
        #expect(refusal(change(.addNode, 9), urls: ["http://c:1"]) == .removed(9))
        #expect(refusal(change(.addNode, 1), urls: ["http://c:1"]) == .exists(1))
        #expect(refusal(change(.addNode, 3), urls: ["http://a:1"]) == .peerURLExists)
        #expect(refusal(change(.addLearnerNode, 3), urls: ["http://c:1"]) == .tooManyLearners)
        #expect(refusal(change(.addNode, 2), promotes: true) == nil)
        #expect(refusal(change(.addNode, 1), promotes: true) == .notLearner(1))
        #expect(refusal(change(.addNode, 3), promotes: true) == .unknown(3))
        #expect(refusal(change(.removeNode, 1)) == nil)
        #expect(refusal(change(.removeNode, 3)) == .unknown(3))
        #expect(refusal(change(.removeNode, 9)) == .removed(9))
        #expect(refusal(change(.updateNode, 1), urls: ["http://a:1"]) == nil)
        #expect(refusal(change(.updateNode, 1), urls: ["http://b:1"]) == .peerURLExists)
        #expect(refusal(change(.updateNode, 3), urls: ["http://c:1"]) == .unknown(3))
    }

    @Test("member JSON reads back, with and without what may be left out")
    func json() throws {
        let full = Member(
            id: 0xFFFF_FFFF_FFFF_FFFE, peerURLs: ["http://a:1", "http://b:1"], isLearner: true,
            name: "n\"1", clientURLs: ["http://c:1"])
        #expect(
            Bytes(full.json()).text
                == #"{"id":18446744073709551614,"peerURLs":["http://a:1","http://b:1"],"#
                + #""isLearner":true,"name":"n\"1","clientURLs":["http://c:1"]}"#)
        #expect(try Member(json: Bytes(full.json())) == full)
        let bare = Member(id: 1, peerURLs: ["http://a:1"])
        #expect(Bytes(bare.json()).text == #"{"id":1,"peerURLs":["http://a:1"]}"#)
        #expect(try parseMemberList(Bytes(memberListJSON([bare, full]))) == [bare, full])
        #expect(throws: MemberFormatError.self) { try Member(json: Bytes("{}")) }
        #expect(throws: MemberFormatError.self) { try Member(json: Bytes("nonsense")) }
    }

    @Test("a joiner's settings must name the members that run")
    func formation() throws {
        let configured = ClusterFormation.initialMembers(
            [("x", "http://b:1"), ("y", "http://a:1")], token: "t")
        let running = [
            Member(id: 5, peerURLs: ["http://a:1"], name: "a"),
            Member(id: 6, peerURLs: ["http://b:1"]),
        ]
        let matched = try ClusterFormation.match(configured: configured, running: running)
        #expect(matched.map(\.name) == ["y", "x"])
        #expect(matched.map(\.id) == [5, 6])
        #expect(throws: FormationError.self) {
            try ClusterFormation.match(configured: configured, running: [running[0]])
        }
        let moved = [running[0], Member(id: 6, peerURLs: ["http://elsewhere:1"])]
        #expect(throws: FormationError.self) {
            try ClusterFormation.match(configured: configured, running: moved)
        }
    }
}

@Suite("Cluster version")
struct VersionTests {
    private func versions(_ texts: [String?]) -> [SemanticVersion?] {
        texts.map { $0.flatMap { SemanticVersion($0) } }
    }

    private func proposed(_ current: String?, _ servers: [String?], target: String? = nil)
        -> String?
    {
        Cluster(version: current).versionToPropose(
            servers: versions(servers), downgradeTarget: target.flatMap { SemanticVersion($0) })?
            .description
    }

    @Test("the least version, only upwards, 3.0 while somebody is silent")
    func table() {
        #expect(proposed(nil, ["3.5.33", "3.4.23"]) == "3.4.0")
        #expect(proposed(nil, ["3.5.33", nil]) == "3.0.0")
        #expect(proposed("3.0.0", ["3.5.33", nil]) == nil)
        #expect(proposed("3.4.0", ["3.5.33", "3.5.1"]) == "3.5.0")
        #expect(proposed("3.5.0", ["3.5.33", "3.4.23"]) == nil)
    }

    @Test("downwards only to the target of a downgrade, one minor below, when everybody answers")
    func downgrade() {
        let mixed: [String?] = ["3.5.33", "3.4.23"]
        #expect(proposed("3.5.0", mixed, target: "3.4.0") == "3.4.0")
        #expect(proposed("3.5.0", mixed + [nil], target: "3.4.0") == nil)
        #expect(proposed("3.5.0", ["3.5.33", "3.5.1"], target: "3.4.0") == nil)
        #expect(proposed("3.5.0", ["3.5.33", "3.3.27"], target: "3.4.0") == nil)
        #expect(proposed("3.5.0", ["3.5.33", "3.3.27"], target: "3.3.0") == nil)
        #expect(proposed("3.5.0", mixed, target: "3.3.0") == nil)
        #expect(proposed("4.5.0", mixed, target: "3.4.0") == nil)
        #expect(proposed("3.4.0", mixed, target: "3.4.0") == nil)
        // Whoever goes back to the old release before the end gives it up.
        #expect(proposed("3.4.0", ["3.5.33", "3.5.1"], target: "3.4.0") == "3.5.0")
    }

    @Test("a downgrade has ended when all members have its target for the cluster's version")
    func downgradeEnds() {
        let target = SemanticVersion(major: 3, minor: 4)
        #expect(target.isAgreed(by: versions(["3.4.0", "3.4.0", "3.4.0"])))
        #expect(!target.isAgreed(by: versions(["3.4.0", "3.5.0", "3.4.0"])))
        #expect(!target.isAgreed(by: versions(["3.4.0", nil, "3.4.0"])))
    }

    @Test("texts that are no versions", arguments: ["", "3", "3.5", "a.b.c", "3.5.x", "-1.0.0"])
    func notVersions(_ text: String) { #expect(SemanticVersion(text) == nil) }

    @Test("a suffix is ignored")
    func suffix() { #expect(SemanticVersion("3.5.0-rc.1+x")?.description == "3.5.0") }
}
