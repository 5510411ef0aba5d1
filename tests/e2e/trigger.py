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

from edge import Silence as Silent, Sink
from lib import xml
from lib.bed import pick_port, wait_for
from lib.m2mkeys import Kmr, trigger
from lib.report import LONG, run
from lib.secure import APP, JSON, Node, Provider, factory_node, options, registration

CALM = 1.0          # seconds in which what has no effect would have shown one
FLOOD = 100_000     # datagrams in a second, of the long form
FLOOD_SECONDS = 20 if LONG else 3
FLOOD_SHARE = 0.30  # of a core
UDP_SEGMENT = 103   # <linux/udp.h>
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

    def __init__(self, bed, networks=("127.0.0.0/8",), **more):
        self.bed, self.count = bed, 0
        self.provider = Provider(bed, tapped=True, settings={"trigger": {
            "enabled": True, "retry": "200 ms", "rate": 200, "networks": list(networks), **more}})
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


# ---- where they go ----

class Datagrams:
    """A UDP port, and whether anything has come to it."""

    def __init__(self, address="127.0.0.1", family=socket.AF_INET):
        self.socket = socket.socket(family, socket.SOCK_DGRAM)
        self.socket.bind((address, 0))
        self.socket.setblocking(False)
        self.port = self.socket.getsockname()[1]

    def take(self):
        """What has come, or None."""
        try:
            return self.socket.recv(2048)
        except BlockingIOError:
            return None

    def close(self):
        """Ends it."""
        self.socket.close()


class Played:
    """An SCL that the test plays, and whose remTriggerAddr it names."""

    def __init__(self, world, scl_id):
        self.world, self.scl_id, self.link = world, scl_id, f"http://{scl_id}.example.org/m2m"
        self.kmr, _, self.session = world.provider.node(scl_id)
        self.registered = False

    def name(self, address):
        """Registers with that address, or changes it."""
        named = f"<m2m:remTriggerAddr>{address}</m2m:remTriggerAddr>"
        if self.registered:
            body = f"<m2m:scl {xml.NS}>{named}<m2m:mgmtProtocolType>OMA_DM</m2m:mgmtProtocolType></m2m:scl>"
            made = self.session.request("PUT", f"/m2m/scls/{self.scl_id}", body, {"From": self.link})
        else:
            body = registration(self.scl_id, self.link).replace("<m2m:link>", f"{named}<m2m:link>")
            made = self.session.request("POST", "/m2m/scls", body, {"From": self.link})
        assert made.status in (200, 201, 204), made
        self.registered = True

    def trigger(self, address=None):
        """The answer to an administrator who has it triggered."""
        if address:
            self.name(address)
        return self.world.send(self, "connect")

    def close(self):
        """Ends its session."""
        self.session.close()


def _count(world, name):
    """A counter of the NSCL."""
    return world.counters().get(name, 0)


BARRED = "trigger_refused{reason=BAD_ADDRESS}"


def _refused(report, world, scl, address):
    """An address that is seen to be none that may be."""
    before = _count(world, BARRED)
    answer = scl.trigger(address)
    report.ok(answer.status == 409 and b"BAD_ADDRESS" in answer.body, f"{address}: refused", answer)
    report.equal(_count(world, BARRED), before + 1, f"{address}: counted")


def _refused_late(report, world, scl, address):
    """One with a name: where it leads to is seen when it is connected to."""
    before = _count(world, BARRED)
    answer = scl.trigger(address)
    report.equal(answer.status, 202, f"{address}: a name is taken", answer)
    report.ok(wait_for(lambda: _count(world, BARRED) == before + 1, 60), f"{address}: but not what it leads to", world.counters())


def inside(report, bed):
    """An SCL names an address inside: nothing is sent there, whatever it is called"""
    world, silence, silence6 = World(bed, networks=()), Silent(), Silent("::1", socket.AF_INET6)
    udp, udp6, sink = Datagrams(), Datagrams("::1", socket.AF_INET6), Sink()
    for end in (silence, silence6, udp, udp6, sink):
        bed.add(end)
    scl = bed.add(Played(world, "prober"))
    ports = f"udp://127.0.0.1:{udp.port}", f"udp://[::1]:{udp6.port}", f"udp://[::ffff:127.0.0.1]:{udp.port}", f"udp://0.0.0.0:{udp.port}"
    for address in (*ports, "udp://10.0.0.1:9", "udp://169.254.169.254:80", "udp://255.255.255.255:9", "udp://224.0.0.1:9"):
        _refused(report, world, scl, address)
    p = silence.port
    for address in (f"http://127.0.0.1:{p}/x", f"https://127.0.0.1:{p}", f"http://[::1]:{silence6.port}/x",
                    "http://169.254.169.254/latest", f"http://[::ffff:127.0.0.1]:{p}/x", f"http://evil@127.0.0.1:{p}/x",
                    f"http://127.0.0.1:{world.provider.admin_port}/admin"):
        _refused(report, world, scl, address)
    report.ok(wait_for(lambda: "trigger-not-sent" in world.provider.log(), 20), "it is in the log", world.provider.log_tail)
    report.equal(world.provider.log().count("trigger-not-sent"), 1, "but not each", world.provider.log_tail)
    names = f"http://localhost:{p}/x", f"https://localhost:{p}/x", f"http://2130706433:{p}/x", f"http://0x7f.1:{p}/x"
    for address in names:
        _refused_late(report, world, scl, address)
    report.ok("not permitted" in world.provider.log(), "the log says why", world.provider.log_tail)
    client = bed.add(world.provider.client(APP))
    client.post("/m2m/containers", xml.container("c"))
    target = "/m2m/containers/c/contentInstances"
    report.equal(client.post(f"{target}/subscriptions", xml.subscription(f"http://localhost:{sink.port}/notes")).status, 201,
                 "an application inside subscribes")
    client.post(target, xml.instance("hello"))
    report.ok(wait_for(lambda: sink.requests, 60), "and is notified", world.provider.log_tail)
    _refused_late(report, world, scl, f"http://localhost:{sink.port}/token")
    report.equal({path for path, _, _ in sink.requests}, {"/notes"}, "the connection that this has left open is not used")
    time.sleep(CALM)
    report.equal((silence.count, silence6.count, udp.take(), udp6.take()), (0, 0, None, None), "nothing has arrived anywhere")
    report.equal(_count(world, "trigger_datagrams"), 0, "no datagram was sent")
    report.equal(_count(world, "trigger_posts"), len(names) + 1, "nor was a post tried again")


