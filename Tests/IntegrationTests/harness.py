"""Members and clusters as real processes. The program under test is named by ETCD_SWIFT_BINARY; the
reference is Debian's etcd 3.4. Either may stand in every place, so that the tests can be checked
against the reference itself (ETCD_SWIFT_BINARY=/usr/bin/etcd).

Members must be started from the main thread: they die with the thread that started them, so that a
killed test run leaves nothing behind."""

import ctypes
import json
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.parse

import rawhttp

REFERENCE = "/usr/bin/etcd"
ROOT = pathlib.Path(__file__).resolve().parents[2]
OURS = os.environ.get("ETCD_SWIFT_BINARY", str(ROOT / ".build/release/etcd-swift"))
# Generous: everything here shares two slow cores with whatever else runs.
READY_SECONDS = 40.0
LOG_TAIL_LINES = 40
# Below the kernel's range for outgoing connections (32768 and up), which would steal free ports.
PORTS = range(20000, 32000)
# Ids that servers choose. They are printed without leading zeros: one in 256 has 14 digits or fewer,
# one in 2^28 nine or fewer.
HEX_ID = re.compile(r"\b[0-9a-f]{10,16}\b")

_libc = ctypes.CDLL(None, use_errno=True)
_next_port = random.randrange(len(PORTS))
running = []


def is_go(binary):
    """Whether this is the reference, which needs --enable-v2 and stops with the signal it got."""
    return os.path.basename(binary) == "etcd"


TESTING_REFERENCE = is_go(OURS)


def free_port(host="127.0.0.1"):
    global _next_port
    for _ in PORTS:
        _next_port = (_next_port + 1) % len(PORTS)
        port = PORTS[_next_port]
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family) as probe:
            try:
                probe.bind((host, port))
                return port
            except OSError:
                continue
    raise RuntimeError("no free port")


def eventually(check, seconds, what, pause=0.05):
    """Repeats `check` until it returns something true; errors of the network count as false."""
    deadline = time.monotonic() + seconds
    last = None
    while True:
        try:
            result = check()
            if result:
                return result
            last = result
        except (OSError, ValueError, KeyError) as error:
            last = error
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {seconds} s (last: {last!r})")
        time.sleep(pause)


def settled(change):
    """A membership change, repeated while the cluster refuses it for health: members must have been
    connected for five seconds."""
    for _ in range(60):
        answer = change()
        if answer.status != 500:
            break
        time.sleep(0.25)
    return answer


def address_of(url):
    parts = urllib.parse.urlsplit(url)
    return (parts.hostname, parts.port)


def _die_with_parent():
    _libc.prctl(1, signal.SIGKILL)


class Member:
    """One process and its data directory. The directory outlives kill() and restart()."""

    def __init__(self, name, binary=None, directory=None, client=None, peer=None, flags=(),
                 environment=None):
        self.binary = binary or OURS
        self.name = name
        self.own_directory = directory is None
        self.directory = directory or tempfile.mkdtemp(prefix=f"etcd-it-{name}-")
        self.data_dir = os.path.join(self.directory, "data")
        self.client = client or f"http://127.0.0.1:{free_port()}"
        self.peer = peer or f"http://127.0.0.1:{free_port()}"
        self.flags = list(flags)
        self.environment = environment
        self.log_path = os.path.join(self.directory, "log")
        self.process = None
        # Words before the program: another program that becomes it (nsenter, activate.py).
        self.wrapper = []
        self.initial_cluster = f"{name}={self.peer}"
        self.state = "new"

    @property
    def address(self):
        return address_of(self.client)

    @property
    def pid(self):
        return self.process.pid

    def standard_flags(self):
        return [
            "--name", self.name, "--data-dir", self.data_dir,
            "--listen-client-urls", self.client, "--advertise-client-urls", self.client,
            "--listen-peer-urls", self.peer, "--initial-advertise-peer-urls", self.peer,
            "--initial-cluster", self.initial_cluster, "--initial-cluster-state", self.state,
        ]

    def start(self, extra=(), command=None):
        """Starts the process without waiting; `command` replaces everything after the program."""
        words = [*self.wrapper, self.binary]
        if is_go(self.binary) and not (command and not command[0].startswith("-")):
            words.append("--enable-v2")
        words += command if command is not None else self.standard_flags() + self.flags
        words += list(extra)
        environment = {key: value for key, value in os.environ.items()
                       if not key.startswith("ETCD_")}
        environment.update(self.environment or {})
        os.makedirs(self.directory, exist_ok=True)
        with open(self.log_path, "ab") as log:
            log.write(f"--- {' '.join(words)}\n".encode())
            log.flush()
            self.process = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.directory,
                env=environment, preexec_fn=_die_with_parent)
        running.append(self)
        return self

    def wait_ready(self, seconds=READY_SECONDS):
        """Healthy, and its client URL published to the members list."""
        def ready():
            if self.process.poll() is not None:
                raise AssertionError(f"{self.name} ended with {self.process.returncode} instead of "
                                     f"serving\n{self.log_tail()}")
            health = self.request("GET", "/health", timeout=5)
            if health.status != 200 or health.json().get("health") != "true":
                return False
            return any(m["name"] == self.name and m["clientURLs"] for m in self.members())
        eventually(ready, seconds, f"{self.name} ready")
        return self

    def wait_exit(self, seconds=READY_SECONDS):
        code = self.process.wait(seconds)
        if self in running:
            running.remove(self)
        return code

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def signal(self, number):
        os.kill(self.process.pid, number)

    def kill(self):
        """kill -9; the data directory stays."""
        if self.alive():
            self.signal(signal.SIGCONT)
            self.process.kill()
        if self.process is not None:
            self.wait_exit()

    def terminate(self, seconds=READY_SECONDS):
        """SIGTERM and the exit code."""
        self.signal(signal.SIGTERM)
        return self.wait_exit(seconds)

    def pause(self):
        self.signal(signal.SIGSTOP)

    def resume(self):
        self.signal(signal.SIGCONT)

    def close(self):
        self.kill()
        if self.own_directory:
            shutil.rmtree(self.directory, ignore_errors=True)

    def log(self):
        with open(self.log_path, errors="replace") as log:
            return log.read()

    def log_tail(self, lines=LOG_TAIL_LINES):
        return "\n".join(self.log().splitlines()[-lines:])

    def request(self, method, target, **arguments):
        return rawhttp.request(self.address, method, target, **arguments)

    def key(self, path):
        return "/v2/keys" + urllib.parse.quote(path)

    def put(self, path, value, **fields):
        return self.request("PUT", self.key(path), form={"value": value, **fields})

    def get(self, path, query=""):
        return self.request("GET", self.key(path) + query)

    def value(self, path, query=""):
        return self.get(path, query).json()["node"]["value"]

    def delete(self, path, query=""):
        return self.request("DELETE", self.key(path) + query)

    def members(self):
        return self.request("GET", "/v2/members").json()["members"]

    def cluster_version(self):
        return self.request("GET", "/version").json()["etcdcluster"]

    def id(self):
        return self.request("GET", "/v2/stats/self").json()["id"]

    def is_leader(self):
        stats = self.request("GET", "/v2/stats/self", timeout=3).json()
        return stats["state"] == "StateLeader"

    def memory_kib(self, field="VmRSS"):
        with open(f"/proc/{self.pid}/status") as status:
            for line in status:
                if line.startswith(field + ":"):
                    return int(line.split()[1])
        raise KeyError(field)


