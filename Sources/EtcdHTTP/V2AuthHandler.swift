//  /v2/auth: users and roles of the v2 API, and switching them on and off. Paths, methods and
//  answers; the changes themselves are V2AuthChanges.

import EtcdAuth
import EtcdEdge
import EtcdNet
import EtcdServer
import EtcdV2Store
import Protobuf
import RuntimeCore

struct V2AuthHandler: Sendable {
    static let methods = ["GET", "PUT", "DELETE"]

    let handler: RequestHandler
    let access: V2Access
    let changes: V2AuthChanges
    /// Lower-case hexadecimal.
    let clusterID: String

    init(handler: RequestHandler, edges: HTTPEdges, access: V2Access, clusterID: String) {
        self.handler = handler
        self.access = access
        self.clusterID = clusterID
        changes = V2AuthChanges(handler: handler, edges: edges)
    }

    /// - Parameter path: what follows `/v2/auth`; false when nothing is served there.
    func serve(_ exchange: Exchange, path: Bytes, body: Bytes) -> Bool {
        if path == Bytes("/enable") {
            serveSwitch(exchange)
            return true
        }
        let parts = path.array.split(separator: UInt8(ascii: "/")).map { Bytes(Array($0)) }
        guard let kind = parts.first, kind == Bytes("users") || kind == Bytes("roles") else {
            return false
        }
        let isUsers = kind == Bytes("users")
        switch parts.count {
        case 1: serveAll(exchange, isUsers: isUsers)
        case 2: serveOne(exchange, parts[1], isUsers: isUsers, body: body)
        default:
            exchange.respond(
                status: 400, contentType: ContentType.json, body: messageJSON("Invalid path"))
        }
        return true
    }

    // MARK: the switch

    private func serveSwitch(_ exchange: Exchange) {
        guard exchange.allows(V2AuthHandler.methods) else { return }
        if exchange.method == "GET" {
            return respond(exchange, 200, Array("{\"enabled\":\(access.isEnabled)}\n".utf8))
        }
        whenRoot(exchange) {
            if exchange.method == "PUT" {
                changes.enable(exchange) { respond(exchange, $0) }
            } else {
                changes.disable(exchange) { respond(exchange, $0) }
            }
        }
    }

    // MARK: lists

    private func serveAll(_ exchange: Exchange, isUsers: Bool) {
        guard exchange.allows(["GET"]) else { return }
        whenRoot(exchange) {
            guard hasReadableQuery(exchange) else { return }
            do throws(V2AuthError) {
                respond(exchange, 200, isUsers ? try usersJSON() : try rolesJSON())
            } catch {
                respond(exchange, .failure(error))
            }
        }
    }

    private func usersJSON() throws(V2AuthError) -> [UInt8] {
        let names = names(in: V2AuthRecords.users)
        var body = Array("{\"users\":".utf8)
        body += names.isEmpty ? Array("null".utf8) : [UInt8(ascii: "[")]
        for (position, name) in names.enumerated() {
            if position > 0 { body.append(UInt8(ascii: ",")) }
            let user = try changes.user(name)
            // A role that is gone is left out here.
            let roles = (user.roles ?? []).compactMap {
                V2AuthRecords.role($0, in: handler.keyspace)
            }
            write(user, roles, into: &body)
        }
        if !names.isEmpty { body.append(UInt8(ascii: "]")) }
        return body + Array("}\n".utf8)
    }

    private func rolesJSON() throws(V2AuthError) -> [UInt8] {
        let names = (names(in: V2AuthRecords.roles) + [V2Role.root]).sorted()
        var body = Array("{\"roles\":[".utf8)
        for (position, name) in names.enumerated() {
            if position > 0 { body.append(UInt8(ascii: ",")) }
            body += try changes.role(name).json()
        }
        return body + Array("]}\n".utf8)
    }

    private func names(in directory: Bytes) -> [Bytes] {
        guard case .success(let event) = handler.getV2(directory, recursive: false, sorted: true)
        else { return [] }
        return event.node.nodes.map { $0.key.dropFirst(directory.count + 1) }
    }

    private func write(_ user: V2User, _ roles: [V2Role], into body: inout [UInt8]) {
        body += Array("{\"user\":".utf8)
        JSONValue.writeString(user.name, into: &body)
        if !roles.isEmpty {
            body += Array(",\"roles\":[".utf8)
            for (position, role) in roles.enumerated() {
                if position > 0 { body.append(UInt8(ascii: ",")) }
                body += role.json()
            }
            body.append(UInt8(ascii: "]"))
        }
        body.append(UInt8(ascii: "}"))
    }

