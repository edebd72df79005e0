"""etcdctl 3.4 and 3.5 (API 3): every command in every output format, against a real etcd 3.5 and
against ours, on one member and on three. Outputs and exit codes must be equal after what servers
choose is taken out. Left out: check perf and check datascale, which are load tests of a minute."""

import os
import re
import subprocess

import pytest

import harness
import v3_reference
from v3_client import Client
from v3_ctl import FORMATS, Ctl, TOOLS, read_lines, stop
from v3_reference import ETCD35
from v3_twins import Twins

pytestmark = pytest.mark.skipif(not (v3_reference.HAVE34 and v3_reference.HAVE35),
                                reason=f"{v3_reference.WHY34} and {v3_reference.WHY35}")

BOTH = [(tool, output) for tool in TOOLS for output in FORMATS]
IDS = [f"{tool} {output}" for tool, output in BOTH]

KV = """
put a 1 | put a 2 --prev-kv | put b/1 1 | put b/2 2 | put b/3 3 | put -- -dash x
put empty ""
get a | get none | get b/ --prefix | get b/ b/3 | get b/2 --from-key | get "" --prefix
get "" --from-key --limit 2 | get b/ --prefix --keys-only | get b/ --prefix --limit 1
get b/ --prefix --print-value-only | get b/ --prefix --order DESCEND
get b/ --prefix --sort-by VALUE --order DESCEND | get b/ --prefix --sort-by CREATE
get b/ --prefix --sort-by MODIFY --order ASCEND | get b/ --prefix --sort-by VERSION --limit 1
get b/ --prefix --sort-by NONSENSE | get a --consistency s | get a --consistency x
get a --rev 2 | get a --rev 1 | get a --rev 99999 | get | get a b c | get a b --prefix
put a --ignore-value | put none --ignore-value | put a 5 --ignore-lease | put a
put a 5 --lease 77 | put a x --lease xyz | put a | put "" x | del b/1 | del b/1
del b/2 --prev-kv | del b/ --prefix
del "" --prefix | del "" --from-key --prev-kv | del | del none | del a b --prefix
put h/1 "two words" --hex | get h/ --prefix --hex | put c/1 1 | put c/1 2 | compaction 3
compaction 3 | compaction 99999 | compaction | compaction x | compaction 4 --physical
get c/1 --rev 2 | get a --write-out protobuf
"""
KV35 = "get c/ --prefix --count-only | get none --count-only"

LEASES = """
lease list | lease grant 600 | lease grant 1000 | lease grant | lease grant x | lease grant 0
lease list | lease timetolive LEASE0 | lease timetolive LEASE0 --keys | lease timetolive 123
lease timetolive xyz | put l/1 1 --lease LEASE0 | put l/2 2 --lease LEASE0 | get l/1
lease timetolive LEASE0 --keys | lease keep-alive --once LEASE0 | lease keep-alive --once 123
lease keep-alive xyz | lease revoke LEASE0 | lease revoke LEASE0 | lease revoke | get l/ --prefix
lease list
"""

AUTH = """
user list | role list | user add alice:pw | user add alice:pw | user add
user add bob --no-password
user add carol:x --interactive=false | user get alice | user get nobody
user get alice --detail | user list | user passwd alice --interactive=false | role add reader
role add reader | role list
role add | role grant-permission reader read k | role grant-permission reader write k k2
role grant-permission reader readwrite p --prefix | role grant-permission reader read f --from-key
role grant-permission reader nonsense k | role grant-permission nobody read k | role get reader
role grant-permission reader read "" --prefix | role get nobody | role get root
role revoke-permission reader k | role revoke-permission reader k | role get reader
role revoke-permission reader k k2 | role revoke-permission reader p --prefix
user grant-role alice reader | user grant-role alice nobody | user grant-role nobody reader
user get alice | user get alice --detail | user revoke-role alice reader
user revoke-role alice reader | user delete bob | user delete bob | user delete carol
role delete reader | role delete reader | user delete alice | user list | role list
auth enable | auth disable | auth status | auth
"""

