# SPDX-License-Identifier: Apache-2.0
"""The gateway's steps of the SGA, for the tests alone: what a false gateway is made of, and what transcripts are compared with."""

import os

from .sgacrypt import CIPHERS, Bad, ed25519_public, hkdf, mac, sha, xor
from .sgawire import (A1, A2, A3, A4, B1, B2, B3, B6, HEADER, REFUSED, X, Common, Hop, Package, Reader, Session, Shared, SuiteX, r1,
                      r2_make, r2_take, u16)


class Gateway:
    """G's steps, for a false gateway and for transcripts; no registers, no limits. Suite X unless keys are given."""

    def __init__(self, ident, *, seed=None, suite=X, keys=None, rng=os.urandom, **more):
        self.id, self.rng, self.seed = ident, rng, seed or rng(32)
        self.keys = keys or [SuiteX.pair(rng) for _ in range(2)]
        self.package = Package.made(self.seed, ident, [k[1] for k in self.keys], suite=suite, **more)

    @property
    def verify_key(self):
        """Of its packages."""
        return ed25519_public(self.seed)

    def r1_open(self, message):
        """(token, ID, kd, cid0, CidSet, key)"""
        r = Reader(self.package.open(self.keys[0][0], b"R1", message))
        token, ident, kd, cid0, ciphers = r.lv8(), r.lv8(), r.take(32), r.number(2), r.number(2)
        r.take(24)
        return token, ident, kd, cid0, ciphers, r.lv8()


class GatewaySession(Common):
    """One session at G: takes what devices send, makes what they get."""

    def __init__(self, gateway, message, shared_of, cid0_of):
        r = Reader(gateway.package.open(gateway.keys[0][0], b"A1", message))
        masked, ids, cid, sid, stamp, t = r.take(32), r.ids(), r.number(2), r.take(16), r.take(8), r.take(32)
        r.end()
        super().__init__(gateway.package, sid, ids, cid)
        self.gateway, self.stamp, self.i, self.j = gateway, stamp, shared_of(ids[0]), shared_of(ids[2])
        self.cid0 = cid0_of(ids[2])
        self.kt_i = xor(masked, self.i.mask(sid, A1))
        if t != mac(self.i.auth, b"A1", message[:HEADER], self.kt_i, self.ids_octets, u16(cid), sid, stamp):
            raise Bad("t of A1")
        self.kt_j = self.hops = None
        self.halves = {}
        self.note(A1, message)

    def a2(self, salt=None):
        """A2."""
        salt, cipher, head = salt or self.gateway.rng(16), CIPHERS[self.cid0], self.head(A2)
        plain = xor(self.kt_i, self.j.mask(self.sid, A2)) + self.ids_octets + u16(self.cid) + self.sid + self.stamp + self.hashes[A1]
        key = hkdf(salt, self.j.g2d, b"A2", cipher.key)
        return self.note(A2, head + salt + cipher.seal(key, bytes(cipher.nonce), head, plain))

    def a3_take(self, message):
        """A3."""
        head = self.is_mine(message, A3)
        r = Reader(self.package.open(self.gateway.keys[0][0], b"A3", message))
        field, known = r.take(32), r.rest[:-32]
        ids, cid, sid, _ = r.ids(), r.number(2), r.take(16), r.take(24)
        h2, t = r.take(32), r.take(32)
        r.end()
        self.kt_j = field if head.flags & REFUSED else xor(field, self.kt_i)
        if (ids, cid, sid, h2) != (self.ids, self.cid, self.sid, self.hashes[A2]):
            raise Bad("A3 of others")
        if t != mac(self.j.auth, b"A3", message[:HEADER], self.kt_j, known):
            raise Bad("t of A3")
        self.note(A3, message)

    def a4(self):
        """A4."""
        head, cipher = self.head(A4), CIPHERS[self.cid]
        plain = xor(self.kt_i, self.kt_j) + self.ids_octets + u16(self.cid) + self.hashes[A2] + self.hashes[A3]
        message = self.note(A4, head + cipher.seal(self.a4_key(self.kt_i, self.i), bytes(cipher.nonce), head, plain))
        h = self.hashes
        self.hops = {b"i": Hop(self.cid, sha(h[A1] + h[A4]), self.kt_i + self.i.hop, b"i"),
                     b"j": Hop(self.cid, sha(h[A2] + h[A3]), self.kt_j + self.j.hop, b"j")}
        return message

    def _half(self, role, message):
        shared, label = (self.i, b"B1") if role == b"i" else (self.j, b"B3")
        r, size = Reader(self.hops[role].open("up", message)), 32 if self.package.suite_id == X else self.suite.size
        n, f, m1, m2 = r.take(size), r.take(self.suite.enc), r.take(32), r.take(32)
        key = self.kis(self.suite.power(n, self.suite.untrapdoor(self.gateway.keys[1][0], f)), self.ids_octets, n, f)
        if m1 != mac(shared.auth, label, self.sid, self.ids_octets, n, f) or m2 != mac(key, label, self.sid, n):
            raise Bad("m1, m2")
        self.halves[role] = (n, key)
        return r

    def b1_take(self, message):
        """B1, and what is in it."""
        self.is_mine(message, B1)
        self._half(b"i", self.note(B1, message)).end()

    def b2(self):
        """B2."""
        return self.note(B2, self.hops[b"j"].seal("down", self.head(B2), self.ids_octets + u16(self.cid) + self.hashes[B1]))

    def b3_take(self, message):
        """B3."""
        self.is_mine(message, B3)
        if self._half(b"j", self.note(B3, message)).take(32) != self.hashes[B2]:
            raise Bad("h(B2)")

    def b6(self, exponent=None):
        """(B6 to i, B6 to j)"""
        exponent, h, out = exponent or self.suite.exponent(self.gateway.rng), self.hashes, []
        th = self.transcript()
        for role, other, more, ctr in ((b"i", b"j", h[B2] + h[B3], 0), (b"j", b"i", h[A4], 1)):
            element = self.suite.power(self.halves[other][0], exponent)
            tag = mac(self.halves[role][1], b"B6", self.ids_octets, element, th)
            out.append(self.hops[role].seal("down", self.head(B6, ctr), element + more + tag))
        return out


