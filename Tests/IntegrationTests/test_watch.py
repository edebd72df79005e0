"""Watching: long polls, history, streams, recursion, hidden keys, removal of directories. Where the
reference defines the answer, both members go through the same scenario and the events must be equal
byte for byte."""

import pytest

import compare
import harness
import rawhttp
from twins import Pair
from watching import Watch

HISTORY = 1000


@pytest.fixture(scope="module")
def twins(reference):
    with Pair(reference) as pair:
        yield pair


def events(watch, count):
    """The bytes of `count` events, without times."""
    texts = []
    for _ in range(count):
        answer = rawhttp.Response("", [])
        answer.body = watch.text()
        texts.append(compare.body_of(answer, answer, ordered=True))
    return texts


def same(twins, scenario):
    theirs, ours = twins.both(scenario)
    assert ours == theirs
    return ours


def test_next_change(twins):
    def scenario(member):
        member.put("/next/k", "1")
        with Watch(member, "/next/k") as watch:
            member.put("/next/other", "x")
            member.put("/next/k", "2")
            return watch.index, events(watch, 1), watch.text()
    index, (event,), end = same(twins, scenario)
    assert b'"action":"set"' in event and b'"prevNode"' in event
    assert end == b""


def test_headers_come_at_once(twins):
    """A client learns the index to continue from before anything happens."""
    def scenario(member):
        with Watch(member, "/headers/nothing-yet") as watch:
            names = [name for name, _ in watch.response.headers]
            assert watch.index == int(member.get("/").header("X-Etcd-Index"))
            return watch.response.status_line, names, watch.silent(0.2)
    line, names, silent = same(twins, scenario)
    assert line == "HTTP/1.1 200 OK" and silent
    assert "Transfer-Encoding" in names and "X-Etcd-Index" in names


@pytest.mark.parametrize("change", [
    ("PUT", {"value": "2"}, ""),
    ("PUT", {"value": "2"}, "?prevValue=1"),
    ("PUT", {"value": "2", "ttl": "300"}, "?prevExist=true"),
    ("DELETE", None, ""),
    ("DELETE", None, "?prevValue=1"),
], ids=["set", "compareAndSwap", "update", "delete", "compareAndDelete"])
def test_every_action(twins, change):
    method, form, query = change
    path = f"/actions/{method}{len(query)}"

    def scenario(member):
        member.put(path, "1")
        with Watch(member, path) as watch:
            member.request(method, member.key(path) + query, form=form)
            return events(watch, 1)
    same(twins, scenario)


def test_expire(twins):
    def scenario(member):
        member.put("/expire/k", "1", ttl="1")
        with Watch(member, "/expire/k") as watch:
            return events(watch, 1)
    (event,) = same(twins, scenario)
    assert b'"action":"expire"' in event and b'"prevNode"' in event


def test_create_in_order(twins):
    def scenario(member):
        with Watch(member, "/queue", "&recursive=true") as watch:
            member.request("POST", member.key("/queue"), form={"value": "job"})
            return events(watch, 1)
    same(twins, scenario)


def test_history(twins):
    """waitIndex in the past answers at once with the first change at or after it."""
    def scenario(member):
        first = member.put("/history/k", "1").json()["node"]["modifiedIndex"]
        member.put("/history/other", "x")
        member.put("/history/k", "2")
        member.delete("/history/k")
        seen = []
        for index in (first, first + 1, first + 2, first + 3):
            with Watch(member, "/history/k", f"&waitIndex={index}") as watch:
                seen.append((watch.index, events(watch, 1)))
        with Watch(member, "/history", f"&recursive=true&waitIndex={first + 1}") as watch:
            seen.append(events(watch, 1))
        return seen
    same(twins, scenario)


def test_future_index(twins):
    """An index ahead of the store waits, and fires at the first change at or after it."""
    def scenario(member):
        now = member.put("/future/k", "0").json()["node"]["modifiedIndex"]
        with Watch(member, "/future/k", f"&waitIndex={now + 2}") as watch:
            member.put("/future/k", "1")
            member.put("/future/k", "2")
            return events(watch, 1)
    same(twins, scenario)


def test_zero_index_means_next(twins):
    def scenario(member):
        member.put("/zero/k", "0")
        with Watch(member, "/zero/k", "&waitIndex=0") as watch:
            assert watch.silent(0.1)
            member.put("/zero/k", "1")
            return events(watch, 1)
    same(twins, scenario)


def test_cleared_history(twins):
    """More than a thousand changes ago is gone: 401 with both indexes."""
    def scenario(member):
        with rawhttp.Wire(member.address) as wire:
            headers, body = rawhttp.form_of({"value": "x"})
            for _ in range(HISTORY + 20):
                wire.send(rawhttp.encode("PUT", "/v2/keys/busy", headers, body))
                wire.response()
        answers = []
        for index in (1, 5):
            answers.append(member.get("/busy", f"?wait=true&waitIndex={index}"))
        return [(a.status_line, a.body, a.header("X-Etcd-Index"), a.header("X-Raft-Index"))
                for a in answers]
    answers = same(twins, scenario)
    assert answers[0][0] == "HTTP/1.1 400 Bad Request" and b'"errorCode":401' in answers[0][1]


def test_stream(twins):
    def scenario(member):
        with Watch(member, "/stream", "&stream=true&recursive=true") as watch:
            member.put("/stream/a", "1")
            member.put("/stream/b/c", "2")
            member.delete("/stream/a")
            member.put("/stream", "", dir="true", prevExist="true")
            return events(watch, 4)
    assert len(same(twins, scenario)) == 4


