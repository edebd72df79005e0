//  From a connection to its first request when TLS is spoken: the library shakes hands, then the
//  client's certificate is looked at, then the protocol inside is found out.

import Glibc
import NIOCore
import NIOPosix
import NIOSSL
import NIOTLS

/// Stands after the library's handler and leaves when the client has been let in.
final class TLSHandshake: ChannelDuplexHandler, RemovableChannelHandler, ServerConnection {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private enum Phase { case shaking, lookingUp, ended }

    private let loop: ListenerLoop
    private let handler: any HTTPHandler
    private let tls: ListenerTLS
    private var library: NIOSSLServerHandler?
    private var context: ChannelHandlerContext?
    private var phase = Phase.shaking
    /// What the client has said before it was let in.
    private var received = ByteBuffer()
    private var holdsRead = false
    /// Why the client may not come in although the library lets it.
    private var revoked: String?

    init(loop: ListenerLoop, handler: any HTTPHandler, tls: ListenerTLS) {
        self.loop = loop
        self.handler = handler
        self.tls = tls
    }

    /// Adds the library's handler and this one.
    static func install(
        in pipeline: ChannelPipeline.SynchronousOperations,
        position: ChannelPipeline.SynchronousOperations.Position, _ handshake: TLSHandshake
    ) throws {
        let library = try handshake.tls.context.serverHandler { [weak handshake] refusal in
            handshake?.revoked = refusal
        }
        handshake.library = library
        // In this order nothing that the library says is missed.
        try pipeline.addHandler(handshake, position: position)
        try pipeline.addHandler(library, position: .before(handshake))
    }

    var hasEnded: Bool { phase == .ended }

    // MARK: Channel

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        loop.add(self)
        loop.handshakes.begin(self)
        if loop.isDraining { cut() }
    }

    func handlerRemoved(context: ChannelHandlerContext) { forget() }

    func channelInactive(context: ChannelHandlerContext) {
        forget()
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        let shown = library?.peerCertificate
        reject(
            TLSFailure.text(
                error, shown: shown, addresses: (remoteAddress, localAddress)))
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .handshakeCompleted? = event as? TLSUserEvent {
            acknowledge(context)
            check()
        } else if let event = event as? ChannelEvent, event == .inputClosed {
            reject("EOF")
        } else {
            context.fireUserInboundEventTriggered(event)
        }
    }

    /// The server has nothing to say now, and a client without TCP_NODELAY holds its first request
    /// back until the kernel acknowledges the end of the handshake: 40 ms later by itself.
    private func acknowledge(_ context: ChannelHandlerContext) {
        let option = NIOBSDSocket.Option(rawValue: TCP_QUICKACK)
        // Fails on a socket file, where there is nothing to acknowledge.
        try? context.channel.syncOptions?.setOption(.tcpOption(option), value: 1)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if phase == .ended { return }
        received.writeImmutableBuffer(unwrapInboundIn(data))
    }

    func read(context: ChannelHandlerContext) {
        if phase == .lookingUp { holdsRead = true } else { context.read() }
    }

    func flush() {}
    func drain() { cut() }

    func cut() {
        end()
        context?.close(promise: nil)
    }

    /// Others need the room.
    func giveUp() { reject("tls: too many handshakes in progress") }

    /// Called when `Limits.tlsHandshakeMilliseconds` are over.
    func timeOut() { reject("tls: the handshake took too long") }

    // MARK: The client's certificate

    private var remoteAddress: String { context?.channel.remoteAddress?.endpointText ?? "" }
    private var localAddress: String { context?.channel.localAddress?.endpointText ?? "" }

    private func check() {
        guard phase == .shaking else { return }
        guard let shown = library?.peerCertificate else {
            if tls.context.options.verifiesClients {
                return reject("tls: client didn't provide a certificate")
            }
            return admit(nil)
        }
        let certificate: PeerCertificate
        do throws(TLSError) {
            certificate = try loop.certificates.certificate(shown)
        } catch {
            return reject(error.description)
        }
        // A resumed session was begun when the certificate may still have been valid.
        if let refusal = TLSFailure.expiry(of: shown) { return reject(refusal, certificate) }
        if let refusal = revoked ?? tls.context.refusal(ofClient: certificate) {
            return reject(refusal, certificate)
        }
        guard tls.checksSourceAddress else { return admit(certificate) }
        let source = context?.channel.remoteAddress?.ipAddress ?? ""
        let address = SourceAddressCheck(
            certificate: certificate,
            source: source.hasPrefix("::ffff:") ? String(source.dropFirst(7)) : source)
        switch address.verdict() {
        case .undecided: lookUp(address)
        case let verdict: conclude(verdict, certificate)
        }
    }

    private func lookUp(_ address: SourceAddressCheck) {
        phase = .lookingUp
        NIOThreadPool.singleton.runIfActive(eventLoop: loop.eventLoop) { address.lookUp() }
            .assumeIsolated().whenComplete { result in
                guard self.phase == .lookingUp else { return }
                switch result {
                case .success(let verdict): self.conclude(verdict, address.certificate)
                case .failure(let error): self.reject("\(error)", address.certificate)
                }
            }
    }

    private func conclude(_ verdict: SourceAddressCheck.Verdict, _ certificate: PeerCertificate) {
        switch verdict {
        case .passed: admit(certificate)
        case .refused(let reason): reject(reason, certificate)
        case .undecided: reject("tls: the client's address cannot be compared", certificate)
        }
    }

    // MARK: Ends

    private func admit(_ certificate: PeerCertificate?) {
        guard phase != .ended, let context else { return }
        let facts = ConnectionFacts(
            remoteAddress: remoteAddress, localAddress: localAddress, isTLS: true,
            commonName: tls.identifiesUsers ? certificate?.commonName : nil)
        end()
        do {
            try context.pipeline.syncOperations.addHandler(
                ProtocolDemux(loop: loop, handler: handler, facts: facts), position: .after(self))
        } catch {
            return cut()
        }
        if received.readableBytes > 0 {
            context.fireChannelRead(wrapInboundOut(received))
            context.fireChannelReadComplete()
        }
        if holdsRead { context.read() }
        context.pipeline.syncOperations.removeHandler(self, promise: nil)
    }

    private func reject(_ reason: String, _ certificate: PeerCertificate? = nil) {
        guard phase != .ended else { return }
        let names = certificate.map { ($0.addressTexts, $0.dnsNames) }
        let rejection = TLSRejection(
            remoteAddress: remoteAddress, reason: reason, names: names)
        end()
        tls.rejected(rejection)
        context?.close(promise: nil)
    }

    private func end() {
        guard phase != .ended else { return }
        phase = .ended
        loop.handshakes.end()
    }

    private func forget() {
        end()
        context = nil
        library = nil
        received = ByteBuffer()
        loop.remove(self)
    }
}
