"""Programs written with etcd3, aetcd and etcd3gw see the same from us as from etcd 3.5: keys,
transactions, watches, leases, locks, members, maintenance, snapshots (v3_scenarios.py)."""

import importlib.util
import os
import sys

import pytest

import harness
import v3_reference

SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "v3_scenarios.py")
LIBRARIES = ["etcd3", "aetcd", "etcd3gw"]

pytestmark = pytest.mark.skipif(not v3_reference.HAVE35, reason=v3_reference.WHY35)


def play(library, binary):
    member = harness.single(binary)
    try:
        environment = {"PYTHONWARNINGS": "ignore"}
        if library == "etcd3":
            # Its generated messages are from before protobuf 4.
            environment["PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION"] = "python"
        done = harness.run([sys.executable, SCRIPT, library, str(member.address[1])], 90,
                           environment)
        return done.stdout.splitlines() + [f"exit code {done.returncode}"] + (
            done.stderr.splitlines()[-8:] if done.returncode else [])
    finally:
        member.close()


@pytest.mark.parametrize("library", LIBRARIES)
def test_scenario(library):
    if importlib.util.find_spec(library) is None:
        pytest.skip(f"needs the Python package {library}")
    theirs = play(library, v3_reference.ETCD35)
    ours = play(library, harness.OURS)
    assert theirs[-1] == "exit code 0", theirs
    assert ours == theirs
