//  What clients of all kinds ask and get, in etcd's names (spec operations 1.1 and 1.4).

import EtcdServer
import Synchronization

/// Counts calls by the version that the client says it speaks, and bytes of messages. Callable from
/// any thread.
final class ClientTraffic: Sendable {
    /// Versions are the clients' own words: further ones count as unknown.
    private static let versionsMax = 64

    private struct Calls: Sendable {
        let unary = Counter()
        let streaming = Counter()

        func count(isStreaming: Bool) { (isStreaming ? streaming : unary).add() }
    }

    private let received = Counter()
    private let sent = Counter()
    private let unknown = Calls()
    private let versions = Mutex<[String: Calls]>([:])

    func messageReceived(bytes: Int) { received.add(UInt64(bytes)) }
    func messageSent(bytes: Int) { sent.add(UInt64(bytes)) }

    func callStarted(version: String?, isStreaming: Bool) {
        guard let version else { return unknown.count(isStreaming: isStreaming) }
        calls(of: version).count(isStreaming: isStreaming)
    }

    private func calls(of version: String) -> Calls {
        versions.withLock { versions in
            if let known = versions[version] { return known }
            if versions.count >= ClientTraffic.versionsMax { return unknown }
            let made = Calls()
            versions[version] = made
            return made
        }
    }

    func write(into text: inout MetricsText) {
        text.counter(
            "etcd_network_client_grpc_received_bytes_total",
            "The total number of bytes received from grpc clients.", received.total)
        text.counter(
            "etcd_network_client_grpc_sent_bytes_total",
            "The total number of bytes sent to grpc clients.", sent.total)
        let named = versions.withLock { $0 }.sorted { $0.key < $1.key }
        text.family(
            "etcd_server_client_requests_total",
            "The total number of client requests per client version.", type: "counter",
            (named + [("unknown", unknown)]).flatMap { version, calls in
                let label = "client_api_version=\"\(ClientTraffic.escaped(version))\""
                return [
                    (label + ",type=\"stream\"", Double(calls.streaming.total)),
                    (label + ",type=\"unary\"", Double(calls.unary.total)),
                ]
            })
    }

    private static func escaped(_ text: String) -> String {
        var escaped = ""
        for character in text.unicodeScalars {
            switch character {
            case "\\": escaped += "\\\\"
            case "\"": escaped += "\\\""
            case "\n": escaped += "\\n"
            default: escaped.unicodeScalars.append(character)
            }
        }
        return escaped
    }
}
