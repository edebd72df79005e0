"""Measures what a large database costs, ours beside etcd 3.5: the restart of a member with a million
keys, and the streaming of a snapshot of 1 GiB while others write. Started by scripts/bench.sh large."""

import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "IntegrationTests"))

import harness  # noqa: E402 (the harness of the integration tests)
import v3_reference  # noqa: E402
import v3bench  # noqa: E402
from v3_cases import op_put  # noqa: E402
from v3_client import Client  # noqa: E402

KEYS = int(os.environ.get("BENCH_KEYS", "1000000"))
RESTARTS = int(os.environ.get("BENCH_RESTARTS", "3"))
STREAM_BYTES = int(os.environ.get("BENCH_STREAM_BYTES", str(1 << 30)))
PER_TXN = 100
# A large quota, so that the database may grow.
FLAGS = ["--quota-backend-bytes", str(8 << 30), "--snapshot-count", "10000"]


def fill(member, count, value):
    """Keys of 32 bytes in transactions of PER_TXN."""
    with Client(member.client) as client:
        for start in range(0, count, PER_TXN):
            keys = range(start, min(start + PER_TXN, count))
            client.txn(success=[op_put(f"key/{n:028d}", value) for n in keys])


def single(binary, place):
    side = v3bench.Side("one", binary, 1, place)
    side.cluster.members[0].flags += FLAGS
    side.cluster.start()
    return side, side.cluster.members[0]


def serves(member):
    """Whether a linearizable read is answered."""
    with Client(member.client) as client:
        return client.call("Range", {"key": "key/", "limit": 1}, timeout=0.5).ok


def restart(binary, place):
    """(seconds from start to serving, MiB resident then), the medians."""
    side, member = single(binary, place)
    try:
        fill(member, KEYS, "v" * 256)
        seconds, memory = [], []
        for _ in range(RESTARTS):
            member.terminate(120)
            begin = time.monotonic()
            member.start()
            while not serves(member):
                time.sleep(0.01)
            seconds.append(time.monotonic() - begin)
            time.sleep(1)
            memory.append(member.memory_kib("VmRSS") / 1024)
        return statistics.median(seconds), statistics.median(memory)
    finally:
        side.close()


class Writer(threading.Thread):
    """One client that puts as fast as it is answered, and notes how long each took."""

    def __init__(self, member):
        super().__init__()
        self.member, self.times, self.ending = member, [], False

    def run(self):
        with Client(self.member.client) as client:
            while not self.ending:
                begin = time.monotonic()
                client.put("busy", "v" * 256)
                self.times.append((time.monotonic() - begin) * 1000)

    def end(self):
        self.ending = True
        self.join()
        return sorted(self.times)[int(len(self.times) * 0.99)]


def stream(binary, place):
    """(p99 of writes before, during, MiB per second, growth of the resident memory in MiB)"""
    side, member = single(binary, place)
    try:
        value = "v" * 8192
        fill(member, STREAM_BYTES // (len(value) + 100), value)
        time.sleep(2)
        quiet = Writer(member)
        quiet.start()
        time.sleep(5)
        before = quiet.end()
        side.forget_peak()
        resident = member.memory_kib("VmRSS")
        busy = Writer(member)
        busy.start()
        begin = time.monotonic()
        # A process of its own: it must not hold up the writer.
        with tempfile.TemporaryDirectory(dir=v3bench.PLACES["memory"]) as target:
            subprocess.run([v3_reference.ETCDCTL35, "--endpoints", member.client, "snapshot",
                            "save", f"{target}/db"], check=True, capture_output=True)
            took = time.monotonic() - begin
            during = busy.end()
            size = os.path.getsize(f"{target}/db")
        growth = (member.memory_kib("VmHWM") - resident) / 1024
        return before, during, size / took / (1 << 20), growth
    finally:
        side.close()


def main():
    programs = {"etcd": v3_reference.ETCD35, "ours": harness.OURS}
    for name in v3bench.CHOSEN:
        place = v3bench.PLACES[name]
        os.makedirs(place, exist_ok=True)
        print(f"{name}: {KEYS} keys of 32 bytes with values of 256, restart to a linearizable read")
        results = {each: restart(binary, place) for each, binary in programs.items()}
        for position, what in enumerate(["seconds", "MiB resident"]):
            etcd, ours = (results[each][position] for each in ("etcd", "ours"))
            print(f"  {what:>14}: etcd {etcd:8.2f}  ours {ours:8.2f}  × {v3bench.ratio(ours, etcd)}",
                  flush=True)
        print(f"{name}: snapshot of {STREAM_BYTES >> 20} MiB while one client writes")
        for each, binary in programs.items():
            before, during, speed, growth = stream(binary, place)
            print(f"  {each}: p99 of writes {before:.2f} ms quiet, {during:.2f} ms meanwhile "
                  f"(× {during / before:.2f}), {speed:.0f} MiB/s, memory + {growth:.0f} MiB",
                  flush=True)


if __name__ == "__main__":
    main()
