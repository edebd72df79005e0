"""The process among others: signals, systemd's notifications, watchdog and sockets, its log."""

import json
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import time

import pytest

import harness
import rawhttp
from discovering import Seeker
from watching import Watch

only_ours = pytest.mark.skipif(harness.TESTING_REFERENCE, reason="etcd 3.4 does not do this")
# Below this nobody's election timeout (1 s at the least) can have passed. Slack for the machine.
HANDOVER_SECONDS = 1.0
MACHINE_SLACK_SECONDS = 0.8


def stopped_by(number):
    """The exit code of a graceful stop: etcd dies of the signal, we end with 0."""
    return -number if harness.TESTING_REFERENCE else 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["TERM", "INT"])
def test_graceful_stop(start, number):
    member = start()
    member.put("/kept", "1")
    member.signal(number)
    assert member.wait_exit(20) == stopped_by(number)
    with pytest.raises(OSError):
        member.request("GET", "/version", timeout=1)
    member.start().wait_ready()
    assert member.value("/kept") == "1"


def test_stop_before_serving():
    """A member that waits for its peers stops at once when told so."""
    waiting = harness.Member("infra0")
    waiting.initial_cluster = f"infra0={waiting.peer},other=http://127.0.0.1:{harness.free_port()}"
    try:
        waiting.start()
        harness.eventually(lambda: "listening for peer" in waiting.log(), harness.READY_SECONDS,
                           "its peer port")
        assert waiting.alive()
        waiting.signal(signal.SIGTERM)
        code = waiting.wait_exit(15)
        assert code == stopped_by(signal.SIGTERM)
    finally:
        waiting.close()


