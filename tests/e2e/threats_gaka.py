#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Attacks on group AKA, one row of the table of threats each: ok when the attack fails. Against a home network and its gateways."""

import secrets

import gaka_ue as ue
from lib import gaka, rows
from lib import gakasn as sn
from lib.bed import Bed, wait_for
from lib.gakasn import World, attach, say

TABLE = {}
STRANGERS = 30              # names in a minute that nobody has vouched for and the home network is asked about


def threat(number):
    """Marks the check of a row, a function of (row, bed)."""
    def mark(function):
        TABLE[number] = function
        return function
    return mark


def beside(row, part):
    """A part with surroundings of its own."""
    bed = Bed()
    try:
        part(row, bed)
    finally:
        for complaint in bed.close():
            row.ok(False, "clean end", complaint)


def spent(world, before):
    """Questions that the home network got since."""
    return sn.asked(world.provider)[0] - before[0]


# ---- row 31 ----

class Corrupted:
    """A gateway of the provider that is not what it should be: it has its own service connection."""

    def __init__(self, world, name="gw-false"):
        self.kmr = world.provider.issue(name)
        self.kmc = world.provider.connected(self.kmr, name)
        self.provider, self.network = world.provider, gaka.Network(self.kmr.node)

    def ask(self, message):
        """One question to the home network; the answer's octets, or the status."""
        with self.provider.session_b(self.kmc) as session:
            answer = session.request("POST", sn.PATH, message, sn.OCTETS)
        return answer.body if answer.status == 200 else answer.status

    def kind(self, message):
        """Number of the answer; None when there is none."""
        got = self.ask(message)
        return gaka.kind_of(got) if isinstance(got, bytes) else None


@threat(31)
def impersonated(row, bed):
    """a gateway plays the network for members that it was not given"""
    world = World(bed, 4)
    false, real = Corrupted(world), world.gateway.kmr.node
    leader, members = world.kmrs[0].node, world.devices()[1:]
    row.equal(false.kind(gaka.t2(world.gid, leader, false.kmr.node)), gaka.T12, "vectors for a gateway that the group does not have")
    shared = sn.group(world.provider, world.kmrs, [world.gateway.scl_id, "gw-false"])
    row.equal(false.kind(gaka.t2(shared, leader, real)), gaka.T12, "vectors in the name of another gateway")
    row.equal(false.kind(gaka.t10(leader, real)), gaka.T12, "a vector in the name of another gateway")
    row.equal(false.kind(gaka.t2(shared, leader, false.kmr.node)), gaka.T3, "in its own name it has them, of a group that it may serve")
    # It knows the group's key, as a member that is corrupted may have told it, and guesses the rest.
    body = secrets.token_bytes(gaka.ID) + false.kmr.node + (100).to_bytes(8, "big") + (16).to_bytes(2, "big")
    body += (100).to_bytes(8, "big") + bytes(gaka.N)
    for member in members:
        first = member.begin()
        key = gaka.kauth(gaka.gtk(world.gaks[0], world.gid, body[:16], false.kmr.node), secrets.token_bytes(32))
        answer = member.challenge(gaka.message(gaka.T7, body + gaka.tag_sn(key, first, body)))
        row.equal(gaka.refusal(answer), gaka.MAC, "a member answers a guess")
    # What the right one was given stands for the right one alone.
    row.equal(attach(world.gateway, world.device(0)).how, "leader", "the right gateway has vectors")
    member = members[0]
    code, challenge = say(world.gateway, member.begin())
    row.equal((code, gaka.kind_of(challenge)), (200, gaka.T7), "and challenges a member")
    moved = challenge[:24] + false.kmr.node + challenge[40:]
    row.equal(gaka.refusal(member.challenge(moved)), gaka.MAC, "the member answers it in the name of another")
    row.ok(attach(world.gateway, member).how == "member", "it answers the right one")
    beside(row, guessed)


