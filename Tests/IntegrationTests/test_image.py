"""The image: its Dockerfile carried out on a Debian system, and the tutorial's `docker run` lines,
unchanged apart from the image's name."""

import json
import os
import pathlib
import re

import pytest

import compose
import debian_root
import harness
import image_engine

pytestmark = pytest.mark.skipif(
    harness.TESTING_REFERENCE, reason="the image holds our program only")

# How the tutorials call an image of etcd. Addresses are those of the three machines.
STYLES = {
    "path": """docker run -d --restart always -p 2380:2380 -p 2379:2379 -p 4001:4001 \\
      -v {volume}:/var/lib/etcd --name {name} IMAGE /usr/local/bin/etcd \\
      --name {name} -data-dir /var/lib/etcd \\
      -initial-advertise-peer-urls http://{host}:2380 -listen-peer-urls http://{host}:2380 \\
      -listen-client-urls http://{host}:2379,http://{host}:4001 \\
      -advertise-client-urls http://{host}:2379,http://{host}:4001 \\
      -initial-cluster-token etcd-cluster-1 -initial-cluster "{cluster}" \\
      -initial-cluster-state new""",
    "flags": """docker run -d -p 2580:2380 -p 2579:2379 -v {volume}:/data --name {name} IMAGE \\
      -name {name} -data-dir=/data/member.etcd \\
      -advertise-client-urls http://{host}:2379 -listen-client-urls http://{host}:2379 \\
      -initial-advertise-peer-urls http://{host}:2380 -listen-peer-urls http://{host}:2380 \\
      -initial-cluster-token etcd-cluster-1 -initial-cluster {cluster} \\
      -initial-cluster-state new""",
    "word": """docker run -d -p 2379:2379 -p 2380:2380 --name {name} IMAGE etcd --name {name} \\
      --listen-client-urls http://{host}:2379 --advertise-client-urls http://{host}:2379 \\
      --listen-peer-urls http://{host}:2380 --initial-advertise-peer-urls http://{host}:2380 \\
      --initial-cluster {cluster} --initial-cluster-state new \\
      --initial-cluster-token etcd-cluster-1""",
    "2.3": """docker run -d --name {name} IMAGE /etcd -name {name} \\
      -listen-client-urls http://{host}:2379 -advertise-client-urls http://{host}:2379 \\
      -listen-peer-urls http://{host}:2380 -initial-advertise-peer-urls http://{host}:2380 \\
      -initial-cluster {cluster} -initial-cluster-token etcd-cluster-1""",
    "variables": """docker run -d -p 2379:2379 -e ETCD_NAME={name} \\
      -e ETCD_LISTEN_CLIENT_URLS=http://{host}:2379 \\
      -e ETCD_ADVERTISE_CLIENT_URLS=http://{host}:2379 \\
      -e ETCD_LISTEN_PEER_URLS=http://{host}:2380 \\
      -e ETCD_INITIAL_ADVERTISE_PEER_URLS=http://{host}:2380 \\
      -e ETCD_INITIAL_CLUSTER={cluster} -e ETCD_INITIAL_CLUSTER_TOKEN=etcd-cluster-1 \\
      -v {volume}:/somewhere -e ETCD_DATA_DIR=/somewhere/data --name {name} IMAGE""",
}


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    try:
        root = debian_root.make()
    except debian_root.NotPossible as reason:
        pytest.skip(str(reason))
    done = harness.run(
        [str(harness.ROOT / "scripts/package.sh"), "tree"], seconds=120, environment={
            "ETCD_SWIFT_BINARY": harness.OURS, "PACKAGE_FAST": "1",
            "ETCD_SWIFT_PACKAGES": str(tmp_path_factory.mktemp("image"))})
    assert done.returncode == 0, done.stdout + done.stderr
    yield image_engine.Image(root, done.stdout.split()[-1])
    root.close()


@pytest.fixture
def network(closing):
    return closing(image_engine.Network())


@pytest.fixture
def docker(image, network, closing, tmp_path):
    """docker(line) starts a container."""
    return lambda line: closing(image_engine.Container.started_by(image, network, line))


def line(style, name, host, cluster, volume):
    volume.mkdir()
    return STYLES[style].format(name=name, host=host, cluster=cluster, volume=volume)


