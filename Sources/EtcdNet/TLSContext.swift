//  TLS of one side, clients or members: what is shown, who is trusted, and the files behind both,
//  which may be exchanged while the process runs.

import NIOCore
import NIOSSL
import Synchronization

/// Safe to use from any thread. One object serves all connections of its side, so that sessions
/// can be resumed.
package final class TLSContext: Sendable {
    private struct Contexts: Sendable {
        var server: NIOSSLContext?
        var client: NIOSSLContext?
        /// Takes the library's place where that cannot verify.
        var verifier: AnchorVerifier?
        /// The same for clients; also where the library does not show what it has verified.
        var clientVerifier: AnchorVerifier?
    }

    private enum Revoked: Sendable {
        case nobody
        case list(RevocationList)
        /// The file could not be read since the start: nobody with a certificate may come in.
        case unknown(TLSError)
    }

    private struct State: Sendable {
        var contexts: WatchedFiles<Contexts>
        var revoked: WatchedFiles<Revoked>
    }

    package let options: TLSOptions
    private let report: @Sendable (TLSNotice) -> Void
    private let state: Mutex<State>

    /// Reads every file.
    ///
    /// - Parameter report: hears of files that were exchanged. Called on any thread.
    package init(
        _ options: TLSOptions, report: @escaping @Sendable (TLSNotice) -> Void = { _ in }
    ) throws(TLSError) {
        self.options = options
        self.report = report
        let contexts = try WatchedFiles(options.files) { () throws(TLSError) in
            try Self.makeContexts(options)
        }
        let listFiles = options.revocationFile.isEmpty ? [] : [options.revocationFile]
        let revoked = try WatchedFiles(listFiles) { () throws(TLSError) -> Revoked in
            do throws(TLSError) {
                return try Self.makeRevoked(options)
            } catch {
                return .unknown(error)
            }
        }
        state = Mutex(State(contexts: contexts, revoked: revoked))
        if case .unknown(let error) = revoked.value { report(.failed(error, listFiles)) }
    }

    /// Reads all files again, whether they look changed or not.
    package func reload() { _ = refresh(isForced: true) }

    // MARK: For connections

    /// The first handler of an accepted connection. Looks at the files, which costs a system call
    /// each, and reads those that have changed.
    ///
    /// - Parameter revoked: hears during the handshake why a client may not come in whose own
    ///   certificate, or one that vouches for it, has been revoked.
    func serverHandler(revoked: @escaping (String) -> Void) throws(TLSError)
        -> NIOSSLServerHandler
    {
        let contexts = refresh()
        let context = try Self.server(of: contexts)
        guard options.verifiesClients, let verifier = contexts.clientVerifier else {
            return NIOSSLServerHandler(context: context)
        }
        return NIOSSLServerHandler(context: context) { shown, promise in
            if let refusal = self.refusalOfRevoked(shown) { revoked(refusal) }
            verifier.verify(shown, isClient: true, promise)
        }
    }

    /// Looks at every certificate that a client shows. One that resumes a session shows none: a
    /// change of the list makes an end of those.
    private func refusalOfRevoked(_ shown: [NIOSSLCertificate]) -> String? {
        for each in shown {
            do throws(TLSError) {
                let certificate = try PeerCertificate(each)
                if let refusal = refusalByList(certificate) { return refusal }
            } catch {
                return error.description
            }
        }
        return nil
    }

    /// What connections are accepted with now.
    func server() throws(TLSError) -> NIOSSLContext { try Self.server(of: refresh()) }

    private static func server(of contexts: Contexts) throws(TLSError) -> NIOSSLContext {
        guard let context = contexts.server else {
            throw TLSError("KeyFile and CertFile are not presented")
        }
        return context
    }

    /// The first handler of a connection to `host`, a name or an address.
    func clientHandler(for host: String) throws -> NIOSSLClientHandler {
        let context: NIOSSLContext
        let contexts = refresh()
        if let present = contexts.client {
            context = present
        } else {
            context = try state.withLock { state throws(TLSError) in
                let made = try Self.makeClient(options)
                state.contexts.amend { $0.client = made }
                return made
            }
        }
        let wanted = options.dialledServerName.isEmpty ? host : options.dialledServerName
        let name = IPText.bytes(wanted) == nil ? wanted : nil
        if options.trustsAnyServer {
            return try NIOSSLClientHandler(context: context, serverHostname: name)
        }
        if let verifier = contexts.verifier {
            return try NIOSSLClientHandler(context: context, serverHostname: name) {
                shown, promise in
                let refusal =
                    shown.first.map { self.refusal(ofServer: $0, at: wanted) } ?? "no certificate"
                if refusal != nil { return promise.succeed(.failed) }
                verifier.verify(shown, isClient: false, promise)
            }
        }
        return try NIOSSLClientHandler._makeSSLClientHandler(
            context: context, serverHostname: name
        ) { certificate, channel in
            channel.eventLoop.makeCompletedFuture {
                if let refusal = self.refusal(ofServer: certificate) { throw TLSError(refusal) }
            }
        }
    }

    /// Why a client with this certificate, which its authority vouches for, may not come in.
    func refusal(ofClient certificate: PeerCertificate) -> String? {
        refusalByName(certificate) ?? refusalByList(certificate)
    }

    private func refusalByList(_ certificate: PeerCertificate) -> String? {
        switch state.withLock({ $0.revoked.value }) {
        case .nobody: return nil
        case .unknown(let error): return error.description
        case .list(let list):
            guard list.contains(certificate.serial) else { return nil }
            let serial = certificate.serial.drop { $0 == 0 }.map { byte in
                byte < 16 ? "0" + String(byte, radix: 16) : String(byte, radix: 16)
            }
            return "transport: certificate serial \(serial.joined()) revoked"
        }
    }

    /// - Parameter host: what the certificate has to name; `nil` when the library sees to that.
    private func refusal(ofServer shown: NIOSSLCertificate, at host: String? = nil) -> String? {
        let certificate: PeerCertificate
        do throws(TLSError) {
            certificate = try PeerCertificate(shown)
        } catch {
            return error.description
        }
        if !certificate.hasAlternativeNames {
            return "x509: certificate relies on legacy Common Name field, use SANs instead"
        }
        if let host, let refusal = certificate.refusal(of: host) { return refusal }
        return refusalByName(certificate)
    }

    private func refusalByName(_ certificate: PeerCertificate) -> String? {
        let names = options.allowedCommonNames
        let hosts = options.allowedHostNames
        if names.isEmpty, hosts.isEmpty { return nil }
        let isAllowed =
            names.contains(certificate.commonName)
            || hosts.contains { certificate.refusal(of: $0) == nil }
        return isAllowed ? nil : "client certificate authentication failed"
    }

    // MARK: Files

    private func refresh(isForced: Bool = false) -> Contexts {
        let (contexts, notices) = state.withLock { state in
            let second = state.revoked.refresh(isForced: isForced) { () throws(TLSError) in
                try Self.makeRevoked(options)
            }
            var first = state.contexts.refresh(isForced: isForced) { () throws(TLSError) in
                try Self.makeContexts(options)
            }
            if first == nil, case .reloaded? = second, options.verifiesClients {
                // New keys for tickets, so that no session of the old list is resumed.
                first = state.contexts.refresh(isForced: true) { () throws(TLSError) in
                    try Self.makeContexts(options)
                }
                if case .reloaded? = first { first = nil }
            }
            return (state.contexts.value, [first, second])
        }
        for case let notice? in notices where !notice.files.isEmpty {
            report(notice)
        }
        return contexts
    }

    private static func makeContexts(_ options: TLSOptions) throws(TLSError) -> Contexts {
        var contexts = Contexts()
        // Without any file the client trusts the system's list, which is long: read when needed.
        if options.files.isEmpty { return contexts }
        if options.hasCertificate { contexts.server = try TLSContextMaker(options).server() }
        let maker = TLSContextMaker(options)
        contexts.verifier = try maker.verifier()
        contexts.clientVerifier =
            options.revocationFile.isEmpty
            ? contexts.verifier : try maker.verifier(isNeeded: true)
        if options.dials { contexts.client = try maker.client() } else { try maker.checkClient() }
        return contexts
    }

    private static func makeClient(_ options: TLSOptions) throws(TLSError) -> NIOSSLContext {
        try TLSContextMaker(options).client()
    }

    private static func makeRevoked(_ options: TLSOptions) throws(TLSError) -> Revoked {
        guard !options.revocationFile.isEmpty else { return .nobody }
        return .list(try RevocationList(try FileText.read(options.revocationFile)))
    }
}

extension TLSNotice {
    package var files: [String] {
        switch self {
        case .reloaded(let files), .failed(_, let files): files
        }
    }
}
