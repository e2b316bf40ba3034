#!/usr/bin/env python3
"""The server that scripts/durability kills: a command in a process group of its own."""

import os
import signal
import socket
import subprocess
import sys
import time
from urllib.parse import urlsplit

# How long a server may take until it accepts connections.
START_S = 60


def usage(why):
    print(f"durability: {why}; scripts/durability --help", file=sys.stderr)
    sys.exit(2)


def fail(why):
    print(f"durability: {why}", file=sys.stderr)
    sys.exit(1)


class Server:
    """The command, which runs in a process group of its own."""

    def __init__(self, command, url, log):
        self.command, self.log, self.process = command, log, None
        parts = urlsplit(url)
        if not parts.hostname:
            usage(f"--url {url}: expected a URL such as http://127.0.0.1:8000")
        self.address = (parts.hostname, parts.port or {"https": 443}.get(parts.scheme, 80))

    def listens(self):
        try:
            socket.create_connection(self.address, 1).close()
            return True
        except OSError:
            return False

    def start(self):
        try:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
                                            start_new_session=True)
        except OSError as why:
            fail(f"{self.command[0]} cannot be started: {why.strerror}")
        until = time.monotonic() + START_S
        while not self.listens():
            if self.process.poll() is not None:
                fail(f"the server ended with status {self.process.returncode} before it listened on "
                     f"{self.address[0]}:{self.address[1]}; it said: {self.said()}")
            if time.monotonic() > until:
                self.kill()
                fail(f"the server does not listen on {self.address[0]}:{self.address[1]} after {START_S} s; --url names another address")
            time.sleep(0.005)

    def kill(self):
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()

    def said(self):
        self.log.flush()
        with open(self.log.name, "rb") as log:
            return log.read()[-500:].decode(errors="replace").strip() or "nothing"
