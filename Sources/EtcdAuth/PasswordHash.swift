//  bcrypt through libxcrypt: what the database keeps instead of passwords. Slow on purpose; never
//  to be called on an event loop.

import CCrypt
import Crypto
package import RuntimeCore

package enum PasswordHash {
    /// bcrypt looks at this many bytes; Go's refuses longer passwords.
    package static let passwordBytesMax = 72

    /// The text of a bcrypt hash with a fresh salt from the system; `nil` when the password is too
    /// long or the library refuses.
    package static func make(_ password: String, cost: Int) -> Bytes? {
        hash(password, setting: setting(cost: cost, salt: nil))
    }

    /// As `make`, with a salt that follows from the user and the password: for log entries of old
    /// servers that carry the password itself and must give the same hash on every member.
    package static func derive(_ password: String, user: String, cost: Int) -> Bytes? {
        let digest = SHA256.hash(data: Array((user + "\0" + password).utf8))
        return hash(password, setting: setting(cost: cost, salt: Array(digest.prefix(16))))
    }

    package static func matches(_ password: String, _ hash: Bytes) -> Bool {
        guard let computed = self.hash(password, setting: hash.text) else { return false }
        guard computed.count == hash.count else { return false }
        // In constant time: how much of a guess was right is nobody's business.
        var difference: UInt8 = 0
        for position in 0..<hash.count { difference |= hash[position] ^ computed[position] }
        return difference == 0
    }

    private static func setting(cost: Int, salt: [UInt8]?) -> String? {
        var output = [CChar](repeating: 0, count: Int(CRYPT_GENSALT_OUTPUT_SIZE))
        let prefix = "$2a$"
        let bytes = salt?.map { CChar(bitPattern: $0) } ?? []
        let result = output.withUnsafeMutableBufferPointer { target in
            bytes.withUnsafeBufferPointer { source in
                crypt_gensalt_rn(
                    prefix, UInt(cost), salt == nil ? nil : source.baseAddress,
                    Int32(source.count), target.baseAddress, Int32(target.count))
            }
        }
        return result.map { String(cString: $0) }
    }

    private static func hash(_ password: String, setting: String?) -> Bytes? {
        guard let setting, password.utf8.count <= passwordBytesMax, !password.utf8.contains(0)
        else { return nil }
        let data = UnsafeMutablePointer<crypt_data>.allocate(capacity: 1)
        defer {
            // Holds the password's traces.
            UnsafeMutableRawBufferPointer(start: data, count: MemoryLayout<crypt_data>.size)
                .initializeMemory(as: UInt8.self, repeating: 0)
            data.deallocate()
        }
        UnsafeMutableRawBufferPointer(start: data, count: MemoryLayout<crypt_data>.size)
            .initializeMemory(as: UInt8.self, repeating: 0)
        guard let text = crypt_rn(password, setting, data, Int32(MemoryLayout<crypt_data>.size))
        else { return nil }
        let hash = String(cString: text)
        return hash.hasPrefix("$2") ? Bytes(hash) : nil
    }
}
