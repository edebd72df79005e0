"""The audit log and the rate limits, which etcd does not have: who asked for what, and whoever asks
for too much is told so. No value, password or token is ever noted."""

import json
import os
import signal

import pytest

import harness
import rawhttp
from v3_cases import op_put
from v3_client import Client

SECRETS = ["secret-value", "secret-password"]


@pytest.fixture
def audited(tmp_path):
    path = tmp_path / "audit"
    member = harness.Member("audited", flags=["--audit-log", str(path)])
    try:
        yield member.start().wait_ready(), path
    finally:
        member.close()


def records(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def noted(path, **wanted):
    """The first record with these fields; written in the background."""
    return harness.eventually(
        lambda: next((r for r in records(path)
                      if all(r.get(name) == value for name, value in wanted.items())), None),
        20, f"a record with {wanted}")


def test_requests_are_noted_without_values(audited):
    member, path = audited
    assert os.stat(path).st_mode & 0o777 == 0o600
    with Client(member.client) as client:
        client.put("one", "secret-value")
        client.txn(success=[op_put("two", "secret-value"), op_put("three", "secret-value")])
        client.get("one", range_end="p")
        client.watch("watched/", range_end="watched0").close()
        assert client.call("AuthEnable").code != "OK"
        client.call("UserAdd", name="alice", password="secret-password")
    assert member.request("POST", "/v3/kv/put",
                          body=json.dumps({"key": "Zm91cg==", "value": "c2VjcmV0LXZhbHVl"}).encode(),
                          ).status == 200
    headers = [("Content-Type", "application/x-www-form-urlencoded")]
    assert member.request("PUT", "/v2/keys/five?ttl=100", headers=headers,
                          body=b"value=secret-value").status == 201
    assert member.request("GET", "/v2/keys/none").status == 404

    put = noted(path, method="/etcdserverpb.KV/Put", api="grpc")
    assert put["keys"] == [{"key": "one"}] and put["verdict"] == "OK" and put["user"] == ""
    assert put["remote"].startswith("127.0.0.1:")
    assert noted(path, method="/etcdserverpb.KV/Txn")["keys"] == [{"key": "two"}, {"key": "three"}]
    assert noted(path, method="/etcdserverpb.KV/Range")["keys"] == [{"key": "one", "range_end": "p"}]
    noted(path, method="/etcdserverpb.Watch/Watch",
          keys=[{"key": "watched/", "range_end": "watched0"}], verdict="OK")
    noted(path, method="/etcdserverpb.Auth/AuthEnable", verdict="FailedPrecondition")
    noted(path, method="/etcdserverpb.KV/Put", api="gateway", keys=[{"key": "four"}])
    noted(path, method="PUT /v2/keys/five", api="v2", keys=[{"key": "/five"}], verdict="201")
    noted(path, method="GET /v2/keys/none", verdict="404")
    noted(path, method="/etcdserverpb.Auth/UserAdd")
    for text in (path.read_text(), member.log()):
        assert not any(secret in text for secret in SECRETS)


def test_denials_name_the_user(tmp_path):
    path = tmp_path / "audit"
    member = harness.Member("denied", flags=["--audit-log", str(path), "--audit-log-events",
                                             "denied", "--bcrypt-cost", "4"])
    try:
        member.start().wait_ready()
        with Client(member.client) as client:
            for name in ("root", "bob"):
                client.call("UserAdd", name=name, password="secret-password")
            client.call("UserGrantRole", user="root", role="root")
            assert client.call("AuthEnable").ok
            token = client.call("Authenticate", name="bob", password="secret-password").token
            assert client.call("Put", {"key": "mine"}, metadata=[("token", token)]
                               ).code == "PERMISSION_DENIED"
        record = noted(path, method="/etcdserverpb.KV/Put")
        assert record["user"] == "bob" and record["verdict"] == "PermissionDenied"
        assert record["keys"] == [{"key": "mine"}]
        assert {r["verdict"] for r in records(path)} == {"PermissionDenied"}
        assert token not in path.read_text()
    finally:
        member.close()


def test_the_file_can_be_rotated(audited):
    member, path = audited
    with Client(member.client) as client:
        client.put("before")
        noted(path, keys=[{"key": "before"}])
        path.rename(path.with_suffix(".1"))
        member.signal(signal.SIGHUP)
        harness.eventually(path.exists, 20, "a new file")
        client.put("after")
        noted(path, keys=[{"key": "after"}])
    assert not any(r.get("keys") == [{"key": "after"}] for r in records(path.with_suffix(".1")))


def test_a_log_that_cannot_be_opened_stops_the_start():
    member = harness.Member("nolog", flags=["--audit-log", "/nowhere/audit"])
    try:
        member.start()
        assert member.wait_exit() == 1
        assert "/nowhere/audit" in member.log()
    finally:
        member.close()


def test_too_many_requests_are_refused():
    member = harness.Member("limited", flags=["--rate-limit-per-user", "20",
                                              "--rate-limit-per-prefix", "/jobs/=3"])
    try:
        member.start()
        harness.eventually(lambda: member.request("GET", "/health").status == 200, 40, "health")
        with Client(member.client) as client:
            codes = [client.call("Put", key=f"/jobs/{n}") for n in range(100)]
            refused = [answer for answer in codes if not answer.ok]
            assert refused and {a.code for a in refused} == {"RESOURCE_EXHAUSTED"}
            assert {a.message for a in refused} == {"etcdserver: too many requests"}
            # What was refused has not happened.
            harness.eventually(lambda: client.call("Range", key="/jobs/0").ok, 20, "a free place")
            wait = harness.eventually(
                lambda: (a := client.call("Range", key="/jobs/", range_end="/jobs0",
                                          count_only=True)).ok and a, 20, "a count")
            assert wait.count == 100 - len(refused)
        answers = [member.request("GET", "/v2/keys/") for _ in range(200)]
        limited = [answer for answer in answers if answer.status == 429]
        assert limited and limited[0].json() == {"message": "etcdserver: too many requests"}
        assert limited[0].header("Retry-After") == "1"
        assert member.request("GET", "/health").status == 200
    finally:
        member.close()


@pytest.mark.parametrize("limit", ["/jobs/", "/jobs/=", "/jobs/=0", "=5", "/jobs/=4294967296"])
def test_wrong_limits_are_named(limit):
    member = harness.Member("wrong", flags=["--rate-limit-per-prefix", limit])
    try:
        member.start()
        assert member.wait_exit() == 1
        assert limit in member.log() and "is not PREFIX=RATE" in member.log()
    finally:
        member.close()


def test_requests_whose_client_goes_away_are_noted(audited):
    member, path = audited
    with rawhttp.Wire(member.address) as wire:
        wire.send(b"GET /v2/keys/later?wait=true HTTP/1.1\r\nHost: x\r\n\r\n")
        # It waits once the head of the answer is there.
        noted(path, method="GET /v2/keys/later", verdict="200")
    with rawhttp.Wire(member.address) as wire:
        wire.send(b"PUT /v2/keys/left?value=1 HTTP/1.1\r\nHost: x\r\n\r\n")
    noted(path, method="PUT /v2/keys/left")
