//  Results as etcd's tools write them.

import Testing

@testable import EtcdTools

@Suite struct ResultFormatTests {
    private static let result = ToolResult(values: [
        ToolResult.Field(
            json: "hash", fields: "Hash", table: "hash", shown: "af3c97df", number: 2_939_983_839),
        ToolResult.Field(
            json: "totalSize", fields: "Size", table: "total size", shown: "20 kB", number: 20_480),
    ])

    @Test("Every form has its own layout")
    func forms() throws {
        #expect(try ResultFormat.text(Self.result, "simple") == "af3c97df, 20 kB\n")
        #expect(
            try ResultFormat.text(Self.result, "json")
                == "{\"hash\":2939983839,\"totalSize\":20480}\n")
        #expect(
            try ResultFormat.text(Self.result, "fields")
                == "\"Hash\" : 2939983839\n\"Size\" : 20480\n")
        #expect(
            try ResultFormat.text(Self.result, "table") == """
                +----------+------------+
                |   HASH   | TOTAL SIZE |
                +----------+------------+
                | af3c97df |      20 kB |
                +----------+------------+

                """)
    }

    @Test("A form that has no meaning here is refused with code 4")
    func refusal() {
        let error = ToolError("protobuf not supported as output format", exitCode: 4)
        #expect(throws: error) { try ResultFormat.text(Self.result, "protobuf") }
    }
}
