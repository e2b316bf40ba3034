#!/usr/bin/env python3
"""What all targets share."""
PGEN = ("pgen", "-q", "--seed", "1", "--start", "2026-01-05T00:00:00Z")
WORDS = {"accepted", "duplicate", "rejected", "rate_limited", "failed", "unknown", "not_sent"}


class Target:
    def __init__(self, fuzz):
        self.fuzz = fuzz
        self.events = fuzz.run(*PGEN, "-n", "40").stdout
        self.begin()

    def begin(self):
        pass

    def end(self):
        pass
