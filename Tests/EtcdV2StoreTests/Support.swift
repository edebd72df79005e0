//  Short forms for the tests: times in seconds, keys below `/1`, JSON as text.

import EtcdV2Store
import RuntimeCore

/// Seconds after the beginning of the tests' time.
func time(_ seconds: Int64, nanoseconds: Int64 = 0) -> WallTime {
    WallTime(unixNanoseconds: 1_700_000_000_000_000_000 + seconds * 1_000_000_000 + nanoseconds)
}

extension V2Event {
    /// As the client reads it.
    var json: String {
        var bytes: [UInt8] = []
        writeJSON(into: &bytes, noValueOnSuccess: false, strippingPrefixLength: 2)
        return String(decoding: bytes.dropLast(), as: UTF8.self)
    }
}

extension V2Store {
    @discardableResult
    func put(
        _ key: String, _ value: String = "", dir: Bool = false, expires: WallTime? = nil,
        refresh: Bool = false, now: WallTime = time(0)
    ) throws(V2Error) -> V2Event {
        try set(
            Bytes("/1" + key), isDirectory: dir, value: Bytes(value), expiration: expires,
            refresh: refresh, now: now)
    }

    func read(_ key: String, recursive: Bool = false, now: WallTime = time(0)) throws(V2Error)
        -> V2Event
    {
        try get(Bytes("/1" + key), recursive: recursive, sorted: true, now: now)
    }

    @discardableResult
    func remove(_ key: String, now: WallTime = time(0)) throws(V2Error) -> V2Event {
        try delete(Bytes("/1" + key), isDirectory: true, recursive: true, now: now)
    }

    /// Registers a watch that history cannot answer.
    func wait(
        _ key: String, recursive: Bool = false, stream: Bool = false, since: UInt64 = 0
    ) throws -> V2WatchID {
        let start = try watch(
            Bytes("/1" + key), recursive: recursive, stream: stream, since: since)
        guard case .waiting(let id, _) = start else { throw NotWaiting() }
        return id
    }
}

struct NotWaiting: Error {}
