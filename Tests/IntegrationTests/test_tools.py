"""The tools for data at rest, beside the real etcdutl 3.5: the same words, codes and hashes;
directories restored by ours under every server; damage named; a lost quorum recovered."""

import fcntl
import hashlib
import json
import os
import re
import shutil

import pytest

import harness
import tls_certs
import tls_member
import v3_content
import v3_reference
from v3_client import Client, done
from v3_reference import ETCD34, ETCD35, ETCDCTL35, ETCDUTL35

US = harness.OURS

pytestmark = [
    pytest.mark.skipif(harness.TESTING_REFERENCE, reason="the reference has no subcommands"),
    pytest.mark.skipif(not (v3_reference.HAVE34 and v3_reference.HAVE35),
                       reason=f"{v3_reference.WHY34} and {v3_reference.WHY35}")]


@pytest.fixture(scope="module")
def etcdutl(tmp_path_factory):
    """Ours under the name of etcd's tool."""
    link = tmp_path_factory.mktemp("bin") / "etcdutl"
    link.symlink_to(US)
    return str(link)


def outcome(*words, cwd=None):
    """Code, output and messages; log lines are each program's own business."""
    result = harness.run([str(word) for word in words])
    logs = re.compile(r"info\t|\d{4}-\d\d-\d\dT\S+\tinfo\t")
    errors = [line for line in result.stderr.splitlines() if not logs.match(line)]
    return result.returncode, result.stdout, "\n".join(errors)


def on(member, action):
    with Client(member.client) as client:
        return action(client)


@pytest.fixture(scope="module")
def source():
    """A member of etcd 3.5 with data of every kind, its picture, and a snapshot of it."""
    member = harness.single(ETCD35)
    try:
        on(member, v3_content.fill)
        member.image = os.path.join(member.directory, "image.db")
        harness.run([ETCDCTL35, "--endpoints", member.client, "snapshot", "save", member.image],
                    environment={"ETCDCTL_API": "3"}, check=True)
        member.picture = on(member, v3_content.picture)
        yield member
    finally:
        member.close()


FORMATS = ["simple", "json", "table", "fields", "protobuf", "nosuch"]


@pytest.mark.parametrize("form", FORMATS)
def test_status(form, source, etcdutl, tmp_path):
    """Hash, revision, numbers and every form, with the digest behind the database or without."""
    plain = tmp_path / "plain.db"
    plain.write_bytes(open(source.image, "rb").read()[:-32])
    for image in (source.image, plain):
        words = ["snapshot", "status", image, "-w", form]
        assert outcome(etcdutl, *words) == outcome(ETCDUTL35, *words)


def test_status_of_ours(etcdutl, tmp_path, start):
    """The same of a file that our server has written."""
    member = start()
    on(member, v3_content.fill)
    image = tmp_path / "image.db"
    harness.run([ETCDCTL35, "--endpoints", member.client, "snapshot", "save", str(image)],
                environment={"ETCDCTL_API": "3"}, check=True)
    for form in FORMATS:
        words = ["snapshot", "status", image, "-w", form]
        assert outcome(etcdutl, *words) == outcome(ETCDUTL35, *words)


SAME_WORDS = [
    "snapshot", "snapshot -h", "snapshot nosuch", "help snapshot", "snapshot status -h",
    "help snapshot status", "snapshot status", "snapshot status a b", "snapshot status /no/such",
    "snapshot stat /no/such", "snapshot status --foo x", "snapshot status -x y",
    "snapshot status f -w", "snapshot status -w", "-w bogus snapshot status x", "nosuch",
    "nosuch --help x", "defrag", "defrag -h", "defrag --data-dir", "defrag --nosuch",
    "version -h", "version --help", "version --nosuch", "defrag --data-dir=x --help",
]


@pytest.mark.parametrize("line", SAME_WORDS)
def test_command_line(line, etcdutl):
    """Help texts, mistakes and codes to the letter."""
    words = line.split()
    assert outcome(etcdutl, *words) == outcome(ETCDUTL35, *words)


