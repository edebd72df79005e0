//  Where JSON values end in a stream, and what is said of bytes that are none.

import Protobuf
import RuntimeCore
import Testing

@Suite struct JSONScannerTests {
    /// The values found, then the failure, if any.
    private func scan(_ text: String) -> [String] {
        var scanner = JSONScanner()
        var found: [String] = []
        var current: [UInt8] = []
        func take() { found.append(String(decoding: current, as: UTF8.self)) }
        do throws(JSONScanner.Failure) {
            for byte in text.utf8 {
                let step = try scanner.feed(byte)
                if step == .endedBefore {
                    take()
                    current = []
                    if try scanner.feed(byte) == .ended { return found + ["ended at once"] }
                }
                current.append(byte)
                if step == .ended {
                    take()
                    current = []
                }
            }
            if try scanner.feedEnd() { take() }
        } catch {
            found.append("! " + error.text)
        }
        return found
    }

    @Test(
        "finds values one after the other",
        arguments: [
            ("{}", ["{}"]), ("{}{\"a\":[1,{}]}", ["{}", "{\"a\":[1,{}]}"]),
            ("\"}\\\"\"{}", ["\"}\\\"\"", "{}"]), ("12{}", ["12", "{}"]), ("-0.5e+7", ["-0.5e+7"]),
            ("true", ["true"]), ("[-1,0,null,false]", ["[-1,0,null,false]"]), ("", []),
            (" \n\t\r", []), ("{\"a\" : \"\\u00aF\\n\" }", ["{\"a\" : \"\\u00aF\\n\" }"]),
        ])
    func findsValues(text: String, values: [String]) {
        #expect(scan(text) == values)
    }

    @Test(
        "words errors as Go does",
        arguments: [
            ("xyz", "invalid character 'x' looking for beginning of value"),
            ("{\"a\":", "unexpected EOF"), ("1e", "unexpected EOF"), ("[1", "unexpected EOF"),
            ("{\"a\":1,}", "invalid character '}' looking for beginning of object key string"),
            ("{\"a\" \"b\"}", "invalid character '\"' after object key"),
            ("{\"a\":1 \"x\"}", "invalid character '\"' after object key:value pair"),
            ("[1 2]", "invalid character '2' after array element"),
            ("{\"a\":tru }", "invalid character ' ' in literal true (expecting 'e')"),
            ("{\"a\":-x}", "invalid character 'x' in numeric literal"),
            ("{\"a\":1.x}", "invalid character 'x' after decimal point in numeric literal"),
            ("{\"a\":1ex}", "invalid character 'x' in exponent of numeric literal"),
            ("{\"a\":\"\\q\"}", "invalid character 'q' in string escape code"),
            ("{\"a\":\"\\u12x\"}", "invalid character 'x' in \\u hexadecimal character escape"),
            ("{\"a\":\"\u{1}\"}", "invalid character '\\x01' in string literal"),
            ("é", "invalid character 'Ã' looking for beginning of value"),
            ("'", "invalid character '\\'' looking for beginning of value"),
            ("[01]", "invalid character '1' after array element"),
        ])
    func wordsErrors(text: String, message: String) {
        #expect(scan(text) == ["! " + message])
    }

    @Test("bounds the depth")
    func boundsDepth() {
        let bottomless = String(repeating: "[", count: 10_001)
        #expect(scan(bottomless) == ["! exceeded max depth"])
        let deep = String(repeating: "[", count: 10_000) + String(repeating: "]", count: 10_000)
        #expect(scan(deep) == [deep])
    }

    @Test(
        "one value and nothing else, as Go's json.Unmarshal has it",
        arguments: [
            ("5", nil), (" 5 ", nil), ("-0", nil), ("null", nil), ("{\"a\":[1]}", nil),
            ("", "unexpected end of JSON input"), (" ", "unexpected end of JSON input"),
            ("[1", "unexpected end of JSON input"), ("\"a", "unexpected end of JSON input"),
            ("05", "invalid character '5' after top-level value"),
            ("1 2", "invalid character '2' after top-level value"),
            ("{}x", "invalid character 'x' after top-level value"),
            ("+5", "invalid character '+' looking for beginning of value"),
            ("-", "invalid character ' ' in numeric literal"),
            ("tru", "invalid character ' ' in literal true (expecting 'e')"),
        ])
    func flaws(text: String, flaw: String?) {
        #expect(JSONScanner.flaw(of: Bytes(text)) == flaw)
    }
}
