# SPDX-License-Identifier: Apache-2.0
"""Multiparty authentication, written a second time: warrants, the messages of a run, decisions."""

import hashlib
import hmac
import os

from . import m2mkeys as keys
from .sgacrypt import ed25519_public, ed25519_sign, ed25519_verify, x25519, x25519_public

AGREEMENT, DEVICE, ACCESS_POINT = 1, 2, 3
CERTIFY, IS_DEVICE, IS_AP = 1, 2, 4
DELEGATE, PROXY, OWN = b"M2M-PROXY-DELEGATE-v1\0", b"M2M-PROXY-SIGN-v1\0", b"M2M-SIGN-v1\0"
REFUSED, ACCEPTED = 0, 1


def sha(*parts):
    """SHA-256 of all of them, one behind the other."""
    return hashlib.sha256(b"".join(parts)).digest()


class Party:
    """A key and a name."""

    def __init__(self, name, seed=None):
        self.name, self.seed = name, seed or os.urandom(32)
        self.public = ed25519_public(self.seed)


def warrant(delegator, delegate, behalf, since, until, *, parent=b"", kind=AGREEMENT, depth=1, rights=CERTIFY, scope="*", serial=None):
    """Its octets."""
    names = b"".join(keys.lv8(text.encode()) for text in (delegator.name, delegate.name, behalf.name, scope))
    head = bytes((kind, depth)) + keys.u16(236 + len(names)) + (serial or os.urandom(16)) + keys.u64(since) + keys.u64(until)
    body = b"MWR1" + head + keys.u32(rights) + (sha(parent) if parent else bytes(32)) + delegator.public + delegate.public + behalf.public + names
    return body + ed25519_sign(delegator.seed, DELEGATE + body)


def credential(delegator, device, behalf, parent, since, until, scope, *, rights=IS_DEVICE, serial=None):
    """W3 or W4."""
    return warrant(delegator, device, behalf, since, until, parent=parent, kind=DEVICE, depth=0, rights=rights, scope=scope, serial=serial)


def access_point(cn, ap, since, until, *, scope=None, serial=None):
    """W5."""
    return warrant(cn, ap, cn, since, until, kind=ACCESS_POINT, depth=0, rights=IS_AP, scope=scope or ap.name, serial=serial)


def message(kind, body):
    """With its header."""
    return b"MP\x01" + bytes((kind,)) + keys.u32(8 + len(body)) + body


def signed(kind, body, party, chains, role, before):
    """A message that ends with a proxy signature."""
    head = b"MP\x01" + bytes((kind,)) + keys.u32(8 + len(body) + 64) + body
    return head + ed25519_sign(party.seed, PROXY + sha(*chains) + role + sha(before, head))


class Run:
    """A whole run: a1, a2, a3, a4, th, key (K_sess)."""

    def __init__(self, device, chains, ap, w5, *, secrets=None, nonces=None, hashes=False, share=None):
        x_d, x_a = secrets or (os.urandom(32), os.urandom(32))
        n_d, n_a = nonces or (os.urandom(32), os.urandom(32))
        self.a1 = message(1, n_d + x25519_public(x_d) + keys.lv8(device.name.encode()))
        self.a2 = signed(2, n_a + (share or x25519_public(x_a)) + keys.lv16(w5), ap, [w5], b"AP", self.a1)
        sent = [sha(chain) for chain in chains] if hashes else chains
        self.a3 = signed(3, b"".join(keys.lv16(chain) for chain in sent), device, chains, b"D", self.a1 + self.a2)
        self.chains = message(6, b"".join(keys.lv16(chain) for chain in chains)) if hashes else b""
        self.th = sha(self.a1, self.a2, self.a3)
        prk = hmac.digest(self.th, x25519(x_d, x25519_public(x_a)), "sha256")
        self.key = keys.expand(prk, "mpa sess", b"")
        self.a4 = message(4, hmac.digest(keys.expand(prk, "mpa conf", b""), b"ap fin" + self.th, "sha256"))

    @property
    def transcript(self):
        """What CN and S are shown."""
        return self.a1 + self.a2 + self.a3 + self.chains