def test_commands_and_flags(etcdutl):
    """Every command and every flag of etcdutl's is there, with its help; ours are more."""
    for words in (["-h"], ["snapshot", "restore", "-h"]):
        code, text, _ = outcome(etcdutl, *words)
        assert code == 0
        squeezed = {" ".join(line.split()) for line in text.splitlines()}
        for line in outcome(ETCDUTL35, *words)[1].splitlines():
            if "[legacy]" not in line:
                assert " ".join(line.split()) in squeezed


def test_as_subcommands(source):
    """The program's own name serves as well."""
    words = ["snapshot", "status", source.image]
    assert outcome(US, *words) == outcome(ETCDUTL35, *words)
    assert outcome(US, "version")[1].startswith(f"{os.path.basename(US)} version: 3.5.")
    assert "snapshot restore <filename> --data-dir" in outcome(US, "snapshot", "restore", "-h")[1]


def restore(program, image, member, *more):
    member.data_dir = os.path.join(member.directory, "data")
    return outcome(
        program, "snapshot", "restore", image, "--data-dir", member.data_dir,
        "--name", member.name, "--initial-cluster", member.initial_cluster,
        "--initial-advertise-peer-urls", member.peer, *more)


@pytest.mark.parametrize("target", [ETCD34, ETCD35, US], ids=["3.4", "3.5", "ours"])
def test_restore(target, source, etcdutl, closing):
    """A directory that ours restores serves the same keys, history and leases everywhere."""
    member = closing(harness.Member("restored", target))
    assert restore(etcdutl, source.image, member) == (0, "", "")
    assert outcome(US, "check", "--data-dir", member.data_dir)[0] == 0
    member.start().wait_ready()
    assert on(member, v3_content.picture) == source.picture
    on(member, lambda client: client.put("after", "1"))
    member.kill()
    member.start().wait_ready()
    assert on(member, lambda client: client.value("after")) == b"1"


def test_restore_equals(source, etcdutl, closing):
    """Both tools make the same of one snapshot: log and snapshot file byte for byte, the database
    record for record (for the source's own member: etcd leaves the old voters in it)."""
    ours, theirs = (closing(harness.Member(source.name, peer=source.peer)) for _ in range(2))
    assert restore(etcdutl, source.image, ours)[0] == 0
    assert restore(ETCDUTL35, source.image, theirs)[0] == 0

    def files(member, suffix):
        return {os.path.relpath(os.path.join(folder, name), member.data_dir)
                for folder, _, names in os.walk(member.data_dir) for name in names
                if name.endswith(suffix)}
    for suffix in (".wal", ".snap"):
        (name,) = files(ours, suffix)
        assert files(theirs, suffix) == {name}
        first, second = (open(os.path.join(member.data_dir, name), "rb").read(100_000)
                         for member in (ours, theirs))
        assert first == second
    first, second = (json.loads(outcome(
        ETCDUTL35, "snapshot", "status", os.path.join(member.data_dir, "member/snap/db"),
        "-w", "json")[1]) for member in (ours, theirs))
    for key in ("hash", "revision", "totalKey"):
        assert first[key] == second[key]


def test_restore_three(source, etcdutl, closing):
    """Three members of two programs, each restored from the one snapshot, form a cluster."""
    members = [closing(harness.Member(f"m{number}", binary))
               for number, binary in enumerate([US, ETCD35, US])]
    together = ",".join(f"{member.name}={member.peer}" for member in members)
    for member in members:
        member.initial_cluster = together
        assert restore(etcdutl, source.image, member, "--initial-cluster-token", "new")[0] == 0
    for member in members:
        member.start()
    for member in members:
        member.wait_ready()
    on(members[0], lambda client: client.put("after", "1"))
    for member in members:
        assert on(member, lambda client: client.value("after")) == b"1"
    pictures = [on(member, v3_content.picture) for member in members]
    assert pictures[0] == pictures[1] == pictures[2]
    assert pictures[0]["revision"] == source.picture["revision"] + 1


