//  Where the store keeps its records in the database.

package import EtcdBackend
import RuntimeCore

/// The buckets that the store keeps its records in.
package enum StoreBuckets {
    package static let key = Bucket(name: Bytes("key"), number: 0, isSequential: true)
    package static let meta = Bucket(name: Bytes("meta"), number: 1, isSequential: false)

    static let scheduledCompactRevision = Bytes("scheduledCompactRev")
    static let finishedCompactRevision = Bytes("finishedCompactRev")
}
