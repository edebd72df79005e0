//  The program that libFuzzer drives; FUZZ_TARGET names the parser.

import CFuzzer
import Glibc

private let target: FuzzTarget = {
    let name = getenv("FUZZ_TARGET").map { String(cString: $0) } ?? ""
    guard let target = FuzzTarget(rawValue: name) else {
        let names = FuzzTarget.allCases.map(\.rawValue).joined(separator: ", ")
        let text = "FUZZ_TARGET must be one of \(names)\n"
        _ = write(STDERR_FILENO, text, text.utf8.count)
        exit(2)
    }
    return target
}()

/// One input. libFuzzer's own main, which is linked in too, knows it by this name.
@_cdecl("LLVMFuzzerTestOneInput")
func testOneInput(_ data: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
    target.run(Array(UnsafeBufferPointer(start: data, count: size)))
    return 0
}

@main
struct FuzzerMain {
    static func main() {
        var count = CommandLine.argc
        var words: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = CommandLine.unsafeArgv
        exit(LLVMFuzzerRunDriver(&count, &words) { testOneInput($0, $1) })
    }
}
