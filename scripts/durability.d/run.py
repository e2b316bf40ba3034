#!/usr/bin/env python3
"""The run of scripts/durability: sends, kills, sends on, and asks for everything."""

import json
import os
import random
import shutil
import subprocess
import sys
import threading
import time

from said import Outcomes, outcomes
from server import START_S, Server, fail
from verdict import judge

# How long to send after the last start, so that some events are not older than the last kill.
AFTER_S = 0.5


def tool(name):
    own = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "target")
    folders = [os.environ.get("PULSEPIPE_BIN"), os.path.join(own, "release"), os.path.join(own, "debug")]
    for folder in filter(None, folders):
        path = os.path.join(folder, name)
        if os.access(path, os.X_OK):
            return path
    return shutil.which(name) or fail(f"{name} is not in the PATH; cargo build makes it")


def feed(source, sinks, rate, stop):
    """Passes on events at this rate until it is to stop, so that few are left to send after the last kill."""
    begun, count = time.monotonic(), 0
    for line in source:
        ahead = begun + count / rate - time.monotonic()
        if stop.is_set():
            break
        for sink in sinks:
            sink.write(line)
            if ahead > 0:
                sink.flush()
        time.sleep(max(ahead, 0))
        count += 1


def stored_twice(command, ids):
    """Ids that the output of --stored has more than once. It may hold events of others."""
    ran = subprocess.run(["sh", "-c", command], stdout=subprocess.PIPE, check=False)
    if ran.returncode != 0:
        fail(f"--stored: the command ended with status {ran.returncode}")
    seen, twice = set(), set()
    for line in ran.stdout.splitlines():
        try:
            event_id = json.loads(line).get("event_id")
        except (ValueError, AttributeError):
            fail(f"--stored: expected a JSON object in each line, not {line[:80]!r}")
        if event_id in ids:
            (twice if event_id in seen else seen).add(event_id)
    return twice


def run(flags, command, folder):
    path = lambda name: os.path.join(folder, name)
    draw = random.Random(flags["seed"])
    print(f"durability: --seed {flags['seed']} repeats this run", file=sys.stderr)
    psend = [tool("psend"), "-q", "--url", flags["url"], "--dialect", flags["dialect"]]
    # An event has to get through however often the server is killed while it is sent.
    patient = ["--retries", "1000", "--retry-base", "10ms", "--retry-cap", "200ms", "--retry-budget", "100%", "--wait-for-server",
               f"{START_S}s"]
    batch = ["--batch", str(flags["batch"]), "--batch-wait", "20ms"] if flags["batch"] else []
    server = Server(command, flags["url"], open(path("server.log"), "ab"))
    if server.listens():
        fail(f"something listens on {server.address[0]}:{server.address[1]} already; --url names another address")
    kills = []
    try:
        server.start()
        # Ids must be new to a server that holds events from before: the seed draws them.
        pgen = subprocess.Popen([tool("pgen"), "-q", "-n", "1b", "--start", "2026-01-05T00:00:00Z", "--seed", str(flags["seed"])], stdout=subprocess.PIPE)
        sender = subprocess.Popen(psend + patient + batch + ["--rate", str(flags["rate"]), "-o", "-"],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        answers, stop = Outcomes(sender.stdout, path("outcomes.jsonl")), threading.Event()
        with open(path("events.jsonl"), "wb") as events:
            feeder = threading.Thread(target=feed, args=(pgen.stdout, (events, sender.stdin), flags["rate"], stop))
            feeder.start()
            while len(kills) < flags["kills"]:
                answers.wait_for_one()
                time.sleep(draw.uniform(*flags["up"]) / 1000)
                if sender.poll() is not None:
                    fail(f"psend ended early, with status {sender.returncode}")
                if server.process.poll() is not None:
                    fail(f"the server ended by itself, with status {server.process.returncode}; it said: {server.said()}")
                server.kill()
                kills.append(time.time())
                server.start()
            answers.wait_for_one()
            time.sleep(AFTER_S)
            stop.set()
            # psend may be slower than its rate, and the pipe be full.
            feeder.join()
        pgen.kill()
        pgen.wait()
        sender.stdin.close()
        status = sender.wait()
        answers.thread.join()
        if status != 0:
            fail(f"psend ended with status {status}")
        said, complete = outcomes(path("outcomes.jsonl"))
        if not complete:
            fail("psend's run is not complete")

        status = subprocess.run(psend + ["--verify", "-o", path("verified.jsonl"), path("events.jsonl")], check=False).returncode
        verified, complete = outcomes(path("verified.jsonl")) if status == 0 else ({}, False)
        if not complete:
            fail("the server cannot be asked for its events: psend --verify failed")
        status = subprocess.run(psend + batch + ["-o", path("again.jsonl"), path("events.jsonl")], check=False).returncode
        if status != 0:
            fail(f"psend ended with status {status} when it sent the events again")
        again, _ = outcomes(path("again.jsonl"))
        twice = stored_twice(flags["stored"], said.keys()) if flags["stored"] else None
    finally:
        if server.process:
            server.kill()
    return judge(said, verified, again, twice, kills)
