//  The saved form: etcd's own file goes through unchanged, broken ones are refused.

import EtcdV2Store
import Foundation
import RuntimeCore
import Testing

@Suite("Saved stores")
struct SavedStoreTests {
    /// Written by etcd 3.4 (testdata/record.py).
    static let sample: [UInt8] = {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("testdata/saved-store.json")
        return (try? Array(Data(contentsOf: file))) ?? []
    }()

    @Test("what etcd saved is what we save after reading it")
    func identity() throws {
        let store = V2Store()
        try store.recover(Bytes(Self.sample))
        // Bytes that are no UTF-8 are escaped when they are saved, but read as a character that
        // needs no escape: the second generation differs there, with etcd as with us.
        let expected = String(decoding: Self.sample, as: UTF8.self)
            .replacingOccurrences(of: "\\ufffd", with: "\u{FFFD}")
        #expect(String(decoding: store.save(), as: UTF8.self) == expected)
        #expect(expected.utf8.count > 10_000)
    }

    @Test("a recovered store goes on where the saved one stopped")
    func continuation() throws {
        let store = V2Store()
        try store.recover(Bytes(Self.sample))
        let index = store.currentIndex
        #expect(try store.read("/plain").node.value == Bytes("swapped"))
        #expect(try store.read("/empty").node.isDirectory)
        #expect(store.statistics.expireCount == 1)
        #expect(store.hasExpiringNodes)
        let event = try store.put("/plain", "next")
        #expect(event.node.modifiedIndex == index + 1)
        #expect(event.previous?.value == Bytes("swapped"))
        // The refreshed file goes first, then the directory with its content.
        store.deleteExpired(upTo: WallTime(unixNanoseconds: .max))
        #expect(store.currentIndex == index + 3)
        #expect(!store.hasExpiringNodes)
        #expect(throws: V2Error.self) { try store.read("/ttl/dir/inner") }
    }

    @Test("history is part of what is saved, refreshes stay silent in it")
    func history() throws {
        let store = V2Store()
        try store.recover(Bytes(Self.sample))
        let path = Bytes("/1/ttl/file")
        let first = try store.watch(path, recursive: false, stream: false, since: 1)
        guard case .fired(let event) = first else { throw NotWaiting() }
        #expect(event.action == .set)
        #expect(event.storeIndex == store.currentIndex)
        let after = event.node.modifiedIndex + 1
        let second = try store.watch(path, recursive: false, stream: false, since: after)
        guard case .waiting = second else { throw NotWaiting() }
    }

