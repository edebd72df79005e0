//  The front door of client and metrics listeners: which request goes to which handler.

import EtcdAuth
package import EtcdEdge
import EtcdMembership
package import EtcdNet
package import EtcdServer
package import NIOCore
import RuntimeCore

import struct NIOHTTP1.HTTPHeaders

/// What the listeners of one member share.
package struct HTTPServices: Sendable {
    package var handler: RequestHandler
    package var edges: HTTPEdges
    package var ownStatistics: any SelfStatisticsSource
    package var leaderStatistics: any LeaderStatisticsSource
    package var metrics: any MetricsSource
    package var httpMetrics: HTTPMetrics
    package var processFacts: @Sendable () -> ProcessFacts
    /// Serves gRPC on client listeners.
    package var remoteCalls: (any RemoteCallHandler)?
    /// Serves the v3 API as JSON, below `/v3`.
    package var gateway: (any HTTPHandler)?
    /// Changes the level of the log; `nil` when it cannot be changed.
    package var logLevel: (any LogLevelControl)?
    /// Who takes notes of v2 requests and limits them.
    package var supervision: RequestSupervision?

    package init(
        handler: RequestHandler, edges: HTTPEdges, ownStatistics: any SelfStatisticsSource,
        leaderStatistics: any LeaderStatisticsSource, metrics: any MetricsSource,
        httpMetrics: HTTPMetrics, remoteCalls: (any RemoteCallHandler)? = nil,
        gateway: (any HTTPHandler)? = nil,
        processFacts: @escaping @Sendable () -> ProcessFacts = ProcessFacts.current
    ) {
        self.handler = handler
        self.edges = edges
        self.ownStatistics = ownStatistics
        self.leaderStatistics = leaderStatistics
        self.metrics = metrics
        self.httpMetrics = httpMetrics
        self.remoteCalls = remoteCalls
        self.gateway = gateway
        self.processFacts = processFacts
    }
}

