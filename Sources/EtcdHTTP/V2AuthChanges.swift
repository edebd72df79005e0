//  Changes of the users and roles of the v2 API, as requests on the tree below `/2` that go through
//  the log like those of clients: a member of any origin applies them alike.

import EtcdAuth
import EtcdEdge
import EtcdProto
import EtcdServer
import EtcdV2Store
import RuntimeCore

/// Outcomes come on the event loop of the request.
struct V2AuthChanges: Sendable {
    typealias Done = (Result<Void, V2AuthError>) -> Void

    static let failed = V2AuthError(500, "Internal Server Error")

    let handler: RequestHandler
    let edges: HTTPEdges

    // MARK: reading

    func user(_ name: Bytes) throws(V2AuthError) -> V2User {
        guard let record = handler.keyspace.peek(V2AuthRecords.path(ofUser: name)) else {
            throw V2AuthError(404, "auth: User \(name.text) does not exist.")
        }
        guard let user = try? V2User(record: record) else { throw V2AuthChanges.failed }
        return user
    }

    func role(_ name: Bytes) throws(V2AuthError) -> V2Role {
        if name == V2Role.root { return V2Role.rootRole }
        // A role can be granted that has no name; it is no record.
        guard !name.isEmpty,
            let record = handler.keyspace.peek(V2AuthRecords.path(ofRole: name))
        else { throw V2AuthError(404, "auth: Role \(name.text) does not exist.") }
        guard let role = try? V2Role(record: record) else { throw V2AuthChanges.failed }
        return role
    }

    // MARK: the switch

    func enable(_ exchange: Exchange, _ done: @escaping Done) {
        if handler.keyspace.isAuthEnabled {
            return done(.failure(V2AuthError(409, "auth: already enabled")))
        }
        read(V2AuthRecords.path(ofUser: V2User.root), exchange) { root in
            guard case .success = root else {
                return done(
                    .failure(
                        V2AuthError(409, "auth: No root user available, please create one")))
            }
            read(V2AuthRecords.path(ofRole: V2Role.guest), exchange) { guest in
                if case .success = guest {
                    return turn(on: true, exchange, done)
                }
                create(
                    V2AuthRecords.path(ofRole: V2Role.guest), V2Role.guestRole.json(), exchange,
                    existing: V2AuthError(409, "auth: Role guest already exists.")
                ) { outcome in
                    if case .failure = outcome { return done(outcome) }
                    turn(on: true, exchange, done)
                }
            }
        }
    }

    func disable(_ exchange: Exchange, _ done: @escaping Done) {
        guard handler.keyspace.isAuthEnabled else {
            return done(.failure(V2AuthError(409, "auth: already disabled")))
        }
        turn(on: false, exchange, done)
    }

    private func turn(on isOn: Bool, _ exchange: Exchange, _ done: @escaping Done) {
        prepare(exchange) { outcome in
            if case .failure = outcome { return done(outcome) }
            let request = V2Request(
                method: .put, path: V2AuthRecords.enabled, value: Bytes(isOn ? "true" : "false"),
                previousExists: true)
            propose(request, exchange) { done($0.map { _ in () }.mapError { _ in Self.failed }) }
        }
    }

    // MARK: users

    /// Creates or changes a user; the outcome says which.
    func put(
        _ user: V2User, _ exchange: Exchange,
        _ done: @escaping (Result<(V2User, isNew: Bool), V2AuthError>) -> Void
    ) {
        if user.isUpdate { return update(user, exchange, orCreate: false, done) }
        if !(user.roles ?? []).isEmpty {
            // With roles it can only be meant as a new user, which etcd then answers with 200.
            return create(user, exchange) { done($0.map { ($0, isNew: false) }) }
        }
        update(user, exchange, orCreate: true, done)
    }

