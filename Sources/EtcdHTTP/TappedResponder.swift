//  The way back of a request of which this front door sees the head of the answer, whoever serves
//  it: to add permissions for web pages, or to take a note of the status.

import EtcdNet
import NIOCore

import struct NIOHTTP1.HTTPHeaders

/// Passes everything on. Confined to its event loop.
final class TappedResponder: HTTPResponder {
    private let inner: any HTTPResponder
    private let head: (Int, HTTPHeaders) -> HTTPHeaders

    /// - Parameter head: gets the status and the fields of the answer; what it gives is sent.
    init(_ inner: any HTTPResponder, head: @escaping (Int, HTTPHeaders) -> HTTPHeaders) {
        self.inner = inner
        self.head = head
    }

    /// Adds fields to the answer.
    convenience init(_ inner: any HTTPResponder, adding fields: [(String, String)]) {
        self.init(inner) { _, headers in
            HTTPHeaders(fields + headers.map { ($0.name, $0.value) })
        }
    }

    var eventLoop: any EventLoop { inner.eventLoop }
    var isOpen: Bool { inner.isOpen }
    var isWritable: Bool { inner.isWritable }

    var onClose: (() -> Void)? {
        get { inner.onClose }
        set { inner.onClose = newValue }
    }

    var onWritable: (() -> Void)? {
        get { inner.onWritable }
        set { inner.onWritable = newValue }
    }

    func respond(status: Int, headers: HTTPHeaders, body: ByteBuffer) {
        inner.respond(status: status, headers: head(status, headers), body: body)
    }

    func start(status: Int, headers: HTTPHeaders) {
        inner.start(status: status, headers: head(status, headers))
    }

    func write(_ part: ByteBuffer) { inner.write(part) }
    func finish() { inner.finish() }
    func abort() { inner.abort() }
}