def test_stream_from_the_past(start):
    """The reference answers with one event and then stays silent; we go on with the history and
    with what happens next."""
    if harness.TESTING_REFERENCE:
        pytest.skip("the reference stays silent after one event of the past")
    member = start()
    first = member.put("/past/k", "1").json()["node"]["modifiedIndex"]
    member.put("/past/k", "2")
    with Watch(member, "/past/k", f"&stream=true&waitIndex={first}") as watch:
        assert [watch.event()["node"]["value"] for _ in range(2)] == ["1", "2"]
        member.put("/past/k", "3")
        assert watch.event()["node"]["value"] == "3"


def test_recursive_and_not(twins):
    """Without `recursive` a directory's watcher sees only the directory itself."""
    def scenario(member):
        member.put("/scope/d/k", "1")
        with Watch(member, "/scope/d") as flat, \
                Watch(member, "/scope/d", "&recursive=true") as deep:
            member.put("/scope/d/k", "2")
            got = events(deep, 1)
            assert flat.silent(0.2)
            member.delete("/scope/d", "?recursive=true")
            return got, events(flat, 1)
    same(twins, scenario)


def test_hidden(twins):
    """A hidden key is not seen from above, but by its own watchers and those below the `_`."""
    def scenario(member):
        with Watch(member, "/hide", "&recursive=true") as above, \
                Watch(member, "/hide/_h/k") as direct, \
                Watch(member, "/hide/_h", "&recursive=true") as below:
            member.put("/hide/_h/k", "1")
            got = events(direct, 1), events(below, 1)
            assert above.silent(0.2)
            member.put("/hide/seen", "2")
            return got, events(above, 1)
    same(twins, scenario)


def test_hidden_in_history(twins):
    def scenario(member):
        first = member.put("/hidepast/_h", "1").json()["node"]["modifiedIndex"]
        member.put("/hidepast/k", "2")
        with Watch(member, "/hidepast", f"&recursive=true&waitIndex={first}") as watch:
            return events(watch, 1)
    same(twins, scenario)


@pytest.mark.parametrize("removal", ["delete", "expire"])
def test_removal_of_a_directory(twins, removal):
    """Watchers of keys inside get the event of the directory; keys that never were get none."""
    path = f"/removal-{removal}"

    def scenario(member):
        fields = {"ttl": "1"} if removal == "expire" else {}
        member.request("PUT", member.key(path), form={"dir": "true", **fields})
        member.put(path + "/a/b", "1")
        with Watch(member, path + "/a/b") as inside, Watch(member, path + "/never") as missing, \
                Watch(member, path, "&recursive=true") as above:
            if removal == "delete":
                member.delete(path, "?recursive=true")
            got = events(inside, 1), events(above, 1)
            assert missing.silent(0.2)
            return got
    inside, above = same(twins, scenario)
    assert inside == above
    assert f'"action":"{removal}"'.encode() in inside[0]


def test_directory_replaced_in_history(twins):
    def scenario(member):
        member.put("/gone/a/b", "1")
        index = member.delete("/gone", "?recursive=true").json()["node"]["modifiedIndex"]
        with Watch(member, "/gone/a/b", f"&waitIndex={index}") as watch:
            return events(watch, 1)
    same(twins, scenario)


def test_refresh_wakes_nobody(twins):
    def scenario(member):
        first = member.put("/refresh/k", "1", ttl="300").json()["node"]["modifiedIndex"]
        with Watch(member, "/refresh/k") as live:
            member.request("PUT", member.key("/refresh/k"),
                           form={"ttl": "300", "refresh": "true", "prevExist": "true"})
            assert live.silent(0.2)
            with Watch(member, "/refresh/k", f"&waitIndex={first + 1}") as past:
                assert past.silent(0.2)
                member.put("/refresh/k", "2")
                return events(live, 1), events(past, 1)
    same(twins, scenario)


def test_many_watchers(start):
    """Two hundred watchers of one key and fifty of their own: each gets its event, once."""
    member = start()
    shared = [Watch(member, "/many/shared") for _ in range(200)]
    own = [Watch(member, f"/many/own{n}") for n in range(50)]
    try:
        assert member.request("GET", "/v2/stats/store").json()["watchers"] == 250
        member.put("/many/shared", "go")
        for n in range(50):
            member.put(f"/many/own{n}", str(n))
        assert all(watch.event()["node"]["value"] == "go" for watch in shared)
        assert [watch.event()["node"]["value"] for watch in own] == [str(n) for n in range(50)]
    finally:
        for watch in shared + own:
            watch.wire.close()


def test_closed_watchers_are_forgotten(start):
    """The count of watchers goes back after clients hang up; nothing is kept for them."""
    member = start()
    for _ in range(3):
        watches = [Watch(member, "/hangup") for _ in range(50)]
        for watch in watches:
            watch.wire.close()
    member.put("/hangup", "1")
    harness.eventually(
        lambda: member.request("GET", "/v2/stats/store").json()["watchers"] == 0, 10,
        "no watchers left")


def test_watch_on_every_member():
    """A watcher on a follower sees what is written through another member."""
    with harness.Cluster(3) as cluster:
        watches = [Watch(member, "/everywhere") for member in cluster.members]
        cluster.members[0].put("/everywhere", "1")
        seen = [watch.event() for watch in watches]
        assert seen[0] == seen[1] == seen[2]
        for watch in watches:
            watch.wire.close()


def test_stop_ends_the_answer(start):
    """A stopping member ends open waits; clients see an end, not a hang."""
    member = start()
    with Watch(member, "/stopping", timeout=30) as watch:
        member.terminate()
        try:
            assert watch.text() == b""
        except ConnectionError:
            pass
