#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The device of group AKA: dscl against an NSCL with the MAS and a serving network that the test plays, good or not."""

import http.server
import json
import threading
from types import SimpleNamespace

from lib import gaka, psk
from lib import report as reports
from lib.bed import pick_port, wait_for
from lib.client import Client
from lib.secure import Node, Provider, options

GW = "gw-1"


class Serving:
    """A gateway's /m2m/gaka in clear; change: what is done to an answer, by its type, before it leaves."""

    def __init__(self, bed, provider, gid=None):
        self.provider, self.gateway, self.gid = provider, provider.issue(GW), gid
        self.kmc = provider.connected(self.gateway, GW)
        self.port, self.network = pick_port(), gaka.Network(self.gateway.node)
        self.first, self.keys, self.seen, self.challenges = {}, {}, [], []
        self.change, self.lifetime, self.full, self.lock = {}, None, False, threading.Lock()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            """One message."""

            def do_POST(self):  # pylint: disable=invalid-name
                """T1, T5, T8, T12."""
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with outer.lock:
                    status, answer, more = outer.step(self.path, body)
                self.send_response(status)
                for name, value in {"Content-Type": gaka.MEDIA, "Content-Length": len(answer), **more}.items():
                    self.send_header(name, str(value))
                try:
                    self.end_headers()
                    self.wfile.write(answer)
                except OSError:
                    pass    # the device was killed

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

    def ask(self, message):
        """T2 or T10 by way of the NSCL."""
        with self.provider.session_b(self.kmc) as session:
            answer = session.request("POST", "/m2m/gaka", message, {"Content-Type": gaka.MEDIA, "Accept": gaka.MEDIA})
        if answer.status != 200:
            raise AssertionError(f"home network: {answer!r}")
        return answer.body

    def vectors(self, leader, resync=False):
        """T2."""
        data = self.ask(gaka.t2(self.gid, leader, self.gateway.node, resync=resync))
        if gaka.kind_of(data) == gaka.T3:
            self.network.take(data)
        return data

    def step(self, path, body):
        """Status, octets and headers for one message."""
        kind = gaka.kind_of(body)
        self.seen.append((kind, body))
        if kind == gaka.T1:
            answer = self._first(body[16:32], body)
        elif kind == gaka.T12:
            node = bytes.fromhex(path.split("id=")[1])
            data = self.vectors(node, resync=True)
            answer = self.network.full(self.network.set, self.first[node]) if gaka.kind_of(data) == gaka.T3 else data
        else:
            node = bytes.fromhex(path.split("id=")[1])
            answer, key = self.network.answer(node, body)
            if key:
                self.keys[node] = (key, self.network.open[node], body)
        kind = gaka.kind_of(answer)
        if kind in (gaka.T4, gaka.T7):
            self.challenges.append(answer)
        if kind == gaka.T12:
            return 403, answer, {}
        if kind in self.change:
            answer = self.change[kind](answer)
        more = {"Retry-After": self.lifetime} if self.lifetime and kind in (gaka.T6, gaka.T9) else {}
        return 200, answer, more

    def _first(self, node, body):
        self.first[node] = body
        if body[8:16] == bytes(8):
            return self.network.full(gaka.Single(self.ask(gaka.t10(node, self.gateway.node))), body)
        if self.network.set and node in self.network.set.members and not self.full:
            return self.network.member(body)
        data = self.vectors(node)
        return self.network.full(self.network.set, body) if gaka.kind_of(data) == gaka.T3 else data

    def count(self, kind):
        """Messages of that type that came."""
        return sum(1 for seen, _ in self.seen if seen == kind)


class Device(Node):
    """A dscl that attaches to the serving network."""

    def __init__(self, bed, provider, serving, name, **more):
        self.psk_port = pick_port()
        settings = {"gaka": {"enabled": True, "gateway": f"https://127.0.0.1:{self.psk_port}/m2m",
                             "attach": f"http://127.0.0.1:{serving.port}/m2m", "retry_first": "50 ms", "retry_max": "400 ms",
                             "keys_interval": "1 s", "check_interval": "1 h", **more}}
        super().__init__(bed, "dscl", provider, name=name, settings=settings)
        self.kmr = provider.issue(self.scl_id)
        self.provide(self.kmr)

    def status(self):
        """GET /m2m/gaka."""
        client = Client("127.0.0.1", self.port, None)
        try:
            answer = client.request("GET", "/m2m/gaka", None, {"Accept": "application/json"})
            return json.loads(answer.body) if answer.status == 200 else {"state": answer.status}
        except OSError:
            return {"state": None}
        finally:
            client.close()

    def counter(self, name):
        """One of its counters."""
        return self.status().get("counters", {}).get(name, 0)

    def set_gaka(self, **more):
        """Changes options, for the next start."""
        self.groups["gaka"].update(more)
        self.extra = options(self.groups) + "\n"
        self.write_config()

    def attached(self):
        """Waits until it is; its status, or None."""
        return wait_for(lambda: (s := self.status())["state"] == "attached" and s) or None


