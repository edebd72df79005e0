//  A generator of load for gRPC over HTTP/2, as lean as can be: one thread, requests framed once,
//  answers only counted, so that on a small machine the cores are the servers'. h2load needs about
//  as much for a call as a server here.
//
//  Usage: load-generator HOST PORT SECONDS LOG calls PATH BODY CONNECTIONS STREAMS
//         load-generator HOST PORT SECONDS LOG one-key|many-keys|keep-alive
//  BODY holds the framed message. Writes each latency in microseconds into LOG, 32 bits
//  little-endian each, in the order of the answers, and prints how many operations there were and
//  how many seconds they took. A call that ends without a message has failed: the program says so
//  and exits with 1. The second form prints "ready" when all is set up, and begins after a line.

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

private func run(_ words: [String]) throws {
    let usage = Failure(
        text: """
            usage: load-generator HOST PORT SECONDS LOG calls PATH BODY CONNECTIONS STREAMS
                   load-generator HOST PORT SECONDS LOG one-key|many-keys|keep-alive
            """)
    guard words.count >= 6, let port = UInt16(words[2]), let seconds = Double(words[3]) else {
        throw usage
    }
    let scenario = Scenario(host: words[1], port: port, nanoseconds: UInt64(seconds * 1e9))
    var times: [UInt32] = []
    times.reserveCapacity(1 << 22)
    let result: Result
    switch words[5] {
    case "calls":
        guard words.count == 10, let connections = Int(words[8]), let streams = Int(words[9]) else {
            throw usage
        }
        let call = Call(
            authority: "\(words[1]):\(port)", path: words[6], body: try contents(of: words[7]))
        result = try scenario.calls(call, connections, streams, &times)
    case "one-key": result = try scenario.oneKey(&times)
    case "many-keys": result = try scenario.manyKeys(&times)
    case "keep-alive": result = try scenario.keepAlive(&times)
    default: throw usage
    }
    guard let log = fopen(words[4], "wb") else {
        throw Failure(text: "\(words[4]) can't be written")
    }
    _ = times.withUnsafeBytes { fwrite($0.baseAddress, 1, $0.count, log) }
    fclose(log)
    print(result.count, Double(result.nanoseconds) / 1e9)
}

private func contents(of path: String) throws -> [UInt8] {
    guard let file = fopen(path, "rb") else { throw Failure(text: "\(path) can't be read") }
    defer { fclose(file) }
    var bytes = [UInt8](repeating: 0, count: 1 << 20)
    let count = fread(&bytes, 1, bytes.count, file)
    return Array(bytes[..<count])
}

func now() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}

struct Failure: Error {
    var text: String
}
