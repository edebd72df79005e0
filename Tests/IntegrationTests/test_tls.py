"""TLS towards clients and members. Who is let in is asked of every release under the same script:
the verdicts have to be the same."""

import concurrent.futures
import json
import os
import random
import select
import signal
import socket
import ssl
import subprocess
import threading
import urllib.parse
from http.client import HTTPSConnection

import pytest

import harness
from tls_certs import Authority
from tls_member import PROGRAMS, SecureMember, authority_flags, curl, etcdctl, served_serial

# A message without fields, as gRPC frames it.
EMPTY_CALL = os.path.join(os.path.dirname(__file__), "testdata", "empty-call")
LOCAL = "IP:127.0.0.1,DNS:localhost"
BOTH = "serverAuth,clientAuth"
OTHERS = [name for name in PROGRAMS if name != "ours"]

needs_references = pytest.mark.skipif(len(PROGRAMS) < 3, reason="needs etcd 3.4 and 3.5")


class World:
    """Authorities and certificates of every kind."""

    def __init__(self, directory):
        self.ca = Authority(directory, "ca")
        self.other_ca = Authority(directory, "other-ca")
        self.middle = Authority(directory, "middle", parent=self.ca)
        self.narrow = Authority(directory, "narrow", parent=self.ca, usage="serverAuth")
        self.fallen = Authority(directory, "fallen", parent=self.ca)
        self.server = self.ca.leaf("server", san=LOCAL, usage=BOTH)
        self.clients = {
            "good": self.ca.leaf("good"),
            "no common name": self.ca.leaf("nameless", cn=""),
            "any usage": self.ca.leaf("anything", usage=""),
            "wrong authority": self.other_ca.leaf("stranger"),
            "expired": self.ca.leaf("late", dates=("20200101000000Z", "20200201000000Z")),
            "not valid yet": self.ca.leaf("early", dates=("20990101000000Z", "20990201000000Z")),
            "revoked": self.ca.leaf("revoked"),
            "for servers only": self.ca.leaf("serving", usage="serverAuth"),
            "of this address": self.ca.leaf("here", san="IP:127.0.0.1"),
            "of this host": self.ca.leaf("local", san="DNS:localhost"),
            "of another address": self.ca.leaf("elsewhere", san="IP:192.0.2.1"),
            "of another host": self.ca.leaf("nowhere", san="DNS:nowhere.invalid"),
            "of another address, this host": self.ca.leaf("mixed", san="IP:192.0.2.1,DNS:localhost"),
            "below an authority between": self.middle.leaf("low", with_chain=True),
            "critical extensions": self.ca.leaf(
                "strict", cn="", usage="critical,clientAuth", san="critical,DNS:localhost"),
            "below an authority for servers": self.narrow.leaf("wide", with_chain=True),
            "below a revoked authority": self.fallen.leaf("deceived", with_chain=True),
            "below an authority not shown": self.middle.leaf("orphan"),
            "none": None,
        }
        self.ca.revoke(self.clients["revoked"], self.fallen)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return World(tmp_path_factory.mktemp("tls"))


def in_parallel(tasks):
    """Runs functions by name and gives their results by name."""
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        futures = {name: pool.submit(task) for name, task in tasks.items()}
        return {name: future.result() for name, future in futures.items()}


def answered(*arguments, **named):
    return curl(*arguments, **named)[0]


def questions(member, ca, pair):
    """What is asked with each certificate, on every port by every protocol."""
    asked = {"ca": ca, "pair": pair}
    body = json.dumps({"key": "YQ=="})
    return {
        "client, HTTP/1.1": lambda: answered(member.secure + "/version", "--http1.1", **asked),
        "client, HTTP/2": lambda: answered(member.secure + "/version", "--http2", **asked),
        "v2": lambda: answered(member.secure + "/v2/keys/", "--http1.1", **asked),
        "gateway": lambda: answered(member.secure + "/v3/kv/range", "-d", body, **asked),
        "gRPC": lambda: answered(
            member.secure + "/etcdserverpb.KV/Range", "--http2", "-H", "te: trailers", "-H",
            "content-type: application/grpc", "--data-binary", "@" + EMPTY_CALL, **asked),
        "metrics": lambda: answered(member.metrics + "/metrics", **asked),
        # The reference has HTTP/2 there for nobody.
        "peer": lambda: answered(member.peer + "/version", "--http1.1", **asked),
    }


