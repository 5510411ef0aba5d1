#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A device that knows its NSCL by coaps alone: service connection and mId by DTLS; renewal, revocation, restarts, bad lines."""

import sys
import time
from concurrent.futures import ThreadPoolExecutor

from lib import report as reports
from lib import xml
from lib.bed import wait_for
from lib.client import NotSent, Unknown
from lib.lossy import GOOD, Line, Lossy
from lib.notices import Receiver
from lib.report import LONG, SKIPPED
from lib.secure import APP, Node, Provider, listener, ppid
from lib.tls import available

KMC_SECONDS = 8
RENEWALS = 6 if LONG else 2
SEEDS = range(4) if LONG else range(1)
WRITERS, WRITES = 4, 4
ANNOUNCE = "<m2m:announceTo><m2m:sclList><reference>{}</reference></m2m:sclList></m2m:announceTo></m2m:application>"
CONTENTS = "containers/data/contentInstances"


class CoapProvider(Provider):
    """Its mId has DTLS instead of TLS."""

    def _listeners(self, address, serves, psk_more):
        rows = super()._listeners(address, serves, {**psk_more, "protocol": "coap"})
        yield from rows

    @property
    def mid_base(self):
        """sclBase for nodes."""
        return f"coaps://{self.host}:{self.tap.port if self.tap else self.mid_port}/m2m"


class CoapNode(Node):
    """A node with a factory certificate; the NSCL reaches it by DTLS, too."""

    def __init__(self, bed, kind, provider, number, *, polls=False, **more):
        self.polls = polls
        device = provider.devices.device(ppid(number))
        provider.admit(ppid(number), [device.fingerprint()])
        super().__init__(bed, kind, provider, device=device, device_ppid=ppid(number), **more)
        self.listeners = listener(self.port, "none", ["dia"])
        if polls:
            self.options.append("register.channel=true")
        else:
            self.listeners += ", " + listener(self.poc_port, "psk", ["mid"], self.address, protocol="coap")
        self.write_config()

    @property
    def mid_base(self):
        """sclBase for the NSCL."""
        return self.base if self.polls else f"coaps://{self.address}:{self.poc_port}/m2m"


class World:
    """A provider and a device."""

    def __init__(self, bed, polls=False, node="dscl", **more):
        self.bed, self.provider = bed, CoapProvider(bed, **more).start()
        self.node = CoapNode(bed, "dscl", self.provider, 1, polls=polls, name=node).start()
        self.clients = []

    def registered(self, report, label):
        """The device is ONLINE at the NSCL, with a point of contact that is coaps."""
        seen = self.provider.sees(self.node.scl_id)
        report.ok(seen is not None, f"{label}: the device is registered", self.bed.logs)
        return seen

    def connections(self):
        """Those that the MAS knows."""
        record = self.provider.node_of(self.node.scl_id)
        return self.provider.administer("GET", f"/nodes/{record['nodeId']}")["connections"]

    def active(self):
        """The newest one."""
        return max(self.connections(), key=lambda c: c["kmcIndex"])

    def application(self, name="meter"):
        """An application at the device with a container: its client."""
        client = self.node.client(f"{self.node.mid_base}/applications/{name}")
        client.create("/m2m/applications", xml.application(name))
        client.create(f"/m2m/applications/{name}/containers", xml.container("data", nr=100000, size=10**8))
        self.clients.append(client)
        return client

    def ask(self, client):
        """A request of the application that goes over mId; its status, 0 without an answer."""
        try:
            return client.get(f"{self.provider.mid_base}/scls/{self.node.scl_id}").status
        except (NotSent, Unknown):
            return 0

    def stop(self, report):
        """Orderly ends."""
        for client in self.clients:
            client.close()
        for daemon in (self.node, self.provider):
            report.equal(daemon.stop()[0], 0, f"{daemon.name}: orderly stop")


