//  The body of POST and PUT on /v2/members: `{"peerURLs":[…]}`, and what is wrong with it.

import EtcdMembership
import Protobuf
import RuntimeCore

/// Refused with status 400; the texts are those of etcd's parsers (spec http-v2 section 5).
struct MemberRequestError: Error, Equatable {
    let message: String
}

enum MemberRequestBody {
    /// The peer URLs, sorted.
    static func peerURLs(in body: Bytes) throws(MemberRequestError) -> [String] {
        let value: JSONValue
        do throws(JSONError) {
            value = try JSONValue.parse(body)
        } catch {
            // The one fault that clients meet in practice: no body, or half of one.
            if error.offset >= body.count {
                throw MemberRequestError(message: "unexpected end of JSON input")
            }
            throw MemberRequestError(message: error.description)
        }
        let urls = try strings(in: value)
        if urls.isEmpty { throw MemberRequestError(message: "no valid URLs given") }
        for url in urls {
            do throws(PeerURLError) {
                try PeerURL.check(url)
            } catch {
                throw MemberRequestError(message: error.description)
            }
        }
        return urls.sorted()
    }

    private static func strings(in value: JSONValue) throws(MemberRequestError) -> [String] {
        guard case .object(let fields) = value else {
            if case .null = value { return [] }
            throw mismatch(
                value, "value of type struct { PeerURLs []string \"json:\\\"peerURLs\\\"\" }")
        }
        var urls: [String] = []
        for field in fields where isPeerURLs(field.name) {
            switch field.value {
            case .null: urls = []
            case .array(let elements):
                urls = []
                for element in elements {
                    if case .null = element {
                        urls.append("")
                    } else if let text = element.text {
                        // etcd ignores space around a URL.
                        urls.append(trimmed(text))
                    } else {
                        throw mismatch(element, "struct field .peerURLs of type string")
                    }
                }
            default: throw mismatch(field.value, "struct field .peerURLs of type []string")
            }
        }
        return urls
    }

    /// Names match without regard to case, as Go's decoder does it.
    private static func isPeerURLs(_ name: Bytes) -> Bool {
        name.text.lowercased() == "peerurls"
    }

    private static func mismatch(_ value: JSONValue, _ target: String) -> MemberRequestError {
        MemberRequestError(message: "json: cannot unmarshal \(value.kind) into Go \(target)")
    }

    private static func trimmed(_ text: String) -> String {
        var rest = Substring(text)
        while rest.first?.isWhitespace == true { rest.removeFirst() }
        while rest.last?.isWhitespace == true { rest.removeLast() }
        return String(rest)
    }
}
