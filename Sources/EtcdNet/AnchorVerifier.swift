//  Verification in place of the TLS library's: for authorities that are not their own, when only an
//  authority between the root and the leaves is trusted (Go takes it as an anchor; the library
//  wants the root), and where the whole chain is to be looked at.

import NIOCore
import NIOSSL
import SwiftASN1
import X509

struct AnchorVerifier: Sendable {
    private let anchors: CertificateStore
    /// The same in DER. A certificate that is itself an anchor needs nobody else's word.
    private let trusted: Set<[UInt8]>

    /// `nil` when every certificate has signed itself, so that the library can do it, unless it is
    /// needed anyway.
    init?(_ authorities: [NIOSSLCertificate], isNeeded: Bool) throws(TLSError) {
        do {
            let parsed = try authorities.map { try Certificate(derEncoded: $0.toDERBytes()) }
            if !isNeeded, parsed.allSatisfy({ $0.issuer == $0.subject }) { return nil }
            anchors = CertificateStore(parsed)
            trusted = Set(try authorities.map { try $0.toDERBytes() })
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
        promise.completeWithTask {
            await isValid(shown, isClient: isClient) ? .certificateVerified : .failed
        }
    }

    private func isValid(_ shown: [NIOSSLCertificate], isClient: Bool) async -> Bool {
        guard
            let chain = try? shown.map({ try Certificate(derEncoded: $0.toDERBytes()) }),
            let leaf = chain.first, let facts = try? PeerCertificate(shown[0]),
            isClient ? facts.suits.client : facts.suits.server
        else { return false }
        if let bytes = try? shown[0].toDERBytes(), trusted.contains(bytes) {
            return TLSFailure.expiry(of: shown[0]) == nil
        }
        var verifier = Verifier(rootCertificates: anchors) {
            RFC5280Policy()
            UsagePolicy(isClient: isClient)
        }
        let result = await verifier.validate(
            leaf: leaf, intermediates: CertificateStore(chain.dropFirst()))
        if case .validCertificate = result { return true }
        return false
    }
}

/// What `RFC5280Policy` leaves out and Go looks at: what each certificate of a chain is for.
private struct UsagePolicy: VerifierPolicy {
    private static let certificatePolicies: ASN1ObjectIdentifier = [2, 5, 29, 32]

    let isClient: Bool

    /// Names are compared by whoever asks for one; policies mean nothing to Go.
    let verifyingCriticalExtensions: [ASN1ObjectIdentifier] = [
        .X509ExtensionID.extendedKeyUsage, .X509ExtensionID.subjectAlternativeName,
        certificatePolicies,
    ]

    func chainMeetsPolicyRequirements(chain: UnverifiedCertificateChain) async
        -> PolicyEvaluationResult
    {
        for (position, certificate) in chain.enumerated() {
            guard let purposes = try? certificate.extensions.extendedKeyUsage.map(isMeant) ?? true,
                let signs = try? certificate.extensions.keyUsage.map(\.keyCertSign) ?? true
            else { return .failsToMeetPolicy(reason: "a malformed usage") }
            if !purposes || (position > 0 && !signs) {
                return .failsToMeetPolicy(reason: "incompatible key usage")
            }
        }
        return .meetsPolicy
    }

    private func isMeant(_ usages: ExtendedKeyUsage) -> Bool {
        usages.contains(.any) || usages.contains(isClient ? .clientAuth : .serverAuth)
    }
}
