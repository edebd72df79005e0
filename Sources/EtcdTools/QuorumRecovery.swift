//  A cluster that has lost its majority goes on with one of its members: `recover`. Not in etcd,
//  whose `--force-new-cluster` does much the same at a start, and drops what the member does not
//  know to be committed.

import EtcdBackend
import EtcdConfig
import EtcdMembership
import EtcdProto
import EtcdServer
import EtcdWAL
import Raft
import RuntimeCore
import RuntimePosix

struct QuorumRecovery {
    let directory: DataDirectory
    /// `nil` leaves the member the peer URLs it has.
    let peerURLs: [String]?

    /// What was done, line by line.
    func run() throws(ToolError) -> [String] {
        let survey = try DirectorySurvey(directory)
        if !survey.canStart {
            throw ToolError(
                DirectoryCheck.text(survey)
                    + "Nothing was changed. Take another member's directory, or restore a backup.")
        }
        do {
            var opened = try Bootstrap.open(directory, in: PosixFileSystem())
            defer { opened.wal.close() }
            let keyspace = V2Keyspace()
            let cluster = try Bootstrap.restoreState(of: opened, into: keyspace)
            let applied = survey.database?.applied ?? 0
            let before = max(opened.hardState.commit, applied)
            try checkKnown(opened, cluster, committed: before)
            let result = try Bootstrap.forceNewCluster(
                &opened, applied: applied, peerURLs: peerURLs ?? [],
                uncommitted: .kept, movesTo: peerURLs)
            opened.wal.close()
            try Ownership.adopt(directory)
            return report(result, local: opened.localID, before: before)
        } catch {
            throw error as? ToolError ?? ToolError("\(error)")
        }
    }

    /// A member that the log removes, or has never added, has no cluster to go on with.
    private func checkKnown(
        _ opened: OpenedLog, _ cluster: Cluster, committed: LogIndex
    ) throws(BootstrapError) {
        let changes = opened.entries.filter { $0.kind == .confChange }
            .compactMap { entry in
                (try? ConfChange(decoding: entry.data)).map { (index: entry.index, change: $0) }
            }
            .filter { $0.change.node == opened.localID && $0.change.kind != .updateNode }
        let isRemoved =
            changes.last.map { $0.change.kind == .removeNode }
            ?? cluster.isRemoved(opened.localID)
        if isRemoved, let last = changes.last, last.index > committed {
            throw BootstrapError(
                description: "entry \(last.index) removes member \(opened.localID), and is not "
                    + "known to be committed. Take another member's directory, or start this one "
                    + "with --force-new-cluster, which drops this entry and what follows it")
        }
        if isRemoved {
            throw BootstrapError(
                description: "member \(opened.localID) was removed from its cluster and cannot go "
                    + "on with it. Take another member's directory, or make a new cluster of this "
                    + "one's database: snapshot restore --skip-hash-check \(directory.database)")
        }
        if changes.isEmpty, cluster.member(opened.localID) == nil {
            throw BootstrapError(
                description: "member \(opened.localID) had not yet received anything of its "
                    + "cluster. Take another member's directory")
        }
    }

    private func report(
        _ result: Bootstrap.LoneMember, local: MemberID, before: LogIndex
    ) -> [String] {
        var lines: [String] = []
        for id in result.removed { lines.append("removed member \(id)") }
        if result.wasLearner { lines.append("member \(local) was a learner and votes now") }
        if let peerURLs {
            lines.append("member \(local) has peer URLs " + peerURLs.joined(separator: ","))
        }
        lines.append("all entries of the log up to \(result.last) are committed")
        if result.uncommitted > 0 {
            lines.append(
                "\(result.uncommitted) of them, after \(before), were not known to be: requests "
                    + "that failed or had no answer may have taken effect")
        }
        lines.append("member \(local) is the only member of its cluster")
        lines.append(
            "start it with the settings it had; remove the data directories of the other members, "
                + "then add them one by one with member add")
        return lines
    }

    static let command = ToolCommand(
        use: "recover",
        short: "Makes a member that lost its quorum the only one of its cluster",
        flags: [
            .text(
                "data-dir",
                "Required. The data directory of a stopped member; all it holds is kept.",
                isRequired: true),
            .text("wal-dir", "Path to the WAL directory (use --data-dir if none given)"),
            .text(
                "initial-advertise-peer-urls",
                "New peer URLs of the member (default: those it has)"),
        ],
        body: { invocation in
            var urls: [String]?
            if invocation.isGiven("initial-advertise-peer-urls") {
                do throws(ValueError) {
                    urls = try ConfigURL.list(invocation.text("initial-advertise-peer-urls"))
                        .map(\.text)
                } catch {
                    throw ToolError("--initial-advertise-peer-urls: \(error)")
                }
            }
            let recovery = QuorumRecovery(
                directory: DataDirectory(
                    root: invocation.text("data-dir"), walDirectory: invocation.text("wal-dir")),
                peerURLs: urls)
            ToolOutput.write(try recovery.run().map { $0 + "\n" }.joined())
            return 0
        })
}
