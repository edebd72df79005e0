//  Runs scenario files, or with SCENARIO_REWRITE=1 in the environment writes what came out into
//  them, to be reviewed as the change of behaviour that it is.

import Foundation

/// One command whose output differs from the file.
package struct ScenarioMismatch: Sendable, CustomStringConvertible {
    package let path: String
    package let command: ScenarioCommand
    package let actual: String

    package var description: String {
        """
        \(path):\(command.line): \(command.name)
        --- expected
        \(command.expected)
        --- actual
        \(actual)
        """
    }
}

/// Finds and runs scenario files.
package enum ScenarioRunner {
    package static var isRewriting: Bool {
        ProcessInfo.processInfo.environment["SCENARIO_REWRITE"] == "1"
    }

    /// The `.txt` files in the directory `testdata` beside the calling source file, sorted.
    package static func files(
        beside source: String = #filePath, in folder: String = "testdata"
    ) throws -> [String] {
        let directory = URL(fileURLWithPath: source).deletingLastPathComponent()
            .appendingPathComponent(folder)
        return try FileManager.default.contentsOfDirectory(atPath: directory.path)
            .filter { $0.hasSuffix(".txt") }.sorted()
            .map { directory.appendingPathComponent($0).path }
    }

    /// Runs every command of the file in order and gives the mismatches; none when rewriting.
    package static func run(
        _ path: String, execute: (ScenarioCommand) throws -> String
    ) throws -> [ScenarioMismatch] {
        let text = try String(contentsOf: URL(fileURLWithPath: path), encoding: .utf8)
        let file = try ScenarioFile(text)
        var outputs: [String] = []
        var mismatches: [ScenarioMismatch] = []
        for command in file.commands {
            var actual = try execute(command)
            while actual.hasSuffix("\n") { actual.removeLast() }
            outputs.append(actual)
            if actual != command.expected {
                mismatches.append(
                    ScenarioMismatch(path: path, command: command, actual: actual))
            }
        }
        guard isRewriting else { return mismatches }
        try file.text(with: outputs).write(
            to: URL(fileURLWithPath: path), atomically: true, encoding: .utf8)
        return []
    }
}
