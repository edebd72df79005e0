//  Unary calls that took longer than somebody wants to wait, and what was in them
//  (--warning-unary-request-duration).

import EtcdMVCC
import EtcdProto
package import EtcdServer
package import Logging
import NIOCore
package import RuntimeCore

/// Shared by all event loops.
package final class SlowCallLog: Sendable {
    private let limit: TimeAmount
    private let logger: Logger
    private let clock: any Clock
    private let tellsAll: @Sendable () -> Bool
    private let timeText: @Sendable (WallTime) -> String

    /// - Parameters:
    ///   - tellsAll: whether lines of the debug level are written at present. Asked at the end of
    ///     every call, for which asking the logger is too dear.
    ///   - timeText: a time as the log writes it.
    package init(
        limitMilliseconds: UInt64, handler: RequestHandler, logger: Logger,
        tellsAll: @escaping @Sendable () -> Bool,
        timeText: @escaping @Sendable (WallTime) -> String
    ) {
        limit = .milliseconds(Int64(clamping: limitMilliseconds))
        clock = handler.clock
        self.logger = logger
        self.tellsAll = tellsAll
        self.timeText = timeText
    }

    /// Whether a call that ends now was slow, or everything is told.
    func isWorthANote(since start: NIODeadline) -> Bool {
        NIODeadline.now() - start > limit || tellsAll()
    }

    /// Tells of a call that ends now.
    ///
    /// - Parameter response: `nil` when the call failed.
    func note(
        _ method: CallRules, since start: NIODeadline, from remote: String,
        request: any ProtobufMessage, response: (any ProtobufMessage)?
    ) {
        let spent = NIODeadline.now() - start
        let began = clock.now().wall.unixNanoseconds - spent.nanoseconds
        logger.log(
            level: spent > limit ? .warning : .debug, "request stats",
            metadata: [
                "start time": "\(timeText(WallTime(unixNanoseconds: began)))",
                "time spent": "\(SlowCallLog.text(spent))", "remote": "\(remote)",
                "response type": "\(method.path)",
                "request count": "\(SlowCallLog.count(request))",
                "request size": "\(request.measure())",
                "response count": "\(response.map { SlowCallLog.count($0) } ?? 0)",
                "response size": "\(response?.measure() ?? 0)",
                "request content": "\(SlowCallLog.content(request))",
            ])
    }

    private static func text(_ time: TimeAmount) -> String {
        let microseconds = time.nanoseconds / 1_000
        return "\(microseconds / 1_000).\(String(1_000 + microseconds % 1_000).dropFirst())ms"
    }

    /// Keys or operations in a message, -1 where there is nothing to count.
    private static func count(_ message: any ProtobufMessage) -> Int {
        switch message {
        case is RangeRequest, is DeleteRangeRequest, is PutResponse: 0
        case is PutRequest: 1
        case let txn as TxnRequest: txn.success.count + txn.failure.count
        case let range as RangeResponse: Int(range.count)
        case let delete as DeleteRangeResponse: Int(delete.deleted)
        case let txn as TxnResponse: txn.responses.count
        default: -1
        }
    }

    private static func content(_ message: any ProtobufMessage) -> String {
        switch message {
        case let range as RangeRequest: RequestText.range(range)
        case let put as PutRequest: RequestText.put(put)
        case let delete as DeleteRangeRequest: RequestText.deleteRange(delete)
        case let txn as TxnRequest: RequestText.txn(txn)
        default: ""
        }
    }
}