def permitted(report, bed):
    """Networks that are permitted, own listeners in them that never are, and who redirects"""
    world, trap, udp = World(bed), Silent(), Datagrams()
    sink, away = Sink(), Sink(redirect=f"http://127.0.0.1:{trap.port}/x")
    for end in (trap, udp, sink, away):
        bed.add(end)
    scl, provider = bed.add(Played(world, "prober")), world.provider
    report.equal(scl.trigger(f"udp://127.0.0.1:{udp.port}").status, 202, "a datagram to a network that is permitted")
    report.ok(wait_for(udp.take, 60), "arrives", provider.log_tail)
    for number, host in enumerate(("127.0.0.1", "localhost")):
        report.equal(scl.trigger(f"http://{host}:{sink.port}/token").status, 202, f"a post to {host}")
        report.ok(wait_for(lambda n=number: len(sink.requests) == n + 1, 60), "arrives", provider.log_tail)
    report.equal(scl.trigger(f"http://localhost:{away.port}/token").status, 202, "a post to who redirects")
    report.ok(wait_for(lambda: len(away.requests) == 4, 60), "is tried four times", provider.log_tail)
    report.equal(trap.count, 0, "a redirection is not followed")
    for address in (f"http://127.0.0.1:{provider.port}/m2m", f"http://127.0.0.2:{provider.admin_port}/admin",
                    f"udp://127.0.0.1:{provider.mid_port}", f"https://127.0.0.1:{provider.msbf_port}/m2m/msbf", "udp://10.0.0.1:9"):
        _refused(report, world, scl, address)
    for port in (provider.port, provider.admin_port):
        _refused_late(report, world, scl, f"http://localhost:{port}/m2m")


def repeated(report, bed):
    """A post goes out at most four times, each token for itself"""
    world, first = World(bed, pending_max=1), []
    scl = bed.add(Played(world, "twice"))
    world.provider.issue("twice", nodeId=scl.kmr.node.hex())

    def status(body):
        """The token that comes first fails twice, the other one always."""
        first.append(body)
        return 500 if body != first[0] or first.count(body) <= 2 else 204
    sink = bed.add(Sink(status=status))
    report.equal(scl.trigger(f"http://127.0.0.1:{sink.port}/x").status, 202, "one for a node with two roots")
    report.ok(wait_for(lambda: scl.trigger().status == 202, 60), "it has an end", world.provider.log_tail)
    counters = [body[24:32] for body in first]
    of_one = [body for body, counter in zip(first, counters) if counter == counters[0]]
    report.equal(sorted(of_one.count(body) for body in set(of_one)), [3, 4],
                 "the token that is delivered went three times, the other one four times")
    report.equal(world.provider.log().count("trigger-post-failed"), 1, "the log has that it failed, but not each time",
                 world.provider.log_tail)


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
    for _ in range(3):
        answer = client.request("POST", f"/m2m/scls/{node.scl_id}/trigger", '{"reason":1}', {"Content-Type": JSON})
        report.equal(answer.status, 403, "an application without the right", answer)
    report.equal(world.provider.log().count("trigger-refused"), 1, "is in the log, but not each time", world.provider.log_tail)
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


def _drown(node, data, until):
    """Datagrams of that as fast as it goes, many in each call; how many."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.connect(("127.0.0.1", node.post.to))
    sock.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, len(data))
    begin, sent, segments = time.monotonic(), 0, 60
    while time.monotonic() < until:
        try:
            sent += sock.send(data * segments) // len(data)
        except OSError:
            pass
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
    rates = []
    share = _share(node, FLOOD_SECONDS, lambda until: rates.append(_drown(node, kinds["by another key"][0], until)))
    report.note(f"as fast as it goes: {rates[0]:.0f} datagrams/s, {100 * share:.1f} % of a core")
    report.ok(rates[0] > 2 * FLOOD, "much more than that can be sent", rates)
    report.ok(share <= FLOOD_SHARE, f"nor does that cost more than {100 * FLOOD_SHARE:.0f} % of a core", share)
    drops = told(node)[1]
    report.ok(drops["malformed"] > 1000 and drops["tag"] > 1000, "floods are counted", drops)
    report.ok(len(re.findall("trigger-dropped", node.log())) < 10, "and hardly in the log", node.log_tail)
    report.ok(node.alive(), "the node lives")
    os.kill(node.pid, signal.SIGTERM)


if __name__ == "__main__":
    run(real, inside, permitted, repeated, refusals, false, again, many, flood)
