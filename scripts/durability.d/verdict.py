#!/usr/bin/env python3
"""The verdict of scripts/durability, from what psend said of the events before, in and after the kills."""

from datetime import datetime

# Of each kind of finding, so many ids are shown.
SHOWN = 5
DELIVERED = ("accepted", "duplicate")


def judge(said, verified, again, twice, kills):
    """Prints what was found. Returns the exit status."""
    word = {event_id: line["outcome"] for event_id, line in said.items()}
    found = {event_id: line["outcome"] for event_id, line in verified.items()}
    acknowledged = [i for i in word if word[i] in DELIVERED]
    lost = [i for i in acknowledged if found.get(i) == "missing"]
    differs = [i for i in word if found.get(i) == "differs"]
    silent = [i for i in word if word[i] not in DELIVERED and found.get(i) in ("present", "differs")]
    unchecked = [i for i in acknowledged if found.get(i) not in ("present", "missing", "differs")]
    # An event that the server held is new to it again.
    forgotten = [i for i in word if found.get(i) == "present" and again.get(i, {}).get("outcome") == "accepted"]
    tells = any(line["outcome"] == "duplicate" for line in again.values())

    ended = lambda line: at(line["sent_at"]) + (line["end_to_end_ms"] - line.get("waited_ms", 0)) / 1000
    met = kills_in_flight(said, kills, ended)
    first_after = lambda when: next((n for n, kill in enumerate(kills) if kill >= when), len(kills) - 1)
    losing = len({first_after(at(said[i]["sent_at"])) for i in lost})

    rows = [("kills", len(kills), f"of which {met:,} met requests in flight"),
            ("events sent", len(word), ""),
            ("acknowledged", len(acknowledged), ""),
            ("acknowledged and lost", len(lost), show(lost)),
            ("changed", len(differs), show(differs)),
            ("stored and never acknowledged", len(silent), show(silent))]
    if twice is not None:
        rows.append(("stored twice", len(twice), show(sorted(twice))))
    rows.append(("new to the server again", len(forgotten) if tells else "not known",
                 show(forgotten) if tells else "the server's words do not tell duplicates; --stored counts them"))
    for name, count, note in rows:
        count = f"{count:,}" if isinstance(count, int) else count
        print(f"{name:<30} {count:>10}  {note}".rstrip())

    bound = f"at most {upper_bound(losing, len(kills)):.2%} of such kills lose an acknowledged event (95% confidence)"
    wrong = [f"{len(ids):,} {what}" for ids, what in ((lost, "acknowledged and lost"), (differs, "changed"),
                                                      (twice or [], "stored twice")) if ids]
    if tells and twice is None and forgotten:
        wrong.append(f"{len(forgotten):,} taken as new again")
    doubts = []
    if met == 0:
        doubts.append("no kill met a request in flight: raise --rate")
    if unchecked or not acknowledged:
        doubts.append(f"{len(unchecked):,} acknowledged events could not be checked" if unchecked else "no event was acknowledged")
    if not tells and twice is None:
        doubts.append("whether events are stored twice is not known without --stored")
    if wrong:
        print(f"NOT DURABLE: {', '.join(wrong)}; {losing:,} of {len(kills):,} kills lost something, {bound}")
    elif doubts:
        print(f"CANNOT TELL: {'; '.join(doubts)}")
    else:
        print(f"DURABLE: 0 of {len(acknowledged):,} acknowledged events lost in {len(kills):,} kills; {bound}")
    return 99 if wrong or doubts else 0


def kills_in_flight(said, kills, ended):
    """How many kills met an event that was begun before and ended after."""
    spans = sorted((at(line["sent_at"]), ended(line)) for line in said.values() if line["sent_at"])
    met, begun, active = 0, 0, []
    for kill in kills:
        while begun < len(spans) and spans[begun][0] <= kill:
            active.append(spans[begun][1])
            begun += 1
        active = [end for end in active if end >= kill]
        met += bool(active)
    return met


def show(ids):
    return ", ".join(ids[:SHOWN]) + (", …" if len(ids) > SHOWN else "")


def at(text):
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def upper_bound(times, trials):
    """The Clopper-Pearson bound: with 95% confidence, the probability is not higher."""
    if times >= trials:
        return 1.0
    def at_most(p):
        term = (1 - p) ** trials
        total = term
        for k in range(times):
            term *= (trials - k) / (k + 1) * p / (1 - p)
            total += term
        return total
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if at_most(middle) > 0.05 else (low, middle)
    return high
