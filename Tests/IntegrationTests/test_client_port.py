"""The client port itself: HTTP/2 in clear text, IPv6, unix sockets, several listeners, the ports of
old, expectations, HEAD, connection reuse, CORS and host checks by flag."""

import json
import os
import shutil

import pytest

import compare
import harness
import rawhttp
from twins import Pair

only_ours = pytest.mark.skipif(harness.TESTING_REFERENCE,
                               reason="etcd 3.4 speaks only gRPC on HTTP/2")


@pytest.fixture(scope="module")
def member():
    server = harness.single()
    yield server
    server.close()


def curl(*words):
    done = harness.run(["curl", "-s", "--max-time", "20", *words])
    assert done.returncode == 0, done
    return done.stdout


HTTP2 = ["--http2-prior-knowledge", "-w", " %{http_version} %{http_code}"]


@only_ours
def test_http2_by_curl(member):
    url = member.client + "/v2/keys/h2"
    text = curl(*HTTP2, url, "-XPUT", "-d", "value=over http/2")
    assert text.endswith(" 2 201")
    one = curl(url)
    two = curl(*HTTP2, url)
    assert two == one + " 2 200"
    assert curl(*HTTP2, member.client + "/v2/keys/none").endswith(" 2 404")
    assert curl(*HTTP2, member.client + "/version").endswith(" 2 200")
    head = curl(*HTTP2, "-I", url)
    assert "x-etcd-index: " in head and head.endswith(" 2 200")
    assert curl(*HTTP2, url, "-XDELETE").endswith(" 2 200")


@only_ours
def test_http2_large_bodies(member, tmp_path):
    """Bodies beyond the flow-control windows, both ways."""
    path = tmp_path / "form"
    path.write_text("value=" + "x" * 1_000_000)
    url = member.client + "/v2/keys/h2large"
    assert curl(*HTTP2, url, "-XPUT", "--data-binary", f"@{path}").endswith(" 2 201")
    text = curl(*HTTP2, url)
    assert json.loads(text.rsplit("\n", 1)[0])["node"]["value"] == "x" * 1_000_000


@only_ours
def test_http2_watch(member):
    """A long poll as a stream; its event ends it."""
    index = member.put("/h2watch", "1").json()["node"]["modifiedIndex"]
    url = f"{member.client}/v2/keys/h2watch"
    text = curl(*HTTP2, f"{url}?wait=true&waitIndex={index}")
    assert '"action":"set"' in text and text.endswith(" 2 200")


@only_ours
@pytest.mark.skipif(not shutil.which("nghttp"), reason="needs nghttp (nghttp2-client)")
def test_http2_by_nghttp(member):
    """Another implementation, a hundred streams at once."""
    member.put("/ng", "nghttp")
    done = harness.run(["nghttp", "-n", "-s", "-m", "100", member.client + "/v2/keys/ng"])
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(" 200 ") >= 100, done.stdout[-2000:]
    # A wait that is answered from history, beside reads of the tree and of the cluster.
    index = member.get("/ng").json()["node"]["modifiedIndex"]
    url = member.client + "/v2/keys/ng"
    done = harness.run(["nghttp", url, f"{url}?wait=true&waitIndex={index}", url + "?quorum=true"])
    assert done.returncode == 0 and done.stdout.count('"value":"nghttp"') == 3, done.stdout


def test_ipv6():
    try:
        port = harness.free_port("::1")
    except RuntimeError:
        pytest.skip("no IPv6 loopback here")
    member = harness.Member("infra0", client=f"http://[::1]:{port}",
                            peer=f"http://[::1]:{harness.free_port('::1')}")
    try:
        member.start().wait_ready()
        assert member.put("/six", "1").status == 201
        assert member.members()[0]["clientURLs"] == [member.client]
        assert member.request("GET", "/v2/machines").body.decode() == member.client
    finally:
        member.close()


@pytest.mark.parametrize("kind", ["host and port", pytest.param("path", marks=only_ours)])
def test_unix_socket(kind):
    """etcd names the file by the URL's host and port, below the working directory."""
    member = harness.Member("infra0")
    path = os.path.join(member.directory, "etcd.sock" if kind == "path" else "etcd:1")
    url = f"unix://{path}" if kind == "path" else "unix://etcd:1"
    member.flags = ["--listen-client-urls", f"{member.client},{url}"]
    try:
        member.start().wait_ready()
        assert rawhttp.request(path, "GET", "/health").status == 200
        answer = rawhttp.request(path, "PUT", "/v2/keys/unix", form={"value": "1"})
        assert answer.status == 201 and member.value("/unix") == "1"
        member.terminate()
        assert not os.path.exists(path), "the socket file is left behind"
        member.start().wait_ready()
    finally:
        member.close()


