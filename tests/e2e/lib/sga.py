# SPDX-License-Identifier: Apache-2.0
"""Gateways with an SGA server, devices of the test that speak to them, and dscl as devices.

The protocol is in sgawire.py, written for the tests alone. `python3 -m lib.sga [DIRECTORY]` compares it with the
transcripts of tests/unit/vectors.
"""

import contextlib
import json
import os
import random
import struct
import sys
import time
import xml.etree.ElementTree as ElementTree

from conformance.lib import cbor
from conformance.lib import coapmsg

from . import proxy as px
from . import sgawire as wire
from .bed import PATIENCE, wait_for
from .client import NotSent, Unknown
from .coap import CoapDaemon
from .sgacrypt import ed25519_public
from .sgawire import A2, A4, B2, B6, RECORD, Session, Shared, b64u, unb64u

ROOT = "/m2m/sga"
OCTETS, JSON, XML, CBOR = "application/octet-stream", "application/json", "application/xml", "application/cbor"
OWNER = "http://127.0.0.1/owner"
NAMESPACE = "{urn:openscl:sga:1}"
NAMES = {1: "AES-128-CCM-8", 2: "AES-128-CCM", 3: "AES-128-GCM", 4: "AES-256-GCM", 5: "ChaCha20-Poly1305", 6: "ARIA-128-CCM",
         7: "ARIA-128-GCM", 8: "CAMELLIA-128-CTR+HMAC-SHA256-128", 9: "SM4-CTR+HMAC-SHA256-128", 10: "Ascon-AEAD128"}
CLAIM = [f"claim:{OWNER}"]
QUICK = {"retry_first": "50 ms", "retry_max": "500 ms", "send_timeout": "5 s"}


# ---- configuration ----

def _text(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)) and value and isinstance(value[0], dict):
        return "( " + ", ".join("{ " + _rows(row) + " }" for row in value) + " )"
    if isinstance(value, (list, tuple)):
        return "[ " + ", ".join(json.dumps(v) for v in value) + " ]"
    return str(value) if isinstance(value, int) else json.dumps(value)


def _rows(rows):
    return " ".join(f"{k} = {_text(v)};" for k, v in rows.items())


def public_pem(path, key):
    """Writes an Ed25519 public key."""
    text = wire.base64.b64encode(bytes.fromhex("302a300506032b6570032100") + key).decode()
    with open(path, "w", encoding="ascii") as file:
        file.write(f"-----BEGIN PUBLIC KEY-----\n{text}\n-----END PUBLIC KEY-----\n")
    return path


def private_pem(path, seed):
    """Writes an Ed25519 private key."""
    text = wire.base64.b64encode(bytes.fromhex("302e020100300506032b657004220420") + seed).decode()
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as file:
        file.write(f"-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n")
    return path


def secret_file(path, octets):
    """Writes octets in hex, for the owner alone."""
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as file:
        file.write(octets.hex() + "\n")
    return path


class CoapWay(px.CoapWay):
    """Requests over CoAP, with Accept."""
    FORMATS = {XML: 41, OCTETS: 42, JSON: 50, CBOR: 60}

    def call(self, method, path, body=None, kind=JSON, headers=None):
        """One request."""
        accept = self.FORMATS.get((headers or {}).get("Accept"))
        more = [(coapmsg.ACCEPT, bytes([accept]))] if accept else []
        answer = self.client.request(method, path, body, kind, more)
        status = self.STATUSES.get(answer.code) or int(answer.code.replace(".", ""))
        return px.Reply(200 if status == 204 and answer.body else status, answer.body, answer.location, answer)


class SgaDaemon(CoapDaemon):
    """A daemon with options of the group sga, over HTTP and CoAP, with claimed issuers."""

    def __init__(self, bed, kind="gscl", *, sga=None, extra="", **more):
        self.sga, self.more_text = dict(sga or {}), extra
        super().__init__(bed, kind, extra=self._group(), **more)

    def _group(self):
        return f"sga = {{ {_rows(self.sga)} }};\n{self.more_text}"

    def set(self, **rows):
        """Changes options for the next start."""
        self.sga.update(rows)
        self.extra = self._group()
        self.write_config()

    @property
    def root(self):
        """The SGA's root as URL."""
        return self.base + "/sga"

    def way(self, who=OWNER, **more):
        """Requests over HTTP."""
        return px.HttpWay(self.client(who, **more))

    def coap_way(self, who=OWNER, port=None):
        """Requests over CoAP."""
        return CoapWay(self.coap(port, who=who))


