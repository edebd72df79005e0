//  `etcd-swift healthcheck`: asks members for their health, for container engines and scripts.

import EtcdConfig
import EtcdNet
import Glibc
import NIOCore
import Protobuf
import RuntimeCore
import RuntimePosix

package enum HealthcheckCommand {
    private static let maximumAnswer = 64 << 10

    /// Asks and tells the result, a line for each member.
    ///
    /// - Parameter arguments: what follows `healthcheck`.
    /// - Returns: 0 when all are healthy, 1 when one is not, 2 for a command line that cannot be
    ///   read.
    package static func run(arguments: [String]) async -> Int32 {
        signal(SIGPIPE, SIG_IGN)
        let outcome = HealthcheckQuestion.read(
            arguments: arguments, environment: Daemon.environment(),
            readFile: { try PosixFileSystem().contents(of: $0) })
        switch outcome {
        case .help(let text):
            Daemon.write(text, to: STDOUT_FILENO)
            return 0
        case .failure(let message, let exitCode):
            Daemon.write(message, to: STDERR_FILENO)
            return exitCode
        case .ask(let question):
            return await ask(question)
        }
    }

    private static func ask(_ question: HealthcheckQuestion) async -> Int32 {
        let loops = EventLoops(count: 1)
        var isHealthy = true
        do {
            let client = HTTPClient(loops: loops, tls: try TLSContext(TLSOptions(question)))
            for endpoint in question.endpoints {
                if let fault = await fault(of: endpoint, question, client, on: loops.next()) {
                    isHealthy = false
                    Daemon.write("\(endpoint) is unhealthy: \(fault)\n", to: STDERR_FILENO)
                } else {
                    Daemon.write("\(endpoint) is healthy\n", to: STDOUT_FILENO)
                }
            }
            client.shutdown()
        } catch {
            isHealthy = false
            Daemon.write("healthcheck: \(error)\n", to: STDERR_FILENO)
        }
        try? await loops.shutdown()
        return isHealthy ? 0 : 1
    }

    /// Why the member there is not healthy, or does not say so.
    private static func fault(
        of endpoint: String, _ question: HealthcheckQuestion, _ client: HTTPClient,
        on loop: any EventLoop
    ) async -> String? {
        let target = question.isSerializable ? "/health?serializable=true" : "/health"
        let answer: HTTPClientResponse
        do {
            answer = try await client.execute(
                HTTPClientRequest(origin: endpoint, target: target), on: loop,
                timeout: .milliseconds(Int64(clamping: question.timeoutMilliseconds)),
                maximumBody: maximumAnswer
            ).get()
        } catch {
            return "\(error)"
        }
        let body = Bytes(Array(answer.body.readableBytesView))
        let report = try? JSONValue.parse(body)
        if answer.status == 200, report?["health"]?.text == "true" { return nil }
        if let reason = report?["reason"]?.text, !reason.isEmpty { return reason }
        return "it answered \(answer.status) \(body.text)"
    }
}

extension TLSOptions {
    fileprivate init(_ question: HealthcheckQuestion) {
        self.init()
        clientCertificateFile = question.certificateFile
        clientKeyFile = question.keyFile
        trustedCAFile = question.authoritiesFile
        trustsAnyServer = question.trustsAnyServer
        dials = true
    }
}
