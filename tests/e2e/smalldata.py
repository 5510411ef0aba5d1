#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Small data from an application at dscl by way of gscl to nscl, with kill -9 of each, and bundles altered on both ways."""

import json
import os
import random
import shutil
import threading

from lib import report as reports
from lib import smalldata as sd
from lib.bed import shim, wait_for
from lib.client import Client, NotSent, Unknown
from lib.relay import Relay
from lib.secure import APP, Node, options
from sd_gateway import LISTED, World

ROUNDS = 20 if reports.LONG else 3


class Dscl:
    """A dscl whose application reports readings; as a device of lib.smalldata to World.there.

    port: where it finds its gateway.
    """

    def __init__(self, world, number, port=None, **more):
        self.name, self.seq, self.sent = f"dev-{number}", 0, {}
        self.container = f"/m2m/applications/app/containers/{self.name}"
        settings = {"sd": {"enabled": True, "gateway": f"http://127.0.0.1:{port or world.gateway.port}/m2m",
                           "container": self.container,
                           "retry_first": "100 ms", "retry_max": "500 ms", **more}}
        self.node = Node(world.bed, "dscl", world.provider, name=f"dscl-{number}", settings=settings)
        self.node.provide(world.provider.issue(self.node.scl_id))
        self.node.start()

    def ask(self, method, body=None, **headers):
        """One operation on smallData of it."""
        client = Client("127.0.0.1", self.node.port, APP)
        try:
            return client.request(method, "/m2m/smallData", body, {"Accept": "application/json", **headers})
        finally:
            client.close()

    def state(self):
        """What it says of itself."""
        return json.loads(self.ask("GET").body)

    def report(self, payload):
        """A reading; the status of the answer."""
        answer = self.ask("POST", payload, **{"Content-Type": "application/octet-stream"})
        if answer.status == 202:
            seq = json.loads(answer.body)["seq"]
            self.seq = max(self.seq, seq)
            self.sent[seq] = payload
        return answer.status

    def done(self, timeout=60):
        """Waits until the gateway has everything."""
        return wait_for(lambda: self.state()["pending"] == 0, timeout)


def arrived(report, world, device):
    """All that it reported is at the NSCL, as it was, in order."""
    report.ok(device.done(120), f"{device.name}: the gateway has everything", device.state)
    report.ok(world.empty(120), "and passes it on", world.state)
    there = world.there(device)
    report.ok({k: v for k, v in there.items() if k in device.sent} == device.sent, f"{device.name}: {len(device.sent)} readings are there",
              lambda: sorted(set(there) ^ set(device.sent)))
    order = world.order(device)
    report.ok(set(order) >= set(sorted(device.sent)[:LISTED]) and order == sorted(order), "in their order", order)


def story(report, bed, policy, algs):
    """Readings of two devices, by one kind of signature."""
    world = World(bed, policy=policy)
    devices = [Dscl(world, i) for i in (1, 2)]
    for device in devices:
        report.ok(wait_for(lambda device=device: device.state()["registered"], 60), f"{policy}: {device.name} has registered its keys",
                  device.state)
        statuses = {device.report(random.randbytes(random.randrange(1, 513))) for _ in range(20)}
        report.equal(statuses, {202}, "20 readings are taken")
    for device in devices:
        arrived(report, world, device)
        report.equal(device.seq, 20, "with numbers from 1 on")
        report.ok(device.state()["alg"] in algs and device.state()["rejected"] == 0, "as the gateway wants it", device.state)
    report.equal([devices[0].report(b""), devices[0].report(bytes(513))], [400, 413], "an empty reading, and a long one")
    for device in devices:
        report.equal(device.node.stop()[0], 0, "a device stops")
    world.stop(report)


def single(report, bed):
    """readings of applications arrive once, in order, byte for byte, with signatures of their own"""
    story(report, bed, "ed25519", {1})


