//  Events in the form in which they go out, made once and shared by everybody who takes them.

import Protobuf
package import RuntimeCore

/// The events of one response, encoded as field 11 of `WatchResponse`.
///
/// Immutable and shared: by all watchers of a write that take the same events, and event by event
/// between responses. A response is its other fields followed by the frames in order; between two
/// frames it may be cut into fragments.
package final class EncodedEvents: Sendable {
    private let first: Bytes
    /// Apart from the first, so that the usual single event needs no list.
    private let others: [Bytes]
    /// Of all frames together.
    package let byteCount: Int

    package init(_ frame: Bytes) {
        first = frame
        others = []
        byteCount = frame.count
    }

    /// `frames` must not be empty.
    package init(_ frames: [Bytes]) {
        precondition(!frames.isEmpty)
        first = frames[0]
        others = Array(frames.dropFirst())
        byteCount = frames.reduce(0) { $0 + $1.count }
    }

    package var count: Int { others.count + 1 }

    /// One event with its tag and length.
    package subscript(position: Int) -> Bytes { position == 0 ? first : others[position - 1] }

    package func append(_ range: Range<Int>, to output: inout [UInt8]) {
        for position in range { output.append(contentsOf: self[position]) }
    }

    /// The events in portions whose frames stay below `bytes`; a larger event stands alone.
    package func fragments(below bytes: Int) -> [Range<Int>] {
        if byteCount < bytes { return [0..<count] }
        var fragments: [Range<Int>] = []
        var start = 0
        var size = 0
        for position in 0..<count {
            let next = self[position].count
            if position > start, size + next >= bytes {
                fragments.append(start..<position)
                start = position
                size = 0
            }
            size += next
        }
        fragments.append(start..<count)
        return fragments
    }
}

extension StoreEvent {
    /// This event as one element of `WatchResponse.events`.
    func frame(previous: Bytes? = nil) -> Bytes {
        // A stored deletion knows its key only, its event also tells when.
        let kvSize =
            isDelete
            ? ProtobufSize.field(1, count: key.count)
                + ProtobufSize.field(3, UInt64(bitPattern: modRevision)) : record.count
        var size = ProtobufSize.field(2, count: kvSize)
        if isDelete { size += ProtobufSize.field(1, 1) }
        if let previous { size += ProtobufSize.field(3, count: previous.count) }
        var frame: [UInt8] = []
        frame.reserveCapacity(ProtobufSize.field(11, count: size))
        frame.appendHeader(11, count: size)
        if isDelete { frame.appendField(1, 1) }
        frame.appendHeader(2, count: kvSize)
        if isDelete {
            frame.appendField(1, key)
            frame.appendField(3, signed: modRevision)
        } else {
            frame.append(contentsOf: record)
        }
        if let previous { frame.appendField(3, previous) }
        return Bytes(frame)
    }

    /// Whether there may have been a value before; not for the first put of a key.
    var mayHavePrevious: Bool { isDelete || createRevision != modRevision }
}

/// One event on its way to many watchers: encoded when the first of them takes it, once with and
/// once without the previous value.
struct EventEncoder {
    let event: StoreEvent
    private var plain: EncodedEvents?
    private var withPrevious: EncodedEvents?

    init(_ event: StoreEvent) { self.event = event }

    mutating func encoded(previousFrom history: (any WatchHistory)?) -> EncodedEvents {
        guard let history, event.mayHavePrevious else {
            if let plain { return plain }
            let made = EncodedEvents(event.frame())
            plain = made
            return made
        }
        if let withPrevious { return withPrevious }
        let made: EncodedEvents
        if let previous = history.previousValue(of: event.key, before: event.modRevision) {
            made = EncodedEvents(event.frame(previous: previous))
        } else {
            made = encoded(previousFrom: nil)
        }
        withPrevious = made
        return made
    }
}

/// The events of one revision on their way to watchers that take some of them each.
struct RevisionEncoder {
    private var events: [EventEncoder]
    private var allPlain: EncodedEvents?
    private var allWithPrevious: EncodedEvents?

    init(_ events: [StoreEvent]) { self.events = events.map { EventEncoder($0) } }

    subscript(position: Int32) -> StoreEvent { events[Int(position)].event }

    /// The events at `positions`, which ascend and are at least one.
    mutating func encoded(
        _ positions: [Int32], previousFrom history: (any WatchHistory)?
    ) -> EncodedEvents {
        if positions.count == 1 {
            return events[Int(positions[0])].encoded(previousFrom: history)
        }
        let isAll = positions.count == events.count
        if isAll, let made = history == nil ? allPlain : allWithPrevious { return made }
        let made = EncodedEvents(
            positions.map { events[Int($0)].encoded(previousFrom: history)[0] })
        if isAll {
            if history == nil { allPlain = made } else { allWithPrevious = made }
        }
        return made
    }
}
