"""Makes the golden data of EtcdWALTests: log segments and snapshot files as etcd 3.4 wrote them,
and beside each what a client saw. Started by scripts/golden.sh: golden.py TARGET_DIRECTORY

    *.wal *.snap   odd content with a snapshot every 20 entries, two of them, stopped cleanly
    plain/         all of the odd content in one log, killed with SIGKILL
    members/       the log of a leader of three: conf changes, two terms, an update, a removal

Each with expected.json; the zeros of preallocation are cut off the segments. The ids of the first
two are those of the documents: advertised http://localhost:2380, token etcd-cluster."""

import json
import os
import pathlib
import sys

import content
import harness

# etcd preallocates 64 MB of zeros; a reader treats the end of the file like them.
FRAME_ALIGNMENT = 8
# Ends between the second snapshot (entry 42) and the third (entry 63), clock entries included.
OPERATIONS_FOR_TWO_SNAPSHOTS = 45


def documented(flags=()):
    """A single member with the ids every manual shows: 8e9e05c52164694d in cdf818194e3a8c32."""
    member = harness.Member("default", harness.REFERENCE)
    member.initial_cluster = "default=http://localhost:2380"
    member.flags = ["--initial-advertise-peer-urls", "http://localhost:2380",
                    "--advertise-client-urls", "http://localhost:2379", *flags]
    return member


def used_length(data):
    """Where the records end: a zero length field, or the end of the file."""
    offset = 0
    while offset + FRAME_ALIGNMENT <= len(data):
        field = int.from_bytes(data[offset:offset + 8], "little")
        if field == 0:
            break
        padding = (field >> 56) & 0x7 if field >> 63 else 0
        offset += FRAME_ALIGNMENT + (field & ((1 << 56) - 1)) + padding
    return offset


def save(member, target, expected):
    """Copies the log and the snapshots of a stopped member, in place of older ones."""
    os.makedirs(target, exist_ok=True)
    for old in [*target.glob("*.wal"), *target.glob("*.snap")]:
        old.unlink()
    for kind, ending in (("wal", ".wal"), ("snap", ".snap")):
        source = pathlib.Path(member.data_dir, "member", kind)
        for name in sorted(name for name in os.listdir(source) if name.endswith(ending)):
            data = (source / name).read_bytes()
            if kind == "wal":
                data = data[:used_length(data)]
            (target / name).write_bytes(data)
            print(f"{target / name}: {len(data)} bytes")
    text = json.dumps(expected, indent=1, ensure_ascii=False)
    (target / "expected.json").write_text(text + "\n")


def expected_of(member):
    harness.eventually(lambda: member.get("/expiring").status == 404, 10, "expiry")
    member.put("/last", "1")
    head = member.get("/last")
    version = member.request("GET", "/version").json()
    return {
        "etcd": version["etcdserver"],
        "memberId": member.id(),
        "clusterId": head.header("X-Etcd-Cluster-Id"),
        "members": member.members(),
        "storeIndex": int(head.header("X-Etcd-Index")),
        "raftIndex": int(head.header("X-Raft-Index")),
        "raftTerm": int(head.header("X-Raft-Term")),
        "tree": content.picture(member)[0],
    }


def plain(target):
    member = documented()
    try:
        member.start().wait_ready()
        content.fill(member.address)
        expected = expected_of(member)
        member.kill()
        save(member, target, expected)
    finally:
        member.close()


def snapshots(target):
    member = documented(["--snapshot-count", "20"])
    try:
        member.start().wait_ready()
        content.fill(member.address, OPERATIONS_FOR_TWO_SNAPSHOTS)
        expected = expected_of(member)
        member.terminate()
        save(member, target, expected)
    finally:
        member.close()


def members(target):
    with harness.Cluster(3, [harness.REFERENCE] * 3) as cluster:
        cluster.write_anywhere("/one", "1")
        late = cluster.add("late", harness.REFERENCE)
        listed = {m["name"]: m["id"] for m in late.members()}
        moved = f"http://127.0.0.1:{harness.free_port()}"
        answer = harness.settled(lambda: cluster.leader().request(
            "PUT", f"/v2/members/{listed['late']}", json_body={"peerURLs": [late.peer, moved]}))
        assert answer.status == 204, answer
        assert cluster.remove(late).status == 204
        first = cluster.leader()
        first.kill()
        # A second term, written by another leader.
        cluster.write_anywhere("/two", "2")
        keeper = cluster.leader()
        content.fill(keeper.address)
        expected = expected_of(keeper)
        expected["removed"] = [listed["late"]]
        for member in cluster.alive():
            member.terminate()
        save(keeper, target, expected)


def main():
    target = pathlib.Path(sys.argv[1])
    plain(target / "plain")
    snapshots(target)
    members(target / "members")


main()