STATE = """
member list | endpoint health | endpoint status | endpoint hashkv | alarm list | alarm disarm
defrag | version | endpoint health --user a:b | member add late | member add late --peer-urls x
member remove 123 | member remove xyz | member remove | member update 123 --peer-urls=http://a:1
member promote 123 | member update | move-leader 123 | move-leader | move-leader xyz | alarm
snapshot save | snapshot status nothing.db | put a 1 | endpoint hashkv | member | endpoint
nonsense
--command-timeout=1ns get a | --debug get | get a --write-out nonsense
"""


def commands(text):
    """Lines of commands separated by bars, as lists of words; quotes only for empty words and
    words with spaces."""
    found = []
    for part in re.split(r"\n| \| ", text.strip()):
        words = re.findall(r'"[^"]*"|\S+', part)
        found.append([word.strip('"') for word in words])
    return found


def in_any_order(lines):
    """The words of an output whose order is not determined, sorted."""
    return sorted(re.findall(r"[^,{}\[\]()\s|]+", " ".join(lines)))


def compare(listing, tool, output):
    """Runs all on both; returns the differences."""
    found = []
    with Twins() as pair:
        ids = [(f"{pair.states[member]['member']:x}", "MEMBER") for member in pair.members]
        sides = [Ctl([member], ids) for member in pair.members]
        for words in listing:
            theirs, ours = (side.run(tool, "-w", output, *words, data="secret\nsecret\n")
                            for side in sides)
            if words[:2] == ["lease", "timetolive"]:
                # The keys of a lease come in any order.
                theirs, ours = ((code, in_any_order(out), errors)
                                for code, out, errors in (theirs, ours))
            if theirs != ours:
                found.append(f"{' '.join(words)}\n- {theirs}\n+ {ours}")
    return found


def check(found, total):
    if found:
        pytest.fail("\n".join([f"{len(found)} of {total} outputs differ (- etcd 3.5, + ours)",
                               *found]), pytrace=False)


GROUPS = {"keys": KV, "leases": LEASES, "auth": AUTH, "state": STATE}


@pytest.mark.parametrize("tool, output", BOTH, ids=IDS)
@pytest.mark.parametrize("group", GROUPS)
def test_commands(group, tool, output):
    listing = commands(GROUPS[group])
    if group == "keys" and tool == "3.5":
        listing += commands(KV35)
    check(compare(listing, tool, output), len(listing))


TXNS = [
    'value("t/k") = "1"\n\nput t/ok yes\nget t/ok\n\nput t/no no\n\n',
    'version("t/k") > "0"\ncreate("t/k") > "1"\nmod("t/k") != "1"\n\nget t/k\ndel t/k\n\n\n',
    'lease("t/k") = "0"\n\ndel t --prefix\n\nget t/ --prefix\n\n',
    '\nput t/k 2\n\n\n', 'nonsense\n\n\n\n', 'value("t/k") < "5"\n\nput t/k\n\n\n',
    'ver("t/k") = "x"\n\n\n\n', '\nput t/d 1\nput t/d 2\n\n\n', '\nget t/k --rev 99999\n\n\n',
]


@pytest.mark.parametrize("tool", TOOLS)
def test_transactions(tool):
    found = []
    with Twins() as pair:
        sides = [Ctl([member]) for member in pair.members]
        for output in FORMATS:
            for text in TXNS:
                for flags in ((), ("-i",)):
                    runs = []
                    for side in sides:
                        side.run(tool, "put", "t/k", "1")
                        runs.append(side.run(tool, "-w", output, "txn", *flags, data=text))
                    if runs[0] != runs[1]:
                        found.append(f"{output} {flags} {text!r}\n- {runs[0]}\n+ {runs[1]}")
    check(found, len(TXNS) * len(FORMATS) * 2)


