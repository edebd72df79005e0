//  What /debug/vars says of the process.

import Glibc

/// A reading of the process's own state.
package struct ProcessFacts: Sendable, Hashable {
    package var commandLine: [String]
    package var fileDescriptorLimit: UInt64
    package var residentBytes: UInt64
    package var virtualBytes: UInt64

    package init(
        commandLine: [String], fileDescriptorLimit: UInt64, residentBytes: UInt64,
        virtualBytes: UInt64
    ) {
        self.commandLine = commandLine
        self.fileDescriptorLimit = fileDescriptorLimit
        self.residentBytes = residentBytes
        self.virtualBytes = virtualBytes
    }

    /// Asks the system; cheap, from any thread. What it does not tell is 0.
    package static func current() -> ProcessFacts {
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        let pages = memoryPages()
        let pageBytes = UInt64(max(0, sysconf(Int32(_SC_PAGESIZE))))
        return ProcessFacts(
            commandLine: CommandLine.arguments, fileDescriptorLimit: UInt64(limit.rlim_cur),
            residentBytes: pages.resident * pageBytes, virtualBytes: pages.total * pageBytes)
    }

    private static func memoryPages() -> (total: UInt64, resident: UInt64) {
        let descriptor = open("/proc/self/statm", O_RDONLY | O_CLOEXEC)
        if descriptor < 0 { return (0, 0) }
        defer { close(descriptor) }
        let text = String(unsafeUninitializedCapacity: 128) { buffer in
            max(0, read(descriptor, buffer.baseAddress, buffer.count))
        }
        let fields = text.split(separator: " ").prefix(2).map { UInt64($0) ?? 0 }
        return fields.count == 2 ? (fields[0], fields[1]) : (0, 0)
    }

    /// The names are those of Go's `runtime.MemStats`, as far as they mean anything here.
    var memoryJSON: String {
        "{\"Alloc\":\(residentBytes),\"Sys\":\(virtualBytes),"
            + "\"HeapAlloc\":\(residentBytes),\"HeapSys\":\(virtualBytes)}"
    }
}
