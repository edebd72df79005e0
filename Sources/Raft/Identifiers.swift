//  Numbers that must not be mixed up: who, which election, which place in the log.

/// A raft member. 0 means nobody.
package struct MemberID: Hashable, Comparable, Sendable, CustomStringConvertible,
    ExpressibleByIntegerLiteral
{
    package let rawValue: UInt64

    package static let none = MemberID(0)

    package init(_ rawValue: UInt64) { self.rawValue = rawValue }
    package init(integerLiteral value: UInt64) { rawValue = value }

    package static func < (left: MemberID, right: MemberID) -> Bool {
        left.rawValue < right.rawValue
    }

    /// Lower-case hexadecimal without padding, etcd's text form everywhere.
    package var description: String { String(rawValue, radix: 16) }
}

/// The number of an election. Starts at 0 before the first one.
package struct Term: Hashable, Comparable, Sendable, CustomStringConvertible,
    ExpressibleByIntegerLiteral
{
    package let rawValue: UInt64

    package init(_ rawValue: UInt64) { self.rawValue = rawValue }
    package init(integerLiteral value: UInt64) { rawValue = value }

    package static func < (left: Term, right: Term) -> Bool { left.rawValue < right.rawValue }
    package var next: Term { Term(rawValue + 1) }
    package var description: String { String(rawValue) }
}

/// A place in the log. The first entry has index 1; 0 is the place before it.
package struct LogIndex: Hashable, Comparable, Sendable, CustomStringConvertible,
    ExpressibleByIntegerLiteral
{
    package let rawValue: UInt64

    package init(_ rawValue: UInt64) { self.rawValue = rawValue }
    package init(integerLiteral value: UInt64) { rawValue = value }

    package static func < (left: LogIndex, right: LogIndex) -> Bool {
        left.rawValue < right.rawValue
    }

    package static func + (left: LogIndex, right: Int) -> LogIndex {
        LogIndex(UInt64(Int64(left.rawValue) + Int64(right)))
    }

    package static func - (left: LogIndex, right: Int) -> LogIndex { left + -right }
    /// How many entries lie between the two; negative when `right` is later.
    package static func - (left: LogIndex, right: LogIndex) -> Int {
        Int(Int64(left.rawValue) - Int64(right.rawValue))
    }

    package var next: LogIndex { self + 1 }
    package var description: String { String(rawValue) }
}
