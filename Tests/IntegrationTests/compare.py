"""Two answers to one request, compared as a client sees them: status line, header names, values and
order, body bytes. Only what depends on time or on the process is normalised."""

import difflib
import json
import re

# Go sends longer bodies in chunks unless the handler says how long they are. How a body is framed is
# between two neighbours on the wire; both forms mean the same.
GO_BUFFER_BYTES = 2048
# The largest difference of a remaining TTL between two servers asked one after the other.
TTL_SLACK_SECONDS = 2

TIMES = [
    (re.compile(rb'"(expiration|startTime|start)":"[0-9T:.Z+-]+"'), rb'"\1":"TIME"'),
    (re.compile(rb'"uptime":"[^"]+"'), rb'"uptime":"DURATION"'),
]
TTL = re.compile(rb'"ttl":(\d+)')
INDEX = re.compile(rb'(?<="modifiedIndex":)\d+|(?<="createdIndex":)\d+|(?<="index":)\d+')
IN_ORDER = re.compile(rb"(?<=/)\d{20}")


def store_index(answer):
    return int(answer.header("X-Etcd-Index", "0"))


class Drift:
    """Once one side has counted a change that the other has not, all later indexes differ by that
    much. Only the first difference is worth reporting: the rest is shifted back."""

    def __init__(self):
        # (first index of ours it applies to, how far ours is ahead from there on), ascending.
        self.steps = []

    def corrected(self, index):
        for first, ahead in reversed(self.steps):
            if index >= first:
                return index - ahead
        return index

    def learn(self, theirs, ours):
        """Looks at the store indexes of two answers; 0 says nothing."""
        if 0 not in (theirs, ours) and self.corrected(ours) != theirs:
            self.steps.append((ours, ours - theirs))

    def correct(self, answer):
        """Shifts the indexes of an answer of ours, in place."""
        answer.headers = [
            (name, str(self.corrected(int(value))) if name == "X-Etcd-Index" else value)
            for name, value in answer.headers]
        body = INDEX.sub(lambda m: b"%d" % self.corrected(int(m[0])), answer.body)
        body = IN_ORDER.sub(lambda m: b"%020d" % self.corrected(int(m[0])), body)
        if len(body) != len(answer.body):
            answer.headers = [
                (name, str(len(body)) if name == "Content-Length" else value)
                for name, value in answer.headers]
        answer.body = body


def body_of(response, other, ordered):
    """The body without times; a listing whose order is unspecified is sorted."""
    body = response.body
    for pattern, text in TIMES:
        body = pattern.sub(text, body)
    mine, theirs = TTL.findall(body), TTL.findall(other.body)
    if len(mine) == len(theirs) and all(
            abs(int(a) - int(b)) <= TTL_SLACK_SECONDS for a, b in zip(mine, theirs)):
        body = TTL.sub(b'"ttl":TTL', body)
    if not ordered and b'"nodes":[' in body:
        body = sort_nodes(body)
    return body


def sort_nodes(body):
    """The same bytes with every `nodes` list in the order of its keys."""
    try:
        tree = json.loads(body.replace(b'"ttl":TTL', b'"ttl":"TTL"'))
    except ValueError:
        return body

    def walk(node):
        for child in node.get("nodes", []):
            walk(child)
        if "nodes" in node:
            node["nodes"].sort(key=lambda child: child.get("key", ""))
    walk(tree.get("node", {}))
    return json.dumps(tree, separators=(",", ":"), ensure_ascii=False).encode()


def header_lines(response, timed):
    lines = []
    for name, value in response.headers:
        if name == "Date":
            value = "DATE"
        elif name in ("X-Raft-Index", "X-Raft-Term") and value.isdigit():
            value = "NUMBER"
        elif name in ("Content-Length", "Transfer-Encoding") and (
                len(response.body) > GO_BUFFER_BYTES):
            name, value = "framing", "of a long body"
        elif name == "Content-Length" and timed:
            value = "depends on a time"
        lines.append(f"{name}: {value}")
    return lines


def lines_of(response, other, ordered=False):
    """What is compared, as lines that make a readable difference."""
    body = body_of(response, other, ordered)
    timed = any(word in body for word in (b'"TIME"', b'"DURATION"'))
    shown = body.decode("utf-8", "backslashreplace").splitlines(keepends=True)
    return [response.status_line, *header_lines(response, timed), "", *map(repr, shown)]


def shape_of(value):
    """Key names and types of a JSON value; numbers and texts are not looked at."""
    if isinstance(value, dict):
        return {key: shape_of(item) for key, item in value.items()}
    if isinstance(value, list):
        return [shape_of(item) for item in value[:1]]
    return type(value).__name__


def shape_lines(response):
    """Status, header names (length and framing aside) and the shape of a JSON body."""
    names = [name for name, _ in response.headers
             if name not in ("Content-Length", "Transfer-Encoding")]
    try:
        body = json.dumps(shape_of(json.loads(response.body)))
    except ValueError:
        body = "not JSON"
    return [response.status_line, *names, "", body]


def difference(reference, ours, ordered=False, strict="exact"):
    """Lines of a diff, - what the reference says and + what we say; empty when equal."""
    if strict == "shape":
        one, two = shape_lines(reference), shape_lines(ours)
    else:
        one = lines_of(reference, ours, ordered)
        two = lines_of(ours, reference, ordered)
    if one == two:
        return []
    return [line for line in difflib.ndiff(one, two) if line[0] in "+-?"]
