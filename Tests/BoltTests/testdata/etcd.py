"""Makes the files of etcd in this directory again: etcd.py NAME ETCD ETCDCTL (see README.md)."""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def main(name, etcd, etcdctl):
    target = os.path.dirname(os.path.abspath(__file__))
    work = tempfile.mkdtemp()
    client, peer = (f"http://127.0.0.1:{free_port()}" for _ in range(2))
    server = subprocess.Popen(
        [etcd, "--data-dir", f"{work}/data", "--listen-client-urls", client,
         "--advertise-client-urls", client, "--listen-peer-urls", peer,
         "--initial-advertise-peer-urls", peer, "--initial-cluster", f"default={peer}",
         "--backend-batch-limit", "64"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def ctl(*words, given=None):
        return subprocess.run(
            [etcdctl, "--endpoints", client, *words], input=given, check=True,
            env={**os.environ, "ETCDCTL_API": "3"}, capture_output=True, text=True).stdout

    for attempt in range(100):
        try:
            ctl("endpoint", "health")
            break
        except subprocess.CalledProcessError:
            time.sleep(0.1)
    for number in range(160):
        ctl("put", f"key-{number % 100:04}", "v" * (number * 7 % 400) + str(number))
    ctl("put", "large", "0123456789abcdef" * 1_500)
    for number in range(0, 100, 9):
        ctl("del", f"key-{number:04}")
    ctl("lease", "grant", "100000")
    ctl("role", "add", "reader")
    ctl("user", "add", "maria", "--interactive=false", given="secret\n")
    ctl("compact", "120")
    time.sleep(2)
    server.terminate()
    server.wait()
    path = f"{work}/data/member/snap/db"
    status = subprocess.run(
        [etcdctl, "snapshot", "status", path, "-w", "json"], check=True,
        env={**os.environ, "ETCDCTL_API": "3"}, capture_output=True, text=True).stdout
    shutil.copy(path, f"{target}/{name}.db")
    with open(f"{target}/{name}.json", "w") as out:
        json.dump(json.loads(status), out)
    shutil.rmtree(work)


main(*sys.argv[1:])
