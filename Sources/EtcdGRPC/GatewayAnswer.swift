//  Everything that the gateway answers but messages, in the form of grpc-gateway's first major
//  version, which etcd 3.5 uses.

import EtcdNet
import NIOCore
import Protobuf
import RuntimeCore

import struct NIOHTTP1.HTTPHeaders

enum GatewayAnswer {
    static let jsonType = ("Content-Type", "application/json")
    /// What a gRPC server has said of its answer, passed on.
    static let rpcType = ("Grpc-Metadata-Content-Type", "application/grpc")

    static let successHeaders = HTTPHeaders([jsonType, rpcType])
    static let otherHeaders = HTTPHeaders([jsonType])

    /// Ends an exchange that has not begun to answer.
    static func fail(_ status: GRPCStatus, _ responder: any HTTPResponder) {
        var body = Array("{\"error\":".utf8)
        let text = Bytes(status.message)
        JSONValue.writeString(text, into: &body)
        body += Array(",\"code\":\(status.code.rawValue),\"message\":".utf8)
        JSONValue.writeString(text, into: &body)
        body.append(UInt8(ascii: "}"))
        responder.respond(
            status: httpStatus(status.code), headers: otherHeaders, body: ByteBuffer(bytes: body))
    }

    /// The last words of an exchange that has answered already.
    static func finalPart(_ status: GRPCStatus) -> ByteBuffer {
        let http = httpStatus(status.code)
        var body = Array(
            "{\"error\":{\"grpc_code\":\(status.code.rawValue),\"http_code\":\(http),\"message\":"
                .utf8)
        JSONValue.writeString(Bytes(status.message), into: &body)
        body += Array(",\"http_status\":\"\(phrase(http))\"}}".utf8)
        return ByteBuffer(bytes: body)
    }

    /// - Parameter isOurs: the path lies below the gateway's prefixes.
    static func notFound(_ responder: any HTTPResponder, isOurs: Bool) {
        text(404, isOurs ? "Not Found" : "404 page not found", responder)
    }

    static func methodNotAllowed(_ responder: any HTTPResponder) {
        text(405, "Method Not Allowed", responder)
    }

    static func malformedForm(_ flaw: String, _ responder: any HTTPResponder) {
        text(400, flaw, responder)
    }

    /// - Parameter status: 400 or 405.
    static func refusedHandshake(_ status: Int, _ responder: any HTTPResponder) {
        text(
            status, status == 405 ? "Method Not Allowed" : "Bad Request", responder,
            [("Sec-Websocket-Version", WebSocketHandshake.version)])
    }

    private static func text(
        _ status: Int, _ text: String, _ responder: any HTTPResponder,
        _ fields: [(String, String)] = []
    ) {
        let headers = HTTPHeaders(
            [("Content-Type", "text/plain; charset=utf-8")] + fields
                + [("X-Content-Type-Options", "nosniff")])
        responder.respond(
            status: status, headers: headers, body: ByteBuffer(string: text + "\n"))
    }

    /// To the prefix that the gateway is registered for.
    static func redirect(
        _ head: HTTPRequestHead, to location: String, _ responder: any HTTPResponder
    ) {
        var headers = HTTPHeaders([("Location", location)])
        var body = ByteBuffer()
        if head.method == "GET" || head.method == "HEAD" {
            headers.add(name: "Content-Type", value: "text/html; charset=utf-8")
        }
        if head.method == "GET" {
            body.writeString("<a href=\"\(escaped(location))\">Moved Permanently</a>.\n\n")
        }
        responder.respond(status: 301, headers: headers, body: body)
    }

    private static func escaped(_ text: String) -> String {
        text.reduce(into: "") { output, character in
            switch character {
            case "&": output += "&amp;"
            case "<": output += "&lt;"
            case ">": output += "&gt;"
            case "\"": output += "&#34;"
            case "'": output += "&#39;"
            default: output.append(character)
            }
        }
    }

    static func httpStatus(_ code: GRPCStatus.Code) -> Int {
        switch code {
        case .ok: 200
        case .canceled: 408
        case .unknown, .internal, .dataLoss: 500
        case .invalidArgument, .failedPrecondition, .outOfRange: 400
        case .deadlineExceeded: 504
        case .notFound: 404
        case .alreadyExists, .aborted: 409
        case .permissionDenied: 403
        case .unauthenticated: 401
        case .resourceExhausted: 429
        case .unimplemented: 501
        case .unavailable: 503
        }
    }

    /// For the statuses that `httpStatus` gives.
    private static func phrase(_ status: Int) -> String {
        switch status {
        case 400: "Bad Request"
        case 401: "Unauthorized"
        case 403: "Forbidden"
        case 404: "Not Found"
        case 408: "Request Timeout"
        case 409: "Conflict"
        case 429: "Too Many Requests"
        case 500: "Internal Server Error"
        case 501: "Not Implemented"
        case 503: "Service Unavailable"
        case 504: "Gateway Timeout"
        default: "OK"
        }
    }
}
