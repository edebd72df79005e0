//  The parameters of /v2/keys and the order of their checks (spec http-v2 section 2); outcomes
//  taken from etcd 3.4.23 where it was asked.

import EtcdProto
import EtcdV2Store
import RuntimeCore
import Testing

@testable import EtcdHTTP

private let now = WallTime(unixNanoseconds: 1_000_000_000)

private func parse(
    _ method: String, query: String = "", form: String = "", key: String = "/a"
) -> Result<V2KeysRequest, V2Error> {
    do throws(V2Error) {
        return .success(
            try V2KeysRequest(
                method: method, key: Bytes(key),
                parameters: V2Parameters(form: Bytes(form), query: Bytes(query)), now: { now }))
    } catch {
        return .failure(error)
    }
}

@Suite struct ParameterTests {
    /// Query of a PUT, error code, cause.
    static let refusals: [(String, Int, String)] = [
        ("prevIndex=x", 203, "invalid value for \"prevIndex\""),
        ("prevIndex=", 203, "invalid value for \"prevIndex\""),
        ("waitIndex=-1", 203, "invalid value for \"waitIndex\""),
        ("waitIndex=", 203, "invalid value for \"waitIndex\""),
        ("recursive", 209, "invalid value for \"recursive\""),
        ("recursive=yes", 209, "invalid value for \"recursive\""),
        ("sorted=2", 209, "invalid value for \"sorted\""),
        ("wait=q", 209, "invalid value for \"wait\""),
        ("dir=tRUE", 209, "invalid value for \"dir\""),
        ("quorum=y", 209, "invalid value for \"quorum\""),
        ("stream=y", 209, "invalid value for \"stream\""),
        ("wait=true", 209, "\"wait\" can only be used with GET requests"),
        ("prevValue=", 201, "\"prevValue\" cannot be empty"),
        ("prevValue", 201, "\"prevValue\" cannot be empty"),
        ("noValueOnSuccess=z", 209, "invalid value for \"noValueOnSuccess\""),
        ("ttl=x", 202, "invalid value for \"ttl\""),
        ("ttl=-1", 202, "invalid value for \"ttl\""),
        ("ttl=%2B5", 202, "invalid value for \"ttl\""),
        ("ttl=18446744073709551616", 202, "invalid value for \"ttl\""),
        ("prevExist=x", 209, "invalid value for prevExist"),
        ("prevExist=", 209, "invalid value for prevExist"),
        ("refresh=x", 209, "invalid value for refresh"),
        ("refresh=true&value=z", 211, "A value was provided on a refresh"),
        ("refresh=true", 212, "No TTL value set"),
        ("refresh=true&ttl=", 212, "No TTL value set"),
        ("a=%zz", 210, "invalid URL escape \"%zz\""),
        ("a;b=c", 210, "invalid semicolon separator in query"),
    ]

    @Test(arguments: refusals)
    func refusesWithCodeAndCause(query: String, code: Int, cause: String) {
        guard case .failure(let error) = parse("PUT", query: query) else {
            Issue.record("\(query) was taken")
            return
        }
        #expect(error.code.rawValue == code)
        #expect(error.cause == cause)
        #expect(error.index == 0)
    }

    /// Every fault together with all that come after it: the first one is reported.
    @Test func reportsTheFirstFault() {
        let inOrder = [
            "a=%zz", "prevIndex=x", "waitIndex=x", "recursive=x", "sorted=x", "wait=x", "dir=x",
            "quorum=x", "stream=x", "prevValue=", "noValueOnSuccess=x", "ttl=x", "prevExist=x",
            "refresh=x",
        ]
        for position in inOrder.indices {
            let all = inOrder[position...].reversed().joined(separator: "&")
            guard case .failure(let first) = parse("PUT", query: all),
                case .failure(let alone) = parse("PUT", query: inOrder[position])
            else {
                Issue.record("\(all) was taken")
                continue
            }
            #expect(first == alone)
        }
    }

    @Test func checksReadsLikeWrites() {
        guard case .failure(let error) = parse("GET", query: "refresh=true&value=z") else {
            Issue.record("taken")
            return
        }
        #expect(error.code == .refreshWithValue)
        guard case .failure(let head) = parse("HEAD", query: "wait=true") else {
            Issue.record("taken")
            return
        }
        #expect(head.cause == "\"wait\" can only be used with GET requests")
    }

    @Test func bodyWinsOverQueryAndFirstOverLater() throws {
        let request = try parse("PUT", query: "value=q&dir=true", form: "value=f&value=g").get()
        #expect(request.operation.value.text == "f")
        #expect(request.operation.isDirectory)
        let faults = parse("PUT", query: "a;b", form: "a=%f")
        guard case .failure(let error) = faults else {
            Issue.record("taken")
            return
        }
        #expect(error.cause == "invalid URL escape \"%f\"")
    }

    @Test func decodesValues() throws {
        let request = try parse("PUT", form: "value=Hello+w%C3%B6rld%00%ff").get()
        #expect(request.operation.value == Bytes(Array("Hello wörld".utf8) + [0, 0xFF]))
    }

    /// Query and the expiry it gives, in nanoseconds.
    static let times: [(String, Int64)] = [
        ("ttl=", 0), ("", 0), ("ttl=0", 1_000_000_000), ("ttl=5", 6_000_000_000),
        ("ttl=18446744073709551615", 0),
    ]

    @Test(arguments: times)
    func computesExpiry(query: String, expiration: Int64) throws {
        #expect(try parse("PUT", query: query).get().operation.expiration == expiration)
    }

    @Test func choosesTheOperation() throws {
        #expect(
            try parse("GET", query: "quorum=true&wait=true").get().operation.method == .quorumGet)
        #expect(try parse("HEAD", query: "quorum=true").get().operation.method == .get)
        #expect(try parse("POST").get().operation.method == .post)
        #expect(try parse("DELETE").get().operation.method == .delete)
        let swap = try parse(
            "PUT", query: "prevValue=a&prevIndex=7&prevExist=true&refresh=0&noValueOnSuccess=1"
        ).get()
        #expect(swap.operation.previousValue.text == "a")
        #expect(swap.operation.previousIndex == 7)
        #expect(swap.operation.previousExists == true)
        #expect(swap.operation.refresh == false)
        #expect(swap.noValueOnSuccess)
    }

    /// Key as it stands behind /v2/keys, path in the store.
    static let paths = [("", "/1"), ("/", "/1"), ("/a", "/1/a"), ("/a/b/", "/1/a/b")]

    @Test(arguments: paths)
    func placesKeys(key: String, path: String) throws {
        #expect(try parse("GET", key: key).get().operation.path.text == path)
    }
}
