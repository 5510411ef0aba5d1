#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Threats to multiparty authentication, rows 36 to 38: what an attacker forges, mixes, replays or cuts is refused by nscl and gscl."""

import contextlib
import http.client
import http.server
import json
import threading
import time

import mpa as parties
from lib import mpa, psk, rows
from lib.bed import Bed, pick_port, wait_for
from lib.client import Client
from lib.m2mkeys import b64u, unb64u
from lib.report import LONG
from lib.secure import JSON, Node, Provider, listener
from lib.tls import available

CN = "nscl.example.org"
SERVER = "mtc.app.example"
OCTETS = {"Content-Type": mpa.MEDIA, "Accept": f"{mpa.MEDIA}, {JSON}"}
DAY = 86400
CALM = 2            # seconds in which what is refused would have had an effect
CAUSES = ("form", "links", "root", "parent", "delegator", "on_behalf", "depth", "parent_time", "time", "rights", "kind", "scope",
          "revoked", "weak_key", "link_signed", "both", "name", "share", "reflected", "signed", "unknown_chain", "state")


class Contact:
    """S at its contact: signs decisions about what it is shown."""

    def __init__(self, bed, party):
        self.party, self.shown = party, []
        contact = self

        class Handler(http.server.BaseHTTPRequestHandler):
            """One transcript each."""
            protocol_version = "HTTP/1.1"

            def handle(self):
                """A client may go whenever it likes."""
                with contextlib.suppress(ConnectionError):
                    super().handle()

            def do_POST(self):  # pylint: disable=C0103
                """Decides."""
                data = self.rfile.read(int(self.headers["Content-Length"]))
                contact.shown.append(data)
                answer = contact.decided(data)
                self.send_response(200)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_):  # pylint: disable=W0221
                """Nothing."""

        self.port = pick_port()
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        bed.add(self)

    def decided(self, transcript):
        """About A1 || A2 || A3, which may be followed by C."""
        rest, parts = transcript, []
        while rest and rest[3] != 6:
            size = int.from_bytes(rest[4:8], "big")
            parts.append(rest[:size])
            rest = rest[size:]
        return mpa.decide(self.party, mpa.sha(*parts), mpa.ACCEPTED, int(time.time()))

    def close(self):
        """Ends it."""
        self.server.shutdown()
        self.server.server_close()


class Relay:
    """On the way of a dscl to its gateway: keeps A2, and answers A1 with what it is told to."""

    def __init__(self, bed):
        self.port, self.to, self.kept, self.put, self.first, self.last = pick_port(), None, [], None, 0, 0
        relay = self

        class Handler(http.server.BaseHTTPRequestHandler):
            """One message."""

            def do_POST(self):  # pylint: disable=C0103
                """A1 or A3."""
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status, answer = relay.passed(self.path, body)
                self.send_response(status)
                self.send_header("Content-Type", mpa.MEDIA)
                self.send_header("Content-Length", str(len(answer)))
                with contextlib.suppress(OSError):
                    self.end_headers()
                    self.wfile.write(answer)

            def log_message(self, *_):  # pylint: disable=W0221
                """Nothing."""

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        bed.add(self)

    def passed(self, path, body):
        """Status and octets of the answer."""
        link = http.client.HTTPConnection("127.0.0.1", self.to, timeout=60)
        link.request("POST", path, body, {"Content-Type": mpa.MEDIA})
        answer = link.getresponse()
        status, octets = answer.status, answer.read()
        link.close()
        if body[3:4] != b"\1":
            self.last += 1
            return status, octets
        self.first += 1
        if status != 200 or self.put is None:
            self.kept.append(octets)
            return status, octets
        return status, self.put(octets)

    def close(self):
        """Ends it."""
        self.server.shutdown()
        self.server.server_close()


