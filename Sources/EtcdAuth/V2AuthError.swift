//  Why the users and roles of the v2 API refuse, with the status and text of etcd (spec http-v2 7).

package struct V2AuthError: Error, Sendable, Hashable {
    package let status: Int
    package let message: String

    package init(_ status: Int, _ message: String) {
        self.status = status
        self.message = message
    }
}
