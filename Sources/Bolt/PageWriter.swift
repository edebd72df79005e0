//  Planned pages become bytes, neighbours in one write.

import RuntimeCore

/// Writes planned pages to the file. May be repeated: the plan does not change.
struct PageWriter {
    /// Bytes of one write: enough to make its overhead vanish, little enough to hold twice.
    private static let writeBytes = 1 << 20
    let pageSize: Int
    let file: any File

    /// - Parameter pages: ascending.
    func write(_ pages: [PlannedPage]) throws(BoltError) {
        var start = 0
        while start < pages.count {
            var end = start + 1
            var count = pages[start].run.count
            while end < pages.count, pages[end].run.first == pages[end - 1].run.end,
                (count + pages[end].run.count) * pageSize <= PageWriter.writeBytes
            {
                count += pages[end].run.count
                end += 1
            }
            let bytes = image(pages[start..<end], bytes: count * pageSize)
            try fileStep { () throws(FileError) in
                try file.write(bytes, at: Int(pages[start].run.first) * pageSize)
            }
            start = end
        }
    }

    private func image(_ pages: ArraySlice<PlannedPage>, bytes: Int) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: bytes) { buffer, filled in
            var target = UnsafeMutableRawPointer(buffer.baseAddress!)
            for page in pages {
                let bytes = page.run.count * pageSize
                let used = page.node.isLeaf ? leaf(page, target) : branch(page, target)
                precondition(used <= bytes)
                // Nothing of this process's memory goes to the disk.
                (target + used).initializeMemory(as: UInt8.self, repeating: 0, count: bytes - used)
                target += bytes
            }
            filled = bytes
        }
    }

    /// - Returns: bytes used.
    private func leaf(_ page: PlannedPage, _ base: UnsafeMutableRawPointer) -> Int {
        base.storeHeader(
            page: page.run.first, flags: Format.leafFlag, count: page.elements.count,
            overflow: page.run.count - 1)
        var header = Format.pageHeaderBytes
        var data = header + page.elements.count * Format.elementBytes
        page.node.entries.withUnsafeBufferPointer { entries in
            for entry in entries[page.elements] {
                let count = entry.keyCount + entry.valueCount
                base.store32(entry.isBucket ? Format.bucketFlag : 0, header)
                base.store32(UInt32(data - header), header + 4)
                base.store32(UInt32(entry.keyCount), header + 8)
                base.store32(UInt32(entry.valueCount), header + 12)
                (base + data).copyMemory(from: entry.key.pointer, byteCount: count)
                header += Format.elementBytes
                data += count
            }
        }
        return data
    }

    private func branch(_ page: PlannedPage, _ base: UnsafeMutableRawPointer) -> Int {
        base.storeHeader(
            page: page.run.first, flags: Format.branchFlag, count: page.elements.count,
            overflow: page.run.count - 1)
        var header = Format.pageHeaderBytes
        var data = header + page.elements.count * Format.elementBytes
        for child in page.node.children[page.elements] {
            base.store32(UInt32(data - header), header)
            base.store32(UInt32(child.key.count), header + 4)
            base.store64(child.page, header + 8)
            (base + data).copyMemory(from: child.key.pointer, byteCount: child.key.count)
            header += Format.elementBytes
            data += child.key.count
        }
        return data
    }
}
