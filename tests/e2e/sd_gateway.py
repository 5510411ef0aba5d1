#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Small data at gscl: readings of devices go on to nscl once and as they were, through everything that happens on the way."""

import base64
import json
import random
import threading
import time

from lib import report as reports
from lib import smalldata as sd
from lib import xml
from lib.bed import wait_for
from lib.client import Client, NotSent, Unknown
from lib.relay import Relay
from lib.secure import APP, Node, Provider

ROUNDS = 30 if reports.LONG else 4
LISTED = 500            # instances of a container that one answer has at least
QUICK = {"enabled": True, "bundle_wait": "100 ms", "bundle_max": 50, "retry_first": "100 ms", "retry_max": "500 ms",
         "key_ttl": "1 s"}


class World:
    """nscl, and a gscl whose way to it is a relay."""

    def __init__(self, bed, nodes=4, **more):
        self.bed = bed
        self.provider = Provider(bed, msbf=False, tapped=Relay,
                                 settings={"sd": {"enabled": True}, "container": {"max_bytes_default": 1 << 30}}).start()
        client = self.provider.client(APP)
        client.create("/m2m/applications", xml.application("app"))
        for i in range(1, nodes + 1):
            client.create("/m2m/applications/app/containers", xml.container(f"dev-{i}", nr=100000, size=100000000))
        client.close()
        self.gateway = Node(bed, "gscl", self.provider, settings={"sd": {**QUICK, **more}})
        self.gateway.provide(self.provider.issue(self.gateway.scl_id))
        self.gateway.start()
        if not self.provider.sees(self.gateway.scl_id):
            raise AssertionError("the gateway does not register")

    @property
    def line(self):
        """The way between the two."""
        return self.provider.tap

    def client(self):
        """A connection of a device to the gateway."""
        return Client("127.0.0.1", self.gateway.port, APP)

    def post(self, octets, **headers):
        """A bundle to the gateway: (status, document or reason)."""
        client = self.client()
        try:
            return sd.post(client, octets, **headers)
        finally:
            client.close()

    def get(self, path):
        """A document of the gateway."""
        client = self.client()
        try:
            return json.loads(client.request("GET", f"/m2m/smallData{path}", headers={"Accept": sd.JSON}).body)
        finally:
            client.close()

    def state(self):
        """Counters and what waits."""
        return self.get("/state")

    def count(self, name):
        """One counter."""
        return self.state()["counters"][name]

    def empty(self, timeout=60):
        """Waits until the network has answered everything."""
        return wait_for(lambda: self.state()["pending"] == 0, timeout)

    def there(self, device):
        """{number: payload} of what the NSCL has of it."""
        client = self.provider.client(APP)
        found = {}
        for seq in getattr(device, "sent", None) or range(1, device.seq + 1):
            answer = client.get(f"{device.container}/contentInstances/sd-{seq}")
            if answer.status == 200:
                found[seq] = base64.b64decode(xml.text(answer.xml(), "binaryContent") or "")
        client.close()
        return found

    def order(self, device):
        """Numbers of its instances in the order in which they were made."""
        client = self.provider.client(APP)
        answer = client.get(f"{device.container}/contentInstances?metaDataOnly=true&sizeFrom=0")
        client.close()
        return [int(name.removeprefix("sd-")) for name, _ in xml.instances(answer.xml())]

    def stop(self, report):
        """Both stop by themselves."""
        report.equal(self.gateway.stop()[0], 0, "the gateway stops")
        report.equal(self.provider.stop()[0], 0, "the network stops")


def payloads(device, pairs):
    """{number: payload} of records of that device."""
    return {int.from_bytes(r[16:24], "big"): r[34:] for d, r in pairs if d is device}