class World:
    """An operator (nscl), its access point (gscl), a server S, devices that the test plays."""

    def __init__(self, bed, nscl=None, **more):
        self.bed, self.sessions = bed, {}
        self.nscl = Provider(bed, msbf=False, settings={"mpa": {"enabled": True}, **(nscl or {})}).start()
        self.gw = Node(bed, "gscl", self.nscl, settings={"mpa": {"enabled": True, "retry_first": "200 ms", "retry_max": "1 s",
                                                                       "attempt_time": "60 s", **more}})
        self.dia = pick_port()
        self.gw.listeners += ", " + listener(self.dia, "psk", ["dia"])
        self.gw.write_config()
        self.gw.provide(self.nscl.issue(self.gw.scl_id))
        self.s = mpa.Party(SERVER)
        self.contact = Contact(bed, self.s)
        self.w1, self.w2, self.w5 = self.contract(self.s), None, None
        self.w2 = self.agree(self.s, self.w1)
        self.gw.start()
        wait_for(lambda: self.nscl.admin("GET", f"/warrants/keys/{self.gw.scl_id}").status == 200, 60)
        self.certify_ap()

    # ---- administration ----

    def contract(self, party, **more):
        """W1."""
        body = {"publicKey": b64u(party.public), "contact": f"http://127.0.0.1:{self.contact.port}/transcripts", **more}
        made = self.nscl.administer("PUT", f"/warrants/servers/{party.name}", body)
        self.cn = mpa.Party(made["network"]["id"])
        self.cn.public, self.cn.seed = unb64u(made["network"]["publicKey"]), None
        return unb64u(made["warrant"])

    def agree(self, party, w1):
        """W2."""
        since, until = (int.from_bytes(w1[at:at + 8], "big") for at in (24, 32))
        w2 = mpa.warrant(party, self.cn, party, since, until)
        self.nscl.administer("POST", f"/warrants/servers/{party.name}/agreement", {"warrant": b64u(w2)})
        return w2

    def certify_ap(self):
        """W5, and the gateway has it."""
        self.w5 = unb64u(self.nscl.administer("POST", f"/warrants/accessPoints/{self.gw.scl_id}", {})["warrant"])
        wait_for(lambda: self.told()["ready"], 60)

    def w3(self, device, **more):
        """S certifies in the name of CN."""
        since = max(int(time.time()), int.from_bytes(self.w1[24:32], "big"))
        words = {"since": since, "until": since + DAY, "scope": "*", "parent": self.w1, **more}
        return mpa.credential(more.pop("delegator", self.s), device, self.cn, words["parent"], words["since"], words["until"], words["scope"])

    def device(self, name):
        """A device with both chains, fetched as it would."""
        kmr, kmc, session = self.nscl.node(name)
        device = mpa.Device(kmr.node.hex())
        device.kmr, device.kmc, device.session, device.scl_id = kmr, kmc, session, name
        answer = session.request("PUT", "/m2m/mpa/key", json.dumps(mpa.registration(device, kmr.node, name)), {"Content-Type": JSON})
        if answer.status != 201:
            raise AssertionError(f"PUT key: {answer!r}")
        device.w3 = self.w3(device)
        self.nscl.administer("POST", f"/warrants/devices/{device.name}", {"server": SERVER, "warrant": b64u(device.w3)})
        told = self.credentials(device)["credentials"][0]
        device.chains = [unb64u(told["fromNetwork"]), unb64u(told["fromServer"])]
        device.w4 = device.chains[1][len(self.w2):]
        return device

    def credentials(self, device):
        """As the device fetches them."""
        return json.loads(device.session.request("GET", "/m2m/mpa/credentials", headers={"Accept": JSON}).body)

    def revoke(self, warrant):
        """By its serial number; the gateway knows."""
        before = self.told()["number"]
        self.nscl.administer("DELETE", f"/warrants/{warrant[8:24].hex()}")
        wait_for(lambda: self.told()["number"] > before, 30)

    # ---- the gateway ----

    def told(self):
        """Its state and counters."""
        client = self.gw.client(None)
        try:
            return json.loads(client.request("GET", "/m2m/mpa", None, {"Accept": JSON}).body)
        finally:
            client.close()

    def count(self, cause):
        """So many were refused for it."""
        return self.told()["counters"][f'mpa_refused{{reason="{cause}"}}']

    def refusals(self):
        """All of them."""
        counters = self.told()["counters"]
        return sum(counters[f'mpa_refused{{reason="{cause}"}}'] for cause in CAUSES)

    def post(self, body, query=""):
        """One message."""
        client = self.gw.client(None)
        try:
            return client.request("POST", f"/m2m/mpa{query}", body, OCTETS)
        finally:
            client.close()

    def begun(self, device):
        """A1 and A2."""
        answer = self.post(device.begin())
        if answer.status != 200:
            raise AssertionError(f"A1: {answer!r}")
        return device.take(answer.body)

    def ends(self, device, a3):
        """A3; the answer."""
        return self.post(a3, f"?run={device.run}")

    def attached(self, device, **more):
        """A whole run; the status of A3, and A4 is right."""
        self.begun(device)
        answer = self.ends(device, device.answer(**more))
        return answer.status if answer.status != 200 else 200 if device.confirmed(answer.body) else "A4"

    def served(self, device, version=3):
        """The device's request on the area link: its status, 0 when it gets no session."""
        try:
            with psk.Session(self.dia, *device.psk(version), version) as session:
                return session.request("GET", "/m2m/applications", headers={"Accept": "application/xml"}, timeout=10).status
        except psk.Refused:
            return 0

    def decision(self, device):
        """Status and octets of what S has decided."""
        client = self.gw.client(None)
        try:
            answer = client.request("GET", f"/m2m/mpa/decisions/{device.th.hex()}", None, OCTETS)
            return answer.status, answer.body
        finally:
            client.close()


