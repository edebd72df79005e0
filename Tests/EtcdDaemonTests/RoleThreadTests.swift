//  Mailboxes, and the threads that drive roles: nothing is lost, whoever drives.

import RuntimeCore
import RuntimePosix
import Synchronization
import Testing

@testable import EtcdDaemon

/// Says back what it hears, and how often it was run.
private struct Echo: Role {
    var wakeAt: Instant?
    mutating func run(_ inputs: [Int], now: Moment, outputs: inout [Int]) {
        outputs += inputs
        if inputs.isEmpty {
            wakeAt = nil
            outputs.append(-1)
        }
    }
}

/// Drives at once on the poster's thread, mostly.
private final class FickleHost: RoleHost {
    private let offers = Atomic<Int>(0)
    private let always: Bool

    init(always: Bool = false) { self.always = always }

    var taken: Int { offers.load(ordering: .relaxed) }

    func offer(_ run: @escaping @Sendable () -> Void) -> Bool {
        let number = offers.add(1, ordering: .relaxed).newValue
        guard always || number % 3 != 0 else { return false }
        run()
        return true
    }
}

@Suite("Threads")
struct ThreadTests {
    @Test("everything posted arrives once and in order")
    func delivers() {
        let seen = Mutex<[Int]>([])
        let done = Latch()
        let mailbox = Mailbox<Int>(capacity: 100_000)
        let thread = RoleThread(name: "test", clock: SystemClock())
        thread.host(mailbox) {
            Echo()
        } route: { outputs in
            let count = seen.withLock { seen in
                seen += outputs
                return seen.count
            }
            if count == 10_000 { done.open() }
        }
        thread.start()
        for number in 0..<10_000 { #expect(mailbox.post(number)) }
        done.wait()
        thread.stop()
        #expect(seen.withLock { $0 } == Array(0..<10_000))
    }

    @Test("guests and the thread drive in turns, and no mail is left lying", arguments: 1...4)
    func guests(posters: Int) async {
        let each = 5_000
        let seen = Mutex<[Int]>([])
        let done = Latch()
        let mailbox = Mailbox<Int>(capacity: posters * each)
        let host = FickleHost()
        let thread = RoleThread(name: "test", clock: SystemClock(), host: host)
        thread.host(mailbox) {
            // Never by itself: what nobody is told about would stay.
            Echo()
        } route: { outputs in
            let count = seen.withLock { seen in
                seen += outputs
                return seen.count
            }
            if count == posters * each { done.open() }
        }
        thread.start()
        await withTaskGroup { group in
            for poster in 0..<posters {
                group.addTask {
                    for number in 0..<each { _ = mailbox.post(poster * each + number) }
                }
            }
        }
        done.wait()
        thread.stop()
        let all = seen.withLock { $0 }
        #expect(all.sorted() == Array(0..<posters * each))
        for poster in 0..<posters {
            let own = all.filter { $0 / each == poster }
            #expect(own == own.sorted())
        }
        #expect(host.taken > 0)
    }

    @Test("nobody drives after the end")
    func noGuestsAfterStop() {
        let ran = Atomic<Int>(0)
        let mailbox = Mailbox<Int>(capacity: 10)
        let thread = RoleThread(name: "test", clock: SystemClock(), host: FickleHost(always: true))
        thread.host(mailbox) {
            Echo()
        } route: { _ in
            ran.add(1, ordering: .relaxed)
        }
        thread.start()
        #expect(mailbox.post(1))
        thread.stop()
        let count = ran.load(ordering: .relaxed)
        #expect(mailbox.post(2))
        #expect(ran.load(ordering: .relaxed) == count)
    }

    @Test("a role runs when its time has come")
    func wakes() {
        let done = Latch()
        let mailbox = Mailbox<Int>(capacity: 1)
        let thread = RoleThread(name: "test", clock: SystemClock())
        thread.host(mailbox) {
            Echo(wakeAt: SystemClock().now().monotonic.advanced(byMilliseconds: 5))
        } route: { outputs in
            if outputs == [-1] { done.open() }
        }
        thread.start()
        done.wait()
        thread.stop()
    }

    @Test("a full mailbox refuses strangers and takes colleagues")
    func bounds() {
        let mailbox = Mailbox<Int>(capacity: 2)
        #expect(mailbox.post(1) && mailbox.post(2))
        #expect(!mailbox.post(3))
        mailbox.postReserved(4)
        #expect(mailbox.count == 3)
    }
}
