#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Triggers: real ones wake a node for each reason; false, old and foreign ones have no effect at all."""

import json
import os
import re
import signal
import socket
import threading
import time

from lib import xml
from lib.bed import pick_port, wait_for
from lib.m2mkeys import Kmr, trigger
from lib.report import LONG, run
from lib.secure import APP, JSON, Node, Provider, factory_node, options, registration

CALM = 1.0          # seconds in which what has no effect would have shown one
FLOOD = 100_000     # datagrams in a second, of the long form
FLOOD_SECONDS = 20 if LONG else 3
FLOOD_SHARE = 0.30  # of a core
LOCAL = "http://127.0.0.1/local"


class Post:
    """The way of the datagrams of an NSCL to a node: keeps them, and hands them on while it is open."""

    def __init__(self, bed, to):
        self.to, self.open, self.got, self.answers = to, True, [], []
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.out.bind(("127.0.0.1", 0))
        self.out.settimeout(0.2)
        self.ended = False
        threading.Thread(target=self._take, daemon=True).start()
        bed.add(self)

    def _take(self):
        while not self.ended:
            try:
                data, _ = self.socket.recvfrom(2048)
            except OSError:
                return
            self.got.append(data)
            if self.open:
                self.send(data)

    def send(self, data):
        """A datagram to the node."""
        self.out.sendto(data, ("127.0.0.1", self.to))

    def answered(self):
        """Something came back for what was sent."""
        try:
            self.answers.append(self.out.recvfrom(2048))
        except OSError:
            pass
        return bool(self.answers)

    def close(self):
        """Ends it."""
        self.ended = True
        self.socket.close()
        self.out.close()


class World:
    """A provider whose triggers lead to it, and nodes."""

    def __init__(self, bed, **more):
        self.bed, self.count = bed, 0
        self.provider = Provider(bed, tapped=True, settings={"trigger": {"enabled": True, "retry": "200 ms",
                                                                         "rate": 200}}, **more)
        self.provider.set("trigger", contact=self.contact)
        self.provider.start()

    @property
    def contact(self):
        """Where triggers lead to."""
        return f"https://localhost:{self.provider.tap.port}"

    def node(self, kind="gscl", *, factory=False, http=False, settings=None, limit=60, **more):
        """A node that takes datagrams by way of node.post, or by HTTP: (node, Kmr or None)."""
        self.count += 1
        name, port = f"{kind}-{self.count}", pick_port()
        post = Post(self.bed, port)
        take = {"enabled": True, "listen": f"127.0.0.1:{port}", "max": limit,
                "uri": f"udp://127.0.0.1:{post.port}"}
        groups = {"trigger": take, **(settings or {})}
        if factory:
            node, kmr = factory_node(self.bed, kind, self.provider, name=name, settings=groups, **more), None
        else:
            node = Node(self.bed, kind, self.provider, name=name, settings=groups, **more)
            kmr = self.provider.issue(node.scl_id)
            node.provide(kmr)
        node.post = post
        if http:
            node.groups["trigger"]["uri"] = f"http://127.0.0.1:{node.port}/m2m/trigger"
            node.extra = options(node.groups) + "\n"
            node.write_config()
        return node, kmr

    def send(self, node, reason, **more):
        """An administrator has it triggered; the answer."""
        return self.provider.admin("POST", f"/scls/{node.scl_id}/trigger", {"reason": reason, **more})

    def counters(self):
        """Those of the NSCL and the MAS."""
        return self.provider.administer("GET", "/counters")

    def modified(self, node):
        """When its registration was last renewed."""
        client = self.provider.client(APP)
        try:
            answer = client.get(f"/m2m/scls/{node.scl_id}")
            return xml.text(answer.xml(), "lastModifiedTime") if answer.status == 200 else None
        finally:
            client.close()

    def record(self, node):
        """The node as the MAS has it."""
        row = self.provider.node_of(node.scl_id)
        return self.provider.administer("GET", f"/nodes/{row['nodeId']}")


def told(node):
    """Counters of a node: (accepted, {why: dropped})."""
    client = node.client(LOCAL)
    try:
        document = json.loads(client.request("GET", "/m2m/trigger", None, {"Accept": JSON}).body)
        return document["trigger_accepted"], document["trigger_dropped"]
    finally:
        client.close()


def accepted(node):
    """How many it has taken."""
    return told(node)[0]


def dropped(node, why):
    """How many had no effect for that."""
    return told(node)[1][why]


def now():
    """Seconds since 1970."""
    return int(time.time())


# ---- real ones ----

