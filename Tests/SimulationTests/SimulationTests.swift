//  A fixed list of seeds, every seed that ever found a bug, and the proof that the checkers check.

import Simulator
import Testing

/// Seeds that found a bug once; the table in Tests/README.md says which.
let seedsOfBugs: [UInt64] = []

@Suite("Simulation")
struct SimulationTests {
    @Test("a run of faults breaks no guarantee", arguments: Array(1...20) + seedsOfBugs)
    func seedHolds(_ seed: UInt64) {
        let outcome = Simulation.run(seed: seed)
        #expect(outcome.violation == nil)
        #expect(outcome.committed > 0)
    }

    @Test("the same seed twice gives the same run", arguments: [3, 7, 11, 15] as [UInt64])
    func runsRepeat(_ seed: UInt64) {
        let first = Simulation.run(seed: seed)
        let second = Simulation.run(seed: seed)
        #expect(first.digest == second.digest)
        #expect(first.steps == second.steps)
    }

    @Test("a planted bug is found within a few seeds", arguments: Mutation.allCases)
    func mutationIsFound(_ mutation: Mutation) {
        let found = (1...150).contains { seed in
            Simulation.run(seed: UInt64(seed), mutation: mutation).violation != nil
        }
        #expect(found, "no checker noticed \(mutation)")
    }
}
