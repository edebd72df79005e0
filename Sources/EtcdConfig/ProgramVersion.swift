//  Who this program says it is, to people (`--version`) and to scripts that read the first line.

package enum ProgramVersion {
    /// The release of etcd whose interfaces and files this program has.
    package static let etcd = "3.5.33"
    package static let own = "0.1.0"

    #if arch(x86_64)
        package static let architecture = "amd64"
    #elseif arch(arm64)
        package static let architecture = "arm64"
    #elseif arch(powerpc64le)
        package static let architecture = "ppc64le"
    #else
        package static let architecture = "s390x"
    #endif

    /// What this was compiled with, for metrics that ask for Go's version.
    #if compiler(>=6.4)
        package static let compiler = "swift6.4 or later"
    #elseif compiler(>=6.3)
        package static let compiler = "swift6.3"
    #else
        package static let compiler = "swift6.2"
    #endif

    /// etcd's four lines, then ours. Scripts look for the keys; that there is no Go and no commit
    /// of etcd behind this program is said where those would stand.
    package static let text = """
        etcd Version: \(etcd)
        Git SHA: Not provided
        Go Version: none (Swift)
        Go OS/Arch: linux/\(architecture)
        etcd-swift Version: \(own)

        """
}
