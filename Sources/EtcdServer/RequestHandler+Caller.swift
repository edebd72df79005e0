//  Who a caller is, for whoever keeps accounts.

import EtcdAuth

extension RequestHandler {
    /// Empty when the caller has not shown who it is, or auth is off.
    package func userName(_ context: CallContext) -> String {
        if case .success(let info) = authInfo(context) { info.username } else { "" }
    }
}