def guessed(row, bed):
    """A dscl, and a network that has the group's key and guesses what only the home network could have given it."""
    b = ue.beginning(bed, 2)
    leader, member = b.devices

    def tried(device, name, kind, answered):
        before, asked = b.serving.count(answered), b.serving.count(gaka.T1)
        b.serving.change = {kind: lambda _: forged[name](device.kmr.node)}
        if device.alive():
            device.stop()
        device.start()
        row.ok(wait_for(lambda: b.serving.count(gaka.T1) > asked + 1 or b.serving.count(answered) > before), f"{name}: it is tried again")
        row.equal(b.serving.count(answered), before, f"{name}: the device answers it by T{answered}")
        b.serving.change = {}

    def t4(_):
        return gaka.message(gaka.T4, secrets.token_bytes(gaka.N + gaka.AUTN) + b.serving.network.sn)

    def t7(node):
        first, vectors = b.serving.first[node], b.serving.network.set
        iv = vectors.members[node][0]
        body = vectors.rand + b.serving.network.sn + iv.to_bytes(8, "big") + vectors.window.to_bytes(2, "big")
        body += (iv + 9).to_bytes(8, "big") + bytes(gaka.N)
        key = gaka.kauth(vectors.gtk, secrets.token_bytes(32))
        return gaka.message(gaka.T7, body + gaka.tag_sn(key, first, body))
    forged = {"a vector that nobody gave": t4, "a member's key that nobody gave": t7}
    tried(leader, "a vector that nobody gave", gaka.T4, gaka.T5)
    row.ok(leader.attached(), "the leader attaches by a right one", leader.log_tail)
    tried(member, "a member's key that nobody gave", gaka.T7, gaka.T8)
    row.ok(member.attached(), "the member attaches by a right one", member.log_tail)


# ---- row 32 ----

@threat(32)
def another_member(row, bed):
    """a member, or who has the group's key, attaches as another member"""
    world = World(bed, 8)
    row.equal(attach(world.gateway, world.device(0)).how, "leader", "a leader", bed.logs)
    for victim in (1, 2):
        node = world.kmrs[victim].node
        liar = gaka.Device(node, world.device(3).ka, world.gid, world.gaks)
        code, challenge = say(world.gateway, liar.begin())
        row.equal((code, gaka.kind_of(challenge)), (200, gaka.T7), "a challenge for the other one")
        body = gaka.payload(challenge)
        rand, network = body[:16], body[16:32]
        iv, window = int.from_bytes(body[32:40], "big"), int.from_bytes(body[40:42], "big")
        group = gaka.gtk(world.gaks[0], world.gid, rand, network)
        own = gaka.xk(liar.ka, world.gid, rand, network, iv, window)
        for key, name in ((gaka.kauth(group, own), "with a key of its own"), (group, "with the group's key")):
            said = say(world.gateway, gaka.message(gaka.T8, gaka.tag_ue(key, liar.t1, challenge)), node)
            row.equal(sn.reason(said), (403, gaka.MAC), f"T8 {name}")
    for victim, at in ((4, 8), (5, 23), (6, 15)):
        member = world.device(victim)
        _, challenge = say(world.gateway, member.begin())
        answer = bytearray(member.challenge(challenge))
        answer[at] ^= 0x80
        row.equal(sn.reason(say(world.gateway, bytes(answer), member.node)), (403, gaka.MAC), f"T8 with octet {at} changed")
    liar = gaka.Device(world.kmrs[7].node, world.device(3).ka)
    code, challenge = say(world.gateway, liar.begin())
    row.equal((code, gaka.kind_of(challenge)), (200, gaka.T4), "a full challenge")
    guess = gaka.message(gaka.T5, gaka.f2(liar.ka, gaka.payload(challenge)[:16], gaka.payload(challenge)[42:]))
    row.equal(sn.reason(say(world.gateway, guess, liar.node)), (403, gaka.MAC), "T5 with a key of its own")
    row.equal(sn.status(world.gateway)["sessions"], 1, "nobody has attached by it")


# ---- row 33 ----

@threat(33)
def replayed(row, bed):
    """messages again, C again, lost answers"""
    world = World(bed, 3)
    attach(world.gateway, world.device(0))
    member, seen, answers = world.device(1), [], []
    for turn in range(3):
        code, challenge = say(world.gateway, member.begin())
        row.equal((code, gaka.kind_of(challenge)), (200, gaka.T7), f"challenge {turn}")
        seen.append(gaka.payload(challenge)[42:50])
        for old in answers:
            row.equal(sn.reason(say(world.gateway, old, member.node)), (403, gaka.MAC), "an old T8")
        answer = member.challenge(challenge)
        if not row.equal(gaka.kind_of(answer), gaka.T8, "the device takes the challenge: C is another one"):
            return
        answers = [answer]
        code, last = say(world.gateway, answer, member.node)
        row.ok(code == 200 and member.confirm(last), f"attached {turn}")
        row.equal(sn.reason(say(world.gateway, answer, member.node)), (403, gaka.MAC), "the same T8 again")
    row.equal(len(set(seen)), 3, "each challenge has a C of its own", seen)
    lost = world.device(2)
    for turn in range(3):
        _, challenge = say(world.gateway, lost.begin())
        if turn != 1:           # T7 is lost, or T9
            say(world.gateway, lost.challenge(challenge), lost.node)
    row.equal(attach(world.gateway, lost).how, "member", "a device whose answers are lost attaches in the end")
    beside(row, taken_once)


