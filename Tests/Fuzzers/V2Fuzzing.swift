//  v2 requests: targets, forms, bodies, credentials.

import EtcdAuth
import EtcdNet
import RuntimeCore

@testable import EtcdHTTP

enum V2Fuzzing {
    /// Target, form and content type, with line feeds between them.
    static func requests(_ input: [UInt8]) {
        let parts = input.split(
            separator: 0x0A, maxSplits: 2, omittingEmptySubsequences: false
        ).map { Array($0) }
        let target = String(decoding: parts[0], as: UTF8.self)
        let form = Bytes(parts.count > 1 ? parts[1] : [])
        let type = parts.count > 2 ? String(decoding: parts[2], as: UTF8.self) : nil
        _ = RequestPath.resolve(target)
        _ = try? RequestTarget(target).decodedPath()
        _ = MediaType.formReading(of: type)
        _ = MediaType.essence(of: type ?? "")
        _ = try? MemberRequestBody.peerURLs(in: form)
        let query = RequestTarget(target).rawQuery.map { Bytes($0) } ?? .empty
        let parameters = V2Parameters(form: form, query: query)
        for method in ["GET", "PUT", "POST", "DELETE"] {
            _ = try? V2KeysRequest(
                method: method, key: Bytes(Array(parts[0].prefix(64))), parameters: parameters,
                now: { WallTime(unixNanoseconds: 0) })
        }
    }

    private static let signed: WebTokens? = {
        let secret = Bytes("secret")
        guard let key = try? WebTokenKey(.hs256, publicKey: nil, privateKey: secret) else {
            return nil
        }
        return WebTokens(key: key, ttlSeconds: 60)
    }()

    static func credentials(_ input: [UInt8]) {
        let text = String(decoding: input, as: UTF8.self)
        _ = BasicCredentials(text)
        _ = BasicCredentials("Basic " + text)
        promise(signed != nil, "no key to check with")
        _ = signed?.info(of: text, now: WallTime(unixNanoseconds: 0))
    }
}
