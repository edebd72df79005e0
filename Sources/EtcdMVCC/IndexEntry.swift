//  What the index knows about one key, packed into a leaf.

/// The state of a key as of its newest revision.
struct KeyState: Equatable {
    var revision: Revision
    /// The newest revision is a deletion; creation, version and lease are 0 then.
    var isTombstone = false
    var createRevision: Int64 = 0
    var version: Int64 = 0
    var lease: Int64 = 0
    /// Number in the `KeyIndexTable`.
    var past = KeyIndexTable.none
}

/// A handle on one entry of a leaf, valid until the leaf is changed.
///
/// After the head that all entries share: number of the past (4 bytes), main revision, create
/// revision, version (8 each), sub revision (4), key, and the lease (8) only when there is one.
struct IndexEntry {
    static let tombstoneFlag: UInt16 = 1
    static let leaseFlag: UInt16 = 2
    static let keyOffset = 36
    static let leaseBytes = 8

    let node: IndexNode
    let slot: Int
    private let start: UnsafeMutableRawPointer

    @inline(__always)
    init(_ node: IndexNode, _ slot: Int) {
        self.node = node
        self.slot = slot
        start = node.base + node.offset(slot)
    }

    @inline(__always)
    var key: UnsafeRawBufferPointer { node.key(slot) }
    @inline(__always)
    private var flags: UInt16 { start.loadUnaligned(fromByteOffset: 2, as: UInt16.self) }
    @inline(__always)
    var isTombstone: Bool { flags & Self.tombstoneFlag != 0 }
    @inline(__always)
    var hasLease: Bool { flags & Self.leaseFlag != 0 }
    @inline(__always)
    var past: UInt32 { start.loadUnaligned(fromByteOffset: 4, as: UInt32.self) }
    @inline(__always)
    var main: Int64 { start.loadUnaligned(fromByteOffset: 8, as: Int64.self) }
    @inline(__always)
    var createRevision: Int64 { start.loadUnaligned(fromByteOffset: 16, as: Int64.self) }
    @inline(__always)
    var version: Int64 { start.loadUnaligned(fromByteOffset: 24, as: Int64.self) }
    @inline(__always)
    var sub: UInt32 { start.loadUnaligned(fromByteOffset: 32, as: UInt32.self) }
    @inline(__always)
    var revision: Revision { Revision(main: main, sub: Int64(sub)) }

    var lease: Int64 {
        hasLease ? start.loadUnaligned(fromByteOffset: leaseOffset, as: Int64.self) : 0
    }

    private var leaseOffset: Int {
        let isExternal = flags & IndexNode.externalKeyFlag != 0
        let length = start.loadUnaligned(as: UInt16.self)
        return Self.keyOffset + (isExternal ? IndexNode.externalKeyBytes : Int(length))
    }

    var state: KeyState {
        KeyState(
            revision: revision, isTombstone: isTombstone, createRevision: createRevision,
            version: version, lease: lease, past: past)
    }

    var summary: IndexSummary {
        let isTombstone = isTombstone
        return IndexSummary(
            live: isTombstone ? 0 : 1,
            compactable: isTombstone || past != KeyIndexTable.none ? 1 : 0, maxMain: main)
    }

    static func byteCount(keyBytes: Int, lease: Int64) -> Int {
        keyOffset + (lease != 0 ? leaseBytes : 0)
            + (keyBytes > IndexNode.inlineKeyBytesMax ? IndexNode.externalKeyBytes : keyBytes)
    }

    /// Makes a new entry at `slot` of a leaf that has room for it.
    static func insert(
        _ state: KeyState, key: UnsafeRawBufferPointer, into node: IndexNode, at slot: Int
    ) {
        let size = byteCount(keyBytes: key.count, lease: state.lease)
        let offset = node.insertSlot(slot, key: key, entryBytes: size)
        node.writeKey(key, at: offset, flags: state.lease != 0 ? leaseFlag : 0)
        IndexEntry(node, slot).set(state)
    }

    func setPast(_ past: UInt32) {
        start.storeBytes(of: past, toByteOffset: 4, as: UInt32.self)
    }

    /// Overwrites everything but the key; `state` must have a lease exactly if the entry has one.
    func set(_ state: KeyState) {
        precondition(hasLease == (state.lease != 0))
        let flags = flags & ~Self.tombstoneFlag | (state.isTombstone ? Self.tombstoneFlag : 0)
        start.storeBytes(of: flags, toByteOffset: 2, as: UInt16.self)
        start.storeBytes(of: state.past, toByteOffset: 4, as: UInt32.self)
        start.storeBytes(of: state.revision.main, toByteOffset: 8, as: Int64.self)
        start.storeBytes(of: state.createRevision, toByteOffset: 16, as: Int64.self)
        start.storeBytes(of: state.version, toByteOffset: 24, as: Int64.self)
        start.storeBytes(of: UInt32(state.revision.sub), toByteOffset: 32, as: UInt32.self)
        if state.lease != 0 {
            start.storeBytes(of: state.lease, toByteOffset: leaseOffset, as: Int64.self)
        }
    }
}
