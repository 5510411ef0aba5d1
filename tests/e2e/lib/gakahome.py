# SPDX-License-Identifier: Apache-2.0
"""A home network of group AKA that the test plays: it makes vectors as a MAS does, and changes them on their way if it is told to."""

import http.server
import json
import secrets
import ssl
import threading
import time

from . import gaka, pki
from .bed import pick_port
from .m2mkeys import u16, u64
from .secure import MSBF_ID

LIFETIME = 3600


class Vectors:
    """What a home network knows, and what it answers with."""

    def __init__(self):
        self.keys, self.sqn, self.groups = {}, {}, {}

    def device(self, gid=None, gaks=()):
        """Another device, a member of that group; without one it is by itself."""
        node, key = secrets.token_bytes(gaka.ID), secrets.token_bytes(32)
        self.keys[node] = key
        if gid is None:
            return gaka.Device(node, key)
        self.groups.setdefault(gid, (gaks[0], []))[1].append(node)
        return gaka.Device(node, key, gid, gaks)

    def group(self, n):
        """That many devices in a group of their own."""
        gid, gaks = secrets.token_bytes(gaka.GID), [secrets.token_bytes(32)]
        return [self.device(gid, gaks) for _ in range(n)]

    def vector(self, node, serving, rand=None):
        """RAND, AUTN, HXRES and KS: the next of the device."""
        key, rand = self.keys[node], rand or secrets.token_bytes(gaka.N)
        sqn = self.sqn[node] = self.sqn.get(node, 0) + 1
        return rand + gaka.autn(key, rand, sqn, serving) + gaka.hxres(rand, gaka.f2(key, rand, serving)) + gaka.f3(key, rand, sqn, serving)

    def t3(self, asked):
        """The answer to a T2."""
        body = gaka.payload(asked, gaka.T2)
        gid, leader, serving, window = body[:8], body[8:24], body[40:56], int.from_bytes(body[56:58], "big")
        gak, members = self.groups[gid]
        vector = self.vector(leader, serving)
        rand, rows = vector[:16], b""
        others = sorted(n for n in members if n != leader)
        for node in others:
            iv = int(time.time() * 1000000)
            rows += node + u64(iv) + gaka.xk(self.keys[node], gid, rand, serving, iv, window)
        head = gaka.gtk(gak, gid, rand, serving) + u64(int(time.time()) + LIFETIME) + u16(window) + u16(len(others))
        return gaka.message(gaka.T3, vector + head + rows)

    def t11(self, asked):
        """The answer to a T10."""
        body = gaka.payload(asked, gaka.T10)
        return gaka.message(gaka.T11, self.vector(body[:16], body[32:48]) + u64(int(time.time()) + LIFETIME))


class Home(Vectors):
    """That at the MAS interface of a provider, for gateways by their certificates; change: what is done to an answer."""

    def __init__(self, bed):
        super().__init__()
        self.servers, self.port, self.over = pki.Authority(bed.path("home-servers"), "provider-ca"), pick_port(), threading.Event()
        self.change, self.singles, self.asked = None, True, []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            """One request of a gateway."""

            protocol_version = "HTTP/1.1"

            def do_POST(self):  # pylint: disable=invalid-name
                """T2 or T10."""
                body = self.rfile.read(int(self.headers["Content-Length"]))
                self._say(200, gaka.MEDIA, outer.answer(body))

            def do_GET(self):  # pylint: disable=invalid-name
                """News of groups: there are none."""
                if "group-feed" not in self.path:
                    self._say(404, "text/plain", b"")
                    return
                if "since=0&" not in self.path:
                    outer.over.wait(10)
                self._say(200, "application/json", json.dumps({"upTo": 1, "reset": False, "groups": []}).encode())

            def _say(self, status, kind, body):
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                try:
                    self.end_headers()
                    self.wfile.write(body)
                except OSError:
                    self.close_connection = True

            def log_message(self, *_):
                """Nothing."""
        mine = self.servers.server(MSBF_ID)
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(mine.cert, mine.key)
        tls.load_verify_locations(self.servers.cert)
        tls.verify_mode = ssl.CERT_REQUIRED
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.server.daemon_threads = True
        self.server.socket = tls.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        bed.add(self)

    def close(self):
        """Ends it."""
        self.over.set()
        self.server.shutdown()
        self.server.server_close()

    def link(self, scl_id):
        """Options of a gateway of that name."""
        mine = self.servers.named_role("gw", scl_id)
        return {"uri": f"https://{MSBF_ID}:{self.port}/mas/v1", "ca": self.servers.cert, "certificate": mine.cert, "key": mine.key}

    def answer(self, asked):
        """T3, T11 or T12, changed."""
        self.asked.append(asked)
        if gaka.kind_of(asked) == gaka.T10 and not self.singles:
            return gaka.message(gaka.T12, bytes([gaka.NOT_MEMBER]) + bytes(15))
        data = self.t3(asked) if gaka.kind_of(asked) == gaka.T2 else self.t11(asked)
        return self.change(data) if self.change else data
