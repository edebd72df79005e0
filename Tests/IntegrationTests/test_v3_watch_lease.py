"""Watches and leases where it is hard: restarts, changes of leader, compaction, slow readers, large
answers, ten thousand watches on one stream; and transactions of the largest sizes."""

import time

import pytest

import harness
import v3_content
from v3_cases import op_get, op_put, op_txn
from v3_client import Client, done
from v3_messages import MESSAGE, build
from v3_wire import PREFACE, Connection, grpc_headers, message, settings, window

WATCHES = 10_000
LIMIT_BYTES = 1_572_864 + 524_288


@pytest.fixture(scope="module")
def member():
    server = harness.single(flags=["--experimental-watch-progress-notify-interval", "300ms"])
    yield server
    server.close()


@pytest.fixture
def client(member):
    with Client(member.client) as one:
        yield one


def events_of(stream, count, seconds=30):
    """`count` events from a stream, in the order in which they came."""
    found = []
    while len(found) < count:
        message = stream.next(seconds)
        assert hasattr(message, "events"), message
        found += message.events
    return found


def test_events_are_complete_and_ordered(client):
    """A watch from the past while writes go on: no gap, no duplicate, no event twice."""
    first = client.put("order/0", "0").header.revision
    v3_content.bulk(client, 2000, "order/", 50)
    with client.watch("order/", range_end="order0", start_revision=first) as watch:
        v3_content.bulk(client, 2000, "order/", 50)
        found = events_of(watch, 4001)
    revisions = [event.kv.mod_revision for event in found]
    assert revisions == list(range(first, first + 4001))


def test_transaction_is_not_split(client):
    with client.watch("atom/", range_end="atom0") as watch:
        client.txn(success=[op_put(f"atom/{n}", "x") for n in range(100)])
        assert len(watch.next().events) == 100


def test_progress_notifications(client):
    """An idle watch that asks for it is told the revision now and then."""
    with client.watch("idle", progress_notify=True) as watch:
        revision = client.put("elsewhere", "1").header.revision
        while True:
            message = watch.next(10)
            assert not message.events and message.watch_id == 0
            if message.header.revision >= revision:
                break


def test_progress_means_delivered(client):
    """After a progress answer with revision R no event of R or before is missing."""
    with client.watch("progress/", range_end="progress0") as watch:
        v3_content.bulk(client, 500, "progress/", 10)
        last = client.get("progress/0").header.revision
        watch.send({"progress_request": {}})
        seen = 0
        while True:
            message = watch.next(20)
            if message.watch_id == -1 and not message.events:
                assert seen == 500 or message.header.revision < last
                if message.header.revision >= last:
                    break
                watch.send({"progress_request": {}})
            seen += len(message.events)
        assert seen == 500


def test_fragments(client):
    """More than a message holds: one answer without the wish, fragments with it."""
    # Two revisions, each of 1.5 MB in a history that is sent at once.
    first = client.put("frag/0", "x" * 1_000_000).header.revision
    client.put("frag/1", "y" * 1_000_000)
    client.put("frag/2", "z" * 1_000_000)
    with client.watch("frag/", range_end="frag0", start_revision=first, fragment=True) as watch:
        parts = []
        while sum(len(part.events) for part in parts) < 3:
            parts.append(watch.next(20))
    assert all(part.ByteSize() < LIMIT_BYTES for part in parts)
    # Without fragments a revision comes whole.
    with client.watch("frag/", range_end="frag0", start_revision=first) as watch:
        assert [len(event.kv.value) for event in events_of(watch, 3)] == [1_000_000] * 3


def test_ten_thousand_watches(client, member):
    """On one stream: all created, each sees its key, none sees another's; cancelled one by one."""
    before = member.memory_kib()
    with client.stream("Watch") as stream:
        for number in range(WATCHES):
            stream.send({"create_request": {"key": f"many/{number}", "watch_id": number + 1}})
        created = {stream.next(60).watch_id for _ in range(WATCHES)}
        assert created == set(range(1, WATCHES + 1))
        v3_content.bulk(client, WATCHES, "many/", WATCHES)
        seen = {}
        for _ in range(WATCHES):
            message = stream.next(60)
            assert len(message.events) == 1
            seen[message.watch_id] = message.events[0].kv.key
        assert seen == {n + 1: f"many/{n}".encode() for n in range(WATCHES)}
        for number in range(WATCHES):
            stream.send({"cancel_request": {"watch_id": number + 1}})
        assert all(stream.next(60).canceled for _ in range(WATCHES))
        client.put("many/1", "after")
        assert stream.silent(0.3)
    assert member.memory_kib() < before + 200 * 1024
    assert client.put("well", "1")


def test_slow_reader(client, member):
    """One whose window is full stalls nobody, and gets everything in order once he reads."""
    wanted = build("WatchRequest", {"create_request": {"key": "slow/", "range_end": "slow0"}})
    before = member.memory_kib()
    with Connection(member.address, 60, PREFACE + settings(window=65535)) as stalled:
        stalled.headers(1, grpc_headers("/etcdserverpb.Watch/Watch"))
        stalled.data(1, message(wanted.SerializeToString()), end=False)
        while not stalled.streams[1].messages():
            assert stalled.read(10)
        with client.watch("slow/", range_end="slow0") as quick:
            v3_content.bulk(client, 5000, "slow/", 10, "s" * 2000)
            assert len(events_of(quick, 5000)) == 5000
        assert member.memory_kib() < before + 200 * 1024
        stalled.send(window(1, 2**30))
        stream, revisions = stalled.streams[1], []
        while len(revisions) < 5000:
            assert stalled.read(30), "events are missing"
            # Parsing again with every frame would be quadratic.
            if len(stream.data) > 5000 * 2000:
                revisions = [event.kv.mod_revision for raw in stream.messages()
                             for event in MESSAGE["WatchResponse"].FromString(raw).events]
        assert revisions == list(range(revisions[0], revisions[0] + 5000))


