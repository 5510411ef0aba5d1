#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Attacks on small data at an NSCL, one row of the table of threats each: ok when the attack fails."""

import json
import sys

from lib import rows
from lib import smalldata as sd
from lib.report import SKIPPED

from sd_network import network

TABLE = {}


def threat(number):
    """Marks the check of a row, a function of (row, world)."""
    def mark(function):
        def check(row, bed):
            function(row, World(bed))
        check.__doc__ = function.__doc__
        TABLE[number] = check
        return function
    return mark


class World:
    """An NSCL, two devices with keys, an attacker with a service connection, a gateway."""

    def __init__(self, bed):
        self.signer = sd.Signer(bed)
        self.provider = network(bed)
        self.victim, self.other, self.attacker = (sd.Device(self.provider, f"dev-{i}", self.signer) for i in (1, 2, 3))
        if self.signer.absent:
            print(f"threats_sd: {self.signer.why_not}")
            sys.exit(SKIPPED)
        if self.victim.register().status == 501:
            print("threats_sd: built without pairing")
            sys.exit(SKIPPED)
        self.other.registered()
        self.gateway = sd.gateway(self.provider)

    def post(self, octets):
        """A bundle by the gateway."""
        return sd.post(self.gateway, octets)

    def unharmed(self, row):
        """What is right is accepted after all of it."""
        pairs = [(d, d.reading(b"right")) for d in (self.victim, self.other)]
        row.equal(sd.reasons(self.post(sd.signed(sd.BLS, pairs))), (202, 2, {}), "what is right is accepted")

    def keys_of(self, device):
        """As others read them."""
        return json.loads(self.gateway.request("GET", device.path, headers={"Accept": sd.JSON}).body)


def bls(pk, pop):
    """The member of a registration."""
    return {"pk": sd.b64u(bytes.fromhex(pk)), "pop": sd.b64u(bytes.fromhex(pop))}


@threat(39)
def rogue_key(row, world):
    """A key that cancels another's, registered without having it."""
    attacker, victim = world.attacker, world.victim
    rogue = world.signer.ask("rogue", secret=attacker.secret, victim=victim.bls["pk"])
    for name, pop in {"by another key": rogue["pop"], "the victim's": victim.bls["pop"], "its own, of another key": attacker.bls["pop"]}.items():
        answer = attacker.register(bls=bls(rogue["pk"], pop))
        row.equal((answer.status, b"SD_POP" in answer.body), (403, True), f"a rogue key with a proof {name}")
    row.equal(attacker.register(bls={"pk": sd.b64u(bytes.fromhex(rogue["pk"]))}).status, 400, "without a proof")
    row.equal(attacker.register(bls=bls(victim.bls["pk"], attacker.bls["pop"])).status, 403, "the key of the victim")
    before = world.keys_of(victim)
    row.equal(attacker.register(path=victim.path).status, 403, "keys in the name of the victim")
    row.equal(world.keys_of(victim), before, "which has its own")
    row.equal(world.gateway.request("GET", attacker.path).status, 404, "the attacker has none")
    world.unharmed(row)


@threat(40)
def aggregate(row, world):
    """An aggregate that is altered, with a reading removed, added, twice, or of another signer."""
    one, two = world.victim, world.other
    pairs = [(one, one.reading(b"first")), (two, two.reading(b"second")), (one, one.reading(b"third"))]
    good = sd.signed(sd.BLS, pairs)
    part, records = good[-48:], [r for _, r in pairs]

    def refused(name, octets, reason="SD_AGGREGATE"):
        row.equal(sd.reason(world.post(octets)), (400, reason), name)
    refused("altered", good.replace(b"second", b"seconD"))
    refused("another number", sd.bundle(sd.BLS, [records[0], two.reading(b"second", seq=9), records[2]], part))
    refused("another time", sd.bundle(sd.BLS, [records[0], two.reading(b"second", seq=1, millis=1), records[2]], part))
    refused("removed", sd.bundle(sd.BLS, records[:2], part))
    refused("added", sd.bundle(sd.BLS, [*records, two.reading(b"more", seq=8)], part))
    refused("twice", sd.bundle(sd.BLS, [*records, records[0]], part), "SD_DUPLICATE")
    refused("twice, and signed twice", sd.signed(sd.BLS, [*pairs, pairs[0]]), "SD_DUPLICATE")
    swapped = [two.reading(b"first", seq=1), one.reading(b"second", seq=1), records[2]]
    refused("signers swapped", sd.bundle(sd.BLS, swapped, part))
    refused("the signature of another", sd.bundle(sd.BLS, records, one.single(records[0])[0]))
    row.equal(sd.reasons(world.post(good)), (202, 3, {}), "as it was made it is accepted")
    row.equal(sd.reasons(world.post(good)), (202, 0, dict.fromkeys(range(3), "SD_REPLAY")), "played again: nothing is")
    shuffled = [(two, two.reading(b"b")), (one, one.reading(b"a"))]
    row.equal(sd.reasons(world.post(sd.signed(sd.BLS, shuffled))), (202, 2, {}), "the order alone says nothing")


@threat(41)
def encodings(row, world):
    """Points outside the subgroup, the neutral element, other encodings of a point."""
    attacker, victim, signer = world.attacker, world.victim, world.signer
    odd = signer.ask("odd")
    for name, pk in odd["g2"].items():
        row.equal(attacker.register(bls=bls(pk, attacker.bls["pop"])).status, 400, f"a key: {name}")
    for name, pop in odd["g1"].items():
        status = attacker.register(bls=bls(attacker.bls["pk"], pop)).status
        row.ok(status in (400, 403), f"a proof: {name}", status)
    outside = signer.ask("outside", secret=attacker.secret, messages=[])
    row.equal(attacker.register(bls=bls(outside["pk"], outside["pop"])).status, 400, "a key with something outside the subgroup, and its proof")
    reading = victim.reading(b"x")
    for name, octets in odd["g1"].items():
        row.equal(sd.reason(world.post(sd.bundle(sd.BLS, [reading], bytes.fromhex(octets)))), (400, "SD_AGGREGATE"), f"an aggregate: {name}")
    mixed = signer.ask("outside", secret=victim.secret, messages=[sd.message(reading).hex()])["signatures"][0]
    row.equal(sd.reason(world.post(sd.bundle(sd.BLS, [reading], bytes.fromhex(mixed)))), (400, "SD_AGGREGATE"),
              "a signature with something outside the subgroup")
    for name, octets in odd["g1"].items():
        told = sd.reasons(world.post(sd.bundle(sd.BLS_SINGLE, [reading, world.other.reading(b"y")], bytes.fromhex(octets) + bytes(48))))
        row.equal(told, (202, 0, {0: "SD_SIGNATURE", 1: "SD_SIGNATURE"}), f"single signatures: {name}")
    row.equal(world.gateway.request("GET", attacker.path).status, 404, "the attacker has no keys")


if __name__ == "__main__":
    rows.run(TABLE, __doc__)
