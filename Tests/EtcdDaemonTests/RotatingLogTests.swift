//  Log files that are full, and the old ones beside them.

import Logging
import RuntimeCore
import RuntimePosix
import Testing

@testable import EtcdConfig
@testable import EtcdDaemon

private struct StandingClock: RuntimeCore.Clock {
    let wall: WallTime

    func now() -> Moment { Moment(monotonic: Instant(nanoseconds: 0), wall: wall) }
}

@Suite("Log rotation")
struct RotatingLogTests {
    @Test(
        "old files go when their days are over, however many days may be",
        arguments: [(1, false), (10_000, true), (1 << 30, true)])
    func age(days: Int, stays: Bool) throws {
        let files = PosixFileSystem()
        let directory = "/tmp/etcd-log-test-\(SystemEntropy.seed())"
        try files.createDirectory(directory, permissions: 0o700)
        defer { try? files.removeTree(directory) }
        let old = "etcd-1999-01-01T00-00-00.000.log"
        try files.open("\(directory)/\(old)", .replace, permissions: 0o600).close()
        var rotation = ServerConfig.LogRotation()
        rotation.maxBytes = 1
        rotation.maxAgeDays = days
        let clock = StandingClock(wall: WallTime(unixNanoseconds: 1_700_000_000_000_000_000))
        let log = try RotatingLog(
            path: "\(directory)/etcd.log", rotation: rotation, clock: clock)
        for _ in 0..<2 { log.write(Array("a line\n".utf8), level: .info) }
        let names = try files.list(directory)
        #expect(names.contains("etcd-2023-11-14T22-13-20.000.log"), "\(names)")
        #expect(names.contains(old) == stays, "\(names)")
    }
}
