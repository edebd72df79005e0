//  A replica for the peer port that answers by number: what is asked about decides what is said.

import EtcdMembership
import EtcdProto
import EtcdTransport
import Raft
import RuntimeCore
import Synchronization

/// Lease, member or revision 1 succeeds; the numbers from 100 on fail with the errors in order.
final class FakeServices: PeerServices {
    static let errors: [PeerServiceError] = [
        .leaseNotFound, .notCaughtUp, .notPrimary, .memberNotFound, .memberNotLearner,
        .learnerNotReady, .timeout, .revisionCompacted, .revisionInFuture, .failed("oops"),
    ]

    private let tokens = Mutex<[String?]>([])
    private let downgrade: Result<Bool, PeerServiceError>
    /// Called for every renewal; may keep the answer back.
    private let onRenew: @Sendable (@escaping @Sendable () -> Void) -> Void

    init(
        downgrade: Result<Bool, PeerServiceError> = .success(true),
        onRenew: @escaping @Sendable (@escaping @Sendable () -> Void) -> Void = { $0() }
    ) {
        self.downgrade = downgrade
        self.onRenew = onRenew
    }

    /// With which promotions were asked for.
    var promotionTokens: [String?] { tokens.withLock { $0 } }

    private static func failure(_ number: UInt64) -> PeerServiceError? {
        number >= 100 ? errors[Int(number - 100)] : nil
    }

    func renewLease(_ id: Int64, done: @escaping Done<Int64>) {
        onRenew {
            done(Self.failure(UInt64(bitPattern: id)).map { .failure($0) } ?? .success(id + 59))
        }
    }

    func leaseTimeToLive(
        _ id: Int64, withKeys: Bool, done: @escaping Done<LeaseTimeToLiveResponse>
    ) {
        let view = LeaseTimeToLiveResponse(
            id: id, ttl: 599, grantedTTL: 600, keys: withKeys ? [Bytes("k")] : [])
        done(Self.failure(UInt64(bitPattern: id)).map { .failure($0) } ?? .success(view))
    }

    func promote(_ id: MemberID, token: String?, done: @escaping Done<[Member]>) {
        tokens.withLock { $0.append(token) }
        let members = [
            Member(id: 3, peerURLs: ["http://c:1"], isLearner: true),
            Member(id: 4, peerURLs: ["http://d:1"], name: "d"),
        ]
        done(Self.failure(id.rawValue).map { .failure($0) } ?? .success(members))
    }

    func hashKV(revision: Int64, done: @escaping Done<HashKVResponse>) {
        let hash = HashKVResponse(
            header: ResponseHeader(clusterID: 1, memberID: 2, revision: 3), hash: 1_104_811_212,
            compactRevision: -1, hashRevision: revision)
        done(Self.failure(UInt64(bitPattern: revision)).map { .failure($0) } ?? .success(hash))
    }

    func downgradeEnabled(done: @escaping Done<Bool>) { done(downgrade) }
}
