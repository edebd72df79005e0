"""Users, roles and permissions over the v2 API: what manages them, and what each caller may do with
keys and members. Rows are a method, a target and perhaps a body; the reference and ours answer each
in turn."""

PASSWORDS = {"root": "rp", "reader": "a", "writer": "b", "exact": "c", "plain": "d", "both": "e"}
CALLERS = ("nobody", "root", "reader", "writer", "exact", "plain", "both", "wrong password",
           "ghost", "no scheme", "no base64", "no colon", "empty header")
# These are asked everything, others every second question.
THOROUGH = ("nobody", "root", "reader")


def user(name, **more):
    return ("PUT", f"/v2/auth/users/{name}", {"user": name, **more})


def role(name, **more):
    return ("PUT", f"/v2/auth/roles/{name}", {"role": name, **more})


def kv(read=None, write=None):
    """Permissions; what is None is left out."""
    lists = {"read": read, "write": write}
    return {"kv": {name: value for name, value in lists.items() if value is not None}}


# Before authentication is on, by everybody.
MANAGEMENT = [
    ("GET", "/v2/auth"), ("GET", "/v2/auth/"), ("GET", "/v2/auth/x"), ("GET", "/v2/auth/enable"),
    ("HEAD", "/v2/auth/enable"), ("POST", "/v2/auth/enable"), ("PUT", "/v2/auth/enable"),
    ("DELETE", "/v2/auth/enable"), ("GET", "/v2/auth/enable/"), ("GET", "/v2/auth/enable/x"),
    ("GET", "/v2/auth/users"), ("GET", "/v2/auth/users/"), ("GET", "/v2/auth/roles"),
    ("GET", "/v2/auth/roles/"), ("PUT", "/v2/auth/users"), ("GET", "/v2/auth/users/a/b"),
    ("GET", "/v2/auth/users/nobody"), ("GET", "/v2/auth/roles/nobody"),
    ("GET", "/v2/auth//users"), ("GET", "/v2/auth/users/../roles"),
    ("DELETE", "/v2/auth/users/nobody"), ("DELETE", "/v2/auth/roles/nobody"),
    ("DELETE", "/v2/auth/roles/root"), ("GET", "/v2/keys/x"),
    ("PUT", "/v2/auth/users/u", ""), ("PUT", "/v2/auth/users/u", "{"),
    ("PUT", "/v2/auth/users/u", "null"), ("PUT", "/v2/auth/users/u", "[]"),
    ("PUT", "/v2/auth/users/u", '"u"'), ("PUT", "/v2/auth/users/u", {"user": "v"}),
    ("PUT", "/v2/auth/users/u", {"user": 1}), user("u"), user("u", password="p"),
    ("GET", "/v2/keys/x"), user("u"), user("u"), user("u", password="p2"),
    user("u", password="p2", roles=["r"]), user("w", password="p2", roles=["r", "b", "r"]),
    ("GET", "/v2/auth/users/w"), ("GET", "/v2/auth/users"), user("w", grant=["c"]),
    user("w", grant=["c"]), user("w", revoke=["zz"]), user("w", revoke=["c"]),
    user("w", revoke=["b"], grant=["b"]), user("w", revoke=["b"], roles=["b"]),
    user("nope", grant=["b"]), user("w", grant=["q", "q"]),
    ("PUT", "/v2/auth/users/w", '{"USER":"w","Grant":["q"]} trailing'),
    ("PUT", "/v2/auth/users/w", '{"user":"w","grant":"x"}'),
    ("PUT", "/v2/auth/users/w", '{"user":"w","grant":["x"],"foo":1}'),
    ("PUT", "/v2/auth/users/w", '{"user":"w","grant":["y"],"user":null}'),
    ("PUT", "/v2/auth/users/um%C3%A4", {"user": "umä", "password": "<&>"}),
    ("PUT", "/v2/auth/users/a%2Fb", {"user": "a/b", "password": "p"}),
    ("GET", "/v2/auth/users/um%C3%A4"), ("GET", "/v2/auth/users"),
    role("r"), role("r"), ("GET", "/v2/auth/roles/r"), role("r", revoke=kv(["x"])),
    role("r", revoke=kv(["x"])), role("r", grant=kv(["/b", "/a*"], ["/c"])),
    role("r", grant=kv(["/b"])), role("r", grant=kv(None, ["/c"])),
    role("r", grant=kv(None, ["/d"]), permissions=kv(["/d"])), role("r", grant=kv()),
    role("r", grant=kv(["/n"]), revoke=kv(["/b"])), role("r", grant=kv(["/d", "/d"])),
    role("g", grant=kv(), revoke={}), role("g2", permissions=kv(["/z", "/y", "/z"])),
    role("g3", permissions=kv(["<"], ["&"])), role("null", grant=None, revoke=None),
    ("PUT", "/v2/auth/roles/g2", {"role": "g3"}), role("root"), role("root", grant=kv(["/z"])),
    role("nn", grant=kv(["/z"])), ("GET", "/v2/auth/roles"), ("PUT", "/v2/auth/roles/x", "{"),
    ("PUT", "/v2/auth/roles/x", {"role": "x", "permissions": {"kv": []}}),
    ("POST", "/v2/auth/roles/x"), ("GET", "/v2/auth/users?x=%zz"), ("GET", "/v2/auth/roles?x=%zz"),
    ("GET", "/v2/auth/users/u?x=%zz"), ("GET", "/v2/auth/roles/r?x=%zz"),
    ("PUT", "/v2/auth/enable"), user("root", roles=["a"]),
    user("root", password="rp"), user("root", password="rp", roles=["a"]),
    ("GET", "/v2/auth/users/root"), user("root"), user("root", grant=["root"]),
    user("root", revoke=["root"]), ("GET", "/v2/auth/users/root"),
    ("DELETE", "/v2/auth/users/u"), ("DELETE", "/v2/auth/users/u"), ("DELETE", "/v2/auth/roles/g"),
    ("DELETE", "/v2/auth/roles/g"), ("GET", "/v2/keys/x"),
]

