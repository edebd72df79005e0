//  One request under way, as the handlers of this module see it, and the ways to answer it.

import EtcdNet
import NIOCore
import RuntimeCore

import struct NIOHTTP1.HTTPHeaders

/// The way back, which is all that a request needs to keep while it waits.
struct Client {
    let responder: any HTTPResponder
    /// What every answer carries (cross-origin permissions).
    let fields: [(String, String)]

    /// The header of an answer: the common fields and `extra`.
    func headers(_ extra: [(String, String)]) -> HTTPHeaders {
        // Adding to HTTPHeaders one by one checks every byte of what we wrote ourselves.
        HTTPHeaders(fields + extra)
    }
}

/// Confined to the event loop of its responder.
struct Exchange {
    let head: HTTPRequestHead
    /// Decoded and clean; begins with a slash.
    let path: Bytes
    /// Behind the `?`, as sent.
    let query: Bytes
    let client: Client

    var method: String { head.method }
    var eventLoop: any EventLoop { client.responder.eventLoop }

    /// Answers with a body of a known type.
    func respond(
        status: Int, contentType: String, body: [UInt8], extra: [(String, String)] = []
    ) {
        client.responder.respond(
            status: status, headers: client.headers([("Content-Type", contentType)] + extra),
            body: ByteBuffer(bytes: body))
    }

    /// Leaves the content type to the listener, which states plain text.
    func respondUntyped(status: Int, body: [UInt8]) {
        client.responder.respond(
            status: status, headers: client.headers([]), body: ByteBuffer(bytes: body))
    }

    /// Answers without content and content type.
    func respondEmpty(status: Int, extra: [(String, String)] = []) {
        client.responder.respond(
            status: status, headers: client.headers(extra), body: ByteBuffer())
    }

    /// A line of plain text that browsers must not take for anything else; Go's `http.Error`.
    func respondPlain(status: Int, text: String, extra: [(String, String)] = []) {
        respond(
            status: status, contentType: ContentType.text, body: Array((text + "\n").utf8),
            extra: [("X-Content-Type-Options", "nosniff")] + extra)
    }

    func respondNotFound() { respondPlain(status: 404, text: "404 page not found") }

    /// True when `method` is one of `allowed`; otherwise answers 405.
    func allows(_ allowed: [String]) -> Bool {
        if allowed.contains(method) { return true }
        respondPlain(
            status: 405, text: "Method Not Allowed",
            extra: [("Allow", allowed.joined(separator: ","))])
        return false
    }

    /// The values of a query parameter.
    func queryValues(_ name: String) -> [String] {
        if query.isEmpty { return [] }
        let wanted = Bytes(name)
        return FormFields(query).fields.filter { $0.name == wanted }.map(\.value.text)
    }
}

enum ContentType {
    static let json = "application/json"
    static let text = "text/plain; charset=utf-8"
    static let html = "text/html; charset=utf-8"
    static let metrics = "text/plain; version=0.0.4; charset=utf-8"
    static let jsonUTF8 = "application/json; charset=utf-8"
}
