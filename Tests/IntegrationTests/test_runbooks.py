"""The runbooks of packaging/README.md, carried out as they stand there: the commands of its marked
blocks, on three machines with the addresses that it names, and a fourth one that comes and goes.
Every test leaves the three healthy."""

import base64
import json
import re
import shutil
import threading

import pytest

import debian_root
import harness
import image_engine
import test_packages
from machine import ADDRESSES, BLOCKS, ENVIRONMENT, Machine

pytestmark = pytest.mark.skipif(
    harness.TESTING_REFERENCE, reason="packages are made of our program only")

CONF = test_packages.CONF
DATA = test_packages.DATA
FOUNDERS = "infra0=10.0.0.1 infra1=10.0.0.2 infra2=10.0.0.3"
# What a test has to say so that a database is soon full; everything else is the manual's.
SMALL_QUOTA = 'ETCD_QUOTA_BACKEND_BYTES="8388608"'
# A disk with room for one log segment of 64 MB and some database, because of a file that somebody
# has forgotten; without it for all segments and the database, whoever of both is there first.
SMALL_DISK_MIB, FORGOTTEN_MIB = 576, 446
# More than the reserved segment holds, in values of 1 MB.
MOST_WRITES = 150


@pytest.fixture(scope="module")
def deb(tmp_path_factory):
    return test_packages.build("deb", tmp_path_factory.mktemp("deb"), "dh")


@pytest.fixture(scope="module")
def wire():
    made = image_engine.Machines(ADDRESSES)
    yield made
    made.close()


@pytest.fixture(scope="module")
def set_up(wire, deb):
    """set_up(name) makes a machine."""
    made = []

    def make(name):
        try:
            made.append(Machine(name, wire, deb))
        except debian_root.NotPossible as reason:
            pytest.skip(str(reason))
        return made[-1]
    yield make
    for each in made:
        each.close()


@pytest.fixture(scope="module")
def machines(set_up):
    """A cluster of three, formed as the manual says."""
    three = [set_up(name) for name in ("infra0", "infra1", "infra2")]
    for each in three:
        each.do("install")
    three[0].do("authority")
    three[0].do("certificates")
    for each in three:
        copy_certificate(three[0], each)
        each.do("configure")
    for each in three:
        assert "configuration: no problems" in each.do("start")
    three[0].wait_healthy()
    return three


def copy_certificate(source, target):
    for name in ("ca.crt", f"{target.name}.crt", f"{target.name}.key"):
        shutil.copy(source.file("/root/tls") / name, target.file("/root"))


def copy_to_all(machines, name):
    for each in machines[1:]:
        shutil.copy(machines[0].file("/root") / name, each.file("/root"))


def served_certificate(machine):
    return machine.shell(
        f"openssl s_client -connect {machine.address}:2379 </dev/null 2>/dev/null "
        "| openssl x509 -noout -serial")


def everything(machine):
    """All keys with what belongs to them, from the machine's own member."""
    found = machine.ask(f"{only(machine)} etcdctl get --prefix '' --write-out=json")
    return {kv["key"]: kv for kv in json.loads(found).get("kvs", [])}


def only(machine):
    """Before etcdctl: to this machine's member."""
    return f"ETCDCTL_ENDPOINTS=https://{machine.address}:2379"


class Writer:
    """A client on a machine that keeps writing new keys, and notes those that are acknowledged."""

    def __init__(self, machine):
        self.machine = machine
        machine.shell("rm -f writer.stop writer.kept; touch writer.kept")
        # A value is its key's number; a request without an answer may have taken effect or not.
        loop = ENVIRONMENT + """n=0; while [ ! -e ~/writer.stop ]; do n=$((n + 1))
            ! etcdctl --command-timeout=3s put writer/$n $n >/dev/null 2>&1 ||
                echo $n >> ~/writer.kept
            done"""
        self.thread = threading.Thread(target=machine.attempt, args=[loop, 900])
        self.thread.start()

    def count(self):
        return len(self.machine.file("/root/writer.kept").read_text().split())

    def wait_for_more(self):
        before = self.count()
        harness.eventually(lambda: self.count() > before + 3, 60, "more acknowledged writes")

    def stop(self):
        self.machine.file("/root/writer.stop").touch()
        self.thread.join()
        return self.machine.file("/root/writer.kept").read_text().split()


def test_every_block_is_known():
    assert set(BLOCKS) == {
        "install", "one-machine", "authority", "certificates", "configure", "start", "environment",
        "check", "join", "remove", "upgrade", "rotate", "full-disk", "quota", "corrupt-find",
        "corrupt-end", "backup", "restore-stop", "restore", "recover-look", "recover"}