class Gateway(SgaDaemon):
    """A gscl with an SGA server; ident is ID_G."""

    def __init__(self, bed, name="gateway", *, nscl=None, ident=None, more=None, **rows):
        self.ident = ident or f"{name}.example.org"
        sga = {"enabled": True, "managers": CLAIM, **QUICK, **rows}
        if ident:
            sga["id"] = ident
        super().__init__(bed, "gscl", name=name, sga=sga, nscl=nscl, **(more or {}))

    def manager(self):
        """Administration."""
        return Manager(self.way())

    def package(self, suite=2):
        """The package, verified."""
        key = self.manager_key()
        answer = self.way().call("GET", f"{ROOT}/package?suite={suite}", headers={"Accept": OCTETS})
        if answer.status != 200:
            raise AssertionError(f"GET package: {answer!r}")
        return wire.Package(answer.body, key)

    def manager_key(self):
        """The key that its packages are signed by, from a token for nobody."""
        return unb64u(self.manager().token("nobody")["verifyKey"])

    def device(self, name, *, way=None, **more):
        """A registered device of the test."""
        made = self.manager().token(name)
        device = Device(way or self.way(f"http://127.0.0.1/{name}"), self.package(more.get("suite", 2)), name, **more)
        answer = device.register(unb64u(made["token"]))
        if answer.status != 201:
            raise AssertionError(f"POST devices: {answer!r}")
        return device


class Manager:
    """Operations of an administrator."""

    def __init__(self, way):
        self.way = way

    def call(self, method, path, rows=None, **more):
        """One of them, in JSON."""
        return self.way.call(method, ROOT + path, None if rows is None else json.dumps(rows), **more)

    def got(self, path):
        """A GET that must answer 200; its document."""
        answer = self.call("GET", path)
        if answer.status != 200:
            raise AssertionError(f"GET {path}: {answer!r}")
        return answer.json

    def token(self, ident, ttl=3600, **more):
        """A token; the document."""
        answer = self.call("POST", "/tokens", {"id": ident, "ttl": ttl, **more})
        if answer.status != 201:
            raise AssertionError(f"POST tokens: {answer!r}")
        return answer.json

    def stats(self):
        """Counters and totals."""
        return self.got("/stats")

    def listed(self, kind, page=100):
        """All rows of devices, sessions or groups."""
        rows, after = [], ""
        while True:
            answer = self.got(f"/{kind}s?max={page}" + (f"&after={after}" if after else ""))
            rows += answer.get(kind, [])
            after = answer.get("next")
            if not after:
                return rows


# ---- bodies ----

def document(kind, root, rows):
    """Octets of a flat document."""
    if kind == CBOR:
        return cbor.dumps(dict(sorted(rows.items(), key=lambda row: cbor.dumps(row[0]))))
    plain = {k: b64u(v) if isinstance(v, bytes) else v for k, v in rows.items()}
    if kind == JSON:
        return json.dumps(plain).encode()
    members = "".join(f"<{k}>{'true' if v is True else v}</{k}>" for k, vs in plain.items() for v in (vs if isinstance(vs, list) else [vs]))
    return f'<{root} xmlns="urn:openscl:sga:1">{members}</{root}>'.encode()


def carried(kind, root, message):
    """(body, media type) of a message in a syntax."""
    return (message if kind == OCTETS else document(kind, root, {"message": message})), kind


def undocument(kind, body):
    """The rows of a document; octets stay as the syntax has them, lists of rows are lists; XML: all texts."""
    if kind == JSON:
        return json.loads(body)
    if kind == CBOR:
        return cbor.loads(body)
    return _of_element(ElementTree.fromstring(body))


