//  Times and numbers as Go writes them.

import RuntimeCore
import Testing

@testable import EtcdHTTP

@Suite struct GoTextTests {
    static let numbers: [(Double, String)] = [
        (0, "0"), (1, "1"), (-1.5, "-1.5"), (0.25, "0.25"), (100, "100"), (0.000001, "0.000001"),
        (0.0000001, "1e-7"), (1.25e-9, "1.25e-9"), (1e20, "100000000000000000000"),
        (1e21, "1e+21"), (1.5e22, "1.5e+22"), (9_223_372_036_854_775_808, "9223372036854776000"),
        (123_456.789, "123456.789"), (.infinity, "0"),
    ]

    @Test(arguments: numbers)
    func writesNumbers(value: Double, text: String) {
        #expect(GoText.number(value) == text)
    }

    static let times: [(Int64, String)] = [
        (0, ".0"), (1_500_000_000, "1.5"), (1_000_000_001, "1.000000001"), (-1, "9.999999999"),
    ]

    /// The zone is the machine's, so only what stands around it is compared.
    @Test(arguments: times)
    func writesTimes(nanoseconds: Int64, seconds: String) {
        let text = GoText.time(WallTime(unixNanoseconds: nanoseconds))
        #expect(text.contains("T"))
        let wanted = seconds == ".0" ? "0" : seconds
        #expect(text.contains(wanted))
        #expect(text.hasSuffix("Z") || text.contains("+") || text.dropFirst(19).contains("-"))
    }
}
