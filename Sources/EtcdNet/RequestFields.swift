//  The fields of an HTTP/2 request as they arrive, in one piece of memory that every request of the
//  connection uses again: whoever serves the request takes out what it wants to keep.

import Glibc

/// The field block of one request. Valid while the request is handed over, not later. Confined to
/// the event loop of its connection; a connection receives one block at a time.
package final class RequestFields {
    private struct Entry {
        /// Where the name begins; the value follows it.
        var start: Int
        var nameCount: Int
        var valueCount: Int
    }

    private var text: [UInt8] = []
    private var entries: [Entry] = []
    private(set) var isTooLarge = false

    init() {
        text.reserveCapacity(512)
        entries.reserveCapacity(16)
    }

    /// Names are in lower case: a request with others is refused before it is handed over.
    func add(name: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer) {
        // HPACK counts 32 bytes for each field beyond its text.
        let size = text.count + name.count + value.count + 32 * (entries.count + 1)
        guard size <= HTTP2Limits.headerListBytes,
            entries.count < HTTPServerLimits.headerFieldsMax
        else {
            isTooLarge = true
            return
        }
        entries.append(
            Entry(start: text.count, nameCount: name.count, valueCount: value.count))
        text.append(contentsOf: name)
        text.append(contentsOf: value)
    }

    /// There were more, which nobody has looked at.
    func stop() { isTooLarge = true }

    func removeAll() {
        isTooLarge = false
        text.removeAll(keepingCapacity: text.capacity <= 64 << 10)
        entries.removeAll(keepingCapacity: true)
    }

    func forEach(_ body: (_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) -> Void)
    {
        text.withUnsafeBytes { text in
            for entry in entries {
                let name = entry.start..<(entry.start + entry.nameCount)
                let value = name.upperBound..<(name.upperBound + entry.valueCount)
                body(
                    UnsafeRawBufferPointer(rebasing: text[name]),
                    UnsafeRawBufferPointer(rebasing: text[value]))
            }
        }
    }

    /// Calls `body` with the first value of a field; `nil` when there is none.
    package func withValue<Result>(
        of name: StaticString, _ body: (UnsafeRawBufferPointer) -> Result
    ) -> Result? {
        let count = name.utf8CodeUnitCount
        return text.withUnsafeBytes { text in
            for entry in entries where entry.nameCount == count {
                guard memcmp(text.baseAddress! + entry.start, name.utf8Start, count) == 0 else {
                    continue
                }
                let start = entry.start + count
                return body(
                    UnsafeRawBufferPointer(rebasing: text[start..<(start + entry.valueCount)]))
            }
            return nil
        }
    }

    package func text(of name: StaticString) -> String? {
        withValue(of: name) { String(decoding: $0, as: UTF8.self) }
    }

    package func contains(_ name: StaticString) -> Bool {
        withValue(of: name) { _ in true } ?? false
    }

    /// Whether the request calls a gRPC method, or means to.
    var isRemoteCall: Bool {
        withValue(of: "content-type") { value in
            let prefix: StaticString = "application/grpc"
            return value.count >= prefix.utf8CodeUnitCount
                && memcmp(value.baseAddress!, prefix.utf8Start, prefix.utf8CodeUnitCount) == 0
        } ?? false
    }
}