def test_bump_revision(source, etcdutl, closing):
    """A raised revision: nobody reads below it, and both servers have one hash of what is left."""
    hashes = []
    for target in (ETCD35, US):
        member = closing(harness.Member("restored", target))
        assert restore(etcdutl, source.image, member, "--bump-revision", 1_000_000_000,
                       "--mark-compacted") == (0, "", "")
        member.start().wait_ready()
        with Client(member.client) as client:
            raised = source.picture["revision"] + 1_000_000_000
            assert client.get("empty").header.revision == raised
            assert client.call("Range", key="empty", revision=raised - 1).code == "OUT_OF_RANGE"
            with client.watch("k/1", start_revision=source.picture["revision"]) as stream:
                answer = stream.next()
                assert answer.canceled and answer.compact_revision == raised
            assert client.get(b"\0", range_end=b"\0").count == source.picture["count"]
            client.put("after", "1")
            answer = harness.eventually(
                lambda c=client: done(c.call("HashKV", revision=raised + 1)), 20, "a hash")
            hashes.append((answer.hash, answer.compact_revision))
        member.kill()
        member.start().wait_ready()
        assert on(member, lambda c: c.get("after").header.revision) == raised + 1
    assert hashes[0] == hashes[1]


def test_restore_refusals(source, etcdutl, tmp_path):
    """What cannot be restored is refused in the same words, and what is there is left alone."""
    image = open(source.image, "rb").read()
    files = {"plain": image[:-32], "digest": image[:-1] + bytes([image[-1] ^ 1]),
             "content": bytes([image[0]]) + bytes([image[1] ^ 1]) + image[2:]}
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "used").mkdir()
    (tmp_path / "used/file").write_text("mine")
    (tmp_path / "wal").mkdir()
    cases = [
        ["plain"], ["digest"], ["content"], ["missing"], [],
        [source.image, "--data-dir", tmp_path / "used"],
        [source.image, "--wal-dir", tmp_path / "wal"],
        [source.image, "--name", "other"],
        [source.image, "--initial-advertise-peer-urls", "http://localhost:1"],
        [source.image, "--initial-advertise-peer-urls", "nonsense"],
        [source.image, "--initial-cluster", "default"],
        [source.image, "--initial-cluster", "a=http://localhost:2380,default=http://localhost:2380"],
        [source.image, "second"],
        [source.image, "--skip-hash-check=perhaps"],
    ]
    for number, case in enumerate(cases):
        words = [tmp_path / case[0] if case and case[0] in (*files, "missing") else
                 case[0]] + case[1:] if case else []
        answers = []
        for program in (etcdutl, ETCDUTL35):
            target = tmp_path / f"data{number}"
            shutil.rmtree(target, ignore_errors=True)
            code, out, errors = outcome(
                program, "snapshot", "restore", "--data-dir", target, *words)
            # The usage lists flags of later releases in one of them.
            answers.append((code, errors.splitlines()[0]))
            if program == etcdutl:
                assert code != 0 and not target.exists(), words
        assert answers[0] == answers[1], words
    assert os.listdir(tmp_path / "used") == ["file"]
    code, _, errors = outcome(etcdutl, "snapshot", "restore", source.image, "--data-dir",
                              tmp_path / "x", "--bump-revision", 5)
    assert (code, errors) == (128, "Error: --mark-compacted required if --bump-revision > 0")


