"""Clusters that form themselves: by tokens of v2 and v3 services, by DNS; and what is said when that
is impossible. The same scripts run against Debian's etcd where it has the feature."""

import os

import pytest

import harness
from discovering import (NameServer, Proxy, Seeker, dialect, ended, form, new_token, register,
                         service_records, v2_token, wait_for_line)
from harness import OURS, REFERENCE, free_port, run
from test_signals import Systemd
from tls_certs import Authority
from tls_member import SecureMember, authority_flags
from v3_reference import ETCD35, HAVE35

PROGRAMS = {"ours": OURS, "3.4": REFERENCE, **({"3.5": ETCD35} if HAVE35 else {})}

programs = pytest.mark.parametrize("program", ["ours", "3.4"])
# 3.4 wants records of etcd-server-ssl, whether it uses them or not.
dns_programs = pytest.mark.parametrize("program", [p for p in PROGRAMS if p != "3.4"])
dns_mixes = [mix for mix in (["ours"] * 3, ["3.5"] * 3, ["ours", "3.5", "ours"])
             if HAVE35 or "3.5" not in mix]


@pytest.fixture
def seekers(closing):
    """seekers(n, flags, program) makes n members that will look for each other."""
    def make(count, flags, program="ours", prefix="n"):
        binaries = [PROGRAMS[p] for p in ([program] * count if isinstance(program, str)
                                          else program)]
        return [closing(Seeker(f"{prefix}{number}", flags + dialect(binary), binary))
                for number, binary in enumerate(binaries)]
    return make


# MARK: v2

@pytest.mark.parametrize("service", ["ours", "3.4"])
@pytest.mark.parametrize("mix", [["ours"] * 3, ["3.4"] * 3, ["ours", "3.4", "ours"]],
                         ids=["ours", "3.4", "mixed"])
def test_three_members_find_each_other_by_a_v2_token(start, seekers, service, mix):
    url = v2_token(start(binary=PROGRAMS[service]), 3)
    members = seekers(3, ["--discovery", url], mix)
    form(members)
    cluster = {m.request("GET", "/v2/members").header("X-Etcd-Cluster-ID") for m in members}
    assert len(cluster) == 1


def test_a_v2_token_is_made_by_one_command(start, seekers):
    service = start()
    flags = new_token("--size", "2", "--protocol", "v2", "--endpoints",
                      f"http://127.0.0.1:{free_port()},{service.client}")
    assert flags[0] == "--discovery" and flags[1].startswith(service.client)
    form(seekers(2, flags))


FAILURES = {
    # name: (size, registrations, what we say, what 3.4 says, its exit code)
    "no size": (None, {}, "discovery: size key not found", "Key not found", 1),
    "bad size": ("abc", {}, "discovery: size key is bad", "discovery: size key is bad", 1),
    # etcd 3.4 panics.
    "size zero": ("0", {}, "discovery: size key is bad", "panic", 2),
    "full": ("1", {"a1": "other=http://127.0.0.1:9"}, "discovery: cluster is full",
             "discovery: cluster is full", 1),
    "name": ("2", {"a1": "n0=http://127.0.0.1:9"}, "discovery: found duplicate name",
             "discovery: found duplicate name", 1),
    "address": ("2", {"a1": "other=PEER"}, "has duplicate url", "has duplicate url", 1),
    "peer URL": ("2", {"a1": "other=xx://127.0.0.1:9"}, "discovery: invalid URL",
                 "discovery: invalid URL", 1),
}


@programs
@pytest.mark.parametrize("case", FAILURES)
def test_a_v2_token_that_cannot_be_used_is_named(start, seekers, program, case):
    size, registrations, ours, theirs, code = FAILURES[case]
    service = start()
    url = v2_token(service, size)
    member = seekers(1, ["--discovery", url, "--discovery-fallback", "exit"], program)[0]
    for identity, value in registrations.items():
        register(service, url, identity, value.replace("PEER", member.peer))
    result, log = ended(member)
    assert (ours if program == "ours" else theirs) in log
    assert result == (1 if program == "ours" else code)
    if program == "ours":
        assert "Fatal" not in log
        # Nothing has been written that would be in the way of the next attempt.
        assert not os.path.exists(os.path.join(member.data_dir, "member", "wal"))


@programs
@pytest.mark.parametrize("url,ours,theirs", [
    ("SERVICE/health", "discovery: bad discovery endpoint", "discovery: bad discovery endpoint"),
    ("SERVICE", "discovery: token not found", "discovery: bad discovery endpoint"),
    ("127.0.0.1:1/x", "invalid discovery URL", "first path segment in URL cannot contain colon"),
    ("http://127.0.0.1:1 2/x", "invalid discovery URL", "invalid port"),
])
def test_a_discovery_url_that_is_none_is_named(start, seekers, program, url, ours, theirs):
    service = start()
    flags = ["--discovery", url.replace("SERVICE", service.client)]
    result, log = ended(seekers(1, flags, program)[0])
    assert result == 1
    assert (ours if program == "ours" else theirs) in log


