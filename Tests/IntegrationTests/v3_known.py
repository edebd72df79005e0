"""Where ours is not etcd 3.5.1 on purpose, or not yet: the beginning of a difference and why. The
differential tests leave these out; a difference that is not here fails."""

KNOWN = {
    "#387 HashKV {'revision': -1}":
        "3.5.1 hashes nothing for a negative revision, ours says that it is compacted",
    "compacted:":
        "3.5.1 drops a deletion at the compact revision itself; ours keeps it, as 3.5.16 and later",
    "bad token:": "3.5.1 asks for a good token while auth is off; ours does not, as 3.5.10 and later",
    "token:": "as above",
    "unknown group:": "groups are not part of proto3; ours refuses them",
    "not UTF-8 in a string:": "gogo takes any bytes for a string; ours refuses them",
    "too large:": "the gateway of 3.5.1 meets its own gRPC limit; ours names the request's",
    "far too large:": "as above",
}


def unknown(found):
    """The differences that are not explained here."""
    return [text for text in found if not any(text.startswith(start) for start in KNOWN)]
