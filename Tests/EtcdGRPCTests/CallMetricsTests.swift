//  What the metrics page says about calls: every method from the start, with etcd's labels.

import EtcdProto
import EtcdServer
import Testing

@testable import EtcdGRPC

@Suite("Call metrics")
struct CallMetricsTests {
    private static let methods: [V3Method] = [
        .unary("etcdserverpb.KV", "Put") { (_: PutRequest, call: V3Call<PutResponse>) in
            call.respond(PutResponse())
        },
        .serverStream("etcdserverpb.KV", "RangeStream") {
            (_: RangeRequest, call: V3Call<RangeStreamResponse>) in
            call.send(RangeStreamResponse())
            call.send(RangeStreamResponse())
            call.finish()
        },
    ]

    private func page(_ table: V3MethodTable) -> [Substring] {
        var text = MetricsText()
        table.write(into: &text)
        let bytes = text.bytes
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n")
    }

    @Test("methods that were never called count zero for every code")
    func preregistered() throws {
        let client = try CallConnection(Self.methods)
        let lines = page(client.table)
        let put = "grpc_method=\"Put\",grpc_service=\"etcdserverpb.KV\",grpc_type=\"unary\"} 0"
        #expect(lines.contains { $0 == "grpc_server_started_total{" + put })
        let handled = lines.filter { $0.hasPrefix("grpc_server_handled_total{") }
        #expect(handled.count == 2 * 17)
        #expect(
            handled.contains { $0 == "grpc_server_handled_total{grpc_code=\"DataLoss\"," + put })
        #expect(!lines.contains { $0.contains("handling_seconds") })
    }

    @Test("calls, messages, bytes and client versions are counted")
    func counted() throws {
        let client = try CallConnection(Self.methods)
        _ = try client.call("/etcdserverpb.KV/Put", [10, 1, 97])
        _ = try client.call("/etcdserverpb.KV/RangeStream", [10, 1, 97], stream: 3)
        for (stream, version) in [(5, "3.5.7"), (7, "a\"b")] {
            _ = try client.call(
                "/etcdserverpb.KV/Put", [], stream: stream,
                fields: [("client-api-version", version)])
        }
        let lines = page(client.table)
        let stream =
            "{grpc_method=\"RangeStream\",grpc_service=\"etcdserverpb.KV\","
            + "grpc_type=\"server_stream\"}"
        #expect(lines.contains { $0 == "grpc_server_msg_sent_total\(stream) 2" })
        #expect(lines.contains { $0 == "grpc_server_msg_received_total\(stream) 1" })
        #expect(lines.contains { $0 == "etcd_network_client_grpc_received_bytes_total 6" })
        let calls = lines.filter { $0.hasPrefix("etcd_server_client_requests_total{") }
        #expect(
            calls.map { $0.dropFirst("etcd_server_client_requests_total".count) } == [
                "{client_api_version=\"3.5.7\",type=\"stream\"} 0",
                "{client_api_version=\"3.5.7\",type=\"unary\"} 1",
                "{client_api_version=\"a\\\"b\",type=\"stream\"} 0",
                "{client_api_version=\"a\\\"b\",type=\"unary\"} 1",
                "{client_api_version=\"unknown\",type=\"stream\"} 1",
                "{client_api_version=\"unknown\",type=\"unary\"} 1",
            ])
    }

    @Test("versions are the clients' own words: there is a bound to them")
    func versions() throws {
        let traffic = ClientTraffic()
        for number in 0..<100 { traffic.callStarted(version: "v\(number)", isStreaming: false) }
        var text = MetricsText()
        traffic.write(into: &text)
        let bytes = text.bytes
        let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n")
        #expect(lines.filter { $0.contains("type=\"unary\"") }.count == 65)
        let rest = "{client_api_version=\"unknown\",type=\"unary\"} 36"
        #expect(lines.last?.hasSuffix(rest) == true)
    }
}
