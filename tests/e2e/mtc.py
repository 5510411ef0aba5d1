#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""One provider, one gateway, one device, over TLS; what the survey of MTC threats warns of is tried on them, and refused."""

import json
import os

import geo
import overload
import rejects
from lib import pki
from lib import report as reports
from lib import xml
from lib.bed import pick_port, wait_for
from lib.client import Client
from lib.m2mkeys import Kmr, trigger
from lib.secure import APP, PPID, Node, listener
from trigger import Post, accepted, dropped, now, told

LOCAL = "http://127.0.0.1/local"
GRANTED = "mtc"
FAST = {"retry": "100 ms", "retry_max": "400 ms", "backoff": "100 ms"}


class Road(geo.Way):
    """The way of a node to its NSCL: where it comes from, and whom it really leads to, can change."""

    @property
    def target(self):
        """The port that it leads to."""
        return self.to

    @target.setter
    def target(self, port):
        self.to = port
        self.move(self.source)


class Thief(Node):
    """Whoever has copied the device's credentials, and says that it is the device."""

    scl_id = "dscl.example.org"

    def __init__(self, *what, **more):
        super().__init__(*what, **more)
        self.options.append(f"scl.id={self.scl_id}")


class World:
    """nscl with all roles, gscl and dscl; each node with a road of its own."""

    def __init__(self, bed):
        self.bed, self.apps, self.edge_port = bed, pki.Authority(bed.path("apps")), pick_port()
        settings = {"trigger": {"enabled": True, "retry": "200 ms", "rate": 200, "networks": ["127.0.0.0/8"]},
                    "geo": {"enabled": True, "hold": "1 s", "access_right": xml.RIGHT}, "edge": {"enabled": True}, **overload.DRILL}
        self.nscl = overload.Net(bed, settings=settings, tapped=Road)
        self.road = bed.add(Road(self.nscl.mid_port))
        self.nscl.options.append(f"scl.own_names=localhost:{self.road.port}")
        self.nscl.set("trigger", contact=f"https://localhost:{self.nscl.tap.port}")
        self.tls = self.nscl.servers.server("localhost")
        self.nscl.listeners += ", " + listener(self.edge_port, "certificate", ["edge"], certificate=self.tls.cert, key=self.tls.key,
                                               ca=self.apps.cert, crl=self.apps.crl, require_client_cert=True)
        self.nscl.write_config()
        self.nscl.start()
        self.hardware = self.nscl.devices.device(PPID)
        self.dscl, self.device = self.node("dscl", device=self.hardware)
        self.nscl.administer("PUT", f"/nodes/{self.device.node.hex()}/fingerprints", {"fingerprints": [self.hardware.fingerprint()]})
        take = pick_port()
        self.post = Post(bed, take)
        self.gscl, self.gateway = self.node("gscl", settings={"trigger": {
            "enabled": True, "listen": f"127.0.0.1:{take}", "max": 60, "uri": f"udp://127.0.0.1:{self.post.port}"}})
        self.gscl.options.append(f"bootstrap.reject_key={self.nscl.reject_keys[1]}")
        self.gscl.options.append(f"register.nscl=https://localhost:{self.road.port}/m2m")

    def node(self, kind, *, name=None, settings=None, kmr=None, **more):
        """A node with credentials, kmr: those of the device: it, and Kmr."""
        node = (Thief if kmr else Node)(self.bed, kind, self.nscl, name=name, settings={**(settings or {}), "bootstrap": FAST}, **more)
        kmr = kmr or self.nscl.issue(node.scl_id)
        node.provide(kmr)
        return node, kmr

    def count(self, name):
        """A counter of the provider."""
        return self.nscl.administer("GET", "/counters").get(name, 0)

    def outside(self, identity, method, target, body=None):
        """What an MTC server outside asks."""
        client = Client("localhost", self.edge_port, None, context=identity.context(self.nscl.servers.cert))
        try:
            return client.request(method, target, body, {})
        finally:
            client.close()


def local(node, path):
    """What a node tells those on its machine."""
    client = node.client(LOCAL)
    try:
        return json.loads(client.request("GET", path, None, {"Accept": "application/json"}).body)
    finally:
        client.close()


