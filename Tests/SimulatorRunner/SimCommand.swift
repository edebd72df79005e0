//  Runs seeds from the command line: `etcd-sim --seeds 500`, `etcd-sim --seed 17 --verbose`.

import Glibc
import Simulator
import Synchronization

/// The command's options; numbers are checked, nothing else is accepted.
struct SimOptions {
    var first: UInt64 = 1
    var count: UInt64 = 100
    var workers = 2
    var isVerbose = false
    var mutation: Mutation?

    init?(_ arguments: [String]) {
        var iterator = arguments.makeIterator()
        while let argument = iterator.next() {
            switch argument {
            case "--seed":
                guard let value = iterator.next().flatMap({ UInt64($0) }) else { return nil }
                first = value
                count = 1
            case "--seeds":
                guard let value = iterator.next().flatMap({ UInt64($0) }) else { return nil }
                count = value
            case "--first":
                guard let value = iterator.next().flatMap({ UInt64($0) }) else { return nil }
                first = value
            case "--workers":
                guard let value = iterator.next().flatMap({ Int($0) }), value > 0 else {
                    return nil
                }
                workers = value
            case "--mutation":
                guard let value = iterator.next().flatMap({ Mutation(rawValue: $0) }) else {
                    return nil
                }
                mutation = value
            case "--verbose": isVerbose = true
            default: return nil
            }
        }
    }
}

/// Totals over all workers.
struct SimTotals {
    var next: UInt64
    var ran = 0
    var answered = 0
    var expiries = 0
    var watching = WatchCounts()
    var leasesExpired = 0
    var committed: UInt64 = 0
    var failures: [SimulationOutcome] = []
    var digest: UInt64 = 0
}

@main
struct SimCommand {
    static func main() async {
        guard let options = SimOptions(Array(CommandLine.arguments.dropFirst())) else {
            print(
                "usage: etcd-sim [--seed N | --seeds COUNT [--first N]] [--workers N] "
                    + "[--mutation \(Mutation.allCases.map(\.rawValue).joined(separator: "|"))] "
                    + "[--verbose]")
            exit(2)
        }
        let totals = await run(options)
        for failure in totals.failures.sorted(by: { $0.seed < $1.seed }).prefix(3) {
            print("etcd-sim --seed \(failure.seed): \(failure.violation!)")
            for line in failure.tail.suffix(60) { print("    \(line)") }
        }
        let seeds = totals.failures.map(\.seed).sorted()
        let watching = totals.watching
        print(
            "\(totals.ran) seeds, \(totals.answered) operations, \(totals.committed) entries, "
                + "\(totals.expiries) TTLs and \(totals.leasesExpired) leases ended, "
                + "\(watching.events) watch events (\(watching.resumed) watches resumed, "
                + "\(watching.compacted) overtaken by compactions, \(watching.drained) outboxes "
                + "were full), digest \(String(totals.digest, radix: 16))")
        if !seeds.isEmpty { print("violations in seeds \(seeds)") }
        print("\(totals.ran - seeds.count) passed, \(seeds.count) failed")
        exit(seeds.isEmpty ? 0 : 1)
    }

    private static func run(_ options: SimOptions) async -> SimTotals {
        let shared = SharedTotals(first: options.first)
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<options.workers {
                group.addTask {
                    while let seed = shared.nextSeed(before: options.first + options.count) {
                        let outcome = Simulation.run(
                            seed: seed, mutation: options.mutation, isVerbose: options.isVerbose)
                        shared.add(outcome)
                    }
                }
            }
        }
        return shared.totals
    }
}

/// What the workers share.
final class SharedTotals: Sendable {
    private let content: Mutex<SimTotals>

    init(first: UInt64) { content = Mutex(SimTotals(next: first)) }

    func nextSeed(before end: UInt64) -> UInt64? {
        content.withLock { totals in
            guard totals.next < end else { return nil }
            totals.next += 1
            return totals.next - 1
        }
    }

    func add(_ outcome: SimulationOutcome) {
        content.withLock { totals in
            totals.ran += 1
            totals.answered += outcome.answered
            totals.expiries += outcome.expiries
            totals.leasesExpired += outcome.leasesExpired
            totals.watching += outcome.watching
            totals.committed += outcome.committed
            // Independent of the order in which workers finish.
            totals.digest ^= outcome.digest
            if outcome.violation != nil { totals.failures.append(outcome) }
        }
    }

    var totals: SimTotals { content.withLock { $0 } }
}
