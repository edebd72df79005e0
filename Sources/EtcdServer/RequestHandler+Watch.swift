//  The v3 watch calls: a stream of watches per client stream, served by the hub of the apply role.

package import EtcdMVCC
package import EtcdProto
import RuntimeCore
import Synchronization

/// One client's watch stream. Calls may come from any thread; what they lead to appears in
/// `outbox`, announced by `.watchReady` at the address given when it was opened.
package final class WatchStreamHandle: Sendable {
    package let outbox: WatchOutbox
    private let apply: any Port<ApplyInput>
    private let views: V3Views
    private let isClosed = Atomic<Bool>(false)

    init(outbox: WatchOutbox, apply: any Port<ApplyInput>, views: V3Views) {
        self.outbox = outbox
        self.apply = apply
        self.views = views
    }

    /// False when the member cannot take more at present.
    package func create(_ request: WatchCreateRequest) -> Bool {
        post(.create(stream: outbox.streamID, request))
    }

    private func post(_ request: WatchCommand) -> Bool {
        outbox.requestPosted()
        return apply.post(.watch(request))
    }

    /// Answers a request to create a watcher in its turn, with a refusal.
    package func refuse(reason: String) -> Bool {
        post(.refuse(stream: outbox.streamID, reason: reason))
    }

    package func cancel(_ watch: Int64) -> Bool {
        post(.cancel(stream: outbox.streamID, watch: watch))
    }

    package func requestProgress() -> Bool {
        post(.requestProgress(stream: outbox.streamID))
    }

    /// To be called when the outbox is empty and `takeWantsDrainNotice` has said so.
    package func drained() -> Bool { apply.post(.watch(.drained(stream: outbox.streamID))) }

    /// Idempotent; every stream must be closed.
    package func close() {
        guard !isClosed.exchange(true, ordering: .sequentiallyConsistent) else { return }
        if !apply.post(.watch(.close(stream: outbox.streamID))) {
            views.noteLostClose(of: outbox.streamID)
        }
    }
}

extension RequestHandler {
    /// - Parameter address: must stay valid until the handle is closed.
    package func openWatchStream(address: ReplyAddress) -> Result<WatchStreamHandle, ServerError> {
        if status.isStopping { return .failure(.stopped) }
        if isLearner { return .failure(.learnerNotSupported) }
        let id = nextStream.wrappingAdd(1, ordering: .relaxed).newValue
        let outbox = WatchOutbox(streamID: id)
        guard apply.post(.watch(.open(outbox, address))) else {
            return .failure(.tooManyRequests)
        }
        return .success(WatchStreamHandle(outbox: outbox, apply: apply, views: v3))
    }
}
