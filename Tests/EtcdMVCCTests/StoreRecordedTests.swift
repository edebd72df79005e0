//  What a real etcd answered (testdata/store/record.py), and the databases that it left.

import EtcdBackend
import EtcdMVCC
import EtcdProto
import Foundation
import Protobuf
import RuntimeCore
import RuntimePosix
import Scenario
import Testing

@Suite("Answers and databases recorded from etcd")
struct StoreRecordedTests {
    @Test(
        "every answer and every hash is the same",
        arguments: try ScenarioRunner.files(in: "testdata/store"))
    func recorded(path: String) throws {
        let client = try RecordedStoreClient(fixture: StoreFixture())
        let mismatches = try ScenarioRunner.run(path) { try client.execute($0) }
        #expect(mismatches.isEmpty, "\(mismatches.map(\.description).joined(separator: "\n\n"))")
    }

    @Test(
        "a database written by etcd answers its last questions alike",
        arguments: ["compactions-3.4", "compactions-3.5", "churn-3.4", "churn-3.5"])
    func databases(name: String) throws {
        let scenario = name.prefix { $0 != "-" }
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("testdata/store")
        let text = try String(
            contentsOf: folder.appendingPathComponent("\(scenario).txt"), encoding: .utf8)
        let commands = try ScenarioFile(text).commands
        let isWrite = { (command: ScenarioCommand) in
            !["hash", "range"].contains(command.name)
        }
        let lastWrite = try #require(commands.lastIndex(where: isWrite))
        let client = try RecordedStoreClient(
            fixture: StoreFixture(
                database: folder.appendingPathComponent("\(name).db").path))
        let questions = commands[(lastWrite + 1)...]
        #expect(!questions.isEmpty)
        for command in questions { #expect(try client.execute(command) == command.expected) }
    }

    @Test("the database that we write for churn holds what etcd's holds")
    func sameRecords() throws {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("testdata/store")
        let mine = try StoreFixture()
        let client = RecordedStoreClient(fixture: mine)
        let path = folder.appendingPathComponent("churn.txt").path
        _ = try ScenarioRunner.run(path) { try client.execute($0) }
        let theirs = try StoreFixture(
            database: folder.appendingPathComponent("churn-3.5.db").path)
        #expect(mine.content == theirs.content)
        #expect(mine.content.count > 50)
        #expect(mine.reader.currentRevision == theirs.reader.currentRevision)
        #expect(mine.reader.compactRevision == theirs.reader.compactRevision)
        #expect(mine.leases.attached == theirs.leases.attached)
        #expect(!mine.leases.attached.isEmpty)
    }
}

extension StoreFixture {
    /// The records with their values, in order.
    fileprivate var content: [[Bytes]] {
        var content: [[Bytes]] = []
        backend.scan(StoreBuckets.key, from: .empty, to: nil) { key, value in
            content.append([Bytes(Array(key)), Bytes(Array(value))])
            return true
        }
        return content
    }
}

/// Does to a store what the gateway does for a request in JSON, keys and values being plain text.
private final class RecordedStoreClient {
    private let fixture: StoreFixture

    init(fixture: StoreFixture) {
        self.fixture = fixture
        fixture.leases.leases = []
    }

    func execute(_ command: ScenarioCommand) throws -> String {
        let plain = try JSONSerialization.jsonObject(
            with: Data(command.input.joined().utf8))
        let encoded = try JSONSerialization.data(withJSONObject: convert(plain, encode))
        let request = try JSONValue.parse(Bytes(Array(encoded)))
        do throws(MVCCError) {
            let answer = try answer(command.name, request)
            if answer.isEmpty { return "done" }
            return try text(answer)
        } catch {
            switch error {
            case .leaseNotFound, .keyNotFound: return "error: etcdserver: \(error)"
            default: return "error: etcdserver: mvcc: \(error)"
            }
        }
    }

    private func text(_ answer: [UInt8]) throws(MVCCError) -> String {
        guard let object = try? JSONSerialization.jsonObject(with: Data(answer)),
            let data = try? JSONSerialization.data(
                withJSONObject: convert(object, decode),
                options: [.sortedKeys, .withoutEscapingSlashes])
        else { return "no JSON" }
        return String(decoding: data, as: UTF8.self)
    }

    private func answer(_ name: String, _ request: JSONValue) throws(MVCCError) -> [UInt8] {
        let (store, leases) = (fixture.store, fixture.leases)
        switch name {
        case "put": return json(try store.put(read(request), leases: leases))
        case "delete": return json(try store.deleteRange(read(request), leases: leases))
        case "txn": return json(try store.txn(read(request), leases: leases))
        case "range": return json(try fixture.reader.range(read(request)))
        case "compact":
            let compaction: CompactionRequest = read(request)
            try store.beginCompaction(at: compaction.revision)
            while !store.compactStep(limit: 3) {}
            return json(
                CompactionResponse(
                    header: ResponseHeader(revision: fixture.reader.currentRevision)))
        case "hash":
            let asked: HashKVRequest = read(request)
            var response = try fixture.reader.hashKV(at: asked.revision)
            response.hashRevision = 0
            return json(response)
        case "grant":
            let grant: LeaseGrantRequest = read(request)
            leases.leases.insert(grant.id)
        case "revoke":
            let revoke: LeaseRevokeRequest = read(request)
            let keys = leases.attached.filter { $0.value == revoke.id }.map(\.key)
            try store.deleteKeys(keys, leases: leases)
            leases.leases.remove(revoke.id)
        default: Issue.record("unknown request \(name)")
        }
        return []
    }

    private func read<Message: ProtobufMessage>(_ value: JSONValue) -> Message {
        do { return try Message(json: value) } catch {
            Issue.record("\(error)")
            return Message()
        }
    }

    private func json(_ message: some ProtobufMessage) -> [UInt8] {
        var bytes: [UInt8] = []
        message.writeJSON(into: &bytes)
        return bytes
    }

    private func convert(_ node: Any, _ text: (String) -> String) -> Any {
        if let list = node as? [Any] { return list.map { convert($0, text) } }
        guard let object = node as? [String: Any] else { return node }
        var converted: [String: Any] = [:]
        for (name, value) in object {
            let isText = ["key", "range_end", "value"].contains(name)
            converted[name] =
                (isText ? value as? String : nil).map(text) ?? convert(value, text)
        }
        return converted
    }

    private func encode(_ text: String) -> String {
        Data(text.unicodeScalars.map { UInt8($0.value) }).base64EncodedString()
    }

    private func decode(_ text: String) -> String {
        String(
            String.UnicodeScalarView(
                (Data(base64Encoded: text) ?? Data()).map { Unicode.Scalar($0) }))
    }
}
