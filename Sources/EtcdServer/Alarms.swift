//  Alarms that members raise and operators clear (spec grpc-v3 10): kept in the database, the same
//  on every member.

import EtcdBackend
package import EtcdProto
import RuntimeCore
import Synchronization

/// The set of active alarms. Read from any thread, changed by the apply role alone.
package final class Alarms: Sendable {
    static let bucket = Bucket(name: Bytes("alarm"), number: 3, isSequential: false)

    /// Sorted by kind, then member.
    private let active = Mutex<[AlarmMember]>([])

    package init() {}

    package func list(_ kind: AlarmType) -> [AlarmMember] {
        active.withLock { $0.filter { kind == .none || $0.alarm == kind } }
    }

    package var isOutOfSpace: Bool { isActive(.nospace) }
    package var isCorrupt: Bool { isActive(.corrupt) }

    private func isActive(_ kind: AlarmType) -> Bool {
        active.withLock { $0.contains { $0.alarm == kind } }
    }

    package func contains(_ alarm: AlarmMember) -> Bool { active.withLock { $0.contains(alarm) } }

    // MARK: apply role

    func activate(_ alarm: AlarmMember, in backend: Backend) {
        let isNew = active.withLock { active in
            guard !active.contains(alarm) else { return false }
            active.append(alarm)
            active.sort { Alarms.order($0) < Alarms.order($1) }
            return true
        }
        if isNew { backend.put(Alarms.bucket, key: Alarms.key(alarm), value: .empty) }
    }

    /// False when there was no such alarm.
    func deactivate(_ alarm: AlarmMember, in backend: Backend) -> Bool {
        let wasActive = active.withLock { active in
            guard let position = active.firstIndex(of: alarm) else { return false }
            active.remove(at: position)
            return true
        }
        if wasActive { backend.delete(Alarms.bucket, key: Alarms.key(alarm)) }
        return wasActive
    }

    /// Replaces everything by what the database holds; rows that cannot be read are left out.
    func recover(from backend: Backend) {
        var found: [AlarmMember] = []
        backend.scan(Alarms.bucket, from: .empty, to: nil) { key, _ in
            if let alarm = try? AlarmMember(decoding: Bytes(Array(key))) { found.append(alarm) }
            return true
        }
        found.sort { Alarms.order($0) < Alarms.order($1) }
        active.withLock { $0 = found }
    }

    private static func key(_ alarm: AlarmMember) -> Bytes {
        var bytes: [UInt8] = []
        alarm.encode(into: &bytes)
        return Bytes(bytes)
    }

    private static func order(_ alarm: AlarmMember) -> (Int64, UInt64) {
        (Int64(alarm.alarm.rawValue), alarm.memberID)
    }
}
