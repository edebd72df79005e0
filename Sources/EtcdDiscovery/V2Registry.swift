//  A discovery token in the v2 key space of some etcd, asked over HTTP.

package import EtcdNet
package import NIOCore
import NIOHTTP1
import Protobuf
import RuntimeCore

package struct V2Registry: DiscoveryRegistry {
    /// As etcd's client for it.
    private static let requestTimeout = TimeAmount.seconds(5)
    /// A watch that hears nothing for so long is begun anew: what stands in between may have
    /// forgotten it.
    private static let waitTimeout = TimeAmount.minutes(5)
    private static let redirectsMax = 10
    private static let bodyMax = 4 << 20

    private let url: DiscoveryURL
    private let proxy: HTTPClientProxy?
    private let client: HTTPClient
    private let loop: any EventLoop

    package init(
        _ url: DiscoveryURL, proxy: HTTPClientProxy?, client: HTTPClient, loop: any EventLoop
    ) {
        self.url = url
        self.proxy = proxy
        self.client = client
        self.loop = loop
    }

    func size() async throws(RegistryFailure) -> String? {
        let answer = try await ask("GET", "/_config/size")
        if answer.isMissing { return nil }
        return try answer.node()["value"]?.text ?? ""
    }

    func registrations() async throws(RegistryFailure) -> Registrations {
        let answer = try await ask("GET", "")
        if answer.isMissing { throw .permanent(.sizeNotFound) }
        var found: [(created: UInt64, member: RegisteredMember)] = []
        for node in try answer.node()["nodes"]?.elements ?? [] {
            guard let key = node["key"]?.text, let value = node["value"]?.text,
                let id = key.split(separator: "/").last, id != "_config"
            else { continue }
            found.append(
                (
                    node["createdIndex"]?.unsigned ?? 0,
                    RegisteredMember(id: String(id), value: value)
                ))
        }
        found.sort { $0.created < $1.created }
        return Registrations(members: found.map(\.member), position: answer.index)
    }

    func register(_ member: RegisteredMember) async throws(RegistryFailure) -> Bool {
        let value = V2Registry.formEncoded(member.value)
        // Sent again unseen, it would meet itself and be told of a duplicate.
        let answer = try await ask(
            "PUT", "/\(member.id)?prevExist=false", form: "value=\(value)", isRepeatable: false)
        if answer.errorCode == 105 { return false }
        _ = try answer.node()
        return true
    }

    func waitForNews(after position: UInt64) async throws(RegistryFailure) {
        do throws(RegistryFailure) {
            // After the last position there is none but 0, which stands for the present.
            _ = try await ask(
                "GET", "?recursive=true&wait=true&waitIndex=\(position &+ 1)",
                timeout: Self.waitTimeout)
        } catch {
            if error == .transient(Self.timedOut) { return }
            throw error
        }
    }

    /// Makes a token: the size of a cluster to be.
    func create(size: Int) async throws(RegistryFailure) {
        let answer = try await ask("PUT", "/_config/size", form: "value=\(size)")
        _ = try answer.node()
    }

    // MARK: HTTP

    private static let timedOut = "no answer in time"

    /// An answer that is one of the v2 API.
    private struct Answer {
        let json: JSONValue
        let index: UInt64

        var errorCode: UInt64? { json["errorCode"]?.unsigned }
        var isMissing: Bool { errorCode == 100 }

        /// The node, or the error that there is in its place.
        func node() throws(RegistryFailure) -> JSONValue {
            if let node = json["node"] { return node }
            guard let code = errorCode else { throw .permanent(.badEndpoint) }
            let message = json["message"]?.text ?? ""
            let text = "\(code): \(message) (\(json["cause"]?.text ?? "")) [\(index)]"
            // 300 to 399: the service has trouble of its own, such as no leader.
            throw (300..<400).contains(code)
                ? .transient(text) : .permanent(DiscoveryError(text))
        }
    }

    private func ask(
        _ method: String, _ rest: String, form: String? = nil, isRepeatable: Bool? = nil,
        timeout: TimeAmount = V2Registry.requestTimeout
    ) async throws(RegistryFailure) -> Answer {
        var headers = HTTPHeaders()
        if let authorization = url.authorization {
            headers.add(name: "Authorization", value: authorization)
        }
        if form != nil {
            headers.add(name: "Content-Type", value: "application/x-www-form-urlencoded")
        }
        var request = HTTPClientRequest(
            method: method, origin: url.origin, target: url.path + rest, headers: headers,
            body: ByteBuffer(string: form ?? ""), isRepeatable: isRepeatable)
        request.proxy = proxy
        for _ in 0...Self.redirectsMax {
            let response = try await exchange(request, timeout)
            guard (300..<400).contains(response.status) else { return try answer(response) }
            guard let location = response.headers.first(name: "Location"),
                let next = V2Registry.redirected(request, to: location)
            else { throw .permanent(.badEndpoint) }
            if next.origin != request.origin { request.headers.remove(name: "Authorization") }
            request.origin = next.origin
            request.target = next.target
        }
        throw .permanent(DiscoveryError("discovery: too many redirects"))
    }

    private func exchange(_ request: HTTPClientRequest, _ timeout: TimeAmount)
        async throws(RegistryFailure) -> HTTPClientResponse
    {
        do {
            return try await client.execute(
                request, on: loop, timeout: timeout, maximumBody: Self.bodyMax
            ).get()
        } catch {
            guard let error = error as? HTTPClientError else { throw .transient("\(error)") }
            switch error.kind {
            case .timeout: throw .transient(Self.timedOut)
            case .tooLarge, .malformed: throw .permanent(.badEndpoint)
            case .badAddress: throw .permanent(DiscoveryError(error.description))
            default: throw .transient(error.description)
            }
        }
    }

    private func answer(_ response: HTTPClientResponse) throws(RegistryFailure) -> Answer {
        if response.status >= 500 {
            throw .transient("the discovery service returns server error [\(response.status)]")
        }
        if response.status == 401 || response.status == 403 {
            throw .permanent(
                DiscoveryError(
                    "discovery: the service refuses access [\(response.status)]; a user and "
                        + "password can be put into the URL, as in http://user:password@host/..."))
        }
        let index = response.headers.first(name: "X-Etcd-Index").flatMap { UInt64($0) } ?? 0
        let bytes = Bytes(Array(response.body.readableBytesView))
        guard let json = try? JSONValue.parse(bytes), case .object = json else {
            throw .permanent(.badEndpoint)
        }
        return Answer(json: json, index: index)
    }

    /// Where a `Location` leads, seen from a request.
    static func redirected(_ request: HTTPClientRequest, to location: String)
        -> (origin: String, target: String)?
    {
        if location.hasPrefix("/"), !location.hasPrefix("//") { return (request.origin, location) }
        guard location.hasPrefix("http://") || location.hasPrefix("https://"),
            let start = location.firstRange(of: "://")?.upperBound
        else { return nil }
        let end = location[start...].firstIndex { "/?#".contains($0) } ?? location.endIndex
        let target = location[end...].prefix { $0 != "#" }
        return (String(location[..<end]), target.hasPrefix("/") ? String(target) : "/" + target)
    }

    /// Form encoding of a value.
    static func formEncoded(_ text: String) -> String {
        var encoded: [UInt8] = []
        let digits = Array("0123456789ABCDEF".utf8)
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."),
                UInt8(ascii: "_"), UInt8(ascii: "~"):
                encoded.append(byte)
            default:
                encoded += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: encoded, as: UTF8.self)
    }
}
