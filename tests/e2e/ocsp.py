#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Certificates of devices at the MSBF by OCSP: a responder of openssl, and what goes wrong with one."""

import contextlib
import http.client
import http.server
import os
import socketserver
import subprocess
import sys
import threading
import time

from lib import boot, pki, psk
from lib import report as reports
from lib.bed import pick_port, wait_for
from lib.boot import ask, reason
from lib.report import SKIPPED
from lib.secure import Provider, ppid
from lib.tls import available

REQUEST, ANSWER = "application/ocsp-request", "application/ocsp-response"
STOPPED_WITHIN = 10     # seconds, less than the responder may take


class Responder:
    """openssl ocsp over the index of an authority, as it is now, without one identity."""

    def __init__(self, bed, authority, signer, *options, without=None):
        self.port, self.log = pick_port(), bed.path(f"responder-{len(bed.others)}.log")
        index = self.log + ".index"
        with open(os.path.join(authority.directory, "index.txt"), encoding="ascii") as whole, open(index, "w", encoding="ascii") as part:
            part.writelines(line for line in whole if without is None or not line.endswith(f"/CN={without}\n"))
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                ["openssl", "ocsp", "-index", index, "-port", str(self.port), "-CA", authority.cert, "-rsigner", signer.cert, "-rkey", signer.key, *options],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        bed.add(self)
        if not wait_for(self._waits):
            raise AssertionError("openssl ocsp does not start")

    def _waits(self):
        with open(self.log, "rb") as log:
            return b"waiting" in log.read()

    def close(self):
        """Ends it."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


class _Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True


class Front:
    """What certificates name as their responder: self.answers(request) is (status, headers, body), or None for silence."""

    def __init__(self, bed):
        front = self

        class Handler(http.server.BaseHTTPRequestHandler):
            """One exchange."""

            def do_POST(self):
                """As answers says."""
                front.asked.append((self.headers["Content-Type"], self.rfile.read(int(self.headers["Content-Length"]))))
                made = front.answers(front.asked[-1][1])
                if made is None:
                    front.over.wait()
                    return
                with contextlib.suppress(OSError):
                    self.send_response(made[0])
                    for name, value in {"Content-Length": len(made[2]), **made[1]}.items():
                        self.send_header(name, str(value))
                    self.end_headers()
                    self.wfile.write(made[2])

            def log_message(self, *_):
                """Silent."""

        self.asked, self.answers, self.over = [], lambda _: None, threading.Event()
        self.port = pick_port()
        self.server = _Server(("127.0.0.1", self.port), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        bed.add(self)

    @property
    def uri(self):
        """For certificates."""
        return f"http://127.0.0.1:{self.port}/"

    def passes_to(self, responder):
        """Answers as that one does."""
        self.answers = lambda request: (200, {"Content-Type": ANSWER}, ask_responder(responder, request))

    def close(self):
        """Ends it."""
        self.over.set()
        self.server.shutdown()
        self.server.server_close()


def ask_responder(responder, request):
    """What openssl answers."""
    client = http.client.HTTPConnection("127.0.0.1", responder.port, timeout=30)
    try:
        client.request("POST", "/", request, {"Content-Type": REQUEST})
        return client.getresponse().read()
    finally:
        client.close()


class World:
    """A provider that asks, an authority of devices, and a front; each device has an identifier of its own."""

    def __init__(self, bed, **options):
        self.bed, self.front, self.count = bed, Front(bed), 0
        self.chain = ()     # options for what devices show beside their certificates
        self.provider = Provider(bed, settings={"msbf": {"ocsp": "on", "ocsp_timeout": "10 s", **options}}).start()
        self.authority = self.provider.devices

    def device(self, *, authority=None, ocsp=None, **more):
        """(identifier, identity) of a device that is admitted."""
        self.count += 1
        mine = ppid(self.count)
        self.provider.admit(mine)
        return mine, (authority or self.authority).device(mine, ocsp=[self.front.uri] if ocsp is None else ocsp, **more)

    def responder(self, *options, signer=None, without=None):
        """A new one, which the front passes to."""
        made = Responder(self.bed, self.authority, signer or self.authority.responder(), *options, without=without)
        self.front.passes_to(made)
        return made

    def bootstrap(self, device, method="POST"):
        """(status, reason) of one; 0 when there is no session."""
        mine, identity = device
        try:
            with self.provider.certified(identity, more=self.chain) as session:
                answer = ask(session, mine, "&kmr=derive" if method == "POST" else "", method=method)
        except psk.Refused:
            return 0, None
        return answer.status, reason(answer)

    def refused(self, report, device, name, truth):
        """The one refusal, the reason in the audit alone, and nothing provisioned."""
        before, known = boot.results(self.provider).count(truth), boot.state(self.provider)
        report.equal(self.bootstrap(device), (403, "AUTH_FAILED"), f"{name}: refused", self.bed.logs)
        report.equal(boot.results(self.provider).count(truth), before + 1, f"{name}: {truth} is in the audit",
                     boot.results(self.provider)[-5:])
        report.equal(boot.state(self.provider), known, f"{name}: nothing was provisioned")


def by_its_responder(report, bed):
    """A certificate that is good, one that is revoked, one that the responder does not know."""
    world = World(bed)
    good, revoked, unknown, other = (world.device() for _ in range(4))
    # The revocation list of the listener is that of before: it is the responder who knows.
    world.authority.revoke(revoked[1], publish=False)
    world.responder(without=os.path.basename(unknown[1].cert)[:-4])
    report.equal(world.bootstrap(good), (201, None), "good: bootstrapped", bed.logs)
    report.equal([kind for kind, _ in world.front.asked], [REQUEST], "the responder was asked once")
    report.equal(world.bootstrap(good), (201, None), "good: once more")
    report.equal(len(world.front.asked), 2, "an answer without nextUpdate is not kept")
    report.ok(world.front.asked[0][1] != world.front.asked[1][1], "each question has a nonce of its own")
    world.refused(report, revoked, "revoked", "OCSP_REVOKED")
    world.refused(report, unknown, "not known to the responder", "OCSP_UNKNOWN")
    for method in ("GET", "DELETE"):
        report.equal(world.bootstrap(revoked, method), (403, "AUTH_FAILED"), f"revoked: {method}")
    world.responder("-nmin", "10", signer=pki.Identity(world.authority.cert, world.authority.key))
    count = len(world.front.asked)
    for number in (1, 2, 3):
        report.equal(world.bootstrap(other), (201, None), f"an answer by the authority itself, {number}", bed.logs)
    report.equal(len(world.front.asked), count + 1, "a good answer is kept until its nextUpdate")
    counters = world.provider.administer("GET", "/counters")
    report.ok("bootstrap_ocsp" in str(counters), "the counters tell", counters)


def below_an_intermediate(report, bed):
    """An authority between the device and the anchor: it and its responders answer, not those of the anchor."""
    world = World(bed)
    middle = pki.Authority(bed.path("middle"), "middle-ca", parent=world.authority)
    good, other = world.device(authority=middle), world.device(authority=middle)
    world.chain = ("-cert_chain", middle.cert)
    world.front.passes_to(Responder(bed, middle, world.authority.responder()))
    world.refused(report, good, "signed for the anchor", "OCSP_SIGNATURE")
    world.front.passes_to(Responder(bed, middle, middle.responder()))
    report.equal(world.bootstrap(good), (201, None), "signed for the one between", bed.logs)
    world.front.passes_to(Responder(bed, middle, middle.responder(), without=os.path.basename(other[1].cert)[:-4]))
    world.refused(report, other, "not known to it", "OCSP_UNKNOWN")


def no_good_answer(report, bed):
    """Responders that are dead, silent, endless, or somebody else: refused like anything else."""
    world = World(bed)
    stranger = pki.Authority(bed.path("stranger"), "stranger-ca")
    honest = world.authority.responder()
    for name, signer in (("of another authority", stranger.responder()), ("that is none, of the authority", world.authority.server()),
                         ("that is a device", world.device()[1])):
        device = world.device()
        world.responder(signer=signer)
        world.refused(report, device, f"signed by a certificate {name}", "OCSP_SIGNATURE")
    device = world.device()
    world.responder("-badsig", signer=honest)
    world.refused(report, device, "a damaged signature", "OCSP_SIGNATURE")
    device = world.device()
    good = world.responder(signer=honest)
    old = ask_responder(good, device_request(world, device))
    for name, answers, truth in (
            ("the answer to an earlier question", lambda _: (200, {"Content-Type": ANSWER}, old), "OCSP_NONCE"),
            ("silence", lambda _: None, "OCSP_UNREACHABLE"),
            ("a mebibyte", lambda _: (200, {"Content-Type": ANSWER}, bytes(1 << 20)), "OCSP_UNREACHABLE"),
            ("a mebibyte of unsaid length", lambda r: (200, {"Content-Length": 1 << 30}, ask_responder(good, r) + bytes(1 << 20)),
             "OCSP_UNREACHABLE"),
            ("nonsense", lambda _: (200, {"Content-Type": ANSWER}, b"good"), "OCSP_MALFORMED"),
            ("a good answer and more", lambda r: (200, {}, ask_responder(good, r) + b"0"), "OCSP_MALFORMED"),
            ("a good answer with status 500", lambda r: (500, {}, ask_responder(good, r)), "OCSP_UNREACHABLE"),
            ("another place", lambda _: (302, {"Location": f"http://127.0.0.1:{good.port}/"}, b""), "OCSP_UNREACHABLE"),
            ("tryLater", lambda _: (200, {}, bytes.fromhex("30030a0103")), "OCSP_NO_ANSWER")):
        world.front.answers = answers
        world.refused(report, device if truth == "OCSP_NONCE" else world.device(), name, truth)
    world.refused(report, world.device(ocsp=[f"http://127.0.0.1:{pick_port()}/"]), "nobody there", "OCSP_UNREACHABLE")
    world.front.passes_to(good)
    for name, uris in (("no responder", ()), ("https", [world.front.uri.replace("http:", "https:")]),
                       ("file", ["file:///etc/passwd"]), ("ldap", [world.front.uri.replace("http:", "ldap:")])):
        asked = len(world.front.asked)
        world.refused(report, world.device(ocsp=uris), f"certificate with {name}", "OCSP_NO_RESPONDER")
        report.equal(len(world.front.asked), asked, f"certificate with {name}: nobody was asked")
    last = world.device()
    world.responder(signer=honest)
    report.equal(world.bootstrap(last), (201, None), "and a good one is still good", bed.logs)


def device_request(world, device):
    """A question about a device by openssl, with a nonce."""
    path = world.bed.path("question")
    pki.openssl("ocsp", "-issuer", world.authority.cert, "-cert", device[1].cert, "-nonce", "-reqout", path)
    with open(path, "rb") as file:
        return file.read()


def nobody_makes_us_ask(report, bed):
    """Certificates that are not good anyhow cause no exchange."""
    world = World(bed)
    good, listed = world.device(), world.device()
    world.responder()
    stranger = pki.Authority(bed.path("stranger"), "stranger-ca")
    world.authority.revoke(listed[1])
    report.ok(wait_for(lambda: world.bootstrap(listed)[0] == 0), "revoked by the list: no session")
    asked = len(world.front.asked)
    for name, device in (("of a stranger", world.device(authority=stranger)), ("signed by itself", world.device(sign=False)),
                         ("expired", world.device(start=-5, end=-1)), ("for servers", world.device(usage="serverAuth")),
                         ("of another device", (good[0], world.device()[1])), ("revoked by the list", listed)):
        report.ok(world.bootstrap(device)[0] in (0, 401, 403), f"certificate {name}: refused")
    report.equal(len(world.front.asked), asked, "nobody was asked about them")
    report.equal(world.bootstrap(good), (201, None), "the good one", bed.logs)
    report.equal(len(world.front.asked), asked + 1, "was asked about")


def one_responder(report, bed):
    """msbf.ocsp_responder in place of what certificates say; an end while it is silent."""
    front = Front(bed)
    world = World(bed, ocsp_responder=front.uri, ocsp_timeout="20 s")
    good, bare, late = world.device(), world.device(ocsp=()), world.device()
    front.passes_to(world.responder())
    for name, device in (("names another", good), ("names none", bare)):
        report.equal(world.bootstrap(device), (201, None), f"certificate that {name}", bed.logs)
    report.equal((len(front.asked), len(world.front.asked)), (2, 0), "the one of the configuration was asked")
    front.answers = lambda _: None
    told = []
    waits = threading.Thread(target=lambda: told.append(world.bootstrap(late)), daemon=True)
    waits.start()
    report.ok(wait_for(lambda: len(front.asked) == 3), "a bootstrap waits for the responder")
    begun = time.monotonic()
    world.provider.stop()
    report.ok(time.monotonic() - begun < STOPPED_WITHIN, "the daemon does not wait with it")
    waits.join(30)
    report.equal(told, [(503, "OVERLOAD")], "the bootstrap was answered")


if __name__ == "__main__":
    if not available():
        print("ocsp: there is no openssl command")
        sys.exit(SKIPPED)
    reports.run(by_its_responder, below_an_intermediate, no_good_answer, nobody_makes_us_ask, one_responder)