class Cluster:
    """Several members that know each other. `binaries` names the program of each."""

    def __init__(self, size=3, binaries=None, flags=(), prefix="infra"):
        programs = binaries or [OURS] * size
        self.flags = list(flags)
        self.members = [Member(f"{prefix}{n}", program, flags=flags)
                        for n, program in enumerate(programs)]
        listing = ",".join(f"{m.name}={m.peer}" for m in self.members)
        for member in self.members:
            member.initial_cluster = listing

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.close()
            raise

    def __exit__(self, *_):
        self.close()

    def start(self):
        for member in self.members:
            member.start()
        for member in self.members:
            member.wait_ready()
        return self

    def close(self):
        for member in self.members:
            member.close()

    def alive(self):
        return [member for member in self.members if member.alive()]

    def leader(self, seconds=READY_SECONDS):
        """The member that calls itself leader; waits for one."""
        def find():
            for member in self.alive():
                try:
                    if member.is_leader():
                        return member
                except (OSError, ValueError):
                    continue
            return None
        return eventually(find, seconds, "a leader")

    def followers(self):
        leader = self.leader()
        return [member for member in self.alive() if member is not leader]

    def add(self, name, binary=None, through=None, start=True, headers=()):
        """A runtime add: POST /v2/members, then a start with state `existing`."""
        through = through or self.leader()
        member = Member(name, binary, flags=self.flags)
        self.members.append(member)
        answer = settled(lambda: through.request(
            "POST", "/v2/members", headers=headers, json_body={"peerURLs": [member.peer]}))
        assert answer.status == 201, answer
        named = [f"{m['name']}={url}" for m in through.members() if m["name"]
                 for url in m["peerURLs"]]
        member.initial_cluster = ",".join(named + [f"{name}={member.peer}"])
        member.state = "existing"
        if start:
            member.start().wait_ready()
        return member

    def remove(self, member, through=None):
        """Takes a member out of the cluster by DELETE /v2/members/ID."""
        through = through or next(m for m in self.alive() if m is not member)
        listed = {m["name"]: m["id"] for m in through.members()}
        return settled(lambda: through.request("DELETE", f"/v2/members/{listed[member.name]}"))

    def write_anywhere(self, path, value, seconds=READY_SECONDS):
        """A write that tries one member after the other until somebody acknowledges it."""
        def attempt():
            for member in self.alive():
                try:
                    answer = rawhttp.request(
                        member.address, "PUT", member.key(path), form={"value": value}, timeout=3)
                    if answer.status in (200, 201):
                        return answer
                except OSError:
                    continue
            return None
        return eventually(attempt, seconds, f"a write of {path}")


def single(binary=None, flags=(), name="infra0", environment=None):
    """One member, serving."""
    member = Member(name, binary, flags=flags, environment=environment)
    try:
        return member.start().wait_ready()
    except BaseException:
        member.close()
        raise


def run(words, seconds=60, environment=None, check=False, data=None):
    """A command to its end; output as text."""
    merged = dict(os.environ)
    merged.update(environment or {})
    return subprocess.run(words, timeout=seconds, env=merged, check=check, input=data,
                          capture_output=True, text=True)


def json_lines(text):
    return [json.loads(line) for line in text.splitlines() if line.strip()]
