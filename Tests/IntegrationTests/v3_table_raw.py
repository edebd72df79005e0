"""Requests that break the rules of gRPC or of the gateway: paths, headers, frames and bytes that no
honest client sends. (name, what is sent)"""

import json

import v3_messages
from v3_wire import grpc_headers, message

PUT, RANGE, WATCH = "/etcdserverpb.KV/Put", "/etcdserverpb.KV/Range", "/etcdserverpb.Watch/Watch"


def raw(kind, **fields):
    return v3_messages.build(kind, fields).SerializeToString()


GOOD = message(raw("PutRequest", key="raw", value="1"))
ASK = message(raw("RangeRequest", key="raw"))

# name: (headers, body, whether the client ends its side)
GRPC = {
    "good": (grpc_headers(PUT), GOOD, True),
    "range": (grpc_headers(RANGE), ASK, True),
    # Not here: no message at all. etcd never answers that; see test_v3_hostile.py.
    "empty message": (grpc_headers(PUT), message(b""), True),
    "empty range": (grpc_headers(RANGE), message(b""), True),
    "unknown service": (grpc_headers("/none.Such/Call"), message(b""), True),
    "unknown method": (grpc_headers("/etcdserverpb.KV/None"), message(b""), True),
    "lower-case method": (grpc_headers("/etcdserverpb.KV/put"), GOOD, True),
    "unknown package": (grpc_headers("/KV/Put"), GOOD, True),
    "reflection": (grpc_headers("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"),
                   message(b""), True),
    "no slash": (grpc_headers("etcdserverpb.KV"), GOOD, True),
    "one part": (grpc_headers("/Put"), GOOD, True),
    "only a slash": (grpc_headers("/"), GOOD, True),
    "three parts": (grpc_headers("/a/b/c"), GOOD, True),
    "method with a slash at the end": (grpc_headers(PUT + "/"), GOOD, True),
    "query in the path": (grpc_headers(PUT + "?a=b"), GOOD, True),
    "percent and non-ASCII": (grpc_headers("/a%20b/c%C3%A9"), GOOD, True),
    "flag without encoding": (grpc_headers(PUT), message(b"abc", 1), True),
    "flag with identity": (grpc_headers(PUT, grpc_encoding="identity"), message(b"abc", 1), True),
    "gzip": (grpc_headers(PUT, grpc_encoding="gzip"), message(b"abc", 1), True),
    "gzip announced, not used": (grpc_headers(PUT, grpc_encoding="gzip"), GOOD, True),
    "snappy": (grpc_headers(PUT, grpc_encoding="snappy"), message(b"abc", 1), True),
    "accepts gzip": (grpc_headers(RANGE, grpc_accept_encoding="gzip,identity"), ASK, True),
    "unknown flag": (grpc_headers(PUT), message(b"abc", 7), True),
    "cut in the head": (grpc_headers(PUT), GOOD[:3], True),
    "cut in the message": (grpc_headers(PUT), GOOD[:-2], True),
    "two messages": (grpc_headers(PUT), GOOD + GOOD, True),
    "message and rest": (grpc_headers(PUT), GOOD + b"\0\0", True),
    "length of 4 GiB": (grpc_headers(PUT), b"\0\xff\xff\xff\xff", True),
    "length of 3 MiB": (grpc_headers(PUT), b"\0\0\x30\0\0" + b"x" * 100, True),
    "three megabytes": (grpc_headers(PUT), message(b"\x0a\x01k\x12" + b"x" * 3_000_000), True),
    "at the limit": (grpc_headers(PUT), message(raw("PutRequest", key="k", value="x" * 1_572_700)),
                     True),
    "beyond the limit": (grpc_headers(PUT), message(
        raw("PutRequest", key="k", value="x" * 1_572_900)), True),
    "no content type": (grpc_headers(PUT, content_type=None), GOOD, True),
    "json content type": (grpc_headers(PUT, content_type="application/json"), b"{}", True),
    "grpc+proto": (grpc_headers(PUT, content_type="application/grpc+proto"), GOOD, True),
    "grpc+json": (grpc_headers(PUT, content_type="application/grpc+json"), GOOD, True),
    "grpc with a charset": (grpc_headers(PUT, content_type="application/grpc;charset=x"), GOOD,
                            True),
    "grpc-web": (grpc_headers(PUT, content_type="application/grpc-web"), GOOD, True),
    "upper-case content type": (grpc_headers(PUT, content_type="Application/gRPC"), GOOD, True),
    # etcdctl 3.4 does this.
    "authority with a scheme": (grpc_headers(RANGE, authority="http://127.0.0.1:2379"), ASK, True),
    "odd authority": (grpc_headers(RANGE, authority="#initially=[x]"), ASK, True),
    "no te": (grpc_headers(PUT, te=None), GOOD, True),
    "GET": (grpc_headers(PUT, method="GET"), GOOD, True),
    "PUT": (grpc_headers(PUT, method="PUT"), GOOD, True),
    "OPTIONS": (grpc_headers(PUT, method="OPTIONS"), b"", True),
    "long timeout": (grpc_headers(RANGE, grpc_timeout="99999999H"), ASK, True),
    "timeout of nine digits": (grpc_headers(RANGE, grpc_timeout="123456789S"), ASK, True),
    "timeout without unit": (grpc_headers(RANGE, grpc_timeout="10"), ASK, True),
    "timeout of nothing": (grpc_headers(RANGE, grpc_timeout=""), ASK, True),
    "unknown unit": (grpc_headers(RANGE, grpc_timeout="10x"), ASK, True),
    "binary metadata": (grpc_headers(RANGE, **{"x_bin": "AAEC"}), ASK, True),
    "bad binary metadata": (grpc_headers(RANGE, **{"x_bin": "*"}), ASK, True),
    "many headers": (grpc_headers(RANGE, **{f"x{n}": "y" for n in range(200)}), ASK, True),
    "hasleader": (grpc_headers(RANGE, hasleader="true"), ASK, True),
    "bad token": (grpc_headers(RANGE, token="nonsense.1"), ASK, True),
    "wrong wire type": (grpc_headers(PUT), message(b"\x08\x01"), True),
    "wrong wire type, value": (grpc_headers(PUT), message(b"\x0a\x01k\x10\x05"), True),
    "unknown fields": (grpc_headers(PUT), message(
        b"\x0a\x01u\xf8\x07\x01\xfa\x07\x03abc\xfd\x07\0\0\0\0\xf9\x07" + b"\0" * 8), True),
    "unknown group": (grpc_headers(PUT), message(b"\x0a\x01u\xfb\x07\x08\x01\xfc\x07"), True),
    "field twice": (grpc_headers(PUT), message(b"\x0a\x01a\x0a\x01b\x12\x01c"), True),
    "long varint": (grpc_headers(PUT), message(b"\x0a\x01a\x18" + b"\x80" * 9 + b"\x01"), True),
    "too long varint": (grpc_headers(PUT), message(b"\x0a\x01a\x18" + b"\x80" * 10 + b"\x01"),
                        True),
    "field number 0": (grpc_headers(PUT), message(b"\x02\x01a"), True),
    "cut varint": (grpc_headers(PUT), message(b"\x0a\x01a\x18\x80"), True),
    "length beyond the end": (grpc_headers(PUT), message(b"\x0a\x7fa"), True),
    "bool of 2": (grpc_headers(PUT), message(b"\x0a\x01a\x20\x02"), True),
    "enum beyond 32 bits": (grpc_headers(RANGE), message(
        b"\x0a\x01a\x28\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"), True),
    "not UTF-8 in a string": (grpc_headers("/etcdserverpb.Auth/UserGet"), message(b"\x0a\x01\xff"),
                              True),
    "oneof twice": (grpc_headers("/etcdserverpb.KV/Txn"), message(
        b"\x12\x0e\x0a\x03\x0a\x01a\x12\x07\x0a\x01b\x12\x02xy"), True),
    "two on one watch": (grpc_headers(WATCH), message(raw("WatchRequest", create_request={
        "key": "a"}))[:9], True),
}


