//  From changed nodes to pages: merging what became too small, cutting what became too large, and
//  giving every piece a place in the file.

import RuntimeCore

/// A page to be written: a part of a node, and where it goes.
struct PlannedPage {
    let run: PageRun
    let node: Node
    let elements: Range<Int>
}

/// Gives the changed trees of one transaction their pages. Nothing is written yet.
struct TreeStaging {
    private let pageSize: Int
    private let workspace: Workspace
    /// Takes pages from the database; returns where they begin.
    private let allocate: (Int) -> UInt64
    private(set) var pages: [PlannedPage] = []
    private(set) var freed: [PageRun] = []

    init(_ workspace: Workspace, allocate: @escaping (Int) -> UInt64) {
        self.workspace = workspace
        self.allocate = allocate
        pageSize = workspace.space.pageSize
    }

    /// Merges what has become too small in a changed tree. Comes before `place`.
    mutating func merge(_ tree: Tree) {
        if tree.hasShrunk { shrink(tree) }
    }

    /// Plans the pages of a changed tree.
    /// - Returns: its new root page.
    mutating func place(_ tree: Tree) -> UInt64 {
        guard let node = tree.root.node else { return tree.root.page }
        let fill = pageSize * (tree.isSequential ? 9 : 5) / 10
        var top = place(node, fill: fill)
        while top.count > 1 {
            let branch = Node(isLeaf: false)
            branch.children = top
            top = placeBranch(branch, fill: fill)
        }
        return top[0].page
    }

    // MARK: merging

    private mutating func shrink(_ tree: Tree) {
        guard let top = tree.root.node else { return }
        if !top.isLeaf { mergeChildren(of: top) }
        // A root with one child is that child; a root with none is an empty leaf.
        while let node = tree.root.node, !node.isLeaf, node.children.count < 2 {
            release(node)
            tree.replaceRoot(
                node.children.first
                    ?? Child(key: tree.root.key, page: 0, node: Node(isLeaf: true)))
        }
    }

    private mutating func mergeChildren(of branch: Node) {
        var kept: ContiguousArray<Child> = []
        kept.reserveCapacity(branch.children.count)
        for child in branch.children {
            if let node = child.node {
                if !node.isLeaf { mergeChildren(of: node) }
                if node.isEmpty {
                    release(node)
                    branch.hasShrunk = true
                    continue
                }
            }
            guard !kept.isEmpty, isSmall(kept[kept.count - 1]) || isSmall(child) else {
                kept.append(child)
                continue
            }
            var right = child
            guard let target = Tree.load(&kept[kept.count - 1], workspace),
                let source = Tree.load(&right, workspace), target.isLeaf == source.isLeaf
            else {
                workspace.fail(child.page, "neighbours of different kinds")
                kept.append(child)
                continue
            }
            target.entries += source.entries
            target.children += source.children
            // Still small if both were: the next neighbour is looked at again.
            target.hasShrunk = true
            release(source)
            branch.hasShrunk = true
        }
        branch.children = kept
    }

    /// Whether a child has lost so much that it should share a page with its neighbour: less than
    /// a quarter of a page, as in bbolt.
    private func isSmall(_ child: Child) -> Bool {
        guard let node = child.node, node.hasShrunk else { return false }
        if node.isLeaf ? node.entries.isEmpty : node.children.count < 2 { return true }
        return node.pageBytes < pageSize / 4
    }

    private mutating func release(_ node: Node) {
        if let origin = node.origin { freed.append(origin) }
        node.origin = nil
    }

    // MARK: cutting

    /// Plans the pages of a node and all changed ones below it.
    /// - Returns: what its parent has in its place: one child for each page.
    private mutating func place(_ node: Node, fill: Int) -> ContiguousArray<Child> {
        release(node)
        if node.isLeaf { return placeLeaf(node, fill: fill) }
        var children: ContiguousArray<Child> = []
        children.reserveCapacity(node.children.count)
        for child in node.children {
            if let below = child.node {
                children += place(below, fill: fill)
            } else {
                children.append(child)
            }
        }
        node.children = children
        return placeBranch(node, fill: fill)
    }

    private mutating func placeLeaf(_ node: Node, fill: Int) -> ContiguousArray<Child> {
        if node.entries.isEmpty {
            let run = plan(node, 0..<0, bytes: Format.pageHeaderBytes)
            return [Child(key: KeyReference(address: 1, count: 0), page: run.first, node: nil)]
        }
        var pieces: ContiguousArray<Child> = []
        var rest = node.pageBytes
        var start = 0
        while start < node.entries.count {
            var end = start + 1
            var bytes = Format.pageHeaderBytes + node.entries[start].pageBytes
            if rest <= pageSize {
                end = node.entries.count
                bytes = rest
            } else {
                while end < node.entries.count, bytes + node.entries[end].pageBytes <= fill {
                    bytes += node.entries[end].pageBytes
                    end += 1
                }
            }
            let run = plan(node, start..<end, bytes: bytes)
            pieces.append(Child(key: node.entries[start].key, page: run.first, node: nil))
            rest -= bytes - Format.pageHeaderBytes
            start = end
        }
        return pieces
    }

    /// At least two children in every page, or a tree of long keys would not come to an end.
    private mutating func placeBranch(_ node: Node, fill: Int) -> ContiguousArray<Child> {
        let count = node.children.count
        var pieces: ContiguousArray<Child> = []
        var rest = node.pageBytes
        var start = 0
        while start < count {
            var end = start
            var bytes = Format.pageHeaderBytes
            if rest <= pageSize || count - start < 4 {
                end = count
                bytes = rest
            } else {
                while end < count - 2,
                    end < start + 2 || bytes + node.children[end].pageBytes <= fill
                {
                    bytes += node.children[end].pageBytes
                    end += 1
                }
            }
            let run = plan(node, start..<end, bytes: bytes)
            pieces.append(Child(key: node.children[start].key, page: run.first, node: nil))
            rest -= bytes - Format.pageHeaderBytes
            start = end
        }
        return pieces
    }

    private mutating func plan(_ node: Node, _ elements: Range<Int>, bytes: Int) -> PageRun {
        let count = (bytes + pageSize - 1) / pageSize
        let run = PageRun(first: allocate(count), count: count)
        pages.append(PlannedPage(run: run, node: node, elements: elements))
        return run
    }
}