def real(report, bed):
    """Every reason wakes a gateway and a device, by datagrams and by HTTP"""
    world = World(bed)
    gateway, _ = world.node("gscl")
    gateway.start()
    report.ok(world.provider.sees(gateway.scl_id), "the gateway is registered", gateway.log_tail)
    device, _ = world.node("dscl", factory=True, http=True)
    device.start()
    report.ok(world.provider.sees(device.scl_id), "the device is registered", device.log_tail)
    for node in (gateway, device):
        for reason in ("connect", "refresh", "manage", "locate", "renew"):
            before, made = world.modified(node), len(world.record(node)["connections"])
            count = accepted(node)
            answer = world.send(node, reason)
            report.equal(answer.status, 202, f"{node.scl_id}: {reason} is sent", answer)
            report.ok(wait_for(lambda n=node, c=count: accepted(n) == c + 1, 60), f"{node.scl_id}: {reason} is taken",
                      node.log_tail)
            report.ok(wait_for(lambda n=node, b=before: world.modified(n) not in (None, b), 60),
                      f"{node.scl_id}: {reason} brings it to its NSCL", node.log_tail)
            report.ok(f"trigger-accepted reason={reason}" in node.log(), f"{node.scl_id}: {reason} is in the log",
                      node.log_tail)
            if reason == "renew":
                report.ok(wait_for(lambda n=node, m=made: len(world.record(n)["connections"]) > m, 60),
                          f"{node.scl_id}: a new service connection was made", node.log_tail)
    report.ok("location-asked" in gateway.log(), "the question for its place is in the log", gateway.log_tail)
    roots = {k["kmrIndex"] for k in world.record(device)["kmrs"]}
    report.equal(world.send(device, 5).status, 202, "bootstrap is sent, by its number")
    report.ok(wait_for(lambda: {k["kmrIndex"] for k in world.record(device)["kmrs"]} > roots, 60),
              "the device has bootstrapped anew", device.log_tail)
    roots = {k["kmrIndex"] for k in world.record(device)["kmrs"]}
    world.provider.administer("POST", f"/nodes/{world.provider.node_of(device.scl_id)['nodeId']}/rotate", {})
    report.ok(wait_for(lambda: {k["kmrIndex"] for k in world.record(device)["kmrs"]} - roots, 60),
              "rotate has the device bootstrap anew at once", device.log_tail)
    counters = world.counters()
    report.equal(counters.get("trigger_sent"), 12, "the NSCL has counted what it sent", counters)
    report.ok(dropped(gateway, "replay") >= 5, "what was sent again with the same counter had no effect", told(gateway))


# ---- who may have one sent ----

def refusals(report, bed):
    """What is refused at the NSCL, and nobody chooses where it leads to"""
    world = World(bed)
    node, _ = world.node()
    node.start()
    world.provider.sees(node.scl_id)
    answer = world.send(node, 9)
    report.equal(answer.status, 400, "a reason that is none", answer)
    for body in ({"reason": 1, "host": "evil.example"}, {"reason": 1, "port": 1}, {}):
        answer = world.provider.admin("POST", f"/scls/{node.scl_id}/trigger", body)
        report.equal(answer.status, 400, f"a body with {sorted(body)}", answer)
    answer = world.provider.admin("POST", "/scls/nobody/trigger", {"reason": 1})
    report.equal(answer.status, 404, "an SCL that is not there", answer)
    answer = world.provider.admin("POST", f"/scls/{node.scl_id}/trigger", {"reason": 1}, token="wrong")
    report.equal(answer.status, 401, "without the token of an administrator", answer)
    answer = world.send(node, 1, notAfter=now() - 1)
    report.equal(answer.status, 400, "one that would be late already", answer)
    client = world.provider.client(APP)
    answer = client.request("POST", f"/m2m/scls/{node.scl_id}/trigger", '{"reason":1}', {"Content-Type": JSON})
    report.equal(answer.status, 403, "an application without the right", answer)
    client.close()
    _, _, session = world.provider.node("silent-1")
    link = "http://silent-1.example.org/m2m"
    session.request("POST", "/m2m/scls", registration("silent-1", link), {"From": link})
    answer = world.provider.admin("POST", "/scls/silent-1/trigger", {"reason": 1})
    report.ok(answer.status == 409 and b"NO_ADDRESS" in answer.body, "an SCL without remTriggerAddr", answer)
    session.close()
    world.provider.set("trigger", rate=1)
    world.provider.stop()
    world.provider.start()
    answers = [world.send(node, 1) for _ in range(2)]
    report.ok(answers[0].status == 202 and answers[1].status == 503 and answers[1].header("Retry-After"),
              "more of one SCL in an hour than may be", answers)
    world.provider.revoke(world.provider.node_of(node.scl_id)["nodeId"])
    counters = world.counters()
    report.ok([n for name, n in counters.items() if "trigger_refused" in name and "RATE" in name] == [1],
              "refusals are counted", counters)


# ---- false ones ----

