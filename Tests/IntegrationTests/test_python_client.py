"""python-etcd 0.4.5, the client library most programs of the v2 time use: reads, writes, watches,
the lock recipe, an election, members and statistics."""

import threading
import time

import pytest

import harness
from watching import in_background

etcd = pytest.importorskip("etcd", reason="needs python-etcd 0.4.5 (scripts/test.sh installs it)")


@pytest.fixture(scope="module")
def cluster():
    with harness.Cluster(3) as cluster:
        yield cluster


def client_of(member, **options):
    host, port = member.address
    return etcd.Client(host=host, port=port, **options)


@pytest.fixture
def client(cluster):
    return client_of(cluster.members[0], allow_reconnect=True)


def test_write_and_read(client):
    written = client.write("/py/k", "Hello world")
    assert (written.action, written.value, written.newKey) == ("set", "Hello world", True)
    read = client.read("/py/k")
    assert (read.value, read.dir, read.key) == ("Hello world", False, "/py/k")
    assert read.etcd_index >= read.modifiedIndex and read.raft_index > 0
    again = client.write("/py/k", "2", ttl=300)
    assert again._prev_node.value == "Hello world" and again.ttl == 300
    assert client.read("/py/k", quorum=True).value == "2"
    assert "/py/k" in client and "/py/none" not in client
    assert client.get("/py/k").value == "2"


def test_conditions(client):
    client.write("/pyc/k", "1", prevExist=False)
    with pytest.raises(etcd.EtcdAlreadyExist):
        client.write("/pyc/k", "1", prevExist=False)
    with pytest.raises(etcd.EtcdCompareFailed):
        client.write("/pyc/k", "2", prevValue="0")
    swapped = client.test_and_set("/pyc/k", "2", "1")
    assert swapped.action == "compareAndSwap"
    assert client.write("/pyc/k", "3", prevIndex=swapped.modifiedIndex).value == "3"
    node = client.read("/pyc/k")
    node.value = "4"
    assert client.update(node).value == "4"
    with pytest.raises(etcd.EtcdKeyNotFound):
        client.write("/pyc/none", "1", prevExist=True)
    with pytest.raises(etcd.EtcdNotDir):
        client.write("/pyc/k/below", "1")
    with pytest.raises(etcd.EtcdRootReadOnly):
        client.write("/", "1")


def test_directories(client):
    client.write("/pyd/dir", None, dir=True)
    with pytest.raises(etcd.EtcdNotFile):
        client.write("/pyd/dir", "value")
    client.write("/pyd/dir/a", "1")
    client.write("/pyd/dir/b/c", "2")
    for value in ("x", "y", "z"):
        client.write("/pyd/queue", value, append=True)
    values = [leaf.value for leaf in client.read("/pyd/queue", sorted=True).leaves]
    assert values == ["x", "y", "z"]
    leaves = {leaf.key for leaf in client.read("/pyd/dir", recursive=True).leaves}
    assert leaves == {"/pyd/dir/a", "/pyd/dir/b/c"}
    with pytest.raises(etcd.EtcdDirNotEmpty):
        client.delete("/pyd/dir", dir=True)
    deleted = client.delete("/pyd/dir", recursive=True)
    assert deleted.action == "delete" and deleted._prev_node.dir
    with pytest.raises(etcd.EtcdKeyNotFound):
        client.read("/pyd/dir")
    assert client.pop("/pyd/queue", recursive=True).dir


def test_refresh_and_expiry(client):
    client.write("/pyt/k", "1", ttl=1)
    client.refresh("/pyt/k", ttl=300)
    time.sleep(1.7)
    assert client.read("/pyt/k").value == "1"
    client.refresh("/pyt/k", ttl=1)

    def gone():
        return "/pyt/k" not in client
    harness.eventually(gone, 5, "expiry")


def test_watch(cluster, client):
    index = client.write("/pyw/k", "0").modifiedIndex
    watcher = client_of(cluster.members[1])
    waiting = in_background(lambda: watcher.watch("/pyw/k", index=index + 1))
    client.write("/pyw/k", "1")
    assert waiting().value == "1"
    assert watcher.watch("/pyw/k", index=index).value == "0"
    assert watcher.watch("/pyw", index=index + 1, recursive=True).key == "/pyw/k"
    with pytest.raises(etcd.EtcdWatchTimedOut):
        watcher.watch("/pyw/never", timeout=0.3)