def _of_element(element):
    rows = {}
    for child in element:
        name = child.tag.removeprefix(NAMESPACE)
        value = _of_element(child) if len(child) else child.text or ""
        if name in rows:
            rows[name] = [*rows[name], value] if isinstance(rows[name], list) else [rows[name], value]
        else:
            rows[name] = value
    return rows


def octets_of(kind, value):
    """A member that is octets."""
    return bytes(value) if kind == CBOR else unb64u(value)


def listed(rows, name):
    """A member that is a list, whatever the syntax makes of one entry."""
    value = rows.get(name, [])
    return value if isinstance(value, list) else [value]


def message_of(kind, body):
    """The message of an answer in a syntax."""
    return body if kind == OCTETS else octets_of(kind, undocument(kind, body)["message"])


def class_of(answer):
    """The class of an error message, in whatever syntax it is; None: it is none."""
    for kind in (OCTETS, JSON, CBOR, XML):
        with contextlib.suppress(Exception):
            found = wire.error_class(message_of(kind, answer.body))
            if found:
                return found
    return None


def items_of(kind, body):
    """[(id, message)] of a mailbox in a syntax."""
    if kind != OCTETS:
        return [(int(r["id"]), octets_of(kind, r["message"])) for r in listed(undocument(kind, body), "item")]
    out, at = [], 0
    while at < len(body):
        number, size = struct.unpack_from(">QI", body, at)
        out.append((number, body[at + 12:at + 12 + size]))
        at += 12 + size
    return out


# ---- a device ----

class Refusal(Exception):
    """A step was answered by something else than it should be."""