def verdicts(member, world, names, with_tool=False):
    tasks = {}
    for name in names:
        pair = world.clients[name]
        if with_tool and name in ("good", "none"):
            tasks[name, "etcdctl"] = lambda pair=pair: etcdctl(
                member.secure, "get", "a", ca=world.ca.cert, pair=pair).returncode == 0
        for what, ask in questions(member, world.ca.cert, pair).items():
            tasks[name, what] = ask
    return in_parallel(tasks)


def secure(world, binary, metrics=True, **more):
    return SecureMember(
        "infra0", binary, metrics=metrics,
        client_flags=[*authority_flags(world.ca, world.server),
                      "--client-crl-file", world.ca.crl_file],
        peer_flags=[*authority_flags(world.ca, world.server, peer=True),
                    "--peer-crl-file", world.ca.crl_file], **more)


def differences(answers):
    """What the releases do not agree on; `answers` by release."""
    first, *rest = answers.values()
    return {question: {release: found[question] for release, found in answers.items()}
            for question in first if any(found[question] != first[question] for found in rest)}


@needs_references
def test_who_is_let_in(world, closing):
    members = {}
    for release, binary in PROGRAMS.items():
        members[release] = closing(secure(world, binary)).start()
    for member in members.values():
        member.wait_ready()
    found = {release: verdicts(member, world, world.clients, with_tool=True)
             for release, member in members.items()}
    assert not differences(found)
    ours = found["ours"]
    assert ours["good", "client, HTTP/2"] == 200 and ours["good", "etcdctl"]
    # The reasons are those that etcd gives.
    log = members["ours"].log()
    for reason in [
            "tls: client didn't provide a certificate",
            "tls: failed to verify client certificate: x509: certificate signed by unknown",
            "tls: failed to verify client certificate: x509: certificate has expired or is not",
            "tls: failed to verify client certificate: x509: certificate specifies an incompat",
            "transport: certificate serial ",
            "x509: certificate is valid for 192.0.2.1, not 127.0.0.1",
            'tls: \\"127.0.0.1\\" does not match any of DNSNames [\\"nowhere.invalid\\"]']:
        assert reason in log, reason
    assert "rejected connection on client endpoint" in log
    assert "rejected connection on peer endpoint" in log


@needs_references
@pytest.mark.parametrize("client, peer", [
    (["--client-cert-allowed-hostname", "localhost"], ["--peer-cert-allowed-cn", "here"]),
    (["--client-cert-allowed-hostname", "192.0.2.1"], ["--peer-cert-allowed-hostname", "localhost"]),
    (["--client-cert-allowed-hostname", "nobody"],
     ["--experimental-peer-skip-client-san-verification"]),
], ids=["host and common name", "address and host", "nobody and any address"])
def test_who_is_named(world, closing, client, peer):
    """Lists of names. The reference's gateway, a client of its own server, keeps itself out."""
    names = ["good", "of this address", "of this host", "of another address, this host",
             "of another address", "none"]
    found, members = {}, {}
    for release, binary in PROGRAMS.items():
        members[release] = closing(secure(world, binary, flags=[*client, *peer])).start()
    for release, member in members.items():
        member.wait_ready()
        found[release] = {question: verdict for question, verdict
                          in verdicts(member, world, names).items() if question[1] != "gateway"}
    assert not differences(found)


