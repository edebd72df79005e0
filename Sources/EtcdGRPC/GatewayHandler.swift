//  The JSON gateway: the v3 API for HTTP clients without gRPC. Finds the method of a path and runs
//  it over a wire of JSON.

package import EtcdEdge
package import EtcdNet
package import NIOCore
import Protobuf
import RuntimeCore

/// Serves the paths under `/v3/`, `/v3beta/` and `/v3alpha/`, which all mean the same. Shared by
/// all event loops.
package final class GatewayHandler: HTTPHandler {
    private static let prefixes = ["/v3/", "/v3beta/", "/v3alpha/"]
    /// A message takes more room in JSON than in protobuf: base64, escapes, names.
    private static let jsonFactor = 4

    /// By path without the first component.
    private let endpoints: [String: V3Endpoint]
    private let edges: HTTPEdges
    private let bodyBytesMax: Int

    package init(table: V3MethodTable, edges: HTTPEdges, maxRequestBytes: Int) {
        var endpoints: [String: V3Endpoint] = [:]
        for (path, endpoint) in table.gatewayPaths {
            endpoints[GatewayHandler.name(path) ?? path] = endpoint
        }
        self.endpoints = endpoints
        self.edges = edges
        let message = GRPCServer.Settings(maxRequestBytes: maxRequestBytes).messageBytesMax
        bodyBytesMax = GatewayHandler.jsonFactor * message
    }

    /// Whether this handler answers for a path, which is decoded and clean; with 404 if need be.
    package func serves(path: String) -> Bool {
        path.hasPrefix("/v3") && (GatewayHandler.name(path) != nil || isBarePrefix(path))
    }

    /// Go's multiplexer sends this one on.
    private func isBarePrefix(_ path: String) -> Bool { path == "/v3" }

    /// What follows the prefix.
    private static func name(_ path: String) -> String? {
        for prefix in prefixes where path.hasPrefix(prefix) {
            return String(path.dropFirst(prefix.count))
        }
        return nil
    }

    // MARK: HTTPHandler

    package func plan(for head: HTTPRequestHead, responder: any HTTPResponder) -> HTTPBodyPlan {
        if head.asksForWebSocket { return webSocketPlan(for: head) }
        // What is refused without looking at the body is refused in `handle`.
        guard head.method == "POST", let endpoint = endpoint(of: path(head)) else {
            return .ignore
        }
        if GatewayOverride(head) != nil { return .collect(maximum: bodyBytesMax) }
        guard endpoint.method.kind == .bidirectional else { return .collect(maximum: bodyBytesMax) }
        guard let metadata = try? CallMetadata(gateway: head) else { return .ignore }
        return .stream(requests(of: endpoint, metadata, responder))
    }

    /// Begins a call whose requests come while it lasts, or a call that waits for its only one.
    private func requests(
        of endpoint: V3Endpoint, _ metadata: CallMetadata, _ responder: any HTTPResponder
    ) -> GatewayRequests {
        let kind = endpoint.method.kind
        let call = GatewayCall(responder: responder, isStreaming: kind != .unary)
        let requests = GatewayRequests(
            call: call, eventLoop: responder.eventLoop, messageBytesMax: bodyBytesMax)
        call.requests = requests
        let edge = edges.edge(of: responder.eventLoop)
        if metadata.timeoutMilliseconds == 0 {
            call.fail(.deadlineExceeded)
        } else if kind != .bidirectional {
            requests.start(
                GatewaySingleRequest(
                    call: call, endpoint: endpoint, metadata: metadata, edge: edge))
        } else if let inlet = endpoint.open(on: call, metadata: metadata, edge: edge),
            call.isOpen
        {
            requests.start(inlet)
        }
        return requests
    }

    // MARK: WebSocket

    /// Everything below the gateway's prefixes takes handshakes, even what it does not serve.
    private func takesHandshakes(_ path: String) -> Bool {
        GatewayHandler.name(path) != nil && better(path) == nil
    }

    private func webSocketPlan(for head: HTTPRequestHead) -> HTTPBodyPlan {
        let path = path(head)
        guard takesHandshakes(path), WebSocketHandshake.refusal(of: head) == nil else {
            return .ignore
        }
        return .webSocket(
            WebSocketPlan(
                subprotocol: GatewayHandshake.subprotocol(head.headers),
                messageBytesMax: bodyBytesMax
            ) { self.serve(path: path, of: head, on: GatewaySocket($0)) })
    }

    private func serve(path: String, of head: HTTPRequestHead, on socket: GatewaySocket)
        -> GatewaySocket
    {
        guard let endpoint = endpoint(of: path) else {
            GatewayAnswer.notFound(socket, isOurs: true)
            return socket
        }
        let inner = GatewayHandshake.innerRequest(of: head)
        do throws(GRPCStatus) {
            socket.requests = requests(of: endpoint, try CallMetadata(gateway: inner), socket)
        } catch {
            GatewayAnswer.fail(error, socket)
        }
        return socket
    }

    // MARK: whole requests

    package func handle(
        _ head: HTTPRequestHead, body: ByteBuffer, responder: any HTTPResponder
    ) {
        let path = path(head)
        if head.asksForWebSocket, takesHandshakes(path) {
            return GatewayAnswer.refusedHandshake(
                WebSocketHandshake.refusal(of: head) ?? 400, responder)
        }
        guard let endpoint = endpoint(of: path) else {
            if let better = better(path) {
                let query = RequestTarget(head.target).rawQuery.map { "?" + $0 } ?? ""
                return GatewayAnswer.redirect(head, to: better + query, responder)
            }
            return GatewayAnswer.notFound(responder, isOurs: GatewayHandler.name(path) != nil)
        }
        guard head.method == "POST" else { return GatewayAnswer.methodNotAllowed(responder) }
        var body = body
        if let override = GatewayOverride(head) {
            if let flaw = override.flaw(of: body) {
                return GatewayAnswer.malformedForm(flaw, responder)
            }
            guard override.method == "POST" else {
                return GatewayAnswer.methodNotAllowed(responder)
            }
            // The form has been read, and the call gets what is left of it.
            body = ByteBuffer()
        }
        do throws(GRPCStatus) {
            let metadata = try CallMetadata(gateway: head)
            let request = try request(body)
            if metadata.timeoutMilliseconds == 0 { throw .deadlineExceeded }
            let call = GatewayCall(
                responder: responder, isStreaming: endpoint.method.kind != .unary)
            endpoint.serve(
                .json(request), on: call, metadata: metadata,
                edge: edges.edge(of: responder.eventLoop))
        } catch {
            GatewayAnswer.fail(error, responder)
        }
    }

    private func request(_ body: ByteBuffer) throws(GRPCStatus) -> JSONValue {
        do throws(JSONScanner.Failure) {
            return try GatewayJSON.first(in: body)
        } catch {
            throw GRPCStatus(.invalidArgument, error.text)
        }
    }

    private func path(_ head: HTTPRequestHead) -> String {
        let target = RequestTarget(head.target)
        return (try? target.decodedPath())?.text ?? String(target.rawPath)
    }

    /// Where a client is sent whose path is not clean, or the bare prefix.
    private func better(_ path: String) -> String? {
        let bytes = Bytes(path)
        let cleaned = PathCleaning.cleaned(bytes)
        if cleaned != bytes { return PercentCoding.encode(path: cleaned) }
        return isBarePrefix(path) ? path + "/" : nil
    }

    private func endpoint(of path: String) -> V3Endpoint? {
        GatewayHandler.name(path).flatMap { endpoints[$0] }
    }
}
