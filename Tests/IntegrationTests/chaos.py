"""Kills members at random under load and holds every answer against what was acknowledged before.
Used by test_chaos.py; by hand: ETCD_SWIFT_BINARY=... python3 chaos.py 50

Each writer counts upwards in a key that nobody else writes. A write whose outcome is unknown (an
error, a timeout) may still take effect later, so its key is left and a new one begun. For every key
    floor    the highest value acknowledged to the writer or returned by a quorum read
    ceiling  the highest value that was sent
must enclose every quorum read that starts after the floor was known."""

import os
import random
import sys
import threading
import time

import harness
import rawhttp

WRITERS = 4
READERS = 3
# Short: a write that hangs in a leaderless moment is tried again soon, so that recovery is measured
# finely.
REQUEST_SECONDS = 0.4
# The requirement with default timeouts, and what two slow shared cores may add.
RECOVERY_SECONDS = 3.0
MACHINE_SLACK_SECONDS = 1.5
# The reference has no pre-vote and may split its votes once or twice.
REFERENCE_SLACK_SECONDS = 8.0


class Ledger:
    """What is known about every key; one lock, held for moments only."""

    def __init__(self):
        self.lock = threading.Lock()
        self.floor = {}
        self.ceiling = {}
        self.violations = []
        self.acknowledged = 0
        self.reads = 0
        self.failures = 0
        # When the last write began that was acknowledged.
        self.last_start = 0.0

    def sending(self, key, value):
        with self.lock:
            self.floor.setdefault(key, 0)
            self.ceiling[key] = value

    def accepted(self, key, value, started):
        with self.lock:
            self.floor[key] = max(self.floor[key], value)
            self.acknowledged += 1
            self.last_start = max(self.last_start, started)

    def read(self, key, floor, value, where):
        with self.lock:
            self.reads += 1
            if not floor <= value <= self.ceiling[key]:
                self.violations.append(f"{where}: {key} reads {value}, known "
                                       f"{floor}..{self.ceiling[key]}")
            self.floor[key] = max(self.floor[key], value)


class Chaos:
    def __init__(self, cluster, seed):
        self.cluster = cluster
        self.random = random.Random(seed)
        self.ledger = Ledger()
        self.stopping = threading.Event()
        self.recoveries = []
        self.threads = [threading.Thread(target=self.write, args=(n, seed + n), daemon=True)
                        for n in range(WRITERS)]
        self.threads += [threading.Thread(target=self.read, args=(seed + 100 + n,), daemon=True)
                         for n in range(READERS)]

    def write(self, number, seed):
        choose = random.Random(seed)
        generation, value = 0, 0
        while not self.stopping.is_set():
            key = f"/chaos/{number}/{generation}"
            value += 1
            member = choose.choice(self.cluster.members)
            self.ledger.sending(key, value)
            started = time.monotonic()
            try:
                answer = rawhttp.request(member.address, "PUT", member.key(key),
                                         form={"value": value}, timeout=REQUEST_SECONDS)
                done = answer.status in (200, 201)
            except ConnectionRefusedError:
                # Never sent: the value is free to be used again.
                value -= 1
                time.sleep(0.02)
                continue
            except (OSError, ValueError, IndexError):
                done = False
            if done:
                self.ledger.accepted(key, value, started)
            else:
                with self.ledger.lock:
                    self.ledger.failures += 1
                generation, value = generation + 1, 0

    def read(self, seed):
        choose = random.Random(seed)
        while not self.stopping.is_set():
            with self.ledger.lock:
                known = list(self.ledger.floor.items())
            if not known:
                time.sleep(0.05)
                continue
            key, floor = choose.choice(known[-WRITERS * 3:])
            member = choose.choice(self.cluster.members)
            try:
                value = self.value_of(member, key)
            except (OSError, ValueError, IndexError):
                time.sleep(0.02)
                continue
            if value is not None:
                self.ledger.read(key, floor, value, f"quorum read at {member.name}")

    @staticmethod
    def value_of(member, key):
        """The value of a quorum read, 0 for no key, None for no answer."""
        answer = rawhttp.request(member.address, "GET", member.key(key) + "?quorum=true",
                                 timeout=REQUEST_SECONDS)
        if answer.status == 200:
            return int(answer.json()["node"]["value"])
        if answer.status == 404 and answer.json().get("errorCode") == 100:
            return 0
        return None

    def round(self):
        """Kill one, wait until the others write again, bring it back."""
        leader = self.cluster.leader()
        # Every second time the leader: that is what hurts.
        victim = leader if self.random.random() < 0.5 else self.random.choice(self.cluster.members)
        was_leader = victim is leader
        victim.kill()
        killed = time.monotonic()
        harness.eventually(lambda: self.ledger.last_start > killed, 60,
                           f"a write after {victim.name} was killed", pause=0.005)
        took = time.monotonic() - killed
        self.recoveries.append(took)
        print(f"killed {victim.name}{' (leader)' if was_leader else ''}: "
              f"writes again after {took:.2f} s", flush=True)
        time.sleep(self.random.uniform(0, 0.5))
        victim.start().wait_ready()
        time.sleep(self.random.uniform(0, 0.5))

    def run(self, rounds):
        for thread in self.threads:
            thread.start()
        harness.eventually(lambda: self.ledger.acknowledged > 20, 30, "the load")
        try:
            for _ in range(rounds):
                self.round()
        finally:
            self.stopping.set()
            for thread in self.threads:
                thread.join(30)
        self.audit()

    def audit(self):
        """Every key on every member, after everything is quiet."""
        for member in self.cluster.members:
            for key, floor in list(self.ledger.floor.items()):
                value = harness.eventually(
                    lambda k=key: (found := self.value_of(member, k)) is not None and (found,),
                    30, f"{key} at {member.name}")[0]
                self.ledger.read(key, floor, value, f"audit at {member.name}")


def slack():
    return REFERENCE_SLACK_SECONDS if harness.TESTING_REFERENCE else MACHINE_SLACK_SECONDS


def rounds_of(default):
    return int(os.environ.get("ETCD_SWIFT_CHAOS_ROUNDS", default))


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else rounds_of(50)
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(1 << 30)
    print(f"{rounds} rounds, seed {seed}, {harness.OURS}", flush=True)
    with harness.Cluster(3) as cluster:
        chaos = Chaos(cluster, seed)
        chaos.run(rounds)
    ledger = chaos.ledger
    print(f"{ledger.acknowledged} writes acknowledged, {ledger.failures} with unknown outcome, "
          f"{ledger.reads} reads, slowest recovery {max(chaos.recoveries):.2f} s")
    for violation in ledger.violations:
        print("VIOLATION", violation)
    late = [took for took in chaos.recoveries if took > RECOVERY_SECONDS + slack()]
    sys.exit(1 if ledger.violations or late else 0)


if __name__ == "__main__":
    main()
