//  Memory for the keys and values that a transaction writes: taken in order, given back at once.

/// A bump allocator. What it hands out stays in place until the arena is released.
final class Arena {
    /// Large enough that allocation does not matter, small enough that a commit of one key may
    /// have one.
    private static let chunkBytes = 64 << 10
    private var chunks: [UnsafeMutableRawPointer] = []
    private var next = UnsafeMutableRawPointer(bitPattern: 1)!
    private var remaining = 0

    deinit { release() }

    /// Gives all memory back; what was handed out is gone.
    func release() {
        for chunk in chunks { chunk.deallocate() }
        chunks = []
        remaining = 0
    }

    @inline(__always)
    func take(_ count: Int) -> UnsafeMutableRawPointer {
        if count > remaining { return takeSlowly(count) }
        let pointer = next
        next += count
        remaining -= count
        return pointer
    }

    private func takeSlowly(_ count: Int) -> UnsafeMutableRawPointer {
        // What is large gets a chunk of its own and leaves the current one in use.
        let size = max(Arena.chunkBytes, count)
        let chunk = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 16)
        chunks.append(chunk)
        if count < Arena.chunkBytes {
            next = chunk + count
            remaining = size - count
        }
        return chunk
    }

    /// A copy of a key and its value, the value directly behind the key.
    @inline(__always)
    func copy(_ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer)
        -> UnsafeMutableRawPointer
    {
        let target = take(key.count + value.count)
        if let base = key.baseAddress { target.copyMemory(from: base, byteCount: key.count) }
        if let base = value.baseAddress {
            (target + key.count).copyMemory(from: base, byteCount: value.count)
        }
        return target
    }
}
