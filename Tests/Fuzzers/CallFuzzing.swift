//  v3 calls: framing, compression, every request message, JSON.

import EtcdNet
import EtcdProto
import Protobuf
import RuntimeCore

@testable import EtcdGRPC

/// A request message by its type.
private struct AnyRequest: Sendable {
    let decode: @Sendable (Bytes) -> Void
    let read: @Sendable (JSONValue) -> Void

    init<Message: ProtobufMessage>(_ type: Message.Type) {
        decode = { bytes in
            guard let message = try? Message.decode(bytes) else { return }
            var copy = [UInt8](repeating: 0, count: message.measure())
            copy.withUnsafeMutableBytes { message.write(into: $0) }
            let again = try? Message.decode(Bytes(copy))
            promise(again == message, "\(Message.messageName) is another after writing")
            var json: [UInt8] = []
            message.writeJSON(into: &json)
            promise((try? JSONValue.parse(Bytes(json))) != nil, "writes what is no JSON")
        }
        read = { value in
            guard let message = try? Message.read(value) else { return }
            var json: [UInt8] = []
            message.writeJSON(into: &json)
            guard let written = try? JSONValue.parse(Bytes(json)) else {
                return promise(false, "\(Message.messageName) writes what is no JSON")
            }
            promise(
                (try? Message.read(written)) == message,
                "\(Message.messageName) is another after writing as JSON")
        }
    }

    static let all: [AnyRequest] = [
        AnyRequest(RangeRequest.self), AnyRequest(PutRequest.self),
        AnyRequest(DeleteRangeRequest.self), AnyRequest(TxnRequest.self),
        AnyRequest(CompactionRequest.self), AnyRequest(WatchRequest.self),
        AnyRequest(LeaseGrantRequest.self), AnyRequest(LeaseRevokeRequest.self),
        AnyRequest(LeaseCheckpointRequest.self), AnyRequest(LeaseKeepAliveRequest.self),
        AnyRequest(LeaseTimeToLiveRequest.self), AnyRequest(LeaseLeasesRequest.self),
        AnyRequest(LeaseInternalRequest.self), AnyRequest(MemberAddRequest.self),
        AnyRequest(MemberRemoveRequest.self), AnyRequest(MemberUpdateRequest.self),
        AnyRequest(MemberListRequest.self), AnyRequest(MemberPromoteRequest.self),
        AnyRequest(AlarmRequest.self), AnyRequest(StatusRequest.self),
        AnyRequest(DefragmentRequest.self), AnyRequest(HashRequest.self),
        AnyRequest(HashKVRequest.self), AnyRequest(SnapshotRequest.self),
        AnyRequest(MoveLeaderRequest.self), AnyRequest(DowngradeRequest.self),
        AnyRequest(AuthEnableRequest.self), AnyRequest(AuthDisableRequest.self),
        AnyRequest(AuthStatusRequest.self), AnyRequest(AuthenticateRequest.self),
        AnyRequest(AuthUserAddRequest.self), AnyRequest(AuthUserGetRequest.self),
        AnyRequest(AuthUserListRequest.self), AnyRequest(AuthUserDeleteRequest.self),
        AnyRequest(AuthUserChangePasswordRequest.self),
        AnyRequest(AuthUserGrantRoleRequest.self), AnyRequest(AuthUserRevokeRoleRequest.self),
        AnyRequest(AuthRoleAddRequest.self), AnyRequest(AuthRoleGetRequest.self),
        AnyRequest(AuthRoleListRequest.self), AnyRequest(AuthRoleDeleteRequest.self),
        AnyRequest(AuthRoleGrantPermissionRequest.self),
        AnyRequest(AuthRoleRevokePermissionRequest.self), AnyRequest(LockRequest.self),
        AnyRequest(UnlockRequest.self), AnyRequest(CampaignRequest.self),
        AnyRequest(ProclaimRequest.self), AnyRequest(LeaderRequest.self),
        AnyRequest(ResignRequest.self),
    ]
}

enum CallFuzzing {
    private static let messageBytesMax = 1 << 16

    /// Messages are the same in whatever pieces they arrive; compressed ones stay within the bound.
    static func framing(_ input: [UInt8]) {
        let pieces = FuzzPieces(input)
        let whole = cut([pieces.whole[...]])
        promise(cut(pieces.parts) == whole, "pieces make other messages")
        for message in whole {
            if let plain = try? Gzip.decompressed(message, bytesMax: messageBytesMax) {
                promise(plain.count <= messageBytesMax, "over the bound after decompression")
            }
        }
    }

    private static func cut(_ parts: [ArraySlice<UInt8>]) -> [Bytes] {
        var framing = MessageFraming()
        var messages: [Bytes] = []
        for part in parts {
            var rest = part
            while !rest.isEmpty {
                let step = rest.withUnsafeBytes {
                    framing.next($0, messageBytesMax: messageBytesMax)
                }
                guard case .message(let message, _, let used) = step else {
                    if case .tooLarge = step { return messages }
                    break
                }
                messages.append(message)
                rest = rest.dropFirst(used)
            }
        }
        return messages
    }

    /// The first byte names the type.
    static func messages(_ input: [UInt8]) {
        guard let first = input.first else { return }
        AnyRequest.all[Int(first) % AnyRequest.all.count].decode(Bytes(Array(input.dropFirst())))
    }

    /// The first byte names the type. Scanner and parser agree on what a value is.
    static func json(_ input: [UInt8]) {
        guard let first = input.first else { return }
        let text = Array(input.dropFirst())
        let value = try? JSONValue.parse(Bytes(text))
        var scanner = JSONScanner()
        scan: for byte in text {
            do throws(JSONScanner.Failure) {
                var step = try scanner.feed(byte)
                while step == .endedBefore { step = try scanner.feed(byte) }
            } catch {
                promise(value == nil, "the scanner refuses what the parser takes")
                break scan
            }
        }
        if let value { AnyRequest.all[Int(first) % AnyRequest.all.count].read(value) }
    }
}
