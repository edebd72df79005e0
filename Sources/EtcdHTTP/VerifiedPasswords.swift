//  Which passwords have been compared already: the v2 API sends one with every request, and
//  comparing it takes a good part of a tenth of a second each time.

import Crypto
import RuntimeCore
import Synchronization

/// Remembers digests of pairs of password and stored hash, salted for this process; a password
/// that is changed has another hash, so that nothing here outlives its user. Failures are not
/// remembered.
final class VerifiedPasswords: Sendable {
    private struct Content {
        var digests: Set<SHA256.Digest> = []
        /// In the order in which they came; the oldest goes first.
        var order: [SHA256.Digest] = []
        var oldest = 0
    }

    private let salt = SymmetricKey(size: .bits256)
    private let content = Mutex(Content())

    func contains(_ password: Bytes, _ hash: Bytes) -> Bool {
        let digest = digest(password, hash)
        return content.withLock { $0.digests.contains(digest) }
    }

    func insert(_ password: Bytes, _ hash: Bytes) {
        let digest = digest(password, hash)
        content.withLock { content in
            guard content.digests.insert(digest).inserted else { return }
            if content.order.count < Limits.verifiedPasswordsMax {
                content.order.append(digest)
                return
            }
            content.digests.remove(content.order[content.oldest])
            content.order[content.oldest] = digest
            content.oldest = (content.oldest + 1) % Limits.verifiedPasswordsMax
        }
    }

    private func digest(_ password: Bytes, _ hash: Bytes) -> SHA256.Digest {
        var hasher = SHA256()
        salt.withUnsafeBytes { hasher.update(bufferPointer: $0) }
        // A hash has no zero byte, so that the two parts cannot be taken for others.
        hasher.update(data: hash.array)
        hasher.update(data: [0])
        hasher.update(data: password.array)
        return hasher.finalize()
    }
}
