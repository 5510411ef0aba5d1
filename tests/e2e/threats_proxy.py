#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Attacks on a proxy, its sources and its sinks, one row of the table of threats each: ok when the attack fails."""

import concurrent.futures
import contextlib
import gzip
import hashlib
import hmac
import os
import random
import secrets
import socket
import ssl
import statistics
import struct
import subprocess
import zlib

from lib import pki, queue, rows, xml
from lib import proxy as px
from lib.bed import PATIENCE, pick_port, wait_for
from lib.client import Client, NotSent, Unknown
from lib.report import LONG, SKIPPED
from lib.secure import listener, secret_file

import leaks
from proxy import BEFORE, Scene

FLIPS = 400 if LONG else 40
READERS = 4000 if LONG else 1200
WATCHERS = 100
SECTIONS = 20000 if LONG else 1500
STREAMS = 16    # of a source at its sink
LANES = 16
TURNS = 10
STEP = 8        # management messages that a job of the proxy re-encrypts at once
BOMB = 256 << 20
GROWTH_KIB = 64 << 10
SILENCE = 1     # seconds in which an answer would have come
UDP_HEAD = ">2sBBQQHH"
TABLE = {}


def threat(number):
    """Marks the check of a row, a function of (row, bed)."""
    def mark(function):
        TABLE[number] = function
        return function
    return mark


def flipped(octets, bit):
    """The same with one bit changed."""
    changed = bytearray(octets)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


# ---- who gets in ----

class Guarded:
    """A proxy with a listener for others, who are known by certificates of two authorities."""

    def __init__(self, bed):
        self.first, self.second, self.rogue = (pki.Authority(bed.path(n), n) for n in ("first", "second", "rogue"))
        self.port, server = pick_port(), self.first.server()
        both = bed.path("both.pem")
        with open(both, "w", encoding="ascii") as out:
            for authority in (self.first, self.second):
                with open(authority.cert, encoding="ascii") as file:
                    out.write(file.read())
        outside = listener(self.port, "certificate", ["proxy"], certificate=server.cert, key=server.key, ca=both, require_client_cert=True)
        self.daemon = px.ProxyDaemon(bed, "gscl", name="guarded", more_listeners=[outside], proxy={"enabled": True}).start()

    def rest(self, identity=None):
        """A client by its certificate."""
        context = identity.context(self.first.cert) if identity else ssl.create_default_context(cafile=self.first.cert)
        return px.Rest(px.HttpWay(Client("localhost", self.port, None, context=context, timeout=20)))


def refused(call):
    """True when it has no answer, or one that says who are you."""
    try:
        return call().status in (401, 403)
    except (NotSent, Unknown, OSError):
        return True


@threat(60)
def strangers(row, bed):
    """No certificate, or of another authority; a false proxy."""
    world = Guarded(bed)
    known = world.rest(world.first.client("urn:gateway:1"))
    row.equal(known.call("GET", "/info").status, 200, "a certificate of the authority")
    row.equal(world.rest(world.second.client("urn:gateway:1")).call("GET", "/info").status, 200, "one of the other")
    for name, identity in (("no certificate", None), ("a certificate of another authority", world.rogue.client("urn:gateway:1")),
                           ("one that is over", world.first.client("urn:gateway:1", start=-5, end=-1)),
                           ("one that is signed by itself", world.first.client("urn:gateway:1", sign=False))):
        row.ok(refused(lambda i=identity: world.rest(i).call("GET", "/info")), name)
    for path in ("/m2m", "/m2m/applications", "/m2m/scls", "/metrics", "/admin/nodes", "/m2m/discovery"):
        row.ok(known.way.call("GET", path).status in (401, 403, 404), f"GET {path}: there is no tree on that listener")
    scene = Scene(bed, source={"ca_file": world.rogue.cert})
    scene.link.cut()
    scene.accept(BEFORE)
    theirs = scene.c.rest(px.OTHER)
    wait_for(lambda: scene.gateway.log().count("proxy-source-failing") > 1 or theirs.info()["reserved"])
    row.equal(theirs.info()["reserved"], 0, "a source that trusts another authority leaves nothing at that proxy", scene.gateway.log_tail)
    row.ok('proxy-source-failing' in scene.gateway.log(), "though it looks for one", scene.gateway.log_tail)