class Device:
    """A device of the test: its registration and its requests. Not for two threads at once.

    kind: syntax of bodies. inline: the proof goes in the query. ctr: of the last proof.
    """

    def __init__(self, way, package, name, *, seed=None, cid0=3, ciphers=0x03ff, kind=OCTETS, inline=False, root=ROOT, suite=2):
        self.way, self.package, self.name, self.id, self.seed = way, package, name, name.encode(), seed
        self.cid0, self.ciphers, self.kind, self.root, self.suite = cid0, ciphers, kind, root, suite
        self.inline = inline or way.name == "CoAP"
        self.shared, self.ctr, self.sessions, self.got, self.regctr = None, 0, {}, [], 0

    @property
    def sign(self):
        """Its public key, or none."""
        return ed25519_public(self.seed) if self.seed else b""

    # requests

    def post(self, path, message, root, **more):
        """A message that proves itself."""
        body, kind = carried(self.kind, root, message)
        return self.way.call("POST", self.root + path, body, kind, **more)

    def proved(self, method, path, body=None, kind=None, *, shared=None, ctr=None, headers=None):
        """A request with X-M2M-SGA."""
        body = body.encode() if isinstance(body, str) else body
        if ctr is None:
            self.ctr += 1
            ctr = self.ctr
        proof = (shared or self.shared).proof(ctr, method, path, body or b"")
        lines = dict(headers or {})
        if self.inline:
            path += ("&" if "?" in path else "?") + f"x-m2m-sga={proof}"
        else:
            lines["X-M2M-SGA"] = proof
        return self.way.call(method, self.root + path, body, kind or self.kind, headers=lines)

    def must(self, status, answer):
        """The answer, which must have that status."""
        if answer.status != self.expected(status, answer):
            raise Refusal(f"{self.name}: {answer!r}, expected {status}")
        return answer

    def expected(self, status, answer):
        """What a status of HTTP is in the protocol of this device."""
        if self.way.name == "CoAP" and status in (200, 202, 204):
            return answer.status if answer.status in (200, 204) else 204
        return {507: 503}.get(status, status) if self.way.name == "CoAP" else status

    def moves(self):
        """From now on it asks from another address: a gateway limits what needs its private key by address."""
        self.way.client.source = (f"127.{random.randrange(1, 250)}.{random.randrange(250)}.{random.randrange(1, 250)}", 0)
        self.way.close()

    # registration

    def make_r1(self, token=b"", kd=None, **more):
        """(R1, what is shared once it is taken)"""
        shared = Shared(kd or os.urandom(32), self.id, self.package.id)
        return wire.r1(self.package, shared, token=token, old=self.shared, cid0=self.cid0, ciphers=self.ciphers, sign=self.sign, **more), shared

    def register(self, token=b"", **more):
        """R1 and R2; the answer."""
        message, shared = self.make_r1(token, **more)
        answer = self.post("/devices", message, "registration", headers={"Accept": self.kind})
        if answer.status == 201:
            status, self.regctr = wire.r2_take(shared, message, message_of(self.kind, answer.body))
            if status != 0:
                raise Refusal(f"R2 with status {status}")
            self.shared = shared
        return answer

    # mailbox

    def mailbox(self, wait=0, most=100):
        """[(id, message)]"""
        answer = self.proved("GET", f"/devices/{self.name}/mailbox?wait={wait}&max={most}", headers={"Accept": self.kind})
        self.must(200, answer)
        return items_of(self.kind, answer.body) if answer.body else []

    def acknowledge(self, item, before=True):
        """DELETE of an item."""
        return self.proved("DELETE", f"/devices/{self.name}/mailbox/{item}" + ("?before=true" if before else ""))

    def fetch(self, wait=0):
        """Takes all items there are and acknowledges them; the messages."""
        items = self.mailbox(wait)
        if items:
            self.must(204, self.acknowledge(items[-1][0]))
        return [message for _, message in items]

    def await_kind(self, *kinds, sid=None, timeout=PATIENCE):
        """The next message of one of these kinds (of a session); what else comes is kept in got."""
        end = time.monotonic() + timeout
        while True:
            for at, message in enumerate(self.got):
                if message[2] in kinds and sid in (None, message[4:20]):
                    return self.got.pop(at)
            left = end - time.monotonic()
            if left <= 0:
                raise Refusal(f"{self.name}: no message of {kinds} among {[m[2] for m in self.got]}")
            self.got += self.fetch(min(10, max(1, int(left))))

    # sessions

    def invite(self, peer, cid=5, **more):
        """A1; the session."""
        session = Session.invite(self.package, self.shared, peer.id if isinstance(peer, Device) else peer, cid, seed=self.seed, **more)
        self.must(202, self.send_a1(session))
        return session

    def send_a1(self, session, **more):
        """POST of A1."""
        return self.post("/negotiations", session.a1(**more), "negotiation")

    def invited(self, timeout=PATIENCE):
        """The session of an A2 that comes."""
        return Session.invited(self.package, self.shared, self.await_kind(A2, timeout=timeout), self.cid0, seed=self.seed)

    def accept(self, session, refuse=False):
        """A3."""
        return self.post(f"/negotiations/{session.sid.hex()}/acceptance", session.a3(refuse), "negotiation")

    def request(self, session):
        """A4, B1."""
        if not session.a4_take(self.await_kind(A4, sid=session.sid)):
            raise Refusal("refused")
        return self.post("/sessions", session.b1(), "session")

    def respond(self, session):
        """B2, B3."""
        session.b2_take(self.await_kind(B2, sid=session.sid))
        return self.post(f"/sessions/{session.sid.hex()}/response", session.b3(), "session")

    def recover(self, session):
        """B6."""
        if not session.b6_take(self.await_kind(B6, sid=session.sid)):
            raise Refusal("closed")

    def send(self, session, data=b"", **more):
        """A record; the answer."""
        return self.put(session, session.record(data, **more))

    def put(self, session, record):
        """A record as it is."""
        body, kind = carried(self.kind, "record", record)
        return self.proved("POST", f"/sessions/{session.sid.hex()}/messages", body, kind)

    def take(self, session, timeout=PATIENCE):
        """(flags, data) of the next record."""
        return session.open(self.await_kind(RECORD, sid=session.sid, timeout=timeout))

    def state(self, session):
        """GET of a session."""
        return self.proved("GET", f"/sessions/{session.sid.hex()}", headers={"Accept": JSON})


def establish(i, j, cid=5, confirm=True):
    """All of phases A and B between two devices, and both first records: (session of i, session of j)."""
    here = i.invite(j, cid)
    there = j.invited()
    while there.sid != here.sid:
        there = j.invited()
    j.must(200, j.accept(there))
    i.must(202, i.request(here))
    j.must(200, j.respond(there))
    i.recover(here)
    j.recover(there)
    if here.k != there.k:
        raise AssertionError("two keys")
    if confirm:
        confirmed(i, here, j, there)
    return here, there


