//  Messages of a stream that are whole.

struct MessageCounter {
    /// What has come of a message's prefix.
    private var prefixCount = 0
    private var left = 0

    /// How many messages end in the next `bytes` of the stream.
    mutating func count(_ bytes: UnsafeRawBufferPointer) -> Int {
        var at = 0
        var found = 0
        while at < bytes.count {
            if prefixCount < 5 {
                // The first byte says whether the message is compressed; none is.
                left = prefixCount == 0 ? 0 : left << 8 | Int(bytes[at])
                prefixCount += 1
                at += 1
            } else {
                let part = min(left, bytes.count - at)
                left -= part
                at += part
            }
            if prefixCount == 5, left == 0 {
                found += 1
                prefixCount = 0
            }
        }
        return found
    }
}
