//  The whole v3 API of a member.

package import EtcdServer
package import RuntimeCore

package enum V3Services {
    /// - Parameters:
    ///   - relay: the way to the leader.
    ///   - background: where databases on their way to clients are read.
    package static func methods(
        _ handler: RequestHandler, relay: any LeaderRelay & PromotionRelay,
        background: any BackgroundPool
    ) -> [V3Method] {
        KVService(handler: handler).methods
            + WatchService(handler: handler).methods
            + LeaseService(handler: handler, relay: relay).methods
            + ClusterService.methods(handler, relay: relay)
            + MaintenanceService.methods(handler, background: background)
            + AuthService.methods(handler) + HealthService().methods
            + LockService.methods(handler) + ElectionService.methods(handler)
    }
}
