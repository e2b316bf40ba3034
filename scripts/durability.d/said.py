#!/usr/bin/env python3
"""What psend said: its outcomes as they come, and those of a run that has ended."""

import json
import threading
import time

from server import START_S, fail


class Outcomes:
    """Keeps what psend says in a file, and counts it."""

    def __init__(self, source, path):
        self.count, self.source, self.path = 0, source, path
        self.thread = threading.Thread(target=self.read)
        self.thread.start()

    def read(self):
        with open(self.path, "wb") as file:
            for line in self.source:
                file.write(line)
                self.count += 1

    def wait_for_one(self):
        """Waits until psend has had an answer."""
        begun, until = self.count, time.monotonic() + START_S
        while self.count == begun and self.thread.is_alive():
            if time.monotonic() > until:
                fail(f"no event was answered in the {START_S} s after the server's start")
            time.sleep(0.002)


def outcomes(path):
    """The outcomes of a run, by id, and whether its record says that it is complete."""
    found, complete = {}, False
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            line = json.loads(line)
            if "run" in line:
                complete = line["run"]["complete"]
            elif line["event_id"] is not None:
                found[line["event_id"]] = line
    return found, complete
