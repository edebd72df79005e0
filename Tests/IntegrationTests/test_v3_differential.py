"""The v3 API of our member beside etcd 3.5.1: the same requests over gRPC and through the JSON
gateway, good and bad, to twins with equal ids. Codes, messages and all fields must be equal; all
differences are printed, not only the first."""

import base64
import hashlib
import json
import urllib.parse

import pytest

import rawhttp
import v3_compare
import v3_known
import v3_reference
import v3_table_admin
import v3_table_kv
import v3_table_raw
import v3_table_streams
import v3_twins
import v3_wire
from v3_cases import Case
from v3_messages import METHODS
from v3_twins import Transcript, Twins, verdict

pytestmark = pytest.mark.skipif(not v3_reference.HAVE35, reason=v3_reference.WHY35)

TABLES = {"kv": v3_table_kv.CASES, **v3_table_admin.TABLES}


def check(found, total):
    text = verdict(v3_known.unknown(found), total)
    if text:
        pytest.fail(text, pytrace=False)


@pytest.mark.parametrize("through", ["grpc", "gateway"])
@pytest.mark.parametrize("table", TABLES)
def test_same_answers(table, through):
    with Twins() as pair:
        found = pair.run(TABLES[table], through)
    check(found, len(TABLES[table]))


def test_same_streams():
    """Every script on its own pair of fresh stores would take minutes: each starts with an empty
    key space at the same revision on both, and says by itself what else it needs."""
    found = []
    for name, script in v3_table_streams.SCRIPTS.items():
        with Twins() as pair:
            theirs, ours = (Transcript(pair, member).play(script) for member in pair.members)
        lines = v3_compare.diff(theirs, ours)
        if lines:
            found.append(f"{name}:" + "".join(f"\n    {line}" for line in lines))
    check(found, len(v3_table_streams.SCRIPTS))


# What the gRPC library of etcd 3.5.1 does in its own way and that of later releases in another:
# here only the outcome must be the same, an answer or a refusal.
LIBRARY = {
    "no slash", "one part", "only a slash", "gzip", "gzip announced, not used", "grpc-web", "GET",
    "PUT", "OPTIONS", "cut in the head", "cut in the message", "two messages", "message and rest",
    "timeout of nine digits", "timeout without unit", "timeout of nothing", "unknown unit",
    "no content type", "json content type", "upper-case content type",
}
# Later libraries refuse these.
EITHER = {"two messages", "message and rest"}


def raw_lines(name, path, stream):
    """What came on a stream of HTTP/2, in lines; header order, dates and revisions aside."""
    if name in LIBRARY:
        good = stream.field("grpc-status") == "0"
        return ["answered" if good and name not in EITHER else "refused or answered"
                if name in EITHER else "refused"]
    lines = []
    for title, fields in (("headers", stream.headers), ("trailers", stream.trailers)):
        for key, value in sorted(fields):
            value = urllib.parse.unquote(value) if key == "grpc-message" else value
            # An empty message is no message.
            if key not in ("date", "content-length") and (key, value) != ("grpc-message", ""):
                lines.append(f"{title} {key}: {v3_compare.tidy(value)}")
    method = next((m for m in METHODS.values() if m.path == path), None)
    for data in stream.messages():
        message = method.response.FromString(data)
        for holder, field in list(v3_compare.revisions_of(message)):
            holder.ClearField(field)
        for kv in getattr(message, "kvs", []):
            kv.ClearField("version")
        lines += v3_compare.text_of(message)
    if not stream.messages() and stream.data:
        lines.append(f"data {stream.data[:200]!r}")
    lines.append(f"ended {stream.ended} reset {stream.reset}")
    return lines


def test_same_raw_calls():
    """Requests that no library sends."""
    found = []
    with Twins() as pair:
        for name, (headers, body, end) in v3_table_raw.GRPC.items():
            path = dict(headers)[":path"]
            theirs, ours = (
                raw_lines(name, path, v3_wire.call(member.address, headers, body, 6, end)[0])
                for member in pair.members)
            lines = v3_compare.diff(theirs, ours)
            if lines:
                found.append(f"{name}:" + "".join(f"\n    {line}" for line in lines))
            assert all(member.alive() for member in pair.members), name
    check(found, len(v3_table_raw.GRPC))