def announces(report, world):
    """An application of the device is announced at the network, and its end, too."""
    client, network = world.application("lamp"), world.provider.client(APP)
    application = xml.application("sign").replace("</m2m:application>", ANNOUNCE.format(world.provider.mid_base))
    client.create("/m2m/applications", application)
    target = f"/m2m/scls/{world.node.scl_id}/applications"
    report.ok(wait_for(lambda: b"signAnnc" in network.get(target).body), "an application is announced", world.bed.logs)
    report.equal(client.request("DELETE", "/m2m/applications/sign").status, 204, "it is deleted")
    report.ok(wait_for(lambda: b"signAnnc" not in network.get(target).body), "and the announcement with it", world.bed.logs)
    network.close()


def behind_a_wall(report, bed):
    """A device without a listener polls over DTLS, and is reached by that."""
    world = World(bed, polls=True)
    if world.registered(report, "by polling") is None:
        return
    client, network = world.application(), world.provider.client(APP)
    uri = f"{world.node.mid_base}/applications/meter/{CONTENTS}"
    for number in range(5):
        text = "x" * (number * 1500 + 1)
        report.equal(network.post(uri, xml.instance(text)).status, 201, f"the network writes {len(text)} octets")
        report.equal(network.get(f"{uri}/latest/content").body, text.encode(), "and reads them")
    report.equal(world.ask(client), 200, "the application reads at the network meanwhile")
    network.close()
    world.stop(report)


def from_the_factory(report, bed):
    """Connects, registers, exchanges data both ways, is notified, comes back with the key that it has."""
    world = World(bed)
    if world.registered(report, "from the factory") is None:
        return
    node, provider = world.node, world.provider
    report.ok(world.active()["state"] == "ACTIVE", "the service connection stands", world.connections())
    client, network, receiver = world.application(), provider.client(APP), bed.add(Receiver())
    made = client.post(f"/m2m/applications/meter/{CONTENTS}", xml.instance("21.5"))
    report.equal(made.status, 201, "an application writes")
    uri = f"{node.mid_base}/applications/meter"
    read = network.get(f"{uri}/{CONTENTS}/latest/content")
    report.ok(read.status == 200 and read.body == b"21.5", "the network reads it at the device", (read, bed.logs()))
    report.equal(world.ask(client), 200, "the application reads at the network")
    sink = receiver.open()
    made = network.post(f"{uri}/{CONTENTS}/subscriptions", xml.subscription(sink.url))
    report.equal(made.status, 201, "the network subscribes")
    client.post(f"/m2m/applications/meter/{CONTENTS}", xml.instance("22.5"))
    report.ok(sink.wait_until(lambda messages: messages), "and is notified", node.log_tail)
    long_text = "x" * 20000
    made = network.post(f"{uri}/{CONTENTS}", xml.instance(long_text))
    report.equal(made.status, 201, "the network writes in blocks")
    read = network.get(f"{uri}/{CONTENTS}/latest/content")
    report.ok(read.body == long_text.encode(), "and reads them", read.status)
    announces(report, world)
    before = world.active()["connectionId"]
    report.equal(node.stop()[0], 0, "the device stops")
    node.start()
    report.ok(wait_for(lambda: world.ask(client) == 200), "and serves again", node.log_tail)
    report.equal(world.active()["connectionId"], before, "on the same service connection")
    network.close()
    world.stop(report)


def renewed_under_load(report, bed):
    """Kmc is renewed while requests go both ways, and none fails."""
    world = World(bed, settings={"mas": {"kmc_lifetime": f"{KMC_SECONDS} s"}})
    if world.registered(report, "short lifetime") is None:
        return
    client, network = world.application(), world.provider.client(APP)
    client.post(f"/m2m/applications/meter/{CONTENTS}", xml.instance("1"))
    target = f"{world.node.mid_base}/applications/meter/{CONTENTS}/latest/content"
    first, failed, served = world.active()["kmcIndex"], [], 0
    end = time.monotonic() + 30 + RENEWALS * KMC_SECONDS
    while time.monotonic() < end and world.active()["kmcIndex"] < first + RENEWALS:
        for status in (world.ask(client), network.get(target).status):
            served += 1
            if status != 200:
                failed.append(status)
        time.sleep(0.02)
    report.ok(world.active()["kmcIndex"] >= first + RENEWALS, f"renewed {RENEWALS} times", world.node.log_tail)
    report.ok(served > 20 and not failed, "no request failed", (served, failed, bed.logs()))
    network.close()
    world.stop(report)


