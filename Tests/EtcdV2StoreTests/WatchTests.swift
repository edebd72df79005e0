//  Watches beyond what a recorded etcd shows (spec http-v2 4; testdata/watches.txt).

import EtcdV2Store
import RuntimeCore
import Testing

@Suite("Watches")
struct WatchTests {
    @Test("a stream from the past gets its backlog, then what comes")
    func stream() throws {
        let store = V2Store()
        for value in ["1", "2", "3"] { try store.put("/k", value) }
        try store.put("/other", "x")
        let start = try store.watch(Bytes("/1/k"), recursive: false, stream: true, since: 2)
        guard case .waiting(let id, let backlog) = start else { throw NotWaiting() }
        #expect(backlog.map(\.node.modifiedIndex) == [2, 3])
        #expect(backlog.allSatisfy { $0.storeIndex == 4 })
        try store.put("/k", "4")
        let deliveries = store.takeDeliveries()
        #expect(deliveries.map(\.watch) == [id])
        #expect(deliveries.map(\.event?.node.value) == [Bytes("4")])
        #expect(store.takeDeliveries().isEmpty)
    }

    @Test("events that are no longer kept")
    func outdated() throws {
        let store = V2Store()
        for number in 0..<1_005 { try store.put("/k", "\(number)") }
        let error = #expect(throws: V2Error.self) {
            try store.watch(Bytes("/1/k"), recursive: false, stream: true, since: 5)
        }
        #expect(error?.code == .eventIndexCleared)
        #expect(error?.cause == "the requested history has been cleared [6/5]")
        #expect(error?.index == 1_005)
        let start = try store.watch(Bytes("/1/k"), recursive: false, stream: false, since: 6)
        guard case .fired(let event) = start else { throw NotWaiting() }
        #expect(event.node.modifiedIndex == 6)
    }

    @Test("ended watches are silent; ending twice is harmless")
    func cancelling() throws {
        let store = V2Store()
        let first = try store.wait("/a/b", recursive: true)
        let second = try store.wait("/a", recursive: true)
        store.cancelWatch(first)
        store.cancelWatch(first)
        #expect(store.watcherCount == 1)
        try store.put("/a/b/c", "1")
        #expect(store.takeDeliveries().map(\.watch) == [second])
        store.cancelWatch(second)
        #expect(store.watcherCount == 0)
    }

    @Test("deliveries come in the order of events, then of watches")
    func order() throws {
        let store = V2Store()
        var ids: [V2WatchID] = []
        for key in ["/", "/a", "/a/b", "/a", "/a/b"] {
            ids.append(try store.wait(key, recursive: true, stream: true))
        }
        try store.put("/a/b", "1")
        try store.remove("/a")
        let deliveries = store.takeDeliveries()
        #expect(deliveries.map(\.watch) == ids + ids)
        #expect(deliveries.map(\.event?.node.modifiedIndex) == [1, 1, 1, 1, 1, 2, 2, 2, 2, 2])
    }

    @Test("history shows hidden keys also to those who watch above them, as in etcd")
    func hiddenHistory() throws {
        let store = V2Store()
        try store.put("/a/_h/x", "1")
        for (key, sees) in [("/", true), ("/a", true), ("/a/_h", true), ("/b", false)] {
            let start = try store.watch(
                Bytes("/1" + key), recursive: true, stream: true, since: 1)
            guard case .waiting(_, let backlog) = start else { throw NotWaiting() }
            #expect(backlog.isEmpty == !sees, "\(key)")
        }
    }

    @Test("watching what can never exist does no harm")
    func tooDeep() throws {
        let store = V2Store()
        let id = try store.wait(String(repeating: "/a", count: 200_000), recursive: true)
        #expect(store.watcherCount == 1)
        try store.put("/a/a", "1")
        #expect(store.takeDeliveries().isEmpty)
        store.cancelWatch(id)
        #expect(store.watcherCount == 0)
    }

    @Test("statistics tell how many watch")
    func statistics() throws {
        let store = V2Store()
        _ = try store.wait("/a")
        _ = try? store.read("/none")
        _ = try store.read("/")
        try store.put("/a/b", "1")
        _ = try store.wait("/a")
        var bytes: [UInt8] = []
        store.writeStatisticsJSON(into: &bytes)
        #expect(
            String(decoding: bytes, as: UTF8.self)
                == #"{"getsSuccess":1,"getsFail":1,"setsSuccess":1,"setsFail":0,"#
                + #""deleteSuccess":0,"deleteFail":0,"updateSuccess":0,"updateFail":0,"#
                + #""createSuccess":0,"createFail":0,"compareAndSwapSuccess":0,"#
                + #""compareAndSwapFail":0,"compareAndDeleteSuccess":0,"#
                + #""compareAndDeleteFail":0,"expireCount":0,"watchers":2}"#)
    }
}
