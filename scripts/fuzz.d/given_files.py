#!/usr/bin/env python3
"""Damaged files that flags name."""
import json

from target import PGEN, Target


class Files(Target):
    """A file that a flag names is refused with 2, or gives what was asked for."""
    source: tuple = ()

    def begin(self):
        self.text = self.fuzz.run(*self.source).stdout if self.source else b""

    def once(self):
        self.given(self.fuzz.path("given.toml", self.fuzz.damaged(self.text)))

    def given(self, file):
        raise NotImplementedError


class Profile(Files):
    source = ("pgen", "--print-profile")

    def given(self, file):
        ended = self.fuzz.run(*PGEN, "-n", "3", "--profile", file, allowed=(0, 2))
        assert ended.returncode or [type(json.loads(line)) for line in ended.stdout.splitlines()] == [dict] * 3, "not three objects"


class World(Profile):
    source = ("pgen", "--print-profile", "nginx")


class Scenario(Files):
    def begin(self):
        self.text = b'[[spikes]]\nshare = "5%"\nwhere = "service=auth-service"\n\n[[incident]]\nservice = "payment-service"\nat = "+1h"\nfor = "30m"\nerrors = "40%"\n\n[[drop]]\nshare = 0.1\n'

    def given(self, file):
        self.fuzz.run("pshape", "-q", "--seed", "1", "--scenario", file, allowed=(0, 2), data=self.events)


class Dialect(Files):
    source = ("psend", "--print-dialect", "elasticsearch")

    def given(self, file):
        self.fuzz.run("psend", "--check-dialect", file, allowed=(0, 1, 2))
        self.fuzz.run("psend", "-q", "--dialect", file, "--dry-run", "3", "--api-key", "k", allowed=(0, 1, 2), data=self.events)


class Curve(Files):
    def begin(self):
        self.text = b"\n".join(b" ".join(b"%d" % (hour * day % 9 + 1) for hour in range(24)) for day in range(7)) + b"\n"

    def given(self, file):
        ended = self.fuzz.run(*PGEN, "-n", "3", "--curve", file, allowed=(0, 2))
        assert ended.returncode or ended.stdout.count(b"\n") == 3, "not three events"
