//  The v3 auth calls, and who a caller is.

import EtcdAuth
package import EtcdProto
import Protobuf
import RuntimeCore

extension RequestHandler {
    /// Who the caller is as far as permissions go; nobody while auth is off.
    func authInfo(_ context: CallContext) -> Result<AuthInfo, ServerError> {
        if let token = context.token {
            // Also while auth is off, when there are no tokens: etcd 3.5 is as strict.
            guard
                let info = v3.auth.info(ofToken: token, now: clock.now().monotonic)
            else { return .failure(.invalidAuthToken) }
            return .success(info)
        }
        guard v3.auth.isEnabled else { return .success(AuthInfo()) }
        if let name = context.commonName {
            return .success(AuthInfo(username: name, revision: v3.auth.revision))
        }
        return .success(AuthInfo())
    }

    /// `nil` when the caller may ask this here and now.
    func refusal(
        _ context: CallContext, _ check: (AccessChecks) -> AuthError?
    ) -> ServerError? {
        guard v3.auth.isEnabled || context.token != nil else { return nil }
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
        if request.options?.noPassword == true {
            return deliver(propose(.authUserAdd(request), context, address), address)
        }
        let password = request.password
        request.password = ""
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

    /// Compares the password in the background; the token then comes through the log.
    package func authenticate(_ request: AuthenticateRequest, address: ReplyAddress) {
        let handler = self
        background.submit {
            let outcome: Result<RequestID, ServerError>
            do throws(AuthError) {
                let (hash, _) = try handler.v3.auth.credentials(of: request.name)
                guard PasswordHash.matches(request.password, hash) else {
                    throw AuthError.authFailed
                }
                var login = InternalAuthenticateRequest()
                login.name = request.name
                login.simpleToken = AuthStore.makeTokenPrefix()
                outcome = handler.propose(.authenticate(login), CallContext(), address)
            } catch {
                outcome = .failure(ServerError(error))
            }
            handler.deliver(outcome, address)
        }
    }

    private func hash(
        _ password: String, _ address: ReplyAddress,
        then propose:
            @escaping @Sendable (RequestHandler, String) -> Result<
                RequestID, ServerError
            >
    ) {
        let handler = self
        background.submit {
            guard let hash = handler.v3.auth.hash(password) else {
                return handler.deliver(
                    .failure(
                        .other("bcrypt: password length exceeds 72 bytes")), address)
            }
            var quoted: [UInt8] = []
            ProtobufJSON.writeBase64(hash, into: &quoted)
            let text = String(decoding: quoted.dropFirst().dropLast(), as: UTF8.self)
            handler.deliver(propose(handler, text), address)
        }
    }

    /// A request that did not even start is answered here.
    private func deliver(_ outcome: Result<RequestID, ServerError>, _ address: ReplyAddress) {
        guard case .failure(let error) = outcome else { return }
        address.edge.deliver([
            EdgeReply(token: address.token, reply: .v3(.failure(error)))
        ])
    }
}