def test_eternal_watch(cluster, client):
    index = client.write("/pye/0", "start").modifiedIndex
    watcher = client_of(cluster.members[2])
    seen = []

    def follow():
        for event in watcher.eternal_watch("/pye", index=index + 1, recursive=True):
            seen.append((event.action, event.key, event.value))
            if event.action == "delete":
                return seen
    following = in_background(follow)
    for number in range(20):
        client.write(f"/pye/{number}", str(number))
    client.delete("/pye/0")
    assert following() == [("set", f"/pye/{n}", str(n)) for n in range(20)] + \
        [("delete", "/pye/0", None)]


def test_lock(cluster):
    """Six contenders through three members: never two holders, everybody gets it once."""
    holders, order, errors = [], [], []

    def contend(number):
        lock = etcd.Lock(client_of(cluster.members[number % 3]), "job")
        lock.acquire(blocking=True, lock_ttl=60)
        holders.append(number)
        if len(holders) > 1:
            errors.append(list(holders))
        time.sleep(0.05)
        holders.remove(number)
        order.append(number)
        lock.release()
    ends = [in_background(lambda n=n: contend(n)) for n in range(6)]
    for end in ends:
        end()
    assert not errors and sorted(order) == list(range(6))


def test_lock_without_waiting(cluster):
    one = etcd.Lock(client_of(cluster.members[0]), "single")
    two = etcd.Lock(client_of(cluster.members[1]), "single")
    assert one.acquire(blocking=False, lock_ttl=60)
    assert one.is_acquired
    assert not two.acquire(blocking=False, lock_ttl=60)
    one.release()
    assert two.acquire(blocking=True, lock_ttl=60)
    two.release()


def test_election(cluster):
    """The usual recipe (0.4.5 has none of its own): create with a TTL, keep it by refreshing,
    followers watch and try again when the key goes."""
    key = "/election/leader"
    terms = []
    resign = threading.Event()

    def campaign(number):
        client = client_of(cluster.members[number])
        while True:
            try:
                won = client.write(key, str(number), ttl=5, prevExist=False)
            except etcd.EtcdAlreadyExist:
                current = client.read(key, quorum=True)
                client.watch(key, index=current.modifiedIndex + 1, timeout=20)
                continue
            terms.append(number)
            index = client.write(key, str(number), ttl=5, prevIndex=won.modifiedIndex).modifiedIndex
            resign.wait(0.2)
            client.delete(key, prevIndex=index)
            return

    ends = []
    for number in range(3):
        ends.append(in_background(lambda n=number: safe(lambda: campaign(n))))
    for end in ends:
        end()
    assert sorted(terms) == [0, 1, 2]


def safe(action):
    """Repeats a campaign that lost a race: the key went between the refusal and the read."""
    while True:
        try:
            return action()
        except etcd.EtcdKeyNotFound:
            continue


def test_cluster_information(cluster, client):
    urls = {member.client for member in cluster.members}
    assert set(client.machines) | {client.base_uri} == urls
    assert {m["name"] for m in client.members.values()} == {m.name for m in cluster.members}
    leader = cluster.leader()
    assert client.leader["name"] == leader.name
    assert client.stats["name"] == cluster.members[0].name
    assert client.store_stats["setsSuccess"] >= 0
    stats = client_of(leader).leader_stats
    assert len(stats["followers"]) == 2
    assert client.version[0] in "23" and client.cluster_version[0] in "23"


def test_reconnect(cluster):
    """A client that knows all members goes on when the one it talks to is killed."""
    hosts = tuple(member.address for member in cluster.members)
    client = etcd.Client(host=hosts, allow_reconnect=True, read_timeout=5)
    client.write("/reconnect", "1")
    victim = next(m for m in cluster.members if m.client == client.base_uri)
    victim.kill()

    def write():
        try:
            return client.write("/reconnect", "2").value == "2"
        except etcd.EtcdException:
            return False
    harness.eventually(write, 15, "a write through another member")
    assert client.base_uri != victim.client
    victim.start().wait_ready()
