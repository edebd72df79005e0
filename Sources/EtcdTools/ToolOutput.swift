//  Where the tools' words go: results to standard output, what happened meanwhile to standard
//  error.

import Glibc
import Protobuf
import RuntimeCore

enum ToolOutput {
    static func write(_ text: String) { write(text, to: STDOUT_FILENO) }

    static func writeError(_ text: String) { write(text, to: STDERR_FILENO) }

    /// A line about the work in progress, in the form of etcd's console log without time and place.
    static func note(_ message: String, _ fields: KeyValuePairs<String, String> = [:]) {
        var line = Array("info\t\(message)".utf8)
        if !fields.isEmpty {
            line += Array("\t{".utf8)
            for (position, field) in fields.enumerated() {
                if position > 0 { line += Array(", ".utf8) }
                JSONValue.writeString(Bytes(field.key), into: &line)
                line += Array(": ".utf8)
                JSONValue.writeString(Bytes(field.value), into: &line)
            }
            line.append(UInt8(ascii: "}"))
        }
        writeError(String(decoding: line, as: UTF8.self) + "\n")
    }

    /// A reader that has gone away, or a full disk behind the redirection, is noticed by nobody
    /// but the shell.
    private static func write(_ text: String, to descriptor: Int32) {
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0 {
                if errno == EINTR { continue }
                return
            }
            bytes = bytes.dropFirst(count)
        }
    }
}
