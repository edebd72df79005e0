//  What a bucket is to the backend: a name in the file, a number in memory.

package import RuntimeCore

/// One named map from keys to values inside the database; declared by the store that owns it.
package struct Bucket: Sendable, Hashable {
    package let name: Bytes
    /// Where views keep it: small, and unique among the buckets of one backend.
    package let number: Int
    /// Keys mostly ascend and are not overwritten: pages are filled to 90 %.
    package let isSequential: Bool

    package init(name: Bytes, number: Int, isSequential: Bool = false) {
        precondition(number >= 0 && number < 64, "numbers index an array")
        precondition(!name.isEmpty)
        self.name = name
        self.number = number
        self.isSequential = isSequential
    }
}

extension [Bucket] {
    /// One more than the highest number.
    var numberBound: Int { (map(\.number).max() ?? -1) + 1 }
}
