"""The tutorial as people type it: three members on 127.0.0.1, 127.0.0.2 and 127.0.0.3 with the
well-known ports, formed in both ways, then the same curl commands. Our transcript must equal the
reference's after ids, indexes and times are taken out."""

import fcntl
import json
import os
import re
import socket
import tempfile

import pytest

import harness

ADDRESSES = ["127.0.0.1", "127.0.0.2", "127.0.0.3"]
PORTS = (2379, 2380, 4001)
LOCK = os.path.join(tempfile.gettempdir(), "etcd-swift-tutorial-ports.lock")
CURL = ["curl", "-s", "-L", "--max-time", "20"]


@pytest.fixture
def ports():
    """The tutorial's ports, claimed for one test at a time on this machine."""
    with open(LOCK, "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            pytest.skip("another run holds the tutorial's ports")
        for address in ADDRESSES:
            for port in PORTS:
                with socket.socket() as probe:
                    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    try:
                        probe.bind((address, port))
                    except OSError:
                        pytest.skip(f"{address}:{port} is taken, the tutorial needs it")
        yield


def tutorial_member(number, binary):
    address = ADDRESSES[number]
    member = harness.Member(f"infra{number}", binary, client=f"http://{address}:2379",
                            peer=f"http://{address}:2380")
    clients = f"http://{address}:2379,http://{address}:4001"
    member.settings = {
        "name": member.name, "data-dir": member.data_dir,
        "initial-advertise-peer-urls": member.peer, "listen-peer-urls": member.peer,
        "listen-client-urls": clients, "advertise-client-urls": clients,
        "initial-cluster-token": "etcd-cluster-1",
    }
    return member


def as_flags(settings, dashes="--"):
    return [word for name, value in settings.items() for word in (dashes + name, value)]


def as_variables(settings):
    return {"ETCD_" + name.upper().replace("-", "_"): value for name, value in settings.items()}


def as_file(settings, path):
    """The configuration file of the packages: headings, comments, quotes."""
    lines = ["# [member]"]
    for name, value in as_variables(settings).items():
        if name == "ETCD_INITIAL_ADVERTISE_PEER_URLS":
            lines.append("#[cluster]")
        quoted = value if name == "ETCD_INITIAL_CLUSTER_TOKEN" else f'"{value}"'
        lines.append(f"{name}={quoted}")
        lines.append('#ETCD_CORS=""')
    with open(path, "w") as file:
        file.write("\n".join(lines) + "\n")


def launch(member, how):
    if how == "flags":
        member.start(command=as_flags(member.settings))
    elif how == "one dash":
        member.start(command=as_flags(member.settings, "-"))
    elif how == "variables":
        member.environment = as_variables(member.settings)
        member.start(command=[])
    else:
        path = os.path.join(member.directory, "etcd.conf")
        as_file(member.settings, path)
        member.start(command=["--config-file", path])


def form_static(binary, how):
    """All three name each other and start with state `new`."""
    members = [tutorial_member(number, binary) for number in range(3)]
    listing = ",".join(f"{m.name}={m.peer}" for m in members)
    try:
        for member in members:
            member.settings.update({"initial-cluster": listing, "initial-cluster-state": "new"})
            launch(member, how)
        for member in members:
            member.wait_ready()
    except BaseException:
        close(members)
        raise
    return members, []


def form_one_by_one(binary, how):
    """The first alone; the others are announced by POST /v2/members and start with `existing`."""
    members, answers = [], []
    try:
        for number in range(3):
            member = tutorial_member(number, binary)
            members.append(member)
            if number:
                answers.append(announce(members[0], member))
            listing = ",".join(f"{m.name}={m.peer}" for m in members)
            state = "existing" if number else "new"
            member.settings.update({"initial-cluster": listing, "initial-cluster-state": state})
            launch(member, how)
            member.wait_ready()
    except BaseException:
        close(members)
        raise
    return members, answers


def announce(first, member):
    """`curl -XPOST` as in the tutorial; refused until the running members are healthy."""
    def post():
        text = curl(first.client + "/v2/members", "-XPOST", "-H", "Content-Type: application/json",
                    "-d", json.dumps({"peerURLs": [member.peer]}))
        return text if '"id"' in text else None
    return harness.eventually(post, 20, "a member add")


def close(members):
    for member in members:
        member.close()


def curl(url, *options):
    done = harness.run([*CURL, url, *options])
    assert done.returncode == 0, f"curl {url}: {done.returncode} {done.stderr}"
    return done.stdout


def transcript(members, answers):
    """What the tutorial shows, with ids named by their member and indexes counted from here."""
    for member in members:
        harness.eventually(
            lambda m=member: len(m.members()) == 3 and all(x["clientURLs"] for x in m.members()),
            20, "three published members")
        harness.eventually(
            lambda m=member: not m.cluster_version().endswith(".0.0"), 20, "the final version")
    listings = [curl(m.client + "/v2/members") for m in members]
    assert listings[0] == listings[1] == listings[2]
    names = {m["id"]: m["name"] for m in members[0].members()}
    base = int(members[0].get("/").header("X-Etcd-Index"))
    key = "/v2/keys/message"
    # Listed in the order of ids, which contain the time when a member was added.
    listed = sorted(json.loads(listings[0])["members"], key=lambda m: m["name"])
    lines = [json.dumps(m) for m in listed]
    lines += answers
    lines.append(curl(members[0].client + key, "-XPUT", "-d", "value=Hello world"))
    for member in members:
        address = member.client.removesuffix(":2379")
        lines.append(curl(member.client + key + "?quorum=true"))
        lines.append(curl(f"{address}:4001" + key))
        lines.append(curl(f"{address}:2379/v2//keys/message"))
    lines.append(curl(members[1].client + key, "-XPUT", "-d", "value=Hello etcd"))
    lines.append(curl(members[2].client + key + "?quorum=true"))
    lines.append(curl(members[2].client + key, "-XDELETE"))
    lines.append(curl(members[0].client + key + "?quorum=true"))
    lines.append(str(sorted(curl(members[0].client + "/v2/machines").split(", "))))
    return [tidy(line, names, base) for line in lines]


def tidy(text, names, base):
    text = re.sub(r'("(?:modifiedIndex|createdIndex|index)":)(\d+)',
                  lambda m: f"{m[1]}base+{int(m[2]) - base}", text)
    return harness.HEX_ID.sub(lambda m: names.get(m[0], m[0]), text)


FORMS = {"static": form_static, "one by one": form_one_by_one}


@pytest.mark.parametrize("form", FORMS)
def test_tutorial(ports, reference, form):
    seen = []
    for binary in (reference, harness.OURS):
        members, answers = FORMS[form](binary, "flags")
        try:
            seen.append(transcript(members, answers))
        finally:
            close(members)
    assert seen[1] == seen[0]
    assert '"value":"Hello world","modifiedIndex":base+1,"createdIndex":base+1' in "".join(seen[0])


@pytest.mark.parametrize("how", ["one dash", "variables", "file"])
def test_other_ways_to_say_it(ports, how):
    """One dash, ETCD_ variables, and the KEY=VALUE file of the packages."""
    if how == "file" and harness.TESTING_REFERENCE:
        pytest.skip("etcd itself does not read KEY=VALUE files")
    members, _ = form_static(harness.OURS, how)
    try:
        curl(members[0].client + "/v2/keys/message", "-XPUT", "-d", "value=Hello world")
        for member in members:
            text = curl(member.client + "/v2/keys/message?quorum=true")
            assert json.loads(text)["node"]["value"] == "Hello world"
    finally:
        close(members)


def test_second_member_as_printed():
    """The tutorial's misspelt second member is refused; the message names what is wrong."""
    wrong = harness.Member("autumen-client1")
    try:
        wrong.initial_cluster = f"autumn-client1={wrong.peer}"
        wrong.start()
        assert wrong.wait_exit() == 1
        # The first line is the harness's own: the command.
        assert "autumen-client1" in wrong.log().split("\n", 1)[1]
    finally:
        wrong.close()
