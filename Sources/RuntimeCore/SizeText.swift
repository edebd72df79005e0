//  A number of bytes as etcd shows it to people.

package enum SizeText {
    private static let units = ["B", "kB", "MB", "GB", "TB", "PB", "EB"]

    /// In powers of 1000, with one decimal below 10.
    package static func text(_ bytes: Int) -> String {
        if bytes < 10 { return "\(bytes) B" }
        var unit = 0
        var scale = 1.0
        while unit + 1 < units.count, Double(bytes) / scale >= 1_000 {
            scale *= 1_000
            unit += 1
        }
        let tenths = (Double(bytes) / scale * 10 + 0.5).rounded(.down)
        // Go prints halves without digits as the even neighbour.
        return tenths < 100
            ? "\(Int(tenths) / 10).\(Int(tenths) % 10) \(units[unit])"
            : "\(Int((tenths / 10).rounded(.toNearestOrEven))) \(units[unit])"
    }
}
