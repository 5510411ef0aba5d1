#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Attacks on the SGA, one row of the table of threats each: ok when the attack fails. Rows up to 94 attack a gateway, the others a dscl."""

import contextlib
import hashlib
import os
import statistics
import time

from lib import proxy as px
from lib import rows, sga
from lib import sgawire as wire
from lib.bed import wait_for
from lib.client import Client
from lib.relay import Relay
from lib.report import LONG
from lib.sga import OCTETS, ROOT, Device, Dscl, public_pem, secret_file, unb64u
from lib.sgacrypt import CIPHERS, Bad, ed25519_public, hkdf, rsa_public, sha
from lib.sgafake import FakeGateway, told
from lib.sgawire import A2, A4, B2, B6, RECORD, Session, Shared
from lib.traces import Search

import leaks

FLIPS = 300 if LONG else 24
TIMINGS = 200 if LONG else 40
TRIES = 5
TIMING_BOUND = 0.25         # medians of two causes of one class
GUESSES = 4096
QUIET = 2                   # seconds in which what was attacked would have happened
TABLE = {}


def threat(number):
    """Marks the check of a row, a function of (row, bed)."""
    def mark(function):
        TABLE[number] = function
        return function
    return mark


def gateway_of(bed, **more):
    """One that does not lock anybody out."""
    return sga.Gateway(bed, **{"failures_max": 255, "failures_per_address": 255, **more}).start()


def lifted(gateway, *devices):
    """An administrator lifts all lock-outs, and devices go on from another address."""
    manager = gateway.manager()
    for device in devices:
        device.moves()
    for one in manager.got("/lockouts")["lockout"]:
        manager.call("DELETE", f"/lockouts/{one['name']}")


