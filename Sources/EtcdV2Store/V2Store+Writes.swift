//  Operations that change the tree; each that succeeds takes one index, one slot of the history.
//
//  The counters follow etcd's to the letter, also where it counts a refusal as a success:
//  monitoring compares members of both kinds (Tests: testdata/rules.txt).

package import RuntimeCore

extension V2Store {
    /// Makes or replaces the node at `path`; a replaced file counts as created anew.
    ///
    /// `refresh` keeps the value of an existing file and wakes nobody.
    /// - Throws: 107 for the root, 104, 102 for an existing directory, 100 with `refresh` when
    ///   there is nothing.
    package func set(
        _ path: Bytes, isDirectory: Bool, value: Bytes, expiration: WallTime?, refresh: Bool,
        now: WallTime
    ) throws(V2Error) -> V2Event {
        do throws(V2Error) {
            let event = try replace(
                V2Path(path.compacted), isDirectory: isDirectory, value: value,
                expiration: expiration, refresh: refresh, now: now)
            statistics.setsSuccess += 1
            return event
        } catch {
            statistics.setsFail += 1
            throw error
        }
    }

    /// Makes a node where there is none; with `unique` one below `path`, named by its index.
    ///
    /// - Throws: 107 for the root, 104, 105 for an existing node.
    package func create(
        _ path: Bytes, isDirectory: Bool, value: Bytes, unique: Bool, expiration: WallTime?,
        now: WallTime
    ) throws(V2Error) -> V2Event {
        do throws(V2Error) {
            var target = V2Path(path.compacted)
            if unique { target = target.appending(nextInOrderName) }
            try refuseReadOnly(target)
            let lookup = lookUp(target)
            if lookup.isComplete { throw failure(.keyExists, target.bytes) }
            let node = try add(target, lookup, isDirectory, value, expiration)
            statistics.createSuccess += 1
            return commit(.create, target, node, previous: nil, now)
        } catch {
            statistics.createFail += 1
            if error.code == .notADirectory { statistics.setsFail += 1 }
            throw error
        }
    }

    /// Gives an existing file a value and a deadline, an existing directory a deadline.
    ///
    /// The directory's own modified index stays, although the event carries the new one.
    /// - Throws: 107 for the root, 100, 104, 102 for a value on a directory.
    package func update(
        _ path: Bytes, value: Bytes, expiration: WallTime?, refresh: Bool, now: WallTime
    ) throws(V2Error) -> V2Event {
        do throws(V2Error) {
            let path = V2Path(path.compacted)
            try refuseReadOnly(path)
            let node = try existing(path)
            if node.isDirectory, !value.isEmpty { throw failure(.notAFile, path.bytes) }
            let event = overwrite(
                .update, path, node, value: refresh ? nil : value, expiration, refresh, now)
            statistics.updateSuccess += 1
            return event
        } catch {
            if error.code == .rootIsReadOnly || error.code == .notAFile {
                statistics.updateSuccess += 1
            } else {
                statistics.updateFail += 1
            }
            throw error
        }
    }

    /// Overwrites a file that holds `previousValue` (if not empty) and was last modified at
    /// `previousIndex` (if not 0).
    ///
    /// - Throws: 107 for the root, 100, 104, 102 for a directory, 101 naming what differs.
    package func compareAndSwap(
        _ path: Bytes, previousValue: Bytes, previousIndex: UInt64, value: Bytes,
        expiration: WallTime?, refresh: Bool, now: WallTime
    ) throws(V2Error) -> V2Event {
        do throws(V2Error) {
            let path = V2Path(path.compacted)
            try refuseReadOnly(path)
            let node = try existing(path)
            try compare(path, node, previousValue, previousIndex)
            let event = overwrite(
                .compareAndSwap, path, node, value: refresh ? nil : value, expiration, refresh,
                now)
            statistics.compareAndSwapSuccess += 1
            return event
        } catch {
            if error.code == .rootIsReadOnly {
                statistics.compareAndSwapSuccess += 1
            } else {
                statistics.compareAndSwapFail += 1
            }
            throw error
        }
    }

