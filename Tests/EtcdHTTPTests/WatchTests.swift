//  Long polls and streams (spec http-v2 section 4).

import EtcdEdge
import EtcdServer
import EtcdV2Store
import NIOCore
import NIOEmbedded
import RuntimeCore
import Testing

import struct NIOHTTP1.HTTPHeaders

@testable import EtcdHTTP

/// The address of the only waiter of a fresh fixture.
private let firstToken: UInt64 = 0

private func event(_ index: UInt64) -> V2Event {
    V2Event(
        action: .set, node: node("/a", "x", modified: index, created: index), storeIndex: index)
}

private func body(_ index: UInt64) -> String {
    """
    {"action":"set","node":{"key":"/a","value":"x",\
    "modifiedIndex":\(index),"createdIndex":\(index)}}

    """
}

extension Fixture {
    fileprivate func deliver(_ replies: Reply...) {
        edges.all[0].deliver(replies.map { EdgeReply(token: firstToken, reply: $0) })
        loop.run()
    }
}

@Suite struct WatchTests {
    @Test func beginsAtOnceAndEndsWithTheFirstEvent() {
        let fixture = Fixture()
        let response = fixture.send("GET", "/v2/keys/a?wait=true")
        #expect(response.status == 200)
        #expect(response.headers.first(name: "X-Etcd-Index") == "0")
        #expect(response.headers.first(name: "X-Raft-Index") == "5")
        #expect(!response.isFinished)
        #expect(fixture.keyspace.watcherCount == 1)
        fixture.deliver(.v2Watch(event(4)), .v2Watch(event(5)))
        #expect(response.parts == [body(4)])
        #expect(response.isFinished)
        #expect(fixture.edges.all[0].waiterCount == 0)
    }

    @Test func streamsManyEvents() {
        let fixture = Fixture()
        let response = fixture.send("GET", "/v2/keys/a?wait=true&stream=true")
        fixture.deliver(.v2Watch(event(4)))
        fixture.deliver(.v2Watch(event(5)))
        #expect(response.parts == [body(4), body(5)])
        #expect(!response.isFinished)
        fixture.deliver(.v2WatchEnded)
        #expect(response.isFinished)
        #expect(fixture.keyspace.watcherCount == 0)
    }

    @Test func endsWhenTheClientLeaves() {
        let fixture = Fixture()
        let response = fixture.send("GET", "/v2/keys/a?wait=true&recursive=true")
        response.close()
        #expect(fixture.keyspace.watcherCount == 0)
        #expect(fixture.edges.all[0].waiterCount == 0)
        fixture.deliver(.v2Watch(event(4)))
        #expect(response.parts.isEmpty)
    }

    @Test(arguments: ["?wait=true", "?wait=true&stream=true"])
    func endsAtOnceForAClientThatIsGone(query: String) {
        let fixture = Fixture()
        let response = fixture.send("GET", "/v2/keys/a" + query, leavesAtStart: true)
        #expect(response.status == 200)
        #expect(fixture.keyspace.watcherCount == 0)
        #expect(fixture.edges.all[0].waiterCount == 0)
    }

    @Test func holdsBackForASlowClient() {
        let fixture = Fixture()
        let response = fixture.send("GET", "/v2/keys/a?wait=true&stream=true")
        response.isWritable = false
        for index in 1...UInt64(Limits.v2StreamBacklogMax) {
            fixture.deliver(.v2Watch(event(index)))
        }
        #expect(response.parts.isEmpty)
        response.isWritable = true
        response.onWritable?()
        #expect(response.parts.count == Limits.v2StreamBacklogMax)
        #expect(response.parts.first == body(1))
        #expect(!response.isFinished)
    }

    @Test func cutsOffAClientThatIsTooSlow() {
        let fixture = Fixture()
        let response = fixture.send("GET", "/v2/keys/a?wait=true&stream=true")
        response.isWritable = false
        for index in 0...UInt64(Limits.v2StreamBacklogMax) {
            fixture.deliver(.v2Watch(event(index)))
        }
        #expect(response.isFinished)
        #expect(fixture.keyspace.watcherCount == 0)
    }

    @Test func waitsWithoutLimit() {
        let fixture = Fixture()
        let response = fixture.send("GET", "/v2/keys/a?wait=true")
        fixture.loop.advanceTime(by: .hours(24))
        #expect(!response.isFinished)
    }
}