# ---- against itself ----

def exchange(gateway, ids=(b"meter-1", b"lamp-2"), cid=5, cid0=3, seeds=(None, None)):
    """A whole run between two devices and a gateway of this file: (i, j, {name: message})."""
    rng, package = gateway.rng, gateway.package
    shared = {name: Shared(rng(32), name, gateway.id) for name in ids}
    for one in shared.values():
        message = r1(package, one, token=rng(16), rng=rng)
        got = gateway.r1_open(message)
        assert (got[1], got[2]) == (one.id, one.kd) and r2_take(one, message, r2_make(one, message)) == (0, 1)
    i = Session.invite(package, shared[ids[0]], ids[1], cid, rng=rng, seed=seeds[0])
    said = {"A1": i.a1()}
    g = GatewaySession(gateway, said["A1"], shared.get, lambda _: cid0)
    said["A2"] = g.a2()
    j = Session.invited(package, shared[ids[1]], said["A2"], cid0, rng=rng, seed=seeds[1])
    said["A3"] = j.a3()
    g.a3_take(said["A3"])
    said["A4"] = g.a4()
    assert i.a4_take(said["A4"])
    said["B1"] = i.b1()
    g.b1_take(said["B1"])
    said["B2"] = g.b2()
    j.b2_take(said["B2"])
    said["B3"] = j.b3()
    g.b3_take(said["B3"])
    said["B6i"], said["B6j"] = g.b6()
    assert i.b6_take(said["B6i"]) and j.b6_take(said["B6j"]) and i.k == j.k and i.th == j.th
    return i, j, said