def aggregate(report, bed):
    """the same by one signature of all, where there is a pairing"""
    story(report, bed, "bls", {1, 3})


def identity(report, bed):
    """identity-based: one signature of a device in each round, durable; the rest by other signatures, once and in order"""
    world = World(bed, policy="identity", round_time="2 s")
    device = Dscl(world, 1)
    report.ok(wait_for(lambda: device.state()["registered"], 60), "it has registered its keys", device.state)
    if not wait_for(lambda: sd.IDENTITY in world.get("")["algs"], 20):
        report.skip("identities", "built without pairing")
        return

    def turn():
        """One reading with the signature of the identity: whether it went so, at once or in one of the next rounds."""
        report.equal(device.report(random.randbytes(24)), 202, "a reading is taken")
        return device.done() and device.state()["alg"] == sd.IDENTITY
    report.ok(wait_for(turn, 60), "a reading is signed with the key of its identity", device.state)
    statuses = {device.report(random.randbytes(24)) for _ in range(30)}
    report.equal(statuses, {202}, "30 at once are taken")
    arrived(report, world, device)
    device.node.kill()
    device.node.start()
    report.ok(wait_for(lambda: device.state()["registered"], 60), "after kill -9 it registers again")
    report.ok(wait_for(turn, 60), "and signs so in a later round", device.state)
    arrived(report, world, device)
    report.equal(device.state()["rejected"], 0, "no signature is refused", device.state)
    counters = world.state()["counters"]
    report.equal((counters["smalldata_rejected{reason=SD_REPLAY}"], counters["smalldata_rejected{reason=SD_SIGNATURE}"]), (0, 0),
                 "none of a round that was spent")
    old = world.provider.administer("GET", "/generator")
    new = world.provider.administer("POST", "/generator/replace")
    report.equal((old["epoch"], new["epoch"], world.provider.administer("GET", "/generator")), (1, 2, new), "the generator is replaced")
    report.ok(old["generator"] != new["generator"], "by another")
    device.node.kill()
    device.node.start()

    def known():
        client = world.provider.client(APP)
        try:
            return json.loads(client.request("GET", "/m2m/smallData", headers={"Accept": sd.JSON}).body)["generator"] == new["generator"]
        finally:
            client.close()
    report.ok(wait_for(lambda: turn() and known(), 90), "and the device signs with a key of the new one", device.state)
    arrived(report, world, device)
    report.equal(device.node.stop()[0], 0, "the device stops")
    world.stop(report)


def rounds(report, bed):
    """a round of an hour is signed in once, also by a device that is killed, and that has lost its book"""
    world = World(bed, policy="identity", round_time="1 h")
    device = Dscl(world, 1)
    report.ok(wait_for(lambda: device.state()["registered"], 60), "it has registered its keys", device.state)
    if not wait_for(lambda: sd.IDENTITY in world.get("")["algs"], 20):
        report.skip("identities", "built without pairing")
        return
    report.ok(device.report(b"first") == 202 and device.done() and device.state()["alg"] == sd.IDENTITY, "the first reading is signed so",
              device.state)
    book = os.path.join(device.node.store, "keystore", "sd")
    for name in ("kill -9", "kill -9, and its book is lost"):
        # With the book its keys are lost: what the network has not seen yet was signed with others.
        report.ok(world.empty(), "all is at the network", world.state)
        device.node.kill()
        if "lost" in name:
            report.ok(os.path.isdir(book), "it has a book")
            shutil.rmtree(book, ignore_errors=True)
        device.node.start()
        report.ok(wait_for(lambda: device.state()["registered"], 60), f"{name}: it registers again")
        report.equal({device.report(b"another %d" % i) for i in range(3)}, {202}, "three readings more")
        report.ok(device.done() and device.state()["alg"] in (sd.ED25519, sd.BLS_SINGLE), "go with other signatures", device.state)
    report.equal(len(device.sent), 7, "no number is used again")
    arrived(report, world, device)
    counters = world.state()["counters"]
    report.equal(counters["smalldata_rejected{reason=SD_REPLAY}"], 0, "nothing is signed in that round again")
    report.equal(device.node.stop()[0], 0, "the device stops")
    world.stop(report)


