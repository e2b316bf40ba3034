"""A PulseStream server over SQLite with a planted fault, for the tests of scripts/durability: planted_server.py PORT FILE FAULT

FAULT is `none`, `acknowledges-first` (answers, and stores later), `forgets-ids` (knows ids only since its start) or `half-a-batch`
(stores half of a batch, answers, and stores the rest later).
"""

import json
import sqlite3
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PORT, FILE, FAULT = int(sys.argv[1]), sys.argv[2], sys.argv[3]
LOCK, KNOWN, LATER = threading.Lock(), set(), []
DB = sqlite3.connect(FILE, check_same_thread=False)
DB.execute("PRAGMA journal_mode = wal")
DB.execute("CREATE TABLE IF NOT EXISTS events (id TEXT, body TEXT)")


def holds(name):
    if FAULT == "forgets-ids":
        return name in KNOWN
    return name in KNOWN or DB.execute("SELECT 1 FROM events WHERE id = ?", (name,)).fetchone() is not None


def take(events, raw):
    """Stores events. Returns whether each was new."""
    with LOCK:
        new = []
        for event in events:
            new.append(not holds(event["event_id"]))
            KNOWN.add(event["event_id"])
        rows = [(e["event_id"], r) for e, r, is_new in zip(events, raw, new) if is_new]
        now = {"acknowledges-first": [], "half-a-batch": rows[: len(rows) // 2]}.get(FAULT, rows)
        DB.executemany("INSERT INTO events VALUES (?, ?)", now)
        DB.commit()
        LATER.extend(rows[len(now):])
    return new


def store_later():
    while True:
        time.sleep(0.05)
        with LOCK:
            DB.executemany("INSERT INTO events VALUES (?, ?)", LATER)
            DB.commit()
            LATER.clear()


def result(event, is_new):
    message = "Event ingested successfully" if is_new else "Event already exists (idempotent)"
    return {"success": True, "event_id": event["event_id"], "ingested_at": "2026-01-05T09:00:00Z", "processing_status": "queued",
            "message": message, "errors": None}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        with LOCK:
            row = DB.execute("SELECT body FROM events WHERE id = ?", (self.path.rsplit("/", 1)[-1],)).fetchone()
        self.answer(200, row[0]) if row else self.answer(404, b'{"detail":"Event not found"}')

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        parsed = json.loads(body)
        if self.path.endswith("/batch"):
            events = parsed["events"]
            new = take(events, [json.dumps(event, separators=(",", ":"), ensure_ascii=False).encode() for event in events])
            results = [result(*pair) for pair in zip(events, new)]
            answer = {"batch_id": "b", "total_events": len(events), "successful_events": len(events), "failed_events": 0,
                      "ingested_at": "2026-01-05T09:00:00Z", "results": results, "processing_status": "completed"}
        else:
            answer = result(parsed, take([parsed], [body])[0])
        self.answer(200, json.dumps(answer).encode())


ThreadingHTTPServer.daemon_threads = True
ThreadingHTTPServer.request_queue_size = 64
threading.Thread(target=store_later, daemon=True).start()
ThreadingHTTPServer(("127.0.0.1", PORT), Handler).serve_forever()
