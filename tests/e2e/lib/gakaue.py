# SPDX-License-Identifier: Apache-2.0
"""A serving network that the test plays for one dscl, message by message, and that dscl."""

import http.server
import json
import secrets
import threading

from . import gaka
from . import gakasn as sn
from .bed import pick_port, wait_for
from .client import Client
from .gakahome import Vectors
from .secure import Node

GW = "gw-1"


class Serving:
    """A serving network, with a home network, that answers as the test says: a list of (kind, change) for the attempts to come."""

    def __init__(self, bed, kmr, gid, gak):
        self.vectors, self.node, self.kmr, self.gid = Vectors(), secrets.token_bytes(16), kmr, gid
        self.vectors.keys[kmr.node] = gaka.aka_root(kmr.key, kmr.node)
        self.gtk_of = gak
        self.port, self.lock = pick_port(), threading.Lock()
        self.plan, self.done, self.seen, self.agreed = [], [], [], []
        self.vector = self.set = self.iv = None
        self.c = 0
        self.fresh()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            """One message."""

            def do_POST(self):  # pylint: disable=invalid-name
                """T1, T5, T8, T12."""
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with outer.lock:
                    status, answer = outer.step(body)
                self.send_response(status)
                for name, value in {"Content-Type": gaka.MEDIA, "Content-Length": len(answer)}.items():
                    self.send_header(name, str(value))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_):
                """Nothing."""
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        bed.add(self)

    def close(self):
        """Ends it."""
        self.server.shutdown()
        self.server.server_close()

    def fresh(self):
        """Another vector of the home network; another C."""
        self.vector = gaka.Vector(self.vectors.vector(self.kmr.node, self.node))
        self.iv = self.iv or 1000
        self.c = self.c + 1 if self.c else self.iv

    def t4(self):
        """Of the vector there is."""
        return gaka.message(gaka.T4, self.vector.rand + self.vector.autn + self.node)

    def t7(self, first):
        """The same for a member; NS is always the same, so that it is one message for one T1."""
        rand, window = b"\x77" * 16, 10000
        self.set = gaka.kauth(gaka.gtk(self.gtk_of, self.gid, rand, self.node),
                              gaka.xk(self.vectors.keys[self.kmr.node], self.gid, rand, self.node, self.iv, window))
        body = rand + self.node + self.iv.to_bytes(8, "big") + window.to_bytes(2, "big") + self.c.to_bytes(8, "big") + b"\x33" * 16
        return gaka.message(gaka.T7, body + gaka.tag_sn(self.set, first, body))

    def step(self, body):
        """Status and answer."""
        kind = gaka.kind_of(body)
        self.seen.append(kind)
        if kind == gaka.T1:
            return self._first(body)
        if kind == gaka.T12 or not self.done:
            return 403, gaka.message(gaka.T12, bytes([gaka.MAC]) + bytes(15))
        how, change = self.done[-1]
        answer, key = self._last(body)
        if how in (gaka.T6, gaka.T9) and change:
            answer = change(answer)
        elif answer is not None:
            self.agreed.append(key)
        self.fresh()
        return (200, answer) if answer is not None else (403, gaka.message(gaka.T12, bytes([gaka.MAC]) + bytes(15)))

    def _first(self, body):
        if not self.plan:
            return 503, gaka.message(gaka.T12, bytes([gaka.BUSY]) + bytes(15))
        self.done.append(self.plan.pop(0))
        how, change = self.done[-1]
        self.t1 = body
        self.challenge = self.t4() if how in (gaka.T4, gaka.T6) else self.t7(body)
        return 200, change(self.challenge) if how in (gaka.T4, gaka.T7) and change else self.challenge

    def _last(self, body):
        if gaka.kind_of(body) == gaka.T5:
            good = gaka.hxres(self.vector.rand, gaka.payload(body)) == self.vector.hxres
            return (gaka.message(gaka.T6, gaka.aka_ok(self.vector.ks, self.challenge, body)), self.vector.ks) if good else (None, None)
        good = gaka.payload(body) == gaka.tag_ue(self.set, self.t1, self.challenge)
        return (gaka.message(gaka.T9, gaka.tag_ok(self.set, self.t1, self.challenge, body)),
                gaka.ks_member(self.set, self.t1, self.challenge, body)) if good else (None, None)


class Device(Node):
    """A dscl that attaches to it."""

    def __init__(self, bed, provider):
        super().__init__(bed, "dscl", provider, name="dev-0")
        self.kmr = provider.issue(self.scl_id)
        self.gid = sn.group(provider, [self.kmr], [GW])
        self.serving = Serving(bed, self.kmr, self.gid, sn.gaks(provider, self.kmr, self.scl_id, self.gid)[0])
        self.groups["gaka"] = {"enabled": True, "gateway": f"https://127.0.0.1:{pick_port()}/m2m",
                               "attach": f"http://127.0.0.1:{self.serving.port}/m2m", "retry_first": "10 ms", "retry_max": "40 ms",
                               "check_interval": "1 h"}
        self.extra = sn.options(self.groups) + "\n"
        self.write_config()
        self.provide(self.kmr)

    def status(self):
        """GET /m2m/gaka."""
        client = Client("127.0.0.1", self.port, None)
        try:
            return json.loads(client.request("GET", sn.PATH, None, {"Accept": "application/json"}).body)
        finally:
            client.close()

    def failed(self):
        """What it has not taken, as it counts: all of it."""
        return sum(n for k, n in self.status()["counters"].items() if k.startswith("gaka_failed"))

    def tries(self, plan, timeout=120):
        """Attempts as planned; true when all were begun, and another one was, so that the last is over."""
        self.serving.plan = list(plan)
        done = wait_for(lambda: not self.serving.plan, timeout)
        begun_now = self.serving.seen.count(gaka.T1)
        return done and wait_for(lambda: self.serving.seen.count(gaka.T1) > begun_now, 60)
