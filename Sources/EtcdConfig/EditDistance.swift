//  Which known name somebody may have meant.

/// The number of single characters to insert, remove or replace to get from one text to the other.
func editDistance(_ left: String, _ right: String) -> Int {
    let target = Array(right)
    var row = Array(0...target.count)
    for (position, character) in left.enumerated() {
        var diagonal = row[0]
        row[0] = position + 1
        for column in target.indices {
            let replaced = diagonal + (character == target[column] ? 0 : 1)
            diagonal = row[column + 1]
            row[column + 1] = min(replaced, row[column] + 1, diagonal + 1)
        }
    }
    return row[target.count]
}

/// The candidate closest to `name`, if one is so close that a slip of the hand explains it.
func closest(to name: String, among candidates: [String]) -> String? {
    let limit = max(1, min(3, name.count / 4))
    return candidates.map { (distance: editDistance(name, $0), name: $0) }
        .filter { $0.distance <= limit }
        .min { ($0.distance, $0.name) < ($1.distance, $1.name) }?.name
}

extension Setting {
    /// The setting that a misspelt flag may have meant.
    static func similar(to name: String) -> String? {
        closest(to: name, among: all.map(\.name) + ["config-file", "version", "help"])
    }
}
