"""One line of a request table: what is sent, and how strictly the answers are compared."""

import dataclasses
import urllib.parse

import rawhttp

FORM = "application/x-www-form-urlencoded"


@dataclasses.dataclass
class Case:
    method: str
    target: str
    headers: list = dataclasses.field(default_factory=list)
    body: bytes | None = None
    note: str = ""
    # "exact", or "shape": status, header names and JSON key structure only.
    strict: str = "exact"
    # Seconds to wait before sending (expiry).
    after: float = 0.0

    def __str__(self):
        body = "" if self.body is None else " " + repr(self.body[:120])[1:]
        kept = [f"{name}: {value}" for name, value in self.headers if value != FORM]
        fields = f" [{'; '.join(kept)}]" if kept else ""
        note = f"  ({self.note})" if self.note else ""
        return f"{self.method} {self.target}{fields}{body}{note}"

    def encoded(self):
        return rawhttp.encode(self.method, self.target, self.headers, self.body)


def keys(path, query=""):
    """The target of a key; `path` may carry its own query."""
    return "/v2/keys" + path + query


def get(path, query="", **more):
    return Case("GET", keys(path, query), **more)


def head(path, query="", **more):
    return Case("HEAD", keys(path, query), **more)


def delete(path, query="", **more):
    return Case("DELETE", keys(path, query), **more)


def write(method, path, query, form, headers, more):
    text = form if isinstance(form, str) else urllib.parse.urlencode(form)
    fields = [("Content-Type", FORM), *headers]
    return Case(method, keys(path, query), fields, text.encode(), **more)


def put(path, form=(), query="", headers=(), **more):
    """A PUT with a form body; `form` is text or a dict."""
    return write("PUT", path, query, form or "", list(headers), more)


def post(path, form=(), query="", headers=(), **more):
    return write("POST", path, query, form or "", list(headers), more)


def typed(method, target, content_type, body, **more):
    """A request with a body of any content type (None: no such header)."""
    headers = [] if content_type is None else [("Content-Type", content_type)]
    return Case(method, target, headers, body, **more)


def multipart(fields, boundary="boundary7"):
    """Content type and body of a multipart form."""
    parts = [f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
             for name, value in fields.items()]
    return f"multipart/form-data; boundary={boundary}", "".join(
        [*parts, f"--{boundary}--\r\n"]).encode()