    private func update(
        _ change: V2User, _ exchange: Exchange, orCreate: Bool,
        _ done: @escaping (Result<(V2User, isNew: Bool), V2AuthError>) -> Void
    ) {
        let path = V2AuthRecords.path(ofUser: change.name)
        read(path, exchange) { outcome in
            switch outcome {
            case .failure where orCreate:
                create(change, exchange) { done($0.map { ($0, isNew: true) }) }
            case .failure(.keyNotFound):
                done(
                    .failure(
                        V2AuthError(404, "auth: User \(change.name.text) does not exist.")))
            case .failure: done(.failure(Self.failed))
            case .success(let node):
                guard let old = try? V2User(record: node.value ?? .empty) else {
                    return done(.failure(Self.failed))
                }
                hash(change, exchange) { hash in
                    do throws(V2AuthError) {
                        let merged = try old.merged(with: change, hash: try hash.get())
                        replace(path, node, merged.json(withPassword: true), exchange) { outcome in
                            switch outcome {
                            case .success: done(.success((merged, isNew: false)))
                            // Somebody else was faster: nothing of that may get lost.
                            case .failure(.compareFailed):
                                update(change, exchange, orCreate: orCreate, done)
                            case .failure: done(.failure(Self.failed))
                            }
                        }
                    } catch {
                        done(.failure(error))
                    }
                }
            }
        }
    }

    private func create(
        _ user: V2User, _ exchange: Exchange,
        _ done: @escaping (Result<V2User, V2AuthError>) -> Void
    ) {
        var user = user
        user.attachRootRole()
        if user.password.isEmpty {
            return done(
                .failure(
                    V2AuthError(
                        400, "auth: Cannot create user \(user.name.text) with an empty password")))
        }
        let wanted = user
        hash(user, exchange) { outcome in
            switch outcome {
            case .failure(let error): done(.failure(error))
            case .success(let hash):
                var user = wanted
                user.password = hash ?? .empty
                let created = user
                create(
                    V2AuthRecords.path(ofUser: user.name), user.json(withPassword: true), exchange,
                    existing: V2AuthError(409, "auth: User \(user.name.text) already exists.")
                ) { done($0.map { created }) }
            }
        }
    }

    func deleteUser(_ name: Bytes, _ exchange: Exchange, _ done: @escaping Done) {
        if handler.keyspace.isAuthEnabled, name == V2User.root {
            return done(
                .failure(
                    V2AuthError(403, "auth: Cannot delete root user while auth is enabled.")))
        }
        delete(
            V2AuthRecords.path(ofUser: name), exchange,
            missing: V2AuthError(404, "auth: User \(name.text) does not exist"), done)
    }

    /// Hashes the password of a request, if it has one.
    private func hash(
        _ user: V2User, _ exchange: Exchange,
        then: @escaping (Result<Bytes?, V2AuthError>) -> Void
    ) {
        if user.password.isEmpty { return then(.success(nil)) }
        let password = user.password.text
        V2Wait.forWork(exchange, handler, edges) { address in
            handler.hashForV2(password, address: address)
        } then: { reply in
            switch reply {
            case .passwordHash(let hash?): then(.success(hash))
            case .passwordHash(nil):
                then(.failure(V2AuthError(400, PasswordHash.refusal(password))))
            default: then(.failure(Self.failed))
            }
        }
    }

    // MARK: roles

    func put(
        _ role: V2Role, _ exchange: Exchange,
        _ done: @escaping (Result<(V2Role, isNew: Bool), V2AuthError>) -> Void
    ) {
        if role.name == V2Role.root { return done(.failure(rootRoleRefusal)) }
        guard role.isUpdate else {
            return create(
                V2AuthRecords.path(ofRole: role.name), role.json(), exchange,
                existing: V2AuthError(409, "auth: Role \(role.name.text) already exists.")
            ) { done($0.map { (role, isNew: true) }) }
        }
        update(role, exchange, done)
    }

    private func update(
        _ change: V2Role, _ exchange: Exchange,
        _ done: @escaping (Result<(V2Role, isNew: Bool), V2AuthError>) -> Void
    ) {
        let path = V2AuthRecords.path(ofRole: change.name)
        read(path, exchange) { outcome in
            switch outcome {
            case .failure(.keyNotFound):
                done(
                    .failure(
                        V2AuthError(404, "auth: Role \(change.name.text) does not exist.")))
            case .failure: done(.failure(Self.failed))
            case .success(let node):
                do throws(V2AuthError) {
                    guard let old = try? V2Role(record: node.value ?? .empty) else {
                        throw Self.failed
                    }
                    let merged = try old.merged(with: change)
                    replace(path, node, merged.json(), exchange) { outcome in
                        switch outcome {
                        case .success: done(.success((merged, isNew: false)))
                        case .failure(.compareFailed): update(change, exchange, done)
                        case .failure: done(.failure(Self.failed))
                        }
                    }
                } catch {
                    done(.failure(error))
                }
            }
        }
    }