def refused(report, world, device, name, a3, cause, status=403):
    """A3 in a new run: refused alike, counted, no session; the right one is then taken in the same run."""
    before, sessions = world.count(cause), world.told()["sessions"]
    answer = world.ends(device, a3)
    report.equal(answer.status, status, f"{name}: {status}", answer)
    if status == 403:
        report.ok(b"MPA_REFUSED" in answer.body and cause.encode() not in answer.body, f"{name}: nothing of the cause is told", answer)
    report.equal((world.count(cause), world.told()["sessions"]), (before + 1, sessions), f"{name}: counted as {cause}, no session")


# ---- the good case, so that refusals mean something ----

def _story(report, bed):
    """From the contract to a request of the device and the decision of the server."""
    world = World(bed)
    device = world.device("dev-1")
    report.equal(world.attached(device), 200, "a device with both chains is accepted")
    report.equal((len(device.a1), len(device.a3) > 1100), (105, True), "with its chains whole")
    report.equal([world.served(device, v) for v in (3, 2)], [200, 200], "and served on the area link")
    report.ok(wait_for(lambda: world.decision(device)[0] == 200, 30), "S has decided")
    report.equal((mpa.decision(world.decision(device)[1], world.s, device.th) or (None,))[0], mpa.ACCEPTED, "which the device can verify")
    report.equal(world.contact.shown[0], device.a1 + device.a2 + device.a3, "about the very octets of the run")
    report.equal(world.attached(device, hashes=True), 200, "the second time with hashes")
    report.equal(len(device.a3), 140, "of 140 octets")
    report.ok(wait_for(lambda: world.decision(device)[0] == 200, 30), "about which S decides as well")
    report.ok(len(world.contact.shown[1]) > 1200, "as the chains go with it")
    other = world.device("dev-2")
    report.equal(world.attached(other, hashes=True), 412, "a chain that was never seen has to be sent")
    report.equal(world.attached(other), 200, "whole")
    text = world.gw.log() + world.nscl.log()
    report.ok(device.key.hex() not in text and device.psk()[1].hex() not in text, "no key in the logs")
    world.gw.kill()
    world.nscl.kill()
    world.nscl.start()
    world.gw.start()
    report.ok(wait_for(lambda: world.told()["ready"], 60), "after a crash of both the gateway has its warrant")
    report.equal(world.served(device), 0, "sessions are over")
    report.equal(world.attached(device), 200, "and the device proves itself again")
    return world, device


# ---- 36 ----