    /// Removes the node at `path`; `recursive` implies `isDirectory`.
    ///
    /// - Throws: 107 for the root, 100, 104, 102 for a directory without `isDirectory`, 108 for
    ///   one with content without `recursive`.
    package func delete(_ path: Bytes, isDirectory: Bool, recursive: Bool, now: WallTime)
        throws(V2Error) -> V2Event
    {
        do throws(V2Error) {
            let path = V2Path(path.compacted)
            try refuseReadOnly(path)
            let node = try existing(path)
            if let children = node.children, !recursive {
                if !isDirectory { throw failure(.notAFile, path.bytes) }
                if !children.isEmpty { throw failure(.directoryNotEmpty, path.bytes) }
            }
            statistics.deleteSuccess += 1
            return remove(.delete, path, node, now)
        } catch {
            if error.code == .rootIsReadOnly {
                statistics.deleteSuccess += 1
            } else {
                statistics.deleteFail += 1
            }
            throw error
        }
    }

    /// Removes a file under the conditions of `compareAndSwap`.
    ///
    /// - Throws: 100, 104, 102 for a directory (the root too), 101 naming what differs.
    package func compareAndDelete(
        _ path: Bytes, previousValue: Bytes, previousIndex: UInt64, now: WallTime
    ) throws(V2Error) -> V2Event {
        do throws(V2Error) {
            let path = V2Path(path.compacted)
            let node = try existing(path)
            try compare(path, node, previousValue, previousIndex)
            statistics.compareAndDeleteSuccess += 1
            return remove(.compareAndDelete, path, node, now)
        } catch {
            if error.code == .notAFile || error.code == .compareFailed {
                statistics.compareAndDeleteSuccess += 1
            } else {
                statistics.compareAndDeleteFail += 1
            }
            throw error
        }
    }

    /// Removes every node whose deadline is `time` or earlier, one event for each; what a
    /// directory holds goes with it.
    package func deleteExpired(upTo time: WallTime) {
        while let next = expiries.first, next.expiration <= time {
            statistics.expireCount += 1
            _ = remove(.expire, V2Path(next.path), next.node, time)
        }
    }

    // MARK: steps

    private func replace(
        _ path: V2Path, isDirectory: Bool, value: Bytes, expiration: WallTime?, refresh: Bool,
        now: WallTime
    ) throws(V2Error) -> V2Event {
        let lookup = lookUp(path)
        let node = lookup.node
        if !lookup.isComplete, refresh || !node.isDirectory { throw absence(path, lookup) }
        try refuseReadOnly(path)
        guard lookup.isComplete else {
            let node = try add(path, lookup, isDirectory, value, expiration)
            return commit(.set, path, node, previous: nil, now)
        }
        if node.isDirectory { throw failure(.notAFile, path.bytes) }
        let previous = view(of: node, at: path, now: now)
        if isDirectory {
            node.children = [:]
            node.value = .empty
        } else if !refresh {
            node.value = value.compacted
        }
        node.createdIndex = currentIndex + 1
        node.modifiedIndex = currentIndex + 1
        setDeadline(expiration, of: node, at: path)
        return commit(.set, path, node, previous: previous, refresh: refresh, now)
    }

    /// Hangs a new node where `lookup` found nothing.
    private func add(
        _ path: V2Path, _ lookup: Lookup, _ isDirectory: Bool, _ value: Bytes,
        _ expiration: WallTime?
    ) throws(V2Error) -> V2Node {
        guard lookup.node.isDirectory else { throw fileInTheWay(path, lookup) }
        if path.depth > Self.depthMax {
            throw V2Error(
                .invalidField, cause: "more than \(Self.depthMax) levels", index: currentIndex)
        }
        let node = insert(path, lookup, at: currentIndex + 1)
        if !isDirectory {
            node.children = nil
            node.value = value.compacted
        }
        setDeadline(expiration, of: node, at: path)
        return node
    }

