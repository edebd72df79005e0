"""Fills a member with v3 data of every kind and takes a picture of all that a client can see, so
that two servers can be compared."""

import random

import v3_messages
from v3_cases import op_delete, op_get, op_put, when
from v3_client import done

FOREVER = 1_000_000_000
AT_ONCE = 64


def fill(client, seed=1, count=300):
    """Puts, deletes, transactions, leases, odd keys and values, a compaction."""
    chance = random.Random(seed)
    first = 1000 * seed
    for number in range(4):
        client.grant(FOREVER, first + number)
    for number in range(count):
        key = f"k/{chance.randrange(60)}"
        action = chance.randrange(8)
        if action < 4:
            client.put(key, "v" * chance.randrange(200) + str(number))
        elif action == 4:
            client.put(key, str(number), lease=first + chance.randrange(4))
        elif action == 5:
            client.delete(key)
        elif action == 6:
            client.delete(f"k/{chance.randrange(6)}", range_end=b"k/:")
        else:
            client.txn([when(key, "VERSION", "GREATER", version=1)],
                       [op_put(f"t/{number}", "1"), op_delete(key), op_get("k/1")],
                       [op_put(key, "2"), op_put("t/other", str(number))])
    for key in (b"\0", b"\xff\xfe", "ключ", b"a\0b", "x" * 2000):
        client.put(key, b"\0\xff" * 10)
    client.put("large", "L" * 400_000)
    client.put("empty")
    done(client.call("LeaseRevoke", ID=first + 3))
    revision = client.get("empty").header.revision
    done(client.call("Compact", revision=revision // 2, physical=True))


def bulk(client, count, prefix="bulk/", keys=1000, value="v"):
    """`count` writes, many at once on one connection."""
    method = v3_messages.METHODS["Put"]
    start = client.channel.unary_unary(method.path, None, None)
    under_way = []
    for number in range(count):
        message = v3_messages.build(method.request, {
            "key": f"{prefix}{number % keys}", "value": f"{value}{number}"})
        under_way.append(start.future(message.SerializeToString(), timeout=60))
        if len(under_way) == AT_ONCE:
            for answer in under_way:
                answer.result()
            under_way = []
    for answer in under_way:
        answer.result()


def picture(client, serializable=False):
    """All keys with all their fields, the revision, the hash of the history, the leases."""
    answer = client.get(b"\0", range_end=b"\0", serializable=serializable)
    hashed = client.hash_kv(answer.header.revision)
    leases = sorted(lease.ID for lease in done(client.call("LeaseLeases")).leases)
    attached = {
        number: sorted(done(client.call("LeaseTimeToLive", ID=number, keys=True)).keys)
        for number in leases}
    return {"revision": answer.header.revision, "count": answer.count,
            "keys": [kv.SerializeToString() for kv in answer.kvs],
            "hash": hashed.hash, "compacted": hashed.compact_revision,
            "leases": leases, "attached": attached}
