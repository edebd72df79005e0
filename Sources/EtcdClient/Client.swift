//  A client of etcd's v3 API: calls of any service to whichever endpoint answers.

package import EtcdNet
package import EtcdProto
package import NIOCore
import NIOHTTP1

/// One connection at a time, to the first endpoint that could be reached; the next one takes its
/// place when it fails. Errors are `CallStatus`, in the server's words where they are its.
package actor Client {
    private typealias Line = NIOLoopBound<CallConnection>

    private let settings: ClientSettings
    private let tls: TLSContext
    private let loop: any EventLoop
    /// Of the endpoint to try first.
    private var position = 0
    private var line: Line?
    private var dialling: Task<Line, any Error>?
    /// `nil` before the login; empty where the server has no authentication.
    private var token: String?

    /// Reads the files of TLS; connects with the first call.
    package init(_ settings: ClientSettings, loop: any EventLoop) throws(TLSError) {
        self.settings = settings
        self.loop = loop
        var options = settings.tls
        options.dials = true
        options.dialledProtocols = ["h2"]
        tls = try TLSContext(options)
    }

    // MARK: Calls

    /// One request, one answer.
    ///
    /// - Parameters:
    ///   - path: such as `/etcdserverpb.KV/Range`.
    ///   - timeout: for the call; a connection that has to be made first has its own.
    ///   - isRepeatable: may be tried on the next endpoint when one fails in the middle.
    package func call<Response: ProtobufMessage>(
        _ path: String, _ request: some ProtobufMessage, as: Response.Type = Response.self,
        timeout: TimeAmount, isRepeatable: Bool = false
    ) async throws(CallStatus) -> Response {
        var failures = 0
        var mayLogIn = settings.user != nil
        while true {
            do throws(CallStatus) {
                let stream: ClientStream<Response> = try await open(
                    path, request, timeout: timeout)
                return try await Self.only(stream)
            } catch {
                if mayLogIn, Self.wantsLogin(error) {
                    mayLogIn = false
                    token = nil
                } else if isRepeatable, error.code == .unavailable,
                    failures + 1 < settings.endpoints.count
                {
                    failures += 1
                    leave()
                } else {
                    throw error
                }
            }
        }
    }

    /// One request, any number of answers.
    ///
    /// - Parameters:
    ///   - timeout: for the whole call; `nil` for none.
    ///   - keepsOpen: further requests can be sent, as watches need it.
    package func open<Response: ProtobufMessage>(
        _ path: String, _ request: some ProtobufMessage, as: Response.Type = Response.self,
        timeout: TimeAmount? = nil, keepsOpen: Bool = false
    ) async throws(CallStatus) -> ClientStream<Response> {
        let line = try await connected()
        if settings.user != nil, token == nil { try await logIn(line) }
        var metadata = HTTPHeaders()
        if let token, !token.isEmpty { metadata.add(name: "token", value: token) }
        return try await begin(
            path, request, on: line, metadata, timeout: timeout, keepsOpen: keepsOpen)
    }

    /// Ends the connection and what runs on it.
    package func close() {
        leave()
        token = nil
    }

    private func begin<Response: ProtobufMessage>(
        _ path: String, _ request: some ProtobufMessage, on line: Line, _ metadata: HTTPHeaders,
        timeout: TimeAmount?, keepsOpen: Bool = false
    ) async throws(CallStatus) -> ClientStream<Response> {
        let loop = loop
        let inbox = try await attempt {
            try await loop.submit {
                let inbox = CallInbox(loop: loop)
                let call = line.value.begin(
                    path, metadata: metadata, timeout: timeout, receiver: inbox)
                inbox.call = call
                call.send { request.encode(into: &$0) }
                if !keepsOpen { call.halfClose() }
                return NIOLoopBound(inbox, eventLoop: loop)
            }.get()
        }
        return ClientStream(loop: loop, inbox: inbox)
    }

    /// The answer of a call that has one.
    private static func only<Response: ProtobufMessage>(
        _ stream: ClientStream<Response>
    ) async throws(CallStatus) -> Response {
        guard let response = try await stream.next() else {
            throw CallStatus(.internal, "the server ended the call without an answer")
        }
        guard try await stream.next() == nil else {
            throw CallStatus(.internal, "the server answered twice")
        }
        return response
    }

    // MARK: Connections

    private func connected() async throws(CallStatus) -> Line {
        if let line {
            let isUsable = try await attempt { [loop] in
                try await loop.submit { line.value.isUsable }.get()
            }
            if isUsable { return line }
        }
        if let dialling { return try await attempt { try await dialling.value } }
        let task = Task { try await self.dial() }
        dialling = task
        defer { dialling = nil }
        let line = try await attempt { try await task.value }
        self.line = line
        return line
    }

    private func dial() async throws -> Line {
        var failures: [String] = []
        for _ in settings.endpoints {
            let endpoint = settings.endpoints[position]
            do {
                return try await CallConnection.dial(
                    settings.origin(endpoint), settings: settings.connection, tls: tls, on: loop
                ).get()
            } catch {
                failures.append("\(error)")
                position = (position + 1) % settings.endpoints.count
            }
        }
        throw CallStatus(.unavailable, failures.joined(separator: "; "))
    }

    /// The next call goes to the next endpoint.
    private func leave() {
        position = (position + 1) % settings.endpoints.count
        guard let line else { return }
        self.line = nil
        loop.execute { line.value.close() }
    }

    // MARK: Login

    private func logIn(_ line: Line) async throws(CallStatus) {
        guard let user = settings.user else { return }
        let request = AuthenticateRequest(name: user.name, password: user.password)
        do throws(CallStatus) {
            let stream: ClientStream<AuthenticateResponse> = try await begin(
                "/etcdserverpb.Auth/Authenticate", request, on: line, HTTPHeaders(),
                timeout: .seconds(10))
            token = try await Self.only(stream).token
        } catch {
            guard error.message == "etcdserver: authentication is not enabled" else { throw error }
            token = ""
        }
    }

    private static func wantsLogin(_ status: CallStatus) -> Bool {
        status.code == .unauthenticated
            || status.message == "etcdserver: revision of auth store is old"
    }

    private func attempt<Value: Sendable>(
        _ body: @Sendable () async throws -> Value
    ) async throws(CallStatus) -> Value {
        do {
            return try await body()
        } catch {
            throw error as? CallStatus ?? CallStatus(.unknown, "\(error)")
        }
    }
}