def test_one_machine(set_up):
    alone = set_up("alone")
    alone.shell(BLOCKS["install"])
    alone.shell(BLOCKS["one-machine"])
    assert alone.shell("systemctl is-enabled etcd-swift").strip() == "enabled"


def test_form_a_cluster(machines):
    assert "Hello world" in machines[0].do("check")


def test_rotate_certificates(machines):
    before = [served_certificate(m) for m in machines]
    # The authority is a new one too; both are trusted meanwhile, as the manual says.
    machines[0].do("authority")
    machines[0].do("certificates")
    old = machines[0].file("/etc/etcd-swift/tls/ca.crt").read_text()
    new = machines[0].file("/root/tls/ca.crt").read_text()
    for machine in machines:
        copy_certificate(machines[0], machine)
        machine.file("/etc/etcd-swift/tls/ca.crt").write_text(old + new)
    for machine in machines:
        machine.do("rotate")
    machines[0].wait_healthy()
    assert all(a != b for a, b in zip(before, [served_certificate(m) for m in machines]))
    for machine in machines:
        machine.file("/etc/etcd-swift/tls/ca.crt").write_text(new)
        machine.shell("systemctl reload etcd-swift")
    machines[0].wait_healthy()


def test_add_a_member(machines, set_up):
    machines[0].ask("etcdctl put before-the-fourth 4")
    fourth = set_up("infra3")
    fourth.do("install")
    assert FOUNDERS in BLOCKS["certificates"]
    machines[0].ask(BLOCKS["certificates"].replace(FOUNDERS, "infra3=10.0.0.4"))
    copy_certificate(machines[0], fourth)
    fourth.do("configure")
    fourth.do("join", patience=True)
    machines[0].wait_healthy(4)
    assert everything(fourth) == everything(machines[0])
    # It goes as it came: one of three again.
    machines[0].do("remove", about="infra3", patience=True)
    harness.eventually(lambda: "removed" in fourth.log(), 60, "the removed member says so")
    machines[0].wait_healthy()


def test_replace_a_member(machines):
    machines[0].ask("etcdctl put before-the-loss 1")
    lost = machines[2]
    lost.pull_the_plug()
    machines[0].do("remove", about="infra2", patience=True)
    lost.do("configure")
    lost.do("join", patience=True)
    machines[0].wait_healthy()
    assert everything(lost) == everything(machines[0])


def test_upgrade(machines, deb, tmp_path):
    newer = test_packages.make_newer(deb, tmp_path)
    settings = [m.file(CONF).read_text() for m in machines]
    writer = Writer(machines[0])
    try:
        for machine in machines:
            shutil.copy(newer, machine.file("/root"))
            writer.wait_for_more()
            before = machine.pid()
            machine.do("upgrade")
            assert machine.pid() not in (0, before)
            installed = machine.shell("dpkg-query -W -f '${Version}' etcd-swift")
            assert installed == test_packages.NEWER
        writer.wait_for_more()
    finally:
        kept = writer.stop()
    machines[0].wait_healthy()
    assert [m.file(CONF).read_text() for m in machines] == settings
    found = machines[1].ask("etcdctl get --prefix writer/ --print-value-only").split()
    assert set(kept) <= set(found), "acknowledged, and lost"


def test_database_over_its_quota(machines):
    for machine in machines:
        machine.shell(f"echo '{SMALL_QUOTA}' >> {CONF}; systemctl restart etcd-swift")
    machines[0].wait_healthy()
    machines[0].ask("""
        head -c 1000000 /dev/zero | tr '\\0' x > ~/value
        for n in $(seq 20); do etcdctl put filler < ~/value || exit 0; done; exit 1""")
    assert "NOSPACE" in machines[0].do("quota")

    def has_room():
        again = machines[0].attempt(ENVIRONMENT + "etcdctl put message again")
        if again.returncode == 0:
            return True
        # A member was still forgetting while it was to give room back: as the manual says.
        machines[0].ask("etcdctl defrag; etcdctl alarm disarm")
        return False
    harness.eventually(has_room, 60, "room for a key", pause=1)
    # What follows is not about space.
    machines[0].ask("etcdctl del filler")
    for machine in machines:
        machine.shell(f"sed -i '/^{SMALL_QUOTA}$/d' {CONF}; systemctl restart etcd-swift")
    machines[0].wait_healthy()


