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

    /// Longest status line, Date, Content-Length, Connection and Transfer-Encoding together.
    private static let fixedBytes = 256

    /// Appends the head, and `body` after it.
    func write(to output: inout ByteBuffer, date: [UInt8], body: ByteBuffer?) {
        let facts = survey()
        let fields = facts.isSorted ? headers : sorted()
        let room = Self.fixedBytes + facts.bytes + (body?.readableBytes ?? 0)
        output.writeWithUnsafeMutableBytes(minimumWritableBytes: room) { memory in
            var cursor = ByteCursor(memory)
            let start = cursor.position
            writeStatusLine(&cursor)
            for (name, value) in fields where !isOurs(name, facts) {
                cursor.write(fieldName: name)
                cursor.write(": ")
                cursor.write(fieldValue: value)
                cursor.write("\r\n")
            }
            if !facts.hasDate {
                cursor.write("Date: ")
                cursor.write(date)
                cursor.write("\r\n")
            }
            writeFraming(&cursor, facts)
            cursor.write("\r\n")
            if let body { body.withUnsafeReadableBytes { cursor.write($0) } }
            return cursor.position - start
        }
    }

    private struct Facts {
        var bytes = 0
        var isSorted = true
        var hasDate = false
        /// Some field is one of those that this file writes itself.
        var hasFramingField = false
    }

    private func survey() -> Facts {
        var facts = Facts()
        var previous = ""
        var previousFirst: UInt8 = 0
        for (name, value) in headers {
            facts.bytes += name.utf8.count + value.utf8.count + 4
            // Most names differ in their first byte.
            let first = name.utf8.first ?? 0
            if first < previousFirst || (first == previousFirst && name < previous) {
                facts.isSorted = false
            }
            previous = name
            previousFirst = first
            switch name.utf8.count {
            case 4 where Self.equals(name, "date"): facts.hasDate = true
            case 10 where Self.equals(name, "connection"): facts.hasFramingField = true
            case 14 where Self.equals(name, "content-length"): facts.hasFramingField = true
            case 17 where Self.equals(name, "transfer-encoding"): facts.hasFramingField = true
            default: break
            }
        }
        return facts
    }

    private func isOurs(_ name: String, _ facts: Facts) -> Bool {
        guard facts.hasFramingField else { return false }
        return Self.equals(name, "connection") || Self.equals(name, "content-length")
            || Self.equals(name, "transfer-encoding")
    }

    private static func equals(_ name: String, _ lowercase: StaticString) -> Bool {
        var name = name
        return name.withUTF8 { ASCII.equals(UnsafeRawBufferPointer($0), lowercase) }
    }

    /// Stable, by canonical name.
    private func sorted() -> HTTPHeaders {
        let keyed = headers.enumerated().map { (Self.canonical($1.name), $0, $1) }
        let ordered = keyed.sorted { ($0.0, $0.1) < ($1.0, $1.1) }
        return HTTPHeaders(ordered.map { ($0.0, $0.2.value) })
    }

    private static func canonical(_ name: String) -> String {
        let parts = name.split(separator: "-", omittingEmptySubsequences: false)
        return parts.map { $0.prefix(1).uppercased() + $0.dropFirst().lowercased() }
            .joined(separator: "-")
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

    private func writeFraming(_ cursor: inout ByteCursor, _ facts: Facts) {
        if case .length(let length) = framing {
            cursor.write("Content-Length: ")
            cursor.writeDecimal(length)
            cursor.write("\r\n")
        }
        switch connection {
        case .unstated: break
        case .close: cursor.write("Connection: close\r\n")
        case .keepAlive: cursor.write("Connection: keep-alive\r\n")
        }
        if case .chunked = framing { cursor.write("Transfer-Encoding: chunked\r\n") }
    }
}
