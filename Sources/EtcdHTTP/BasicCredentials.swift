//  HTTP Basic authentication (RFC 7617) as Go's library reads it.

import Protobuf
import RuntimeCore

struct BasicCredentials: Equatable {
    let name: Bytes
    let password: Bytes

    /// `nil` for another scheme and for what cannot be decoded.
    init?(_ header: String) {
        let scheme = "basic "
        guard header.utf8.count >= scheme.utf8.count,
            header.prefix(scheme.count).lowercased() == scheme
        else { return nil }
        let encoded = Bytes(header.dropFirst(scheme.count))
        // The standard alphabet with padding, and nothing else.
        guard encoded.count % 4 == 0, !encoded.array.contains(where: { $0 == 0x2D || $0 == 0x5F }),
            let text = ProtobufJSON.readBase64(encoded),
            let colon = text.array.firstIndex(of: UInt8(ascii: ":"))
        else { return nil }
        name = text.prefix(colon)
        password = text.dropFirst(colon + 1)
    }
}
