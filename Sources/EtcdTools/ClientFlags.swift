//  Which member a tool asks, and how: the flags and variables of etcdctl.

import EtcdClient
import EtcdNet
import Glibc
import NIOCore

enum ClientFlags {
    private static let variablePrefix = "ETCDCTL_"

    static let all: [ToolFlag] = [
        .text("endpoints", "gRPC endpoints", initial: "127.0.0.1:2379"),
        .text("cacert", "verify certificates of TLS-enabled secure servers using this CA bundle"),
        .text("cert", "identify secure client using this TLS certificate file"),
        .text("key", "identify secure client using this TLS key file"),
        .boolean(
            "insecure-transport", "disable transport security for client connections",
            initial: true),
        .boolean(
            "insecure-skip-tls-verify",
            "skip server certificate verification (CAUTION: this option should be enabled only "
                + "for testing purposes)"),
        .text(
            "user",
            "username[:password] for authentication (prompt if password is not supplied)"),
        .text(
            "password",
            "password for authentication (if this option is used, --user option shouldn't "
                + "include password)"),
    ]

    /// From the flags; for those that are not given, from variables such as `ETCDCTL_ENDPOINTS`.
    static func settings(_ invocation: ToolInvocation) throws(ToolError) -> ClientSettings {
        func text(_ flag: String) -> String {
            if invocation.isGiven(flag) { return invocation.text(flag) }
            let name = variablePrefix + flag.uppercased().map { $0 == "-" ? "_" : $0 }
            return getenv(name).map { String(cString: $0) } ?? invocation.text(flag)
        }
        let endpoints = text("endpoints").split(separator: ",").map { String($0) }
        if endpoints.isEmpty {
            throw ToolError("no endpoints are given", exitCode: ToolExit.badArguments)
        }
        var settings = ClientSettings(endpoints: endpoints)
        settings.tls = try tls(
            caFile: text("cacert"), certificateFile: text("cert"), keyFile: text("key"),
            skipsVerification: isOn(text("insecure-skip-tls-verify")))
        settings.prefersTLS = settings.tls != TLSOptions() || !isOn(text("insecure-transport"))
        settings.user = try user(text("user"), text("password"))
        return settings
    }

    private static func isOn(_ text: String) -> Bool {
        (try? ToolFlag.boolean("", "").parse(text)) == "true"
    }

    private static func tls(
        caFile: String, certificateFile: String, keyFile: String, skipsVerification: Bool
    ) throws(ToolError) -> TLSOptions {
        if certificateFile.isEmpty != keyFile.isEmpty {
            throw ToolError(
                "TLS needs both --cert and --key, or neither", exitCode: ToolExit.badArguments)
        }
        var options = TLSOptions()
        options.trustedCAFile = caFile
        options.clientCertificateFile = certificateFile
        options.clientKeyFile = keyFile
        options.trustsAnyServer = skipsVerification
        return options
    }

    private static func user(_ given: String, _ password: String) throws(ToolError)
        -> ClientSettings.User?
    {
        if given.isEmpty { return nil }
        if !password.isEmpty { return ClientSettings.User(name: given, password: password) }
        if let colon = given.firstIndex(of: ":") {
            return ClientSettings.User(
                name: String(given[..<colon]),
                password: String(given[given.index(after: colon)...]))
        }
        guard let typed = getpass("Password: ") else {
            throw ToolError(
                "bad password: there is no terminal to ask for it; give --user \(given):PASSWORD "
                    + "or ETCDCTL_PASSWORD", exitCode: ToolExit.badArguments)
        }
        return ClientSettings.User(name: given, password: String(cString: typed))
    }
}
