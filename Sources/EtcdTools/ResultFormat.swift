//  Results in the forms that `--write-out` knows.

import Protobuf
import RuntimeCore

/// One result: names and values, in the spellings of the different forms.
struct ToolResult: Sendable {
    struct Field: Sendable {
        /// `nil` leaves the field out of the JSON form.
        let json: String?
        let fields: String
        let table: String
        /// For people.
        let shown: String
        let number: Int64
    }

    let values: [Field]
}

enum ResultFormat {
    /// Refuses what `--write-out` cannot be; to be called before any work is done.
    static func check(_ invocation: ToolInvocation) throws(ToolError) {
        guard
            ["simple", "json", "table", "fields", "protobuf"].contains(
                invocation.text("write-out"))
        else {
            throw ToolError("unsupported output format", exitCode: ToolExit.badFeature)
        }
    }

    static func text(_ result: ToolResult, _ format: String) throws(ToolError) -> String {
        switch format {
        case "simple": result.values.map(\.shown).joined(separator: ", ") + "\n"
        case "json": json(result) + "\n"
        case "table": table(result.values.map(\.table), [result.values.map(\.shown)])
        case "fields": result.values.map { "\"\($0.fields)\" : \($0.number)\n" }.joined()
        default: throw unsupported(format)
        }
    }

    static func unsupported(_ format: String) -> ToolError {
        ToolError("\(format) not supported as output format", exitCode: ToolExit.badFeature)
    }

    private static func json(_ result: ToolResult) -> String {
        let members = result.values.compactMap { field in
            field.json.map { "\"\($0)\":\(field.number)" }
        }
        return "{" + members.joined(separator: ",") + "}"
    }

    /// Headings in upper case and centred, cells at the right.
    private static func table(_ headings: [String], _ rows: [[String]]) -> String {
        let headings = headings.map { $0.uppercased() }
        let widths = headings.indices.map { column in
            max(headings[column].count, rows.map { $0[column].count }.max() ?? 0)
        }
        let line = "+" + widths.map { String(repeating: "-", count: $0 + 2) + "+" }.joined() + "\n"
        func row(_ cells: [String], _ left: (Int) -> Int) -> String {
            let padded = zip(cells, widths).map { cell, width in
                let gap = width - cell.count
                return " " + String(repeating: " ", count: left(gap)) + cell
                    + String(repeating: " ", count: gap - left(gap)) + " |"
            }
            return "|" + padded.joined() + "\n"
        }
        return line + row(headings) { $0 / 2 } + line + rows.map { row($0) { $0 } }.joined() + line
    }
}
