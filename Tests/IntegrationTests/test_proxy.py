"""The v2 proxy and the TCP gateway: ours in front of the reference, the reference in front of ours,
and their answers beside each other."""

import json
import os
import re
import signal
import socket
import subprocess
import threading

import pytest

import harness
import rawhttp
from harness import OURS, REFERENCE, Cluster, Member, eventually, free_port, is_go, run
from tls_certs import Authority
from tls_member import SecureMember, authority_flags, curl
from v3_reference import ETCDCTL34, ETCDCTL35
from watching import Watch

PROGRAMS = {"ours": OURS, "reference": REFERENCE}
# Who stands in front of whom.
PAIRS = [("ours", "reference"), ("reference", "ours"), ("ours", "ours")]
PERMISSIONS = ["Access-Control-Allow-Headers", "Access-Control-Allow-Methods",
               "Access-Control-Allow-Origin"]


class Proxy(Member):
    """A proxy as a process; `initial_cluster` names the members."""

    def __init__(self, binary, initial_cluster, mode="on", name="proxy", **rest):
        super().__init__(name, binary, **rest)
        self.initial_cluster = initial_cluster
        self.mode = mode

    def standard_flags(self):
        mode = ["--proxy", self.mode] if self.mode else []
        return [*mode, "--data-dir", self.data_dir, "--listen-client-urls", self.client,
                "--initial-cluster", self.initial_cluster]

    def endpoints(self):
        return self.request("GET", "/v2/config/local/proxy").json()["endpoints"]

    def wait_endpoints(self, count=1):
        def check():
            assert self.process.poll() is None, self.log_tail()
            return len(self.endpoints()) == count
        eventually(check, harness.READY_SECONDS, f"{count} endpoints")
        return self

    def cluster_file(self):
        with open(os.path.join(self.data_dir, "proxy", "cluster")) as file:
            return json.load(file)


def counters(member, prefix):
    text = member.request("GET", "/metrics").body.decode()
    found = {}
    for line in text.splitlines():
        if line.startswith(prefix):
            name, _, value = line.rpartition(" ")
            found[name] = float(value)
    return found


def plain(answer, dropped=()):
    """An answer without what differs from one to the next, and without how its end is told."""
    left_out = {"date", "content-length", "transfer-encoding", "x-raft-index", "connection",
                *(name.lower() for name in dropped)}
    fields = sorted((name, value) for name, value in answer.headers
                    if name.lower() not in left_out)
    return answer.status_line, fields, answer.body


@pytest.fixture
def pair(request, start, closing, reference):
    """A member and a proxy in front of it, by the names of their programs."""
    front, behind = request.param
    member = start(binary=PROGRAMS[behind])
    proxy = closing(Proxy(PROGRAMS[front], f"{member.name}={member.peer}")).start()
    return member, proxy.wait_endpoints()


both_ways = pytest.mark.parametrize(
    "pair", PAIRS, indirect=True, ids=[f"{front}-before-{behind}" for front, behind in PAIRS])

def server_pair(authority):
    return authority.leaf("server", san="IP:127.0.0.1", usage="serverAuth,clientAuth")


FORM = [("Content-Type", "application/x-www-form-urlencoded")]
REQUESTS = [
    ("PUT", "/v2/keys/p/a", FORM, b"value=1"),
    ("PUT", "/v2/keys/p/a?prevValue=2", FORM, b"value=3"),
    ("POST", "/v2/keys/p/q", FORM, b"value=%20x%26"),
    ("PUT", "/v2/keys/p/dir", FORM, b"dir=true"),
    ("PUT", "/v2/keys/p/large", FORM, b"value=" + b"x" * 9000),
    ("GET", "/v2/keys/p?recursive=true&sorted=true", [], None),
    ("GET", "/v2/keys/p/large", [], None),
    ("HEAD", "/v2/keys/p/a", [], None),
    ("GET", "/v2/keys/p/none", [], None),
    ("GET", "/v2/keys/p/a?quorum=true", [], None),
    ("GET", "/v2/keys/p/a?wait=true&waitIndex=1", [], None),
    ("GET", "/v2/keys/p/a?wait=maybe", [], None),
    ("DELETE", "/v2/keys/p/a?prevValue=nope", [], None),
    ("DELETE", "/v2/keys/p?recursive=true", [], None),
    ("TRACE", "/v2/keys/p", [], None),
    ("GET", "/v2/members", [], None),
    ("POST", "/v2/members", [("Content-Type", "application/json")], b"{"),
    ("GET", "/version", [], None),
    ("GET", "/health", [], None),
    ("GET", "/nothing", [], None),
    ("GET", "/v2/keys/%zz", [], None),
    ("GET", "/v2/auth/enable", [], None),
    ("PUT", "/v2/keys/p/raw", [], b"value=1"),
]


