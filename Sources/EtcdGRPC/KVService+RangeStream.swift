//  RangeStream: the answer of a range in portions that follow the client's pace (spec grpc-v3 6.4).

import EtcdProto
import EtcdServer
import RuntimeCore

extension KVService {
    @Sendable func rangeStream(_ request: RangeRequest, _ call: V3Call<RangeStreamResponse>) {
        if request.sortOrder != .none || request.sortTarget != .key {
            return call.fail(
                GRPCStatus(.unimplemented, "RangeStream does not support custom sort orders"))
        }
        let filters = [
            request.minModRevision, request.maxModRevision, request.minCreateRevision,
            request.maxCreateRevision,
        ]
        if filters.contains(where: { $0 != 0 }) {
            return call.fail(
                GRPCStatus(.unimplemented, "RangeStream does not support revision filters"))
        }
        call.waitToRead(
            on: handler, handler.range(request),
            read: { RangePortions(request, call, self.handler).begin() })
    }
}

/// One answer on its way. Kept by the call's callbacks until it is out.
private final class RangePortions {
    private static let firstKeys: Int64 = 10

    private let call: V3Call<RangeStreamResponse>
    private let handler: RequestHandler
    /// What is still to be read; its limit is what the client still wants, 0 for all.
    private var rest: RangeRequest
    private var portionKeys = RangePortions.firstKeys
    /// Of the whole answer, known after the first portion.
    private var header: ResponseHeader?
    private var count: Int64 = 0

    init(_ request: RangeRequest, _ call: V3Call<RangeStreamResponse>, _ handler: RequestHandler) {
        rest = request
        self.call = call
        self.handler = handler
    }

    func begin() {
        call.onWritable = { self.run() }
        run()
    }

    private func run() {
        while call.isOpen, call.isWritable {
            switch handler.readRange(portion(), context: call.context) {
            case .failure(let error): return call.fail(error)
            case .success(let response): send(response)
            }
        }
    }

    private func portion() -> RangeRequest {
        var portion = rest
        if !rest.countOnly {
            portion.limit = rest.limit > 0 ? min(rest.limit, portionKeys) : portionKeys
        }
        return portion
    }

    private func send(_ response: RangeResponse) {
        if header == nil {
            header = response.header
            count = response.count
            // The portions that follow are of the same revision.
            if rest.revision <= 0 { rest.revision = response.header?.revision ?? 0 }
        }
        let found = Int64(response.kvs.count)
        let isLimitReached = rest.limit > 0 && found >= rest.limit
        guard response.more, !isLimitReached, let last = response.kvs.last else {
            var end = response
            end.header = header
            end.count = count
            call.send(RangeStreamResponse(rangeResponse: end))
            return call.finish()
        }
        var part = RangeResponse()
        part.kvs = response.kvs
        let size = part.encodedSize
        call.send(RangeStreamResponse(rangeResponse: part))
        if rest.limit > 0 { rest.limit -= found }
        rest.key = Bytes(last.key.array + [0])
        if size < handler.settings.maxRequestBytes / 2 {
            portionKeys *= 2
        } else if size > handler.settings.maxRequestBytes * 2 {
            portionKeys = max(1, portionKeys / 2)
        }
    }
}