# Values that do not fit their fields.
BAD_FIELDS = [
    *[("/v3/kv/range", b'{"key":%s}' % value) for value in (
        b"5", b"true", b"{}", b'["a"]', b"[97]", b'"Zg"', b'"Zg="', b'"-_8="', b'"Z"',
        b'"Zg==Zg=="', b'"Zg=a"', b'"Zg=\\n="', b'"Zm9v="', b'"Zm9vZ==="', b'"===="')],
    *[("/v3/kv/range", b'{"key":"YQ==","limit":%s}' % value) for value in (
        b'""', b'"05"', b'"+5"', b'"true"', b'"{}"', b'"1.5"', b"1e2", b'"9223372036854775808"',
        b'"-"', b'"1 2"', b'" 5"', b"true", b"[]", b'"null"')],
    *[("/v3/kv/range", b'{"key":"YQ==","sort_order":%s}' % value) for value in (
        b'"NOPE"', b'"1"', b"1.5", b"true", b"{}", b'"a\\"b"', b"99999999999")],
    *[("/v3/kv/range", b'{"key":"YQ==","serializable":%s}' % value) for value in (
        b'"yes"', b"1", b"{}")],
    *[("/v3/cluster/member/remove", b'{"ID":%s}' % value) for value in (b'"-1"', b"1.5", b'"x"')],
    *[("/v3/auth/role/add", b'{"name":%s}' % value) for value in (b"5", b"[]", b"{}")],
    *[("/v3/cluster/member/add", b'{"peerURLs":%s}' % value) for value in (b'"x"', b"[1]")],
    *[("/v3/kv/txn", form) for form in (
        b'{"compare":[5]}', b'{"compare":5}', b'{"compare":[{"result":"X"}]}',
        b'{"compare":[{"target":"X"}]}', b'{"success":[{"request_put":"x"}]}')],
    ("/v3/maintenance/alarm", b'{"action":"X"}'), ("/v3/maintenance/alarm", b'{"alarm":"X"}'),
    ("/v3/maintenance/downgrade", b'{"action":"X"}'),
    ("/v3/auth/role/grant", b'{"perm":{"permType":"X"}}'),
    *[("/v3/watch", b'{"create_request":%s}' % value) for value in (
        b"5", b'"x"', b'{"key":5}', b'{"start_revision":"x"}', b'{"filters":["X"]}',
        b'{"filters":"X"}')],
    ("/v3/lease/keepalive", b'{"ID":"x"}'),
    ("/v3/lease/keepalive", b'{"ID":"5"} {"ID":"x"} {"ID":"6"}'),
]