@needs_references
def test_versions_and_ciphers(world, closing):
    suites = ("TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,"
              "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305")
    found = {}
    for release, binary in PROGRAMS.items():
        member = closing(SecureMember(
            "infra0", binary, client_flags=authority_flags(world.ca, world.server),
            flags=["--cipher-suites", suites])).start().wait_ready()
        asked = {"ca": world.ca.cert, "pair": world.clients["good"]}
        url = member.secure + "/version"
        found[release] = {
            "listed": answered(url, "--tls-max", "1.2", "--ciphers",
                               "ECDHE-ECDSA-AES256-GCM-SHA384", **asked),
            "listed by its old name": answered(url, "--tls-max", "1.2", "--ciphers",
                                               "ECDHE-ECDSA-CHACHA20-POLY1305", **asked),
            "not listed": answered(url, "--tls-max", "1.2", "--ciphers",
                                   "ECDHE-ECDSA-AES128-GCM-SHA256", **asked),
            "1.1": answered(url, "--tls-max", "1.1", **asked),
        }
        if release == "ours":
            # 3.5.1 speaks 1.2 only, later releases do this.
            assert answered(url, "--tlsv1.3", **asked) == 200
    assert not differences(found)
    assert found["ours"]["listed"] == 200 and found["ours"]["not listed"] is None


def test_versions_of_tls(world, closing):
    """Flags of later releases than the reference."""
    for flags, allowed in [(["--tls-min-version", "TLS1.3"], {"1.3"}),
                           (["--tls-max-version", "TLS1.2"], {"1.2"})]:
        member = closing(SecureMember(
            "infra0", client_flags=authority_flags(world.ca, world.server, auth=False),
            flags=flags)).start().wait_ready()
        pair = world.clients["good"]
        served = {version for version in ("1.2", "1.3") if answered(
            member.secure + "/version", f"--tlsv{version}", "--tls-max", version, pair=pair)}
        assert served == allowed


REFUSALS = [
    (["--listen-client-urls", "https://127.0.0.1:{p}", "--advertise-client-urls",
      "https://127.0.0.1:{p}"],
     "TLS key/cert (--cert-file, --key-file) must be provided for client url "
     "https://127.0.0.1:{p} with HTTPS scheme"),
    (["--listen-peer-urls", "https://127.0.0.1:{p}"],
     "cannot listen on TLS for 127.0.0.1:{p}: KeyFile and CertFile are not presented"),
    (["--listen-metrics-urls", "https://127.0.0.1:{p}"],
     "cannot listen on TLS for 127.0.0.1:{p}: KeyFile and CertFile are not presented"),
    (["--peer-cert-file", "x", "--listen-peer-urls", "https://127.0.0.1:{p}"],
     "KeyFile and CertFile must both be present[key: , cert: x]"),
    (["--cipher-suites", "FOO"], "unexpected TLS cipher suite"),
    (["--listen-peer-urls", "https://127.0.0.1:{p}", "--peer-cert-file", "{cert}",
      "--peer-key-file", "nokey"], "open nokey: no such file or directory"),
    (["--listen-peer-urls", "https://127.0.0.1:{p}", "--peer-cert-file", "{cert}",
      "--peer-key-file", "{other}"], "tls: private key does not match public key"),
    (["--listen-peer-urls", "https://127.0.0.1:{p}", "--peer-cert-file", "{cert}",
      "--peer-key-file", "{key}", "--peer-trusted-ca-file", "nix"],
     "open nix: no such file or directory"),
    (["--peer-cert-file", "{cert}", "--peer-key-file", "{key}", "--peer-cert-allowed-cn", "a",
      "--peer-cert-allowed-hostname", "b"], "AllowedCN and AllowedHostname are mutually exclusive"),
]


def test_refused_starts(world, tmp_path):
    tasks = {}
    for number, (flags, text) in enumerate(REFUSALS):
        for release, binary in PROGRAMS.items():
            port = harness.free_port()
            filled = [word.format(p=port, cert=world.server.cert, key=world.server.key,
                                  other=world.clients["good"].key) for word in flags]
            directory = tmp_path / f"{release}-{number}"
            directory.mkdir()
            words = [binary, *filled, "--data-dir", "data"]
            for name in ("peer", "client"):
                if f"--listen-{name}-urls" not in flags:
                    url = f"http://127.0.0.1:{harness.free_port()}"
                    words += [f"--listen-{name}-urls", url]
                    if name == "client":
                        words += ["--advertise-client-urls", url]

            def attempt(words=words, directory=directory, wanted=text.format(p=port)):
                done = subprocess.run(words, cwd=directory, capture_output=True, text=True,
                                      timeout=30)
                return done.returncode == 1 and wanted in done.stdout + done.stderr or done
            tasks[release, text] = attempt
    for question, result in in_parallel(tasks).items():
        assert result is True, (question, result)


