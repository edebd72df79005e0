//  A bucket as a transaction changes it: pages below, changed nodes above them.

import RuntimeCore

/// What the trees of one transaction share.
final class Workspace {
    let space: PageSpace
    let arena = Arena()
    private let path: String
    /// The first damaged page met; the transaction cannot be committed any more.
    private(set) var failure: BoltError?

    init(space: PageSpace, path: String) {
        self.space = space
        self.path = path
    }

    func fail(_ page: UInt64, _ reason: String) {
        if failure == nil { failure = .damaged(path: path, page: page, reason: reason) }
    }
}

/// The changeable tree of one bucket, or of the directory of buckets.
final class Tree {
    /// A leaf that got this many entries in one transaction is cut in two, so that an insertion
    /// does not move more memory than this. One that only grows at its end is not.
    private static let leafEntriesMax = 4_096

    let workspace: Workspace
    /// Above everything: an unnamed child.
    private(set) var root: Child
    var sequence: UInt64
    /// Keys mostly arrive in order: pages are filled to 90 % instead of 50 %.
    var isSequential = false
    private(set) var isChanged = false
    /// Something was taken out, so there may be pages to merge.
    private(set) var hasShrunk = false

    /// The leaf of the last change, and the keys that belong to it. Bounds are nil at the ends.
    private var recent: Node?
    private var recentLower: KeyReference?
    private var recentUpper: KeyReference?

    /// A tree in the file.
    init(_ workspace: Workspace, rootPage: UInt64, sequence: UInt64) {
        self.workspace = workspace
        self.sequence = sequence
        root = Child(key: KeyReference(address: 1, count: 0), page: rootPage, node: nil)
    }

    /// An empty or inline tree: its root has no page yet.
    init(_ workspace: Workspace, root node: Node, sequence: UInt64) {
        self.workspace = workspace
        self.sequence = sequence
        root = Child(key: KeyReference(address: 1, count: 0), page: 0, node: node)
    }

    // MARK: reading

    /// Where a key stands: in a changed leaf or in a page of the file.
    func find(_ key: UnsafeRawBufferPointer) -> Entry? {
        var node = root.node
        var number = root.page
        for _ in 0..<Format.depthMax {
            if let current = node {
                if current.isLeaf {
                    let place = current.lowerBound(key)
                    return place.isExact ? current.entries[place.index] : nil
                }
                let child = current.children[current.childIndex(key)]
                node = child.node
                number = child.page
            } else {
                guard let page = workspace.space.page(number) else { break }
                if page.isLeaf {
                    guard let place = page.lowerBound(key) else { break }
                    if !place.isExact { return nil }
                    guard let element = page.element(place.index) else { break }
                    return Entry(
                        address: UInt(bitPattern: element.address), keyCount: element.keyCount,
                        valueCount: element.valueCount, isBucket: element.isBucket)
                }
                guard let index = page.childIndex(key) else { break }
                number = page.child(index)
            }
        }
        workspace.fail(number, "not a sound page of a tree")
        return nil
    }

    // MARK: changing

    /// Sets the value of a key; both are copied.
    func put(
        _ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer, isBucket: Bool = false
    ) {
        guard let leaf = leafForChange(key) else { return }
        let place = leaf.lowerBound(key)
        if place.isExact, leaf.entries[place.index].isBucket != isBucket {
            workspace.fail(leaf.origin?.first ?? 0, "a bucket stands where a value should")
            return
        }
        let address = UInt(bitPattern: workspace.arena.copy(key, value))
        let entry = Entry(
            address: address, keyCount: key.count, valueCount: value.count, isBucket: isBucket)
        isChanged = true
        if place.isExact {
            leaf.entries[place.index] = entry
        } else if place.index == leaf.entries.count {
            leaf.entries.append(entry)
        } else {
            leaf.entries.insert(entry, at: place.index)
            if leaf.entries.count > Tree.leafEntriesMax { cut(at: key) }
        }
    }

    /// - Returns: false when the key was not there.
    func delete(_ key: UnsafeRawBufferPointer) -> Bool {
        // Looks first: a page is not rewritten for nothing.
        guard covers(key) || find(key) != nil, let leaf = leafForChange(key) else { return false }
        let place = leaf.lowerBound(key)
        guard place.isExact else { return false }
        leaf.entries.remove(at: place.index)
        leaf.hasShrunk = true
        hasShrunk = true
        isChanged = true
        return true
    }

    @inline(__always)
    private func covers(_ key: UnsafeRawBufferPointer) -> Bool {
        guard recent != nil else { return false }
        let wanted = KeyReference(key)
        if let recentLower, KeyReference.compare(wanted, recentLower) < 0 { return false }
        if let recentUpper, KeyReference.compare(wanted, recentUpper) >= 0 { return false }
        return true
    }

    @inline(__always)
    private func leafForChange(_ key: UnsafeRawBufferPointer) -> Node? {
        covers(key) ? recent : descend(key)
    }

    /// Makes nodes of the pages on the way to the leaf of `key`.
    private func descend(_ key: UnsafeRawBufferPointer) -> Node? {
        recent = nil
        var lower: KeyReference?
        var upper: KeyReference?
        guard var node = Tree.load(&root, workspace) else { return nil }
        for _ in 0..<Format.depthMax {
            if node.isLeaf {
                recent = node
                recentLower = lower
                recentUpper = upper
                return node
            }
            let index = node.childIndex(key)
            if index > 0 { lower = node.children[index].key }
            if index + 1 < node.children.count { upper = node.children[index + 1].key }
            guard let next = Tree.load(&node.children[index], workspace) else { return nil }
            node = next
        }
        workspace.fail(root.page, "the tree is too deep")
        return nil
    }

    /// The node of a child, read from its page the first time.
    static func load(_ child: inout Child, _ workspace: Workspace) -> Node? {
        if let node = child.node { return node }
        guard let page = workspace.space.page(child.page),
            let node = Node(page, number: child.page, pageSize: workspace.space.pageSize)
        else {
            workspace.fail(child.page, "not a sound page of a tree")
            return nil
        }
        child.node = node
        return node
    }

    /// Cuts the leaf of `key` in two; the parts meet again in no page, so nothing else changes.
    private func cut(at key: UnsafeRawBufferPointer) {
        recent = nil
        guard let top = root.node else { return }
        if top.isLeaf {
            let branch = Node(isLeaf: false)
            branch.children = [Child(key: top.entries[0].key, page: root.page, node: top)]
            root.node = branch
            root.page = 0
        }
        var parent = root.node!
        while true {
            let index = parent.childIndex(key)
            guard let node = parent.children[index].node else { return }
            guard node.isLeaf else {
                parent = node
                continue
            }
            let half = node.entries.count / 2
            let right = Node(isLeaf: true)
            right.entries = ContiguousArray(node.entries[half...])
            node.entries.removeLast(node.entries.count - half)
            parent.children.insert(
                Child(key: right.entries[0].key, page: 0, node: right), at: index + 1)
            return
        }
    }

    // MARK: staging

    /// Replaces the whole tree: staging has made another root.
    func replaceRoot(_ child: Child) {
        recent = nil
        root = child
    }
}
