//  What the answers of a member's peer port mean to the one who asked.

import EtcdMembership
import EtcdNet
import EtcdProto
import NIOCore
import RuntimeCore

/// Reads answers as etcd's own members do, and by the words where a status has more than one
/// meaning.
enum LeaderAnswer {
    static func lease<Answer: ProtobufMessage>(
        _ response: HTTPClientResponse
    ) throws(PeerServiceError) -> Answer {
        let text = text(response)
        switch response.status {
        case 200: break
        case 408: throw .notCaughtUp
        // Not every 404 is about the lease: a member that knows no leases has no such path.
        case 404 where text == PeerServiceError.leaseNotFound.description: throw .leaseNotFound
        case _ where text == PeerServiceError.notPrimary.description: throw .notPrimary
        default: throw unexpected(response)
        }
        do {
            return try Answer(decoding: bytes(response))
        } catch {
            throw .failed("lease: \(error)")
        }
    }

    @Sendable
    static func promotion(_ response: HTTPClientResponse) throws(PeerServiceError) -> [Member] {
        let text = text(response)
        switch response.status {
        case 200: break
        case 404 where !text.contains("page not found"): throw .memberNotFound
        case 408: throw .timeout
        case 412 where text.contains(PeerServiceError.learnerNotReady.description):
            throw .learnerNotReady
        case 412 where text.contains(PeerServiceError.memberNotLearner.description):
            throw .memberNotLearner
        default: throw unexpected(response)
        }
        do {
            return try parseMemberList(bytes(response))
        } catch {
            throw .failed("\(error)")
        }
    }

    @Sendable
    static func hashKV(_ response: HTTPClientResponse) throws(PeerServiceError) -> HashKVResponse {
        let text = text(response)
        switch response.status {
        case 200: break
        case 400 where text.contains(PeerServiceError.revisionCompacted.description):
            throw .revisionCompacted
        case 400 where text.contains(PeerServiceError.revisionInFuture.description):
            throw .revisionInFuture
        case 412: throw .clusterMismatch
        default: throw unexpected(response)
        }
        guard let answer = HashKVText.response(in: bytes(response)) else {
            throw .failed("not the answer to a question for a hash: \(text)")
        }
        return answer
    }

    @Sendable
    static func downgradeEnabled(
        _ response: HTTPClientResponse
    ) throws(PeerServiceError) -> Bool {
        let text = text(response)
        switch (response.status, text) {
        case (200, "true"): return true
        case (200, "false"): return false
        // Members before 3.5 know no downgrades.
        case (404, _): return false
        default: throw unexpected(response)
        }
    }

    private static func unexpected(_ response: HTTPClientResponse) -> PeerServiceError {
        .failed("unexpected http status \(response.status): \(text(response))")
    }

    private static func text(_ response: HTTPClientResponse) -> String {
        String(buffer: response.body).trimmingLineEnd()
    }

    private static func bytes(_ response: HTTPClientResponse) -> Bytes {
        Bytes(Array(response.body.readableBytesView))
    }
}
