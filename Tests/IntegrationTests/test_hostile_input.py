"""Clients that do not play by the rules. Whatever comes: an error or a closed connection, the next
client is served, memory stays bounded, and nothing that was not a request gets executed."""

import os
import random
import resource
import socket
import time

import pytest

import harness
import rawhttp

# Room for buffers and for the allocator; a leak per connection or per byte is far beyond it.
GROWTH_KIB = 96 * 1024
CONNECTIONS = 10_000
OPEN_AT_ONCE = 1_000
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


@pytest.fixture(scope="module")
def member():
    server = harness.single()
    try:
        server.put("/victim", "safe")
        yield server
    finally:
        server.close()


@pytest.fixture(autouse=True)
def still_well(member):
    """After every attack: alive, serving, the key untouched, memory in bounds."""
    before = member.memory_kib()
    yield
    assert member.alive(), f"the member died\n{member.log_tail()}"
    assert member.value("/victim") == "safe"
    assert member.put("/still", "well").status in (200, 201)
    assert member.memory_kib() < before + GROWTH_KIB


def status_of(answer):
    """The status of the first answer, 0 when the connection was just closed."""
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.") else 0


def refused(member, data, seconds=3):
    answer = rawhttp.exchange(member.address, data, seconds)
    assert status_of(answer) in (0, *range(400, 600)), answer[:200]
    return answer


GARBAGE = {
    "nothing": b"",
    "newlines": b"\r\n\r\n\r\n\r\n",
    "zeros": b"\0" * 1000,
    "text": b"hello, is anybody there?\r\n\r\n",
    "tls": bytes.fromhex("16030100c8010000c40303") + b"\x55" * 193,
    "ssh": b"SSH-2.0-OpenSSH_9.2\r\n",
    "no version": b"GET /v2/keys\r\n\r\n",
    "bad version": b"GET /v2/keys HTTP/9.9\r\nHost: x\r\n\r\n",
    "bad version text": b"GET /v2/keys HTTQ/1.1\r\nHost: x\r\n\r\n",
    "two spaces": b"GET  /v2/keys HTTP/1.1\r\nHost: x\r\n\r\n",
    "no colon": b"GET /v2/keys HTTP/1.1\r\nHost x\r\n\r\n",
    "space before colon": b"GET /v2/keys HTTP/1.1\r\nHost: x\r\nA : b\r\n\r\n",
    "folded header first": b"GET /v2/keys HTTP/1.1\r\n Host: x\r\n\r\n",
    "zero in header": b"GET /v2/keys HTTP/1.1\r\nHost: x\r\nA: b\0c\r\n\r\n",
    "zero in target": b"GET /v2/ke\0ys HTTP/1.1\r\nHost: x\r\n\r\n",
    "bad escape": b"GET /v2/keys/%zz HTTP/1.1\r\nHost: x\r\n\r\n",
    "no target": b"GET HTTP/1.1\r\nHost: x\r\n\r\n",
    "no host": b"GET /v2/keys HTTP/1.1\r\n\r\n",
    "two hosts": b"GET /v2/keys HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
}


@pytest.mark.parametrize("name", GARBAGE)
def test_garbage(member, name):
    refused(member, GARBAGE[name], 1)


FORM = "application/x-www-form-urlencoded"
WRITE = (b"PUT /v2/keys/victim HTTP/1.1\r\nHost: x\r\n"
         b"Content-Type: application/x-www-form-urlencoded\r\n")
