//  Who may do what over the v2 API (spec http-v2 7): roles of the user that a request names, of the
//  guest for one that names none.

import EtcdAuth
import EtcdEdge
import EtcdNet
import EtcdServer
import RuntimeCore

import struct NIOHTTP1.HTTPHeaders

/// Shared by all event loops; verdicts come on the loop of the request.
final class V2Access: Sendable {
    private let handler: RequestHandler
    private let edges: HTTPEdges
    private let verified = VerifiedPasswords()

    init(handler: RequestHandler, edges: HTTPEdges) {
        self.handler = handler
        self.edges = edges
    }

    var isEnabled: Bool { handler.keyspace.isAuthEnabled }

    /// Whether the request comes from somebody with the role root; everybody has it while
    /// authentication is off, unless users and roles of the v3 API are in force: the cluster is the
    /// same, and its door must not stand open on the other side.
    func checkRoot(_ exchange: Exchange, then: @escaping (Bool) -> Void) {
        guard isEnabled else { return then(isAdministrator(exchange)) }
        identify(exchange) { identity in
            if case .user(let user) = identity {
                then((user.roles ?? []).contains(V2Role.root))
            } else {
                then(false)
            }
        }
    }

    /// By a token of the v3 API or the client's certificate.
    private func isAdministrator(_ exchange: Exchange) -> Bool {
        guard handler.v3.auth.isEnabled else { return true }
        let context = CallContext(
            token: exchange.head.headers.first(name: "authorization"),
            commonName: exchange.head.connection.commonName)
        return handler.refusalOfAdministration(context) == nil
    }

    /// Whether the request may touch `key`, and with `recursive` everything below it.
    ///
    /// - Parameter key: as it stands in the URL behind `/v2/keys`.
    func checkKey(
        _ exchange: Exchange, key: Bytes, recursive: Bool, then: @escaping (Bool) -> Void
    ) {
        guard isEnabled else { return then(true) }
        let isWrite = exchange.method != "GET" && exchange.method != "HEAD"
        identify(exchange) { identity in
            let keyspace = self.handler.keyspace
            switch identity {
            case .nobody: then(false)
            case .guest:
                // A guest's rights are looked at as if nothing were recursive, as in etcd.
                let role = V2AuthRecords.role(V2Role.guest, in: keyspace)
                then(role?.allows(key, write: isWrite, recursive: false) ?? false)
            case .user(let user):
                then(
                    (user.roles ?? []).contains { name in
                        V2AuthRecords.role(name, in: keyspace)?.allows(
                            key, write: isWrite, recursive: recursive) ?? false
                    })
            }
        }
    }

    // MARK: who it is

    private enum Identity {
        /// Named itself, but wrongly.
        case nobody
        case guest
        case user(V2User)
    }

    private func identify(_ exchange: Exchange, then: @escaping (Identity) -> Void) {
        let header = exchange.head.headers.first(name: "authorization") ?? ""
        if header.isEmpty {
            let user = exchange.head.connection.commonName.flatMap {
                V2AuthRecords.user(Bytes($0), in: handler.keyspace)
            }
            return then(user.map { .user($0) } ?? .guest)
        }
        guard let credentials = BasicCredentials(header) else { return then(.nobody) }
        check(credentials, exchange, then: then)
    }

    private func check(
        _ credentials: BasicCredentials, _ exchange: Exchange,
        then: @escaping (Identity) -> Void
    ) {
        guard let user = V2AuthRecords.user(credentials.name, in: handler.keyspace) else {
            return then(.nobody)
        }
        if verified.contains(credentials.password, user.password) { return then(.user(user)) }
        // Invalid UTF-8 would compare as something else.
        let password = credentials.password.text
        guard Bytes(password) == credentials.password else { return then(.nobody) }
        V2Wait.forWork(exchange, handler, edges) { address in
            handler.compare(password, with: user.password, address: address)
        } then: { reply in
            guard case .passwordMatches(true) = reply else { return then(.nobody) }
            self.verified.insert(credentials.password, user.password)
            // What the user may do is looked up now, and so is whether the password still is.
            guard
                let current = V2AuthRecords.user(credentials.name, in: self.handler.keyspace),
                current.password == user.password
            else { return then(.nobody) }
            then(.user(current))
        }
    }
}