WATCHES = [
    (["watch", "w/k", "--rev", "2"], 6),
    (["watch", "w/", "--prefix", "--rev", "2", "--prev-kv"], 8),
    (["watch", "w/a", "w/z", "--rev", "3"], 6),
    (["watch", "w/k", "--rev", "2", "--", "sh", "-c",
      "echo $ETCD_WATCH_EVENT_TYPE $ETCD_WATCH_KEY $ETCD_WATCH_VALUE $ETCD_WATCH_REVISION"], 6),
]


@pytest.mark.parametrize("tool", TOOLS)
def test_watch(tool):
    """History, so that nothing depends on when the watch arrives."""
    seen = []
    with Twins() as pair:
        for member in pair.members:
            side, outputs = Ctl([member]), []
            for words in (["put", "w/k", "1"], ["put", "w/k", "2"], ["put", "w/l", "x"],
                          ["del", "w/k"], ["put", "w/k", "3"]):
                side.run(tool, *words)
            for output in ("simple", "json", "fields"):
                for words, count in WATCHES:
                    if output == "json":
                        count = 1
                    process = side.start(tool, "-w", output, *words)
                    outputs.append((words, output, side.tidy("".join(read_lines(process, count)))))
                    stop(process)
            process = side.start(tool, "watch", "-i", stdin=subprocess.PIPE)
            process.stdin.write("watch w/k --rev 2\n")
            process.stdin.flush()
            outputs.append(read_lines(process, 6))
            process.stdin.close()
            stop(process)
            outputs.append(side.run(tool, "compaction", "3"))
            outputs.append(side.run(tool, "watch", "w/k", "--rev", "2"))
            seen.append(outputs)
    for theirs, ours in zip(*seen):
        assert ours == theirs


@pytest.mark.parametrize("tool", TOOLS)
def test_lock_and_elect(tool):
    """A lock around a command; a lock that waits for another; an election won and listened to."""
    seen = []
    with Twins() as pair:
        for member in pair.members:
            side, outputs = Ctl([member]), []
            lease = re.compile(r"/[0-9a-f]{8,16}")

            def tidy(lines):
                return [lease.sub("/LEASE", line) for line in lines]
            code, out, errors = side.run(
                tool, "lock", "mutex", "--", "sh", "-c", "echo $ETCD_LOCK_KEY; exit 3")
            outputs += [code, tidy(out), tidy(errors)]
            holder = side.start(tool, "lock", "mutex", "--ttl", "60")
            outputs += tidy(read_lines(holder, 1))
            waiter = side.start(tool, "lock", "mutex", "echo", "mine at last")
            with Client(member.client) as client:
                harness.eventually(lambda c=client: c.prefix("mutex/").count == 2, 10, "a waiter")
            outputs += [stop(holder)]
            outputs += tidy(read_lines(waiter, 1))
            outputs += [waiter.wait(10)]
            waiter.stdout.close()
            leader = side.start(tool, "elect", "vote", "first")
            outputs += tidy(read_lines(leader, 2))
            listener = side.start(tool, "elect", "-l", "vote")
            outputs += tidy(read_lines(listener, 2))
            outputs += [stop(leader), stop(listener)]
            seen.append(outputs)
    assert seen[1] == seen[0]


@pytest.mark.parametrize("tool", TOOLS)
def test_keep_alive(tool):
    """A lease kept alive beyond its time, until it is revoked."""
    seen = []
    with Twins() as pair:
        for member in pair.members:
            side = Ctl([member])
            side.run(tool, "lease", "grant", "2")
            process = side.start(tool, "lease", "keep-alive", "LEASE0")
            outputs = side.tidy("".join(read_lines(process, 4)))
            side.run(tool, "lease", "revoke", "LEASE0")
            outputs += side.tidy(process.stdout.read())
            outputs += [process.wait(10)]
            process.stdout.close()
            seen.append(outputs)
    assert seen[1] == seen[0]


