"""The log: etcd's fields, its forms and destinations, rotation, the level at run time, and what is
told of slow requests."""

import gzip
import json
import os
import re
import signal

import pytest

import harness
from v3_client import Client

pytestmark = pytest.mark.skipif(harness.TESTING_REFERENCE, reason="about our log")


def lines(text):
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def test_json_form(start):
    member = start()
    member.terminate()
    found = lines(member.log())
    for line in found:
        assert list(line)[:2] == ["level", "ts"]
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}(Z|[+-]\d{4})", line["ts"])
        assert re.fullmatch(r"\w+/[\w+]+\.swift:\d+", line["caller"])
        after = 3 if "logger" in line else 2
        assert list(line)[after:after + 2] == ["caller", "msg"]
    said = [line["msg"] for line in found]
    for wanted in ("starting an etcd server", "ready to serve client requests",
                   "published local member to cluster through raft",
                   "received signal; shutting down", "closing etcd server", "closed etcd server"):
        assert wanted in said, wanted
    # The lines of consensus have its name, and nothing but their text.
    raft = [line for line in found if line.get("logger") == "raft"]
    assert [line for line in raft if re.search(r"became leader at term \d+$", line["msg"])]
    assert all(set(line) <= {"level", "ts", "logger", "caller", "msg"} for line in raft)


def test_console_form(start):
    member = start(flags=["--log-format", "console"])
    found = [line.split("\t") for line in member.log().splitlines()[1:]]
    assert all(len(parts) in (4, 5, 6) and parts[1] in ("info", "warn") for parts in found)
    named = next(parts for parts in found if parts[3] == "starting an etcd server")
    assert json.loads(named[4])["name"] == member.name


def rotating(path, more=""):
    return ["--log-outputs", str(path), "--enable-log-rotation", "--log-level", "debug",
            "--log-rotation-config-json", '{"maxsize": 1%s}' % more]


def fill(member, log):
    """More than a megabyte of lines: at debug, every unary call is told, up to a hundred in a
    second; each byte of these keys takes five in the log."""
    ranges = [{"request_range": {"key": bytes(256)}}] * 10
    with Client(member.client) as client:
        for _ in range(90):
            assert client.call("Txn", success=ranges, failure=ranges).ok
            if len(list(log.parent.iterdir())) > 1:
                return


def test_rotation(start, tmp_path):
    log = tmp_path / "member.log"
    member = start(flags=rotating(log, ', "maxbackups": 1'))
    fill(member, log)
    names = sorted(os.listdir(tmp_path))
    assert len(names) == 2 and names[1] == "member.log", names
    assert re.fullmatch(r"member-\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{3}\.log", names[0])
    assert 900_000 < os.path.getsize(tmp_path / names[0]) <= 1 << 20
    # Not a line is lost or cut.
    whole = (tmp_path / names[0]).read_text() + log.read_text()
    assert len(lines(whole)) == len(whole.splitlines())


def test_rotation_compresses(start, tmp_path):
    log = tmp_path / "member.log"
    member = start(flags=rotating(log, ', "compress": true'))
    fill(member, log)
    packed = harness.eventually(
        lambda: [n for n in os.listdir(tmp_path) if n.endswith(".log.gz")], 20, "a packed file")
    harness.eventually(
        lambda: not [n for n in os.listdir(tmp_path) if re.search(r"\d\.log$", n)], 20,
        "the original gone")
    assert lines(gzip.open(tmp_path / packed[0], "rt").read())


@pytest.mark.parametrize("flags, text", [
    (["--enable-log-rotation"], "requires a single file path"),
    (["--enable-log-rotation", "--log-outputs", "/tmp/a,/tmp/b"], "requires a single file path"),
    (["--enable-log-rotation", "--log-outputs", "/tmp/a", "--log-rotation-config-json", "x"],
     "invalid log rotation config"),
    (["--enable-log-rotation", "--log-outputs", "/tmp/a", "--log-rotation-config-json",
      '{"maxsize": "big"}'], "maxsize must be a number"),
])
def test_rotation_is_checked(flags, text):
    done = harness.run([harness.OURS, *flags])
    assert done.returncode == 1 and text in done.stderr


def test_level_at_run_time(start):
    member = start()

    def set_level(body):
        return member.request("PUT", "/config/local/log", body=body.encode()).status

    def put():
        with Client(member.client) as client:
            client.put(b"key", b"value")
    put()
    assert not [line for line in lines(member.log()) if line["level"] == "debug"]
    assert set_level('{"Level":"DEBUG"}') == 204
    put()
    stats = [line for line in lines(member.log()) if line["msg"] == "request stats"]
    assert stats and stats[-1]["level"] == "debug"
    assert set_level('{"Level":"INFO"}') == 204
    put()
    assert len([li for li in lines(member.log()) if li["msg"] == "request stats"]) == len(stats)
    assert set_level('{"Level":"loud"}') == 400
    assert set_level("no json") == 400
    assert member.request("GET", "/config/local/log").status == 405


