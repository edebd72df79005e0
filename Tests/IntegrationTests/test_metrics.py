"""/metrics against the list of the specification, against etcd 3.5 and promtool, and its counters
against the load that was sent."""

import re
import shutil
import signal
import subprocess

import pytest

import harness
import v3_reference
from v3_client import Client
from watching import Watch

pytestmark = pytest.mark.skipif(harness.TESTING_REFERENCE, reason="about our /metrics")

# Families of the list, by type; those that dashboards and alerts of etcd read come first.
DASHBOARDS = {
    "counter": """etcd_server_leader_changes_seen_total etcd_server_proposals_failed_total
        etcd_network_peer_sent_bytes_total etcd_network_peer_received_bytes_total
        etcd_network_peer_sent_failures_total etcd_network_peer_received_failures_total
        etcd_network_client_grpc_sent_bytes_total etcd_network_client_grpc_received_bytes_total
        etcd_mvcc_range_total etcd_mvcc_put_total etcd_mvcc_delete_total etcd_mvcc_txn_total
        grpc_server_started_total grpc_server_handled_total grpc_server_msg_received_total
        grpc_server_msg_sent_total process_cpu_seconds_total""",
    "gauge": """etcd_server_has_leader etcd_server_is_leader etcd_server_proposals_committed_total
        etcd_server_proposals_applied_total etcd_server_proposals_pending etcd_server_version
        etcd_server_id etcd_server_quota_backend_bytes etcd_cluster_version
        etcd_mvcc_db_total_size_in_bytes etcd_mvcc_db_total_size_in_use_in_bytes
        etcd_debugging_mvcc_keys_total etcd_debugging_mvcc_watch_stream_total
        etcd_debugging_mvcc_watcher_total etcd_debugging_mvcc_slow_watcher_total
        process_resident_memory_bytes process_start_time_seconds process_open_fds
        process_max_fds""",
    "histogram": """etcd_network_peer_round_trip_time_seconds etcd_disk_wal_fsync_duration_seconds
        etcd_disk_backend_commit_duration_seconds grpc_server_handling_seconds""",
}
OTHERS = {
    "counter": """etcd_server_learner_promote_successes etcd_server_heartbeat_send_failures_total
        etcd_server_slow_read_indexes_total etcd_server_read_indexes_failed_total
        etcd_server_slow_apply_total etcd_server_client_requests_total etcd_server_health_success
        etcd_server_health_failures etcd_server_healthchecks_total
        etcd_debugging_server_lease_expired_total etcd_network_disconnected_peers_total
        etcd_network_snapshot_send_success etcd_network_snapshot_send_failures
        etcd_network_snapshot_receive_success etcd_network_snapshot_receive_failures
        etcd_network_server_stream_failures_total etcd_debugging_mvcc_events_total
        etcd_debugging_mvcc_db_compaction_keys_total etcd_debugging_lease_granted_total
        etcd_debugging_lease_revoked_total etcd_debugging_lease_renewed_total
        etcd_debugging_store_reads_total etcd_debugging_store_reads_failed_total
        etcd_debugging_store_writes_total etcd_debugging_store_writes_failed_total
        etcd_debugging_store_expires_total etcd_debugging_store_watch_requests_total""",
    "gauge": """etcd_server_is_learner etcd_server_snapshot_apply_in_progress_total
        etcd_server_go_version etcd_server_feature_enabled etcd_server_healthcheck
        etcd_debugging_auth_revision etcd_network_known_peers etcd_network_active_peers
        etcd_network_snapshot_send_inflights_total etcd_network_snapshot_receive_inflights_total
        etcd_disk_wal_write_bytes_total etcd_disk_defrag_inflight os_fd_used os_fd_limit
        etcd_mvcc_db_open_read_transactions etcd_debugging_mvcc_pending_events_total
        etcd_debugging_mvcc_db_compaction_last etcd_debugging_mvcc_current_revision
        etcd_debugging_mvcc_compact_revision etcd_debugging_mvcc_total_put_size_in_bytes
        etcd_debugging_store_watchers process_virtual_memory_bytes etcd_swift_version""",
    "histogram": """etcd_server_apply_duration_seconds etcd_server_range_duration_seconds
        etcd_network_snapshot_send_total_duration_seconds
        etcd_network_snapshot_receive_total_duration_seconds
        etcd_disk_wal_write_duration_seconds
        etcd_debugging_disk_backend_commit_rebalance_duration_seconds
        etcd_debugging_disk_backend_commit_spill_duration_seconds
        etcd_debugging_disk_backend_commit_write_duration_seconds
        etcd_disk_backend_defrag_duration_seconds etcd_disk_backend_snapshot_duration_seconds
        etcd_snap_fsync_duration_seconds etcd_snap_db_save_total_duration_seconds
        etcd_snap_db_fsync_duration_seconds
        etcd_debugging_snap_save_marshalling_duration_seconds
        etcd_debugging_snap_save_total_duration_seconds etcd_mvcc_hash_duration_seconds
        etcd_mvcc_hash_rev_duration_seconds
        etcd_debugging_mvcc_index_compaction_pause_duration_milliseconds
        etcd_debugging_mvcc_db_compaction_pause_duration_milliseconds
        etcd_debugging_mvcc_db_compaction_total_duration_milliseconds
        etcd_debugging_lease_ttl_total""",
}
# What etcd 3.5.1 has and we do not, with the reason.
NOT_OURS = {
    r"go_.*|process_virtual_memory_max_bytes|promhttp_.*": "of Go and its library",
    r"etcd_grpc_proxy_.*": "there is no grpc-proxy here",
    r"etcd_http_.*": "names of 2.3",
}
# Names that promtool would have chosen otherwise are etcd's.
CHOSEN_BY_ETCD = ("non-counter metrics should not have \"_total\" suffix",
                  "counter metrics should have \"_total\" suffix",
                  "use base unit \"seconds\" instead of \"milliseconds\"")


