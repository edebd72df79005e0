"""Scripts for the streaming calls: watch, keep-alive, observe, health, snapshot. A script is a list
of steps; what arrives is written down and must be the same everywhere."""

from v3_cases import Ref, case, delete, op_delete, op_put, put, txn

FOREVER = 10**9


def opened(method, *requests, metadata=()):
    return ("open", method, requests, metadata)


def send(**fields):
    return ("send", fields)


def create(key, **fields):
    return send(create_request={"key": key, **fields})


def cancel(number):
    return send(cancel_request={"watch_id": number})


PROGRESS = send(progress_request={})


def take(count):
    """Reads messages; those of different watches have no order among each other."""
    return ("take", count)


# Nothing comes for a moment.
QUIET = ("quiet",)
# The client has said everything; reads how the stream ends.
END = ("end",)
HALF_CLOSE = ("half close",)
# Reads on until the server ends the stream.
ENDED = ("ended",)


def watching(*steps):
    return [opened("Watch"), *steps]


OBSERVED = {"name": "o", "key": "o/a", "rev": Ref("rev"), "lease": 0xa}
FILLED = [put("w/a", "1"), put("w/b", "1"), put("w/a", "2"), delete("w/b"), put("w/c", "1"),
          txn(success=[op_put("w/a", "3"), op_put("w/d", "1"), op_delete("w/c")]), put("v", "1")]

