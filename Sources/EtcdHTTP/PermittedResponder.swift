//  The way back of a request that another handler serves: its answers get the permissions for web
//  pages that this front door grants.

import EtcdNet
import NIOCore

import struct NIOHTTP1.HTTPHeaders

/// Passes everything on, with fields added to the head of the answer.
final class PermittedResponder: HTTPResponder {
    private let inner: any HTTPResponder
    private let fields: [(String, String)]

    init(_ inner: any HTTPResponder, fields: [(String, String)]) {
        self.inner = inner
        self.fields = fields
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
        inner.respond(status: status, headers: permitted(headers), body: body)
    }

    func start(status: Int, headers: HTTPHeaders) {
        inner.start(status: status, headers: permitted(headers))
    }

    func write(_ part: ByteBuffer) { inner.write(part) }
    func finish() { inner.finish() }
    func abort() { inner.abort() }

    private func permitted(_ headers: HTTPHeaders) -> HTTPHeaders {
        HTTPHeaders(fields + headers.map { ($0.name, $0.value) })
    }
}
