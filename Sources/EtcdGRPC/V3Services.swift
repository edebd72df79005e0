//  The whole v3 API of a member.

package import EtcdServer
package import RuntimeCore

package enum V3Services {
    /// - Parameter relay: the way to the leader.
    package static func methods(
        _ handler: RequestHandler, relay: any LeaderRelay & PromotionRelay,
        background: any BackgroundPool
    ) -> [V3Method] {
        KVService(handler: handler, background: background).methods
            + WatchService(handler: handler).methods
            + LeaseService(handler: handler, relay: relay).methods
            + ClusterService.methods(handler, relay: relay)
            + MaintenanceService.methods(handler, background: background)
            + AuthService.methods(handler) + HealthService().methods
            + LockService.methods(handler) + ElectionService.methods(handler)
    }
}