@pytest.mark.parametrize("binary", [ETCD35, US], ids=["3.5", "ours"])
def test_hashkv_and_defrag(binary, etcdutl, start):
    """The hash of the file is that of the member; defragmentation gives space back and keeps it."""
    member = start(binary=binary)
    with Client(member.client) as client:
        v3_content.fill(client)
        v3_content.bulk(client, 3000, value="v" * 1000)
        client.delete("bulk/", range_end=b"bulk0")
        revision = client.put("last").header.revision
        # 3.5.1 has no hash at the compact revision itself.
        done(client.call("Compact", revision=revision - 1, physical=True))
        hashed = client.hash_kv(revision)
    member.terminate()
    path = os.path.join(member.data_dir, "member/snap/db")
    code, text, _ = outcome(etcdutl, "hashkv", path, "-w", "json")
    assert code == 0
    assert json.loads(text) == {"hash": hashed.hash, "hashRevision": revision,
                                "compactRevision": hashed.compact_revision}
    size = json.loads(outcome(etcdutl, "snapshot", "status", path, "-w", "json")[1])["totalSize"]
    assert outcome(etcdutl, "defrag", "--data-dir", member.data_dir) == (0, "", "")
    after = json.loads(outcome(etcdutl, "snapshot", "status", path, "-w", "json")[1])["totalSize"]
    assert after < size / 2
    assert outcome(etcdutl, "hashkv", path, "-w", "json")[1] == text
    member.start().wait_ready()
    assert on(member, lambda client: client.hash_kv(revision)).hash == hashed.hash


def segments(member):
    log = os.path.join(member.data_dir, "member/wal")
    return [os.path.join(log, name) for name in sorted(os.listdir(log)) if name.endswith(".wal")]


@pytest.mark.parametrize("binary", [ETCD34, ETCD35, US], ids=["3.4", "3.5", "ours"])
def test_check(binary, start):
    """Sound directories of every server are sound and stay as they are; damage is named."""
    member = start(binary=binary, flags=["--snapshot-count", "50"])
    with Client(member.client) as client:
        v3_content.fill(client)
    code, _, errors = outcome(US, "check", "--data-dir", member.data_dir)
    assert code == 1 and "in use by another process" in errors
    member.kill()

    def digest():
        every = hashlib.sha256()
        for folder, _, names in sorted(os.walk(member.data_dir)):
            for name in sorted(names):
                with open(os.path.join(folder, name), "rb") as file:
                    every.update(name.encode() + file.read())
        return every.hexdigest()
    before = digest()
    code, text, errors = outcome(US, "check", "--data-dir", member.data_dir)
    assert (code, errors) == (0, ""), text
    assert text.endswith(" is sound\n")
    found = json.loads(outcome(US, "check", "--data-dir", member.data_dir, "-w", "json")[1])
    assert found["sound"] and found["snapshot"]["index"] > 0
    assert found["log"]["lastIndex"] >= found["database"]["appliedIndex"] > 0
    assert digest() == before

    segment = segments(member)[0]
    with open(segment, "r+b") as file:
        file.seek(20_000)
        byte = file.read(1)
        file.seek(20_000)
        file.write(bytes([byte[0] ^ 0xFF]))
    code, text, _ = outcome(US, "check", "--data-dir", member.data_dir)
    place = re.search(rf"damaged: {re.escape(segment)} at byte (\d+), entry \d+: ", text)
    assert code == 1 and place and int(place.group(1)) <= 20_000, text
    found = json.loads(outcome(US, "check", "--data-dir", member.data_dir, "-w", "json")[1])
    assert found["findings"][0]["file"] == segment
    assert found["findings"][0]["offset"] == int(place.group(1))
    # What the check names is what a start stumbles over.
    member.binary = US
    member.start()
    assert member.wait_exit() == 1
    assert f"{segment} is damaged at byte {place.group(1)}" in member.log_tail()


@pytest.mark.parametrize("binary", [US, ETCD35], ids=["ours", "3.5"])
def test_lost_quorum(binary, etcdutl):
    """Two of three are gone for ever: one command, and the third serves everything it had; new
    members join it."""
    with harness.Cluster(3, [binary] * 3) as cluster:
        on(cluster.members[0], v3_content.fill)
        before = on(cluster.members[0], v3_content.picture)
        survivor, *lost = cluster.members
        harness.eventually(lambda: on(survivor, v3_content.picture) == before, 20, "the data")
        code, _, errors = outcome(US, "recover", "--data-dir", survivor.data_dir)
        assert code == 1 and "in use by another process" in errors
        for member in lost:
            member.kill()
        survivor.kill()
        code, text, errors = outcome(US, "recover", "--data-dir", survivor.data_dir)
        assert code == 0, errors
        assert text.count("removed member") == 2
        assert "is the only member of its cluster" in text
        for member in lost:
            shutil.rmtree(member.data_dir)
        # The settings are those it had before.
        survivor.start().wait_ready()
        assert [member["name"] for member in survivor.members()] == [survivor.name]
        assert on(survivor, v3_content.picture) == before
        on(survivor, lambda client: client.put("alone", "1"))
        added = cluster.add("new", binary, through=survivor)
        on(added, lambda client: client.put("together", "1"))
        assert on(survivor, lambda client: client.value("together")) == b"1"
        assert outcome(etcdutl, "check", "--data-dir", "/no/such")[0] == 1


