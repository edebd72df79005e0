//  Was there an order of all operations on a key that explains every answer? (Wing and Gong's
//  search, with memory of the states already tried.)

package import EtcdProto
package import RuntimeCore

/// What the search has to know of one client operation.
package protocol LinearizableOperation {
    associatedtype State: Hashable

    static var initial: State { get }
    var invokedAt: UInt64 { get }
    /// `UInt64.max` when the client never heard: it may have happened at any time since, or never.
    var returnedAt: UInt64 { get }
    var isRead: Bool { get }

    /// The state afterwards; `nil` when the answer does not fit `state`.
    func applied(to state: State) -> State?
}

extension LinearizableOperation {
    var isAnswered: Bool { returnedAt != .max }
}

package enum Linearizability {
    /// States looked at before a history is given up as one that cannot be explained. Sound ones
    /// need a few thousand.
    private static let statesMax = 500_000

    private struct Place<State: Hashable>: Hashable {
        var done: [UInt64]
        var state: State
    }

    /// `nil` when the history is linearizable; otherwise the operations of the longest prefix that
    /// could be explained are described.
    package static func violation<Operation: LinearizableOperation>(in history: [Operation])
        -> String?
    {
        // A read that nobody saw answered says nothing.
        let operations = history.filter { !$0.isRead || $0.isAnswered }
            .sorted { $0.invokedAt < $1.invokedAt }
        let words = (operations.count + 63) / 64
        let mustDo = operations.indices.filter { operations[$0].isAnswered }
        var seen: Set<Place<Operation.State>> = []
        var stack = [
            Place(done: Array(repeating: 0, count: words), state: Operation.initial)
        ]
        var best = 0
        while let place = stack.popLast() {
            if seen.count > statesMax { break }
            if !seen.insert(place).inserted { continue }
            func isDone(_ index: Int) -> Bool { place.done[index / 64] >> (index % 64) & 1 == 1 }
            let remaining = mustDo.filter { !isDone($0) }
            if remaining.isEmpty { return nil }
            best = max(best, mustDo.count - remaining.count)
            // Whatever returned before another was invoked comes before it.
            let horizon = remaining.map { operations[$0].returnedAt }.min()!
            for index in operations.indices {
                let operation = operations[index]
                if operation.invokedAt > horizon { break }
                guard !isDone(index), let state = operation.applied(to: place.state) else {
                    continue
                }
                var next = place
                next.done[index / 64] |= 1 << (index % 64)
                next.state = state
                stack.append(next)
            }
        }
        return "\(best) of \(mustDo.count) answered operations can be explained:\n"
            + operations.map { "  \($0)" }.joined(separator: "\n")
    }
}

/// One client operation on a register of the v2 API.
struct RegisterOperation: LinearizableOperation {
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
        case unknown
    }

    let client: Int
    let action: Action
    let invokedAt: UInt64
    var returnedAt: UInt64 = .max
    var outcome: Outcome = .unknown

    static let initial: String? = nil
    var isRead: Bool { action == .read }

    func applied(to value: String?) -> String?? {
        switch (action, outcome) {
        case (.set(let new), .done), (.set(let new), .unknown):
            .some(new)
        case (.swap(let expected, let new), .done), (.swap(let expected, let new), .unknown):
            value == expected ? .some(new) : nil
        case (.swap(let expected, _), .mismatch):
            value == expected ? nil : .some(value)
        case (.read, .value(let seen)):
            seen == value ? .some(value) : nil
        default:
            nil
        }
    }
}

