# SPDX-License-Identifier: Apache-2.0
"""HTTP server that receives notifications, requests retargeted to applications, and what goes to other SCLs."""

import dataclasses
import fnmatch
import http.server
import re
import threading
import time

from .message import Message


@dataclasses.dataclass
class Answer:
    """What a sink says to a request."""
    status: int
    headers: list = dataclasses.field(default_factory=list)
    body: bytes = b""
    delay: float = 0.0


@dataclasses.dataclass
class Rule:
    """An answer to requests of one method ('*' = any) below the sink whose path matches a pattern."""
    method: str
    path: str
    make: object            # function of the request: Answer
    times: int = 0          # 0 = always

    def matches(self, message):
        """Is this the answer to the request?"""
        target = message.path if "?" in self.path else message.path.partition("?")[0]
        return self.method in ("*", message.method) and fnmatch.fnmatchcase(target, self.path.replace("[", "[[]"))


class Sink:
    """What one case expects to arrive under one path."""

    def __init__(self, answers, media_type, body, delay):
        self.answers, self.media_type, self.body, self.delay = answers, media_type, body, delay
        self.received, self.cursor, self.last, self.rules = [], 0, 0.0, []
        self.changed = threading.Condition()

    def rule(self, rule):
        """Add a rule; an unlimited one for the same method and path gives way to it."""
        with self.changed:
            self.rules = [r for r in self.rules if r.times or (r.method, r.path) != (rule.method, rule.path)]
            self.rules.append(rule)

    def serve(self, message):
        """Store an arrival and find its answer."""
        with self.changed:
            index = min(len(self.received), len(self.answers) - 1)
            rule = self._matching(message)
            self.received.append(message)
            self.changed.notify_all()
        return rule.make(message) if rule else self.default(message, index)

    def _matching(self, message):
        for rule in self.rules:
            if rule.matches(message):
                if rule.times == 1:
                    self.rules.remove(rule)
                elif rule.times:
                    rule.times -= 1
                return rule
        return None

    def default(self, _message, index):
        """The answer without a rule: the statuses in order, the last one repeats."""
        return Answer(self.answers[index], [("Content-Type", self.media_type)], self.body, self.delay)

    def pending(self):
        """Arrivals not consumed yet."""
        with self.changed:
            return self.received[self.cursor:]

    def wait(self, count, deadline):
        """Wait until more than count arrivals are pending or the deadline has passed."""
        with self.changed:
            self.changed.wait_for(lambda: len(self.received) - self.cursor > count,
                                  max(0.0, deadline - time.monotonic()))

    def consume(self, index):
        """Move the cursor behind the pending arrival with this index."""
        with self.changed:
            message = self.received[self.cursor + index]
            self.cursor += index + 1
            self.last = message.arrived
            return message


class SinkServer:
    """One server per run; every sink has its own path."""

    def __init__(self, address):
        sinks = self.sinks = {}
        lock = self.lock = threading.Lock()

        class Handler(_Handler):
            def lookup(self):
                with lock:
                    return longest(sinks, self.path)

        self.server = http.server.ThreadingHTTPServer((address, 0), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None      # a peer that resets its connection is no news
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self.thread.start()
        self.origin = f"http://{address}:{self.server.server_address[1]}"

    def open(self, path, sink):
        """Serve a sink; returns its URL."""
        with self.lock:
            self.sinks[path] = sink
        return self.origin + path

    def close(self):
        """Stop serving."""
        self.server.shutdown()
        self.server.server_close()


def longest(sinks, path):
    """(sink, path below it) of a target; (None, target) when there is none."""
    path = re.sub(r"^(?:https?|coap)://[^/]+", "", path)     # absolute form: the sink stands for a proxied SCL
    plain = path.partition("?")[0]
    for prefix in sorted(sinks, key=len, reverse=True):
        if plain == prefix or plain.startswith(prefix + "/"):
            return sinks[prefix], path[len(prefix):]
    return None, path


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60

    def log_message(self, *_):
        """Quiet: a case reports what it misses."""

    def _body(self):
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            parts = []
            while size := int(self.rfile.readline().split(b";")[0], 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _serve(self):
        message = Message(headers=self.headers.items(), body=self._body(), method=self.command)
        message.arrived = time.monotonic()
        sink, message.path = self.lookup()
        answer = sink.serve(message) if sink else Answer(404)
        time.sleep(answer.delay)
        self._respond(answer)

    def _respond(self, answer):
        bodiless = answer.status in (204, 304)
        self.send_response(answer.status)
        for name, value in answer.headers:
            if not (bodiless and name.lower() == "content-type"):
                self.send_header(name, value)
        if not bodiless:
            self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if answer.body and not bodiless and self.command != "HEAD":
            self.wfile.write(answer.body)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = _serve
