//  A member with a real peer port on the loopback interface.

import EtcdMembership
import EtcdNet
import EtcdTransport
import Logging
import NIOCore
import Raft
import RuntimeCore
import Synchronization

/// Passes requests to a handler that is made after the port is known.
final class LateHandler: HTTPHandler {
    private let content = Mutex<(any HTTPHandler)?>(nil)

    func set(_ handler: any HTTPHandler) { content.withLock { $0 = handler } }

    func plan(for head: HTTPRequestHead, responder: any HTTPResponder) -> HTTPBodyPlan {
        guard let handler = content.withLock({ $0 }) else {
            responder.abort()
            return .ignore
        }
        return handler.plan(for: head, responder: responder)
    }

    func handle(_ head: HTTPRequestHead, body: ByteBuffer, responder: any HTTPResponder) {
        content.withLock { $0 }?.handle(head, body: body, responder: responder)
    }
}

final class LoopbackMember: Sendable {
    let member: Member
    let directory: MemberDirectory
    let transport: PeerTransport
    let delegate = RecordingDelegate()
    let listener: Listener

    init(
        _ id: MemberID, loops: EventLoops, removed: [MemberID] = [],
        snapshots: SnapshotTransfers = SnapshotTransfers(files: MemorySnapshots()),
        services: (any PeerServices)? = nil, logger: Logger = quiet
    ) async throws {
        let handler = LateHandler()
        listener = try await Listener.bind(
            .tcp(host: "127.0.0.1", port: 0), loops: loops, handler: handler)
        member = Member(id: id, peerURLs: ["http://\(listener.localAddress)"])
        directory = MemberDirectory(
            localID: id, clusterID: testClusterID,
            cluster: Cluster(members: [member], removed: removed))
        transport = makeTransport(
            local: id, urls: member.peerURLs, members: directory, loop: loops.next(),
            client: HTTPClient(loops: loops), delegate: delegate, snapshots: snapshots,
            logger: logger)
        handler.set(
            PeerHTTPHandler(transport: transport, versionJSON: { [] }, services: services))
    }

    func stop() async {
        transport.stop()
        await listener.drain(graceMilliseconds: 0)
    }

    /// Waits until streams in both directions are up: posts would travel, but overtake each other.
    func waitForStreams(with other: LoopbackMember) async throws {
        try await waitFor(2 * 2) {
            self.transport.streamCount(other.member.id)
                + other.transport.streamCount(self.member.id)
        }
    }

    private func waitFor(_ count: Int, _ current: () -> Int) async throws {
        while current() < count { try await Task.sleep(for: .milliseconds(5)) }
    }
}

/// Runs `body` with event loops that end afterwards.
func withLoops(_ body: (EventLoops) async throws -> Void) async throws {
    let loops = EventLoops(count: 2)
    do {
        try await body(loops)
    } catch {
        try await loops.shutdown()
        throw error
    }
    try await loops.shutdown()
}