def row36(report, bed):
    """warrants forged, extended, mixed, ended and revoked; keys of others"""
    world = World(bed)
    device, other = world.device("dev-1"), world.device("dev-2")
    now, w1, w2 = int(time.time()), world.w1, world.w2
    mallory = mpa.Party(SERVER)
    since = int.from_bytes(w1[24:32], "big")

    def w3(**more):
        words = {"delegator": world.s, "party": device, "behalf": world.cn, "parent": w1, "since": since, "until": since + DAY, "scope": "*",
                 "kind": mpa.DEVICE, "depth": 0, "rights": mpa.IS_DEVICE, **more}
        return mpa.warrant(words["delegator"], words["party"], words["behalf"], words["since"], words["until"], parent=words["parent"],
                           kind=words["kind"], depth=words["depth"], rights=words["rights"], scope=words["scope"])
    ended = int.from_bytes(w1[32:40], "big")
    fake = mpa.warrant(mallory, mallory, mallory, since, ended)
    forged = {
        "signed by another": (w1 + w3()[:-64] + mpa.ed25519_sign(mallory.seed, mpa.DELEGATE + w3()[:-64]), "link_signed"),
        "from a root that nobody has a contract with": (fake + w3(delegator=mallory, behalf=mallory, parent=fake), "root"),
        "under another parent": (w1 + w3(parent=w2), "parent"),
        "by who is not the delegate": (w1 + w3(delegator=mallory), "delegator"),
        "on behalf of another": (w1 + w3(behalf=world.s), "on_behalf"),
        "deeper than allowed": (w1 + w3(depth=1), "depth"),
        "beyond the agreement": (w1 + w3(until=ended + 1), "parent_time"),
        "not yet valid": (w1 + w3(since=now + 3600), "time"),
        "without the right": (w1 + w3(rights=8), "rights"),
        "as an access point": (w1 + w3(kind=mpa.ACCESS_POINT), "kind"),
        "for another place": (w1 + w3(scope="gscl-9999"), "scope"),
        "of another key": (w1 + w3(party=other), "both"),
    }
    for name, (chain, cause) in forged.items():
        world.begun(device)
        refused(report, world, device, name, device.answer(chains=[chain, device.chains[1]]), cause)
        report.equal(world.ends(device, device.answer()).status, 200, f"{name}: the right one is still taken")
    world.begun(device)
    refused(report, world, device, "chains of two devices", device.answer(chains=[device.chains[0], other.chains[1]]), "both")
    world.begun(device)
    refused(report, world, device, "the chains of another device", device.answer(chains=other.chains), "name")
    world.begun(other)
    refused(report, world, other, "A1 in another's name", other.answer(chains=device.chains, party=device), "name")
    _registered(report, world)
    if LONG:
        late = w3(until=since + 1)
        report.ok(wait_for(lambda: time.time() > since + 65, 90, 0.5), "a minute later")
        world.begun(device)
        refused(report, world, device, "ended", device.answer(chains=[w1 + late, device.chains[1]]), "time")
    _revocations(report, world, device, other)


def _revocations(report, world, device, other):
    report.equal((world.attached(device), world.served(device)), (200, 200), "before a revocation")
    with psk.Session(world.dia, *device.psk(3)) as session:
        report.equal(session.request("GET", "/m2m/applications").status, 200, "on an open session")
        world.revoke(device.w3)
        report.ok(wait_for(lambda: session.request("GET", "/m2m/applications").status in (0, 403), 10, 0.1), "W3 revoked: it is cut")
    report.equal(world.served(device), 0, "its key is gone")
    world.begun(device)
    refused(report, world, device, "W3 revoked", device.answer(), "revoked")
    world.begun(device)
    refused(report, world, device, "by its hash as well", device.answer(hashes=True), "revoked")
    report.equal((world.attached(other), world.served(other)), (200, 200), "another device is not touched")
    world.revoke(other.w4)
    report.equal((world.served(other), world.attached(other)), (0, 403), "W4 revoked")
    third = world.device("dev-3")
    report.equal((world.attached(third), world.served(third)), (200, 200), "a third one")
    world.revoke(world.w5)
    report.ok(wait_for(lambda: world.served(third) == 0, 10), "W5 revoked: the access point's sessions end")
    report.equal(world.post(third.begin()).status, 503, "nor does it begin another run")
    world.certify_ap()
    report.equal((world.attached(third), world.served(third)), (200, 200), "it has another one")
    world.nscl.administer("DELETE", f"/warrants/servers/{SERVER}")
    report.ok(wait_for(lambda: world.served(third) == 0, 10), "the contract has ended: the devices of that server are cut")
    report.equal(world.attached(third), 403, "and not taken any more")
    report.equal(world.credentials(third)["credentials"], [], "nor are there credentials")
    world.nscl.kill()
    world.nscl.start()
    report.equal(len([w for w in world.nscl.administer("GET", "/warrants")["warrants"] if w["revoked"]]) >= 5, True,
                 "revocations outlive a crash")


# ---- 37 ----

def row37(report, bed):
    """a device with one of the two chains alone"""
    world, device = _story(report, bed)
    first, second = device.chains
    since, until = (int.from_bytes(world.w1[at:at + 8], "big") for at in (24, 32))
    alone = mpa.warrant(world.s, device, world.s, since, until, kind=mpa.DEVICE, depth=0, rights=mpa.IS_DEVICE)
    for name, chains, cause in (("no chain from S", [first, b""], "both"), ("no chain from CN", [b"", second], "both"),
                                ("none", [b"", b""], "both"), ("the one from CN twice", [first, first], "root"),
                                ("the one from S twice", [second, second], "root"), ("exchanged", [second, first], "root"),
                                ("W1 alone", [world.w1, second], "kind"), ("both from S alone", [first, alone], "both")):
        world.begun(device)
        refused(report, world, device, name, device.answer(chains=chains), cause)
        report.equal(world.ends(device, device.answer()).status, 200, f"{name}: both are taken in the same run")


