# SPDX-License-Identifier: Apache-2.0
"""A gateway of the test: an HTTP server that plays G, honestly unless `twist` changes what it says."""

import http.server
import json
import struct
import threading

from .bed import pick_port
from .sga import OCTETS, ROOT
from .sgacrypt import Bad
from .sgagate import Gateway, GatewaySession
from .sgawire import Head, Shared, r2_make, unb64u


class FakeGateway:
    """Serves package, devices, negotiations, sessions, records and mailboxes to anybody.

    twist(name, message, who): what is sent in place of a message ("R2", "A2", "A4", "B2", "B6i", "B6j", "record",
    "package") to a device; None: nothing is. It believes every token, and checks no proof of a request.
    """

    def __init__(self, ident=b"gateway.example.org", seed=None, keys=None, twist=None, **more):
        self.gate, self.twist = Gateway(ident, seed=seed, keys=keys, **more), twist or (lambda _name, message, _who: message)
        self.ident, self.package = ident.decode(), self.gate.package
        self.shared, self.cid0, self.boxes, self.sessions, self.regctr, self.numbers = {}, {}, {}, {}, {}, {}
        self.seen, self.refused, self.changed = [], [], threading.Condition()
        fake = self

        class Handler(http.server.BaseHTTPRequestHandler):
            """One connection."""
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def _any(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                path = "/" + self.path.split("/", 3)[-1] if "://" in self.path else self.path
                status, said, more = fake.serve(self.command, path, body, self.headers.get("X-M2M-SGA", ""))
                self.send_response(status)
                self.send_header("Content-Length", str(len(said)))
                if said:
                    self.send_header("Content-Type", OCTETS)
                for name, value in more.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(said)

            do_GET = do_POST = do_DELETE = do_PUT = _any

            def log_message(self, *_):
                """Nothing."""

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", pick_port()), Handler)
        self.server.daemon_threads, self.server.handle_error = True, lambda *_: None
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self.thread.start()
        self.port = self.server.server_address[1]
        self.root = f"http://127.0.0.1:{self.port}{ROOT}"

    def close(self):
        """Ends it."""
        self.server.shutdown()
        self.thread.join(10)
        self.server.server_close()

    def wait(self, condition, timeout=60):
        """Waits until condition() is true; its last value."""
        with self.changed:
            return self.changed.wait_for(condition, timeout)

    def serve(self, method, path, body, proof=""):
        """(status, body, headers)"""
        path, _, query = path.removeprefix(ROOT).partition("?")
        parts = [p for p in path.split("/") if p]
        with self.changed:
            self.seen.append((method, path, body))
            self.changed.notify_all()
            try:
                return self._route(method, parts, query, body, unb64u(proof.split(";")[0]) if proof else b"")
            except (Bad, KeyError) as error:
                self.refused.append((method, path, repr(error)))
                return 403, b"", {}

    def _route(self, method, parts, query, body, who):
        if parts == ["package"]:
            return 200, self.twist("package", self.package.octets, b""), {"ETag": f'"{self.package.dp.hex()}"'}
        if method == "POST" and parts == ["devices"]:
            return self._register(body)
        if parts[0] == "devices" and parts[2:3] == ["mailbox"]:
            return self._mailbox(method, parts, query)
        if method == "POST" and len(body) >= 24:
            return self._message(parts, body, who)
        return 204 if method == "DELETE" else 404, b"", {}

    def _register(self, body):
        _, ident, kd, cid0, _, _ = self.gate.r1_open(body)
        self.shared[ident], self.cid0[ident] = Shared(kd, ident, self.gate.id), cid0
        self.regctr[ident] = self.regctr.get(ident, 0) + 1
        self.boxes.setdefault(ident, [])
        return 201, self.twist("R2", r2_make(self.shared[ident], body, count=self.regctr[ident]), ident), {"Location": f"{ROOT}/devices/{ident.decode()}"}

    def put(self, ident, name, message):
        """An item for a mailbox, as it is after the twist."""
        message = self.twist(name, message, ident)
        if message is not None:
            self.numbers[ident] = self.numbers.get(ident, 0) + 1
            self.boxes.setdefault(ident, []).append((self.numbers[ident], message))
        self.changed.notify_all()

    def _mailbox(self, method, parts, query):
        ident = parts[1].encode()
        box = self.boxes.setdefault(ident, [])
        if method == "DELETE":
            upto = int(parts[3])
            self.boxes[ident] = [b for b in box if b[0] > upto or ("before=true" not in query and b[0] < upto)]
            return 204, b"", {}
        wait = next((int(q[5:]) for q in query.split("&") if q.startswith("wait=")), 0)
        self.changed.wait_for(lambda: self.boxes[ident], min(wait, 2))
        return 200, b"".join(struct.pack(">QI", n, len(m)) + m for n, m in self.boxes[ident][:50]), {}

    def _message(self, parts, body, who):
        head = Head(body)
        if parts == ["negotiations"]:
            session = GatewaySession(self.gate, body, self.shared.__getitem__, self.cid0.__getitem__)
            self.sessions[head.sid] = session
            self.put(session.ids[2], "A2", session.a2())
            return 202, b"", {"Location": f"{ROOT}/negotiations/{head.sid.hex()}"}
        session = self.sessions[head.sid]
        i, _, j = session.ids
        if parts[-1] == "acceptance":
            session.a3_take(body)
            self.put(i, "A4", session.a4())
            return 200, b"", {}
        if parts == ["sessions"]:
            session.b1_take(body)
            self.put(j, "B2", session.b2())
            return 202, b"", {"Location": f"{ROOT}/sessions/{head.sid.hex()}"}
        if parts[-1] == "response":
            session.b3_take(body)
            self._distribute(session, i, j)
            return 200, b"", {}
        self.put(j if who == i else i, "record", body)
        return 201, b"", {}

    def _distribute(self, session, i, j):
        to_i, to_j = session.b6()
        self.put(i, "B6i", to_i)
        self.put(j, "B6j", to_j)


def told(fake):
    """What was asked of it, for messages of tests."""
    return json.dumps([(m, p, len(b)) for m, p, b in fake.seen[-20:]])
