"""Running the two releases of etcdctl against members, and their output without what must differ:
URLs, ids that servers choose, times, sizes, positions in the log."""

import os
import re
import signal
import subprocess

from v3_reference import ETCDCTL34, ETCDCTL35

TOOLS = {"3.4": ETCDCTL34, "3.5": ETCDCTL35}
FORMATS = ("simple", "json", "fields", "table")
ENVIRONMENT = {"ETCDCTL_API": "3"}

RULES = [(re.compile(pattern), text) for pattern, text in [
    (r"\b\d+(\.\d+)?(ns|µs|ms|s)\b(?!\()", "TIME"),
    (r"\b\d+(\.\d+)? [kMG]?B\b", "SIZE"),
    # The server's release, where it is told.
    (r'("version":|"Version" : |, |\| +)"?3\.\d\.\d+"?', r"\1VERSION"),
    (r'"(dbSize|dbSizeInUse|raftIndex|raftAppliedIndex|totalSize)":\d+', r'"\1":N'),
    (r'"(DBSize|DBSizeInUse|RaftIndex|RaftAppliedIndex|Size)" : \d+', r'"\1" : N'),
    # Term, index and applied index of `endpoint status`, simple and table.
    (r"(true|false), (true|false), (\d+), \d+, \d+, ", r"\1, \2, \3, N, N, "),
    (r"(true|false) \| +(true|false) \| +(\d+) \| +\d+ \| +\d+ \|", r"\1|\2|\3|N|N|"),
    # The hash over the whole file.
    (r'"(hash)":\d+,"revision"', r'"\1":HASH,"revision"'),
    (r"-{2,}", "-"), (r" {2,}", " "), (r" \|", "|"),
]]


LOG_LINE = re.compile(r'\{"level"|\d{4}-\d\d-\d\dT')


def no_logs(text):
    """Without lines of logs, and without the stack of a tool that panicked."""
    lines = [line for line in text.splitlines() if not LOG_LINE.match(line)]
    for number, line in enumerate(lines):
        if line.startswith("panic: "):
            return "\n".join(lines[:number + 1])
    return "\n".join(lines)


class Ctl:
    """One server (or several members of it) as the tools see it. Ids that the server chose are
    taken from outputs and replaced in all later ones."""

    def __init__(self, members, listed=()):
        self.members = members
        # Pairs of text: ids of members and the like.
        self.words = [(old, new) for old, new in listed]
        for number, member in enumerate(members):
            for url, word in ((member.client, "CLIENT"), (member.peer, "PEER")):
                self.words += [(url, f"{word}{number}"),
                               (url.removeprefix("http://"), f"{word}{number}")]
        self.leases = []

    @property
    def endpoints(self):
        return ",".join(member.client for member in self.members)

    def words_for(self, tool, words):
        filled = []
        for word in words:
            for number, lease in enumerate(self.leases):
                word = word.replace(f"LEASE{number}", f"{lease:x}")
            filled.append(word)
        return [TOOLS[tool], "--endpoints", self.endpoints, *filled]

    def run(self, tool, *words, data=None, seconds=30):
        """Exit code and tidy lines."""
        done = subprocess.run(
            self.words_for(tool, words), timeout=seconds, env={**os.environ, **ENVIRONMENT},
            input=(data or "").encode(), capture_output=True)
        output = done.stdout.decode(errors="backslashreplace")
        self.learn(output)
        return (done.returncode, self.tidy(output),
                self.tidy(no_logs(done.stderr.decode(errors="backslashreplace"))))

    def learn(self, text):
        """Ids of leases in an answer to `lease grant`."""
        for pattern, base in ((r"lease ([0-9a-f]+) granted", 16), (r'"ID":(\d+),"TTL":', 10),
                              (r'"ID" : (\d+)\n"TTL" : ', 10)):
            for found in re.findall(pattern, text):
                number = int(found, base)
                if number not in self.leases:
                    self.leases.append(number)

    def tidy(self, text):
        for old, new in self.words:
            text = text.replace(old, new)
        for number, lease in enumerate(self.leases):
            text = text.replace(f"{lease:x}", f"LEASE{number}")
            text = re.sub(rf"\b{lease}\b", f"LEASE{number}", text)
        for pattern, replacement in RULES:
            text = pattern.sub(replacement, text)
        return text.splitlines()

    def start(self, tool, *words, stdin=subprocess.DEVNULL):
        """A command that runs until it is stopped; its output is read line by line."""
        return subprocess.Popen(
            self.words_for(tool, words), stdin=stdin, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, bufsize=1, env={**os.environ, **ENVIRONMENT},
            # Whoever runs the tests in the background has them ignore interrupts.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))


def read_lines(process, count):
    return [process.stdout.readline() for _ in range(count)]


def stop(process):
    """Interrupts a running tool as a person would; kills it when that does not help."""
    process.send_signal(2)
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    rest = process.stdout.read()
    process.stdout.close()
    return no_logs(rest)
