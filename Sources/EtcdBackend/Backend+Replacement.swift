//  Another file in the place of the present one: a received snapshot, or a compact copy of what is
//  there, made while reads and writes go on.

import Bolt
import RuntimeCore

extension Backend {
    /// Puts the received database file at `received` in the place of the present one.
    ///
    /// The file is opened and made fit first: when that fails, nothing has changed. Pending writes
    /// belong to the old state and are dropped; views of it stay readable until released. Should
    /// another file get the name `received` meanwhile, the one that had it last takes over.
    package func replaceFile(with received: String) throws(BackendError) {
        let info = try nameStep { () throws(FileError) in try fileSystem.info(received) }
        guard let info, info.size > 0, !info.isDirectory else {
            throw .corrupt("\(received) is not a database: it is missing or empty")
        }
        let next = try Backend.openDatabase(received, in: fileSystem, buckets: declared)
        abandonDefragment()
        do throws(BackendError) {
            try replace(with: next, at: received, pending: WriteBuffer(declared))
            try followName()
            clearPending()
        } catch {
            if next === database { clearPending() } else { next.close() }
            throw error
        }
    }

    /// Goes on with the file that has the database's name if that is not the open one: what is
    /// written to a file without a name is gone with the process.
    private func followName() throws(BackendError) {
        if try isOpen(path) { return }
        let named = try Backend.openDatabase(path, in: fileSystem, buckets: declared)
        let nameless = database
        show(named, with: WriteBuffer(declared))
        nameless.close()
    }

    /// Whether the file at `path` is the one that is open: that one is locked.
    private func isOpen(_ path: String) throws(BackendError) -> Bool {
        try nameStep { () throws(FileError) in
            let file = try fileSystem.open(path, .read, permissions: 0o600)
            defer { file.close() }
            do throws(FileError) {
                try file.lock()
                return false
            } catch {
                guard error.kind == .locked else { throw error }
                return true
            }
        }
    }

    // MARK: defragmentation

    /// Starts the journal of what is committed from now on, and gives the work that any thread may
    /// do: `run` copies the present state into a compact file. One at a time.
    package func beginDefragment() throws(BackendError) -> DefragmentJob {
        guard job == nil else { throw .defragmentationRunning }
        if let damage = views.damage { throw damage }
        jobsBegun += 1
        let temporary = "\(path).tmp.\(view.snapshot.transactionID).\(jobsBegun)"
        try nameStep { () throws(FileError) in
            if try fileSystem.info(temporary) != nil { try fileSystem.remove(temporary) }
        }
        let job = DefragmentJob(
            view.snapshot, registry: database.snapshots, to: temporary, in: fileSystem, declared,
            journalBytesMax: settings.journalBytesMax)
        self.job = job
        return job
    }

    /// Brings the copy up to date and puts it in the place of the present file. Pending writes stay
    /// pending; views of the old file stay readable.
    ///
    /// A job that never ran is run here. After an error the job is over, its file is removed and
    /// the database goes on as it was; only for a job that still runs the error changes nothing.
    package func finishDefragment(_ job: DefragmentJob) throws(BackendError) {
        guard job === self.job else {
            throw .defragmentationAbandoned("the database was replaced or closed meanwhile")
        }
        job.run()
        let copy = try takeCopy(of: job)
        self.job = nil
        do throws(BackendError) {
            try job.catchUp(copy)
            try replace(with: copy, at: job.temporaryPath, pending: view.buffer)
        } catch {
            if copy !== database {
                copy.close()
                job.removeFile()
            }
            throw error
        }
        statistics.defragmentations += 1
    }

    /// Ends a defragmentation without effect, if there is one; one that runs notices soon.
    package func abandonDefragment() {
        job?.abandon()
        job = nil
    }

    private func takeCopy(of job: DefragmentJob) throws(BackendError) -> Database {
        switch job.takeOutcome() {
        case .running:
            throw .defragmentationRunning
        case .failed(let error):
            self.job = nil
            throw error
        case .copied(let box):
            self.job = nil
            guard let database = box.take() else {
                throw .defragmentationAbandoned("its file was given up")
            }
            return database
        }
    }
}
