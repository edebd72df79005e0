#!/usr/bin/env python3
"""Records what a real etcd answers: writes *.txt and saved-store.json beside itself.

Needs /usr/bin/etcd 3.4 or 3.5 and ports 23791 and 23801 of the loopback interface. The store's
first three changes (the member's own records under /0) are made up by the test.
"""
import glob
import http.client
import os
import queue
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from urllib.parse import quote, urlencode

CLIENT, PEER = 23791, 23801
# Everything that JSON escapes, and bytes that are no UTF-8.
ODD_BYTES = ("\x08\x0c\n\r\t\x01\x7f<>&\xe2\x80\xa8\xe2\x80\xa9\xff\xed\xa0\x80\"\\"
             "\xf0\x9f\x98\x80")
HERE = os.path.dirname(os.path.abspath(__file__))


def escape(text):
    """Characters stand for bytes."""
    return quote(text, encoding="latin-1")


class Etcd:
    def __init__(self):
        self.directory = tempfile.mkdtemp()
        client, peer = f"http://127.0.0.1:{CLIENT}", f"http://127.0.0.1:{PEER}"
        self.process = subprocess.Popen(
            ["/usr/bin/etcd", "--enable-v2", "--name", "s1", "--data-dir", self.directory,
             "--snapshot-count", "10", "--listen-client-urls", client,
             "--advertise-client-urls", client, "--listen-peer-urls", peer,
             "--initial-advertise-peer-urls", peer, "--initial-cluster", f"s1={peer}"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(100):
            try:
                if self.request("GET", "/")[1] == 3:
                    return
            except OSError:
                pass
            time.sleep(0.1)
        raise SystemExit("etcd did not come up with three changes")

    def request(self, method, path, **fields):
        connection = http.client.HTTPConnection("127.0.0.1", CLIENT, timeout=10)
        target = "/v2/keys" + escape(path)
        if fields:
            target += "?" + urlencode(fields, encoding="latin-1")
        connection.request(method, target)
        answer = connection.getresponse()
        return answer.read(), int(answer.headers["X-Etcd-Index"])

    def stop(self):
        self.process.terminate()
        self.process.wait()


class Watch(threading.Thread):
    """Sends what it hears to a queue."""

    def __init__(self, path, fields):
        super().__init__(daemon=True)
        self.lines = queue.Queue()
        connection = http.client.HTTPConnection("127.0.0.1", CLIENT)
        connection.request("GET", "/v2/keys" + escape(path) + "?" + urlencode(fields))
        self.answer = connection.getresponse()
        self.start()

    def run(self):
        while line := self.answer.readline():
            self.lines.put(line)

    def heard(self, wait=0.2):
        time.sleep(wait)
        lines = []
        while not self.lines.empty():
            line = self.lines.get()
            # etcd sends a removal twice to a stream on the removed key itself.
            if not lines or lines[-1] != line:
                lines.append(line)
        return b"".join(lines)


class Recorder:
    def __init__(self, etcd):
        self.etcd, self.blocks, self.watches = etcd, [], {}

    def note(self, text):
        self.blocks.append(b"# " + text.encode() + b"\n")

    def do(self, method, path, **fields):
        body, index = self.etcd.request(method, path, **fields)
        self.block(method, path, fields, body + b"index %d\n" % index)

    def block(self, command, path, fields, output):
        words = [command, escape(path)] + [f"{k}={escape(v)}" for k, v in fields.items()]
        self.blocks.append(" ".join(words).encode() + b"\n----\n" + output)

    def watch(self, name, path, **fields):
        watch = Watch(path, dict(fields, wait="true"))
        heard = watch.heard()
        self.block("WATCH", path, dict(name=name, **fields), heard or b"waiting\n")
        if not heard:
            self.watches[name] = watch

    def heard(self, name):
        self.block("HEARD", name, {}, self.watches[name].heard() or b"nothing\n")

    def statistics(self):
        """All counters but those of reads: etcd reads on its own account as well."""
        connection = http.client.HTTPConnection("127.0.0.1", CLIENT, timeout=10)
        connection.request("GET", "/v2/stats/store")
        counters = connection.getresponse().read().split(b",", 2)[2]
        self.block("STATISTICS", "all", {}, counters + b"\n")

    def save(self, path):
        with open(path, "wb") as file:
            file.write(b"\n".join(self.blocks))


def rules(r):
    r.note("Writes on the root")
    r.do("GET", "/")
    for fields in [{}, {"prevExist": "true"}, {"prevExist": "false"}, {"prevIndex": "3"}]:
        r.do("PUT", "/", value="x", **fields)
    r.do("DELETE", "/", recursive="true")
    r.do("DELETE", "/", prevIndex="3")
    r.note("set")
    r.do("PUT", "/message", value="Hello")
    r.do("PUT", "/message", value="again")
    r.do("PUT", "/message")
    r.do("GET", "/message")
    r.do("PUT", "/message", dir="true")
    r.do("PUT", "/message", value="on a directory")
    r.do("PUT", "/message", dir="true")
    r.do("PUT", "/deep/er/and/deeper", value="1")
    r.do("GET", "/deep")
    r.do("GET", "/deep", recursive="true", sorted="true")
    r.note("Through a file")
    r.do("PUT", "/f", value="1")
    for method, fields in [
            ("GET", {}), ("PUT", {}), ("PUT", {"prevExist": "true"}),
            ("PUT", {"prevExist": "false"}), ("PUT", {"prevIndex": "1"}), ("DELETE", {}), ("DELETE", {"prevIndex": "1"})]:
        r.do(method, "/f/x/y", **fields)
    r.do("POST", "/f", value="1")
    r.note("create")
    r.do("PUT", "/c", value="1", prevExist="false")
    r.do("PUT", "/c", value="1", prevExist="false")
    r.do("PUT", "/c", value="1", prevExist="false", prevIndex="1", prevValue="x")
    r.do("PUT", "/cd", dir="true", prevExist="false")
    r.do("PUT", "/cd", value="1", prevExist="false")
    r.note("update")
    r.do("PUT", "/c", value="2", prevExist="true")
    r.do("PUT", "/c", prevExist="true")
    r.do("PUT", "/no/such/key", value="2", prevExist="true")
    r.do("PUT", "/cd", value="2", prevExist="true")
    r.do("PUT", "/cd", prevExist="true")
    r.do("GET", "/cd")
    r.note("compareAndSwap")
    r.do("PUT", "/s", value="one")
    index = str(r.etcd.request("GET", "/s")[1])
    r.do("PUT", "/s", value="two", prevValue="zero")
    r.do("PUT", "/s", value="two", prevIndex="1")
    r.do("PUT", "/s", value="two", prevValue="zero", prevIndex="1")
    r.do("PUT", "/s", value="two", prevValue="one", prevIndex="1")
    r.do("PUT", "/s", value="two", prevValue="zero", prevIndex=index)
    r.do("PUT", "/s", value="two", prevValue="one", prevIndex=index)
    r.do("PUT", "/s", value="three", prevValue="two", prevExist="true")
    r.do("PUT", "/cd", value="x", prevValue="x")
    r.do("PUT", "/none", value="x", prevValue="x")
    r.note("in-order")
    r.do("POST", "/queue", value="a")
    r.do("POST", "/queue", value="b")
    r.do("POST", "/queue", dir="true")
    r.do("POST", "/", value="c")
    r.do("GET", "/queue", recursive="true", sorted="true")
    r.note("delete")
    r.do("DELETE", "/none/at/all")
    r.do("DELETE", "/queue")
    r.do("DELETE", "/queue", dir="true")
    r.do("DELETE", "/queue", recursive="true")
    r.do("DELETE", "/cd", dir="true")
    r.do("DELETE", "/c", dir="true")
    r.do("DELETE", "/s", prevValue="nope")
    r.do("DELETE", "/s", prevIndex="1")
    r.do("DELETE", "/s", prevValue="three", recursive="true")
    r.do("DELETE", "/message", prevIndex="6", dir="true")
    r.note("hidden")
    r.do("PUT", "/h/_secret/x", value="1")
    r.do("PUT", "/h/_file", value="1")
    r.do("PUT", "/h/seen", value="1")
    r.do("GET", "/h", recursive="true", sorted="true")
    r.do("GET", "/h/_secret")
    r.do("GET", "/h/_secret/x")
    r.do("DELETE", "/h/seen")
    r.do("GET", "/h")
    r.do("DELETE", "/h", dir="true")
    r.note("odd bytes")
    r.do("PUT", "/odd", value=ODD_BYTES)
    r.do("PUT", "/odd", value="x", prevValue="\xe2\x82<")
    r.do("PUT", "/o\xff\xe2\x82/\xc3\xa4 <b>\n", value="1")
    r.do("GET", "/o\xff\xe2\x82/missing\xfe/x")
    r.do("GET", "/o\xff\xe2\x82", recursive="true")
    r.note("etcd counts some refusals as successes")
    refusals(r)


def refusals(r):
    r.do("PUT", "/count/file", value="1")
    r.statistics()
    conditions = [{}, {"prevExist": "true"}, {"prevExist": "false"}, {"prevIndex": "1"}]
    for path in ["/", "/count", "/count/file", "/count/file/x", "/count/none"]:
        for fields in conditions:
            if fields or path != "/count/none" and path != "/count/file":
                r.do("PUT", path, value="x", **fields)
                r.statistics()
        if path != "/count/file":
            r.do("DELETE", path)
            r.statistics()
        r.do("DELETE", path, prevIndex="1")
        r.statistics()
    r.do("POST", "/count/file", value="1")
    r.statistics()
    r.do("DELETE", "/count", dir="true")
    r.statistics()


def watches(r):
    r.note("One event, then nothing more")
    r.watch("key", "/k")
    r.watch("other", "/other")
    r.watch("above", "/")
    r.watch("tree", "/", recursive="true")
    r.watch("stream", "/", recursive="true", stream="true")
    r.do("PUT", "/k", value="1")
    r.do("PUT", "/k/x", value="fails")
    r.do("PUT", "/k", value="2")
    for name in ["key", "other", "above", "tree", "stream"]:
        r.heard(name)
    r.note("The past")
    r.watch("past", "/k", waitIndex="1")
    r.watch("past2", "/k", waitIndex="5")
    r.watch("future", "/k", waitIndex="8")
    r.do("PUT", "/k", value="3")
    r.do("PUT", "/k", value="4")
    r.heard("future")
    r.do("PUT", "/k", value="5")
    r.heard("future")
    r.note("Hidden keys")
    r.watch("hidden", "/_h/a")
    r.watch("hidden tree", "/_h", recursive="true")
    r.watch("above hidden", "/", recursive="true")
    r.watch("deep", "/p", recursive="true", stream="true")
    r.do("PUT", "/_h/a", value="1")
    r.do("PUT", "/p/_q/r", value="1")
    r.do("PUT", "/p/q/_r", value="1")
    r.do("PUT", "/p/q/r", value="1")
    for name in ["hidden", "hidden tree", "above hidden", "deep"]:
        r.heard(name)
    r.note("Removed directories")
    r.do("PUT", "/d/e/f", value="1")
    r.watch("inside", "/d/e/f")
    r.watch("inside tree", "/d/e", recursive="true", stream="true")
    r.watch("never there", "/d/e/g")
    r.watch("removed", "/d")
    r.watch("sibling", "/dd")
    r.do("DELETE", "/d", recursive="true")
    for name in ["inside", "inside tree", "never there", "removed", "sibling"]:
        r.heard(name)
    last = str(r.etcd.request("GET", "/")[1])
    r.watch("past inside", "/d/e/g", waitIndex=last)
    r.watch("past prefix", "/dd", waitIndex=last)
    r.watch("past removed", "/d", waitIndex=last)
    r.watch("past sibling", "/e", waitIndex=last)
    r.note("A replaced file, an updated directory")
    r.watch("r", "/r", stream="true")
    r.do("PUT", "/r", value="1")
    r.do("PUT", "/r", dir="true")
    r.do("PUT", "/r", prevExist="true")
    r.do("PUT", "/r/x", value="1")
    r.do("DELETE", "/r/x", prevValue="1")
    r.do("DELETE", "/r", dir="true")
    r.heard("r")


def noise(r, seed, number):
    """Random operations on few keys, so that most kinds of failure are met."""
    source = random.Random(seed)
    names = ["a", "b", "_c", "d e"]
    values = ["", "1", "2", "<\xe9>"]
    for _ in range(number):
        path = "/" + "/".join(source.choice(names) for _ in range(source.randint(0, 3)))
        fields = {}
        method = source.choice(["GET", "PUT", "PUT", "PUT", "POST", "DELETE", "DELETE"])
        if method in ("PUT", "POST") and source.random() < 0.7:
            fields["value"] = source.choice(values)
        if source.random() < 0.3:
            fields["dir"] = source.choice(["true", "false"])
        if source.random() < 0.3:
            fields["recursive"] = "true"
        if method in ("PUT", "DELETE"):
            if source.random() < 0.2:
                fields["prevValue"] = source.choice(values[1:])
            if source.random() < 0.1:
                fields["prevIndex"] = str(r.etcd.request("GET", "/")[1])
        if method == "PUT" and source.random() < 0.3:
            fields["prevExist"] = source.choice(["true", "false"])
        if method == "GET":
            fields["sorted"] = "true"
        r.do(method, path, **fields)


def save_everything(r):
    """A store with everything that a saved one can hold, then enough changes for a snapshot."""
    do = r.etcd.request
    do("PUT", "/plain", value="hello")
    do("PUT", "/odd key\n", value=ODD_BYTES)
    do("PUT", "/ttl/file", value="x", ttl="100000")
    do("PUT", "/ttl/dir", dir="true", ttl="200000")
    do("PUT", "/ttl/dir/inner", value="1")
    do("PUT", "/ttl/file", prevExist="true", refresh="true", ttl="150000")
    do("PUT", "/empty", dir="true")
    do("PUT", "/_hidden/a")
    do("POST", "/queue", value="job1")
    do("POST", "/queue", value="job2")
    do("PUT", "/plain", value="swapped", prevValue="hello")
    do("PUT", "/plain", value="swapped", prevValue="nope")
    do("DELETE", "/queue", recursive="true")
    do("PUT", "/gone", value="1")
    do("DELETE", "/gone", prevValue="1")
    do("PUT", "/short", value="1", ttl="1")
    time.sleep(2.5)
    do("GET", "/nothing")
    for number in range(12):
        do("PUT", f"/fill/{number}", value=str(number))
    time.sleep(0.5)
    newest = max(glob.glob(os.path.join(r.etcd.directory, "member/snap/*.snap")))
    with open(newest, "rb") as file:
        saved = field(field(file.read(), 2), 1)
    with open(os.path.join(HERE, "saved-store.json"), "wb") as file:
        file.write(saved)


def field(message, wanted):
    """The first field of that number in a protobuf message."""
    def varint(at):
        value = shift = 0
        while True:
            byte = message[at]
            value |= (byte & 127) << shift
            at, shift = at + 1, shift + 7
            if byte < 128:
                return value, at
    at = 0
    while at < len(message):
        tag, at = varint(at)
        value, at = varint(at)
        if tag & 7 == 2:
            value, at = message[at:at + value], at + value
        if tag >> 3 == wanted:
            return value
    raise KeyError(wanted)


def record(name, play):
    etcd = Etcd()
    try:
        recorder = Recorder(etcd)
        play(recorder)
        if recorder.blocks:
            recorder.save(os.path.join(HERE, name + ".txt"))
    finally:
        etcd.stop()
        shutil.rmtree(etcd.directory)


if __name__ == "__main__":
    plays = {"rules": rules, "watches": watches, "noise": lambda r: noise(r, 1, 300),
             "saved": save_everything}
    for name in sys.argv[1:] or plays:
        record(name, plays[name])
