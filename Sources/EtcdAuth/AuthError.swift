//  Why the auth store refuses.

package enum AuthError: Error, Sendable, Hashable {
    case rootUserNotExist
    case rootRoleNotExist
    case userExists
    case userEmpty
    case userNotFound
    case roleExists
    case roleNotFound
    case roleEmpty
    case authFailed
    /// The user has no password, and so cannot log in with one.
    case noPasswordUser
    case permissionNotGiven
    case permissionDenied
    case roleNotGranted
    case permissionNotGranted
    case authNotEnabled
    case invalidToken
    case invalidManagement
    case revisionOld
    /// A name that the database cannot keep.
    case nameTooLong
    /// This member has no key to sign tokens with.
    case verifyOnly
}
