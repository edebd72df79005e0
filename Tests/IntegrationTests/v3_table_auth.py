"""Who may do what over the v3 API: every row is asked by every one of the callers, of the reference
and of ours. Roles: `reader` reads [k, m) and the key p, `writer` reads and writes [k, l) and writes
the key w; `odd` holds ranges that open nothing."""

from v3_cases import case, delete, get, op_delete, op_get, op_put, op_txn, put, txn, when

CALLERS = ("nobody", "root", "reader", "writer", "both", "odd", "bare", "wrong", "stale")
PASSWORDS = {"root": "r", "reader": "a", "writer": "b", "both": "c", "odd": "d", "bare": "e"}

SETUP = [
    *[case("UserAdd", name=name, password=password) for name, password in PASSWORDS.items()],
    case("UserAdd", name="locked", options={"no_password": True}),
    *[case("RoleAdd", name=name) for name in ("root", "reader", "writer", "odd", "unused")],
    case("UserGrantRole", user="root", role="root"),
    case("UserGrantRole", user="reader", role="reader"),
    case("UserGrantRole", user="writer", role="writer"),
    case("UserGrantRole", user="both", role="reader"),
    case("UserGrantRole", user="both", role="writer"),
    case("UserGrantRole", user="odd", role="odd"),
    case("RoleGrantPermission", name="reader",
         perm={"permType": "READ", "key": "k", "range_end": "m"}),
    case("RoleGrantPermission", name="reader", perm={"permType": "READ", "key": "p"}),
    case("RoleGrantPermission", name="writer",
         perm={"permType": "READWRITE", "key": "k", "range_end": "l"}),
    case("RoleGrantPermission", name="writer", perm={"permType": "WRITE", "key": "w"}),
    case("RoleGrantPermission", name="odd",
         perm={"permType": "READ", "key": "x", "range_end": "y"}),
    case("RoleGrantPermission", name="odd",
         perm={"permType": "READ", "key": "x", "range_end": "z"}),
    case("RoleGrantPermission", name="odd",
         perm={"permType": "WRITE", "key": "x", "range_end": "z"}),
    case("RoleGrantPermission", name="odd"),
    case("RoleGet", role="odd"), case("RoleGet", role="reader"),
    put("k1", "1"), put("l1", "1"), put("p", "1"), put("w", "1"), put("z", "1"),
    case("LeaseGrant", ID=11, TTL=600), case("LeaseGrant", ID=12, TTL=600),
    case("LeaseGrant", ID=13, TTL=600), case("LeaseGrant", ID=14, TTL=600),
    put("k2", "1", lease=11), put("z2", "1", lease=12),
    case("AuthStatus"), case("AuthEnable"), case("AuthEnable"),
]

