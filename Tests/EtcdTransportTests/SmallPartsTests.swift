//  Times, releases, statistics and queues: the parts that need no network.

import EtcdNet
import NIOCore
import NIOEmbedded
import NIOHTTP1
import Raft
import RuntimeCore
import Testing

@testable import EtcdTransport

@Suite("small parts")
struct SmallPartsTests {
    @Test(
        "times as Go writes them",
        arguments: [
            ("1970-01-01T00:00:00Z", 0),
            ("2023-11-14T22:13:20.123456789Z", 1_700_000_000_123_456_789),
            ("2000-02-29T23:59:59.5Z", 951_868_799_500_000_000),
            ("2100-03-01T00:00:00Z", 4_107_542_400_000_000_000),
        ] as [(String, Int64)])
    func times(text: String, nanoseconds: Int64) {
        let time = WallTime(unixNanoseconds: nanoseconds)
        #expect(ClockText.format(time) == text)
        #expect(ClockText.parse(text) == time)
    }

    @Test("times of other zones are read too")
    func zones() {
        let expected = WallTime(unixNanoseconds: 1_700_000_000_000_000_000)
        #expect(ClockText.parse("2023-11-14T23:13:20+01:00") == expected)
        #expect(ClockText.parse("2023-11-14T17:43:20-04:30") == expected)
    }

    @Test(
        "bad times are refused",
        arguments: [
            "", "2023-11-14", "2023-11-14T22:13:20", "2023-13-14T22:13:20Z",
            "2023-11-14T22:13:20.Z", "2023-11-14T22:13:20Zx", "+023-11-14T22:13:20Z",
            "9999-11-14T22:13:20Z",
        ])
    func badTimes(text: String) { #expect(ClockText.parse(text) == nil) }

    @Test("a probe's answer is read back")
    func probe() {
        let time = WallTime(unixNanoseconds: 1_700_000_000_123_000_000)
        #expect(PeerProbe.time(in: Bytes(PeerProbe.answer(at: time))) == time)
        #expect(PeerProbe.time(in: Bytes("{}")) == nil)
        #expect(PeerProbe.time(in: Bytes("nonsense")) == nil)
    }

    @Test("releases compare by major and minor number")
    func releases() throws {
        let release = { (text: String) in try #require(PeerRelease(text)) }
        #expect(try release("3.5.33") == release("3.5.0-rc.1+git"))
        #expect(try release("3.10.0") > release("3.9.9"))
        for bad in ["", "3", "3.5", "3.5.x", "v3.5.0", "3.-5.0", "3.5.0.1"] {
            #expect(PeerRelease(bad) == nil)
        }
    }

    @Test("latencies are summed up as etcd does")
    func latencies() {
        var statistics = FollowerStatistics()
        #expect(statistics.minimum == 9_223_372_036_854_775_808)
        for value in [2.0, 4, 6] { statistics.succeeded(after: value) }
        statistics.failed()
        #expect(statistics.successes == 3 && statistics.failures == 1)
        #expect(statistics.current == 6 && statistics.minimum == 2 && statistics.maximum == 6)
        #expect(statistics.average == 4)
        #expect(abs(statistics.standardDeviation - (8.0 / 3).squareRoot()) < 1e-9)
    }

    @Test("rates cover the last two hundred transfers and end with silence")
    func rates() throws {
        var samples = TransferSamples()
        #expect(samples.rate(at: Instant(nanoseconds: 0)) == nil)
        for number in 0..<300 {
            samples.add(10, at: Instant(nanoseconds: UInt64(number) * 10_000_000))
        }
        let last = Instant(nanoseconds: 2_990_000_000)
        let rate = try #require(samples.rate(at: last))
        #expect(abs(rate.packagesPerSecond - 200 / 1.99) < 1e-6)
        #expect(abs(rate.bytesPerSecond - 2_000 / 1.99) < 1e-6)
        #expect(samples.count == 300)
        #expect(samples.rate(at: last.advanced(byMilliseconds: 1_001)) == nil)
    }

    @Test("posts that fail for a wrong address are no verdict on this member")
    func verdicts() {
        func outcome(_ status: Int, _ text: String) -> PeerPostOutcome {
            PeerPostOutcome(
                .success(
                    HTTPClientResponse(
                        status: status, headers: [:], body: ByteBuffer(string: text))))
        }
        let removed = "{\"message\":\"cannot process message from removed member\"}"
        guard case .localMemberRemoved = outcome(403, removed) else {
            Issue.record("not taken as a removal")
            return
        }
        let mismatch = "{\"message\":\"cannot process message to mismatch member\"}"
        guard case .failed = outcome(403, mismatch), case .failed = outcome(412, "x"),
            case .taken = outcome(204, "")
        else {
            Issue.record("wrong verdict")
            return
        }
    }

    @Test("a failed address gives way to the next, once")
    func addresses() {
        let urls = PeerURLs(["http://a:1", "http://b:1"])
        urls.failed("http://a:1")
        urls.failed("http://a:1")
        #expect(urls.current == "http://b:1")
        urls.failed("http://b:1")
        #expect(urls.current == "http://a:1")
        urls.update([])
        urls.failed("")
        #expect(urls.current == "")
    }
}
