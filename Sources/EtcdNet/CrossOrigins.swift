//  Which web pages may use an API: the permissions that browsers ask for.

import struct NIOHTTP1.HTTPHeaders

/// Web origins that are welcome, and the fields of an answer that say so.
package struct CrossOrigins: Sendable {
    /// Empty: all.
    private let origins: Set<String>
    private let fieldsForAll: [(String, String)]

    /// The fields that are given, in their order.
    package static let names = [
        "Access-Control-Allow-Headers", "Access-Control-Allow-Methods",
        "Access-Control-Allow-Origin",
    ]

    /// - Parameter origins: empty or with `*`: all.
    package init(_ origins: [String]) {
        self.origins = origins.contains("*") ? [] : Set(origins)
        fieldsForAll = CrossOrigins.fields(allowing: "*")
    }

    /// What every answer to this request carries; nothing for an origin that is not welcome.
    package func fields(for head: HTTPRequestHead) -> [(String, String)] {
        if origins.isEmpty { return fieldsForAll }
        guard let origin = head.headers.first(name: "origin"), origins.contains(origin) else {
            return []
        }
        return CrossOrigins.fields(allowing: origin)
    }

    private static func fields(allowing origin: String) -> [(String, String)] {
        [
            (names[0], "accept, content-type, authorization"),
            (names[1], "POST, GET, OPTIONS, PUT, DELETE"),
            (names[2], origin),
        ]
    }
}