@pytest.mark.parametrize("style", STYLES)
def test_every_style(docker, network, tmp_path, style):
    volume = tmp_path / "volume"
    container = docker(line(style, "infra0", "127.0.0.1", "infra0=http://127.0.0.1:2380", volume))
    container.wait_healthy()
    put = network.run("curl", "-s", "http://127.0.0.1:2379/v2/keys/message", "-XPUT", "-d",
                      "value=Hello world")
    assert '"value":"Hello world"' in put.stdout
    # Not root, although the engine starts the container as root and the volume is root's.
    status = pathlib.Path(f"/proc/{container.pid()}/status").read_text()
    assert re.search(r"^Uid:\t2379\t2379\t2379\t2379$", status, re.M)
    assert re.search(r"^NSpid:.*\t1$", status, re.M), "the program is process 1"
    assert re.search(r"^NoNewPrivs:\t1$", status, re.M)
    if "{volume}" in STYLES[style]:
        assert [p for p in volume.rglob("wal")], "the data is in the volume"
    # etcdctl is on board, for both APIs.
    assert container.run("env", "ETCDCTL_API=3", "etcdctl", "endpoint", "health").returncode == 0
    assert "infra0" in container.run("env", "ETCDCTL_API=2", "/etcdctl", "member", "list").stdout
    # An engine sends SIGTERM to process 1, and expects it to end well.
    assert container.stop() == 0
    assert "closed etcd server" in container.log()


def test_three_members(docker, network, tmp_path):
    hosts = {f"infra{n}": f"127.0.0.{n + 1}" for n in range(3)}
    cluster = ",".join(f"{name}=http://{host}:2380" for name, host in hosts.items())
    containers = [
        docker(line(style, name, host, cluster, tmp_path / name))
        for style, (name, host) in zip(("path", "flags", "variables"), hosts.items())]
    for container in containers:
        container.wait_healthy()
    network.run("curl", "-s", "http://127.0.0.1:2379/v2/keys/message", "-XPUT", "-d", "value=x")
    for host in hosts.values():
        answer = network.run("curl", "-s", f"http://{host}:2379/v2/keys/message?quorum=true")
        assert '"value":"x"' in answer.stdout
    # A container that is started again finds its data.
    assert containers[1].stop() == 0
    again = docker(STYLES["flags"].format(
        name="infra1", host="127.0.0.2", cluster=cluster, volume=tmp_path / "infra1"))
    again.wait_healthy()
    assert '"value":"x"' in network.run(
        "curl", "-s", "http://127.0.0.2:2379/v2/keys/message").stdout


def test_other_commands(docker):
    shown = docker("docker run --rm IMAGE --version")
    assert shown.engine.wait(20) == 0
    assert shown.log().startswith("etcd Version: 3.5")
    assert docker("docker run --rm IMAGE etcdctl version").engine.wait(20) == 0
    assert docker("docker run --rm IMAGE sh -c 'exit 7'").engine.wait(20) == 7
    wrong = docker("docker run --rm IMAGE --no-such-flag")
    assert wrong.engine.wait(20) == 2
    assert "no-such-flag" in wrong.log()


def test_data_of_another_user(docker, network, tmp_path):
    """A volume that etcd's own image, which runs as root, has left behind."""
    volume = tmp_path / "volume"
    old = harness.single(binary=harness.OURS)
    try:
        old.put("/kept", "from root")
        old.terminate()
        volume.mkdir()
        os.rename(old.data_dir, volume / "data")
    finally:
        old.close()
    container = docker(
        f"docker run -v {volume}:/v IMAGE etcd --name infra0 --data-dir /v/data "
        "--listen-client-urls http://127.0.0.1:2379 --advertise-client-urls http://127.0.0.1:2379")
    container.wait_healthy()
    assert '"value":"from root"' in network.run(
        "curl", "-s", "http://127.0.0.1:2379/v2/keys/kept").stdout


def test_compose(image, closing, tmp_path):
    """The compose file as it stands: its comment says where clients find the members."""
    path = harness.ROOT / "packaging/image/compose.yaml"
    machine = closing(compose.Compose(path, {"etcd-swift": image}, tmp_path))
    urls = [f"http://127.0.0.1:{port}" for port in (2379, 22379, 32379)]
    assert sorted(machine.published) == [2379, 22379, 32379]
    machine.up()
    for container in machine.containers.values():
        container.wait_healthy()
    put = machine.machine.run("curl", "-s", f"{urls[0]}/v2/keys/message", "-XPUT", "-d", "value=x")
    assert '"value":"x"' in put.stdout, put
    for url in urls:
        read = machine.machine.run("curl", "-s", f"{url}/v2/keys/message?quorum=true")
        assert '"value":"x"' in read.stdout, read
    # Each port leads to another member.
    names = {json.loads(machine.machine.run("curl", "-s", f"{url}/v2/stats/self").stdout)["name"]
             for url in urls}
    assert names == set(machine.services)
    # Down removes containers, not volumes; the new ones have other addresses.
    assert machine.down() == dict.fromkeys(machine.services, 0)
    for name in machine.volumes:
        assert [found for found in (tmp_path / name).rglob("wal")], f"no data in volume {name}"
    machine.up()
    for container in machine.containers.values():
        container.wait_healthy()
    for url in urls:
        read = machine.machine.run("curl", "-s", f"{url}/v2/keys/message?quorum=true")
        assert '"value":"x"' in read.stdout, read
    put = machine.machine.run(
        "env", "ETCDCTL_API=3", "etcdctl", f"--endpoints={urls[1]}", "put", "again", "1")
    assert put.stdout == "OK\n", put