@programs
def test_a_member_without_its_data_is_a_duplicate(start, seekers, program):
    url = v2_token(start(), 2)
    first = seekers(1, ["--discovery", url], program)[0]
    first.start()
    wait_for_line(first, "waiting for")
    first.kill()
    again = seekers(1, ["--discovery", url], program)[0]
    again.peer = first.peer
    result, log = ended(again)
    assert result == 1
    if program == "ours":
        assert "discovery: found duplicate id" in log
    assert "use a new discovery token if" in log


@programs
def test_a_member_with_data_does_not_ask_again(start, seekers, program):
    service = start()
    member = seekers(1, ["--discovery", v2_token(service, 1)], program)[0]
    form([member])
    member.kill()
    service.kill()
    member.start().wait_ready()
    assert member.value("/formed") == "yes"
    assert "discovery token is ignored since cluster already initialized" in member.log() \
        or "already initialized" in member.log()


def test_a_service_that_is_away_is_waited_for(closing, seekers):
    service = closing(harness.Member("service"))
    member = seekers(1, ["--discovery", service.client + "/v2/keys/t"])[0].start()
    wait_for_line(member, "retry connecting to discovery service")
    service.start().wait_ready()
    service.put("/t/_config/size", "1")
    # It may have asked in between; then it was told that there is no size.
    if member.process.poll() is not None:
        member.start()
    harness.eventually(lambda: not member.alive() or member.request("GET", "/health"),
                       harness.READY_SECONDS, "an end or a member")
    if not member.alive():
        assert "size key not found" in member.log()
        member.start()
    member.wait_ready()


def test_systemd_is_asked_for_patience_while_others_are_waited_for(start, seekers, tmp_path):
    url = v2_token(start(), 2)
    members = seekers(2, ["--discovery", url])
    with Systemd(tmp_path) as systemd:
        members[0].environment = {"NOTIFY_SOCKET": systemd.path}
        members[0].start()
        assert systemd.collect(harness.READY_SECONDS, until="STATUS=waiting for the other members")
        assert "EXTEND_TIMEOUT_USEC=60000000" in systemd.lines
        assert "READY=1" not in systemd.lines
        members[1].start()
        assert systemd.collect(harness.READY_SECONDS, until="READY=1")


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path, "ca")


def secure_service(closing, authority, binary=None, extra=()):
    pair = authority.leaf("service", san="IP:127.0.0.1,DNS:localhost",
                          usage="serverAuth,clientAuth")
    # Naming an authority would make it ask for certificates.
    flags = ["--cert-file", pair.cert, "--key-file", pair.key, *extra]
    return closing(SecureMember("service", binary, client_flags=flags)).start().wait_ready()


@programs
@pytest.mark.parametrize("secure", [False, True], ids=["http", "https"])
def test_a_proxy_is_asked_for_the_service(closing, seekers, authority, program, secure):
    service = secure_service(closing, authority)
    url = v2_token(service, 1)
    if secure:
        url = url.replace(service.client, service.secure)
    proxy = closing(Proxy())
    member = seekers(1, ["--discovery", url, "--discovery-proxy", proxy.url], program)[0]
    member.environment = {"SSL_CERT_FILE": authority.cert}
    form([member])
    if secure:
        assert set(proxy.seen) == {"CONNECT " + service.secure.removeprefix("https://")}
    else:
        assert f"GET {url}/_config/size" in [line.split("?")[0] for line in proxy.seen]


def test_a_proxy_that_refuses_is_named(closing, seekers, authority):
    service = secure_service(closing, authority)
    url = v2_token(service, 1).replace(service.client, service.secure)
    proxy = closing(Proxy())
    member = seekers(1, ["--discovery", url, "--discovery-proxy",
                         f"http://127.0.0.1:{proxy.port}"])[0]
    member.environment = {"SSL_CERT_FILE": authority.cert}
    member.start()
    wait_for_line(member, f"proxy 127.0.0.1:{proxy.port} refuses the way there: 407")


@programs
def test_whom_a_cluster_has_no_place_for_becomes_its_proxy(start, seekers, program):
    url = v2_token(start(), 1)
    member, surplus = seekers(2, ["--discovery", url], program)
    member.start().wait_ready()
    # etcd 3.4 leaves a directory behind with which it does not start again.
    for _ in range(2 if program == "ours" else 1):
        surplus.start()
        harness.eventually(lambda: surplus.put("/through", "it").status in (200, 201), 30, "a proxy")
        assert member.value("/through") == "it"
        assert "falling back to proxy" in surplus.log()
        assert "proxy" in os.listdir(surplus.data_dir)
        # The second start finds the directory of a proxy and asks nobody.
        surplus.terminate()


