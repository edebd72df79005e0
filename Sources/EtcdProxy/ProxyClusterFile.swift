//  What a proxy remembers between its runs: where members are reached (spec peer-and-disk 5).

import Protobuf
package import RuntimeCore

/// `DATADIR/proxy/cluster`.
package struct ProxyClusterFile: Sendable {
    package struct Malformed: Error, Sendable, CustomStringConvertible {
        package let description: String
    }

    package let directory: String
    package var path: String { "\(directory)/cluster" }

    /// - Parameter directory: `DATADIR/proxy`.
    package init(directory: String) { self.directory = directory }

    /// The peer URLs it holds; `nil` when there is no file, or none in it. Throws `FileError` or
    /// `Malformed`.
    package func read(in files: some FileSystem) throws -> [String]? {
        guard try files.info(path) != nil else { return nil }
        let bytes = try files.contents(of: path)
        func refusal(_ reason: String) -> Malformed {
            Malformed(
                description: "proxy cluster file \(path): \(reason); remove it to start from "
                    + "--initial-cluster")
        }
        let value: JSONValue
        do throws(JSONError) {
            value = try JSONValue.parse(Bytes(bytes))
        } catch {
            throw refusal(error.description)
        }
        guard let urls = value["PeerURLs"]?.strings else {
            throw refusal("no list of texts named PeerURLs")
        }
        return urls.isEmpty ? nil : urls
    }

    package func write(_ peerURLs: [String], in files: some FileSystem) throws(FileError) {
        var text = Array("{\"PeerURLs\":[".utf8)
        for (position, url) in peerURLs.enumerated() {
            if position > 0 { text.append(UInt8(ascii: ",")) }
            JSONValue.writeString(Bytes(url), into: &text)
        }
        text += Array("]}".utf8)
        try files.replaceAtomically(
            path, temporary: path + ".bak", with: text, permissions: 0o600)
    }
}
