"""Stopping and starting: nothing is lost, neither by us nor when we take over a data directory that
etcd 3.4 wrote."""

import os
import shutil
import time

import pytest

import content
import harness

# Small, so that snapshots and log segments take part.
SNAPSHOT_FLAGS = ["--snapshot-count", "100"]


def stop(member, how):
    if how == "kill":
        member.kill()
    else:
        member.terminate()


def filled(member, writes=0):
    """Odd content, optionally many more writes, and the key with a short TTL gone."""
    content.fill(member.address)
    if writes:
        content.bulk(member.address, "/bulk", writes)
    harness.eventually(lambda: member.get("/expiring").status == 404, 10, "expiry")
    return content.picture(member)


def index_of(member):
    return int(member.get("/").header("X-Etcd-Index"))


@pytest.mark.parametrize("flags", [[], SNAPSHOT_FLAGS], ids=["log", "snapshot"])
@pytest.mark.parametrize("how", ["kill", "term"])
def test_restart_keeps_everything(start, how, flags):
    member = start(flags=flags)
    before = filled(member, 350 if flags else 0)
    identity = member.members()
    index = index_of(member)
    for _ in range(2):
        stop(member, how)
        member.start().wait_ready()
        assert content.picture(member) == before
        assert member.members() == identity
        assert index_of(member) >= index
        index = int(member.put("/after", "1").header("X-Etcd-Index"))
        before = content.picture(member)
    if flags:
        snap = os.path.join(member.data_dir, "member", "snap")
        assert any(name.endswith(".snap") for name in os.listdir(snap))


def test_history_survives(start):
    """A watcher may continue from an index it saw before the restart."""
    member = start()
    first = member.put("/h", "1").json()["node"]["modifiedIndex"]
    member.put("/h", "2")
    member.kill()
    member.start().wait_ready()
    for index, value in ((first, "1"), (first + 1, "2")):
        answer = member.get("/h", f"?wait=true&waitIndex={index}")
        assert answer.json()["node"]["value"] == value


def test_ttl_goes_on_while_down(start):
    """A key whose deadline passes while the member is down is gone soon after the start; another
    keeps its absolute deadline."""
    member = start()
    member.put("/down/brief", "1", ttl="1")
    kept = member.put("/down/long", "1", ttl="300").json()["node"]["expiration"]
    member.kill()
    time.sleep(1.5)
    member.start().wait_ready()
    harness.eventually(lambda: member.get("/down/brief").status == 404, 10, "expiry")
    assert member.get("/down/long").json()["node"]["expiration"] == kept


def test_separate_log_directory(start, tmp_path):
    wal = str(tmp_path / "wal")
    member = start(flags=["--wal-dir", wal])
    before = filled(member)
    assert any(name.endswith(".wal") for name in os.listdir(wal))
    member.kill()
    member.start().wait_ready()
    assert content.picture(member) == before


def test_modes_of_files(start):
    """Secrets live here: nobody else may look."""
    member = start()
    assert os.stat(member.data_dir).st_mode & 0o777 == 0o700
    wal = os.path.join(member.data_dir, "member", "wal")
    for name in os.listdir(wal):
        if name.endswith(".wal"):
            assert os.stat(os.path.join(wal, name)).st_mode & 0o777 == 0o600


def test_two_on_one_directory(start):
    """The second one must not touch the log of the first."""
    member = start()
    second = harness.Member("second", directory=member.directory)
    second.log_path += "-second"
    second.own_directory = False
    try:
        second.start()
        time.sleep(1.5)
        assert member.put("/still", "here").status == 201
        try:
            assert second.request("GET", "/health", timeout=1).status != 200
        except OSError:
            pass
    finally:
        second.kill()


@pytest.mark.parametrize("flags", [[], SNAPSHOT_FLAGS], ids=["log", "snapshot"])
@pytest.mark.parametrize("how", ["kill", "term"])
def test_takes_over_from_etcd(reference, start, how, flags):
    """A directory written by etcd 3.4 with the v2 API, killed or stopped cleanly."""
    member = start(binary=reference, flags=flags)
    before = filled(member, 350 if flags else 0)
    identity = member.members()
    stop(member, how)
    member.binary = harness.OURS
    member.start().wait_ready()
    assert content.picture(member) == before
    assert member.members() == identity
    assert member.put("/after", "1").status == 201
    after = content.picture(member)
    member.kill()
    member.start().wait_ready()
    assert content.picture(member) == after


def test_takes_over_a_cluster(reference):
    """Three members of etcd 3.4, replaced one after the other on their own directories. The cluster
    serves all the time."""
    with harness.Cluster(3, [reference] * 3) as cluster:
        content.fill(cluster.members[0].address)
        for member in cluster.members:
            member.terminate()
            member.binary = harness.OURS
            member.start().wait_ready()
            cluster.write_anywhere(f"/rolled/{member.name}", "1")
        for member in cluster.members:
            for other in cluster.members:
                assert member.value(f"/rolled/{other.name}", "?quorum=true") == "1"
            assert member.value("/deep/a/b/c/d/e/f/g/h", "?quorum=true") == "deep"


def test_etcd_takes_over_from_us(reference, start):
    if not harness.TESTING_REFERENCE:
        pytest.skip("etcd 3.4 needs its bbolt file member/snap/db beside the log; "
                    "this release does not write one yet")
    member = start()
    before = filled(member)
    member.terminate()
    member.binary = reference
    member.start().wait_ready()
    assert content.picture(member) == before


def test_copied_directory(start, tmp_path):
    """A copy of a running member's directory starts: what a file-system snapshot gives."""
    member = start()
    before = filled(member)
    copy = harness.Member(member.name, directory=str(tmp_path / "copy"))
    os.makedirs(copy.directory)
    shutil.copytree(member.data_dir, copy.data_dir)
    member.kill()
    copy.peer, copy.client = member.peer, member.client
    copy.initial_cluster = member.initial_cluster
    try:
        copy.start().wait_ready()
        assert content.picture(copy) == before
    finally:
        copy.close()