def test_corruption_alarm(machines):
    machines[0].ask("""
        id=$(etcdctl member list --write-out=json | grep -o '"member_id":[0-9]*' | cut -d: -f2)
        curl -sf --cacert $ETCDCTL_CACERT --cert $ETCDCTL_CERT --key $ETCDCTL_KEY \\
            https://10.0.0.1:2379/v3/maintenance/alarm \\
            -d "{\\"action\\":\\"ACTIVATE\\",\\"memberID\\":\\"$id\\",\\"alarm\\":\\"CORRUPT\\"}"
        ! etcdctl put message refused""")
    found = machines[0].do("corrupt-find")
    assert "CORRUPT" in found
    hashes = {line.split(", ")[1] for line in found.splitlines() if line.startswith("https")}
    assert len(hashes) == 1, "nothing is wrong with these three"
    machines[0].do("corrupt-end")
    machines[0].ask("etcdctl put message 'Hello again'")


def test_full_disk(machines):
    full, other = machines[2], machines[0]
    other.ask("etcdctl put message 'before it was full'")
    full.shell(f"""systemctl stop etcd-swift
        mv {DATA}/member ~/aside
        mount -t tmpfs -o size={SMALL_DISK_MIB}m,mode=700 tmpfs {DATA}
        mv ~/aside {DATA}/member
        chown etcd-swift: {DATA}
        head -c {FORGOTTEN_MIB}M /dev/zero > {DATA}/forgotten.db
        systemctl start etcd-swift""")
    other.wait_healthy()
    # What fails while leadership leaves the full member is not acknowledged, and no harm.
    other.ask(f"""head -c 1000000 /dev/zero | tr '\\0' x > ~/value
        export {only(other)}
        for n in $(seq {MOST_WRITES}); do etcdctl put filler < ~/value >/dev/null || :; done""")

    def put(key):
        return full.attempt(ENVIRONMENT + f"{only(full)} etcdctl put {key} through-the-full")
    harness.eventually(lambda: "etcdserver: no space" in put("refused").stderr, 60, "a full disk")
    assert "disk is full" in full.log(200)
    other.ask(f"{only(other)} etcdctl put accepted beside-the-full")
    assert "before it was full" in full.ask(f"{only(full)} etcdctl get message --consistency=s")
    # What the manual shows is what is in the way.
    shown = full.do("full-disk")
    assert re.search(rf"100% {DATA}$", shown, re.M), shown
    outside = re.findall(rf"\t({DATA}/(?!member)\S+)$", shown, re.M)
    assert outside == [f"{DATA}/forgotten.db"], shown
    before = full.pid()
    full.shell(f"rm {outside[0]}")
    harness.eventually(lambda: put("accepted-later").returncode == 0, 60, "a write", pause=0.5)
    assert full.pid() == before, "it has gone on by itself"
    other.wait_healthy()
    harness.eventually(lambda: everything(full) == everything(other), 60, "what it has missed")
    assert "beside-the-full" in full.ask(f"{only(full)} etcdctl get accepted")
    # Back to the machine's own disk, without the history that nobody needs.
    other.ask("etcdctl del filler")
    full.shell(f"""systemctl stop etcd-swift
        mv {DATA}/member ~/aside
        umount {DATA}
        mv ~/aside {DATA}/member
        systemctl start etcd-swift""")
    other.wait_healthy()
    assert everything(full) == everything(other)


def test_back_up_and_restore(machines):
    machines[0].ask("etcdctl put kept 'in the backup'")
    before = everything(machines[0])
    assert "TOTAL KEYS" in machines[0].do("backup")
    copy_to_all(machines, "backup.db")
    machines[0].ask("etcdctl put kept 'after the backup'; etcdctl put late 1")
    for machine in machines:
        machine.do("restore-stop")
    for machine in machines:
        machine.do("restore")
    machines[0].wait_healthy()
    for machine in machines:
        assert everything(machine) == before
        assert machine.shell(f"find {DATA} ! -user etcd-swift") == ""
    machines[0].ask("etcdctl put kept 'after the restore'")


def test_lost_quorum(machines):
    machines[0].ask("etcdctl put before-the-loss-of-two 2")
    before = everything(machines[0])
    for lost in machines[1:]:
        lost.pull_the_plug()
        lost.shell(f"rm -rf {DATA}/member")
    alone = machines[0].attempt(ENVIRONMENT + "etcdctl --command-timeout=2s put unanswered 1")
    assert alone.returncode != 0, "one of three decides nothing"
    assert f"{DATA} is sound" in machines[0].do("recover-look")
    assert "is the only member of its cluster" in machines[0].do("recover")
    for number, back in enumerate(machines[1:], 2):
        back.do("configure")
        back.do("join", patience=True)
        machines[0].wait_healthy(number)
    now = everything(machines[0])
    assert everything(machines[1]) == now and everything(machines[2]) == now
    # What had no answer may have taken effect: the tool keeps it.
    now.pop(base64.b64encode(b"unanswered").decode(), None)
    assert now == before