SMUGGLED = b"PUT /v2/keys/victim?value=stolen HTTP/1.1\r\nHost: x\r\n\r\n"
BAD_FRAMING = {
    "negative length": WRITE + b"Content-Length: -1\r\n\r\nvalue=x",
    "length no number": WRITE + b"Content-Length: ten\r\n\r\nvalue=x",
    "length with plus": WRITE + b"Content-Length: +7\r\n\r\nvalue=x",
    "length too large": WRITE + b"Content-Length: 99999999999999999999\r\n\r\nvalue=x",
    "two lengths": WRITE + b"Content-Length: 7\r\nContent-Length: 8\r\n\r\nvalue=x",
    "list of lengths": WRITE + b"Content-Length: 7, 8\r\n\r\nvalue=x",
    "unknown coding": WRITE + b"Transfer-Encoding: gzip\r\n\r\nvalue=x",
    "chunked twice": WRITE + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "chunk size no number": WRITE + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nvalue=x\r\n0\r\n\r\n",
    "chunk size too large": WRITE + b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nx",
    "negative chunk": WRITE + b"Transfer-Encoding: chunked\r\n\r\n-5\r\nvalue\r\n0\r\n\r\n",
    "chunk without end": WRITE + b"Transfer-Encoding: chunked\r\n\r\n7\r\nvalue=xXX0\r\n\r\n",
    "chunked not last": WRITE + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("name", BAD_FRAMING)
def test_bad_framing(member, name):
    refused(member, BAD_FRAMING[name], 1)


@pytest.mark.parametrize("head", [
    b"Content-Length: 0\r\nTransfer-Encoding: xchunked\r\n",
    b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
    b"Transfer-Encoding:\x0bchunked\r\nContent-Length: 5\r\n",
    b"Content-Length : 5\r\n",
    b"X: a\rContent-Length: 90\r\n",
], ids=["length and unknown", "two codings", "control before coding", "space", "bare return"])
def test_smuggling(member, head):
    """Two readers must not find different ends of a body: such requests are refused, and what
    follows on the connection is not executed."""
    data = b"POST /v2/keys/queue HTTP/1.1\r\nHost: x\r\n" + head + b"\r\n0\r\n\r\n" + SMUGGLED
    answer = rawhttp.exchange(member.address, data, 1)
    assert status_of(answer) in (0, *range(400, 600)), answer[:300]
    assert answer.count(b"HTTP/1.1 2") == 0


def test_length_and_chunked(member):
    """Both: chunked wins or the request is refused; the length must not decide."""
    data = (b"PUT /v2/keys/both HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n"
            b"Transfer-Encoding: chunked\r\nContent-Type: application/x-www-form-urlencoded\r\n\r\n"
            b"7\r\nvalue=v\r\n0\r\n\r\n")
    answer = rawhttp.exchange(member.address, data, 1)
    assert status_of(answer) >= 400 or b'"value":"v"' in answer


def test_huge_request_line(member):
    refused(member, b"GET /v2/keys/" + b"a" * 3_000_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 5)


def test_huge_header(member):
    field = b"X-Big: " + b"b" * 3_000_000
    refused(member, b"GET /v2/keys HTTP/1.1\r\nHost: x\r\n" + field + b"\r\n\r\n", 5)


def test_many_header_fields(member):
    fields = b"".join(b"X-%d: y\r\n" % n for n in range(200_000))
    refused(member, b"GET /v2/keys HTTP/1.1\r\nHost: x\r\n" + fields + b"\r\n", 5)


def test_endless_header(member):
    """A header that never ends is refused while it comes, not collected for ever."""
    with rawhttp.Wire(member.address, 5) as wire:
        try:
            wire.send(b"GET /v2/keys HTTP/1.1\r\nHost: x\r\n")
            for _ in range(500):
                wire.send(b"X-More: " + b"c" * 65536 + b"\r\n")
            assert wire.head().status in (400, 413, 431)
            # Nothing more is read on this connection.
            wire.take()
        except ConnectionError:
            pass


def test_large_body(member):
    """A body beyond every limit: refused or read away, not kept."""
    piece = b"x" * 1_000_000
    with rawhttp.Wire(member.address, 10) as wire:
        try:
            wire.send(b"PUT /v2/keys/large HTTP/1.1\r\nHost: x\r\nContent-Length: 200000006\r\n"
                      b"Content-Type: application/x-www-form-urlencoded\r\n\r\nvalue=")
            for _ in range(200):
                wire.send(piece)
            assert wire.response("PUT").status in range(400, 600)
        except (OSError, ValueError):
            pass
    assert member.get("/large").status == 404


def test_slow_headers(member):
    """A byte now and then on a hundred connections, while others are served."""
    slow = [rawhttp.Wire(member.address) for _ in range(100)]
    try:
        for byte in b"GET /v2/keys HTTP/1.1\r\nX":
            for wire in slow:
                wire.send(bytes([byte]))
            assert member.value("/victim") == "safe"
        for wire in slow:
            wire.send(b": y\r\nHost: x\r\n\r\n")
        assert all(wire.response().status == 200 for wire in slow)
    finally:
        for wire in slow:
            wire.close()


def test_pipelining(member):
    """Answers in the order of the requests, errors and bodies included."""
    requests = []
    for number in range(100):
        headers, body = rawhttp.form_of({"value": str(number)})
        requests.append(rawhttp.encode("PUT", f"/v2/keys/pipe/{number}", headers, body))
        requests.append(rawhttp.encode("GET", f"/v2/keys/pipe/{number}"))
        requests.append(rawhttp.encode("GET", "/v2/keys/missing"))
    with rawhttp.Wire(member.address) as wire:
        wire.send(b"".join(requests))
        for number in range(100):
            assert wire.response().json()["node"]["value"] == str(number)
            assert wire.response().json()["node"]["value"] == str(number)
            assert wire.response().status == 404


def test_byte_by_byte(member):
    headers, body = rawhttp.form_of({"value": "slow"})
    with rawhttp.Wire(member.address) as wire:
        for byte in rawhttp.encode("PUT", "/v2/keys/bytes", headers, body):
            wire.send(bytes([byte]))
        assert wire.response().status == 201


def test_half_close(member):
    """A client that says it will send no more still gets its answer."""
    answer = rawhttp.exchange(member.address, rawhttp.encode("GET", "/v2/keys/victim"), 5, True)
    assert b'"value":"safe"' in answer
    cut = rawhttp.encode("PUT", "/v2/keys/cut", [
        ("Content-Type", FORM), ("Content-Length", "100")], b"value=")
    rawhttp.exchange(member.address, cut, 5, True)
    assert member.get("/cut").status == 404


def test_reset(member):
    """Connections that vanish with a reset at every stage."""
    for data in (b"", b"GET /v2", rawhttp.encode("GET", "/v2/keys/victim"),
                 rawhttp.encode("GET", "/v2/keys/nothing?wait=true"),
                 rawhttp.encode("GET", "/v2/keys/victim") * 200):
        for _ in range(20):
            with rawhttp.Wire(member.address) as wire:
                wire.send(data)
                wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


def test_reader_that_does_not_read(member):
    """Asks for much and reads nothing: the member must not queue it all."""
    for number in range(20):
        member.put(f"/much/{number}", "x" * 100_000)
    request = rawhttp.encode("GET", "/v2/keys/much?recursive=true")
    with rawhttp.Wire(member.address, 1) as wire:
        try:
            for _ in range(200):
                wire.send(request * 10)
        except OSError:
            pass
        assert member.memory_kib() < 1_000_000
    member.delete("/much", "?recursive=true")


def test_connections_come_and_go(member):
    """Ten thousand, a thousand at a time, some idle, some with half a request."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < OPEN_AT_ONCE * 2:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, OPEN_AT_ONCE * 4), hard))
    files = len(os.listdir(f"/proc/{member.pid}/fd"))
    for _ in range(CONNECTIONS // OPEN_AT_ONCE):
        wires = []
        for number in range(OPEN_AT_ONCE):
            wire = rawhttp.Wire(member.address, 10)
            if number % 3 == 1:
                wire.send(b"GET /v2/keys/victim HTTP/1.1\r\nHo")
            elif number % 3 == 2:
                wire.send(rawhttp.encode("GET", "/v2/keys/victim"))
            wires.append(wire)
        assert member.value("/victim") == "safe"
        for wire in wires:
            wire.close()
    harness.eventually(lambda: len(os.listdir(f"/proc/{member.pid}/fd")) < files + 50, 20,
                       "descriptors given back")


def frame(kind, flags, stream, payload=b""):
    head = len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big")
    return head + payload


HTTP2 = {
    "nothing after": PREFACE,
    "half a preface": PREFACE[:13],
    "text": PREFACE + b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "zeros": PREFACE + b"\0" * 5000,
    "huge frame": PREFACE + frame(4, 0, 0) + b"\xff\xff\xff\0\0\0\0\0\1" + b"x" * 5000,
    "settings of odd length": PREFACE + frame(4, 0, 0, b"abcde"),
    "data without a stream": PREFACE + frame(4, 0, 0) + frame(0, 0, 7, b"data"),
    "bad header block": PREFACE + frame(4, 0, 0) + frame(1, 5, 1, b"\xff" * 50),
    "even stream": PREFACE + frame(4, 0, 0) + frame(1, 5, 2, b"\x82"),
    "continuation of nothing": PREFACE + frame(4, 0, 0) + frame(9, 4, 1, b"\x82"),
    "window overflow": PREFACE + frame(4, 0, 0) + frame(8, 0, 0, b"\x7f\xff\xff\xff") * 2,
    "window of zero": PREFACE + frame(4, 0, 0) + frame(8, 0, 0, b"\0\0\0\0"),
    "settings flood": PREFACE + frame(4, 0, 0) * 20_000,
    "ping flood": PREFACE + frame(4, 0, 0) + frame(6, 0, 0, b"12345678") * 20_000,
    "rapid reset": PREFACE + frame(4, 0, 0) + b"".join(
        frame(1, 5, n, b"\x82\x86\x84\x41\x01x") + frame(3, 0, n, b"\0\0\0\x08")
        for n in range(1, 20_001, 2)),
    "endless continuation": PREFACE + frame(4, 0, 0) + frame(1, 1, 1, b"\x82\x86\x84\x41\x01x")
    + frame(9, 0, 1, b"\x00\x01a\x7f" + b"\x00" + b"b" * 127) * 20_000,
}


@pytest.mark.parametrize("name", HTTP2)
def test_http2_garbage(member, name):
    answer = rawhttp.exchange(member.address, HTTP2[name], 0.7)
    assert not answer.startswith(b"HTTP/1.1 200")


def test_random_bytes(member):
    """Seeded noise, some of it behind a good start."""
    seed = random.randrange(1 << 30)
    print(f"seed {seed}")
    noise = random.Random(seed)
    starts = [b"", b"GET /v2/keys HTTP/1.1\r\n", PREFACE,
              b"POST /v2/members HTTP/1.1\r\nHost: x\r\n"]
    for number in range(200):
        data = starts[number % 4] + noise.randbytes(noise.randrange(1, 2000))
        with rawhttp.Wire(member.address) as wire:
            try:
                wire.send(data)
                wire.send(b"\r\n\r\n")
            except OSError:
                pass
    time.sleep(0.2)


def test_peer_port(member):
    """The same on the port where members talk: no entry without a raft message."""
    address = harness.address_of(member.peer)
    for data in [*GARBAGE.values(),
                 rawhttp.encode("POST", "/raft", [], b"\xff" * 1000),
                 rawhttp.encode("POST", "/raft", [("X-Etcd-Cluster-ID", "zz")], b""),
                 rawhttp.encode("POST", "/raft/snapshot", [], b"\xff" * 1000),
                 rawhttp.encode("GET", "/raft/stream/msgapp/zz"),
                 rawhttp.encode("GET", "/raft/stream/message/1"),
                 rawhttp.encode("GET", "/raft/stream/nonsense/1")]:
        answer = rawhttp.exchange(address, data, 0.3)
        assert status_of(answer) in (0, *range(400, 600)), answer[:200]
