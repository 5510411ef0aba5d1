#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A node from its factory identity to protected traffic, and on: restarts, new keys, revocation, lost peers."""

import os
import stat
import sys
import threading
import time

from lib import m2mkeys, psk, xml
from lib import report as reports
from lib.bed import wait_for
from lib.client import NotSent, Unknown
from lib.notices import Receiver
from lib.report import LONG, SKIPPED
from lib.secure import APP, Provider, factory_node, ppid
from lib.tls import available

RENEWALS = 20 if LONG else 3
KILLS = 10 if LONG else 1
KMC_SECONDS = 8
CONTENTS = "containers/data/contentInstances"
REGISTERED = "event=registered"


class Load(threading.Thread):
    """One kind of request again and again; all must be served."""

    def __init__(self, name, once, pause=0.02):
        super().__init__(daemon=True)
        self.name, self.once, self.pause = name, once, pause
        self.halt, self.served, self.failures = threading.Event(), 0, []

    def run(self):
        while not self.halt.is_set():
            try:
                answer = self.once()
                if answer.status in (200, 201):
                    self.served += 1
                else:
                    self.failures.append(repr(answer))
            except (NotSent, Unknown) as error:
                self.failures.append(repr(error))
            time.sleep(self.pause)

    def end(self):
        """Lets it finish."""
        self.halt.set()
        self.join(60)


class World:
    """A provider, a gateway and a device; taps see mId and the MSBF."""

    def __init__(self, bed, tapped=True, **more):
        self.bed, self.provider = bed, Provider(bed, tapped=tapped, **more).start()
        self.mid, self.boot = self.provider.tap, bed.add(psk.Tap(self.provider.msbf_port))
        self.nodes = [self._node(kind, number) for number, kind in enumerate(("gscl", "dscl"), 1)]

    def _node(self, kind, number):
        boot = {"bootstrap": {"msbf": f"https://localhost:{self.boot.port}/m2m/msbf"}}
        return factory_node(self.bed, kind, self.provider, ppid(number), settings=boot).start()

    def registered(self, report, label):
        """All nodes are ONLINE at the NSCL."""
        for node in self.nodes:
            report.ok(self.provider.sees(node.scl_id) is not None, f"{label}: {node.name} is registered", self.bed.logs)

    def show(self, node):
        """What the MAS knows of a node: (node, Kmrs, connections)."""
        record = self.provider.node_of(node.scl_id)
        shown = self.provider.administer("GET", f"/nodes/{record['nodeId']}")
        return record, shown["kmrs"], shown["connections"]

    def active(self, node):
        """Its newest connection."""
        return max(self.show(node)[2], key=lambda c: c["kmcIndex"])

    def stop(self, report):
        """Orderly ends."""
        for daemon in (*self.nodes, self.provider):
            report.equal(daemon.stop()[0], 0, f"{daemon.name}: orderly stop")


def application(node, name="meter"):
    """An application at a node with a container: its client and its URI."""
    uri = f"{node.mid_base}/applications/{name}"
    client = node.client(uri)
    client.create("/m2m/applications", xml.application(name))
    client.create(f"/m2m/applications/{name}/containers", xml.container("data", nr=100000, size=10**8))
    return client, uri


def derivations(report, _bed):
    """The derivations of the tests themselves."""
    for name, want, got in m2mkeys.known():
        report.equal(got, want, f"known value: {name}")


def from_the_factory(report, bed):
    """Bootstrap, service connection, registration, data, with nothing but a factory certificate."""
    world = World(bed)
    world.registered(report, "from the factory")
    for node in world.nodes:
        record, kmrs, connections = world.show(node)
        report.equal([(k["kmrIndex"], k["state"], k["origin"]) for k in kmrs], [(1, "ACTIVE", "B6")], f"{node.name}: its Kmr")
        report.ok(connections and connections[-1]["state"] == "ACTIVE", f"{node.name}: its connection", connections)
        mode = stat.S_IMODE(os.stat(node.keystore).st_mode)
        report.equal(mode, 0o600, f"{node.name}: mode of the key store")
        report.equal(record["sclId"], node.scl_id, f"{node.name}: has the SCL-ID that it asked for")
    kinds = {identity[:2] for identity in world.mid.identities() if identity}
    report.equal(kinds, {"mr", "mc"}, "mId is sessions A and B alone")
    data_both_ways(report, world)
    stored_keys(report, world)
    world.stop(report)