# MARK: clusters

def tls_cluster(world, programs, flags=()):
    cluster = harness.Cluster(0)
    cluster.members = [SecureMember(
        f"infra{number}", program, flags=flags,
        client_flags=authority_flags(world.ca, world.server),
        peer_flags=authority_flags(world.ca, world.server, peer=True))
        for number, program in enumerate(programs)]
    listing = ",".join(f"{member.name}={member.peer}" for member in cluster.members)
    for member in cluster.members:
        member.initial_cluster = listing
    return cluster


def written_everywhere(cluster, prefix):
    for number, member in enumerate(cluster.members):
        answer = member.put(f"{prefix}/{number}", str(number))
        assert answer.status in (200, 201), answer
        for other in cluster.members:
            assert other.value(f"{prefix}/{number}", "?quorum=true") == str(number)


@pytest.mark.parametrize("programs", [["ours", "ours", "ours"], ["ours", "3.4", "3.5"]],
                         ids=["ours", "mixed"])
def test_cluster(world, programs):
    if not set(programs) <= set(PROGRAMS):
        pytest.skip("needs etcd 3.4 and 3.5")
    cluster = tls_cluster(world, [PROGRAMS[name] for name in programs],
                          ["--peer-cert-allowed-cn", "server", "--snapshot-count", "20"])
    if "3.4" not in programs:
        # A newcomer then needs a snapshot.
        for member in cluster.members:
            member.flags += ["--experimental-snapshot-catchup-entries", "5"]
    with cluster:
        written_everywhere(cluster, "/first")
        leader = cluster.leader()
        leader.kill()
        cluster.write_anywhere("/without-one", "x")
        leader.start().wait_ready()
        written_everywhere(cluster, "/second")
        for number in range(60):
            assert leader.put(f"/many/{number}", "x" * 1000).status == 201
        added = SecureMember("late", client_flags=authority_flags(world.ca, world.server),
                             peer_flags=authority_flags(world.ca, world.server, peer=True))
        cluster.members.append(added)
        through = cluster.leader()
        answer = harness.settled(lambda: through.request(
            "POST", "/v2/members", json_body={"peerURLs": [added.peer]}))
        assert answer.status == 201, answer
        added.initial_cluster = ",".join(f"{m.name}={m.peer}" for m in cluster.members)
        added.state = "existing"
        added.start().wait_ready()
        written_everywhere(cluster, "/third")
        if "3.4" not in programs:
            assert "received and saved database snapshot" in added.log()


@needs_references
def test_authority_between(world, closing):
    """Only the authority that signs the leaves is trusted, not the root above it."""
    server = world.middle.leaf("middle-server", san=LOCAL, usage=BOTH)
    members, found = [], {}
    for release, binary in PROGRAMS.items():
        member = closing(SecureMember(
            release, binary, client_flags=authority_flags(world.middle, server),
            peer_flags=authority_flags(world.middle, server, peer=True)))
        members.append(member)
    listing = ",".join(f"{member.name}={member.peer}" for member in members)
    for member in members:
        member.initial_cluster = listing
        member.start()
    for member in members:
        member.wait_ready()
        names = ["below an authority between", "below an authority not shown", "good", "none"]
        found[member.name] = in_parallel({
            name: lambda member=member, name=name: answered(
                member.secure + "/version", pair=world.clients[name]) for name in names})
    assert not differences(found)
    assert found["ours"]["below an authority not shown"] == 200 and not found["ours"]["good"]
    assert members[0].put("/a", "1").status == 201


