"""The packages: built once, then installed, configured by the settings file alone, started by their
unit, upgraded, removed and purged in a Debian system of its own."""

import os
import re
import shutil
import signal
import subprocess

import pytest

import debian_root
import harness

pytestmark = pytest.mark.skipif(
    harness.TESTING_REFERENCE, reason="packages are made of our program only")

PACKAGE = harness.ROOT / "scripts/package.sh"
CONF = "/etc/etcd-swift/etcd-swift.conf"
DATA = "/var/lib/etcd-swift"
NEWER = "9.9.9-1"


def build(kind, directory, tool):
    if shutil.which(tool) is None:
        pytest.skip(f"needs {tool}")
    done = harness.run([str(PACKAGE), kind], seconds=300, environment={
        "ETCD_SWIFT_BINARY": harness.OURS, "ETCD_SWIFT_PACKAGES": str(directory),
        "PACKAGE_FAST": "1"})
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.split()[-1]


@pytest.fixture(scope="module")
def deb(tmp_path_factory):
    return build("deb", tmp_path_factory.mktemp("deb"), "dh")


def make_newer(deb, directory):
    """The same files as a later release of the package."""
    subprocess.run(["dpkg-deb", "-R", deb, str(directory / "tree")], check=True)
    control = directory / "tree/DEBIAN/control"
    control.write_text(re.sub(r"(?m)^Version: .*$", f"Version: {NEWER}", control.read_text()))
    # A conffile that changes too: what the administrator wrote must win.
    conf = directory / "tree" / CONF.lstrip("/")
    conf.write_text(conf.read_text() + "# A later release has more to say.\n")
    made = str(directory / f"etcd-swift_{NEWER}.deb")
    subprocess.run(["dpkg-deb", "--root-owner-group", "-Zgzip", "-z1", "-b",
                    str(directory / "tree"), made], check=True, stdout=subprocess.DEVNULL)
    return made


@pytest.fixture(scope="module")
def newer_deb(deb, tmp_path_factory):
    return make_newer(deb, tmp_path_factory.mktemp("newer"))


@pytest.fixture(scope="module")
def root():
    try:
        made = debian_root.make()
    except debian_root.NotPossible as reason:
        pytest.skip(str(reason))
    yield made
    made.close()


def listing(deb):
    lines = subprocess.run(["dpkg-deb", "-c", deb], check=True, text=True,
                           capture_output=True).stdout.splitlines()
    return {line.split()[5].removeprefix("."): line.split()[:2] for line in lines}


def test_contents(deb):
    files = listing(deb)
    assert files["/usr/bin/etcd-swift"] == ["-rwxr-xr-x", "root/root"]
    assert files[CONF] == ["-rw-r--r--", "root/root"]
    for name in ("/lib/systemd/system/etcd-swift.service", "/usr/lib/sysusers.d/etcd-swift.conf",
                 "/usr/lib/tmpfiles.d/etcd-swift.conf", "/usr/share/man/man1/etcd-swift.1.gz",
                 "/usr/share/bash-completion/completions/etcd-swift",
                 "/usr/share/zsh/vendor-completions/_etcd-swift",
                 "/usr/share/fish/vendor_completions.d/etcd-swift.fish"):
        assert files[name][0] == "-rw-r--r--", name
    # Debian's etcd-client and etcd-server install beside it.
    assert not [f for f in files if re.fullmatch(r"/usr/bin/etcd(ctl|utl)?", f)]
    assert not [f for f in files if f.startswith("/home") or f.startswith("/usr/local")]


def test_lintian(deb):
    if shutil.which("lintian") is None:
        pytest.skip("needs lintian")
    tags = harness.run(["lintian", "--allow-root", "--fail-on", "error,warning", deb], seconds=120)
    wanted = tags.stdout
    if "libswift" in harness.run(["ldd", harness.OURS]).stdout:
        # A program for tests brings a path to Swift's libraries along.
        wanted = "".join(line + "\n" for line in wanted.splitlines()
                         if "custom-library-search-path" not in line)
    assert wanted == "", wanted


def settings(client, peer):
    return f"""[member]
ETCD_NAME="packaged"
ETCD_DATA_DIR="{DATA}"
ETCD_LISTEN_PEER_URLS="{peer}"
ETCD_LISTEN_CLIENT_URLS="{client}"
[cluster]
ETCD_INITIAL_ADVERTISE_PEER_URLS="{peer}"
ETCD_INITIAL_CLUSTER="packaged={peer}"
ETCD_INITIAL_CLUSTER_STATE="new"
ETCD_ADVERTISE_CLIENT_URLS="{client}"
[logging]
ETCD_LOG_OUTPUTS="systemd/journal"
"""


