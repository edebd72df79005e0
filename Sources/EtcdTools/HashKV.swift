//  The hash by which members compare their key spaces, of a file: `hashkv`.

import EtcdBackend
import EtcdMVCC
import EtcdProto

enum HashKV {
    /// Reads the file twice. Changes nothing.
    static func compute(_ path: String, revision: Int64) throws(ToolError) -> ToolResult {
        let backend = try DatabaseFile.open(path)
        defer { backend.close() }
        let answer: HashKVResponse
        do throws(MVCCError) {
            let store = try Store.open(backend: backend)
            answer = try store.reader.hashKV(at: revision)
        } catch {
            throw ToolError(error)
        }
        func field(_ json: String, _ name: String, _ number: Int64) -> ToolResult.Field {
            ToolResult.Field(
                json: json, fields: name, table: name.lowercased(), shown: "\(number)",
                number: number)
        }
        return ToolResult(values: [
            field("hash", "Hash", Int64(answer.hash)),
            field("hashRevision", "Hash revision", answer.hashRevision),
            field("compactRevision", "Compact revision", answer.compactRevision),
        ])
    }

    static let command = ToolCommand(
        use: "hashkv <filename>", short: "Prints the KV history hash of a given file",
        flags: [.signed("rev", "maximum revision to hash (default: latest revision)")],
        argumentCount: 1,
        body: { invocation in
            try ResultFormat.check(invocation)
            let result = try compute(invocation.arguments[0], revision: invocation.signed("rev"))
            ToolOutput.write(try ResultFormat.text(result, invocation.text("write-out")))
            return 0
        })
}
