"""Our member and a reference etcd side by side: the same name, token and advertised URLs give them
the same ids, so every answer to the same requests must be the same, byte for byte. All differences
are printed at the end, not only the first."""

import re
import time

import pytest

import compare
import harness
import table_admin
import table_reads
import table_writes
from twins import Pair

# What may differ, and why. Everything else is a bug. (pattern over "METHOD target", mode, reason)
LEGITIMATE = [
    (r"^(GET|HEAD) /version$", "shape",
     "reference is 3.4.23; we call ourselves another release"),
    (r"^(GET|HEAD) /health$", "ignore",
     "3.5 adds \"reason\" to the answer; test_identity looks at it"),
    (r"^\w+ /config/local/log$", "ignore", "3.4 only: removed in 3.5"),
    (r"^(GET|PUT) /debug/vars$", "ignore", "variables of the Go runtime"),
    (r"^GET /debug/pprof/$", "ignore", "a Go profiler"),
    (r"^GET /metrics$", "ignore", "checked by its own tests"),
    (r"^GET /v2/stats/store$", "shape",
     "the reference counts reads of its own; test_same_counters compares the rest"),
    (r"^\w+ /v2/auth\b", "ignore", "authentication is not part of this release"),
]


def mode_of(case):
    text = f"{case.method} {case.target}"
    for pattern, mode, _ in LEGITIMATE:
        if re.match(pattern, text):
            return mode
    return case.strict


def run_table(pair, cases):
    """Sends every case to both; returns the differences as text."""
    found = []
    drift = compare.Drift()
    for number, case in enumerate(cases):
        if case.after:
            time.sleep(case.after)
        theirs, ours = pair.send(pair.theirs, case), pair.send(pair.ours, case)
        indexes = compare.store_index(theirs), compare.store_index(ours)
        drift.correct(ours)
        drift.learn(*indexes)
        mode = mode_of(case)
        if mode == "ignore":
            continue
        lines = compare.difference(theirs, ours, "sorted=true" in case.target, mode)
        if lines:
            shown = "".join(f"\n    {line.rstrip()}" for line in lines)
            found.append(f"#{number} {case}{shown}")
    return found


TABLES = {"writes": table_writes.CASES, "reads": table_reads.CASES, "admin": table_admin.CASES}


@pytest.mark.parametrize("table", TABLES)
def test_same_answers(reference, table):
    cases = TABLES[table]
    with Pair(reference) as pair:
        found = run_table(pair, cases)
    if found:
        title = f"{len(found)} of {len(cases)} answers differ (- reference, + ours)"
        pytest.fail("\n\n".join([title, *found]), pytrace=False)


def test_same_counters(reference):
    """After the same requests the statistics of the store agree to the last counter."""
    cases = [case for case in table_writes.CASES if not case.after and b"ttl=1" not in
             (case.body or b"")]
    with Pair(reference) as pair:
        members = {"reference": pair.theirs, "ours": pair.ours}
        # The version is written into the store, too.
        for member in members.values():
            harness.eventually(lambda m=member: m.cluster_version().startswith("3."), 20,
                               "a cluster version")
        for case in cases:
            pair.send(pair.theirs, case)
            pair.send(pair.ours, case)

        def counters():
            found = {name: member.request("GET", "/v2/stats/store").json()
                     for name, member in members.items()}
            assert list(found["reference"]) == list(found["ours"])
            # The reference looks for its switch of authentication in the store with every request.
            for each in found.values():
                del each["getsSuccess"], each["getsFail"]
            return found

        # What has a time to live ends on one of them half a second before the other.
        for _ in range(20):
            found = counters()
            if found["reference"] == found["ours"]:
                break
            time.sleep(0.25)
    assert found["ours"] == found["reference"]


def test_identity(reference, start):
    """Where releases differ by design: the shapes that monitoring relies on."""
    member = start()
    version = member.request("GET", "/version")
    assert list(version.json()) == ["etcdserver", "etcdcluster"]
    assert re.fullmatch(r"\d+\.\d+\.\d+(-\S+)?", version.json()["etcdserver"])
    assert not version.body.endswith(b"\n")
    health = member.request("GET", "/health")
    assert health.status == 200
    assert health.body in (b'{"health":"true"}', b'{"health":"true","reason":""}')
    metrics = member.request("GET", "/metrics")
    assert metrics.header("Content-Type").startswith("text/plain; version=0.0.4")
    for name in (b"etcd_server_has_leader 1", b"etcd_server_is_leader 1", b"# TYPE ", b"# HELP "):
        assert name in metrics.body
