"""Measures TLS, ours beside etcd 3.5 in one run: new handshakes (openssl s_time, no resumption), and
puts over TLS connections that stay (h2load). Started by scripts/bench.sh tls.

All handshakes use the cipher that Go's clients, etcdctl and the API server among them, offer first,
so that both servers work with the same one: left to itself, etcd takes it in any case, and ours what
the client offers first, which is a dearer one with OpenSSL."""

import os
import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "IntegrationTests"))

import harness  # noqa: E402 (the harness of the integration tests)
import tls_certs  # noqa: E402
import tls_member  # noqa: E402
import v3_reference  # noqa: E402
import v3bench  # noqa: E402

SECONDS = int(float(os.environ.get("BENCH_SECONDS", "3")))
REPEATS = int(os.environ.get("BENCH_REPEATS", "3"))


def cpu_seconds(member):
    with open(f"/proc/{member.pid}/stat") as file:
        fields = file.read().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / v3bench.TICKS


# The kinds of keys: as certificates are made by hand here, by kubeadm, and by --auto-tls of etcd.
KEYS = {"P-256": tls_certs.KEY,
        "RSA 2048": ("-newkey", "rsa", "-pkeyopt", "rsa_keygen_bits:2048", "-nodes"),
        "P-521": ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:secp521r1", "-nodes")}
CIPHER = "TLS_AES_128_GCM_SHA256"


def handshakes(member):
    """How many in SECONDS."""
    place = member.secure.removeprefix("https://")
    done = subprocess.run(["openssl", "s_time", "-connect", place, "-new", "-ciphersuites", CIPHER,
                           "-time", str(SECONDS)], capture_output=True, text=True)
    return int(re.search(r"(\d+) connections in \d+ real seconds", done.stdout)[1])


def puts(connections, streams):
    def run(member):
        client, member.client = member.client, member.secure
        try:
            with tempfile.TemporaryDirectory() as place:
                body = v3bench.build(v3bench.METHODS["Put"].request, v3bench.PUT[1])
                data = body.SerializeToString()
                with open(f"{place}/body", "wb") as file:
                    file.write(b"\0" + len(data).to_bytes(4, "big") + data)
                done = subprocess.run(
                    ["h2load", "-t", "1", "-c", str(connections), "-m", str(streams), "-D",
                     str(SECONDS), "-d", f"{place}/body", "-H", "content-type: application/grpc",
                     "-H", "te: trailers", f"{member.secure}/etcdserverpb.KV/Put"],
                    capture_output=True, text=True, timeout=SECONDS + 60)
            assert done.returncode == 0, done.stderr
            return int(re.search(r"(\d+) succeeded", done.stdout)[1])
        finally:
            member.client = client
    return run


PUTS = {"put 100 connections": puts(100, 1), "put 10 connections": puts(10, 10),
        "put 1 client": puts(1, 1)}


def main():
    print(f"{'operation':>20} │ {'etcd/s':>8} {'ours/s':>8} {'×':>5} │ "
          f"{'cpu s per 100k':>14} {'ours':>6} {'×':>5}")
    for kind, key in KEYS.items():
        measure(key, {f"handshakes {kind}": handshakes} | (PUTS if kind == "P-256" else {}))


def measure(key, lines):
    with tempfile.TemporaryDirectory() as place:
        tls_certs.KEY = key
        authority = tls_certs.Authority(place, "authority")
        pair = authority.leaf("member", san="IP:127.0.0.1", usage="serverAuth,clientAuth")
        flags = ["--cert-file", pair.cert, "--key-file", pair.key]
        members = {}
        try:
            for name, binary in (("etcd", v3_reference.ETCD35), ("ours", harness.OURS)):
                members[name] = tls_member.SecureMember(
                    name, binary, client_flags=flags,
                    directory=tempfile.mkdtemp(dir=v3bench.PLACES["memory"]))
                members[name].own_directory = True
                members[name].start().wait_ready()
            for line, run in lines.items():
                rates, costs = {"etcd": [], "ours": []}, {"etcd": [], "ours": []}
                for _ in range(REPEATS):
                    for name, member in members.items():
                        before = cpu_seconds(member)
                        count = run(member)
                        rates[name].append(count / SECONDS)
                        costs[name].append((cpu_seconds(member) - before) * 100_000 / count)
                etcd, ours = (sorted(rates[name])[REPEATS // 2] for name in ("etcd", "ours"))
                paid, own = (sorted(costs[name])[REPEATS // 2] for name in ("etcd", "ours"))
                print(f"{line:>20} │ {etcd:>8.0f} {ours:>8.0f} {v3bench.ratio(ours, etcd)} │ "
                      f"{paid:>14.2f} {own:>6.2f} {v3bench.ratio(own, paid)}", flush=True)
        finally:
            for member in members.values():
                member.close()


if __name__ == "__main__":
    main()
