//  What happened, one line per step, and a digest that tells two runs apart.

import RuntimeCore

/// Legend: `time member what`. Times in microseconds of virtual time.
package struct Trace {
    private static let keptLines = 400

    private var lines: [String] = []
    /// FNV-1a over all lines since the start, kept or not.
    package private(set) var digest: UInt64 = 0xCBF2_9CE4_8422_2325
    package let isVerbose: Bool

    init(isVerbose: Bool) { self.isVerbose = isVerbose }

    mutating func add(_ time: UInt64, _ member: Int?, _ what: String) {
        let who = member.map { "m\($0)" } ?? "--"
        let line = "\((time - VirtualTime.origin) / 1_000) \(who) \(what)"
        for byte in line.utf8 { digest = (digest ^ UInt64(byte)) &* 0x100_0000_01B3 }
        if isVerbose { print(line) }
        lines.append(line)
        if lines.count > 2 * Trace.keptLines { lines.removeFirst(Trace.keptLines) }
    }

    package var tail: [String] { Array(lines.suffix(Trace.keptLines)) }
}