@programs
def test_a_proxy_finds_the_cluster_by_its_token(start, seekers, program):
    url = v2_token(start(), 1)
    member, proxy = seekers(2, ["--discovery", url], program)
    member.start().wait_ready()
    proxy.flags += ["--proxy", "on"]
    proxy.start()
    harness.eventually(lambda: proxy.put("/through", "it").status in (200, 201), 30, "a proxy")
    assert member.value("/through") == "it"


# MARK: v3

@pytest.mark.parametrize("service", PROGRAMS)
def test_three_members_find_each_other_by_a_v3_token(start, seekers, service):
    server = start(binary=PROGRAMS[service])
    flags = new_token("--size", "3", "--endpoints", server.client)
    assert flags[0] == "--discovery-token" and flags[2:] == ["--discovery-endpoints",
                                                             server.client]
    # The first endpoint is a place where nobody is.
    flags[3] = f"127.0.0.1:{free_port()},{server.client}"
    form(seekers(3, flags))


V3_FAILURES = {
    "no size": (None, {}, "discovery: size key not found"),
    "bad size": ("abc", {}, "discovery: size key is bad"),
    "size zero": ("0", {}, "discovery: size key is bad"),
    "full": ("1", {"a1": "other=http://127.0.0.1:9"}, "discovery: cluster is full"),
    "peer URL": ("2", {"a1": "other=nowhere"}, "discovery: invalid peer URL"),
    "name": ("2", {"a1": "n0=http://127.0.0.1:9"}, "discovery: found duplicate name"),
}


@pytest.mark.parametrize("case", V3_FAILURES)
def test_a_v3_token_that_cannot_be_used_is_named(start, seekers, case):
    size, registrations, expected = V3_FAILURES[case]
    service = start()

    def put(key, value):
        done = run(["etcdctl", "--endpoints", service.client, "put", "/_etcd/registry/t/" + key,
                    value], environment={"ETCDCTL_API": "3"})
        assert done.returncode == 0, done.stderr
    if size is not None:
        put("_config/size", size)
    for identity, value in registrations.items():
        put("members/" + identity, value)
    flags = ["--discovery-token", "t", "--discovery-endpoints", service.client]
    result, log = ended(seekers(1, flags)[0])
    assert result == 1
    assert f"failed to join discovery cluster ({expected})" in log


@pytest.mark.parametrize("service", ["ours", "3.4"])
def test_a_v3_service_with_tls_and_users(closing, seekers, authority, service):
    server = secure_service(closing, authority, PROGRAMS[service])
    environment = {"ETCDCTL_API": "3", "ETCDCTL_CACERT": authority.cert}
    for words in (["user", "add", "root:secret"], ["user", "grant-role", "root", "root"],
                  ["auth", "enable"]):
        done = run(["etcdctl", "--endpoints", server.secure, *words], environment=environment)
        assert done.returncode == 0, done.stderr
    access = ["--cacert", authority.cert, "--user", "root:secret"]
    token = new_token("--size", "2", "--endpoints", server.secure, *access)
    flags = token + ["--discovery-cacert", authority.cert, "--discovery-insecure-transport=false"]
    refused = seekers(1, flags + ["--discovery-user", "root", "--discovery-password", "wrong"])[0]
    result, log = ended(refused)
    assert result == 1
    assert "authentication failed, invalid user ID or password" in log
    assert "wrong" not in log.split("\n", 1)[1]
    form(seekers(2, flags + ["--discovery-user", "root:secret"]))


def test_a_v3_service_whose_certificate_is_not_trusted_is_not_spoken_to(closing, seekers,
                                                                         authority, tmp_path):
    server = secure_service(closing, authority)
    token = new_token("--size", "1", "--endpoints", server.secure, "--insecure-skip-tls-verify")
    member = seekers(1, token)[0].start()
    wait_for_line(member, "x509: certificate signed by unknown authority")
    member.kill()
    form(seekers(1, token + ["--discovery-insecure-skip-tls-verify"]))


def test_discovery_new_says_why_not():
    done = run([OURS, "discovery", "new", "--size", "3", "--endpoints",
                f"127.0.0.1:{free_port()}"])
    assert done.returncode == 1 and "onnection refused" in done.stderr and not done.stdout
    done = run([OURS, "discovery", "new"])
    assert done.returncode == 2 and "--size is required" in done.stderr


# MARK: DNS

def named_flags(*more):
    return ["--discovery-srv", "example.test", "--initial-cluster-token", "dns", *more]


