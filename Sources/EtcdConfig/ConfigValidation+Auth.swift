//  What logins get: `auth-token`, `auth-token-ttl`, `bcrypt-cost` (spec config 7).

extension ConfigValidation {
    private static let methods = [
        "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "HS256",
        "HS384", "HS512", "EdDSA",
    ]
    private static let costs: ClosedRange<UInt64> = 4...31
    private static let standardCost = 10
    private static let standardTTLSeconds: UInt64 = 300
    /// Three hundred years; beyond it times no longer fit.
    private static let ttlSecondsMax: UInt64 = 10_000_000_000

    /// Refuses what etcd refuses, with its text and the reason.
    mutating func authTokens() -> ServerConfig.AuthTokens {
        let text = settings.text("auth-token")
        let parts = text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        let kind = parts.first ?? ""
        var options: [String: String] = [:]
        for part in parts.dropFirst() {
            let pair = part.split(separator: "=", omittingEmptySubsequences: false)
            guard pair.count == 2 else { return refuse("\"\(part)\" is not OPTION=VALUE") }
            guard options[String(pair[0])] == nil else {
                return refuse("\(pair[0]) is given twice")
            }
            options[String(pair[0])] = String(pair[1])
        }
        switch kind {
        case "": return .none
        case "simple":
            let seconds = settings.unsigned("auth-token-ttl")
            return .simple(
                seconds: seconds == 0
                    ? Self.standardTTLSeconds : min(seconds, Self.ttlSecondsMax))
        case "jwt": return signedTokens(options)
        default: return refuse("unknown token type \"\(kind)\"; use simple or jwt")
        }
    }

    private mutating func signedTokens(_ options: [String: String]) -> ServerConfig.AuthTokens {
        let known = ["sign-method", "pub-key", "priv-key", "ttl"]
        let unknown = options.keys.filter { !known.contains($0) }.sorted()
        if !unknown.isEmpty {
            note(
                .warning, "auth-token", "unknown JWT options",
                ["keys": unknown.joined(separator: ",")])
        }
        var ttlSeconds = Int64(Self.standardTTLSeconds)
        if let text = options["ttl"], !text.isEmpty {
            let nanoseconds = try? GoSyntax.duration(text)
            guard let nanoseconds, nanoseconds > 0 else {
                return refuse("ttl \"\(text)\" is not a positive duration such as 5m")
            }
            ttlSeconds = nanoseconds / 1_000_000_000
        }
        let method = options["sign-method"] ?? ""
        guard Self.methods.contains(method) else {
            let given = method.isEmpty ? "sign-method is missing" : "unknown sign-method \(method)"
            return refuse("\(given); use one of \(Self.methods.joined(separator: ", "))")
        }
        let publicKey = options["pub-key"] ?? ""
        let privateKey = options["priv-key"] ?? ""
        if privateKey.isEmpty, publicKey.isEmpty || method.hasPrefix("HS") {
            error("auth-token", "auth: missing key data")
            return .none
        }
        return .signed(
            method: method, publicKeyFile: publicKey, privateKeyFile: privateKey,
            ttlSeconds: ttlSeconds)
    }

    private mutating func refuse(_ reason: String) -> ServerConfig.AuthTokens {
        error("auth-token", "auth: invalid auth options (\(reason))")
        return .none
    }

    /// etcd does not refuse an impossible cost.
    mutating func bcryptCost() -> Int {
        let cost = settings.unsigned("bcrypt-cost")
        if Self.costs.contains(cost) { return Int(cost) }
        note(
            .warning, "bcrypt-cost", "use default bcrypt cost instead of the invalid given cost",
            [
                "min-cost": String(Self.costs.lowerBound),
                "max-cost": String(Self.costs.upperBound),
                "default-cost": String(Self.standardCost), "given-cost": String(cost),
            ])
        return Self.standardCost
    }
}
