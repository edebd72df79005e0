//  The requests of the scenarios, as they go on the wire.

enum Messages {
    static func watch(_ key: String) -> [UInt8] { prefixed(field(1, field(1, Array(key.utf8)))) }

    static func put(_ key: String, _ value: [UInt8]) -> [UInt8] {
        prefixed(field(1, Array(key.utf8)) + field(2, value))
    }

    static func grant(_ id: Int, ttl: Int) -> [UInt8] { prefixed(field(1, ttl) + field(2, id)) }

    static func keepAlive(_ id: Int) -> [UInt8] { prefixed(field(1, id)) }

    private static func prefixed(_ message: [UInt8]) -> [UInt8] {
        var bytes: [UInt8] = [0]
        appendNumber(message.count, bytes: 4, to: &bytes)
        return bytes + message
    }

    private static func field(_ number: UInt8, _ value: [UInt8]) -> [UInt8] {
        [number << 3 | 2] + variable(value.count) + value
    }

    private static func field(_ number: UInt8, _ value: Int) -> [UInt8] {
        [number << 3] + variable(value)
    }

    private static func variable(_ value: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        var rest = value
        while rest > 127 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 128)
            rest >>= 7
        }
        return bytes + [UInt8(rest)]
    }
}