def data_both_ways(report, world):
    """Requests from the nodes to the network, from the network to the nodes, and notifications."""
    provider, receiver = world.provider, world.bed.add(Receiver())
    network = provider.client(APP)
    for node in world.nodes:
        client, uri = application(node)
        made = client.post(f"/m2m/applications/meter/{CONTENTS}", xml.instance("21.5"))
        report.equal(made.status, 201, f"{node.name}: an application writes")
        read = network.get(f"{uri}/{CONTENTS}/latest/content")
        report.ok(read.status == 200 and read.body == b"21.5", f"{node.name}: the network reads it", read)
        seen = client.get(f"{provider.mid_base}/scls/{node.scl_id}")
        report.equal(seen.status, 200, f"{node.name}: the application reads at the network")
        sink = receiver.open()
        made = network.post(f"{uri}/{CONTENTS}/subscriptions", xml.subscription(sink.url))
        report.equal(made.status, 201, f"{node.name}: the network subscribes")
        client.post(f"/m2m/applications/meter/{CONTENTS}", xml.instance("22.5"))
        report.ok(sink.wait_until(lambda messages: messages), f"{node.name}: and is notified", node.log_tail)
        client.close()
    network.close()


def stored_keys(report, world):
    """A restart uses the keys that are stored."""
    for node in world.nodes:
        before, boots, seen = world.active(node), len(world.boot.flows), len(world.mid.flows)
        report.equal(node.stop()[0], 0, f"{node.name}: stops")
        node.start()
        client = node.client(f"{node.mid_base}/applications/meter")
        target = f"{world.provider.mid_base}/scls/{node.scl_id}"
        report.ok(wait_for(lambda client=client, target=target: client.get(target).status == 200),
                  f"{node.name}: serves again", node.log_tail)
        client.close()
        report.equal(len(world.boot.flows), boots, f"{node.name}: did not bootstrap again")
        again = [i for i in world.mid.identities()[seen:] if i]
        report.ok(again and not any(i.startswith("mr") for i in again), f"{node.name}: by the Kmc that it had", again)
        report.equal(world.active(node)["connectionId"], before["connectionId"], f"{node.name}: on the same service connection")


def renewed_under_load(report, bed):
    """Kmc is renewed while requests go both ways, and none fails."""
    world = World(bed, settings={"mas": {"kmc_lifetime": f"{KMC_SECONDS} s"}})
    world.registered(report, "short lifetime")
    loads, first = [], {}
    for node in world.nodes:
        client, uri = application(node)
        network = world.provider.client(APP)
        client.post(f"/m2m/applications/meter/{CONTENTS}", xml.instance("1"))
        first[node] = world.active(node)["kmcIndex"]
        target = f"{world.provider.mid_base}/scls/{node.scl_id}"
        loads.append(Load(f"{node.name} to network", lambda client=client, target=target: client.get(target)))
        loads.append(Load(f"network to {node.name}",
                          lambda network=network, uri=uri: network.get(f"{uri}/{CONTENTS}/latest/content")))
    for load in loads:
        load.start()
    for node in world.nodes:
        renewed = wait_for(lambda node=node: world.active(node)["kmcIndex"] >= first[node] + RENEWALS,
                           timeout=30 + RENEWALS * KMC_SECONDS)
        report.ok(renewed, f"{node.name}: renewed {RENEWALS} times", node.log_tail)
    for load in loads:
        load.end()
        report.ok(load.served > 20 and not load.failures, f"{load.name}: no request failed",
                  f"{load.served} served, {len(load.failures)} failed\n" + "\n".join(load.failures[:5]))
    world.stop(report)