def install(root, deb):
    shutil.copy(deb, root.file("/root/package.deb"))
    root.run("dpkg", "--force-confdef", "--force-confold", "-i", "/root/package.deb", check=True)


def test_life_of_a_package(root, deb, newer_deb):
    before = root.files()
    is_booted = root.boot()
    unit = (debian_root.SystemdUnit if is_booted else debian_root.UnitDouble)
    client = f"http://127.0.0.1:{harness.free_port()}"
    peer = f"http://127.0.0.1:{harness.free_port()}"

    def value(key):
        return root.run("curl", "-s", f"{client}/v2/keys/{key}").stdout

    # Installed: a user, a directory, nothing running.
    install(root, deb)
    service = unit(root, "etcd-swift.service")
    assert not service.is_active()
    owner = root.run("stat", "-c", "%U:%G %a", DATA).stdout.strip()
    assert owner == "etcd-swift:etcd-swift 700"
    assert root.run("etcd-swift", "config", "check", "--config-file", CONF).returncode == 0

    # Configured by the file alone, started by the unit.
    root.file(CONF).write_text(settings(client, peer))
    root.run("etcd-swift", "config", "check", "--config-file", CONF, check=True)
    service.start()
    first = service.pid()
    root.run("curl", "-sf", f"{client}/v2/keys/kept", "-XPUT", "-d", "value=through upgrades",
             check=True)
    root.run("env", "ETCDCTL_API=3", "etcdctl", "--endpoints", client, "put", "kept", "too",
             check=True)
    root.run("etcd-swift", "healthcheck", "--endpoints", client, check=True)
    # By the name of etcd's tool.
    assert "etcdutl version: 3.5" in root.run("/usr/lib/etcd-swift/etcdutl", "version").stdout
    user = root.run("ps", "-o", "user=", "-p", str(first)).stdout.strip() if is_booted else ""
    assert user in ("", "etcd-swift", "etcd-sw+")
    mode = root.run("stat", "-c", "%a", f"{DATA}/member").stdout.strip()
    assert mode == "700"
    if is_booted:
        # In the journal, lines have the priority of their level.
        told = root.run("journalctl", "-u", "etcd-swift", "-o", "cat", "-p", "warning").stdout
        assert '"level":"warn"' in told and '"level":"info"' not in told
        # No call that Swift makes is forbidden by the unit.
        told = root.run("journalctl", "-u", "etcd-swift", "-o", "cat").stdout
        assert not re.search(r"Failed to .* errno=1$", told, re.M), told
        # Reloading reads certificates again and restarts nothing; a crash is answered by a start.
        root.run("systemctl", "reload", "etcd-swift", check=True)
        assert service.pid() == first
        root.run("kill", "-9", str(first), check=True)
        harness.eventually(lambda: service.is_active() and service.pid() not in (0, first), 40,
                           "a start after a crash")
        root.run("systemctl", "enable", "etcd-swift", check=True)
        first = service.pid()

    # Upgraded: data and settings stay; what runs is the new program.
    if not is_booted:
        service.stop()
    install(root, newer_deb)
    if is_booted:
        harness.eventually(lambda: service.is_active() and service.pid() not in (0, first), 40,
                           "a restart by the upgrade")
    else:
        service.start()
    assert '"value":"through upgrades"' in value("kept")
    assert root.file(CONF).read_text() == settings(client, peer)

    # Removed: the data stays, for whoever installs it again.
    if not is_booted:
        service.stop()
    root.run("dpkg", "-r", "etcd-swift", check=True)
    assert not root.file("/usr/bin/etcd-swift").exists()
    assert root.file(DATA + "/member").is_dir() and root.file(CONF).exists()
    assert root.run("curl", "-s", f"{client}/v2/keys/kept").returncode != 0
    install(root, deb)
    service.start()
    assert '"value":"through upgrades"' in value("kept")

    # Purged: nothing is left.
    if not is_booted:
        service.stop()
    root.run("dpkg", "-P", "etcd-swift", check=True)
    assert "etcd-swift" not in root.file("/etc/passwd").read_text()
    left = sorted(f for f in root.files() - before if "etcd-swift" in f)
    assert left == []


