//  What a real etcd answered (testdata/record.py), word for word.

import EtcdV2Store
import RuntimeCore
import Scenario
import Testing

@Suite("Answers recorded from etcd")
struct RecordedTests {
    @Test("every answer and every event is the same", arguments: try ScenarioRunner.files())
    func recorded(path: String) throws {
        let client = RecordedClient()
        let mismatches = try ScenarioRunner.run(path) { try client.execute($0) }
        #expect(mismatches.isEmpty, "\(mismatches.map(\.description).joined(separator: "\n\n"))")
    }
}

/// Does to a store what the v2 API does for a request without a deadline.
private final class RecordedClient {
    private let store = V2Store()
    private let now = WallTime(unixNanoseconds: 1_700_000_000_000_000_000)
    private var names: [V2WatchID: String] = [:]
    private var watches: [String: V2WatchID] = [:]
    private var heard: [String: [UInt8]] = [:]

    init() {
        // The records of the only member, as etcd makes them before any client comes.
        _ = try? store.create(
            Bytes("/0/members/1/raftAttributes"), isDirectory: false, value: Bytes("x"),
            unique: false, expiration: nil, now: now)
        for key in ["members/1/attributes", "version"] {
            _ = try? store.set(
                Bytes("/0/\(key)"), isDirectory: false, value: Bytes("x"), expiration: nil,
                refresh: false, now: now)
        }
    }

    func execute(_ command: ScenarioCommand) throws -> String {
        let target = try #require(command.words.first).removingPercentEncoding
        let fields = Fields(command)
        if command.name == "HEARD" {
            let lines = heard.removeValue(forKey: String(decoding: target, as: UTF8.self))
            return lines.map { String(decoding: $0, as: UTF8.self) } ?? "nothing"
        }
        if command.name == "STATISTICS" {
            var bytes: [UInt8] = []
            store.writeStatisticsJSON(into: &bytes)
            let counters = bytes.split(separator: UInt8(ascii: ","), maxSplits: 2)[2]
            return String(decoding: counters, as: UTF8.self)
        }
        let path = Bytes(Array("/1".utf8) + target)
        var answer: [UInt8] = []
        do throws(V2Error) {
            if command.name == "WATCH" {
                return try watch(path, fields, name: fields.text("name"))
            }
            let event = try perform(command.name, path, fields)
            write(event, into: &answer)
            answer += "index \(event.storeIndex)".utf8
        } catch {
            error.writeJSON(into: &answer, strippingPrefixLength: 2)
            answer += "index \(error.index)".utf8
        }
        for delivery in store.takeDeliveries() {
            guard let name = names[delivery.watch], let event = delivery.event else { continue }
            write(event, into: &heard[name, default: []])
        }
        return String(decoding: answer, as: UTF8.self)
    }

    private func write(_ event: V2Event, into bytes: inout [UInt8]) {
        event.writeJSON(into: &bytes, noValueOnSuccess: false, strippingPrefixLength: 2)
    }

    private func watch(_ path: Bytes, _ fields: Fields, name: String) throws(V2Error) -> String {
        let start = try store.watch(
            path, recursive: fields.flag("recursive"), stream: fields.flag("stream"),
            since: fields.number("waitIndex"))
        switch start {
        case .fired(let event):
            var bytes: [UInt8] = []
            write(event, into: &bytes)
            return String(decoding: bytes, as: UTF8.self)
        case .waiting(let id, _):
            names[id] = name
            watches[name] = id
            return "waiting"
        }
    }

    private func perform(_ method: String, _ path: Bytes, _ fields: Fields) throws(V2Error)
        -> V2Event
    {
        let compares = fields.number("prevIndex") != 0 || !fields.bytes("prevValue").isEmpty
        switch (method, fields.text("prevExist")) {
        case ("GET", _):
            return try store.get(
                path, recursive: fields.flag("recursive"), sorted: fields.flag("sorted"),
                now: now)
        case ("POST", _), ("PUT", "false"):
            return try store.create(
                path, isDirectory: fields.flag("dir"), value: fields.bytes("value"),
                unique: method == "POST", expiration: nil, now: now)
        case ("PUT", _) where compares:
            return try store.compareAndSwap(
                path, previousValue: fields.bytes("prevValue"),
                previousIndex: fields.number("prevIndex"), value: fields.bytes("value"),
                expiration: nil, refresh: false, now: now)
        case ("PUT", "true"):
            return try store.update(
                path, value: fields.bytes("value"), expiration: nil, refresh: false, now: now)
        case ("PUT", _):
            return try store.set(
                path, isDirectory: fields.flag("dir"), value: fields.bytes("value"),
                expiration: nil, refresh: false, now: now)
        case (_, _) where compares:
            return try store.compareAndDelete(
                path, previousValue: fields.bytes("prevValue"),
                previousIndex: fields.number("prevIndex"), now: now)
        default:
            return try store.delete(
                path, isDirectory: fields.flag("dir"), recursive: fields.flag("recursive"),
                now: now)
        }
    }
}

/// The parameters of a request.
private struct Fields {
    private let values: [String: [UInt8]]

    init(_ command: ScenarioCommand) {
        var values: [String: [UInt8]] = [:]
        for argument in command.arguments {
            values[argument.name] = argument.values.first?.removingPercentEncoding
        }
        self.values = values
    }

    func bytes(_ name: String) -> Bytes { Bytes(values[name] ?? []) }
    func text(_ name: String) -> String { bytes(name).text }
    func flag(_ name: String) -> Bool { text(name) == "true" }
    func number(_ name: String) -> UInt64 { UInt64(text(name)) ?? 0 }
}

extension String {
    fileprivate var removingPercentEncoding: [UInt8] {
        var bytes: [UInt8] = []
        var rest = Array(utf8)[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            bytes.append(UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16) ?? 0)
            rest = rest.dropFirst(2)
        }
        return bytes
    }
}