# ---- 38 ----

def row38(report, bed):
    """spliced, reflected, replayed, cut and altered messages"""
    world = World(bed)
    device, twin = world.device("dev-1"), mpa.Device("")
    twin.__dict__.update(device.__dict__)
    world.begun(device)
    world.begun(twin)
    refused(report, world, device, "A3 of another run", twin.answer(), "signed")
    report.equal(world.ends(device, device.answer()).status, 200, "its own is taken")
    before, a3 = world.refusals(), device.a3
    report.equal(world.ends(device, a3).status, 404, "A3 again: the run is over")
    report.equal(world.ends(twin, a3).status, 403, "nor is it of use in another run")
    report.equal(world.ends(twin, twin.answer()).status, 200, "which then goes on")
    report.equal(world.refusals(), before + 2, "both counted")
    device.begin()
    a1 = device.a1
    for name, share in (("zero", bytes(32)), ("of order 2", bytes([1]) + bytes(31))):
        world.begun(device)
        before = world.count("share")
        altered = a1[:40] + share + a1[72:]
        answer = world.post(altered)
        if answer.status == 200:
            device.a1 = altered
            device.take(answer.body)
            answer = world.ends(device, mpa.signed(3, b"".join(mpa.keys.lv16(c) for c in device.chains), device, device.chains, b"D",
                                                   altered + answer.body))
        report.equal((answer.status, world.count("share")), (403, before + 1), f"a share that is {name}")
    world.begun(device)
    for name, kind, body, query in (("A2 in place of A3", 2, device.a2, True), ("A1 in place of A3", 1, device.a1, True),
                                    ("A2 in place of A1", 2, device.a2, False), ("nothing", 0, b"", False),
                                    ("A3 in place of A1", 3, device.answer(), False)):
        answer = world.post(body, f"?run={device.run}" if query else "")
        report.equal(answer.status, 400, f"{name} ({kind}): 400", answer)
    for query in ("?run=", "?run=00", f"?run={device.run}&run={device.run}", f"?run={'g' * 32}"):
        report.equal(world.post(device.a3, query).status, 400, f"{query[:24]}: 400")
    report.equal(world.post(device.a3, f"?run={'00' * 16}").status, 404, "a run that is none")
    report.equal(world.ends(device, device.answer()).status, 200, "after all of it the run goes on")
    _altered(report, world, device)
    _transcripts(report, world, device)
    bed = Bed()
    try:
        _spliced(report, bed)
    finally:
        for complaint in bed.close():
            report.ok(False, "clean end", complaint)


def _spliced(report, bed):
    """A dscl whose A1 is answered by an A2 of another run, or altered: it proves nothing to it."""
    if not available():
        report.skip("a dscl", "there is no openssl command")
        return
    relay = Relay(bed)
    world = parties.World(bed, device={"attach": f"http://127.0.0.1:{relay.port}/m2m"})
    relay.to = world.gscl.port
    world.ready()
    if not report.ok(world.stands(), "the device stands", world.status):
        return
    recorded = relay.kept[-1]
    for name, put in (("recorded from another run", lambda _: recorded),
                      ("with another nonce", lambda a: a[:8] + bytes(32) + a[40:]),
                      ("with another share", lambda a: a[:40] + mpa.x25519_public(bytes(31) + b"\1") + a[72:])):
        relay.put, first, last = put, relay.first, relay.last
        world.dscl.stop()
        world.dscl.start()
        report.ok(wait_for(lambda f=first, n=last: relay.first > f + 1 or relay.last > n, 60), f"A2 {name}: it is tried again",
                  world.dscl.log_tail)
        report.equal(relay.last, last, f"A2 {name} is accepted")
    relay.put = None
    report.ok(world.stands(), "with its own it stands again", world.status)


def _altered(report, world, device):
    """Every octet of A3, and every cut of it, in one run."""
    world.begun(device)
    a3 = device.answer()
    sessions, bad = world.told()["sessions"], []
    before, sent = world.refusals(), 0
    client = world.gw.client(None)
    for at in range(0, len(a3), 7):
        for altered in (a3[:at] + bytes([a3[at] ^ 1 << at % 8]) + a3[at + 1:], a3[:at], a3[at:]):
            if altered == a3:
                continue
            answer = client.request("POST", f"/m2m/mpa?run={device.run}", altered, OCTETS)
            sent += 1
            if answer.status not in (400, 403, 412):
                bad.append((at, len(altered), answer.status))
        world_alive = world.gw.alive
    client.close()
    report.equal(bad, [], f"{sent} altered and cut A3 are refused")
    report.ok(world_alive, "the gateway lives")
    report.equal((world.refusals() - before, world.told()["sessions"]), (sent, sessions), "all counted, no session")
    answer = world.ends(device, device.prove(a3))
    report.ok(answer.status in (200, 404), "the run goes on unless its time is over", answer)


