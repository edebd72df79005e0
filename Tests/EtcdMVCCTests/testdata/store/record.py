#!/usr/bin/env python3
"""Records what a real etcd answers: writes *.txt and *.db beside itself.

usage: record.py ETCD_3_4 ETCD_3_5

Needs ports 23793 and 23803 of the loopback interface. Both releases must answer alike; the second
one's answers are written. `NAME.db` is a release's database after all of `NAME.txt`.
"""
import base64
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

CLIENT, PEER = 23793, 23803
HERE = os.path.dirname(os.path.abspath(__file__))
# Fields that are base64 on the wire and text in the scenarios.
TEXTS = {"key", "range_end", "value"}
PATHS = {
    "put": "/v3/kv/put", "range": "/v3/kv/range", "delete": "/v3/kv/deleterange",
    "txn": "/v3/kv/txn", "compact": "/v3/kv/compaction",
    "grant": "/v3/lease/grant", "revoke": "/v3/lease/revoke",
}


def convert(node, text):
    if isinstance(node, dict):
        return {name: text(value) if name in TEXTS and isinstance(value, str)
                else convert(value, text) for name, value in node.items()}
    if isinstance(node, list):
        return [convert(value, text) for value in node]
    return node


def encode(text):
    return base64.b64encode(text.encode("latin-1")).decode()


def decode(text):
    return base64.b64decode(text).decode("latin-1")


