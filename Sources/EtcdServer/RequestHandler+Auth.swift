//  The v3 auth calls, and who a caller is.

import EtcdAuth
package import EtcdProto
import Protobuf
import Raft
import RuntimeCore
import Synchronization

extension RequestHandler {
    /// Who the caller is as far as permissions go; nobody while auth is off, whatever token a
    /// client still sends from the time before.
    func authInfo(_ context: CallContext) -> Result<AuthInfo, ServerError> {
        guard v3.auth.isEnabled else { return .success(AuthInfo()) }
        if let token = context.token {
            guard
                let info = v3.auth.info(ofToken: token, now: clock.now())
            else { return .failure(.invalidAuthToken) }
            return .success(info)
        }
        if let name = context.commonName {
            return .success(AuthInfo(username: name, revision: v3.auth.revision))
        }
        return .success(AuthInfo())
    }

    /// `nil` when the caller may ask this here and now.
    func refusal(
        _ context: CallContext, _ check: (AccessChecks) -> AuthError?
    ) -> ServerError? {
        guard v3.auth.isEnabled else { return nil }
        switch authInfo(context) {
        case .failure(let error): return error
        case .success(let info):
            let checks = AccessChecks(auth: v3.auth, lessor: v3.lessor, info: info)
            return check(checks).map { ServerError($0) }
        }
    }

    /// Whether the caller may administer the cluster; everybody may while auth is off.
    package func refusalOfAdministration(_ context: CallContext) -> ServerError? {
        refusal(context) { $0.auth.refusalOfAdministration($0.info) }
    }

    /// Whether the caller is somebody, as far as that matters.
    package func refusalOfStranger(_ context: CallContext) -> ServerError? {
        refusal(context) { $0.info.username.isEmpty ? .userEmpty : nil }
    }

    /// Whether the caller may watch these keys.
    package func refusalOfWatch(_ request: WatchCreateRequest, _ context: CallContext)
        -> ServerError?
    {
        let key = request.key.isEmpty ? Bytes([0]) : request.key
        return refusal(context) { $0.auth.refusal($0.info, .read, key, request.rangeEnd) }
    }

    // MARK: changes and questions; reply: `.v3(.auth)`

    /// Any request of the Auth service but those with a password.
    package func auth(
        _ kind: InternalRaftRequest.Kind, context: CallContext, address: ReplyAddress
    ) -> Result<RequestID, ServerError> {
        propose(kind, context, address)
    }

    /// Hashes the password in the background; the reply to a failure comes without a request id.
    package func addUser(
        _ request: AuthUserAddRequest, context: CallContext, address: ReplyAddress
    ) {
        var request = request
        let password = request.password
        // No password gets into the log, not even one that nobody needs.
        request.password = ""
        request.hashedPassword = ""
        if request.options?.noPassword == true {
            return deliver(propose(.authUserAdd(request), context, address), address)
        }
        let prepared = request
        hash(password, address) { handler, hash in
            var request = prepared
            request.hashedPassword = hash
            return handler.propose(.authUserAdd(request), context, address)
        }
    }

    package func changePassword(
        _ request: AuthUserChangePasswordRequest, context: CallContext, address: ReplyAddress
    ) {
        var request = request
        let password = request.password
        request.password = ""
        let prepared = request
        hash(password, address) { handler, hash in
            var request = prepared
            request.hashedPassword = hash
            return handler.propose(.authUserChangePassword(request), context, address)
        }
    }

    // MARK: logging in

    /// A login begins with what this member would read linearizably: a user just added elsewhere
    /// may log in here.
    package func startLogin() -> Result<ReadStart, ServerError> { startRead(isLocal: false) }

    /// Compares the password in the background; the token then comes through the log.
    package func authenticate(_ login: Login, address: ReplyAddress) {
        let handler = self
        let isTaken = passwords.submit {
            let outcome: Result<RequestID, ServerError>
            do throws(AuthError) {
                let (hash, revision) = try handler.v3.auth.credentials(of: login.name)
                guard PasswordHash.matches(login.password, hash) else {
                    throw AuthError.authFailed
                }
                login.note(revision: revision)
                var request = InternalAuthenticateRequest()
                request.name = login.name
                request.simpleToken = handler.v3.auth.makeTokenPrefix()
                outcome = handler.propose(.authenticate(request), CallContext(), address)
            } catch {
                outcome = .failure(ServerError(error))
            }
            handler.deliver(outcome, address)
        }
        if !isTaken { deliver(.failure(.tooManyRequests), address) }
    }

    /// What an applied login is answered with; `nil` when users or roles have changed since the
    /// password was compared, which must then be done again.
    package func token(of login: Login, applied: AuthenticateResponse)
        -> Result<AuthenticateResponse, ServerError>?
    {
        let revision = login.revision
        guard v3.auth.revision == revision else { return nil }
        guard case .signed = v3.auth.tokens else {
            return applied.token.isEmpty ? .failure(.authFailed) : .success(applied)
        }
        do throws(AuthError) {
            var response = applied
            response.token = try v3.auth.sign(
                login.name, revision: revision, now: clock.now().wall)
            return .success(response)
        } catch {
            return .failure(ServerError(error))
        }
    }

    /// Whether a token may be one that this member will know once it has caught up.
    package func awaits(token: String) -> Bool {
        guard case .simple = v3.auth.tokens, v3.auth.isEnabled,
            let position = AuthStore.position(ofToken: token)
        else { return false }
        return position > status.applied.rawValue
    }

    private func hash(
        _ password: String, _ address: ReplyAddress,
        then propose:
            @escaping @Sendable (RequestHandler, String) -> Result<
                RequestID, ServerError
            >
    ) {
        let handler = self
        let isTaken = passwords.submit {
            guard let hash = handler.v3.auth.hash(password) else {
                return handler.deliver(.failure(.other(PasswordHash.refusal(password))), address)
            }
            var quoted: [UInt8] = []
            ProtobufJSON.writeBase64(hash, into: &quoted)
            let text = String(decoding: quoted.dropFirst().dropLast(), as: UTF8.self)
            handler.deliver(propose(handler, text), address)
        }
        if !isTaken { deliver(.failure(.tooManyRequests), address) }
    }

    /// A request that did not even start is answered here.
    private func deliver(_ outcome: Result<RequestID, ServerError>, _ address: ReplyAddress) {
        guard case .failure(let error) = outcome else { return }
        address.edge.deliver([
            EdgeReply(token: address.token, reply: .v3(.failure(error)))
        ])
    }
}

/// Somebody who logs in.
package final class Login: Sendable {
    let name: String
    let password: String
    private let checkedRevision = Atomic<UInt64>(0)

    package init(_ request: AuthenticateRequest) {
        name = request.name
        password = request.password
    }

    /// Of the rules under which the password was right.
    var revision: UInt64 { checkedRevision.load(ordering: .acquiring) }

    func note(revision: UInt64) { checkedRevision.store(revision, ordering: .releasing) }
}
