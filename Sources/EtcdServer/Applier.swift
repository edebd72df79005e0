//  One committed entry at a time: what it does to the state, and who is told.

import EtcdMembership
import EtcdProto
import EtcdV2Store
import Logging
import Raft
import RuntimeCore

/// A pure function of state and entry, apart from whom it tells.
struct Applier {
    enum Outcome {
        case none
        case directives([ApplyOutput])
        /// A committed membership change, with or without effect: consensus must hear of it.
        case membership([ApplyOutput])
        /// The entry cannot be applied by this release; going on would make members differ.
        case failed(String)
        /// Answer when the compaction is finished.
        case compacting(ReplyAddress, CompactionResponse)
        /// The database has outgrown its quota.
        case outgrewQuota
    }

    /// Holds the v3 state; skips what its database has seen before a restart.
    let v3: V3Keyspace
    let now: Moment

    let registry: ProposalRegistry
    let members: MemberDirectory
    let status: ReplicaStatus
    let logger: Logger
    let maxLearners: Int
    /// The request by which this member announced itself since it started.
    let announcementID: UInt64?
    let timer: ApplyTimer

    func apply(
        _ entry: Entry, to store: V2Store, now: WallTime, _ replies: inout ReplyBatches
    ) -> Outcome {
        switch entry.kind {
        case .normal:
            return applyNormal(entry, to: store, now: now, &replies)
        case .confChange:
            do {
                let change = try ConfChange(decoding: entry.data)
                return try applyMembership(
                    change, at: entry.index, to: store, now: now, &replies)
            } catch {
                return .failed("log entry \(entry.index): bad membership change: \(error)")
            }
        case .confChangeV2:
            do {
                let change = try ConfChangeV2(decoding: entry.data)
                return .membership([
                    .consensus(.confChangeApplied(change, index: entry.index))
                ])
            } catch {
                return .failed("log entry \(entry.index): bad membership change: \(error)")
            }
        }
    }

    private func applyNormal(
        _ entry: Entry, to store: V2Store, now: WallTime, _ replies: inout ReplyBatches
    ) -> Outcome {
        let payload: EntryPayload
        do {
            payload = try EntryPayload.decode(entry.data)
        } catch {
            return .failed("log entry \(entry.index): cannot be read: \(error)")
        }
        switch payload {
        case .empty:
            return .none
        case .v2(let request):
            return finish(
                request, applyV2(request, at: entry.index, to: store, now: now), &replies)
        case .internalRequest(let request):
            switch request.kind {
            case .v2(let inner):
                return finish(
                    inner, applyV2(inner, at: entry.index, to: store, now: now), &replies)
            case .clusterVersionSet(let version):
                setVersion(version, at: entry.index, in: store, now: now)
                return .none
            case .clusterMemberAttributesSet(let id, let attributes):
                var member = Member(id: MemberID(id), peerURLs: [])
                member.name = attributes.name
                member.clientURLs = attributes.clientURLs
                setAttributes(
                    of: member, json: Bytes(member.attributesJSON), at: entry.index, store, now)
                return .none
            case .other(let field, _):
                return .failed(
                    "log entry \(entry.index): request kind \(field) cannot be applied by this "
                        + "release")
            default:
                return applyV3(request, at: entry.index, &replies)
            }
        }
    }

    /// Entries that the database has seen before change nothing, and nobody waits for them.
    private func applyV3(
        _ request: InternalRaftRequest, at index: LogIndex, _ replies: inout ReplyBatches
    ) -> Outcome {
        guard index > v3.appliedIndex else { return .none }
        let id = request.id
        let isOwn = id >> 48 == members.localID.rawValue & 0xFFFF
        let address = isOwn ? registry.take(id) : nil
        var applier = V3Applier(
            keyspace: v3, members: members, status: status, now: now.monotonic, index: index,
            hasWaiter: address != nil)
        let answer = applier.apply(request)
        guard let answer, applier.damage == nil else {
            if let address { replies.add(address, .failed(.stopped)) }
            return .failed("log entry \(index): \(applier.damage ?? "a request of no kind")")
        }
        note(request, answer)
        switch answer {
        case .now(let result):
            if let address { replies.add(address, .v3(result)) }
            return applier.outgrewQuota ? .outgrewQuota : .none
        case .afterCompaction(let response):
            return address.map { .compacting($0, response) } ?? .none
        }
    }

