"""What every test file shares: members are stopped after the test that forgot to, and a failure
shows the end of every running member's log."""

import os
import subprocess

import pytest

import harness


def pytest_report_header():
    return f"program under test: {harness.OURS}; reference: {harness.REFERENCE}"


def pytest_collection_modifyitems(items):
    if not os.access(harness.OURS, os.X_OK):
        raise pytest.UsageError(f"{harness.OURS} is not there: build it or set ETCD_SWIFT_BINARY")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.failed:
        for member in harness.running:
            if os.path.exists(member.log_path):
                report.sections.append((f"log of {member.name} ({member.log_path})",
                                        member.log_tail()))
    return report


@pytest.fixture
def start():
    """start(name=..., binary=..., flags=...) gives one serving member that is closed afterwards."""
    members = []

    def begin(**arguments):
        member = harness.single(**arguments)
        members.append(member)
        return member
    yield begin
    for member in members:
        member.close()


@pytest.fixture
def closing():
    """closing(thing) closes it after the test, whatever happened."""
    things = []

    def keep(thing):
        things.append(thing)
        return thing
    yield keep
    for thing in reversed(things):
        if isinstance(thing, subprocess.Popen):
            if thing.poll() is None:
                thing.kill()
            thing.wait()
        else:
            thing.close()


@pytest.fixture(scope="session")
def reference():
    """The path of the reference etcd; tests that compare are skipped without one."""
    if not os.access(harness.REFERENCE, os.X_OK):
        pytest.skip(f"needs the reference {harness.REFERENCE} (Debian package etcd-server)")
    return harness.REFERENCE
