//  Which pages may be written: one bit for each, set when the page is free.

/// The free pages of a file. Looking for a page goes on where the last one was found, so that what
/// is written together stands together.
struct FreePages {
    private var words: [UInt64] = []
    private(set) var count = 0
    /// Where the next search begins.
    private var hint = 0
    /// No run of this many pages is free; holds until a page is freed.
    private var missingRun = Int.max

    /// Makes a run free; pages of it that are free already stay so.
    mutating func insert(_ run: PageRun) {
        precondition(run.first >= Format.firstTreePage && run.count > 0)
        let end = Int(run.end)
        if words.count * 64 < end {
            words += [UInt64](repeating: 0, count: (end + 63) / 64 - words.count)
        }
        for page in Int(run.first)..<end {
            let bit = UInt64(1) << UInt64(page & 63)
            if words[page >> 6] & bit == 0 {
                words[page >> 6] |= bit
                count += 1
            }
        }
        missingRun = Int.max
    }

    func contains(_ page: UInt64) -> Bool {
        Int(page >> 6) < words.count && words[Int(page >> 6)] >> (page & 63) & 1 == 1
    }

    /// Takes `number` neighbouring pages; nil when there are none.
    mutating func take(_ number: Int) -> UInt64? {
        precondition(number > 0)
        guard count >= number, number < missingRun else { return nil }
        let start = min(hint, words.count * 64)
        guard
            let first = findRun(number, from: start, to: words.count * 64)
                ?? findRun(number, from: 0, to: min(words.count * 64, start + number))
        else {
            missingRun = number
            return nil
        }
        for page in first..<first + number {
            words[page >> 6] &= ~(UInt64(1) << UInt64(page & 63))
        }
        count -= number
        hint = first + number
        return UInt64(first)
    }

    private func findRun(_ number: Int, from start: Int, to end: Int) -> Int? {
        var position = start
        while position < end {
            let first = next(isFree: true, from: position)
            guard first < end else { return nil }
            if number == 1 { return first }
            let last = next(isFree: false, from: first)
            if last - first >= number { return first }
            position = last
        }
        return nil
    }

    /// The first page from `position` on that is free or not; the end when there is none.
    private func next(isFree: Bool, from position: Int) -> Int {
        var index = position >> 6
        guard index < words.count else { return words.count * 64 }
        var word = (isFree ? words[index] : ~words[index]) >> UInt64(position & 63)
        if word != 0 { return position + word.trailingZeroBitCount }
        index += 1
        while index < words.count {
            word = isFree ? words[index] : ~words[index]
            if word != 0 { return index * 64 + word.trailingZeroBitCount }
            index += 1
        }
        return words.count * 64
    }
}

/// Pages that a walk has come across.
struct PageSet {
    private var words: [UInt64]

    init(highWater: UInt64) {
        words = [UInt64](repeating: 0, count: Int(highWater >> 6) + 1)
    }

    /// - Returns: false when one of them was there already.
    mutating func insert(_ run: PageRun) -> Bool {
        var isNew = true
        for page in Int(run.first)..<Int(run.end) {
            let bit = UInt64(1) << UInt64(page & 63)
            if words[page >> 6] & bit != 0 { isNew = false }
            words[page >> 6] |= bit
        }
        return isNew
    }

    func contains(_ page: UInt64) -> Bool { words[Int(page >> 6)] >> (page & 63) & 1 == 1 }
}