def test_several_ports():
    """2379 and 4001 for clients, 2380 and 7001 for peers, as old installations have it."""
    ports = [harness.free_port() for _ in range(4)]
    clients = f"http://127.0.0.1:{ports[0]},http://127.0.0.1:{ports[1]}"
    peers = f"http://127.0.0.1:{ports[2]},http://127.0.0.1:{ports[3]}"
    member = harness.Member("infra0", client=f"http://127.0.0.1:{ports[0]}")
    urls = peers.split(",")
    listing = ",".join(f"infra0={url}" for url in urls)
    try:
        member.start(command=[
            "--name", "infra0", "--data-dir", member.data_dir,
            "--listen-client-urls", clients, "--advertise-client-urls", clients,
            "--listen-peer-urls", peers, "--initial-advertise-peer-urls", peers,
            "--initial-cluster", listing]).wait_ready()
        for port in ports[:2]:
            answer = rawhttp.request(("127.0.0.1", port), "GET", "/v2/members").json()
            (only,) = answer["members"]
            assert sorted(only["clientURLs"]) == sorted(clients.split(","))
            assert sorted(only["peerURLs"]) == sorted(urls)
        for port in ports[2:]:
            assert rawhttp.request(("127.0.0.1", port), "GET", "/members").status == 200
            assert rawhttp.request(("127.0.0.1", port), "GET", "/v2/keys").status == 404
    finally:
        member.close()


def test_expect_continue(member):
    headers, body = rawhttp.form_of({"value": "expected"})
    fields = [*headers, ("Expect", "100-continue"), ("Content-Length", str(len(body)))]
    with rawhttp.Wire(member.address) as wire:
        for number in range(2):
            wire.send(rawhttp.encode("PUT", f"/v2/keys/expect{number}", fields))
            assert wire.head().status == 100
            wire.send(body)
            assert wire.response().status == 201
    # A client that does not wait, and one whose request goes nowhere: refused before or after.
    with rawhttp.Wire(member.address) as wire:
        wire.send(rawhttp.encode("PUT", "/v2/keys/expect0", fields, body))
        assert wire.response().json()["node"]["value"] == "expected"
    with rawhttp.Wire(member.address) as wire:
        wire.send(rawhttp.encode("PUT", "/nowhere", fields))
        first = wire.head()
        if first.status == 100:
            wire.send(body)
            first = wire.head()
        assert first.status == 404
    with rawhttp.Wire(member.address) as wire:
        odd = [*headers, ("Expect", "a miracle"), ("Content-Length", str(len(body)))]
        wire.send(rawhttp.encode("PUT", "/v2/keys/expect2", odd, body))
        assert wire.response().status == 417


def test_connection_reuse(member):
    """HEAD, errors and empty answers leave the connection usable; `close` closes it."""
    member.put("/reuse", "1")
    with rawhttp.Wire(member.address) as wire:
        for method, target, status in [
                ("HEAD", "/v2/keys/reuse", 200), ("GET", "/v2/keys/reuse", 200),
                ("HEAD", "/v2/keys/none", 404), ("PATCH", "/v2/keys/reuse", 405),
                ("OPTIONS", "/v2/keys/reuse", 200), ("GET", "/nowhere", 404)] * 3:
            wire.send(rawhttp.encode(method, target))
            answer = wire.response(method)
            assert answer.status == status, answer
        wire.send(rawhttp.encode("GET", "/v2/keys/reuse", [("Connection", "close")]))
        answer = wire.response()
        assert answer.header("Connection") == "close"
        assert wire.take() == b""


@pytest.mark.parametrize("request_line, keeps", [
    (b"GET /v2/keys/reuse HTTP/1.0\r\n\r\n", False),
    (b"GET /v2/keys/reuse HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", True),
], ids=["plain", "keep-alive"])
def test_http_1_0(member, request_line, keeps):
    member.put("/reuse", "1")
    with rawhttp.Wire(member.address) as wire:
        wire.send(request_line)
        answer = wire.response()
        assert answer.status == 200 and answer.json()["node"]["value"] == "1"
        if keeps:
            wire.send(request_line)
            assert wire.response().status == 200
        else:
            assert wire.take() == b""


ORIGINS = ["http://good.example:8080", "http://bad.example:8080", None]
FLAGS = {
    "one origin": ["--cors", "http://good.example:8080"],
    "two origins": ["--cors", "http://other.example:80,http://good.example:8080"],
    "host list": ["--host-whitelist", "localhost,good.example"],
}


@pytest.mark.parametrize("name", FLAGS)
def test_cors_and_hosts(reference, name):
    """The same answers as the reference with the same flag, for known and unknown names."""
    cases = []
    for origin in ORIGINS:
        for host in ("localhost:2379", "good.example", "evil.example:80", "127.0.0.1"):
            for method in ("GET", "OPTIONS"):
                headers = [("Host", host)] + ([("Origin", origin)] if origin else [])
                cases.append((method, headers))
    found = []
    pair = Pair(reference)
    for each in pair.members:
        each.flags += FLAGS[name]
    try:
        for each in pair.members:
            each.start()
        for each in pair.members:
            # A host list may refuse the harness's own requests.
            harness.eventually(lambda m=each: m.request(
                "GET", "/health", headers=[("Host", "localhost")]).status == 200, 20, "health")
        for method, headers in cases:
            theirs, ours = (each.request(method, "/v2/keys/", headers=headers)
                            for each in pair.members)
            lines = compare.difference(theirs, ours)
            if lines:
                found.append(f"{method} {headers}\n" + "\n".join(lines))
    finally:
        pair.close()
    assert not found, "\n\n".join(found)