def single(report, bed):
    """one signature each: once, in order, byte for byte; what is refused at the gateway"""
    world = World(bed)
    one, two, three = (sd.Device(world.provider, f"dev-{i}") for i in (1, 2, 3))
    one.registered()
    two.registered()
    terms = world.get("")
    report.ok(1 in terms["algs"] and terms["preferred"] in terms["algs"], "what devices are to sign with", terms)
    sent = {one: {}, two: {}}
    for turn in range(20):
        for device in (one, two):
            pairs = [(device, device.reading(random.randbytes(random.randrange(1, 513)))) for _ in range(1 + turn % 3)]
            told = sd.reasons(world.post(sd.signed(sd.ED25519, pairs)))
            if told != (202, len(pairs), {}):
                report.ok(False, "a bundle is taken", told)
            sent[device].update(payloads(device, pairs))
    report.ok(world.empty(), "all of it goes on", world.state)
    for device in (one, two):
        report.ok(world.there(device) == sent[device], f"{device.name}: all is there, byte for byte")
    report.ok(world.count("smalldata_bundles") < world.count("smalldata_forwarded") == 78, "in fewer bundles", world.state)
    before = world.state()
    again = sd.signed(sd.ED25519, pairs)
    report.equal(sd.reasons(world.post(again)), (202, 0, dict.fromkeys(range(len(pairs)), "SD_REPLAY")), "a bundle again")
    good = sd.signed(sd.ED25519, [(one, one.reading(b"good")), (one, one.reading(b"also"))])
    bad = {"empty": b"", "cut": good[:-1], "longer": good + b"\0", "another magic": b"MSB2" + good[4:],
           "an aggregate": sd.bundle(sd.BLS, [one.reading(b"x", seq=99)], bytes(48)),
           "with a gateway": good[:12] + b"\1" + good[13:], "with a number": good[:35] + b"\1" + good[36:],
           "of two devices": sd.signed(sd.ED25519, [(one, one.reading(b"a", seq=99)), (two, two.reading(b"b", seq=99))]),
           "out of order": sd.signed(sd.ED25519, [(one, one.reading(b"a", seq=99)), (one, one.reading(b"b", seq=98))]),
           "twice the same": sd.signed(sd.ED25519, [(one, one.reading(b"a", seq=99))] * 2),
           "without a payload": sd.signed(sd.ED25519, [(one, one.reading(b"", seq=99))]),
           "number 0": sd.signed(sd.ED25519, [(one, one.reading(b"a", seq=0))])}
    for name, octets in bad.items():
        report.equal(sd.reason(world.post(octets)), (400, "SD_FORMAT"), f"{name}: SD_FORMAT")
    report.equal(world.post(good, **{"Content-Type": "text/plain"})[0], 415, "another type")
    report.equal(sd.reason(world.post(sd.signed(sd.ED25519, [(three, three.reading(b"a", seq=1))]))), (403, "SD_NO_KEY"),
                 "nobody that the network knows")
    for at in range(36, len(good), 7):
        octets = bytearray(good)
        octets[at] ^= 1 << at % 8
        told = world.post(bytes(octets))
        while told[0] == 503:
            time.sleep(0.2)
            told = world.post(bytes(octets))
        if told[0] == 202 and told[1]["accepted"] != 0 and not {1: "SD_SIGNATURE", 0: "SD_SIGNATURE"}.items() & sd.reasons(told)[2].items():
            report.ok(False, f"octet {at} is another: nothing is taken", told)
            break
    else:
        report.ok(True, "whatever octet is another, it is refused")
    after = world.state()
    report.ok(after["pending"] <= 2 and after["counters"]["smalldata_refused{reason=SD_FORMAT}"] >= len(bad) and
              after["counters"]["smalldata_rejected{reason=SD_SIGNATURE}"] > 0, "counted", (before, after))
    world.stop(report)