SCRIPTS = {
    "one key": watching(
        create("k"), take(1), put("k", "1"), take(1), put("k", "2"), take(1), put("j", "1"),
        delete("k"), take(1), delete("k"), put("k", "3"), take(1)),
    "prefix": watching(
        create("p/", range_end="p0"), take(1), put("p/1", "1"), take(1), put("p/2", "2"), take(1),
        put("q", "0"), delete("p/", range_end="p0"), take(1)),
    "everything": watching(
        create(b"\0", range_end=b"\0"), take(1), put("x", "1"), take(1), put(b"\xff", "1"), take(1),
        delete(b"\0", range_end=b"\0"), take(1)),
    "from a key on": watching(
        create("m", range_end=b"\0"), take(1), put("a", "1"), put("m", "1"), take(1),
        put("z", "1"), take(1)),
    "empty key": watching(create(""), take(1), put("a", "1"), QUIET),
    "empty key and range": watching(create("", range_end=b"\0"), take(1), put("a", "1"), take(1)),
    "empty range": watching(create("b", range_end="a"), take(1), create("b", range_end="b"),
                            take(1), create("c"), take(1)),
    "transaction": watching(
        create("t/", range_end="t0"), take(1), put("t/0"),  take(1),
        txn(success=[op_put("t/1", "1"), op_put("t/2", "2"), op_delete("t/0"), op_put("u", "1")]),
        take(1)),
    "history": [*FILLED, *watching(
        create("w/", range_end="w0", start_revision=2), take(2),
        create("w/a", start_revision=4), take(2), create("w/b", start_revision=1), take(2),
        create("w/", range_end="w0", start_revision=7, prev_kv=True), take(2),
        create("w/c", start_revision=8), take(1), put("w/c", "9"), take(3))],
    "future": [*FILLED, *watching(
        create("w/a", start_revision=11), take(1), put("w/a", "4"), put("w/a", "5"),
        put("w/a", "6"), take(1), put("w/a", "7"), take(1))],
    "current revision": [*FILLED, *watching(create("v", start_revision=8), take(2))],
    # Not here: a negative start revision. 3.5.1 answers by chance, later releases refuse it.
    "previous values": watching(
        create("k", prev_kv=True), take(1), put("k", "1"), take(1), put("k", "2"), take(1),
        delete("k"), take(1), put("k", "3"), take(1),
        txn(success=[op_put("k", "4")]), take(1)),
    "previous values in history": [*FILLED, *watching(
        create("w/", range_end="w0", start_revision=2, prev_kv=True), take(2))],
    "filters": watching(
        create("f", filters=["NOPUT"]), take(1), create("f", filters=["NODELETE"]), take(1),
        create("f", filters=["NOPUT", "NODELETE"]), take(1),
        put("f", "1"), take(1), delete("f"), take(1), put("f", "2"), take(1)),
    "unknown filter": watching(create("f", filters=[9]), take(1), put("f", "1"), take(1)),
    "filters in history": [*FILLED, *watching(
        create("w/", range_end="w0", start_revision=2, filters=["NOPUT"]), take(2),
        create("w/", range_end="w0", start_revision=2, filters=["NODELETE"]), take(2))],
    "own watch ids": watching(
        create("a", watch_id=7), take(1), create("b", watch_id=7), take(1), create("b"), take(1),
        create("c", watch_id=1), take(1), create("d"), take(1), create("e", watch_id=-5), take(1),
        create("f", watch_id=2**62), take(1), put("b", "1"), take(1), put("e", "1"), take(1)),
    "id used again": watching(
        create("a", watch_id=5), take(1), cancel(5), take(1), create("b", watch_id=5), take(1),
        put("b", "1"), take(1)),
    "ids after a cancel": watching(
        create("a"), take(1), create("b"), take(1), cancel(0), take(1), create("c"), take(1),
        cancel(1), take(1), create("d"), take(1)),
    "cancel": watching(
        create("a"), take(1), create("a"), take(1), put("a", "1"), take(2), cancel(0), take(1),
        put("a", "2"), take(1), cancel(0), cancel(77), cancel(-1), cancel(1), take(1),
        put("a", "3"), QUIET),
    "two watches of one key": watching(
        create("a"), create("a", prev_kv=True), take(2), put("a", "1"), take(2), put("a", "2"),
        take(2)),
    "progress on demand": watching(
        create("a"), take(1), put("b", "1"), put("b", "2"), PROGRESS, take(1), put("a", "1"),
        take(1), PROGRESS, take(1)),
    "progress without watches": watching(PROGRESS, QUIET),
    "progress twice": watching(create("a"), take(1), PROGRESS, take(1), PROGRESS, take(1)),
    "compacted": [*FILLED, case("Compact", revision=5), *watching(
        create("w/", range_end="w0", start_revision=3), take(2),
        create("w/", range_end="w0", start_revision=5), take(2),
        create("w/", range_end="w0", start_revision=6), take(2),
        create("w/a", start_revision=1, watch_id=9), take(2), put("w/a", "9"), take(2))],
    "compaction under a watch": [*FILLED, *watching(
        create("w/a"), take(1), case("Compact", revision=7), put("w/a", "9"), take(1))],
    "empty request": watching(send(), QUIET, create("a"), take(1)),
    "half closed": watching(create("a"), take(1), HALF_CLOSE, put("a", "1"), take(1), QUIET),
    "half closed at once": watching(HALF_CLOSE, QUIET),
    "fragment asked, small events": watching(
        create("a", fragment=True), take(1), put("a", "1"), take(1)),
    "progress notify asked": watching(create("a", progress_notify=True), take(1), put("a", "1"),
                                      take(1)),
    "requires a leader": [opened("Watch", metadata=(("hasleader", "true"),)), create("a"), take(1),
                          put("a", "1"), take(1)],
    "lease revoked": [case("LeaseGrant", TTL=500, ID=5), put("l/1", "1", lease=5),
                      put("l/2", "2", lease=5), *watching(
        create("l/", range_end="l0", prev_kv=True), take(1), case("LeaseRevoke", ID=5), take(1))],
    "keep alive": [case("LeaseGrant", TTL=500, ID=5), opened("LeaseKeepAlive"), send(ID=5), take(1),
                   send(ID=5), send(ID=6), send(ID=0), send(ID=-1), take(4),
                   case("LeaseRevoke", ID=5), send(ID=5), take(1), END],
    "keep alive, nothing said": [opened("LeaseKeepAlive"), END],
    "observe": [case("LeaseGrant", TTL=500, ID=0xa), case("LeaseGrant", TTL=500, ID=0xb),
                case("Campaign", name="o", lease=0xa, value="1", save={"rev": "leader.rev"}),
                opened("Observe", {"name": "o"}), take(1),
                case("Proclaim", leader=OBSERVED, value="2"),
                take(1),
                case("Resign", leader=OBSERVED),
                case("Campaign", name="o", lease=0xb, value="3"), take(1),
                case("LeaseRevoke", ID=0xb), QUIET],
    "observe before the election": [
        opened("Observe", {"name": "late"}), QUIET, case("LeaseGrant", TTL=500, ID=0xa),
        case("Campaign", name="late", lease=0xa, value="1"), take(1)],
    "health": [opened("Health.Watch", {}), take(1), QUIET],
    "health of a service": [opened("Health.Watch", {"service": "nobody"}), take(1), QUIET],
    "garbage on a watch": [opened("Watch"), ("bytes", b"\xff\xff\xff"), ENDED],
    "garbage on a keep alive": [opened("LeaseKeepAlive"), ("bytes", b"\x08"), ENDED],
}
