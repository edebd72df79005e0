//  What the kernel writes to disk when the process crashes.

import SystemPackage

package enum CoreDump {
    /// The first page of program files, which name their build; none of the memory.
    private static let filter = "0x10"

    /// From now on an image that a crash leaves holds registers, but no memory: neither passwords
    /// nor tokens nor values, whoever takes the image.
    ///
    /// - Returns: false when the kernel does not let us.
    package static func leaveOutMemory() -> Bool {
        do {
            let file = try FileDescriptor.open("/proc/self/coredump_filter", .writeOnly)
            return try file.closeAfter { try file.writeAll(filter.utf8) } == filter.utf8.count
        } catch {
            return false
        }
    }
}
