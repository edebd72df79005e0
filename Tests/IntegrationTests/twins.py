"""Two single members, the reference and ours, that believe to have the same name and URLs, so that
their ids and every answer are equal."""

import harness
import rawhttp


class Pair:
    """Two single members that believe to have the same URLs."""

    def __init__(self, reference):
        advertised_peer = f"http://127.0.0.1:{harness.free_port()}"
        advertised_client = f"http://127.0.0.1:{harness.free_port()}"
        self.members = []
        for binary in (reference, harness.OURS):
            member = harness.Member("twin", binary)
            member.flags = ["--initial-advertise-peer-urls", advertised_peer,
                            "--advertise-client-urls", advertised_client]
            member.initial_cluster = f"twin={advertised_peer}"
            self.members.append(member)
        self.theirs, self.ours = self.members
        self.peer = advertised_peer

    def __enter__(self):
        try:
            for member in self.members:
                member.start()
            for member in self.members:
                member.wait_ready()
                # The first version entry moves the store's index.
                harness.eventually(
                    lambda m=member: m.cluster_version() != "not_decided", 20, "a version")
            self.id = self.theirs.members()[0]["id"]
            return self
        except BaseException:
            self.close()
            raise

    def __exit__(self, *_):
        self.close()

    def close(self):
        for member in self.members:
            member.close()

    def send(self, member, case):
        """The answer; what breaks the connection counts as an answer of its own."""
        data = case.encoded()
        data = data.replace(b"{id}", self.id.encode())
        if b"{peer}" in data:
            body = case.body.replace(b"{peer}", self.peer.encode())
            data = rawhttp.encode(case.method, case.target.replace("{id}", self.id),
                                  case.headers, body)
        try:
            with rawhttp.Wire(member.address) as wire:
                wire.send(data)
                return wire.response(case.method)
        except (OSError, ValueError) as error:
            return rawhttp.Response(f"no answer: {type(error).__name__}", [])

    def both(self, scenario):
        """scenario(member) on the reference and on ours, one after the other."""
        return scenario(self.theirs), scenario(self.ours)