def aggregate(report, bed):
    """one signature of all; a culprit is found and excluded, the readings of the others arrive"""
    signer = sd.Signer(bed)
    if signer.absent:
        report.skip("@noble/curves", signer.why_not)
        return
    world = World(bed, verify=False, policy="bls")
    devices = [sd.Device(world.provider, f"dev-{i}", signer) for i in range(1, 5)]
    if devices[0].register().status == 501:
        report.skip("aggregates", "built without pairing")
        return
    for device in devices:
        device.registered()
    if wait_for(lambda: world.get("")["preferred"] == sd.BLS_SINGLE, 20) is None:
        report.ok(False, "BLS is preferred", world.get(""))
    sent = {device: {} for device in devices}
    for device in devices:
        pairs = [(device, device.reading(b"one %d" % i)) for i in range(3)]
        report.equal(sd.reasons(world.post(sd.signed(sd.BLS_SINGLE, pairs))), (202, 3, {}), f"{device.name}: taken")
        sent[device].update(payloads(device, pairs))
    report.ok(world.empty(), "all of it goes on", world.state)
    report.equal([world.there(d) for d in devices], [sent[d] for d in devices], "and is there")
    counters = world.provider.administer("GET", "/counters")
    report.equal(counters["smalldata_refused{reason=SD_AGGREGATE}"], 0, "no aggregate was wrong")
    spoiler, others = devices[0], devices[1:]
    for turn in range(3):
        record = spoiler.reading(b"spoilt")
        wrong = sd.bundle(sd.BLS_SINGLE, [record], others[0].single(record)[0])
        report.equal(sd.reasons(world.post(wrong)), (202, 1, {}), "a wrong signature, which this gateway does not look at")
        for device in others:
            pairs = [(device, device.reading(b"beside %d" % turn))]
            world.post(sd.signed(sd.BLS_SINGLE, pairs))
            sent[device].update(payloads(device, pairs))
        report.ok(world.empty(), f"turn {turn}: all is answered", world.state)
    report.equal([world.there(d) for d in devices], [sent[d] for d in devices], "the others' are there, the spoilt ones not")
    report.equal(world.count("smalldata_culprits"), 3, "the culprit is named")
    wrong = world.count("smalldata_aggregate_wrong")
    report.ok(wrong >= 1, "by single signatures after the aggregate", world.state)
    pairs = [(spoiler, spoiler.reading(b"right again"))]
    world.post(sd.signed(sd.BLS_SINGLE, pairs))
    sent[spoiler].update(payloads(spoiler, pairs))
    record = spoiler.reading(b"spoilt")
    world.post(sd.bundle(sd.BLS_SINGLE, [record], others[0].single(record)[0]))
    pairs = [(others[0], others[0].reading(b"last"))]
    world.post(sd.signed(sd.BLS_SINGLE, pairs))
    sent[others[0]].update(payloads(others[0], pairs))
    report.ok(world.empty(), "excluded it spoils nothing any more", world.state)
    report.equal(world.count("smalldata_aggregate_wrong"), wrong, "no aggregate was wrong again")
    report.equal([world.there(d) for d in devices], [sent[d] for d in devices], "what is right of it arrives")
    world.stop(report)


def verified(report, bed):
    """a gateway that verifies keeps wrong signatures away from the network"""
    signer = sd.Signer(bed)
    if signer.absent:
        report.skip("@noble/curves", signer.why_not)
        return
    world = World(bed)
    one, two = (sd.Device(world.provider, f"dev-{i}", signer) for i in (1, 2))
    if one.register().status == 501:
        report.skip("aggregates", "built without pairing")
        return
    two.registered()
    record = one.reading(b"x")
    told = world.post(sd.bundle(sd.BLS_SINGLE, [record], two.single(record)[0]))
    report.equal(sd.reasons(told), (202, 0, {0: "SD_SIGNATURE"}), "the signature of another")
    record = one.reading(b"y")
    point = bytearray(one.single(record)[0])
    for name, octets in {"no point": bytes(48), "infinity": b"\xc0" + bytes(47), "another sign": bytes([point[0] ^ 0x20]) + point[1:],
                         "not compressed": bytes([point[0] & 0x7f]) + point[1:]}.items():
        told = world.post(sd.bundle(sd.BLS_SINGLE, [record], octets))
        report.equal(sd.reasons(told), (202, 0, {0: "SD_SIGNATURE"}), f"{name}")
    report.equal(sd.reasons(world.post(sd.bundle(sd.BLS_SINGLE, [record], bytes(point)))), (202, 1, {}), "the right one")
    report.ok(world.empty() and world.there(one) == {2: b"y"}, "arrives", world.state)
    world.stop(report)


