# SPDX-License-Identifier: Apache-2.0
"""The protocol of the SGA once more, for the tests alone: what devices send and take.

Everything that is random may be given, so that a message can be made again octet by octet. sgagate.py has the gateway's side.
"""

import base64
import os
import struct
import time as clock

from .sgacrypt import (CIPHERS, GCM, Bad, dhkem, dhkem_open, ed25519_sign, ed25519_verify, expand,
                       extract, ffdhe, hkdf, hpke_keys, mac, rsa_private, rsa_public, sha, x25519, x25519_public, xor)

R1, R2, A1, A2, A3, A4, B1, B2, B3, B6, ERROR, RECORD, GROUP_RECORD, NOTICE = 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 15, 0x20, 0x21, 0x30
CONFIRMED, GROUP_KEY, REFUSED = 1, 2, 4
C, X = 1, 2
HEADER, TAG = 24, 16
GROUPS = {0x001d: None, 0x0100: 2048, 0x0101: 3072, 0x0102: 4096}
MANDATORY = 0x0014
NO_SID = bytes(16)


def u16(n):
    """2 octets."""
    return n.to_bytes(2, "big")


def u32(n):
    """4 octets."""
    return n.to_bytes(4, "big")


def u64(n):
    """8 octets."""
    return n.to_bytes(8, "big")


def same(plain):
    """What is sealed, as it is: `twist` of messages that are made."""
    return plain


def lv8(data):
    """Length in one octet, data."""
    return bytes([len(data)]) + data


def lv16(data):
    """Length in two octets, data."""
    return u16(len(data)) + data


def bit(cid):
    """Of a cipher in CidSet."""
    return 1 << cid - 1


def b64u(data):
    """base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64u(text):
    """Octets of base64url."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Reader:
    """Takes octets apart. Raises Bad."""

    def __init__(self, data):
        self.rest = data

    def take(self, n):
        """n octets."""
        if len(self.rest) < n:
            raise Bad("short")
        out, self.rest = self.rest[:n], self.rest[n:]
        return out

    def number(self, n):
        """A number of n octets."""
        return int.from_bytes(self.take(n), "big")

    def lv8(self):
        """What follows its length."""
        return self.take(self.number(1))

    def lv16(self):
        """What follows its length."""
        return self.take(self.number(2))

    def ids(self):
        """The three."""
        return self.lv8(), self.lv8(), self.lv8()

    def end(self):
        """There must be nothing more."""
        if self.rest:
            raise Bad("long")


def header(suite, kind, sid=NO_SID, ctr=0, flags=0):
    """24 octets."""
    return bytes([1, suite, kind, flags]) + sid + u32(ctr)


class Head:
    """A header that was read."""

    def __init__(self, message):
        if len(message) < HEADER or message[0] != 1:
            raise Bad("header")
        _, self.suite, self.kind, self.flags = message[:4]
        self.sid, self.ctr, self.octets, self.body = message[4:20], struct.unpack_from(">I", message, 20)[0], message[:HEADER], message[HEADER:]


def error_class(body):
    """The class of an error message, or None."""
    return body[HEADER] if len(body) == HEADER + 9 and body[2] == ERROR else None


# ---- suites ----

class SuiteX:
    """HPKE, DHKEM, X25519."""
    ident, group, enc = X, 0x001d, 32

    @staticmethod
    def seal(public, info, aad, plain, rng):
        """enc || ciphertext."""
        shared, enc = dhkem(public, rng(32))
        key, nonce = hpke_keys(shared, info)
        return enc + GCM.seal(key, nonce, aad, plain)

    @staticmethod
    def open(private, info, aad, sealed):
        """The plaintext."""
        if len(sealed) < 32 + TAG:
            raise Bad("short")
        key, nonce = hpke_keys(dhkem_open(private, sealed[:32]), info)
        return GCM.open(key, nonce, aad, sealed[32:])

    @staticmethod
    def trapdoor(public, rng):
        """(F, r)"""
        shared, enc = dhkem(public, rng(32))
        return enc, hkdf(b"", shared, b"SGA/1 r", 32)

    @staticmethod
    def untrapdoor(private, enc):
        """r"""
        return hkdf(b"", dhkem_open(private, enc), b"SGA/1 r", 32)

    @staticmethod
    def exponent(rng):
        """A random one."""
        return rng(32)

    @staticmethod
    def base(exponent):
        """Power of the generator."""
        return x25519_public(exponent)

    @staticmethod
    def power(element, exponent):
        """Power of a peer's element."""
        return x25519(exponent, element)

    @staticmethod
    def pair(rng):
        """(private, public)"""
        secret = rng(32)
        return secret, x25519_public(secret)


