//  Durations and sizes as Go and etcd write them.

import RuntimeCore
import Testing

@Suite("Texts")
struct TextTests {
    static let durations: [(UInt64, String)] = [
        (0, "0s"), (1, "1ns"), (1_100, "1.1µs"), (2_200_000, "2.2ms"), (3_300_000_000, "3.3s"),
        (2_197_213_450, "2.19721345s"), (659_322_358_947, "10m59.322358947s"),
        (60_000_000_000, "1m0s"), (3_600_000_000_000, "1h0m0s"),
        (90_061_000_000_001, "25h1m1.000000001s"),
    ]

    @Test("durations", arguments: durations)
    func duration(_ nanoseconds: UInt64, _ text: String) {
        #expect(DurationText.text(nanoseconds: nanoseconds) == text)
    }

    @Test(
        "sizes for people",
        arguments: [
            (0, "0 B"), (9, "9 B"), (10, "10 B"), (999, "999 B"), (1_000, "1.0 kB"),
            (9_949, "9.9 kB"), (9_950, "10 kB"), (20_480, "20 kB"), (21_500, "22 kB"),
            (999_999, "1000 kB"), (1_000_000, "1.0 MB"), (16_777_216, "17 MB"),
            (2_147_483_648, "2.1 GB"),
        ])
    func size(_ bytes: Int, _ text: String) { #expect(SizeText.text(bytes) == text) }
}
