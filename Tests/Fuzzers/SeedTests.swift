//  No input that ever brought a parser down, and none that the fuzzers start from, does so again.

import Glibc
import Testing

@Suite("Seeds of the fuzzers", .timeLimit(.minutes(5)))
struct SeedTests {
    private static let folder: String = {
        var parts = #filePath.split(separator: "/").map(String.init)
        parts.removeLast()
        return "/" + parts.joined(separator: "/") + "/seeds"
    }()

    private static func names(in path: String) -> [String] {
        guard let directory = opendir(path) else { return [] }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if !name.hasPrefix(".") { names.append(name) }
        }
        return names.sorted()
    }

    private static func content(of path: String) -> [UInt8]? {
        guard let file = fopen(path, "r") else { return nil }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = fread(&buffer, 1, buffer.count, file)
            if count == 0 { return bytes }
            bytes += buffer[..<count]
        }
    }

    @Test("bring no parser down", arguments: FuzzTarget.allCases)
    func replay(_ target: FuzzTarget) throws {
        let folder = "\(Self.folder)/\(target.rawValue)"
        let names = Self.names(in: folder)
        #expect(!names.isEmpty, "no seeds in \(folder)")
        for name in names {
            let input = try #require(Self.content(of: "\(folder)/\(name)"))
            target.run(input)
            // Cut short, and in small pieces.
            target.run(Array(input.prefix(input.count / 2)))
            if !input.isEmpty { target.run([1] + input.dropFirst()) }
        }
    }

    @Test("belong to targets that exist")
    func folders() {
        #expect(Set(Self.names(in: Self.folder)) == Set(FuzzTarget.allCases.map(\.rawValue)))
    }
}