class Forging(Relay):
    """Alters bundles on their way to a gateway: what(octets) while it is not None."""

    what = None
    altered = 0

    def pass_on(self, data):
        """One piece of a stream."""
        at = data.find(b"MSB1")
        if at < 0 or self.what is None:
            return data
        self.altered += 1
        return data[:at] + self.what(data[at:])


def forged_at(at):
    """Another octet there, counted from the first of a bundle or from behind."""
    def forge(octets):
        octets = bytearray(octets)
        octets[at] ^= 1
        return bytes(octets)
    return forge


def forged(report, bed):
    """what is altered between device and gateway is refused there, and arrives once when it is not altered any more"""
    world = World(bed)
    line = bed.add(Forging(world.gateway.port))
    device = Dscl(world, 1, line.port)
    report.ok(wait_for(lambda: device.state()["registered"], 60), "it has registered its keys")
    forgeries = {"its sender": 36, "its number": 36 + 16 + 7, "its time": 36 + 24, "its payload": 36 + 34, "its signature": -1,
                 "the algorithm": 4, "how many": 7, "its length": 11, "a gateway": 12}
    for name, at in forgeries.items():
        before, line.altered, line.what = world.state()["counters"], 0, forged_at(at)
        report.equal(device.report(random.randbytes(24)), 202, f"{name} is another: the device has the reading")
        report.ok(wait_for(lambda: line.altered > 0 and device.state()["retries"] > 0), "it is sent, altered", device.state)

        def refused(before=before):
            after = world.state()["counters"]
            return [k for k in after if k.startswith(("smalldata_rejected", "smalldata_refused")) and after[k] > before[k]]
        report.ok(wait_for(refused), "refused and counted", world.state)
        report.equal((world.count("smalldata_taken") - before["smalldata_taken"], device.state()["pending"]), (0, 1), "nothing of it is taken")
        line.what = None
        report.ok(device.done(), "unaltered it is taken", device.state)
    arrived(report, world, device)
    report.equal(sorted(world.order(device)), sorted(device.sent), "and nothing else")
    report.equal(device.node.stop()[0], 0, "the device stops")
    world.stop(report)


