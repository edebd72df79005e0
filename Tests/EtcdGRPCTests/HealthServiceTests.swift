//  The health service as probes and balancers use it.

import EtcdEdge
import EtcdProto
import NIOEmbedded
import Testing

@testable import EtcdGRPC

@Suite("Health service")
struct HealthServiceTests {
    private static let head = ":status: 200, content-type: application/grpc"

    @Test("the member as a whole is serving, other names are unknown")
    func check() throws {
        let client = try CallConnection(HealthService().methods)
        #expect(
            try client.call("/grpc.health.v1.Health/Check", [])
                == [Self.head, "message 0801", "grpc-status: 0 end"])
        #expect(
            try client.call("/grpc.health.v1.Health/Check", [10, 1, 120], stream: 3)
                == [Self.head + ", grpc-status: 5, grpc-message: unknown service end"])
    }

    @Test("who watches is told of changes until it leaves")
    func watch() throws {
        let service = HealthService()
        let client = try CallConnection(service.methods)
        #expect(
            try client.call("/grpc.health.v1.Health/Watch", []) == [Self.head, "message 0801"])
        #expect(
            try client.call("/grpc.health.v1.Health/Watch", [10, 1, 120], stream: 3)
                == [Self.head, "message 0803"])
        service.setServing(true)
        #expect(try client.answers().isEmpty)
        service.setServing(false)
        #expect(try client.answers() == ["message 0802"])
        #expect(
            try client.call("/grpc.health.v1.Health/Check", [], stream: 5)[1] == "message 0802")
        try client.reset(1)
        service.setServing(true)
        #expect(try client.answers().isEmpty)
    }

    @Test("learners are healthy too")
    func learner() throws {
        let client = try CallConnection(
            HealthService().methods, facts: TestFacts(isLearner: true))
        #expect(try client.call("/grpc.health.v1.Health/Check", []).last == "grpc-status: 0 end")
    }
}
