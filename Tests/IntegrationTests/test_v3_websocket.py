"""The JSON gateway over WebSocket: the same frames to etcd 3.5.1 and to ours, whose ids are equal,
bring the same frames back. etcd 3.5 waits for the end of the input before it serves a call with a
single request, so that the socket is closed before there is an answer; 3.4 and ours answer, and are
compared with each other."""

import json

import pytest

import harness
import rawhttp
import tls_member
import twins
import v3_reference
from v3_client import Client
from websocket import (BINARY, CLOSE, ENDED, HANDSHAKE, PING, PONG, TEXT, WebSocket, b64)

QUIET_SECONDS = 0.3
GROWTH_KIB = 64 * 1024
EVENTS, EVENT_BYTES = 40, 512 * 1024
NORMAL = b"\x03\xe8"

pytestmark = pytest.mark.skipif(harness.TESTING_REFERENCE, reason="compares with ours")


@pytest.fixture(scope="module")
def pair():
    if not v3_reference.HAVE35:
        pytest.skip(v3_reference.WHY35)
    with twins.Pair(v3_reference.ETCD35) as members:
        yield members


@pytest.fixture(scope="module")
def older():
    if not v3_reference.HAVE34:
        pytest.skip(v3_reference.WHY34)
    with twins.Pair(harness.REFERENCE) as members:
        yield members


def post(member, path, body, **rest):
    return rawhttp.request(member.address, "POST", path, body=json.dumps(body).encode(), **rest)


def create(key, **more):
    return json.dumps({"create_request": {"key": b64(key), **more}})


def play(member, path, script, headers=()):
    """The transcript of a script of (verb, arguments…) on one socket."""
    socket = WebSocket(member.address, path, headers)
    lines = list(socket.head)
    try:
        for verb, *words in script:
            if verb == "say":
                socket.send(words[0], **(words[1] if len(words) > 1 else {}))
            elif verb == "take":
                lines.append(socket.next())
            elif verb == "quiet":
                lines.append(socket.next(QUIET_SECONDS))
            elif verb == "put":
                answer = post(member, "/v3/kv/put", {"key": b64(words[0]), "value": b64("v")})
                lines.append(answer.status)
            else:
                lines += socket.rest()
    finally:
        socket.close()
    return lines


GOODBYE = (("say", NORMAL, {"opcode": CLOSE}), ("end",))
ALIVE = (("say", b"still there?", {"opcode": PING}), ("take",), *GOODBYE)

STREAMS = {
    "several watches on one stream": ("/v3/watch", [
        ("say", create("a")), ("take",), ("say", create("b", watch_id=7)), ("take",),
        ("say", create("b", watch_id=7)), ("take",),
        ("put", "a"), ("take",), ("put", "b"), ("take",), ("put", "c"), ("quiet",),
        ("say", '{"cancel_request":{"watch_id":7}}'), ("take",), ("put", "b"), ("quiet",),
        *ALIVE]),
    "requests across messages": ("/v3/watch", [
        ("say", create("d") + create("e")), ("take",), ("take",),
        ("say", '{"create_request":'), ("say", f'{{"key":"{b64("f")}"}}}}'), ("take",),
        ("say", ""), ("quiet",), ("say", create("g"), {"opcode": BINARY}), ("take",), *ALIVE]),
    "fragments with a ping between": ("/v3beta/watch", [
        ("say", '{"create_', {"last": False}), ("say", b"hi", {"opcode": PING}), ("take",),
        ("say", 'request":', {"opcode": 0, "last": False}),
        ("say", b"", {"opcode": PONG}),
        ("say", f'{{"key":"{b64("h")}"}}}}', {"opcode": 0}), ("take",), *GOODBYE]),
    "a watch of the past": ("/v3/watch", [
        ("put", "old"), ("say", create("old", start_revision=1)), ("take",), ("take",), *GOODBYE]),
    "bytes that are no UTF-8": ("/v3/watch", [
        ("say", b'{"x\xff":1,' + create("a").encode()[1:]), ("take",), *GOODBYE]),
    "a first request that is none": ("/v3/watch", [("say", "{x"), ("end",)]),
    "a first request of another kind": ("/v3/watch", [("say", "12"), ("end",)]),
    "a later request that is none": ("/v3/watch", [
        ("say", create("i")), ("take",), ("say", "[]"), ("quiet",), ("put", "i"), ("take",)]),
    "renewals": ("/v3/lease/keepalive", [
        ("say", '{"ID":77}'), ("take",), ("say", '{"ID":"78"}{"ID":77}'), ("take",), ("take",),
        *ALIVE]),
    "a renewal that is none": ("/v3/lease/keepalive", [("say", "nonsense"), ("end",)]),
    "an unknown path": ("/v3/nosuch", [("end",)]),
    "an unknown path with a query": ("/v3/kv/nosuch?method=GET", [("end",)]),
    "a wanted subprotocol": ("/v3/watch", [*GOODBYE], [("Sec-WebSocket-Protocol", "Bearer, a.1")]),
    "an unknown subprotocol": ("/v3/watch", [*GOODBYE], [("Sec-WebSocket-Protocol", "chat")]),
    "any origin": ("/v3/watch", [*GOODBYE], [("Origin", "http://evil.example")]),
    "compression": ("/v3/watch", [*GOODBYE],
                    [("Sec-WebSocket-Extensions", "permessage-deflate")]),
    "a client that ends without a word": ("/v3/watch", [("say", create("a")), ("take",)]),
}


