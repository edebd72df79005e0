"""Measures our program beside Debian's etcd on the same machine, in one run, and prints ratios.

For one and three members, on a disk and in memory, for 1, 64 and 256 connections: PUT, GET and
quorum GET of random keys among ten thousand, driven by wrk against the leader. The two programs
take turns within every line of the table, so that a noisy machine hurts both. Started by
scripts/bench.sh v2."""

import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "IntegrationTests"))

import harness  # noqa: E402 (the harness of the integration tests)
import rawhttp  # noqa: E402

SECONDS = int(os.environ.get("BENCH_SECONDS", "5"))
REPEATS = int(os.environ.get("BENCH_REPEATS", "1"))
SIZES = [int(n) for n in os.environ.get("BENCH_MEMBERS", "1 3").split()]
CONNECTIONS = [int(n) for n in os.environ.get("BENCH_CONNECTIONS", "1 64 256").split()]
OPERATIONS = os.environ.get("BENCH_OPERATIONS", "put get qget").split()
DISK = os.environ.get("BENCH_DISK_DIR", str(harness.ROOT / ".build/bench"))
PLACES = {"disk": DISK, "memory": "/dev/shm"}
CHOSEN = os.environ.get("BENCH_PLACES", "disk memory").split()
KEYS = 10_000
VALUE_BYTES = 128
TICKS = os.sysconf("SC_CLK_TCK")
WARM_UP_SECONDS = 1


class Sample:
    """One measurement: rate, latency, what it cost the servers."""

    def __init__(self, rate, p99, cpu, rss, errors):
        self.rate, self.p99, self.cpu, self.rss, self.errors = rate, p99, cpu, rss, errors

    @staticmethod
    def median(samples):
        middle = [statistics.median(getattr(s, name) for s in samples)
                  for name in ("rate", "p99", "cpu", "rss")]
        return Sample(*middle, sum(s.errors for s in samples))


class Side:
    """A cluster of one program on one place."""

    def __init__(self, name, binary, size, place):
        self.name = name
        self.directory = tempfile.mkdtemp(prefix="etcd-bench-", dir=place)
        self.cluster = harness.Cluster(size, [binary] * size)
        for member in self.cluster.members:
            shutil.rmtree(member.directory)
            member.own_directory = False
            member.directory = os.path.join(self.directory, member.name)
            member.data_dir = os.path.join(member.directory, "data")
            member.log_path = os.path.join(member.directory, "log")
        self.leader = None

    def start(self):
        self.cluster.start()
        self.leader = self.cluster.leader()
        preload(self.leader.address)

    def close(self):
        self.cluster.close()
        shutil.rmtree(self.directory, ignore_errors=True)

    def cpu_ticks(self):
        """User and system time of all members so far."""
        total = 0
        for member in self.cluster.members:
            with open(f"/proc/{member.pid}/stat") as file:
                fields = file.read().rsplit(") ", 1)[1].split()
            total += int(fields[11]) + int(fields[12])
        return total

    def peak_kib(self):
        return max(member.memory_kib("VmHWM") for member in self.cluster.members)

    def forget_peak(self):
        for member in self.cluster.members:
            with open(f"/proc/{member.pid}/clear_refs", "w") as file:
                file.write("5")

    def measure(self, operation, connections, seconds):
        self.forget_peak()
        before = self.cpu_ticks()
        result = wrk(self.leader.client, operation, connections, seconds)
        cpu = (self.cpu_ticks() - before) / TICKS
        requests = max(result["requests"], 1)
        return Sample(result["requests"] / (result["microseconds"] / 1e6), result["p99"] / 1000,
                      cpu * 100_000 / requests, self.peak_kib() / 1024, result["errors"])


def wrk(url, operation, connections, seconds):
    """Drives one kind of request; the numbers come back as JSON from the script."""
    done = subprocess.run(
        ["wrk", "-t", "1", "-c", str(connections), "-d", f"{seconds}s", "--timeout", "20s",
         "-s", str(HERE / "v2.lua"), url, "--", operation, str(KEYS), str(VALUE_BYTES)],
        capture_output=True, text=True, timeout=seconds + 60, check=True)
    return json.loads(done.stdout.split("RESULT", 1)[1])


def preload(address, lanes=32):
    """Writes every key once, on several connections with a few requests under way on each."""
    def lane(first):
        with rawhttp.Wire(address, 120) as wire:
            keys = range(first, KEYS, lanes)
            for start in range(0, len(keys), 16):
                batch = keys[start:start + 16]
                headers, body = rawhttp.form_of({"value": "v" * VALUE_BYTES})
                wire.send(b"".join(rawhttp.encode("PUT", f"/v2/keys/bench/{key}", headers, body)
                                   for key in batch))
                for _ in batch:
                    answer = wire.response("PUT")
                    assert answer.status in (200, 201), answer
    threads = [threading.Thread(target=lane, args=(n,)) for n in range(lanes)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


HEADING = (f"{'members':>7} {'place':>6} {'op':>4} {'conns':>5} │ "
           f"{'etcd/s':>8} {'ours/s':>8} {'×':>5} │ {'p99 ms':>7} {'ours':>7} │ "
           f"{'cpu s':>6} {'ours':>6} {'×':>5} │ {'MiB':>5} {'ours':>5} {'×':>5} │ errors")


def row(size, place, operation, connections, etcd, ours):
    return (f"{size:>7} {place:>6} {operation:>4} {connections:>5} │ "
            f"{etcd.rate:>8.0f} {ours.rate:>8.0f} {ratio(ours.rate, etcd.rate)} │ "
            f"{etcd.p99:>7.2f} {ours.p99:>7.2f} │ "
            f"{etcd.cpu:>6.2f} {ours.cpu:>6.2f} {ratio(ours.cpu, etcd.cpu)} │ "
            f"{etcd.rss:>5.0f} {ours.rss:>5.0f} {ratio(ours.rss, etcd.rss)} │ "
            f"{etcd.errors}/{ours.errors}")


def ratio(one, two):
    return f"{one / two:>5.2f}" if two else "    –"


def compare(size, place):
    """All lines of one size on one place; the program that begins changes from line to line."""
    sides = [Side("etcd", harness.REFERENCE, size, PLACES[place]),
             Side("ours", harness.OURS, size, PLACES[place])]
    try:
        for side in sides:
            side.start()
        for side in sides:
            side.measure("get", 8, WARM_UP_SECONDS)
        for operation in OPERATIONS:
            for connections in CONNECTIONS:
                samples = {"etcd": [], "ours": []}
                for _ in range(REPEATS):
                    for side in sides:
                        samples[side.name].append(side.measure(operation, connections, SECONDS))
                    sides.reverse()
                medians = [Sample.median(samples[name]) for name in ("etcd", "ours")]
                print(row(size, place, operation, connections, *medians), flush=True)
    finally:
        for side in sides:
            side.close()


def main():
    os.makedirs(DISK, exist_ok=True)
    print(f"ours: {harness.OURS}   etcd: {harness.REFERENCE}")
    print(f"{SECONDS} s each, median of {REPEATS}")
    print(f"cpu s: server CPU seconds per 100k requests, all members; MiB: peak of the largest "
          f"member; ×: ours / etcd\n\n{HEADING}\n{'─' * len(HEADING)}")
    for place in CHOSEN:
        for size in SIZES:
            compare(size, place)


main()