def revoked(report, bed):
    """A revocation bites at once, on the open session and on the next one."""
    world = World(bed)
    world.registered(report, "before the revocation")
    node, other = world.nodes
    clients = {}
    for one in world.nodes:
        client, _ = application(one)
        target = f"{world.provider.mid_base}/scls/{one.scl_id}"
        report.equal(client.get(target).status, 200, f"{one.name}: served before")
        clients[one] = lambda client=client, target=target: client.get(target)
    record = world.provider.node_of(node.scl_id)
    world.provider.revoke(record["nodeId"])
    began, sent = time.monotonic(), []

    def is_refused():
        sent.append(time.monotonic() - began)
        return clients[node]().status != 200
    # However long the answer takes: what is sent later than that is not served.
    report.ok(wait_for(is_refused, timeout=5, pause=0.01) and sent[-1] < 1.0, f"{node.name}: refused within a second", sent)
    seen = len(world.mid.flows)
    report.ok(wait_for(lambda: len(world.mid.flows) > seen), f"{node.name}: tries again", node.log_tail)
    end = time.monotonic() + 2
    while time.monotonic() < end:
        answer = clients[node]()
        if answer.status == 200:
            break
        time.sleep(0.05)
    report.ok(answer.status != 200, f"{node.name}: is not let in again", answer)
    report.equal(clients[other]().status, 200, f"{other.name}: is not concerned")
    root_revoked(report, world, other, clients[other])
    world.stop(report)


def root_revoked(report, world, node, ask):
    """Only Kmr is revoked: the provider says so, signed, and the node bootstraps again."""
    record, kmrs, _ = world.show(node)
    world.provider.revoke(record["nodeId"], "kmr", index=kmrs[-1]["kmrIndex"])
    again = wait_for(lambda: ask().status == 200 and world.show(node)[1][-1]["kmrIndex"] > kmrs[-1]["kmrIndex"])
    report.ok(again, f"{node.name}: bootstraps anew when its Kmr is revoked", node.log_tail)


def peers_come_back(report, bed):
    """Restarts and kills of either side need no human."""
    # A tap would accept what nobody answers, and so look like an NSCL that knows the key no more.
    world = World(bed, tapped=False)
    world.registered(report, "before the restarts")
    asks = {}
    for node in world.nodes:
        client, _ = application(node)
        target = f"{world.provider.mid_base}/scls/{node.scl_id}"
        asks[node] = lambda client=client, target=target: client.get(target)

    def serves(node):
        try:
            return asks[node]().status == 200
        except (NotSent, Unknown):
            return False
    for number in range(KILLS):
        for name, end in (("restart", lambda daemon: daemon.stop()), ("kill -9", lambda daemon: daemon.kill())):
            before = {node: world.active(node)["connectionId"] for node in world.nodes}
            boots = len(world.boot.flows)
            end(world.provider)
            world.provider.start()
            for node in world.nodes:
                report.ok(wait_for(lambda node=node: serves(node)), f"nscl {name} {number}: {node.name} serves", bed.logs)
                report.ok(world.active(node)["connectionId"] == before[node],
                          f"nscl {name} {number}: {node.name}: the service connection has survived", bed.logs)
            report.equal(len(world.boot.flows), boots, f"nscl {name} {number}: nobody bootstrapped again")
            for node in world.nodes:
                registrations = node.log().count(REGISTERED)
                end(node)
                node.start()
                report.ok(wait_for(lambda node=node: serves(node)), f"{node.name} {name} {number}: serves", bed.logs)
                report.ok(wait_for(lambda node=node, n=registrations: node.log().count(REGISTERED) > n),
                          f"{node.name} {name} {number}: registers again", bed.logs)
    world.stop(report)


if __name__ == "__main__":
    if not available():
        print("secure: there is no openssl command")
        sys.exit(SKIPPED)
    reports.run(derivations, from_the_factory, renewed_under_load, revoked, peers_come_back)