def altered(report, bed):
    """one signature of all: removal, substitution, addition, duplication, swapped signers, alteration behind the gateway are detected"""
    world = World(bed, policy="bls", bundle_wait="1 s")
    if not wait_for(lambda: sd.BLS_SINGLE in world.get("")["algs"], 20):
        report.skip("aggregates", "built without pairing")
        return
    control = bed.path("alteration")
    world.gateway.env.update(LD_PRELOAD=shim(bed, "alterio"), ALTERIO_CONTROL=control,
                             ASAN_OPTIONS=os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0")
    world.gateway.stop()
    world.gateway.start()
    devices = [Dscl(world, i) for i in (1, 2, 3)]
    for device in devices:
        report.ok(wait_for(lambda device=device: device.state()["registered"], 60), f"{device.name} has registered its keys")

    def counted():
        rows = world.provider.administer("GET", "/counters")
        return {k: rows[f"smalldata_refused{{reason={k}}}"] for k in ("SD_AGGREGATE", "SD_DUPLICATE")}

    def gone():
        for device in devices:
            device.report(random.randbytes(24))
        return all(device.done() for device in devices) and world.empty() and not os.path.exists(control)
    wants = {"alter": "SD_AGGREGATE", "swap": "SD_AGGREGATE", "substitute": "SD_AGGREGATE", "remove": "SD_AGGREGATE", "add": "SD_AGGREGATE",
             "duplicate": "SD_DUPLICATE"}
    for name, reason in wants.items():
        before = counted()
        with open(control + ".new", "w", encoding="ascii") as file:
            file.write(name)
        os.rename(control + ".new", control)
        report.ok(wait_for(gone, 60), f"{name}: a bundle is altered", world.state)
        after = counted()
        report.equal({k: after[k] - before[k] for k in after}, {**dict.fromkeys(after, 0), reason: 1}, f"{name}: refused as {reason}, counted")
    for device in devices:
        arrived(report, world, device)
        report.equal(sorted(world.order(device)), sorted(device.sent), f"{device.name}: each once, and nothing that it has not signed")
    report.equal((world.count("smalldata_dropped"), world.count("smalldata_culprits")), (0, 0), "nobody is blamed")
    for device in devices:
        report.equal(device.node.stop()[0], 0, "a device stops")
    world.stop(report)


def policies(report, bed):
    """a gateway that comes back with another policy: the readings that wait go as it says now"""
    world = World(bed, policy="ed25519")
    if not wait_for(lambda: sd.BLS_SINGLE in world.get("")["algs"], 20):
        report.skip("policies", "built without pairing")
        return
    device = Dscl(world, 1)
    report.ok(wait_for(lambda: device.state()["registered"], 60), "it has registered its keys")
    for policy, alg in (("ed25519", sd.ED25519), ("bls", sd.BLS_SINGLE), ("ed25519", sd.ED25519)):
        device.report(random.randbytes(24))
        world.gateway.kill()
        tried = device.state()["retries"]
        report.equal({device.report(random.randbytes(24)) for _ in range(5)}, {202}, f"{policy}: readings wait for the gateway")
        report.ok(wait_for(lambda n=tried: device.state()["retries"] > n), "which is away")
        world.gateway.groups["sd"]["policy"] = policy
        world.gateway.extra = options(world.gateway.groups) + "\n"
        world.gateway.write_config()
        world.gateway.start()
        report.ok(device.done(), "they go when it is back", device.state)
        report.ok(wait_for(lambda alg=alg: device.report(b"one more") == 202 and device.done() and device.state()["alg"] == alg, 60),
                  "with the signature that it wants now", device.state)
    arrived(report, world, device)
    report.equal(device.node.stop()[0], 0, "the device stops")
    world.stop(report)


def bounds(report, bed):
    """without its gateway a device keeps readings within bounds"""
    world = World(bed)
    device = Dscl(world, 1, queue_max=10)
    report.ok(wait_for(lambda: device.state()["registered"], 60), "it has registered its keys")
    world.gateway.kill()
    statuses = [device.report(b"%d" % i) for i in range(12)]
    report.equal(statuses, [202] * 10 + [503] * 2, "ten are kept")
    device.node.kill()
    device.node.start()
    report.equal(device.state()["pending"], 10, "also through kill -9")
    world.gateway.start()
    arrived(report, world, device)
    report.equal(device.node.stop()[0], 0, "the device stops")
    world.stop(report)


def killed(report, bed):
    """kill -9 of device, gateway and network in turn loses nothing"""
    world, rng = World(bed), random.Random(9)
    device = Dscl(world, 1)
    report.ok(wait_for(lambda: device.state()["registered"], 60), "it has registered its keys")
    for turn in range(ROUNDS):
        victim = (device.node, world.gateway, world.provider)[turn % 3]
        timer = threading.Timer(rng.uniform(0.1, 0.6), victim.kill)
        timer.start()
        while timer.is_alive():
            try:
                device.report(rng.randbytes(24))
            except (OSError, Unknown, NotSent):
                pass
        timer.join()
        victim.start()
    arrived(report, world, device)
    report.equal(device.node.stop()[0], 0, "the device stops")
    world.stop(report)


if __name__ == "__main__":
    reports.run(single, aggregate, identity, rounds, forged, altered, policies, bounds, killed)
