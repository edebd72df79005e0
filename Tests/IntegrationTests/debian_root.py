"""A Debian system of its own: made by debootstrap once, kept in a temporary directory, and the lower
layer of each test's; booted with systemd-nspawn where that works. Its network is apart from the
machine's, so that well-known ports are free."""

import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import harness

SUITE = "bookworm"
MIRROR = os.environ.get("ETCD_SWIFT_MIRROR", "http://deb.debian.org/debian")
CACHE = pathlib.Path(os.environ.get(
    "ETCD_SWIFT_ROOT_CACHE", os.path.join(tempfile.gettempdir(), f"etcd-swift-root-{SUITE}")))
# What the packages need, so that installing them needs no network; systemd to run units.
INCLUDED = ("ca-certificates,curl,dbus,etcd-client,libcrypt1,libnghttp2-14,libstdc++6,libsystemd0,"
            "procps,systemd-sysv")
BOOT_SECONDS = 60


class NotPossible(Exception):
    """Why there can be no such system here."""


def make():
    """A copy of the cached system."""
    if os.geteuid() != 0:
        raise NotPossible("needs root")
    if shutil.which("debootstrap") is None:
        raise NotPossible("needs debootstrap (Debian package debootstrap)")
    if not (CACHE / "ready").exists():
        shutil.rmtree(CACHE, ignore_errors=True)
        CACHE.mkdir(parents=True)
        done = harness.run(["debootstrap", "--variant=minbase", f"--include={INCLUDED}", SUITE,
                            str(CACHE / "root"), MIRROR], seconds=600)
        if done.returncode != 0:
            raise NotPossible(f"debootstrap failed: {done.stdout[-500:]}{done.stderr[-500:]}")
        (CACHE / "ready").touch()
    directory = pathlib.Path(tempfile.mkdtemp(prefix="etcd-it-root-"))
    # Nothing is copied: what changes lies over the cached system.
    for name in ("root", "changes", "work"):
        (directory / name).mkdir()
    done = harness.run(["mount", "-t", "overlay", "overlay", "-o",
                        f"lowerdir={CACHE}/root,upperdir={directory}/changes,"
                        f"workdir={directory}/work", str(directory / "root")])
    if done.returncode != 0:
        shutil.rmtree(directory)
        raise NotPossible(f"cannot mount an overlay: {done.stderr}")
    root = DebianRoot(directory)
    root.take_libraries(harness.OURS)
    return root