def test_member_of_a_stranger(world, closing):
    """A member whose certificate others do not trust gets nowhere, and is named in their logs."""
    stranger = world.other_ca.leaf("stranger-server", san=LOCAL, usage=BOTH)
    cluster = closing(tls_cluster(world, [harness.OURS] * 3))
    odd = cluster.members[2]
    odd.flags = [*authority_flags(world.ca, world.server),
                 *authority_flags(world.other_ca, stranger, peer=True)]
    for member in cluster.members:
        member.start()
    for member in cluster.members[:2]:
        member.wait_ready()
    harness.eventually(
        lambda: any("rejected connection on peer endpoint" in member.log()
                    for member in cluster.members[:2]), 20, "the refusal in a log")
    assert cluster.members[0].put("/works", "x").status == 201


def test_generated_certificates(closing):
    """--auto-tls and --peer-auto-tls: made once, shared by nobody, trusted by members."""
    programs = [PROGRAMS.get(name, harness.OURS) for name in ("ours", "ours", "3.5")]
    cluster = harness.Cluster(0)
    closing(cluster)
    cluster.members = [
        SecureMember(f"infra{number}", program, client_flags=["--auto-tls"],
                     peer_flags=["--peer-auto-tls"]) for number, program in enumerate(programs)]
    for member in cluster.members:
        member.initial_cluster = ",".join(f"{m.name}={m.peer}" for m in cluster.members)
        member.start()
    for member in cluster.members:
        member.wait_ready()
    written_everywhere(cluster, "/auto")
    first = cluster.members[0]
    modes = {}
    for side in ("client", "peer"):
        for name in ("cert.pem", "key.pem"):
            path = os.path.join(first.data_dir, "fixtures", side, name)
            modes[side, name] = os.stat(path).st_mode & 0o777
    assert modes["client", "key.pem"] == modes["peer", "key.pem"] == 0o600
    assert modes["client", "cert.pem"] == 0o644
    certificate = os.path.join(first.data_dir, "fixtures", "client", "cert.pem")
    text = subprocess.run(["openssl", "x509", "-in", certificate, "-noout", "-text"],
                          capture_output=True, text=True, check=True).stdout
    for line in ["O = etcd", "ASN1 OID: secp521r1", "ecdsa-with-SHA512", "CA:FALSE",
                 "TLS Web Server Authentication", "Digital Signature, Key Encipherment",
                 "IP Address:127.0.0.1"]:
        assert line in text
    # Whoever trusts the certificate itself can verify it.
    assert answered(first.secure + "/version", ca=certificate) == 200
    serial = served_serial(first.secure)
    assert first.terminate() == 0
    first.start().wait_ready()
    assert served_serial(first.secure) == serial
    # One member can go over to the other program with them.
    last = cluster.members[2]
    serial = served_serial(last.secure)
    last.kill()
    last.binary = harness.OURS
    last.start().wait_ready()
    assert served_serial(last.secure) == serial
    written_everywhere(cluster, "/again")


# MARK: users

@needs_references
def test_common_name_is_user(world, closing):
    """With --client-cert-auth the common name is the user of gRPC calls; not of the gateway."""
    root = world.ca.leaf("root")
    found = {}
    for release, binary in PROGRAMS.items():
        member = closing(SecureMember("infra0", binary, client_flags=authority_flags(
            world.ca, world.server))).start().wait_ready()
        asked = {"ca": world.ca.cert, "pair": root}

        def ctl(*words, pair=root, member=member):
            done = etcdctl(member.secure, *words, ca=world.ca.cert, pair=pair)
            return done.returncode, "permission denied" in done.stderr
        for words in (["user", "add", "root:pw"], ["user", "grant-role", "root", "root"],
                      ["user", "add", "good:pw"], ["auth", "enable"]):
            code, _ = ctl(*words)
            assert code == 0 or words[1] == "grant-role", words
        body = json.dumps({"key": "YQ=="})
        url = f"{member.secure}/v3/kv/range"
        found[release] = {
            "root": ctl("put", "a", "1"),
            "a user without roles": ctl("get", "a", pair=world.clients["good"]),
            "nobody": ctl("get", "a", pair=world.clients["of this host"]),
            "without a name": ctl("get", "a", pair=world.clients["no common name"]),
            "gateway": curl(url, "-d", body, **asked)[::2],
            "gateway without a name": curl(
                url, "-d", body, ca=world.ca.cert, pair=world.clients["no common name"])[0],
            "version": answered(member.secure + "/version", **asked),
        }
    assert not differences(found)
    assert found["ours"]["gateway"] == (
        400, "CommonName of client sending a request against gateway will be ignored and not used "
        "as expected\n")


