"""Our member and etcd 3.5 with equal ids, spoken to over gRPC and over the JSON gateway, case by
case; what each chose itself (lease ids, keys of locks) is remembered for each."""

import json

from google.protobuf import json_format

import harness
import rawhttp
import twins
import v3_compare
from v3_client import Client
from v3_messages import METHODS, as_json
from v3_reference import ETCD35


# Not at the same path on both.
NOT_IN_GATEWAY = {"Health.Check", "Health.Watch",
                  # In etcd 3.5 the path of Hash shadows its own.
                  "HashKV"}


class Twins(twins.Pair):
    """The pair of twins.py with a gRPC client each."""

    def __init__(self, flags=()):
        super().__init__(ETCD35)
        self.clients = {}
        self.states = {}
        for member in self.members:
            member.flags += list(flags)

    def __enter__(self):
        super().__enter__()
        for member in self.members:
            client = self.clients[member] = Client(member.client)
            listed = client.call("MemberList").members
            self.states[member] = {"member": listed[0].ID, "peer": self.peer}
            # The version of the cluster is one more entry in the log.
            harness.eventually(
                lambda m=member: m.cluster_version().startswith("3."), 20, "a cluster version")
        return self

    def close(self):
        for client in self.clients.values():
            client.close()
        super().close()

    def fence(self, member, case):
        """etcd drops a change of members that follows another one too closely; a write in between
        makes sure that the one before is over."""
        if case.method.startswith("Member") and case.method != "MemberList":
            self.clients[member].call("Put", key="fence")

    def call(self, member, case):
        """The answer of one member over gRPC."""
        self.fence(member, case)
        state = self.states[member]
        try:
            message = case.message(state)
        except KeyError as missing:
            return _skipped(missing)
        answer = self.clients[member].call(case.method, message.SerializeToString(),
                                           metadata=case.metadata, timeout=case.timeout)
        if answer.ok:
            self.remember(member, case, answer.response)
        if case.vanishing:
            # Who gives up a wait is answered at once; what it left is removed after that.
            client = self.clients[member]
            harness.eventually(lambda: not client.get(case.vanishing).kvs, 20,
                               f"{case.vanishing} is gone")
        return answer

    def remember(self, member, case, response):
        for name, path in case.save.items():
            value = response
            for part in path.split("."):
                value = getattr(value, part)
            self.states[member][name] = value

    def post(self, member, case):
        """The answer of one member through the gateway."""
        self.fence(member, case)
        method = METHODS[case.method]
        try:
            body = json.dumps(as_json(case.message(self.states[member]))).encode()
        except KeyError as missing:
            return rawhttp.Response(f"HTTP/1.1 0 needs an earlier {missing}", [])
        headers = [(f"Grpc-Metadata-{name}", value) for name, value in case.metadata]
        response = send(member, method.gateway, body, headers, case.timeout + 5)
        if case.save and response.status == 200:
            message = json_format.Parse(response.body, method.response(),
                                        ignore_unknown_fields=True)
            self.remember(member, case, message)
        return response

    def run(self, cases, through="grpc"):
        """Sends all to both; returns the differences as text."""
        found = []
        drift = v3_compare.Drift()
        for number, case in enumerate(cases):
            if through == "grpc":
                theirs, ours = (self.call(member, case) for member in self.members)
                drift.apply(theirs, ours)
                lines = v3_compare.difference(case, theirs, ours)
            else:
                if not case.gateway or case.method in NOT_IN_GATEWAY:
                    continue
                theirs, ours = (self.post(member, case) for member in self.members)
                lines = v3_compare.json_difference(case, theirs, ours)
            if lines:
                found.append(f"#{number} {case}" + "".join(f"\n    {line}" for line in lines))
            for member, name in ((self.theirs, "etcd 3.5"), (self.ours, "ours")):
                if not member.alive():
                    return [*found, f"#{number} {case}\n    {name} died\n{member.log_tail(15)}"]
        return found


def send(member, target, body, headers=(), timeout=25, method="POST"):
    """One request to the gateway; what breaks the connection counts as an answer of its own."""
    try:
        return rawhttp.request(member.address, method, target, headers=headers, body=body,
                               timeout=timeout)
    except (OSError, ValueError) as error:
        return rawhttp.Response(f"HTTP/1.1 0 {type(error).__name__}", [])


def _skipped(missing):
    from v3_client import Answer
    return Answer("SKIPPED", f"needs an earlier {missing}")


def verdict(found, total):
    """The text for pytest.fail; empty when nothing was found."""
    if not found:
        return ""
    title = f"{len(found)} of {total} answers differ (- etcd 3.5, + ours)"
    return "\n\n".join([title, *found])


class Transcript:
    """Plays a script on one member and writes down what comes."""

    QUIET_SECONDS = 0.4

    def __init__(self, pair, member):
        self.pair, self.member = pair, member
        self.lines, self.stream = [], None

    def play(self, script):
        try:
            for step in script:
                self.step(step)
        except AssertionError as error:
            self.lines.append(f"!! {error}")
        finally:
            if self.stream:
                self.stream.close()
        return self.lines

    def step(self, step):
        if not isinstance(step, tuple):
            answer = self.pair.call(self.member, step)
            self.lines.append(f"{step.method}: {answer.code} {answer.message!r}")
            return
        verb, *words = step
        if verb == "open":
            method, requests, metadata = words
            self.stream = self.pair.clients[self.member].stream(
                method, *requests, metadata=metadata)
        elif verb in ("send", "bytes"):
            self.stream.send(words[0])
        elif verb == "half close":
            self.stream.half_close()
        elif verb == "take":
            self.take(words[0])
        elif verb == "quiet":
            if not self.stream.silent(self.QUIET_SECONDS):
                self.lines.append("!! this should not have come:")
                self.take(1)
        else:
            if verb == "end":
                self.stream.half_close()
            last = self.stream.end(6)
            self.lines.append(f"end: {last.code} {v3_compare.tidy(last.message)!r}")

    def take(self, count):
        messages = [self.stream.next(6) for _ in range(count)]
        ended = [item for item in messages if not hasattr(item, "DESCRIPTOR")]
        messages = [item for item in messages if hasattr(item, "DESCRIPTOR")]
        messages.sort(key=lambda item: getattr(item, "watch_id", 0))
        for message in messages:
            self.lines += ["--", *v3_compare.text_of(message)]
        self.lines += [f"ended: {item.code} {item.message!r}" for item in ended]
