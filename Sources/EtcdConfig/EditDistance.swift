//  Which known name somebody may have meant.

/// The number of slips between two texts: a character left out, added, replaced, or swapped with
/// its neighbour.
package func editDistance(_ left: String, _ right: String) -> Int {
    let source = Array(left)
    let target = Array(right)
    var before = [Int](repeating: 0, count: target.count + 1)
    var row = Array(0...target.count)
    for (position, character) in source.enumerated() {
        var next = [position + 1]
        for column in target.indices {
            let replaced = row[column] + (character == target[column] ? 0 : 1)
            var best = min(replaced, next[column] + 1, row[column + 1] + 1)
            if position > 0, column > 0, character == target[column - 1],
                source[position - 1] == target[column]
            {
                best = min(best, before[column - 1] + 1)
            }
            next.append(best)
        }
        before = row
        row = next
    }
    return row[target.count]
}

/// The candidate closest to `name`, if it is so close that a slip of the hand explains it and no
/// other is as close.
func closest(to name: String, among candidates: [String]) -> String? {
    let limit = name.count < 3 ? 0 : max(1, min(3, name.count / 4))
    let near = candidates.map { (distance: editDistance(name, $0), name: $0) }
        .filter { $0.distance <= limit }
    guard let best = near.min(by: { $0.distance < $1.distance }),
        near.count(where: { $0.distance == best.distance }) == 1
    else { return nil }
    return best.name
}

extension Setting {
    /// The setting that a misspelt flag may have meant.
    static func similar(to name: String) -> String? {
        closest(to: name, among: all.map(\.name) + ["config-file", "version", "help"])
    }
}
