//  A file seen through the address space, and by system calls on a descriptor of its own.

import Glibc
import RuntimeCore
import SystemPackage

/// Immutable after its creation, hence usable from every thread.
final class PosixFileMapping: FileMapping {
    let capacity: Int
    private let address: UInt
    private let path: String
    /// Duplicated, so that the mapping outlives the file object it was made from.
    private let descriptor: FileDescriptor

    var base: UnsafeRawPointer { UnsafeRawPointer(bitPattern: address)! }

    init(path: String, descriptor: FileDescriptor, capacity: Int) throws(FileError) {
        precondition(capacity > 0)
        // Address space alone: a shared read-only mapping reserves no memory.
        let pointer = mmap(nil, capacity, PROT_READ, MAP_SHARED, descriptor.rawValue, 0)
        guard let pointer, pointer != MAP_FAILED else { throw lastError("mmap", path) }
        let own = fcntl(descriptor.rawValue, F_DUPFD_CLOEXEC, 0)
        if own < 0 {
            let error = lastError("dup", path)
            munmap(pointer, capacity)
            throw error
        }
        // Lookups jump about: reading ahead would only fill memory.
        madvise(pointer, capacity, MADV_RANDOM)
        self.path = path
        self.capacity = capacity
        self.descriptor = FileDescriptor(rawValue: own)
        address = UInt(bitPattern: pointer)
    }

    deinit {
        munmap(UnsafeMutableRawPointer(bitPattern: address), capacity)
        try? descriptor.close()
    }

    func read(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws(FileError)
        -> Int
    {
        try attempt("read", path) {
            var filled = 0
            while filled < buffer.count {
                let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[filled...])
                let count = try descriptor.read(
                    fromAbsoluteOffset: Int64(offset + filled), into: rest)
                if count == 0 { break }
                filled += count
            }
            return filled
        }
    }

    func releaseResidentPages() {
        madvise(UnsafeMutableRawPointer(bitPattern: address), capacity, MADV_DONTNEED)
    }
}
