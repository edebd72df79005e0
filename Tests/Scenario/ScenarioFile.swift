//  The scenario language: files of commands with the text that each must answer, so that a test
//  reads as documentation and a change of behaviour shows as a change of text.
//
//      # A comment; it belongs to the block that follows.
//      command argument key=value key=(a b c)
//      further input lines
//      ----
//      expected output
//
//  Blocks are separated by blank lines. Output that contains blank lines is enclosed in a second
//  `----` line at its beginning and two at its end.

/// One directive: what to do, with which arguments, and what must come out.
package struct ScenarioCommand: Sendable {
    /// Where the directive starts, counted from 1.
    package let line: Int
    package let name: String
    /// Arguments in order; one without `=` has an empty list of values.
    package let arguments: [Argument]
    /// Input lines between the directive and `----`.
    package let input: [String]
    package let expected: String

    /// `name`, `name=value` or `name=(value value)`.
    package struct Argument: Sendable, Hashable {
        package let name: String
        package let values: [String]
    }

    /// Names of the arguments without a value, in order.
    package var words: [String] { arguments.filter { $0.values.isEmpty }.map(\.name) }

    package func values(_ name: String) -> [String]? {
        arguments.first { $0.name == name && !$0.values.isEmpty }?.values
    }

    package func value(_ name: String) -> String? { values(name)?.first }

    package func integer(_ name: String) -> Int? { value(name).flatMap { Int($0) } }

    package func has(_ word: String) -> Bool { words.contains(word) }
}

/// A file that is no scenario, with the line at which it stops being one.
package struct ScenarioSyntaxError: Error, Sendable, CustomStringConvertible {
    package let line: Int
    package let reason: String

    package var description: String { "line \(line): \(reason)" }
}

/// A parsed scenario, able to write itself with new outputs.
package struct ScenarioFile: Sendable {
    /// Text of a block up to and including its `----`, and the command in it; a block of comments
    /// alone has no command.
    private struct Block: Sendable {
        var head: [String]
        var command: ScenarioCommand?
    }

    private var blocks: [Block] = []

    package var commands: [ScenarioCommand] { blocks.compactMap(\.command) }

    package init(_ text: String) throws(ScenarioSyntaxError) {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        var next = 0
        while next < lines.count {
            if lines[next].isEmpty {
                next += 1
                continue
            }
            blocks.append(try Self.parseBlock(lines, &next))
        }
    }

    /// The file with `outputs` in place of what was expected; one for each command.
    package func text(with outputs: [String]) -> String {
        precondition(outputs.count == commands.count)
        var remaining = outputs[...]
        var parts: [String] = []
        for block in blocks {
            var lines = block.head
            if block.command != nil { lines += Self.outputLines(remaining.removeFirst()) }
            parts.append(lines.joined(separator: "\n"))
        }
        return parts.joined(separator: "\n\n") + "\n"
    }

    private static func outputLines(_ output: String) -> [String] {
        guard !output.isEmpty else { return [] }
        let lines = output.split(separator: "\n", omittingEmptySubsequences: false)
            .map(String.init)
        return lines.contains("") ? ["----"] + lines + ["----", "----"] : lines
    }

    private static func parseBlock(
        _ lines: [String], _ next: inout Int
    ) throws(ScenarioSyntaxError) -> Block {
        var head: [String] = []
        while next < lines.count, lines[next].hasPrefix("#") {
            head.append(lines[next])
            next += 1
        }
        guard next < lines.count, !lines[next].isEmpty else {
            return Block(head: head, command: nil)
        }
        let start = next
        var body: [String] = []
        while next < lines.count, lines[next] != "----" {
            guard !lines[next].isEmpty else { break }
            body.append(lines[next])
            next += 1
        }
        guard next < lines.count, lines[next] == "----", let directive = body.first else {
            throw ScenarioSyntaxError(line: start + 1, reason: "a directive without ----")
        }
        next += 1
        let expected = try parseOutput(lines, &next)
        let words = try parseArguments(directive, line: start + 1)
        return Block(
            head: head + body + ["----"],
            command: ScenarioCommand(
                line: start + 1, name: words[0].name, arguments: Array(words.dropFirst()),
                input: Array(body.dropFirst()), expected: expected))
    }

    private static func parseOutput(
        _ lines: [String], _ next: inout Int
    ) throws(ScenarioSyntaxError) -> String {
        let start = next
        var output: [String] = []
        guard next < lines.count, lines[next] == "----" else {
            while next < lines.count, !lines[next].isEmpty {
                output.append(lines[next])
                next += 1
            }
            return output.joined(separator: "\n")
        }
        next += 1
        while next + 1 < lines.count, lines[next] != "----" || lines[next + 1] != "----" {
            output.append(lines[next])
            next += 1
        }
        guard next + 1 < lines.count else {
            throw ScenarioSyntaxError(line: start, reason: "an output without its closing lines")
        }
        next += 2
        return output.joined(separator: "\n")
    }

    private static func parseArguments(
        _ text: String, line: Int
    ) throws(ScenarioSyntaxError) -> [ScenarioCommand.Argument] {
        var result: [ScenarioCommand.Argument] = []
        var rest = text.drop { $0 == " " }
        while !rest.isEmpty {
            let name = rest.prefix { $0 != " " && $0 != "=" }
            guard !name.isEmpty else {
                throw ScenarioSyntaxError(line: line, reason: "a value without a name")
            }
            rest = rest.dropFirst(name.count)
            var values: [String] = []
            if rest.first == "=" {
                rest = rest.dropFirst()
                if rest.first == "(" {
                    guard let end = rest.firstIndex(of: ")") else {
                        throw ScenarioSyntaxError(line: line, reason: "a list without )")
                    }
                    values = rest[rest.index(after: rest.startIndex)..<end]
                        .split(separator: " ").map(String.init)
                    rest = rest[rest.index(after: end)...]
                } else {
                    values = [String(rest.prefix { $0 != " " })]
                    rest = rest.dropFirst(values[0].count)
                }
            }
            result.append(.init(name: String(name), values: values))
            rest = rest.drop { $0 == " " }
        }
        return result
    }
}
