//  What all parts of one peer share.

import EtcdMembership
import EtcdNet
import EtcdProto
import Logging
import NIOCore
import Raft
import RuntimeCore

struct PeerContext: Sendable {
    let peer: MemberID
    let identity: PeerIdentity
    let members: MemberDirectory
    let client: HTTPClient
    /// Owns everything that we dial; streams that the peer dialled live on their own loops.
    let loop: any EventLoop
    let clock: any Clock
    let delegate: any PeerTransportDelegate
    let statistics: PeerStatistics
    let counters: PeerCounters
    let activity: PeerActivity
    let snapshots: SnapshotTransfers
    let logger: Logger

    /// The peer says that this member is no longer one.
    func localMemberRemoved() {
        delegate.localMemberRemoved("the member has been permanently removed from the cluster")
    }

    /// Hands on what arrived over a stream, without what must not reach consensus.
    func deliver(_ messages: [Message]) {
        if messages.contains(where: { $0.kind == .propose }) {
            activity.forwarded(at: clock.monotonic())
        }
        let delivery = PeerDelivery.deliver(
            messages, databasesAreDurable: false, to: delegate, identity: identity,
            members: members, statistics: statistics, clock: clock, logger: logger)
        if delivery == .snapshotAlone { counters.receiveFailed() }
    }
}

/// The last check of messages before they reach consensus.
enum PeerDelivery {
    case complete
    case removedSender
    case wrongReceiver
    /// A member that took a snapshot without its database could never start again.
    case snapshotAlone

    /// - Returns: why something was left out.
    static func deliver(
        _ messages: [Message], databasesAreDurable: Bool, to delegate: any PeerTransportDelegate,
        identity: PeerIdentity, members: MemberDirectory, statistics: PeerStatistics,
        clock: any Clock, logger: Logger
    ) -> PeerDelivery {
        guard let first = messages.first else { return .complete }
        var outcome = PeerDelivery.complete
        // Nearly always one sender: ask the directory once.
        var sender = first.from
        var isRemoved = members.isRemoved(sender)
        var accepted: [Message] = []
        accepted.reserveCapacity(messages.count)
        for message in messages {
            if message.from != sender {
                sender = message.from
                isRemoved = members.isRemoved(sender)
            }
            if isRemoved {
                outcome = .removedSender
                logger.warning(
                    "rejected Raft message from removed member",
                    metadata: ["removed-member-id": "\(sender)"])
            } else if message.to != identity.localID {
                outcome = .wrongReceiver
                logger.warning(
                    "rejected Raft message to mismatch member",
                    metadata: ["mismatch-member-id": "\(message.to)"])
            } else if message.kind == .snapshot, !databasesAreDurable {
                outcome = .snapshotAlone
                noteWrongType(message, logger)
            } else if !PeerMessageCheck.isLocal(message.kind) {
                if message.kind == .append {
                    statistics.appendArrived(
                        from: sender, bytes: message.encodedSize, at: clock.monotonic())
                }
                accepted.append(message)
            }
        }
        if !accepted.isEmpty { delegate.receive(accepted) }
        return outcome
    }

    /// The message has come by a way that is not for messages of its type.
    static func noteWrongType(_ message: Message, _ logger: Logger) {
        logger.warning(
            "unexpected Raft message type",
            metadata: ["message-type": "\(message.kind)", "remote-peer-id": "\(message.from)"])
    }
}

/// The addresses of a peer and the one that is tried next. Confined to the peer's loop.
final class PeerURLs {
    private var urls: [String]
    private var picked = 0

    init(_ urls: [String]) { self.urls = urls }

    /// An empty text, which no dial accepts, when the peer has no address.
    var current: String { urls.isEmpty ? "" : urls[picked] }

    func update(_ urls: [String]) {
        self.urls = urls
        picked = 0
    }

    /// The next attempt goes elsewhere, unless somebody has noticed already.
    func failed(_ url: String) {
        if url == current, !urls.isEmpty { picked = (picked + 1) % urls.count }
    }
}