    /// `value` is `nil` when a refresh keeps what is there.
    private func overwrite(
        _ action: V2Event.Action, _ path: V2Path, _ node: V2Node, value: Bytes?,
        _ expiration: WallTime?, _ refresh: Bool, _ now: WallTime
    ) -> V2Event {
        let previous = view(of: node, at: path, now: now)
        if !node.isDirectory {
            if let value { node.value = value.compacted }
            node.modifiedIndex = currentIndex + 1
        }
        setDeadline(expiration, of: node, at: path)
        return commit(action, path, node, previous: previous, refresh: refresh, now)
    }

    private func remove(
        _ action: V2Event.Action, _ path: V2Path, _ node: V2Node, _ now: WallTime
    ) -> V2Event {
        let previous = view(of: node, at: path, now: now)
        expiries.removeTree(node)
        var parent = root
        for name in path.components {
            guard let child = parent.child(name), child !== node else {
                parent.children?[name] = nil
                break
            }
            parent = child
        }
        var event = V2Event(
            action: action,
            node: V2NodeView(
                key: path.bytes, isDirectory: node.isDirectory, modifiedIndex: currentIndex + 1,
                createdIndex: node.createdIndex),
            previous: previous, storeIndex: currentIndex + 1)
        record(&event, removed: node)
        return event
    }

    /// The event of a node that is in its new state already.
    private func commit(
        _ action: V2Event.Action, _ path: V2Path, _ node: V2Node, previous: V2NodeView?,
        refresh: Bool = false, _ now: WallTime
    ) -> V2Event {
        var event = V2Event(
            action: action, node: view(of: node, at: path, now: now), previous: previous,
            storeIndex: currentIndex + 1, isRefresh: refresh)
        event.node.modifiedIndex = currentIndex + 1
        record(&event, removed: nil)
        return event
    }

    private func record(_ event: inout V2Event, removed: V2Node?) {
        currentIndex += 1
        history.append(event)
        if !event.isRefresh { hub.notify(event, removed: removed) }
    }

    private func setDeadline(_ expiration: WallTime?, of node: V2Node, at path: V2Path) {
        if expiration == nil, node.expiration == nil { return }
        let isPermanent = expiration.map { $0 < Self.expirationMin } ?? true
        expiries.set(isPermanent ? nil : expiration, of: node, at: path.bytes)
    }

    // MARK: conditions

    private func refuseReadOnly(_ path: V2Path) throws(V2Error) {
        if readOnlyPaths.contains(path) { throw failure(.rootIsReadOnly, Bytes("/")) }
    }

    private func compare(
        _ path: V2Path, _ node: V2Node, _ previousValue: Bytes, _ previousIndex: UInt64
    ) throws(V2Error) {
        if node.isDirectory { throw failure(.notAFile, path.bytes) }
        var differences: [Bytes] = []
        if !previousValue.isEmpty, !previousValue.hasSameContent(node.value) {
            differences.append(difference(previousValue, node.value))
        }
        if previousIndex != 0, previousIndex != node.modifiedIndex {
            differences.append(
                difference(Bytes("\(previousIndex)"), Bytes("\(node.modifiedIndex)")))
        }
        guard !differences.isEmpty else { return }
        throw failure(
            .compareFailed, Bytes(Array(differences.map(\.array).joined(separator: [0x20]))))
    }

    private func difference(_ expected: Bytes, _ actual: Bytes) -> Bytes {
        Bytes(Array("[".utf8) + expected.array + Array(" != ".utf8) + actual.array + [0x5D])
    }

    /// Index of the next change in twenty digits, so that names order as their creation.
    private var nextInOrderName: V2Name {
        var name: [UInt8] = []
        name.appendDecimal(currentIndex + 1, width: 20)
        return V2Name(Bytes(name))
    }
}