def taken_once(row, bed):
    """A dscl that is killed when it has answered a challenge, and is given the same again."""
    b = ue.beginning(bed, 2, keys_interval="1 h")
    leader, member = b.devices
    leader.start()
    row.ok(leader.attached(), "the leader attaches", leader.log_tail)
    replay, fives = b.serving.challenges[-1], b.serving.count(gaka.T5)
    leader.kill()
    b.serving.network.set, b.serving.change, b.serving.full = None, {gaka.T4: lambda _: replay}, True
    leader.start()
    row.ok(wait_for(lambda: b.serving.count(gaka.T5) > fives or leader.counter("gaka_failed{reason=SYNC}") >= 1),
           "the same T4 after kill -9 is out of step", leader.log_tail)
    row.equal(b.serving.count(gaka.T5), fives, "the device answers the same T4 twice")
    b.serving.change, b.serving.full = {}, False
    row.ok(leader.attached(), "the next one is taken", leader.log_tail)
    b.serving.change, lost = {gaka.T9: lambda _: lost.append(member.kill()) or b""}, []
    member.start()
    row.ok(wait_for(lambda: lost), "the member is killed when it has answered C, and T9 lost", member.log_tail)
    b.serving.change = {}
    b.serving.network.used[member.kmr.node] -= 1
    eights = b.serving.count(gaka.T8)
    member.start()
    row.ok(wait_for(lambda: b.serving.count(gaka.T8) > eights), "it answers in the end", member.log_tail)
    row.ok(member.counter("gaka_failed{reason=REPLAY}") >= 1, "the device answers the same C twice", member.status)
    row.ok(member.attached(), "it attaches by the next C", member.log_tail)


# ---- row 34 ----

@threat(34)
def costs(row, bed):
    """the claim of the paper: ten devices cost two messages, not twenty; forged attaches cost no more than the limits"""
    world = World(bed, 10)
    before = sn.asked(world.provider)
    row.equal([attach(world.gateway, d).how for d in world.devices()], ["leader"] + ["member"] * 9, "one leads", bed.logs)
    cost = [now - then for now, then in zip(sn.asked(world.provider), before, strict=True)]
    row.equal(cost, [1, 1, 68, 646], "as a group two messages, 714 octets")
    before = sn.asked(world.provider)
    for index in range(10):
        attach(world.gateway, world.device(index, sn.NONE))
    cost = [now - then for now, then in zip(sn.asked(world.provider), before, strict=True)]
    row.equal(cost, [10, 10, 600, 1060], "each by itself twenty, 1660 octets")
    before = sn.asked(world.provider)
    for _ in range(100):
        say(world.gateway, gaka.t1(secrets.token_bytes(8), secrets.token_bytes(16)))
    row.ok(spent(world, before) <= STRANGERS, "a flood of strangers is bounded", spent(world, before))
    before = sn.asked(world.provider)
    for index in range(200):
        say(world.gateway, gaka.t1(world.gid, world.kmrs[1 + index % 9].node))
    row.ok(spent(world, before) <= 60, "a flood in the name of members is bounded", spent(world, before))


# ---- row 35 ----

@threat(35)
def returns(row, bed):
    """a member that was removed returns"""
    world = World(bed, 4)
    devices = world.devices()
    row.equal([attach(world.gateway, d).how for d in devices], ["leader"] + ["member"] * 3, "all attach", bed.logs)
    gone = devices[1]
    row.ok(sn.speaks(world.gateway, gone), "and speak")
    changed = sn.status(world.gateway)
    world.provider.administer("DELETE", f"/groups/{world.gid.hex()}/members/{gone.node.hex()}")
    wait_for(lambda: sn.status(world.gateway) != changed, 5)
    result = attach(world.gateway, gone)
    row.equal(result.how, "refused", "with the old key of the group", result)
    row.ok(not sn.speaks(world.gateway, gone), "its session is of no use any more")
    single = world.device(1, sn.NONE)
    result = attach(world.gateway, single)
    row.equal(result.how, "refused", "nor by itself", result)
    world.fetch()
    row.ok(world.gaks[0] != gone.gaks[0], "the others have another key")
    row.ok(sn.speaks(world.gateway, devices[2]), "and stay")


if __name__ == "__main__":
    rows.run(TABLE, "Attacks on group authentication.")
