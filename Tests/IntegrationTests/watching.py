"""A watcher as a client sees it: headers at once, then events as chunks."""

import json
import threading

import rawhttp

EVENT_SECONDS = 10.0


class Watch:
    """GET ?wait=true on a connection of its own; returns once the headers are here."""

    def __init__(self, member, path, query="", timeout=EVENT_SECONDS):
        self.wire = rawhttp.Wire(member.address, timeout)
        self.wire.send(rawhttp.encode("GET", member.key(path) + "?wait=true" + query))
        self.response = self.wire.head()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.wire.close()

    @property
    def status(self):
        return self.response.status

    @property
    def index(self):
        return int(self.response.header("X-Etcd-Index"))

    def text(self):
        """The bytes of the next event; b"" when the answer ended."""
        return self.wire.chunk()

    def event(self):
        data = self.text()
        return json.loads(data) if data else None

    def silent(self, seconds):
        """Whether nothing comes for `seconds`."""
        return self.wire.silent(seconds)


def in_background(action):
    """Runs `action` on a thread; call the result to join it and get its value or exception."""
    outcome = []

    def body():
        try:
            outcome.append((action(), None))
        except BaseException as error:
            outcome.append((None, error))
    thread = threading.Thread(target=body, daemon=True)
    thread.start()

    def join(seconds=30):
        thread.join(seconds)
        assert outcome, "the background action did not end"
        value, error = outcome[0]
        if error:
            raise error
        return value
    return join
