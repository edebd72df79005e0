"""The runbooks of packaging/README.md, carried out as they stand there: the commands of its marked
blocks, on three machines with the addresses that it names."""

import concurrent.futures
import re
import shutil

import pytest

import debian_root
import harness
import image_engine
from test_packages import build

pytestmark = pytest.mark.skipif(
    harness.TESTING_REFERENCE, reason="packages are made of our program only")

ADDRESSES = {"infra0": "10.0.0.1", "infra1": "10.0.0.2", "infra2": "10.0.0.3"}
MANUAL = (harness.ROOT / "packaging/README.md").read_text()
BLOCKS = {m[1]: m[2] for m in re.finditer(
    r"<!-- runbook ([\w-]+)(?:: [\w ]+)? -->\n```sh\n(.*?)```", MANUAL, re.S)}
# A change of the membership is refused until members have been connected for some seconds: whoever
# types the commands repeats them.
PATIENCE = """etcdctl() {
    for turn in $(seq 30); do command etcdctl "$@" && return; sleep 1; done; return 1
}
"""
# What a test has to say so that a database is soon full; everything else is the manual's.
SMALL_QUOTA = 'ETCD_QUOTA_BACKEND_BYTES="8388608"'


class Machine:
    def __init__(self, name, network):
        self.name = name
        self.root = debian_root.make()
        if not self.root.boot(network=f"/proc/{network.holder.pid}/ns/net", hostname=name):
            self.close()
            pytest.skip("systemd does not boot in systemd-nspawn here")

    def do(self, block, environment=False):
        """A block of the manual, with this machine's name and address where it wants them."""
        text = re.sub(r"(?m)^name=infra0( address=[\d.]+)?$", lambda m: f"name={self.name}" + (
            f" address={ADDRESSES[self.name]}" if m[1] else ""), BLOCKS[block])
        if environment:
            text = BLOCKS["environment"] + text
        return self.shell(text)

    def shell(self, text):
        done = self.root.run("bash", "-ec", "cd; " + text, seconds=180)
        assert done.returncode == 0, f"on {self.name}: {text}\n{done.stdout}{done.stderr}"
        return done.stdout

    def close(self):
        self.root.close()


@pytest.fixture(scope="module")
def machines(tmp_path_factory):
    """Three machines with the package, in one network."""
    deb = build("deb", tmp_path_factory.mktemp("deb"), "dh")
    made = []
    wire = image_engine.Machines(ADDRESSES)
    try:
        for name in ADDRESSES:
            made.append(Machine(name, wire.networks[name]))
            shutil.copy(deb, made[-1].root.file("/root"))
        yield made
    except debian_root.NotPossible as reason:
        pytest.skip(str(reason))
    finally:
        for machine in made:
            machine.close()
        wire.close()


def everywhere(machines, action):
    with concurrent.futures.ThreadPoolExecutor(len(machines)) as pool:
        return list(pool.map(action, machines))


def healthy(machine):
    said = []

    def ask():
        done = machine.root.run("bash", "-ec", BLOCKS["environment"] + "etcdctl endpoint health",
                                seconds=60)
        said.append(done.stdout + done.stderr)
        return done.returncode == 0 and said[-1].count("is healthy") == 3
    try:
        harness.eventually(ask, 60, "three healthy members", pause=0.5)
    except AssertionError:
        log = machine.root.run("journalctl", "-u", "etcd-swift", "-o", "cat", "-n", "20").stdout
        raise AssertionError(f"three healthy members: {said[-1]}\n{log}") from None


def copy_certificates(machines):
    source = machines[0].root.file("/root/tls")
    for machine in machines:
        for name in ("ca.crt", f"{machine.name}.crt", f"{machine.name}.key"):
            shutil.copy(source / name, machine.root.file("/root"))


def served_certificate(machine):
    return machine.shell(
        f"openssl s_client -connect {ADDRESSES[machine.name]}:2379 </dev/null 2>/dev/null "
        "| openssl x509 -noout -serial")


def test_every_block_is_known():
    assert set(BLOCKS) == {
        "install", "certificates", "configure", "environment", "check", "replace-announce",
        "replace-join", "rotate", "quota", "corrupt-find", "corrupt-end"}


