"""Measures the v3 API of our program beside etcd 3.5 on the same machine, in one run, and prints
ratios: one and three members, on a disk and in memory. Driven by Tests/LoadGenerator; unary calls by
h2load with BENCH_GENERATOR=h2load. The two programs take turns within every line of the table, so that
a noisy machine hurts both. Started by scripts/bench.sh v3."""

import array
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "IntegrationTests"))

import harness  # noqa: E402 (the harness of the integration tests)
import v3_content  # noqa: E402
import v3_reference  # noqa: E402
from v3_cases import op_get, op_put, when  # noqa: E402
from v3_client import Client  # noqa: E402
from v3_messages import METHODS, build  # noqa: E402

SECONDS = float(os.environ.get("BENCH_SECONDS", "3"))
REPEATS = int(os.environ.get("BENCH_REPEATS", "1"))
SIZES = [int(n) for n in os.environ.get("BENCH_MEMBERS", "1 3").split()]
DISK = os.environ.get("BENCH_DISK_DIR", str(harness.ROOT / ".build/bench"))
PLACES = {"disk": DISK, "memory": "/dev/shm"}
LOAD_GENERATOR = os.environ["LOAD_GENERATOR"]
CALL_GENERATOR = os.environ.get("BENCH_GENERATOR", "own")
CHOSEN = os.environ.get("BENCH_PLACES", "disk memory").split()
KEY, VALUE = "k" * 32, "v" * 256
# Keys of a range of 1000.
MANY = 1000
TICKS = os.sysconf("SC_CLK_TCK")

PUT = ("Put", {"key": KEY, "value": VALUE})
RANGE = {"key": KEY}
# name: [(method, request, connections, requests under way on each)]; several run side by side.
# A hundred clients share ten connections, as gRPC clients do, so that the generator leaves most of two
# cores to the servers; with a connection each it needs as much as our server.
UNARY = {
    "put": [(*PUT, 10, 10)],
    "put 100 conns": [(*PUT, 100, 1)],
    "put 1 client": [(*PUT, 1, 1)],
    "range": [("Range", RANGE, 10, 10)],
    "range 100 conns": [("Range", RANGE, 100, 1)],
    "range serial": [("Range", {**RANGE, "serializable": True}, 10, 10)],
    "range 1000": [("Range", {"key": "many/", "range_end": "many0", "limit": MANY}, 10, 1)],
    "txn": [("Txn", {"compare": [when(KEY, "VERSION", "GREATER", version=0)],
                     "success": [op_put(KEY, VALUE), op_get(KEY)]}, 10, 10)],
    "mixed": [("Range", RANGE, 8, 10), (*PUT, 2, 10)],
}
# name: scenario of the load generator.
STREAMS = {"watch 1 key": "one-key", "watch 10k keys": "many-keys", "keep-alive": "keep-alive"}
SETUP_SECONDS = 60
OPERATIONS = [name.strip() for name in os.environ.get(
    "BENCH_OPERATIONS", ",".join([*UNARY, *STREAMS])).split(",")]


class Sample:
    """One measurement: operations and seconds, latency, what it cost the servers."""

    def __init__(self, rate, p99, cpu=0.0, rss=0.0):
        self.rate, self.p99, self.cpu, self.rss = rate, p99, cpu, rss

    @staticmethod
    def median(samples):
        return Sample(*(statistics.median(getattr(s, name) for s in samples)
                        for name in ("rate", "p99", "cpu", "rss")))


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
        with Client(self.leader.client) as client:
            client.put(KEY, VALUE)
            v3_content.bulk(client, MANY, "many/", MANY, VALUE)

    def close(self):
        self.cluster.close()
        shutil.rmtree(self.directory, ignore_errors=True)

    def cpu_seconds(self):
        """User and system time of all members so far."""
        total = 0
        for member in self.cluster.members:
            with open(f"/proc/{member.pid}/stat") as file:
                fields = file.read().rsplit(") ", 1)[1].split()
            total += int(fields[11]) + int(fields[12])
        return total / TICKS

    def forget_peak(self):
        for member in self.cluster.members:
            with open(f"/proc/{member.pid}/clear_refs", "w") as file:
                file.write("5")

    def measure(self, operation):
        self.forget_peak()
        drives = stream if operation in STREAMS else drive
        count, seconds, p99, cpu = drives(
            self.leader, {**UNARY, **STREAMS}[operation], self.cpu_seconds)
        rss = max(member.memory_kib("VmHWM") for member in self.cluster.members) / 1024
        return Sample(count / seconds, p99, cpu * 100_000 / max(count, 1), rss)


def stream(member, scenario, cpu_of):
    """Events or keep-alives, seconds, p99 in milliseconds, CPU seconds. Setting up thousands of watches
    is not part of what is measured: the generator waits when it is ready."""
    with tempfile.NamedTemporaryFile() as log, subprocess.Popen(
            [LOAD_GENERATOR, *map(str, member.address), f"{SECONDS:g}", log.name, scenario],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True) as generator:
        ready = generator.stdout.readline()
        before = cpu_of()
        out, errors = generator.communicate("\n" if ready else "", SECONDS + SETUP_SECONDS)
        cpu = cpu_of() - before
        assert generator.returncode == 0, errors
        count, seconds = out.split()
        return int(count), float(seconds), p99_of([latencies(log.name)]), cpu


