//  From the parameters of an HTTP request to an operation on the v2 tree.

import EtcdNet
import EtcdProto
import EtcdV2Store
import RuntimeCore

/// A checked request for `/v2/keys`.
struct V2KeysRequest {
    /// The operation. `method` is `.quorumGet` for a linearizable read.
    var operation: V2Request
    var noValueOnSuccess: Bool

    /// Where client keys live in the store; stripped from every answer.
    static let keyPrefix = Array("/1".utf8)

    /// Checks in etcd's order, because the first failure is the one that is reported (spec http-v2
    /// section 2).
    ///
    /// - Parameters:
    ///   - method: GET, HEAD, PUT, POST or DELETE.
    ///   - key: the path behind `/v2/keys`, decoded and clean; may be empty.
    ///   - now: the expiry counts from here.
    init(method: String, key: Bytes, parameters: V2Parameters, now: () -> WallTime)
        throws(V2Error)
    {
        let path = V2KeysRequest.storePath(of: key)
        let verb: V2Method =
            switch method {
            case "PUT": .put
            case "POST": .post
            case "DELETE": .delete
            default: .get
            }
        operation = V2Request(method: verb, path: path)
        noValueOnSuccess = false
        // Most reads say no more than this.
        if parameters.isEmpty { return }
        if let failure = parameters.failure {
            throw V2Error(.invalidForm, cause: failure.description)
        }
        do throws(V2ParameterFault) {
            try readReadParameters(parameters)
        } catch {
            throw V2Error(error)
        }
        if operation.wait, method != "GET" {
            throw V2Error(.invalidField, cause: "\"wait\" can only be used with GET requests")
        }
        if operation.quorum, method == "GET" { operation.method = .quorumGet }
        try readWriteParameters(parameters, now: now)
    }

    private mutating func readReadParameters(_ parameters: V2Parameters)
        throws(V2ParameterFault)
    {
        operation.previousIndex = try parameters.number(.prevIndex)
        operation.since = try parameters.number(.waitIndex)
        operation.recursive = try parameters.flag(.recursive)
        operation.sorted = try parameters.flag(.sorted)
        operation.wait = try parameters.flag(.wait)
        operation.isDirectory = try parameters.flag(.dir)
        operation.quorum = try parameters.flag(.quorum)
        operation.stream = try parameters.flag(.stream)
    }

    private mutating func readWriteParameters(_ parameters: V2Parameters, now: () -> WallTime)
        throws(V2Error)
    {
        if let previous = parameters[.prevValue] {
            if previous.isEmpty {
                throw V2Error(.previousValueRequired, cause: "\"prevValue\" cannot be empty")
            }
            operation.previousValue = previous
        }
        operation.value = parameters[.value] ?? .empty
        let ttl: UInt64?
        do throws(V2ParameterFault) {
            noValueOnSuccess = try parameters.flag(.noValueOnSuccess)
            // `ttl=` is how a client says that there is none.
            let isPresent = parameters[.ttl].map { !$0.isEmpty } ?? false
            ttl = isPresent ? try parameters.number(.ttl) : nil
            operation.previousExists = try parameters.optionalFlag(.prevExist)
            operation.refresh = try parameters.optionalFlag(.refresh)
        } catch {
            throw V2Error(error)
        }
        if operation.refresh == true {
            if !operation.value.isEmpty {
                throw V2Error(.refreshWithValue, cause: "A value was provided on a refresh")
            }
            if ttl == nil { throw V2Error(.refreshWithoutTTL, cause: "No TTL value set") }
        }
        if let ttl {
            // Absurd times wrap around in etcd, and end up permanent or long past.
            operation.expiration =
                now().unixNanoseconds &+ Int64(bitPattern: ttl) &* 1_000_000_000
        }
    }

    /// The store's path of a key: prefixed, without a slash at the end.
    static func storePath(of key: Bytes) -> Bytes {
        var path: [UInt8] = []
        path.reserveCapacity(keyPrefix.count + key.count)
        path += keyPrefix
        let end = key.count > 0 && key[key.count - 1] == UInt8(ascii: "/") ? 1 : 0
        path.append(contentsOf: key.storage[key.start..<key.end - end])
        return Bytes(path)
    }
}

extension V2Error {
    init(_ fault: V2ParameterFault) {
        switch fault {
        case .invalidField(.prevExist):
            self.init(.invalidField, cause: "invalid value for prevExist")
        case .invalidField(.refresh): self.init(.invalidField, cause: "invalid value for refresh")
        case .invalidField(let parameter):
            self.init(.invalidField, cause: "invalid value for \"\(parameter.name)\"")
        case .notANumber(.ttl): self.init(.ttlNotANumber, cause: "invalid value for \"ttl\"")
        case .notANumber(let parameter):
            self.init(.indexNotANumber, cause: "invalid value for \"\(parameter.name)\"")
        }
    }
}