def test_recovered_elsewhere(closing):
    """The member that stays may move to another address at once."""
    with harness.Cluster(3, [US] * 3) as cluster:
        on(cluster.members[0], lambda client: client.put("key", "value"))
        survivor = cluster.members[0]
        for member in cluster.members:
            member.kill()
        moved = f"http://127.0.0.1:{harness.free_port()}"
        code, text, errors = outcome(US, "recover", "--data-dir", survivor.data_dir,
                                     "--initial-advertise-peer-urls", moved)
        assert code == 0, errors
        assert f"has peer URLs {moved}" in text
        survivor.peer = moved
        survivor.start().wait_ready()
        assert [member["peerURLs"] for member in survivor.members()] == [[moved]]
        assert on(survivor, lambda client: client.value("key")) == b"value"


def save(member, path, *flags, endpoint=None, environment=None):
    words = [US, "snapshot", "save", str(path), "--endpoints", endpoint or member.client, *flags]
    clean = {name: "" for name in os.environ if name.startswith("ETCDCTL_")}
    result = harness.run(words, environment={**clean, **(environment or {})})
    return result.returncode, result.stdout, result.stderr


@pytest.mark.parametrize("binary", [ETCD34, ETCD35, US], ids=["3.4", "3.5", "ours"])
def test_save(binary, start, tmp_path, etcdutl):
    """What ours saves of every server is what etcdctl saves, and restores."""
    member = start(binary=binary)
    on(member, v3_content.fill)
    picture = on(member, v3_content.picture)
    image, theirs = tmp_path / "ours.db", tmp_path / "theirs.db"
    assert save(member, image)[:2] == (0, f"Snapshot saved at {image}\n")
    harness.run([ETCDCTL35, "--endpoints", member.client, "snapshot", "save", str(theirs)],
                environment={"ETCDCTL_API": "3"}, check=True)
    assert sorted(os.listdir(tmp_path)) == ["ours.db", "theirs.db"]
    assert (outcome(ETCDUTL35, "snapshot", "status", image)
            == outcome(ETCDUTL35, "snapshot", "status", theirs))
    assert image.stat().st_mode & 0o777 == 0o600
    restored = harness.Member("restored", US)
    try:
        assert restore(ETCDUTL35, image, restored)[0] == 0
        restored.start().wait_ready()
        assert on(restored, v3_content.picture) == picture
    finally:
        restored.close()


def test_save_with_login(start, tmp_path):
    """Users and passwords by flag or variable; a refusal says why and leaves no file."""
    member = start()
    with Client(member.client) as client:
        for user in ("root", "other"):
            done(client.call("UserAdd", name=user, password=f"{user}-word"))
        done(client.call("RoleAdd", name="root"))
        done(client.call("UserGrantRole", user="root", role="root"))
        done(client.call("AuthEnable"))
    image = tmp_path / "image.db"
    for flags, environment in [
            (["--user", "root:root-word"], {}), (["--user", "root", "--password=root-word"], {}),
            ([], {"ETCDCTL_USER": "root:root-word"}),
            (["--user=root"], {"ETCDCTL_PASSWORD": "root-word"})]:
        assert save(member, image, *flags, environment=environment)[0] == 0
        image.unlink()
    for flags, words in [([], "user name is empty"), (["--user", "root:wrong"], "authentication failed"),
                         (["--user", "other:other-word"], "permission denied")]:
        code, _, errors = save(member, image, *flags)
        assert code == 5 and words in errors
        assert os.listdir(tmp_path) == []