/// Serves one kind of listener. Shared by all its connections.
package final class HTTPRouter: HTTPHandler {
    package struct Settings: Sendable {
        /// Such as `3.5.33`.
        package var serverVersion: String
        /// Host names that plain-text requests may use; empty or with `*`: all.
        package var hostWhitelist: [String]
        /// Web origins that browsers may come from; empty or with `*`: all.
        package var crossOrigins: [String]
        /// Whether /v2 is there at all.
        package var servesV2: Bool

        package init(
            serverVersion: String, hostWhitelist: [String] = ["*"],
            crossOrigins: [String] = ["*"], servesV2: Bool = true
        ) {
            self.serverVersion = serverVersion
            self.hostWhitelist = hostWhitelist
            self.crossOrigins = crossOrigins
            self.servesV2 = servesV2
        }
    }

    package enum Surface: Sendable {
        /// Everything.
        case clients
        /// Metrics and health alone, for anybody, without host check and web permissions.
        case metrics
    }

    /// What Go reads of a form at most. How much of it fits into a proposal is the replica's say.
    static let formBytesMax = 10 << 20

    let settings: Settings
    let surface: Surface
    private let gate: RequestGate
    let keys: V2KeysHandler
    let members: V2MembersHandler
    let auth: V2AuthHandler
    let stats: V2StatsHandler
    let operations: OperationsHandler
    let health: HealthHandler
    package let remoteCalls: (any RemoteCallHandler)?
    private let gateway: (any HTTPHandler)?
    let supervision: RequestSupervision?
    private let v3AuthIsEnabled: @Sendable () -> Bool

    package init(settings: Settings, surface: Surface, services: HTTPServices) {
        self.settings = settings
        self.surface = surface
        gate = RequestGate(hosts: settings.hostWhitelist, origins: settings.crossOrigins)
        // A listener for metrics serves nothing else.
        remoteCalls = surface == .clients ? services.remoteCalls : nil
        gateway = surface == .clients ? services.gateway : nil
        supervision = surface == .clients ? services.supervision : nil
        let handler = services.handler
        v3AuthIsEnabled = { handler.v3.auth.isEnabled }
        let answers = V2Answers(clusterID: handler.members.clusterID, status: handler.status)
        let access = V2Access(handler: handler, edges: services.edges)
        keys = V2KeysHandler(
            handler: handler, edges: services.edges, answers: answers, access: access)
        members = V2MembersHandler(
            handler: handler, edges: services.edges, access: access, clusterID: answers.clusterID)
        auth = V2AuthHandler(
            handler: handler, edges: services.edges, access: access, clusterID: answers.clusterID)
        stats = V2StatsHandler(
            handler: handler, ownStatistics: services.ownStatistics,
            leaderStatistics: services.leaderStatistics)
        operations = OperationsHandler(
            handler: handler, serverVersion: settings.serverVersion, metrics: services.metrics,
            processFacts: services.processFacts, logLevel: services.logLevel)
        health = HealthHandler(
            handler: handler, edges: services.edges, metrics: services.httpMetrics)
    }

    // MARK: HTTPHandler

    /// The gateway and the way back, for requests that are its own and come from where requests
    /// may come from.
    private func gateway(for head: HTTPRequestHead, _ responder: any HTTPResponder)
        -> (handler: any HTTPHandler, responder: any HTTPResponder)?
    {
        guard let gateway, head.target.hasPrefix("/v3"), head.method != "OPTIONS",
            !hasUselessName(head), case .serve(let fields) = gate.check(head)
        else { return nil }
        return (gateway, fields.isEmpty ? responder : TappedResponder(responder, adding: fields))
    }

    /// The v3 gateway does not take the name in a client's certificate for a user, as it does when
    /// asked by gRPC: whoever has one may expect that it did, and is told.
    private func hasUselessName(_ head: HTTPRequestHead) -> Bool {
        gateway != nil && head.connection.commonName?.isEmpty == false
            && (head.target.hasPrefix("/v3/") || head.target.hasPrefix("/v3beta/"))
            && v3AuthIsEnabled()
    }

    private static let uselessNameText =
        "CommonName of client sending a request against gateway will be ignored and not used as "
        + "expected"

    package func plan(for head: HTTPRequestHead, responder: any HTTPResponder) -> HTTPBodyPlan {
        if let (gateway, responder) = gateway(for: head, responder) {
            return gateway.plan(for: head, responder: responder)
        }
        if head.method == "PUT" || head.method == "POST" {
            let type = head.headers.first(name: "content-type")
            let isWanted =
                MediaType.formReading(of: type) == .isForm
                || MediaType.essence(of: type ?? "") == ContentType.json
                // There the type does not matter.
                || head.target.hasPrefix("/v2/auth/") || head.target == "/config/local/log"
            if isWanted {
                return .collect(maximum: HTTPRouter.formBytesMax)
            }
        }
        return .ignore
    }

    package func handle(
        _ head: HTTPRequestHead, body: ByteBuffer, responder: any HTTPResponder
    ) {
        if let (gateway, responder) = gateway(for: head, responder) {
            return gateway.handle(head, body: body, responder: responder)
        }
        if surface == .clients, hasUselessName(head) {
            return Exchange(
                head: head, path: .empty, query: .empty,
                client: Client(responder: responder, fields: [])
            ).respondPlain(status: 400, text: HTTPRouter.uselessNameText)
        }
        switch surface {
        case .metrics: route(head, Client(responder: responder, fields: []), body)
        case .clients:
            switch gate.check(head) {
            case .serve(let fields):
                if head.method == "OPTIONS" {
                    responder.respond(
                        status: 200, headers: HTTPHeaders(fields), body: ByteBuffer())
                } else {
                    route(head, Client(responder: responder, fields: fields), body)
                }
            case .misdirected(let host):
                let exchange = Exchange(
                    head: head, path: .empty, query: .empty,
                    client: Client(responder: responder, fields: []))
                exchange.respondPlain(
                    status: 421, text: RequestGate.misdirectedText(host: host))
            }
        }
    }
}