# What each caller asks; nothing here changes what a later caller may do.
QUESTIONS = [
    get("k1"), get("l1"), get("p"), get("w"), get("z"), get("nothing"), get(""),
    get("k", range_end="l"), get("k", range_end="m"), get("k", range_end="n"),
    get("l", range_end="k", note="inverted"), get("k5", range_end="k5", note="empty"),
    get("k", range_end=b"\0"), get(b"\0", range_end=b"\0"), get("k1", serializable=True),
    get("z", serializable=True), get("k1", count_only=True), get("x"), get("y"),
    put("k1", "2"), put("k1", "2", prev_kv=True), put("l1", "2"), put("w", "2"),
    put("w", "2", prev_kv=True), put("z", "2"), put("x", "2"),
    put("k3", "2", lease=11), put("k3", "2", lease=12), put("k3", "2", lease=99),
    put("k1", ignore_value=True), put("", "x"),
    delete("k9"), delete("k9", prev_kv=True), delete("w9"), delete("k8", range_end="l"),
    delete("k8", range_end="l", prev_kv=True), delete("l8", range_end="m"),
    delete("l", range_end="k", note="inverted"),
    txn(), txn([when("k1", version=1)]), txn([when("z", version=1)]),
    txn([], [op_get("k1")], [op_get("z")]), txn([], [op_get("k1")], [op_get("l1")]),
    txn([], [op_put("k4", "1")]), txn([], [op_put("k4", "1")], [op_put("z", "1")]),
    txn([when("z", version=0)], [op_put("k4", "1")]), txn([], [op_delete("k9"), op_get("k1")]),
    txn([], [op_delete("w")], [op_get("k1")], note="deletes what another row wrote"),
    case("LeaseGrant", TTL=600, hide=("ID",)), case("LeaseTimeToLive", ID=11),
    case("LeaseTimeToLive", ID=98), case("LeaseRevoke", ID=98), case("LeaseRevoke", ID=12),
    case("LeaseLeases", strict="code"),
    case("UserGet", name="reader"), case("UserGet", name="root"), case("UserGet", name="ghost"),
    case("UserList"), case("RoleGet", role="reader"), case("RoleGet", role="writer"),
    case("RoleGet", role="root"), case("RoleGet", role="ghost"), case("RoleList"),
    case("AuthStatus"), case("AuthEnable"),
    case("UserAdd", name=""), case("UserDelete", name="ghost"), case("UserDelete", name="root"),
    case("UserChangePassword", name="ghost", password="x"),
    case("UserGrantRole", user="ghost", role="reader"),
    case("UserGrantRole", user="reader", role="reader"),
    case("UserRevokeRole", name="root", role="root"),
    case("UserRevokeRole", name="reader", role="writer"),
    case("RoleAdd", name="reader"), case("RoleAdd", name=""), case("RoleDelete", role="ghost"),
    case("RoleDelete", role="root"),
    case("RoleGrantPermission", name="ghost", perm={"permType": "READ", "key": "k"}),
    case("RoleRevokePermission", role="reader", key="nothing"),
    case("Authenticate", name="reader", password="a"),
    case("Authenticate", name="reader", password="wrong"),
    case("Authenticate", name="locked", password=""), case("Authenticate", name="ghost"),
    case("Hash", strict="code"), case("HashKV", strict="code"), case("Defragment"),
    case("MemberList"), case("MemberAdd"), case("MemberAdd", peerURLs=["http://127.0.0.1:1"],
                                                 note="asked of nobody who may", strict="code"),
    case("MemberRemove", ID=1), case("MemberUpdate", ID=1, peerURLs=["http://127.0.0.1:1"]),
    case("MemberPromote", ID=1), case("Status", strict="code"),
    case("Alarm"), case("Alarm", action="DEACTIVATE", alarm="NOSPACE"),
    case("MoveLeader", targetID=1), case("Compact", revision=1000000),
    case("Downgrade", action="VALIDATE", version="3.4"),
]

# Left to callers that may not: it would change the cluster.
NOT_FOR_ROOT = ("MemberAdd",)

# What the token of somebody is worth after the rules have changed.
CHANGES = [
    ("root", case("UserChangePassword", name="reader", password="new")),
    ("reader", get("k1")), ("both", get("k1")),
    ("root", case("UserRevokeRole", name="both", role="writer")),
    ("both", put("k1", "3")), ("both", get("k1")),
    ("root", case("RoleDelete", role="writer")), ("writer", get("k1")), ("writer", get("w")),
    ("root", case("UserDelete", name="odd")), ("odd", get("k1")), ("odd", case("UserList")),
    ("root", case("RoleRevokePermission", role="reader", key="k", range_end="m")),
    ("both", get("k1")), ("both", get("p")),
    ("root", case("AuthStatus")), ("root", case("AuthDisable")), ("nobody", case("AuthDisable")),
    ("nobody", get("k1")), ("nobody", put("z", "4")), ("nobody", case("AuthStatus")),
    ("nobody", case("Authenticate", name="root", password="r")), ("nobody", case("AuthEnable")),
    ("root", get("k1")), ("nobody", get("k1")),
]

NESTED = [txn([], [op_txn([], [op_put("z", "1")])]), txn([], [op_txn([], [op_get("z")])]),
          txn([], [op_put("k4", "1", prev_kv=True)]), txn([], [op_put("w", "1", prev_kv=True)]),
          txn([], [op_put("k4", "1", lease=12)])]
