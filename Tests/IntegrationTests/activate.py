"""Stands in for systemd's socket activation: binds listeners, hands them over as descriptors 3
and up, and becomes the program: activate.py client=127.0.0.1:2379[,NAME=HOST:PORT] PROGRAM ..."""

import os
import socket
import sys

FIRST = 3


def main():
    names = []
    for number, item in enumerate(sys.argv[1].split(",")):
        name, _, place = item.partition("=")
        host, _, port = place.rpartition(":")
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, int(port)))
        listener.listen(1024)
        held = listener.detach()
        if held != FIRST + number:
            os.dup2(held, FIRST + number)
            os.close(held)
        os.set_inheritable(FIRST + number, True)
        names.append(name)
    os.environ["LISTEN_PID"] = str(os.getpid())
    os.environ["LISTEN_FDS"] = str(len(names))
    os.environ["LISTEN_FDNAMES"] = ":".join(names)
    os.execv(sys.argv[2], sys.argv[2:])


main()
