//  Results as etcd's tools write them.

import Testing

@testable import EtcdTools

@Suite struct ResultFormatTests {
    @Test(
        "Sizes for people are those of etcd",
        arguments: [
            (0, "0 B"), (9, "9 B"), (10, "10 B"), (999, "999 B"), (1_000, "1.0 kB"),
            (9_949, "9.9 kB"), (9_950, "10 kB"), (20_480, "20 kB"), (21_500, "22 kB"),
            (999_999, "1000 kB"), (1_000_000, "1.0 MB"), (16_777_216, "17 MB"),
            (2_147_483_648, "2.1 GB"),
        ])
    func sizes(_ bytes: Int, _ text: String) {
        #expect(ResultFormat.size(bytes) == text)
    }

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
