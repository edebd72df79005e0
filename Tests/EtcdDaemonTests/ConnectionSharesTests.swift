//  What connections leave of the process's descriptors.

import EtcdNet
import RuntimeCore
import Testing

@testable import EtcdDaemon

@Suite("shares of connections")
struct ConnectionSharesTests {
    @Test(
        "peers and metrics have their parts, clients the rest",
        arguments: [
            (151, 1, 48, 8), (200, 41, 48, 8), (1_024, 711, 109, 54),
            (65_536, 53_127, 8_173, 4_086),
        ])
    func parts(descriptors: Int, clients: Int, peers: Int, metrics: Int) {
        let shares = ConnectionShares(descriptors: descriptors)
        #expect(shares.clients == clients)
        #expect(shares.peers == peers)
        #expect(shares.metrics == metrics)
        // At the worst a good half of the reserve is left for files.
        let left = descriptors - shares.clients - shares.peers - shares.metrics
        #expect(left > Limits.reservedDescriptors / 2)
    }

    @Test("listeners of one kind hold no more together than one alone")
    func split() {
        let settings = ListenerSettings(maxConnections: 100)
        #expect(settings.shared(by: 1).maxConnections == 100)
        #expect(settings.shared(by: 3).maxConnections == 33)
        #expect(settings.shared(by: 0).maxConnections == 100)
        #expect(ListenerSettings(maxConnections: 1).shared(by: 2).maxConnections == 1)
    }
}