class Page:
    """/metrics, read."""

    def __init__(self, member):
        self.text = member.request("GET", "/metrics").body.decode()
        self.types = dict(re.findall(r"(?m)^# TYPE (\S+) (\S+)$", self.text))
        self.helps = dict(re.findall(r"(?m)^# HELP (\S+) (.*)$", self.text))
        self.samples = {}
        for line in self.text.splitlines():
            found = re.fullmatch(r'([\w:]+)(?:\{(.*)\})? (\S+)', line)
            if found and not line.startswith("#"):
                labels = frozenset(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', found[2] or ""))
                self.samples[found[1], labels] = float(found[3])

    def __call__(self, name, **labels):
        return self.samples.get((name, frozenset(labels.items())), 0.0)

    def label_names(self, family):
        """The sets of label names of a family, bounds left out."""
        names = set()
        for name, labels in self.samples:
            if name == family or re.sub("_(bucket|sum|count)$", "", name) == family:
                names.add(frozenset(key for key, _ in labels) - {"le"})
        return names

    def bounds(self, family):
        return {float(dict(labels)["le"]) for name, labels in self.samples
                if name == family + "_bucket"}


@pytest.fixture(scope="module")
def cluster():
    with harness.Cluster(3, flags=["--metrics", "extensive"]) as made:
        exercise(made.leader())
        yield made


def exercise(member):
    """Something of everything, so that families with labels have samples."""
    with Client(member.client) as client:
        for n in range(20):
            client.call("Put", key=b"k%d" % n, value=b"v")
        client.call("Range", key=b"k1")
        client.call("Compact", revision=5, physical=True)
        client.call("Hash")
        client.call("HashKV")
        client.call("Defragment")
        client.call("LeaseGrant", TTL=60)
    member.put("/seen", "1")
    for page in ("/health", "/livez", "/readyz"):
        member.request("GET", page)


def names(*tables):
    return [(name, kind) for table in tables for kind, text in table.items()
            for name in text.split()]


def test_dashboards_find_everything(cluster):
    page = Page(cluster.leader())
    missing = [name for name, kind in names(DASHBOARDS) if page.types.get(name) != kind]
    assert missing == []
    # Each has a value; a family without samples is a gap in a graph.
    empty = [name for name, _ in names(DASHBOARDS) if not page.label_names(name)]
    assert empty == []


def test_the_whole_list(cluster):
    page = Page(cluster.leader())
    wrong = {name: page.types.get(name) for name, kind in names(OTHERS)
             if page.types.get(name) != kind}
    assert wrong == {}


def test_metrics_listener(start):
    url = f"http://127.0.0.1:{harness.free_port()}"
    start(flags=["--listen-metrics-urls", url])
    done = harness.run(["curl", "-s", url + "/metrics", url + "/health", url + "/v2/keys/"])
    assert "etcd_server_has_leader 1" in done.stdout and '"health":"true"' in done.stdout
    assert "404" in done.stdout


def test_promtool(cluster):
    if shutil.which("promtool") is None:
        pytest.skip("needs promtool (Debian package prometheus)")
    for member in cluster.members:
        done = subprocess.run(["promtool", "check", "metrics"], input=Page(member).text, text=True,
                              capture_output=True)
        complaints = [line for line in (done.stdout + done.stderr).splitlines()
                      if not line.endswith(CHOSEN_BY_ETCD)]
        assert complaints == [] and done.returncode in (0, 3)


def test_same_as_etcd(cluster):
    """Names, types, help, labels and bounds of etcd 3.5.1, which has them all from the start."""
    if not v3_reference.HAVE35:
        pytest.skip(v3_reference.WHY35)
    reference = harness.Cluster(
        3, binaries=[v3_reference.ETCD35] * 3, flags=["--metrics", "extensive"], prefix="ref")
    with reference:
        exercise(reference.leader())
        theirs = Page(reference.leader())
    ours = Page(cluster.leader())
    differences = []
    for name, kind in sorted(theirs.types.items()):
        if any(re.fullmatch(pattern, name) for pattern in NOT_OURS):
            continue
        if ours.types.get(name) != kind:
            differences.append(f"{name}: {kind}, ours {ours.types.get(name)}")
            continue
        if ours.helps[name] != theirs.helps[name]:
            differences.append(f"{name}: {theirs.helps[name]!r}, ours {ours.helps[name]!r}")
        if theirs.label_names(name) and ours.label_names(name) != theirs.label_names(name):
            differences.append(f"{name}: {theirs.label_names(name)}, ours "
                               f"{ours.label_names(name)}")
        if ours.bounds(name) != theirs.bounds(name):
            differences.append(f"{name}: bounds {sorted(theirs.bounds(name))}, ours "
                               f"{sorted(ours.bounds(name))}")
    assert differences == []


def test_counters_count_the_load(start):
    """N of each kind of request change exactly their counters, by N."""
    member = start(flags=["--metrics", "extensive"])
    with Client(member.client) as client:
        before = Page(member)
        for n in range(7):
            assert client.call("Put", key=b"put", value=b"x" * n).ok
        for _ in range(5):
            assert client.call("Range", key=b"put").ok
        for n in range(3):
            assert client.call("DeleteRange", key=b"none").ok
        for n in range(4):
            assert client.call("Txn", success=[
                {"request_put": {"key": b"t", "value": b"1"}},
                {"request_range": {"key": b"t"}}]).ok
        leases = [client.call("LeaseGrant", TTL=100).ID for _ in range(6)]
        for lease in leases[:2]:
            assert client.call("LeaseRevoke", ID=lease).ok
        assert client.call("Put", key=b"").code == "INVALID_ARGUMENT"
        assert client.call("LeaseRevoke", ID=1).code == "NOT_FOUND"
        with client.stream("LeaseKeepAlive", *[{"ID": leases[3]}] * 3) as renewals:
            [renewals.next() for _ in range(3)]
        with client.stream("Watch", *[{"create_request": {"key": b"w"}}] * 4) as watch:
            [watch.next() for _ in range(4)]
            assert client.call("Put", key=b"w", value=b"1").ok
            [watch.next() for _ in range(4)]
            harness.eventually(
                lambda: Page(member)("etcd_debugging_mvcc_watcher_total") == 4, 10, "four watchers")
            assert Page(member)("etcd_debugging_mvcc_watch_stream_total") == 1
    for n in range(8):
        member.put("/set", str(n))
    member.request("PUT", member.key("/made"), form={"value": "1", "prevExist": "false"})
    member.request("PUT", member.key("/made"), form={"value": "1", "prevExist": "false"})
    member.request("PUT", member.key("/set"), form={"value": "1", "prevValue": "no"})
    member.delete("/made")
    for _ in range(3):
        member.get("/set")
    member.get("/", "?recursive=true")
    member.get("/missing")
    with Watch(member, "/set?wait=true"):
        harness.eventually(lambda: Page(member)("etcd_debugging_store_watchers") == 1, 10,
                           "a v2 watcher")
    after = Page(member)

    def grown(name, **labels):
        return after(name, **labels) - before(name, **labels)

    def grpc(name, method, service="KV", kind="unary", **more):
        return grown(f"grpc_server_{name}", grpc_method=method, grpc_type=kind,
                     grpc_service=f"etcdserverpb.{service}", **more)
    assert grpc("started_total", "Put") == 9
    assert grpc("handled_total", "Put", grpc_code="OK") == 8
    assert grpc("handled_total", "Put", grpc_code="InvalidArgument") == 1
    assert grpc("handled_total", "Range", grpc_code="OK") == 5
    assert grpc("msg_received_total", "Txn") == 4 and grpc("msg_sent_total", "Txn") == 4
    assert grpc("handling_seconds_count", "DeleteRange") == 3
    assert grpc("started_total", "Watch", "Watch", "bidi_stream") == 1
    assert grpc("msg_received_total", "Watch", "Watch", "bidi_stream") == 4
    assert grpc("msg_sent_total", "Watch", "Watch", "bidi_stream") == 8
    assert grpc("msg_received_total", "LeaseKeepAlive", "Lease", "bidi_stream") == 3
    # Of transactions each operation counts, as in etcd.
    assert grown("etcd_mvcc_put_total") == 8 + 4
    assert grown("etcd_mvcc_range_total") == 5 + 4
    assert grown("etcd_mvcc_delete_total") == 3
    assert grown("etcd_mvcc_txn_total") == 4
    assert grown("etcd_debugging_mvcc_events_total") == 4
    assert grown("etcd_debugging_lease_granted_total") == 6
    assert grown("etcd_debugging_lease_revoked_total") == 2
    assert grown("etcd_debugging_lease_renewed_total") == 3
    assert grown("etcd_debugging_lease_ttl_total_count") == 6
    for operation, count in (("Put", 8), ("Txn", 4), ("DeleteRange", 3), ("LeaseGrant", 6)):
        assert grown("etcd_server_apply_duration_seconds_count", version="v3", op=operation,
                     success="true") == count, operation
    assert grown("etcd_server_range_duration_seconds_count", success="true") == 5
    assert grown("etcd_server_apply_duration_seconds_count", version="v3", op="LeaseRevoke",
                 success="false") == 1
    syncs = "etcd_disk_wal_fsync_duration_seconds_count"
    assert after("etcd_disk_wal_write_duration_seconds_count") >= after(syncs) and grown(syncs) > 0

    def store(name, action):
        return grown(f"etcd_debugging_store_{name}_total", action=action)
    assert store("writes", "set") == 8
    assert store("writes", "create") == 1 and store("writes_failed", "create") == 1
    assert store("writes_failed", "compareAndSwap") == 1
    assert store("writes", "delete") == 1
    assert store("reads", "get") == 3 and store("reads_failed", "get") == 1
    assert store("reads", "getRecursive") == 1
    assert grown("etcd_debugging_store_watch_requests_total") == 1
    assert grown("etcd_server_apply_duration_seconds_count", version="v2", op="PUT",
                 success="true") == 9
    assert grown("etcd_server_proposals_applied_total") >= 8 + 4 + 3 + 6 + 2 + 12
    assert grown("etcd_network_client_grpc_received_bytes_total") > 0
    assert grown("etcd_server_client_requests_total", type="stream",
                 client_api_version="unknown") == 2


def test_compaction_and_hashes_count(start):
    member = start()
    with Client(member.client) as client:
        for n in range(30):
            client.call("Put", key=b"k", value=b"%d" % n)
        assert client.call("Compact", revision=25, physical=True).ok
        client.call("HashKV")
        assert client.stream("Snapshot", {}).end().ok
    page = Page(member)
    # A physical compaction is answered after a commit, which has three parts.
    for part in ("rebalance", "spill", "write"):
        name = f"etcd_debugging_disk_backend_commit_{part}_duration_seconds_count"
        assert page(name) >= page("etcd_disk_backend_commit_duration_seconds_count") >= 1, part
    assert page("etcd_debugging_mvcc_db_compaction_keys_total") == 23
    assert page("etcd_debugging_mvcc_db_compaction_last") > 1.6e9
    assert page("etcd_debugging_mvcc_db_compaction_total_duration_milliseconds_count") == 1
    assert page("etcd_debugging_mvcc_index_compaction_pause_duration_milliseconds_count") >= 1
    assert page("etcd_mvcc_hash_rev_duration_seconds_count") == 1
    assert page("etcd_disk_backend_snapshot_duration_seconds_count") == 1


def test_promotion_counts(start):
    with harness.Cluster(1) as cluster:
        leader = cluster.leader()
        with Client(leader.client) as client:
            learner = harness.Member("learner")
            answer = client.call("MemberAdd", peerURLs=[learner.peer], isLearner=True)
            refused = client.call("MemberPromote", ID=answer.member.ID)
            assert not refused.ok
            try:
                learner.initial_cluster = f"{leader.name}={leader.peer},learner={learner.peer}"
                learner.state = "existing"
                learner.start()
                harness.eventually(
                    lambda: client.call("MemberPromote", ID=answer.member.ID).ok, 40,
                    "a promotion", pause=0.5)
                harness.eventually(
                    lambda: Page(leader)("etcd_server_learner_promote_successes") == 1, 10,
                    "the promotion in the metrics")
                page = Page(leader)
                assert page("etcd_server_learner_promote_failures", Reason=refused.message) >= 1
            finally:
                learner.close()


def test_late_heartbeats_are_told():
    """A leader that stood still has sent its heartbeats late."""
    with harness.Cluster(3, flags=["--election-timeout", "5000"]) as cluster:
        leader = cluster.leader()
        leader.signal(signal.SIGSTOP)
        try:
            subprocess.run(["sleep", "1"], check=True)
        finally:
            leader.signal(signal.SIGCONT)
        harness.eventually(
            lambda: Page(leader)("etcd_server_heartbeat_send_failures_total") >= 2, 20,
            "late heartbeats")
        assert '"logger":"raft"' in leader.log()
        assert "leader failed to send out heartbeat on time" in leader.log()
