//  What discovery needs of the key space where members register, whichever API serves it.

/// One member's registration.
struct RegisteredMember: Sendable, Hashable {
    /// As its key ends.
    let id: String
    /// `name=peerURL[,name=peerURL…]`.
    let value: String
}

/// All registrations, and where to wait for the next one.
struct Registrations: Sendable, Hashable {
    /// In the order in which they were made.
    var members: [RegisteredMember]
    /// The position of the key space when they were read.
    var position: UInt64
}

enum RegistryFailure: Error, Sendable, Hashable {
    /// May go away by itself: nobody there, no answer in time, no leader.
    case transient(String)
    case permanent(DiscoveryError)
}

/// The keys of one token.
protocol DiscoveryRegistry: Sendable {
    /// What the size key holds; `nil` when there is none.
    func size() async throws(RegistryFailure) -> String?
    func registrations() async throws(RegistryFailure) -> Registrations
    /// False when somebody has registered with this id; never where registering anew is allowed.
    func register(_ member: RegisteredMember) async throws(RegistryFailure) -> Bool
    /// Returns when there may be news after `position`, at the latest after some minutes.
    func waitForNews(after position: UInt64) async throws(RegistryFailure)
}
