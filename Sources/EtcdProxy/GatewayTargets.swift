//  Where a gateway may forward to, and which of these places is next.

import Synchronization

/// One place to forward to, with the meaning of an SRV record (RFC 2782).
package struct GatewayTarget: Sendable, Hashable {
    package let host: String
    package let port: UInt16
    /// Lower ones first; higher ones only while none of these works.
    package let priority: UInt16
    /// Share among the targets of one priority; 0 for all alike.
    package let weight: UInt16

    package init(host: String, port: UInt16, priority: UInt16 = 0, weight: UInt16 = 0) {
        self.host = host
        self.port = port
        self.priority = priority
        self.weight = weight
    }

    /// `host:port`, with brackets around an IPv6 address.
    package var address: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}

/// The targets and which of them work.
struct GatewayTargets: Sendable {
    /// One in so many connections goes to a target of weight 0 that stands beside weighted ones.
    static let unweightedShare = 100

    private(set) var all: [GatewayTarget]
    private var inactive: Set<Int> = []
    private var turns = 0

    init(_ targets: [GatewayTarget]) { all = targets }

    /// The index of the next target; `nil` while none works.
    mutating func pick(using random: inout some RandomNumberGenerator) -> Int? {
        let working = all.indices.filter { !inactive.contains($0) }
        guard let best = working.map({ all[$0].priority }).min() else { return nil }
        let choice = working.filter { all[$0].priority == best }
        let weighted = choice.filter { all[$0].weight > 0 }
        let unweighted = choice.filter { all[$0].weight == 0 }
        let takesUnweighted =
            weighted.isEmpty
            || (!unweighted.isEmpty
                && Int.random(in: 0..<GatewayTargets.unweightedShare, using: &random) == 0)
        if takesUnweighted {
            defer { turns &+= 1 }
            return unweighted[turns % unweighted.count]
        }
        let total = weighted.reduce(0) { $0 + Int(all[$1].weight) }
        var place = Int.random(in: 0..<total, using: &random)
        for index in weighted {
            place -= Int(all[index].weight)
            if place < 0 { return index }
        }
        return weighted.last
    }

    /// False when it was left alone already.
    mutating func leaveAlone(_ index: Int) -> Bool { inactive.insert(index).inserted }

    mutating func takeBack(_ index: Int) { inactive.remove(index) }
}
