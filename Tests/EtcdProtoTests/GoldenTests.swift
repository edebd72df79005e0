//  The messages against what Python's protobuf makes of the same definitions.

import EtcdProto
import Protobuf
import RuntimeCore
import Testing

/// `= name hex… ~ json…` as its parts, the pieces put together again.
private func records(_ text: String) -> [[String]] {
    var records: [[String]] = []
    for word in text.split(whereSeparator: { $0 == " " || $0 == "\n" }) {
        switch word {
        case "=": records.append([])
        case "~": records[records.count - 1].append("~")
        default: records[records.count - 1].append(String(word))
        }
    }
    return records
}

@Suite("Golden data")
struct GoldenTests {
    @Test("every message has the bytes and the JSON that protobuf's own library gives it")
    func messages() throws {
        var types: [String: any ProtobufMessage.Type] = [:]
        for type in allMessages { types[type.messageName] = type }
        var covered: Set<String> = []
        for record in records(goldenMessages) {
            let type = try #require(types[record[0]], "\(record[0])")
            let mark = try #require(record.firstIndex(of: "~"))
            try check(
                type, hex: record[1..<mark].joined(), json: record[(mark + 1)...].joined())
            covered.insert(record[0])
        }
        #expect(covered.count > 90)
        let uncovered = types.keys.filter { !covered.contains($0) }
        // Those without fields have nothing to compare.
        for name in uncovered {
            let type = try #require(types[name])
            let isWithoutFields = isWithoutFields(type)
            #expect(isWithoutFields, "\(name)")
        }
    }

    private func check<M: ProtobufMessage>(_ type: M.Type, hex: String, json: String) throws {
        let binary = bytes(hex)
        let message = try M(decoding: binary)
        #expect(encoded(message) == binary, "\(type)")
        let value = try JSONValue.parse(Bytes(json))
        var written: [UInt8] = []
        message.writeJSON(into: &written)
        #expect(try JSONValue.parse(Bytes(written)) == value, "\(type)")
        #expect(try M(json: value) == message, "\(type)")
    }

    private func isWithoutFields<M: ProtobufMessage>(_ type: M.Type) -> Bool {
        var random = RandomSource(seed: 1)
        return (0..<20).allSatisfy { _ in type.random(&random) == M() }
    }

    @Test("every kind of request has its place in the union of the log")
    func raftRequests() throws {
        let entries = records(goldenRaftRequests)
        #expect(entries.count == 29)
        for entry in entries {
            let binary = bytes(entry[1...].joined())
            let request = try InternalRaftRequest(decoding: binary)
            #expect(request.header?.username == "root" && request.header?.authRevision == 7)
            #expect(request.id == request.header?.id && request.id > 0)
            if case .other(let field, _) = request.kind { Issue.record("field \(field) unknown") }
            var output: [UInt8] = []
            request.encode(into: &output)
            #expect(Bytes(output) == binary, "field \(entry[0])")
            #expect(request.encodedSize == binary.count)
            #expect(try EntryPayload.decode(binary) == .internalRequest(request))
        }
    }
}
