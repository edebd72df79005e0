//  When do enough members agree? Majorities of one voter set, or of both halves of a joint
//  configuration (thesis 4.3).

/// The result of counting votes so far.
enum VoteResult: Sendable, Hashable {
    case pending, won, lost
}

/// The majority rule over one set of voters.
enum Majority {
    static func size(of voters: Int) -> Int { voters / 2 + 1 }

    /// The largest index that a majority of `voters` has reached. An empty half of a joint
    /// configuration never holds the other one back: it answers with the largest index there is.
    static func committedIndex(
        of voters: [MemberID], matching match: (MemberID) -> LogIndex
    ) -> LogIndex {
        switch voters.count {
        case 0: return LogIndex(.max)
        case 1: return match(voters[0])
        default: break
        }
        // Insertion sort in place: this runs for every acknowledgement, sets are tiny, and a heap
        // allocation here would be the most expensive part.
        return withUnsafeTemporaryAllocation(of: UInt64.self, capacity: voters.count) { sorted in
            for position in voters.indices {
                let value = match(voters[position]).rawValue
                var slot = position
                while slot > 0 && sorted[slot - 1] > value {
                    sorted[slot] = sorted[slot - 1]
                    slot -= 1
                }
                sorted[slot] = value
            }
            return LogIndex(sorted[voters.count - size(of: voters.count)])
        }
    }

    /// Counts votes; `nil` means not heard yet. An empty half has always agreed.
    static func tally(of voters: [MemberID], votes: (MemberID) -> Bool?) -> VoteResult {
        guard !voters.isEmpty else { return .won }
        var granted = 0
        var missing = 0
        for voter in voters {
            switch votes(voter) {
            case true?: granted += 1
            case false?: break
            case nil: missing += 1
            }
        }
        let needed = size(of: voters.count)
        if granted >= needed { return .won }
        return granted + missing >= needed ? .pending : .lost
    }
}

extension ConfState {
    var isJoint: Bool { !votersOutgoing.isEmpty }

    /// Both halves must have reached an index for it to be committed.
    func committedIndex(matching match: (MemberID) -> LogIndex) -> LogIndex {
        min(
            Majority.committedIndex(of: voters, matching: match),
            Majority.committedIndex(of: votersOutgoing, matching: match))
    }

    /// Won when both halves are won, lost as soon as one is lost.
    func tally(votes: (MemberID) -> Bool?) -> VoteResult {
        let incoming = Majority.tally(of: voters, votes: votes)
        let outgoing = Majority.tally(of: votersOutgoing, votes: votes)
        if incoming == outgoing { return incoming }
        return incoming == .lost || outgoing == .lost ? .lost : .pending
    }

    /// Everybody who votes in one half or the other, sorted.
    var allVoters: [MemberID] { voters.merged(with: votersOutgoing) }

    /// Everybody, sorted.
    package var allMembers: [MemberID] {
        allVoters.merged(with: learners).merged(with: learnersNext)
    }

    func isVoter(_ id: MemberID) -> Bool { voters.contains(id) || votersOutgoing.contains(id) }

    func contains(_ id: MemberID) -> Bool { isVoter(id) || learners.contains(id) }
}

extension [MemberID] {
    /// Inserts into a sorted list without duplicates.
    mutating func insertSorted(_ id: MemberID) {
        let place = firstIndex { $0 >= id } ?? endIndex
        if place == endIndex || self[place] != id { insert(id, at: place) }
    }

    /// True when the element was there.
    @discardableResult
    mutating func removeMember(_ id: MemberID) -> Bool {
        guard let place = firstIndex(of: id) else { return false }
        remove(at: place)
        return true
    }

    func merged(with other: [MemberID]) -> [MemberID] {
        var result = self
        for id in other { result.insertSorted(id) }
        return result
    }
}