def test_compaction_under_a_late_watch(client):
    first = client.put("comp/a", "1").header.revision
    v3_content.bulk(client, 20, "comp/", 3)
    done(client.call("Compact", revision=first + 10, physical=True))
    with client.stream("Watch", {"create_request": {"key": "comp/", "range_end": "comp0",
                                                    "start_revision": first}}) as stream:
        assert stream.next().created
        ended = stream.next()
        assert ended.canceled and ended.compact_revision == first + 10


def nested(depth):
    return op_txn(success=[op_put("deep", "1") if depth == 0 else nested(depth - 1)])


def test_giant_and_nested_transactions(client):
    """The largest allowed works; beyond it an error; nesting without end is no crash."""
    answer = client.call("Txn", success=[op_put(f"giant/{n}", "x" * 12_000) for n in range(128)])
    assert answer.ok, answer
    assert client.prefix("giant/", count_only=True).count == 128
    too_many = client.call("Txn", success=[op_get("giant/1")] * 129)
    assert too_many.message == "etcdserver: too many operations in txn request"
    too_large = client.call("Txn", success=[op_put(f"g/{n}", "x" * 13_000) for n in range(125)])
    assert too_large.message == "etcdserver: request is too large"
    assert client.call("Txn", success=[nested(30)]).ok
    assert client.value("deep") == b"1"


def test_restart_keeps_everything(start):
    """kill -9: keys, history, leases and what hangs on them; a watch resumes where it was."""
    member = start()
    with Client(member.client) as client:
        v3_content.fill(client)
        revision = client.put("last", "1").header.revision
        before = v3_content.picture(client)
    member.kill()
    member.start().wait_ready()
    with Client(member.client) as client:
        assert v3_content.picture(client) == before
        with client.watch("last", start_revision=revision) as watch:
            assert events_of(watch, 1)[0].kv.mod_revision == revision
            client.put("last", "2")
            assert events_of(watch, 1)[0].kv.mod_revision == revision + 1


def test_lease_expires_not_early(client):
    began = time.monotonic()
    lease = client.grant(2)
    client.put("brief", "1", lease=lease.ID)
    with client.watch("brief") as watch:
        assert events_of(watch, 1)[0].type == 1
    assert time.monotonic() - began >= lease.TTL
    assert client.call("LeaseTimeToLive", ID=lease.ID).TTL == -1


def test_keep_alive_extends(client):
    lease = client.grant(2)
    client.put("longer", "1", lease=lease.ID)
    began = time.monotonic()
    with client.stream("LeaseKeepAlive") as stream, client.watch("longer") as watch:
        while time.monotonic() - began < 5:
            stream.send({"ID": lease.ID})
            assert stream.next().TTL == 2
            assert watch.silent(0.5), "the key went although its lease was kept alive"
        done(client.call("LeaseRevoke", ID=lease.ID))
        assert events_of(watch, 1)[0].type == 1


@pytest.fixture(scope="module")
def three():
    with harness.Cluster(3) as cluster:
        yield cluster


@pytest.fixture
def cluster(three):
    for member in three.members:
        if not member.alive():
            member.start().wait_ready()
    return three


def test_leader_killed(cluster):
    """A watch on a follower goes on without a gap; leases are not cut short by the change."""
    leader = cluster.leader()
    follower, other = (m for m in cluster.members if m is not leader)
    with Client(follower.client) as near, Client(other.client) as far:
        near.grant(12, 777)
        began = time.monotonic()
        near.put("held", "1", lease=777)
        first = near.put("gap/0", "0").header.revision
        watch = near.watch("gap/", range_end="gap0")
        held = near.watch("held")
        leader.kill()
        harness.eventually(lambda: far.call("Put", key="gap/1", value="1", timeout=3).ok, 30,
                           "a new leader")
        v3_content.bulk(far, 100, "gap/", 5)
        last = far.get("gap/1").header.revision
        found = []
        while not found or found[-1] < last:
            found += [event.kv.mod_revision for event in watch.next(20).events]
        # A write may have been repeated while there was no leader, never lost.
        assert found == list(range(first + 1, last + 1))
        assert near.value("held") == b"1" or time.monotonic() - began >= 12
        assert events_of(held, 1, 60)[0].type == 1
        assert time.monotonic() - began >= 12, "the lease ended early"
        watch.close()
        held.close()


def test_no_leader(cluster):
    """Without a quorum: calls that require a leader are refused, plain local reads go on."""
    leader = cluster.leader()
    with Client(leader.client) as client:
        client.put("local", "1")
    rest = [m for m in cluster.members if m is not leader]
    survivor = rest[0]
    with Client(survivor.client) as client:
        harness.eventually(lambda: client.value("local", serializable=True) == b"1", 10, "the key")
        watch = client.stream("Watch", {"create_request": {"key": "x"}},
                              metadata=(("hasleader", "true"),))
        assert watch.next().created
        leader.kill()
        rest[1].kill()
        ended = watch.end(40)
        assert (ended.code, ended.message) == ("UNAVAILABLE", "etcdserver: no leader")
        assert client.value("local", serializable=True) == b"1"
        refused = client.call("Range", key="local", metadata=(("hasleader", "true"),))
        assert (refused.code, refused.message) == ("UNAVAILABLE", "etcdserver: no leader")
        assert not client.call("Put", key="x", timeout=30).ok
