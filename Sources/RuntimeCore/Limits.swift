//  Every bound in the program, with its reason. Sizes in bytes, times in milliseconds.

package enum Limits {
    /// Proposals waiting in the consensus mailbox. Beyond this the client is told to slow down
    /// instead of memory growing with its impatience.
    package static let proposalQueueMax = 65_536
    /// Audit records that wait for their file. Beyond this they are lost, and counted.
    package static let auditBytesMax = 4 << 20
    /// Messages between the roles of one member: bounded by what they have in flight. What clients
    /// have to say of their watches comes in the same queue: at this bound they are refused.
    package static let roleQueueMax = 1 << 20
    /// Committed entries not applied yet before new proposals are refused (etcd's bound).
    package static let unappliedEntriesMax: UInt64 = 5_000
    /// Total entry bytes in one append message (etcd's value, visible on the wire).
    package static let appendMessageBytesMax = 1 << 20
    /// Append messages in flight to one follower (etcd's value).
    package static let inflightAppendsMax = 512
    /// Entry bytes handed to apply at once, so that one batch cannot starve reads.
    package static let applyBatchBytesMax = 4 << 20
    /// Entries kept behind the newest snapshot for slow followers (etcd's value).
    package static let snapshotCatchUpEntries: UInt64 = 5_000
    /// Size at which a log segment is finished (etcd's value).
    package static let walSegmentBytes = 64_000_000
    /// Entry bytes that one write of the log joins. On a full disk each new attempt costs no more
    /// than that, and what there is room for gets through.
    package static let walGroupBytesMax = 8 << 20
    /// A single log record larger than this cannot come from us: the length field is torn.
    package static let walRecordBytesMax = 256 << 20
    /// Events kept for watchers that start in the past (etcd's value).
    package static let v2EventHistoryMax = 1_000
    /// Events a slow v2 stream may lag behind before its response is ended (etcd's value).
    package static let v2StreamBacklogMax = 100
    /// Default bound of a request body on the client port (etcd's `max-request-bytes`, 1.5 MiB).
    package static let requestBytesMax = 1_572_864
    /// The longest message that a client of the v3 API is sent (etcd's value), and so what is
    /// collected for one: a small transaction could ask for any amount of memory. Not far beyond,
    /// the lengths on the wire and those of the libraries below end.
    package static let answerBytesMax = 2_147_483_647
    /// Request line and headers together on any HTTP/1.1 connection (Go's default is 1 MiB).
    package static let httpHeaderBytesMax = 1 << 20
    /// Header fields in one request: beyond this it is a flood, not a request.
    package static let httpHeaderFieldsMax = 512
    /// Pipelined HTTP/1.1 requests held for one connection before reading pauses.
    package static let httpPipelinedRequestsMax = 64
    /// Time a client has to finish sending a request's headers.
    package static let httpHeaderTimeoutMilliseconds: UInt64 = 30_000
    /// TLS handshakes in progress on one event loop of a listener; beyond it the oldest is cut, so
    /// that those who never finish theirs keep nobody out.
    package static let tlsHandshakesMax = 1_024
    /// Time for a TLS handshake, the check of the client's certificate included.
    package static let tlsHandshakeMilliseconds: UInt64 = 15_000
    /// Messages queued for one peer; beyond it they are dropped, which raft tolerates.
    package static let peerQueueMax = 4_096
    /// A peer message longer than this is refused before it is read (etcd's value).
    package static let peerMessageBytesMax = 512 << 20
    /// Timeout of peer stream reads and writes (etcd's value).
    package static let peerStreamTimeoutMilliseconds: UInt64 = 5_000
    /// Pause between attempts to open a peer stream (etcd's value).
    package static let peerRedialMilliseconds: UInt64 = 100
    /// Pause between probes of a peer (etcd's value).
    package static let peerProbeMilliseconds: UInt64 = 4_000
    /// Base of the request time limit; two election timeouts are added (etcd's value).
    package static let requestTimeoutMilliseconds: UInt64 = 5_000
    /// Period of the TTL clock entries that the leader proposes (etcd's value).
    package static let v2SyncMilliseconds: UInt64 = 500
    /// Period of cluster version negotiation by the leader (etcd's value).
    package static let versionNegotiationMilliseconds: UInt64 = 4_000
    /// Period of purging old snapshot and log files (etcd's value).
    package static let purgeMilliseconds: UInt64 = 30_000
    /// Pause before a log segment is made ready for which there was no room.
    package static let segmentRetryMilliseconds: UInt64 = 10_000
    /// Applied writes that a full disk keeps out of the database, on a member that takes them
    /// from others. Its log has them all; stopping is better than being killed for memory.
    package static let databaseBacklogBytesMax = 512 << 20
    /// Passwords that wait to be hashed or compared, each for a good part of a second's tenth: no
    /// more than two threads manage within the time limit of a request.
    package static let passwordWorkMax = 256
    /// Requests of one watch stream that may be on their way to the apply role.
    package static let watchRequestsMax = 1_000
    /// Hashes of the whole database that wait for one another.
    package static let scansMax = 16
    /// Ranges and transactions that wait because they may have to look at very many keys.
    package static let longReadsMax = 1_024
    /// Passwords of the v2 API that have been compared and need not be again.
    package static let verifiedPasswordsMax = 1_024
    /// Descriptors kept back from client connections (etcd's value): for files, the log's above
    /// all, for links to other members, and for what these dial.
    package static let reservedDescriptors = 150
    /// Connections that the peer ports take together, at least: six other members have about that
    /// many. Where descriptors are few, they come out of the reserve.
    package static let peerConnectionsMin = 48
    /// The same for the ports of metrics.
    package static let metricsConnectionsMin = 8
}
