//  A thread that builds, drives and tears down roles, and lets others drive them while it sleeps.
//  Which roles share a thread is the composer's choice; each runs to completion before the next.

import CLinux
import Glibc
package import RuntimeCore
import Synchronization

/// A thread that may drive roles right after it has posted to them, instead of waking their own.
package protocol RoleHost: Sendable {
    /// Calls `run` on the present thread once it has done what it is at. False when the present
    /// thread is none for that, or should not be held up; `run` is not called then.
    func offer(_ run: @escaping @Sendable () -> Void) -> Bool
}

/// A queue whose reader looks for mail before it sleeps.
package protocol MailSource: Sendable {
    var isEmpty: Bool { get }
}

/// Drives its roles whenever they have mail or their time has come.
///
/// Invariant: at most one thread drives at any time, under the lock `turn`. Whoever stops driving
/// looks for mail once more, so that a post during a turn need not wake anybody.
package final class RoleThread: Sendable {
    /// Turns of all roles that a guest gives; what is left then is for the thread.
    private static let guestRounds = 16

    private struct Content {
        var builders: [@Sendable () -> RoleDriver] = []
        var mailboxes: [any MailSource] = []
        var thread: pthread_t?
    }

    /// What belongs to whoever has the turn.
    private struct Drivers {
        var all: [RoleDriver] = []

        /// Gives every role with work one turn; whether any had some.
        ///
        /// - Parameter onTime: whether those run, too, whose time has come without mail.
        func round(_ clock: any Clock, onTime: Bool) -> Bool {
            let now = clock.now()
            var worked = false
            for driver in all {
                if driver.mailbox.isEmpty {
                    guard onTime, let wakeAt = driver.wakeAt(), wakeAt <= now.monotonic else {
                        continue
                    }
                }
                driver.run(now)
                worked = true
            }
            return worked
        }

        var hasMail: Bool { all.contains { !$0.mailbox.isEmpty } }

        /// `UInt64.max` for never.
        var wakeAt: UInt64 {
            var first = UInt64.max
            for driver in all {
                if let wakeAt = driver.wakeAt() { first = min(first, wakeAt.nanoseconds) }
            }
            return first
        }
    }

    private let name: String
    private let clock: any Clock
    private let host: (any RoleHost)?
    private let signal = Signal()
    private let content = Mutex(Content())
    private let turn = Mutex(Drivers())
    /// Whether somebody drives who will look for mail again.
    private let isDriven = Atomic<Bool>(false)
    /// When the thread gets up by itself, in nanoseconds of the monotonic clock.
    private let sleepsUntil = Atomic<UInt64>(0)
    private let isStopping = Atomic<Bool>(false)

    /// - Parameters:
    ///   - name: shown by `ps -L` and `perf`; at most 15 bytes count.
    ///   - host: who may drive the roles as a guest.
    package init(name: String, clock: any Clock, host: (any RoleHost)? = nil) {
        self.name = name
        self.clock = clock
        self.host = host
    }

    /// Adds a role; before `start` only. The mailbox must call `mailArrived` for mail that nobody
    /// was told about.
    ///
    /// - Parameter build: called on the thread, so that the role need not be Sendable.
    package func add(_ mailbox: any MailSource, build: @escaping @Sendable () -> RoleDriver) {
        content.withLock { content in
            precondition(content.thread == nil, "the thread runs already")
            content.mailboxes.append(mailbox)
            content.builders.append(build)
        }
    }

    package func start() {
        let body = ThreadBody { [self] in run() }
        content.withLock { content in
            var thread = pthread_t()
            let argument = Unmanaged.passRetained(body).toOpaque()
            let code = pthread_create(
                &thread, nil,
                { argument in
                    let body = Unmanaged<ThreadBody>.fromOpaque(argument!).takeRetainedValue()
                    body.run()
                    return nil
                }, argument)
            precondition(code == 0, "pthread_create failed with \(code)")
            pthread_setname_np(thread, String(name.prefix(15)))
            content.thread = thread
        }
    }

    /// Waits until the role that runs has finished, then ends the thread; no role runs afterwards.
    /// Not from the thread itself.
    package func stop() {
        isStopping.store(true, ordering: .sequentiallyConsistent)
        signal.wake()
        let thread = content.withLock { content in
            let thread = content.thread
            content.thread = nil
            return thread
        }
        if let thread { pthread_join(thread, nil) }
    }

    // MARK: the thread

    private func run() {
        let (builders, mailboxes) = content.withLock { ($0.builders, $0.mailboxes) }
        turn.withLock { drivers in drivers.all = builders.map { $0() } }
        while !mustStop {
            let wake = turn.withLock { drivers in
                isDriven.store(true, ordering: .sequentiallyConsistent)
                while !mustStop, drivers.round(clock, onTime: true) {}
                isDriven.store(false, ordering: .sequentiallyConsistent)
                let wake = drivers.wakeAt
                // Before the turn ends: a guest that finds an earlier time must find a sleeper.
                sleepsUntil.store(wake, ordering: .sequentiallyConsistent)
                signal.prepare()
                return wake
            }
            if mustStop || mailboxes.contains(where: { !$0.isEmpty }) {
                signal.cancel()
                continue
            }
            let now = clock.monotonic().nanoseconds
            signal.sleep(nanoseconds: wake == .max ? nil : wake - min(wake, now))
        }
        // Torn down where they were built.
        turn.withLock { drivers in drivers.all = [] }
    }

    private var mustStop: Bool { isStopping.load(ordering: .sequentiallyConsistent) }

    // MARK: guests

    /// A mailbox has got mail that nobody was told about. From any thread.
    package func mailArrived() {
        if isDriven.load(ordering: .sequentiallyConsistent) { return }
        if let host, host.offer({ [self] in driveAsGuest() }) { return }
        signal.wake()
    }

    private func driveAsGuest() {
        let wake: UInt64? = turn.withLockIfAvailable { drivers in
            isDriven.store(true, ordering: .sequentiallyConsistent)
            var rounds = 0
            while rounds < RoleThread.guestRounds, !mustStop,
                drivers.round(clock, onTime: false)
            {
                rounds += 1
            }
            isDriven.store(false, ordering: .sequentiallyConsistent)
            // Zero: what came after the last round, or is left.
            return drivers.hasMail ? 0 : drivers.wakeAt
        }
        // Without the turn: its holder may have looked for mail already.
        if (wake ?? 0) < sleepsUntil.load(ordering: .sequentiallyConsistent) { signal.wake() }
    }
}

/// What a thread runs, as an object that a C callback can carry.
private final class ThreadBody: Sendable {
    let run: @Sendable () -> Void

    init(run: @escaping @Sendable () -> Void) { self.run = run }
}

/// One role without its types. The closures are made by whoever knows the types, so that they are
/// compiled for them.
package final class RoleDriver {
    let mailbox: any MailSource
    let wakeAt: () -> Instant?
    /// Runs the role with its mail, which may be none.
    let run: (Moment) -> Void

    package init(
        mailbox: any MailSource, wakeAt: @escaping () -> Instant?,
        run: @escaping (Moment) -> Void
    ) {
        self.mailbox = mailbox
        self.wakeAt = wakeAt
        self.run = run
    }
}
