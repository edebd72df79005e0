//  The threads for work that blocks: reading and copying databases, hashing, long answers.

import NIOPosix
import RuntimeCore

/// NIO's pool as the replica knows it.
final class BackgroundThreads: BackgroundPool {
    let pool: NIOThreadPool

    /// - Parameter count: of two, one is left beside something long.
    init(count: Int = 2) {
        pool = NIOThreadPool(numberOfThreads: count)
        pool.start()
    }

    func submit(_ work: @escaping @Sendable () -> Void) {
        pool.submit { state in
            if case .active = state { work() }
        }
    }

    func shutdown() async { try? await pool.shutdownGracefully() }
}
