//  A generator of load for unary gRPC calls over HTTP/2, as lean as can be: one thread, requests
//  framed once, answers only counted, so that on a small machine the cores are the servers'. h2load
//  needs about as much for a call as a server here.
//
//  Usage: load-generator HOST PORT PATH BODY CONNECTIONS STREAMS SECONDS LOG
//  BODY holds the framed message. Writes each latency in microseconds into LOG, 32 bits
//  little-endian each, in the order of the answers, and prints how many calls were answered. A call
//  that ends without a message has failed: the program says so and exits with 1.

import Glibc

@main
struct LoadGenerator {
    static func main() {
        do {
            try run(CommandLine.arguments)
        } catch {
            let text = "\((error as? Failure)?.text ?? "\(error)")\n"
            _ = write(STDERR_FILENO, text, text.utf8.count)
            exit(1)
        }
    }
}

func contents(of path: String) throws -> [UInt8] {
    guard let file = fopen(path, "rb") else { throw Failure(text: "\(path) can't be read") }
    defer { fclose(file) }
    var bytes = [UInt8](repeating: 0, count: 1 << 20)
    let count = fread(&bytes, 1, bytes.count, file)
    return Array(bytes[..<count])
}

func run(_ words: [String]) throws {
    guard words.count == 9, let port = UInt16(words[2]), let connections = Int(words[5]),
        let streams = Int(words[6]), let seconds = Double(words[7])
    else {
        throw Failure(
            text:
                "usage: load-generator HOST PORT PATH BODY CONNECTIONS STREAMS SECONDS LOG"
        )
    }
    let call = Call(
        authority: "\(words[1]):\(port)", path: words[3], body: try contents(of: words[4]))
    let all = try (0..<connections).map { _ in
        try Connection(host: words[1], port: port, call: call, streams: streams)
    }
    var watched = all.map { pollfd(fd: $0.descriptor, events: Int16(POLLIN), revents: 0) }
    var times: [UInt32] = []
    times.reserveCapacity(1 << 22)
    let end = now() + UInt64(seconds * 1e9)
    for connection in all {
        connection.fill(now())
        try connection.flush()
    }
    var time = now()
    while time < end {
        guard poll(&watched, nfds_t(watched.count), 10_000) > 0 else {
            throw Failure(text: "no answer within ten seconds")
        }
        for (position, connection) in all.enumerated() where watched[position].revents != 0 {
            try connection.read(&times)
            time = now()
            connection.fill(time)
            try connection.flush()
        }
    }
    guard let log = fopen(words[8], "wb") else {
        throw Failure(text: "\(words[8]) can't be written")
    }
    _ = times.withUnsafeBytes { fwrite($0.baseAddress, 1, $0.count, log) }
    fclose(log)
    print(times.count)
}