@pytest.mark.parametrize("name", STREAMS)
def test_same_frames(pair, name):
    path, script, *headers = STREAMS[name]
    if "keepalive" in path:
        for member in pair.members:
            post(member, "/v3/lease/grant", {"ID": 77, "TTL": 600})
    theirs, ours = pair.both(lambda member: play(member, path, script, *headers))
    assert ours == theirs


CLOSINGS = [b"", NORMAL, b"\x03\xe8bye", b"\x03", b"\x03\xe9", b"\x03\xec", b"\x03\xed", b"\x03\xf6",
            b"\x0b\xb8", b"\x13\x87", b"\x13\x88", b"\x03\xe8\xff\xfe", b"\x00\x01"]
FAULTS = {
    "unmasked": [{"masked": False}],
    "reserved bit 1": [{"reserved": 4}],
    "reserved bits": [{"reserved": 3}],
    "unknown data frame": [{"opcode": 3}],
    "unknown control frame": [{"opcode": 11}],
    "nothing to continue": [{"opcode": 0}],
    "a message within a message": [{"last": False}, {}],
    "a ping in fragments": [{"opcode": PING, "last": False}],
    "a long ping": [{"opcode": PING, "payload": b"x" * 126}],
    "a long closing frame": [{"opcode": CLOSE, "payload": b"\x03\xe8" + b"x" * 124}],
    "everything at once": [{"opcode": 3, "masked": False, "reserved": 4}],
}


@pytest.mark.parametrize("payload", CLOSINGS, ids=repr)
def test_same_goodbye(pair, payload):
    script = [("say", create("a")), ("take",), ("say", payload, {"opcode": CLOSE}), ("end",)]
    theirs, ours = pair.both(lambda member: play(member, "/v3/watch", script))
    assert ours == theirs


@pytest.mark.parametrize("name", FAULTS)
def test_same_faults(pair, name):
    frames = [("say", frame.get("payload", b"{}"),
               {key: value for key, value in frame.items() if key != "payload"})
              for frame in FAULTS[name]]
    script = [("say", create("a")), ("take",), *frames, ("end",)]
    theirs, ours = pair.both(lambda member: play(member, "/v3/watch", script))
    assert ours == theirs


def without(*names):
    return tuple(field for field in HANDSHAKE if field[0] not in names)


HANDSHAKES = {
    "no key": {"handshake": without("Sec-WebSocket-Key")},
    "no version": {"handshake": without("Sec-WebSocket-Version")},
    "an old version": {"handshake": without("Sec-WebSocket-Version"),
                       "headers": [("Sec-WebSocket-Version", "8")]},
    "several versions": {"handshake": without("Sec-WebSocket-Version"),
                         "headers": [("Sec-WebSocket-Version", "8, 13")]},
    "POST": {"method": "POST"},
    "no Connection": {"handshake": without("Connection")},
    "no Upgrade": {"handshake": without("Upgrade")},
    "other case and more": {"handshake": without("Connection", "Upgrade"),
                            "headers": [("connection", "keep-alive, upgrade"),
                                        ("upgrade", "h2c, WebSocket")]},
    "a key that is none": {"handshake": without("Sec-WebSocket-Key"),
                           "headers": [("Sec-WebSocket-Key", "x")]},
    "a connection to be closed": {"handshake": without("Connection"),
                                  "headers": [("Connection", "close, Upgrade")]},
    "an unclean path": {"path": "/v3//watch"},
    "the bare prefix": {"path": "/v3"},
    "another API": {"path": "/nosuch"},
}


