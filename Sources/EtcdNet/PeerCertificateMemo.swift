//  Certificates that clients have shown lately: most clients come again, and reading one costs more
//  than all else that is asked of a connection after its handshake.

import NIOSSL

/// What has been read, by the bytes it was read from.
struct PeerCertificateMemo {
    private static let entriesMax = 64

    private var known: [[UInt8]: PeerCertificate] = [:]

    var count: Int { known.count }

    mutating func certificate(_ shown: NIOSSLCertificate) throws(TLSError) -> PeerCertificate {
        let bytes = try PeerCertificate.bytes(of: shown)
        if let present = known[bytes] { return present }
        let read = try PeerCertificate(der: bytes)
        if known.count >= Self.entriesMax { known = [:] }
        known[bytes] = read
        return read
    }
}
