"""One line of a table of v3 requests: what is sent, and how strictly the answers are compared. The
same lines go out as gRPC calls and through the JSON gateway."""

import dataclasses

import v3_messages


@dataclasses.dataclass(frozen=True)
class Ref:
    """A value that each server chose itself, kept from an earlier answer."""
    name: str


@dataclasses.dataclass
class Case:
    method: str
    fields: dict = dataclasses.field(default_factory=dict)
    note: str = ""
    # "exact"; "code": the status only; "deadline": that the call ended at its own deadline.
    strict: str = "exact"
    # {name to keep: field of the response}
    save: dict = dataclasses.field(default_factory=dict)
    # Fields of the response (dotted) that cannot be equal, each with a reason in `note`.
    hide: tuple = ()
    # Repeated fields whose order is unspecified.
    unordered: tuple = ()
    metadata: tuple = ()
    timeout: float = 20.0
    gateway: bool = True
    # A key that goes away soon after the answer: the next case waits for that.
    vanishing: str = ""

    def __str__(self):
        note = f"  ({self.note})" if self.note else ""
        return f"{self.method} {self.fields!r:.300}{note}"

    def message(self, state):
        """The request, with what `state` holds in the places of references."""
        method = v3_messages.METHODS[self.method]
        return v3_messages.build(method.request, resolved(self.fields, state))


def resolved(value, state):
    if isinstance(value, Ref):
        return state[value.name]
    if isinstance(value, dict):
        return {key: resolved(item, state) for key, item in value.items()}
    if isinstance(value, list):
        return [resolved(item, state) for item in value]
    return value


def case(method, note="", **more):
    """A case from keyword arguments: those that are no settings of Case are fields."""
    settings = {name: more.pop(name) for name in
                ("strict", "save", "hide", "unordered", "metadata", "timeout", "gateway",
                 "vanishing")
                if name in more}
    return Case(method, more, note, **settings)


def put(key, value="", **more):
    return case("Put", key=key, value=value, **more)


def get(key, **more):
    return case("Range", key=key, **more)


def delete(key, **more):
    return case("DeleteRange", key=key, **more)


def txn(compare=(), success=(), failure=(), **more):
    return case("Txn", compare=list(compare), success=list(success), failure=list(failure), **more)


# Parts of transactions.

def op_put(key, value="", **more):
    return {"request_put": {"key": key, "value": value, **more}}


def op_get(key, **more):
    return {"request_range": {"key": key, **more}}


def op_delete(key, **more):
    return {"request_delete_range": {"key": key, **more}}


def op_txn(compare=(), success=(), failure=()):
    return {"request_txn": {"compare": list(compare), "success": list(success),
                            "failure": list(failure)}}


def when(key, target="VERSION", result="EQUAL", **union):
    return {"key": key, "target": target, "result": result, **union}
