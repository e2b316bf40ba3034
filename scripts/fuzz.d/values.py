#!/usr/bin/env python3
"""Values of flags, times, and what a server answers."""
import datetime
import json
import re
import socketserver
import threading

from target import WORDS, Target


class Flags(Target):
    """A value of a flag that does not have the form of contracts.md, section 8, is wrong usage."""
    NUMBER = r"([0-9]+(\.[0-9]*)?|\.[0-9]+)"
    # Blanks around the options of an effect are ignored.
    FORMS = [("pshape", "--spikes", rf" *{NUMBER} *%? *"), ("psend", "--timeout", rf"{NUMBER}(ms|s|m|h|d)"),
             ("pstats", "--max-line", rf"{NUMBER}([kKmMgG](i?[bB])?|[bB])?"), ("pgen", "-n", rf"{NUMBER}[kKmM]?|inf")]
    PARTS = ["0", "1", "5", "10", ".", "%", "ms", "s", "m", "h", "k", "M", "MiB", "-", "+", "e", " ", "_", ",", "x", "٣", "inf", "nan"]

    def once(self):
        tool, flag, form = self.fuzz.random.choice(self.FORMS)
        value = "".join(self.fuzz.random.choice(self.PARTS) for _ in range(self.fuzz.random.randrange(1, 4)))
        # --count is read, and then nothing is written.
        more = {"psend": ("--dry-run", "1"), "pgen": ("--print-profile",)}.get(tool, ())
        ended = self.fuzz.run(tool, f"{flag}={value}" if flag.startswith("--") else f"{flag}{value}", *more, allowed=(0, 1, 2))
        assert re.fullmatch(form, value) or ended.returncode == 2, f"{tool} {flag} takes {value!r}"


class Times(Target):
    """A time is read as Python's datetime reads it."""
    def once(self):
        pick = self.fuzz.random.randrange
        text = f"{pick(1900, 2100):04}-{pick(0, 14):02}-{pick(0, 33):02}T{pick(0, 26):02}:{pick(0, 62):02}:{pick(0, 60):02}"
        text += self.fuzz.random.choice(["", ".5", ".123456"]) + self.fuzz.random.choice(["Z", "+00:00", "+05:30", "-08:00"])
        try:
            right = datetime.datetime.fromisoformat(text).astimezone(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        except ValueError:
            right = None
        file = self.fuzz.path("time", json.dumps({"event_id": "a", "timestamp": text, "metrics": {"status_code": 200}}).encode() + b"\n")
        said = json.loads(self.fuzz.run("pstats", "-q", "--format", "json", file).stdout)["events"]["time"]
        found = said and said["first"]
        assert found == right, f"{text} is {found}, where {right} is right"


class Answers(Target):
    """Whatever a server answers, each event has one outcome, and the run ends."""
    ANSWER = (b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nRetry-After: 0\r\nDate: Mon, 05 Jan 2026 00:00:00 GMT\r\n"
              b"Content-Length: 75\r\n\r\n" b'{"success":true,"message":"Event already exists (idempotent)","errors":null}')

    def begin(self):
        target = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self):
                self.request.settimeout(2)
                try:
                    while b"\r\n\r\n" not in self.request.recv(1 << 16):
                        pass
                    self.request.sendall(target.answer)
                except OSError:
                    pass

        self.answer = self.ANSWER
        self.server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def end(self):
        self.server.shutdown()
        self.server.server_close()

    def once(self):
        self.answer = self.fuzz.damaged(self.ANSWER)
        self.fuzz.path("answer", self.answer)
        ended = self.fuzz.run("psend", "-q", "--retries", "1", "--retry-base", "1ms", "--timeout", "300ms", "--wait-for-server", "0s", "--retry-after-max", "10ms", "--duration", "5s",
                              "--limit", "3", "--url", "http://127.0.0.1:%d" % self.server.server_address[1], data=self.events)
        lines = [json.loads(line) for line in ended.stdout.splitlines()]
        outcomes = [line for line in lines if "outcome" in line]
        assert sorted(line["seq"] for line in outcomes) == [1, 2, 3] and {line["outcome"] for line in outcomes} <= WORDS, f"{outcomes}"
