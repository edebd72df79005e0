//  The seam between the roles and whoever waits for them: replies carry a number that the waiter
//  chose, and travel in batches, one wake-up per event loop.

package import EtcdBackend
package import EtcdMembership
package import EtcdV2Store
package import RuntimeCore

/// A waiter's address: an event loop (or simulated client) and its own number for the request.
package struct ReplyAddress: Sendable {
    package let edge: any EdgePort
    package let token: UInt64

    package init(edge: any EdgePort, token: UInt64) {
        self.edge = edge
        self.token = token
    }
}

/// One event loop's inbox. `deliver` is called from role threads and must not block.
package protocol EdgePort: AnyObject, Sendable {
    /// Small dense number, so that batches can be grouped without hashing.
    var number: Int { get }
    func deliver(_ replies: [EdgeReply])
}

package struct EdgeReply: Sendable {
    package let token: UInt64
    package let reply: Reply

    package init(token: UInt64, reply: Reply) {
        self.token = token
        self.reply = reply
    }
}

package enum Reply: Sendable {
    /// The outcome of a v2 write or quorum read, with raft's indexes for the headers.
    case v2(Result<V2Event, V2Error>, raftIndex: UInt64, raftTerm: UInt64)
    /// A watch fired. More may follow when the watch is a stream.
    case v2Watch(V2Event)
    /// The watch was dropped by the server (history cleared, server stopping).
    case v2WatchEnded
    /// A membership change was applied; the members afterwards, sorted by id.
    case members([Member])
    /// A linearizable read barrier was passed.
    case barrier
    /// The outcome of a v3 request.
    case v3(Result<V3Result, ServerError>)
    /// A watch stream's outbox has something to take.
    case watchReady
    /// The database as it was when the request was served; pinned until let go.
    case database(BackendSnapshot)
    /// Whether a password was right.
    case passwordMatches(Bool)
    /// The hash of a password; `nil` when there can be none.
    case passwordHash(Bytes?)
    case failed(ServerError)
}