@threat(61)
def foreign(row, bed):
    """Stores and forwards of somebody else."""
    world = Guarded(bed)
    source, sink = px.Party(bed, "source"), px.Party(bed, "sink")
    mine = world.rest(world.first.client("urn:gateway:1"))
    others = {"another certificate": world.rest(world.first.client("urn:gateway:2")),
              "the same name by another authority": world.rest(world.second.client("urn:gateway:1")),
              "who claims to be it": px.Rest(px.HttpWay(world.daemon.client("http://127.0.0.1/urn:gateway:1")))}
    store = mine.store(65536)
    forward = mine.forward(store, [px.sink_row(source, sink, "http://127.0.0.1:1/sink")])
    parts = px.Stream(source).lines(1, 2)
    mine.put_all(store, parts)
    for name, rest in others.items():
        for method, path, body in (("GET", f"/stores/{store}", None), ("GET", f"/stores/{store}/monitor", None),
                                   ("DELETE", f"/stores/{store}", None), ("PUT", f"/stores/{store}", {"ttl": 1}),
                                   ("POST", f"/stores/{store}/release", {"upto": 99}), ("GET", f"/forwards/{forward}", None),
                                   ("POST", f"/stores/{store}/forwards", {"sinks": [px.sink_row(source, sink, "http://127.0.0.1:1/x")]}),
                                   ("PUT", f"/forwards/{forward}/control", {"revision": 1, "action": "pause"}),
                                   ("GET", f"/forwards/{forward}/monitor", None), ("DELETE", f"/forwards/{forward}", None)):
            row.equal(rest.call(method, path, body).status, 403, f"{name}: {method} {path.split('/')[1]}")
            guess = path.replace(store, f"{random.getrandbits(64):016x}").replace(forward, f"{random.getrandbits(64):016x}")
            row.equal(rest.call(method, guess, body).status, 404, f"{name}: a guess")
        row.equal(rest.put(store, parts).status, 403, f"{name}: POST messages")
    row.equal((mine.got(f"/stores/{store}/monitor")["messages"], mine.monitor(forward)["revision"]), (len(parts), 1), "all is as it was")
    renewed = world.rest(world.first.client("urn:gateway:1"))
    row.equal(renewed.call("GET", f"/stores/{store}").status, 200, "a renewed certificate of the owner is the owner")