def revoked(report, bed):
    """A revocation bites within a second, and the device is not let in again."""
    world = World(bed)
    if world.registered(report, "before the revocation") is None:
        return
    client = world.application()
    report.equal(world.ask(client), 200, "served before")
    world.provider.revoke(world.provider.node_of(world.node.scl_id)["nodeId"])
    began, sent = time.monotonic(), []

    def is_refused():
        sent.append(time.monotonic() - began)
        return world.ask(client) != 200
    report.ok(wait_for(is_refused, timeout=5, pause=0.01) and sent[-1] < 1.0, "refused within a second", sent)
    end = time.monotonic() + 2
    while time.monotonic() < end and world.ask(client) != 200:
        time.sleep(0.05)
    report.ok(world.ask(client) != 200, "is not let in again")
    world.stop(report)


def peers_come_back(report, bed):
    """Restarts and kills of either side need no human, and the service connection survives them."""
    world = World(bed)
    if world.registered(report, "before the restarts") is None:
        return
    client = world.application()
    report.equal(world.ask(client), 200, "served before")
    for name, end in (("restart", lambda daemon: daemon.stop()), ("kill -9", lambda daemon: daemon.kill())):
        before = world.active()["connectionId"]
        end(world.provider)
        world.provider.start()
        began = time.monotonic()
        report.ok(wait_for(lambda: world.ask(client) == 200), f"nscl {name}: the device is served", bed.logs)
        report.ok(time.monotonic() - began < 45, f"nscl {name}: soon", time.monotonic() - began)
        report.equal(world.active()["connectionId"], before, f"nscl {name}: on the same service connection")
        end(world.node)
        world.node.start()
        report.ok(wait_for(lambda: world.ask(client) == 200), f"dscl {name}: it is served", bed.logs)
    world.stop(report)


def written(world, target, number):
    """An application writes, in messages and in blocks: all texts, and those that were acknowledged."""
    client, texts, done = world.application(f"writer{number}"), [], []
    client.timeout = 120
    for turn in range(WRITES):
        texts.append(f"{number}.{turn}." + "z" * (turn * 900))
        try:
            if client.post(target, xml.instance(texts[-1])).status == 201:
                done.append(texts[-1])
        except (NotSent, Unknown):
            pass
    return texts, done


def over_a_bad_line(report, bed):
    """Handshakes, connection and requests over a line that loses, doubles and reorders: nothing acknowledged is lost or twice."""
    for seed in SEEDS:
        line = Line(loss=0.2 if LONG else 0.1)
        world = World(bed, node=f"dscl{seed}", name=f"nscl{seed}", tapped=lambda port, seed=seed, line=line: Lossy(port, seed, line))
        if world.registered(report, f"seed {seed}") is None:
            return
        network = world.provider.client(APP)
        network.create("/m2m/applications", xml.application("sink"))
        network.create("/m2m/applications/sink/containers", xml.container("data", nr=1000, size=10**8))
        place = f"applications/sink/{CONTENTS}"
        target = f"{world.provider.mid_base}/{place}"
        with ThreadPoolExecutor(WRITERS) as pool:
            results = list(pool.map(lambda number, world=world, target=target: written(world, target, number), range(WRITERS)))
        world.provider.tap.line = GOOD
        sent = {text for texts, _ in results for text in texts}
        done = {text for _, texts in results for text in texts}
        there = xml.texts(network.get(f"/m2m/{place}").xml(), "textContent")
        report.equal(len(there), len(set(there)), f"seed {seed}: nothing is there twice", world.provider.tap.counts())
        report.equal(sorted(done - set(there)), [], f"seed {seed}: what was acknowledged is there")
        report.equal(sorted(set(there) - sent), [], f"seed {seed}: and whole")
        report.ok(len(done) > len(sent) // 2, f"seed {seed}: most of it was acknowledged", (len(done), len(sent), bed.logs()))
        network.close()
        world.stop(report)


if __name__ == "__main__":
    if not available():
        print("coaps: there is no openssl command")
        sys.exit(SKIPPED)
    reports.run(from_the_factory, behind_a_wall, renewed_under_load, revoked, peers_come_back, over_a_bad_line)
