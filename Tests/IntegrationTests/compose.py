"""A compose file, carried out: a container for each service, with an address and a network of its
own on one wire, services known by their names, published ports forwarded from the loopback of a
machine that is apart from this one, named volumes that outlive the containers."""

import re
import shutil
import subprocess
import sys

import yaml

import harness
import image_engine

# One end of the wire is the machine's, the rest is handed out; a recreated container gets another.
MACHINE = "172.18.0.1"
FIRST = 2
# Waits for connections to a port of the loopback and passes them on to a container.
FORWARDER = """
import asyncio, sys
async def copy(reader, writer):
    try:
        while piece := await reader.read(65536):
            writer.write(piece)
            await writer.drain()
    except OSError:
        pass
    writer.close()
async def serve(reader, writer):
    try:
        there = await asyncio.open_connection(sys.argv[2], int(sys.argv[3]))
    except OSError:
        writer.close()
        return
    await asyncio.gather(copy(reader, there[1]), copy(there[0], writer))
async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", int(sys.argv[1]))
    print("up", flush=True)
    await server.serve_forever()
asyncio.run(main())
"""


class Compose:
    """`images` by name; `directory` is where volumes are kept."""

    def __init__(self, path, images, directory):
        self.images, self.directory = images, directory
        content = yaml.safe_load(path.read_text())
        content = {key: value for key, value in content.items() if not key.startswith("x-")}
        assert set(content) == {"services", "volumes"}, "what else there is, is not carried out"
        self.services, self.volumes = content["services"], content["volumes"]
        for name, service in self.services.items():
            assert set(service) == {"image", "restart", "stop_grace_period", "environment", "ports",
                                    "volumes"}, name
            assert service["restart"] in ("always", "unless-stopped", "on-failure"), name
        self.published = {port: name for name in self.services for port, _ in self.ports(name)}
        assert len(self.published) == sum(len(self.ports(name)) for name in self.services), \
            "two services want one port of the machine"
        self.wire, self.containers, self.forwarders = None, {}, []
        self.next_address = FIRST

    def ports(self, name):
        """Of the machine and of the container."""
        return [tuple(int(port) for port in text.split(":"))
                for text in self.services[name]["ports"]]

    def up(self):
        addresses = {}
        for name in self.services:
            addresses[name] = f"172.18.0.{self.next_address}"
            self.next_address += 1
        self.wire = image_engine.Machines(addresses)
        self.machine.run("ip", "address", "add", f"{MACHINE}/24", "dev", "wire")
        for name, service in self.services.items():
            image = self.images[service["image"]]
            volumes = [self.volume(image, *text.split(":")) for text in service["volumes"]]
            self.containers[name] = image_engine.Container(
                image, self.wire.networks[name], name, service["environment"], volumes,
                hosts=addresses)
            for port, inside in self.ports(name):
                self.forward(port, addresses[name], inside)

    @property
    def machine(self):
        """The network in which ports are published."""
        return self.wire.wire

    def volume(self, image, name, target):
        """A named volume begins as what the image has in its place."""
        assert name in self.volumes, f"no volume {name}"
        place = self.directory / name
        if not place.exists():
            origin = image.root.file(target)
            assert origin.is_dir() and not any(origin.iterdir()), "nothing is copied"
            place.mkdir()
            shutil.copystat(origin, place)
            shutil.chown(place, origin.stat().st_uid, origin.stat().st_gid)
        return place, target

    def forward(self, port, address, inside):
        process = subprocess.Popen(
            [*self.machine.inside, sys.executable, "-c", FORWARDER, str(port), address,
             str(inside)], stdout=subprocess.PIPE, text=True)
        self.forwarders.append(process)
        assert process.stdout.readline() == "up\n"

    def down(self):
        """Containers and network end and are removed; volumes stay. The code that every process 1
        ended with, within its grace."""
        codes = {}
        for name, container in self.containers.items():
            grace = re.fullmatch(r"(\d+)s", self.services[name]["stop_grace_period"])
            codes[name] = container.stop(int(grace[1]))
        self.close()
        return codes

    def close(self):
        for container in self.containers.values():
            container.close()
        for process in self.forwarders:
            process.kill()
            process.wait()
            process.stdout.close()
        if self.wire is not None:
            self.wire.close()
        self.wire, self.containers, self.forwarders = None, {}, []
