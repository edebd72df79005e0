//  Hashing and comparing passwords: slow on purpose, so away from every role and event loop, and in
//  bounded number.

import EtcdAuth
package import RuntimeCore
import Synchronization

/// The passwords that wait for their turn. Shared by all event loops.
package final class PasswordWork: Sendable {
    private let background: any BackgroundPool
    private let pending = Atomic<Int>(0)

    package init(background: any BackgroundPool) { self.background = background }

    /// False when too many wait already; then `work` will not be called.
    func submit(_ work: @escaping @Sendable () -> Void) -> Bool {
        let count = pending.add(1, ordering: .relaxed).newValue
        guard count <= Limits.passwordWorkMax else {
            pending.subtract(1, ordering: .relaxed)
            return false
        }
        background.submit { [self] in
            work()
            pending.subtract(1, ordering: .relaxed)
        }
        return true
    }
}

extension RequestHandler {
    /// Compares a password with a hash of any origin. Reply: `.passwordMatches`.
    package func compare(_ password: String, with hash: Bytes, address: ReplyAddress)
        -> ServerError?
    {
        let isTaken = passwords.submit {
            let matches = PasswordHash.matches(password, hash)
            address.edge.deliver([
                EdgeReply(token: address.token, reply: .passwordMatches(matches))
            ])
        }
        return isTaken ? nil : .tooManyRequests
    }

    /// Hashes a password as the v2 API keeps it. Reply: `.passwordHash`.
    package func hashForV2(_ password: String, address: ReplyAddress) -> ServerError? {
        let isTaken = passwords.submit {
            let hash = PasswordHash.make(password, cost: PasswordHash.standardCost)
            address.edge.deliver([EdgeReply(token: address.token, reply: .passwordHash(hash))])
        }
        return isTaken ? nil : .tooManyRequests
    }
}
