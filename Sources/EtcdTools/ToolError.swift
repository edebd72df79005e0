//  What ends a command without success: a text for standard error and an exit code.

import EtcdBackend
import EtcdMVCC
import EtcdServer
import EtcdWAL
import RuntimeCore

/// Exit codes of etcd's command line tools.
enum ToolExit {
    static let failure: Int32 = 1
    static let badConnection: Int32 = 2
    static let badFeature: Int32 = 4
    static let interrupted: Int32 = 5
    static let badArguments: Int32 = 128
}

/// A command that was not carried out. The text names what is wrong, without `Error:` before it.
struct ToolError: Error, Sendable, Equatable {
    enum Form: Sendable, Equatable {
        /// The text alone.
        case plain
        /// The command line cannot be read: the text, and how the command is called.
        case usage
        /// There is no such command: the text, and where help is.
        case unknownCommand
    }

    let form: Form
    let message: String
    let exitCode: Int32

    init(_ message: String, exitCode: Int32 = ToolExit.failure) {
        self.init(form: .plain, message, exitCode: exitCode)
    }

    private init(form: Form, _ message: String, exitCode: Int32) {
        self.form = form
        self.message = message
        self.exitCode = exitCode
    }

    static func usage(_ message: String) -> ToolError {
        ToolError(form: .usage, message, exitCode: ToolExit.failure)
    }

    static func unknownCommand(_ message: String) -> ToolError {
        ToolError(form: .unknownCommand, message, exitCode: ToolExit.failure)
    }

    // MARK: failures of the modules below

    init(_ error: FileError) {
        switch error.kind {
        case .locked:
            self.init(
                "\(error.path) is in use by another process: stop the member that runs on it "
                    + "first")
        default:
            self.init("\(error.operation) \(error.path): \(ToolError.lowered(error.reason))")
        }
    }

    init(_ error: BackendError) {
        switch error {
        case .file(let error): self.init(error)
        case .corrupt(let reason): self.init("invalid database: \(reason)")
        case .defragmentationRunning, .defragmentationAbandoned: self.init(error.description)
        }
    }

    init(_ error: WALError) {
        self.init(
            error.kind == .locked
                ? "\(error.description): stop the member that runs on it first"
                : error.description)
    }

    init(_ error: MVCCError) {
        switch error {
        case .corrupt(let reason): self.init("invalid database: \(reason)")
        case .compacted: self.init("mvcc: required revision has been compacted")
        case .futureRevision: self.init("mvcc: required revision is a future revision")
        default: self.init("\(error)")
        }
    }

    init(_ error: BootstrapError) { self.init(error.description) }

    /// Go's texts of the system's errors begin in lower case.
    private static func lowered(_ reason: String) -> String {
        reason.prefix(1).lowercased() + reason.dropFirst()
    }
}
