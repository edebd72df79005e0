//  Bounds of the server side that are of no interest elsewhere. Bytes and milliseconds.

import RuntimeCore

enum HTTPServerLimits {
    static let headerBytesMax = Limits.httpHeaderBytesMax
    static let headerFieldsMax = Limits.httpHeaderFieldsMax
    /// An unwanted request body is read and dropped up to here, so that the connection can be kept;
    /// beyond it closes (Go's value).
    static let discardedBodyMax = 256 << 10
    /// A chunk's size line including its extensions (Go's value).
    static let chunkLineMax = 4_096
    /// Longer bodies go out in chunks, without a stated length (Go's value, visible on the wire).
    static let statedLengthMax = 2_048
    /// Bytes of framing that a chunked body may spend beyond a fair share (Go's value): many tiny
    /// chunks with long extensions cost more to read than they carry.
    static let chunkOverheadMax = 16 << 10
    /// Trailer fields of a chunked body, which nobody reads.
    static let trailerBytesMax = 16 << 10
    /// Space reserved for a body on the word of its Content-Length alone.
    static let bodyReserveMax = 64 << 10
    /// Unsent bytes of one connection at which `isWritable` turns false, and at which it is true
    /// again.
    static let outputHighWater = 256 << 10
    static let outputLowWater = 64 << 10
    /// Body parts larger than this are handed to the socket as they are instead of being copied.
    static let copiedBodyMax = 16 << 10
    /// Time between the last answer and closing while the client still sends: closing at once
    /// would reset the connection, and the client could lose the answer (Go's value).
    static let lingerMilliseconds: Int64 = 500
    /// Time in which a client that has ended its input is answered: it may have closed the socket,
    /// which looks the same.
    static let halfClosedMilliseconds: Int64 = 1_000
    /// Pause of accepting after the process or the system has run out of descriptors or memory.
    static let acceptRetryMilliseconds: Int64 = 100
    /// Length of the kernel's queue of connections not yet accepted.
    static let backlog: Int32 = 4_096
}