# MARK: files that change

class Load:
    """Writes over and over, each on a connection of its own, as a given client."""

    def __init__(self, member, ca, pair):
        self.url = urllib.parse.urlsplit(member.secure)
        self.context = ssl.create_default_context(cafile=ca)
        self.context.load_cert_chain(pair.cert, pair.key)
        self.written = 0
        self.failures = []
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        while not self.stopped.is_set():
            try:
                connection = HTTPSConnection(self.url.hostname, self.url.port, timeout=10,
                                             context=self.context)
                connection.request("PUT", "/v2/keys/load", f"value={self.written}", {
                    "Content-Type": "application/x-www-form-urlencoded"})
                assert connection.getresponse().status in (200, 201)
                connection.close()
                self.written += 1
            except (OSError, AssertionError) as error:
                self.failures.append(error)

    def close(self):
        self.stopped.set()
        self.thread.join()


def test_rotation_under_load(world, closing, tmp_path):
    """Leaf, authority and list of revoked certificates change; nobody is turned away by it."""
    second = Authority(tmp_path, "second-ca")
    server = world.ca.leaf("rotated", san=LOCAL, usage=BOTH)
    replacement = world.ca.leaf("replacement", san=LOCAL, usage=BOTH)
    doomed = world.ca.leaf("doomed")
    newcomer = second.leaf("newcomer")
    bundle = tmp_path / "bundle.pem"
    crl = tmp_path / "list.crl"

    def put(path, *sources):
        staged = f"{path}.new"
        with open(staged, "wb") as file:
            for source in sources:
                with open(source, "rb") as content:
                    file.write(content.read())
        os.rename(staged, path)
    put(bundle, world.ca.cert)
    put(crl, world.ca.crl_file)
    member = closing(SecureMember("infra0", client_flags=[
        "--cert-file", server.cert, "--key-file", server.key, "--client-cert-auth",
        "--trusted-ca-file", str(bundle), "--client-crl-file", str(crl)])).start().wait_ready()
    load = closing(Load(member, world.ca.cert, world.clients["good"]))

    def admits(pair):
        return answered(member.secure + "/version", ca=world.ca.cert, pair=pair) == 200

    def progress():
        seen = load.written
        harness.eventually(lambda: load.written > seen + 2, 20, "writes go on")
    progress()
    before = served_serial(member.secure)
    assert before == server.serial()
    # A file that is broken changes nothing, and is spoken of once.
    good = tmp_path / "good.pem"
    put(good, server.cert)
    put(tmp_path / "broken.pem", os.devnull)
    put(server.cert, tmp_path / "broken.pem")
    for _ in range(3):
        assert served_serial(member.secure) == before
    progress()
    assert member.log().count("cannot use the client TLS files as they are now") == 1
    server.install(replacement)
    assert served_serial(member.secure) == replacement.serial() != before
    progress()
    assert admits(doomed)
    world.ca.revoke(doomed)
    put(crl, world.ca.crl_file)
    assert not admits(doomed)
    progress()
    assert not admits(newcomer)
    put(bundle, world.ca.cert, second.cert)
    assert admits(newcomer)
    progress()
    member.signal(signal.SIGHUP)
    harness.eventually(lambda: "reading TLS files" in member.log(), 20, "SIGHUP in the log")
    progress()
    load.close()
    assert not load.failures, load.failures[:3]
    assert member.alive()
    put(bundle, second.cert)
    assert not admits(world.clients["good"]) and admits(newcomer)


# MARK: connections