@pytest.mark.parametrize("name", HANDSHAKES)
def test_same_handshakes(pair, name):
    words = {"path": "/v3/watch", **HANDSHAKES[name]}

    def shake(member):
        socket = WebSocket(member.address, **words)
        socket.close()
        return socket.head
    theirs, ours = pair.both(shake)
    assert ours == theirs


CALLS = [
    ("/v3/kv/put", {"key": b64("k"), "value": b64("1")}),
    ("/v3beta/kv/range", {"key": b64("k")}),
    ("/v3/kv/range?method=GET", {"key": b64("k"), "count_only": True}),
    ("/v3/kv/txn", {"compare": [{"key": b64("k"), "target": "VERSION", "version": 1}],
                    "success": [{"request_range": {"key": b64("k")}},
                                {"request_put": {"key": b64("k"), "value": b64("2")}}]}),
    ("/v3/kv/deleterange", {"key": b64("k"), "prev_kv": True}),
    ("/v3/kv/put", {}),
    ("/v3/kv/range", "null"), ("/v3/kv/range", "12"), ("/v3/kv/range", "{x"),
    ("/v3/kv/range", {"key": b64("k"), "revision": 999}),
    ("/v3/lease/grant", {"ID": 5, "TTL": 600}), ("/v3/lease/grant", {"ID": 5, "TTL": 600}),
    ("/v3/kv/lease/timetolive", {"ID": 6}),
    ("/v3/election/leader", {"name": b64("none")}),
]


def call(member, path, body, headers=()):
    """The frames that answer one request; JSON in them without its order."""
    socket = WebSocket(member.address, path, headers)
    try:
        socket.send(body if isinstance(body, str) else json.dumps(body))
        return [(frame[0], json.loads(frame[1])) if isinstance(frame, tuple) else frame
                for frame in socket.rest()]
    finally:
        socket.close()


@pytest.mark.parametrize("number", range(len(CALLS)))
def test_same_calls(older, number):
    theirs, ours = older.both(lambda member: call(member, *CALLS[number]))
    assert ours == theirs
    assert [len(ours), ours[0][0], ours[1]] == [2, TEXT, ENDED]


def test_closing_at_once(older):
    """What was sent before the closing frame is done."""
    for member in older.members:
        for number in range(20):
            socket = WebSocket(member.address, "/v3/kv/put")
            socket.send(json.dumps({"key": b64(f"once{number:02}"), "value": b64("v")}))
            socket.send(NORMAL, opcode=CLOSE)
            socket.close()

        def count(member=member):
            answer = post(member, "/v3/kv/range", {
                "key": b64("once"), "range_end": b64("oncf"), "count_only": True})
            return answer.json().get("count") == "20"
        harness.eventually(count, 20, "all puts")


def test_transport_security():
    with_tls = tls_member.SecureMember("secure", client_flags=["--auto-tls"])
    try:
        with_tls.start()
        with_tls.wait_ready()
        socket = WebSocket(harness.address_of(with_tls.secure), "/v3/watch", tls=True)
        socket.send(create("a"))
        assert json.loads(socket.next()[1])["result"]["created"]
        post(with_tls, "/v3/kv/put", {"key": b64("a"), "value": b64("x" * 100_000)})
        assert len(socket.next()[1]) > 130_000
        socket.send(NORMAL, opcode=CLOSE)
        assert socket.rest() == [(CLOSE, NORMAL), ENDED]
        socket.close()
    finally:
        with_tls.close()


def test_hostile(pair):
    """Ours: messages without bounds, pings whose answers nobody reads, and many silent sockets."""
    member = pair.ours
    before = member.memory_kib()
    kept = [WebSocket(member.address, "/v3/watch") for _ in range(200)]
    for length in (1 << 30, (1 << 63) + 5):
        kept[0].send(b"{", length=length)
        assert kept[0].rest() == [(CLOSE, b"\x03\xf1"), ENDED]
        kept[0].close()
        kept.pop(0)
    ping = b"\x89\xfd\0\0\0\0" + b"x" * 125
    kept[0].socket.settimeout(0.5)
    with pytest.raises(TimeoutError):
        for _ in range(2_000):
            kept[0].socket.sendall(ping * 1_000)
    with Client(member.client) as client:
        client.put("still", "well")
    assert member.memory_kib() < before + GROWTH_KIB
    for socket in kept:
        socket.close()


