"""Fills a member with odd content: every action, directories, hidden keys, TTLs, texts that hurt.
Used by the tests of restarts and by scripts/golden.sh: python3 content.py http://127.0.0.1:2379"""

import itertools
import sys
import urllib.parse

import harness
import rawhttp

FAR_TTL_SECONDS = 400_000_000
ODD_TEXTS = [
    "", " ", "Hello world", "line\nbreak\r\n", "tab\tquote\"back\\slash/", "<script>&amp;</script>",
    "héllo wörld", "日本語", "𝄞 clef", "\u2028\u2029", "\x00\x01\x1f\x7f", "%20+%2B", "0", "null",
    "true", "x" * 10_000,
]
ODD_KEYS = [
    "/odd/sp ace", "/odd/ünï", "/odd/日本", "/odd/per%cent", "/odd/q?mark", "/odd/ha#sh", "/odd/a;b",
    "/odd/a&b=c", "/odd/quo\"te", "/odd/.dot", "/odd/..dots", "/odd/_hidden", "/odd/UPPER",
    "/odd/new\nline",
]


def operations():
    """(method, key, form or None, query) in a fixed order."""
    for number, text in enumerate(ODD_TEXTS):
        yield "PUT", f"/texts/{number:02}", {"value": text}, ""
    for key in ODD_KEYS:
        yield "PUT", key, {"value": key}, ""
    yield "PUT", "/deep/a/b/c/d/e/f/g/h", {"value": "deep"}, ""
    yield "PUT", "/empty", {"dir": "true"}, ""
    yield "PUT", "/_secret/inside", {"value": "hidden"}, ""
    yield "PUT", "/ttl/key", {"value": "brief", "ttl": str(FAR_TTL_SECONDS)}, ""
    yield "PUT", "/ttl/dir", {"dir": "true", "ttl": str(FAR_TTL_SECONDS)}, ""
    yield "PUT", "/ttl/dir/child", {"value": "1"}, ""
    yield "PUT", "/ttl/freed", {"value": "1", "ttl": str(FAR_TTL_SECONDS)}, ""
    yield "PUT", "/ttl/freed", {"value": "2"}, ""
    yield "PUT", "/ttl/key", {"ttl": str(FAR_TTL_SECONDS + 5), "refresh": "true"}, "?prevExist=true"
    for number in range(5):
        yield "POST", "/queue", {"value": f"job {number}"}, ""
    yield "POST", "/queue", {"dir": "true"}, ""
    yield "PUT", "/swap", {"value": "1"}, "?prevExist=false"
    yield "PUT", "/swap", {"value": "2"}, "?prevValue=1"
    yield "PUT", "/swap", {"value": "3"}, "?prevValue=nope"
    yield "PUT", "/swap", {"value": "4"}, "?prevExist=true"
    yield "PUT", "/swapped-out", {"value": "1"}, ""
    yield "DELETE", "/swapped-out", None, "?prevValue=1"
    yield "PUT", "/file-then-dir", {"value": "1"}, ""
    yield "PUT", "/file-then-dir", {"dir": "true"}, ""
    yield "PUT", "/gone/a/b", {"value": "1"}, ""
    yield "DELETE", "/gone", None, "?recursive=true"
    yield "DELETE", "/never", None, ""
    yield "PUT", "/expiring", {"value": "soon", "ttl": "1"}, ""


def fill(address, count=None):
    """Sends everything, or the first `count` operations, on one connection."""
    with rawhttp.Wire(address) as wire:
        for method, key, form, query in itertools.islice(operations(), count):
            headers, body = rawhttp.form_of(form) if form is not None else ([], None)
            target = "/v2/keys" + urllib.parse.quote(key) + query
            wire.send(rawhttp.encode(method, target, headers, body))
            wire.response(method)


def bulk(address, prefix, count, value="v"):
    """`count` writes on one connection, as fast as the member takes them."""
    with rawhttp.Wire(address, 60) as wire:
        for number in range(count):
            headers, body = rawhttp.form_of({"value": f"{value}{number}"})
            wire.send(rawhttp.encode("PUT", f"/v2/keys{prefix}/{number % 1000}", headers, body))
            answer = wire.response("PUT")
            assert answer.status in (200, 201), answer


def picture(member):
    """Everything a client can see: the tree with all indexes and absolute deadlines, hidden keys.
    Not the store's index: a member that starts publishes itself again, which counts."""
    def without_ttl(node):
        node.pop("ttl", None)
        for child in node.get("nodes", []):
            without_ttl(child)
        return node
    tree = member.get("/", "?recursive=true&sorted=true&quorum=true")
    seen = [without_ttl(tree.json()["node"])]
    for hidden in ("/_secret", "/odd/_hidden"):
        answer = member.get(hidden, "?recursive=true").json()
        answer.pop("index", None)
        seen.append(answer)
    return seen


if __name__ == "__main__":
    fill(harness.address_of(sys.argv[1]))