class Silence:
    """What would show that a node has done something."""

    def __init__(self, world, node):
        self.world, self.node = world, node
        self.flows, self.accepted = len(world.provider.tap.flows), accepted(node)

    def broken(self):
        """What has shown itself, or ""."""
        if self.node.post.answered():
            return f"a datagram came back: {self.node.post.answers}"
        if len(self.world.provider.tap.flows) != self.flows:
            return "it has connected"
        return "it was taken" if accepted(self.node) != self.accepted else ""


def _none_works(report, silence, name, datagrams, why):
    """Datagrams that are all to be dropped for that."""
    node = silence.node
    count = dropped(node, why)
    for data in datagrams:
        node.post.send(data)
    report.ok(wait_for(lambda: dropped(node, why) >= count + len(datagrams), 60), f"{name}: dropped, and counted", told(node))
    end = time.monotonic() + CALM
    broken = ""
    while not broken and time.monotonic() < end:
        broken = silence.broken()
    report.equal(broken, "", f"{name}: silence")


def _asleep(world, **more):
    """A gateway whose service connection is not used any more, and which connects only when it is called."""
    node, kmr = world.node(settings={"register": {"on_trigger": True, "lifetime": "1 h"},
                                         "rem": {"enabled": False}}, **more)
    node.start()
    assert world.provider.sees(node.scl_id), node.log_tail()
    node.stop()
    node.start()
    assert wait_for(lambda: "waiting-for-trigger" in node.log(), 60), node.log_tail()
    return node, kmr


def false(report, bed):
    """False, foreign, altered, old and late triggers: no connection, no answer"""
    world = World(bed)
    node, kmr = _asleep(world)
    post, silence = node.post, Silence(world, node)
    port = world.provider.tap.port
    post.open = False
    report.equal(world.send(node, "connect").status, 202, "a real one is sent, and kept back")
    report.ok(wait_for(lambda: len(post.got) >= 4, 60), "it is sent four times", len(post.got))
    real_one = post.got[0]
    report.equal(set(post.got), {real_one}, "each time with the same counter")
    counter = int.from_bytes(real_one[24:32], "big")
    want = trigger(kmr, "connect", counter, int.from_bytes(real_one[32:40], "big"), port, "localhost")
    report.equal(real_one.hex(), want.hex(), "it is what the test makes of the same")
    _none_works(report, silence, "noise", [b"", b"x", b"MTG1", os.urandom(76), b"MTG1" + os.urandom(400)], "malformed")
    _none_works(report, silence, "every octet changed",
                [real_one[:i] + bytes([real_one[i] ^ 0x10]) + real_one[i + 1:] for i in range(24, 40)] +
                [real_one[:i] + bytes([real_one[i] ^ 1]) + real_one[i + 1:] for i in range(60, len(real_one))], "tag")
    other = Kmr(os.urandom(32), kmr.node, 1)
    _none_works(report, silence, "another key", [trigger(other, "connect", counter + 1, now() + 60, port, "localhost")], "tag")
    altered = real_one[:40] + (port + 1).to_bytes(2, "big") + real_one[42:]
    _none_works(report, silence, "another port", [altered], "tag")
    altered = real_one.replace(b"localhost", b"evilhosts")
    _none_works(report, silence, "another host", [altered], "tag")
    stranger = world.provider.issue("stranger")
    _none_works(report, silence, "that of another node", [trigger(stranger, "connect", counter + 1, now() + 60, port, "localhost")],
                "node")
    _none_works(report, silence, "one that has become late", [trigger(kmr, "connect", counter + 1, now() - 1, port, "localhost")],
                "late")
    _none_works(report, silence, "one that leads elsewhere, by the right key",
                [trigger(kmr, "connect", counter + 1, now() + 60, port, "evil.example")], "host")
    report.equal(node.log().count("trigger-dropped"), 1, "the log has them, but not each", node.log_tail)
    client = node.client(LOCAL)
    for body in (b"", b"x" * 300, altered, real_one[:-1]):
        answer = client.request("POST", "/m2m/trigger", body, {"Content-Type": "application/octet-stream"})
        report.ok(answer.status == 204 and not answer.body, f"by HTTP {len(body)} octets have the answer that all have", answer)
    report.equal(silence.broken(), "", "nor has that another effect")
    answer = client.request("POST", "/m2m/trigger", real_one, {"Content-Type": "application/octet-stream"})
    report.equal((answer.status, answer.body), (204, b""), "so has the real one")
    client.close()
    report.ok(wait_for(lambda: len(world.provider.tap.flows) > silence.flows, 60), "which wakes it: it connects", node.log_tail)
    report.equal(accepted(node), 1, "and is taken")
    report.ok(world.provider.sees(node.scl_id), "it is registered", node.log_tail)


