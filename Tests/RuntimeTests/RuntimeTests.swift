//  The real files and threads keep the contracts of the seams.

import Glibc
import RuntimeCore
import RuntimePosix
import Synchronization
import Testing

/// A directory that is gone when the test ends.
final class TemporaryDirectory {
    let path: String

    init() {
        var template = Array("/tmp/etcd-swift-test-XXXXXX".utf8CString)
        path = String(cString: mkdtemp(&template))
    }

    deinit { try? PosixFileSystem().removeTree(path) }
}

@Suite("Files")
struct FileTests {
    private let directory = TemporaryDirectory()
    private let files = PosixFileSystem()

    @Test("write, read beyond the end, truncate, preallocate")
    func content() throws {
        let file = try files.open("\(directory.path)/a", .readWriteCreate, permissions: 0o600)
        try file.write([1, 2, 3], at: 0)
        try file.write([9], at: 5)
        #expect(try file.read(at: 0, count: 100) == [1, 2, 3, 0, 0, 9])
        try file.truncate(to: 2)
        try file.preallocate(to: 4)
        #expect(try file.read(at: 1, count: 10) == [2, 0, 0])
        try file.sync()
        #expect(try files.info(file.path)?.permissions == 0o600)
        file.close()
        file.close()
    }

    @Test("what is missing or there already is told apart")
    func failures() throws {
        #expect(throws: FileError.self) {
            try files.open("\(directory.path)/none", .read, permissions: 0)
        }
        #expect(try files.info("\(directory.path)/none") == nil)
        do throws(FileError) {
            _ = try files.list("\(directory.path)/none")
            Issue.record("listed what is not there")
        } catch {
            #expect(error.kind == .notFound)
            #expect(error.description.contains("No such file"))
        }
    }

    @Test("directories: parents, sorted names, rename over, removal of trees")
    func directories() throws {
        let deep = "\(directory.path)/x/y"
        try files.createDirectory(deep, permissions: 0o700)
        try files.createDirectory(deep, permissions: 0o700)
        for name in ["b", "a"] {
            try files.replaceAtomically(
                "\(deep)/\(name)", temporary: "\(deep)/tmp", with: [7], permissions: 0o600)
        }
        #expect(try files.list(deep) == ["a", "b"])
        try files.rename("\(deep)/a", to: "\(deep)/b")
        #expect(try files.list(deep) == ["b"])
        try files.removeTree("\(directory.path)/x")
        try files.removeTree("\(directory.path)/x")
        #expect(try files.list(directory.path).isEmpty)
    }

    @Test("a lock excludes a second holder until it is closed")
    func locks() throws {
        let path = "\(directory.path)/lock"
        let first = try files.open(path, .readWriteCreate, permissions: 0o600)
        let second = try files.open(path, .readWrite, permissions: 0o600)
        try first.lock()
        do throws(FileError) {
            try second.lock()
            Issue.record("two holders")
        } catch {
            #expect(error.kind == .locked)
        }
        first.close()
        try second.lock()
    }
}

@Suite("Child processes")
struct ChildProcessTests {
    @Test("the exit code is told, if there is one")
    func exitCode() {
        #expect(ChildProcess.run(["/bin/sh", "-c", "exit \"$1\"", "sh", "7"]) == 7)
        #expect(ChildProcess.run(["/bin/sh", "-c", "kill -9 $$"]) == nil)
        #expect(ChildProcess.run(["/no/such/program"]) == nil)
    }

    @Test("a child gets no socket of ours, even one that does not close itself")
    func descriptors() {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        let words = ["/bin/sh", "-c", "test -e /proc/$$/fd/\"$1\"", "sh"]
        #expect(ChildProcess.run(words + ["2"]) == 0)
        #expect(ChildProcess.run(words + ["\(descriptor)"]) == 1)
    }
}
