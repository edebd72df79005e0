//  How much the database may grow (spec operations 5.3).

package import EtcdProto
import RuntimeCore

/// The limit of the database file and what requests cost of it. A value; the file's size is handed
/// in.
package struct SpaceQuota: Sendable, Hashable {
    /// etcd's default, also for a setting of 0.
    package static let defaultBytes: Int64 = 2 << 30
    private static let leaseBytes = 64
    private static let recordOverheadBytes = 256

    /// `nil`: no limit.
    package let bytes: Int64?

    /// - Parameter setting: `quota-backend-bytes`: 0 for the default, negative for no limit.
    package init(setting: Int64) {
        bytes = setting == 0 ? SpaceQuota.defaultBytes : setting < 0 ? nil : setting
    }

    /// Whether a request of this cost still fits a file of `size` bytes.
    package func admits(cost: Int, size: Int) -> Bool {
        guard let bytes else { return true }
        return Int64(size) + Int64(cost) < bytes
    }

    package static func cost(_ request: PutRequest) -> Int {
        recordOverheadBytes + request.key.count + request.value.count
    }

    /// The larger of the two branches. Puts of nested transactions are not counted, as in etcd.
    package static func cost(_ request: TxnRequest) -> Int {
        func sum(_ operations: [RequestOp]) -> Int {
            operations.reduce(0) { sum, operation in
                if case .put(let put)? = operation.request { sum + cost(put) } else { sum }
            }
        }
        return max(sum(request.success), sum(request.failure))
    }

    package static let costOfLease = leaseBytes
}
