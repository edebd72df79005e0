//  What /debug/vars says of the process.

import Glibc
import Protobuf
import RuntimeCore

/// A reading of the process's own state.
package struct ProcessFacts: Sendable, Hashable {
    package var commandLine: [String]
    package var fileDescriptorLimit: UInt64
    /// Bytes handed out by the allocator, and bytes it holds.
    package var heapInUse: UInt64
    package var heapTotal: UInt64

    package init(
        commandLine: [String], fileDescriptorLimit: UInt64, heapInUse: UInt64, heapTotal: UInt64
    ) {
        self.commandLine = commandLine
        self.fileDescriptorLimit = fileDescriptorLimit
        self.heapInUse = heapInUse
        self.heapTotal = heapTotal
    }

    /// Asks the system; cheap, from any thread.
    package static func current() -> ProcessFacts {
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        let heap = mallinfo2()
        return ProcessFacts(
            commandLine: CommandLine.arguments, fileDescriptorLimit: UInt64(limit.rlim_cur),
            heapInUse: UInt64(heap.uordblks + heap.hblkhd),
            heapTotal: UInt64(heap.arena + heap.hblkhd))
    }

    /// The names are those of Go's `runtime.MemStats`, as far as they mean anything here.
    var memoryJSON: String {
        "{\"Alloc\":\(heapInUse),\"Sys\":\(heapTotal),\"HeapAlloc\":\(heapInUse),"
            + "\"HeapSys\":\(heapTotal),\"HeapIdle\":\(heapTotal - min(heapInUse, heapTotal)),"
            + "\"HeapInuse\":\(heapInUse)}"
    }
}
