"""As much of a container engine as testing an image takes: carries out a Dockerfile on a copied
Debian system, and `docker run` lines in name spaces of their own. Containers share one network,
which is apart from the machine's."""

import os
import pathlib
import re
import shlex
import shutil
import signal
import subprocess
import tempfile

import harness


class Image:
    def __init__(self, root, context):
        """`root` has what the Dockerfile would install with apt."""
        self.root = root
        self.context = pathlib.Path(context)
        self.entrypoint, self.command, self.health, self.directory = [], [], [], "/"
        text = re.sub(r"(?m)^#.*\n", "", (self.context / "Dockerfile").read_text())
        for line in re.sub(r"\\\n", " ", text).splitlines():
            if line.strip():
                self.carry_out(*line.strip().split(None, 1))

    def carry_out(self, word, rest):
        if word == "RUN" and "apt-get" not in rest:
            done = self.root.run("sh", "-ec", rest)
            assert done.returncode == 0, f"{rest}\n{done.stderr}"
        elif word == "COPY":
            *sources, target = rest.split()
            for source in sources:
                place = self.root.file(target)
                shutil.copy(self.context / source, place / os.path.basename(source)
                            if target.endswith("/") else self.made(place))
        elif word == "ENTRYPOINT":
            self.entrypoint = eval(rest)
        elif word == "CMD":
            self.command = eval(rest)
        elif word == "HEALTHCHECK":
            self.health = eval(rest.partition("CMD ")[2])
        elif word == "WORKDIR":
            self.directory = rest
        else:
            assert word in ("ARG", "FROM", "EXPOSE", "RUN"), f"unknown: {word}"

    @staticmethod
    def made(place):
        place.parent.mkdir(parents=True, exist_ok=True)
        return place


class Network:
    """A loopback of its own."""

    def __init__(self):
        self.holder = subprocess.Popen(
            ["unshare", "--net", "sh", "-c", "ip link set lo up && echo up && exec sleep 3600"],
            stdout=subprocess.PIPE, text=True)
        assert self.holder.stdout.readline() == "up\n"
        self.inside = ["nsenter", f"--net=/proc/{self.holder.pid}/ns/net"]

    def run(self, *words):
        return harness.run([*self.inside, *words])

    def close(self):
        self.holder.kill()
        self.holder.wait()


class Machines:
    """Networks of several machines on one wire. Addresses by name."""

    def __init__(self, addresses):
        self.wire = Network()
        self.networks = {}
        self.wire.run("ip", "link", "add", "wire", "type", "bridge")
        self.wire.run("ip", "link", "set", "wire", "up")
        for number, (name, address) in enumerate(addresses.items()):
            network = self.networks[name] = Network()
            for words in (
                    f"link add port{number} type veth peer name eth0 netns {network.holder.pid}",
                    f"link set port{number} master wire up"):
                done = self.wire.run("ip", *words.split())
                assert done.returncode == 0, done.stderr
            network.run("ip", "address", "add", f"{address}/24", "dev", "eth0")
            network.run("ip", "link", "set", "eth0", "up")

    def close(self):
        for network in [*self.networks.values(), self.wire]:
            network.close()


class Container:
    """An image's process 1 with a layer, volumes and processes of its own. `volumes` are pairs of a
    directory here and its place there; `hosts` are addresses by name."""

    def __init__(self, image, network, name, environment, volumes, arguments=(), hosts=None):
        self.image, self.network = image, network
        environment = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                       **environment}
        self.inside = ["env", "-i", *(f"{key}={value}" for key, value in environment.items())]
        command = image.entrypoint + (list(arguments) or image.command)
        self.scratch = tempfile.mkdtemp(prefix="etcd-it-container-")
        os.chmod(self.scratch, 0o755)
        root = str(image.root.path)
        lines = ["127.0.0.1 localhost"] + [f"{hosts[host]} {host}" for host in hosts or ()]
        script = [f"mount -t tmpfs tmpfs {self.scratch}",
                  f"mkdir {self.scratch}/up {self.scratch}/work {self.scratch}/root",
                  f"mount -t overlay overlay -o lowerdir={root},upperdir={self.scratch}/up,"
                  f"workdir={self.scratch}/work {self.scratch}/root",
                  f"mount -t proc proc {self.scratch}/root/proc",
                  f"printf '%s\\n' {shlex.join(lines)} > {self.scratch}/root/etc/hosts"]
        for source, target in volumes:
            script += [f"mkdir -p {self.scratch}/root{target}",
                       f"mount --bind {source} {self.scratch}/root{target}"]
        script.append(f"exec chroot {self.scratch}/root env -C {image.directory} "
                      + shlex.join(self.inside + command))
        self.log_path = f"{self.scratch}-{name}.log"
        with open(self.log_path, "wb") as log:
            self.engine = subprocess.Popen(
                [*network.inside, "unshare", "--mount", "--pid", "--fork", "--kill-child", "sh",
                 "-ec", " && ".join(script)], stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    @classmethod
    def started_by(cls, image, network, line):
        """What `docker run …` starts. Published ports are not carried over: all share one
        network."""
        words = shlex.split(line.replace("\\\n", " "))
        assert words[:2] == ["docker", "run"]
        environment, volumes, name, rest = {}, [], "unnamed", words[2:]
        while rest[0].startswith("-"):
            option = rest.pop(0)
            if option in ("-d", "--rm"):
                continue
            value = rest.pop(0)
            if option == "-e":
                key = value.partition("=")[0]
                environment[key] = value.partition("=")[2]
            elif option == "-v":
                volumes.append(value.split(":")[:2])
            elif option == "--name":
                name = value
            else:
                assert option in ("-p", "--restart", "--net", "--network"), option
        return cls(image, network, name, environment, volumes, rest[1:])

    def log(self):
        return pathlib.Path(self.log_path).read_text(errors="replace")

    def pid(self):
        """Of the container's process 1."""
        def child():
            assert self.engine.poll() is None, self.log()
            return self.children()
        return harness.eventually(child, 10, "process 1")[0]

    def children(self):
        place = pathlib.Path(f"/proc/{self.engine.pid}/task/{self.engine.pid}/children")
        return [int(pid) for pid in place.read_text().split()]

    def run(self, *words):
        """docker exec."""
        return harness.run(["nsenter", "-t", str(self.pid()), "--mount", "--pid", "--net",
                            "chroot", f"{self.scratch}/root", *self.inside, *words])

    def is_healthy(self):
        return self.run(*self.image.health).returncode == 0

    def wait_healthy(self):
        def look():
            assert self.engine.poll() is None, self.log()
            return self.is_healthy()
        harness.eventually(look, harness.READY_SECONDS, f"health\n{self.log()[-3000:]}")

    def stop(self, seconds=harness.READY_SECONDS):
        """docker stop; the code that process 1 ended with."""
        os.kill(self.pid(), signal.SIGTERM)
        return self.engine.wait(seconds)

    def close(self):
        if self.engine.poll() is None:
            # Process 1 does not end with the engine: it became another user, which cancels that.
            for pid in self.children():
                os.kill(pid, signal.SIGKILL)
            self.engine.kill()
            self.engine.wait()
        os.unlink(self.log_path)
        shutil.rmtree(self.scratch, ignore_errors=True)
