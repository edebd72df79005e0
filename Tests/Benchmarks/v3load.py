"""A generator of load for streams: thousands of watches and leases over one raw HTTP/2 connection
with bytes framed beforehand, so that the generator does not eat the cores that the servers need.
Each scenario returns (operations, seconds, p99 in milliseconds, CPU seconds of the servers)."""

import collections
import select
import socket
import struct
import time

import hpack

from v3_messages import METHODS, build
from v3_wire import (ACK, DATA, END_HEADERS, END_STREAM, HEADERS, PING, PREFACE, SETTINGS,
                     WIDE_WINDOW, WINDOW, frame, grpc_headers, message, settings, window)

WATCHERS = 1_000
KEYS = 10_000
LEASES = 10_000
PER_STREAM = 100
UNDER_WAY = 64
SETUP_SECONDS = 60
CREDIT_BYTES = 2**26
OPENING = bytes([HEADERS, END_HEADERS])
CLOSING = bytes([DATA, END_STREAM])


class Load:
    """One connection that counts the messages of every stream. Sends are buffered until flush."""

    def __init__(self, address):
        self.socket = socket.create_connection(address, 60)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.encoder = hpack.Encoder()
        self.blocks, self.out, self.pending = {}, [], b""
        self.next_stream, self.received = 1, 0
        self.counts, self.rest, self.ended = {}, {}, set()
        self.initial, self.rooms, self.room = 65535, {}, 65535
        # Whether all messages that come on one stream are of one length.
        self.is_uniform = False
        self.socket.sendall(PREFACE + settings(window=WIDE_WINDOW, push=0)
                            + window(0, WIDE_WINDOW - 65535))

    def close(self):
        self.socket.close()

    def block(self, path):
        """The header block of a path; from the second time on it is always the same."""
        known = self.blocks.get(path, (0, b""))
        if known[0] < 2:
            known = (known[0] + 1, self.encoder.encode(grpc_headers(path), huffman=False))
            self.blocks[path] = known
        return known[1]

    def open(self, method, data=b"", end=False):
        """A new stream with its first bytes."""
        number, self.next_stream = self.next_stream, self.next_stream + 2
        self.counts[number], self.rest[number] = 0, b""
        self.rooms[number] = self.initial
        self.out.append(frame(HEADERS, END_HEADERS, number, self.block(METHODS[method].path)))
        if data:
            self.say(number, data, end)
        return number

    def post(self, method, data):
        """A whole call whose answer is not counted."""
        number, self.next_stream = self.next_stream, self.next_stream + 2
        while self.room < len(data):
            self.flush()
            self.read(1.0)
        self.room -= len(data)
        block, place = self.block(METHODS[method].path), number.to_bytes(4, "big")
        self.out.append(b"".join((
            len(block).to_bytes(3, "big"), OPENING, place, block,
            len(data).to_bytes(3, "big"), CLOSING, place, data)))

    def say(self, number, data, end=False):
        self.say_framed(number, len(data), [frame(DATA, END_STREAM if end else 0, number, data)])

    def say_framed(self, number, size, frames):
        """Frames with `size` bytes of data, within the windows: reads until there is room."""
        while min(self.room, self.rooms[number]) < size:
            self.flush()
            self.read(1.0)
        self.room -= size
        self.rooms[number] -= size
        self.out += frames

    def flush(self):
        if self.out:
            data, self.out = b"".join(self.out), []
            self.socket.sendall(data)

    def read(self, seconds):
        """What is there: {stream: new messages}; empty when nothing came."""
        if not select.select([self.socket], [], [], seconds)[0]:
            return {}
        part = self.socket.recv(1 << 20)
        if not part:
            raise ConnectionError("the server closed the connection")
        if self.received > CREDIT_BYTES:
            self.socket.sendall(window(0, self.received))
            self.received = 0
        data, at, news = self.pending + part, 0, {}
        size = len(data)
        while size - at >= 9:
            length = int.from_bytes(data[at:at + 3], "big")
            if size - at < 9 + length:
                break
            kind, flags = data[at + 3], data[at + 4]
            number = int.from_bytes(data[at + 5:at + 9], "big")
            payload = at + 9
            at = payload + length
            if kind == DATA:
                self.received += length
                if number in self.rest:
                    found = self.count(number, data[payload:at])
                    if found:
                        news[number] = news.get(number, 0) + found
            elif kind != HEADERS:
                self.control(kind, flags, number, data[payload:at])
            if kind in (DATA, HEADERS) and flags & END_STREAM:
                self.ended.add(number)
        self.pending = data[at:]
        return news

    def count(self, number, payload):
        """Complete messages in what came on a stream."""
        rest = self.rest[number]
        data = rest + payload if rest else payload
        at, found, size = 0, 0, len(data)
        if self.is_uniform and size >= 5:
            found, left = divmod(size, 5 + int.from_bytes(data[1:5], "big"))
            at = size - left
        while size - at >= 5:
            length = int.from_bytes(data[at + 1:at + 5], "big")
            if size - at < 5 + length:
                break
            at += 5 + length
            found += 1
        self.rest[number] = data[at:]
        self.counts[number] += found
        return found

    def control(self, kind, flags, number, payload):
        if kind == WINDOW:
            increment = int.from_bytes(payload, "big")
            if number:
                self.rooms[number] = self.rooms.get(number, self.initial) + increment
            else:
                self.room += increment
        elif kind == SETTINGS and not flags & ACK:
            for at in range(0, len(payload) - 5, 6):
                name, value = struct.unpack(">HI", payload[at:at + 6])
                if name == 4:
                    for stream in self.rooms:
                        self.rooms[stream] += value - self.initial
                    self.initial = value
            self.socket.sendall(frame(SETTINGS, ACK, 0))
        elif kind == PING and not flags & ACK:
            self.socket.sendall(frame(PING, ACK, 0, payload))


