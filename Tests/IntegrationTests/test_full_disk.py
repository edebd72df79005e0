"""The disk fills up: writes are refused with a clear error, reads go on, and when there is space
again writes go on too, without a restart and without the loss of anything acknowledged. The data
directory lies on a small tmpfs that only the member's mount namespace can see."""

import os
import subprocess

import pytest

import harness

# Room for four log segments of 64 MB; a member may have two of them reserved beforehand.
DISK_MIB = 320
VALUE = "v" * 200_000
# More than two reserved segments hold, less than the empty disk.
MOST_WRITES = 720
KEYS = 20

pytestmark = pytest.mark.skipif(
    harness.TESTING_REFERENCE, reason="etcd 3.4 ends when its disk is full")


class SmallDisk:
    """A tmpfs in a namespace of its own, kept alive by a sleeping process."""

    def __init__(self, place):
        self.place = place
        mount = f"mount -t tmpfs -o size={DISK_MIB}m tmpfs {place}"
        script = f"{mount} && echo ready && exec sleep 3600"
        flags = ["-m"] if os.geteuid() == 0 else ["-r", "-m"]
        self.holder = subprocess.Popen(
            ["unshare", *flags, "sh", "-c", script], stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True, preexec_fn=harness._die_with_parent)
        self.usable = self.holder.stdout.readline().strip() == "ready"
        self.inside = f"/proc/{self.holder.pid}/root{place}"
        self.filler = os.path.join(self.inside, "filler")

    def wrapper(self):
        flags = ["-m"] if os.geteuid() == 0 else ["-U", "--preserve-credentials", "-m"]
        return ["nsenter", *flags, "-t", str(self.holder.pid)]

    def fill(self):
        """Takes every free byte."""
        with open(self.filler, "ab", buffering=0) as file:
            piece = b"\0" * 65536
            while piece:
                try:
                    file.write(piece)
                except OSError:
                    piece = piece[:len(piece) // 2]

    def free(self):
        os.unlink(self.filler)

    def close(self):
        self.holder.kill()
        self.holder.wait()


@pytest.fixture
def disk(tmp_path):
    small = SmallDisk(str(tmp_path))
    try:
        if not small.usable:
            pytest.skip("needs mount namespaces (root, or user namespaces)")
        yield small
    finally:
        small.close()


def prepare(disk, member):
    member.data_dir = os.path.join(disk.place, member.name)
    member.wrapper = disk.wrapper()
    return member


def write_until_refused(member):
    """The last acknowledged number of every key, and the answer that refused the next write."""
    kept = {}
    for number in range(MOST_WRITES):
        key = f"/fill/{number % KEYS}"
        answer = member.request("PUT", member.key(key), form={"value": f"{number}:{VALUE}"},
                                timeout=20)
        if answer.status not in (200, 201):
            return kept, answer
        kept[key] = number
    raise AssertionError("the disk never filled")


def check_kept(member, kept, refused):
    """Every key as acknowledged; the refused write may have taken effect after all."""
    for key, number in kept.items():
        found = int(member.value(key, "?quorum=true").split(":")[0])
        assert found in (number, refused), f"{key} reads {found}, {number} was acknowledged"


def test_single_member(disk):
    member = prepare(disk, harness.Member("infra0"))
    try:
        member.start().wait_ready()
        member.put("/before", "1")
        disk.fill()
        kept, answer = write_until_refused(member)
        refused = max(kept.values()) + 1
        assert answer.status >= 500 and answer.json()["errorCode"] == 300, answer
        assert "space" in answer.json()["cause"]
        # Reads go on, more writes are refused at once, the member stays.
        assert member.value("/before") == "1"
        assert member.put("/refused", "x").status >= 500
        assert member.alive()
        disk.free()
        harness.eventually(lambda: member.put("/again", "1").status in (200, 201), 15,
                           "a write after space was freed")
        check_kept(member, kept, refused)
        member.kill()
        member.start().wait_ready()
        check_kept(member, kept, refused)
        assert member.value("/again") == "1"
    finally:
        member.close()


def test_full_from_the_start(disk):
    """No space to begin with: the reason is in the log, not a mystery."""
    member = prepare(disk, harness.Member("infra0"))
    try:
        disk.fill()
        member.start()
        assert member.wait_exit() == 1
        assert "space" in member.log().split("\n", 1)[1].lower()
    finally:
        member.close()


def test_one_of_three(disk):
    """The leader's disk is full: another one leads, the two make progress, and it rejoins
    afterwards."""
    cluster = harness.Cluster(3)
    poor = prepare(disk, cluster.members[0])
    with cluster:
        rich = cluster.members[1]
        leader = cluster.leader()
        if leader is not poor:
            answer = leader.request("POST", "/v3/maintenance/transfer-leadership",
                                    json_body={"targetID": str(int(poor.id(), 16))})
            assert answer.status == 200, answer
        harness.eventually(poor.is_leader, 15, "the member with the small disk leads")
        disk.fill()
        for number in range(MOST_WRITES):
            key, value = f"/fill/{number % KEYS}", f"{number}:{VALUE}"
            answer = rich.request("PUT", rich.key(key), form={"value": value}, timeout=20)
            # While leadership moves away from the full member, a write may fail.
            if answer.status not in (200, 201):
                cluster.write_anywhere(key, value)
        assert poor.alive()
        harness.eventually(lambda: not poor.is_leader(), 15, "leadership leaves the full member")
        assert "the leader hands over to a member that goes on without it" in poor.log()
        assert rich.put("/beside", "1").status in (200, 201)
        disk.free()
        cluster.write_anywhere("/mark", "1")
        harness.eventually(lambda: poor.value("/mark") == "1", 60, "the full member catches up")
        assert poor.value(key, "?quorum=true") == value
