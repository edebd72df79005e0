"""Changing the set of members at run time: add, update, remove, the refusals, and the rescue of a
cluster that lost its majority."""


import pytest

import harness


@pytest.fixture
def three():
    with harness.Cluster(3) as cluster:
        yield cluster


def body(urls):
    return {"peerURLs": urls}


def test_add_and_remove(three):
    three.members[0].put("/before", "1")
    late = three.add("late")
    assert late.value("/before", "?quorum=true") == "1"
    listings = [member.members() for member in three.members]
    assert all(listing == listings[0] for listing in listings) and len(listings[0]) == 4
    late.put("/through-late", "2")
    assert three.members[1].value("/through-late", "?quorum=true") == "2"
    answer = three.remove(late)
    assert (answer.status, answer.body) == (204, b"")
    late.wait_exit()
    assert "removed" in late.log().lower(), "it says why it stopped"
    assert len(three.members[0].members()) == 3
    three.members[0].put("/after", "3")
    # It stays out, and says so, when it is started again.
    late.start()
    late.wait_exit()
    assert "removed" in late.log().lower()


def test_remove_the_leader(three):
    leader = three.leader()
    survivor = three.followers()[0]
    assert three.remove(leader, through=survivor).status == 204
    leader.wait_exit()
    assert three.write_anywhere("/on", "1", 10).status == 201
    assert three.leader() is not leader
    assert len(survivor.members()) == 2


def test_remove_through_itself(three):
    """The member that is asked removes itself; the answer still arrives."""
    victim = three.followers()[0]
    assert three.remove(victim, through=victim).status == 204
    victim.wait_exit()


def test_update_peer_url(three):
    """A member moves to another port: announced first, then restarted."""
    moving = three.followers()[0]
    new = f"http://127.0.0.1:{harness.free_port()}"
    listed = {m["name"]: m["id"] for m in moving.members()}
    answer = harness.settled(lambda: three.leader().request(
        "PUT", f"/v2/members/{listed[moving.name]}", json_body=body([new])))
    assert answer.status == 204
    moving.terminate()
    moving.peer = new
    moving.start().wait_ready()
    urls = {m["name"]: m["peerURLs"] for m in three.leader().members()}
    assert urls[moving.name] == [new]
    three.write_anywhere("/moved", "1")
    harness.eventually(lambda: moving.value("/moved") == "1", 10, "replication to the new place")


def changes(binary):
    """A script of member changes with every kind of refusal; answers without ids."""
    lines = []
    with harness.Cluster(3, [binary] * 3) as cluster:
        first = cluster.members[0]
        urls = [f"http://127.0.0.1:{harness.free_port()}" for _ in range(3)]

        def tidy(text):
            for number, url in enumerate(urls):
                text = text.replace(url, f"NEW{number}")
            for member in cluster.members:
                text = text.replace(member.peer, member.name)
            return harness.HEX_ID.sub("ID", text)

        def send(method, path, **arguments):
            # The first change waits for a healthy cluster; later a 500 is an answer.
            attempt = lambda: first.request(method, path, **arguments)
            answer = attempt() if lines else harness.settled(attempt)
            kept = [(name, value) for name, value in answer.headers
                    if name not in ("Date", "X-Etcd-Cluster-Id", "Content-Length")]
            lines.append((method, answer.status_line, kept, tidy(answer.body.decode())))
            return answer

        added = send("POST", "/v2/members", json_body=body([urls[0], urls[1]])).json()["id"]
        send("PUT", f"/v2/members/{added}", json_body=body([urls[2]]))
        send("PUT", f"/v2/members/{added}", json_body=body([cluster.members[1].peer]))
        send("PUT", f"/v2/members/{added}", json_body=body(["nonsense"]))
        send("DELETE", f"/v2/members/{added}")
        send("DELETE", f"/v2/members/{added}")
        send("PUT", f"/v2/members/{added}", json_body=body([urls[0]]))
        send("POST", "/v2/members", json_body=body([cluster.members[1].peer]))
        send("POST", "/v2/members", json_body=body([urls[0], cluster.members[2].peer]))
        send("DELETE", "/v2/members/123456789abcdef0")
        lines.append(sorted(m["name"] for m in first.members()))
    return lines


