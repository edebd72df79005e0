//  Every method of the v3 API on a whole member: calls in any number and state, any message in
//  them, the clients gone in the end.

import EtcdEdge
import EtcdMembership
import EtcdNet
import EtcdProto
import EtcdServer
import LoneMember
import NIOCore
import NIOEmbedded
import Protobuf
import Raft
import RuntimeCore
import Simulator

@testable import EtcdGRPC

/// Other members, which do not exist.
private struct NoRelay: LeaderRelay, PromotionRelay {
    func keepAlive(_ id: Int64, leader: [String], on eventLoop: any EventLoop)
        -> EventLoopFuture<Int64>
    {
        eventLoop.makeFailedFuture(ServerError.noLeader)
    }

    func timeToLive(
        _ request: LeaseTimeToLiveRequest, leader: [String], on eventLoop: any EventLoop
    ) -> EventLoopFuture<LeaseTimeToLiveResponse> {
        eventLoop.makeFailedFuture(ServerError.noLeader)
    }

    func promote(_ member: MemberID, leader: [String], token: String?, on loop: any EventLoop)
        -> EventLoopFuture<[Member]>
    {
        loop.makeFailedFuture(ServerError.noLeader)
    }
}

/// The client's end of one call.
private final class AnyWire: V3Wire {
    var client: (any V3WireClient)?
    var inlet: (any V3Inlet)?
    private(set) var isOpen = true
    private(set) var isWritable = true
    private var isHeld = false

    func send<Message: ProtobufMessage>(_ message: Message) {
        guard isOpen else { return }
        var bytes: [UInt8] = []
        message.encode(into: &bytes)
        promise((try? Message.decode(Bytes(bytes))) != nil, "an answer that cannot be read")
    }

    func send<Message: ProtobufMessage>(
        _ type: Message.Type, size: Int, _ write: (inout [UInt8]) -> Void
    ) {
        guard isOpen else { return }
        var bytes: [UInt8] = []
        write(&bytes)
        promise(bytes.count == size, "an answer of another size than stated")
        promise((try? Message.decode(Bytes(bytes))) != nil, "an answer that cannot be read")
    }

    func finish() { end() }

    func fail(_ status: GRPCStatus) { end() }

    func holdRequests() { isHeld = true }
    func resumeRequests() { isHeld = false }

    var takesRequests: Bool { isOpen && !isHeld }

    func turn(writable: Bool) {
        guard isOpen, isWritable != writable else { return }
        isWritable = writable
        if writable { client?.wireBecameWritable() }
    }

    /// The client goes away.
    func hangUp() {
        guard isOpen else { return }
        let client = client
        end()
        client?.wireClosed()
    }

    private func end() {
        isOpen = false
        client = nil
        inlet = nil
    }
}

/// One member and its clients, driven by an input.
private final class ServiceRun {
    private let member: LoneMember
    private let table: V3MethodTable
    private var wires: [AnyWire] = []
    private var rest: ArraySlice<UInt8>
    /// What the clients may call themselves.
    private static let tokens: [String?] = [nil, "", "a.1", "x"]

    init(_ input: [UInt8]) {
        rest = input[...]
        do {
            member = try LoneMember()
        } catch {
            preconditionFailure("the member could not be made: \(error)")
        }
        let methods = V3Services.methods(
            member.handler, relay: NoRelay(), background: ImmediateBackground())
        table = V3MethodTable(methods, facts: member.handler, edges: member.edges)
    }

    private func byte() -> UInt8 { rest.popFirst() ?? 0 }

    private func payload(isJSON: Bool) -> V3Payload? {
        let count = Int(byte())
        let bytes = Bytes(Array(rest.prefix(count)))
        rest = rest.dropFirst(count)
        if !isJSON { return .protobuf(bytes) }
        return (try? JSONValue.parse(bytes)).map { .json($0) }
    }

    func go() {
        while !rest.isEmpty { step() }
        member.run()
        for wire in wires { wire.hangUp() }
        member.run()
        member.loop.advanceTime(by: .seconds(10))
        member.run()
        promise(member.openStreams == 0, "a watch stream is left")
        promise(member.edges.all[0].waiterCount == 0, "somebody waits who is gone")
    }

    private func step() {
        switch byte() {
        case 0..<160: begin()
        case 160..<200: message()
        case 200..<215: act { $0.hangUp() }
        case 215..<225: act { $0.inlet?.requestsEnded() }
        case 225..<232: act { $0.turn(writable: false) }
        case 232..<240: act { $0.turn(writable: true) }
        case 240..<248: member.loop.advanceTime(by: .milliseconds(Int64(byte()) * 20))
        default: member.run()
        }
    }

    /// The method, what is said about the call, and its first message.
    private func begin() {
        let endpoint = table.endpoints[Int(byte()) % table.endpoints.count]
        let facts = byte()
        let metadata = CallMetadata(
            token: Self.tokens[Int(facts & 3)], requiresLeader: facts & 4 != 0,
            timeoutMilliseconds: facts & 8 != 0 ? UInt64(facts >> 4) * 100 : nil,
            connection: ConnectionFacts(remoteAddress: "h:1", localAddress: "h:2379"))
        guard let payload = payload(isJSON: facts & 128 != 0) else { return }
        let wire = AnyWire()
        wires.append(wire)
        if endpoint.method.kind == .bidirectional {
            wire.inlet = endpoint.open(on: wire, metadata: metadata, edge: member.edges.all[0])
            wire.inlet?.receive(payload)
        } else {
            endpoint.serve(payload, on: wire, metadata: metadata, edge: member.edges.all[0])
        }
    }

    /// One more message of a call with many.
    private func message() {
        let number = Int(byte())
        guard let payload = payload(isJSON: false), !wires.isEmpty else { return }
        let wire = wires[number % wires.count]
        if wire.takesRequests { wire.inlet?.receive(payload) }
    }

    private func act(_ body: (AnyWire) -> Void) {
        let number = Int(byte())
        if !wires.isEmpty { body(wires[number % wires.count]) }
    }
}

enum ServiceFuzzing {
    static func calls(_ input: [UInt8]) { ServiceRun(input).go() }
}
