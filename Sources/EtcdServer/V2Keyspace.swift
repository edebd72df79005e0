//  The v2 key tree as it is shared between the apply role, which writes it, and the event loops,
//  which read and watch it where the request arrived: a hop to another thread would cost more than
//  the read itself.

package import EtcdMembership
package import EtcdV2Store
package import RuntimeCore
import Synchronization

/// A saved store could not be read.
package struct RestoreError: Error, Sendable, CustomStringConvertible {
    package let description: String
}

/// The v2 store behind one lock, together with the addresses of its watchers.
package final class V2Keyspace: Sendable {
    struct Content {
        let store: V2Store
        var watchers: [V2WatchID: ReplyAddress] = [:]
    }

    private static let authSwitch = Bytes("/2/enabled")

    private let content: Mutex<Content>
    /// What the switch of the v2 users says; kept beside the tree, as every request asks.
    private let requiresAuth = Atomic<Bool>(false)

    package init() {
        content = Mutex(Content(store: V2Store()))
    }

    /// The node at `path` as this member holds it now; may be behind the leader.
    package func get(_ path: Bytes, recursive: Bool, sorted: Bool, now: WallTime)
        -> Result<V2Event, V2Error>
    {
        content.withLock { content in
            do throws(V2Error) {
                return .success(
                    try content.store.get(path, recursive: recursive, sorted: sorted, now: now))
            } catch {
                return .failure(error)
            }
        }
    }

    /// Whether v2 users and roles are in force. Costs next to nothing.
    package var isAuthEnabled: Bool { requiresAuth.load(ordering: .relaxed) }

    /// The value of a file, for the server's own needs.
    package func peek(_ path: Bytes) -> Bytes? {
        content.withLock { $0.store.peek(path)?.value }
    }

    /// The lock is held.
    private func noteAuthSwitch(_ store: V2Store) {
        let isOn = store.peek(V2Keyspace.authSwitch)?.value == Bytes("true")
        requiresAuth.store(isOn, ordering: .relaxed)
    }

    /// Registers a watch, or answers it from history. Live events arrive at `address` as
    /// `Reply.v2Watch`, ended by `Reply.v2WatchEnded` when the server drops the watch.
    package func watch(
        _ path: Bytes, recursive: Bool, stream: Bool, since: UInt64, address: ReplyAddress
    ) -> Result<(start: V2WatchStart, storeIndex: UInt64), V2Error> {
        content.withLock { content in
            do throws(V2Error) {
                let start = try content.store.watch(
                    path, recursive: recursive, stream: stream, since: since)
                if case .waiting(let id, _) = start {
                    content.watchers[id] = address
                }
                return .success((start, content.store.currentIndex))
            } catch {
                return .failure(error)
            }
        }
    }

    package func cancelWatch(_ id: V2WatchID) {
        content.withLock { content in
            content.store.cancelWatch(id)
            content.watchers[id] = nil
        }
    }

    /// Apply role only, when the member stops.
    func endWatches(deliver: (ReplyAddress, EdgeReply) -> Void) {
        content.withLock { content in
            for (id, address) in content.watchers.sorted(by: { $0.key < $1.key }) {
                content.store.cancelWatch(id)
                deliver(address, EdgeReply(token: address.token, reply: .v2WatchEnded))
            }
            content.watchers.removeAll()
        }
    }

    package var currentIndex: UInt64 { content.withLock { $0.store.currentIndex } }
    package var hasExpiringNodes: Bool { content.withLock { $0.store.hasExpiringNodes } }
    package var statistics: V2Statistics { content.withLock { $0.store.statistics } }
    package var watcherCount: Int { content.withLock { $0.store.watcherCount } }

    /// The body of `/v2/stats/store`.
    package func statisticsJSON() -> [UInt8] {
        content.withLock { content in
            var bytes: [UInt8] = []
            content.store.writeStatisticsJSON(into: &bytes)
            return bytes
        }
    }

    /// Runs changes under the lock and returns the watch events they caused, addressed.
    ///
    /// Apply role only. Readers wait meanwhile, so callers bound the work of one call.
    func change(_ body: (V2Store) -> Void, deliver: (ReplyAddress, EdgeReply) -> Void) {
        content.withLock { content in
            body(content.store)
            noteAuthSwitch(content.store)
            for delivery in content.store.takeDeliveries() {
                guard let address = content.watchers[delivery.watch] else { continue }
                if delivery.isLast { content.watchers[delivery.watch] = nil }
                let reply: Reply = delivery.event.map { .v2Watch($0) } ?? .v2WatchEnded
                deliver(address, EdgeReply(token: address.token, reply: reply))
            }
        }
    }

    package var nextExpiration: WallTime? { content.withLock { $0.store.nextExpiration } }

    /// Replaces everything by a saved store; every watch ends. Returns the membership it holds.
    ///
    /// Apply role only, and before the roles start.
    package func restore(_ saved: Bytes, deliver: (ReplyAddress, EdgeReply) -> Void) -> Result<
        Cluster, RestoreError
    > {
        content.withLock { content in
            do {
                try content.store.recover(saved)
            } catch {
                return .failure(RestoreError(description: "\(error)"))
            }
            for address in content.watchers.sorted(by: { $0.key < $1.key }).map(\.value) {
                deliver(address, EdgeReply(token: address.token, reply: .v2WatchEnded))
            }
            content.watchers.removeAll()
            noteAuthSwitch(content.store)
            _ = content.store.takeDeliveries()
            do {
                return .success(try ClusterRecords.cluster(in: content.store))
            } catch {
                return .failure(RestoreError(description: "\(error)"))
            }
        }
    }

    /// The store in etcd's saved form.
    package func save() -> [UInt8] { content.withLock { $0.store.save() } }
}
