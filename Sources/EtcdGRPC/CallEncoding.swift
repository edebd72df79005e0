//  How the messages of a gRPC call are compressed. etcd reads gzip; answers may always be plain.

import EtcdNet
import RuntimeCore

enum CallEncoding: Equatable {
    case identity
    case gzip

    /// What the call's fields announce.
    init(_ fields: RequestFields) throws(CallRefusal) {
        guard let name = fields.text(of: "grpc-encoding") else {
            self = .identity
            return
        }
        switch name {
        case "", "identity": self = .identity
        case "gzip": self = .gzip
        default:
            throw CallRefusal(
                200, .unimplemented,
                "grpc: Decompressor is not installed for grpc-encoding \"\(name)\"")
        }
    }

    /// The message as it was before it was compressed, if it was.
    func decoded(_ message: Bytes, flags: UInt8, bytesMax: Int) throws(GRPCStatus) -> Bytes {
        switch (flags, self) {
        case (0, _): return message
        case (1, .identity):
            throw GRPCStatus(
                .internal, "grpc: compressed flag set with identity or empty encoding")
        case (1, .gzip):
            do throws(GzipError) {
                return Bytes(try Gzip.decompressed(message, bytesMax: bytesMax))
            } catch {
                if error == .tooLarge {
                    throw GRPCStatus(
                        .resourceExhausted,
                        "grpc: received message after decompression larger than max \(bytesMax)")
                }
                throw GRPCStatus(
                    .internal, "grpc: failed to decompress the received message: \(error)")
            }
        default:
            throw GRPCStatus(.internal, "grpc: received unexpected payload format \(flags)")
        }
    }
}
