//  The answers of the v2 keys API: headers, status and body (spec http-v2 section 3).

import EtcdNet
import EtcdServer
import EtcdV2Store
import NIOCore
import Raft
import RuntimeCore

import struct NIOHTTP1.HTTPHeaders

/// Writes v2 answers for one member.
struct V2Answers: Sendable {
    /// Lower-case hexadecimal.
    let clusterID: String
    let status: ReplicaStatus

    init(clusterID: UInt64, status: ReplicaStatus) {
        self.clusterID = String(clusterID, radix: 16)
        self.status = status
    }

    static let clusterIDHeader = "X-Etcd-Cluster-Id"

    /// The answer to a finished operation.
    func respond(
        _ client: Client, event: V2Event, raftIndex: UInt64, raftTerm: UInt64,
        noValueOnSuccess: Bool = false
    ) {
        let headers = self.headers(
            client, storeIndex: event.storeIndex, raftIndex: raftIndex, raftTerm: raftTerm)
        client.responder.respond(
            status: event.isCreation ? 201 : 200, headers: headers,
            body: V2Answers.body(event, noValueOnSuccess: noValueOnSuccess))
    }

    /// The answer to a local read: raft's indexes are those of now.
    func respond(_ client: Client, event: V2Event) {
        respond(
            client, event: event, raftIndex: status.committed.rawValue,
            raftTerm: status.term.rawValue)
    }

    func respond(_ client: Client, error: V2Error) {
        let headers = client.headers([
            ("Content-Type", ContentType.json), (V2Answers.clusterIDHeader, clusterID),
            ("X-Etcd-Index", String(error.index)),
        ])
        var body: [UInt8] = []
        body.reserveCapacity(128 + error.cause.utf8.count)
        error.writeJSON(into: &body, strippingPrefixLength: V2KeysRequest.keyPrefix.count)
        client.responder.respond(
            status: error.httpStatus, headers: headers, body: ByteBuffer(bytes: body))
    }

    /// Whatever the consensus side refuses is the one raft error of the v2 API.
    func respond(_ client: Client, failure: ServerError) {
        respond(client, error: V2Error(.raftInternal, cause: failure.text))
    }

    /// The head of a watch's answer, with the indexes of the moment it began.
    func startWatch(_ client: Client, storeIndex: UInt64) {
        client.responder.start(
            status: 200,
            headers: headers(
                client, storeIndex: storeIndex, raftIndex: status.committed.rawValue,
                raftTerm: status.term.rawValue))
    }

    static func body(_ event: V2Event, noValueOnSuccess: Bool = false) -> ByteBuffer {
        var body: [UInt8] = []
        let valueCount = (event.node.value?.count ?? 0) + (event.previous?.value?.count ?? 0)
        body.reserveCapacity(256 + 2 * event.node.key.count + valueCount)
        event.writeJSON(
            into: &body, noValueOnSuccess: noValueOnSuccess,
            strippingPrefixLength: V2KeysRequest.keyPrefix.count)
        return ByteBuffer(bytes: body)
    }

    private func headers(
        _ client: Client, storeIndex: UInt64, raftIndex: UInt64, raftTerm: UInt64
    ) -> HTTPHeaders {
        var fields: [(String, String)] = []
        fields.reserveCapacity(client.fields.count + 5)
        fields.append(contentsOf: client.fields)
        fields.append(("Content-Type", ContentType.json))
        fields.append((V2Answers.clusterIDHeader, clusterID))
        fields.append(("X-Etcd-Index", String(storeIndex)))
        fields.append(("X-Raft-Index", String(raftIndex)))
        fields.append(("X-Raft-Term", String(raftTerm)))
        return HTTPHeaders(fields)
    }
}
