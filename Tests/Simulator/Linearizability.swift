//  Was there an order of all operations on a key that explains every answer? (Wing and Gong's
//  search, with memory of the states already tried.)

/// One client operation on a register.
struct RegisterOperation {
    enum Action: Hashable {
        case set(String)
        /// Sets `new` if the register holds `expected`.
        case swap(expected: String, new: String)
        case read
    }

    enum Outcome: Hashable {
        case done
        /// A swap that found something else.
        case mismatch
        case value(String?)
        /// The client never heard: it may have happened at any time since, or never.
        case unknown
    }

    let client: Int
    let action: Action
    let invokedAt: UInt64
    var returnedAt: UInt64 = .max
    var outcome: Outcome = .unknown
}

enum Linearizability {
    private struct State: Hashable {
        var done: [UInt64]
        var value: String?
    }

    /// `nil` when the history is linearizable; otherwise the operations of the longest prefix that
    /// could be explained are described.
    static func violation(in history: [RegisterOperation]) -> String? {
        // A read that nobody saw answered says nothing.
        let operations = history.filter { !($0.action == .read && $0.outcome == .unknown) }
            .sorted { $0.invokedAt < $1.invokedAt }
        let words = (operations.count + 63) / 64
        let mustDo = operations.indices.filter { operations[$0].outcome != .unknown }
        var seen: Set<State> = []
        var stack = [State(done: Array(repeating: 0, count: words), value: nil)]
        var best = 0
        while let state = stack.popLast() {
            if !seen.insert(state).inserted { continue }
            func isDone(_ index: Int) -> Bool { state.done[index / 64] >> (index % 64) & 1 == 1 }
            let remaining = mustDo.filter { !isDone($0) }
            if remaining.isEmpty { return nil }
            best = max(best, mustDo.count - remaining.count)
            // Whatever returned before another was invoked comes before it.
            let horizon = remaining.map { operations[$0].returnedAt }.min()!
            for index in operations.indices {
                let operation = operations[index]
                if operation.invokedAt > horizon { break }
                guard !isDone(index), let value = apply(operation, to: state.value) else {
                    continue
                }
                var next = state
                next.done[index / 64] |= 1 << (index % 64)
                next.value = value.value
                stack.append(next)
            }
        }
        return "\(best) of \(mustDo.count) answered operations can be explained:\n"
            + operations.map { "  \($0)" }.joined(separator: "\n")
    }

    private struct Value {
        let value: String?
    }

    /// The register after the operation, or `nil` when its answer does not fit `value`.
    private static func apply(_ operation: RegisterOperation, to value: String?) -> Value? {
        switch (operation.action, operation.outcome) {
        case (.set(let new), .done), (.set(let new), .unknown):
            Value(value: new)
        case (.swap(let expected, let new), .done), (.swap(let expected, let new), .unknown):
            value == expected ? Value(value: new) : nil
        case (.swap(let expected, _), .mismatch):
            value == expected ? nil : Value(value: value)
        case (.read, .value(let seen)):
            seen == value ? Value(value: value) : nil
        default:
            nil
        }
    }
}
