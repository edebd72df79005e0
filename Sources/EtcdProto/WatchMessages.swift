//  The Watch service's messages (spec grpc-v3 2 and 7).

package import RuntimeCore

/// What a client sends on a watch stream.
package struct WatchRequest: ProtobufMessage {
    package static let messageName = "etcdserverpb.WatchRequest"

    /// The proto's `request_union`.
    package enum Request: Sendable, Hashable {
        case create(WatchCreateRequest)
        case cancel(WatchCancelRequest)
        case progress(WatchProgressRequest)
    }

    package var request: Request?

    package init() {}

    package init(request: Request? = nil) {
        self.request = request
    }

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {
        visitor.choice(1, "create_request", request?.create) { request = .create($0) }
        visitor.choice(2, "cancel_request", request?.cancel) { request = .cancel($0) }
        visitor.choice(3, "progress_request", request?.progress) { request = .progress($0) }
    }
}

extension WatchRequest.Request {
    @inline(__always)
    package var create: WatchCreateRequest? {
        if case .create(let value) = self { value } else { nil }
    }
    @inline(__always)
    package var cancel: WatchCancelRequest? {
        if case .cancel(let value) = self { value } else { nil }
    }
    @inline(__always)
    package var progress: WatchProgressRequest? {
        if case .progress(let value) = self { value } else { nil }
    }
}

/// Starts a watcher; revision 0 means from now on, id 0 lets the server choose.
package struct WatchCreateRequest: ProtobufMessage {
    package static let messageName = "etcdserverpb.WatchCreateRequest"

    /// Events that the client does not want.
    package struct FilterType: OpenEnum {
        package static let enumName = "etcdserverpb.WatchCreateRequest.FilterType"
        package static let noput = Self(rawValue: 0)
        package static let nodelete = Self(rawValue: 1)
        package static let names = ["NOPUT", "NODELETE"]

        package let rawValue: Int32
        package init(rawValue: Int32) { self.rawValue = rawValue }
    }

    package var key = Bytes.empty
    package var rangeEnd = Bytes.empty
    package var startRevision: Int64 = 0
    package var progressNotify = false
    package var filters: [FilterType] = []
    package var prevKV = false
    package var watchID: Int64 = 0
    package var fragment = false

    package init() {}

    package init(
        key: Bytes = .empty, rangeEnd: Bytes = .empty, startRevision: Int64 = 0,
        progressNotify: Bool = false, filters: [FilterType] = [], prevKV: Bool = false,
        watchID: Int64 = 0, fragment: Bool = false
    ) {
        self.key = key
        self.rangeEnd = rangeEnd
        self.startRevision = startRevision
        self.progressNotify = progressNotify
        self.filters = filters
        self.prevKV = prevKV
        self.watchID = watchID
        self.fragment = fragment
    }

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {
        visitor.field(1, "key", &key)
        visitor.field(2, "range_end", &rangeEnd)
        visitor.field(3, "start_revision", &startRevision)
        visitor.field(4, "progress_notify", &progressNotify)
        visitor.field(5, "filters", &filters)
        visitor.field(6, "prev_kv", &prevKV)
        visitor.field(7, "watch_id", &watchID)
        visitor.field(8, "fragment", &fragment)
    }
}

/// Ends a watcher.
package struct WatchCancelRequest: ProtobufMessage {
    package static let messageName = "etcdserverpb.WatchCancelRequest"

    package var watchID: Int64 = 0

    package init() {}

    package init(watchID: Int64 = 0) {
        self.watchID = watchID
    }

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {
        visitor.field(1, "watch_id", &watchID)
    }
}

/// Asks how far all watchers of the stream have come.
package struct WatchProgressRequest: ProtobufMessage {
    package static let messageName = "etcdserverpb.WatchProgressRequest"

    package init() {}

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {}
}

/// Events of one watcher, or news of the watcher itself.
package struct WatchResponse: ProtobufMessage {
    package static let messageName = "etcdserverpb.WatchResponse"

    package var header: ResponseHeader?
    package var watchID: Int64 = 0
    package var created = false
    package var canceled = false
    package var compactRevision: Int64 = 0
    package var cancelReason = ""
    package var fragment = false
    package var events: [Event] = []

    package init() {}

    package init(
        header: ResponseHeader? = nil, watchID: Int64 = 0, created: Bool = false,
        canceled: Bool = false, compactRevision: Int64 = 0, cancelReason: String = "",
        fragment: Bool = false, events: [Event] = []
    ) {
        self.header = header
        self.watchID = watchID
        self.created = created
        self.canceled = canceled
        self.compactRevision = compactRevision
        self.cancelReason = cancelReason
        self.fragment = fragment
        self.events = events
    }

    package mutating func visit<V: FieldVisitor>(_ visitor: inout V) {
        visitor.field(1, "header", &header)
        visitor.field(2, "watch_id", &watchID)
        visitor.field(3, "created", &created)
        visitor.field(4, "canceled", &canceled)
        visitor.field(5, "compact_revision", &compactRevision)
        visitor.field(6, "cancel_reason", &cancelReason)
        visitor.field(7, "fragment", &fragment)
        visitor.field(11, "events", &events)
    }
}