class SuiteC:
    """RSASVE, ffdhe."""
    ident, enc = C, 384

    def __init__(self, group=0x0101):
        self.group, self.bits = group, GROUPS[group]
        self.p, self.size = ffdhe(self.bits), self.bits // 8

    @staticmethod
    def _sve(public, rng):
        n, e = rsa_public(public)
        while True:
            z = int.from_bytes(rng(384), "big")
            if 2 <= z <= n - 2:
                return z.to_bytes(384, "big"), pow(z, e, n).to_bytes(384, "big")

    @staticmethod
    def _unsve(private, enc):
        n, d = rsa_private(private)
        if len(enc) != 384 or int.from_bytes(enc, "big") >= n:
            raise Bad("RSA")
        return pow(int.from_bytes(enc, "big"), d, n).to_bytes(384, "big")

    @staticmethod
    def _keys(z, enc, info):
        okm = hkdf(b"SGA/1 kem", z, info + sha(enc), 28)
        return okm[:16], okm[16:]

    def seal(self, public, info, aad, plain, rng):
        """enc || ciphertext."""
        z, enc = self._sve(public, rng)
        key, nonce = self._keys(z, enc, info)
        return enc + GCM.seal(key, nonce, aad + enc, plain)

    def open(self, private, info, aad, sealed):
        """The plaintext."""
        enc = sealed[:384]
        key, nonce = self._keys(self._unsve(private, enc), enc, info)
        return GCM.open(key, nonce, aad + enc, sealed[384:])

    def trapdoor(self, public, rng):
        """(F, r)"""
        z, enc = self._sve(public, rng)
        return enc, hkdf(b"", z, b"SGA/1 r", 36)

    def untrapdoor(self, private, enc):
        """r"""
        return hkdf(b"", self._unsve(private, enc), b"SGA/1 r", 36)

    @staticmethod
    def exponent(rng):
        """A random one."""
        return rng(36)

    def _octets(self, n):
        return n.to_bytes(self.size, "big")

    def base(self, exponent):
        """Power of the generator."""
        return self._octets(pow(2, int.from_bytes(exponent, "big"), self.p))

    def power(self, element, exponent):
        """Power of a peer's element."""
        n = int.from_bytes(element, "big")
        if len(element) != self.size or not 2 <= n <= self.p - 2 or pow(n, (self.p - 1) // 2, self.p) != 1:
            raise Bad("N")
        return self._octets(pow(n, int.from_bytes(exponent, "big"), self.p))


def suite_of(ident, group=0x0101):
    """A suite by number."""
    return SuiteX() if ident == X else SuiteC(group)


# ---- the package ----

class Package:
    """What a gateway publishes; verify_key None: the signature is not looked at."""

    def __init__(self, octets, verify_key=None):
        r = Reader(octets)
        self.octets, self.dp = octets, sha(octets)
        if r.take(5) != b"SGAP\x01":
            raise Bad("magic")
        self.suite_id, self.group, self.ciphers = r.number(1), r.number(2), r.number(2)
        self.serial, self.not_after = r.number(4), r.number(8)
        self.id, self.e, self.f = r.lv8(), r.lv16(), r.lv16()
        self.signature = r.take(64)
        r.end()
        self.suite = suite_of(self.suite_id, self.group)
        if verify_key is not None and not ed25519_verify(verify_key, b"SGA/1 package\0" + octets[:-64], self.signature):
            raise Bad("signature")

    @classmethod
    def made(cls, seed, ident, public, *, suite=X, group=0x001d, ciphers=0x03ff, serial=1, not_after=1 << 40):
        """One that is signed with a seed; public: (PK_E, PK_F)."""
        octets = b"SGAP\x01" + bytes([suite]) + u16(group) + u16(ciphers) + u32(serial) + u64(not_after) + lv8(ident)
        octets += lv16(public[0]) + lv16(public[1])
        return cls(octets + ed25519_sign(seed, b"SGA/1 package\0" + octets))

    def info(self, label):
        """The context of E_PK."""
        return b"SGA/1 " + bytes([self.suite_id]) + self.dp + label

    def seal(self, label, head, plain, rng=os.urandom):
        """A whole message under E_PK."""
        return head + self.suite.seal(self.e, self.info(label), head, plain, rng)

    def open(self, private, label, message):
        """What is in one."""
        return self.suite.open(private, self.info(label), message[:HEADER], message[HEADER:])


# ---- what device and G share ----

class Shared:
    """kd and all that comes of it."""

    def __init__(self, kd, ident, gateway):
        self.kd, self.id, self.g = kd, ident, gateway
        self.auth, self.g2d, self.hop, self.req = (self.derived(name) for name in (b"auth", b"g2d", b"hop", b"req"))

    def derived(self, label):
        """KD."""
        return hkdf(b"SGA/1 kd", self.kd, label + lv8(self.id) + lv8(self.g), 32)

    def mask(self, sid, kind):
        """Hides kt_i."""
        return self.derived(b"mask" + sid + bytes([kind]))

    def proof(self, ctr, method, target, body=b""):
        """The value of X-M2M-SGA."""
        tag = mac(self.req, lv16(method.encode()), lv16(target.encode()), u64(ctr), sha(body))[:16]
        return f"{b64u(self.id)};{ctr};{tag.hex()}"


def r1(package, shared, *, token=b"", old=None, cid0=3, ciphers=0x03ff, sign=b"", time=None, n=None, ctr=0, rng=os.urandom, twist=same):
    """R1; old: Shared of the registration before, whose key it proves (token: 16 octets or none)."""
    n = rng(16) if n is None else n
    time = int(clock.time()) if time is None else time
    head = header(package.suite_id, R1, ctr=ctr)
    if old is not None:
        token = (token or bytes(16)) + mac(old.auth, b"R1 again", head, lv8(shared.id), shared.kd, n, u64(time))
    plain = lv8(token) + lv8(shared.id) + shared.kd + u16(cid0) + u16(ciphers) + n + u64(time) + lv8(sign)
    return package.seal(b"R1", head, twist(plain), rng)


def r2_make(shared, message, status=0, count=1):
    """R2."""
    said = bytes([status]) + u64(count)
    return header(message[1], R2) + said + mac(shared.auth, b"R2", sha(message), said)


def r2_take(shared, message, answer):
    """(status, regctr)"""
    head = Head(answer)
    said = head.body[:9]
    if head.kind != R2 or head.body[9:] != mac(shared.auth, b"R2", sha(message), said):
        raise Bad("R2")
    return said[0], int.from_bytes(said[1:], "big")


# ---- a session ----

class Hop:
    """Keys between a device and G; ctr counts each direction."""

    def __init__(self, cid, salt, ikm, name):
        c = CIPHERS[cid]
        okm = Reader(hkdf(salt, ikm, b"B " + name, 2 * (c.key + c.nonce)))
        self.cipher, self.keys = c, {}
        for way in ("up", "down"):
            self.keys[way] = (okm.take(c.key), okm.take(c.nonce))

    def seal(self, way, head, plain):
        """A whole message."""
        key, iv = self.keys[way]
        return head + self.cipher.seal(key, nonce_of(iv, head), head, plain)

    def open(self, way, message):
        """What is in one."""
        key, iv = self.keys[way]
        return self.cipher.open(key, nonce_of(iv, message), message[:HEADER], message[HEADER:])


def nonce_of(iv, head):
    """iv XOR ctr."""
    return xor(iv, head[20:24].rjust(len(iv), b"\0"))


class Common:
    """What both ends and G know of a session."""

    def __init__(self, package, sid, ids, cid):
        self.package, self.suite, self.sid, self.ids, self.cid = package, package.suite, sid, ids, cid
        self.hashes = {}

    @property
    def ids_octets(self):
        """IDs."""
        return b"".join(lv8(i) for i in self.ids)

    def head(self, kind, ctr=0, flags=0):
        """A header of this session."""
        return header(self.package.suite_id, kind, self.sid, ctr, flags)

    def note(self, name, message):
        """h(X)."""
        self.hashes[name] = sha(message)
        return message

    def is_mine(self, message, kind):
        """The header, if it is of this session and kind."""
        head = Head(message)
        if (head.suite, head.sid, head.kind) != (self.package.suite_id, self.sid, kind):
            raise Bad(f"another message than {kind}")
        return head

    def a4_key(self, kt, shared):
        """Key of A4."""
        return hkdf(self.sid, kt + shared.auth, b"A4", CIPHERS[self.cid].key)

    def kis(self, shared_element, ids, n, f):
        """K_is."""
        return hkdf(self.sid, shared_element, b"SGA/1 Kis" + ids + n + f, 32)

    def transcript(self):
        """TH."""
        h = self.hashes
        return sha(b"SGA/1 TH" + bytes([self.package.suite_id]) + self.package.dp
                   + b"".join(h[x] for x in (A1, A2, A3, A4, B1, B2, B3)))


class Session(Common):
    """One end: role b"i" or b"j"; shared: what it shares with G."""

    def __init__(self, role, package, shared, sid, ids, cid, *, seed=None, rng=os.urandom):
        super().__init__(package, sid, ids, cid)
        self.role, self.shared, self.seed, self.rng = role, shared, seed, rng
        self.kt_i = self.kt_j = self.hop = self.keys = self.kis_key = self.n = self.f = self.exponent = self.prk = self.th = None
        self.th_conf = self.k = self.s = None
        self.next = {"out": 0, "in": 0}
        self.confirmed = False

    @property
    def peer(self):
        """The other's ID."""
        return self.ids[2 if self.role == b"i" else 0]

    # phase A

    @classmethod
    def invite(cls, package, shared, peer, cid, *, sid=None, rng=os.urandom, **more):
        """i begins."""
        return cls(b"i", package, shared, rng(16) if sid is None else sid, (shared.id, package.id, peer), cid, rng=rng, **more)

    def a1(self, time=None, ctr=0, stamp=None, flags=0, twist=same):
        """A1; stamp: 8 octets in place of the time."""
        if self.kt_i is None:
            self.kt_i = self.rng(32)
        head = self.head(A1, ctr, flags)
        stamp = stamp or u64(int(clock.time()) if time is None else time)
        known = self.ids_octets + u16(self.cid) + self.sid + stamp
        t = mac(self.shared.auth, b"A1", head, self.kt_i, known)
        plain = xor(self.kt_i, self.shared.mask(self.sid, A1)) + known + t
        return self.note(A1, self.package.seal(b"A1", head, twist(plain), self.rng))

    @classmethod
    def invited(cls, package, shared, message, cid0, **more):
        """j takes A2; .time has its time."""
        head = Head(message)
        if head.kind != A2 or head.suite != package.suite_id:
            raise Bad("no A2")
        cipher = CIPHERS[cid0]
        key = hkdf(head.body[:16], shared.g2d, b"A2", cipher.key)
        r = Reader(cipher.open(key, bytes(cipher.nonce), head.octets, head.body[16:]))
        masked, ids, cid, sid, time, h = r.take(32), r.ids(), r.number(2), r.take(16), r.number(8), r.take(32)
        r.end()
        if sid != head.sid or ids[1:] != (package.id, shared.id):
            raise Bad("A2 of others")
        self = cls(b"j", package, shared, sid, ids, cid, **more)
        self.kt_i, self.time = xor(masked, shared.mask(sid, A2)), time
        self.hashes[A1] = h
        self.note(A2, message)
        return self

    def a3(self, refuse=False, time=None, twist=same):
        """A3."""
        self.kt_j = bytes(32) if refuse else self.rng(32)
        head = self.head(A3, flags=REFUSED if refuse else 0)
        known = self.ids_octets + u16(self.cid) + self.sid + self.rng(16) + u64(int(clock.time()) if time is None else time) + self.hashes[A2]
        t = mac(self.shared.auth, b"A3", head, self.kt_j, known)
        field = bytes(32) if refuse else xor(self.kt_i, self.kt_j)
        message = self.note(A3, self.package.seal(b"A3", head, twist(field + known + t), self.rng))
        if not refuse:
            self.hop = Hop(self.cid, sha(self.hashes[A2] + self.hashes[A3]), self.kt_j + self.shared.hop, b"j")
        return message

    def a4_take(self, message):
        """i takes A4: True, or False when the peer has refused."""
        head = self.is_mine(message, A4)
        cipher = CIPHERS[self.cid]
        r = Reader(cipher.open(self.a4_key(self.kt_i, self.shared), bytes(cipher.nonce), head.octets, head.body))
        field, ids, cid = r.take(32), r.ids(), r.number(2)
        h2, h3 = r.take(32), r.take(32)
        r.end()
        if ids != self.ids or cid != self.cid:
            raise Bad("A4 of others")
        self.note(A4, message)
        if head.flags & REFUSED:
            return False
        self.hashes |= {A2: h2, A3: h3}
        self.kt_j = xor(field, self.kt_i)
        self.hop = Hop(self.cid, sha(self.hashes[A1] + self.hashes[A4]), self.kt_i + self.shared.hop, b"i")
        return True

    # phase B

    def _half(self, label):
        """N F m1 m2, as B1 and B3 have them."""
        self.exponent = self.suite.exponent(self.rng)
        self.n = self.suite.base(self.exponent)
        self.f, r = self.suite.trapdoor(self.package.f, self.rng)
        self.kis_key = self.kis(self.suite.power(self.n, r), self.ids_octets, self.n, self.f)
        m1 = mac(self.shared.auth, label, self.sid, self.ids_octets, self.n, self.f)
        return self.n + self.f + m1 + mac(self.kis_key, label, self.sid, self.n)

    def b1(self, twist=same):
        """B1."""
        return self.note(B1, self.hop.seal("up", self.head(B1), twist(self._half(b"B1"))))

    def b2_take(self, message):
        """j takes B2."""
        self.is_mine(message, B2)
        r = Reader(self.hop.open("down", message))
        ids, cid, h1 = r.ids(), r.number(2), r.take(32)
        r.end()
        if ids != self.ids or cid != self.cid:
            raise Bad("B2 of others")
        self.hashes[B1] = h1
        self.note(B2, message)

    def b3(self, twist=same):
        """B3."""
        return self.note(B3, self.hop.seal("up", self.head(B3), twist(self._half(b"B3") + self.hashes[B2])))

    def b6_take(self, message):
        """True, or False when G has closed the session."""
        head = self.is_mine(message, B6)
        r = Reader(self.hop.open("down", message))
        if head.flags & REFUSED:
            r.end()
            return False
        element = self.s = r.take(len(self.n))
        if self.role == b"i":
            self.hashes |= {B2: r.take(32), B3: r.take(32)}
        else:
            self.hashes[A4] = r.take(32)
        tag = r.take(32)
        r.end()
        th = self.transcript()
        if tag != mac(self.kis_key, b"B6", self.ids_octets, element, th):
            raise Bad("B6")
        self.k = self.suite.power(element, self.exponent)
        self.derive(th)
        return True

    # phase C

    def derive(self, th):
        """Keys of records."""
        self.th = th
        self.prk = extract(th, self.k + self.kt_i + self.kt_j)
        cipher = CIPHERS[self.cid]

        def named(name, n):
            return expand(self.prk, b"SGA/1 " + name + u16(self.cid) + self.ids_octets, n)

        ways = {name: (named(b"k_" + name, cipher.key), named(b"iv_" + name, cipher.nonce)) for name in (b"ij", b"ji")}
        names = (b"ij", b"ji") if self.role == b"i" else (b"ji", b"ij")
        self.keys = {"out": ways[names[0]], "in": ways[names[1]]}
        self.th_conf = named(b"k_conf", 32)

    def conf(self, role):
        """Confirmation of one end."""
        return mac(self.th_conf, role, self.th)[:16]

    def signed(self, role):
        """What the signature of one end is over."""
        return b"SGA/1 e2e\0" + role + self.th + self.conf(role)

    def record(self, data=b"", flags=0, *, ctr=None, plain=None):
        """The next record; the first confirms."""
        number = self.next["out"] if ctr is None else ctr
        if number == 0:
            flags |= CONFIRMED
            signature = ed25519_sign(self.seed, self.signed(self.role)) if self.seed else b""
            data = self.conf(self.role) + lv8(signature) + data
        head = self.head(RECORD, number, flags)
        key, iv = self.keys["out"]
        if ctr is None:
            self.next["out"] += 1
        return head + CIPHERS[self.cid].seal(key, nonce_of(iv, head), head + u16(self.cid), data if plain is None else plain)

    def open(self, message, peer_key=None):
        """(flags, data) of the next record."""
        head = self.is_mine(message, RECORD)
        if head.ctr != self.next["in"]:
            raise Bad(f"record {head.ctr} where {self.next['in']} is due")
        key, iv = self.keys["in"]
        data = CIPHERS[self.cid].open(key, nonce_of(iv, message), head.octets + u16(self.cid), head.body)
        if head.ctr == 0:
            other = b"j" if self.role == b"i" else b"i"
            r = Reader(data)
            conf, signature, data = r.take(16), r.lv8(), r.rest
            if not head.flags & CONFIRMED or conf != self.conf(other):
                raise Bad("confirmation")
            if peer_key and not ed25519_verify(peer_key, self.signed(other), signature):
                raise Bad("signature")
            self.confirmed = True
        self.next["in"] += 1
        return head.flags, data


# ---- groups ----

class Group:
    """The key of one epoch, as a member has it; members: [(ID, Ed25519 key)]."""

    def __init__(self, gid, epoch, gk, cid, members, suite=X):
        self.gid, self.epoch, self.gk, self.cid, self.members, self.suite = gid, epoch, gk, cid, list(members), suite
        self.sent = 0

    def message(self):
        """What the owner sends to each member in a record with flag 02."""
        rows = b"".join(lv8(i) + lv8(k) for i, k in self.members)
        return b"SGAG" + self.gid + u32(self.epoch) + self.gk + u16(self.cid) + u16(len(self.members)) + rows

    @classmethod
    def of(cls, data, suite=X):
        """From such a message."""
        r = Reader(data)
        if r.take(4) != b"SGAG":
            raise Bad("SGAG")
        gid, epoch, gk, cid, count = r.take(16), r.number(4), r.take(32), r.number(2), r.number(2)
        members = [(r.lv8(), r.lv8()) for _ in range(count)]
        r.end()
        return cls(gid, epoch, gk, cid, members, suite)

    def _keys(self, sender):
        c = CIPHERS[self.cid]
        okm = hkdf(self.gid, self.gk, b"SGA/1 group" + u32(self.epoch) + lv8(sender), c.key + c.nonce)
        return okm[:c.key], okm[c.key:]

    def seal(self, sender, seed, data, ctr=None):
        """A group record."""
        number = self.sent if ctr is None else ctr
        head = header(self.suite, GROUP_RECORD, self.gid, number)
        key, iv = self._keys(sender)
        front = head + u32(self.epoch) + lv8(sender)
        body = front + CIPHERS[self.cid].seal(key, nonce_of(iv, head), front, data)
        if ctr is None:
            self.sent += 1
        return body + ed25519_sign(seed, b"SGA/1 group\0" + body)

    def open(self, message):
        """(sender, ctr, data)"""
        head, body, signature = Head(message), message[:-64], message[-64:]
        r = Reader(body[HEADER:])
        epoch, sender = r.number(4), r.lv8()
        if head.kind != GROUP_RECORD or head.sid != self.gid or epoch != self.epoch:
            raise Bad("another group")
        key_of = dict(self.members).get(sender)
        if not key_of or not ed25519_verify(key_of, b"SGA/1 group\0" + body, signature):
            raise Bad("signature")
        key, iv = self._keys(sender)
        return sender, head.ctr, CIPHERS[self.cid].open(key, nonce_of(iv, message), body[:len(body) - len(r.rest)], r.rest)
