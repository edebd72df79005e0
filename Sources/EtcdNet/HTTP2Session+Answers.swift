//  Answers of an HTTP/2 connection on their way to the library.

import CNGHTTP2
import NIOCore
import NIOHTTP1

extension HTTP2Session {
    /// Queues the head of an answer, and its body if it has one: `stream` supplies that as the
    /// client takes it.
    func submitHead(
        _ stream: HTTP2Stream, status: Int, headers: HTTPHeaders, contentLength: Int?,
        hasBody: Bool
    ) {
        guard context != nil else { return }
        var block = HTTP2FieldBlock()
        block.add(name: ":status", value: String(min(max(status, 200), 999)))
        block.add(headers)
        if let contentLength {
            block.add(name: "content-length", value: String(contentLength))
        }
        if !headers.contains(name: "date") { block.add(name: "date", bytes: loop.date()) }
        let result = block.withFields { fields, count in
            guard hasBody else {
                return nghttp2_submit_response(session, stream.id, fields, count, nil)
            }
            var provider = nghttp2_data_provider()
            provider.read_callback = Self.supplyBody
            return nghttp2_submit_response(session, stream.id, fields, count, &provider)
        }
        if result != 0 { reset(stream, NGHTTP2_INTERNAL_ERROR) }
        flushSoon()
    }

    func sendContinue(_ stream: HTTP2Stream) {
        guard stream.fields.expectsContinue else { return }
        var block = HTTP2FieldBlock()
        block.add(name: ":status", value: "100")
        _ = block.withFields { fields, count in
            nghttp2_submit_headers(
                session, UInt8(NGHTTP2_FLAG_NONE.rawValue), stream.id, nil, fields, count, nil)
        }
        flushSoon()
    }

    /// The stream has more to say, or nothing any more.
    func resume(_ stream: HTTP2Stream) {
        guard context != nil else { return }
        // Fails while the library has not come to the stream's body yet; it will ask by itself.
        nghttp2_session_resume_data(session, stream.id)
        flushSoon()
    }

    func reset(_ stream: HTTP2Stream) { reset(stream, NGHTTP2_INTERNAL_ERROR) }

    func reset(_ stream: HTTP2Stream, _ code: nghttp2_error_code) {
        guard context != nil else { return }
        nghttp2_submit_rst_stream(
            session, UInt8(NGHTTP2_FLAG_NONE.rawValue), stream.id, code.rawValue)
        flushSoon()
    }

    /// The answer is out. A client that is still sending its request need not go on.
    func answerSent(_ stream: HTTP2Stream) {
        if !stream.requestHasEnded { reset(stream, NGHTTP2_NO_ERROR) }
    }

    private static let supplyBody: nghttp2_data_source_read_callback = {
        session, id, memory, count, flags, _, _ in
        guard let data = nghttp2_session_get_stream_user_data(session, id), let flags else {
            return Int(NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE.rawValue)
        }
        let stream = Unmanaged<HTTP2Stream>.fromOpaque(data).takeUnretainedValue()
        switch stream.supply(UnsafeMutableRawBufferPointer(start: memory, count: count)) {
        case .nothingYet:
            return Int(NGHTTP2_ERR_DEFERRED.rawValue)
        case .bytes(let filled, let isLast, let trailers):
            guard isLast else { return filled }
            flags.pointee |= UInt32(NGHTTP2_DATA_FLAG_EOF.rawValue)
            if let trailers {
                flags.pointee |= UInt32(NGHTTP2_DATA_FLAG_NO_END_STREAM.rawValue)
                var block = HTTP2FieldBlock()
                block.add(trailers)
                _ = block.withFields { fields, count in
                    nghttp2_submit_trailer(session, id, fields, count)
                }
            }
            return filled
        }
    }
}

/// Fields laid out as the library wants them: pointers into one piece of memory.
struct HTTP2FieldBlock {
    private var text: [UInt8] = []
    private var lengths: [(name: Int, value: Int)] = []

    init() {
        text.reserveCapacity(512)
        lengths.reserveCapacity(16)
    }

    mutating func add(name: StaticString, value: String) {
        name.withUTF8Buffer { text.append(contentsOf: $0) }
        text.append(contentsOf: value.utf8)
        lengths.append((name.utf8CodeUnitCount, value.utf8.count))
    }

    mutating func add(name: StaticString, bytes: [UInt8]) {
        name.withUTF8Buffer { text.append(contentsOf: $0) }
        text.append(contentsOf: bytes)
        lengths.append((name.utf8CodeUnitCount, bytes.count))
    }

    /// The handler's fields, without those that HTTP/2 has no place for.
    mutating func add(_ headers: HTTPHeaders) {
        for (name, value) in headers {
            let start = text.count
            for byte in name.utf8 {
                text.append(
                    byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "Z") ? byte | 32 : byte)
            }
            let isUnwanted = text.withUnsafeBytes {
                Self.isConnectionSpecific(UnsafeRawBufferPointer(rebasing: $0[start...]))
            }
            if isUnwanted {
                text.removeSubrange(start...)
                continue
            }
            for byte in value.utf8 {
                let breaksLine = byte == ASCII.lineFeed || byte == ASCII.carriageReturn
                text.append(breaksLine || byte == 0 ? ASCII.space : byte)
            }
            lengths.append((name.utf8.count, text.count - start - name.utf8.count))
        }
    }

    private static func isConnectionSpecific(_ name: UnsafeRawBufferPointer) -> Bool {
        switch name.count {
        case 7: ASCII.equals(name, "upgrade")
        case 10: ASCII.equals(name, "connection") || ASCII.equals(name, "keep-alive")
        case 14: ASCII.equals(name, "content-length")
        case 17: ASCII.equals(name, "transfer-encoding")
        default: false
        }
    }

    /// The library copies what it is given.
    mutating func withFields(_ body: (UnsafePointer<nghttp2_nv>?, Int) -> Int32) -> Int32 {
        text.withUnsafeMutableBufferPointer { memory in
            var position = memory.baseAddress
            let fields = lengths.map { length in
                let name = position
                position = position.map { $0 + length.name }
                let value = position
                position = position.map { $0 + length.value }
                return nghttp2_nv(
                    name: name, value: value, namelen: length.name, valuelen: length.value,
                    flags: UInt8(NGHTTP2_NV_FLAG_NONE.rawValue))
            }
            return fields.withUnsafeBufferPointer { body($0.baseAddress, $0.count) }
        }
    }
}
