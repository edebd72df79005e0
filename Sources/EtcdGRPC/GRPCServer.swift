//  gRPC's side of the v3 API: which method a call means, what else its fields say, and the answers
//  to calls that mean none, in the words of the library that etcd uses.

package import EtcdEdge
package import EtcdNet
import Glibc
import RuntimeCore

/// Takes the gRPC calls of client listeners. Shared by all event loops.
package final class GRPCServer: RemoteCallHandler {
    package struct Settings: Sendable {
        /// The longest message that a client may send.
        package var messageBytesMax: Int

        /// Room for what surrounds a request (spec grpc-v3 4).
        static let overheadBytes = 512 << 10

        package init(maxRequestBytes: Int) {
            messageBytesMax = maxRequestBytes + Settings.overheadBytes
        }
    }

    private let table: V3MethodTable
    private let paths: CallPaths
    private let edges: HTTPEdges
    private let settings: Settings

    package init(table: V3MethodTable, edges: HTTPEdges, settings: Settings) {
        self.table = table
        self.edges = edges
        self.settings = settings
        paths = CallPaths(table.endpoints)
    }

    package func begin(_ stream: RemoteCallStream, fields: RequestFields) {
        do throws(CallRefusal) {
            try checkKind(stream, fields)
            let metadata = try metadata(of: stream, fields)
            guard let endpoint = fields.value(of: ":path").flatMap({ paths.find($0) }) else {
                throw unknown(fields)
            }
            let encoding = try CallEncoding(fields)
            stream.messageBytesMax = settings.messageBytesMax
            let call = GRPCCall(
                stream: stream, endpoint: endpoint, encoding: encoding, metadata: metadata,
                edge: edges.edge(of: stream.eventLoop), traffic: table.traffic)
            stream.receiver = call
            call.begin()
        } catch {
            stream.refuse(
                httpStatus: error.httpStatus, status: error.status.code.rawValue,
                message: error.status.message)
        }
    }

    // MARK: what the fields say

    /// Whether this is a gRPC request at all.
    private func checkKind(_ stream: RemoteCallStream, _ fields: RequestFields)
        throws(CallRefusal)
    {
        let type = fields.value(of: "content-type").map { ContentSubtype($0) }
        switch type ?? ContentSubtype.none {
        case .none:
            let text = fields.text(of: "content-type") ?? ""
            throw CallRefusal(
                415, .invalidArgument, "invalid gRPC request content-type \"\(text)\"")
        case .plain: break
        case .named(let name): stream.contentSubtype = name
        }
        guard fields.value(of: ":method")?.equals("POST") ?? false else {
            let method = fields.text(of: ":method") ?? ""
            throw CallRefusal(
                405, .internal,
                "Received a HEADERS frame with :method \"\(method)\" which should be POST")
        }
    }

    private func metadata(of stream: RemoteCallStream, _ fields: RequestFields)
        throws(CallRefusal) -> CallMetadata
    {
        guard let connection = stream.connection else {
            throw CallRefusal(200, .canceled, GRPCStatus.canceled.message)
        }
        let token = fields.text(of: "token") ?? fields.text(of: "authorization")
        var timeout: UInt64?
        if let text = fields.text(of: "grpc-timeout") {
            timeout = try CallTimeout.milliseconds(text)
        }
        return CallMetadata(
            token: token.map(CallMetadata.withoutScheme),
            requiresLeader: fields.value(of: "hasleader")?.equals("true") ?? false,
            timeoutMilliseconds: timeout,
            isFromGateway: fields.value(of: "grpcgateway-accept") != nil,
            clientAPIVersion: fields.text(of: "client-api-version"), connection: connection)
    }

    private func unknown(_ fields: RequestFields) -> CallRefusal {
        let path = fields.text(of: ":path") ?? ""
        let names = path.hasPrefix("/") ? path.dropFirst() : path[...]
        guard let slash = names.lastIndex(of: "/") else {
            return CallRefusal(200, .unimplemented, "malformed method name: \"\(path)\"")
        }
        let service = names[..<slash]
        guard table.services.contains(String(service)) else {
            return CallRefusal(200, .unimplemented, "unknown service \(service)")
        }
        let method = names[slash...].dropFirst()
        return CallRefusal(
            200, .unimplemented, "unknown method \(method) for service \(service)")
    }
}

/// Why a request is not served.
struct CallRefusal: Error {
    let httpStatus: Int
    let status: GRPCStatus

    init(_ httpStatus: Int, _ code: GRPCStatus.Code, _ message: String) {
        self.httpStatus = httpStatus
        status = GRPCStatus(code, message)
    }
}

/// Endpoints by path. There are few paths of one length, so that comparing beats hashing.
struct CallPaths: Sendable {
    private struct Entry: Sendable {
        let path: [UInt8]
        let endpoint: V3Endpoint
    }

    private var byLength: [[Entry]] = []

    init(_ endpoints: [V3Endpoint]) {
        for endpoint in endpoints {
            let path = Array("/\(endpoint.method.service)/\(endpoint.method.name)".utf8)
            while byLength.count <= path.count { byLength.append([]) }
            byLength[path.count].append(Entry(path: path, endpoint: endpoint))
        }
    }

    func find(_ path: UnsafeRawBufferPointer) -> V3Endpoint? {
        guard path.count < byLength.count, let start = path.baseAddress else { return nil }
        for position in byLength[path.count].indices
        where memcmp(byLength[path.count][position].path, start, path.count) == 0 {
            return byLength[path.count][position].endpoint
        }
        return nil
    }
}

/// What follows `application/grpc` in a content type.
enum ContentSubtype: Equatable {
    /// It is another type.
    case none
    case plain
    case named(String)

    init(_ value: UnsafeRawBufferPointer) {
        let base: StaticString = "application/grpc"
        guard value.begins(with: base) else {
            self = .none
            return
        }
        let rest = value.dropFirst(base.utf8CodeUnitCount)
        switch rest.first {
        case nil: self = .plain
        case UInt8(ascii: "+"), UInt8(ascii: ";"):
            let name = rest.dropFirst()
            self = name.isEmpty ? .plain : .named(String(decoding: name, as: UTF8.self))
        default: self = .none
        }
    }
}

/// The client's time limit on the wire: up to eight digits and a unit.
enum CallTimeout {
    static func milliseconds(_ text: String) throws(CallRefusal) -> UInt64 {
        let bytes = text.utf8
        if bytes.count < 2 { throw malformed("timeout string is too short", text) }
        if bytes.count > 9 { throw malformed("timeout string is too long", text) }
        let perUnit: (multiplier: UInt64, divisor: UInt64)
        switch text.last {
        case "H": perUnit = (3_600_000, 1)
        case "M": perUnit = (60_000, 1)
        case "S": perUnit = (1_000, 1)
        case "m": perUnit = (1, 1)
        case "u": perUnit = (1, 1_000)
        case "n": perUnit = (1, 1_000_000)
        default: throw malformed("timeout unit is not recognized", text)
        }
        let digits = text.dropLast()
        guard digits.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }), let number = UInt64(digits)
        else {
            throw CallRefusal(
                400, .internal,
                "malformed grpc-timeout: strconv.ParseUint: parsing \"\(digits)\": invalid syntax")
        }
        return (number * perUnit.multiplier + perUnit.divisor - 1) / perUnit.divisor
    }

    private static func malformed(_ reason: String, _ text: String) -> CallRefusal {
        CallRefusal(400, .internal, "malformed grpc-timeout: transport: \(reason): \"\(text)\"")
    }
}
