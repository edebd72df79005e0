//  A responder that keeps what it is told, and a transport to answer through it.

import EtcdMembership
import EtcdNet
import EtcdTransport
import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import Raft
import RuntimeCore
import Synchronization

/// Confined to its loop.
final class FakeResponder: HTTPResponder {
    let eventLoop: any EventLoop
    var isOpen = true
    var isWritable = true
    var onClose: (() -> Void)?
    var onWritable: (() -> Void)?
    var status: Int?
    var headers = HTTPHeaders()
    var body = ByteBuffer()
    var isFinished = false
    var isAborted = false

    init(eventLoop: any EventLoop) { self.eventLoop = eventLoop }

    func respond(status: Int, headers: HTTPHeaders, body: ByteBuffer) {
        start(status: status, headers: headers)
        write(body)
        finish()
    }

    func start(status: Int, headers: HTTPHeaders) {
        precondition(self.status == nil)
        self.status = status
        self.headers = headers
    }

    func write(_ part: ByteBuffer) { body.writeImmutableBuffer(part) }
    func finish() { isFinished = true }
    func abort() { isAborted = true }
}

/// What a test wants to know of an answer.
struct Answer: Sendable, Equatable {
    var status: Int?
    var body: String
    var headers: [String: String]
}

/// Remembers what the transport reports.
final class RecordingDelegate: PeerTransportDelegate {
    struct Record: Sendable {
        var messages: [Message] = []
        var unreachable: [MemberID] = []
        var snapshots: [Bool] = []
        var removals = 0
    }

    private let state = Mutex(Record())
    var record: Record { state.withLock { $0 } }

    func receive(_ messages: [Message]) { state.withLock { $0.messages += messages } }
    func peerUnreachable(_ id: MemberID) { state.withLock { $0.unreachable.append(id) } }
    func snapshotSent(to id: MemberID, succeeded: Bool) {
        state.withLock { $0.snapshots.append(succeeded) }
    }
    func localMemberRemoved(_ reason: String) { state.withLock { $0.removals += 1 } }

    /// Waits until the record is as wanted; the test's time limit ends a wait for ever.
    func wait(until isDone: (Record) -> Bool) async throws -> Record {
        while true {
            let record = self.record
            if isDone(record) { return record }
            try await Task.sleep(for: .milliseconds(5))
        }
    }
}

/// The monotonic clock of the machine, and a civil time that stands still.
struct TestClock: RuntimeCore.Clock {
    func now() -> Moment {
        Moment(
            monotonic: Instant(nanoseconds: NIODeadline.now().uptimeNanoseconds),
            wall: WallTime(unixNanoseconds: 1_700_000_000_123_456_789))
    }
}

let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
let localID: MemberID = 0xA
let remoteID: MemberID = 0xB
let removedID: MemberID = 0xDEAD
let testClusterID: UInt64 = 0xC1

func makeDirectory(local: MemberID = localID, _ members: [Member]) -> MemberDirectory {
    MemberDirectory(
        localID: local, clusterID: testClusterID,
        cluster: Cluster(members: members, removed: [removedID]))
}

func makeTransport(
    local: MemberID = localID, urls: [String] = ["http://127.0.0.1:1"], members: MemberDirectory,
    loop: any EventLoop, client: HTTPClient, delegate: RecordingDelegate,
    snapshots: SnapshotTransfers = SnapshotTransfers(files: MemorySnapshots()),
    logger: Logger = quiet
) -> PeerTransport {
    PeerTransport(
        settings: PeerTransport.Settings(
            localID: local, clusterID: testClusterID, localPeerURLs: urls),
        members: members, client: client, loops: [loop], clock: TestClock(), delegate: delegate,
        snapshots: snapshots, logger: logger)
}
