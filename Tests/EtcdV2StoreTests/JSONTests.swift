//  Answers and paths to the letter (spec http-v2 3; odd bytes also in testdata/rules.txt).

import EtcdV2Store
import RuntimeCore
import Testing

@Suite("JSON of answers")
struct JSONTests {
    @Test(
        "only the action, where the client knows the rest",
        arguments: [
            (V2Event.Action.set, true), (.create, true), (.update, true), (.compareAndSwap, true),
            (.get, false), (.delete, false), (.expire, false), (.compareAndDelete, false),
        ])
    func noValue(action: V2Event.Action, isShort: Bool) {
        let node = V2NodeView(key: Bytes("/1/a"), modifiedIndex: 2, createdIndex: 1)
        let event = V2Event(action: action, node: node, previous: node, storeIndex: 2)
        var bytes: [UInt8] = []
        event.writeJSON(into: &bytes, noValueOnSuccess: true, strippingPrefixLength: 2)
        let body = #"{"key":"/a","modifiedIndex":2,"createdIndex":1}"#
        let rest = isShort ? "" : ",\"node\":\(body),\"prevNode\":\(body)"
        #expect(
            String(decoding: bytes, as: UTF8.self)
                == "{\"action\":\"\(action.rawValue)\"\(rest)}\n")
    }

    @Test("every error has etcd's body", arguments: V2Error.Code.allCases)
    func errors(code: V2Error.Code) {
        for (cause, shown) in [("/1/a<b", "\"/a\\u003cb\""), ("[a != 1]", "\"[a != 1]\"")] {
            var bytes: [UInt8] = []
            V2Error(code, cause: cause, index: 7).writeJSON(into: &bytes, strippingPrefixLength: 2)
            let text = String(decoding: bytes, as: UTF8.self)
            #expect(text.hasPrefix("{\"errorCode\":\(code.rawValue),\"message\":\""))
            #expect(text.hasSuffix("\",\"cause\":\(shown),\"index\":7}\n"))
        }
    }

    @Test(
        "a cause that is empty, or only the prefix, is left out; `/` is not",
        arguments: [
            ("", ""), ("/1", ""), ("/", #","cause":"/""#),
        ])
    func causes(cause: String, shown: String) {
        var bytes: [UInt8] = []
        V2Error(.rootIsReadOnly, cause: cause, index: 0)
            .writeJSON(into: &bytes, strippingPrefixLength: 2)
        #expect(
            String(decoding: bytes, as: UTF8.self)
                == #"{"errorCode":107,"message":"Root is read only"\#(shown),"index":0}"# + "\n")
    }

    @Test(
        "times lose trailing zeros only",
        arguments: [
            (0, "1970-01-01T00:00:00Z"), (1, "1970-01-01T00:00:00.000000001Z"),
            (1_500_000_000, "1970-01-01T00:00:01.5Z"), (-1, "1969-12-31T23:59:59.999999999Z"),
            (951_782_400_000_000_000, "2000-02-29T00:00:00Z"),
            (4_107_542_400_000_000_000, "2100-03-01T00:00:00Z"),
            (Int64.max, "2262-04-11T23:47:16.854775807Z"),
            (Int64.min, "1677-09-21T00:12:43.145224192Z"),
        ])
    func times(nanoseconds: Int64, text: String) {
        let node = V2NodeView(
            key: .empty, expiration: WallTime(unixNanoseconds: nanoseconds), modifiedIndex: 0,
            createdIndex: 0)
        let event = V2Event(action: .get, node: node, storeIndex: 0)
        #expect(event.json == #"{"action":"get","node":{"expiration":"\#(text)"}}"#)
    }

    @Test("numbers of any size")
    func numbers() {
        let node = V2NodeView(
            key: .empty, ttl: Int64.min, modifiedIndex: .max, createdIndex: 10)
        #expect(
            V2Event(action: .get, node: node, storeIndex: 0).json
                == #"{"action":"get","node":{"ttl":-9223372036854775808,"#
                + #""modifiedIndex":18446744073709551615,"createdIndex":10}}"#)
    }

    @Test(
        "paths are cleaned",
        arguments: [
            ("/1/a", "/1/a"), ("/1/a/", "/1/a"), ("//1///a//", "/1/a"), ("1/a", "/1/a"),
            ("/1/./a/.", "/1/a"), ("/1/b/../a", "/1/a"), ("/../../1/a", "/1/a"),
            ("/1/...", "/1/..."), ("/1/.a", "/1/.a"), ("/1/..a/a..", "/1/..a/a.."),
        ])
    func paths(raw: String, clean: String) throws {
        let store = V2Store()
        let event = try store.set(
            Bytes(raw), isDirectory: false, value: Bytes("v"), expiration: nil, refresh: false,
            now: time(0))
        #expect(event.node.key.text == clean)
        #expect(
            try store.get(Bytes(clean), recursive: false, sorted: false, now: time(0))
                .node.value == Bytes("v"))
    }

    @Test("the root shows the namespaces", arguments: ["", "/", "//", "/..", "/1/.."])
    func root(raw: String) throws {
        let event = try V2Store().get(
            Bytes(raw), recursive: false, sorted: true, now: time(0))
        #expect(event.node.key.text == "/")
        #expect(event.node.nodes.map(\.key.text) == ["/0", "/1"])
        #expect(throws: V2Error(.rootIsReadOnly, cause: "/", index: 0)) {
            try V2Store().set(
                Bytes(raw), isDirectory: true, value: .empty, expiration: nil, refresh: false,
                now: time(0))
        }
    }

    @Test("depth is bounded, and everything works at the bound")
    func depth() throws {
        let store = V2Store()
        let deepest = String(repeating: "/a", count: V2Store.depthMax - 1)
        try store.put(deepest, "1")
        let error = #expect(throws: V2Error.self) { try store.put(deepest + "b/c", "1") }
        #expect(error?.code == .invalidField)
        #expect(try store.read("/a", recursive: true).json.utf8.count > 1_000_000)
        let copy = V2Store()
        try copy.recover(Bytes(store.save()))
        #expect(try copy.read(deepest).node.value == Bytes("1"))
        try store.remove("/a")
    }

    @Test("what is kept does not keep the message it came in")
    func compact() throws {
        let message = Bytes([UInt8](repeating: UInt8(ascii: "v"), count: 1_000))
        let store = V2Store()
        let event = try store.set(
            Bytes("/1/key-and-more")[0..<6], isDirectory: false, value: message[5..<10],
            expiration: nil, refresh: false, now: time(0))
        #expect(event.node.key.storage.count == 6)
        #expect(event.node.value?.storage.count == 5)
    }
}
