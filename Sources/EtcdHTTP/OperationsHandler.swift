//  /version, /metrics and /debug/vars (spec http-v2 section 8).

import EtcdMembership
import EtcdServer
import Protobuf
import Raft
import RuntimeCore

struct OperationsHandler: Sendable {
    let handler: RequestHandler
    /// Such as `3.5.33`.
    let serverVersion: String
    let metrics: any MetricsSource
    let processFacts: @Sendable () -> ProcessFacts
    let logLevel: (any LogLevelControl)?

    /// `PUT /config/local/log` of etcd up to 3.4: `{"Level":"DEBUG"}`.
    func changeLogLevel(_ exchange: Exchange, body: Bytes) {
        guard exchange.allows(["PUT"]) else { return }
        guard let wanted = try? JSONValue.parse(body) else {
            return exchange.respondPlain(status: 400, text: "Invalid json body")
        }
        let text = (wanted["Level"] ?? wanted["level"])?.text ?? ""
        guard let logLevel, logLevel.setLevel(text) else {
            return exchange.respondPlain(status: 400, text: "Invalid log level \"\(text)\"")
        }
        exchange.respondEmpty(status: 204)
    }

    func serveVersion(_ exchange: Exchange) {
        guard exchange.allows(["GET"]) else { return }
        let cluster = handler.members.clusterVersion ?? "not_decided"
        let body = "{\"etcdserver\":\"\(serverVersion)\",\"etcdcluster\":\"\(cluster)\"}"
        exchange.respond(status: 200, contentType: ContentType.json, body: Array(body.utf8))
    }

    func serveMetrics(_ exchange: Exchange) {
        exchange.respond(
            status: 200, contentType: ContentType.metrics, body: metrics.metricsText())
    }

    func serveVariables(_ exchange: Exchange) {
        guard exchange.allows(["GET"]) else { return }
        let facts = processFacts()
        var body = Array("{\n\"cmdline\": ".utf8)
        writeStrings(facts.commandLine, into: &body)
        let text =
            ",\n\"file_descriptor_limit\": \(facts.fileDescriptorLimit)"
            + ",\n\"memstats\": \(facts.memoryJSON)"
            + ",\n\"raft.status\": \(raftStatusJSON)\n}\n"
        body += Array(text.utf8)
        exchange.respond(status: 200, contentType: ContentType.jsonUTF8, body: body)
    }

    private var raftStatusJSON: String {
        let status = handler.status
        return "{\"id\":\"\(handler.members.localID)\",\"term\":\(status.term),"
            + "\"commit\":\(status.committed),\"lead\":\"\(status.leader)\","
            + "\"raftState\":\"\(status.role.statisticsText)\","
            + "\"applied\":\(status.applied)}"
    }
}

/// The log's level while the member runs. Callable from any thread.
package protocol LogLevelControl: Sendable {
    /// False for a word that is no level.
    func setLevel(_ word: String) -> Bool
}