def test_save_over_tls(closing, tmp_path):
    """Certificates as etcdctl takes them."""
    ca, stranger = tls_certs.Authority(tmp_path, "ca"), tls_certs.Authority(tmp_path, "stranger")
    server = ca.leaf("server", san="IP:127.0.0.1", usage="serverAuth,clientAuth")
    pair, wrong = ca.leaf("client", cn="client"), stranger.leaf("wrong", cn="client")
    member = closing(tls_member.SecureMember(
        "secure", client_flags=tls_member.authority_flags(ca, server)))
    member.start().wait_ready()
    image = tmp_path / "image.db"
    bare = member.secure.removeprefix("https://")
    trust = ["--cacert", ca.cert]
    for endpoint in (member.secure, bare):
        assert save(member, image, *trust, "--cert", pair.cert, "--key", pair.key,
                    endpoint=endpoint)[0] == 0
        image.unlink()
    for flags in (trust, [*trust, "--cert", wrong.cert, "--key", wrong.key],
                  ["--cert", pair.cert, "--key", pair.key]):
        code, _, errors = save(member, image, *flags, endpoint=member.secure)
        assert code == 5 and errors.count("Error: ") == 1, errors
        assert not image.exists() and not os.path.exists(f"{image}.part")
    code, _, errors = save(member, image, "--cert", pair.cert, endpoint=member.secure)
    assert (code, "both --cert and --key" in errors) == (128, True)


def test_save_refusals(tmp_path):
    """Nobody to ask, too many to ask, nowhere to write."""
    image = tmp_path / "image.db"
    port = harness.free_port()
    code, _, errors = save(None, image, endpoint=f"127.0.0.1:{port}")
    assert code == 5 and str(port) in errors
    code, _, errors = save(None, image, endpoint="a:1,b:2")
    assert (code, errors) == (
        5, "Error: snapshot must be requested to one selected node, not multiple [a:1 b:2]\n")
    code, _, errors = save(None, tmp_path / "no/such/place", endpoint=f"127.0.0.1:{port}")
    assert code == 5 and "no such file or directory" in errors
    assert outcome(US, "snapshot", "save") == outcome(ETCDCTL35, "snapshot", "save")
    assert os.listdir(tmp_path) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files to others")
def test_ownership(source, etcdutl, closing, tmp_path):
    """What root makes in the directory of another user's service, that user can open."""
    stranger = 12345
    member = closing(harness.Member("restored"))
    data = os.path.join(member.directory, "data")
    log = tmp_path / "log"
    os.mkdir(data)
    os.chown(data, stranger, stranger)
    flags = ["--data-dir", data, "--wal-dir", log]

    def owners():
        return {os.lstat(os.path.join(folder, name)).st_uid
                for place in (data, log) for folder, folders, names in os.walk(place)
                for name in (*folders, *names)}
    member.data_dir = data
    assert restore(etcdutl, source.image, member, "--wal-dir", log)[0] == 0
    assert owners() == {stranger} and os.stat(log).st_uid == stranger
    assert outcome(etcdutl, "defrag", "--data-dir", data)[0] == 0
    assert owners() == {stranger}
    assert outcome(US, "recover", *flags)[0] == 0
    assert owners() == {stranger}


def test_readers_share(source, etcdutl, tmp_path):
    """Any number of tools may look at one file; a member that writes keeps them out."""
    image = tmp_path / "image.db"
    shutil.copy(source.image, image)
    image.chmod(0o400)
    with open(image, "rb") as other:
        fcntl.flock(other, fcntl.LOCK_SH)
        assert outcome(etcdutl, "snapshot", "status", image)[0] == 0
        fcntl.flock(other, fcntl.LOCK_EX)
        code, _, errors = outcome(etcdutl, "snapshot", "status", image)
        assert code == 1 and "in use by another process" in errors
