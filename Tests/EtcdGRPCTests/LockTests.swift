//  Locks of the Lock service, over the gateway of a lone member. Who waits, who gets the lock, and
//  what remains of those who give up was compared with etcd 3.5.1.

import EtcdEdge
import EtcdProto
import EtcdServer
import LoneMember
import Protobuf
import RuntimeCore
import Testing

@testable import EtcdGRPC

/// What recipes leave in the key space.
struct RecipeFixture {
    let gateway: GatewayFixture

    init(leases: [Int64]) throws {
        gateway = try GatewayFixture()
        for lease in leases {
            let grant = LeaseGrantRequest(ttl: 600, id: lease)
            _ = gateway.member.handler.leaseGrant(
                grant, context: CallContext(),
                address: ReplyAddress(edge: gateway.member.edges.all[0], token: .max))
        }
        gateway.member.run()
    }

    /// All keys and values.
    func contents() throws -> [String] {
        let all = RangeRequest(key: [0], rangeEnd: [0])
        return try gateway.member.handler.readRange(all, context: CallContext()).get().kvs.map {
            $0.value.isEmpty ? $0.key.text : "\($0.key.text)=\($0.value.text)"
        }
    }

    static func base64(_ text: String) -> String {
        var output: [UInt8] = []
        ProtobufJSON.writeBase64(Bytes(text), into: &output)
        return String(decoding: output, as: UTF8.self)
    }

    func lock(_ name: String, lease: Int64) -> RecordingResponder {
        gateway.post(
            "/v3/lock/lock",
            "{\"name\":\(RecipeFixture.base64(name)),\"lease\":\"\(lease)\"}")
    }

    func delete(_ key: String) {
        gateway.post("/v3/kv/deleterange", "{\"key\":\(RecipeFixture.base64(key))}")
    }

    func isOwned(_ responder: RecordingResponder, key: String) -> Bool {
        responder.body.hasSuffix(",\"key\":\(RecipeFixture.base64(key))}")
    }
}

@Suite struct LockTests {
    @Test("gives the lock to whoever comes first, and again to the same lease")
    func givesLock() throws {
        let fixture = try RecipeFixture(leases: [1_000])
        #expect(fixture.isOwned(fixture.lock("l1", lease: 1_000), key: "l1/3e8"))
        #expect(try fixture.contents() == ["l1/3e8"])
        #expect(fixture.isOwned(fixture.lock("l1", lease: 1_000), key: "l1/3e8"))
        #expect(fixture.gateway.member.revision == 2)
        #expect(fixture.gateway.member.openStreams == 0)
    }

    @Test("makes a lease for those who bring none")
    func makesLease() throws {
        let fixture = try RecipeFixture(leases: [])
        #expect(fixture.gateway.post("/v3/lock/lock", "{}").status == 200)
        let leases = fixture.gateway.member.handler.leaseLeases().leases.map(\.id)
        #expect(leases.count == 1)
        #expect(try fixture.contents() == ["/" + String(leases[0], radix: 16)])
    }

    @Test("lets the others wait in order")
    func letsWait() throws {
        let fixture = try RecipeFixture(leases: [1, 2, 3])
        _ = fixture.lock("l", lease: 1)
        let second = fixture.lock("l", lease: 2)
        let third = fixture.lock("l", lease: 3)
        #expect(second.status == nil)
        #expect(fixture.gateway.member.openStreams == 2)
        fixture.delete("l/1")
        #expect(fixture.isOwned(second, key: "l/2"))
        #expect(third.status == nil)
        // The owner's lease ends; its key with it.
        _ = fixture.gateway.member.handler.leaseRevoke(
            LeaseRevokeRequest(id: 2), context: CallContext(),
            address: ReplyAddress(edge: fixture.gateway.member.edges.all[0], token: .max))
        fixture.gateway.member.run()
        #expect(fixture.isOwned(third, key: "l/3"))
        #expect(fixture.gateway.member.openStreams == 0)
    }

    @Test("skips whoever gives up while waiting, and removes what is left of them")
    func skipsQuitters() throws {
        let fixture = try RecipeFixture(leases: [1, 2, 3])
        _ = fixture.lock("l", lease: 1)
        let second = fixture.lock("l", lease: 2)
        let third = fixture.lock("l", lease: 3)
        second.close()
        fixture.gateway.member.run()
        #expect(try fixture.contents() == ["l/1", "l/3"])
        #expect(third.status == nil)
        #expect(fixture.gateway.member.openStreams == 1)
        fixture.delete("l/1")
        #expect(fixture.isOwned(third, key: "l/3"))
    }

    @Test("tells whoever has lost the place while waiting")
    func tellsLoss() throws {
        let fixture = try RecipeFixture(leases: [1, 2])
        _ = fixture.lock("l", lease: 1)
        let second = fixture.lock("l", lease: 2)
        fixture.delete("l/2")
        #expect(second.status == nil)
        fixture.delete("l/1")
        #expect(second.status == 500)
        #expect(second.body.contains("\"mutex: session is expired\",\"code\":2"))
        #expect(try fixture.contents() == [])
    }

    @Test("refuses leases that do not exist, with the code that etcd has left of it")
    func refusesUnknownLease() throws {
        let fixture = try RecipeFixture(leases: [])
        let answer = fixture.lock("l", lease: 9)
        #expect(answer.status == 500)
        #expect(
            answer.body.hasPrefix(
                "{\"error\":\"etcdserver: requested lease not found\",\"code\":2,"))
    }

    @Test("unlocks")
    func unlocks() throws {
        let fixture = try RecipeFixture(leases: [1])
        _ = fixture.lock("l", lease: 1)
        let answer = fixture.gateway.post("/v3/lock/unlock", "{\"key\":\"bC8x\"}")
        #expect(answer.status == 200)
        #expect(try fixture.contents() == [])
        let none = fixture.gateway.post("/v3/lock/unlock", "{}")
        #expect(none.status == 500)
        #expect(none.body.contains("etcdserver: key is not provided"))
    }
}
