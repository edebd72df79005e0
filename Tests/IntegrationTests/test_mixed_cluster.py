"""Our members and members of etcd 3.4 in one cluster, in both majorities: every write readable
everywhere, either kind as leader, either kind killed."""

import os
import time

import pytest

import content
import harness
from watching import Watch

GO, US = harness.REFERENCE, harness.OURS
MIXES = {"two of etcd, one of us": [GO, GO, US], "two of us, one of etcd": [US, US, GO]}
# 3.4 keeps 5000 entries for slow followers beyond a snapshot.
BEYOND_THE_LOG = 5600

pytestmark = pytest.mark.skipif(not os.access(GO, os.X_OK), reason=f"needs the reference {GO}")


@pytest.fixture(scope="module", params=MIXES)
def mixed(request):
    with harness.Cluster(3, MIXES[request.param]) as cluster:
        yield cluster


@pytest.fixture
def cluster(mixed):
    """All members serving, whatever the test before did."""
    for member in mixed.members:
        if not member.alive():
            member.start().wait_ready()
    return mixed


def make_leader(cluster, binary):
    """Restarts leaders of the other kind until one of `binary` leads."""
    for _ in range(30):
        leader = cluster.leader()
        if leader.binary == binary:
            return leader
        leader.kill()
        cluster.leader()
        leader.start().wait_ready()
    raise AssertionError(f"{binary} never became leader")


def check_everywhere(cluster, prefix):
    """A write through each member, read through each."""
    for number, member in enumerate(cluster.members):
        answer = member.put(f"{prefix}/{number}", f"value {number}")
        assert answer.status in (200, 201), answer
        for other in cluster.members:
            assert other.value(f"{prefix}/{number}", "?quorum=true") == f"value {number}"


def test_members_agree(cluster):
    def agree():
        listings = [member.members() for member in cluster.members]
        return listings[0] == listings[1] == listings[2] \
            and all(m["clientURLs"] for m in listings[0])
    # The publication of the last one reaches the others a moment later.
    harness.eventually(agree, 10, "equal lists of members")
    versions = {m.request("GET", "/version").json()["etcdcluster"] for m in cluster.members}
    assert versions == {"3.4.0"}, "the lowest version decides"


@pytest.mark.parametrize("binary", [GO, US], ids=["etcd leads", "we lead"])
def test_either_leads(cluster, binary):
    make_leader(cluster, binary)
    prefix = f"/led/{os.path.basename(binary)}"
    check_everywhere(cluster, prefix)
    # What the leader's clock drives, seen by a watcher on every member.
    watches = [Watch(member, prefix + "/brief", timeout=15) for member in cluster.members]
    started = time.time()
    cluster.members[0].put(prefix + "/brief", "1", ttl="1")
    for watch in watches:
        assert watch.event()["action"] == "set"
        watch.wire.close()
    with Watch(cluster.members[1], prefix + "/brief", timeout=15) as watch:
        assert watch.event()["action"] == "expire"
        assert time.time() >= started + 1
    assert binary == cluster.leader().binary


def test_same_tree(cluster):
    """After odd content through every member, all trees are equal down to the indexes."""
    for member in cluster.members:
        content.fill(member.address)
    cluster.write_anywhere("/same/mark", "1")
    harness.eventually(lambda: all(
        member.get("/expiring").status == 404 for member in cluster.members), 10, "expiry")
    pictures = [content.picture(member) for member in cluster.members]
    assert pictures[0] == pictures[1] == pictures[2]


def test_one_killed(cluster):
    """Each in turn: the other two serve, the dead one catches up from its own log."""
    for number, victim in enumerate(cluster.members):
        victim.kill()
        for step in range(30):
            cluster.write_anywhere(f"/killed/{number}/{step}", str(step))
        victim.start().wait_ready()
        assert victim.value(f"/killed/{number}/29", "?quorum=true") == "29"
        harness.eventually(lambda v=victim, n=number: v.value(f"/killed/{n}/29") == "29", 10,
                           "the local tree")


def test_all_killed(cluster):
    content.bulk(cluster.leader().address, "/all", 50)
    for member in cluster.members:
        member.kill()
    for member in cluster.members:
        member.start()
    for member in cluster.members:
        member.wait_ready()
        assert member.value("/all/49", "?quorum=true") == "v49"


def test_change_of_members(cluster):
    """A member of our kind joins a mixed cluster and leaves it again."""
    late = cluster.add(f"late{cluster.members[0].peer[-4:]}", US)
    try:
        check_everywhere(cluster, "/joined")
        assert cluster.remove(late).status == 204
        late.wait_exit()
        assert len(cluster.members[0].members()) == 3
    finally:
        cluster.members.remove(late)
        late.close()


@pytest.mark.parametrize("sender, receiver", [(GO, US), (US, GO)],
                         ids=["from etcd to us", "from us to etcd"])
def test_snapshot_transfer(sender, receiver):
    """A member that was down for longer than the log reaches back gets a snapshot."""
    if sender == US and not harness.TESTING_REFERENCE:
        pytest.skip("etcd 3.4 wants a bbolt file with the snapshot; this release has none to send")
    with harness.Cluster(3, [sender, sender, receiver], flags=["--snapshot-count", "100"]) as three:
        late = three.members[2]
        three.members[0].put("/before", "1")
        late.kill()
        content.fill(three.members[0].address)
        content.bulk(three.leader().address, "/bulk", BEYOND_THE_LOG)
        late.start().wait_ready()
        last = f"v{BEYOND_THE_LOG - 1}"
        key = f"/bulk/{(BEYOND_THE_LOG - 1) % 1000}"
        harness.eventually(lambda: late.get(key).json().get("node", {}).get("value") == last, 30,
                           "the snapshot")
        three.write_anywhere("/mark", "1")
        assert content.picture(late) == content.picture(three.members[0])
        late.kill()
        late.start().wait_ready()
        assert late.value(key) == last