def test_slow_readers(start):
    """Events wait in the history of the key space, not in memory for each client that is slow to
    take them; all arrive in the end."""
    member = start()
    sockets = [WebSocket(member.address, "/v3/watch") for _ in range(8)]
    for socket in sockets:
        socket.send(create("large"))
        assert socket.next()[0] == TEXT
    before = member.memory_kib()
    with Client(member.client) as client:
        for _ in range(EVENTS):
            client.put("large", "x" * EVENT_BYTES)
        assert client.value("large")
    # The values themselves, once, and what eight connections may hold.
    assert member.memory_kib() < before + EVENTS * EVENT_BYTES // 1024 + GROWTH_KIB
    versions = []
    while len(versions) < EVENTS:
        result = json.loads(sockets[3].next()[1])["result"]
        versions += [int(event["kv"]["version"]) for event in result["events"]]
    assert versions == list(range(1, EVENTS + 1))
    for socket in sockets:
        socket.close()


def test_stopping(pair, start):
    """A server that ends takes its sockets with it."""
    for binary in (v3_reference.ETCD35, harness.OURS):
        member = start(binary=binary)
        idle = WebSocket(member.address, "/v3/watch")
        busy = WebSocket(member.address, "/v3/watch")
        busy.send(create("a"))
        assert busy.next()[0] == TEXT
        member.signal(15)
        # Whether there is a last word before the end depends on which of the two comes first.
        assert idle.rest()[-1] == ENDED
        assert busy.rest()[-1] == ENDED
        idle.close()
        busy.close()


def test_same_refusals_of_strangers(older):
    """Users and roles are in force from here on. 3.5.1 has other texts for watches, as over gRPC."""
    for member in older.members:
        with Client(member.client) as client:
            client.call("UserAdd", name="root", password="r")
            client.call("RoleAdd", name="root")
            client.call("UserGrantRole", user="root", role="root")
            assert client.call("AuthEnable").ok
    for headers in ([], [("Authorization", "a.1")], [("Cookie", "other=a.1")],
                    [("Sec-WebSocket-Protocol", "Bearer, a.1")], [("Sec-WebSocket-Protocol", "x")],
                    [("Cookie", "token=a.1")]):
        theirs, ours = older.both(
            lambda member, fields=headers: call(member, "/v3/kv/range", {"key": b64("k")}, fields))
        assert ours == theirs, headers
        script = [("say", create("a")), ("take",), *GOODBYE]
        theirs, ours = older.both(
            lambda member, fields=headers: play(member, "/v3/watch", script, fields))
        assert ours == theirs, headers


def test_tokens(older):
    """The etcds at hand do not strip the scheme that their own proxy puts before a token (3.5.32
    does): only ours lets such a client in."""
    member = older.ours
    answer = post(member, "/v3/auth/authenticate", {"name": "root", "password": "r"})
    token = answer.json()["token"]
    for headers in ([("Sec-WebSocket-Protocol", f"Bearer, {token}")],
                    [("Cookie", f"a=b; token={token}")],
                    [("Sec-WebSocket-Protocol", "Bearer, wrong"), ("Cookie", f"token={token}")]):
        frames = call(member, "/v3/kv/put", {"key": b64("own"), "value": b64("v")}, headers)
        assert "header" in frames[0][1] and frames[1] == ENDED
        lines = play(member, "/v3/watch", [("say", create("own")), ("take",), *GOODBYE], headers)
        subprotocol = "Sec-WebSocket-Protocol: Bearer" in lines
        assert subprotocol == (headers[0][0] != "Cookie")
        message = json.loads(lines[-3][1])["result"]
        assert message["created"] and "canceled" not in message
    wrong = [("Sec-WebSocket-Protocol", f"Bearer, {token}"), ("Cookie", "token=wrong")]
    frames = call(member, "/v3/kv/put", {"key": b64("own"), "value": b64("v")}, wrong)
    assert frames == [(TEXT, {"error": "etcdserver: invalid auth token", "code": 16,
                              "message": "etcdserver: invalid auth token"}), ENDED]
