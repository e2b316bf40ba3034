#!/usr/bin/env python3
"""Damaged lines, states and journals."""
import json
import re

from target import WORDS, Target


def is_object(line):
    """Whether Python takes a line for a JSON object, or None where Python and RFC 8259 differ."""
    def refuse(word):
        raise ValueError(word)
    try:
        text = line.decode()
        if text[:1].isspace() or len(re.findall(r"[\[{]", text)) > 100 or re.search(r"\\u[dD][89a-fA-F]", text) or "\ufeff" in text:
            return None
        return isinstance(json.loads(text, parse_constant=refuse), dict)
    except ValueError:
        return False


class Lines(Target):
    """pstats takes the lines for objects that Python does, and counts every line once."""
    def once(self):
        lines = [self.fuzz.damaged(line) for line in self.events.splitlines()]
        lines = [line for line in lines if line.strip() and not re.search(rb"[\r\n\0]", line) and is_object(line) is not None]
        if not lines or lines[0][:1] == b"[":
            return
        file = self.fuzz.path("lines", b"\n".join(lines) + b"\n")
        ended = self.fuzz.run("pstats", "-q", "--format", "json", file)
        if ended.returncode == 0:
            said = json.loads(ended.stdout)["input"]
            right = sum(not is_object(line) for line in lines)
            assert said["unreadable"] == right and said["lines"] == len(lines), f"{said}, where {right} of {len(lines)} are no objects"


class Outcomes(Target):
    """The outcomes add up, word by word, to their count."""
    def begin(self):
        self.lines = self.fuzz.run("psend", "-q", "--url", "http://127.0.0.1:9", "--wait-for-server", "0s", data=self.events).stdout.splitlines()

    def once(self):
        file = self.fuzz.path("outcomes", b"\n".join(self.fuzz.damaged(line, 2) for line in self.lines))
        ended = self.fuzz.run("pstats", "-q", "--format", "json", file)
        if ended.returncode == 0:
            outcomes = json.loads(ended.stdout)["outcomes"] or {"count": 0}
            total = sum(outcomes.get(word, 0) for word in WORDS | {"present", "missing", "differs"})
            assert total == outcomes["count"], f"{total} outcomes by word, {outcomes['count']} in all"


class Unsure(Exception):
    """Python and the contract may read this differently, or it takes more than this rule knows."""


def fault_of(line, summary):
    """The fault that a line of truth tells of (contracts.md, section 4), or None for the summary. ValueError if it is no truth."""
    def members(pairs):
        if len(dict(pairs)) < len(pairs):
            raise Unsure
        return dict(pairs)
    if is_object(line) is None or re.search(rb"[:,\[]\s*-0", line):
        raise Unsure
    if not is_object(line):
        raise ValueError
    truth = json.loads(line, object_pairs_hook=members)
    if truth.get("fault") == "summary":
        if line != summary:
            raise Unsure
        return None
    if isinstance(truth.get("at"), str) and not re.fullmatch(r"2026-01-0[1-9]T[0-2]\d:[0-5]\d:[0-5]\d\.\d{6}Z", truth["at"]):
        raise Unsure
    number = lambda value: type(value) is int and 0 <= value < 1 << 64
    text = lambda value: isinstance(value, str)
    edit = lambda value: isinstance(value, list) and len(value) == 3 and number(value[0]) and number(value[1]) and text(value[2])
    change = lambda value: isinstance(value, list) and len(value) == 2
    forms = {"seq": number, "at": text, "event_id": lambda value: True, "shard": text,
             "changes": lambda value: isinstance(value, dict) and all(map(change, value.values())),
             "edits": lambda value: isinstance(value, list) and all(map(edit, value)),
             "redacted": lambda value: isinstance(value, list) and all(map(text, value))}
    always = {"source_seq": number, "fault": text, "expect": lambda value: value in ["accepted", "duplicate", "rejected", "absent", "either"]}
    good = all(is_right(truth.get(name)) for name, is_right in always.items())
    good = good and all(truth.get(name) is None or is_right(truth[name]) for name, is_right in forms.items())
    if not good or truth.keys() - forms.keys() - always.keys():
        raise ValueError
    return truth["fault"]


class Truth(Target):
    """Truth is refused if one of its lines is none, and else has as many lines of each fault as pstats reports."""
    def begin(self):
        self.fuzz.run("pshape", "-q", "--spikes", "20%", "--duplicates", "20%", "--malformed", "10%", "--seed", "1", "--truth", self.fuzz.path("truth"), data=self.events)
        self.truth = open(self.fuzz.path("truth"), "rb").read()

    def once(self):
        damaged = self.fuzz.damaged(self.truth, 2)
        ended = self.fuzz.run("pstats", "-q", "--format", "json", "--truth", self.fuzz.path("damaged", damaged), data=self.events)
        lines = [line.strip(b"\r") for line in damaged.split(b"\n") if line.strip()]
        if not lines or b"[" in lines[0][:1]:
            return
        try:
            faults = [fault_of(line, self.truth.splitlines()[-1]) for line in lines]
        except Unsure:
            return
        except ValueError:
            assert ended.returncode, "a line that is no truth is taken for truth"
            return
        if ended.returncode == 0:
            said = json.loads(ended.stdout)["truth"]
            found = {name: row["count"] for name, row in said["faults"].items()}
            right = {name: faults.count(name) for name in set(faults) - {None}}
            assert found == right and (None in faults or not said["complete"]), f"{said}, where {right} is right"


class State(Target):
    """A state that was changed is refused, or makes the report of the one that was not."""
    def report(self, state):
        ended = self.fuzz.run("pstats", "-q", "--format", "json", self.fuzz.path("state", state))
        report = json.loads(ended.stdout) if ended.returncode == 0 else {}
        return report and {part: report[part] for part in ("input", "events", "outcomes")}

    def begin(self):
        self.state = self.fuzz.run("pstats", "-q", "--format", "state", data=self.events).stdout
        self.right = self.report(self.state)

    def once(self):
        damaged = self.fuzz.damaged(self.state, 1)
        # Without its beginning it is no state, and lines are added to it where lines are added.
        if damaged.count(b"\n") == self.state.count(b"\n") and damaged.startswith(b'{"pstats_state":') and damaged.count(b"pstats_state") == self.state.count(b"pstats_state"):
            report = self.report(damaged)
            assert not report or report["events"] == self.right["events"], "other figures, and no error"


class Journal(Target):
    """A damaged journal is refused, or the run goes on and no line has two outcomes."""
    def begin(self):
        self.file = self.fuzz.path("events", self.events)
        self.fuzz.run("psend", "-q", "--limit", "20", "--journal", self.fuzz.path("journal"), "--url", "http://127.0.0.1:9", "--wait-for-server", "0s", self.file)
        self.journal = open(self.fuzz.path("journal"), "rb").read()

    def once(self):
        journal = self.fuzz.path("damaged", self.fuzz.damaged(self.journal, 2))
        ended = self.fuzz.run("psend", "-q", "--resume", "--journal", journal, "--url", "http://127.0.0.1:9", "--wait-for-server", "0s", self.file)
        outcomes = [line for line in map(json.loads, ended.stdout.splitlines()) if "outcome" in line]
        seqs = [line["seq"] for line in outcomes]
        assert len(set(seqs)) == len(seqs) and {line["outcome"] for line in outcomes} <= WORDS, f"{outcomes}"