SETUP = [
    *[user(name, password=password) for name, password in PASSWORDS.items() if name != "root"],
    role("reading", permissions=kv(["/r/*", "/f"])), role("writing", permissions=kv([], ["/w/*"])),
    role("exactly", permissions=kv(["/e"], ["/e"])), role("dots", permissions=kv(["/r*"], ["*"])),
    user("reader", grant=["reading"]), user("writer", grant=["writing"]),
    user("exact", grant=["exactly"]), user("both", grant=["reading", "writing", "missing"]),
    ("PUT", "/v2/keys/r/a?value=1"), ("PUT", "/v2/keys/w/a?value=1"), ("PUT", "/v2/keys/e?value=1"),
    ("PUT", "/v2/keys/f?value=1"), ("PUT", "/v2/keys/top?value=1"),
]

# What each caller asks while authentication is on.
QUESTIONS = [
    ("GET", "/v2/keys"), ("GET", "/v2/keys/"), ("GET", "/v2/keys?recursive=true"),
    ("GET", "/v2/keys/?recursive=true"), ("GET", "/v2/keys/r"), ("GET", "/v2/keys/r/"),
    ("GET", "/v2/keys/r/a"), ("HEAD", "/v2/keys/r/a"), ("GET", "/v2/keys/r/?recursive=true"),
    ("GET", "/v2/keys/r?recursive=true"), ("GET", "/v2/keys/r/a?quorum=true"),
    ("GET", "/v2/keys/r/none"), ("GET", "/v2/keys/w/a"), ("GET", "/v2/keys/e"),
    ("GET", "/v2/keys/e?recursive=true"), ("GET", "/v2/keys/f"), ("GET", "/v2/keys/top"),
    ("GET", "/v2/keys/r/a?wait=true&waitIndex=1"), ("GET", "/v2/keys/top?wait=x"),
    ("PUT", "/v2/keys/w/a?value=2"), ("PUT", "/v2/keys/w/a?value=2&prevValue=none"),
    ("PUT", "/v2/keys/e?value=2"), ("PUT", "/v2/keys/r/a?value=2"), ("PUT", "/v2/keys/top?value=2"),
    ("POST", "/v2/keys/r"), ("DELETE", "/v2/keys/w/none"), ("DELETE", "/v2/keys/r/none"),
    ("DELETE", "/v2/keys/w/?recursive=true&prevValue=x"), ("PUT", "/v2/keys/w/a?ttl=x"),
    ("PATCH", "/v2/keys/w/a"), ("GET", "/v2/auth/enable"), ("PUT", "/v2/auth/enable"),
    ("GET", "/v2/auth/users"), ("GET", "/v2/auth/users/reader"), ("GET", "/v2/auth/roles"),
    ("GET", "/v2/auth/roles/reading"), user("reader", grant=["reading"]), role("reading"),
    ("DELETE", "/v2/auth/users/root"), ("DELETE", "/v2/auth/roles/none"),
    ("GET", "/v2/auth/users/a/b"), ("POST", "/v2/auth/users"), ("GET", "/v2/members"),
    ("GET", "/v2/members/leader"), ("POST", "/v2/members", {}), ("PUT", "/v2/members/1", {}),
    ("DELETE", "/v2/members/zz"), ("GET", "/v2/stats/self", "status only"),
    ("GET", "/v2/machines"), ("GET", "/version", "status only"),
]

# What the end brings, by root unless it says who.
END = [
    role("guest", revoke=kv(["/*"])), ("nobody", "GET", "/v2/keys/r/a"),
    ("nobody", "PUT", "/v2/keys/top?value=3"), role("guest", grant=kv(["/r/*"])),
    ("nobody", "GET", "/v2/keys/r/a"), ("nobody", "GET", "/v2/keys/r/?recursive=true"),
    ("DELETE", "/v2/auth/roles/guest"), ("nobody", "PUT", "/v2/keys/top?value=3"),
    user("reader", password="new"), ("reader", "GET", "/v2/keys/r/a"),
    user("writer", revoke=["writing"]), ("writer", "PUT", "/v2/keys/w/a?value=4"),
    ("DELETE", "/v2/auth/roles/exactly"), ("exact", "GET", "/v2/keys/e"),
    ("DELETE", "/v2/auth/users/both"), ("both", "GET", "/v2/keys/r/a"),
    ("DELETE", "/v2/auth/enable"), ("DELETE", "/v2/auth/enable"), ("nobody", "GET", "/v2/keys/top"),
    ("reader", "GET", "/v2/keys/top"), ("PUT", "/v2/auth/enable"), ("nobody", "GET", "/v2/keys/f"),
    ("DELETE", "/v2/auth/enable"), ("DELETE", "/v2/auth/users/root"),
    ("nobody", "PUT", "/v2/auth/enable"),
]
