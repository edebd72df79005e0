//  Verification in place of the TLS library's: for authorities that are not their own, when only an
//  authority between the root and the leaves is trusted (Go takes it as an anchor; the library
//  wants the root), and where the whole chain is to be looked at.

import NIOCore
import NIOSSL
import SwiftASN1
import X509

struct AnchorVerifier: Sendable {
    private let anchors: CertificateStore

    /// `nil` when every certificate has signed itself, so that the library can do it, unless it is
    /// needed anyway.
    init?(_ authorities: [NIOSSLCertificate], isNeeded: Bool) throws(TLSError) {
        do {
            let parsed = try authorities.map { try Certificate(derEncoded: $0.toDERBytes()) }
            if !isNeeded, parsed.allSatisfy({ $0.issuer == $0.subject }) { return nil }
            anchors = CertificateStore(parsed)
        } catch {
            throw TLSError("x509: malformed certificate of an authority: \(error)")
        }
    }

    /// For the library, which calls on the event loop of the connection.
    ///
    /// - Parameter isClient: the certificates are those of a client.
    func verify(
        _ shown: [NIOSSLCertificate], isClient: Bool,
        _ promise: EventLoopPromise<NIOSSLVerificationResult>
    ) {
        let anchors = anchors
        promise.completeWithTask {
            await Self.isValid(shown, isClient: isClient, anchors) ? .certificateVerified : .failed
        }
    }

    private static func isValid(
        _ shown: [NIOSSLCertificate], isClient: Bool, _ anchors: CertificateStore
    ) async -> Bool {
        guard
            let chain = try? shown.map({ try Certificate(derEncoded: $0.toDERBytes()) }),
            let leaf = chain.first, let facts = try? PeerCertificate(shown[0]),
            isClient ? facts.suits.client : facts.suits.server
        else { return false }
        var verifier = Verifier(rootCertificates: anchors) { RFC5280Policy() }
        let result = await verifier.validate(
            leaf: leaf, intermediates: CertificateStore(chain.dropFirst()))
        if case .validCertificate = result { return true }
        return false
    }
}