@only_ours
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["TERM", "INT"])
def test_stop_during_start(number):
    """A start that waits for a silent discovery service ends by itself, not by the signal's default,
    which process 1 of a container does not have."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        waiting = Seeker("infra0", ["--discovery", f"http://127.0.0.1:{port}/v2/keys/token"])
        try:
            waiting.start()
            silent.settimeout(harness.READY_SECONDS)
            connection, _ = silent.accept()
            with connection:
                waiting.signal(number)
                assert waiting.wait_exit(15) == 0
            assert "received signal during start" in waiting.log()
        finally:
            waiting.close()


@only_ours
def test_second_signal(start):
    """An impatient second signal ends a stop that waits for clients."""
    member = start()
    with rawhttp.Wire(member.address) as slow:
        slow.send(b"PUT /v2/keys/slow HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n"
                  b"Content-Type: application/x-www-form-urlencoded\r\n"
                  b"Expect: 100-continue\r\n\r\n")
        # The member has it.
        assert slow.head().status == 100
        member.signal(signal.SIGTERM)
        harness.eventually(lambda: "closing etcd server" in member.log(), 20, "the stop's begin")
        assert member.alive()
        member.signal(signal.SIGTERM)
        assert member.wait_exit(3) == 1


def test_leadership_is_handed_over():
    """SIGTERM to the leader: the others go on writing before any election timeout could pass."""
    with harness.Cluster(3) as cluster:
        gaps = []
        for _ in range(2):
            leader = cluster.leader()
            others = cluster.followers()
            term = int(leader.get("/").header("X-Raft-Term"))
            leader.signal(signal.SIGTERM)
            stopping = time.monotonic()
            gaps.append(gap_after(others, stopping))
            assert leader.wait_exit(20) == stopped_by(signal.SIGTERM)
            assert int(others[0].get("/").header("X-Raft-Term")) == term + 1
            leader.start().wait_ready()
        # The requirement is about a working handover; one slow moment of the machine is forgiven.
        assert min(gaps) < HANDOVER_SECONDS
        assert max(gaps) < HANDOVER_SECONDS + MACHINE_SLACK_SECONDS


def gap_after(members, since):
    """Writes again and again for 1.5 s, through one member and the other; the longest pause without
    an acknowledgement. A write that meets the very moment of the change may get lost in it."""
    longest, last = 0.0, since
    turn = 0
    while time.monotonic() < since + 1.5:
        turn += 1
        try:
            answer = rawhttp.request(members[turn % len(members)].address, "PUT",
                                     "/v2/keys/handover", form={"value": "1"}, timeout=0.3)
            if answer.status in (200, 201):
                now = time.monotonic()
                longest, last = max(longest, now - last), now
        except OSError:
            pass
        time.sleep(0.005)
    return max(longest, time.monotonic() - last)


class Systemd:
    """The service manager's end of NOTIFY_SOCKET."""

    def __init__(self, directory):
        self.path = os.path.join(directory, "notify")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.lines = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def collect(self, seconds, until=None):
        """Reads for at most `seconds`, or until a line begins with `until`."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            self.socket.settimeout(left)
            try:
                fresh = self.socket.recv(4096).decode().splitlines()
            except TimeoutError:
                break
            self.lines += fresh
            if until and any(line.startswith(until) for line in fresh):
                return True
        return until is not None and any(line.startswith(until) for line in self.lines)


def test_ready_means_serving(tmp_path):
    with Systemd(tmp_path) as systemd:
        cluster = harness.Cluster(3)
        try:
            first, *others = cluster.members
            first.environment = {"NOTIFY_SOCKET": systemd.path}
            first.start()
            assert not systemd.collect(2, "READY=1"), "ready without a majority"
            for member in others:
                member.start()
            assert systemd.collect(harness.READY_SECONDS, "READY=1")
            assert first.request("GET", "/health").status == 200
            assert systemd.lines.count("READY=1") == 1
        finally:
            cluster.close()


@only_ours
def test_status_and_stopping(tmp_path):
    with Systemd(tmp_path) as systemd:
        member = harness.single(environment={"NOTIFY_SOCKET": systemd.path})
        try:
            assert systemd.collect(5, "READY=1")
            assert any(line.startswith("STATUS=") for line in systemd.lines)
            member.terminate()
            assert systemd.collect(2, "STOPPING=1")
            order = systemd.lines.index
            assert order("READY=1") < order("STOPPING=1")
        finally:
            member.close()


@only_ours
def test_watchdog(tmp_path):
    """Pings at half the period, while serving and not while stopped by a debugger."""
    with Systemd(tmp_path) as systemd:
        member = harness.single(
            environment={"NOTIFY_SOCKET": systemd.path, "WATCHDOG_USEC": "1000000"})
        try:
            systemd.collect(4)
            assert systemd.lines.count("WATCHDOG=1") >= 3
            member.pause()
            systemd.collect(0.2)
            systemd.lines.clear()
            systemd.collect(1.5)
            assert "WATCHDOG=1" not in systemd.lines
            member.resume()
            assert systemd.collect(3, "WATCHDOG=1")
        finally:
            member.close()


@only_ours
def test_socket_activation():
    """The client port comes from systemd: connections that arrive before the start are served."""
    member = harness.Member("infra0")
    host, port = member.address
    helper = os.path.join(os.path.dirname(__file__), "activate.py")
    member.wrapper = [sys.executable, helper, f"client={host}:{port}"]
    member.start()
    try:
        member.wait_ready()
        assert member.put("/activated", "1").status == 201
        assert member.terminate() == 0
    finally:
        member.close()


def test_log_is_json(start):
    """One object per line, keys in zap's order; readable by what reads etcd's."""
    flags = ["--logger=zap"] if harness.TESTING_REFERENCE else []
    member = start(flags=flags)
    member.put("/k", "1")
    member.terminate()
    lines = member.log().splitlines()[1:]
    if harness.TESTING_REFERENCE:
        lines = [line for line in lines if line.startswith("{")]
    assert len(lines) > 3
    messages = []
    for line in lines:
        entry = json.loads(line)
        keys = [key for key in entry if key != "logger"]
        assert keys[0] == "level" and keys[1] == "ts" and "msg" in keys[2:4], line
        assert entry["level"] in ("debug", "info", "warn", "error")
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3,6}(Z|[+-]\d{4})", entry["ts"])
        messages.append(entry["msg"])
    if not harness.TESTING_REFERENCE:
        # What monitoring looks for since 3.5.
        assert any("ready to serve client requests" in message for message in messages)
    assert any("published" in message for message in messages)


@only_ours
def test_log_level_and_file(start, tmp_path):
    path = tmp_path / "etcd.log"
    member = start(flags=["--log-outputs", str(path), "--log-level", "warn"])
    member.terminate()
    for line in path.read_text().splitlines():
        assert json.loads(line)["level"] not in ("debug", "info")


def test_paused_follower_is_not_missed():
    """SIGSTOP of one member (a hanging machine): the others serve; it catches up afterwards."""
    with harness.Cluster(3) as cluster:
        paused = cluster.followers()[0]
        paused.pause()
        try:
            active = next(m for m in cluster.members if m is not paused)
            for number in range(50):
                assert active.put("/paused", str(number)).status in (200, 201)
        finally:
            paused.resume()
        assert paused.value("/paused", "?quorum=true") == "49"


def test_paused_leader_is_replaced():
    """SIGSTOP of the leader: another is elected, and the old one does not serve stale quorum reads
    when it wakes up."""
    with harness.Cluster(3) as cluster:
        cluster.write_anywhere("/stale", "old")
        leader = cluster.leader()
        others = [m for m in cluster.members if m is not leader]
        leader.pause()
        try:
            def write():
                return rawhttp.request(others[0].address, "PUT", "/v2/keys/stale",
                                       form={"value": "new"}, timeout=2).status == 200
            harness.eventually(write, 20, "a write after the leader hangs")
        finally:
            leader.resume()
        assert leader.value("/stale", "?quorum=true") == "new"


def test_waits_end_with_the_member(start):
    member = start()
    watches = [Watch(member, f"/w{n}") for n in range(20)]
    assert member.terminate(20) == stopped_by(signal.SIGTERM)
    for watch in watches:
        watch.wire.close()


def crash(directory, words, secret, is_up):
    """Starts a program that may dump core, aborts it once it is up: whether there is an image, and
    whether the secret is in it."""
    def allow():
        _, most = resource.getrlimit(resource.RLIMIT_CORE)
        resource.setrlimit(resource.RLIMIT_CORE, (most, most))

    directory.mkdir()
    child = subprocess.Popen(words, cwd=directory, preexec_fn=allow, stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL)
    try:
        is_up()
    finally:
        def has_ended():
            # The first one may only make Swift show where the program was.
            child.send_signal(signal.SIGABRT)
            return child.poll()
        assert harness.eventually(has_ended, 30, "the end", pause=0.5) == -signal.SIGABRT
    images = [path.read_bytes() for path in directory.glob("core*")]
    return bool(images), any(secret in image for image in images)


@only_ours
def test_core_dump_without_memory(tmp_path):
    """The memory holds passwords and values: a crash must not write them to disk."""
    secret = b"".join(b"%c-" % letter for letter in b"confidential")
    holder = ("import time; held = '-'.join('confidential') + '-'; open('up', 'w').close(); "
              "time.sleep(60)")
    dumps, is_told = crash(tmp_path / "other", [sys.executable, "-c", holder], secret,
                           lambda: harness.eventually(
                               (tmp_path / "other" / "up").exists, 20, "the other program"))
    if not dumps:
        pytest.skip("this machine writes core dumps elsewhere, or none")
    assert is_told
    member = harness.Member("infra0")

    def is_up():
        harness.eventually(lambda: member.request("GET", "/health").status == 200,
                           harness.READY_SECONDS, "health")
        assert member.put("/secret", secret.decode()).status == 201

    try:
        words = [member.binary, *member.standard_flags()]
        _, is_told = crash(tmp_path / "ours", words, secret, is_up)
        assert not is_told
    finally:
        member.close()
