//  A request of the v2 API as it stands in the log (spec peer-and-disk 3.2, `Request`).

package import Protobuf
package import RuntimeCore

package enum V2Method: String, Sendable, Hashable {
    case get = "GET"
    case put = "PUT"
    case post = "POST"
    case delete = "DELETE"
    /// A read that takes its place in the log.
    case quorumGet = "QGET"
    /// The leader's clock: nodes whose time has come by then are removed.
    case sync = "SYNC"
    /// Nothing this program proposes.
    case other = ""
}

package struct V2Request: Sendable, Hashable {
    package var id: UInt64
    package var method: V2Method
    package var path: Bytes
    package var value: Bytes
    package var isDirectory: Bool
    package var previousValue: Bytes
    package var previousIndex: UInt64
    package var previousExists: Bool?
    /// Unix nanoseconds; 0 for none.
    package var expiration: Int64
    package var wait: Bool
    package var since: UInt64
    package var recursive: Bool
    package var sorted: Bool
    package var quorum: Bool
    /// Unix nanoseconds, for `.sync`.
    package var time: Int64
    package var stream: Bool
    package var refresh: Bool?

    package init(
        id: UInt64 = 0, method: V2Method, path: Bytes = .empty, value: Bytes = .empty,
        isDirectory: Bool = false, previousValue: Bytes = .empty, previousIndex: UInt64 = 0,
        previousExists: Bool? = nil, expiration: Int64 = 0, wait: Bool = false, since: UInt64 = 0,
        recursive: Bool = false, sorted: Bool = false, quorum: Bool = false, time: Int64 = 0,
        stream: Bool = false, refresh: Bool? = nil
    ) {
        self.id = id
        self.method = method
        self.path = path
        self.value = value
        self.isDirectory = isDirectory
        self.previousValue = previousValue
        self.previousIndex = previousIndex
        self.previousExists = previousExists
        self.expiration = expiration
        self.wait = wait
        self.since = since
        self.recursive = recursive
        self.sorted = sorted
        self.quorum = quorum
        self.time = time
        self.stream = stream
        self.refresh = refresh
    }

    package func encode(into output: inout [UInt8]) {
        output.appendField(1, id)
        output.appendField(2, method.rawValue)
        output.appendField(3, path)
        output.appendField(4, value)
        output.appendField(5, isDirectory)
        output.appendField(6, previousValue)
        output.appendField(7, previousIndex)
        if let previousExists { output.appendField(8, previousExists) }
        output.appendField(9, signed: expiration)
        output.appendField(10, wait)
        output.appendField(11, since)
        output.appendField(12, recursive)
        output.appendField(13, sorted)
        output.appendField(14, quorum)
        output.appendField(15, signed: time)
        output.appendField(16, stream)
        if let refresh { output.appendField(17, refresh) }
    }

    package init(decoding bytes: Bytes) throws(ProtobufError) {
        var request = V2Request(method: .other)
        var reader = ProtobufReader(bytes)
        while let field = try reader.next() {
            switch field {
            case 1: request.id = try reader.unsigned()
            case 2: request.method = V2Method(try reader.bytes())
            case 3: request.path = try reader.bytes()
            case 4: request.value = try reader.bytes()
            case 5: request.isDirectory = try reader.bool()
            case 6: request.previousValue = try reader.bytes()
            case 7: request.previousIndex = try reader.unsigned()
            case 8: request.previousExists = try reader.bool()
            case 9: request.expiration = try reader.signed()
            case 10: request.wait = try reader.bool()
            case 11: request.since = try reader.unsigned()
            case 12: request.recursive = try reader.bool()
            case 13: request.sorted = try reader.bool()
            case 14: request.quorum = try reader.bool()
            case 15: request.time = try reader.signed()
            case 16: request.stream = try reader.bool()
            case 17: request.refresh = try reader.bool()
            default: try reader.skip()
            }
        }
        self = request
    }
}

extension V2Method {
    private static let known: [(name: Bytes, method: V2Method)] = [
        .put, .get, .post, .delete, .quorumGet, .sync,
    ].map { (Bytes($0.rawValue), $0) }

    init(_ name: Bytes) {
        self = V2Method.known.first { $0.name == name }?.method ?? .other
    }
}
