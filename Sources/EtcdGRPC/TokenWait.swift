//  A call with a token that this member will know once it has applied the login: it waits for that,
//  as in etcd, instead of telling the client that its new token is worth nothing.

import EtcdProto
import EtcdServer
import NIOCore

/// One call that waits. Confined to its event loop.
struct TokenWait<Response: ProtobufMessage> {
    static var lookMilliseconds: Int64 { 10 }
    /// Longer than any member lags that is worth asking; then the token is refused.
    static var looksMax: Int { 500 }

    let call: V3Call<Response>
    let token: String
    let gate: CallGate
    let body: () -> Void

    func look(_ count: Int = 0) {
        guard call.isOpen else { return }
        guard gate.awaits(token: token), count < Self.looksMax else { return body() }
        call.eventLoop.assumeIsolated().scheduleTask(
            in: .milliseconds(Self.lookMilliseconds)
        ) { self.look(count + 1) }
    }
}
