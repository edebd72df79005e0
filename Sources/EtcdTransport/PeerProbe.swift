//  Asks a peer for the time now and then: how long the way takes, and whether the clocks agree.

import EtcdNet
import Logging
import NIOCore
import Protobuf
import Raft
import RuntimeCore

/// Confined to the peer's loop.
final class PeerProbe {
    /// Clocks further apart than this spoil the expiry of keys (etcd's value).
    private static let driftMaxNanoseconds: UInt64 = 1_000_000_000
    /// A complaint is repeated after this many probes (etcd: every 30 s).
    private static let probesPerWarning = 8

    private let context: PeerContext
    private let urls: PeerURLs
    private var task: RepeatedTask?
    private var driftingProbes = 0
    private var failedProbes = 0

    init(context: PeerContext, urls: PeerURLs) {
        self.context = context
        self.urls = urls
    }

    func start() {
        let pause = TimeAmount.milliseconds(Int64(Limits.peerProbeMilliseconds))
        let bound = NIOLoopBound(self, eventLoop: context.loop)
        task = context.loop.scheduleRepeatedTask(initialDelay: pause, delay: pause) { _ in
            bound.value.probe()
        }
    }

    func stop() {
        task?.cancel()
        task = nil
    }

    private func probe() {
        let request = HTTPClientRequest(origin: urls.current, target: "/raft/probing")
        let start = context.clock.monotonic()
        let bound = NIOLoopBound(self, eventLoop: context.loop)
        context.client.execute(
            request, on: context.loop,
            timeout: .milliseconds(Int64(Limits.peerProbeMilliseconds)), maximumBody: 4 << 10
        ).whenComplete { result in
            switch result {
            case .success(let response) where response.status == 200:
                bound.value.answered(response.body, start)
            case .success(let response): bound.value.failed("status \(response.status)", start)
            case .failure(let error): bound.value.failed("\(error)", start)
            }
        }
    }

    /// Told with the first failure and then now and again.
    private func failed(_ error: String, _ start: Instant) {
        guard task != nil else { return }
        if failedProbes % Self.probesPerWarning == 0 {
            let took = context.clock.monotonic().nanoseconds(since: start)
            context.logger.warning(
                "prober detected unhealthy status",
                metadata: [
                    "round-tripper-name": "ROUND_TRIPPER_RAFT_MESSAGE",
                    "remote-peer-id": "\(context.peer)", "rtt": "\(took / 1_000_000)ms",
                    "error": "\(error)",
                ])
        }
        failedProbes += 1
    }

    private func answered(_ body: ByteBuffer, _ start: Instant) {
        let now = context.clock.now()
        let roundTrip = now.monotonic.nanoseconds(since: start)
        guard task != nil, let time = Self.time(in: Bytes(Array(body.readableBytesView))) else {
            return
        }
        failedProbes = 0
        context.counters.probed(roundTripSeconds: Double(roundTrip) / 1e9)
        let expected = now.wall.unixNanoseconds - Int64(clamping: roundTrip / 2)
        let drift = time.unixNanoseconds.subtractingReportingOverflow(expected).partialValue
        guard drift.magnitude > Self.driftMaxNanoseconds else {
            driftingProbes = 0
            return
        }
        if driftingProbes % Self.probesPerWarning == 0 {
            context.logger.warning(
                "prober found high clock drift",
                metadata: [
                    "remote-peer-id": "\(context.peer)",
                    "clock-drift-ms": "\(drift.magnitude / 1_000_000)",
                    "rtt-ms": "\(roundTrip / 1_000_000)",
                ])
        }
        driftingProbes += 1
    }

    /// Reads `{"OK":true,"Now":"…"}`.
    static func time(in body: Bytes) -> WallTime? {
        guard let text = try? JSONValue.parse(body)["Now"]?.text else {
            return nil
        }
        return ClockText.parse(text)
    }

    /// The answer to somebody else's probe.
    static func answer(at time: WallTime) -> String {
        "{\"OK\":true,\"Now\":\"\(ClockText.format(time))\"}\n"
    }
}
