//  Counters of the store's operations (`/v2/stats/store`), saved with it.

/// Since the store was first made, over all its saved lives.
package struct V2Statistics: Sendable, Hashable {
    package internal(set) var getsSuccess: UInt64 = 0
    package internal(set) var getsFail: UInt64 = 0
    package internal(set) var setsSuccess: UInt64 = 0
    package internal(set) var setsFail: UInt64 = 0
    package internal(set) var deleteSuccess: UInt64 = 0
    package internal(set) var deleteFail: UInt64 = 0
    package internal(set) var updateSuccess: UInt64 = 0
    package internal(set) var updateFail: UInt64 = 0
    package internal(set) var createSuccess: UInt64 = 0
    package internal(set) var createFail: UInt64 = 0
    package internal(set) var compareAndSwapSuccess: UInt64 = 0
    package internal(set) var compareAndSwapFail: UInt64 = 0
    package internal(set) var compareAndDeleteSuccess: UInt64 = 0
    package internal(set) var compareAndDeleteFail: UInt64 = 0
    package internal(set) var expireCount: UInt64 = 0
    /// Watches at the time of the last report.
    package internal(set) var watchers: UInt64 = 0

    // Since the process began; not saved.

    /// Reads of a whole tree, which the counts of all reads include.
    package internal(set) var recursiveGetsSuccess: UInt64 = 0
    package internal(set) var recursiveGetsFail: UInt64 = 0
    package internal(set) var watchRequests: UInt64 = 0

    typealias Counter = any WritableKeyPath<V2Statistics, UInt64> & Sendable

    /// Name in JSON and counter, in etcd's order.
    static let fields: [(name: StaticString, path: Counter)] = [
        ("getsSuccess", \.getsSuccess), ("getsFail", \.getsFail),
        ("setsSuccess", \.setsSuccess), ("setsFail", \.setsFail),
        ("deleteSuccess", \.deleteSuccess), ("deleteFail", \.deleteFail),
        ("updateSuccess", \.updateSuccess), ("updateFail", \.updateFail),
        ("createSuccess", \.createSuccess), ("createFail", \.createFail),
        ("compareAndSwapSuccess", \.compareAndSwapSuccess),
        ("compareAndSwapFail", \.compareAndSwapFail),
        ("compareAndDeleteSuccess", \.compareAndDeleteSuccess),
        ("compareAndDeleteFail", \.compareAndDeleteFail),
        ("expireCount", \.expireCount), ("watchers", \.watchers),
    ]

    func writeJSON(into bytes: inout [UInt8]) {
        for (position, field) in Self.fields.enumerated() {
            bytes.append(position == 0 ? UInt8(ascii: "{") : UInt8(ascii: ","))
            bytes.appendName(field.name)
            bytes.appendDecimal(self[keyPath: field.path])
        }
        bytes.append(UInt8(ascii: "}"))
    }
}