def test_same_answers_as_the_reference(reference):
    theirs, ours = changes(reference), changes(harness.OURS)
    assert ours == theirs
    statuses = [line[1].split()[1] for line in ours[:-1]]
    assert statuses == ["201", "204", "409", "400", "204", "410", "500", "409", "409", "404"]


def test_force_new_cluster(three):
    """Two of three are lost for good: the third goes on alone with its data, then grows again."""
    # What is not known to be committed is given up: later writes carry the knowledge.
    for key in ("/kept", "/later", "/last"):
        three.write_anywhere(key, "1")
    survivor = three.members[0]
    harness.eventually(lambda: survivor.get("/last").status == 200, 10, "replication")
    for member in three.members:
        member.kill()
    survivor.start(extra=["--force-new-cluster"]).wait_ready()
    assert survivor.value("/kept", "?quorum=true") == "1"
    assert [m["name"] for m in survivor.members()] == [survivor.name]
    assert survivor.put("/new", "2").status == 201
    survivor.terminate()
    survivor.start().wait_ready()
    assert survivor.value("/new") == "2"
    late = three.add("late", through=survivor)
    harness.eventually(lambda: late.value("/kept", "?quorum=true") == "1", 20, "the second member")


def refused(member, *words, seconds=40):
    """The program ends with an error and its log names the reason."""
    try:
        member.start()
        code = member.wait_exit(seconds)
        assert code == 1, f"exit code {code}"
        log = member.log().split("\n", 1)[1]
        for word in words:
            assert word in log, f"{word!r} is not in the log"
    finally:
        member.close()


def test_bad_joins(three):
    """Each refused with the reason, the running cluster undisturbed."""
    listing = three.members[0].initial_cluster

    unannounced = harness.Member("stranger")
    unannounced.state = "existing"
    unannounced.initial_cluster = f"{listing},stranger={unannounced.peer}"
    refused(unannounced, "member count is unequal")

    misnamed = harness.Member("misnamed")
    misnamed.state = "existing"
    misnamed.initial_cluster = listing
    refused(misnamed, "misnamed")

    nobody = harness.Member("lonely")
    nobody.state = "existing"
    nobody.initial_cluster = f"lonely={nobody.peer},other=http://127.0.0.1:{harness.free_port()}"
    refused(nobody, "could not retrieve cluster information from the given URLs")

    twice = harness.Member("twice")
    twice.initial_cluster = f"twice={twice.peer},again={twice.peer}"
    refused(twice, "duplicate")

    mismatched = harness.Member("mismatched")
    mismatched.initial_cluster = f"mismatched=http://127.0.0.1:{harness.free_port()}"
    refused(mismatched, "initial-advertise-peer-urls", seconds=60)

    again = harness.Member(three.members[2].name, peer=three.members[2].peer)
    three.members[2].kill()
    again.initial_cluster = listing
    refused(again, "already been bootstrapped")

    assert three.write_anywhere("/undisturbed", "1").status == 201


def test_lost_majority(three):
    """Reads from the local tree go on, writes and quorum reads are refused in time with 500/300."""
    three.write_anywhere("/kept", "1")
    survivor = three.members[0]
    harness.eventually(lambda: survivor.get("/kept").status == 200, 10, "replication")
    for member in three.members[1:]:
        member.kill()
    assert survivor.value("/kept") == "1"
    answer = survivor.request("PUT", "/v2/keys/kept", form={"value": "2"}, timeout=20)
    assert answer.status == 500 and answer.json()["errorCode"] == 300
    assert answer.json()["message"] == "Raft Internal Error"
    answer = survivor.request("GET", "/v2/keys/kept?quorum=true", timeout=20)
    assert answer.status == 500 and answer.json()["errorCode"] == 300
    answer = survivor.request("GET", "/v2/members/leader")
    assert answer.status == 503 and answer.json() == {"message": "During election"}
    assert survivor.request("GET", "/health", timeout=20).status == 503
