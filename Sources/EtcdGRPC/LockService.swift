//  v3lockpb.Lock: locks as etcd's client library makes them, made by the server (spec grpc-v3 14).

import EtcdProto
package import EtcdServer
import RuntimeCore

package enum LockService {
    private static let service = "v3lockpb.Lock"

    package static func methods(_ handler: RequestHandler) -> [V3Method] {
        [
            .unary(service, "Lock", gateway: "/v3/lock/lock") {
                (request: LockRequest, call: V3Call<LockResponse>) in
                lock(request, RecipeSession(call, handler))
            },
            .unary(service, "Unlock", gateway: "/v3/lock/unlock") {
                (request: UnlockRequest, call: V3Call<UnlockResponse>) in
                let session = RecipeSession(call, handler)
                session.delete(request.key) { response in
                    session.respond(UnlockResponse(header: response.header))
                }
            },
        ]
    }

    private static func lock(_ request: LockRequest, _ session: RecipeSession<LockResponse>) {
        session.lease(request.lease) { lease in
            let key = RecipeKey(name: request.name, lease: lease)
            let owner = RequestOp(request: .range(RecipeKey.oldest(under: key.prefix)))
            session.txn(key.acquisition(value: .empty, also: [owner])) { response in
                guard let place = RecipePlace(key, response) else {
                    return session.fail(.unknownMethod)
                }
                let owner = response.found(at: 1)
                if owner == nil || owner?.createRevision == place.createRevision {
                    return session.respond(LockResponse(header: place.header, key: key.key))
                }
                wait(place, session)
            }
        }
    }

    /// Whoever waits in vain gives the place in the queue up.
    private static func wait(_ place: RecipePlace, _ session: RecipeSession<LockResponse>) {
        let key = place.key.key
        session.onEnd = { [unowned session] _ in
            session.discard { handler, context, address in
                _ = handler.deleteRange(
                    DeleteRangeRequest(key: key), context: context, address: address)
            }
        }
        session.waitForPredecessors(of: place) {
            // The lease may have run out meanwhile.
            session.range(RangeRequest(key: key)) { response in
                guard response.kvs.isEmpty else {
                    return session.respond(LockResponse(header: response.header, key: key))
                }
                session.onEnd = nil
                session.fail("mutex: session is expired")
            }
        }
    }
}
