"""A machine on which the blocks of packaging/README.md are typed: a booted Debian with the package,
at one of the manual's addresses."""

import re
import shutil

import pytest

import debian_root
import harness

ADDRESSES = {"infra0": "10.0.0.1", "infra1": "10.0.0.2", "infra2": "10.0.0.3", "infra3": "10.0.0.4",
             "alone": "10.0.0.5"}
MANUAL = (harness.ROOT / "packaging/README.md").read_text()
BLOCKS = {m[1]: m[2] for m in re.finditer(
    r"<!-- runbook ([\w-]+)(?:: [\w ]+)? -->\n```sh\n(.*?)```", MANUAL, re.S)}
ENVIRONMENT = BLOCKS["environment"]
# A change of the membership is refused until members have been connected for some seconds: whoever
# types the commands repeats them.
PATIENCE = """etcdctl() {
    for turn in $(seq 30); do command etcdctl "$@" && return; sleep 1; done; return 1
}
"""


class Machine:
    def __init__(self, name, wire, deb):
        self.name, self.address = name, ADDRESSES[name]
        self.root = debian_root.make()
        holder = wire.networks[name].holder
        if not self.root.boot(network=f"/proc/{holder.pid}/ns/net", hostname=name):
            self.close()
            pytest.skip("systemd does not boot in systemd-nspawn here")
        shutil.copy(deb, self.file("/root"))
        # Every installed machine has this; debootstrap leaves it out.
        self.file("/etc/hosts").write_text("127.0.0.1 localhost\n")

    def file(self, path):
        return self.root.file(path)

    def do(self, block, about=None, patience=False):
        """A block of the manual, typed where the variables for etcdctl are set; with this machine's
        name and address where it wants them, or the name of the one that it is about."""
        text = re.sub(r"(?m)^name=infra\d", f"name={about or self.name}", BLOCKS[block])
        text = re.sub(r"(?m)^(name=\w+ address=).*$", rf"\g<1>{self.address}", text)
        return self.ask((PATIENCE if patience else "") + text)

    def ask(self, text):
        """Commands, etcdctl's variables being set."""
        return self.shell(ENVIRONMENT + text)

    def shell(self, text):
        done = self.attempt(text)
        assert done.returncode == 0, (
            f"on {self.name}: {text}\n{done.stdout}{done.stderr}\n{self.log()}")
        return done.stdout

    def attempt(self, text, seconds=300):
        return self.root.run("bash", "-ec", "cd; " + text, seconds=seconds)

    def log(self, lines=20):
        return self.root.run("journalctl", "-u", "etcd-swift", "-o", "cat", "-n", str(lines)).stdout

    def pid(self):
        return debian_root.SystemdUnit(self.root, "etcd-swift").pid()

    def pull_the_plug(self):
        """The member ends without a word, and nothing starts it again."""
        self.shell(f"kill -9 {self.pid()}; systemctl stop etcd-swift")

    def wait_healthy(self, number=3):
        """Every member of the cluster, as this machine sees it."""
        said = []

        def look():
            done = self.attempt(ENVIRONMENT + "etcdctl endpoint health --cluster")
            said.append(done.stdout + done.stderr)
            return done.returncode == 0 and said[-1].count("is healthy") == number
        try:
            harness.eventually(look, 90, "health", pause=0.5)
        except AssertionError:
            raise AssertionError(f"{number} healthy members: {said[-1]}\n{self.log()}") from None

    def close(self):
        self.root.close()
