//  A discovery token in the v3 key space of some etcd.

package import EtcdClient
import EtcdNet
import EtcdProto
package import NIOCore
import RuntimeCore

package struct V3Registry: DiscoveryRegistry {
    /// A watch that hears nothing for so long is begun anew.
    private static let waitTimeout = TimeAmount.minutes(5)

    private let client: Client
    /// `/_etcd/registry/TOKEN`.
    private let prefix: String
    private let requestTimeout: TimeAmount

    package init(_ client: Client, token: String, requestTimeout: TimeAmount) {
        self.client = client
        self.requestTimeout = requestTimeout
        prefix = V3Registry.cleaned("/_etcd/registry/" + token)
    }

    /// As Go joins paths: no empty segments and no dots.
    static func cleaned(_ path: String) -> String {
        var segments: [Substring] = []
        for segment in path.split(separator: "/") {
            switch segment {
            case "..": _ = segments.popLast()
            case ".": break
            default: segments.append(segment)
            }
        }
        return "/" + segments.joined(separator: "/")
    }

    private var membersPrefix: String { prefix + "/members/" }

    func size() async throws(RegistryFailure) -> String? {
        let answer = try await range(RangeRequest(key: Bytes(prefix + "/_config/size")))
        return answer.kvs.first { _ in true }?.value.text
    }

    func registrations() async throws(RegistryFailure) -> Registrations {
        let answer = try await range(
            RangeRequest(key: Bytes(membersPrefix), rangeEnd: membersEnd))
        var found: [(created: Int64, member: RegisteredMember)] = []
        for entry in answer.kvs {
            let value = entry.value.text
            guard value.contains("=") else { continue }
            let id = entry.key.dropFirst(membersPrefix.utf8.count).text
            found.append((entry.createRevision, RegisteredMember(id: id, value: value)))
        }
        found.sort { $0.created < $1.created }
        return Registrations(
            members: found.map(\.member),
            position: UInt64(max(0, answer.header?.revision ?? 0)))
    }

    private var membersEnd: Bytes {
        var end = Array(membersPrefix.utf8)
        end[end.count - 1] += 1
        return Bytes(end)
    }

    /// A member that comes back without its data finds its own key, and writes it again.
    func register(_ member: RegisteredMember) async throws(RegistryFailure) -> Bool {
        let request = PutRequest(key: Bytes(membersPrefix + member.id), value: Bytes(member.value))
        let _: PutResponse = try await call("/etcdserverpb.KV/Put", request)
        return true
    }

    func waitForNews(after position: UInt64) async throws(RegistryFailure) {
        var create = WatchCreateRequest()
        create.key = Bytes(membersPrefix)
        create.rangeEnd = membersEnd
        create.startRevision = V3Registry.revision(after: position)
        do throws(CallStatus) {
            let stream: ClientStream<WatchResponse> = try await client.open(
                "/etcdserverpb.Watch/Watch", WatchRequest(request: .create(create)),
                timeout: Self.waitTimeout, keepsOpen: true)
            while let response = try await stream.next() {
                if !response.events.isEmpty || response.canceled { return }
            }
        } catch {
            if error.code == .deadlineExceeded { return }
            throw V3Registry.failure(error)
        }
    }

    /// Where a watch begins; 0, for the present, when no revision can follow.
    static func revision(after position: UInt64) -> Int64 { Int64(exactly: position &+ 1) ?? 0 }

    /// Makes a token: the size of a cluster to be.
    func create(size: Int) async throws(RegistryFailure) {
        let request = PutRequest(
            key: Bytes(prefix + "/_config/size"), value: Bytes(String(size)))
        let _: PutResponse = try await call("/etcdserverpb.KV/Put", request)
    }

    private func range(_ request: RangeRequest) async throws(RegistryFailure) -> RangeResponse {
        try await call("/etcdserverpb.KV/Range", request)
    }

    private func call<Response: ProtobufMessage>(_ path: String, _ request: some ProtobufMessage)
        async throws(RegistryFailure) -> Response
    {
        do throws(CallStatus) {
            // Writing the same registration twice is as good as once.
            return try await client.call(
                path, request, timeout: requestTimeout, isRepeatable: true)
        } catch {
            throw V3Registry.failure(error)
        }
    }

    /// What no waiting mends is the end.
    static func failure(_ status: CallStatus) -> RegistryFailure {
        let final: [CallCode] = [
            .invalidArgument, .permissionDenied, .unauthenticated, .unimplemented,
        ]
        return final.contains(status.code)
            ? .permanent(DiscoveryError(status.description)) : .transient(status.description)
    }
}