@both_ways
def test_answers_as_without_proxy(pair):
    """Everything that a member says comes through: status, fields and body."""
    member, proxy = pair
    for method, target, fields, body in REQUESTS:
        direct = member.request(method, target, headers=fields, body=body)
        relayed = proxy.request(method, target, headers=fields, body=body)
        if is_go(proxy.binary):
            # etcd's proxy adds its own permissions to those of the member.
            once = []
            for field in relayed.headers:
                if field not in once:
                    once.append(field)
            relayed.headers = once
        if method in ("PUT", "POST", "DELETE") and direct.status in (200, 201):
            # The second of two equal writes has another outcome.
            assert relayed.status in (200, 201, 403, 404), (target, relayed)
            assert relayed.header("X-Etcd-Cluster-Id") == direct.header("X-Etcd-Cluster-Id")
        else:
            assert plain(relayed) == plain(direct), target


def test_answers_as_from_etcds_proxy(start, closing, reference):
    """What a proxy says itself, beside what etcd's says; in front of one member."""
    member = start(binary=REFERENCE)
    listing = f"{member.name}={member.peer}"
    theirs, ours = (closing(Proxy(PROGRAMS[name], listing)).start() for name in
                    ("reference", "ours"))
    for proxy in (theirs, ours):
        proxy.wait_endpoints()
    own = [("GET", "/v2/config/local/proxy"), ("POST", "/v2/config/local/proxy"),
           ("DELETE", "/v2/config/local/proxy?x=1"), ("OPTIONS", "/v2/keys"),
           ("GET", "/v2/config/local/proxy/")]
    for method, target in own:
        assert plain(ours.request(method, target), PERMISSIONS) == plain(
            theirs.request(method, target), PERMISSIONS), (method, target)
    # Browsers refuse an answer with two origins, which is what etcd's proxy gives.
    answer = ours.request("GET", "/v2/keys/", headers=[("Origin", "http://web:80")])
    for name in PERMISSIONS:
        assert len([key for key, _ in answer.headers if key == name]) == 1, answer
    member.kill()
    for _ in range(2):
        pairs = [proxy.request("PUT", "/v2/keys/a", form={"value": "1"})
                 for proxy in (theirs, ours)]
        assert plain(pairs[0]) == plain(pairs[1])
    assert pairs[1].status == 503
    assert pairs[1].json() == {"message": "httpproxy: zero endpoints currently available"}
    for prefix in ("etcd_proxy_requests", "etcd_proxy_dropped"):
        kinds = [{name: value for name, value in counters(proxy, prefix).items()
                  if "PUT" in name} for proxy in (theirs, ours)]
        assert kinds[0] == kinds[1] and kinds[1]


@pytest.mark.parametrize("front", ["ours", "reference"])
def test_readonly(front, start, closing, reference):
    member = start(binary=REFERENCE)
    proxy = closing(Proxy(PROGRAMS[front], f"{member.name}={member.peer}", mode="readonly"))
    proxy.start().wait_endpoints()
    member.put("/a", "1")
    assert proxy.value("/a") == "1"
    for method in ("PUT", "POST", "DELETE", "HEAD", "OPTIONS"):
        answer = proxy.request(method, "/v2/keys/a", form={"value": "2"})
        assert (answer.status, answer.body, answer.header("X-Etcd-Index")) == (501, b"", None)
    assert member.value("/a") == "1"


@both_ways
def test_long_poll(pair):
    member, proxy = pair
    member.put("/w", "1")
    if is_go(proxy.binary):
        # Its answer begins with the event.
        with rawhttp.Wire(proxy.address) as wire:
            wire.send(rawhttp.encode("GET", "/v2/keys/w?wait=true"))
            assert wire.silent(0.5)
            member.put("/w", "2")
            assert wire.response().json()["node"]["value"] == "2"
        return
    with Watch(proxy, "/w") as watch:
        assert watch.silent(0.3)
        proxy.put("/w", "2")
        assert watch.event()["node"]["value"] == "2"
        assert watch.event() is None


