#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A network that forges: nothing that it says without the provider's signature has an effect that lasts."""

import base64
import http.server
import json
import os
import re
import ssl
import threading
import time

from lib import psk, report
from lib.bed import pick_port, wait_for
from lib.m2mkeys import reject
from lib.pki import signing_key
from lib.report import LONG
from lib.secure import Node, Provider, factory_node, ppid

SECONDS = 600 if LONG else 5    # of each loop, which goes through all forgeries once at least
QUICK = {"bootstrap": {"backoff": "200 ms", "retry": "100 ms", "retry_max": "200 ms"}}
CAUSES = {1: "unknown", 2: "revoked", 3: "not allowed here", 5: "expired", 6: "integrity", 7: "wrong device"}
FOREVER = {"Retry-After": "4294967295"}
STATUSES = (400, 401, 403, 404, 410, 421, 451, 500, 503)


def unb64(text):
    """Octets of base64url."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def b64(octets):
    """The other way."""
    return base64.urlsafe_b64encode(octets).decode().rstrip("=")


class Forger:
    """What a false network may put into X-M2M-Reject: {name: function of a nonce}."""

    def __init__(self, bed, provider, node):
        self.keys, self.node, self.old = provider.reject_keys, node, os.urandom(16)
        self.foreign = signing_key(bed.path(f"foreign-{node.hex()}.key"))[0]
        self.kept = reject(self.keys[0], node, self.old, 2)

    def true(self, nonce, cause=2, **more):
        """By the provider."""
        return reject(self.keys[0], self.node, nonce, cause, **more)

    def altered(self, nonce, at, mask):
        """The same, which was about a transient overload, with an octet changed."""
        octets = bytearray(unb64(self.true(nonce, 4, permanent=False, retry_after=60)))
        octets[at] ^= mask
        return b64(bytes(octets))

    def all(self):
        """Each of them."""
        made = {
            "replayed, of an old nonce": lambda nonce: self.kept,
            "signed for another nonce": lambda nonce: self.true(os.urandom(16)),
            "of another node": lambda nonce: reject(self.keys[0], os.urandom(16), nonce, 2),
            "by a wrong key": lambda nonce: reject(self.foreign, self.node, nonce, 2),
            "too old": lambda nonce: self.true(nonce, when=time.time() - 330),
            "of the future": lambda nonce: self.true(nonce, when=time.time() + 330),
            "cut": lambda nonce: self.true(nonce)[:-2],
            "longer": lambda nonce: self.true(nonce) + "AA",
            "with cause and flag altered": lambda nonce: self.altered(nonce, 4, 4 ^ 2),
            "with the flag altered": lambda nonce: self.altered(nonce, 5, 1),
            "with the signature altered": lambda nonce: self.altered(nonce, -1, 1),
            "garbage": lambda nonce: b64(os.urandom(128)),
            "no base64": lambda nonce: "not=a=verdict!",
        }
        # These are true, and say nothing that makes credentials void.
        for cause in (3, 5, 6, 7):
            made[f"signed: {CAUSES[cause]}"] = lambda nonce, cause=cause: self.true(nonce, cause)
        made["signed: revoked, not for good"] = lambda nonce: self.true(nonce, 2, permanent=False)
        made["signed: overload"] = lambda nonce: self.true(nonce, 4, permanent=False, retry_after=300)
        return made


def answers(forger):
    """(name, status, headers of a nonce, body) of all that the network answers."""
    for status in STATUSES:
        yield f"{status}", status, lambda nonce: {}, b""
    yield "503 for ever", 503, lambda nonce: FOREVER, b""
    yield "403 in garbage", 403, lambda nonce: {}, os.urandom(200)
    yield "200 in garbage", 200, lambda nonce: {}, os.urandom(200)
    for name, make in forger.all().items():
        for status in (403, 410, 503):
            yield f"{status}, {name}", status, lambda nonce, make=make: {"X-M2M-Reject": make(nonce), **FOREVER}, b""


def void(node):
    """It has given its credentials up."""
    return "credentials-void" in node.log()


def settle(node):
    """Where an attempt has come through."""
    return len(re.findall("event=service-connection-failed", node.log()))


# ---- the NSCL ----

class FalseNscl:
    """What is on the way to the NSCL, and has its key, as if TLS were no help."""

    def __init__(self, node, kmr, tap):
        self.node, self.kmr, self.tap = node, kmr, tap

    def asked(self):
        """The next session A: (server, nonce), or None."""
        port = pick_port()
        false = psk.FalseServer(port, self.kmr.identity(), self.kmr.psk())
        self.tap.target = port
        if not self.node.alive():
            self.node.start()
        line = false.accepted() and false.await_request()
        nonce = re.search(r"X-M2M-Nonce: ([0-9a-f]{32})", false.head, re.I)
        if line and "connectionParamSet" in line and nonce:
            return false, bytes.fromhex(nonce.group(1))
        false.close()
        return None


def imported(bed, provider, name):
    """A node with imported credentials that pins the key of rejects: (node, Kmr)."""
    node = Node(bed, "gscl", provider, name=name, settings=QUICK)
    kmr = provider.issue(node.scl_id)
    node.provide(kmr).options.append(f"bootstrap.reject_key={provider.reject_keys[1]}")
    return node, kmr


def nscl(results, bed):
    """Answers to a request for a service connection."""
    provider = Provider(bed, name="nscl-a", msbf=False, tapped=True).start()
    node, kmr = imported(bed, provider, "node-a")
    false, end, told = FalseNscl(node, kmr, provider.tap), time.monotonic() + SECONDS, 0
    rows = list(answers(Forger(bed, provider, kmr.node)))
    while told < len(rows) or time.monotonic() < end:
        name, status, headers, body = rows[told % len(rows)]
        got = false.asked()
        if not results.ok(got, f"it asks, and would go on after what came before {name}", node.log_tail):
            return
        server, nonce = got
        before = settle(node)
        server.answer(status, body, headers(nonce))
        wait_for(lambda before=before: settle(node) > before or void(node), 10)
        server.close()
        if not results.ok(not void(node), f"{name}: the credentials are kept", node.log_tail):
            return
        told += 1
    got = false.asked()
    results.ok(got, f"it goes on after {told} answers", node.log_tail)
    if got:
        got[0].send(b"\0\1garbage\r\n\r\n")
        got[0].close()
    provider.tap.target = provider.mid_port
    results.ok(provider.sees(node.scl_id) is not None, "the real NSCL takes it with the same credentials", node.log_tail)
    node.stop()
    node, kmr = imported(bed, provider, "node-d")
    got = FalseNscl(node, kmr, provider.tap).asked()
    if results.ok(got, "another one asks", node.log_tail):
        got[0].answer(403, b"", {"X-M2M-Reject": Forger(bed, provider, kmr.node).true(got[1])})
        results.ok(wait_for(lambda: void(node), 20), "what the provider has signed for it, now, is obeyed", node.log_tail)
        got[0].close()
    node.stop()
    provider.stop()


# ---- the MSBF ----

class FalseMsbf(http.server.ThreadingHTTPServer):
    """An MSBF with a certificate that the node trusts; script: function of (path, body) to (status, headers, body)."""

    daemon_threads = True

    def __init__(self, identity):
        self.script, self.asked = lambda path, body: (404, {}, b""), []
        super().__init__(("127.0.0.1", 0), FalseHandler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(identity.cert, identity.key)
        self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        self.thread = threading.Thread(target=self.serve_forever, daemon=True)
        self.thread.start()

    @property
    def port(self):
        """Where it listens."""
        return self.server_address[1]

    def handle_error(self, request, client_address):
        """A client that leaves is none of its business."""

    def close(self):
        """For the bed."""
        self.shutdown()
        self.server_close()


class FalseHandler(http.server.BaseHTTPRequestHandler):
    """One request to it."""

    protocol_version = "HTTP/1.1"

    def log_message(self, format, *args):   # pylint: disable=redefined-builtin
        """Quiet."""

    def _answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        status, headers, answer = self.server.script(self.path, body)
        self.server.asked.append(self.path)
        self.send_response(status)
        for name, value in {"Content-Length": str(len(answer)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_POST = _answer


def statuses(forger):
    """(name, status, body of a nonce) of what a false MSBF says to POST status."""
    for status in STATUSES:
        yield f"{status}", status, lambda nonce: b""
    yield "200 without a body", 200, lambda nonce: b""
    yield "200 in garbage", 200, lambda nonce: os.urandom(128)
    for name, make in forger.all().items():
        if name != "no base64":
            yield f"200, {name}", 200, lambda nonce, make=make: unb64(make(nonce).ljust(len(make(nonce)) // 4 * 4, "A"))
    yield "403 with a true verdict in place of 200", 403, forger_true(forger)


def forger_true(forger):
    """The true one, as octets."""
    return lambda nonce: unb64(forger.true(nonce))


def status(results, bed):
    """Handshakes that are cut off, and a false MSBF that says why."""
    provider = Provider(bed, name="nscl-b", tapped=True).start()
    false = bed.add(FalseMsbf(provider.servers.server("localhost")))
    node = factory_node(bed, "gscl", provider, ppid(0x0c0001), name="node-b", settings={
        "bootstrap": {**QUICK["bootstrap"], "msbf": f"https://localhost:{false.port}/m2m/msbf",
                      "reject_key": provider.reject_keys[1]}})
    kmr = provider.issue(node.scl_id)
    node.provide(kmr)
    forger, lock = Forger(bed, provider, kmr.node), threading.Lock()
    rows, said, truth = list(statuses(forger)), [], []

    def script(path, body):
        with lock:
            nonce = bytes.fromhex(json.loads(body)["nonce"]) if path.endswith("/status") else None
            if nonce is None:
                return 404, {}, b""
            if truth:
                return 200, {"Content-Type": "application/octet-stream"}, unb64(forger.true(nonce))
            name, code, make = rows[len(said) % len(rows)]
            said.append(name)
            return code, {"Content-Type": "application/octet-stream", **FOREVER}, make(nonce)

    false.script = script
    provider.tap.target = pick_port()
    node.start()
    patience = 240 if LONG else 120
    results.ok(wait_for(lambda: len(said) > len(rows) or void(node), patience), f"it asked {len(said)} times what it has to do",
               node.log_tail)
    results.ok(not void(node), "and kept its credentials after all forged answers", said[-3:])
    provider.tap.target = provider.mid_port
    results.ok(provider.sees(node.scl_id) is not None, "with which the real NSCL takes it", node.log_tail)
    truth.append(True)
    provider.tap.target = pick_port()
    node.stop()
    node.start()
    results.ok(wait_for(lambda: void(node), 60), "what is signed is obeyed", node.log_tail)
    node.stop()
    provider.stop()


def bootstrap(results, bed):
    """A device that has nothing yet, and a network that tells it to go away."""
    provider = Provider(bed, name="nscl-c").start()
    tap = bed.add(psk.Tap(provider.msbf_port))
    false = bed.add(FalseMsbf(provider.servers.server("localhost")))
    node = factory_node(bed, "gscl", provider, ppid(0x0c0002), name="node-c", settings={
        "bootstrap": {**QUICK["bootstrap"], "msbf": f"https://localhost:{tap.port}/m2m/msbf"}})
    forger, said = Forger(bed, provider, bytes(16)), []
    rows = list(answers(forger))

    def script(path, body):
        name, code, headers, garbage = rows[len(said) % len(rows)]
        said.append(name)
        return code, headers(os.urandom(16)), garbage

    false.script = script
    tap.target = false.port
    node.start()
    results.ok(wait_for(lambda: len(said) > len(rows), 120), f"it asked again after {len(said)} refusals", node.log_tail)
    tap.target = provider.msbf_port
    results.ok(provider.sees(node.scl_id) is not None, "and is bootstrapped when the real MSBF answers", node.log_tail)
    node.stop()
    provider.stop()


if __name__ == "__main__":
    report.run(nscl, status, bootstrap)