def mutated(report, bed):
    """one reading of every scheme, each octet another, cut, extended: refused, counted, nothing changes"""
    world, signer = World(bed), sd.Signer(bed)
    device = sd.Device(world.provider, "dev-1", signer)
    made = [sd.ED25519]
    if not signer.absent and device.register().status != 501:
        made += [sd.BLS_SINGLE, sd.IDENTITY]
        report.ok(device.fetch_identity() and wait_for(lambda: sd.IDENTITY in world.get("")["algs"], 30), "all schemes")
    device.registered(**({} if len(made) > 1 else {"bls": None}))

    def sign(alg, record):
        if alg != sd.IDENTITY:
            return sd.signed(alg, [(device, record)])
        round_ = bytes.fromhex(world.get("/round")["round"])
        return sd.bundle(alg, [record], round_ + bytes.fromhex(device.identified(round_, record)))
    report.equal(sd.reasons(world.post(sign(sd.ED25519, device.reading(b"first")))), (202, 1, {}), "one before")
    for alg in made:
        record = device.reading(b"payload")
        good = sign(alg, record)
        report.ok(world.empty(), "nothing waits", world.state)
        wrong, n = [], 0
        for name, octets in mutants(good):
            before = refusals(world)
            told = world.post(octets)
            while told[0] == 503:
                time.sleep(0.1)
                told = world.post(octets)
            n += 1
            if told[0] not in (400, 403) and sd.reasons(told)[:2] != (202, 0) or refusals(world) <= before:
                wrong.append((name, told))
        report.equal(wrong, [], f"algorithm {alg}: {n} of them are refused, and each is counted")
        report.equal((world.state()["pending"], world.there(device).get(device.seq)), (0, None), "nothing of them waits or is there")
        good = sign(alg, record) if alg == sd.IDENTITY else good    # rounds pass meanwhile
        report.equal(sd.reasons(world.post(good)), (202, 1, {}), "as it was made it is taken")
    report.ok(world.empty() and world.there(device)[device.seq] == b"payload", "and arrives", world.state)
    world.stop(report)


def mutants(good):
    """(name, octets) of a bundle that was altered."""
    step = 1 if reports.LONG else 5
    for at in [*range(12), *range(12, len(good), step)]:
        bit = 0x80 if at == 5 else 1 << at % 8
        yield f"octet {at}", good[:at] + bytes([good[at] ^ bit]) + good[at + 1:]
    for n in range(0, len(good), step):
        yield f"cut to {n}", good[:n]
    for n in (1, 34, 64):
        yield f"{n} more", good + bytes(n)


def refusals(world):
    """How much the gateway has refused, but for want of room."""
    return sum(v for k, v in world.state()["counters"].items() if k.startswith(("smalldata_rejected", "smalldata_refused")) and "OVERLOAD" not in k)


def identity(report, bed):
    """identity-based: a round of the gateway, one signature of a device in each, one for all to the network"""
    signer = sd.Signer(bed)
    if signer.absent:
        report.skip("@noble/curves", signer.why_not)
        return
    world = World(bed, policy="identity", bundle_max=3, bundle_wait="60 s")
    devices = [sd.Device(world.provider, f"dev-{i}", signer) for i in range(1, 4)]
    if devices[0].register().status == 501:
        report.skip("identities", "built without pairing")
        return
    for device in devices:
        device.registered(bls=None, ed25519=None)
        report.ok(device.fetch_identity(), f"{device.name} has the key of its identity")
    if not wait_for(lambda: world.get("")["preferred"] == sd.IDENTITY, 20):
        report.ok(False, "identities are preferred", world.get(""))
    told = world.get("/round")
    round_ = bytes.fromhex(told["round"])
    report.ok(len(round_) == 16 and time.time() < told["until"] <= time.time() + 61, "a round", told)

    def post(device, record, which=round_):
        octets = which + bytes.fromhex(device.identified(which, record))
        return world.post(sd.bundle(sd.IDENTITY, [record], octets))
    records = [(d, d.reading(d.name.encode())) for d in devices]
    for device, record in records:
        report.equal(sd.reasons(post(device, record)), (202, 1, {}), f"{device.name}: taken")
    report.equal(sd.reasons(post(devices[0], devices[0].reading(b"again")))[1:], (0, {0: "SD_REPLAY"}), "once in a round")
    one = devices[0].reading(b"x")
    octets = round_ + bytes.fromhex(devices[1].identified(round_, one))
    report.equal(sd.reasons(world.post(sd.bundle(sd.IDENTITY, [one], octets)))[1:], (0, {0: "SD_SIGNATURE"}), "by the key of another")
    told = post(devices[0], one, bytes(8) + round_[8:])
    report.equal(sd.reason(told), (400, "SD_ROUND"), "in a round that this gateway has not begun")
    report.equal(sd.reason(world.post(sd.bundle(sd.IDENTITY, [one, devices[0].reading(b"y")], octets))), (400, "SD_FORMAT"),
                 "two readings of a device")
    report.ok(world.empty(), "all of it goes on", world.state)
    report.equal([world.there(d) for d in devices], [{1: d.name.encode()} for d in devices], "and is there")
    state = world.state()["counters"]
    report.equal((state["smalldata_bundles"], state["smalldata_forwarded"]), (1, 3), "with one signature")
    world.stop(report)


