"""A member whose ports speak TLS, and questions asked of it with one certificate or another."""

import os
import re
import subprocess

import harness
from harness import free_port
from v3_reference import ETCD35, ETCDCTL34, ETCDCTL35, HAVE34, HAVE35

PROGRAMS = {"ours": harness.OURS}
if HAVE34:
    PROGRAMS["3.4"] = harness.REFERENCE
if HAVE35:
    PROGRAMS["3.5"] = ETCD35
CTL = ETCDCTL35 if HAVE35 else ETCDCTL34


class SecureMember(harness.Member):
    """Clients are served with TLS on `secure` and, so that the rest of the harness works, without
    on `client`. Members use TLS if `peer_flags` says so."""

    def __init__(self, name, binary=None, client_flags=(), peer_flags=(), flags=(), metrics=False,
                 **rest):
        peer = f"{'https' if peer_flags else 'http'}://127.0.0.1:{free_port()}"
        super().__init__(name, binary, peer=peer, **rest)
        self.secure = f"https://127.0.0.1:{free_port()}"
        self.metrics = f"https://127.0.0.1:{free_port()}" if metrics else None
        self.flags = [*client_flags, *peer_flags, *flags]
        if metrics:
            self.flags += ["--listen-metrics-urls", self.metrics]
        # Debian's program otherwise writes its log in the form of old.
        if self.binary == harness.REFERENCE:
            self.flags += ["--logger", "zap"]

    def standard_flags(self):
        words = super().standard_flags()
        words[words.index("--listen-client-urls") + 1] = f"{self.secure},{self.client}"
        words[words.index("--advertise-client-urls") + 1] = self.secure
        return words


def authority_flags(authority, pair, peer=False, auth=True):
    prefix = "--peer-" if peer else "--"
    words = [f"{prefix}cert-file", pair.cert, f"{prefix}key-file", pair.key,
             f"{prefix}trusted-ca-file", authority.cert]
    if auth:
        words.append(f"{prefix}client-cert-auth")
    return words


def curl(url, *words, ca=None, pair=None, seconds=8):
    """Status, version of HTTP and body; the status is `None` when there was no answer."""
    command = ["curl", "-s", "-w", "\n%{http_code} %{http_version}", "--max-time", str(seconds),
               *words]
    command += ["--cacert", ca] if ca else ["-k"]
    if pair:
        command += ["--cert", pair.cert, "--key", pair.key]
    done = subprocess.run([*command, url], capture_output=True, text=True)
    body, _, last = done.stdout.rpartition("\n")
    status, version = last.split()
    return (int(status) if done.returncode == 0 and status != "000" else None), version, body


def etcdctl(url, *words, ca=None, pair=None, seconds=20):
    command = [CTL, "--endpoints", url, "--dial-timeout=2s", "--command-timeout=2s"]
    command += ["--cacert", ca] if ca else ["--insecure-skip-tls-verify"]
    if pair:
        command += ["--cert", pair.cert, "--key", pair.key]
    return subprocess.run([*command, *words], capture_output=True, text=True, timeout=seconds,
                          env={**os.environ, "ETCDCTL_API": "3"})


def served_serial(url):
    """The serial number of the certificate that a new connection is shown."""
    place = url.removeprefix("https://")
    done = subprocess.run(["openssl", "s_client", "-connect", place], input="", text=True,
                          capture_output=True, timeout=20)
    shown = re.search("-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", done.stdout,
                      re.DOTALL)
    assert shown, done.stdout + done.stderr
    return subprocess.run(["openssl", "x509", "-noout", "-serial"], input=shown.group(),
                          text=True, capture_output=True, check=True).stdout.strip()
