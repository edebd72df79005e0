"""What users of three Python libraries do, as a program: python3 v3_scenarios.py LIBRARY PORT plays
the scenario against 127.0.0.1:PORT and prints what it saw, one JSON value a line. In a process of
its own, because etcd3 needs the pure Python protobuf, which is chosen before the first import."""

import asyncio
import hashlib
import io
import json
import os
import sys
import threading
import time


def say(*values):
    def plain(value):
        if isinstance(value, bytes):
            return value.decode("latin-1")
        if isinstance(value, (list, tuple)):
            return [plain(item) for item in value]
        return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)
    print(json.dumps(plain(values)), flush=True)


def is_snapshot(image):
    """Whether the bytes end in the SHA-256 of what comes before."""
    return len(image) > 8192 and hashlib.sha256(image[:-32]).digest() == image[-32:]


def play_etcd3(port):
    os.environ["PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION"] = "python"
    import etcd3
    client = etcd3.client(host="127.0.0.1", port=port, timeout=10)
    client.put("k", "1")
    value, meta = client.get("k")
    say("get", value, meta.key, meta.create_revision, meta.mod_revision, meta.version)
    say("previous", client.put("k", "2", prev_kv=True).prev_kv.value, client.get("none"))
    for number in range(5):
        client.put(f"p/{number}", str(number))
    say("prefix", [(meta.key, value) for value, meta in
                   client.get_prefix("p/", sort_order="descend", sort_target="key")])
    say("range", [value for value, _ in client.get_range("p/1", "p/3")])
    say("all", len(list(client.get_all())))
    say("replace", client.replace("k", "2", "3"), client.replace("k", "2", "4"))
    say("absent", client.put_if_not_exists("new", "1"), client.put_if_not_exists("new", "2"))
    say("delete", client.delete("new"), client.delete("new"), client.delete_prefix("p/").deleted)
    say("txn", client.transaction(
        compare=[client.transactions.value("k") == "3", client.transactions.version("k") > 0],
        success=[client.transactions.put("k", "5"), client.transactions.get("k")],
        failure=[client.transactions.delete("k")])[0])
    events, cancel = client.watch("w")
    client.put("w", "1")
    client.delete("w")
    seen = [next(events), next(events)]
    say("watch", [(type(event).__name__, event.key, event.value) for event in seen])
    cancel()
    events, cancel = client.watch_prefix("w", start_revision=seen[0].mod_revision)
    say("history", type(next(events)).__name__, type(next(events)).__name__)
    cancel()
    late = threading.Timer(0.1, lambda: client.put("once", "1"))
    late.start()
    say("once", client.watch_once("once", timeout=10).value)
    late.join()
    lease = client.lease(60)
    client.put("leased", "1", lease)
    say("lease", lease.granted_ttl, 50 < lease.remaining_ttl <= 60, lease.keys)
    say("refresh", [answer.TTL for answer in lease.refresh()])
    lease.revoke()
    say("revoked", client.get("leased")[0])
    with client.lock("lock", ttl=20) as lock:
        # A second one would wait, which etcd3 cannot with a tenacity of today.
        say("lock", lock.is_acquired())
    say("free", client.lock("lock", ttl=20).acquire(timeout=5))
    say("members", [(member.name, len(member.peer_urls)) for member in client.members])
    status = client.status()
    say("status", status.version[:2], status.db_size > 0, status.leader.name)
    say("hash", isinstance(client.hash(), int), list(client.list_alarms()))
    say("alarm", len(list(client.create_alarm())), len(list(client.disarm_alarm())))
    client.compact(3)
    client.defragment()
    try:
        client.compact(2)
    except Exception as error:
        say("compacted", type(error).__name__)
    image = io.BytesIO()
    client.snapshot(image)
    say("snapshot", is_snapshot(image.getvalue()))
    client.close()


