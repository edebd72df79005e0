//  Lines that come too often, through the whole handler and by themselves.

import Logging
import RuntimeCore
import Synchronization
import Testing

@testable import EtcdDaemon

/// Stands until it is moved.
final class ManualClock: RuntimeCore.Clock {
    private let nanoseconds = Atomic<UInt64>(5_000_000_000)

    func advance(milliseconds: UInt64) {
        nanoseconds.wrappingAdd(milliseconds * 1_000_000, ordering: .relaxed)
    }

    func now() -> Moment {
        Moment(
            monotonic: Instant(nanoseconds: nanoseconds.load(ordering: .relaxed)),
            wall: WallTime(unixNanoseconds: 0))
    }
}

final class KeptLines: LogDestination {
    private let lines = Mutex<[String]>([])

    func write(_ line: [UInt8], level: Logger.Level) {
        lines.withLock { $0.append(String(decoding: line, as: UTF8.self)) }
    }

    /// What was written since the last call.
    func take() -> [String] {
        lines.withLock { lines in
            defer { lines = [] }
            return lines
        }
    }
}

@Suite("Sampling of the log")
struct LogSamplerTests {
    private let clock = ManualClock()
    private let lines = KeptLines()

    private func logger() -> Logger {
        let handler = EtcdLogHandler(
            name: "", sink: LogSink([lines], level: .debug), isJSON: true, clock: clock)
        return Logger(label: "") { _ in handler }
    }

    @Test("of one line in one second the first hundred are written, then every hundredth")
    func oneLine() throws {
        let logger = logger()
        for _ in 0..<3 {
            for number in 1...350 { logger.info("again", metadata: ["number": "\(number)"]) }
            let written = lines.take()
            #expect(written.count == 102)
            #expect(written[99].contains(#""number":"100""#))
            #expect(written[100].contains(#""number":"200""#))
            #expect(written[101].contains(#""number":"300""#))
            clock.advance(milliseconds: 999)
            logger.info("again")
            #expect(lines.take().isEmpty)
            clock.advance(milliseconds: 1)
        }
    }

    @Test("levels and texts are counted apart, and what is fatal is never left out")
    func apart() {
        let logger = logger()
        for _ in 0..<150 {
            logger.info("again")
            logger.warning("again")
            logger.info("another")
            logger.critical("again")
        }
        let written = lines.take()
        #expect(written.count == 3 * 100 + 150)
        #expect(written.count { $0.contains(#""level":"fatal""#) } == 150)
    }

    @Test("texts that are all different are thinned out too, once there are too many")
    func manyTexts() {
        let sampler = LogSampler()
        let surplus = 1_000
        let admitted = (0..<LogSampler.textsMax + surplus).count {
            sampler.admits(.info, "number \($0)", at: clock.now().monotonic)
        }
        #expect(admitted == LogSampler.textsMax + 100 + (surplus - 100) / 100)
        #expect(sampler.admits(.info, "number 0", at: clock.now().monotonic))
        clock.advance(milliseconds: 1_000)
        #expect(sampler.admits(.info, "something else", at: clock.now().monotonic))
    }

    @Test("lines of several threads are counted together")
    func threads() async {
        let sampler = LogSampler()
        let now = clock.now().monotonic
        let admitted = await withTaskGroup(of: Int.self) { group in
            for _ in 0..<4 {
                group.addTask {
                    (0..<250).count { _ in sampler.admits(.info, "again", at: now) }
                }
            }
            return await group.reduce(0, +)
        }
        #expect(admitted == 100 + 9)
    }
}
