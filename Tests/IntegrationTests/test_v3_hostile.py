"""Input that no honest client sends over HTTP/2 and gRPC: garbage in every message, frames out of
order, floods, and the requests that kill etcd 3.5 itself. Whatever comes: an error or a closed
connection, the next client is served, memory stays bounded."""

import random

import pytest

import harness
import rawhttp
import v3_messages
import v3_wire
from v3_client import Client
from v3_messages import METHODS
from v3_wire import (ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PADDED,
                     PING, PRIORITY, PUSH, RESET, SETTINGS, WINDOW, Connection, frame, grpc_headers,
                     message, settings, window)

GROWTH_KIB = 128 * 1024
FUZZED = 3_000

# The reference is not meant to survive everything here.
needs_ours = pytest.mark.skipif(harness.TESTING_REFERENCE, reason="kills etcd 3.5")


@pytest.fixture(scope="module")
def member():
    server = harness.single()
    with Client(server.client) as client:
        client.put("victim", "safe")
    yield server
    server.close()


@pytest.fixture(autouse=True)
def still_well(member):
    """After every attack: alive, serving, the key untouched, memory in bounds."""
    before = member.memory_kib()
    yield
    assert member.alive(), f"the member died\n{member.log_tail()}"
    with Client(member.client) as client:
        assert client.value("victim") == b"safe"
        client.put("still", "well")
    assert member.memory_kib() < before + GROWTH_KIB


def damaged(data, chance):
    """Bytes with a few changed, cut, repeated or put in."""
    data = bytearray(data)
    for _ in range(chance.randrange(1, 5)):
        at = chance.randrange(len(data) + 1)
        action = chance.randrange(4)
        if action == 0 and at < len(data):
            data[at] = chance.randrange(256)
        elif action == 1:
            del data[at:]
        elif action == 2:
            data[at:at] = bytes(chance.randrange(256) for _ in range(chance.randrange(9)))
        else:
            data += data[at:at + 20]
    return bytes(data)


SAMPLES = {
    "Range": {"key": "a", "range_end": "b", "limit": 5, "sort_order": 1, "revision": 1},
    "Put": {"key": "fuzz", "value": "x", "lease": 5, "prev_kv": True},
    "Txn": {"compare": [{"key": "a", "target": 3, "value": "v"}],
            "success": [{"request_put": {"key": "fuzz", "value": "1"}},
                        {"request_txn": {"success": [{"request_range": {"key": "q"}}]}}]},
    "LeaseTimeToLive": {"ID": 5, "keys": True}, "LeaseRevoke": {"ID": 77},
    "MemberUpdate": {"ID": 5, "peerURLs": ["http://127.0.0.1:1"]},
    "HashKV": {"revision": 5}, "RoleGet": {"role": "x"}, "UserGet": {"name": "y"},
    "RoleGrantPermission": {"name": "x", "perm": {"key": "k", "range_end": "l"}},
    "Unlock": {"key": "none"}, "Leader": {"name": "none"},
}


def test_fuzzed_messages(member):
    """Damaged messages on one connection, all services; each is answered."""
    chance = random.Random(1)
    with Connection(member.address) as wire:
        for number in range(FUZZED):
            name = chance.choice(list(SAMPLES))
            method = METHODS[name]
            data = damaged(v3_messages.build(method.request, SAMPLES[name]).SerializeToString(),
                           chance)
            stream = 2 * number + 1
            wire.headers(stream, grpc_headers(method.path, grpc_timeout="2S"))
            wire.data(stream, message(data))
            answer = wire.finish(stream, 10)
            assert answer.field("grpc-status") is not None, (name, data)
            del wire.streams[stream]


def test_fuzzed_framing(member):
    """Damaged gRPC framing: every connection ends or answers."""
    chance = random.Random(2)
    good = message(v3_messages.build("PutRequest", SAMPLES["Put"]).SerializeToString())
    for _ in range(150):
        with Connection(member.address, 5) as wire:
            wire.headers(1, grpc_headers("/etcdserverpb.KV/Put"))
            wire.data(1, damaged(good * chance.randrange(1, 4), chance))
            wire.finish(1, 5)


def test_fuzzed_frames(member):
    """Random frames after a good beginning."""
    chance = random.Random(3)
    for _ in range(150):
        with Connection(member.address, 5) as wire:
            wire.headers(1, grpc_headers("/etcdserverpb.Watch/Watch"))
            for _ in range(20):
                payload = bytes(chance.randrange(256) for _ in range(chance.randrange(40)))
                wire.send(frame(chance.randrange(12), chance.randrange(256),
                                chance.choice([0, 1, 3, 2, 2**31 - 1]), payload))
            wire.read(0.05)


