//  Deflate (RFC 1951): blocks of literal bytes and copies of what came before, in Huffman codes.

import RuntimeCore

/// Reads bytes and blocks from a buffer that may contain anything.
struct DeflateReader {
    private let input: Bytes
    private let bytesMax: Int
    private var position = 0
    /// Bits taken from the input and not used yet, the next one lowest.
    private var bits: UInt32 = 0
    private var bitCount = 0
    private(set) var output: [UInt8] = []

    init(_ input: Bytes, bytesMax: Int) {
        self.input = input
        self.bytesMax = bytesMax
    }

    var isAtEnd: Bool { position == input.count }

    // MARK: whole bytes, between blocks

    mutating func byte() throws(GzipError) -> UInt8 {
        guard position < input.count else { throw .truncated }
        defer { position += 1 }
        return input[position]
    }

    /// Four bytes, the lowest first.
    mutating func word() throws(GzipError) -> UInt32 {
        var value: UInt32 = 0
        for shift in [UInt32(0), 8, 16, 24] { value |= UInt32(try byte()) << shift }
        return value
    }

    // MARK: blocks

    /// Appends the content of one deflate stream to `output`.
    mutating func inflate() throws(GzipError) {
        var isLast = false
        while !isLast {
            isLast = try take(1) == 1
            switch try take(2) {
            case 0: try copyStored()
            case 1: try decode(.fixedLiterals, .fixedDistances)
            case 2:
                let (literals, distances) = try readCodes()
                try decode(literals, distances)
            default: throw .invalidData
            }
        }
        bits = 0
        bitCount = 0
    }

    private mutating func take(_ count: Int) throws(GzipError) -> Int {
        while bitCount < count {
            bits |= UInt32(try byte()) << UInt32(bitCount)
            bitCount += 8
        }
        let value = bits & ((1 << UInt32(count)) - 1)
        bits >>= UInt32(count)
        bitCount -= count
        return Int(value)
    }

    private mutating func append(_ byte: UInt8) throws(GzipError) {
        if output.count == bytesMax { throw .tooLarge }
        output.append(byte)
    }

    private mutating func copyStored() throws(GzipError) {
        bits = 0
        bitCount = 0
        let count = Int(try byte()) | Int(try byte()) << 8
        let complement = Int(try byte()) | Int(try byte()) << 8
        guard count == ~complement & 0xFFFF else { throw .invalidData }
        for _ in 0..<count { try append(try byte()) }
    }

    private mutating func decode(_ literals: HuffmanCode, _ distances: HuffmanCode)
        throws(GzipError)
    {
        while true {
            let symbol = try next(literals)
            switch symbol {
            case 0..<256: try append(UInt8(symbol))
            case 256: return
            case 257..<286:
                let (base, extra) = Self.lengths[symbol - 257]
                let length = base + (try take(extra))
                let code = try next(distances)
                guard code < Self.distances.count else { throw .invalidData }
                let distance = Self.distances[code].base + (try take(Self.distances[code].extra))
                guard distance <= output.count else { throw .invalidData }
                for _ in 0..<length { try append(output[output.count - distance]) }
            default: throw .invalidData
            }
        }
    }

    /// Bit by bit: a code of n bits is the n-bit number that the canonical order gives it.
    private mutating func next(_ code: HuffmanCode) throws(GzipError) -> Int {
        var value = 0
        for length in 1...HuffmanCode.bitsMax {
            value = value << 1 | (try take(1))
            if let symbol = code.symbol(value, length: length) { return symbol }
        }
        throw .invalidData
    }

    /// The order in which the lengths of the code for code lengths are written.
    private static let order = [
        16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15,
    ]

    private mutating func readCodes() throws(GzipError) -> (HuffmanCode, HuffmanCode) {
        let literalCount = 257 + (try take(5))
        let distanceCount = 1 + (try take(5))
        let orderCount = 4 + (try take(4))
        var meta = Array(repeating: 0, count: Self.order.count)
        for index in 0..<orderCount { meta[Self.order[index]] = try take(3) }
        let code = try HuffmanCode(lengths: meta)
        var lengths: [Int] = []
        while lengths.count < literalCount + distanceCount {
            let symbol = try next(code)
            switch symbol {
            case 0..<16: lengths.append(symbol)
            case 16:
                guard let last = lengths.last else { throw .invalidData }
                lengths += Array(repeating: last, count: 3 + (try take(2)))
            case 17: lengths += Array(repeating: 0, count: 3 + (try take(3)))
            default: lengths += Array(repeating: 0, count: 11 + (try take(7)))
            }
        }
        guard lengths.count == literalCount + distanceCount else { throw .invalidData }
        return (
            try HuffmanCode(lengths: Array(lengths[..<literalCount])),
            try HuffmanCode(lengths: Array(lengths[literalCount...]))
        )
    }

    /// Symbols 257 on: the shortest copy of each, and how many bits add to it.
    private static let lengths: [(base: Int, extra: Int)] = {
        var table = bases(from: 3, count: 28, flat: 8, perStep: 4)
        table.append((258, 0))
        return table
    }()

    private static let distances = bases(from: 1, count: 30, flat: 4, perStep: 2)

    /// The first `flat` symbols stand for one value each, then every `perStep` symbols twice as
    /// many as before.
    private static func bases(from first: Int, count: Int, flat: Int, perStep: Int)
        -> [(base: Int, extra: Int)]
    {
        var table: [(base: Int, extra: Int)] = []
        var base = first
        for symbol in 0..<count {
            let extra = symbol < flat ? 0 : (symbol - flat) / perStep + 1
            table.append((base, extra))
            base += 1 << extra
        }
        return table
    }
}

/// A canonical Huffman code: shorter codes first, and of one length in the order of the symbols.
struct HuffmanCode {
    static let bitsMax = 15

    /// Symbols in the order of their codes.
    private var symbols: [Int] = []
    /// Per length: the first code, its position in `symbols`, and how many there are.
    private var ranges: [(first: Int, position: Int, count: Int)] = []

    static let fixedLiterals = HuffmanCode(
        complete: Array(repeating: 8, count: 144) + Array(repeating: 9, count: 112)
            + Array(repeating: 7, count: 24) + Array(repeating: 8, count: 8))
    static let fixedDistances = HuffmanCode(complete: Array(repeating: 5, count: 30))

    /// - Parameter lengths: bits of each symbol's code, 0 for none.
    init(lengths: [Int]) throws(GzipError) {
        self.init(complete: lengths)
        var room = 1
        for range in ranges {
            room = room * 2 - range.count
            if room < 0 { throw .invalidData }
        }
    }

    private init(complete lengths: [Int]) {
        var code = 0
        for length in 1...HuffmanCode.bitsMax {
            code <<= 1
            let position = symbols.count
            for (symbol, bits) in lengths.enumerated() where bits == length {
                symbols.append(symbol)
            }
            let count = symbols.count - position
            ranges.append((code, position, count))
            code += count
        }
    }

    func symbol(_ code: Int, length: Int) -> Int? {
        let range = ranges[length - 1]
        let offset = code - range.first
        return offset >= 0 && offset < range.count ? symbols[range.position + offset] : nil
    }
}
