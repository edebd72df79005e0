//  Heads of HTTP/1.1 responses in the form of Go's net/http: the handler's fields sorted by name,
//  then Date, Content-Length, Connection and Transfer-Encoding.

import NIOCore
import NIOHTTP1

struct HTTP1ResponseHead {
    enum Framing { case none, length(Int), chunked }

    enum Connection { case unstated, close, keepAlive }

    var isHTTP10: Bool
    var status: Int
    var headers: HTTPHeaders
    var framing: Framing
    var connection: Connection
    /// Plain text is what a body is taken for whose handler stated no type.
    var sniffsType = false

    /// Longest status line, Date, Content-Length, Connection and Transfer-Encoding together.
    private static let fixedBytes = 256
    /// Room for the handler's fields that is tried first.
    private static let usualFieldBytes = 1_024

    /// Appends the head, and `body` after it.
    func write(to output: inout ByteBuffer, date: [UInt8], body: ByteBuffer?) {
        let bodyBytes = body?.readableBytes ?? 0
        var fields = headers
        var fieldBytes = Self.usualFieldBytes
        var isSorted = false
        while true {
            var outcome = Outcome.written
            let room = Self.fixedBytes + fieldBytes + bodyBytes
            output.writeWithUnsafeMutableBytes(minimumWritableBytes: room) { memory in
                var cursor = ByteCursor(memory)
                let start = cursor.position
                writeStatusLine(&cursor)
                outcome = write(
                    fields, isSorted, &cursor, reserve: Self.fixedBytes + bodyBytes, date)
                guard case .written = outcome else { return 0 }
                if let body { body.withUnsafeReadableBytes { cursor.write($0) } }
                return cursor.position - start
            }
            switch outcome {
            case .written: return
            case .unsorted:
                fields = sorted()
                isSorted = true
            case .tooLong:
                // The status line is out already when the room that is left is looked at.
                fieldBytes = headers.reduce(Self.fixedBytes) {
                    $0 + $1.name.utf8.count + $1.value.utf8.count + 4
                }
            }
        }
    }

    /// The usual case, short fields in order, takes one pass; what else comes is seen on the way.
    private enum Outcome { case written, unsorted, tooLong }

    private func write(
        _ fields: HTTPHeaders, _ isSorted: Bool, _ cursor: inout ByteCursor, reserve: Int,
        _ date: [UInt8]
    ) -> Outcome {
        var previous = ""
        var previousFirst: UInt8 = 0
        var hasDate = false
        var hasType = false
        for (name, value) in fields {
            // Most names differ in their first byte.
            let first = name.utf8.first ?? 0
            if !isSorted, first < previousFirst || (first == previousFirst && name < previous) {
                return .unsorted
            }
            previous = name
            previousFirst = first
            guard cursor.room >= reserve + name.utf8.count + value.utf8.count + 4 else {
                return .tooLong
            }
            switch name.utf8.count {
            case 4: if Self.equals(name, "date") { hasDate = true }
            case 10: if Self.equals(name, "connection") { continue }
            case 12: if Self.equals(name, "content-type") { hasType = true }
            case 14: if Self.equals(name, "content-length") { continue }
            case 17: if Self.equals(name, "transfer-encoding") { continue }
            default: break
            }
            name.withFastUTF8 { cursor.writeFieldName($0) }
            cursor.write(": ")
            value.withFastUTF8 { cursor.writeFieldValue($0) }
            cursor.write("\r\n")
        }
        if !hasDate {
            cursor.write("Date: ")
            cursor.write(date)
            cursor.write("\r\n")
        }
        writeFraming(&cursor, statesPlainText: sniffsType && !hasType)
        cursor.write("\r\n")
        return .written
    }

    private static func equals(_ name: String, _ lowercase: StaticString) -> Bool {
        name.withFastUTF8 { ASCII.equals(UnsafeRawBufferPointer($0), lowercase) }
    }

    /// Stable, by canonical name; names that differ in case only keep their order.
    private func sorted() -> HTTPHeaders {
        let keyed = headers.enumerated().map { (Self.canonical($1.name), $0, $1) }
        let ordered = keyed.sorted { ($0.0, $0.1) < ($1.0, $1.1) }
        return HTTPHeaders(ordered.map { ($0.0, $0.2.value) })
    }

    private static func canonical(_ name: String) -> String {
        var bytes = Array(name.utf8)
        bytes.withUnsafeMutableBufferPointer { FieldName.makeCanonical($0) }
        return String(decoding: bytes, as: UTF8.self)
    }

    private func writeStatusLine(_ cursor: inout ByteCursor) {
        if isHTTP10 { cursor.write("HTTP/1.0 ") } else { cursor.write("HTTP/1.1 ") }
        let code = min(max(status, 100), 999)
        cursor.writeDecimal(code)
        cursor.write(ASCII.space)
        if let reason = HTTPStatus.reason(code) {
            cursor.write(reason)
        } else {
            cursor.write("status code ")
            cursor.writeDecimal(code)
        }
        cursor.write("\r\n")
    }

    private func writeFraming(_ cursor: inout ByteCursor, statesPlainText: Bool) {
        if case .length(let length) = framing {
            cursor.write("Content-Length: ")
            cursor.writeDecimal(length)
            cursor.write("\r\n")
        }
        if statesPlainText { cursor.write("Content-Type: text/plain; charset=utf-8\r\n") }
        switch connection {
        case .unstated: break
        case .close: cursor.write("Connection: close\r\n")
        case .keepAlive: cursor.write("Connection: keep-alive\r\n")
        }
        if case .chunked = framing { cursor.write("Transfer-Encoding: chunked\r\n") }
    }
}

extension String {
    /// The bytes in place, without the copy of the string that mutation would need.
    @inline(__always)
    fileprivate func withFastUTF8<Result>(_ body: (UnsafeBufferPointer<UInt8>) -> Result) -> Result
    {
        if let result = utf8.withContiguousStorageIfAvailable(body) { return result }
        var copy = self
        return copy.withUTF8(body)
    }
}