def decision(octets, server, th):
    """(verdict, time) of what S has signed about the run; None: it has not."""
    if len(octets) != 113 or octets[:8] != b"MP\x01\x05" + keys.u32(113) or octets[8:40] != th:
        return None
    if not ed25519_verify(server.public, OWN + octets[8:49], octets[49:]):
        return None
    return octets[40], int.from_bytes(octets[41:49], "big")


def known():
    """Whether all this gives the octets of an independent implementation."""
    cn, s, d, ap = (Party(name, sha(seed)) for name, seed in (("cn.sp1.example", b"CN"), ("mtc.app.example", b"S"),
                                                              ("01bcad980102030405060708090a0b0c", b"D"), ("gscl-0102", b"AP")))
    since, until, agreed = 1700000000, 1702592000, 1731536000
    w1 = warrant(cn, s, cn, since, agreed, serial=b"\1" * 16)
    w2 = warrant(s, cn, s, since, agreed, serial=b"\2" * 16)
    w3 = credential(s, d, cn, w1, since, until, "gscl-0102", serial=b"\3" * 16)
    w4 = credential(cn, d, s, w2, since, until, "gscl-0102", serial=b"\4" * 16)
    w5 = access_point(cn, ap, since, until, serial=b"\5" * 16)
    run = Run(d, [w1 + w3, w2 + w4], ap, w5, secrets=(sha(b"xD"), sha(b"xA")), nonces=(b"\x44" * 32, b"\x55" * 32))
    hashes = [sha(w).hex()[:16] for w in (w1, w2, w3, w4, w5)]
    return hashes == ["28d18047b07847a3", "3cb3f14ec5f4fe6d", "c2beced7481950ef", "57b41abdf5933003", "a1c96fdc814d5a1d"] \
        and run.key.hex() == "19639472c0578e0820688e916abbb18550048ad26796c71da3316fd344fc9b1f"


# ---- a party over HTTP ----

MEDIA = "application/octet-stream"


class Device(Party):
    """A device that authenticates: chains are W1 || W3 and W2 || W4."""

    def __init__(self, name, seed=None):
        super().__init__(name, seed)
        self.chains = self.secret = self.a1 = self.a2 = self.a3 = self.th = self.key = self.conf = None

    def begin(self):
        """A1."""
        self.secret = os.urandom(32)
        self.a1 = message(1, os.urandom(32) + x25519_public(self.secret) + keys.lv8(self.name.encode()))
        return self.a1

    @property
    def run(self):
        """The name of the run, from A2 on."""
        return sha(self.a1, self.a2)[:16].hex()

    def take(self, a2):
        """Keeps A2."""
        self.a2 = a2
        return self

    def answer(self, *, hashes=False, chains=None, party=None, before=None, sent=None):
        """A3: with hashes in place of the chains; others than the own; signed by another; about another run; sent so."""
        chains = self.chains if chains is None else chains
        sent = sent if sent is not None else [sha(chain) for chain in chains] if hashes else chains
        body = b"".join(keys.lv16(chain) for chain in sent)
        return self.prove(signed(3, body, party or self, chains, b"D", before or self.a1 + self.a2))

    def prove(self, a3):
        """Keeps A3, and what follows from it."""
        self.a3, self.th = a3, sha(self.a1, self.a2, a3)
        prk = hmac.digest(self.th, x25519(self.secret, self.a2[40:72]), "sha256")
        self.key, self.conf = keys.expand(prk, "mpa sess", b""), keys.expand(prk, "mpa conf", b"")
        return a3

    def confirmed(self, a4):
        """Whether A4 has the key of the run."""
        return a4 == message(4, hmac.digest(self.conf, b"ap fin" + self.th, "sha256"))

    def psk(self, version=3):
        """Identity and key of the area link."""
        return f"mp{version}.{self.th[:16].hex()}", keys.expand(self.key, f"psk mp{version}", self.th)


def decide(server, th, verdict, when):
    """A decision that S signs."""
    what = bytes((verdict,)) + keys.u64(when)
    return message(5, th + what + ed25519_sign(server.seed, OWN + th + what))


def registration(party, node, scl_id):
    """Body of PUT mpa/key."""
    proof = ed25519_sign(party.seed, OWN + b"mpa key" + node + scl_id.encode())
    return {"publicKey": keys.b64u(party.public), "signature": keys.b64u(proof)}
