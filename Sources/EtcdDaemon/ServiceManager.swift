//  What the daemon says to systemd and takes from it: readiness, status, watchdog, sockets.

import CSystemd
import Glibc

/// systemd's side of the process. Every call is harmless where no systemd listens.
struct ServiceManager: Sendable {
    /// Sockets handed over, by the name their unit gives them.
    struct InheritedSocket: Sendable {
        let name: String
        let descriptor: Int32
    }

    /// Whether somebody wants to be told.
    var isPresent: Bool { getenv("NOTIFY_SOCKET") != nil }

    func ready(status: String) { notify("READY=1\nSTATUS=\(status)") }
    func status(_ text: String) { notify("STATUS=\(text)") }
    /// A start that depends on others takes longer, for so many seconds more.
    func starting(status: String, moreSeconds: Int) {
        notify("EXTEND_TIMEOUT_USEC=\(moreSeconds)000000\nSTATUS=\(status)")
    }
    func stopping() { notify("STOPPING=1\nSTATUS=Stopping") }
    func alive() { notify("WATCHDOG=1") }

    /// How often to send `alive`: half the time systemd allows; `nil` when it does not watch.
    var watchdogMicroseconds: UInt64? {
        var interval: UInt64 = 0
        return sd_watchdog_enabled(0, &interval) > 0 ? interval / 2 : nil
    }

    /// The sockets of `LISTEN_FDS`; the variables are removed so that no child sees them.
    func inheritedSockets() -> [InheritedSocket] {
        var names: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
        let count = sd_listen_fds_with_names(1, &names)
        guard count > 0, let names else { return [] }
        defer {
            for position in 0..<Int(count) { free(names[position]) }
            free(names)
        }
        // SD_LISTEN_FDS_START is 3 by contract.
        return (0..<Int(count)).map { position in
            let descriptor = Int32(3 + position)
            _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
            return InheritedSocket(
                name: names[position].map { String(cString: $0) } ?? "", descriptor: descriptor)
        }
    }

    private func notify(_ state: String) { _ = sd_notify(0, state) }
}