@pytest.fixture
def names(closing, tmp_path):
    def serve(records, members):
        server = closing(NameServer(str(tmp_path), records))
        for member in members:
            member.wrapper = server.wrapper()
        return server
    return serve


@pytest.mark.parametrize("mix", dns_mixes, ids="-".join)
@pytest.mark.parametrize("suffix", ["", "blue"])
def test_three_members_find_each_other_by_dns(names, seekers, mix, suffix):
    more = ["--discovery-srv-name", suffix] if suffix else []
    members = seekers(3, named_flags(*more), mix)
    service = f"etcd-server-{suffix}" if suffix else "etcd-server"
    names(service_records(members, service=service), members)
    form(members)


@programs
def test_three_members_find_each_other_by_dns_with_tls(names, seekers, authority, program):
    pair = authority.leaf("peer", usage="serverAuth,clientAuth",
                          san="IP:127.0.0.1,DNS:m0.example.test,DNS:m1.example.test,"
                              "DNS:m2.example.test")
    members = seekers(3, named_flags(*authority_flags(authority, pair, peer=True)), program)
    for member in members:
        member.peer = f"https://127.0.0.1:{free_port()}"
    names(service_records(members, service="etcd-server-ssl"), members)
    form(members)


@dns_programs
def test_a_gateway_finds_members_by_dns(names, start, closing, tmp_path, program):
    member = start()
    gateway = closing(harness.Member("gateway", PROGRAMS[program]))
    port = member.address[1]
    names([f"--srv-host=_etcd-client._tcp.example.test,m.example.test,{port}",
           "--host-record=m.example.test,127.0.0.1"], [gateway])
    gateway.start(command=["gateway", "start", "--discovery-srv", "example.test",
                           "--insecure-discovery", "--listen-addr",
                           gateway.client.removeprefix("http://")])
    harness.eventually(lambda: gateway.put("/through", "it").status in (200, 201), 30, "a gateway")
    assert member.value("/through") == "it"
    nobody = closing(harness.Member("gateway", PROGRAMS[program]))
    nobody.wrapper = gateway.wrapper
    nobody.start(command=["gateway", "start", "--discovery-srv", "none.test"])
    assert nobody.wait_exit(20) == 1


@dns_programs
@pytest.mark.parametrize("case", ["nothing", "other port", "other scheme", "no address"])
def test_records_that_do_not_fit_are_named(names, seekers, program, case):
    member = seekers(1, named_flags(), program)[0]
    port = harness.address_of(member.peer)[1]
    host = "--host-record=m0.example.test,127.0.0.1"
    records = {
        "nothing": [host],
        "other port": [f"--srv-host=_etcd-server._tcp.example.test,m0.example.test,{port - 1}",
                       host],
        "other scheme": [f"--srv-host=_etcd-server-ssl._tcp.example.test,m0.example.test,{port}",
                         host],
        "no address": [f"--srv-host=_etcd-server._tcp.example.test,gone.example.test,{port}"],
    }[case]
    names(records, [member])
    code, log = ended(member)
    expected = {
        "nothing": "lookup _etcd-server-ssl._tcp.example.test",
        "other port": 'cannot find local etcd member \\"n0\\" in SRV records',
        "other scheme": "scheme mismatch",
        "no address": "no such host",
    }[case]
    assert code == 1
    assert expected in log
    assert program != "ours" or "error setting up initial cluster" in log


def test_a_long_answer_is_read_over_tcp(names, seekers):
    members = seekers(1, named_flags())
    many = [f"--srv-host=_etcd-server._tcp.example.test,m0.example.test,{port}"
            for port in range(1001, 1061)]
    names(many + ["--host-record=m0.example.test,127.0.0.1"], members)
    code, log = ended(members[0])
    assert code == 1
    assert all(f"http://m0.example.test:{port}" in log for port in range(1001, 1061))


# MARK: settings

@pytest.mark.parametrize("flags,expected", [
    (["--discovery", "http://h/t", "--discovery-srv", "d"],
     "multiple discovery or bootstrap flags are set"),
    (["--discovery-token", "t"],
     "both --discovery-token and --discovery-endpoints must be set"),
    (["--discovery-endpoints", "h:1"],
     "both --discovery-token and --discovery-endpoints must be set"),
    (["--discovery", "http://h/t", "--discovery-user", "u"], "both v2 discovery settings"),
    (["--discovery", "http://h/t", "--initial-cluster-state", "existing"],
     "discovery URL should not be set when joining existing initial cluster"),
])
def test_settings_that_contradict_each_other_are_named(tmp_path, flags, expected):
    done = run([OURS, "--name", "n", "--data-dir", str(tmp_path / "data"), *flags])
    assert done.returncode == 1
    assert expected in done.stdout + done.stderr
