//  All methods of a member's v3 API, found by their paths, and what stands before every call:
//  learners serve few of them, and some clients insist on a leader.

package import EtcdEdge
import NIOCore

/// The v3 API of one member, the same for gRPC and the JSON gateway. Shared by all event loops.
package final class V3MethodTable: Sendable {
    package let endpoints: [V3Endpoint]
    let services: Set<String>
    let traffic = ClientTraffic()

    /// - Parameters:
    ///   - measuresDurations: whether metrics tell how long calls take.
    ///   - supervision: who takes notes of calls and limits them.
    ///   - slowCalls: who tells of unary calls that take long.
    package init(
        _ methods: [V3Method], facts: any MemberFacts, edges: HTTPEdges,
        measuresDurations: Bool = false, supervision: CallSupervision? = nil,
        slowCalls: SlowCallLog? = nil
    ) {
        let gate = CallGate(
            facts: facts, edges: edges, traffic: traffic, supervision: supervision,
            slowCalls: slowCalls)
        endpoints = methods.map {
            V3Endpoint($0, gate: gate, measuresDurations: measuresDurations)
        }
        services = Set(methods.map(\.service))
    }

    /// The methods that the JSON gateway serves, by path.
    package var gatewayPaths: [String: V3Endpoint] {
        var paths: [String: V3Endpoint] = [:]
        for endpoint in endpoints {
            for path in endpoint.method.gatewayPaths { paths[path] = endpoint }
        }
        return paths
    }
}

/// One method in service.
package final class V3Endpoint: Sendable {
    package let method: V3Method
    package let counters: CallCounters
    let gate: CallGate
    let rules: CallRules
    /// Who wants to know of this method's calls that take long.
    let slowCalls: SlowCallLog?

    init(_ method: V3Method, gate: CallGate, measuresDurations: Bool) {
        self.method = method
        counters = CallCounters(measuresDurations: measuresDurations)
        rules = CallRules(
            path: "/\(method.service)/\(method.name)", isStreaming: method.kind != .unary,
            isWrite: method.isWrite, isForLearners: method.isForLearners)
        self.gate = gate
        slowCalls = rules.isStreaming ? nil : gate.slowCalls
    }

    /// Counts one more call; returns when it began if anybody will ask how long it took.
    func callStarted() -> NIODeadline? {
        counters.callStarted() ?? (slowCalls == nil ? nil : .now())
    }

    /// Serves a call with a single request. Call on the loop of `edge`.
    package func serve(
        _ payload: V3Payload, on wire: any V3Wire, metadata: CallMetadata, edge: HTTPEdge
    ) {
        let parts = V3CallParts(wire: wire, metadata: metadata, edge: edge, endpoint: self)
        do throws(GRPCStatus) {
            switch method.entry {
            case .single(let body): try body(payload, parts)
            case .stream(let open):
                let inlet = try open(parts)
                inlet.receive(payload)
                inlet.requestsEnded()
            }
        } catch {
            wire.fail(error)
        }
    }

    /// Begins a call with a stream of requests; `nil` when it was refused, or when the method takes
    /// a single request (use `serve`). Call on the loop of `edge`.
    package func open(on wire: any V3Wire, metadata: CallMetadata, edge: HTTPEdge)
        -> (any V3Inlet)?
    {
        guard case .stream(let open) = method.entry else { return nil }
        do throws(GRPCStatus) {
            return try open(
                V3CallParts(wire: wire, metadata: metadata, edge: edge, endpoint: self))
        } catch {
            wire.fail(error)
            return nil
        }
    }
}

/// The checks before a call, and the watches over the leader on each loop.
final class CallGate: Sendable {
    let supervision: CallSupervision?
    let slowCalls: SlowCallLog?
    private let facts: any MemberFacts
    private let traffic: ClientTraffic
    private let watches: [(edge: HTTPEdge, watch: NIOLoopBoundBox<LeaderWatch>)]

    init(
        facts: any MemberFacts, edges: HTTPEdges, traffic: ClientTraffic,
        supervision: CallSupervision?, slowCalls: SlowCallLog? = nil
    ) {
        self.supervision = supervision
        self.slowCalls = slowCalls
        self.facts = facts
        self.traffic = traffic
        watches = edges.all.map { edge in
            (
                edge,
                .makeBoxSendingValue(
                    LeaderWatch(facts: facts, edge: edge), eventLoop: edge.eventLoop)
            )
        }
    }

    func check(_ method: CallRules, _ metadata: CallMetadata) throws(GRPCStatus) {
        if !method.isForLearners, facts.isLearner {
            throw GRPCStatus(.unavailable, "etcdserver: rpc not supported for learner")
        }
        traffic.callStarted(
            version: metadata.clientAPIVersion, isStreaming: method.isStreaming)
        if metadata.requiresLeader, !facts.knowsLeader { throw .noLeader }
        if metadata.timeoutMilliseconds == 0 { throw .deadlineExceeded }
    }

    func awaits(token: String) -> Bool { facts.awaits(token: token) }

    func leaderWatch(of edge: HTTPEdge) -> LeaderWatch? {
        watches.first { $0.edge === edge }?.watch.value
    }
}
