"""The rules of the house as code; prints every violation and exits 1 if there is one."""

import pathlib
import re
import sys

# Module -> level. A module imports only levels below its own (Sources/README.md).
LEVELS = {
    "RuntimeCore": 0,
    "Raft": 1, "Bolt": 1, "Protobuf": 1, "RuntimePosix": 1,
    "EtcdProto": 2, "EtcdBackend": 2,
    "EtcdWAL": 3, "EtcdMVCC": 3, "EtcdLease": 3, "EtcdAuth": 3, "EtcdMembership": 3,
    "EtcdV2Store": 3,
    "EtcdServer": 4, "EtcdNet": 4, "EtcdConfig": 4,
    "EtcdClient": 5, "EtcdEdge": 5, "EtcdTransport": 5,
    "EtcdDiscovery": 6, "EtcdGRPC": 6, "EtcdHTTP": 6, "EtcdProxy": 6,
    "EtcdDaemon": 7, "EtcdTools": 7,
    "etcd-swift": 8,
    "CLinux": -1, "CResolver": -1, "CCrypt": -1, "CNGHTTP2": -1, "CSystemd": -1,
}
# What the deterministic levels may never touch.
BANNED = [
    (r"^\s*(package |public )?import (Foundation|Dispatch|NIO\w*)\b", "import of the outside world"),
    (r"\basync\b|\bawait\b|\bTask\b\s*[.{(]", "concurrency in a deterministic module"),
    (r"\bDate\(\)|\bContinuousClock\b|\bSystemRandomNumberGenerator\b", "time or chance not handed in"),
    (r"\.(shuffled|randomElement)\(\)", "chance not handed in"),
]
FREE = {"RuntimePosix", "EtcdNet", "EtcdConfig"}
ANYWHERE = [
    (r"\b(TODO|FIXME|XXX)\b", "left open"),
    (r"\bfatalError\(", "use precondition for our bugs, errors for the world's"),
    (r"^\s*public\b", "nothing is public: we ship a program"),
    (r"\btry!", "a failure that nobody sees"),
]
UNCHECKED_LIMIT = 5
LINES_MAX, LINES_WITHOUT_REASON = 1000, 500
COLUMNS = 100

problems = []


def code_lines(text):
    """Lines without comments and without string contents, numbered."""
    for number, line in enumerate(text.splitlines(), 1):
        bare = re.sub(r'"(\\.|[^"\\])*"', '""', line)
        yield number, line, bare.split("//")[0]


def check(path, module):
    text = path.read_text()
    lines = text.splitlines()
    if len(lines) > LINES_MAX:
        problems.append(f"{path}: {len(lines)} lines; split it by noun")
    elif len(lines) > LINES_WITHOUT_REASON and "lines because" not in "\n".join(lines[:12]):
        problems.append(f"{path}: {len(lines)} lines without a reason at its top")
    if not lines or not lines[0].startswith("//"):
        problems.append(f"{path}: does not say at its top what it is for")
    level = LEVELS.get(module)
    unchecked = 0
    for number, line, code in code_lines(text):
        if len(line) > COLUMNS:
            problems.append(f"{path}:{number}: {len(line)} columns")
        for pattern, why in ANYWHERE:
            if re.search(pattern, code):
                problems.append(f"{path}:{number}: {why}")
        if re.search(r"@unchecked Sendable|nonisolated\(unsafe\)", code):
            unchecked += 1
        if level is None:
            continue
        imported = re.match(r"\s*(?:package |@preconcurrency |internal )*import (?:\w+ )?([\w-]+)", code)
        if imported and imported.group(1) in LEVELS and LEVELS[imported.group(1)] >= level:
            problems.append(f"{path}:{number}: level {level} imports {imported.group(1)}")
        if 0 <= level <= 4 and module not in FREE:
            for pattern, why in BANNED:
                if re.search(pattern, code):
                    problems.append(f"{path}:{number}: {why}")
    return unchecked


def main():
    manifest = pathlib.Path("Package.swift").read_text()
    unchecked = 0
    for path in sorted(pathlib.Path("Sources").rglob("*.swift")):
        unchecked += check(path, path.parts[1])
        if path.parts[1] not in LEVELS:
            problems.append(f"{path}: module {path.parts[1]} has no level in scripts/lint.py")
    for path in sorted(pathlib.Path("Tests").rglob("*.swift")):
        check(path, None)
    for folder in ("Sources", "Tests"):
        for child in sorted(pathlib.Path(folder).iterdir()):
            swift = child.is_dir() and any(child.rglob("*.swift"))
            if swift and f'"{child.name}"' not in manifest and str(child) not in manifest:
                problems.append(f"{child}: not part of Package.swift")
    for path in pathlib.Path("Tests/Simulator").rglob("*.swift"):
        if re.search(r"^(package )?import (RuntimePosix|EtcdNet|NIO)", path.read_text(), re.M):
            problems.append(f"{path}: the simulator may not touch the real world")
    if unchecked > UNCHECKED_LIMIT:
        problems.append(f"{unchecked} unchecked Sendable claims; {UNCHECKED_LIMIT} are allowed")
    allowed = {"Package.swift", "Sources", "Tests", "config", "packaging", "scripts", "README.md"}
    for child in pathlib.Path(".").iterdir():
        if child.name not in allowed and not child.name.startswith(".") and child.name != "Package.resolved":
            problems.append(f"{child}: does not belong at the top level")
    for problem in problems:
        print(problem)
    sys.exit(1 if problems else 0)


main()
