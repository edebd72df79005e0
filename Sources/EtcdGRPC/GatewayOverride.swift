//  A POST whose sender means another method: grpc-gateway looks for that in forms only.

import EtcdNet
import NIOCore
import RuntimeCore

import struct NIOHTTP1.HTTPHeaders

/// What `X-HTTP-Method-Override` asks for.
struct GatewayOverride {
    /// In capitals.
    let method: String

    /// `nil` when the request means what it says.
    init?(_ head: HTTPRequestHead) {
        guard head.method == "POST",
            head.headers.first(name: "content-type") == "application/x-www-form-urlencoded",
            let override = head.headers.first(name: "x-http-method-override"), !override.isEmpty
        else { return nil }
        method = override.uppercased()
    }

    /// What is wrong with the form, in Go's words. For methods with a form the body is read as one.
    func flaw(of body: ByteBuffer) -> String? {
        guard ["POST", "PUT", "PATCH"].contains(method) else { return nil }
        return FormFields(Bytes(Array(body.readableBytesView))).error?.description
    }
}
