"""A WebSocket client by hand (RFC 6455): it sends what it is told to, whether a client may or not,
and tells what came back, frame by frame."""

import base64
import os
import socket
import ssl
import struct

TIMEOUT = 10.0
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
KEY = "dGhlIHNhbXBsZSBub25jZQ=="
HANDSHAKE = (("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Key", KEY),
             ("Sec-WebSocket-Version", "13"))
ENDED = "the end"


def b64(text):
    return base64.b64encode(text.encode()).decode()


class WebSocket:
    """One connection. `head` is the server's answer to the handshake, without its Date."""

    def __init__(self, address, path, headers=(), handshake=HANDSHAKE, method="GET", tls=False):
        self.socket = socket.create_connection(address, TIMEOUT)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            self.socket = context.wrap_socket(self.socket)
        self.pending = b""
        lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1"]
        lines += [f"{name}: {value}" for name, value in (*handshake, *headers)]
        self.socket.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        while b"\r\n\r\n" not in self.pending:
            self._receive()
        head, _, self.pending = self.pending.partition(b"\r\n\r\n")
        self.head = [line for line in head.decode().split("\r\n") if not line.startswith("Date:")]

    def close(self):
        self.socket.close()

    def _receive(self):
        data = self.socket.recv(65_536)
        if not data:
            raise EOFError
        self.pending += data

    def _take(self, count):
        while len(self.pending) < count:
            self._receive()
        data, self.pending = self.pending[:count], self.pending[count:]
        return data

    def send(self, payload, opcode=TEXT, last=True, reserved=0, masked=True, length=None):
        """One frame; `length` is stated instead of the true one."""
        payload = payload.encode() if isinstance(payload, str) else payload
        count = len(payload) if length is None else length
        mask = 0x80 if masked else 0
        head = bytes([(0x80 if last else 0) | reserved << 4 | opcode])
        if count < 126:
            head += bytes([mask | count])
        elif count < 65_536:
            head += bytes([mask | 126]) + struct.pack(">H", count)
        else:
            head += bytes([mask | 127]) + struct.pack(">Q", count)
        if masked:
            key = os.urandom(4)
            head += key
            payload = bytes(byte ^ key[place % 4] for place, byte in enumerate(payload))
        self.socket.sendall(head + payload)

    def next(self, timeout=TIMEOUT):
        """The next frame as (opcode, payload); ENDED at the end of the connection; `None` when
        nothing comes in time."""
        self.socket.settimeout(timeout)
        try:
            first, second = self._take(2)
            assert first & 0xF0 == 0x80 and second & 0x80 == 0, "not a server's whole message"
            length = second & 127
            if length == 126:
                length = struct.unpack(">H", self._take(2))[0]
            elif length == 127:
                length = struct.unpack(">Q", self._take(8))[0]
            return first & 15, self._take(length)
        except (EOFError, ConnectionResetError):
            return ENDED
        except TimeoutError:
            return None

    def rest(self):
        """All frames up to the end of the connection."""
        frames = []
        while True:
            frame = self.next()
            frames.append(frame)
            if frame is None or frame == ENDED:
                return frames