    // MARK: one

    private func serveOne(_ exchange: Exchange, _ name: Bytes, isUsers: Bool, body: Bytes) {
        guard exchange.allows(V2AuthHandler.methods) else { return }
        whenRoot(exchange) {
            switch exchange.method {
            case "GET" where isUsers:
                guard hasReadableQuery(exchange) else { return }
                read(exchange) { () throws(V2AuthError) in try userJSON(name) }
            case "GET": read(exchange) { () throws(V2AuthError) in try changes.role(name).json() }
            case "PUT" where isUsers: putUser(exchange, name, body)
            case "PUT": putRole(exchange, name, body)
            case _ where isUsers: changes.deleteUser(name, exchange) { respond(exchange, $0) }
            default: changes.deleteRole(name, exchange) { respond(exchange, $0) }
            }
        }
    }

    private func userJSON(_ name: Bytes) throws(V2AuthError) -> [UInt8] {
        let user = try changes.user(name)
        var roles: [V2Role] = []
        for role in user.roles ?? [] { roles.append(try changes.role(role)) }
        var body: [UInt8] = []
        write(user, roles, into: &body)
        return body
    }

    private func putUser(_ exchange: Exchange, _ name: Bytes, _ body: Bytes) {
        guard let json = try? JSONValue.parseFirst(body), let user = try? V2User(json) else {
            return respond(exchange, 400, "Invalid JSON in request body.")
        }
        guard user.name == name else {
            return respond(exchange, 400, "User JSON name does not match the name in the URL")
        }
        if user.isUpdate, !(user.roles ?? []).isEmpty {
            return respond(exchange, 400, "User JSON contains both roles and grant/revoke")
        }
        changes.put(user, exchange) { outcome in
            switch outcome {
            case .success(let (user, isNew)):
                respond(
                    exchange, isNew ? 201 : 200, user.json(withPassword: false) + [0x0A])
            case .failure(let error): respond(exchange, .failure(error))
            }
        }
    }

    private func putRole(_ exchange: Exchange, _ name: Bytes, _ body: Bytes) {
        guard let json = try? JSONValue.parseFirst(body), let role = try? V2Role(json) else {
            return respond(exchange, 400, "Invalid JSON in request body.")
        }
        guard role.name == name else {
            return respond(exchange, 400, "Role JSON name does not match the name in the URL")
        }
        if role.isUpdate, !role.permissions.isEmpty {
            return respond(exchange, 400, "Role JSON contains both permissions and grant/revoke")
        }
        changes.put(role, exchange) { outcome in
            switch outcome {
            case .success(let (role, isNew)):
                respond(exchange, isNew ? 201 : 200, role.json() + [0x0A])
            case .failure(let error): respond(exchange, .failure(error))
            }
        }
    }

    // MARK: answers

    private func whenRoot(_ exchange: Exchange, _ body: @escaping () -> Void) {
        access.checkRoot(exchange) { isRoot in
            isRoot ? body() : V2AuthHandler.refuse(exchange)
        }
    }

    /// The answer of everything below /v2 but keys to somebody who may not.
    static func refuse(_ exchange: Exchange) {
        exchange.respond(
            status: 401, contentType: ContentType.json,
            body: messageJSON("Insufficient credentials"))
    }

    /// etcd parses the query, of which it wants nothing, and stumbles over a malformed one.
    private func hasReadableQuery(_ exchange: Exchange) -> Bool {
        if exchange.query.isEmpty || FormFields(exchange.query).error == nil { return true }
        respond(exchange, 500, "Internal Server Error")
        return false
    }

    private func read(_ exchange: Exchange, _ body: () throws(V2AuthError) -> [UInt8]) {
        do throws(V2AuthError) {
            respond(exchange, 200, try body() + [0x0A])
        } catch {
            respond(exchange, .failure(error))
        }
    }

    private func respond(_ exchange: Exchange, _ outcome: Result<Void, V2AuthError>) {
        switch outcome {
        case .success: respond(exchange, 200, [])
        case .failure(let error): respond(exchange, error.status, error.message)
        }
    }

    private func respond(_ exchange: Exchange, _ status: Int, _ message: String) {
        respond(exchange, status, messageJSON(message))
    }

    private func respond(_ exchange: Exchange, _ status: Int, _ body: [UInt8]) {
        exchange.respond(
            status: status, contentType: ContentType.json, body: body,
            extra: [(V2Answers.clusterIDHeader, clusterID)])
    }
}
