"""Request table: members, machines, statistics, health, version and the paths around them. The
member under test is alone: changes that succeed are compared in test_membership.py."""

from cases import Case, typed

OTHER = "ffffffffffffff01"


# Only status and shape are compared where the words name Go's types.
GO = "words of Go's JSON parser"


def change(method, target, body, content_type="application/json", **more):
    return typed(method, target, content_type, body, **more)


MEMBERS = [
    Case("GET", "/v2/members"),
    Case("GET", "/v2/members/"),
    Case("HEAD", "/v2/members"),
    Case("GET", "/v2/members/leader"),
    Case("GET", "/v2/members/leader/"),
    Case("GET", "/v2/members/{id}"),
    Case("GET", "/v2/members/nope"),
    Case("GET", f"/v2/members/{OTHER}"),
    Case("PATCH", "/v2/members"),
    Case("OPTIONS", "/v2/members"),
    Case("PUT", "/v2/members"),
    Case("DELETE", "/v2/members"),
    Case("PUT", "/v2/members/"),
    Case("DELETE", "/v2/members/"),
    change("PUT", "/v2/members", b'{"peerURLs":["http://127.0.0.1:1"]}'),
    change("POST", "/v2/members", b""),
    change("POST", "/v2/members", b"{"),
    change("POST", "/v2/members", b"[]", note=GO, strict="shape"),
    change("POST", "/v2/members", b"null"),
    change("POST", "/v2/members", b"{}"),
    change("POST", "/v2/members", b'{"peerURLs":[]}'),
    change("POST", "/v2/members", b'{"peerURLs":null}'),
    change("POST", "/v2/members", b'{"peerURLs":"http://127.0.0.1:1"}', note=GO,
           strict="shape"),
    change("POST", "/v2/members", b'{"peerURLs":[1]}', note=GO, strict="shape"),
    change("POST", "/v2/members", b'{"peerURLs":["127.0.0.1:1"]}'),
    change("POST", "/v2/members", b'{"peerURLs":["http://127.0.0.1"]}'),
    change("POST", "/v2/members", b'{"peerURLs":["http://127.0.0.1:1/path"]}'),
    change("POST", "/v2/members", b'{"peerURLs":["ftp://127.0.0.1:1"]}'),
    change("POST", "/v2/members", b'{"peerURLs":["http://[::1:1"]}'),
    change("POST", "/v2/members", b'{"peerURLs":["bad url"]}'),
    change("POST", "/v2/members", b'{"peerURLs":[""]}'),
    change("POST", "/v2/members", b'{"peerURLs":["{peer}"]}'),
    change("POST", "/v2/members", b'{"peerURLs":["http://127.0.0.1:1"]}', "text/plain"),
    change("POST", "/v2/members", b'{"peerURLs":["http://127.0.0.1:1"]}', None),
    change("POST", "/v2/members", b"peerURLs=x", "application/x-www-form-urlencoded"),
    change("POST", "/v2/members", b"{", "application/json; charset=utf-8"),
    change("POST", "/v2/members", b"{", "Application/JSON ; x"),
    change("POST", "/v2/members", b"{", "Application/JSON"),
    change("POST", "/v2/members/extra", b"{"),
    change("PUT", f"/v2/members/{OTHER}", b'{"peerURLs":["http://127.0.0.1:1"]}'),
    change("PUT", f"/v2/members/{OTHER}", b'{"peerURLs":[]}'),
    change("PUT", f"/v2/members/{OTHER}", b"{", "text/plain"),
    change("PUT", "/v2/members/zzz", b'{"peerURLs":["http://127.0.0.1:1"]}'),
    change("PUT", "/v2/members/{id}", b"{"),
    change("PUT", "/v2/members/{id}", b'{"peerURLs":["{peer}"]}'),
    change("PUT", "/v2/members/{id}/x", b'{"peerURLs":["http://127.0.0.1:1"]}'),
    Case("DELETE", f"/v2/members/{OTHER}"),
    Case("DELETE", "/v2/members/zzz"),
    Case("DELETE", "/v2/members/0"),
    Case("DELETE", "/v2/members/11111111111111111111"),
    Case("DELETE", "/v2/members/{id}/x"),
    Case("GET", "/v2/members"),
]

MACHINES = [
    Case("GET", "/v2/machines"),
    Case("GET", "/v2/machines/"),
    Case("HEAD", "/v2/machines"),
    Case("PUT", "/v2/machines"),
    Case("GET", "/v2/machines?x=1"),
]

STATS = [
    Case("GET", "/v2/stats/self"),
    Case("GET", "/v2/stats/leader"),
    Case("GET", "/v2/stats/store"),
    Case("GET", "/v2/stats"),
    Case("GET", "/v2/stats/"),
    Case("GET", "/v2/stats/nope"),
    Case("GET", "/v2/stats/self/"),
    Case("HEAD", "/v2/stats/self"),
    Case("HEAD", "/v2/stats/store"),
    Case("PUT", "/v2/stats/self"),
    Case("POST", "/v2/stats/leader"),
    Case("DELETE", "/v2/stats/store"),
]

OPERATIONS = [
    Case("GET", "/version"),
    Case("HEAD", "/version"),
    Case("PUT", "/version"),
    Case("POST", "/version"),
    Case("GET", "/version/"),
    Case("GET", "/health"),
    Case("HEAD", "/health"),
    Case("PUT", "/health"),
    Case("GET", "/health/"),
    Case("GET", "/metrics", strict="shape"),
    Case("GET", "/debug/vars", strict="shape"),
    Case("PUT", "/debug/vars"),
    Case("GET", "/debug/pprof/", note="not switched on"),
    Case("GET", "/config/local/log"),
    typed("PUT", "/config/local/log", "application/json", b'{"Level":"INFO"}'),
    typed("PUT", "/config/local/log", "application/json", b"nonsense"),
    typed("PUT", "/config/local/log", "application/json", b'{"Level":"LOUD"}'),
    Case("GET", "/raft"), Case("GET", "/members"), Case("GET", "/raft/probing"),
    Case("GET", "/favicon.ico"),
    Case("GET", "/v2/admin"),
    Case("GET", "/v2/auth"),
    Case("GET", "/v2/auth/enable"),
    Case("HEAD", "/v2/auth/enable"),
    Case("GET", "/v2/auth/users"),
    Case("GET", "/v2/auth/roles"),
]

CASES = MEMBERS + MACHINES + STATS + OPERATIONS
