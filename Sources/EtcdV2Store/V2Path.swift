//  Paths inside the store: cleaned once on the way in, then walked without copying.

import RuntimeCore

/// An absolute path without empty, `.` or `..` components and without a trailing slash.
struct V2Path: Equatable {
    /// `/`, or `/` and components joined by `/`.
    let bytes: Bytes

    static let slash = UInt8(ascii: "/")
    private static let dot = UInt8(ascii: ".")

    /// Cleans `raw` as if it stood below the root: `..` never leads above it.
    init(_ raw: Bytes) {
        bytes = Self.isClean(raw) ? raw : Self.cleaned(raw)
    }

    /// The path of a child.
    func appending(_ name: V2Name) -> V2Path {
        var joined: [UInt8] = []
        joined.reserveCapacity(bytes.count + 1 + name.bytes.count)
        if !isRoot { bytes.withBuffer { joined.append(contentsOf: $0) } }
        joined.append(Self.slash)
        name.bytes.withBuffer { joined.append(contentsOf: $0) }
        return V2Path(clean: Bytes(joined))
    }

    private init(clean: Bytes) { bytes = clean }

    static func == (left: V2Path, right: V2Path) -> Bool {
        left.bytes.hasSameContent(right.bytes)
    }

    var isRoot: Bool { bytes.count == 1 }
    var components: V2PathComponents { V2PathComponents(bytes) }

    /// Number of components; 0 for the root.
    var depth: Int {
        isRoot ? 0 : bytes.withBuffer { $0.count { $0 == Self.slash } }
    }

    private static func isClean(_ raw: Bytes) -> Bool {
        raw.withBuffer { raw in
            guard let first = raw.first, first == slash else { return false }
            if raw.count == 1 { return true }
            var start = 1
            for position in 1...raw.count
            where position == raw.count || raw[position] == slash {
                let length = position - start
                if length == 0 || (raw[start] == dot && isRelative(raw[start..<position])) {
                    return false
                }
                start = position + 1
            }
            return true
        }
    }

    private static func isRelative(_ component: Slice<UnsafeBufferPointer<UInt8>>) -> Bool {
        component.count <= 2 && component.allSatisfy { $0 == dot }
    }

    private static func cleaned(_ raw: Bytes) -> Bytes {
        var result: [UInt8] = []
        raw.withBuffer { raw in
            var start = 0
            for position in 0...raw.count
            where position == raw.count || raw[position] == slash {
                let component = raw[start..<position]
                start = position + 1
                if component.isEmpty { continue }
                if isRelative(component) {
                    if component.count == 2 { removeLastComponent(&result) }
                    continue
                }
                result.append(slash)
                result.append(contentsOf: component)
            }
        }
        return Bytes(result.isEmpty ? [slash] : result)
    }

    private static func removeLastComponent(_ path: inout [UInt8]) {
        while let last = path.popLast(), last != slash {}
    }
}

/// The components of a clean path from the root down, sharing its storage.
struct V2PathComponents: Sequence, IteratorProtocol {
    private let path: Bytes
    /// Everything before was given out: the length of the path down to the last component.
    private(set) var end: Int

    init(_ path: Bytes) {
        self.init(path, from: path.count == 1 ? 1 : 0)
    }

    /// The components after the first `end` bytes, which must themselves be such a path.
    init(_ path: Bytes, from end: Int) {
        self.path = path
        self.end = end
    }

    mutating func next() -> V2Name? {
        guard end < path.count else { return nil }
        let start = end + 1
        end = path.withBuffer { path in
            var position = start
            while position < path.count, path[position] != V2Path.slash { position += 1 }
            return position
        }
        return V2Name(path[start..<end])
    }
}
