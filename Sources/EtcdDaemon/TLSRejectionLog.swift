//  Connections that TLS kept out, as etcd's log has them. Whoever knocks often does not fill it.

import EtcdNet
import Logging
import Synchronization

final class TLSRejectionLog: Sendable {
    /// Lines in one period; what is beyond is counted.
    private static let linesMax = 100
    private static let period = Duration.seconds(10)

    private struct State {
        var begin: ContinuousClock.Instant
        var lines = 0
        var left = 0
    }

    private let logger: Logger
    private let state = Mutex(State(begin: .now))

    init(logger: Logger) { self.logger = logger }

    /// - Parameter side: `client` or `peer`.
    func note(_ rejection: TLSRejection, side: String) {
        guard let left = admit() else { return }
        var metadata: Logger.Metadata = [
            "remote-addr": "\(rejection.remoteAddress)", "server-name": "",
            "error": "\(rejection.reason)",
        ]
        if let names = rejection.names {
            metadata["ip-addresses"] = .array(names.addresses.map { .string($0) })
            metadata["dns-names"] = .array(names.dnsNames.map { .string($0) })
        }
        if left > 0 { metadata["not-logged-before"] = "\(left)" }
        logger.warning("rejected connection on \(side) endpoint", metadata: metadata)
    }

    /// The number of rejections that were not logged before this one, which is; else `nil`.
    private func admit() -> Int? {
        state.withLock { state in
            let now = ContinuousClock.now
            if now - state.begin >= Self.period {
                state.begin = now
                state.lines = 0
            }
            guard state.lines < Self.linesMax else {
                state.left += 1
                return nil
            }
            state.lines += 1
            defer { state.left = 0 }
            return state.left
        }
    }
}