def text(value):
    return json.dumps(value).encode()


# name: (method, target, headers, body)
GATEWAY = {
    name: (method, target, headers, body) for name, method, target, headers, body in [
        ("put", "POST", "/v3/kv/put", [], text({"key": "Zw==", "value": "MQ=="})),
        ("range", "POST", "/v3/kv/range", [], text({"key": "Zw=="})),
        ("empty range", "POST", "/v3/kv/range", [], text({"key": "eA=="})),
        ("v3beta", "POST", "/v3beta/kv/range", [], text({"key": "Zw=="})),
        ("v3alpha", "POST", "/v3alpha/kv/range", [], text({"key": "Zw=="})),
        ("v4", "POST", "/v4/kv/range", [], text({"key": "Zw=="})),
        *[(f"{method} on a path", method, "/v3/kv/range", [], None)
          for method in ("GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "FOO")],
        ("GET with a query", "GET", "/v3/kv/range?key=Zw==", [], None),
        ("query in the path", "POST", "/v3/kv/range?key=eA==", [], text({"key": "Zw=="})),
        ("unknown path", "POST", "/v3/kv/none", [], b"{}"),
        ("GET of an unknown path", "GET", "/v3/kv/none", [], None),
        ("only the prefix", "POST", "/v3", [], b"{}"),
        ("prefix with slash", "POST", "/v3/", [], b"{}"),
        ("prefix of a path", "POST", "/v3/kv", [], b"{}"),
        ("slash at the end", "POST", "/v3/kv/range/", [], text({"key": "Zw=="})),
        ("two slashes", "POST", "/v3//kv/range", [], text({"key": "Zw=="})),
        ("upper case", "POST", "/V3/KV/RANGE", [], text({"key": "Zw=="})),
        ("colon in the path", "POST", "/v3/kv/range:x", [], text({"key": "Zw=="})),
        ("lease under kv", "POST", "/v3/kv/lease/leases", [], b"{}"),
        ("time to live under kv", "POST", "/v3/kv/lease/timetolive", [], b'{"ID":"9"}'),
        ("revoke under kv", "POST", "/v3/kv/lease/revoke", [], b'{"ID":"9"}'),
        ("no body", "POST", "/v3/kv/range", [], None),
        ("empty body", "POST", "/v3/kv/range", [], b""),
        ("empty body of a list", "POST", "/v3/cluster/member/list", [], b""),
        ("no JSON", "POST", "/v3/kv/range", [], b"hello"),
        ("cut JSON", "POST", "/v3/kv/range", [], b'{"key":"Zw=='),
        ("array", "POST", "/v3/kv/range", [], b"[]"),
        ("string", "POST", "/v3/kv/range", [], b'"x"'),
        ("number", "POST", "/v3/kv/range", [], b"5"),
        ("null", "POST", "/v3/kv/range", [], b"null"),
        ("two objects", "POST", "/v3/kv/range", [], b'{"key":"Zw=="}{"key":"eA=="}'),
        ("object and rest", "POST", "/v3/kv/range", [], b'{"key":"Zw=="} rest'),
        ("spaces", "POST", "/v3/kv/range", [], b' \n{ "key" :\t"Zw==" }\r\n '),
        ("unknown field", "POST", "/v3/kv/range", [], text({"key": "Zw==", "nope": 1})),
        ("field twice", "POST", "/v3/kv/range", [], b'{"key":"eA==","key":"Zw=="}'),
        ("upper-case field", "POST", "/v3/kv/range", [], text({"KEY": "Zw=="})),
        ("camel case", "POST", "/v3/kv/range", [], text({"key": "Zw==", "countOnly": True})),
        ("proto names", "POST", "/v3/kv/range", [], text({"key": "Zw==", "count_only": True})),
        ("camel and proto", "POST", "/v3/kv/range", [],
         text({"key": "Zw==", "rangeEnd": "aA==", "range_end": "AA=="})),
        ("no base64", "POST", "/v3/kv/range", [], text({"key": "*"})),
        ("base64 without padding", "POST", "/v3/kv/range", [], text({"key": "Zw"})),
        ("bytes as number", "POST", "/v3/kv/range", [], text({"key": 5})),
        ("bytes as null", "POST", "/v3/kv/range", [], text({"key": None})),
        ("bytes with newline", "POST", "/v3/kv/range", [], text({"key": "Zw\n=="})),
        ("limit as string", "POST", "/v3/kv/range", [], text({"key": "Zw==", "limit": "1"})),
        ("limit as number", "POST", "/v3/kv/range", [], text({"key": "Zw==", "limit": 1})),
        ("limit as text", "POST", "/v3/kv/range", [], text({"key": "Zw==", "limit": "x"})),
        ("limit as fraction", "POST", "/v3/kv/range", [], text({"key": "Zw==", "limit": 1.5})),
        ("limit too large", "POST", "/v3/kv/range", [],
         b'{"key":"Zw==","limit":"99999999999999999999"}'),
        ("exponent", "POST", "/v3/kv/range", [], b'{"key":"Zw==","limit":1e3}'),
        ("bool as string", "POST", "/v3/kv/range", [], text({"key": "Zw==", "keys_only": "true"})),
        ("bool as number", "POST", "/v3/kv/range", [], text({"key": "Zw==", "keys_only": 1})),
        ("enum by name", "POST", "/v3/kv/range", [],
         text({"key": "Zw==", "sort_order": "DESCEND", "sort_target": "MOD"})),
        ("enum by number", "POST", "/v3/kv/range", [], text({"key": "Zw==", "sort_order": 2})),
        ("enum number as text", "POST", "/v3/kv/range", [],
         text({"key": "Zw==", "sort_order": "2"})),
        ("unknown enum", "POST", "/v3/kv/range", [], text({"key": "Zw==", "sort_order": "UP"})),
        ("lower-case enum", "POST", "/v3/kv/range", [],
         text({"key": "Zw==", "sort_order": "descend"})),
        ("message as string", "POST", "/v3/kv/txn", [], b'{"success":[{"request_put":"x"}]}'),
        ("list as object", "POST", "/v3/kv/txn", [], b'{"success":{}}'),
        ("null in a list", "POST", "/v3/kv/txn", [], b'{"success":[null]}'),
        ("two of a oneof", "POST", "/v3/kv/txn", [], text({"success": [
            {"requestPut": {"key": "Zw=="}, "requestRange": {"key": "Zw=="}}]})),
        ("txn in camel case", "POST", "/v3/kv/txn", [], text({
            "compare": [{"result": "EQUAL", "target": "VERSION", "key": "Zw==", "version": "1"}],
            "success": [{"requestRange": {"key": "Zw=="}}],
            "failure": [{"requestDeleteRange": {"key": "eA=="}}]})),
        ("key not UTF-8", "POST", "/v3/kv/range", [], b'{"key":"\xff"}'),
        ("text that needs escapes", "POST", "/v3/auth/user/add", [],
         text({"name": "<a&b>\u2028\u00e9\"\\\n", "password": "x"})),
        ("list of users", "POST", "/v3/auth/user/list", [], b"{}"),
        ("wrong content type", "POST", "/v3/kv/range", [("Content-Type", "text/plain")],
         text({"key": "Zw=="})),
        ("accepts text", "POST", "/v3/kv/range", [("Accept", "text/plain")], text({"key": "Zw=="})),
        ("form", "POST", "/v3/kv/range",
         [("Content-Type", "application/x-www-form-urlencoded")], b"key=Zw=="),
        ("method override", "POST", "/v3/kv/range", [("X-HTTP-Method-Override", "GET")],
         text({"key": "Zw=="})),
        ("override by form", "POST", "/v3/kv/range", [
            ("X-HTTP-Method-Override", "GET"),
            ("Content-Type", "application/x-www-form-urlencoded")], text({"key": "Zw=="})),
        *[(f"override {method} by form {number}", "POST", "/v3/kv/range", [
            ("X-HTTP-Method-Override", method),
            ("Content-Type", "application/x-www-form-urlencoded")], form)
          for method in ("post", "PUT", "GET")
          for number, form in enumerate([b"", b'{"key":"Zw=="}', b"a=%zz"])],
        *[(f"bad field {number}", "POST", path, [], form)
          for number, (path, form) in enumerate(BAD_FIELDS)],
        ("token", "POST", "/v3/kv/range", [("Authorization", "nonsense.1")], text({"key": "Zw=="})),
        ("metadata", "POST", "/v3/kv/range", [("Grpc-Metadata-hasleader", "true")],
         text({"key": "Zw=="})),
        ("timeout", "POST", "/v3/kv/range", [("Grpc-Timeout", "5S")], text({"key": "Zw=="})),
        ("bad timeout", "POST", "/v3/kv/range", [("Grpc-Timeout", "soon")], text({"key": "Zw=="})),
        ("origin", "POST", "/v3/kv/range", [("Origin", "http://example.com")],
         text({"key": "Zw=="})),
        ("preflight", "OPTIONS", "/v3/kv/range", [
            ("Origin", "http://example.com"), ("Access-Control-Request-Method", "POST")], None),
        ("too large", "POST", "/v3/kv/put", [],
         text({"key": "Zw==", "value": "QUFB" * 700_000})),
        ("far too large", "POST", "/v3/kv/put", [],
         text({"key": "Zw==", "value": "QUFB" * 1_000_000})),
        ("deep nesting", "POST", "/v3/kv/txn", [],
         b'{"success":[{"request_txn":' * 50 + b"{}" + b"}]}" * 50),
        ("no such grpc path", "POST", "/etcdserverpb.KV/Range", [], b"{}"),
        ("keep alive", "POST", "/v3/lease/keepalive", [], b'{"ID":"9"}'),
        ("two keep alives", "POST", "/v3/lease/keepalive", [], b'{"ID":"9"}{"ID":"8"}'),
        ("keep alive, bad JSON", "POST", "/v3/lease/keepalive", [], b'{"ID":'),
        ("keep alive, no body", "POST", "/v3/lease/keepalive", [], b""),
        ("watch, bad JSON", "POST", "/v3/watch", [], b"nonsense"),
        ("compacted", "POST", "/v3/kv/compaction", [], b'{"revision":"99"}'),
        ("member not found", "POST", "/v3/cluster/member/remove", [], b'{"ID":"1"}'),
        ("leaderless", "POST", "/v3/election/leader", [], text({"name": "Zw=="})),
        ("URL-safe put", "POST", "/v3/kv/put", [], text({"key": "-_-_", "value": "_w=="})),
        ("URL-safe read as standard", "POST", "/v3/kv/range", [], text({"key": "+/+/"})),
    ]
}

# What only ours understands, by design: older prefixes, and base64 as releases from 3.6 on read it.
WIDER = {"v3alpha", "base64 without padding", "URL-safe put", "URL-safe read as standard"}