/// One client operation on a key of the v3 API that nothing else writes to.
package struct KVRegisterOperation: LinearizableOperation {
    package struct State: Hashable {
        var value: Bytes?
        /// 0 where nobody ever learned it.
        var createRevision: Int64 = 0
        var modRevision: Int64 = 0
        var version: Int64 = 0

        var hasUnknownRevision: Bool { value != nil && modRevision == 0 }
    }

    package enum Action: Hashable {
        case put(Bytes)
        case delete
        /// Puts `new` if the key was last modified at `expected` (0: is not there).
        case swap(expected: Int64, new: Bytes)
        case read
    }

    package enum Outcome: Hashable {
        /// Written at this revision.
        case written(Int64)
        case deleted(Bool)
        case mismatch
        case found(KeyValue?)
        case unknown
    }

    package let action: Action
    package let invokedAt: UInt64
    package var returnedAt: UInt64 = .max
    package var outcome: Outcome = .unknown
    /// The revision of an unanswered write whose value somebody has seen.
    package var learnedRevision: Int64 = 0
    /// By the rules for users and roles: it never took place.
    package var wasRefused = false

    package init(action: Action, invokedAt: UInt64) {
        self.action = action
        self.invokedAt = invokedAt
    }

    package static let initial = State()
    package var isRead: Bool { action == .read }

    package func applied(to state: State) -> State? {
        switch (action, outcome) {
        case (.put(let new), .written(let revision)): written(new, at: revision, over: state)
        case (.put(let new), .unknown): written(new, at: learnedRevision, over: state)
        case (.swap(let expected, let new), .written(let revision)):
            holds(expected, state) ? written(new, at: revision, over: state) : nil
        case (.swap(let expected, let new), .unknown):
            holds(expected, state) ? written(new, at: learnedRevision, over: state) : nil
        case (.swap(let expected, _), .mismatch):
            holds(expected, state) && !state.hasUnknownRevision ? nil : state
        case (.delete, .deleted(let wasThere)):
            wasThere == (state.value != nil) ? State() : nil
        case (.delete, .unknown): State()
        case (.read, .found(let found)): fits(found, state) ? state : nil
        default: nil
        }
    }

    private func holds(_ expected: Int64, _ state: State) -> Bool {
        // A write whose answer was lost, and that nobody has read, may have any revision.
        if state.hasUnknownRevision { return expected != 0 }
        return expected == 0
            ? state.value == nil : state.value != nil && state.modRevision == expected
    }

    private func written(_ value: Bytes, at revision: Int64, over state: State) -> State? {
        if revision != 0, revision <= state.modRevision { return nil }
        return State(
            value: value, createRevision: state.value == nil ? revision : state.createRevision,
            modRevision: revision, version: state.version + 1)
    }

    private func fits(_ found: KeyValue?, _ state: State) -> Bool {
        guard let found else { return state.value == nil }
        return found.value == state.value && found.version == state.version
            && found.modRevision == state.modRevision
            && (state.createRevision == 0 || found.createRevision == state.createRevision)
    }

    /// Fills in what clients have seen of writes whose answers were lost. Values are unique.
    static func completed(_ history: [KVRegisterOperation], seen revisions: [Bytes: Int64])
        -> [KVRegisterOperation]
    {
        history.filter { !$0.wasRefused }.map { operation in
            var operation = operation
            switch operation.action {
            case .put(let value), .swap(_, let value):
                if operation.outcome == .unknown {
                    operation.learnedRevision = revisions[value] ?? 0
                }
            default: break
            }
            return operation
        }
    }
}

extension KVRegisterOperation: CustomStringConvertible {
    package var description: String {
        let what =
            switch action {
            case .put(let value): "put \(value.prefix(12).text)"
            case .swap(let expected, let new): "swap \(expected) for \(new.prefix(12).text)"
            case .delete: "delete"
            case .read: "read"
            }
        let answer =
            switch outcome {
            case .written(let revision): "written at \(revision)"
            case .deleted(let wasThere): wasThere ? "deleted" : "was absent"
            case .mismatch: "mismatch"
            case .found(let value): value?.text ?? "absent"
            case .unknown: "unknown, seen at \(learnedRevision)"
            }
        let end = returnedAt == .max ? "" : "\((returnedAt - VirtualTime.origin) / 1_000)"
        return "\((invokedAt - VirtualTime.origin) / 1_000)...\(end) \(what): \(answer)"
    }
}
