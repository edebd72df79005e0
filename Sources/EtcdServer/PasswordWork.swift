//  Hashing and comparing passwords: slow on purpose.

import EtcdAuth
package import RuntimeCore

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
