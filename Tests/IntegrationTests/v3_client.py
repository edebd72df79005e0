"""A gRPC client for tests of the v3 API: calls by name with dictionaries as requests, answers with
code, message and every field, streams that record what comes. No client library beyond grpcio, so
that bytes which are no message can be sent as well."""

import os
import queue
import threading
import urllib.parse

# The harness forks to start members; grpcio must not interfere.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
os.environ.setdefault("GRPC_VERBOSITY", "NONE")

import grpc  # noqa: E402 (after its settings)

import v3_messages  # noqa: E402
from v3_messages import METHODS, build  # noqa: E402

SECONDS = 20.0
OPTIONS = [
    ("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1),
    ("grpc.enable_retries", 0), ("grpc.use_local_subchannel_pool", 1),
    ("grpc.enable_http_proxy", 0),
]


class Answer:
    """What one call gave: `code` as a name, the error's message, and the response or None."""

    def __init__(self, code, message="", response=None, raw=b"", trailers=()):
        self.code, self.message, self.response = code, message, response
        self.raw, self.trailers = raw, trailers

    @property
    def ok(self):
        return self.code == "OK"

    def __repr__(self):
        return f"{self.code} {self.message!r}\n{self.response}"

    def __getattr__(self, name):
        """Fields of the response, directly."""
        if self.response is None:
            raise AttributeError(f"{name} (the answer was {self.code} {self.message!r})")
        return getattr(self.response, name)


def failed(error):
    """The answer that an error of grpcio stands for."""
    trailers = [(key, value) for key, value in (error.trailing_metadata() or ())]
    return Answer(error.code().name, error.details() or "", trailers=trailers)


def target_of(url):
    return urllib.parse.urlsplit(url).netloc if "://" in url else url


class Stream:
    """A running stream. What arrives is kept until somebody takes it."""

    def __init__(self, client, method, requests=(), metadata=(), timeout=None):
        self.method = METHODS[method] if isinstance(method, str) else method
        self.outgoing = queue.Queue()
        self.incoming = queue.Queue()
        self.received = []
        for fields in requests:
            self.send(fields)
        if self.method.kind == "server":
            start = client.channel.unary_stream(self.method.path, None, self._parse)
            first = self.outgoing.get()
            self.call = start(first, metadata=list(metadata) or None, timeout=timeout)
        else:
            start = client.channel.stream_stream(self.method.path, None, self._parse)
            self.call = start(iter(self.outgoing.get, None), metadata=list(metadata) or None,
                              timeout=timeout)
        threading.Thread(target=self._read, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _parse(self, raw):
        return self.method.response.FromString(raw)

    def _read(self):
        try:
            for message in self.call:
                self.incoming.put(message)
            self.incoming.put(Answer("OK"))
        except grpc.RpcError as error:
            self.incoming.put(failed(error))

    def send(self, fields):
        """A request as a dictionary, or ready bytes."""
        raw = fields if isinstance(fields, bytes) else build(
            self.method.request, fields).SerializeToString()
        self.outgoing.put(raw)

    def half_close(self):
        self.outgoing.put(None)

    def next(self, seconds=SECONDS):
        """The next message, or the Answer that ended the stream; fails when nothing comes."""
        try:
            item = self.incoming.get(timeout=seconds)
        except queue.Empty:
            raise AssertionError(f"nothing on {self.method.name} for {seconds} s") from None
        self.received.append(item)
        return item

    def silent(self, seconds):
        """Whether nothing comes for `seconds`."""
        try:
            item = self.incoming.get(timeout=seconds)
        except queue.Empty:
            return True
        # Keep the order: what came is the first to be taken.
        with self.incoming.mutex:
            self.incoming.queue.appendleft(item)
        return False

    def end(self, seconds=SECONDS):
        """Reads on to the end of the stream and returns how it ended."""
        while True:
            item = self.next(seconds)
            if isinstance(item, Answer):
                return item

    def close(self):
        self.call.cancel()
        self.outgoing.put(None)


class Client:
    """One connection. `url` is http://host:port, or host:port."""

    def __init__(self, url):
        self.channel = grpc.insecure_channel(target_of(url), options=OPTIONS)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.channel.close()

    def call(self, method, fields=None, metadata=(), timeout=SECONDS, compression=None, **more):
        """A unary call; `fields` is a dictionary, ready bytes, or given as keyword arguments."""
        method = METHODS[method]
        if isinstance(fields, bytes):
            raw = fields
        else:
            raw = build(method.request, {**(fields or {}), **more}).SerializeToString()
        return self.raw(method.path, raw, method.response, metadata, timeout, compression)

    def raw(self, path, data, response=None, metadata=(), timeout=SECONDS, compression=None):
        """A unary call of any path with any bytes."""
        start = self.channel.unary_unary(path, None, None)
        try:
            raw, call = start.with_call(data, metadata=list(metadata) or None, timeout=timeout,
                                        compression=compression, wait_for_ready=True)
        except grpc.RpcError as error:
            return failed(error)
        parsed = response.FromString(raw) if response else None
        return Answer("OK", call.details() or "", parsed, raw, list(call.trailing_metadata() or ()))

    def stream(self, method, *requests, **options):
        return Stream(self, method, requests, **options)

    def watch(self, key, **fields):
        """A stream with one watch; its `created` answer is already read and checked."""
        stream = self.stream("Watch", {"create_request": {"key": key, **fields}})
        created = stream.next()
        assert not isinstance(created, Answer), created
        assert created.created and not created.canceled, created
        stream.created = created
        return stream

    # Short forms used all over.
    def put(self, key, value="", **more):
        return done(self.call("Put", key=key, value=value, **more))

    def get(self, key, **more):
        return done(self.call("Range", key=key, **more))

    def value(self, key, **more):
        """The value of one key; None when it is not there."""
        kvs = self.get(key, **more).kvs
        return kvs[0].value if kvs else None

    def prefix(self, key, **more):
        return self.get(key, range_end=prefix_end(key), **more)

    def delete(self, key, **more):
        return done(self.call("DeleteRange", key=key, **more))

    def txn(self, compare=(), success=(), failure=()):
        return done(self.call("Txn", compare=list(compare), success=list(success),
                              failure=list(failure)))

    def grant(self, ttl, lease=0):
        return done(self.call("LeaseGrant", TTL=ttl, ID=lease))

    def status(self):
        return done(self.call("Status"))

    def hash_kv(self, revision=0):
        return done(self.call("HashKV", revision=revision))


def done(answer):
    assert answer.ok, answer
    return answer.response


def prefix_end(key):
    """The range_end that makes `key` a prefix."""
    data = bytearray(v3_messages.as_bytes(key))
    while data and data[-1] == 0xff:
        data.pop()
    if not data:
        return b"\0"
    data[-1] += 1
    return bytes(data)