def test_slow_requests_are_told(start):
    """With what they asked for, and no values."""
    member = start(flags=["--warning-unary-request-duration", "1ms",
                          "--warning-apply-duration", "1ms"])
    with Client(member.client) as client:
        puts = [{"request_put": {"key": b"key%03d" % n, "value": b"secret" * 2000}}
                for n in range(100)]
        harness.eventually(lambda: client.txn(success=puts) and {
            "request stats", "apply request took too long"} <= {
                line["msg"] for line in lines(member.log())}, 40, "both warnings")
    stats = next(li for li in lines(member.log()) if li["msg"] == "request stats")
    assert stats["level"] == "warn"
    assert stats["response type"] == "/etcdserverpb.KV/Txn" and stats["request count"] == "100"
    assert 'key:"key000" value_size:12000' in stats["request content"]
    for field in ("start time", "time spent", "remote", "request size", "response count",
                  "response size"):
        assert stats[field], field
    slow = next(li for li in lines(member.log()) if li["msg"] == "apply request took too long")
    assert "request_put" in slow["request"] and slow["expected-duration"] == "1ms"
    assert slow["took"].endswith("ms")
    assert "secret" not in member.log()


def test_refused_requests_are_told(start):
    """At apply; what has been compacted already is no failure, nor is a refusal of the v2 API."""
    member = start()
    with Client(member.client) as client:
        refused = client.call("Put", key=b"key", value=b"secret", lease=99)
        assert refused.code == "NOT_FOUND"
        client.put(b"k", b"1")
        assert client.call("Compact", revision=2).ok
        assert client.call("Compact", revision=1).code == "OUT_OF_RANGE"
    assert member.delete("/missing").status == 404
    assert member.put("/last", "1").status == 201
    told = [line for line in lines(member.log()) if line["msg"] == "failed to apply request"]
    assert len(told) == 1 and told[0]["level"] == "warn"
    assert 'put:<key:"key" value_size:6 lease:99 >' in told[0]["request"]
    assert told[0]["error"] == refused.message and told[0]["response"] == ""
    assert re.fullmatch(r"\d+(\.\d+)?(ns|µs|ms|s)", told[0]["took"])
    assert "secret" not in member.log()


def test_alarms_and_compactions_are_told(start):
    member = start()
    with Client(member.client) as client:
        for n in range(20):
            client.put(b"k", b"%d" % n)
        assert client.call("Compact", revision=10, physical=True).ok
        client.call("Alarm", action="ACTIVATE", memberID=1, alarm="NOSPACE")
        client.call("Alarm", action="DEACTIVATE", memberID=1, alarm="NOSPACE")
    found = {line["msg"]: line for line in lines(member.log())}
    assert found["finished scheduled compaction"]["compact-revision"] == "10"
    assert found["finished scheduled compaction"]["number-of-keys-compacted"] == "8"
    assert found["alarm raised"]["alarm"] == "NOSPACE" and found["alarm raised"]["from"] == "1"
    assert "alarm disarmed" in found


def test_snapshots_are_told(start):
    member = start(flags=["--snapshot-count", "10"])
    for n in range(30):
        member.put("/k", str(n))
    harness.eventually(lambda: {"triggering snapshot", "saved snapshot"} <= {
        line["msg"] for line in lines(member.log())}, 20, "a snapshot told")


def test_lost_peers_are_told():
    with harness.Cluster(3) as cluster:
        leader = cluster.leader()
        cluster.followers()[0].kill()
        harness.eventually(lambda: "prober detected unhealthy status" in leader.log(), 30,
                           "a failed probe")
        assert leader.terminate() == 0
        assert "signal" in leader.log()


def test_healthcheck(start):
    url = f"http://127.0.0.1:{harness.free_port()}"
    member = start(flags=["--listen-metrics-urls", url])
    for words in (["--endpoints", member.client], ["--endpoints", f"{member.client},{url}"],
                  member.standard_flags(), ["-listen-metrics-urls", url],
                  ["--serializable", "--timeout=2s", "--endpoints",
                   member.client.removeprefix("http://")]):
        done = harness.run([harness.OURS, "healthcheck", *words])
        assert done.returncode == 0 and "is healthy" in done.stdout, (words, done.stderr)
    variables = {"ETCD_LISTEN_CLIENT_URLS": member.client.replace("127.0.0.1", "0.0.0.0"),
                 "ETCD_ADVERTISE_CLIENT_URLS": member.client}
    assert harness.run([harness.OURS, "healthcheck"], environment=variables).returncode == 0
    member.signal(signal.SIGSTOP)
    done = harness.run([harness.OURS, "healthcheck", "--timeout", "300ms", "--endpoints",
                        member.client])
    member.signal(signal.SIGCONT)
    assert done.returncode == 1 and "is unhealthy" in done.stderr
    member.kill()
    done = harness.run([harness.OURS, "healthcheck", "--endpoints", member.client])
    assert done.returncode == 1 and "connection refused" in done.stderr
    for wrong in (["--endpoints"], ["--endpoints", ""], ["--timeout", "5"], ["word"],
                  ["--endpoints", member.client, "--name", "x"], ["--no-such-flag"]):
        done = harness.run([harness.OURS, "healthcheck", *wrong])
        assert done.returncode == 2 and done.stderr, wrong