    @Test("a new store saves as etcd's does")
    func fresh() {
        let text = String(decoding: V2Store().save(), as: UTF8.self)
        let node = { (path: String, children: String) in
            "{\"Path\":\"\(path)\",\"CreatedIndex\":0,\"ModifiedIndex\":0,"
                + "\"ExpireTime\":\"0001-01-01T00:00:00Z\",\"Value\":\"\","
                + "\"Children\":{\(children)}}"
        }
        let children = "\"0\":" + node("/0", "") + ",\"1\":" + node("/1", "")
        #expect(text.hasPrefix("{\"Root\":" + node("/", children) + ",\"WatcherHub\":"))
        #expect(
            text.contains(
                "null],\"Size\":0,\"Front\":0,\"Back\":0,\"Capacity\":1000},"
                    + "\"StartIndex\":0,\"LastIndex\":0}},\"CurrentIndex\":0,\"Stats\":"))
        #expect(text.hasSuffix("\"watchers\":0},\"CurrentVersion\":2}"))
    }

    @Test("a wrapped history keeps its layout", arguments: [999, 1_000, 1_001, 2_345])
    func wrapped(changes: Int) throws {
        let store = V2Store()
        for number in 0..<changes { try store.put("/k\(number % 7)", "\(number)") }
        let saved = store.save()
        let text = String(decoding: saved, as: UTF8.self)
        let front = changes > 1_000 ? changes % 1_000 : 0
        #expect(
            text.contains(
                "\"Size\":\(min(changes, 1_000)),\"Front\":\(front),\"Back\":\(changes % 1_000),"))
        let copy = V2Store()
        try copy.recover(Bytes(saved))
        #expect(copy.save() == saved)
        try store.put("/k", "x")
        try copy.put("/k", "x")
        #expect(copy.save() == store.save())
    }

    @Test("a ring of another capacity is taken over")
    func otherCapacity() throws {
        let event = { (index: Int) in
            "{\"action\":\"set\",\"node\":{\"key\":\"/1/a\",\"value\":\"\",\"modifiedIndex\":"
                + "\(index),\"createdIndex\":\(index)}}"
        }
        let text =
            "{\"Root\":{\"Children\":{\"1\":{\"Children\":{}}}},\"WatcherHub\":{\"EventHistory\":"
            + "{\"Queue\":{\"Events\":[\(event(4)),\(event(2)),\(event(3))],\"Size\":3,"
            + "\"Front\":1,\"Back\":1,\"Capacity\":3}}},\"CurrentIndex\":4}"
        let store = V2Store()
        try store.recover(Bytes(text))
        let start = try store.watch(Bytes("/1/a"), recursive: false, stream: true, since: 2)
        guard case .waiting(_, let backlog) = start else { throw NotWaiting() }
        #expect(backlog.map(\.node.modifiedIndex) == [2, 3, 4])
    }

    @Test("a file cut anywhere is refused and changes nothing")
    func truncated() {
        let store = V2Store()
        _ = try? store.put("/kept", "1")
        let before = store.save()
        for length in stride(from: 0, to: Self.sample.count, by: 13) {
            #expect(throws: (any Error).self) {
                try store.recover(Bytes(Array(Self.sample.prefix(length))))
            }
        }
        #expect(store.save() == before)
    }

    @Test("a damaged file never brings the process down")
    func damaged() {
        var random = RandomSource(seed: 7)
        for _ in 0..<3_000 {
            var bytes = Self.sample
            for _ in 0...random.below(3) {
                bytes[random.below(bytes.count)] = UInt8(random.below(256))
            }
            let store = V2Store()
            guard (try? store.recover(Bytes(bytes))) != nil else { continue }
            _ = try? store.put("/x", "1")
            _ = try? store.watch(Bytes("/1"), recursive: true, stream: true, since: 1)
            store.deleteExpired(upTo: WallTime(unixNanoseconds: .max))
            _ = store.save()
        }
    }

    @Test(
        "what is no saved store says why",
        arguments: [
            ("", "no {"), ("null", "no root"), ("{}", "no root"), ("[]", "no {"),
            ("{\"Root\":{}} x", "text after the end"),
            ("{\"Root\":{\"Children\":{\"a/b\":{}}}}", "no name of a node"),
            ("{\"Root\":{\"Children\":{\"..\":{}}}}", "no name of a node"),
            ("{\"Root\":{\"ExpireTime\":\"soon\"}}", "no time"),
            ("{\"Root\":{\"Value\":\"\\x\"}}", "an unknown escape"),
            ("{\"CurrentIndex\":18446744073709551615}", "index too large"),
            ("{\"CurrentIndex\":99999999999999999999}", "number too large"),
            ("{\"CurrentIndex\":-1}", "no number"),
            (
                "{\"WatcherHub\":{\"EventHistory\":{\"Queue\":{\"Events\":[null],\"Size\":1}}}}",
                "an inconsistent event queue"
            ),
            (
                "{\"WatcherHub\":{\"EventHistory\":{\"Queue\":{\"Events\":[],\"Size\":9}}}}",
                "an inconsistent event queue"
            ),
        ])
    func refused(text: String, reason: String) {
        let error = #expect(throws: V2FormatError.self) { try V2Store().recover(Bytes(text)) }
        #expect(error?.reason == reason)
    }

    @Test("nesting is bounded")
    func nesting() {
        let deep = String(repeating: "{\"Children\":{\"a\":", count: 100_000)
        #expect(throws: V2FormatError.self) { try V2Store().recover(Bytes("{\"Root\":" + deep)) }
        let other = String(repeating: "[", count: 100_000)
        #expect(throws: V2FormatError.self) { try V2Store().recover(Bytes("{\"x\":" + other)) }
    }

    @Test("recovering ends every watch")
    func watchesEnd() throws {
        let store = V2Store()
        let ids = [try store.wait("/a"), try store.wait("/b", recursive: true, stream: true)]
        try store.recover(Bytes(Self.sample))
        let deliveries = store.takeDeliveries()
        #expect(deliveries.map(\.watch) == ids)
        #expect(deliveries.allSatisfy { $0.isLast && $0.event == nil })
        #expect(store.watcherCount == 0)
    }

    @Test("times of other zones and escapes of other encoders are understood")
    func foreignText() throws {
        let text =
            "{ \"Root\": {\"Children\":{\"1\":{\"Children\":{\"k\\u00e9\\ud83d\\ude00\\/\":0}}}}}"
        #expect(throws: V2FormatError.self) { try V2Store().recover(Bytes(text)) }
        let good =
            "{\n \"Root\" : {\"Children\":{\"1\":{\"Children\":{\"k\\u00E9\\ud83d\\ude00\\ud800\":"
            + "{\"ExpireTime\":\"2030-01-02T05:04:05.5+02:00\",\"Value\":\"\\b\\f\\u0000\","
            + "\"Children\":null,\"New\":[1,{\"a\":-1.5e9}]}}}}}}"
        let store = V2Store()
        try store.recover(Bytes(good))
        let node = try store.read("/ké😀\u{FFFD}").node
        #expect(node.value == Bytes([8, 12, 0]))
        #expect(node.expiration == WallTime(unixNanoseconds: 1_893_553_445_500_000_000))
    }
}
