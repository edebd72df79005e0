//  A thread that builds, drives and tears down roles. Which roles share a thread is the composer's
//  choice; each runs to completion before the next.

import CLinux
import Glibc
package import RuntimeCore
import Synchronization

package final class RoleThread: Sendable {
    private struct Content {
        var builders: [@Sendable () -> any RoleDriver] = []
        var thread: pthread_t?
    }

    private let name: String
    private let clock: any Clock
    private let signal = Signal()
    private let content = Mutex(Content())
    private let isStopping = Atomic<Bool>(false)

    /// - Parameter name: shown by `ps -L` and `perf`; at most 15 bytes count.
    package init(name: String, clock: any Clock) {
        self.name = name
        self.clock = clock
    }

    /// Adds a role; before `start` only.
    ///
    /// - Parameters:
    ///   - build: makes the role on the thread, so that it need not be Sendable.
    ///   - route: called on the thread after each run that said something.
    package func host<R: Role & ~Copyable>(
        _ mailbox: Mailbox<R.Input>, build: @escaping @Sendable () -> R,
        route: @escaping @Sendable ([R.Output]) -> Void
    ) {
        mailbox.attach(signal)
        content.withLock { content in
            precondition(content.thread == nil, "the thread runs already")
            content.builders.append {
                Driver(role: build(), mailbox: mailbox, route: route)
            }
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

    /// Waits until the role that runs has finished, then ends the thread. Not from the thread
    /// itself.
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

    private func run() {
        let drivers = content.withLock { $0.builders }.map { $0() }
        while !isStopping.load(ordering: .sequentiallyConsistent) {
            var worked = false
            for driver in drivers where driver.step(clock.now()) { worked = true }
            if worked { continue }
            signal.prepare()
            if isStopping.load(ordering: .sequentiallyConsistent)
                || drivers.contains(where: \.hasMail)
            {
                signal.cancel()
                continue
            }
            let wake = drivers.compactMap(\.wakeAt).min()
            signal.sleep(
                nanoseconds: wake.map { $0.nanoseconds(since: clock.now().monotonic) })
        }
    }
}

/// What a thread runs, as an object that a C callback can carry.
private final class ThreadBody: Sendable {
    let run: @Sendable () -> Void

    init(run: @escaping @Sendable () -> Void) { self.run = run }
}

/// One hosted role without its types.
private protocol RoleDriver: AnyObject {
    var hasMail: Bool { get }
    var wakeAt: Instant? { get }
    /// Runs the role if it has mail or its time has come; whether it ran.
    func step(_ now: Moment) -> Bool
}

private final class Driver<R: Role & ~Copyable>: RoleDriver {
    private var role: R
    private let mailbox: Mailbox<R.Input>
    private let route: @Sendable ([R.Output]) -> Void
    private var inputs: [R.Input] = []
    private var outputs: [R.Output] = []

    init(
        role: consuming R, mailbox: Mailbox<R.Input>,
        route: @escaping @Sendable ([R.Output]) -> Void
    ) {
        self.role = role
        self.mailbox = mailbox
        self.route = route
    }

    var hasMail: Bool { !mailbox.isEmpty }
    var wakeAt: Instant? { role.wakeAt }

    func step(_ now: Moment) -> Bool {
        mailbox.drain(into: &inputs)
        if inputs.isEmpty {
            guard let wakeAt = role.wakeAt, wakeAt <= now.monotonic else { return false }
        }
        role.run(inputs, now: now, outputs: &outputs)
        inputs.removeAll(keepingCapacity: true)
        if !outputs.isEmpty {
            route(outputs)
            outputs.removeAll(keepingCapacity: true)
        }
        return true
    }
}
