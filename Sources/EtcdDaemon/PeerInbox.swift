//  From the peer transport to the roles.

import EtcdServer
import EtcdTransport
import Raft
import RuntimeCore
import RuntimePosix

/// Hands what peers say to the consensus role. A full mailbox drops it, which raft tolerates.
struct PeerInbox: PeerTransportDelegate {
    let mailboxes: RoleMailboxes
    let removed: @Sendable (String) -> Void

    func receive(_ messages: [Message]) { _ = mailboxes.consensus.post(.messages(messages)) }

    func peerUnreachable(_ id: MemberID) { _ = mailboxes.consensus.post(.peerUnreachable(id)) }

    func snapshotSent(to id: MemberID, succeeded: Bool) {
        mailboxes.consensus.postReserved(.snapshotSent(id, succeeded: succeeded))
    }

    func localMemberRemoved(_ reason: String) { removed(reason) }
}

/// The transport's knowledge as strict reconfiguration asks for it.
struct TransportConnectivity: PeerConnectivity {
    let transport: PeerTransport

    func activeSince(_ id: MemberID) -> Instant? { transport.activeSince(id) }
}
