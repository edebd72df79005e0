//  A member as /v2/members shows it.

import EtcdMembership
import Protobuf
import RuntimeCore

extension Member {
    /// `{"id":"…","name":"…","peerURLs":[…],"clientURLs":[…]}`; the id is a hexadecimal string and
    /// nothing is left out.
    func writeV2JSON(into output: inout [UInt8]) {
        output += Array("{\"id\":\"\(id)\",\"name\":".utf8)
        JSONValue.writeString(Bytes(name), into: &output)
        output += Array(",\"peerURLs\":".utf8)
        writeStrings(peerURLs, into: &output)
        output += Array(",\"clientURLs\":".utf8)
        writeStrings(clientURLs, into: &output)
        output.append(UInt8(ascii: "}"))
    }
}

/// A JSON array of strings.
func writeStrings(_ strings: [String], into output: inout [UInt8]) {
    output.append(UInt8(ascii: "["))
    for (position, string) in strings.enumerated() {
        if position > 0 { output.append(UInt8(ascii: ",")) }
        JSONValue.writeString(Bytes(string), into: &output)
    }
    output.append(UInt8(ascii: "]"))
}
