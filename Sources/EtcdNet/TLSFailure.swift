//  Why TLS did not come about, in the words that Go's library and so etcd's log have for it.

import Glibc
import NIOCore
import NIOSSL

enum TLSFailure {
    /// - Parameters:
    ///   - shown: the certificate of the other side, as far as it got that far.
    ///   - addresses: of the other side, and the own.
    static func text(
        _ error: any Error, shown: NIOSSLCertificate?, addresses: (remote: String, local: String),
        isServer: Bool = true
    ) -> String {
        switch error {
        case let error as TLSError: return error.description
        case let error as IOError:
            let reason = String(cString: strerror(error.errnoCode)).lowercased()
            return "read tcp \(addresses.local)->\(addresses.remote): read: \(reason)"
        case NIOSSLError.handshakeFailed(.sslError(let stack)):
            if stack == [.eofDuringHandshake] { return "EOF" }
            return text(of: stack, shown: shown, isServer: isServer)
        case NIOSSLError.uncleanShutdown: return "EOF"
        // After the handshake: what the other side thinks of the certificate it was shown.
        case BoringSSLError.sslError(let stack):
            return text(of: stack, shown: nil, isServer: isServer)
        case let error as NIOSSLExtraError: return "tls: \(error.description)"
        default: return "tls: \(error)"
        }
    }

    /// Why an outgoing connection ended, TLS or not.
    static func clientText(_ error: any Error, shown: NIOSSLCertificate?) -> String {
        let isTLS =
            error is NIOSSLError || error is BoringSSLError || error is NIOSSLExtraError
            || error is TLSError
        return isTLS
            ? text(error, shown: shown, addresses: ("", ""), isServer: false) : "\(error)"
    }

    private static func text(
        of stack: NIOBoringSSLErrorStack, shown: NIOSSLCertificate?, isServer: Bool
    ) -> String {
        let whole = stack.map(\.description).joined(separator: "; ")
        if whole.contains("CERTIFICATE_VERIFY_FAILED") {
            let reason = shown.map { flaw(of: $0, isServer) } ?? unknownAuthority
            return isServer ? "tls: failed to verify client certificate: \(reason)" : reason
        }
        for (sign, text) in known where whole.contains(sign) { return text }
        return "tls: \(whole)"
    }

    private static let unknownAuthority = "x509: certificate signed by unknown authority"

    /// The library says only that it does not like the certificate.
    private static func flaw(of certificate: NIOSSLCertificate, _ isServer: Bool) -> String {
        if let expiry = expiry(of: certificate) { return expiry }
        if let suits = try? PeerCertificate(certificate).suits,
            !(isServer ? suits.client : suits.server)
        {
            return "x509: certificate specifies an incompatible key usage"
        }
        return unknownAuthority
    }

    /// The library's names of failures.
    private static let known: [(String, String)] = [
        ("PEER_DID_NOT_RETURN_A_CERTIFICATE", "tls: client didn't provide a certificate"),
        ("HTTP_REQUEST", notTLS), ("WRONG_VERSION_NUMBER", notTLS),
        ("HTTPS_PROXY_REQUEST", notTLS),
        ("UNSUPPORTED_PROTOCOL", "tls: client offered only unsupported versions"),
        ("NO_SHARED_CIPHER", "tls: no cipher suite supported by both client and server"),
        ("NO_SHARED_GROUP", "tls: no ECDHE curve supported by both client and server"),
        ("ALERT_UNKNOWN_CA", "remote error: tls: unknown certificate authority"),
        ("ALERT_BAD_CERTIFICATE", "remote error: tls: bad certificate"),
        ("ALERT_CERTIFICATE_EXPIRED", "remote error: tls: expired certificate"),
        ("ALERT_CERTIFICATE_REQUIRED", "remote error: tls: certificate required"),
        ("ALERT_CERTIFICATE_UNKNOWN", "remote error: tls: unknown certificate"),
        ("ALERT_PROTOCOL_VERSION", "remote error: tls: protocol version not supported"),
        ("ALERT_HANDSHAKE_FAILURE", "remote error: tls: handshake failure"),
        ("ALERT_INTERNAL_ERROR", "remote error: tls: internal error"),
    ]

    private static let notTLS = "tls: first record does not look like a TLS handshake"

    /// `nil` while the certificate is valid.
    static func expiry(of certificate: NIOSSLCertificate) -> String? {
        let now = time(nil)
        let bound =
            if now > certificate.notValidAfter {
                "is after \(text(certificate.notValidAfter))"
            } else if now < certificate.notValidBefore {
                "is before \(text(certificate.notValidBefore))"
            } else {
                nil as String?
            }
        return bound.map {
            "x509: certificate has expired or is not yet valid: current time \(text(now)) \($0)"
        }
    }

    private static func text(_ time: time_t) -> String {
        var time = time
        var parts = tm()
        gmtime_r(&time, &parts)
        var buffer = [CChar](repeating: 0, count: 32)
        let count = strftime(&buffer, buffer.count, "%Y-%m-%dT%H:%M:%SZ", &parts)
        return String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