def test_same_gateway_details():
    """Paths, methods, headers and JSON of all sorts."""
    found = []
    case = Case("Range")
    with Twins() as pair:
        for member in pair.members:
            pair.clients[member].put("g", "1")
        for name, (method, target, headers, body) in v3_table_raw.GATEWAY.items():
            theirs, ours = (v3_twins.send(member, target, body, headers, 6, method)
                            for member in pair.members)
            if name in v3_table_raw.WIDER:
                assert ours.status in (200, theirs.status), name
                continue
            lines = v3_compare.json_difference(case, theirs, ours)
            if lines:
                found.append(f"{name}:" + "".join(f"\n    {line}" for line in lines))
            assert all(member.alive() for member in pair.members), name
    check(found, len(v3_table_raw.GATEWAY))


def gateway_watch(pair, member):
    """Lines of a watch through the gateway: creation, events, then a second one on the same
    request, history, cancellation by compaction."""
    client = pair.clients[member]
    lines = []

    def open_wire(*objects):
        wire = rawhttp.Wire(member.address, 8)
        body = b"".join(json.dumps(one).encode() for one in objects)
        wire.send(rawhttp.encode("POST", "/v3/watch", [], body))
        head = wire.head()
        lines.extend([head.status_line, *(f"{name}: {value}" for name, value in head.headers
                                          if name != "Date")])
        return wire

    def key(text):
        return base64.b64encode(text.encode()).decode()
    with open_wire({"create_request": {"key": key("w")}}) as wire:
        lines.append(wire.chunk())
        client.put("w", "1")
        lines.append(wire.chunk())
        client.delete("w")
        lines.append(wire.chunk())
    objects = [{"create_request": {"key": key("w"), "watch_id": "3", "prev_kv": True}},
               {"create_request": {"key": key("x"), "watchId": "4"}}, {"progress_request": {}}]
    with open_wire(*objects) as wire:
        lines.extend(sorted(wire.chunk() for _ in range(3)))
        client.put("w", "2")
        lines.append(wire.chunk())
    with open_wire({"create_request": {"key": key("w"), "start_revision": "2"}}) as wire:
        lines.extend([wire.chunk(), wire.chunk()])
    client.call("Compact", revision=4)
    with open_wire({"create_request": {"key": key("w"), "start_revision": 2}}) as wire:
        lines.extend([wire.chunk(), wire.chunk()])
    with open_wire({"create_request": {"key": key("w"), "range_end": key("a")}}) as wire:
        lines.append(wire.chunk())
    return [str(line) for line in lines]


def gateway_others(pair, member):
    """The other streams: keep-alive and observe; the errors of streams."""
    client = pair.clients[member]
    client.grant(600, 10)
    lines = []
    answer = v3_twins.send(member, "/v3/lease/keepalive", b'{"ID":"10"}{"ID":"11"}', (), 8)
    lines += [answer.status_line, *map(str, answer.headers[:-1]), answer.body]
    client.call("Campaign", name="e", lease=10, value="v")
    with rawhttp.Wire(member.address, 8) as wire:
        wire.send(rawhttp.encode("POST", "/v3/election/observe", [], b'{"name":"ZQ=="}'))
        head = wire.head()
        lines += [head.status_line, wire.chunk()]
    with rawhttp.Wire(member.address, 8) as wire:
        wire.send(rawhttp.encode("POST", "/v3/maintenance/snapshot", [], b"{}"))
        head, blobs, text = wire.head(), [], b""
        while chunk := wire.chunk():
            text += chunk
        for line in text.splitlines():
            blobs.append(base64.b64decode(json.loads(line)["result"]["blob"]))
        image = b"".join(blobs[:-1])
        lines += [head.status_line, hashlib.sha256(image).digest() == blobs[-1]]
    return [str(line) for line in lines if "Date" not in str(line)]


@pytest.mark.parametrize("scenario", [gateway_watch, gateway_others])
def test_same_gateway_streams(scenario):
    with Twins() as pair:
        theirs, ours = (scenario(pair, member) for member in pair.members)
    lines = v3_compare.diff(theirs, ours)
    check(lines, len(theirs))