class Etcd:
    def __init__(self, binary):
        self.directory = tempfile.mkdtemp()
        self.control = binary + "ctl"
        client, peer = f"http://127.0.0.1:{CLIENT}", f"http://127.0.0.1:{PEER}"
        self.process = subprocess.Popen(
            [binary, "--name", "s1", "--data-dir", self.directory,
             "--listen-client-urls", client, "--advertise-client-urls", client,
             "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
             "--initial-cluster", f"s1={peer}"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(100):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{CLIENT}/health").read()
                return
            except OSError:
                time.sleep(0.1)
        raise SystemExit("etcd did not come up")

    def call(self, name, body):
        return self.hash(**body) if name == "hash" else self.post(name, body)

    def hash(self, revision):
        """HashKV has no path of its own in the gateway."""
        done = subprocess.run(
            [self.control, f"--endpoints=127.0.0.1:{CLIENT}", "endpoint", "hashkv",
             f"--rev={revision}", "-w", "json"], env={"ETCDCTL_API": "3"}, capture_output=True,
            text=True)
        if not done.stdout.startswith("[{"):
            text = done.stderr + done.stdout
            return "error: " + text[text.index("etcdserver:"):].split("\n")[0].split('"')[0]
        answer = json.loads(done.stdout)[0]["HashKV"]
        return json.dumps({"compact_revision": str(answer.get("compact_revision", 0)),
                           "hash": answer["hash"],
                           "header": {"revision": str(answer["header"]["revision"])}},
                          separators=(",", ":"))

    def post(self, name, body):
        data = json.dumps(convert(body, encode)).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{CLIENT}{PATHS[name]}", data)
        try:
            answer = json.loads(urllib.request.urlopen(request).read())
        except urllib.error.HTTPError as error:
            return "error: " + json.loads(error.read())["error"]
        return json.dumps(convert(self.plain(answer), decode), sort_keys=True,
                          separators=(",", ":"))

    def plain(self, node):
        """Without what differs between members."""
        if isinstance(node, list):
            return [self.plain(value) for value in node]
        if not isinstance(node, dict):
            return node
        return {name: self.plain(value) for name, value in node.items()
                if name not in ("cluster_id", "member_id", "raft_term")}

    def stop(self, keep=None):
        self.process.terminate()
        self.process.wait()
        if keep:
            shutil.copy(f"{self.directory}/member/snap/db", keep)
        shutil.rmtree(self.directory)


def put(key, value, **more):
    return "put", {"key": key, "value": value, **more}


def get(key, end="", **more):
    return "range", {"key": key, **({"range_end": end} if end else {}), **more}


def delete(key, end="", **more):
    return "delete", {"key": key, **({"range_end": end} if end else {}), **more}


def operation(item):
    name, body = item
    return {{"put": "request_put", "range": "request_range", "delete": "request_delete_range",
             "txn": "request_txn"}[name]: body}


def txn(compare=(), success=(), failure=()):
    return "txn", {"compare": list(compare), "success": [operation(o) for o in success],
                   "failure": [operation(o) for o in failure]}


def hash_at(revision=0):
    return "hash", {"revision": revision}


RULES = [
    "A fresh store is at revision 1.",
    get("a", "\0"), hash_at(),
    "Every write makes one revision; a delete of nothing makes none.",
    put("a", "1"), put("b", "2"), put("a", "3", prev_kv=True), delete("nothing"), get("a", "c"),
    delete("a", prev_kv=True), put("a", "4", prev_kv=True), get("a"), hash_at(),
    "Older revisions stay readable.",
    get("a", "c", revision=2), get("a", "c", revision=3), get("a", "c", revision=5),
    get("a", revision=99),
    "An end that is not above the key is an empty range; a zero byte is no end.",
    get("b", "a"), get("a", "a"), get("b", "\0"), delete("b", "a"),
    "Keep the value or the lease.",
    ("grant", {"ID": 7, "TTL": 9000}), put("k", "v", lease=7),
    put("k", "", ignore_value=True), get("k"), put("k", "w", lease=7),
    put("k", "x", ignore_lease=True, prev_kv=True), get("k"),
    put("missing", "", ignore_value=True), put("k", "v", lease=99),
    ("revoke", {"ID": 7}), get("k"),
]

SELECTIONS = [
    "Keys with versions, creations, changes and values in different orders.",
    put("p1", "e"), put("p2", "a"), put("p3", "d"), put("p4", "b"), put("p5", "c"),
    put("p2", "z"), put("p2", "y"), put("p4", "x"), put("p5", "c2"),
    "The count ignores the limit, more tells that it was reached.",
    get("p", "q", limit=2), get("p", "q", limit=5), get("p", "q", count_only=True),
    get("p", "q", count_only=True, limit=1), get("p", "q", limit=2, revision=4),
    "Keys only.",
    get("p", "q", keys_only=True),
    "Every order.",
]
for target in ("VERSION", "CREATE", "MOD", "VALUE"):
    # Of equal versions the order is not defined; the keys here have three of them.
    end = "p4" if target == "VERSION" else "q"
    start = "p2" if target == "VERSION" else "p"
    for order in ("ASCEND", "DESCEND"):
        SELECTIONS.append(get(start, end, sort_target=target, sort_order=order))
        SELECTIONS.append(get(start, end, sort_target=target, sort_order=order, limit=2))
SELECTIONS += [
    get("p", "q", sort_order="ASCEND"), get("p", "q", sort_order="DESCEND", limit=2),
    "A target without a direction sorts what the limit has left.",
    get("p", "q", sort_target="VALUE", limit=3), get("p", "q", sort_target="CREATE", limit=3),
    get("p", "q", sort_target="VALUE"),
    "Filters come before the limit; the count does not know them.",
    get("p", "q", min_mod_revision=7), get("p", "q", max_mod_revision=8, limit=1),
    get("p", "q", min_create_revision=3, max_create_revision=5, limit=2),
    get("p", "q", min_create_revision=3, max_mod_revision=9, sort_target="MOD",
        sort_order="DESCEND"),
    get("p", "q", min_mod_revision=3, max_mod_revision=5, revision=6, keys_only=True),
]


def compare(target, result, key, end="", **value):
    body = {"target": target, "result": result, "key": key, **value}
    return {**body, "range_end": end} if end else body


TRANSACTIONS = [
    put("a", "1"), put("b", "2"), put("b", "3"),
    "All comparisons must hold; the chosen operations share one revision.",
    txn([compare("VALUE", "EQUAL", "a", value="1"), compare("VERSION", "GREATER", "b", version=1)],
        [put("c", "c"), put("d", "d", prev_kv=True), get("a", "z"), delete("a", prev_kv=True),
         get("a", "z")], [put("never", "")]),
    txn([compare("VALUE", "NOT_EQUAL", "b", value="3")], [put("never", "")],
        [get("never"), get("b")]),
    "Every kind of comparison.",
]
for result in ("EQUAL", "NOT_EQUAL", "GREATER", "LESS"):
    TRANSACTIONS.append(txn([compare("VERSION", result, "b", version=2)]))
    TRANSACTIONS.append(txn([compare("CREATE", result, "b", create_revision=3)]))
    TRANSACTIONS.append(txn([compare("MOD", result, "b", mod_revision=3)]))
    TRANSACTIONS.append(txn([compare("VALUE", result, "b", value="30")]))
    TRANSACTIONS.append(txn([compare("LEASE", result, "b", lease=0)]))
    TRANSACTIONS.append(txn([compare("VALUE", result, "absent", value="")]))
    TRANSACTIONS.append(txn([compare("VERSION", result, "absent", version=0)]))
    TRANSACTIONS.append(txn([compare("MOD", result, "b")]))
TRANSACTIONS += [
    "A comparison over a range holds for every key in it, or for the zero of an absent one.",
    txn([compare("VERSION", "GREATER", "a", "z", version=0)]),
    txn([compare("VERSION", "EQUAL", "a", "z", version=1)]),
    txn([compare("VERSION", "EQUAL", "x", "z", version=0)]),
    txn([compare("VALUE", "EQUAL", "x", "z", value="")]),
    "Nested comparisons see the state before the whole transaction.",
    txn([], [put("n", "1"),
             txn([compare("VERSION", "EQUAL", "n", version=0)], [put("m", "then"), get("n")],
                 [put("m", "else")]),
             txn([compare("VERSION", "GREATER", "n", version=0)], [put("o", "then")],
                 [put("o", "else"), txn([], [get("m", "p")])])]),
    get("m", "p"),
    "A branch without changes makes no revision.",
    txn([], [get("a", "z"), delete("nothing")]),
    "What is refused is refused before anything is written.",
    txn([], [put("x", "1"), get("a", revision=999)]),
    txn([], [put("x", "1"), put("y", "", ignore_value=True)]),
    txn([], [put("x", "1"), put("y", "1", lease=99)]),
    get("x", "z"), hash_at(),
    "Deletions in a transaction.",
    txn([], [delete("a", "d", prev_kv=True), delete("a", "z"), put("z", "1")]), get("a", "\0"),
    hash_at(),
]

COMPACTIONS = [
    put("a", "1"), put("b", "1"), put("a", "2"), delete("b"), put("c", "1"), put("a", "3"),
    put("c", "2"), hash_at(), hash_at(5),
    "The compacted revision stays readable, older ones do not.",
    ("compact", {"revision": 6, "physical": True}),
    get("a", "d", revision=6), get("a", "d", revision=5), get("a", "d"),
    ("compact", {"revision": 6}), ("compact", {"revision": 99}),
    hash_at(), hash_at(7), hash_at(5),
    put("a", "4"), delete("c"), put("d", "1"), put("d", "2"), hash_at(), hash_at(9),
    ("compact", {"revision": 9, "physical": True}), get("a", "e", revision=9), hash_at(),
    txn([], [put("a", "5"), put("e", "1"), delete("d")]), put("f", "1"), hash_at(), hash_at(12),
    get("a", "z"),
]


def churn():
    source = random.Random(7)
    items = ["Many keys, changes, deletions and compactions."]
    keys = [f"/registry/{kind}/{number}" for kind in ("pods", "nodes") for number in range(40)]
    items.append(("grant", {"ID": 5, "TTL": 9000}))
    for step in range(600):
        choice = source.randrange(10)
        key = source.choice(keys)
        if choice < 6:
            items.append(put(key, "x" * source.randrange(60), lease=source.choice([0, 0, 5])))
        elif choice < 8:
            items.append(delete(key, key[:-1] + chr(ord(key[-1]) + 1)))
        else:
            chosen = source.sample(keys, 3)
            items.append(txn([compare("VERSION", "GREATER", chosen[0], version=1)],
                             [put(chosen[1], "then"), get(chosen[1])],
                             [put(chosen[2], "else"), delete(chosen[1])]))
        if step % 100 == 99:
            items.append("compact here")
            items.append(hash_at())
    return items


def run(binary, items, keep):
    etcd = Etcd(binary)
    lines, revision = [], 1
    for item in items:
        if item == "compact here":
            # Some way back, and not exactly on a deletion, where releases differ.
            item = ("compact", {"revision": revision - 40, "physical": True})
            while json.loads(etcd.call("range", get("/", "0", revision=item[1]["revision"],
                                                    min_mod_revision=item[1]["revision"],
                                                    limit=1)[1])).get("kvs") is None:
                item[1]["revision"] -= 1
        if isinstance(item, str):
            lines.append(f"# {item}")
            continue
        name, body = item
        answer = etcd.call(name, body)
        if answer.startswith("{") and "header" in json.loads(answer):
            revision = int(json.loads(answer)["header"].get("revision", revision))
        if name in ("grant", "revoke"):
            answer = "done"
        lines.append(f"{name}\n{json.dumps(body)}\n----\n{answer}\n")
    etcd.stop(keep)
    return lines


def main():
    scenarios = {"rules": RULES, "selections": SELECTIONS, "transactions": TRANSACTIONS,
                 "compactions": COMPACTIONS, "churn": churn()}
    for name, items in scenarios.items():
        keeps = name in ("compactions", "churn")
        answers = [run(binary, items, f"{HERE}/{name}-{release}.db" if keeps else None)
                   for binary, release in zip(sys.argv[1:], ("3.4", "3.5"))]
        for old, new in zip(*answers):
            if old != new:
                print(f"{name}: releases differ\n{old}\n{new}")
        with open(f"{HERE}/{name}.txt", "w") as file:
            file.write("# Recorded from etcd by record.py; not to be edited.\n\n")
            file.write("\n".join(answers[-1]))


main()