@pytest.mark.parametrize("behind", ["ours", "reference"])
def test_stream_through_ours(behind, start, closing, reference):
    """Events come one by one (etcd's own proxy holds them back until they fill a buffer), and the
    watch at the member ends with the client."""
    member = start(binary=PROGRAMS[behind])
    proxy = closing(Proxy(OURS, f"{member.name}={member.peer}")).start().wait_endpoints()
    if is_go(proxy.binary):
        pytest.skip("the reference does not stream")

    def watchers():
        return sum(counters(member, "etcd_debugging_store_watchers").values())
    before = watchers()
    with Watch(proxy, "/s", "&stream=true&recursive=true") as watch:
        for number in range(5):
            proxy.put(f"/s/{number}", "x" * 3000)
            text = b""
            while not text.endswith(b"\n"):
                text += watch.text()
            assert json.loads(text)["node"]["key"] == f"/s/{number}"
        assert watchers() == before + 1
    eventually(lambda: watchers() == before, 20, "the end of the watch")


@pytest.mark.parametrize("front", ["ours", "reference"])
def test_members_change(front, closing, reference):
    """The proxy follows additions and removals, remembers them, and does without members that are
    down."""
    cluster = closing(Cluster(1, binaries=[REFERENCE]))
    cluster.start()
    first = cluster.members[0]
    flags = ["--proxy-refresh-interval", "300", "--proxy-failure-wait", "200"]
    proxy = closing(Proxy(PROGRAMS[front], f"{first.name}={first.peer}", flags=flags)).start()
    proxy.wait_endpoints(1)
    assert proxy.cluster_file() == {"PeerURLs": [first.peer]}
    assert os.stat(os.path.join(proxy.data_dir, "proxy")).st_mode & 0o777 == 0o700
    second = cluster.add("infra1", OURS if front == "reference" else REFERENCE)
    third = cluster.add("infra2", REFERENCE)
    proxy.wait_endpoints(3)
    eventually(lambda: proxy.cluster_file() == {
        "PeerURLs": sorted([first.peer, second.peer, third.peer])}, 10, "the cluster file")
    first.kill()

    def written():
        return proxy.put("/k", "1").status in (200, 201)
    eventually(written, 20, "a write without the first member")
    # A new start knows the members although the flag names the dead one alone.
    proxy.terminate()
    proxy.start().wait_endpoints(3)
    eventually(written, 20, "a write after the restart")
    assert cluster.remove(first, through=second).status == 204
    proxy.wait_endpoints(2)


@pytest.mark.parametrize("front", ["ours", "reference"])
def test_members_come_later(front, closing, reference):
    member = closing(Member("infra0", REFERENCE))
    proxy = closing(Proxy(PROGRAMS[front], f"{member.name}={member.peer}")).start()
    eventually(lambda: proxy.request("GET", "/v2/keys/").status == 503, 20, "503 without members")
    member.start().wait_ready()
    proxy.wait_endpoints(1)
    assert proxy.put("/a", "1").status == 201


@pytest.mark.parametrize("front", ["ours", "reference"])
def test_directories_decide(front, closing, reference):
    """A member's directory makes a member, whatever --proxy says; one with both is refused."""
    member = closing(Member("infra0", PROGRAMS[front])).start().wait_ready()
    member.put("/a", "1")
    member.terminate()
    member.start(extra=["--proxy", "on"]).wait_ready()
    assert member.value("/a") == "1"
    member.terminate()
    os.mkdir(os.path.join(member.data_dir, "proxy"))
    assert member.start().wait_exit() == 1
    assert "both member and proxy directories exist" in member.log().lower()


@pytest.mark.parametrize("content, reason", [
    ("{", "bad JSON"), ("{}", "PeerURLs"), ('{"PeerURLs":[1]}', "PeerURLs")])
def test_broken_cluster_file(content, reason, closing):
    proxy = closing(Proxy(OURS, "infra0=http://127.0.0.1:1"))
    os.makedirs(os.path.join(proxy.data_dir, "proxy"))
    with open(os.path.join(proxy.data_dir, "proxy", "cluster"), "w") as file:
        file.write(content)
    code = proxy.start().wait_exit()
    if is_go(proxy.binary):
        pytest.skip("etcd takes an object without the list")
    assert code == 1 and reason in proxy.log() and "proxy/cluster" in proxy.log()