def forged_reject(report, w):
    """A gateway is told by a false network that it has been revoked, for ever."""
    forger = rejects.Forger(w.bed, w.nscl, w.gateway.node)
    false = rejects.FalseNscl(w.gscl, w.gateway, w.road)
    forged = {"unsigned": None, **{name: forger.all()[name] for name in ("by a wrong key", "replayed, of an old nonce", "of another node")}}
    for name, make in forged.items():
        got = false.asked()
        if not report.ok(got, f"forged reject, {name}: the gateway asks for its connection", w.gscl.log_tail):
            return
        server, nonce = got
        before, settled = local(w.gscl, "/m2m/rejects"), rejects.settle(w.gscl)
        server.answer(410, b"", {} if make is None else {"X-M2M-Reject": make(nonce)})
        wait_for(lambda s=settled: rejects.settle(w.gscl) > s or rejects.void(w.gscl), 20)
        server.close()
        kind = "unsigned" if make is None else "invalid"
        report.ok(not rejects.void(w.gscl), "its credentials stay", w.gscl.log_tail)
        report.equal(local(w.gscl, "/m2m/rejects")[kind], before[kind] + 1, f"counted as {kind}")
    report.ok("event=reject-invalid" in w.gscl.log(), "and logged", w.gscl.log_tail)
    w.road.target = w.nscl.mid_port
    report.ok(w.nscl.sees(w.gscl.scl_id), "the real network takes it with the same credentials", w.gscl.log_tail)


def false_trigger(report, w):
    """A trigger by who does not have the key, an old one, and one whose address was altered, of the gateway."""
    port, counter = w.nscl.tap.port, 1 << 40
    taken = accepted(w.gscl)
    report.equal(w.nscl.admin("POST", f"/scls/{w.gscl.scl_id}/trigger", {"reason": "refresh"}).status, 202, "a real trigger is sent")
    report.ok(wait_for(lambda: accepted(w.gscl) == taken + 1), "and taken", w.gscl.log_tail)
    true = w.post.got[0]
    evil = {
        "false trigger, by another key": ("tag", trigger(Kmr(os.urandom(32), w.gateway.node, 1), "connect", counter, now() + 60, port, "localhost")),
        "the real one again": ("replay", true),
        "tampered address: another host": ("tag", true.replace(b"localhost", b"evilhosts")),
        "tampered address: another port": ("tag", true[:40] + (port ^ 1).to_bytes(2, "big") + true[42:]),
        "an address that is none of its NSCLs, by the right key": ("host", trigger(w.gateway, "connect", counter, now() + 60, port, "evil.example")),
    }
    wait_for(lambda: len(w.post.got) >= 4)
    before = accepted(w.gscl)
    for name, (why, data) in evil.items():
        count = dropped(w.gscl, why)
        w.post.send(data)
        report.ok(wait_for(lambda y=why, c=count: dropped(w.gscl, y) > c), f"{name}: counted as {why}", lambda: told(w.gscl))
    report.equal(accepted(w.gscl), before, "none of them is taken")
    report.ok(not w.post.answered(), "nor answered")
    report.ok("event=trigger-dropped" in w.gscl.log(), "and logged", w.gscl.log_tail)


def moved(report, w):
    """The device is at home, and then elsewhere."""
    node = w.device.node
    w.nscl.administer("PUT", f"/nodes/{node.hex()}/location", {"policy": "restrict", "attachments": [{"source": geo.HOME}]})
    w.dscl.start()
    report.ok(w.nscl.sees(w.dscl.scl_id), "the device registers from home", w.dscl.log_tail)
    before = w.count("geo_alarm{reason=attachment}")
    w.nscl.tap.move(geo.AWAY)
    report.ok(w.dscl.kill() is None and w.dscl.start(), "it is carried away, and starts there")
    alarm = wait_for(lambda: w.nscl.administer("GET", f"/nodes/{node.hex()}/location")["alarm"] == ["attachment"], 60)
    report.ok(alarm, "moved device: there is an alarm", w.dscl.log_tail)
    report.ok(wait_for(lambda: w.count("geo_restricted") > 0, 60), "what it asks for is refused, and counted", w.dscl.log_tail)
    report.equal(w.count("geo_alarm{reason=attachment}"), before + 1, "so is the alarm")
    log = w.nscl.log()
    report.ok("geo-alarm" in log and "event=geo-refused" in log, "both are logged", w.nscl.log_tail)
    w.nscl.tap.move(geo.HOME)
    w.nscl.administer("POST", f"/nodes/{node.hex()}/location/clear")
    w.dscl.kill()
    w.dscl.start()
    report.ok(w.nscl.sees(w.dscl.scl_id), "at home it is served", w.dscl.log_tail)