def test_form_a_cluster(machines):
    for machine in machines:
        machine.do("install")
    machines[0].do("certificates")
    copy_certificates(machines)
    for machine in machines:
        assert "configuration: no problems" in machine.do("configure")
    healthy(machines[0])
    assert "Hello world" in machines[0].do("check", environment=True)


def test_rotate_certificates(machines):
    before = [served_certificate(m) for m in machines]
    machines[0].do("certificates")
    # The authority is a new one too; both are trusted meanwhile, as the manual says.
    old = machines[0].root.file("/etc/etcd-swift/tls/ca.crt").read_text()
    new = machines[0].root.file("/root/tls/ca.crt").read_text()
    copy_certificates(machines)
    for machine in machines:
        machine.root.file("/etc/etcd-swift/tls/ca.crt").write_text(old + new)
    for machine in machines:
        machine.do("rotate")
    healthy(machines[0])
    assert all(a != b for a, b in zip(before, [served_certificate(m) for m in machines]))
    for machine in machines:
        machine.root.file("/etc/etcd-swift/tls/ca.crt").write_text(new)
        machine.shell("systemctl reload etcd-swift")
    healthy(machines[0])


def test_replace_a_member(machines):
    lost = machines[2]
    lost.shell("kill -9 $(systemctl show -p MainPID --value etcd-swift); "
               "systemctl stop etcd-swift")
    machines[0].shell(PATIENCE + BLOCKS["environment"] + BLOCKS["replace-announce"])
    lost.do("replace-join")
    healthy(machines[0])
    assert "Hello world" in lost.shell(BLOCKS["environment"] + "etcdctl get message")


def test_database_over_its_quota(machines):
    for machine in machines:
        machine.shell(f"echo '{SMALL_QUOTA}' >> /etc/etcd-swift/etcd-swift.conf; "
                      "systemctl restart etcd-swift")
    healthy(machines[0])
    fill = BLOCKS["environment"] + """
        head -c 1000000 /dev/zero | tr '\\0' x > ~/value
        for n in $(seq 20); do etcdctl put filler < ~/value || exit 0; done; exit 1"""
    machines[0].shell(fill)
    assert "NOSPACE" in machines[0].do("quota", environment=True)
    again = BLOCKS["environment"] + "etcdctl put message again && etcdctl get message"

    def has_room():
        if machines[0].root.run("bash", "-ec", "cd; " + again, seconds=60).returncode == 0:
            return True
        # A member was still forgetting while it was to give room back: as the manual says.
        machines[0].shell(BLOCKS["environment"] + "etcdctl defrag; etcdctl alarm disarm")
        return False
    harness.eventually(has_room, 60, "room for a key", pause=1)
    # What follows is not about space.
    for machine in machines:
        machine.shell(f"sed -i '/^{SMALL_QUOTA}$/d' /etc/etcd-swift/etcd-swift.conf; "
                      "systemctl restart etcd-swift")
    healthy(machines[0])


def test_corruption_alarm(machines):
    raise_it = BLOCKS["environment"] + """
        id=$(etcdctl member list --write-out=json | grep -o '"member_id":[0-9]*' | head -1 | cut -d: -f2)
        curl -sf --cacert $ETCDCTL_CACERT --cert $ETCDCTL_CERT --key $ETCDCTL_KEY \\
            https://10.0.0.1:2379/v3/maintenance/alarm \\
            -d "{\\"action\\":\\"ACTIVATE\\",\\"memberID\\":\\"$id\\",\\"alarm\\":\\"CORRUPT\\"}"
        ! etcdctl put message refused"""
    machines[0].shell(raise_it)
    found = machines[0].do("corrupt-find", environment=True)
    assert "CORRUPT" in found
    hashes = {line.split(", ")[1] for line in found.splitlines() if line.startswith("https")}
    assert len(hashes) == 1, "nothing is wrong with these three"
    machines[0].do("corrupt-end", environment=True)
    machines[0].shell(BLOCKS["environment"] + "etcdctl put message 'Hello again'")