def confirmed(i, here, j, there):
    """Both first records."""
    i.must(201, i.send(here))
    j.must(201, j.send(there))
    j.take(there)
    i.take(here)


# ---- dscl as a device ----

class Dscl(SgaDaemon):
    """A dscl that is a device of gateways: ident is ID_d. peers: rows, or names."""

    def __init__(self, bed, name, servers, peers=(), *, nscl=None, seed=None, more=None, **rows):
        self.ident, self.seed = name, seed or os.urandom(32)
        sga = {"enabled": True, "id": name, **QUICK, "poll_wait": "5 s", "sign_key": private_pem(bed.path(f"{name}.key"), self.seed),
               "servers": servers, **rows}
        if peers:
            sga["peers"] = [p if isinstance(p, dict) else {"id": p} for p in peers]
        super().__init__(bed, "dscl", name=name, sga=sga, nscl=nscl, **(more or {}))

    def app(self):
        """An application of it."""
        return Application(self.way("http://127.0.0.1/app"))


def server_row(bed, gateway, name, *, root=None, via="", suite=2, verify=None, token=None):
    """A row of sga.servers, with a new token and the key."""
    made = gateway.manager().token(name) if token is None or verify is None else {}
    return {"id": gateway.ident, "root": root or gateway.root, "via": via, "suite": suite,
            "verify_key": public_pem(bed.path(f"{name}.verify.pem"), verify or unb64u(made["verifyKey"])),
            "token": secret_file(bed.path(f"{name}.token"), token or unb64u(made["token"]))}


class Application:
    """What an application asks of its dscl."""

    def __init__(self, way):
        self.way = way

    def call(self, method, path, body=None, kind=JSON, **more):
        """One request."""
        return self.way.call(method, ROOT + path, body, kind, **more)

    def got(self, path):
        """A GET that must answer 200; its document."""
        answer = self.call("GET", path)
        if answer.status != 200:
            raise AssertionError(f"GET {path}: {answer!r}")
        return answer.json

    def ready(self, timeout=PATIENCE):
        """Waits until all its servers are; the status."""
        def state():
            with contextlib.suppress(Unknown, NotSent, AssertionError):
                said = self.got("/status")
                return said if said["server"] and all(s["state"] == "ready" for s in said["server"]) else None
            return None
        return wait_for(state, timeout)

    def send(self, peer, data):
        """A message to a peer."""
        return self.call("POST", f"/peers/{peer}/messages", data, OCTETS)

    def state(self, number):
        """State of a message."""
        return self.got(f"/messages/{number}")["state"]

    def inbox(self, wait=0, most=100, after=0):
        """[(id, from, data, group)]"""
        rows = self.got(f"/inbox?wait={wait}&max={most}&after={after}")["message"]
        return [(r["id"], r["from"], unb64u(r["data"]), r.get("group", "")) for r in rows]

    def forget(self, number, before=True):
        """DELETE from the inbox."""
        return self.call("DELETE", f"/inbox/{number}" + ("?before=true" if before else ""))

    def take(self, count, timeout=PATIENCE):
        """[(from, data, group)] of the next messages, deleted; fewer when the time is over."""
        out, end = [], time.monotonic() + timeout
        while len(out) < count and time.monotonic() < end:
            rows = self.inbox(wait=2)
            out += [(r[1], r[2], r[3]) for r in rows]
            if rows:
                self.forget(rows[-1][0])
        return out


# ---- against transcripts ----

def _compared(path):
    """(name, expected, computed) of one file."""
    from . import sgavectors    # pylint: disable=C0415
    return sgavectors.rows(path)


if __name__ == "__main__":
    _top = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "unit", "vectors")
    _bad = 0
    for _name in sorted(n for n in os.listdir(_top) if n.startswith("sga_")):
        for _title, _want, _got in _compared(os.path.join(_top, _name)):
            _bad += _want != _got
            print("ok" if _want == _got else f"not ok, want {_want}, got {_got}", _name, _title)
    sys.exit(1 if _bad else 0)