def away(report, bed):
    """the network is away: readings are kept within bounds, also through kill -9, and arrive later"""
    world = World(bed, pending_max=60)
    one, two = (sd.Device(world.provider, f"dev-{i}").registered() for i in (1, 2))
    sent = {one: {}, two: {}}

    def post(device, n=5):
        pairs = [(device, device.reading(b"reading %d" % i)) for i in range(n)]
        told = world.post(sd.signed(sd.ED25519, pairs))
        if sd.reasons(told) == (202, n, {}):
            sent[device].update(payloads(device, pairs))
            return True
        device.seq -= n
        return told
    report.equal([post(one), post(two), world.empty()], [True, True, True], "first with it")
    world.line.cut()
    report.equal([post(one), post(two)], [True, True], "without it readings are taken")
    told = True
    for _ in range(20):
        told = post(one)
        if told is not True:
            break
    report.equal(sd.reason(told) if told is not True else told, (503, "OVERLOAD"), "until there is no room")
    report.ok(world.state()["pending"] == 60, "in bounds", world.state)
    world.gateway.kill()
    world.gateway.start()
    report.equal(world.state()["pending"], 60, "all of them are there after kill -9")
    world.line.restore()
    report.ok(world.empty(120), "and go on when it is back", world.state)
    for device in (one, two):
        report.ok(world.there(device) == sent[device], f"{device.name}: all is there")
        order = world.order(device)
        report.ok(set(order) >= set(sorted(sent[device])[:LISTED]) and order == sorted(order), "in their order", order)
    world.stop(report)


def until_killed(world, victim, devices, rng):
    """Sends until the daemon is gone; the bundle of each device that was not answered."""
    timer = threading.Timer(rng.uniform(0.1, 0.8), victim.kill)
    timer.start()
    open_pairs, taken = {}, {}
    while timer.is_alive() or victim.alive():
        for device in devices:
            pairs = open_pairs.get(device) or [(device, device.reading(rng.randbytes(20))) for _ in range(3)]
            open_pairs[device] = pairs
            try:
                told = sd.reasons(world.post(sd.signed(sd.ED25519, pairs)))
            except (OSError, Unknown, NotSent):
                continue
            if told[0] == 202 and not set(told[2].values()) - {"SD_REPLAY"}:
                taken.setdefault(device, {}).update(payloads(device, open_pairs.pop(device)))
    timer.join()
    return open_pairs, taken


def killed(report, bed):
    """kill -9 of gateway and network in turn: what was accepted arrives, once and as it was"""
    world = World(bed)
    devices = [sd.Device(world.provider, f"dev-{i}").registered() for i in (1, 2, 3)]
    rng, sent = random.Random(6), {device: {} for device in devices}
    for turn in range(ROUNDS):
        victim = (world.gateway, world.provider)[turn % 2]
        left, taken = until_killed(world, victim, devices, rng)
        victim.start()
        for device, rows in taken.items():
            sent[device].update(rows)
        for device, pairs in left.items():
            told = wait_for(lambda octets=sd.signed(sd.ED25519, pairs): (lambda t: t[0] == 202 and t)(world.post(octets)), 60)
            report.ok(told and not set(sd.reasons(told)[2].values()) - {"SD_REPLAY"}, "what was not answered is sent again", told)
            sent[device].update(payloads(device, pairs))
    report.ok(world.empty(120), "all of it goes on", world.state)
    for device in devices:
        there = world.there(device)
        report.ok(there == sent[device], f"{device.name}: {len(sent[device])} readings, all there",
                  lambda there=there, device=device: sorted(set(sent[device]) ^ set(there)))
        order = world.order(device)
        report.ok(set(order) >= set(sorted(sent[device])[:LISTED]) and order == sorted(order), "in their order", order)
    world.stop(report)


if __name__ == "__main__":
    reports.run(single, verified, mutated, aggregate, identity, away, killed)