def test_stops_in_good_order(start, closing):
    """A signal ends a proxy although a client waits."""
    member = start()
    proxy = closing(Proxy(OURS, f"{member.name}={member.peer}")).start().wait_endpoints()
    with rawhttp.Wire(proxy.address) as wire:
        wire.send(rawhttp.encode("GET", "/v2/keys/w?wait=true"))
        assert proxy.terminate() in (0, -signal.SIGTERM)


@pytest.mark.parametrize("front", ["ours", "reference"])
def test_tls(front, closing, reference, tmp_path):
    """TLS with certificates towards clients, members' clients and members."""
    authority = Authority(tmp_path, "authority")
    server = server_pair(authority)
    client = authority.leaf("client")
    member = closing(SecureMember(
        "infra0", REFERENCE, client_flags=authority_flags(authority, server),
        peer_flags=authority_flags(authority, server, peer=True))).start().wait_ready()
    proxy = Proxy(PROGRAMS[front], f"{member.name}={member.peer}", flags=[
        *authority_flags(authority, server), *authority_flags(authority, server, peer=True)])
    secure = f"https://127.0.0.1:{free_port()}"
    plain_url = proxy.client
    proxy.client = f"{secure},{plain_url}"
    closing(proxy).start()
    proxy.client = plain_url
    proxy.wait_endpoints(1)
    assert proxy.endpoints() == [member.secure]
    status, _, body = curl(f"{secure}/v2/keys/t", "-X", "PUT", "-d", "value=1", ca=authority.cert,
                           pair=client)
    assert status == 201 and json.loads(body)["node"]["value"] == "1"
    assert member.value("/t") == "1"
    assert curl(f"{secure}/v2/keys/t", ca=authority.cert)[0] is None


def test_member_that_proves_nothing(closing, reference, tmp_path):
    """A proxy does not talk to a server whose certificate nobody it knows has signed."""
    authority, stranger = Authority(tmp_path, "authority"), Authority(tmp_path, "stranger")
    member = closing(SecureMember(
        "infra0", REFERENCE, client_flags=authority_flags(
            stranger, server_pair(stranger), auth=False))).start().wait_ready()
    proxy = closing(Proxy(OURS, f"{member.name}={member.peer}", flags=authority_flags(
        authority, server_pair(authority), auth=False))).start().wait_endpoints()
    assert proxy.put("/a", "1").status == 502
    assert "certificate" in proxy.log()


def test_grpc_is_refused(start, closing):
    """A v3 client is told what is wrong instead of waiting."""
    if is_go(OURS):
        pytest.skip("the reference does not answer")
    member = start()
    proxy = closing(Proxy(OURS, f"{member.name}={member.peer}")).start().wait_endpoints()
    done = run([ETCDCTL34, "--endpoints", proxy.client, "--command-timeout=5s", "get", "a"],
               environment={"ETCDCTL_API": "3"})
    assert done.returncode != 0 and "v2 API only" in done.stderr


# --- gateway


class Gateway:
    """`gateway start` as a process."""

    def __init__(self, binary, endpoints, flags=(), directory=None):
        self.address = ("127.0.0.1", free_port())
        self.url = f"http://127.0.0.1:{self.address[1]}"
        self.log_path = os.path.join(directory, "gateway.log")
        self.words = [binary, "gateway", "start", f"--listen-addr=127.0.0.1:{self.address[1]}",
                      f"--endpoints={','.join(endpoints)}", *flags]

    def __enter__(self):
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(self.words, stdout=log, stderr=log,
                                            stdin=subprocess.DEVNULL)

        def listening():
            assert self.process.poll() is None, self.log()
            return "ready to proxy client requests" in self.log()
        eventually(listening, harness.READY_SECONDS, "the gateway")
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def log(self):
        with open(self.log_path) as file:
            return file.read()

    def ctl(self, *words, tool=ETCDCTL35, check=True):
        done = run([tool, "--endpoints", f"127.0.0.1:{self.address[1]}", *words],
                   environment={"ETCDCTL_API": "3"})
        assert not check or done.returncode == 0, done.stderr
        return done.stdout


