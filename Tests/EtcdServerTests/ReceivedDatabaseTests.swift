//  What a database from another member must be before it gets a name.

import EtcdBackend
import EtcdMVCC
import Raft
import RuntimeCore
import Simulator
import Testing

@testable import EtcdServer

@Suite("received database")
struct ReceivedDatabaseTests {
    private let disk = SimulatedDisk()

    init() throws { try disk.createDirectory("/data", permissions: 0o700) }

    private func makeDatabase(applied: LogIndex) throws {
        let backend = try Backend.open(
            path: "/data/db", in: disk, buckets: V3Keyspace.buckets, settings: Backend.Settings())
        DatabaseRecords.setApplied(applied, 3, ConfState(), in: backend)
        try backend.commit()
        backend.close()
    }

    @Test("one that holds the snapshot's entries is taken", arguments: [7, 8] as [LogIndex])
    func complete(applied: LogIndex) throws {
        try makeDatabase(applied: applied)
        try ReceivedDatabase.check("/data/db", index: 7, in: disk)
    }

    @Test("a read that meets the exchange of databases is to be tried again")
    func exchange() {
        #expect(ServerError(MVCCError.unavailable) == .timeoutWaitingForApply)
    }

    @Test("one that lags behind its snapshot is refused")
    func behind() throws {
        try makeDatabase(applied: 6)
        #expect {
            try ReceivedDatabase.check("/data/db", index: 7, in: disk)
        } throws: {
            "\($0)"
                == "the received database holds entries up to 6, but belongs to a snapshot at 7"
        }
    }

    @Test("one that is missing, empty, torn or something else is refused")
    func damaged() throws {
        #expect(throws: (any Error).self) {
            try ReceivedDatabase.check("/data/none", index: 0, in: disk)
        }
        for content in [[], Array("no database at all".utf8), [UInt8](repeating: 0, count: 65_536)]
        {
            let file = try disk.open("/data/other", .replace, permissions: 0o600)
            try file.write(content, at: 0)
            file.close()
            #expect(throws: (any Error).self) {
                try ReceivedDatabase.check("/data/other", index: 0, in: disk)
            }
        }
        try makeDatabase(applied: 9)
        let whole = try disk.open("/data/db", .readWrite, permissions: 0o600)
        try whole.truncate(to: 9_000)
        whole.close()
        #expect(throws: (any Error).self) {
            try ReceivedDatabase.check("/data/db", index: 7, in: disk)
        }
    }
}
