//  What the header of a gateway request says about the call (spec grpc-v3 13).

import EtcdNet

import struct NIOHTTP1.HTTPHeaders

extension CallMetadata {
    /// Never takes the user from the client's certificate, as in etcd, where the gateway is a
    /// client of its own.
    convenience init(gateway head: HTTPRequestHead) throws(GRPCStatus) {
        var authorization: String?
        var plainToken: String?
        var requiresLeader = false
        var timeout: UInt64?
        var clientAPIVersion: String?
        for (name, value) in head.headers {
            guard name.utf8.count >= 12 else { continue }
            switch name.lowercased() {
            case "authorization": authorization = value
            case "grpc-timeout": timeout = try GatewayTimeout.milliseconds(value)
            case "grpc-metadata-token": plainToken = plainToken ?? value
            case "grpc-metadata-authorization": authorization = authorization ?? value
            case "grpc-metadata-hasleader": requiresLeader = value == "true"
            case "grpc-metadata-client-api-version": clientAPIVersion = value
            default: break
            }
        }
        self.init(
            token: (plainToken ?? authorization).map(CallMetadata.withoutScheme),
            requiresLeader: requiresLeader, timeoutMilliseconds: timeout, isFromGateway: true,
            clientAPIVersion: clientAPIVersion, connection: head.connection)
    }
}

/// The time limit of a gateway request: a number and a unit.
enum GatewayTimeout {
    /// `nil` for no limit.
    static func milliseconds(_ text: String) throws(GRPCStatus) -> UInt64? {
        let perUnit: (multiplier: Int64, divisor: Int64)
        switch text.utf8.last {
        case UInt8(ascii: "H"): perUnit = (3_600_000, 1)
        case UInt8(ascii: "M"): perUnit = (60_000, 1)
        case UInt8(ascii: "S"): perUnit = (1_000, 1)
        case UInt8(ascii: "m"): perUnit = (1, 1)
        case UInt8(ascii: "u"): perUnit = (1, 1_000)
        case UInt8(ascii: "n"): perUnit = (1, 1_000_000)
        default: throw invalid(text)
        }
        guard let number = Int64(text.dropLast()) else { throw invalid(text) }
        if number == 0 { return nil }
        let (product, overflow) = number.multipliedReportingOverflow(by: perUnit.multiplier)
        if overflow { return number < 0 ? 0 : nil }
        return UInt64(max(0, product / perUnit.divisor))
    }

    private static func invalid(_ text: String) -> GRPCStatus {
        GRPCStatus(.invalidArgument, "invalid grpc-timeout: \(text)")
    }
}