@pytest.mark.parametrize("tool", TOOLS)
def test_mirror(tool):
    """make-mirror from ours into a real etcd, what was there and what comes."""
    with Twins() as pair:
        other = harness.single(ETCD35)
        try:
            with Client(pair.ours.client) as source, Client(other.client) as target:
                source.put("m/1", "1")
                process = Ctl([pair.ours]).start(
                    tool, "make-mirror", "--prefix", "m/", "--dest-prefix", "copy/",
                    other.client.removeprefix("http://"))
                try:
                    harness.eventually(lambda: target.value("copy/1") == b"1", 10, "the copy")
                    source.put("m/2", "2")
                    source.delete("m/1")
                    harness.eventually(lambda: target.value("copy/2") == b"2", 10, "the new key")
                    harness.eventually(lambda: target.value("copy/1") is None, 10, "the deletion")
                finally:
                    stop(process)
        finally:
            other.close()


@pytest.mark.parametrize("tool", TOOLS)
def test_snapshot_commands(tool, tmp_path):
    """save, status in every format, restore, and a start on what was restored."""
    seen = []
    with Twins() as pair:
        for number, member in enumerate(pair.members):
            side, outputs = Ctl([member]), []
            file, target = tmp_path / f"{number}.db", tmp_path / f"{number}.etcd"
            for key in range(50):
                with_client(member, lambda c, key=key: c.put(f"s/{key}", "x" * 100))
            outputs.append(side.run(tool, "snapshot", "save", str(file)))
            for output in FORMATS:
                code, lines, errors = side.run(tool, "-w", output, "snapshot", "status", str(file))
                lines = [re.sub(r"^(\| )?[0-9a-f]{5,8}|(?<=Hash. : )\d+", "HASH", line)
                         for line in lines]
                outputs.append((code, lines, errors))
            outputs.append(side.run(
                tool, "snapshot", "restore", str(file), "--data-dir", str(target), "--name", "x",
                "--initial-cluster", "x=http://127.0.0.1:1",
                "--initial-advertise-peer-urls", "http://127.0.0.1:1"))
            outputs.append(os.path.exists(target / "member/snap/db"))
            seen.append([str(item).replace(str(file), "FILE") for item in outputs])
    assert seen[1] == seen[0]


def with_client(member, action):
    with Client(member.client) as client:
        return action(client)


CLUSTER = """
endpoint health | endpoint status | endpoint hashkv | endpoint health --cluster
endpoint status --cluster | endpoint hashkv --cluster | defrag | defrag --cluster
"""
# With one endpoint each: the tools choose among several by chance.
EACH = """
member list | put a 1 | get a | get a --consistency s | alarm list | alarm disarm | lease list
endpoint status --cluster | role list | user list
"""


def settled(cluster):
    """The first member as leader, all with the same number of entries applied."""
    first = cluster.members[0]
    with Client(first.client) as client:
        own = client.status().header.member_id
    for _ in range(20):
        leader = cluster.leader()
        if leader is first:
            break
        with Client(leader.client) as client:
            client.call("MoveLeader", targetID=own)
        harness.eventually(lambda old=leader: cluster.leader() is not old, 10, "a new leader")
    assert cluster.leader() is first
    return cluster


def ids_of(cluster):
    """Words for the ids of members and cluster, in hex and decimal."""
    words = []
    for number, member in enumerate(cluster.members):
        with Client(member.client) as client:
            header = client.status().header
        words += [(str(header.member_id), f"MEMBER{number}"),
                  (f"{header.member_id:x}", f"MEMBER{number}"),
                  (str(header.cluster_id), "CLUSTER"), (f"{header.cluster_id:x}", "CLUSTER")]
    return words


def cluster_run(binary, tool):
    """Outputs of all commands on a cluster of three; lists are in the order of ids, so lines are
    sorted, and the terms depend on how elections went."""
    outputs = []
    with harness.Cluster(3, [binary] * 3) as cluster:
        settled(cluster)
        side = Ctl(cluster.members, ids_of(cluster))

        def record(side, *words):
            code, out, errors = side.run(tool, *words)
            text = [re.sub(r'("?raft_?term"?|"RaftTerm") ?: ?\d+', "TERM", line, flags=re.I)
                    for line in out]
            text = [re.sub(r"(true|false)(, |\|)(true|false)(, |\|)\d+", r"\1\2\3\4TERM", line)
                    for line in text]
            outputs.append((words, code, in_any_order(text), sorted(errors)))
        for output in FORMATS:
            for words in commands(CLUSTER):
                record(side, "-w", output, *words)
            for member in cluster.members:
                alone = Ctl([member], side.words)
                for words in commands(EACH):
                    record(alone, "-w", output, *words)
    return outputs


