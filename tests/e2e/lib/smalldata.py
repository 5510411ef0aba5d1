# SPDX-License-Identifier: Apache-2.0
"""Small data, written a second time: bundles, devices that sign them, the operations of an NSCL."""

import base64
import hashlib
import json
import os
import re
import struct
import subprocess
import time

from . import npm
from .m2mkeys import N2D, unb64u
from .objects import Opened
from .sgacrypt import ed25519_public, ed25519_sign

ED25519, BLS, BLS_SINGLE, IDENTITY = 1, 2, 3, 4
MEDIA, JSON = "application/octet-stream", "application/json"
DOMAIN = b"M2M-SD-v1\0"
ENCRYPTED = 1


def b64u(octets):
    """Base64url without padding."""
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


class Signer:
    """BLS and identity-based signatures by another library; closed with the bed."""

    def __init__(self, bed):
        self.directory, self.why_not = npm.installed("noble", "@noble/curves")
        self.process = None
        bed.add(self)

    @property
    def absent(self):
        """Nothing can be signed."""
        return self.directory is None

    def ask(self, op, **more):
        """One operation."""
        if self.process is None:
            self.process = subprocess.Popen(["node", "signer.mjs"], cwd=self.directory, stdin=subprocess.PIPE,
                                            stdout=subprocess.PIPE, text=True)
        self.process.stdin.write(json.dumps({"op": op, **more}) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def close(self):
        """Ends it."""
        if self.process is not None:
            self.process.stdin.close()
            self.process.wait(30)
            self.process.stdout.close()


def record(device, seq, payload, millis=None):
    """A reading as it is in a bundle."""
    millis = int(time.time() * 1000) if millis is None else millis
    return device + struct.pack(">QQH", seq, millis, len(payload)) + payload


def message(one):
    """What is signed of a record."""
    return b"MSD1" + one


def bundle(alg, records, signatures, *, flags=0, gateway=bytes(16), number=0):
    """MSB1."""
    body = b"".join(records) + signatures
    return b"MSB1" + struct.pack(">BBHI", alg, flags, len(records), 36 + len(body)) + gateway + struct.pack(">Q", number) + body


class Node:
    """Requests on the service connection of a node, each in a session of its own: signing elsewhere takes longer than one waits."""

    def __init__(self, provider, kmc):
        self.provider, self.kmc = provider, kmc

    def request(self, *arguments, **more):
        """As that of a session."""
        with self.provider.session_b(self.kmc) as session:
            return session.request(*arguments, **more)


def gateway(provider, name="gw-1"):
    """A node that carries bundles."""
    return Node(provider, provider.connected(provider.issue(name), name))


class Device:
    """A node with keys for small data and a service connection."""

    def __init__(self, provider, name, signer=None):
        self.provider, self.name, self.container = provider, name, f"/m2m/applications/app/containers/{name}"
        self.kmr = provider.issue(name)
        self.session_again()
        self.node, self.seed, self.signer = self.kmr.node, os.urandom(32), signer
        self.secret = hashlib.sha256(self.seed).hexdigest()
        self.seq, self.identity = 0, None
        self.bls = signer.ask("key", secret=self.secret) if signer and not signer.absent else None

    def keys(self, **more):
        """The document that registers all of them."""
        body = {"container": self.container, "ed25519": b64u(ed25519_public(self.seed))}
        if self.bls:
            body["bls"] = {"pk": b64u(bytes.fromhex(self.bls["pk"])), "pop": b64u(bytes.fromhex(self.bls["pop"]))}
        return {k: v for k, v in {**body, **more}.items() if v is not None}

    def session_again(self):
        """A new service connection, as after a start of the NSCL."""
        self.kmc = self.provider.connected(self.kmr, self.name)
        self.session = Node(self.provider, self.kmc)
        return self.session

    @property
    def path(self):
        """Of its keys."""
        return f"/m2m/sdKeys/{self.node.hex()}"

    def register(self, session=None, path=None, **more):
        """PUT sdKeys; the answer."""
        return (session or self.session).request("PUT", path or self.path, json.dumps(self.keys(**more)).encode(),
                                                 {"Content-Type": JSON, "Accept": JSON})

    def registered(self, **more):
        """The same, which must succeed; itself."""
        answer = self.register(**more)
        if answer.status not in (200, 201):
            raise AssertionError(f"PUT sdKeys: {answer!r}")
        return self

    def reading(self, payload, seq=None, millis=None):
        """A record with the next number."""
        if seq is None:
            self.seq += 1
            seq = self.seq
        return record(self.node, seq, payload, millis)

    def fetch_identity(self):
        """The key of this month, out of its object; whether it is the generator's."""
        answer = self.session.request("GET", "/m2m/sdKeys/identity", headers={"Accept": f"application/jose, {JSON}"})
        if answer.status != 200 or answer.header("Content-Type") != "application/jose":
            raise AssertionError(f"no object: {answer!r}")
        opened = Opened(answer.body, self.kmc)
        if (opened.direction, opened.header["htm"], opened.header["htu"]) != (N2D, "GET", "/m2m/sdKeys/identity"):
            raise AssertionError(f"another object: {opened.header}")
        self.identity = json.loads(opened.body)
        return self.identity["id"].startswith(self.node.hex()) and self._sign(bytes(16), [])["good"]

    def _sign(self, round_, records):
        return self.signer.ask("identity", key=unb64u(self.identity["key"]).hex(), q=unb64u(self.identity["generator"]).hex(),
                               id=self.identity["id"], w=round_.hex(), messages=[message(r).hex() for r in records])

    def identified(self, round_, one):
        """Its signature in that round, in hex."""
        return self._sign(round_, [one])["signatures"][0]

    def ed25519(self, one):
        """Its signature."""
        return ed25519_sign(self.seed, DOMAIN + message(one))

    def single(self, *records):
        """Its signatures of BLS."""
        made = self.signer.ask("sign", secret=self.secret, messages=[message(r).hex() for r in records])
        return [bytes.fromhex(s) for s in made["signatures"]]


def signed(alg, pairs, **more):
    """A bundle of (device, record): algorithms 1 to 3."""
    records = [one for _, one in pairs]
    if alg == ED25519:
        return bundle(alg, records, b"".join(d.ed25519(r) for d, r in pairs), **more)
    singles = [d.single(r)[0] for d, r in pairs]
    if alg == BLS_SINGLE:
        return bundle(alg, records, b"".join(singles), **more)
    whole = pairs[0][0].signer.ask("sum", signatures=[s.hex() for s in singles])["sum"]
    return bundle(alg, records, bytes.fromhex(whole), **more)


def signed_identity(pairs, **more):
    """The same of algorithm 4, in a new round."""
    round_ = struct.pack(">Q", int(time.time() * 1000)) + os.urandom(8)
    made = [d.identified(round_, r) for d, r in pairs]
    whole = pairs[0][0].signer.ask("sums", signatures=made)["sum"]
    return bundle(IDENTITY, [one for _, one in pairs], round_ + bytes.fromhex(whole), **more)


def post(session, octets, **headers):
    """POST smallData: (status, document or reason)."""
    answer = session.request("POST", "/m2m/smallData", octets, {"Content-Type": MEDIA, "Accept": JSON, **headers})
    try:
        return answer.status, json.loads(answer.body)
    except ValueError:
        return answer.status, answer.body


def reason(told):
    """The reason of a refusal, of either kind of body."""
    document = told[1]
    if isinstance(document, dict):
        return told[0], document.get("reason")
    found = re.search(rb"additionalInfo>([^<]*)<", document)
    return told[0], found and found[1].decode()


def reasons(told):
    """(status, accepted, {index: reason})."""
    status, document = told
    if not isinstance(document, dict):
        return reason(told)
    return status, document.get("accepted"), {row["index"]: row["reason"] for row in document.get("rejected", ())}
