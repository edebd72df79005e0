//  Tokens that members keep in memory: forgotten at a restart, after some time without use, and
//  when their user changes.

import Crypto
import RuntimeCore

struct SimpleTokens: Sendable {
    private struct Holder {
        let user: Bytes
        var expires: Instant
    }

    /// Above this the expired ones are looked for with every new one.
    private static let sweepCount = 1_024

    private var holders: [String: Holder] = [:]

    /// Letters from the system's entropy.
    static func makePrefix() -> String {
        let alphabet = Array("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
        var letters = ""
        while letters.count < 16 {
            SymmetricKey(size: .bits256).withUnsafeBytes { bytes in
                // Bytes that would favour some letters are passed over.
                for byte in bytes where byte < 208 && letters.count < 16 {
                    letters.append(alphabet[Int(byte) % alphabet.count])
                }
            }
        }
        return letters
    }

    /// What follows the letters and a dot: the log entry that made the token.
    static func position(of token: String) -> UInt64? {
        let parts = token.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 2, parts[1].allSatisfy({ (0x30...0x39).contains($0) }) else {
            return nil
        }
        return UInt64(String(decoding: parts[1], as: UTF8.self))
    }

    mutating func assign(
        _ token: String, to user: Bytes, now: Instant, milliseconds: UInt64
    ) {
        if holders.count >= SimpleTokens.sweepCount {
            holders = holders.filter { $0.value.expires > now }
        }
        holders[token] = Holder(
            user: user, expires: now.advanced(byMilliseconds: milliseconds))
    }

    mutating func user(of token: String, now: Instant, milliseconds: UInt64) -> Bytes? {
        guard let holder = holders[token] else { return nil }
        if holder.expires <= now {
            holders[token] = nil
            return nil
        }
        holders[token]?.expires = now.advanced(byMilliseconds: milliseconds)
        return holder.user
    }

    mutating func forget(user: Bytes) { holders = holders.filter { $0.value.user != user } }
    mutating func forgetAll() { holders.removeAll() }
}
