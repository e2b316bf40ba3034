#!/usr/bin/env python3
"""Gives the tools damaged input of every form that they read: tools.py SECONDS SEED [TARGET…]

Whatever the input, a tool ends by itself with one of its exit statuses, never by a panic or a signal, and with a message if it is not 0.
Each target has further rules of its own, in targets.py. A finding ends the run with 1, the seed, and a folder with the input.
"""
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time

import targets

BYTES = [b"\0", b"\xff", b"\xc3", b'"', b"\\", b"{", b"}", b"[", b"]", b",", b":", b"\n", b"\r\n", b" ", b"-", b"e", b"=", b"'", b"%"]
VALUES = [b"0", b"-1", b"1e999", b"18446744073709551616", b"9223372036854775807", b"0.0000000001", b"NaN", b"null", b"true", b'""',
          b"[]", b"{}", b'"\\ud800"', b'"\\u0000"', b"9999-12-31T23:59:60Z", b"-0", b"1_000", b"'x'", b"\xef\xbb\xbf", b"[" * 200]


class Finding(Exception):
    """What a tool did that it must not do."""


class Fuzz:
    """One run: its random choices, its folder, and the tools."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.folder = tempfile.mkdtemp(prefix="fuzz.")
        self.runs = 0

    def path(self, name, content=None):
        path = os.path.join(self.folder, name)
        if content is not None:
            with open(path, "wb") as file:
                file.write(content)
        return path

    def damaged(self, data, most=4):
        """The same bytes with up to so many changes, or none."""
        data = bytearray(data)
        for _ in range(self.random.randrange(most + 1)):
            at = self.random.randrange(len(data) + 1)
            kind = self.random.randrange(7)
            if kind == 0:
                data[at:at] = self.random.choice(BYTES)
            elif kind == 1:
                data[at:at] = self.random.choice(VALUES)
            elif kind == 2 and at < len(data):
                data[at] ^= 1 << self.random.randrange(8)
            elif kind == 3:
                del data[at:at + self.random.randrange(1, 12)]
            elif kind == 4 and self.random.random() < 0.2:
                del data[at:]
            elif kind == 5:
                to = min(len(data), at + self.random.randrange(1, 60))
                data[at:at] = data[at:to]
            else:
                self.value(data, at)
        return bytes(data)

    def value(self, data, at):
        """Another value in the place of one that stands behind `:`, `=` or a comma."""
        starts = [i for i in (data.find(sign, at) for sign in (b":", b"=", b",")) if i >= 0]
        if starts:
            begin = min(starts) + 1
            ends = [i for i in (data.find(sign, begin) for sign in (b",", b"}", b"\n", b"]")) if i >= 0]
            data[begin:min(ends, default=len(data))] = self.random.choice(VALUES)

    def run(self, tool, *arguments, allowed=(0, 1, 2, 99), data=b"", **environment):
        """Runs a tool to its end, and gives what it left."""
        self.runs += 1
        env = {key: value for key, value in os.environ.items() if not key.startswith("PULSE_")} | environment
        try:
            ended = subprocess.run([tool, *arguments], input=data, capture_output=True, timeout=60, env=env, cwd=self.folder)
        except subprocess.TimeoutExpired:
            raise Finding(f"{tool} {arguments} goes on for a minute") from None
        said = ended.stderr.decode(errors="replace")
        if ended.returncode not in allowed or "panicked" in said:
            raise Finding(f"{tool} {arguments} ended with {ended.returncode}: {said[-2000:]}")
        if ended.returncode and not said.startswith((tool, "error")):
            raise Finding(f"{tool} {arguments} ended with {ended.returncode} and says: {said[-2000:]!r}")
        return ended


def main():
    seconds, seed, names = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:] or list(targets.TARGETS)
    end = time.monotonic() + seconds
    for at, name in enumerate(names):
        fuzz = Fuzz(seed + at)
        # What time is left is shared by the targets that are left.
        share = time.monotonic() + max(0, end - time.monotonic()) / (len(names) - at)
        target = targets.TARGETS[name](fuzz)
        try:
            while True:
                target.once()
                if time.monotonic() >= share:
                    break
        except (Finding, AssertionError) as finding:
            print(f"seed {seed}, {name}, input in {fuzz.folder}: {finding}")
            return 1
        finally:
            target.end()
        shutil.rmtree(fuzz.folder)
        print(f"{name}: {fuzz.runs} runs, no finding", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
