//  The database of a snapshot as its sender reads it, whatever keeps it.

/// One unchanging image of a database file. Read on background threads, one call at a time;
/// released when the transfer that it was handed to has ended, whichever way.
package protocol DatabaseImage: Sendable {
    /// Must not change; the receiver is told it before the first byte.
    var imageBytes: Int { get }
    /// Fills `buffer` from `offset` on and returns how many bytes it put there; fewer than asked
    /// for are no error, but 0 before the end is.
    func readImage(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws -> Int
}