    /// Counts and times a request; alarms are told.
    private func note(_ request: InternalRaftRequest, _ answer: V3Applier.Answer) {
        var error: ServerError?
        if case .now(.failure(let refusal)) = answer { error = refusal }
        if let operation = AppliedOperation(request.kind) {
            timer.applied(operation, refusal: error, request: RequestText.applied(request))
        }
        guard case .alarm(let alarm) = request.kind, error == nil, alarm.action != .get,
            alarm.alarm != .none
        else { return }
        logger.warning(
            alarm.action == .activate ? "alarm raised" : "alarm disarmed",
            metadata: [
                "alarm": "\(alarm.alarm.name)", "from": "\(String(alarm.memberID, radix: 16))",
            ])
    }

    private func finish(
        _ request: V2Request, _ result: V2Outcome, _ replies: inout ReplyBatches
    ) -> Outcome {
        switch result {
        case .answer(let answer):
            let error: V2Error? = if case .failure(let error) = answer { error } else { nil }
            timer.applied(
                AppliedOperation(request.method), refusal: error,
                request: RequestText.applied(request))
            // Only the member that proposed a request can have somebody waiting for it.
            if request.id >> 48 == members.localID.rawValue & 0xFFFF,
                let address = registry.take(request.id)
            {
                replies.add(
                    address,
                    .v2(
                        answer, raftIndex: status.committed.rawValue,
                        raftTerm: status.term.rawValue))
            }
            return .none
        case .silent(let outcome):
            return outcome
        }
    }

    // MARK: v2 requests

    private enum V2Outcome {
        case answer(Result<V2Event, V2Error>)
        /// Nobody waits for these.
        case silent(Outcome)
    }

    private func applyV2(
        _ request: V2Request, at index: LogIndex, to store: V2Store, now: WallTime
    ) -> V2Outcome {
        if request.method == .sync {
            store.deleteExpired(upTo: WallTime(unixNanoseconds: request.time))
            return .silent(.none)
        }
        if request.method == .put, request.previousExists == nil, !comparesPrevious(request) {
            if let id = ClusterRecords.member(publishingTo: request.path) {
                return .silent(publish(request, of: id, at: index, store, now))
            }
            if request.path == ClusterRecords.versionPath {
                setVersion(request.value.text, at: index, in: store, now: now)
                return .silent(.none)
            }
        }
        do throws(V2Error) {
            return .answer(.success(try write(request, to: store, now: now)))
        } catch {
            return .answer(.failure(error))
        }
    }

    private func comparesPrevious(_ request: V2Request) -> Bool {
        request.previousIndex > 0 || !request.previousValue.isEmpty
    }

    /// Which store operation a request means (spec http-v2 2.1).
    private func write(_ request: V2Request, to store: V2Store, now: WallTime) throws(V2Error)
        -> V2Event
    {
        let expiration =
            request.expiration == 0 ? nil : WallTime(unixNanoseconds: request.expiration)
        let refresh = request.refresh ?? false
        switch request.method {
        case .post:
            return try store.create(
                request.path, isDirectory: request.isDirectory, value: request.value,
                unique: true, expiration: expiration, now: now)
        case .put:
            if request.previousExists == false {
                return try store.create(
                    request.path, isDirectory: request.isDirectory, value: request.value,
                    unique: false, expiration: expiration, now: now)
            }
            if comparesPrevious(request) {
                return try store.compareAndSwap(
                    request.path, previousValue: request.previousValue,
                    previousIndex: request.previousIndex, value: request.value,
                    expiration: expiration, refresh: refresh, now: now)
            }
            if request.previousExists == true {
                return try store.update(
                    request.path, value: request.value, expiration: expiration, refresh: refresh,
                    now: now)
            }
            return try store.set(
                request.path, isDirectory: request.isDirectory, value: request.value,
                expiration: expiration, refresh: refresh, now: now)
        case .delete:
            if comparesPrevious(request) {
                return try store.compareAndDelete(
                    request.path, previousValue: request.previousValue,
                    previousIndex: request.previousIndex, now: now)
            }
            return try store.delete(
                request.path, isDirectory: request.isDirectory, recursive: request.recursive,
                now: now)
        case .quorumGet:
            return try store.get(
                request.path, recursive: request.recursive, sorted: request.sorted, now: now)
        case .get, .sync, .other:
            throw V2Error(.raftInternal, cause: ServerError.unknownMethod.text)
        }
    }

    // MARK: facts about members

    private func publish(
        _ request: V2Request, of id: MemberID, at index: LogIndex, _ store: V2Store,
        _ now: WallTime
    ) -> Outcome {
        var member = Member(id: id, peerURLs: [])
        do throws(MemberFormatError) {
            try member.readAttributes(request.value)
        } catch {
            return .failed("attributes of member \(id): \(error)")
        }
        setAttributes(of: member, json: request.value, at: index, store, now)
        // Older announcements that are replayed say nothing about how far this member has come.
        return request.id == announcementID ? .directives([.event(.published)]) : .none
    }

