//  Writing the store in etcd's saved form, the content of its raft snapshots (spec peer-and-disk
//  4.2): every member of a cluster can read what another one has written.

import RuntimeCore

extension V2Store {
    /// Version of the saved form.
    static let savedVersion: UInt64 = 2
    /// Stands for "never" where a time must stand.
    static let noTime: StaticString = "0001-01-01T00:00:00Z"

    /// The store as etcd would save it, byte for byte.
    package func save() -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.append("{\"Root\":")
        var path: [UInt8] = []
        Self.write(root, at: &path, into: &bytes)
        bytes.append(",\"WatcherHub\":{\"EventHistory\":")
        history.writeJSON(into: &bytes)
        bytes.append("},\"CurrentIndex\":")
        bytes.appendDecimal(currentIndex)
        bytes.append(",\"Stats\":")
        statistics.writeJSON(into: &bytes)
        bytes.append(",\"CurrentVersion\":")
        bytes.appendDecimal(Self.savedVersion)
        bytes.append(UInt8(ascii: "}"))
        return bytes
    }

    /// `path` is escaped already, empty for the root, and the same again afterwards.
    private static func write(
        _ node: V2Node, at path: inout [UInt8], into bytes: inout [UInt8]
    ) {
        bytes.append("{\"Path\":\"")
        if path.isEmpty {
            bytes.append(V2Path.slash)
        } else {
            bytes.append(contentsOf: path)
        }
        bytes.append("\",\"CreatedIndex\":")
        bytes.appendDecimal(node.createdIndex)
        bytes.append(",\"ModifiedIndex\":")
        bytes.appendDecimal(node.modifiedIndex)
        bytes.append(",\"ExpireTime\":\"")
        if let expiration = node.expiration {
            RFC3339.write(expiration, into: &bytes)
        } else {
            bytes.append(noTime)
        }
        bytes.append("\",\"Value\":")
        bytes.appendJSONString(node.value)
        bytes.append(",\"Children\":")
        if node.isDirectory {
            writeChildren(of: node, at: &path, into: &bytes)
        } else {
            bytes.append("null")
        }
        bytes.append(UInt8(ascii: "}"))
    }

    private static func writeChildren(
        of node: V2Node, at path: inout [UInt8], into bytes: inout [UInt8]
    ) {
        let length = path.count
        bytes.append(UInt8(ascii: "{"))
        for (position, (name, child)) in node.sortedChildren.enumerated() {
            if position > 0 { bytes.append(UInt8(ascii: ",")) }
            bytes.appendJSONString(name.bytes)
            bytes.append(UInt8(ascii: ":"))
            path.append(V2Path.slash)
            path.appendEscaped(name.bytes)
            write(child, at: &path, into: &bytes)
            path.removeLast(path.count - length)
        }
        bytes.append(UInt8(ascii: "}"))
    }
}

extension V2History {
    func writeJSON(into bytes: inout [UInt8]) {
        bytes.append("{\"Queue\":{\"Events\":[")
        for slot in 0..<Self.capacity {
            if slot > 0 { bytes.append(UInt8(ascii: ",")) }
            if slot < slots.count, let event = slots[slot] {
                event.writeSavedJSON(into: &bytes)
            } else {
                bytes.append("null")
            }
        }
        bytes.append("],\"Size\":")
        bytes.appendDecimal(UInt64(count))
        bytes.append(",\"Front\":")
        bytes.appendDecimal(UInt64(front))
        bytes.append(",\"Back\":")
        bytes.appendDecimal(UInt64(back))
        bytes.append(",\"Capacity\":")
        bytes.appendDecimal(UInt64(Self.capacity))
        bytes.append("},\"StartIndex\":")
        bytes.appendDecimal(startIndex)
        bytes.append(",\"LastIndex\":")
        bytes.appendDecimal(lastIndex)
        bytes.append(UInt8(ascii: "}"))
    }
}