@threat(62)
def reservation(row, bed):
    """Reservations by races and wrong lengths."""
    whole = 1 << 20
    daemon = px.proxy(bed, capacity=whole, stores_per_owner=1000)
    rest = daemon.rest()
    for text in (b"0", b"-1", b"1e3", b"4096.5", b"9223372036854775807", b"9223372036854775808", b"18446744073709551616", b"null", b'"4096"', b"[4096]"):
        status = rest.way.call("POST", px.ROOT + "/stores", b'{"reserve":' + text + b',"ttl":60}').status
        row.ok(status in (400, 507), f"reserve {text.decode()}", status)
    row.equal(rest.info()["reserved"], 0, "nothing is reserved by that")

    def reserve(_):
        client = daemon.rest()
        statuses = [client.call("POST", "/stores", {"reserve": whole // 16, "ttl": 60}).status for _ in range(4)]
        client.close()
        return statuses
    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        statuses = [s for part in pool.map(reserve, range(12)) for s in part]
    row.equal((statuses.count(201), rest.info()["reserved"]), (16, whole), "48 at a time: 16 fit", statuses)
    source = px.Party(bed, "source")
    daemon2 = px.proxy(bed, "second", capacity=whole)
    rest = daemon2.rest()
    store, parts = rest.store(8192), px.Stream(source).lines(1, 5)
    body = queue.joined(parts)
    for name, wrong in (("a length of 0", b"\0\0\0\0" + body[4:]), ("a length that is too short", struct.pack(">I", len(parts[0]) - 1) + body[4:]),
                        ("a length that is too long", struct.pack(">I", len(parts[0]) + 1) + body[4:]),
                        ("a length behind the end", body[:-len(parts[-1]) - 4] + struct.pack(">I", 1 << 20) + parts[-1]),
                        ("a length of 2^24 - 1", b"\0\xff\xff\xff" + body[4:])):
        answer = rest.way.call("POST", f"{px.ROOT}/stores/{store}/messages", wrong, px.OCTETS)
        row.ok(answer.status in (400, 413), name, answer)
    view = rest.got(f"/stores/{store}/monitor")
    row.equal((view["messages"], view["octets"]), (0, 0), "none of that is stored")


@threat(63)
def forged(row, bed):
    """Management messages that the source has not made, at proxy and sink."""
    source = px.Party(bed, "source")
    inbox = px.Inbox(bed, source)
    rest = px.proxy(bed).rest()
    store = rest.store(1 << 16, source={"url": source.url, "sign": source.sign_hex})
    parts = px.Stream(source).seal(inbox.documents(source, ["one", "two"]))
    chance, bits = random.Random(63), 8 * len(parts[0])
    label = set(range(8 * 32, 8 * 36))      # msgId, which nothing protects
    tried = [b for b in chance.sample(range(bits), min(bits, FLIPS)) if b not in label]
    answers = {rest.put(store, [flipped(parts[0], b)]).status for b in tried}
    row.ok(answers <= {400, 403}, f"proxy: one of {len(tried)} bits changed", answers)
    row.equal(rest.got(f"/stores/{store}/monitor")["messages"], 0, "proxy: none of them is stored")
    sent = px.reencrypted(source, inbox.sink, parts)
    bits = 8 * len(sent[0])
    tried = [b for b in chance.sample(range(bits), min(bits, FLIPS)) if b not in label]
    answers = {inbox.put([flipped(sent[0], b)]).status for b in tried}
    row.ok(answers <= {400, 403, 409}, f"sink: one of {len(tried)} bits changed", answers)
    answer = inbox.put([flipped(sent[0], 8 * (len(sent[0]) - 10)), *sent[1:]])
    row.ok(answer.status in (400, 409), "sink: a whole section behind a forged one", answer)
    row.equal(inbox.contents(), [], "nothing is applied")
    row.equal(inbox.put(sent).status, 200, "the good one")
    row.ok(wait_for(lambda: inbox.contents() == ["one", "two"]), "is", inbox.contents)
    other = px.Party(bed, "other", source.url)
    answer = inbox.put(px.reencrypted(other, inbox.sink, px.Stream(other, 2).seal(inbox.documents(source, ["three"])), "0", 2))
    row.ok(answer.status in (400, 409), "another key in the name of the source", answer)


@threat(64)
def wrong_keys(row, bed):
    """Keys for another sink, outside of the group, with the name of another."""
    source = px.Party(bed, "source")
    inbox, other = px.Inbox(bed, source), px.Party(bed, "other")
    daemon = px.proxy(bed)
    rest = daemon.rest()
    store = rest.store(1 << 16)
    rest.put_all(store, px.Stream(source).seal(inbox.documents(source, ["one", "two"])))
    good, strange = px.sink_row(source, inbox.sink, inbox.url), px.sink_row(source, other, inbox.url)
    key = bytes.fromhex(good["rk"][0]["rk"])
    for name, octets in (("zeros", bytes(96)), ("infinity", b"\xc0" + bytes(95)), ("ones", b"\xff" * 96), ("uncompressed", bytes([key[0] & 0x7f]) + key[1:]),
                         ("x over the modulus", b"\x9a" + b"\xff" * 95), *((f"bit {b} changed", flipped(key, b)) for b in (7, 100, 767))):
        rk = {**good, "rk": [{**good["rk"][0], "rk": octets.hex()}]}
        status = rest.call("POST", f"/stores/{store}/forwards", {"sinks": [rk]}).status
        row.equal(status, 400, f"rk that is no point of the group: {name}")
    for name, wrong in (("the key of another sink", strange), ("under the name of this one", {**strange, "pkId": good["pkId"]})):
        forward = rest.forward(store, [wrong])
        row.ok(wait_for(lambda f=forward: rest.lane(f, inbox.url)["state"] == "refused"),
               f"{name}: the sink refuses it, which the monitor shows", lambda f=forward: rest.monitor(f))
        row.equal(rest.lane(forward, inbox.url)["acknowledged"], 0, f"{name}: nothing is acknowledged")
        rest.call("DELETE", f"/forwards/{forward}")
    row.equal(inbox.contents(), [], "nothing is applied")
    rest.forward(store, [good])
    row.ok(wait_for(lambda: inbox.contents() == ["one", "two"]), "with the right key all of it is", inbox.contents)


@threat(65)
def replayed(row, bed):
    """Control requests that were recorded and come again."""
    source, sink = px.Party(bed, "source"), px.Party(bed, "sink")
    rest = px.proxy(bed).rest()
    store = rest.store(65536)
    url, late = "http://127.0.0.1:1/sink", "http://127.0.0.1:1/late"
    forward = rest.forward(store, [px.sink_row(source, sink, url)])
    bodies = [{"revision": 1, "action": "pause"}, {"revision": 2, "action": "resume"},
              {"revision": 3, "action": "change", "add": [px.sink_row(source, sink, late)]},
              {"revision": 4, "action": "change", "remove": [{"url": late, "at": "now"}]}]

    def send(body):
        return rest.call("PUT", f"/forwards/{forward}/control", body)
    for body in bodies:
        row.equal(send(body).status, 200, f"revision {body['revision']}")
    state = rest.got(f"/forwards/{forward}")
    for body in bodies[:-1]:
        row.equal(send(body).status, 409, f"revision {body['revision']} again")
    answer = send(bodies[-1])
    row.equal((answer.status, answer.json), (200, {"revision": 5}), "the last one again: what it was answered")
    row.equal(send({**bodies[-1], "remove": [{"url": url, "at": "now"}]}).status, 409, "another request with its revision")
    row.equal(send({"revision": 9, "action": "pause"}).status, 409, "a revision that is not there yet")
    row.equal(rest.got(f"/forwards/{forward}"), state, "none of that has changed anything")


# ---- inside a stream ----

@threat(66)
def by_another_sink(row, bed):
    """A data message made by another sink, which has the session key."""
    source = px.Party(bed, "source")
    inbox, other = px.Inbox(bed, source), px.Party(bed, "other")
    for number, signed in ((1, False), (2, True)):
        stream = px.Stream(source, number, more=("--sign",) if signed else ())
        parts = stream.seal(inbox.documents(source, [f"true {number} {n}" for n in range(3)]))
        theirs = px.reencrypted(source, other, parts, "0", number)
        text = inbox.documents(source, [f"forged {number}"])[0].decode()
        made = subprocess.run([px.tool("seal_pre"), "forge", other.key, "1", text], input=queue.joined(theirs), stdout=subprocess.PIPE,
                                 check=True, timeout=60).stdout
        sent = px.reencrypted(source, inbox.sink, parts, "0", number)
        answers = [inbox.put([u]).status for u in (*sent[:2], made)]
        if signed:
            row.equal(answers, [200, 200, 400], "signed: it is refused")
            row.equal([inbox.put([u]).status for u in sent[2:]], [200] * 3, "signed: what is true goes on")
            row.ok(wait_for(lambda: "true 2 2" in inbox.contents()), "signed: and is applied", inbox.contents)
            row.ok("forged 2" not in inbox.contents(), "signed: nothing forged is applied", inbox.contents)
            row.equal(inbox.monitor(source)["alarms"], 1, "signed: no alarm", lambda: inbox.monitor(source))
        else:
            row.equal(answers, [200, 200, 200], "not signed: AEAD alone does not tell")
            row.ok({inbox.put([u]).status for u in sent[3:]} <= {200}, "not signed: END comes")
            row.ok(wait_for(lambda: inbox.monitor(source).get("alarms") == 1), "not signed: END tells: one alarm", lambda: inbox.monitor(source))
            row.ok(wait_for(lambda: "section-altered" in inbox.daemon.log()), "not signed: which is logged", inbox.daemon.log_tail)


@threat(67)
def false_proxy(row, bed):
    """A proxy drops, swaps, repeats, invents."""
    names = ("drop", "drop-section", "swap", "repeat", "invent", "cut", "late")
    sources = {name: px.Party(bed, f"source-{name}") for name in names}
    inbox = px.Inbox(bed, *sources.values())
    sent = {name: px.reencrypted(s, inbox.sink, px.Stream(s, section=5).seal(inbox.documents(s, [f"{name} {n}" for n in range(15)])), "0")
            for name, s in sources.items()}

    def alarms(name):
        return inbox.monitor(sources[name]).get("alarms")

    def has(name):
        return [t for t in inbox.contents() if t.startswith(name + " ")]
    parts = sent["drop"]
    inbox.put(parts[:3])
    inbox.put(parts[4:])
    row.ok(wait_for(lambda: alarms("drop")), "a message is dropped: alarm", lambda: inbox.monitor(sources["drop"]))
    parts = sent["drop-section"]
    inbox.put(parts[:7])
    inbox.put(parts[14:])
    row.ok(wait_for(lambda: alarms("drop-section")), "a section is dropped: alarm", lambda: inbox.monitor(sources["drop-section"]))
    parts = sent["swap"]
    inbox.put([*parts[:2], parts[3], parts[2], *parts[4:]])
    row.ok(wait_for(lambda: alarms("swap")), "two messages are swapped: alarm", lambda: inbox.monitor(sources["swap"]))
    parts = sent["repeat"]
    for _ in range(3):
        row.equal(inbox.put(parts).status, 200, "repetitions are acknowledged")
    row.ok(wait_for(lambda: len(has("repeat")) == 15), "and applied once", lambda: has("repeat"))
    row.ok(wait_for(lambda: inbox.monitor(sources["repeat"]).get("applied") == 15), "as the monitor tells", lambda: inbox.monitor(sources["repeat"]))
    row.equal(alarms("repeat"), 0, "without an alarm")
    parts = sent["invent"]
    row.ok(inbox.put([parts[0], parts[7]]).status in (200, 400, 409), "a management message without its messages")
    row.equal(inbox.put([flipped(parts[1], 8 * len(parts[1]) - 4)]).status, 400, "an invented message is refused")
    row.equal(inbox.put([flipped(parts[6], 8 * 60)]).status, 400, "so is an invented END")
    parts = sent["cut"]
    inbox.put(parts[:10])
    inbox.put(parts[14:])
    row.ok(wait_for(lambda: alarms("cut")), "the end of a section is cut off: alarm", lambda: inbox.monitor(sources["cut"]))
    parts = sent["late"]
    inbox.put(parts[:4])
    inbox.put(parts[7:])
    row.ok(wait_for(lambda: {"joined", "unended"} <= set(inbox.monitor(sources["late"])["findings"])),
           "that of the first: as if the source had begun anew, which the monitor tells", lambda: inbox.monitor(sources["late"]))


@threat(68)
def other_issuer(row, bed):
    """Inside a stream: requests in the name of somebody else."""
    source, victim = px.Party(bed, "source"), px.Party(bed, "victim")
    inbox = px.Inbox(bed, source, victim)
    stream = px.Stream(source)
    names = (victim.url + "/applications/meter", victim.url, "http://127.0.0.1/e2e", source.url + "x/applications/meter", source.url[:-1],
             inbox.daemon.base, "")
    for number, name in enumerate(names):
        parts = stream.seal(inbox.documents(source, [f"by {number}"], who=name or " "))
        row.equal(inbox.put(px.reencrypted(source, inbox.sink, parts)).status, 200, f"taken: requestingEntity {name or 'absent'}")
    parts = stream.seal(inbox.documents(source, ["honest"]))
    inbox.put(px.reencrypted(source, inbox.sink, parts))
    row.ok(wait_for(lambda: "honest" in inbox.contents()), "what comes behind is applied", inbox.contents)
    row.equal(inbox.contents(), ["honest"], "and only that")
    wait_for(lambda: len(inbox.monitor(source)["failures"]) == len(names))
    failures = inbox.monitor(source)["failures"]
    row.equal([f["status"] for f in failures][:6], [403] * 6, "the others are failures, 403", failures)
    row.ok(all(f["status"] in (400, 403) for f in failures) and len(failures) == len(names), "all of them", failures)


# ---- datagrams ----

class Datagrams:
    """The sending side of a store of transport udp."""

    def __init__(self, daemon, grant):
        self.id, self.key = bytes.fromhex(grant["id"]), bytes.fromhex(grant["key"])
        self.data, self.ack = self._derive(b"data"), self._derive(b"ack")
        self.peer = (grant["host"], grant["port"])
        self.sock = self.socket()
        self.daemon = daemon

    @staticmethod
    def socket():
        """Another address."""
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind(("127.0.0.1", 0))
        return sock

    def _derive(self, what):
        prk = hmac.digest(b"M2PRE1 udp", self.key, "sha256")
        return hmac.digest(prk, what + self.id + b"\x01", "sha256")

    def make(self, number, unit, key=None, name=None):
        """A datagram."""
        body = struct.pack(UDP_HEAD, b"M2", 1, 1, int.from_bytes(name or self.id, "big"), number, 0, len(unit)) + unit
        return body + hmac.digest(key or self.data, body, "sha256")[:16]

    def send(self, datagram, sock=None, seconds=PATIENCE):
        """Sends; the answer, or None."""
        sock = sock or self.sock
        sock.settimeout(seconds)
        sock.sendto(datagram, self.peer)
        try:
            return sock.recv(65535)
        except TimeoutError:
            return None

    def upto(self, answer):
        """(status, upto) of a good acknowledgement, else None."""
        if not answer or len(answer) != 48 or hmac.digest(self.ack, answer[:-16], "sha256")[:16] != answer[-16:]:
            return None
        return struct.unpack_from(">H", answer, 20)[0], struct.unpack_from(">Q", answer, 24)[0]


@threat(69)
def datagrams(row, bed):
    """UDP: without a tag, repeated, from forged addresses, to make others a target."""
    daemon = px.proxy(bed, udp_address="127.0.0.1", udp_port=pick_port())
    source, rest = px.Party(bed, "source"), daemon.rest()
    made = rest.made("/stores", {"reserve": 65536, "ttl": 600, "transport": "udp"})
    line, parts = Datagrams(daemon, made["udp"]), px.Stream(source).lines(1, 4)

    def stored():
        return rest.got(f"/stores/{made['id']}/monitor")["messages"]
    good = line.make(1, parts[0])
    bad = {"no tag": good[:-16], "a tag of zeros": good[:-16] + bytes(16), "a changed tag": flipped(good, 8 * len(good) - 1),
           "a changed unit": flipped(good, 8 * 60), "a changed number": flipped(good, 8 * 19), "another id": flipped(good, 8 * 5),
           "an unknown store": line.make(1, parts[0], name=b"\x01" * 8), "the key of acknowledgements": line.make(1, parts[0], line.ack),
           "half of it": good[:40], "nothing": b"", "more behind": good + b"\0", "an acknowledgement": good[:3] + b"\x02" + good[4:]}
    for name, datagram in bad.items():
        row.equal(line.send(datagram, seconds=SILENCE), None, f"{name}: no answer at all")
    row.equal(stored(), 0, "nothing of that is stored")
    answer = line.send(good)
    row.equal(line.upto(answer), (0, 1), "a good one is acknowledged")
    row.ok(len(answer) <= len(good), "by less than it is", (len(answer), len(good)))
    row.equal((line.upto(line.send(good)), stored()), ((0, 1), 1), "again: acknowledged, not stored")
    line.send(line.make(2, parts[1]))
    row.equal(line.upto(line.send(line.make(1, parts[2]))), (0, 2), "its number with another unit: acknowledged, not stored")
    row.equal(stored(), 2, "two are there")
    victim = line.socket()
    got = line.send(good, victim, SILENCE)
    row.ok(got is None or len(got) <= len(good), "recorded and sent again from another address: not more than was sent", got)
    row.equal(line.upto(line.send(line.make(3, parts[2]))), (0, 3), "which leads nothing elsewhere")
    row.equal(line.upto(line.send(line.make(3 + 65, parts[3]), seconds=SILENCE)), None, "a number beyond the window")
    row.equal(stored(), 3, "is dropped")


# ---- on the way ----

def outside_address():
    """An address of this host that is not loopback, or None."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with contextlib.closing(sock):
        try:
            sock.connect(("192.0.2.1", 9))
            address = sock.getsockname()[0]
        except OSError:
            return None
    return None if address.startswith("127.") else address


@threat(70)
def in_clear(row, bed):
    """Keys over lines in clear."""
    address = outside_address()
    if address is None:
        row.skip("keys in clear", "this host has no other address than loopback")
        return
    port, secret = pick_port(), secrets.token_urlsafe(32)
    tokens = secret_file(bed.path("tokens"), f"meter {hashlib.sha256(secret.encode()).hexdigest()}\n")
    daemon = px.ProxyDaemon(bed, "gscl", name="clear", more_listeners=[listener(port, "none", ["dia"], address)], proxy={"enabled": True},
                            options=("listen.allow_clear=true", f"issuers.tokens={tokens}")).start()
    source, sink = px.Party(bed, "source"), px.Party(bed, "sink")
    rest = px.Rest(px.HttpWay(Client(address, port, None), {"Authorization": f"Bearer {secret}"}))
    made = rest.call("POST", "/stores", {"reserve": 8192, "ttl": 60})
    row.ok(made.status == 201, "a store", made)
    store = made.json["id"]
    answer = rest.call("POST", f"/stores/{store}/forwards", {"sinks": [px.sink_row(source, sink, "http://127.0.0.1:1/sink")]})
    row.equal(answer.status, 403, "re-encryption keys are not taken", answer)
    answer = rest.call("POST", "/stores", {"reserve": 8192, "ttl": 60, "transport": "udp"})
    row.ok(answer.status in (400, 403) and b"key" not in answer.body.split(b"udp")[-1], "keys of datagrams are not given", answer)
    inside = px.Rest(px.HttpWay(Client("127.0.0.1", daemon.port, None), {"Authorization": f"Bearer {secret}"}))
    forward = inside.forward(store, [px.sink_row(source, sink, "http://127.0.0.1:1/sink")])
    answer = rest.control(forward, 1, keys=[{"url": "http://127.0.0.1:1/sink", "rk": px.granted(source, sink, "1")[1]}])
    row.equal(answer.status, 403, "nor by control", answer)


@threat(71)
def together(row, bed):
    """Proxy and sink together: their epoch, and no other."""
    source = px.Party(bed, "source")
    inbox = px.Inbox(bed, source)
    parts = px.Stream(source, section=2, epochs=1).seal(inbox.documents(source, [f"text {n}" for n in range(4)]))
    px.granted(source, inbox.sink)
    path = bed.path(f"rk-source-{inbox.sink.name}-0-1")
    (kind, octets), = px.blocks(path)
    changed = octets[:20] + struct.pack(">I", 1) + octets[24:-8]
    changed += hashlib.sha256(kind.encode() + changed).digest()[:8]
    relabelled = bed.path("relabelled.rk")
    with open(os.open(relabelled, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="ascii") as file:
        text = changed.hex()
        file.write(f"-----BEGIN M2PRE {kind}-----\n" + "\n".join(text[n:n + 64] for n in range(0, len(text), 64)) + f"\n-----END M2PRE {kind}-----\n")
    forced = queue.units(px.pre("reencrypt", f"--rk={path}", f"--rk={relabelled}", data=queue.joined(parts)))
    row.equal([u[2] for u in forced if u[2] == queue.MM1], [queue.MM1] * 2, "the proxy makes something of both epochs")
    row.equal(inbox.put(forced[:4]).status, 200, "the epoch that was granted")
    row.ok(inbox.put(forced[4:]).status in (400, 409), "the key of one epoch is worth nothing in the next")
    row.ok(wait_for(lambda: len(inbox.contents()) == 2), "two messages are applied", inbox.contents)
    row.ok(b"text 2" not in px.opened(inbox.sink, source, forced, good=(3, 4, 5)), "by hand as well")


# ---- load ----

@threat(72)
def hanging(row, bed):
    """Sinks that hang: others go on."""
    daemon = px.proxy(bed, in_flight=8, send_timeout="200 s")
    source, sink = px.Party(bed, "source"), px.Party(bed, "sink")
    rest = daemon.rest()
    bad, good = [bed.add(px.Sink("hang")) for _ in range(14)], [bed.add(px.Sink()) for _ in range(2)]
    store, stream = rest.store(1 << 18), px.Stream(source)
    forward = rest.forward(store, [px.sink_row(source, sink, s.url) for s in bad + good])
    for number in range(10):
        rest.put_all(store, stream.lines(10 * number + 1, 10 * number + 10))
    newest = rest.got(f"/stores/{store}/monitor")["newest"]
    for one in good:
        row.ok(rest.delivered(forward, one.url, newest), "a good sink beside 14 that hang, with 8 places, has all before they are given up",
               lambda: rest.monitor(forward))
    row.ok(sum(s.tried for s in bad) >= 8, "which were tried", [s.tried for s in bad])


@threat(73)
def bomb(row, bed):
    """A compressed body that is very large."""
    source = px.Party(bed, "source")
    inbox = px.Inbox(bed, source)
    before = inbox.daemon.rss_peak()
    for size in (BOMB, 8 << 20):
        made = zlib.compressobj(9, zlib.DEFLATED, 31)
        body = b"".join(made.compress(bytes(1 << 20)) for _ in range(size >> 20)) + made.flush()
        answer = inbox.rest.way.call("POST", px.ROOT + "/inbox", body, px.OCTETS, headers={"Content-Encoding": "gzip"})
        row.ok(answer.status in (400, 413, 415), f"{size >> 20} MiB in {len(body)} octets", answer)
    if not inbox.daemon.sanitized():
        row.ok(inbox.daemon.rss_peak() - before < GROWTH_KIB, "took no memory", (before, inbox.daemon.rss_peak()))
    parts = px.reencrypted(source, inbox.sink, px.Stream(source).seal(inbox.documents(source, ["small"])))
    body = gzip.compress(queue.joined(parts))
    for name, wrong in (("half of it", body[:-20]), ("with a wrong check", body[:-6] + b"xx" + body[-4:]), ("no gzip", queue.joined(parts)), ("twice", gzip.compress(body))):
        answer = inbox.rest.way.call("POST", px.ROOT + "/inbox", wrong, px.OCTETS, headers={"Content-Encoding": "gzip"})
        row.ok(answer.status in (400, 413, 415), name, answer)
    row.equal(inbox.contents(), [], "nothing is applied")
    answer = inbox.rest.way.call("POST", px.ROOT + "/inbox", body, px.OCTETS, headers={"Content-Encoding": "gzip"})
    if answer.status == 415:
        row.skip("gzip", "not taken at all")
        return
    row.equal(answer.status, 200, "a good one is taken", answer)
    row.ok(wait_for(lambda: inbox.contents() == ["small"]), "and applied", inbox.contents)


@threat(74)
def sections(row, bed):
    """Endless sections: processor time of others."""
    daemon = px.proxy(bed, threads=1, managers=[f"claim:{px.OWNER}"])
    greedy, honest, sink = px.Party(bed, "greedy"), px.Party(bed, "honest"), px.Party(bed, "sink")
    mine, other, watch = daemon.rest(), daemon.rest(px.OTHER), daemon.rest()
    seen = []

    def arrives(_):
        seen.append(watch.got("/counters")["proxy_reencrypted"])
        return 200
    mass, taker = bed.add(px.Sink(keep=False)), bed.add(px.Sink(arrives))
    store = other.store(64 << 20)
    other.put_all(store, px.Stream(greedy, section=1).lines(1, SECTIONS))
    lane = px.sink_row(greedy, sink, mass.url, batch=256)
    flood = other.forward(store, [{**lane, "url": f"{mass.url}/{n}"} for n in range(LANES)])
    place, stream = mine.store(1 << 20), px.Stream(honest)
    forward = mine.forward(place, [px.sink_row(honest, sink, taker.url)])
    row.ok(mass.wait(lambda: mass.tried > LANES), "the flood has begun")
    between = []
    for number in range(TURNS):
        mine.put_all(place, stream.lines(number + 1, number + 1))
        before = mine.got("/counters")["proxy_reencrypted"]
        newest = mine.got(f"/stores/{place}/monitor")["newest"]
        row.ok(mine.delivered(forward, taker.url, newest), "another owner's section goes on", lambda: mine.monitor(forward))
        between.append(seen[-1] - before)
    lags = [s["lag"] for s in other.monitor(flood)["sinks"]]
    row.ok(min(lags) > 0, "while the flood lasts", lags)
    # A job of each lane, and what is done while it is sent.
    waited = statistics.median(between)
    row.ok(waited < 2 * LANES * STEP, f"and waits for no more than its turn: {waited:.0f} of the flood's management messages", between)


@threat(75)
def unpinned(row, bed):
    """A source that is not known, streams without number."""
    source, stranger = px.Party(bed, "source"), px.Party(bed, "stranger")
    inbox = px.Inbox(bed, source)
    answer = inbox.put(px.reencrypted(stranger, inbox.sink, px.Stream(stranger).seal(inbox.documents(stranger, ["x"]))))
    row.equal(answer.status, 403, "a source that is not pinned", answer)
    row.ok(stranger.url.encode() not in answer.body and source.url.encode() not in answer.body, "without telling who is", answer)
    mixed = [*px.reencrypted(source, inbox.sink, px.Stream(source, 9).seal(inbox.documents(source, ["x"])), "0", 9)[:1],
             *px.reencrypted(stranger, inbox.sink, px.Stream(stranger).seal(inbox.documents(stranger, ["x"])))[:1]]
    row.ok(inbox.put(mixed).status in (400, 403), "two sources in one body")
    answers = []
    for number in range(1, STREAMS + 2):
        parts = px.Stream(source, number).seal(inbox.documents(source, [f"stream {number}"]))
        answers.append(inbox.put(px.reencrypted(source, inbox.sink, parts, "0", number)).status)
    row.equal(answers, [200] * STREAMS + [507], f"{STREAMS} streams of a source are taken, and no more")
    parts = px.Stream(source, 1).seal(inbox.documents(source, ["again"]))
    row.equal(inbox.put(px.reencrypted(source, inbox.sink, parts, "0", 1)).status, 200, "those that there are go on")
    row.ok(wait_for(lambda: "again" in inbox.contents()), "and are applied", inbox.contents)


class Reader:
    """Asks for the next change of a monitor."""

    def __init__(self, port, ask):
        self.heard, self.ended = b"", False
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=20)
        self.sock.sendall(ask)
        self.sock.setblocking(False)

    def is_there(self):
        """The connection stands, and what has come is heard."""
        try:
            while not self.ended:
                piece = self.sock.recv(65536)
                self.heard, self.ended = self.heard + piece, not piece
        except BlockingIOError:
            pass
        except OSError:
            self.ended = True
        return not self.ended

    def is_held(self):
        """It has no answer as yet, or has waited for the one that nothing has changed."""
        return self.is_there() and (not self.heard or b": idle" in self.heard)

    def close(self):
        """Ends it."""
        self.sock.close()
        self.ended = True


@threat(76)
def readers(row, bed):
    """Readers of monitors by the thousand."""
    daemon = px.proxy(bed, monitor_interval="50 ms", watchers_max=WATCHERS)
    rest = daemon.rest()
    store = rest.store(65536)
    answer = rest.call("GET", f"/stores/{store}/monitor", headers={"Accept": "text/event-stream"})
    last = next(t.split(": ", 1)[1] for t in answer.body.decode().splitlines() if t.startswith("id: "))
    before, crowd = daemon.rss_anon(), []
    ask = (f"GET {px.ROOT}/stores/{store}/monitor HTTP/1.1\r\nHost: 127.0.0.1\r\nFrom: {px.OWNER}\r\nAccept: text/event-stream\r\n"
           f"Last-Event-ID: {last}\r\n\r\n").encode()
    observers = [daemon.coap(who=px.OWNER) for _ in range(100)]
    for one in observers:
        with contextlib.suppress(Unknown, OSError, AssertionError):
            one.observe(f"{px.ROOT}/stores/{store}/monitor")
    for _ in range(READERS):
        with contextlib.suppress(OSError):
            crowd.append(Reader(daemon.port, ask))
    row.ok(len(crowd) > READERS // 2, f"{len(crowd)} readers and {len(observers)} observers")

    def held():
        return sum(one.is_held() for one in crowd)
    row.ok(wait_for(lambda: held() <= WATCHERS), f"{WATCHERS} of them may wait, the others are answered", held)
    if not daemon.sanitized():
        row.ok(daemon.rss_anon() - before < GROWTH_KIB, "take little memory", (before, daemon.rss_anon()))
    for one in crowd[:len(crowd) // 2]:
        one.close()
    client = daemon.client()
    client.create("/m2m/applications", xml.application("steady"))
    row.equal(client.get("/m2m/applications").status, 200, "others are served")
    source = px.Party(bed, "source")
    rest.close()        # among so many the daemon closes what is idle at any time
    rest.put_all(store, px.Stream(source).lines(1, 3))
    row.ok(wait_for(lambda: all(one.heard for one in crowd[len(crowd) // 2:] if one.is_there())), "who waits is told of a change", held)
    for one in crowd[len(crowd) // 2:]:
        one.close()
    row.ok(wait_for(lambda: rest.info() and daemon.descriptors() < 500), "and all is as before when they are gone", daemon.descriptors)


TABLE[77] = leaks.row_77


if __name__ == "__main__":
    if px.without_pairings():
        raise SystemExit(SKIPPED)
    rows.run(TABLE, __doc__)
