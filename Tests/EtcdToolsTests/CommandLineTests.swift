//  The command line of the tools: what is taken, what is refused, and in which words.

import Testing

@testable import EtcdTools

@Suite struct CommandLineTests {
    private static let tree = ToolCommand(
        use: "tool", short: "",
        subcommands: [
            ToolCommand(
                use: "snapshot <subcommand>", short: "Manages etcd node snapshots",
                subcommands: [
                    ToolCommand(
                        use: "restore <filename> --data-dir {output dir} [options]",
                        short: "Restores an etcd member snapshot to an etcd directory",
                        flags: [
                            .text(
                                "data-dir", "Path to the output data directory", isRequired: true),
                            .text("name", "Human-readable name", initial: "default"),
                            .boolean("skip-hash-check", "Ignore snapshot integrity hash value"),
                            .unsigned("bump-revision", "How much to increase the revision"),
                        ],
                        body: { _ in 0 }),
                    ToolCommand(use: "status <filename>", short: "Status", body: { _ in 0 }),
                    ToolCommand(
                        use: "save <filename>", short: "Save", isHidden: true, body: { _ in 0 }),
                ]),
            ToolCommand(
                use: "hashkv <filename>", short: "Hash", flags: [.signed("rev", "revision")],
                argumentCount: 1, body: { _ in 0 }),
        ])

    private func read(_ line: String) throws -> (ToolPath, ToolInvocation?) {
        var path = ToolPath(root: Self.tree)
        let rest = try path.resolve(line.split(separator: " ").map { String($0) })
        let invocation = try path.parse(rest)
        if let invocation { try path.check(invocation) }
        return (path, invocation)
    }

    @Test(
        "Flags stand anywhere, in every spelling that pflag takes",
        arguments: [
            "snapshot restore --data-dir=d file", "snapshot restore file --data-dir d",
            "--write-out simple snapshot restore file --data-dir d",
            "snapshot -w simple restore --data-dir d -- file", "snap rest file --data-dir d",
            "snapshot --data-dir=d restore file",
        ])
    func spellings(_ line: String) throws {
        let (path, invocation) = try read(line)
        #expect(path.text == "tool snapshot restore")
        #expect(invocation?.text("data-dir") == "d")
        #expect(invocation?.arguments == ["file"])
        #expect(invocation?.text("name") == "default")
        #expect(invocation?.isGiven("name") == false)
    }

    @Test("Switches need no value, and take one behind an equals sign")
    func switches() throws {
        let on = try read("snapshot restore --data-dir d --skip-hash-check f").1
        #expect(on?.isOn("skip-hash-check") == true)
        let off = try read("snapshot restore --data-dir d --skip-hash-check=F f").1
        #expect(off?.isOn("skip-hash-check") == false)
        #expect(try read("snapshot status f -wjson").1?.text("write-out") == "json")
        #expect(try read("snapshot status f -w=json").1?.text("write-out") == "json")
        #expect(try read("snapshot status f -h").1 == nil)
    }

    @Test(
        "What is wrong is said in the words of cobra and pflag",
        arguments: [
            ("snapshot restore f", "required flag(s) \"data-dir\" not set"),
            ("snapshot restore --nosuch f", "unknown flag: --nosuch"),
            ("snapshot restore -x f", "unknown shorthand flag: 'x' in -x"),
            ("snapshot restore --data-dir", "flag needs an argument: --data-dir"),
            ("snapshot status f -w", "flag needs an argument: 'w' in -w"),
            ("snapshot status --=a", "bad flag syntax: --=a"),
            (
                "snapshot restore --skip-hash-check=maybe f",
                "invalid argument \"maybe\" for \"--skip-hash-check\" flag: strconv.ParseBool: "
                    + "parsing \"maybe\": invalid syntax"
            ),
            (
                "snapshot restore --bump-revision -1 f",
                "invalid argument \"-1\" for \"--bump-revision\" flag: strconv.ParseUint: "
                    + "parsing \"-1\": invalid syntax"
            ),
            (
                "hashkv --rev 99999999999999999999 f",
                "invalid argument \"99999999999999999999\" for \"--rev\" flag: strconv.ParseInt: "
                    + "parsing \"99999999999999999999\": value out of range"
            ),
            ("hashkv", "accepts 1 arg(s), received 0"),
            ("hashkv a b", "accepts 1 arg(s), received 2"),
        ])
    func refusals(_ line: String, _ message: String) {
        #expect(throws: ToolError.usage(message)) { _ = try read(line) }
    }

    @Test("A command that is not there is named, with those that may have been meant")
    func unknown() {
        #expect(throws: ToolError.unknownCommand("unknown command \"nosuch\" for \"tool\"")) {
            _ = try read("nosuch")
        }
        #expect(
            throws: ToolError.unknownCommand(
                "unknown command \"snapshott\" for \"tool\"\n\nDid you mean this?\n\tsnapshot\n")
        ) { _ = try read("snapshott") }
    }

    @Test("Help texts have cobra's layout")
    func help() throws {
        var path = ToolPath(root: Self.tree)
        _ = try path.resolve(["snapshot"])
        #expect(
            path.usage() == """
                Usage:
                  tool snapshot [command]

                Available Commands:
                  restore     Restores an etcd member snapshot to an etcd directory
                  status      Status

                Flags:
                  -h, --help   help for snapshot

                Global Flags:
                  -w, --write-out string   set the output format (fields, json, protobuf, \
                simple, table) (default "simple")

                Use "tool snapshot [command] --help" for more information about a command.

                """)
        _ = try path.resolve(["restore"])
        #expect(
            path.usage() == """
                Usage:
                  tool snapshot restore <filename> --data-dir {output dir} [options] [flags]

                Flags:
                      --bump-revision uint   How much to increase the revision
                      --data-dir string      Path to the output data directory
                  -h, --help                 help for restore
                      --name string          Human-readable name (default "default")
                      --skip-hash-check      Ignore snapshot integrity hash value

                Global Flags:
                  -w, --write-out string   set the output format (fields, json, protobuf, \
                simple, table) (default "simple")

                """)
    }
}
