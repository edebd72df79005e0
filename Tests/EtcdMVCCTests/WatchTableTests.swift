//  Each line of the table of spec grpc-v3 7 as a case.

import EtcdMVCC
import EtcdProto
import RuntimeCore
import Testing

/// What a client asks for after the history `a=1#2 b=1#3 a=2#4 -b#5`, compacted at 3, and what it
/// gets at once and with the following writes `a=3#6` and `-a b=2#7`.
struct WatchCase: Sendable, CustomTestStringConvertible {
    let name: String
    let request: WatchCreateRequest
    let expected: [String]

    init(_ name: String, _ request: WatchCreateRequest, _ expected: [String]) {
        self.name = name
        self.request = request
        self.expected = expected
    }

    var testDescription: String { name }
}

private let refusedAsCompacted =
    "created+cancelled -1 @5 (etcdserver: mvcc: required revision has been compacted)"
private let refusedAsEmpty = "created+cancelled -1 @5 (mvcc: watcher range is empty)"

private let cases: [WatchCase] = [
    WatchCase(
        "a key from now on", .init("a"),
        ["created 0 @5", "events 0 @6: a=3#6", "events 0 @7: -a#7"]),
    WatchCase(
        "an id of the client's choice", .init("a", id: 9),
        ["created 9 @5", "events 9 @6: a=3#6", "events 9 @7: -a#7"]),
    WatchCase(
        "a range, its end excluded", .init("a", to: "b"),
        ["created 0 @5", "events 0 @6: a=3#6", "events 0 @7: -a#7"]),
    WatchCase(
        "all keys from one on", .init("b", to: "\0"),
        ["created 0 @5", "events 0 @7: b=2#7"]),
    WatchCase(
        "everything, events of one revision together", .init("\0", to: "\0"),
        ["created 0 @5", "events 0 @6: a=3#6", "events 0 @7: -a#7, b=2#7"]),
    WatchCase(
        "no key means the smallest one", .init("", to: "\0"),
        ["created 0 @5", "events 0 @6: a=3#6", "events 0 @7: -a#7, b=2#7"]),
    WatchCase("no key and no end", .init(""), ["created 0 @5"]),
    WatchCase("a range that ends where it starts", .init("a", to: "a"), [refusedAsEmpty]),
    WatchCase("a range that ends before its start", .init("b", to: "a"), [refusedAsEmpty]),
    WatchCase("a negative start", .init("a", from: -1), [refusedAsCompacted]),
    WatchCase(
        "a negative start is looked at first",
        .init("a", to: "a", from: -1), [refusedAsCompacted]),
    WatchCase(
        "a start that is compacted", .init("a", from: 2),
        ["created 0 @5", "cancelled 0 @0 compacted=3"]),
    WatchCase(
        "the compacted revision itself is still there",
        .init("a", to: "c", from: 3),
        [
            "created 0 @5", "events 0 @5: b=1#3, a=2#4, -b#5", "events 0 @6: a=3#6",
            "events 0 @7: -a#7, b=2#7",
        ]),
    WatchCase(
        "from the present revision", .init("b", from: 5),
        ["created 0 @5", "events 0 @5: -b#5", "events 0 @7: b=2#7"]),
    WatchCase(
        "the revision that comes next", .init("a", from: 6),
        ["created 0 @5", "events 0 @6: a=3#6", "events 0 @7: -a#7"]),
    WatchCase(
        "a future revision", .init("a", from: 7),
        ["created 0 @5", "events 0 @7: -a#7"]),
    WatchCase(
        "without puts", .init("a", to: "c", from: 3, filters: [.noput]),
        ["created 0 @5", "events 0 @5: -b#5", "events 0 @7: -a#7"]),
    WatchCase(
        "without deletions", .init("a", to: "c", filters: [.nodelete]),
        ["created 0 @5", "events 0 @6: a=3#6", "events 0 @7: b=2#7"]),
    WatchCase(
        "without either nothing comes",
        .init("a", to: "c", from: 3, filters: [.nodelete, .noput]),
        ["created 0 @5"]),
    WatchCase(
        "previous values where there were some and they can be read",
        .init("a", to: "c", from: 3, prevKV: true),
        [
            "created 0 @5", "events 0 @5: b=1#3, a=2#4<1#2, -b#5<1#3",
            "events 0 @6: a=3#6<2#4", "events 0 @7: -a#7<3#6, b=2#7",
        ]),
    WatchCase(
        "the wish for fragments travels along", .init("b", fragment: true),
        ["created 0 @5", "events 0 @7 in fragments: b=2#7"]),
]

@Suite("Watch: the table")
struct WatchTableTests {
    @Test("each request is answered as the table says", arguments: cases)
    func table(_ each: WatchCase) {
        let fixture = Self.afterHistory()
        fixture.open(1)
        fixture.create(1, each.request)
        fixture.settle()
        fixture.put("a", "3")
        fixture.write([(Bytes("a"), nil), (Bytes("b"), Bytes("2"))])
        fixture.settle()
        #expect(fixture.lines(1) == each.expected)
    }