def test_rpm(tmp_path_factory):
    directory = tmp_path_factory.mktemp("rpm")
    rpm = build("rpm", directory, "rpmbuild")

    def ask(*words):
        return subprocess.run(["rpm", *words, rpm], check=True, text=True, capture_output=True,
                              env=dict(os.environ, LC_ALL="C")).stdout
    files = ask("-qp", "--qf", "[%{FILEMODES:perms} %{FILEUSERNAME} %{FILENAMES}\n]").splitlines()
    assert "-rwxr-xr-x root /usr/bin/etcd-swift" in files
    assert f"drwx------ etcd-swift {DATA}" in files
    assert CONF in ask("-qpc").splitlines()
    scripts = ask("-qp", "--scripts")
    for part in ("preinstall", "postinstall", "preuninstall", "postuninstall"):
        assert f"{part} scriptlet" in scripts, part
    for script in re.split(r"(?m)^\w+ scriptlet .*$", scripts)[1:]:
        assert subprocess.run(["sh", "-n"], input=script, text=True).returncode == 0, script
    # Unpacked by rpm itself, into a root of its own.
    place = directory / "root"
    done = harness.run(["rpm", "--root", str(place), "--nodeps", "--noscripts", "--nosignature",
                        "-i", rpm])
    assert done.returncode == 0, done.stderr
    shown = subprocess.run([str(place / "usr/bin/etcd-swift"), "config", "check", "--config-file",
                            str(place / CONF.lstrip("/"))], text=True, capture_output=True)
    assert shown.returncode == 0, shown.stdout
    if shutil.which("rpmlint"):
        done = harness.run(["rpmlint", "-c", str(harness.ROOT / "packaging/rpm/rpmlint.toml"), rpm],
                           seconds=120)
        assert done.returncode == 0, done.stdout + done.stderr


def test_documents_of_the_program():
    """Manual page and completions are made by the program, and understood by their readers."""
    page = harness.run([harness.OURS, "man"])
    assert page.returncode == 0
    if shutil.which("man"):
        shown = subprocess.run(["man", "--warnings", "-E", "UTF-8", "-l", "-"], input=page.stdout,
                               text=True, capture_output=True,
                               env=dict(os.environ, MANWIDTH="80", LC_ALL="C.UTF-8"))
        assert shown.stderr == "" and "--initial-cluster" in shown.stdout, shown.stderr
    for shell in ("bash", "zsh", "fish"):
        script = harness.run([harness.OURS, "completion", shell]).stdout
        assert "initial-cluster-state" in script
        if shutil.which(shell):
            done = subprocess.run([shell, "-n"], input=script, text=True, capture_output=True)
            assert done.returncode == 0, f"{shell}: {done.stderr}"
    for wrong in (["completion"], ["completion", "csh"], ["completion", "bash", "x"],
                  ["man", "x"]):
        assert harness.run([harness.OURS, *wrong]).returncode == 2, wrong


@pytest.mark.parametrize("line, offered", [
    ("etcd-swift ", ["config", "healthcheck", "snapshot", "recover", "completion", "man"]),
    ("etcd-swift snapshot ", ["save", "status", "restore"]),
    ("etcd-swift snapshot restore file --bump", ["--bump-revision"]),
    ("etcd-swift config ", ["check", "print"]),
    ("etcd-swift completion ", ["bash", "zsh", "fish"]),
    ("etcd-swift --initial-cluster-st", ["--initial-cluster-state"]),
    ("etcd-swift --initial-cluster-state ", ["new", "existing"]),
    ("etcd-swift -log-level=", ["debug", "info", "warn"]),
    ("etcd-swift healthcheck --end", ["--endpoints"]),
])
def test_bash_completes(line, offered):
    script = harness.run([harness.OURS, "completion", "bash"]).stdout
    words = re.split(r" |(=)", line)
    words = [w for w in words[:-1] if w] + [words[-1]]
    listed = " ".join(f"'{w}'" for w in words)
    done = harness.run(["bash", "-c", f"{script}\nCOMP_WORDS=({listed})\n"
                        f"COMP_CWORD={len(words) - 1}\n_etcd_swift\n"
                        'printf "%s\\n" "${COMPREPLY[@]}"'])
    assert done.stderr == ""
    assert set(offered) <= set(done.stdout.split()), done.stdout
