//  Threads for the roles, and who hears what they say. The only place that knows which mailbox an
//  output belongs to.

import EtcdBackend
import EtcdMembership
import EtcdNet
import EtcdServer
import EtcdTransport
import EtcdWAL
import Raft
import RuntimeCore
import RuntimePosix
import Synchronization

/// The queues in front of the roles; made first, because everybody who posts needs them.
struct RoleMailboxes: Sendable {
    /// A queue under its message's own type: a generic one would find its way at each post.
    private struct ConsensusPort: Port {
        let mailbox: Mailbox<ConsensusInput>
        func post(_ message: ConsensusInput) -> Bool { mailbox.post(message) }
    }

    private struct ApplyPort: Port {
        let mailbox: Mailbox<ApplyInput>
        func post(_ message: ApplyInput) -> Bool { mailbox.post(message) }
    }

    let consensus = Mailbox<ConsensusInput>(capacity: Limits.proposalQueueMax)
    let log = Mailbox<LogInput>(capacity: Limits.roleQueueMax)
    let apply = Mailbox<ApplyInput>(capacity: Limits.roleQueueMax)

    var consensusPort: any Port<ConsensusInput> { ConsensusPort(mailbox: consensus) }
    var applyPort: any Port<ApplyInput> { ApplyPort(mailbox: apply) }
}

/// The three roles of one replica on their threads.
///
/// All share one thread: at every load measured on two cores a hop between them cost more than the
/// work it moved. While the log waits for the disk the others wait too, as in etcd, whose messages
/// leave after its write. With a log that hardly waits, event loops run the roles themselves when
/// they have read what there was to read, which saves the way to the thread and back.
final class RoleWiring: Sendable {
    /// What the outside hears of; called on role threads, must not block.
    struct Listeners: Sendable {
        var loops: EventLoops
        var send: @Sendable ([Message]) -> Void
        var background: any BackgroundPool
        var syncs: any BackgroundPool
        var peers: @Sendable (PeerChange) -> Void
        var event: @Sendable (ReplicaEvent) -> Void
    }

    private let mailboxes: RoleMailboxes
    private let threads: [RoleThread]
    private let logClosed = Latch()

    init(
        replica: Replica, mailboxes: RoleMailboxes, opened: sending OpenedLog,
        database: sending V3Keyspace, clock: any Clock, seed: UInt64, listeners: Listeners
    ) {
        self.mailboxes = mailboxes
        let consensus = mailboxes.consensus
        let log = mailboxes.log
        let apply = mailboxes.apply
        let start = Replica.ConsensusStart(opened)
        let keyspace = HandOver(database)
        let files = HandOver((wal: opened.wal, snapshotter: opened.snapshotter))
        let closed = logClosed

        let main = RoleThread(
            name: "replica", clock: clock,
            host: EventLoopHost(loops: listeners.loops, status: replica.status))
        main.host(consensus) {
            replica.makeConsensusRole(start, random: RandomSource(seed: seed))
        } route: { outputs in
            for output in outputs {
                switch output {
                case .append(let request): log.postReserved(.append(request))
                case .send(let messages): listeners.send(messages)
                case .apply(let entries): apply.postReserved(.entries(entries))
                case .restore(let snapshot): apply.postReserved(.restore(snapshot))
                case .confState(let state): apply.postReserved(.confState(state))
                case .snapshotWanted(let peer): apply.postReserved(.snapshotWanted(peer))
                case .readConfirmed(let index, let ids):
                    apply.postReserved(.readConfirmed(index: index, ids: ids))
                case .failed(let ids, let error): apply.postReserved(.failed(ids, error))
                }
            }
        }
        main.host(apply) {
            replica.makeApplyRole(v3: keyspace.take())
        } route: { outputs in
            for output in outputs {
                switch output {
                case .reply(let edge, let replies): edge.deliver(replies)
                case .consensus(let input): consensus.postReserved(input)
                case .log(let input): log.postReserved(input)
                case .peers(let change): listeners.peers(change)
                case .event(let event): listeners.event(event)
                case .background(let work):
                    listeners.background.submit { apply.postReserved(work()) }
                case .sync(let sync):
                    listeners.syncs.submit {
                        sync.run()
                        apply.postReserved(.databaseSynced(sync))
                    }
                }
            }
        }
        main.host(log) {
            let (wal, snapshotter) = files.take()
            return replica.makeLogRole(wal: wal, snapshotter: snapshotter)
        } route: { outputs in
            for output in outputs {
                switch output {
                case .persisted(let number): consensus.postReserved(.persisted(number))
                case .snapshotSaved(let metadata): consensus.postReserved(.snapshotSaved(metadata))
                case .storageFull(let reason):
                    consensus.postReserved(.storageFull(reason != nil))
                case .failed(let reason): listeners.event(.failed(reason))
                case .closed: closed.open()
                }
            }
        }
        threads = [main]
    }

    func start() { for thread in threads { thread.start() } }

    /// Answers everybody who waits, closes the log, ends the threads. Blocks; call it away from
    /// event loops.
    func stop() {
        mailboxes.apply.postReserved(.stop)
        mailboxes.log.postReserved(.close)
        logClosed.wait()
        for thread in threads { thread.stop() }
    }
}

/// Lets event loops run the roles while that holds up no connection.
private struct EventLoopHost: RoleHost {
    let loops: EventLoops
    let status: ReplicaStatus

    func offer(_ run: @escaping @Sendable () -> Void) -> Bool {
        status.isLogQuick && loops.runAfterEvents(run)
    }
}

/// Passes a value that is not Sendable to the one thread that will own it.
private final class HandOver<Value>: Sendable {
    private let content: Mutex<Value?>

    init(_ value: sending Value) { content = Mutex(value) }

    func take() -> sending Value {
        content.withLock { content in
            let value = content
            content = nil
            return value!
        }
    }
}
