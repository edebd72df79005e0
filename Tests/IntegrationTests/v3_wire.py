"""HTTP/2 by hand, for requests that no gRPC library would send: any headers, any bytes, any frames.
Answers are headers, data and trailers as they came."""

import select
import socket
import struct
import time

import hpack

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RESET, SETTINGS, PUSH, PING, GOAWAY, WINDOW, CONTINUATION = range(10)
END_STREAM, ACK, END_HEADERS, PADDED = 1, 1, 4, 8
WIDE_WINDOW = 2**31 - 1


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(
        ">I", stream) + payload


def settings(**values):
    """A SETTINGS frame: table=1, push=2, streams=3, window=4, frame=5, headers=6."""
    numbers = {"table": 1, "push": 2, "streams": 3, "window": 4, "frame": 5, "headers": 6}
    return frame(SETTINGS, 0, 0, b"".join(
        struct.pack(">HI", numbers[name], value) for name, value in values.items()))


def window(stream, increment):
    return frame(WINDOW, 0, stream, struct.pack(">I", increment))


def message(data, compressed=0):
    """A gRPC message with its five bytes in front."""
    return bytes([compressed]) + struct.pack(">I", len(data)) + data


def grpc_headers(path, **changes):
    """The headers of a gRPC call; None leaves one out, underscores stand for dashes."""
    fields = {":method": "POST", ":scheme": "http", ":path": path, ":authority": "localhost",
              "content-type": "application/grpc", "te": "trailers"}
    for name, value in changes.items():
        name = name.replace("_", "-")
        fields[f":{name}" if f":{name}" in fields else name] = value
    return [(name, value) for name, value in fields.items() if value is not None]


class Stream:
    """What came on one stream."""

    def __init__(self):
        self.headers, self.data, self.trailers = [], b"", []
        self.ended, self.reset = False, None

    def field(self, name):
        return dict(self.trailers).get(name, dict(self.headers).get(name))

    def messages(self):
        """The gRPC messages that are complete."""
        found, data = [], self.data
        while len(data) >= 5:
            size = struct.unpack(">I", data[1:5])[0]
            if len(data) < 5 + size:
                break
            found.append(data[5:5 + size])
            data = data[5 + size:]
        return found


class Connection:
    """One connection. Frames are read into streams as they come; windows are kept open."""

    def __init__(self, address, timeout=15.0, preface=PREFACE + settings(window=WIDE_WINDOW)):
        self.socket = socket.create_connection(address, timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.timeout = timeout
        self.encoder, self.decoder = hpack.Encoder(), hpack.Decoder()
        self.decoder.max_header_list_size = 2**24
        self.streams, self.pending = {}, b""
        self.goaway, self.pings, self.closed = None, [], False
        self.block = b""
        # What we may send: on the connection, on a new stream, on each stream.
        self.room, self.initial, self.rooms = 65535, 65535, {}
        if preface:
            self.send(preface + window(0, WIDE_WINDOW - 65535))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, data):
        try:
            self.socket.sendall(data)
        except OSError:
            self.closed = True

    def headers(self, stream, fields, end=False):
        self.streams[stream] = Stream()
        self.rooms[stream] = self.initial
        self.send(frame(HEADERS, END_HEADERS | (END_STREAM if end else 0), stream,
                        self.encoder.encode(fields, huffman=False)))

    def data(self, stream, data, end=True):
        """Sends what the windows allow until all is sent or the stream is over."""
        deadline = time.monotonic() + self.timeout
        at = 0
        while at < len(data) or not data:
            room = min(16384, self.room, self.rooms[stream])
            if data and room <= 0:
                over = self.streams[stream].ended or self.streams[stream].reset is not None
                if over or not self.read(deadline - time.monotonic()):
                    return
                continue
            piece = data[at:at + room]
            at += len(piece)
            self.room -= len(piece)
            self.rooms[stream] -= len(piece)
            last = end and at >= len(data)
            self.send(frame(DATA, END_STREAM if last else 0, stream, piece))
            if not data:
                return

    def read(self, seconds):
        """Reads one frame; false when nothing came or the connection is over."""
        deadline = time.monotonic() + seconds
        while True:
            if len(self.pending) >= 9:
                size = int.from_bytes(self.pending[:3], "big")
                if len(self.pending) >= 9 + size:
                    head, payload = self.pending[:9], self.pending[9:9 + size]
                    self.pending = self.pending[9 + size:]
                    self.take(head[3], head[4], int.from_bytes(head[5:9], "big"), payload)
                    return True
            left = deadline - time.monotonic()
            if self.closed or left <= 0 or not select.select([self.socket], [], [], left)[0]:
                return False
            try:
                part = self.socket.recv(262144)
            except OSError:
                part = b""
            if not part:
                self.closed = True
                return False
            self.pending += part

    def take(self, kind, flags, number, payload):
        stream = self.streams.setdefault(number, Stream())
        if kind in (HEADERS, CONTINUATION):
            self.block += payload
            if flags & END_HEADERS:
                fields = [(str(name), str(value)) for name, value in
                          self.decoder.decode(self.block)]
                self.block = b""
                if stream.headers:
                    stream.trailers = fields
                else:
                    stream.headers = fields
        elif kind == DATA:
            stream.data += payload
        elif kind == RESET:
            stream.reset = int.from_bytes(payload, "big")
        elif kind == SETTINGS and not flags & ACK:
            self.obey(payload)
            self.send(frame(SETTINGS, ACK, 0))
        elif kind == WINDOW:
            increment = int.from_bytes(payload, "big")
            if number == 0:
                self.room += increment
            else:
                self.rooms[number] = self.rooms.get(number, self.initial) + increment
        elif kind == PING and not flags & ACK:
            self.send(frame(PING, ACK, 0, payload))
        elif kind == PING:
            self.pings.append(payload)
        elif kind == GOAWAY:
            self.goaway = (int.from_bytes(payload[4:8], "big"), payload[8:])
        if kind in (HEADERS, DATA) and flags & END_STREAM:
            stream.ended = True

    def obey(self, payload):
        """The server's settings: only its window matters here."""
        for at in range(0, len(payload) - 5, 6):
            name, value = struct.unpack(">HI", payload[at:at + 6])
            if name == 4:
                for stream in self.rooms:
                    self.rooms[stream] += value - self.initial
                self.initial = value

    def finish(self, number, seconds=None):
        """Reads until the stream is over; the stream."""
        deadline = time.monotonic() + (seconds or self.timeout)
        stream = self.streams[number]
        while not (stream.ended or stream.reset is not None or self.closed):
            left = deadline - time.monotonic()
            if left <= 0 or not self.read(left):
                break
        return stream

    def alive(self, seconds=5.0):
        """Whether a ping is answered."""
        self.pings.clear()
        self.send(frame(PING, 0, 0, b"are you?"))
        deadline = time.monotonic() + seconds
        while not self.pings and not self.closed and time.monotonic() < deadline:
            self.read(deadline - time.monotonic())
        return bool(self.pings)


def call(address, fields, body=b"", seconds=15.0, end=True):
    """One request on a connection of its own: (stream, connection is still alive, goaway)."""
    with Connection(address, seconds) as wire:
        wire.headers(1, fields, end=end and not body)
        if body:
            wire.data(1, body, end)
        stream = wire.finish(1)
        return stream, wire.goaway