class DebianRoot:
    def __init__(self, directory):
        self.directory = directory
        self.path = directory / "root"
        self.nspawn = None
        self.leader = None

    def take_libraries(self, binary):
        """A program under test may need libraries that no package has: Swift's."""
        for line in harness.run(["ldd", binary]).stdout.splitlines():
            name, _, place = line.strip().partition(" => ")
            place = place.split(" ")[0]
            if name.startswith("lib") and "swift" in place.lower() or "BlocksRuntime" in name:
                target = self.path / place.lstrip("/")
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(place, target)

    def file(self, path):
        return self.path / str(path).lstrip("/")

    def files(self):
        """Every name below the root that a package could have left."""
        left_out = ("proc", "sys", "dev", "run", "tmp", "var/log", "var/cache", "var/tmp",
                    "var/lib/dpkg", "var/lib/systemd", "root")
        found = set()
        for folder, folders, names in os.walk(self.path):
            inside = os.path.relpath(folder, self.path)
            folders[:] = [f for f in folders
                          if os.path.normpath(os.path.join(inside, f)) not in left_out]
            found.update(os.path.normpath(os.path.join(inside, n)) for n in names + folders)
        return found

    # Running commands

    def boot(self, network=None, hostname="machine"):
        """Starts systemd, in a network of its own unless one is named by its path; says whether it
        came up."""
        if shutil.which("systemd-nspawn") is None or os.environ.get("ETCD_SWIFT_NO_NSPAWN"):
            return self.use_as_chroot()
        self.log = open(self.directory / "boot.log", "wb")
        place = f"--network-namespace-path={network}" if network else "--private-network"
        self.nspawn = subprocess.Popen(
            ["systemd-nspawn", "-q", "-D", str(self.path), "--boot", place, "--register=no",
             "--keep-unit", "--console=pipe", f"--hostname={hostname}",
             "-M", f"etcd-it-{hostname}-{os.getpid()}"],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
            env=dict(os.environ, SYSTEMD_NSPAWN_UNIFIED_HIERARCHY="1"))
        deadline = time.monotonic() + BOOT_SECONDS
        while time.monotonic() < deadline and self.nspawn.poll() is None:
            children = pathlib.Path(
                f"/proc/{self.nspawn.pid}/task/{self.nspawn.pid}/children").read_text().split()
            self.leader = int(children[0]) if children else None
            if self.leader is not None:
                state = self.run("systemctl", "is-system-running").stdout.strip()
                if state in ("running", "degraded"):
                    return True
            time.sleep(0.3)
        self.shut_down()
        return self.use_as_chroot()

    def use_as_chroot(self):
        """Tools of the system want to see processes there, too."""
        subprocess.run(["mount", "-t", "proc", "proc", str(self.file("/proc"))], check=True)
        return False

    def run(self, *words, seconds=120, check=False):
        """A command inside: in the booted system, else in a chroot with a network of its own."""
        if self.leader is not None:
            inside = ["nsenter", "-t", str(self.leader), "-m", "-u", "-i", "-n", "-p", "--"]
        else:
            inside = ["chroot", str(self.path)]
        clean = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                 "LANG": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive", "HOME": "/root"}
        done = subprocess.run([*inside, *words], env=clean, timeout=seconds, text=True,
                              stdin=subprocess.DEVNULL, capture_output=True)
        if check:
            assert done.returncode == 0, f"{' '.join(words)}:\n{done.stdout}{done.stderr}"
        return done

    def shut_down(self):
        if self.nspawn is None:
            return
        if self.leader is not None and self.nspawn.poll() is None:
            # Pulls the plug; nothing of this system is needed again.
            os.kill(self.leader, signal.SIGKILL)
        else:
            self.nspawn.kill()
        self.nspawn.wait(30)
        self.log.close()
        self.nspawn = self.leader = None

    def close(self):
        self.shut_down()
        subprocess.run(["umount", "-R", str(self.path)], check=False)
        shutil.rmtree(self.directory, ignore_errors=True)


class SystemdUnit:
    """A unit of a booted system."""

    def __init__(self, root, name):
        self.root, self.name = root, name

    def start(self):
        self.root.run("systemctl", "start", self.name, check=True)

    def stop(self):
        self.root.run("systemctl", "stop", self.name, check=True)

    def is_active(self):
        return self.root.run("systemctl", "is-active", self.name).stdout.strip() == "active"

    def pid(self):
        return int(self.root.run("systemctl", "show", "-p", "MainPID", "--value",
                                 self.name).stdout)


class UnitDouble:
    """Does for one unit what systemd would where that cannot run: its environment, its user, its
    program, and the socket that is told when it is ready. The chroot shares the machine's
    network."""

    def __init__(self, root, name):
        self.root = root
        self.text = root.file(f"/lib/systemd/system/{name}").read_text()
        self.process = None

    def values(self, key):
        return [line.partition("=")[2] for line in self.text.splitlines()
                if line.startswith(key + "=")]

    def environment(self):
        found = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "NOTIFY_SOCKET": "/run/notify"}
        for line in self.values("Environment"):
            name, _, value = line.partition("=")
            found[name] = value.replace("%H", socket.gethostname())
        for path in self.values("EnvironmentFile"):
            for line in self.root.file(path.lstrip("-")).read_text().splitlines():
                name, equals, value = line.strip().partition("=")
                if equals and not name.startswith(("#", ";")):
                    found[name] = value.strip("\"'")
        return found

    def start(self):
        place = str(self.root.file("/run/notify"))
        if os.path.exists(place):
            os.unlink(place)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ears:
            ears.bind(place)
            os.chmod(place, 0o777)
            ears.settimeout(harness.READY_SECONDS)
            user = self.values("User")[0]
            self.process = subprocess.Popen(
                ["chroot", f"--userspec={user}:{user}", str(self.root.path),
                 *self.values("ExecStart")[0].split()], env=self.environment(),
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            while "READY=1" not in ears.recv(4096).decode():
                pass

    def stop(self):
        self.process.terminate()
        assert self.process.wait(harness.READY_SECONDS) == 0

    def is_active(self):
        return self.process is not None and self.process.poll() is None

    def pid(self):
        return self.process.pid
