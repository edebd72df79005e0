//  The counters of all methods in the names of the library that etcd uses (spec operations 1.5).
//  Every method is there from the start, so that rates work from the first scrape.

package import EtcdServer

extension V3MethodTable {
    package func write(into text: inout MetricsText) {
        text.family(
            "grpc_server_handled_total",
            "Total number of RPCs completed on the server, regardless of success or failure.",
            type: "counter", handled())
        let plain = endpoints.map { ($0.labels, $0.counters) }
        text.family(
            "grpc_server_msg_received_total",
            "Total number of RPC stream messages received on the server.", type: "counter",
            plain.map { ($0, Double($1.receivedMessages)) })
        text.family(
            "grpc_server_msg_sent_total",
            "Total number of gRPC stream messages sent by the server.", type: "counter",
            plain.map { ($0, Double($1.sentMessages)) })
        text.family(
            "grpc_server_started_total", "Total number of RPCs started on the server.",
            type: "counter", plain.map { ($0, Double($1.startedCalls)) })
        let measured = plain.compactMap { labels, counters in
            counters.durations.map { (labels, $0) }
        }
        if !measured.isEmpty {
            text.histogram(
                "grpc_server_handling_seconds",
                "Histogram of response latency (seconds) of gRPC that had been application-level "
                    + "handled by the server.", measured)
        }
        traffic.write(into: &text)
        text.family(
            "etcd_network_server_stream_failures_total",
            "The total number of stream failures from the local server.", type: "counter",
            streamFailures)
    }

    private var streamFailures: [(labels: String, value: Double)] {
        let apis = [("Watch", "watch"), ("LeaseKeepAlive", "lease-keepalive")]
        return apis.flatMap { name, api in
            let counters = endpoints.first { $0.method.name == name }?.counters
            return [
                ("Type=\"receive\",API=\"\(api)\"", Double(counters?.unreadableMessages ?? 0)),
                ("Type=\"send\",API=\"\(api)\"", Double(counters?.unsentMessages ?? 0)),
            ]
        }
    }

    private func handled() -> [(labels: String, value: Double)] {
        endpoints.flatMap { endpoint in
            GRPCStatus.Code.allCases.map { code in
                (
                    "grpc_code=\"\(code.name)\",\(endpoint.labels)",
                    Double(endpoint.counters.endedCalls(code))
                )
            }
        }
    }
}

extension V3Endpoint {
    fileprivate var labels: String {
        let type =
            switch method.kind {
            case .unary: "unary"
            case .serverStream: "server_stream"
            case .bidirectional: "bidi_stream"
            }
        return "grpc_method=\"\(method.name)\",grpc_service=\"\(method.service)\","
            + "grpc_type=\"\(type)\""
    }
}
