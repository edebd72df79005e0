//  What front ends without a user of their own need to know of v3 authentication.

import EtcdAuth

extension V3Views {
    package var isAuthEnabled: Bool { auth.isEnabled }
}