def request(name, **fields):
    return message(build(name, fields).SerializeToString())


def watches(load, keys):
    """Creates a watch of every key, PER_STREAM on a stream; returns the streams once all are
    confirmed."""
    streams = []
    for at in range(0, len(keys), PER_STREAM):
        number = load.open("Watch")
        streams.append(number)
        for key in keys[at:at + PER_STREAM]:
            load.say(number, request("WatchRequest", create_request={"key": key}))
        load.flush()
    deadline = time.monotonic() + SETUP_SECONDS
    while sum(load.counts[number] for number in streams) < len(keys):
        load.read(1.0)
        assert time.monotonic() < deadline, "the watches were not all created"
    return set(streams)


def p99_of(times):
    times.sort()
    return times[int(len(times) * 0.99)] * 1000 if times else 0.0


def one_key(member, seconds, cpu_of):
    """Puts of one key, one after the other, seen by a thousand watchers; latency is until the last
    of them knows."""
    events, writer = Load(member.address), Load(member.address)
    try:
        watches(events, ["fan"] * WATCHERS)
        body, times, total = request("PutRequest", key="fan", value="v" * 64), [], 0
        before, start = cpu_of(), time.monotonic()
        while (now := time.monotonic()) < start + seconds:
            writer.open("Put", body, end=True)
            writer.flush()
            left = WATCHERS
            while left > 0:
                news = events.read(10.0)
                assert news or time.monotonic() < now + 10, "events are missing"
                left -= sum(news.values())
            total += WATCHERS
            times.append(time.monotonic() - now)
            writer.read(0)
        return total, time.monotonic() - start, p99_of(times), cpu_of() - before
    finally:
        events.close()
        writer.close()


def many_keys(member, seconds, cpu_of):
    """Puts of ten thousand keys, several under way, each seen by one watcher."""
    events, writer = Load(member.address), Load(member.address)
    try:
        watches(events, [f"fan/{number}" for number in range(KEYS)])
        bodies = [request("PutRequest", key=f"fan/{number * 7919 % KEYS}", value="v" * 64)
                  for number in range(KEYS)]
        times, sent, seen, under_way = [], 0, 0, []
        before, start = cpu_of(), time.monotonic()
        while time.monotonic() < start + seconds or seen < sent:
            while sent - seen < UNDER_WAY and time.monotonic() < start + seconds:
                writer.post("Put", bodies[sent % KEYS])
                under_way.append(time.monotonic())
                sent += 1
            writer.flush()
            news = sum(events.read(10.0).values())
            assert news, "events are missing"
            now = time.monotonic()
            # Events come in the order of revisions, more or less: good enough for a percentile.
            times += [now - began for began in under_way[:news]]
            del under_way[:news]
            seen += news
            writer.read(0)
        return seen, time.monotonic() - start, p99_of(times), cpu_of() - before
    finally:
        events.close()
        writer.close()


def keep_alive(member, seconds, cpu_of):
    """Ten thousand leases kept alive over one stream, as fast as answers come."""
    load = Load(member.address)
    first = 10_000_000
    try:
        waiting = set()
        for number in range(LEASES):
            waiting.add(load.open("LeaseGrant", request(
                "LeaseGrantRequest", ID=first + number, TTL=3600), end=True))
            if len(waiting) >= UNDER_WAY:
                load.flush()
                while len(waiting - load.ended) >= UNDER_WAY:
                    load.read(10.0)
                waiting -= load.ended
        load.flush()
        while waiting - load.ended:
            load.read(10.0)
        bodies = [request("LeaseKeepAliveRequest", ID=first + number) for number in range(LEASES)]
        stream, times, sent, under_way = load.open("LeaseKeepAlive"), [], 0, collections.deque()
        frames = [frame(DATA, 0, stream, body) for body in bodies]
        load.is_uniform = True
        before, start = cpu_of(), time.monotonic()
        now = start
        while now < start + seconds or load.counts[stream] < sent:
            place = sent % LEASES
            more = frames[place:place + UNDER_WAY - sent + load.counts[stream]]
            if more and now < start + seconds:
                load.say_framed(stream, len(bodies[0]) * len(more), more)
                under_way.append((now, len(more)))
                sent += len(more)
            load.flush()
            news = load.read(10.0).get(stream, 0)
            now = time.monotonic()
            assert news or now < under_way[0][0] + 10, "answers are missing"
            while news:
                began, count = under_way.popleft()
                if count > news:
                    under_way.appendleft((began, count - news))
                times += [now - began] * min(count, news)
                news -= min(count, news)
        return sent, time.monotonic() - start, p99_of(times), cpu_of() - before
    finally:
        load.close()
