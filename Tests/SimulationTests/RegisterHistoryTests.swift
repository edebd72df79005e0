//  The search for an order of operations, on histories small enough to judge by hand.

import RuntimeCore
import Simulator
import Testing

@Suite("Register histories")
struct RegisterHistoryTests {
    private func operation(
        _ action: KVRegisterOperation.Action, _ times: ClosedRange<UInt64>,
        _ outcome: KVRegisterOperation.Outcome
    ) -> KVRegisterOperation {
        var operation = KVRegisterOperation(action: action, invokedAt: times.lowerBound)
        operation.returnedAt = times.upperBound
        operation.outcome = outcome
        return operation
    }

    private let start: UInt64 = 1_000_000_000_000

    private func at(_ first: UInt64, _ last: UInt64) -> ClosedRange<UInt64> {
        start + first...start + last
    }

    @Test("reads between writes that overlap may see either")
    func overlapping() {
        let history = [
            operation(.put(Bytes("a")), at(0, 10), .written(2)),
            operation(.read, at(20, 40), .found(nil)),
            operation(.delete, at(15, 50), .deleted(true)),
        ]
        #expect(Linearizability.violation(in: history) == nil)
    }

    @Test("a read that misses an acknowledged write is refused")
    func staleRead() {
        let history = [
            operation(.put(Bytes("a")), at(0, 10), .written(2)),
            operation(.read, at(20, 30), .found(nil)),
        ]
        #expect(Linearizability.violation(in: history) != nil)
    }

    @Test("a write without an answer may have happened or not")
    func lostAnswer() {
        let lost = KVRegisterOperation(action: .delete, invokedAt: start + 15)
        let written = operation(.put(Bytes("a")), at(0, 10), .written(2))
        let gone = operation(.read, at(20, 30), .found(nil))
        #expect(Linearizability.violation(in: [written, lost, gone]) == nil)
        #expect(Linearizability.violation(in: [written, lost]) == nil)
        #expect(Linearizability.violation(in: [written, gone]) != nil)
    }

    @Test("revisions of one register ascend in the order of its writes")
    func revisionsAscend() {
        let history = [
            operation(.put(Bytes("a")), at(0, 10), .written(7)),
            operation(.put(Bytes("b")), at(20, 30), .written(5)),
        ]
        #expect(Linearizability.violation(in: history) != nil)
    }

    @Test("of two swaps of the same state one must fail")
    func swapsExclude() {
        func swaps(_ second: KVRegisterOperation.Outcome) -> [KVRegisterOperation] {
            [
                operation(.put(Bytes("a")), at(0, 10), .written(2)),
                operation(.swap(expected: 2, new: Bytes("b")), at(20, 40), .written(3)),
                operation(.swap(expected: 2, new: Bytes("c")), at(20, 40), second),
            ]
        }
        #expect(Linearizability.violation(in: swaps(.mismatch)) == nil)
        #expect(Linearizability.violation(in: swaps(.written(4))) != nil)
    }
}