def test_plain_and_secure_on_one_port(world, closing):
    """Clients that speak TLS and clients that do not, told apart by their first byte."""
    member = SecureMember("infra0", client_flags=authority_flags(world.ca, world.server))
    closing(member)
    member.secure = member.client.replace("http:", "https:")
    member.start().wait_ready()
    asked = {"ca": world.ca.cert, "pair": world.clients["good"]}
    assert answered(member.client + "/version") == 200
    assert curl(member.secure + "/version", "--http1.1", **asked)[:2] == (200, "1.1")
    assert curl(member.secure + "/version", "--http2", **asked)[:2] == (200, "2")
    assert answered(member.secure + "/version", ca=world.ca.cert) is None
    assert etcdctl(member.secure, "put", "a", "1", **asked).returncode == 0
    assert etcdctl(member.client, "get", "a").stdout == "a\n1\n"


def test_nonsense(world, closing):
    """Bytes that only look like TLS, silence and sudden ends hurt nobody else."""
    member = closing(SecureMember("infra0", client_flags=authority_flags(
        world.ca, world.server))).start().wait_ready()
    host, port = harness.address_of(member.secure)
    chance = random.Random(1)
    hello = bytes.fromhex("1603010200010001fc0303") + b"\x55" * 600
    silent = [socket.create_connection((host, port)) for _ in range(50)]
    for _ in range(200):
        with socket.create_connection((host, port), timeout=10) as wire:
            data = bytearray(hello)
            for _ in range(chance.randrange(1, 20)):
                data[chance.randrange(len(data))] = chance.randrange(256)
            try:
                wire.sendall(data[:chance.randrange(len(data))])
                if chance.random() < 0.5:
                    wire.shutdown(socket.SHUT_WR)
                    wire.recv(4096)
            except OSError:
                pass
    asked = {"ca": world.ca.cert, "pair": world.clients["good"]}
    assert answered(member.secure + "/version", **asked) == 200
    for wire in silent:
        wire.close()
    # The log speaks of them, but not without end.
    assert 10 < member.log().count("rejected connection on client endpoint") <= 100
    assert member.terminate() == 0


def test_sessions_are_resumed(world, closing, tmp_path):
    member = closing(SecureMember("infra0", client_flags=authority_flags(
        world.ca, world.server))).start().wait_ready()
    place = member.secure.removeprefix("https://")
    pair = world.clients["good"]
    saved = str(tmp_path / "session")

    def shake(*words):
        return subprocess.run(
            ["openssl", "s_client", "-connect", place, "-cert", pair.cert, "-key", pair.key,
             *words], input="GET /version HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
            capture_output=True, text=True, timeout=20).stdout
    for version in ("-tls1_2", "-tls1_3"):
        assert "etcdserver" in shake(version, "-ign_eof", "-sess_out", saved)
        again = shake(version, "-ign_eof", "-sess_in", saved)
        assert "Reused, TLSv1" in again and "etcdserver" in again


def test_large_answers_and_watches(world, closing):
    """Bodies of many records in both directions, and a stream that stays."""
    member = closing(SecureMember("infra0", client_flags=authority_flags(
        world.ca, world.server))).start().wait_ready()
    asked = {"ca": world.ca.cert, "pair": world.clients["good"]}
    value = "x" * 1_000_000
    for version in ("--http1.1", "--http2"):
        url = f"{member.secure}/v2/keys/large{version}"
        form = subprocess.run(
            ["curl", "-s", version, "--cacert", world.ca.cert, "--cert", asked["pair"].cert,
             "--key", asked["pair"].key, "-X", "PUT", "--data-binary", "@-", url],
            input="value=" + value, capture_output=True, text=True, check=True)
        assert json.loads(form.stdout)["action"] == "set"
        assert json.loads(curl(url, version, **asked)[2])["node"]["value"] == value
    watch = closing(subprocess.Popen(
        ["curl", "-s", "-N", "--cacert", world.ca.cert, "--cert", asked["pair"].cert, "--key",
         asked["pair"].key, f"{member.secure}/v2/keys/seen?wait=true&stream=true"],
        stdout=subprocess.PIPE, text=True))
    harness.eventually(lambda: member.put("/seen", "1").status in (200, 201)
                       and select_ready(watch.stdout), 20, "an event", pause=0.2)
    assert json.loads(watch.stdout.readline())["node"]["value"] == "1"
    assert member.terminate() == 0


def select_ready(file):
    return select.select([file], [], [], 0)[0]
