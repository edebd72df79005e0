//  How a thread sleeps until somebody has work for it, or a time has come. Built on an eventfd, so
//  that no raw lock has to be kept in memory.

import CLinux
import Glibc
import RuntimeCore
import Synchronization

/// One sleeper, any number of wakers. A waker makes a system call only if the sleeper sleeps.
final class Signal: Sendable {
    private let descriptor: CInt
    private let isSleeping = Atomic<Bool>(false)

    init() {
        descriptor = eventfd(0, O_CLOEXEC | O_NONBLOCK)
        precondition(descriptor >= 0, "eventfd failed with errno \(errno)")
    }

    deinit { close(descriptor) }

    /// The sleeper announces that it is about to sleep; it must look for work once more after
    /// this and before `sleep`.
    func prepare() { isSleeping.store(true, ordering: .sequentiallyConsistent) }

    /// The sleeper found work after all.
    func cancel() { isSleeping.store(false, ordering: .sequentiallyConsistent) }

    /// Until `wake`, or for `nanoseconds`; `nil` for without end.
    func sleep(nanoseconds: UInt64?) {
        var request = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        if let nanoseconds {
            var timeout = timespec(
                tv_sec: Int(nanoseconds / 1_000_000_000), tv_nsec: Int(nanoseconds % 1_000_000_000))
            ppoll(&request, 1, &timeout, nil)
        } else {
            ppoll(&request, 1, nil, nil)
        }
        isSleeping.store(false, ordering: .sequentiallyConsistent)
        if request.revents != 0 {
            var count: UInt64 = 0
            read(descriptor, &count, 8)
        }
    }

    func wake() {
        guard isSleeping.exchange(false, ordering: .sequentiallyConsistent) else { return }
        var one: UInt64 = 1
        write(descriptor, &one, 8)
    }
}

/// A door that opens once, for any number of waiting threads.
package final class Latch: Sendable {
    private let descriptor: CInt

    package init() {
        descriptor = eventfd(0, O_CLOEXEC)
        precondition(descriptor >= 0, "eventfd failed with errno \(errno)")
    }

    deinit { close(descriptor) }

    package func open() {
        var one: UInt64 = 1
        write(descriptor, &one, 8)
    }

    /// Blocks the thread until `open` was called.
    package func wait() {
        // Never read: the counter stays above zero, so that everybody passes.
        var request = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        while poll(&request, 1, -1) < 1 {}
    }
}
