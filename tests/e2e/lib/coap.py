# SPDX-License-Identifier: Apache-2.0
"""Daemons that serve CoAP too, and clients of theirs that know what is behind each answer."""

import contextlib
import os
import socket
import subprocess
import threading
import time
import xml.etree.ElementTree as ElementTree

from conformance.lib import coapclient, coapmap
from conformance.lib import coapmsg as coap

from . import xml
from .bed import pick_port
from .client import NotSent, Unknown
from .daemon import CLEAR, SERVES, Daemon

WHO = "http://127.0.0.1/e2e"
COAP = '{{ address = "127.0.0.1"; port = {port}; protocol = "coap"; security = "none"; serve = [ {serve} ]; }}'
XML = "application/xml"


class CoapDaemon(Daemon):
    """One with a clear listener for CoAP, coap_port, beside the one for HTTP; more_listeners: their text."""

    def __init__(self, bed, kind="nscl", more_listeners=(), **more):
        self.coap_port, self.more_listeners = pick_port(), list(more_listeners)
        super().__init__(bed, kind, **more)

    def write_config(self):
        serve = SERVES[self.kind]
        self.listeners = ", ".join([CLEAR.format(port=self.port, serve=serve),
                                    COAP.format(port=self.coap_port, serve=serve), *self.more_listeners])
        super().write_config()

    def coap(self, port=None, **more):
        """A client over CoAP; port: of a relay in front of the daemon."""
        return CoapClient(port or self.coap_port, **more)


class CoapAnswer:
    """A response: code such as "2.05", packet (the last one), whole body."""

    def __init__(self, packet, body):
        self.packet, self.body, self.code = packet, body, coap.code_text(packet.code)

    @property
    def location(self):
        """Path of the created resource."""
        return "/" + "/".join(self.packet.texts(coap.LOCATION_PATH))

    def xml(self):
        """The document element."""
        return ElementTree.fromstring(self.body)

    def __repr__(self):
        return f"{self.code} {self.body[:300]!r}"


class CoapClient:
    """Requests in the name of one requestingEntity; not shared between threads."""

    def __init__(self, port, who=WHO, *, szx=6, source=None, hasty=None):
        self.caller, self.who = coapclient.Caller("127.0.0.1", port, szx, source), who
        if hasty:
            self.caller.endpoint.ack_timeout = hasty

    def close(self):
        """Gives the socket back."""
        self.caller.close()

    def options(self, target, body=None, kind=XML):
        """Options of a request."""
        lines = [("From", self.who)] + ([("Content-Type", kind)] if body else [])
        return coapmap.request_options("GET", target, [(k, v) for k, v in lines if v is not None])

    def request(self, method, target, body=None, kind=XML, more=()):
        """One request and its answer. Raises Unknown when none comes."""
        body = body.encode() if isinstance(body, str) else body or b""
        try:
            packet, whole = self.caller.call(coap.METHODS[method], self.options(target, body, kind) + list(more), body)
        except ConnectionRefusedError as error:
            raise NotSent(str(error)) from error
        except OSError as error:
            raise Unknown(f"{method} {target}: {error!r}") from error
        return CoapAnswer(packet, whole)

    def get(self, target, **more):
        """GET."""
        return self.request("GET", target, **more)

    def post(self, target, body, **more):
        """POST."""
        return self.request("POST", target, body, **more)

    def create(self, target, body):
        """POST that must answer 2.01; path of the new resource."""
        answer = self.post(target, body)
        if answer.code != "2.01":
            raise AssertionError(f"POST {target}: {answer!r}")
        return answer.location

    def observe(self, target):
        """An observation of a resource."""
        return Observation(self, target)


class Observation:
    """What one observer knows of a resource: fresh is the body of the latest state (RFC 7641, 3.4)."""

    def __init__(self, client, target):
        self.client, self.target, self.told, self.begun = client, target, 0, 0
        self.token, self.number, self.code, self.fresh = os.urandom(4), None, None, b""
        self.begin()

    def begin(self):
        """Registers, or registers again."""
        _, packet, body = self.client.caller.observe(self.client.options(self.target), self.token)
        self.begun += 1
        self.number = packet.uint(coap.OBSERVE)
        self.code, self.fresh = coap.code_text(packet.code), body

    def wait(self, timeout):
        """Takes the next notification; False when none comes."""
        packet = self.client.caller.notification(timeout)
        if packet is None:
            return False
        self.told += 1
        number = packet.uint(coap.OBSERVE)
        if number is not None and self.number is not None and not _later(number, self.number):
            return True
        self.number, self.code = number, coap.code_text(packet.code)
        self.fresh = self.client.caller.notification_body(packet, self.client.options(self.target))
        return True


def _later(number, before):
    """In the order of RFC 7641, 3.4, for those less than 128 s apart."""
    return 0 < (number - before) % (1 << 24) < 1 << 23


class Steady(threading.Thread):
    """An honest peer: creates, reads and deletes until it is ended; longest is the worst of its cycles in seconds."""

    def __init__(self, client, place):
        super().__init__(daemon=True)
        self.client, self.place, self.ended = client, place, False
        self.cycles, self.longest, self.complaints = 0, 0.0, []

    def cycle(self):
        """One cycle; what is wrong with it, or ''."""
        began = time.monotonic()
        made = self.client.post(self.place, xml.instance("steady"))
        codes = [made.code] + ([self.client.get(made.location).code, self.client.request("DELETE", made.location).code]
                               if made.code == "2.01" else [])
        self.longest = max(self.longest, time.monotonic() - began)
        return "" if codes == ["2.01", "2.05", "2.02"] else f"{codes} {made!r}"

    def run(self):
        while not self.ended and len(self.complaints) < 5:
            try:
                wrong = self.cycle()
            except (Unknown, NotSent) as error:
                wrong = repr(error)
            if wrong:
                self.complaints.append(wrong)
            self.cycles += 1

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.ended = True
        self.join(100)

    def served(self, report, title, bound):
        """Two results: every cycle went well, none took longer than bound seconds."""
        report.ok(self.cycles and not self.complaints, f"{title}: a known peer is served ({self.cycles} times)", self.complaints)
        report.ok(self.longest < bound, f"{title}: within {bound} s", self.longest)


class Dtls:
    """openssl s_client: datagrams through its standard input and output; arguments are its own."""

    def __init__(self, port, *arguments):
        self.here, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        line = ["openssl", "s_client", "-dtls1_2", "-quiet", "-connect", f"127.0.0.1:{port}", *arguments]
        self.process = subprocess.Popen(line, stdin=theirs, stdout=theirs, stderr=subprocess.DEVNULL)
        theirs.close()
        self.here.settimeout(1)
        self.number = 0

    def get(self, target, who=WHO, timeout=30):
        """(code of a GET or None, seconds). What is sent before the handshake is over may be lost: it is sent again."""
        self.number += 1
        token = self.number.to_bytes(4, "big")
        options = coapmap.request_options("GET", target, [("From", who)])
        data = coap.Packet(coap.CON, coap.GET, self.number, token, options).encode()
        began = time.monotonic()
        while time.monotonic() - began < timeout and self.process.poll() is None:
            with contextlib.suppress(OSError, coap.Malformed):
                self.here.send(data)
                answer = coap.parse(self.here.recv(65535))
                if answer.token == token:
                    return coap.code_text(answer.code), time.monotonic() - began
        return None, time.monotonic() - began

    def close(self):
        """Ends it."""
        self.here.close()
        self.process.kill()
        self.process.wait()
