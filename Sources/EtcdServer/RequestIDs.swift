//  Numbers for requests, unique among members and across restarts (spec peer-and-disk 1).

import EtcdMembership
package import Raft
package import RuntimeCore
import Synchronization

/// One per replica: everything that is proposed here takes its number from it, so that no request
/// can be taken for another one that somebody waits for. Callable from any thread.
package final class RequestIDs: Sendable {
    private let last: Atomic<UInt64>

    package init(member: MemberID, now: WallTime) {
        last = Atomic(RequestIDs.first(member: member, now: now))
    }

    package func next() -> UInt64 { last.wrappingAdd(1, ordering: .relaxed).newValue }

    /// 16 bits of the member, 40 bits of milliseconds, 8 bits of counter that may carry.
    package static func first(member: MemberID, now: WallTime) -> UInt64 {
        let milliseconds = UInt64(max(0, now.unixNanoseconds) / 1_000_000)
        return (member.rawValue & 0xFFFF) << 48 | (milliseconds & 0xFF_FFFF_FFFF) << 8
    }
}