def forged_indicator(report, w):
    """Somebody on the way says that a meter of normal priority is of low priority, while there is an overload."""
    meter = overload.Access(w.nscl, "meter-1", 1).register()
    w.nscl.level(2)

    def read(claim):
        return meter.ask("GET", meter.path, headers={"X-M2M-Ind": claim}).status
    before = w.count("indicator_invalid")
    forged = "low" + overload.indicator(meter.kmr, "GET", meter.path, False)[6:]
    report.equal(read(forged), 200, "forged indicator: the meter is served all the same")
    report.equal(w.count("indicator_invalid"), before + 1, "counted")
    report.ok("priority-claim-invalid" in w.nscl.log(), "and logged", w.nscl.log_tail)
    report.equal(read(overload.indicator(meter.kmr, "GET", meter.path, True)), 503, "what the meter claims itself counts")
    w.nscl.level(0)


def unauthorised_server(report, w):
    """An MTC server without a grant, and one that wants more than its grant says."""
    mine, stranger = w.apps.app(GRANTED), w.apps.app("stranger")
    path = f"/m2m/applications/{GRANTED}"
    w.nscl.administer("PUT", f"/grants/{GRANTED}", {"fingerprints": [mine.fingerprint()], "operations": ["retrieve", "create"],
                                                     "prefixes": [path], "rate": 1000, "burst": 1000})
    inner = w.nscl.client(APP)
    report.equal(inner.post("/m2m/applications", xml.application(GRANTED)).status, 201, "the operator has made its application")
    inner.close()
    report.equal(w.outside(mine, "GET", path).status, 200, "a server with a grant is served", w.nscl.log_tail())
    wanted = {
        "unauthorised server: no grant": (stranger, "GET", path, None),
        "unauthorised server: another place": (mine, "GET", "/m2m/scls", None),
        "unauthorised server: a trigger": (mine, "POST", f"/m2m/scls/{w.gscl.scl_id}/trigger", '{"reason":1}'),
        "unauthorised server: an operation that is not in its grant": (mine, "DELETE", path, None),
    }
    for name, (identity, method, target, body) in wanted.items():
        before = sum(w.nscl.administer("GET", "/edge")["edge_refused"].values())
        logged = w.nscl.log().count("event=edge-refused")
        answer = w.outside(identity, method, target, body)
        report.ok(answer.status == 403, f"{name}: 403", answer)
        report.equal(sum(w.nscl.administer("GET", "/edge")["edge_refused"].values()), before + 1, "counted")
        report.ok(wait_for(lambda n=logged: w.nscl.log().count("event=edge-refused") > n), "and logged", w.nscl.log_tail)


def wrong_device(report, w):
    """The device's credentials in another device."""
    before = w.count("binding_alarm")
    w.dscl.stop()
    thief, _ = w.node("dscl", name="thief", kmr=w.device, device=w.nscl.devices.device(PPID))
    thief.start()
    report.ok(wait_for(lambda: w.count("binding_alarm") > before, 60), "credential in the wrong device: counted", thief.log_tail)
    report.ok("event=service-connection-failed" in thief.log() and "event=service-connection " not in thief.log(),
              "it gets no service connection", thief.log_tail)
    report.ok("event=binding-alarm" in w.nscl.log(), "logged at the MAS", w.nscl.log_tail)
    thief.stop()
    w.dscl.start()
    report.ok(w.nscl.sees(w.dscl.scl_id), "the device itself is served", w.dscl.log_tail)


def demonstration(report, bed):
    """nscl, gscl and dscl: each attack is refused, logged and counted, and the good case beside it works"""
    w = World(bed)
    for part in (forged_reject, false_trigger, moved, forged_indicator, unauthorised_server, wrong_device):
        report.note(part.__doc__)
        part(report, w)


if __name__ == "__main__":
    reports.run(demonstration)
