#!/usr/bin/env python3
"""A small ingestion API that is not PulseStream's, for docs/your-own-server.md.

    POST /v2/streams/STREAM/measurements   {"id": …, "at": milliseconds, "data": {…}}
    POST /v2/measurements                  {"items": [ …the same, each with "stream"… ]}
    GET  /v2/measurements/ID               {"id": …, "data": {…}}

Every request needs the header `X-Token: secret`. Every seventh is answered 503, because the server is busy, but none twice.
"""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock

STORE, LOCK, REQUESTS, PUT_OFF = {}, Lock(), [0], set()


def take(item):
    """Stores a measurement. Returns None, or the code and the words of a refusal."""
    if not isinstance(item.get("at"), int):
        return "E_TIME", "at: expected milliseconds since 1970"
    if item["data"]["metrics"]["status_code"] >= 500:
        return "E_STATUS", "status %d is not stored here" % item["data"]["metrics"]["status_code"]
    if item["id"] in STORE:
        return "E_EXISTS", "measurement %s is there already" % item["id"]
    STORE[item["id"]] = item["data"]
    return None


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, body):
        body = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        name = self.path.rsplit("/", 1)[-1]
        if name in STORE:
            self.answer(200, {"id": name, "data": STORE[name]})
        else:
            self.answer(404, {"code": "E_NONE", "words": "no such measurement"})

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.headers.get("X-Token") != "secret":
            return self.answer(401, {"code": "E_TOKEN", "words": "wrong token"})
        with LOCK:
            REQUESTS[0] += 1
            if REQUESTS[0] % 7 == 0 and body not in PUT_OFF:
                PUT_OFF.add(body)
                return self.answer(503, {"code": "E_BUSY", "words": "try again"})
            try:
                body = json.loads(body)
                if self.path == "/v2/measurements":
                    refusals = [(place, take(item)) for place, item in enumerate(body["items"], 1)]
                    refused = [
                        {"position": place, "code": refusal[0], "words": refusal[1]}
                        for place, refusal in refusals
                        if refusal
                    ]
                    return self.answer(207, {"stored": len(refusals) - len(refused), "refused": refused})
                if self.path.startswith("/v2/streams/") and self.path.endswith("/measurements"):
                    refusal = take(body)
                    if refusal is None:
                        return self.answer(201, {"stored": 1})
                    return self.answer(400, {"code": refusal[0], "words": refusal[1]})
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                return self.answer(400, {"code": "E_FORM", "words": "cannot read the body: %r" % error})
        return self.answer(404, {"code": "E_PATH", "words": "no such path"})

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    request_queue_size = 128


if __name__ == "__main__":
    Server(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
