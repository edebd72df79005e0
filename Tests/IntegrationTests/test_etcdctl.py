"""Debian's etcdctl with the v2 API: every command against the reference and against ours; output
and exit code must be equal after URLs and ids are taken out."""

import os
import re
import subprocess
import time

import pytest

import harness
from watching import in_background

ETCDCTL = "/usr/bin/etcdctl"
ENVIRONMENT = {"ETCDCTL_API": "2"}

pytestmark = pytest.mark.skipif(not os.access(ETCDCTL, os.X_OK),
                                reason="needs etcdctl (Debian package etcd-client)")


def endpoints(members):
    return ",".join(member.client for member in members)


def etcdctl(members, *words, seconds=30):
    """(exit code, output) with URLs, ids and times replaced by words."""
    done = harness.run([ETCDCTL, "--endpoints", endpoints(members), *words], seconds, ENVIRONMENT)
    return done.returncode, tidy(members, done.stdout + done.stderr)


def tidy(members, text):
    for number, member in enumerate(members):
        text = text.replace(member.client, f"CLIENT{number}").replace(member.peer, f"PEER{number}")
    return harness.HEX_ID.sub("ID", text)


@pytest.fixture(scope="module")
def servers(reference):
    """One member of each kind."""
    pair = []
    try:
        for binary in (reference, harness.OURS):
            pair.append(harness.single(binary))
        yield pair
    finally:
        for member in pair:
            member.close()


def same(servers, *script):
    """Runs the commands in turn on each; returns the outputs, which must agree."""
    theirs, ours = ([etcdctl([server], *command) for command in script] for server in servers)
    assert ours == theirs
    return ours


def test_set_get(servers):
    outputs = same(
        servers,
        ["set", "/sg/message", "Hello world"], ["get", "/sg/message"],
        ["-o", "extended", "get", "/sg/message"], ["-o", "json", "get", "/sg/message"],
        ["set", "/sg/message", "again"], ["set", "/sg/ttl", "x", "--ttl", "300"],
        ["set", "/sg/message", "new", "--swap-with-value", "again"],
        ["set", "/sg/message", "new", "--swap-with-value", "wrong"],
        ["set", "/sg/message", "new", "--swap-with-index", "1"],
        ["get", "/sg/nothing"], ["get", "/sg"], ["get", "--quorum", "/sg/message"],
        ["set", "/sg", "on a directory"], ["set", "/", "root"],
    )
    assert outputs[0] == (0, "Hello world\n") and outputs[1] == (0, "Hello world\n")
    assert outputs[9][0] == 4


def test_make_and_update(servers):
    same(
        servers,
        ["mk", "/mk/a", "1"], ["mk", "/mk/a", "2"], ["mk", "--in-order", "/mk/queue", "job"],
        ["mkdir", "/mk/dir"], ["mkdir", "/mk/dir"], ["mkdir", "/mk/brief", "--ttl", "300"],
        ["update", "/mk/a", "3"], ["update", "/mk/none", "3"], ["update", "/mk/dir", "3"],
        ["setdir", "/mk/set"], ["setdir", "/mk/set"], ["setdir", "/mk/set", "--ttl", "100"],
        ["updatedir", "/mk/set", "--ttl", "200"], ["updatedir", "/mk/none", "--ttl", "200"],
        ["updatedir", "/mk/set"], ["get", "/mk/a"],
    )


def test_list(servers):
    same(
        servers,
        ["set", "/ls/a", "1"], ["set", "/ls/d/b", "2"], ["set", "/ls/d/e/c", "3"],
        ["set", "/ls/_hidden", "4"], ["mkdir", "/ls/empty"],
        ["ls", "--sort", "/ls"], ["ls", "--sort", "-r", "/ls"], ["ls", "--sort", "-p", "/ls"],
        ["ls", "--sort", "-r", "-p", "/ls"], ["ls", "/ls/a"], ["ls", "/ls/none"],
        ["ls", "/ls/empty"], ["ls", "--quorum", "--sort", "/ls"],
        ["-o", "json", "ls", "--sort", "-r", "/ls"],
    )


def test_remove(servers):
    same(
        servers,
        ["set", "/rm/a", "1"], ["rm", "/rm/a"], ["rm", "/rm/a"],
        ["set", "/rm/d/b", "1"], ["rm", "/rm/d"], ["rmdir", "/rm/d"], ["rm", "--dir", "/rm/d"],
        ["rm", "--recursive", "/rm/d"], ["mkdir", "/rm/e"], ["rmdir", "/rm/e"],
        ["set", "/rm/c", "1"], ["rm", "--with-value", "0", "/rm/c"],
        ["rm", "--with-index", "1", "/rm/c"], ["rm", "--with-value", "1", "/rm/c"],
        ["rm", "--recursive", "/"],
    )


