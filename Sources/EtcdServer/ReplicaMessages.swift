//  What the three roles of a replica say to each other and to the world outside. Everything here is
//  a value; whoever composes the replica routes outputs to inputs.

package import EtcdBackend
package import EtcdMVCC
package import EtcdMembership
package import EtcdProto
package import Raft
package import RuntimeCore

/// A request on its way into the log.
package struct Proposal: Sendable {
    package enum Payload: Sendable {
        case normal(Bytes)
        case confChange(ConfChange)
    }

    /// What a proposal rests on.
    package enum Basis: Sendable {
        /// Somebody's wish: whoever leads may put it into the log.
        case wish
        /// What this member knows as the leader. Another one may know better, so that it is never
        /// passed on: without leadership it fails as `.notLeader`.
        case leadership
    }

    /// Names the waiter in the registry; 0 when nobody waits.
    package let id: UInt64
    package let payload: Payload
    /// After this nobody waits any more: a proposal still held back is dropped.
    package let expires: Instant
    package let basis: Basis

    package init(id: UInt64, payload: Payload, expires: Instant, basis: Basis = .wish) {
        self.id = id
        self.payload = payload
        self.expires = expires
        self.basis = basis
    }
}

package enum ConsensusInput: Sendable {
    case propose(Proposal)
    case readBarrier(id: UInt64, expires: Instant)
    /// From peers; the transport has checked addressee and sender.
    case messages([Message])
    /// From the log role: the `Ready` of this number is durable, and so are all before it.
    case persisted(UInt64)
    /// From the log role: its disk is full, or has room again.
    case storageFull(Bool)
    /// From the log role: the snapshot is on disk and the log may be cut behind it.
    case snapshotSaved(SnapshotMetadata)
    /// From the apply role.
    case applied(LogIndex)
    /// From the apply role: the change committed at `index`, or one without effect.
    case confChangeApplied(ConfChangeV2, index: LogIndex)
    /// From the apply role, in answer to `.snapshotWanted`.
    case snapshotReady(Snapshot, peer: MemberID)
    case peerUnreachable(MemberID)
    /// A transfer has ended, or, from the apply role, none can begin: there is no room to make the
    /// snapshot.
    case snapshotSent(MemberID, succeeded: Bool)
    case transferLeadership(to: MemberID)
    /// Make a voter of this learner, if it has nearly all of the leader's log and nothing else
    /// speaks against it.
    case promote(MemberID, Proposal, otherwise: ServerError?)
}

package enum ConsensusOutput: Sendable {
    case append(LogRequest)
    case send([Message])
    case apply([Entry])
    /// The received snapshot is durable: replace the state with it.
    case restore(Snapshot)
    case confState(ConfState)
    case snapshotWanted(MemberID)
    /// Reads that may be served once `index` is applied.
    case readConfirmed(index: LogIndex, ids: [UInt64])
    case failed([UInt64], ServerError)
}

/// What must become durable, in this order: snapshot, entries, hard state.
package struct LogRequest: Sendable {
    package let number: UInt64
    package var snapshot: Snapshot?
    package var entries: [Entry]
    package var hardState: HardState?
    package var mustSync: Bool
}

package enum LogInput: Sendable {
    case append(LogRequest)
    /// From the apply role: a snapshot of the local state.
    case saveSnapshot(Snapshot)
    /// Write what is deferred and release the files.
    case close
}

package enum LogOutput: Sendable {
    /// Every request up to this number is durable.
    case persisted(UInt64)
    case snapshotSaved(SnapshotMetadata)
    /// The disk is full: nothing is acknowledged until space returns. `nil` when it has.
    case storageFull(String?)
    /// The disk failed; the member must stop.
    case failed(String)
    case closed
}

package enum ApplyInput: Sendable {
    case entries([Entry])
    case restore(Snapshot)
    case confState(ConfState)
    case snapshotWanted(MemberID)
    case readConfirmed(index: LogIndex, ids: [UInt64])
    /// From consensus: these requests end without an effect.
    case failed([UInt64], ServerError)
    case watch(WatchCommand)
    /// Reply `.database` with the state of this moment.
    case openDatabase(ReplyAddress)
    /// Rewrite the database compactly; reply `.v3(.defragment)`.
    case defragment(ReplyAddress)
    /// The copying part of the defragmentation is over.
    case databaseCopied(DefragmentJob)
    /// The syncs of a commit of the database are over.
    case databaseSynced(CommitSync)
    /// End every watch: the member stops, and watchers should go to another one.
    case endWatches
    /// Answer everybody who waits; the member stops.
    case stop
}

package enum ApplyOutput: Sendable {
    case reply(any EdgePort, [EdgeReply])
    case consensus(ConsensusInput)
    case log(LogInput)
    case peers(PeerChange)
    case event(ReplicaEvent)
    /// Run this away from every role, and post what it returns to the apply role.
    case background(@Sendable () -> ApplyInput)
    /// Run this where nothing long stands in its way, and post `.databaseSynced`.
    case sync(CommitSync)
}

/// What a client's watch stream asks of the hub.
package enum WatchCommand: Sendable {
    /// News for the outbox are announced at the address as `.watchReady`.
    case open(WatchOutbox, ReplyAddress)
    case create(stream: UInt64, WatchCreateRequest)
    /// A watcher that may not be: the stream hears the reason, after what it asked before.
    case refuse(stream: UInt64, reason: String)
    case cancel(stream: UInt64, watch: Int64)
    case requestProgress(stream: UInt64)
    /// The client has taken everything, and the hub had left something out.
    case drained(stream: UInt64)
    case close(stream: UInt64)
}

extension ApplyOutput {
    var isPublished: Bool {
        if case .event(.published) = self { true } else { false }
    }
}

/// For the transport: whom to talk to.
package enum PeerChange: Sendable {
    case add(Member)
    case update(Member)
    case remove(MemberID)
    /// After a received snapshot: exactly these, apart from the local member.
    case replaceAll([Member])
}

/// For whoever runs the replica.
package enum ReplicaEvent: Sendable, Hashable {
    /// This member's attributes are in the cluster's state: it can be found by clients.
    case published
    /// The first entry of a new term was applied.
    case termStarted(Term)
    /// This member was removed from the cluster and must stop.
    case removed
    /// The state cannot be trusted or continued; the text says why and where.
    case failed(String)
}
