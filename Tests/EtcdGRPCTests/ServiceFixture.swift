//  A gRPC client of a lone member.

import EtcdProto
import EtcdServer
import LoneMember
import NIOCore
import NIOEmbedded
import RuntimeCore
import Simulator

@testable import EtcdGRPC

/// Nobody else to ask.
struct NoRelay: LeaderRelay {
    struct Unreachable: Error {}

    func keepAlive(_ id: Int64, leader: [String], on eventLoop: any EventLoop)
        -> EventLoopFuture<Int64>
    {
        eventLoop.makeFailedFuture(Unreachable())
    }

    func timeToLive(
        _ request: LeaseTimeToLiveRequest, leader: [String], on eventLoop: any EventLoop
    ) -> EventLoopFuture<LeaseTimeToLiveResponse> {
        eventLoop.makeFailedFuture(Unreachable())
    }
}

/// What is asked is served when the test says so.
final class ServiceFixture {
    let member: LoneMember
    let client: CallConnection
    private var nextStream = 1

    init() throws {
        member = try LoneMember()
        let handler = member.handler
        client = try CallConnection(
            KVService(handler: handler).methods
                + WatchService(handler: handler).methods
                + LeaseService(handler: handler, relay: NoRelay()).methods
                + AuthService.methods(handler) + HealthService().methods
                + MaintenanceService.methods(handler, background: ImmediateBackground()),
            facts: handler, edges: member.edges, loop: member.loop, maxRequestBytes: 1 << 20)
    }

    /// Users `root` and `u`, who reads the key `a`; on. Passwords are `p`.
    func enableAuth() throws {
        for name in ["root", "u"] {
            let request = AuthUserAddRequest(name: name, password: "p")
            _ = try auth("UserAdd", request, as: AuthUserAddResponse.self)
        }
        _ = try auth("RoleAdd", AuthRoleAddRequest(name: "r"), as: AuthRoleAddResponse.self)
        for (user, role) in [("root", "root"), ("u", "r")] {
            let request = AuthUserGrantRoleRequest(user: user, role: role)
            _ = try auth("UserGrantRole", request, as: AuthUserGrantRoleResponse.self)
        }
        let permission = Permission(permType: .read, key: Bytes("a"))
        _ = try auth(
            "RoleGrantPermission",
            AuthRoleGrantPermissionRequest(name: "r", perm: permission),
            as: AuthRoleGrantPermissionResponse.self)
        _ = try auth("AuthEnable", AuthEnableRequest(), as: AuthEnableResponse.self)
    }

    func auth<Response: ProtobufMessage>(
        _ method: String, _ request: some ProtobufMessage, as type: Response.Type
    ) throws -> Response? {
        try call("/etcdserverpb.Auth/\(method)", request, as: type).first
    }

    func login(_ name: String) throws -> String? {
        try auth(
            "Authenticate", AuthenticateRequest(name: name, password: "p"),
            as: AuthenticateResponse.self)?.token
    }

    /// Hands in a whole call with a token.
    func begin(_ path: String, _ request: some ProtobufMessage, token: String) throws -> Int {
        let stream = newStream()
        try client.open(path, stream: stream, fields: [("token", token)])
        try send(request, stream: stream, ends: true)
        return stream
    }

    func newStream() -> Int {
        defer { nextStream += 2 }
        return nextStream
    }

    static func bytes(_ message: some ProtobufMessage) -> [UInt8] {
        var output: [UInt8] = []
        message.encode(into: &output)
        return output
    }

    /// Sends one request of a call that stays open.
    func send(_ message: some ProtobufMessage, stream: Int, ends: Bool = false) throws {
        try client.data(
            CallConnection.framed(Self.bytes(message)), stream: stream, ends: ends)
    }

    /// Hands in a whole call without serving it.
    func begin(_ path: String, _ request: some ProtobufMessage) throws -> Int {
        let stream = newStream()
        try client.open(path, stream: stream)
        try send(request, stream: stream, ends: true)
        return stream
    }

    /// The answers of a whole call.
    func call<Response: ProtobufMessage>(
        _ path: String, _ request: some ProtobufMessage, as type: Response.Type = Response.self
    ) throws -> [Response] {
        let stream = try begin(path, request)
        member.run()
        return try client.take(Response.self, stream: stream)
    }

    /// The last line of a call that fails.
    func failure(_ path: String, _ request: some ProtobufMessage) throws -> String {
        _ = try begin(path, request)
        member.run()
        let status = try client.answers().last ?? ""
        return status.firstRange(of: "grpc-status").map { String(status[$0.lowerBound...]) }
            ?? status
    }

    func put(_ key: String, _ value: String = "v", lease: Int64 = 0) throws -> PutResponse? {
        let request = PutRequest(key: Bytes(key), value: Bytes(value), lease: lease)
        return try call("/etcdserverpb.KV/Put", request, as: PutResponse.self).first
    }
}