def again(report, bed):
    """What was taken once is not taken again, also after a kill at once"""
    world = World(bed)
    node, kmr = _asleep(world)
    port = world.provider.tap.port
    base = now() + 1000
    token = trigger(kmr, "connect", base, now() + 600, port, "localhost")
    node.post.send(token)
    report.ok(wait_for(lambda: "trigger-accepted" in node.log(), 60), "it is taken", node.log_tail)
    node.kill()
    node.start()
    wait_for(lambda: node.log().count("waiting-for-trigger") >= 2, 60)
    silence = Silence(world, node)
    _none_works(report, silence, "the same after kill -9", [token], "replay")
    _none_works(report, silence, "an older one that it has never seen",
                [trigger(kmr, "connect", base - 1, now() + 600, port, "localhost")], "replay")
    node.post.send(trigger(kmr, "connect", base + 1, now() + 600, port, "localhost"))
    report.ok(wait_for(lambda: accepted(node) == 1, 60), "the next one is taken", node.log_tail)


def many(report, bed):
    """Six in an hour, and no more"""
    world = World(bed)
    node, kmr = world.node(limit=6)
    node.start()
    world.provider.sees(node.scl_id)
    port = world.provider.tap.port
    base = now() + 1000
    for i in range(6):
        node.post.send(trigger(kmr, "locate", base + i, now() + 600, port, "localhost"))
        report.ok(wait_for(lambda n=i + 1: accepted(node) == n, 60), f"number {i + 1} is taken", node.log_tail)
    node.post.send(trigger(kmr, "locate", base + 6, now() + 600, port, "localhost"))
    report.ok(wait_for(lambda: dropped(node, "rate") == 1, 60), "the seventh is not", told(node))
    report.equal(accepted(node), 6, "and counts as dropped alone")


# ---- floods ----

def _cpu(node):
    """Seconds of the processor that it has used."""
    with open(f"/proc/{node.pid}/stat", encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _share(node, seconds, work=None):
    """The share of a core that it uses in so long."""
    begin, used = time.monotonic(), _cpu(node)
    if work:
        work(begin + seconds)
    else:
        time.sleep(seconds)
    return (_cpu(node) - used) / (time.monotonic() - begin)


def _pour(node, datagrams, until):
    """As fast as FLOOD, or as fast as it goes; how many."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.connect(("127.0.0.1", node.post.to))
    begin, sent = time.monotonic(), 0
    while time.monotonic() < until:
        for data in datagrams:
            try:
                sock.send(data)
            except OSError:
                pass
        sent += len(datagrams)
        ahead = sent / FLOOD - (time.monotonic() - begin)
        if ahead > 0:
            time.sleep(ahead)
    sock.close()
    return sent / (time.monotonic() - begin)


def flood(report, bed):
    """A flood of false triggers costs a part of a core, and a real one gets through"""
    world = World(bed)
    node, kmr = world.node()
    node.start()
    world.provider.sees(node.scl_id)
    port = world.provider.tap.port
    base = now() + 1000
    kinds = {"of noise": [os.urandom(76) for _ in range(200)],
             "by another key": [trigger(Kmr(os.urandom(32), kmr.node, 1), "connect", base + i, now() + 600, port, "localhost")
                                for i in range(200)]}
    for number, (name, datagrams) in enumerate(kinds.items()):
        flows = len(world.provider.tap.flows)
        idle, rates = _share(node, FLOOD_SECONDS), []
        share = _share(node, FLOOD_SECONDS, lambda until, d=datagrams: rates.append(_pour(node, d, until))) - idle
        report.note(f"{name}: {rates[0]:.0f} datagrams/s, {100 * share:.1f} % of a core (idle {100 * idle:.1f} %)")
        report.ok(share <= FLOOD_SHARE, f"a flood {name} costs at most {100 * FLOOD_SHARE:.0f} % of a core", share)
        report.ok(not node.post.answered(), f"nothing answers a flood {name}", node.post.answers)
        report.equal(len(world.provider.tap.flows), flows, f"nor does it connect for a flood {name}")
        stop = time.monotonic() + 60
        pouring = threading.Thread(target=_pour, args=(node, datagrams, time.monotonic() + FLOOD_SECONDS), daemon=True)
        pouring.start()
        token = trigger(kmr, "connect", base + 1000 + number, now() + 600, port, "localhost")
        while accepted(node) == number and time.monotonic() < stop:
            node.post.send(token)
            time.sleep(0.1)
        report.equal(accepted(node), number + 1, f"a real one that is repeated is taken in a flood {name}", told(node))
        pouring.join()
    drops = told(node)[1]
    report.ok(drops["malformed"] > 1000 and drops["tag"] > 1000, "floods are counted", drops)
    report.ok(len(re.findall("trigger-dropped", node.log())) < 10, "and hardly in the log", node.log_tail)
    report.ok(node.alive(), "the node lives")
    os.kill(node.pid, signal.SIGTERM)


if __name__ == "__main__":
    run(real, refusals, false, again, many, flood)
