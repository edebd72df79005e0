//  Runs the scenario files of `testdata`, and the language they are written in.

import Scenario
import Testing

@Suite("Interaction scenarios")
struct InteractionTests {
    @Test("each scenario file plays out as written", arguments: try ScenarioRunner.files())
    func scenario(path: String) throws {
        let cluster = ScenarioCluster()
        let mismatches = try ScenarioRunner.run(path) { try cluster.execute($0) }
        #expect(mismatches.isEmpty, "\(mismatches.map(\.description).joined(separator: "\n\n"))")
    }

    @Test("the protocol is documented by at least eighteen scenarios")
    func count() throws {
        #expect(try ScenarioRunner.files().count >= 18)
    }
}

@Suite("Scenario language")
struct ScenarioLanguageTests {
    @Test("arguments are words, values and lists")
    func arguments() throws {
        let file = try ScenarioFile("do it times=3 to=(a b)\nmore\n----\nok\n")
        let command = try #require(file.commands.first)
        #expect(command.name == "do")
        #expect(command.words == ["it"])
        #expect(command.integer("times") == 3)
        #expect(command.values("to") == ["a", "b"])
        #expect(command.input == ["more"])
        #expect(command.expected == "ok")
    }

    @Test("a rewritten file keeps its comments and takes the new outputs")
    func rewriting() throws {
        let file = try ScenarioFile("# why\n\n# how\none\n----\nold\n\n\ntwo\n----\n")
        #expect(
            file.text(with: ["new", "a\n\nb"])
                == "# why\n\n# how\none\n----\nnew\n\ntwo\n----\n----\na\n\nb\n----\n----\n")
    }

    @Test("what was rewritten reads back as it was written")
    func roundTrip() throws {
        let file = try ScenarioFile("one\n----\n")
        let again = try ScenarioFile(file.text(with: ["a\n\nb"]))
        #expect(again.commands.first?.expected == "a\n\nb")
    }

    @Test("a directive without a separator names its line")
    func syntaxError() {
        #expect(throws: ScenarioSyntaxError.self) { try ScenarioFile("\n\none\n") }
    }
}