def _transcripts(report, world, device):
    """What is shown to the operator by who is not the access point of that run, or altered."""
    report.equal(world.attached(device), 200, "a run")
    transcript = device.a1 + device.a2 + device.a3
    shown = len(world.contact.shown)
    wait_for(lambda: world.decision(device)[0] == 200, 30)
    shown = len(world.contact.shown)
    path = "/m2m/mpa/transcripts"
    answer = device.session.request("POST", path, transcript, OCTETS)
    report.equal(answer.status, 403, "the transcript of another access point", answer)
    for name, body in (("altered", transcript[:60] + bytes([transcript[60] ^ 1]) + transcript[61:]), ("cut", transcript[:-1]),
                       ("reordered", device.a2 + device.a1 + device.a3)):
        report.ok(device.session.request("POST", path, body, OCTETS).status in (400, 403), f"{name}: refused")
    client = Client("127.0.0.1", world.nscl.port, "http://127.0.0.1/e2e")
    answer = client.request("POST", path, transcript, OCTETS)
    report.ok(answer.status >= 400, "nobody shows one outside of mId", answer)
    client.close()
    report.equal(len(world.contact.shown), shown, "the server was not asked")
    world.contact.party = mpa.Party("mallory")
    report.equal(world.attached(device), 200, "another run")
    report.ok(wait_for(lambda: len(world.contact.shown) > shown, 30), "of which the contact tells a decision that S has not signed")
    report.ok(not wait_for(lambda: world.decision(device)[0] == 200, CALM), "it is none", world.decision(device))
    world.contact.party = world.s
    report.ok(wait_for(lambda: world.decision(device)[0] == 200, 30), "S's own is taken afterwards")


def _registered(report, world):
    """Keys and credentials are those of the node of the connection."""
    device = world.device("dev-9")
    path, mine = "/m2m/mpa/key", mpa.registration(device, device.kmr.node, "dev-9")
    put = lambda who, body: who.session.request("PUT", path, json.dumps(body), {"Content-Type": JSON}).status  # noqa: E731
    report.equal(put(device, mine), 204, "the same key again")
    other = mpa.Device(device.name)
    report.equal(put(device, mpa.registration(other, device.kmr.node, "dev-9")), 409, "another key is not taken")
    kmr, _, session = world.nscl.node("dev-8")
    second = mpa.Device(kmr.node.hex())
    second.session = session
    report.equal(put(second, mine), 403, "nor the key of another node")
    report.equal(put(second, mpa.registration(second, device.kmr.node, "dev-9")), 403, "nor a proof for another node")
    for body in ({}, {"publicKey": "AA", "signature": "AA"}, {**mpa.registration(second, kmr.node, "dev-8"), "more": 1}):
        report.equal(put(second, body), 400, "nor what is no registration")
    report.equal(world.nscl.admin("POST", f"/warrants/devices/{second.name}", {"server": SERVER, "warrant": b64u(device.w3)}).status, 404,
                 "without a key there is no credential")
    report.equal(put(second, mpa.registration(second, kmr.node, "dev-8")), 201, "its own is")
    report.equal(world.nscl.admin("POST", f"/warrants/devices/{second.name}", {"server": SERVER, "warrant": b64u(device.w3)}).status, 403,
                 "the W3 of another device is not taken")
    report.equal(world.credentials(second)["credentials"], [], "and nobody gets another's credentials")
    world.nscl.revoke(device.kmr.node)
    report.ok(wait_for(lambda: all(w["revoked"] for w in world.nscl.administer("GET", "/warrants")["warrants"]
                                   if w["holder"] == device.name), 10), "a node that is revoked has no warrants any more")
    report.equal(world.nscl.admin("GET", f"/warrants/keys/{device.name}").status, 404, "nor a key")


if __name__ == "__main__":
    if not mpa.known():
        raise SystemExit("lib/mpa.py is wrong")
    rows.run({36: row36, 37: row37, 38: row38}, __doc__)