def beginning(bed, n=3, **more):
    """Provider, serving network, devices of a group."""
    provider = Provider(bed, msbf=False, settings={"gaka": {"enabled": True}}).start()
    serving = Serving(bed, provider)
    devices = [Device(bed, provider, serving, f"dev-{i}", **more) for i in range(n)]
    made = provider.administer("POST", "/groups", {"members": [d.kmr.node.hex() for d in devices], "servingNetworks": [GW],
                                                   "expiry": 3600})
    serving.gid = bytes.fromhex(made["gid"])
    return SimpleNamespace(provider=provider, serving=serving, devices=devices, gid=serving.gid)


def key_of(serving, device):
    """KS and C of the device, as the serving network has them."""
    key, (how, vector, _, challenge), _ = serving.keys[device.kmr.node]
    return key, int.from_bytes(vector.autn[:8] if how == "full" else challenge[50:58], "big")


# ---- good ----

def group(report, bed):
    """leader and members attach; the key is used; re-key; the end of a key"""
    b = beginning(bed)
    roles = []
    for device in b.devices:
        device.start()
        status = device.attached()
        report.ok(status and status["group"] == b.gid.hex(), f"{device.name} attaches in its group", status or device.log_tail())
        roles.append(status and status["role"])
        report.equal(status and [g["gid"] for g in status["groups"]], [b.gid.hex()], "it has the keys of its groups")
    report.equal(roles, ["leader", "member", "member"], "one leader, the others are members")
    counters = b.provider.administer("GET", "/counters")
    report.equal([counters[f"hn_{n}"] for n in ("messages_in", "messages_out")], [5, 5],
                 "the home network has four connections and one message")
    member = b.devices[1]
    ks, c = key_of(b.serving, member)
    for version in (3, 2):
        member.set_gaka(check_interval="200 ms")
        member.stop()
        identity = f"ga{version}.{b.gid.hex()}.{member.kmr.node.hex()}"
        member.start()
        member.attached()
        ks, c = key_of(b.serving, member)
        server = psk.FalseServer(member.psk_port, identity, gaka.psk(ks, c, version), version)
        report.ok(server.accepted() is not None and (server.await_request() or "").startswith("GET /m2m"),
                  f"the gateway is spoken to under the key, TLS 1.{version}")
        server.answer(200, b"")
        server.close()
    server = psk.FalseServer(member.psk_port, f"ga3.{b.gid.hex()}.{member.kmr.node.hex()}", bytes(32), 3)
    before = b.serving.count(gaka.T1)
    report.ok(wait_for(lambda: b.serving.count(gaka.T1) > before and member.counter("gaka_lost")),
              "a gateway that does not know the key any more is attached to again")
    server.close()
    log = "".join(d.log() for d in b.devices)
    report.ok(ks.hex() not in log, "no key in the logs")


def rekeyed(report, bed):
    """a new epoch, also while a device attaches; leaving; the end of a key; conventional AKA"""
    b = beginning(bed, 2, keys_interval="1 h")
    leader, member = b.devices
    leader.start()
    leader.attached()
    member.start()
    member.attached()

    def epoch():
        return [g["epoch"] for g in member.status()["groups"]]
    report.equal(epoch(), [1], "first epoch")

    def other_epoch(answer):
        """Between T1 and T7 the group gets another key, twice: the one of before does not do either."""
        del answer
        b.serving.change.clear()
        for _ in range(2):
            b.provider.administer("POST", f"/groups/{b.gid.hex()}/rekey")
        wait_for(lambda: gaka.kind_of(b.serving.vectors(leader.kmr.node)) == gaka.T3, 10, 0.5)
        return b.serving.network.member(b.serving.first[member.kmr.node])
    member.stop()
    b.serving.change[gaka.T7] = other_epoch
    member.start()
    report.ok(wait_for(lambda: epoch() == [3] and member.status()["state"] == "attached"),
              "a new key while it attaches is fetched and taken", member.status())
    status = member.status()
    report.ok(status["role"] == "member" and status["counters"]["gaka_failed{reason=MAC}"] == 1, "it was refused once", status)
    b.serving.lifetime = 11
    before = b.serving.count(gaka.T1)
    member.stop()
    member.start()
    report.ok(wait_for(lambda: b.serving.count(gaka.T1) >= before + 2, 60), "at the end of its key it attaches again")
    b.provider.administer("DELETE", f"/groups/{b.gid.hex()}/members/{member.kmr.node.hex()}")
    b.serving.network.set = None
    report.ok(wait_for(lambda: member.counter("gaka_refused{reason=GAKA_MAC}") > 0 and member.status()["state"] != "attached", 60),
              "who has left is refused", member.status())
    report.ok(wait_for(lambda: member.status()["state"] == "idle"), "and knows that it is in no group")


