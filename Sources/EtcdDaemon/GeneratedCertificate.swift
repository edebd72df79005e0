//  The certificates of --auto-tls and --peer-auto-tls: made once, kept in the data directory.

import EtcdConfig
import EtcdNet
import FoundationEssentials
import Logging
import RuntimeCore
import RuntimePosix

struct GeneratedCertificate {
    let dataDirectory: String
    let years: UInt64
    let files: PosixFileSystem
    let logger: Logger

    /// Puts the files of `side` into `settings`; makes them if one is missing.
    func provide(_ settings: inout TLSSettings, _ side: String, hosts: [String]) throws {
        let directory = "\(dataDirectory)/fixtures/\(side)"
        let certificate = "\(directory)/cert.pem"
        let key = "\(directory)/key.pem"
        settings.certFile = certificate
        settings.keyFile = key
        settings.clientCertFile = certificate
        settings.clientKeyFile = key
        do {
            try files.createDirectory(directory, permissions: 0o700)
            if try files.info(certificate) != nil, try files.info(key) != nil { return }
            try make(hosts, certificate, key)
        } catch {
            throw TLSError("failed to get \(side) self-signed certs: \(error)")
        }
    }

    private func make(_ hosts: [String], _ certificate: String, _ key: String) throws {
        // Certificates cannot name a year beyond 9999.
        let days = Double(min(years, 5_000) * 365)
        let now = Date()
        let end = now.addingTimeInterval(days * 86_400)
        logger.warning(
            "automatically generate certificates",
            metadata: ["certificate-validity-bound-not-after": "\(end.formatted(.iso8601))"])
        let made = try SelfSignedCertificate(hosts: hosts, notBefore: now, notAfter: end)
        // The pair counts when both are there: a crash in between makes a new one.
        try write(made.key, to: key, permissions: 0o600)
        try write(made.certificate, to: certificate, permissions: 0o644)
        logger.info("created cert file", metadata: ["path": "\(certificate)"])
        logger.info("created key file", metadata: ["path": "\(key)"])
    }

    private func write(_ text: String, to path: String, permissions: UInt32) throws {
        let temporary = "\(path).tmp"
        if try files.info(temporary) != nil { try files.remove(temporary) }
        try files.replaceAtomically(
            path, temporary: temporary, with: Array(text.utf8), permissions: permissions)
    }
}
