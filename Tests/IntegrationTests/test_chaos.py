"""Members are killed with SIGKILL under load: no acknowledged write is lost, no quorum read is
stale, and the others write again in the promised time. Rounds: ETCD_SWIFT_CHAOS_ROUNDS (8; 50 by
hand)."""

import random

import chaos
import harness


def test_kills_under_load():
    seed = random.randrange(1 << 30)
    print(f"seed {seed}: python3 chaos.py ROUNDS {seed}")
    with harness.Cluster(3) as cluster:
        run = chaos.Chaos(cluster, seed)
        run.run(chaos.rounds_of(8))
        assert not run.ledger.violations, "\n".join(run.ledger.violations)
        assert run.ledger.acknowledged > 100 and run.ledger.reads > 100
        bound = chaos.RECOVERY_SECONDS + chaos.slack()
        assert max(run.recoveries) <= bound, f"recoveries: {run.recoveries}"
