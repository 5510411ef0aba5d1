# SPDX-License-Identifier: Apache-2.0
"""HTTP server that receives notifications and requests retargeted to applications."""

import http.server
import re
import threading
import time

from .message import Message


class Sink:
    """What one case expects to arrive under one path."""

    def __init__(self, answers, media_type, body, delay):
        self.answers, self.media_type, self.body, self.delay = answers, media_type, body, delay
        self.received, self.cursor, self.last = [], 0, 0.0
        self.changed = threading.Condition()

    def add(self, message):
        """Store an arrival; returns the status to answer (the last one repeats)."""
        with self.changed:
            index = min(len(self.received), len(self.answers) - 1)
            self.received.append(message)
            self.changed.notify_all()
            return self.answers[index]

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
                    return _longest(sinks, self.path)

        self.server = http.server.ThreadingHTTPServer((address, 0), Handler)
        self.server.daemon_threads = True
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


def _longest(sinks, path):
    path = re.sub(r"^https?://[^/]+", "", path)     # absolute form: the sink stands for a proxied SCL
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
        status, body, media_type = 404, b"", "text/plain"
        if sink:
            status, body, media_type = sink.add(message), sink.body, sink.media_type
            time.sleep(sink.delay)
        self.send_response(status)
        if status not in (204, 304):
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Content-Type", media_type)
        self.end_headers()
        if status not in (204, 304) and self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = _serve
