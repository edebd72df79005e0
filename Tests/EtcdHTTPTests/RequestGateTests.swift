//  The gate in front of a client listener, as far as certificates are concerned.

import EtcdNet
import NIOHTTP1
import Testing

@testable import EtcdHTTP

@Suite("Users known by certificate at the gate")
struct RequestGateTests {
    private func isTurnedAway(_ target: String, _ name: String?, knowsUsers: Bool = true) -> Bool {
        let gate = RequestGate(hosts: [], origins: [], gatewayKnowsUsers: { knowsUsers })
        let head = EtcdNet.HTTPRequestHead(
            method: "POST", target: target, headers: [:], version: .http11,
            connection: ConnectionFacts(
                remoteAddress: "127.0.0.1:1", localAddress: "127.0.0.1:2", isTLS: name != nil,
                commonName: name))
        if case .namedUser = gate.check(head) { return true }
        return false
    }

    @Test("do not come through the gateway while users are told apart")
    func gateway() {
        #expect(isTurnedAway("/v3/kv/range", "alice") && isTurnedAway("/v3beta/kv/range", "alice"))
        #expect(!isTurnedAway("/v3/kv/range", "alice", knowsUsers: false))
        #expect(!isTurnedAway("/v3/kv/range", "") && !isTurnedAway("/v3/kv/range", nil))
        #expect(!isTurnedAway("/v2/keys/a", "alice") && !isTurnedAway("/v3alpha/x", "alice"))
    }
}
