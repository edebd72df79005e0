//  What --proxy and the settings beside it say.

package struct ProxySettings: Sendable, Hashable {
    package enum Mode: String, Sendable, CaseIterable {
        case off, readonly, on
    }

    package let mode: Mode
    package let failureWaitMilliseconds: UInt64
    package let refreshMilliseconds: UInt64
    // 0 for no limit.
    package let dialMilliseconds: UInt64
    package let writeMilliseconds: UInt64
    package let readMilliseconds: UInt64
}

extension ConfigValidation {
    /// Whether this process becomes a proxy. A data directory with a member's log goes on as that
    /// member, whatever --proxy says.
    var isProxy: Bool {
        settings.text("proxy") != ProxySettings.Mode.off.rawValue
            && !host.isInitialized(dataDirectory, settings.text("wal-dir"))
    }

    var proxySettings: ProxySettings {
        ProxySettings(
            mode: ProxySettings.Mode(rawValue: settings.text("proxy")) ?? .off,
            failureWaitMilliseconds: settings.unsigned("proxy-failure-wait"),
            refreshMilliseconds: settings.unsigned("proxy-refresh-interval"),
            dialMilliseconds: settings.unsigned("proxy-dial-timeout"),
            writeMilliseconds: settings.unsigned("proxy-write-timeout"),
            readMilliseconds: settings.unsigned("proxy-read-timeout"))
    }
}