def registered(server, count):
    """Waits until a watcher of etcdctl has arrived."""
    harness.eventually(
        lambda: server.request("GET", "/v2/stats/store").json()["watchers"] == count, 10,
        "the watcher")


def test_watch(servers):
    seen = []
    for server in servers:
        first = server.put("/watch/k", "0").json()["node"]["modifiedIndex"]
        once = in_background(lambda: etcdctl([server], "watch", "/watch/k"))
        registered(server, 1)
        server.put("/watch/k", "1")
        outputs = [once()]
        deep = in_background(lambda: etcdctl([server], "watch", "-r", "/watch"))
        registered(server, 1)
        server.put("/watch/d/x", "2")
        outputs.append(deep())
        outputs.append(etcdctl([server], "watch", "--after-index", str(first), "/watch/k"))
        outputs.append(etcdctl([server], "watch", "-r", "--after-index", str(first + 1), "/watch"))
        seen.append(outputs)
    assert seen[1] == seen[0]
    assert seen[1][0] == (0, "1\n")


def lines_of_forever(server, words, changes, count):
    """Output of a command that never ends, until it has printed `count` lines."""
    process = subprocess.Popen(
        [ETCDCTL, "--endpoints", server.client, *words], stdout=subprocess.PIPE, text=True,
        env={**os.environ, **ENVIRONMENT})
    try:
        registered(server, 1)
        lines = []
        for change in changes:
            change()
            # The next change only after this one was shown: etcdctl watches anew each time.
            lines.append(process.stdout.readline())
            while len(lines) < count and change is changes[-1]:
                lines.append(process.stdout.readline())
        return lines
    finally:
        process.kill()
        process.wait()
        harness.eventually(
            lambda: server.put("/forever-is-over", "x")
            and server.request("GET", "/v2/stats/store").json()["watchers"] == 0, 10, "its end")


def test_watch_forever_and_exec(servers):
    seen = []
    for server in servers:
        changes = [lambda v=v: server.put("/forever/k", v) for v in ("1", "2", "3")]
        plain = lines_of_forever(server, ["watch", "--forever", "/forever/k"], changes, 3)
        shell = 'echo "$ETCD_WATCH_ACTION $ETCD_WATCH_KEY $ETCD_WATCH_VALUE"'
        runs = lines_of_forever(
            server, ["exec-watch", "-r", "/forever", "--", "sh", "-c", shell], changes, 3)
        seen.append((plain, runs))
    assert seen[1] == seen[0]
    assert seen[1][1][0] == "set /forever/k 1\n"


def test_cluster_health_and_list(servers):
    outputs = same(servers, ["cluster-health"], ["member", "list"])
    assert "cluster is healthy" in outputs[0][1] and "isLeader=true" in outputs[1][1]


def member_changes(binary):
    """Health, list, add, update and remove in a cluster of three."""
    outputs = []
    with harness.Cluster(3, [binary] * 3) as cluster:
        members = cluster.members
        added_url = f"http://127.0.0.1:{harness.free_port()}"
        other_url = f"http://127.0.0.1:{harness.free_port()}"

        def command(*words):
            code, text = etcdctl(members, *words)
            text = text.replace(added_url, "ADDED").replace(other_url, "OTHER")
            lines = [re.sub(r"isLeader=\w+", "isLeader=?", line) for line in text.splitlines()]
            if code:
                # Errors name the endpoints in the order in which they were tried: a random one.
                lines = [re.sub(r"CLIENT\d", "CLIENT", line) for line in lines]
            # Members are listed in the order of ids, which a run does not determine.
            if words[0] == "cluster-health" or words[1:] == ("list",):
                lines.sort()
            if words[1:2] == ("add",):
                settings = [line for line in lines if line.startswith("ETCD_INITIAL_CLUSTER=")]
                listed = sorted(settings[0].split('"')[1].split(",")) if settings else None
                lines = [line for line in lines if line not in settings] + [listed]
            outputs.append((words[:2], code, lines))
            return text

        def settled(*words):
            """Until the members have been connected for five seconds, changes are refused."""
            for _ in range(60):
                text = command(*words)
                if outputs[-1][1] == 0:
                    return text
                outputs.pop()
                time.sleep(0.25)
            raise AssertionError(f"{words}: {text}")

        command("cluster-health")
        command("member", "list")
        settled("member", "add", "late", added_url)
        # The message carries the id of the new member, which only the API tells in full.
        late = next(m["id"] for m in members[0].members() if m["peerURLs"] == [added_url])
        command("member", "list")
        command("member", "add", "twice", added_url)
        settled("member", "update", late, other_url)
        settled("member", "remove", late)
        command("member", "remove", late)
        command("member", "remove", "0123456789abcdef")
        command("member", "list")
    return outputs


def test_member_changes(reference):
    theirs = member_changes(reference)
    ours = member_changes(harness.OURS)
    assert ours == theirs
    assert [code for _, code, _ in ours[:3]] == [0, 0, 0]
