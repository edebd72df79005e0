//  How many connections each kind of listener may hold. Every one takes a descriptor, and a member
//  that has none left can open no further segment of its log, which ends it.

import EtcdNet
import RuntimeCore

struct ConnectionShares {
    let clients: Int
    let peers: Int
    let metrics: Int

    /// - Parameter descriptors: what the process may have open, its own files included.
    init(descriptors: Int) {
        let room = max(0, descriptors - Limits.reservedDescriptors)
        peers = max(Limits.peerConnectionsMin, room / 8)
        metrics = max(Limits.metricsConnectionsMin, room / 16)
        clients = max(1, room - room / 8 - room / 16)
    }
}

extension ListenerSettings {
    /// The same for one of `count` listeners that have the bound on connections in common.
    func shared(by count: Int) -> ListenerSettings {
        var own = self
        own.maxConnections = max(1, maxConnections / max(1, count))
        return own
    }
}