@pytest.mark.parametrize("program", ["ours", "reference"])
def test_gateway(program, start, reference, tmp_path):
    """Both APIs through a gateway, with a watch, in front of the other program's member."""
    member = start(binary=REFERENCE if program == "ours" else OURS)
    with Gateway(PROGRAMS[program], [member.client], directory=tmp_path) as gateway:
        assert gateway.ctl("put", "k", "v", tool=ETCDCTL34) == "OK\n"
        watch = subprocess.Popen(
            [ETCDCTL35, "--endpoints", f"127.0.0.1:{gateway.address[1]}", "watch", "k", "--rev",
             "1"], stdout=subprocess.PIPE, text=True, env={**os.environ, "ETCDCTL_API": "3"})
        lines = []
        reader = threading.Thread(target=lambda: lines.extend(iter(watch.stdout.readline, "")))
        reader.start()
        gateway.ctl("put", "k", "w")
        try:
            eventually(lambda: "w\n" in lines, 20, "the event")
        finally:
            watch.kill()
            watch.wait()
            reader.join()
        assert gateway.ctl("get", "k", "--print-value-only") == "w\n"
        large = "x" * 1_000_000
        assert rawhttp.request(gateway.address, "PUT", "/v2/keys/l",
                               form={"value": large}).status == 201
        assert member.value("/l") == large


@pytest.mark.parametrize("program", ["ours", "reference"])
def test_gateway_endpoint_dies(program, closing, reference, tmp_path):
    cluster = closing(Cluster(3, binaries=[REFERENCE, OURS, REFERENCE]))
    cluster.start()
    with Gateway(PROGRAMS[program], [member.client for member in cluster.members],
                 flags=["--retry-delay=1s"], directory=tmp_path) as gateway:
        def ask():
            return rawhttp.request(gateway.address, "GET", "/v2/stats/self").json()["name"]
        assert {ask() for _ in range(6)} == {member.name for member in cluster.members}
        cluster.members[0].kill()
        assert {ask() for _ in range(6)} == {member.name for member in cluster.members[1:]}
        assert "deactivated endpoint" in gateway.log()
        cluster.members[0].start().wait_ready()
        eventually(lambda: ask() == cluster.members[0].name, 20, "the member that came back")
        assert "activated" in gateway.log()


def test_gateway_half_close(tmp_path):
    """The end of the client's input reaches the endpoint, whose answer still comes back."""
    if is_go(OURS):
        pytest.skip("the reference closes both directions")
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        server.settimeout(20)
        place = f"127.0.0.1:{server.getsockname()[1]}"
        with Gateway(OURS, [place], directory=tmp_path) as gateway:
            with socket.create_connection(gateway.address, 20) as client:
                client.sendall(b"question")
                client.shutdown(socket.SHUT_WR)
                inner, _ = server.accept()
                with inner:
                    inner.settimeout(20)
                    heard = b""
                    while part := inner.recv(100):
                        heard += part
                    assert heard == b"question"
                    inner.sendall(b"answer")
                got = b""
                while part := client.recv(100):
                    got += part
                assert got == b"answer"
            gateway.process.terminate()
            assert gateway.process.wait(20) == 0


@pytest.mark.parametrize("words", [
    ["--nope"], ["--endpoints"], ["-listen-addr=x"], ["--retry-delay=5"],
    ["--insecure-discovery=maybe"], ["--endpoints=a"], ["--listen-addr=x"],
    ["--listen-addr=nohost.invalid:1"], ["--endpoints=nohost.invalid:1"], ["--endpoints="],
    ["--listen-addr=127.0.0.1:2379", "--endpoints=localhost:2379"],
    ["stray", "--endpoints=nohost.invalid:1"]], ids=" ".join)
def test_gateway_refusals(words, reference):
    """The exit codes of etcd, and its words."""
    done = [run([program, "gateway", "start", *words]) for program in (REFERENCE, OURS)]
    assert [each.returncode for each in done] == [1, 1], done[1].stderr
    texts = [(each.stderr + each.stdout).strip().splitlines()[0] for each in done]
    assert texts[1].startswith(texts[0].rstrip()) or re.sub(r": time:.*", "", texts[0]) in texts[1]


@pytest.mark.parametrize("words", [[], ["foo"], ["--help"], ["start", "-h"], ["start", "--help"]],
                         ids=" ".join)
def test_gateway_help(words, reference):
    done = [run([program, "gateway", *words]) for program in (REFERENCE, OURS)]
    assert [each.returncode for each in done] == [0, 0]
    assert done[1].stdout.replace("etcd-swift", "etcd") == done[0].stdout
