//  What is asked of a server. Watches and leases need something to be set up first, which is not
//  measured: the program says "ready" and waits for a line.

import Glibc

struct Scenario {
    static let watchers = 1000
    static let keys = 10_000
    static let leases = 10_000
    static let watchesOfStream = 100
    static let underWay = 64
    static let firstLease = 10_000_000
    static let value = [UInt8](repeating: UInt8(ascii: "v"), count: 64)
    static let puts = "/etcdserverpb.KV/Put"

    let host: String
    let port: UInt16
    let nanoseconds: UInt64

    private var authority: String { "\(host):\(port)" }

    /// One call over and over, `streams` at a time on each of the connections.
    func calls(_ call: Call, _ connections: Int, _ streams: Int, _ times: inout [UInt32]) throws
        -> Result
    {
        let all = try (0..<connections).map { _ in try Connection(host: host, port: port) }
        var watched = all.map { pollfd(fd: $0.wire.descriptor, events: Int16(POLLIN), revents: 0) }
        func fill(_ connection: Connection, _ time: UInt64) throws {
            while connection.underWay < streams, connection.begin(call, time) {}
            try connection.wire.flush()
        }
        let start = now()
        for connection in all { try fill(connection, now()) }
        var time = now()
        while time < start + nanoseconds {
            guard poll(&watched, nfds_t(watched.count), 10_000) > 0 else {
                throw Failure(text: "no answer within ten seconds")
            }
            for (position, connection) in all.enumerated() where watched[position].revents != 0 {
                try connection.read(&times)
                time = now()
                try fill(connection, time)
            }
        }
        return Result(count: times.count, nanoseconds: time - start)
    }

    private func put(_ key: String) -> Call {
        Call(authority: authority, path: Scenario.puts, body: Messages.put(key, Scenario.value))
    }

    /// Watches of all `keys`, once they are confirmed.
    private func watches(_ keys: [String]) throws -> Streams {
        let streams = try Streams(host: host, port: port)
        for (number, key) in keys.enumerated() {
            if number % Scenario.watchesOfStream == 0 {
                try streams.wire.flush()
                _ = streams.open("/etcdserverpb.Watch/Watch")
            }
            while !streams.say(Messages.watch(key), on: number / Scenario.watchesOfStream) {
                try streams.wire.flush()
                try wait(streams.wire)
                try streams.read()
            }
        }
        while streams.received < keys.count {
            try streams.wire.flush()
            try wait(streams.wire)
            try streams.read()
        }
        return streams
    }

    /// Puts of one key, one after the other, seen by a thousand watchers; latency is until the last
    /// of them knows.
    func oneKey(_ times: inout [UInt32]) throws -> Result {
        let events = try watches(Array(repeating: "fan", count: Scenario.watchers))
        let writer = try Connection(host: host, port: port)
        let call = put("fan")
        let start = ready()
        var answers: [UInt32] = []
        var began = start
        while began < start + nanoseconds {
            let wanted = events.received + Scenario.watchers
            guard writer.begin(call, began) else { throw Failure(text: "the window is too small") }
            try writer.wire.flush()
            while events.received < wanted || writer.underWay > 0 {
                try events.wire.flush()
                try wait(events.wire, writer.wire)
                try events.read()
                try writer.read(&answers)
            }
            let end = now()
            times.append(UInt32(truncatingIfNeeded: (end - began) / 1000))
            began = end
        }
        return Result(count: times.count * Scenario.watchers, nanoseconds: began - start)
    }

    /// Puts of ten thousand keys, several under way, each seen by one watcher.
    func manyKeys(_ times: inout [UInt32]) throws -> Result {
        let events = try watches((0..<Scenario.keys).map { "fan/\($0)" })
        let writer = try Connection(host: host, port: port)
        let calls = (0..<Scenario.keys).map { put("fan/\($0 * 7919 % Scenario.keys)") }
        let created = events.received
        let start = ready()
        var sent = 0
        var seen = 0
        var began: [UInt64] = []
        var answers: [UInt32] = []
        var time = start
        while time < start + nanoseconds || seen < sent || writer.underWay > 0 {
            while sent - seen < Scenario.underWay, time < start + nanoseconds,
                writer.begin(calls[sent % Scenario.keys], time)
            {
                began.append(time)
                sent += 1
            }
            try writer.wire.flush()
            try events.wire.flush()
            try wait(events.wire, writer.wire)
            try events.read()
            try writer.read(&answers)
            time = now()
            // Events come in the order of revisions, more or less: good enough for a percentile.
            while seen < events.received - created {
                times.append(UInt32(truncatingIfNeeded: (time - began[seen]) / 1000))
                seen += 1
            }
        }
        return Result(count: seen, nanoseconds: time - start)
    }

    /// Ten thousand leases kept alive over one stream, as fast as answers come.
    func keepAlive(_ times: inout [UInt32]) throws -> Result {
        try grantLeases()
        let streams = try Streams(host: host, port: port)
        let stream = streams.open("/etcdserverpb.Lease/LeaseKeepAlive")
        let requests = (0..<Scenario.leases).map { Messages.keepAlive(Scenario.firstLease + $0) }
        let start = ready()
        var sent = 0
        var seen = 0
        var began: [UInt64] = []
        var time = start
        while time < start + nanoseconds || seen < sent {
            while sent - seen < Scenario.underWay, time < start + nanoseconds,
                streams.say(requests[sent % Scenario.leases], on: stream)
            {
                began.append(time)
                sent += 1
            }
            try streams.wire.flush()
            try wait(streams.wire)
            try streams.read()
            time = now()
            while seen < streams.received {
                times.append(UInt32(truncatingIfNeeded: (time - began[seen]) / 1000))
                seen += 1
            }
        }
        return Result(count: seen, nanoseconds: time - start)
    }

    private func grantLeases() throws {
        let connection = try Connection(host: host, port: port)
        var answers: [UInt32] = []
        var sent = 0
        while answers.count < Scenario.leases {
            while connection.underWay < Scenario.underWay, sent < Scenario.leases,
                connection.begin(
                    Call(
                        authority: authority, path: "/etcdserverpb.Lease/LeaseGrant",
                        body: Messages.grant(Scenario.firstLease + sent, ttl: 3600)), now())
            {
                sent += 1
            }
            try connection.wire.flush()
            try wait(connection.wire)
            try connection.read(&answers)
        }
    }

    /// Tells whoever measures that the load begins, and begins when they say so.
    private func ready() -> UInt64 {
        let word = "ready\n"
        _ = write(STDOUT_FILENO, word, word.utf8.count)
        _ = readLine()
        return now()
    }
}

struct Result {
    var count: Int
    var nanoseconds: UInt64
}

/// Until something has come on one of the connections.
func wait(_ wires: Wire...) throws {
    var watched = wires.map { pollfd(fd: $0.descriptor, events: Int16(POLLIN), revents: 0) }
    guard poll(&watched, nfds_t(watched.count), 10_000) > 0 else {
        throw Failure(text: "no answer within ten seconds")
    }
}
