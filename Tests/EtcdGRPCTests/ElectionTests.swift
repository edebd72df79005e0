//  Elections of the Election service, over the gateway of a lone member; compared with etcd 3.5.1.

import EtcdProto
import EtcdServer
import LoneMember
import Testing

@testable import EtcdGRPC

extension RecipeFixture {
    func campaign(_ lease: Int64, _ value: String) -> RecordingResponder {
        gateway.post(
            "/v3/election/campaign",
            "{\"name\":\"ZQ==\",\"lease\":\"\(lease)\",\"value\":\(RecipeFixture.base64(value))}")
    }

    static func leader(_ lease: Int64, _ revision: Int64) -> String {
        "\"leader\":{\"name\":\"ZQ==\",\"key\":\(base64("e/" + String(lease, radix: 16))),"
            + "\"rev\":\"\(revision)\",\"lease\":\"\(lease)\"}"
    }
}

@Suite struct ElectionTests {
    @Test("elects whoever comes first, and lets the leader change the value")
    func elects() throws {
        let fixture = try RecipeFixture(leases: [1_000])
        let first = fixture.campaign(1_000, "v1")
        #expect(first.body.hasSuffix("," + RecipeFixture.leader(1_000, 2) + "}"))
        let again = fixture.campaign(1_000, "v2")
        // The revision is that before the value was changed, as in etcd.
        #expect(again.body.contains("\"revision\":\"2\""))
        #expect(again.body.hasSuffix("," + RecipeFixture.leader(1_000, 2) + "}"))
        #expect(try fixture.contents() == ["e/3e8=v2"])
        let leader = fixture.gateway.post("/v3/election/leader", "{\"name\":\"ZQ==\"}")
        #expect(
            leader.body.hasSuffix(
                ",\"kv\":{\"key\":\"ZS8zZTg=\",\"create_revision\":\"2\",\"mod_revision\":\"3\","
                    + "\"version\":\"2\",\"value\":\"djI=\",\"lease\":\"1000\"}}"))
    }

    @Test("lets candidates wait, and forgets those who go away")
    func letsWait() throws {
        let fixture = try RecipeFixture(leases: [1, 2, 3])
        _ = fixture.campaign(1, "a")
        let second = fixture.campaign(2, "b")
        let third = fixture.campaign(3, "c")
        #expect(second.status == nil)
        second.close()
        fixture.gateway.member.run()
        #expect(try fixture.contents() == ["e/1=a", "e/3=c"])
        let resign = fixture.gateway.post(
            "/v3/election/resign", "{\(RecipeFixture.leader(1, 2))}")
        #expect(resign.status == 200)
        #expect(third.body.hasSuffix("," + RecipeFixture.leader(3, 4) + "}"))
        #expect(fixture.gateway.member.openStreams == 0)
    }

    @Test("takes proclamations from the leader alone")
    func takesProclamations() throws {
        let fixture = try RecipeFixture(leases: [1])
        _ = fixture.campaign(1, "a")
        func proclaim(_ leader: String) -> RecordingResponder {
            fixture.gateway.post("/v3/election/proclaim", "{\(leader)\"value\":\"eA==\"}")
        }
        #expect(proclaim(RecipeFixture.leader(1, 2) + ",").status == 200)
        #expect(try fixture.contents() == ["e/1=x"])
        let wrong = proclaim(RecipeFixture.leader(1, 3) + ",")
        #expect(wrong.status == 500)
        #expect(wrong.body.contains("\"election: not leader\",\"code\":2"))
        let none = proclaim("")
        #expect(none.status == 500)
        #expect(none.body.contains("\"\\\"leader\\\" field must be provided\",\"code\":2"))
    }

    @Test("resigning without being leader changes nothing")
    func resignsInVain() throws {
        let fixture = try RecipeFixture(leases: [1])
        _ = fixture.campaign(1, "a")
        let wrong = fixture.gateway.post(
            "/v3/election/resign", "{\(RecipeFixture.leader(1, 9))}")
        #expect(wrong.status == 200)
        #expect(try fixture.contents() == ["e/1=a"])
        #expect(fixture.gateway.post("/v3/election/resign", "{}").status == 500)
    }

    @Test("tells observers of every change and of every new leader")
    func tellsObservers() throws {
        let fixture = try RecipeFixture(leases: [1, 2])
        let observer = fixture.gateway.post("/v3/election/observe", "{\"name\":\"ZQ==\"}")
        #expect(observer.status == nil)
        func seen() -> [String] {
            observer.body.split(separator: "\n").map { line in
                let value = line.split(separator: "\"value\":").last ?? ""
                return String(value.prefix { $0 != "," })
            }
        }
        _ = fixture.campaign(1, "a")
        #expect(seen() == ["\"YQ==\""])
        _ = fixture.campaign(1, "b")
        let second = fixture.campaign(2, "c")
        #expect(seen() == ["\"YQ==\"", "\"Yg==\""])
        observer.isWritable = false
        fixture.gateway.post("/v3/election/resign", "{\(RecipeFixture.leader(1, 2))}")
        #expect(second.status == 200)
        #expect(seen().count <= 3)
        for value in ["eA==", "eQ=="] {
            fixture.gateway.post(
                "/v3/election/proclaim",
                "{\(RecipeFixture.leader(2, 4)),\"value\":\"\(value)\"}")
        }
        #expect(seen().count <= 3)
        observer.becomeWritable()
        fixture.gateway.member.run()
        #expect(seen().last == "\"eQ==\"")
        observer.close()
        fixture.gateway.member.run()
        #expect(fixture.gateway.member.openStreams == 0)
    }
}
