"""Two answers of the v3 API to one request, compared: code, message and every field, as gRPC or as
JSON of the gateway. Only what cannot be equal is taken out; the reasons stand here and in the
tables."""

import difflib
import json
import re

from google.protobuf import text_format

import compare

# Fields of answers that depend on the process, with the reason.
HIDDEN = {
    "Status": ("version", "dbSize", "dbSizeInUse", "raftIndex", "raftAppliedIndex"),
    # Covers whole buckets, among them values that depend on the number of log entries.
    "Hash": ("hash",),
    # Random.
    "Authenticate": ("token",),
}
# A remaining TTL is a matter of when one asks.
TTL_SLACK_SECONDS = 2
SHOWN_BYTES = 400

# Texts of the libraries underneath, not of etcd: the part that is promised stays.
LIBRARY_TEXTS = [
    (re.compile(r"(grpc: error unmarshalling request: ).*", re.S), r"\1CAUSE"),
    (re.compile(r"(grpc: failed to unmarshal the received message).*", re.S), r"\1 CAUSE"),
]


def hidden_in(case):
    return (*HIDDEN.get(case.method, ()), *case.hide)


def hide(message, path, found):
    """Takes a field out and leaves a line that says whether it was there."""
    name, _, rest = path.partition(".")
    if rest:
        if message.HasField(name):
            hide(getattr(message, name), rest, found)
        return
    set_fields = [field.name for field, _ in message.ListFields()]
    found.append(f"{path}: {'something' if name in set_fields else 'nothing'}")
    message.ClearField(name)


def text_of(message):
    return text_format.MessageToString(message, as_utf8=False).splitlines()


def tidy(text):
    for pattern, replacement in LIBRARY_TEXTS:
        text = pattern.sub(replacement, text)
    return text


def ended_by_deadline(answer):
    """The client and the server both end a call at its deadline; in etcd the server's end, when it is
    the faster one, is an error of no particular code."""
    return answer.code == "DEADLINE_EXCEEDED" or (
        answer.code == "UNKNOWN" and "deadline exceeded" in answer.message)


def lines_of(case, answer):
    """The lines that are compared."""
    lines = [f"{answer.code} {tidy(answer.message)!r}"]
    if case.strict == "code":
        return [answer.code]
    if case.strict == "deadline":
        return ["DEADLINE_EXCEEDED" if ended_by_deadline(answer) else lines[0]]
    if answer.trailers:
        lines.append(f"trailers: {sorted(name for name, _ in answer.trailers)}")
    if answer.response is None:
        return lines
    response = type(answer.response).FromString(answer.raw)
    if response.SerializeToString(deterministic=True) != answer.raw:
        lines.append("the bytes are not in canonical form, or there are unknown fields")
    for name in case.unordered:
        field = getattr(response, name)
        ordered = sorted(field, key=repr)
        del field[:]
        field.extend(ordered)
    for path in hidden_in(case):
        hide(response, path, lines)
    return lines + [line[:SHOWN_BYTES] for line in text_of(response)]


REVISIONS = ("revision", "create_revision", "mod_revision", "compact_revision", "rev")


def revisions_of(message):
    """(message, field) of every revision in an answer."""
    for field, value in message.ListFields():
        if field.message_type is not None:
            items = value if not hasattr(value, "DESCRIPTOR") else [value]
            for item in items:
                yield from revisions_of(item)
        elif field.name in REVISIONS:
            yield message, field.name


class Drift:
    """Once one side has counted a change that the other has not, all later revisions differ by
    that much. Only the first difference is worth reporting: the rest is shifted back."""

    def __init__(self):
        # (first revision of ours it applies to, how far ours is ahead from there on), ascending.
        self.steps = []

    def corrected(self, revision):
        for first, ahead in reversed(self.steps):
            if revision >= first:
                return revision - ahead
        return revision

    def apply(self, theirs, ours):
        """Shifts the revisions of our answer, then looks at how far the two are apart."""
        pair = [answer.response for answer in (theirs, ours)]
        if not ours.ok or not self.has_header(pair[1]):
            return
        real = pair[1].header.revision
        for message, name in list(revisions_of(pair[1])):
            setattr(message, name, self.corrected(getattr(message, name)))
        if self.steps:
            ours.raw = pair[1].SerializeToString(deterministic=True)
        if theirs.ok and 0 not in (real, pair[0].header.revision) and (
                pair[0].header.revision != self.corrected(real)):
            self.steps.append((real, real - pair[0].header.revision))

    @staticmethod
    def has_header(message):
        return "header" in message.DESCRIPTOR.fields_by_name and message.HasField("header")


def equal_ttl(theirs, ours):
    """Makes remaining TTLs equal that differ by no more than time passing."""
    for one, two in ((theirs, ours),):
        if one.ok and two.ok and abs(one.response.TTL - two.response.TTL) <= TTL_SLACK_SECONDS:
            two.response.TTL = one.response.TTL
            two.raw = two.response.SerializeToString(deterministic=True)


def difference(case, theirs, ours):
    """Lines of a diff, - the reference and + ours; empty when equal."""
    if case.method == "LeaseTimeToLive":
        equal_ttl(theirs, ours)
    return diff(lines_of(case, theirs), lines_of(case, ours))


def diff(one, two):
    if one == two:
        return []
    return [line.rstrip()[:SHOWN_BYTES] for line in difflib.ndiff(one, two) if line[0] in "+-"]


# The gateway.

def hide_json(value, path):
    name, _, rest = path.partition(".")
    if isinstance(value, dict) and name in value:
        if rest:
            hide_json(value[name], rest)
        else:
            value[name] = "HIDDEN"


def compact(value):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def json_lines_of(case, response, other):
    """Status, headers, and the JSON after hiding; a body that is no JSON as it is."""
    lines = [response.status_line, *compare.header_lines(response, timed=True)]
    lines = [line for line in lines if not line.startswith("Content-Length: ")]
    if case.strict == "code":
        return [response.status_line]
    try:
        value = json.loads(response.body)
    except ValueError:
        return lines + [repr(response.body[:SHOWN_BYTES])]
    if compact(value).encode() != response.body:
        lines.append(f"spacing or escapes: {response.body[:SHOWN_BYTES]!r}")
    for path in hidden_in(case):
        hide_json(value, path)
    for name in case.unordered:
        if isinstance(value.get(name), list):
            value[name].sort(key=repr)
    for name in ("error", "message"):
        if isinstance(value, dict) and isinstance(value.get(name), str):
            value[name] = tidy(value[name])
    if case.method == "LeaseTimeToLive" and "TTL" in value and other.body[:1] == b"{":
        theirs = json.loads(other.body).get("TTL", "-99")
        if abs(int(theirs) - int(value["TTL"])) <= TTL_SLACK_SECONDS:
            value["TTL"] = "TTL"
    text = compact(value)
    return lines + [text[at:at + 300] for at in range(0, min(len(text), 3000), 300)]


# Texts of Go's JSON library and of the gateway's: any text will do.
PARSER_TEXT = re.compile(rb'"error":"(json: |invalid character|unexpected EOF|illegal base64'
                         rb'|unknown value|invalid grpc-timeout)')
ANY_TEXT = re.compile(rb'"(error|message)":"(?:[^"\\]|\\.)*"')


def json_difference(case, theirs, ours):
    if PARSER_TEXT.search(theirs.body):
        for answer in (theirs, ours):
            answer.body = ANY_TEXT.sub(rb'"\1":"TEXT"', answer.body)
    return diff(json_lines_of(case, theirs, ours), json_lines_of(case, ours, theirs))
