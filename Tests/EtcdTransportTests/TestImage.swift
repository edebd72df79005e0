//  A database image that a test can hold up or cut short.

import EtcdTransport
import Glibc
import RuntimeCore
import Synchronization

final class TestImage: DatabaseImage {
    enum Trouble: Error { case unreadable }

    let imageBytes: Int
    /// Reading fails from here on.
    private let readableBytes: Int
    private let gate: Gate?
    private let seed: UInt64
    private let highest = Atomic<Int>(0)

    init(bytes: Int, seed: UInt64 = 1, readable: Int = .max, gate: Gate? = nil) {
        imageBytes = bytes
        readableBytes = readable
        self.gate = gate
        self.seed = seed
    }

    /// The end of what was read.
    var readBytes: Int { highest.load(ordering: .relaxed) }

    func readImage(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        gate?.wait()
        if offset + buffer.count > readableBytes { throw Trouble.unreadable }
        // Less than asked for, as a read may.
        let count = buffer.count > 1 ? buffer.count * 2 / 3 : buffer.count
        for place in 0..<count { buffer[place] = Self.byte(at: offset + place, seed) }
        _ = highest.max(offset + count, ordering: .relaxed)
        return count
    }

    var content: [UInt8] { (0..<imageBytes).map { Self.byte(at: $0, seed) } }

    private static func byte(at place: Int, _ seed: UInt64) -> UInt8 {
        UInt8(truncatingIfNeeded: (UInt64(place) &+ seed) &* 0x9E37_79B9_7F4A_7C15 >> 56)
    }
}

/// Blocks threads until it is opened.
final class Gate: Sendable {
    private let isOpen = Atomic<Bool>(false)

    func open() { isOpen.store(true, ordering: .releasing) }

    func wait() {
        while !isOpen.load(ordering: .acquiring) { usleep(1_000) }
    }
}
