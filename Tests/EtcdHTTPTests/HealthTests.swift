//  /health, /livez and /readyz (spec http-v2 section 8).

import EtcdServer
import Raft
import RuntimeCore
import Testing

import struct NIOHTTP1.HTTPHeaders

@testable import EtcdHTTP
@testable import EtcdServer

@Suite struct HealthTests {
    private static let good = "{\"health\":\"true\",\"reason\":\"\"}"

    @Test func isHealthyAfterALinearizableRead() {
        let fixture = Fixture()
        let response = fixture.send("GET", "/health")
        #expect(response.status == nil)
        fixture.answer(.barrier)
        #expect(response.status == 200)
        #expect(response.body == HealthTests.good)
        #expect(response.headers.first(name: "Content-Type") == "text/plain; charset=utf-8")
        #expect(!response.headers.contains(name: "X-Content-Type-Options"))
        #expect(fixture.metrics.healthSuccesses.total == 1)
    }

    @Test func saysWhyItIsNot() {
        let fixture = Fixture()
        let failed = fixture.send("GET", "/health")
        fixture.answer(.failed(.timeout))
        #expect(failed.status == 503)
        #expect(
            failed.body == """
                {"health":"false","reason":"QGET ERROR:etcdserver: request timed out"}

                """)
        fixture.status.publish(leader: .none, role: .follower)
        #expect(
            fixture.send("GET", "/health").body
                == "{\"health\":\"false\",\"reason\":\"RAFT NO LEADER\"}\n")
        #expect(fixture.send("GET", "/health?serializable=true").body == HealthTests.good)
        fixture.status.publish(storageFull: true)
        #expect(
            fixture.send("GET", "/health?serializable=true").body
                == "{\"health\":\"false\",\"reason\":\"ALARM NOSPACE\"}\n")
        #expect(
            fixture.send("GET", "/health?exclude=CORRUPT&exclude=NOSPACE&serializable=true").body
                == HealthTests.good)
        #expect(fixture.metrics.healthFailures.total == 3)
    }

    @Test func isAliveWhileItCanRead() {
        let fixture = Fixture()
        let short = fixture.send("GET", "/livez")
        #expect(short.status == 200)
        #expect(short.body == "ok\n")
        #expect(short.headers.first(name: "Content-Type") == "text/plain; charset=utf-8")
        #expect(short.headers.first(name: "X-Content-Type-Options") == "nosniff")
        let long = fixture.send("GET", "/livez?verbose")
        #expect(long.body == "[+]serializable_read ok\nok\n")
        fixture.status.publishStopping()
        let stopped = fixture.send("GET", "/livez")
        #expect(stopped.status == 503)
        #expect(
            stopped.body
                == "[-]serializable_read failed: range error: etcdserver: server stopped\n\n")
    }

    @Test func isReadyAfterALinearizableRead() {
        let fixture = Fixture()
        let good = fixture.send("GET", "/readyz?verbose")
        fixture.answer(.barrier)
        #expect(
            good.body == """
                [+]data_corruption ok
                [+]serializable_read ok
                [+]linearizable_read ok
                [+]non_learner ok
                ok

                """)
        let bad = fixture.send("GET", "/readyz")
        fixture.answer(.failed(.timeout))
        #expect(bad.status == 503)
        #expect(
            bad.body.contains(
                "[-]linearizable_read failed: range error: etcdserver: request timed out\n"))
        let excluding = fixture.send("GET", "/readyz?verbose&exclude=linearizable_read&exclude=zz")
        #expect(excluding.status == 200)
        #expect(!excluding.body.contains("linearizable_read"))
        #expect(fixture.send("GET", "/readyz/non_learner").body == "ok\n")
        let single = fixture.send("GET", "/readyz/linearizable_read")
        #expect(single.status == nil)
        fixture.answer(.barrier)
        #expect(single.body == "ok\n")
    }

    @Test func countsChecks() {
        let fixture = Fixture()
        _ = fixture.send("GET", "/livez")
        let metrics = fixture.metrics
        let page = MetricsPage([{ text in metrics.write(into: &text) }])
        let text = String(decoding: page.metricsText(), as: UTF8.self)
        #expect(text.contains("etcd_server_health_success 0\n"))
        #expect(
            text.contains("etcd_server_healthcheck{type=\"livez\",name=\"serializable_read\"} 1\n"))
        #expect(
            text.contains(
                "etcd_server_healthchecks_total{type=\"livez\",name=\"serializable_read\","
                    + "status=\"success\"} 1\n"))
    }
}
