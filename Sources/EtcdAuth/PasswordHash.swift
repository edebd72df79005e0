//  bcrypt through libxcrypt: what the database keeps instead of passwords. Slow on purpose; never
//  to be called on an event loop.

import CCrypt
import Crypto
package import RuntimeCore

package enum PasswordHash {
    /// bcrypt looks at this many bytes; Go's refuses longer passwords.
    package static let passwordBytesMax = 72
    /// Of bcrypt's library in Go, and of every hash of the v2 API.
    package static let standardCost = 10

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

    /// Why there is no hash of a password.
    package static func refusal(_ password: String) -> String {
        password.utf8.count > passwordBytesMax
            ? "bcrypt: password length exceeds \(passwordBytesMax) bytes"
            : "bcrypt: a password must not contain a zero byte"
    }

    /// Older servers kept the hash of the first 72 bytes of a longer password.
    package static func matches(_ password: String, _ hash: Bytes) -> Bool {
        let looked = Bytes(password).prefix(passwordBytesMax)
        guard let computed = self.hash(looked, setting: hash.text) else { return false }
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
        password.utf8.count > passwordBytesMax
            ? nil : setting.flatMap { hash(Bytes(password), setting: $0) }
    }

    private static func hash(_ password: Bytes, setting: String) -> Bytes? {
        guard setting.hasPrefix("$2"), !password.array.contains(0) else { return nil }
        let data = UnsafeMutablePointer<crypt_data>.allocate(capacity: 1)
        let bytes = UnsafeMutableRawBufferPointer(start: data, count: MemoryLayout<crypt_data>.size)
        var phrase = password.array.map { CChar(bitPattern: $0) } + [0]
        defer {
            // Both hold the password's traces.
            bytes.initializeMemory(as: UInt8.self, repeating: 0)
            data.deallocate()
            for position in phrase.indices { phrase[position] = 0 }
        }
        bytes.initializeMemory(as: UInt8.self, repeating: 0)
        // libxcrypt's version "a" hashes some passwords differently on purpose; Go's does not.
        let isA = setting.hasPrefix("$2a$")
        let exact = isA ? "$2b$" + setting.dropFirst(4) : setting
        guard let text = crypt_rn(phrase, exact, data, Int32(bytes.count)) else { return nil }
        let hash = String(cString: text)
        guard hash.hasPrefix("$2") else { return nil }
        return Bytes(isA ? "$2a$" + hash.dropFirst(4) : hash)
    }
}