    func deleteRole(_ name: Bytes, _ exchange: Exchange, _ done: @escaping Done) {
        if name == V2Role.root { return done(.failure(rootRoleRefusal)) }
        delete(
            V2AuthRecords.path(ofRole: name), exchange,
            missing: V2AuthError(404, "auth: Role \(name.text) doesn't exist."), done)
    }

    private var rootRoleRefusal: V2AuthError {
        V2AuthError(403, "auth: Cannot modify role root: is root role.")
    }

    // MARK: requests on the tree

    /// A read that takes its place in the log.
    private func read(
        _ path: Bytes, _ exchange: Exchange,
        then: @escaping (Result<V2NodeView, V2Refusal>) -> Void
    ) {
        propose(V2Request(method: .quorumGet, path: path), exchange) {
            then($0.map(\.node))
        }
    }

    private func create(
        _ path: Bytes, _ value: [UInt8], _ exchange: Exchange, existing: V2AuthError,
        _ done: @escaping Done
    ) {
        prepare(exchange) { outcome in
            if case .failure = outcome { return done(outcome) }
            let request = V2Request(
                method: .put, path: path, value: Bytes(value), previousExists: false)
            propose(request, exchange) { outcome in
                switch outcome {
                case .success: done(.success(()))
                case .failure(.keyExists): done(.failure(existing))
                case .failure: done(.failure(Self.failed))
                }
            }
        }
    }

    /// Puts `value` in the place of what was read as `node`, and of nothing newer.
    private func replace(
        _ path: Bytes, _ node: V2NodeView, _ value: [UInt8], _ exchange: Exchange,
        _ done: @escaping (Result<V2Event, V2Refusal>) -> Void
    ) {
        propose(
            V2Request(
                method: .put, path: path, value: Bytes(value), previousIndex: node.modifiedIndex),
            exchange, then: done)
    }

    private func delete(
        _ path: Bytes, _ exchange: Exchange, missing: V2AuthError, _ done: @escaping Done
    ) {
        prepare(exchange) { outcome in
            if case .failure = outcome { return done(outcome) }
            let request = V2Request(method: .delete, path: path, previousExists: true)
            propose(request, exchange) { outcome in
                switch outcome {
                case .success: done(.success(()))
                case .failure(.keyNotFound): done(.failure(missing))
                case .failure: done(.failure(Self.failed))
                }
            }
        }
    }

    /// Makes the directories and the switch, in etcd's order, unless they are there.
    private func prepare(_ exchange: Exchange, _ done: @escaping Done) {
        // The switch is the last to be made, and never goes away.
        if handler.keyspace.peek(V2AuthRecords.enabled) != nil { return done(.success(())) }
        let directories = [V2AuthRecords.directory, V2AuthRecords.users, V2AuthRecords.roles]
        var requests = directories.map {
            V2Request(method: .put, path: $0, isDirectory: true, previousExists: false)
        }
        requests.append(
            V2Request(
                method: .put, path: V2AuthRecords.enabled, value: Bytes("false"),
                previousExists: false))
        make(requests[...], exchange, done)
    }

    private func make(
        _ requests: ArraySlice<V2Request>, _ exchange: Exchange, _ done: @escaping Done
    ) {
        guard let first = requests.first else { return done(.success(())) }
        propose(first, exchange) { outcome in
            switch outcome {
            case .success, .failure(.keyExists): make(requests.dropFirst(), exchange, done)
            case .failure: done(.failure(Self.failed))
            }
        }
    }

    private func propose(
        _ request: V2Request, _ exchange: Exchange,
        then: @escaping (Result<V2Event, V2Refusal>) -> Void
    ) {
        V2Wait.forReply(exchange, handler, edges) { address in
            handler.proposeV2(request, address: address)
        } then: { reply in
            switch reply {
            case .v2(.success(let event), _, _): then(.success(event))
            case .v2(.failure(let error), _, _): then(.failure(V2Refusal(error)))
            default: then(.failure(.other))
            }
        }
    }
}

/// What a request on the tree may run into, as far as it matters here.
private enum V2Refusal: Error {
    case keyNotFound, keyExists, compareFailed, other

    init(_ error: V2Error) {
        switch error.code {
        case .keyNotFound: self = .keyNotFound
        case .keyExists: self = .keyExists
        case .compareFailed: self = .compareFailed
        default: self = .other
        }
    }
}