def drive(member, loads, cpu_of):
    """The same for calls, with a generator for each kind side by side."""
    before = connections(member)
    for method, fields, *_ in loads:
        # A generator has no word for an error of gRPC: one call beforehand shows that this is none.
        with Client(member.client) as client:
            answer = client.call(method, fields)
            assert answer.ok, answer
    # A lone client is to be alone.
    harness.eventually(lambda: connections(member) <= before, 10, "the end of these connections")
    results = []
    before = cpu_of()
    with tempfile.TemporaryDirectory() as place:
        threads = [threading.Thread(target=lambda n=n, load=load: results.append(
            generate(member, f"{place}/{n}", *load))) for n, load in enumerate(loads)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    cpu = cpu_of() - before
    assert len(results) == len(loads), "a load did not run"
    return (sum(count for count, _ in results), SECONDS, p99_of(times for _, times in results), cpu)


def p99_of(parts):
    """In milliseconds."""
    times = sorted(time for part in parts for time in part)
    return times[int(len(times) * 0.99)] / 1000 if times else 0.0


def latencies(path):
    times = array.array("I")
    with open(path, "rb") as log:
        times.frombytes(log.read())
    return times


def connections(member):
    """How many are open to the client port; etcd has some of its own."""
    port = f":{member.address[1]:04X}"
    with open("/proc/net/tcp") as table:
        lines = [line.split() for line in table]
    return sum(line[1].endswith(port) and line[3] == "01" for line in lines)


def generate(member, path, method, fields, connections, streams):
    """(answers, latencies in microseconds) of one run."""
    method = METHODS[method]
    data = build(method.request, fields).SerializeToString()
    with open(path, "wb") as file:
        file.write(b"\0" + len(data).to_bytes(4, "big") + data)
    run = h2load if CALL_GENERATOR == "h2load" else own
    return run(member, path, method.path, connections, streams)


def own(member, path, target, connections, streams):
    done = subprocess.run(
        [LOAD_GENERATOR, *map(str, member.address), f"{SECONDS:g}", path + ".log", "calls", target,
         path, str(connections), str(streams)],
        capture_output=True, text=True, timeout=SECONDS + SETUP_SECONDS)
    assert done.returncode == 0, done.stderr
    return int(done.stdout.split()[0]), latencies(path + ".log")


def h2load(member, path, target, connections, streams):
    done = subprocess.run(
        ["h2load", "-t", "1", "-c", str(connections), "-m", str(streams), "-D", f"{SECONDS:g}",
         "-d", path, "-H", "content-type: application/grpc", "-H", "te: trailers",
         f"--log-file={path}.log", f"{member.client}{target}"],
        capture_output=True, text=True, timeout=SECONDS + 60)
    assert done.returncode == 0, done.stderr
    numbers = re.search(r"requests: .* (\d+) done, (\d+) succeeded, (\d+) failed", done.stdout)
    with open(path + ".log") as log:
        times = [int(line.split("\t")[2]) for line in log]
    return int(numbers[2]), times


HEADING = (f"{'members':>7} {'place':>6} {'operation':>15} │ "
           f"{'etcd/s':>8} {'ours/s':>8} {'×':>5} │ {'p99 ms':>7} {'ours':>7} {'×':>5} │ "
           f"{'cpu s':>6} {'ours':>6} {'×':>5} │ {'MiB':>5} {'ours':>5} {'×':>5}")


def row(size, place, operation, etcd, ours):
    return (f"{size:>7} {place:>6} {operation:>15} │ "
            f"{etcd.rate:>8.0f} {ours.rate:>8.0f} {ratio(ours.rate, etcd.rate)} │ "
            f"{etcd.p99:>7.2f} {ours.p99:>7.2f} {ratio(ours.p99, etcd.p99)} │ "
            f"{etcd.cpu:>6.2f} {ours.cpu:>6.2f} {ratio(ours.cpu, etcd.cpu)} │ "
            f"{etcd.rss:>5.0f} {ours.rss:>5.0f} {ratio(ours.rss, etcd.rss)}")


def ratio(one, two):
    return f"{one / two:>5.2f}" if two else "    –"


def compare(size, place):
    """All lines of one size on one place; the program that begins changes from line to line. Each
    program has the machine to itself while it is measured: the other one only idles."""
    sides = [Side("etcd", v3_reference.ETCD35, size, PLACES[place]),
             Side("ours", harness.OURS, size, PLACES[place])]
    try:
        for side in sides:
            side.start()
        for operation in OPERATIONS:
            samples = {"etcd": [], "ours": []}
            for _ in range(REPEATS):
                for side in sides:
                    samples[side.name].append(side.measure(operation))
                sides.reverse()
            medians = [Sample.median(samples[name]) for name in ("etcd", "ours")]
            print(row(size, place, operation, *medians), flush=True)
    finally:
        for side in sides:
            side.close()


def main():
    os.makedirs(DISK, exist_ok=True)
    print(f"ours: {harness.OURS}   etcd: {v3_reference.ETCD35}")
    print(f"{SECONDS:g} s each, median of {REPEATS}; values of {len(VALUE)} bytes")
    print(f"cpu s: server CPU seconds per 100k operations (answers, events, keep-alives), all "
          f"members; MiB: peak of the largest member; ×: ours / etcd\n\n{HEADING}\n"
          f"{'─' * len(HEADING)}")
    for place in CHOSEN:
        for size in SIZES:
            compare(size, place)


if __name__ == "__main__":
    main()