@pytest.mark.parametrize("tool", TOOLS)
def test_three_members(tool):
    theirs, ours = cluster_run(ETCD35, tool), cluster_run(harness.OURS, tool)
    found = [f"{one[0]}\n- {one[1:]}\n+ {two[1:]}" for one, two in zip(theirs, ours) if one != two]
    check(found, len(theirs))


def member_changes(binary, tool):
    """move-leader, member add, update, promote, remove: a learner that comes, is promoted and
    goes."""
    outputs = []
    with harness.Cluster(3, [binary] * 3) as cluster:
        settled(cluster)
        words = ids_of(cluster)
        late = harness.Member("late", binary)
        cluster.members.append(late)
        other = f"http://127.0.0.1:{harness.free_port()}"
        words += [(late.peer, "LATE"), (late.client, "LATECLIENT"), (other, "OTHER")]
        side = Ctl(cluster.members[:3], words)
        ids = {new: old for old, new in words if not old.isdigit()}

        def record(*command):
            code, out, errors = side.run(tool, *command)
            errors = [re.sub(r"CLIENT\d", "CLIENT", line) for line in errors]
            # The settings for the new member list all others, in the order of ids.
            out = [",".join(sorted(re.split('[",]', line))) for line in out]
            outputs.append((side.tidy(" ".join(command)), code, sorted(out), errors))
            return code

        def patiently(*command):
            """Changes are refused until members have been connected for five seconds."""
            def attempt():
                if record(*command) == 0:
                    return True
                outputs.pop()
                return False
            harness.eventually(attempt, 30, f"{command}", pause=0.3)
        record("move-leader", ids["MEMBER1"])
        harness.eventually(lambda: cluster.leader() is cluster.members[1], 10, "the new leader")
        follower = Ctl([cluster.members[0]], words)
        code, _, errors = follower.run(tool, "move-leader", ids["MEMBER2"])
        outputs.append(("move-leader through a follower", code, errors))
        patiently("member", "add", "late", "--learner", f"--peer-urls={late.peer}")
        with Client(cluster.members[0].client) as client:
            number = next(m.ID for m in client.call("MemberList").members if m.isLearner)
        side.words[:0] = [(f"{number:x}", "NEW"), (str(number), "NEW")]
        outputs[-1] = (*outputs[-1][:2], [line.replace(f"{number:x}", "NEW")
                                          for line in outputs[-1][2]], outputs[-1][3])
        record("member", "list")
        record("member", "promote", f"{number:x}")
        named = [f"{m.name}={m.peer}" for m in cluster.members]
        late.initial_cluster, late.state = ",".join(named), "existing"
        late.start()
        learner = Ctl([late], side.words)
        harness.eventually(lambda: learner.run(tool, "get", "x", "--consistency", "s")[0] == 0, 30,
                           "the learner")
        for command in (["get", "x"], ["put", "x", "1"], ["member", "list"], ["lease", "list"],
                        ["get", "x", "--consistency", "s"]):
            code, out, errors = learner.run(tool, *command)
            outputs.append((command, code, sorted(out), errors))
        patiently("member", "promote", f"{number:x}")
        record("member", "promote", f"{number:x}")
        # After the promotion: in etcd 3.5 a learner that is updated counts as a voter.
        record("member", "update", f"{number:x}", f"--peer-urls={other}")
        record("member", "list")
        patiently("member", "remove", f"{number:x}")
        record("member", "remove", f"{number:x}")
        record("member", "list")
    return outputs


@pytest.mark.parametrize("tool", TOOLS)
def test_member_changes(tool):
    theirs, ours = member_changes(ETCD35, tool), member_changes(harness.OURS, tool)
    for one, two in zip(theirs, ours):
        assert two == one