BAD_FRAMES = {
    "data on stream 0": frame(DATA, 0, 0, b"x"),
    "data on an idle stream": frame(DATA, 0, 5, b"x"),
    "headers on stream 0": frame(HEADERS, END_HEADERS, 0, b""),
    "headers on an even stream": frame(HEADERS, END_HEADERS, 2, b"\x82"),
    "continuation without headers": frame(CONTINUATION, END_HEADERS, 1, b""),
    "headers, then data": frame(HEADERS, 0, 1, b"\x82") + frame(DATA, 0, 1, b"x"),
    "padding longer than the frame": frame(DATA, PADDED, 1, b"\xffx"),
    "settings of five bytes": frame(SETTINGS, 0, 0, b"12345"),
    "settings on a stream": frame(SETTINGS, 0, 1, b""),
    "acknowledgement with content": frame(SETTINGS, ACK, 0, b"123456"),
    "window of 0": window(0, 0), "window too wide": window(0, 2**31 - 1) * 3,
    "ping of 7": frame(PING, 0, 0, b"1234567"), "ping on a stream": frame(PING, 0, 1, b"12345678"),
    "priority of itself": frame(PRIORITY, 0, 1, b"\0\0\0\1\0"),
    "push from a client": frame(PUSH, END_HEADERS, 1, b"\0\0\0\2"),
    "reset of an idle stream": frame(RESET, 0, 7, b"\0\0\0\0"),
    "reset of 3 bytes": frame(RESET, 0, 1, b"123"), "goaway of 3": frame(GOAWAY, 0, 0, b"123"),
    "window of 3": frame(WINDOW, 0, 0, b"123"), "unknown kind": frame(99, 255, 1, b"x" * 100),
    "frame of 16 MiB": b"\xff\xff\xff\x00\x00\x00\x00\x00\x01" + b"x" * 10_000,
    "bad header block": frame(HEADERS, END_HEADERS, 1, b"\xff\xff\xff\xff\xff\xff"),
    "frame size of 0": settings(frame=0), "window of 2^31": settings(window=2**31),
}


@pytest.mark.parametrize("name", BAD_FRAMES)
def test_bad_frames(member, name):
    with Connection(member.address, 3) as wire:
        wire.send(BAD_FRAMES[name])
        wire.alive(1)


FLOODS = {
    "pings": frame(PING, 0, 0, b"12345678") * 200,
    "settings": settings(streams=100) * 200,
    "empty data": frame(DATA, 0, 1, b"") * 200,
    "windows": window(0, 1) * 200,
    "priorities": frame(PRIORITY, 0, 3, b"\0\0\0\0\1") * 200,
    "continuations": frame(CONTINUATION, 0, 1, b"\x40\x01a\x01b" * 10) * 200,
}


@pytest.mark.parametrize("name", FLOODS)
def test_floods(member, name):
    """The same frame again and again without reading; memory is looked at afterwards."""
    with Connection(member.address, 5) as wire:
        if name == "continuations":
            wire.send(frame(HEADERS, 0, 1, b"\x82"))
        elif name == "empty data":
            wire.headers(1, grpc_headers("/etcdserverpb.Watch/Watch"))
        wire.socket.settimeout(2)
        for _ in range(500):
            if wire.closed:
                break
            wire.send(FLOODS[name])


def test_rapid_reset(member):
    """Calls that are taken back at once, ten thousand of them."""
    with Connection(member.address, 5) as wire:
        wire.socket.settimeout(5)
        body = message(v3_messages.build("RangeRequest", {"key": "victim"}).SerializeToString())
        for number in range(10_000):
            stream = 2 * number + 1
            wire.headers(stream, grpc_headers("/etcdserverpb.KV/Range"))
            wire.send(frame(DATA, END_STREAM, stream, body) + frame(
                RESET, 0, stream, b"\0\0\0\x08"))
            wire.streams.clear()
            if wire.closed:
                break


def test_no_message_at_all(member):
    """A call that ends before its message; etcd gives no answer, any will do."""
    stream, _ = v3_wire.call(member.address, grpc_headers("/etcdserverpb.KV/Put"), seconds=2)
    assert stream.field("grpc-status") != "0"


def test_deep_nesting(member):
    """Protobuf and JSON nested ten thousand times."""
    data = b""
    for _ in range(2_000):
        inner = b"\x22" + varint(len(data)) + data
        data = b"\x12" + varint(len(inner)) + inner
    with Client(member.client) as client:
        assert not client.call("Txn", data).ok
    body = b'{"success":[{"request_txn":' * 10_000
    rawhttp.exchange(member.address, b"POST /v3/kv/txn HTTP/1.1\r\nHost: x\r\n"
                             b"Content-Length: %d\r\n\r\n" % len(body) + body, 3)


def varint(number):
    encoded = b""
    while number > 127:
        encoded += bytes([number & 127 | 128])
        number >>= 7
    return encoded + bytes([number])


KILLERS = {
    "unknown alarm action": ("Alarm", {"action": 7}),
    "alarm of no type": ("Alarm", {"action": "ACTIVATE", "memberID": 5}),
    "unknown sort target": ("Range", {"key": "a", "range_end": "b", "sort_order": 1,
                                      "sort_target": 9}),
    "watch from a negative revision": None,
}


@needs_ours
@pytest.mark.parametrize("name", KILLERS)
def test_killers_of_etcd(member, name):
    with Client(member.client) as client:
        if KILLERS[name] is None:
            wanted = {"create_request": {"key": "a", "start_revision": -1}}
            with client.stream("Watch", wanted) as stream:
                assert stream.next().created
            return
        method, fields = KILLERS[name]
        client.put("a", "1")
        client.put("aa", "1")
        answer = client.call(method, fields, timeout=5)
        assert answer.code != "DEADLINE_EXCEEDED", answer
