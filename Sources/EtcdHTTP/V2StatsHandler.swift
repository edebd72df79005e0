//  /v2/stats: counters of this member, of the leader's followers and of the store (spec http-v2
//  section 6).

import EtcdMembership
import EtcdServer
import Protobuf
import Raft
import RuntimeCore

struct V2StatsHandler: Sendable {
    let handler: RequestHandler
    let ownStatistics: any SelfStatisticsSource
    let leaderStatistics: any LeaderStatisticsSource

    func serveSelf(_ exchange: Exchange) {
        guard exchange.allows(["GET"]) else { return }
        respond(exchange, selfJSON())
    }

    func serveLeader(_ exchange: Exchange) {
        guard exchange.allows(["GET"]) else { return }
        let localID = handler.members.localID
        guard handler.status.leader == localID else {
            exchange.respond(
                status: 403, contentType: ContentType.json,
                body: messageJSON("not current leader"))
            return
        }
        respond(
            exchange,
            V2StatsHandler.leaderJSON(localID, leaderStatistics.followerStatistics))
    }

    func serveStore(_ exchange: Exchange) {
        guard exchange.allows(["GET"]) else { return }
        respond(exchange, handler.keyspace.statisticsJSON())
    }

    private func respond(_ exchange: Exchange, _ body: [UInt8]) {
        exchange.respond(status: 200, contentType: ContentType.json, body: body)
    }

    private func selfJSON() -> [UInt8] {
        let statistics = ownStatistics.selfStatistics
        let members = handler.members
        let leader = handler.status.leader
        let state = handler.status.role.statisticsText
        let began = statistics.leaderStartTime
        let age = handler.clock.now().wall.unixNanoseconds - began.unixNanoseconds
        let uptime = DurationText.text(nanoseconds: UInt64(max(0, age)))
        var body = Array("{\"name\":".utf8)
        JSONValue.writeString(Bytes(members.local?.name ?? ""), into: &body)
        let text =
            ",\"id\":\"\(members.localID)\",\"state\":\"\(state)\","
            + "\"startTime\":\"\(GoText.time(statistics.startTime))\","
            + "\"leaderInfo\":{\"leader\":\"\(leader)\",\"uptime\":\"\(uptime)\","
            + "\"startTime\":\"\(GoText.time(began))\"},"
        body += Array(text.utf8)
        write(statistics.received, "recv", into: &body)
        body.append(UInt8(ascii: ","))
        write(statistics.sent, "send", into: &body)
        body.append(UInt8(ascii: "}"))
        return body
    }

    private func write(
        _ traffic: SelfStatistics.Traffic, _ prefix: String, into body: inout [UInt8]
    ) {
        var text = "\"\(prefix)AppendRequestCnt\":\(traffic.requests)"
        if traffic.packagesPerSecond != 0 {
            text += ",\"\(prefix)PkgRate\":\(GoText.number(traffic.packagesPerSecond))"
        }
        if traffic.bytesPerSecond != 0 {
            text += ",\"\(prefix)BandwidthRate\":\(GoText.number(traffic.bytesPerSecond))"
        }
        body += Array(text.utf8)
    }

    static func leaderJSON(_ leader: MemberID, _ followers: [FollowerStatistics]) -> [UInt8] {
        // The keys of a Go map come out sorted as text.
        let sorted = followers.sorted { $0.id.description < $1.id.description }
        let parts = sorted.map { each in
            "\"\(each.id)\":{\"latency\":{\"current\":\(GoText.number(each.current)),"
                + "\"average\":\(GoText.number(each.average)),"
                + "\"standardDeviation\":\(GoText.number(each.standardDeviation)),"
                + "\"minimum\":\(GoText.number(each.minimum)),"
                + "\"maximum\":\(GoText.number(each.maximum))},"
                + "\"counts\":{\"fail\":\(each.failures),\"success\":\(each.successes)}}"
        }
        let text = "{\"leader\":\"\(leader)\",\"followers\":{\(parts.joined(separator: ","))}}"
        return Array(text.utf8)
    }
}