def flips(message, count=FLIPS):
    """The message with one bit changed, in all its parts."""
    bits = 8 * len(message)
    for at in sorted({0, 9, 17, 25, 33, 8 * 20, 8 * 23 + 7, 8 * 24, bits - 1, bits - 129, *range(3, bits, max(1, bits // count))}):
        if at < bits:
            changed = bytearray(message)
            changed[at // 8] ^= 1 << at % 8
            yield bytes(changed)


def denied(row, answer, title, statuses=(403,)):
    """Class 2 (or 1), in its one form, or an error that tells after a proof."""
    row.ok(answer.status in statuses and (answer.status not in (400, 403) or sga.class_of(answer) in (1, 2)), title, answer)


class Pair:
    """Two devices of the test at a gateway."""

    def __init__(self, bed, suite=2, **more):
        self.gateway = gateway_of(bed, suites=["C", "X"] if suite == 1 else ["X"], name="classic" if suite == 1 else "gateway", **more)
        self.i, self.j = (self.gateway.device(n, suite=suite, seed=os.urandom(32)) for n in ("meter", "lamp"))
        self.i.package = self.j.package
        self.here = self.there = None

    def invite(self, cid=5):
        """A1, A2."""
        self.here = self.i.invite(self.j, cid)
        self.there = self.j.invited()

    def agree(self, cid=5):
        """Phase A."""
        self.invite(cid)
        self.j.must(200, self.j.accept(self.there))
        if not self.here.a4_take(self.i.await_kind(A4, sid=self.here.sid)):
            raise AssertionError("refused")

    def begin(self, cid=5):
        """B1, B2."""
        self.agree(cid)
        self.i.must(202, self.i.post("/sessions", self.here.b1(), "session"))
        self.there.b2_take(self.j.await_kind(B2, sid=self.there.sid))

    def finish(self):
        """B3 to the records."""
        self.j.must(200, self.j.post(f"/sessions/{self.there.sid.hex()}/response", self.there.b3(), "session"))
        self.i.recover(self.here)
        self.j.recover(self.there)
        sga.confirmed(self.i, self.here, self.j, self.there)

    def empty(self):
        """Nothing waits for either."""
        return not self.i.mailbox() and not self.j.mailbox()

    def restarted(self):
        """kill -9."""
        self.gateway.kill()
        self.gateway.start()
        for one in (self.i, self.j):
            one.ctr += 1000
            one.way.close()


# ---- at the gateway ----

@threat(80)
def false_device(row, bed):
    """A false device: in the name of another, with a key of its own."""
    two = Pair(bed)
    gateway, i, j = two.gateway, two.i, two.j
    thief = Device(gateway.way("http://127.0.0.1/thief"), i.package, i.name)
    thief.shared, thief.ctr = Shared(os.urandom(32), i.id, i.package.id), i.ctr + 10000
    denied(row, thief.send_a1(Session.invite(i.package, thief.shared, j.id, 5)), "an invitation under another key")
    row.equal(j.mailbox(), [], "nobody is invited")
    denied(row, thief.proved("GET", f"/devices/{i.name}/mailbox"), "the mailbox")
    message, _ = thief.make_r1()
    denied(row, thief.post("/devices", message, "registration"), "a registration with a proof of another key")
    two.invite()
    false = Session(b"j", j.package, Shared(os.urandom(32), j.id, j.package.id), two.there.sid, two.there.ids, two.there.cid)
    false.kt_i, false.hashes = two.there.kt_i, dict(two.there.hashes)
    denied(row, j.post(f"/negotiations/{false.sid.hex()}/acceptance", false.a3(), "negotiation"), "an acceptance in the name of the peer")
    row.equal(i.mailbox(), [], "the initiator hears nothing")
    j.must(200, j.accept(two.there))
    two.here.a4_take(i.await_kind(A4))
    false = Session(b"i", i.package, Shared(os.urandom(32), i.id, i.package.id), two.here.sid, two.here.ids, two.here.cid)
    false.kt_i, false.hashes = os.urandom(32), dict(two.here.hashes)
    false.hop = wire.Hop(false.cid, sha(false.hashes[wire.A1] + false.hashes[wire.A4]), false.kt_i + false.shared.hop, b"i")
    denied(row, i.post("/sessions", false.b1(), "session"), "a key request without the temporary key")
    i.must(202, i.post("/sessions", two.here.b1(), "session"))
    row.ok(two.there.b2_take(j.await_kind(B2)) is None, "the true one goes on")
    two.finish()
    third = gateway.device("third")
    record = two.here.record(b"x")
    answer = third.proved("POST", f"/sessions/{two.here.sid.hex()}/messages", record, OCTETS)
    denied(row, answer, "a record of a third device", (403, 404))
    row.equal(third.proved("DELETE", f"/sessions/{two.here.sid.hex()}").status in (403, 404), True, "a third device ends no session")
    row.equal(i.put(two.here, record).status, 201, "the record of its sender")


@threat(81)
def hearsay(row, bed):
    """B1 from one who has read the keys of phase A, without kd: m1."""
    two = Pair(bed)
    two.agree()
    here = two.here
    honest = here.shared
    here.shared = Shared(os.urandom(32), honest.id, honest.g)       # m1 is under another k_auth, the hop is known
    two.i.must(202, two.i.post("/sessions", here.b1(), "session"))
    two.there.b2_take(two.j.await_kind(B2))
    denied(row, two.j.post(f"/sessions/{here.sid.hex()}/response", two.there.b3(), "session"), "a wrong m1: refused")
    closed = two.there.b6_take(two.j.await_kind(B6, timeout=QUIET)) is False
    row.ok(closed, "the peer is told that it is over")
    row.ok(here.b6_take(two.i.await_kind(B6, timeout=QUIET)) is False, "so is the one that asked")


@threat(82)
def counted(row, bed):
    """Guessing on-line: counted, logged, locked out, lifted."""
    gateway = sga.Gateway(bed, failures_max=5).start()
    manager = gateway.manager()
    victim = gateway.device("victim")
    before = manager.stats()
    answers = []
    for number in range(8):
        guess = Device(gateway.way("http://127.0.0.1/guess"), victim.package, victim.name)
        guess.shared, guess.ctr = Shared(bytes([number]) * 32, victim.id, victim.package.id), 5000 + number
        answers.append(guess.send_a1(Session.invite(victim.package, guess.shared, b"peer", 5)) if number % 2 else guess.proved("GET", f"/devices/{victim.name}/mailbox"))
    row.equal([a.status for a in answers], [403] * 5 + [503] * 3, "five guesses, then the device is locked out")
    row.ok(all(sga.class_of(a) == 3 and a.raw.header("Retry-After") for a in answers[5:]), "with Retry-After", answers[-1])
    answer = victim.proved("GET", f"/devices/{victim.name}/mailbox")
    row.equal(answer.status, 503, "whoever asks in its name")
    after = manager.stats()
    row.ok(sum(after.values()) > sum(before.values()) and after["lockedOut"] == before["lockedOut"] + 1, "is counted", (before, after))
    row.ok(after["refusedMac"] >= before["refusedMac"] + 5, "by cause, for the administrator", after)
    row.ok(any("victim" in line and "lock" in line.lower() for line in gateway.log().splitlines()), "is logged", gateway.log_tail)
    row.ok("victim" in [r["name"] for r in manager.got("/lockouts")["lockout"]], "is listed")
    other = gateway.device("other")
    row.equal(other.proved("GET", "/devices/other/mailbox").status, 200, "others are served")
    row.equal(manager.call("DELETE", "/lockouts/victim").status, 204, "an administrator lifts it")
    row.equal(victim.proved("GET", f"/devices/{victim.name}/mailbox").status, 200, "and the device is served")


@threat(83)
def listening(row, bed):
    """Who hears everything between devices and gateway."""
    two = Pair(bed)
    line = bed.add(Relay(two.gateway.port))
    line.kept = bytearray()
    for one in (two.i, two.j):
        one.way.client.port = line.port
        one.way.close()
    text = os.urandom(24).hex().encode()
    two.begin()
    two.finish()
    two.i.must(201, two.i.send(two.here, text))
    row.equal(two.j.take(two.there), (0, text), "the message arrives")
    group = wire.Group(os.urandom(16), 1, os.urandom(32), 5, [(d.id, d.sign) for d in (two.i, two.j)])
    two.i.must(201, two.i.send(two.here, group.message(), flags=wire.GROUP_KEY))
    two.j.take(two.there)
    keys = {"the message": text, "kd of i": two.i.shared.kd, "kd of j": two.j.shared.kd, "kt_i": two.here.kt_i, "kt_j": two.here.kt_j, "K_is": two.here.kis_key,
            "K": two.here.k, "R_i": two.here.exponent, "R_j": two.there.exponent, "key of records": two.here.keys["out"][0], "key of the group": group.gk,
            "N_i": two.here.n, "N_j": two.there.n, "S_i": two.here.s, "S_j": two.there.s}
    found = Search(keys).octets(bytes(line.kept), "traffic")
    row.ok(line.kept and not found, f"nothing in {len(line.kept)} octets of traffic", found)
    row.ok(Search({"public": two.here.sid}).octets(bytes(line.kept), "traffic"), "the search finds what is there")
    third = two.gateway.device("third")
    record, opened = two.here.record(text), []
    for name in ("kd", "auth", "hop", "g2d", "req"):
        false = Session(b"j", third.package, third.shared, two.here.sid, two.here.ids, two.here.cid)
        false.kt_i, false.kt_j, false.k = two.here.kt_i, two.here.kt_j, getattr(third.shared, name)
        false.derive(two.here.th)
        false.next["in"] = two.here.next["out"] - 1
        with contextlib.suppress(Bad):
            opened.append(false.open(record))
    row.equal(opened, [], "keys of a third device open nothing, even with both temporary keys")
    found, count = Search(keys).tree(two.gateway.directory)
    row.ok(not found and count > 1, f"nothing in the {count} files of the gateway", found)
    two.gateway.stop()
    found, _ = Search(keys).tree(two.gateway.directory)
    row.ok(not found, "nor when it has ended", found)


@threat(84)
def again(row, bed):
    """Every message of every phase once more, at once and after a restart."""
    two = Pair(bed)
    i, j, gateway = two.i, two.j, two.gateway
    fresh = Device(gateway.way("http://127.0.0.1/fresh"), i.package, "fresh")
    r1, fresh.shared = fresh.make_r1(unb64u(gateway.manager().token("fresh")["token"]))
    fresh.must(201, fresh.post("/devices", r1, "registration"))
    old = fresh.shared
    fresh.must(201, fresh.register())
    here = Session.invite(i.package, i.shared, j.id, 5)
    said = {"A1": ("/negotiations", here.a1())}
    i.must(202, i.post(*said["A1"], "x"))
    there = j.invited()
    said["A3"] = (f"/negotiations/{here.sid.hex()}/acceptance", there.a3())
    j.must(200, j.post(*said["A3"], "x"))
    here.a4_take(i.await_kind(A4))
    said["B1"] = ("/sessions", here.b1())
    i.must(202, i.post(*said["B1"], "x"))
    there.b2_take(j.await_kind(B2))
    said["B3"] = (f"/sessions/{here.sid.hex()}/response", there.b3())
    j.must(200, j.post(*said["B3"], "x"))
    i.recover(here)
    j.recover(there)
    sga.confirmed(i, here, j, there)
    record = here.record(b"once")
    i.must(201, i.put(here, record))
    row.equal(j.take(there), (0, b"once"), "a record")
    for title in ("at once", "after a restart"):
        denied(row, fresh.post("/devices", r1, "registration"), f"{title}: R1 before the last one: no roll-back")
        row.equal(fresh.proved("GET", "/devices/fresh/mailbox", shared=old).status, 403, f"{title}: its key is not back")
        lifted(gateway)
        for name, (path, message) in said.items():
            denied(row, i.post(path, message, "x"), f"{title}: {name}", (403, 409))
        for _ in range(2):
            row.equal(i.put(here, record).status, 201, f"{title}: a record that comes again is acknowledged")
        row.equal([len(d.mailbox()) for d in (i, j)], [0, 0], f"{title}: nothing is passed on twice")
        two.restarted()
        fresh.ctr += 1000
        fresh.way.close()
        lifted(gateway)
    i.must(201, i.send(here, b"goes on"))
    row.equal(j.take(there), (0, b"goes on"), "the session has not been touched")


@threat(85)
def out_of_order(row, bed):
    """Messages before their time, records in another order."""
    two = Pair(bed)
    i, j = two.i, two.j
    two.invite()
    here, there = two.here, two.there
    early = Session(b"i", i.package, i.shared, here.sid, here.ids, 5)
    early.hashes = {wire.A1: here.hashes[wire.A1], wire.A4: bytes(32)}
    early.hop = wire.Hop(5, sha(early.hashes[wire.A1] + bytes(32)), here.kt_i + i.shared.hop, b"i")
    denied(row, i.post("/sessions", early.b1(), "session"), "B1 before A3", (403, 409))
    denied(row, i.put(here, wire.header(2, RECORD, here.sid, 0, 1) + bytes(60)), "a record before there is a key", (403, 404, 409))
    j.must(200, j.accept(there))
    early = Session(b"j", j.package, j.shared, there.sid, there.ids, 5)
    early.hop, early.hashes = there.hop, {B2: bytes(32)}
    denied(row, j.post(f"/sessions/{there.sid.hex()}/response", early.b3(), "session"), "B3 before B1", (403, 409))
    here.a4_take(i.await_kind(A4))
    i.must(202, i.post("/sessions", here.b1(), "session"))
    there.b2_take(j.await_kind(B2))
    row.ok(two.empty(), "nothing else was passed on")
    two.finish()
    made = [here.record(b"%d" % n) for n in range(3)]
    row.equal([i.put(here, made[n]).status for n in (2, 1, 0, 2, 1, 0, 2)], [409, 409, 201, 409, 201, 201, 201], "records: the next one alone is taken")
    row.equal([j.take(there)[1] for _ in range(3)], [b"0", b"1", b"2"], "and they come in order, once")
    row.ok(two.empty(), "nothing more")


@threat(86)
def cut_off(row, bed):
    """Messages that are cut, and with something behind them."""
    two = Pair(bed)
    i, j = two.i, two.j
    here = Session.invite(i.package, i.shared, j.id, 5)

    def refused(title, device, path, message, root):
        sizes = sorted({0, 1, 23, 24, 25, 40, len(message) // 2, len(message) - 16, len(message) - 1})
        answers = [device.post(path, message[:size], root) for size in sizes] + [device.post(path, message + b"\0", root)]
        row.equal([a for a in answers if a.status not in (400, 403) or sga.class_of(a) not in (1, 2)], [], f"{title}: {len(answers)} cuts are refused")
        lifted(two.gateway, device)
        return device.post(path, message, root).status
    fresh = Device(two.gateway.way("http://127.0.0.1/fresh"), i.package, "fresh")
    r1, _ = fresh.make_r1(unb64u(two.gateway.manager().token("fresh")["token"]))
    row.equal(refused("R1", fresh, "/devices", r1, "registration"), 201, "R1: whole")
    row.equal(refused("A1", i, "/negotiations", here.a1(), "negotiation"), 202, "A1: whole")
    there = j.invited()
    row.equal(refused("A3", j, f"/negotiations/{there.sid.hex()}/acceptance", there.a3(), "negotiation"), 200, "A3: whole")
    here.a4_take(i.await_kind(A4))
    row.equal(refused("B1", i, "/sessions", here.b1(), "session"), 202, "B1: whole")
    there.b2_take(j.await_kind(B2))
    row.equal(refused("B3", j, f"/sessions/{there.sid.hex()}/response", there.b3(), "session"), 200, "B3: whole")
    i.recover(here)
    j.recover(there)
    row.equal(here.k, there.k, "one key")
    cut = here.record(ctr=0)[:30]
    proof = i.shared.proof(i.ctr + 5, "POST", f"/sessions/{here.sid.hex()}/messages", here.record(ctr=0))
    answer = i.way.call("POST", f"{ROOT}/sessions/{here.sid.hex()}/messages", cut, OCTETS, headers={"X-M2M-SGA": proof})
    denied(row, answer, "a record that was cut on the way: its proof covers all of it")


@threat(87)
def flipped(row, bed):
    """One bit of each message."""
    two = Pair(bed)
    i, j, gateway = two.i, two.j, two.gateway

    def refused(title, device, path, message):
        answers = []
        for number, wrong in enumerate(flips(message)):
            answers.append(device.post(path, wrong, "x"))
            if number % 10 == 9:
                lifted(gateway, device)
        lifted(gateway, device)
        bad = [(n, a) for n, a in enumerate(answers) if a.status not in (400, 403, 404, 409)]
        row.equal(bad, [], f"{title}: {len(answers)} flips are refused")
        return device.post(path, message, "x").status
    fresh = Device(gateway.way("http://127.0.0.1/fresh"), i.package, "fresh")
    r1, _ = fresh.make_r1(unb64u(gateway.manager().token("fresh")["token"]))
    row.equal(refused("R1", fresh, "/devices", r1), 201, "R1: as it was")
    here = Session.invite(i.package, i.shared, j.id, 5)
    row.equal(refused("A1", i, "/negotiations", here.a1()), 202, "A1: as it was")
    there = j.invited()
    row.equal(refused("A3", j, f"/negotiations/{there.sid.hex()}/acceptance", there.a3()), 200, "A3: as it was")
    here.a4_take(i.await_kind(A4))
    row.equal(refused("B1", i, "/sessions", here.b1()), 202, "B1: as it was")
    there.b2_take(j.await_kind(B2))
    row.equal(refused("B3", j, f"/sessions/{there.sid.hex()}/response", there.b3()), 200, "B3: as it was")
    i.recover(here)
    j.recover(there)
    row.equal(here.k, there.k, "one key")
    row.ok(two.empty(), "nothing else was passed on")


@threat(88)
def mixed(row, bed):
    """Messages of one session in another."""
    two = Pair(bed)
    i, j = two.i, two.j
    first = i.invite(j)
    answer_first = j.invited()
    second = i.invite(j)
    answer_second = j.invited()
    accepted = answer_first.a3()
    other = f"/negotiations/{second.sid.hex()}/acceptance"
    denied(row, j.post(other, accepted, "negotiation"), "A3 at the address of another negotiation", (400, 403))
    mixed_up = Session(b"j", j.package, j.shared, second.sid, answer_second.ids, 5)
    mixed_up.kt_i, mixed_up.hashes = answer_second.kt_i, dict(answer_first.hashes)
    denied(row, j.post(other, mixed_up.a3(), "negotiation"), "A3 for the A2 of another negotiation")
    relabelled = accepted[:4] + second.sid + accepted[20:]
    denied(row, j.post(other, relabelled, "negotiation"), "A3 with the number of another negotiation")
    j.must(200, j.post(f"/negotiations/{first.sid.hex()}/acceptance", accepted, "negotiation"))
    j.must(200, j.accept(answer_second))
    first.a4_take(i.await_kind(A4, sid=first.sid))
    second.a4_take(i.await_kind(A4, sid=second.sid))
    begun = first.b1()
    denied(row, i.post("/sessions", begun[:4] + second.sid + begun[20:], "session"), "B1 with the number of another session")
    i.must(202, i.post("/sessions", begun, "session"))
    i.must(202, i.post("/sessions", second.b1(), "session"))
    answer_first.b2_take(j.await_kind(B2, sid=first.sid))
    answer_second.b2_take(j.await_kind(B2, sid=second.sid))
    done = answer_first.b3()
    denied(row, j.post(f"/sessions/{second.sid.hex()}/response", done[:4] + second.sid + done[20:], "session"), "B3 with the number of another session")
    denied(row, j.post(f"/sessions/{second.sid.hex()}/response", done, "session"), "B3 at the address of another session", (400, 403))
    j.must(200, j.post(f"/sessions/{first.sid.hex()}/response", done, "session"))
    j.must(200, j.post(f"/sessions/{second.sid.hex()}/response", answer_second.b3(), "session"))
    for s, t in ((first, answer_first), (second, answer_second)):
        s.b6_take(i.await_kind(B6, sid=s.sid))
        t.b6_take(j.await_kind(B6, sid=t.sid))
        sga.confirmed(i, s, j, t)
    record = first.record(b"of the first")
    answer = i.proved("POST", f"/sessions/{second.sid.hex()}/messages", record, OCTETS)
    denied(row, answer, "a record at the address of another session", (400, 403, 409))
    row.ok(two.empty(), "nothing was passed on")
    row.equal(i.put(first, record).status, 201, "at its own")


@threat(89)
def weaker(row, bed):
    """Weaker ciphers: against the policy, not registered, none at all."""
    two = Pair(bed, ciphers=["AES-128-GCM", "ChaCha20-Poly1305", "AES-128-CCM-8"])
    few = two.gateway.device("few", ciphers=wire.bit(3) | wire.bit(4))
    for cid, peer, title in ((0, two.j, "none"), (4, few, "one that the gateway does not allow"), (5, few, "one that the peer has not registered"),
                             (11, two.j, "one that there is not"), (0xffff, two.j, "another one that there is not")):
        answer = two.i.send_a1(Session.invite(two.i.package, two.i.shared, peer.id, cid))
        denied(row, answer, f"A1 with {title}", (400, 403)) if cid in (0, 11, 0xffff) and sga.class_of(answer) else row.equal(answer.status, 403, f"A1 with {title}", answer)
    row.equal(few.mailbox() + two.j.mailbox(), [], "nobody is invited")
    two.invite(5)
    wrong = Session(b"j", two.j.package, two.j.shared, two.there.sid, two.there.ids, 1)
    wrong.kt_i, wrong.hashes = two.there.kt_i, dict(two.there.hashes)
    denied(row, two.j.post(f"/negotiations/{wrong.sid.hex()}/acceptance", wrong.a3(), "negotiation"), "A3 with another cipher than was offered")
    two.gateway.stop()
    two.gateway.set(cipher_policy="strongest")
    two.gateway.start()
    for one in (two.i, two.j):
        one.ctr += 1000
        one.way.close()
    answer = two.i.send_a1(Session.invite(two.i.package, two.i.shared, two.j.id, 1))
    row.equal(answer.status, 403, "where the strongest is demanded: a weaker one that both have", answer)
    cipher = two.i.package.octets
    at = cipher.index(wire.u16(two.i.package.ciphers), 6)
    with contextlib.suppress(Bad):
        wire.Package(cipher[:at] + wire.u16(1) + cipher[at + 2:], two.gateway.manager_key())
        row.ok(False, "a package with fewer ciphers verifies")


def _b3_with(two, element, f=None, key=None):
    """B3 whose N (or F) is another; all else fits as far as its sender can make it."""
    there = two.there
    real = there._half(b"B3")      # pylint: disable=W0212
    size = len(there.n)
    f = f or there.f
    m1 = wire.mac(there.shared.auth, b"B3", there.sid, there.ids_octets, element, f)
    key = key or there.kis(element, there.ids_octets, element, f)
    m2 = wire.mac(key, b"B3", there.sid, element)
    assert len(real) == size + len(f) + 64
    return there.hop.seal("up", there.head(wire.B3), element + f + m1 + m2 + there.hashes[B2])


@threat(90)
def elements(row, bed):
    """Elements of small order and out of range as N."""
    low = [bytes(32), b"\1" + bytes(31), bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
           bytes.fromhex("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"), b"\xff" * 32]
    big = wire.suite_of(wire.C)
    number = lambda n: n.to_bytes(big.size, "big")  # noqa: E731
    high = [("0", number(0)), ("1", number(1)), ("p-1", number(big.p - 1)), ("p", number(big.p)), ("p+2", number(big.p + 2)),
            ("a non-residue", number(next(n for n in range(2, 100) if pow(n, (big.p - 1) // 2, big.p) != 1)))]
    compact, classic = Pair(bed), Pair(bed, suite=1)
    cases = [(compact, f"X25519 {e[:2].hex()}..", e) for e in low]
    cases += [(classic, f"ffdhe3072 {title}", e) for title, e in high]
    for two, title, element in cases:
        two.begin()
        # With N = 0, 1, -1 a sender knows N^r without r: that is the attack.
        answer = two.j.post(f"/sessions/{two.there.sid.hex()}/response", _b3_with(two, element, key=_guess(two, element)), "session")
        row.equal((answer.status, sga.class_of(answer)), (403, 2), f"{title} is refused", answer)
        ended = two.i.await_kind(B6, sid=two.here.sid, timeout=QUIET + 5)
        row.ok(ended[3] & wire.REFUSED, f"{title}: the session is over", ended)
        two.j.fetch()
        lifted(two.gateway)


def _guess(two, element):
    """K_is of N^r, where that does not depend on r, or only on whether it is odd."""
    there, power = two.there, element
    if len(element) != 32:
        exponent = there.exponent
        power = pow(int.from_bytes(element, "big"), 2, there.suite.p).to_bytes(there.suite.size, "big") if exponent else element
    else:
        power = bytes(32)
    return there.kis(power, there.ids_octets, element, there.f) if there.f else None


@threat(91)
def malleable(row, bed):
    """F_G: altered, of another session, multiplied."""
    two = Pair(bed, suite=1)
    n, e = rsa_public(two.i.package.f)
    seen = None
    for title in ("another's, without its r", "another's times 2^e", "0", "1", "n-1", "n"):
        two.begin()
        if seen is None:
            seen = two.here.f
        f = {"another's, without its r": seen, "another's times 2^e": (int.from_bytes(seen, "big") * pow(2, e, n) % n).to_bytes(384, "big"), "0": bytes(384),
             "1": (1).to_bytes(384, "big"), "n-1": (n - 1).to_bytes(384, "big"), "n": n.to_bytes(384, "big")}[title]
        two.there._half(b"B3")      # pylint: disable=W0212
        answer = two.j.post(f"/sessions/{two.there.sid.hex()}/response", _b3_with(two, two.there.n, f), "session")
        row.equal((answer.status, sga.class_of(answer)), (403, 2), f"F = {title}: refused", answer)
        ended = two.i.await_kind(B6, sid=two.here.sid, timeout=QUIET + 5)
        row.ok(ended[3] & wire.REFUSED, f"F = {title}: the session is over")
        two.j.fetch()
        lifted(two.gateway)


@threat(92)
def proofs(row, bed):
    """Proofs of requests: again, elsewhere, of another body."""
    two = Pair(bed)
    i, j = two.i, two.j
    two.begin()
    two.finish()
    for _ in range(3):
        i.must(201, i.send(two.here, b"x"))
    items = j.mailbox()
    path = f"/devices/{j.name}/mailbox"
    j.ctr += 1
    proof = j.shared.proof(j.ctr, "GET", path)

    def ask(method, target, body=None, lines=None):
        return j.way.call(method, ROOT + target, body, OCTETS, headers=lines or {"X-M2M-SGA": proof})
    row.equal(ask("GET", path).status, 200, "a request")
    denied(row, ask("GET", path), "the same again")
    denied(row, ask("DELETE", f"{path}/{items[-1][0]}?before=true"), "its proof for another request")
    j.ctr += 1
    proof = j.shared.proof(j.ctr, "DELETE", f"{path}/{items[0][0]}")
    denied(row, ask("DELETE", f"{path}/{items[0][0]}?before=true"), "with another query")
    denied(row, ask("GET", f"{path}/{items[0][0]}"), "with another method", (403, 404, 405))
    denied(row, ask("DELETE", f"{path}/{items[1][0]}"), "with another path")
    record = two.here.record(b"y")
    other = two.here.record(b"z", ctr=two.here.next["out"] - 1)
    i.ctr += 1
    where = f"/sessions/{two.here.sid.hex()}/messages"
    lines = {"X-M2M-SGA": i.shared.proof(i.ctr, "POST", where, record)}
    denied(row, ask("POST", where, other, lines), "with another body")
    row.equal(ask("POST", where, record, lines).status, 201, "with its own")
    row.equal(j.mailbox()[:3], items[:3], "nothing was deleted")
    j.ctr += 1
    late = {"X-M2M-SGA": j.shared.proof(j.ctr, "DELETE", f"{path}/{items[-1][0]}?before=true")}
    j.must(200, j.proved("GET", path))      # a higher counter
    denied(row, ask("DELETE", f"{path}/{items[-1][0]}?before=true", lines=late), "one that was overtaken")
    two.gateway.kill()
    two.gateway.start()
    j.way.close()
    for title, value in (("the last one", proof), ("one that was not sent before", j.shared.proof(j.ctr + 1, "GET", path))):
        denied(row, ask("GET", path, lines={"X-M2M-SGA": value}), f"after a restart: {title}")
    j.ctr += 1000
    lifted(two.gateway)
    row.equal(len(j.mailbox()) >= 3, True, "the device goes on above what was reserved")


@threat(93)
def uniform(row, bed):
    """Answers tell nothing: the same octets and comparable time for each cause."""
    two = Pair(bed)
    i, j, gateway = two.i, two.j, two.gateway
    g = i.package.id
    sid = os.urandom(16)

    def unknown():
        one = Shared(os.urandom(32), b"stranger", g)
        return Session.invite(i.package, one, j.id, 5, sid=sid).a1()

    def wrong_key():
        return Session.invite(i.package, Shared(os.urandom(32), i.id, g), j.id, 5, sid=sid).a1()

    def wrong_time():
        return Session.invite(i.package, i.shared, j.id, 5, sid=sid).a1(time=int(time.time()) - 500)

    def wrong_peer():
        return Session.invite(i.package, Shared(os.urandom(32), i.id, g), b"nobody", 5, sid=sid).a1()
    made = {f.__name__: f for f in (unknown, wrong_key, wrong_time, wrong_peer)}
    answers = {name: i.post("/negotiations", f(), "negotiation") for name, f in made.items()}
    row.equal({(a.status, a.body) for a in answers.values()}, {(403, answers["unknown"].body)}, "A1: one answer", answers)
    heads = {tuple(sorted(k.lower() for k, _ in a.raw.headers)) for a in answers.values()}
    row.equal(len(heads), 1, "with the same headers", heads)
    row.equal(sga.class_of(answers["unknown"]), 2, "of class 2")
    lifted(gateway)
    path = "/devices/{}/mailbox"
    stranger = Shared(os.urandom(32), b"stranger", g)
    tags = {"unknown": lambda: i.way.call("GET", ROOT + path.format("stranger"), headers={"X-M2M-SGA": stranger.proof(9, "GET", path.format("stranger"))}),
            "wrong key": lambda: i.way.call("GET", ROOT + path.format("meter"), headers={"X-M2M-SGA": Shared(bytes(32), i.id, g).proof(9999, "GET", path.format("meter"))}),
            "old counter": lambda: i.proved("GET", path.format("meter"), ctr=1)}
    i.must(200, i.proved("GET", path.format("meter")))
    said = {name: f() for name, f in tags.items()}
    row.equal(len({(a.status, a.body) for a in said.values()}), 1, "requests: one answer", said)
    lifted(gateway)
    timed(row, gateway, i, {n: (lambda f=f: i.post("/negotiations", f(), "negotiation")) for n, f in made.items() if n in ("unknown", "wrong_key")}, "A1")
    timed(row, gateway, i, {n: tags[n] for n in ("unknown", "wrong key")}, "requests")


def timed(row, gateway, device, causes, title):
    """Medians of the causes, taken in turn, several times."""
    seen = []
    for _ in range(TRIES):
        times = {name: [] for name in causes}
        for number in range(TIMINGS):
            for name, ask in causes.items():
                began = time.perf_counter()
                ask()
                times[name].append(time.perf_counter() - began)
            if number % 40 == 39:
                lifted(gateway, device)
        lifted(gateway, device)
        medians = {name: statistics.median(t) for name, t in times.items()}
        seen.append((max(medians.values()) / min(medians.values()) - 1, {n: round(m * 1e6) for n, m in medians.items()}))
        if seen[-1][0] <= TIMING_BOUND:
            break
    row.ok(seen[-1][0] <= TIMING_BOUND, f"{title}: comparable time, medians in us {seen[-1][1]}", seen)


@threat(94)
def overload(row, bed):
    """Who has proved nothing does not make a gateway work: addresses are limited, others are served."""
    gateway = sga.Gateway(bed, failures_per_address=20).start()
    device = gateway.device("meter")
    for number in range(30):
        one = Device(gateway.way("http://127.0.0.1/x"), device.package, f"nobody{number}")
        one.shared = Shared(bytes(32), one.id, device.package.id)
        answer = one.send_a1(Session.invite(device.package, one.shared, b"x", 5))
    row.equal((answer.status, sga.class_of(answer)), (503, 3), "after 20 failures of an address under 30 names it waits")
    row.equal(device.proved("GET", "/devices/meter/mailbox").status in (200, 503), True, "what a device proves is another matter")


# ---- at a device ----

def played(bed, name="d1", twist=None, *, fake=None, verify=None, peers=("lamp",), **more):
    """(false gateway, dscl that is its device)"""
    fake = fake or bed.add(FakeGateway(twist=twist))
    row = {"id": fake.ident, "root": fake.root, "via": "", "suite": 2, "verify_key": public_pem(bed.path(f"{name}.verify.pem"), verify or fake.gate.verify_key),
           "token": secret_file(bed.path(f"{name}.token"), bytes(16))}
    return fake, Dscl(bed, name, [row], peers, poll_wait="1 s", **more).start()


def at(fake, name, **more):
    """A device of the test at a false gateway."""
    device = Device(px.HttpWay(Client("127.0.0.1", fake.port, "http://127.0.0.1/" + name)), fake.package, name, **more)
    device.must(201, device.register(b"t" * 16))
    return device


def met(device, dscl, application, text=b"hello"):
    """A session that a dscl begins with a device of the test, and one message."""
    application.send(device.name, text)
    there = device.invited()
    device.must(200, device.accept(there))
    device.must(200, device.respond(there))
    device.recover(there)
    device.must(201, device.send(there))
    device.take(there)
    return there


@threat(95)
def false_gateway(row, bed):
    """A false gateway: its own key, a package that was altered, answers without kd."""
    fake, dscl = played(bed, verify=os.urandom(32))
    row.ok(fake.wait(lambda: any(p.endswith("/package") for _, p, _ in fake.seen)), "a device asks for its package", told(fake))
    time.sleep(QUIET)       # it would have registered
    row.equal([s for s in fake.seen if s[0] == "POST"], [], "a package of another key: nothing is sent to it")
    dscl.stop()
    for title, change in (("fewer ciphers", lambda p: p[:8] + wire.u16(4) + p[10:]), ("another PK_E", lambda p: p[:-132] + bytes([p[-132] ^ 1]) + p[-131:]),
                          ("another group", lambda p: p[:6] + wire.u16(0x100) + p[8:]), ("no signature", lambda p: p[:-64] + bytes(64))):
        fake, dscl = played(bed, f"d-{len(title)}{title[:2]}", twist=lambda n, m, _w, c=change: c(m) if n == "package" else m)
        fake.wait(lambda f=fake: any(p.endswith("/package") for _, p, _ in f.seen))
        time.sleep(QUIET)       # it would have registered
        row.equal([s for s in fake.seen if s[0] == "POST"], [], f"{title}: nothing is sent to it")
        dscl.stop()
    for title, change in (("a forged R2", lambda m: m[:-1] + bytes([m[-1] ^ 1])), ("an R2 under another key", lambda m: m[:33] + bytes(32))):
        fake, dscl = played(bed, f"d{len(title)}", twist=lambda n, m, _w, c=change: c(m) if n == "R2" else m)
        fake.wait(lambda f=fake: any(p.endswith("/devices") for _, p, _ in f.seen))
        time.sleep(QUIET)       # it would have been ready
        state = dscl.app().got("/status")["server"][0]["state"]
        row.ok(state != "ready", f"{title}: the device is not registered", state)
        dscl.stop()


@threat(96)
def old_messages(row, bed):
    """What a device is told again, in another order, cut, altered, of another session."""
    kept, twisted = {}, {}

    def twist(name, message, who):
        kept.setdefault((name, who), []).append(message)
        return twisted.get(name, lambda m: m)(message)
    fake, dscl = played(bed, twist=twist)
    lamp, application = at(fake, "lamp"), dscl.app()
    row.ok(application.ready(), "a device", told(fake))
    me = dscl.ident.encode()
    twisted["A4"] = lambda m: m[:40] + bytes([m[40] ^ 1]) + m[41:]
    application.send("lamp", b"first")
    there = lamp.invited()
    lamp.must(200, lamp.accept(there))
    fake.wait(lambda: not fake.boxes[me], 5)
    row.equal([s for s in fake.seen if s[1].endswith("/sgasessions") or s[1] == "/sessions"], [], "an altered A4: no key request")
    twisted.clear()
    with fake.changed:
        fake.put(me, "A4", kept["A4", me][0])
    lamp.must(200, lamp.respond(there))
    lamp.recover(there)
    lamp.must(201, lamp.send(there))
    lamp.take(there)
    row.equal(lamp.take(there)[1], b"first", "the true one: it goes on")
    inbox = []

    def has(texts):
        inbox[:] = [d for _, _, d, _ in application.inbox()]
        return inbox == texts
    lamp.must(201, lamp.send(there, b"one"))
    row.ok(wait_for(lambda: has([b"one"])), "a record", lambda: inbox)
    with fake.changed:
        for _ in range(3):
            fake.put(me, "record", kept["record", me][-1])
        for key in (("A4", me), ("B6i", me)):
            fake.put(me, "again", kept[key][-1])
    two, three = there.record(b"two"), there.record(b"three")
    with fake.changed:
        fake.put(me, "record", three)
        fake.put(me, "record", two[:-1])
        fake.put(me, "record", two[:50] + bytes([two[50] ^ 1]) + two[51:] if len(two) > 50 else two[:-1] + b"x")
        fake.put(me, "record", two[:-1] + bytes([two[-1] ^ 1]))
    fake.wait(lambda: not fake.boxes[me], 20)
    time.sleep(QUIET)
    row.ok(has([b"one"]), "again, out of order, cut, altered: nothing reaches the application", lambda: inbox)
    with fake.changed:
        fake.put(me, "record", two)
        fake.put(me, "record", there.record(b"three", ctr=there.next["out"] - 1))
    row.ok(wait_for(lambda: has([b"one", b"two", b"three"])), "the true ones, once, in order", lambda: inbox)


@threat(97)
def in_the_middle(row, bed):
    """A gateway that sits in the middle: seen by the signature of the peer."""
    fake = bed.add(FakeGateway())
    seeds = {b"d1": os.urandom(32), b"lamp": os.urandom(32)}
    peers = [{"id": "lamp", "sign_key": public_pem(bed.path("lamp.pem"), ed25519_public(seeds[b"lamp"]))}]
    _, dscl = played(bed, fake=fake, peers=peers, seed=seeds[b"d1"])
    application = dscl.app()
    row.ok(application.ready(), "a device", told(fake))
    honest = at(fake, "lamp", seed=seeds[b"lamp"])
    there = met(honest, dscl, application, b"to the true one")
    row.equal(honest.take(there)[1], b"to the true one", "the true peer gets what is for it")
    with fake.changed:
        fake.boxes[b"d1"] = [b for b in fake.boxes[b"d1"] if b[1][2] != wire.B6]
    for seed, what in ((os.urandom(32), "another key"), (None, "no signature")):
        false = at(fake, "lamp", seed=seed)             # G can always make itself the peer
        here = Session.invite(false.package, false.shared, b"d1", 5, seed=seed)
        false.must(202, false.send_a1(here))
        with contextlib.suppress(sga.Refusal):
            false.must(202, false.request(here))
            false.recover(here)
            false.must(201, false.send(here))
            false.must(201, false.send(here, b"forged"))
        row.equal(here.next["out"], 2, f"{what}: a confirmation and a record are sent")
        time.sleep(QUIET)
        row.ok(b"forged" not in [d for _, _, d, _ in application.inbox()], f"{what}: nothing of it reaches the application", application.inbox)
    application.send("lamp", b"secret")
    time.sleep(QUIET)
    read = []
    with contextlib.suppress(sga.Refusal, Bad):
        for _ in range(3):
            read.append(false.take(here, timeout=QUIET)[1])
    row.ok(b"secret" not in read, "and is told nothing", read)


@threat(98)
def guessing(row, bed):
    """Guessing off-line on all that was heard: keys are random."""
    fake, dscl = played(bed)
    lamp = at(fake, "lamp")
    row.ok(dscl.app().ready(), "a device", told(fake))
    here = Session.invite(lamp.package, lamp.shared, dscl.ident.encode(), 5)
    heard = []
    fake.twist = lambda n, m, _w: (heard.append(m) if n == "A2" else None, m)[1]
    lamp.must(202, lamp.send_a1(here))
    a2 = heard[0]
    words = [bytes([n]) * 32 for n in range(256)] + [f(str(n).encode()) for n in range(GUESSES) for f in (sha, lambda t: t.ljust(32, b"\0"))]
    words += [sha(dscl.ident.encode()), sha(bytes(16)), dscl.ident.encode().ljust(32, b"\0")]

    def opens(kd):
        shared = Shared(kd, dscl.ident.encode(), fake.gate.id)
        for cid in (3, 5):
            with contextlib.suppress(Bad):
                cipher = CIPHERS[cid]
                cipher.open(hkdf(a2[24:40], shared.g2d, b"A2", cipher.key), bytes(cipher.nonce), a2[:24], a2[40:])
                return True
        return False
    row.ok(opens(fake.shared[dscl.ident.encode()].kd), "the right key is known by its opening A2")
    row.equal([kd for kd in words if opens(kd)], [], f"none of {len(words)} guesses is right")
    kd = fake.shared[dscl.ident.encode()].kd
    row.ok(len(kd) == 32 and len(set(kd)) > 12, "32 octets that look random", hashlib.sha256(kd).hexdigest())


TABLE[99] = leaks.row_99


if __name__ == "__main__":
    rows.run(TABLE, __doc__)
