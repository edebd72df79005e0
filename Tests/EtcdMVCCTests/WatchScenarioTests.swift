//  Runs the scenario files of `testdata/watch`: the life of watchers as a client sees it.

import EtcdMVCC
import EtcdProto
import RuntimeCore
import Scenario
import Testing

@Suite("Watch: scenarios")
struct WatchScenarioTests {
    private static let folder = "testdata/watch"

    @Test(
        "each scenario file plays out as written", arguments: try ScenarioRunner.files(in: folder))
    func scenario(path: String) throws {
        var stage = WatchStage()
        let mismatches = try ScenarioRunner.run(path) { try stage.execute($0) }
        #expect(mismatches.isEmpty, "\(mismatches.map(\.description).joined(separator: "\n\n"))")
    }

    @Test("watching is documented by at least four scenarios")
    func count() throws {
        #expect(try ScenarioRunner.files(in: Self.folder).count >= 4)
    }
}

/// A command that the stage does not know.
private struct UnknownCommand: Error {
    let name: String
}

/// The hub and what a scenario may do with it. Streams are opened when first mentioned.
private struct WatchStage {
    private var fixture: WatchFixture
    private var settings = WatchHub.Settings()
    private var now = at(0)

    init() { fixture = WatchFixture(settings) }

    mutating func execute(_ command: ScenarioCommand) throws -> String {
        switch command.name {
        case "bounds": return bound(command)
        case "write": return write(command)
        case "compact":
            fixture.history.compact(at: Int64(command.words.first!)!)
            return ""
        case "watch": return watch(command)
        case "run": return run(command)
        case "read": return read(command)
        default: break
        }
        let stream = UInt64(command.words.first ?? "") ?? 0
        switch command.name {
        case "cancel": fixture.hub.cancel(stream, Int64(command.integer("id") ?? 0))
        case "ask-progress": fixture.hub.requestProgress(stream)
        case "close": fixture.close(stream)
        case "end-all": fixture.hub.endAll()
        default: throw UnknownCommand(name: command.name)
        }
        return dirty()
    }

    /// Starts over with other bounds.
    private mutating func bound(_ command: ScenarioCommand) -> String {
        if let value = command.integer("deliveries") { settings.outboxDeliveriesMax = value }
        if let value = command.integer("history") { settings.runRevisionsMax = value }
        if let value = command.integer("response") { settings.responseRevisionsMax = value }
        if let value = command.integer("progress") {
            settings.progressMilliseconds = UInt64(value)
        }
        fixture = WatchFixture(settings)
        return ""
    }

    /// `key=value` puts, a bare `key` deletes; all in one revision.
    private mutating func write(_ command: ScenarioCommand) -> String {
        fixture.write(
            command.arguments.map { (Bytes($0.name), $0.values.first.map { Bytes($0) }) })
        return "revision \(fixture.history.currentRevision)" + prefixed(dirty())
    }

    private mutating func watch(_ command: ScenarioCommand) -> String {
        let stream = UInt64(command.words.first!)!
        if !fixture.isOpen(stream) { fixture.open(stream) }
        var request = WatchCreateRequest(
            command.value("key") ?? "",
            to: command.value("to").map { $0 == "end" ? "\0" : $0 } ?? "",
            from: Int64(command.integer("from") ?? 0), id: Int64(command.integer("id") ?? 0))
        request.prevKV = command.has("previous")
        request.progressNotify = command.has("progress")
        request.fragment = command.has("fragment")
        if command.has("noput") { request.filters.append(.noput) }
        if command.has("nodelete") { request.filters.append(.nodelete) }
        fixture.create(stream, now: now, request)
        return dirty()
    }

    /// Once, or with `after=` milliseconds later.
    private mutating func run(_ command: ScenarioCommand) -> String {
        now = now.advanced(byMilliseconds: UInt64(command.integer("after") ?? 0))
        fixture.hub.run(now: now)
        let slow = fixture.hub.counts.slowWatchers
        let again = fixture.hub.wakeAt.map { $0 <= now } ?? false
        return "\(slow) slow" + (again ? ", more to do" : "") + prefixed(dirty())
    }

    private mutating func read(_ command: ScenarioCommand) -> String {
        let stream = UInt64(command.words.first!)!
        let deliveries = fixture.outboxes[stream]?.take(max: command.integer("max") ?? .max) ?? []
        var lines = deliveries.map(\.text)
        if fixture.outboxes[stream]?.takeWantsDrainNotice() ?? false {
            lines.append("tell the hub that it is drained")
            fixture.hub.drained(stream)
        }
        return lines.isEmpty ? "nothing" : lines.joined(separator: "\n")
    }

    private func dirty() -> String {
        let streams = fixture.hub.takeDirty()
        return streams.isEmpty
            ? "" : "wake " + streams.map { "stream \($0)" }.joined(separator: ", ")
    }

    private func prefixed(_ text: String) -> String { text.isEmpty ? "" : "\n" + text }
}

extension WatchFixture {
    fileprivate func isOpen(_ streamID: UInt64) -> Bool { outboxes[streamID] != nil }
}
