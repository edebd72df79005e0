//  How much of an answer is collected: a small transaction may ask for any amount of data.

/// What is left of an answer's limit.
struct AnswerBudget {
    let bytesMax: Int
    private var bytes = 0

    /// - Parameter bytesMax: 0 when nobody waits for the answer.
    init(bytesMax: Int) { self.bytesMax = bytesMax }

    /// Whether keys and values are still wanted.
    var isOpen: Bool { bytes < bytesMax }
    var bytesLeft: Int { max(0, bytesMax - bytes) }
    /// Somebody waits, but for more than fits.
    var isExceeded: Bool { bytesMax > 0 && bytes >= bytesMax }

    mutating func spend(_ count: Int) { bytes += count }
    mutating func exceed() { bytes = max(bytes, bytesMax) }
}
