"""HTTP/1.1 by hand: what was sent and what came back, byte for byte, without a client library that
tidies up. An address is (host, port) or the path of a unix socket."""

import json
import select
import socket
import urllib.parse

TIMEOUT = 15.0


class Response:
    """One answer: status line, headers in their order, body bytes."""

    def __init__(self, status_line, headers):
        self.status_line = status_line
        self.headers = headers
        self.body = b""

    @property
    def status(self):
        return int(self.status_line.split(" ", 2)[1])

    def header(self, name, default=None):
        for key, value in self.headers:
            if key.lower() == name.lower():
                return value
        return default

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        head = "\n".join(f"{key}: {value}" for key, value in self.headers)
        return f"{self.status_line}\n{head}\n\n{self.body!r}"


class Wire:
    """One connection with its unread bytes; a read that times out may be tried again."""

    def __init__(self, address, timeout=TIMEOUT):
        if isinstance(address, str):
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(timeout)
            self.socket.connect(address)
        else:
            self.socket = socket.create_connection(address, timeout)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.pending = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def more(self):
        """Reads what there is; false at the end of the stream."""
        part = self.socket.recv(65536)
        self.pending += part
        return bool(part)

    def line(self):
        """One line with its end; what is left at the end of the stream, possibly nothing."""
        while b"\n" not in self.pending:
            if not self.more():
                break
        end = self.pending.find(b"\n") + 1 or len(self.pending)
        line, self.pending = self.pending[:end], self.pending[end:]
        return line

    def take(self, count=None):
        """`count` bytes (fewer at the end of the stream); without a count all until the end."""
        while count is None or len(self.pending) < count:
            if not self.more():
                break
        end = len(self.pending) if count is None else count
        data, self.pending = self.pending[:end], self.pending[end:]
        return data

    def silent(self, seconds):
        """Whether nothing comes for `seconds`."""
        return not self.pending and not select.select([self.socket], [], [], seconds)[0]

    def head(self):
        """Status line and headers; the body is left unread."""
        line = self.line()
        if not line:
            raise ConnectionError("closed before an answer")
        headers = []
        while True:
            field = self.line()
            if field in (b"\r\n", b"\n", b""):
                break
            name, _, value = field.decode("latin-1").rstrip("\r\n").partition(":")
            headers.append((name, value.strip(" ")))
        return Response(line.decode("latin-1").rstrip("\r\n"), headers)

    def chunk(self):
        """The next chunk of a chunked body; b"" at its end."""
        line = self.line()
        if not line:
            raise ConnectionError("closed inside a chunked body")
        size = int(line.split(b";")[0], 16)
        data = self.take(size)
        self.line()
        return data

    def response(self, method="GET"):
        """A whole answer; interim 1xx answers are skipped."""
        answer = self.head()
        while 100 <= answer.status < 200:
            answer = self.head()
        if method == "HEAD" or answer.status in (204, 304):
            return answer
        if (answer.header("Transfer-Encoding") or "").lower() == "chunked":
            while data := self.chunk():
                answer.body += data
        elif answer.header("Content-Length") is not None:
            answer.body = self.take(int(answer.header("Content-Length")))
        else:
            answer.body = self.take()
        return answer


def encode(method, target, headers=(), body=None, host="127.0.0.1"):
    """The bytes of one request. A Host header is added unless one is given (None suppresses it)."""
    fields = list(headers)
    names = {name.lower() for name, _ in fields}
    if "host" not in names:
        fields.insert(0, ("Host", host))
    if body is not None and not names & {"content-length", "transfer-encoding"}:
        fields.append(("Content-Length", str(len(body))))
    text = f"{method} {target} HTTP/1.1\r\n"
    text += "".join(f"{name}: {value}\r\n" for name, value in fields if value is not None)
    return text.encode("latin-1") + b"\r\n" + (body or b"")


def form_of(fields):
    """Headers and body of an HTML form; `fields` is a dict, a list of pairs or ready text."""
    text = fields if isinstance(fields, str) else urllib.parse.urlencode(fields)
    return [("Content-Type", "application/x-www-form-urlencoded")], text.encode()


def json_of(value):
    text = value if isinstance(value, str) else json.dumps(value)
    return [("Content-Type", "application/json")], text.encode()


def request(address, method, target, headers=(), body=None, form=None, json_body=None,
            timeout=TIMEOUT):
    """One request on a connection of its own."""
    fields = list(headers)
    if form is not None:
        extra, body = form_of(form)
        fields += extra
    if json_body is not None:
        extra, body = json_of(json_body)
        fields += extra
    with Wire(address, timeout) as wire:
        wire.send(encode(method, target, fields, body))
        return wire.response(method)


def exchange(address, data, timeout=TIMEOUT, half_close=False):
    """Sends bytes and returns everything until the server closes or stays silent for `timeout`."""
    answer = b""
    with Wire(address, timeout) as wire:
        try:
            wire.send(data)
            if half_close:
                wire.socket.shutdown(socket.SHUT_WR)
            while part := wire.socket.recv(65536):
                answer += part
        except (TimeoutError, ConnectionError):
            pass
    return answer
