//  When pings are too many, and when a silent client is given up.

import NIOCore
import Testing

@testable import EtcdNet

@Suite("HTTP/2 pings")
struct HTTP2KeepAliveTests {
    private static func at(_ milliseconds: Int64) -> NIODeadline {
        .uptimeNanoseconds(1_000_000_000) + .milliseconds(milliseconds)
    }

    @Test("pings at the allowed pace go on for ever")
    func patient() {
        var pings = ClientPings(shortestMilliseconds: 5_000)
        for count in 0..<100 {
            let isWelcome = pings.isWelcome(now: Self.at(Int64(count) * 5_000), hasStreams: true)
            #expect(isWelcome)
        }
    }

    @Test("the third ping that comes too soon is one too many")
    func impatient() {
        var pings = ClientPings(shortestMilliseconds: 5_000)
        let outcomes = (0..<4).map {
            pings.isWelcome(now: Self.at(Int64($0) * 4_999), hasStreams: true)
        }
        #expect(outcomes == [true, true, true, false])
    }

    @Test("without an open request the pace is two hours")
    func idle() {
        var pings = ClientPings(shortestMilliseconds: 5_000)
        let outcomes = (0..<4).map {
            pings.isWelcome(now: Self.at(Int64($0) * 60_000), hasStreams: false)
        }
        #expect(outcomes == [true, true, true, false])
        var rare = ClientPings(shortestMilliseconds: 5_000)
        for count in 0..<10 {
            let isWelcome = rare.isWelcome(
                now: Self.at(Int64(count) * 7_200_000), hasStreams: false)
            #expect(isWelcome)
        }
    }

    @Test("an answer makes up for what came before")
    func answered() {
        var pings = ClientPings(shortestMilliseconds: 5_000)
        for round in 0..<10 {
            let start = Int64(round) * 10
            pings.answerSent()
            for offset in 0..<3 {
                let isWelcome = pings.isWelcome(
                    now: Self.at(start + Int64(offset)), hasStreams: true)
                #expect(isWelcome)
            }
        }
    }

    @Test("a client is pinged after a silence and given up after another")
    func silent() {
        var settings = HTTP2Settings()
        settings.pingMilliseconds = 1_000
        settings.pingTimeoutMilliseconds = 200
        var pings = ServerPings(settings, now: Self.at(0))
        func next(_ milliseconds: Int64) -> ServerPings.Step {
            pings.next(now: Self.at(milliseconds))
        }
        #expect(next(0) == .wait(.milliseconds(1_000)))
        pings.heard(now: Self.at(600))
        #expect(next(1_000) == .wait(.milliseconds(600)))
        #expect(next(1_600) == .ping(thenWait: .milliseconds(200)))
        pings.heard(now: Self.at(1_700))
        #expect(next(1_800) == .wait(.milliseconds(900)))
        #expect(next(2_700) == .ping(thenWait: .milliseconds(200)))
        #expect(next(2_800) == .wait(.milliseconds(100)))
        #expect(next(2_900) == .giveUp)
    }
}
