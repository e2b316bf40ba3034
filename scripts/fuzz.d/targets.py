#!/usr/bin/env python3
"""The targets of tools.py: what is damaged, which tool reads it, and a slow and simple rule for what must come of it."""
from given_files import Curve, Dialect, Profile, Scenario, World
from streams import Journal, Lines, Outcomes, State, Truth
from values import Answers, Flags, Times

TARGETS = {"lines": Lines, "outcomes": Outcomes, "truth": Truth, "state": State, "journal": Journal, "profile": Profile, "world": World,
           "scenario": Scenario, "dialect": Dialect, "curve": Curve, "flags": Flags, "times": Times, "answers": Answers}
