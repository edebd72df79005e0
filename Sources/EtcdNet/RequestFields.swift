//  The fields of an HTTP/2 request as they arrive, in one piece of memory that every request of the
//  connection uses again: whoever serves the request takes out what it wants to keep.

/// The field block of one request. Valid while the request is handed over, not later. Confined to
/// the event loop of its connection; a connection receives one block at a time.
///
/// Memory of its own and not arrays: every call looks for a dozen fields, and no look is to cost
/// more than comparing bytes.
package final class RequestFields {
    private struct Entry {
        /// Where the name begins; the value follows it.
        var start: Int
        var nameCount: Int
        var valueCount: Int
    }

    private var text = UnsafeMutableRawBufferPointer.allocate(
        byteCount: RequestFields.usualBytes, alignment: 1)
    private var entries = UnsafeMutableBufferPointer<Entry>.allocate(
        capacity: RequestFields.usualCount)
    private var textCount = 0
    private var count = 0
    private(set) var isTooLarge = false

    private static let usualBytes = 512
    private static let usualCount = 16
    /// What `removeAll` keeps for the next request at most.
    private static let keptBytesMax = 64 << 10

    init() {}

    /// Memory taken for texts.
    var capacity: Int { text.count }

    deinit {
        text.deallocate()
        entries.deallocate()
    }

    /// Names are in lower case: a request with others is refused before it is handed over.
    func add(name: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer) {
        let size = textCount + name.count + value.count
        // HPACK counts 32 bytes for each field beyond its text.
        guard size + 32 * (count + 1) <= HTTP2Limits.headerListBytes,
            count < HTTPServerLimits.headerFieldsMax
        else {
            isTooLarge = true
            return
        }
        if size > text.count { setTextCapacity(max(size, 2 * text.count)) }
        if count == entries.count { setEntryCapacity(2 * count) }
        entries[count] = Entry(
            start: textCount, nameCount: name.count, valueCount: value.count)
        count += 1
        append(name)
        append(value)
    }

    private func append(_ bytes: UnsafeRawBufferPointer) {
        guard let source = bytes.baseAddress else { return }
        (text.baseAddress! + textCount).copyMemory(from: source, byteCount: bytes.count)
        textCount += bytes.count
    }

    private func setTextCapacity(_ bytes: Int) {
        let larger = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes, alignment: 1)
        larger.copyMemory(from: UnsafeRawBufferPointer(rebasing: text[..<textCount]))
        text.deallocate()
        text = larger
    }

    private func setEntryCapacity(_ capacity: Int) {
        let larger = UnsafeMutableBufferPointer<Entry>.allocate(capacity: capacity)
        _ = larger.initialize(from: entries[..<count])
        entries.deallocate()
        entries = larger
    }

    /// There were more, which nobody has looked at.
    func stop() { isTooLarge = true }

    func removeAll() {
        isTooLarge = false
        textCount = 0
        count = 0
        if text.count > Self.keptBytesMax { setTextCapacity(Self.usualBytes) }
    }

    func forEach(_ body: (_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) -> Void)
    {
        for entry in entries[..<count] {
            let name = entry.start..<(entry.start + entry.nameCount)
            let value = name.upperBound..<(name.upperBound + entry.valueCount)
            body(
                UnsafeRawBufferPointer(rebasing: text[name]),
                UnsafeRawBufferPointer(rebasing: text[value]))
        }
    }

    /// The first value of a field, where it stands: for as long as the fields are valid. `nil` when
    /// there is none.
    package func value(of name: StaticString) -> UnsafeRawBufferPointer? {
        for position in 0..<count where entries[position].nameCount == name.utf8CodeUnitCount {
            let entry = entries[position]
            let found = UnsafeRawBufferPointer(
                start: text.baseAddress! + entry.start, count: entry.nameCount)
            guard found.equals(name) else { continue }
            return UnsafeRawBufferPointer(
                start: text.baseAddress! + entry.start + entry.nameCount, count: entry.valueCount)
        }
        return nil
    }

    package func text(of name: StaticString) -> String? {
        value(of: name).map { String(decoding: $0, as: UTF8.self) }
    }

    /// Whether the request calls a gRPC method, or means to.
    var isRemoteCall: Bool { value(of: "content-type")?.begins(with: "application/grpc") ?? false }
}
