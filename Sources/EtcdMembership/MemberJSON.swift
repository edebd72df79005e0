//  The JSON forms of a member: in configuration changes, in the store and between peers.

import Protobuf
package import Raft
package import RuntimeCore

/// A member's JSON could not be read.
package struct MemberFormatError: Error, Sendable, CustomStringConvertible {
    package let description: String
}

extension Member {
    /// `{"id":…,"peerURLs":[…],"isLearner":true?,"name":…?,"clientURLs":[…]?}`; the id is a number.
    package func json() -> [UInt8] {
        var bytes = Array("{\"id\":\(id.rawValue),\"peerURLs\":".utf8)
        writeStrings(peerURLs, into: &bytes)
        if isLearner { bytes += Array(",\"isLearner\":true".utf8) }
        if !name.isEmpty {
            bytes += Array(",\"name\":".utf8)
            JSONValue.writeString(Bytes(name), into: &bytes)
        }
        if !clientURLs.isEmpty {
            bytes += Array(",\"clientURLs\":".utf8)
            writeStrings(clientURLs, into: &bytes)
        }
        bytes.append(UInt8(ascii: "}"))
        return bytes
    }

    /// The value of `…/raftAttributes` in the store.
    package var raftAttributesJSON: [UInt8] {
        var bytes = Array("{\"peerURLs\":".utf8)
        writeStrings(peerURLs, into: &bytes)
        if isLearner { bytes += Array(",\"isLearner\":true".utf8) }
        bytes.append(UInt8(ascii: "}"))
        return bytes
    }

    /// The value of `…/attributes` in the store, which each member publishes about itself.
    package var attributesJSON: [UInt8] {
        var bytes = Array("{".utf8)
        if !name.isEmpty {
            bytes += Array("\"name\":".utf8)
            JSONValue.writeString(Bytes(name), into: &bytes)
        }
        if !clientURLs.isEmpty {
            if bytes.count > 1 { bytes.append(UInt8(ascii: ",")) }
            bytes += Array("\"clientURLs\":".utf8)
            writeStrings(clientURLs, into: &bytes)
        }
        bytes.append(UInt8(ascii: "}"))
        return bytes
    }

    package init(json: Bytes) throws(MemberFormatError) {
        self.init(value: try parse(json), missingID: nil)
        if id == .none { throw MemberFormatError(description: "member has no id") }
    }

    /// Reads `raftAttributes` into a member that has only its id yet.
    package mutating func readRaftAttributes(_ json: Bytes) throws(MemberFormatError) {
        let read = Member(value: try parse(json), missingID: id)
        peerURLs = read.peerURLs
        isLearner = read.isLearner
    }

    package mutating func readAttributes(_ json: Bytes) throws(MemberFormatError) {
        let read = Member(value: try parse(json), missingID: id)
        name = read.name
        clientURLs = read.clientURLs
    }

    init(value: JSONValue, missingID: MemberID?) {
        self.init(
            id: value["id"]?.unsigned.map { MemberID($0) } ?? missingID ?? .none,
            peerURLs: value["peerURLs"]?.strings ?? [],
            isLearner: value["isLearner"] == .bool(true),
            name: value["name"]?.text ?? "",
            clientURLs: value["clientURLs"]?.strings ?? [])
    }
}

/// What a configuration change says of its member, and whether it promotes a learner.
package struct ConfChangeContext: Sendable, Hashable {
    package var member: Member
    package var isPromotion: Bool

    package init(json: Bytes) throws(MemberFormatError) {
        let value = try parse(json)
        member = Member(value: value, missingID: nil)
        isPromotion = value["isPromote"] == .bool(true)
    }

    /// The context of the change that makes a voter of a learner.
    package static func promotionJSON(of id: MemberID) -> [UInt8] {
        Array("{\"id\":\(id.rawValue),\"peerURLs\":null,\"isPromote\":true}".utf8)
    }
}

/// The array that `GET /members` on a peer port answers.
package func memberListJSON(_ members: [Member]) -> [UInt8] {
    var bytes: [UInt8] = [UInt8(ascii: "[")]
    for (position, member) in members.enumerated() {
        if position > 0 { bytes.append(UInt8(ascii: ",")) }
        bytes += member.json()
    }
    bytes.append(UInt8(ascii: "]"))
    return bytes
}

package func parseMemberList(_ json: Bytes) throws(MemberFormatError) -> [Member] {
    guard case .array(let elements) = try parse(json) else {
        throw MemberFormatError(description: "member list is not an array")
    }
    return elements.map { Member(value: $0, missingID: nil) }
}

private func parse(_ json: Bytes) throws(MemberFormatError) -> JSONValue {
    do {
        return try JSONValue.parse(json)
    } catch {
        throw MemberFormatError(description: "bad member JSON: \(error)")
    }
}

private func writeStrings(_ strings: [String], into bytes: inout [UInt8]) {
    bytes.append(UInt8(ascii: "["))
    for (position, string) in strings.enumerated() {
        if position > 0 { bytes.append(UInt8(ascii: ",")) }
        JSONValue.writeString(Bytes(string), into: &bytes)
    }
    bytes.append(UInt8(ascii: "]"))
}
