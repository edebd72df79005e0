"""Members that find each other, and the services that help them: tokens, name servers, proxies."""

import base64
import http.server
import os
import random
import select
import socket
import socketserver
import subprocess
import threading
import urllib.error
import urllib.request

import harness
from harness import REFERENCE, free_port, run

DNSMASQ = "/usr/sbin/dnsmasq"


class Seeker(harness.Member):
    """A member without --initial-cluster."""

    def __init__(self, name, flags, binary=None, **rest):
        super().__init__(name, binary, flags=flags, **rest)

    def standard_flags(self):
        words = super().standard_flags()
        return words[:words.index("--initial-cluster")]


def form(members):
    """Starts all, waits until all serve, and checks that they are one cluster."""
    for member in members:
        member.start()
    for member in members:
        member.wait_ready()
    names = sorted(m.name for m in members)
    for member in members:
        assert sorted(m["name"] for m in member.members()) == names
    written = members[0].put("/formed", "yes")
    assert written.status in (200, 201), written
    for member in members:
        assert member.value("/formed", "?quorum=true") == "yes"


def ended(member, seconds=harness.READY_SECONDS):
    """The exit code and the log of a member that cannot start."""
    code = member.start().wait_exit(seconds)
    return code, member.log()


def v2_token(service, size, token=None):
    """The URL of a token on a member that serves v2."""
    token = token or f"t{random.getrandbits(48):x}"
    path = f"/v2/keys/disco/{token}"
    if size is not None:
        answer = service.request("PUT", path + "/_config/size", form={"value": str(size)})
        assert answer.status == 201, answer
    return service.client + path


def register(service, url, identity, value):
    path = url.removeprefix(service.client)
    answer = service.request("PUT", f"{path}/{identity}", form={"value": value})
    assert answer.status == 201, answer


def new_token(*words, environment=None):
    """`discovery new`: the flags it says to pass."""
    done = run([harness.OURS, "discovery", "new", *words], environment=environment)
    assert done.returncode == 0, done.stderr
    line = next(line for line in done.stdout.splitlines() if line.strip().startswith("--"))
    return line.split()


class NameServer:
    """dnsmasq on an address of its own, and a wrapper that makes a program ask it."""

    def __init__(self, directory, records):
        self.address = f"127.{random.randrange(1, 250)}.{random.randrange(250)}.53"
        self.resolv = os.path.join(directory, "resolv.conf")
        with open(self.resolv, "w") as file:
            file.write(f"nameserver {self.address}\noptions timeout:2 attempts:2\n")
        words = [DNSMASQ, "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv",
                 "--no-hosts", "--no-daemon", "--bind-interfaces", "--port=53",
                 f"--listen-address={self.address}", "--local=/test/", "--user=root", *records]
        self.log = open(os.path.join(directory, "dnsmasq.log"), "w+")
        self.process = subprocess.Popen(words, stdout=self.log, stderr=self.log,
                                        preexec_fn=harness._die_with_parent)
        harness.eventually(self._answers, 20, "the name server")

    def _answers(self):
        assert self.process.poll() is None, open(self.log.name).read()
        with socket.create_connection((self.address, 53), 2):
            return True

    def wrapper(self):
        script = f'mount --bind {self.resolv} /etc/resolv.conf && exec "$@"'
        return ["unshare", "--mount", "sh", "-c", script, "sh"]

    def close(self):
        self.process.kill()
        self.process.wait()
        self.log.close()


def service_records(members, domain="example.test", service="etcd-server"):
    """Options of dnsmasq: a record, and an address, for each member."""
    words = []
    for number, member in enumerate(members):
        port = harness.address_of(member.peer)[1]
        words += [f"--srv-host=_{service}._tcp.{domain},m{number}.{domain},{port}",
                  f"--host-record=m{number}.{domain},127.0.0.1"]
    return words


class Proxy:
    """An HTTP proxy that wants to know its user, and notes what it was asked for."""

    def __init__(self):
        self.seen = seen = []
        wanted = "Basic " + base64.b64encode(b"u:p").decode()

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def admitted(self):
                seen.append(f"{self.command} {self.path}")
                if self.headers.get("Proxy-Authorization") == wanted:
                    return True
                self.send_error(407)
                return False

            def forward(self):
                if not self.admitted():
                    return
                length = int(self.headers.get("Content-Length", 0))
                request = urllib.request.Request(
                    self.path, self.rfile.read(length) or None, method=self.command,
                    headers={k: v for k, v in self.headers.items()
                             if k.lower() in ("content-type", "authorization")})
                opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
                try:
                    answer = opener.open(request, timeout=60)
                except urllib.error.HTTPError as error:
                    answer = error
                body = answer.read()
                self.send_response(answer.status)
                for name in ("X-Etcd-Index", "Content-Type"):
                    if answer.headers.get(name):
                        self.send_header(name, answer.headers[name])
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_PUT = forward

            def do_CONNECT(self):
                if not self.admitted():
                    return
                host, port = self.path.rsplit(":", 1)
                with socket.create_connection((host, int(port))) as other:
                    self.send_response(200)
                    self.end_headers()
                    ends = {self.connection: other, other: self.connection}
                    while True:
                        for end in select.select(list(ends), [], [])[0]:
                            part = end.recv(65536)
                            if not part:
                                self.close_connection = True
                                return
                            ends[end].sendall(part)

            def log_message(self, *_):
                pass

        class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
            daemon_threads = True

        self.port = free_port()
        self.server = Server(("127.0.0.1", self.port), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://u:p@127.0.0.1:{self.port}"

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def dialect(binary):
    """Debian's program otherwise writes its log in the form of old."""
    return ["--logger", "zap"] if binary == REFERENCE else []


def wait_for_line(member, text, seconds=harness.READY_SECONDS):
    harness.eventually(lambda: text in member.log(), seconds, f"{text!r} in the log")
