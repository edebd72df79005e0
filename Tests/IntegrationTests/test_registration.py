"""The tutorial's use of all this: a service keeps a key alive with a TTL, another process watches
it. The watcher learns of the death within 1.5 s of the deadline and never before it, also when the
leader dies in between."""

import multiprocessing
import time

import pytest

import harness
import rawhttp
from watching import Watch

TTL_SECONDS = 2
# Longer than the cluster may need to elect a new leader, so that the key lives through it.
LONG_TTL_SECONDS = 6
# The requirement: not before the deadline, and at most this long after it.
LATEST_SECONDS = 1.5
# What two slow shared cores may add to a wake-up of the observing process.
MACHINE_SLACK_SECONDS = 1.0
# Members and watchers read one clock here, but round differently.
CLOCK_STEP_SECONDS = 0.01


def register(addresses, key, ttl, beats, pause, reports):
    """The service: announces itself, refreshes a few times, then dies without a word. Reports the
    time span in which its last refresh was accepted."""
    def put(fields):
        for attempt in range(200):
            address = addresses[attempt % len(addresses)]
            before = time.time()
            try:
                answer = rawhttp.request(address, "PUT", "/v2/keys" + key, form=fields, timeout=1)
                if answer.status in (200, 201):
                    return before, time.time()
            except OSError:
                pass
            time.sleep(0.05)
        raise RuntimeError("no member took the registration")

    put({"value": "10.0.0.1:8080", "ttl": ttl})
    reports.put(None)
    for _ in range(beats):
        time.sleep(pause)
        last = put({"ttl": ttl, "refresh": "true", "prevExist": "true"})
    reports.put(last)


@pytest.fixture(scope="module")
def three():
    with harness.Cluster(3) as cluster:
        yield cluster


@pytest.fixture
def cluster(three):
    """All three members serving, whatever the test before did."""
    for member in three.members:
        if not member.alive():
            member.start().wait_ready()
    return three


def begin(members, key, ttl, beats, pause):
    reports = multiprocessing.Queue()
    addresses = [member.address for member in members]
    service = multiprocessing.get_context("fork").Process(
        target=register, args=(addresses, key, ttl, beats, pause, reports), daemon=True)
    service.start()
    reports.get(timeout=20)
    return service, reports


def check_times(span, ttl, at):
    """`at` against the deadline, which lies between the sending and the answer of the refresh."""
    sent, answered = span
    assert at >= sent + ttl - CLOCK_STEP_SECONDS, "expired before its deadline"
    latest = answered + ttl + LATEST_SECONDS + MACHINE_SLACK_SECONDS
    assert at <= latest, f"{at - latest:.2f} s too late"


def test_death_is_noticed(cluster):
    service, reports = begin(cluster.members, "/services/web", TTL_SECONDS, beats=4, pause=1.0)
    with Watch(cluster.members[1], "/services", "&recursive=true", timeout=30) as watch:
        event = watch.event()
        at = time.time()
    span = reports.get(timeout=20)
    service.join()
    assert (event["action"], event["node"]["key"]) == ("expire", "/services/web")
    assert event["prevNode"]["value"] == "10.0.0.1:8080"
    check_times(span, TTL_SECONDS, at)


def test_survives_the_leader(cluster):
    """The leader is killed while the key lives: the new leader keeps the deadline."""
    leader = cluster.leader()
    observers = cluster.followers()
    service, reports = begin(observers + [leader], "/services/db", LONG_TTL_SECONDS, beats=5,
                             pause=1.0)
    with Watch(observers[0], "/services/db", timeout=40) as watch:
        time.sleep(1.0)
        leader.kill()
        event = watch.event()
        at = time.time()
    span = reports.get(timeout=20)
    service.join()
    assert event["action"] == "expire"
    check_times(span, LONG_TTL_SECONDS, at)


def test_death_with_the_leader(cluster):
    """Service and leader die together: the expiry comes from a leader that has to be elected first,
    and all members agree on it."""
    leader = cluster.leader()
    observer = cluster.followers()[0]
    before = time.time()
    answer = observer.put("/services/both", "x", ttl=str(LONG_TTL_SECONDS))
    after = time.time()
    assert answer.status == 201
    with Watch(observer, "/services/both", timeout=40) as watch:
        leader.kill()
        event = watch.event()
        at = time.time()
    assert event["action"] == "expire"
    check_times((before, after), LONG_TTL_SECONDS, at)
    leader.start().wait_ready()
    for member in cluster.members:
        assert member.get("/services/both", "?quorum=true").json()["errorCode"] == 100
