//  What the checks ask of the machine, handed in so that they stay a function of their input.

package struct ConfigHost {
    /// The address of the interface that the default route uses.
    package var defaultAddress: () -> String?
    /// Whether a member has run there before: then the settings that form a cluster do not count.
    package var isInitialized: (_ dataDirectory: String, _ walDirectory: String) -> Bool
    /// The addresses of a host name; empty when it has none. Called only for names that must be
    /// compared with other names or addresses, perhaps several times for one name.
    package var resolve: (_ host: String) -> [String]

    package init(
        defaultAddress: @escaping () -> String? = { nil },
        isInitialized: @escaping (_ dataDirectory: String, _ walDirectory: String) -> Bool = {
            _, _ in false
        },
        resolve: @escaping (_ host: String) -> [String] = { _ in [] }
    ) {
        self.defaultAddress = defaultAddress
        self.isInitialized = isInitialized
        self.resolve = resolve
    }
}