async def aetcd_scenario(port):
    import aetcd
    async with aetcd.Client(host="127.0.0.1", port=port, timeout=10) as client:
        await client.put(b"k", b"1")
        got = await client.get(b"k")
        say("get", got.key, got.value, got.create_revision, got.mod_revision, got.version)
        say("previous", (await client.put(b"k", b"2", prev_kv=True)).prev_kv.value,
            await client.get(b"none"))
        for number in range(5):
            await client.put(f"p/{number}".encode(), str(number).encode())
        say("prefix", [(kv.key, kv.value) for kv in await client.get_prefix(b"p/")])
        say("range", [kv.value for kv in await client.get_range(b"p/1", b"p/3")])
        say("replace", await client.replace(b"k", b"2", b"3"), await client.replace(b"k", b"2",
                                                                                    b"4"))
        say("delete", (await client.delete(b"p/0", prev_kv=True)).prev_kv.value,
            (await client.delete_prefix(b"p/")).deleted)
        done, answers = await client.transaction(
            compare=[client.transactions.value(b"k") == b"3"],
            success=[client.transactions.put(b"k", b"5"), client.transactions.get(b"k")],
            failure=[client.transactions.delete(b"k")])
        say("txn", done, len(answers))
        watch = await client.watch(b"w")
        await client.put(b"w", b"1")
        await client.delete(b"w")
        seen = []
        async for event in watch:
            seen.append((str(event.kind), event.kv.key, event.kv.value))
            if len(seen) == 2:
                break
        await watch.cancel()
        say("watch", seen)
        once = asyncio.ensure_future(client.watch_once(b"once", timeout=10))
        while not once.done():
            await client.put(b"once", b"1")
            await asyncio.wait([once], timeout=0.1)
        say("once", (await once).kv.value)
        lease = await client.lease(60)
        await client.put(b"leased", b"1", lease=lease)
        say("lease", await lease.granted_ttl(), 50 < await lease.remaining_ttl() <= 60,
            list(await lease.keys()))
        await lease.refresh()
        await lease.revoke()
        say("revoked", await client.get(b"leased"))
        async with client.lock(b"lock", ttl=20) as lock:
            say("lock", await lock.is_acquired())
        say("members", [(member.name, len(member.peer_urls)) async for member in client.members()])
        status = await client.status()
        say("status", status.version[:2], status.db_size > 0)
        say("hash", isinstance(await client.hash(), int))
        say("alarms", [alarm async for alarm in client.list_alarms()])
        await client.compact(3)
        await client.defragment()
        image = io.BytesIO()
        await client.snapshot(image)
        say("snapshot", is_snapshot(image.getvalue()))


def play_aetcd(port):
    asyncio.run(aetcd_scenario(port))


def play_etcd3gw(port):
    import etcd3gw
    client = etcd3gw.client(host="127.0.0.1", port=port, timeout=10)
    say("path", client.api_path)
    client.put("k", "1")
    say("get", client.get("k"), client.get("none"))
    say("meta", [sorted(pair[1]) for pair in client.get("k", metadata=True)])
    for number in range(5):
        client.put(f"p/{number}", str(number))
    say("prefix", [value for value, _ in client.get_prefix("p/")])
    say("sorted", [value for value, _ in client.get_prefix("p/", sort_order="descend",
                                                           sort_target="key")])
    say("create", client.create("new", "1"), client.create("new", "2"))
    say("replace", client.replace("k", "1", "2"), client.replace("k", "1", "3"))
    say("delete", client.delete("new"), client.delete("new"), client.delete_prefix("p/"))
    say("all", len(client.get_all()))
    say("txn", client.transaction({
        "compare": [{"key": "aw==", "result": "EQUAL", "target": "VALUE", "value": "Mg=="}],
        "success": [{"request_put": {"key": "aw==", "value": "NQ=="}}],
        "failure": [{"request_range": {"key": "aw=="}}]})["succeeded"])
    events, cancel = client.watch("w", start_revision=1)
    client.put("w", "1")
    client.delete("w")
    seen = [next(events), next(events)]
    say("watch", [(event.get("type", "PUT"), event["kv"].get("value")) for event in seen])
    cancel()
    late = threading.Timer(0.3, lambda: client.put("once", "1"))
    late.start()
    say("once", client.watch_once("once", timeout=10)["kv"]["value"])
    late.join()
    lease = client.lease(60)
    client.put("leased", "1", lease)
    say("lease", 50 < lease.ttl() <= 60, lease.keys(), lease.refresh())
    say("revoke", lease.revoke(), client.get("leased"))
    with client.lock("lock", ttl=20) as lock:
        say("lock", lock.is_acquired(), client.lock("lock", ttl=20).acquire())
    say("free", client.lock("lock", ttl=20).acquire())
    say("members", [member["name"] for member in client.members()])
    say("status", sorted(client.status())[:3])
    brief = client.lease(1)
    client.put("brief", "1", brief)
    deadline = time.monotonic() + 20
    while client.get("brief") and time.monotonic() < deadline:
        time.sleep(0.1)
    say("expired", client.get("brief"))


if __name__ == "__main__":
    {"etcd3": play_etcd3, "aetcd": play_aetcd, "etcd3gw": play_etcd3gw}[sys.argv[1]](
        int(sys.argv[2]))