    private func setAttributes(
        of member: Member, json: Bytes, at index: LogIndex, _ store: V2Store, _ now: WallTime
    ) {
        // A member may be removed while its own announcement is on the way.
        guard members.member(member.id) != nil else { return }
        members.update {
            $0.setAttributes(name: member.name, clientURLs: member.clientURLs, of: member.id)
        }
        ClusterRecords.setAttributes(json, of: member.id, in: store, now: now)
        recordInDatabase(member.id, at: index)
    }

    private func setVersion(
        _ version: String, at index: LogIndex, in store: V2Store, now: WallTime
    ) {
        let previous = members.clusterVersion
        members.update { $0.version = version }
        ClusterRecords.setVersion(version, in: store, now: now)
        if index > v3.appliedIndex {
            DatabaseRecords.setClusterVersion(version, in: v3.backend)
        }
        logger.info(
            previous == nil ? "set initial cluster version" : "updated cluster version",
            metadata: ["cluster-version": "\(version)", "from": "\(previous ?? "none")"])
    }

    // MARK: membership changes

    private func applyMembership(
        _ change: ConfChange, at index: LogIndex, to store: V2Store, now: WallTime,
        _ replies: inout ReplyBatches
    ) throws -> Outcome {
        let context = try change.context.isEmpty ? nil : ConfChangeContext(json: change.context)
        let address = registry.take(change.id)
        do throws(MembershipRefusal) {
            try members.snapshot.validate(change, context: context, maxLearners: maxLearners)
        } catch {
            logger.warning(
                "membership change has no effect",
                metadata: ["node": "\(change.node)", "reason": "\(error)"])
            if let address { replies.add(address, .failed(serverError(error))) }
            // Raft still counts the change as applied, as one of nobody.
            var nothing = change
            nothing.node = .none
            return .membership([
                .consensus(.confChangeApplied(ConfChangeV2(nothing), index: index))
            ])
        }
        var outputs: [ApplyOutput] = [
            .consensus(.confChangeApplied(ConfChangeV2(change), index: index))
        ]
        outputs += record(change, context, in: store, now: now)
        recordInDatabase(change.node, at: index)
        if let address { replies.add(address, .members(members.list)) }
        return .membership(outputs)
    }

    /// Brings the database's row of a member in line with the directory.
    private func recordInDatabase(_ id: MemberID, at index: LogIndex) {
        guard index > v3.appliedIndex else { return }
        if let member = members.member(id) {
            DatabaseRecords.set(member, in: v3.backend)
        } else if members.isRemoved(id) {
            DatabaseRecords.remove(id, from: v3.backend)
        }
    }

    /// Writes a valid change into store and directory.
    private func record(
        _ change: ConfChange, _ context: ConfChangeContext?, in store: V2Store, now: WallTime
    ) -> [ApplyOutput] {
        let isLocal = change.node == members.localID
        switch change.kind {
        case .addNode, .addLearnerNode:
            if context?.isPromotion == true {
                members.update { $0.promote(change.node) }
                if let promoted = members.member(change.node) {
                    ClusterRecords.update(promoted, in: store, now: now)
                }
                logger.info("promoted member", metadata: ["member": "\(change.node)"])
                return []
            }
            var member = context?.member ?? Member(id: change.node, peerURLs: [])
            member.isLearner = change.kind == .addLearnerNode
            members.update { $0.add(member) }
            ClusterRecords.add(member, to: store, now: now)
            logger.info(
                "added member",
                metadata: [
                    "added-peer-id": "\(member.id)",
                    "added-peer-peer-urls": "\(member.peerURLs)",
                ])
            return isLocal ? [] : [.peers(.add(member))]
        case .updateNode:
            members.update { $0.setPeerURLs(context?.member.peerURLs ?? [], of: change.node) }
            guard let updated = members.member(change.node) else { return [] }
            ClusterRecords.update(updated, in: store, now: now)
            logger.info("updated member", metadata: ["member": "\(change.node)"])
            return isLocal ? [] : [.peers(.update(updated))]
        case .removeNode:
            members.update { $0.remove(change.node) }
            ClusterRecords.remove(change.node, from: store, now: now)
            logger.info("removed member", metadata: ["removed-remote-peer-id": "\(change.node)"])
            return isLocal ? [.event(.removed)] : [.peers(.remove(change.node))]
        }
    }

    private func serverError(_ refusal: MembershipRefusal) -> ServerError {
        switch refusal {
        case .removed(let id): .memberIDRemoved(id.rawValue)
        case .exists: .memberIDExists
        case .unknown(let id): .memberNotFound(id.rawValue)
        case .peerURLExists: .peerURLExists
        case .notLearner: .memberNotLearner
        case .tooManyLearners: .tooManyLearners
        }
    }
}