def conventional(report, bed):
    """a device by itself; a group that is configured"""
    b = beginning(bed, 2)
    one, other = b.devices
    one.set_gaka(conventional=True)
    one.start()
    status = one.attached()
    report.ok(status and "group" not in status and status["role"] == "leader", "in no group", status)
    other.set_gaka(groups=["11" * 8, b.gid.hex()])
    good = b.serving.step

    def step(path, body):
        if gaka.kind_of(body) == gaka.T1 and body[8:16] == b"\x11" * 8:
            b.serving.seen.append((gaka.T1, body))
            return 403, gaka.message(gaka.T12, bytes([gaka.MAC]) + bytes(15)), {}
        return good(path, body)
    b.serving.step = step
    other.start()
    status = other.attached()
    report.ok(status and status["group"] == b.gid.hex() and status["failures"] == 0, "the next group when one is refused", status)


# ---- not good ----

def forged(report, bed):
    """challenges and ends that are changed, replayed, cut: nothing is attached by them"""
    b = beginning(bed, 2)
    leader, member = b.devices
    leader.start()
    leader.attached()
    old = b.serving.challenges[-1]
    changes = {"another tag": lambda a: a[:-1] + bytes([a[-1] ^ 1]), "another RAND": lambda a: a[:8] + bytes(16) + a[24:],
               "cut": lambda a: a[:-1], "longer": lambda a: a + b"\0", "empty": lambda a: b"",
               "its own type": lambda a: a[:3] + bytes([a[3] ^ 1]) + a[4:], "the challenge of another": lambda a: old,
               "very long": lambda a: a * 500}
    member.start()
    for kind in (gaka.T7, gaka.T9):
        for name, change in changes.items():
            b.serving.network.used.clear()
            b.serving.change = {kind: change}
            answers, tries = b.serving.count(gaka.T8), b.serving.count(gaka.T1)
            report.ok(wait_for(lambda n=tries: b.serving.count(gaka.T1) > n + 1), f"T{kind}, {name}: it is tried again")
            report.ok(member.status()["state"] != "attached", f"T{kind}, {name}: not attached")
            if kind == gaka.T7:
                report.equal(b.serving.count(gaka.T8), answers, f"T7, {name}: no answer")
            if b.serving.network.used.get(member.kmr.node, 0) - 1 > 10:
                wait_for(lambda: gaka.kind_of(b.serving.vectors(leader.kmr.node)) == gaka.T3, pause=0.5)
    b.serving.change = {}
    report.ok(wait_for(lambda: gaka.kind_of(b.serving.vectors(leader.kmr.node)) == gaka.T3, pause=0.5), "other vectors")
    status = member.attached()
    report.ok(status, "after all that it attaches", member.status())
    report.ok(status and status["counters"]["gaka_failed{reason=MAC}"] > 0 and
              status["counters"]["gaka_failed{reason=MALFORMED}"] > 0, "all was counted", status)


def killed(report, bed):
    """kill -9 after T5, after T8: what was answered is never answered again, by the state that outlives it"""
    b = beginning(bed, 2, keys_interval="1 h")
    leader, member = b.devices
    dead = []

    def die(device):
        def change(answer):
            device.kill()
            dead.append(device.name)
            return answer
        return change
    b.serving.change = {gaka.T6: die(leader)}
    leader.start()
    report.ok(wait_for(lambda: dead), "the leader is killed when it has sent T5")
    replay = b.serving.challenges[-1]
    b.serving.network.set, b.serving.change, b.serving.full = None, {gaka.T4: lambda a: replay}, True
    wait_for(lambda: gaka.kind_of(b.serving.vectors(leader.kmr.node)) == gaka.T3, pause=0.5)
    fives = b.serving.count(gaka.T5)
    leader.start()
    report.ok(wait_for(lambda: leader.counter("gaka_failed{reason=SYNC}") >= 1), "T4 of before the kill is out of step now")
    report.equal(b.serving.count(gaka.T5), fives, "and not answered")
    b.serving.change, b.serving.full = {}, False
    leader.attached()
    b.serving.change, dead[:] = {gaka.T9: die(member)}, []
    member.start()
    report.ok(wait_for(lambda: dead), "the member is killed when it has sent T8")
    b.serving.change = {}
    b.serving.network.used[member.kmr.node] -= 1
    eights = b.serving.count(gaka.T8)
    member.start()
    report.ok(wait_for(lambda: member.counter("gaka_failed{reason=REPLAY}") >= 1), "its C is not taken again")
    report.ok(wait_for(lambda: b.serving.count(gaka.T8) > eights and member.attached()), "the next one is")
    report.ok(b.serving.seen[-1][0] == gaka.T8, "by T8")
    for _ in range(3):
        member.kill()
        member.start()
        report.ok(member.attached(), "after each kill it attaches again")


if __name__ == "__main__":
    reports.run(group, rekeyed, conventional, forged, killed)