    private static func afterHistory() -> WatchFixture {
        let fixture = WatchFixture()
        fixture.put("a", "1")
        fixture.put("b", "1")
        fixture.put("a", "2")
        fixture.delete("b")
        fixture.history.compact(at: 3)
        return fixture
    }

    @Test("the server's ids count up from 0 past those in use and never repeat")
    func ids() {
        let fixture = WatchFixture()
        fixture.open(1)
        for id: Int64 in [0, 1, 0, 0, 5, 5, -7] {
            fixture.create(1, WatchCreateRequest("a", id: id))
        }
        fixture.hub.cancel(1, 3)
        fixture.create(1, WatchCreateRequest("a"))
        fixture.create(1, WatchCreateRequest("a", id: 3))
        fixture.create(1, WatchCreateRequest("a"))
        #expect(
            fixture.lines(1) == [
                "created 0 @1", "created 1 @1", "created 2 @1", "created 3 @1", "created 5 @1",
                "created+cancelled -1 @1 "
                    + "(mvcc: duplicate watch ID provided on the WatchStream)",
                "created -7 @1", "cancelled 3 @1", "created 4 @1", "created 3 @1", "created 6 @1",
            ])
    }

    @Test("ids are the stream's own")
    func streamsApart() {
        let fixture = WatchFixture()
        for stream: UInt64 in [1, 2] {
            fixture.open(stream)
            fixture.create(stream, WatchCreateRequest("a"))
        }
        fixture.hub.cancel(1, 0)
        fixture.put("a")
        #expect(fixture.lines(1) == ["created 0 @1", "cancelled 0 @1"])
        #expect(fixture.lines(2) == ["created 0 @1", "events 0 @2: a=#2"])
    }

    @Test("cancelling what is not there has no answer")
    func unknown() {
        let fixture = WatchFixture()
        fixture.open(1)
        fixture.hub.cancel(1, 0)
        fixture.hub.cancel(2, 0)
        fixture.create(2, WatchCreateRequest("a"))
        fixture.hub.requestProgress(2)
        fixture.hub.drained(2)
        fixture.hub.close(2)
        #expect(fixture.lines(1) == [])
        #expect(fixture.hub.takeDirty() == [])
    }

    @Test("a stream without watches knows everything, and hears so when it asks")
    func progressOfNothing() {
        let fixture = WatchFixture()
        fixture.open(1)
        fixture.hub.requestProgress(1)
        #expect(fixture.lines(1).count == 1)
    }

    @Test("what others refuse is answered in order")
    func refusals() {
        let fixture = WatchFixture()
        fixture.open(1)
        fixture.create(1, WatchCreateRequest("a"))
        fixture.hub.refuse(1, reason: "no")
        fixture.create(1, WatchCreateRequest("a"))
        #expect(
            fixture.lines(1) == ["created 0 @1", "created+cancelled -1 @1 (no)", "created 1 @1"])
    }

    @Test("the end of all streams is the last word on each")
    func end() {
        let fixture = WatchFixture()
        for stream: UInt64 in [2, 1, 3] {
            fixture.open(stream)
            fixture.create(stream, WatchCreateRequest("a"))
        }
        fixture.close(3)
        _ = fixture.hub.takeDirty()
        fixture.hub.endAll()
        fixture.put("a")
        fixture.hub.run(now: at(0))
        #expect(fixture.hub.takeDirty() == [1, 2])
        #expect(fixture.lines(1) == ["created 0 @1", "ended"])
        #expect(fixture.lines(2) == ["created 0 @1", "ended"])
        #expect(
            fixture.hub.counts.text
                == "0 streams, 0 watchers, 0 slow, 0 events sent, 0 pending")
    }

    @Test("streams that got something are named once, in order")
    func dirty() {
        let fixture = WatchFixture()
        for stream: UInt64 in [3, 1, 2] {
            fixture.open(stream)
            fixture.create(stream, WatchCreateRequest(stream == 2 ? "b" : "a"))
        }
        #expect(fixture.hub.takeDirty() == [3, 1, 2])
        fixture.put("a")
        fixture.put("a")
        #expect(fixture.hub.takeDirty() == [3, 1])
        #expect(fixture.hub.takeDirty() == [])
        fixture.put("b")
        fixture.close(2)
        #expect(fixture.hub.takeDirty() == [])
    }

    @Test("counts follow what happens")
    func counts() {
        var settings = WatchHub.Settings()
        settings.outboxDeliveriesMax = 1
        let fixture = WatchFixture(settings)
        fixture.open(1)
        fixture.open(2)
        fixture.create(1, WatchCreateRequest("a"))
        fixture.create(1, WatchCreateRequest("a", to: "b"))
        // Three deliveries fit beside each other: one, and one for each watcher.
        fixture.put("a")
        fixture.put("a")
        #expect(
            fixture.hub.counts.text
                == "2 streams, 2 watchers, 2 slow, 1 events sent, 1 pending")
        #expect(fixture.lines(1).count == 3)
        fixture.settle()
        #expect(
            fixture.hub.counts.text
                == "2 streams, 2 watchers, 0 slow, 4 events sent, 3 pending")
        fixture.close(1)
        #expect(
            fixture.hub.counts.text
                == "1 streams, 0 watchers, 0 slow, 4 events sent, 0 pending")
    }
}
