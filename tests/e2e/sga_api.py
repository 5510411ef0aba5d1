#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The interface of an SGA server: every operation in each syntax over HTTP and CoAP, statuses, limits, malformed messages."""

import contextlib
import itertools
import json
import os
import threading
import time

from lib import proxy as px
from lib import report as reports
from lib import sga
from lib import sgawire as wire
from lib.bed import wait_for
from lib.sga import CBOR, JSON, OCTETS, ROOT, XML, Device, establish, unb64u
from lib.sgawire import Session

FLIPS = 400 if reports.LONG else 12     # octets of each message that are altered
MESSAGES = 300 if reports.LONG else 30
NOTHING = "0" * 32


def refused(report, answer, status, title):
    """A class, in its form: error message of 33 octets."""
    want = {400: 1, 403: 2, 503: 3, 401: 4}[status]
    good = report.equal((answer.status, sga.class_of(answer)), (status, want), title, answer)
    if good and status == 503:
        report.ok(px_header(answer, "Retry-After"), f"{title}: with Retry-After")
    return good


def px_header(answer, name):
    """A header of an answer over HTTP."""
    return answer.raw.header(name)


def reason(report, answer, status, word, title):
    """An error that tells, after the request has proved itself."""
    report.ok(answer.status == status and (word is None or word.encode() in answer.body), f"{title}: {status} [{word}]", answer)


def pair(gateway, first="meter", second="lamp", **more):
    """Two registered devices."""
    return gateway.device(first, **more), gateway.device(second, **more)


# ---- the package ----

def package(report, bed):
    """The download package"""
    gateway = sga.Gateway(bed, suites=["C", "X"]).start()
    key = gateway.manager_key()
    way = gateway.way("http://127.0.0.1/anybody")
    for suite in (1, 2):
        answer = way.call("GET", f"{ROOT}/package?suite={suite}")
        report.equal(answer.status, 200, f"suite {suite}: GET package", answer)
        made = wire.Package(answer.body, key)
        report.equal((made.suite_id, made.id.decode(), made.group), (suite, gateway.ident, 0x0101 if suite == 1 else 0x1d), f"suite {suite}: its fields")
        report.ok(made.not_after > time.time() and made.ciphers & wire.MANDATORY, f"suite {suite}: is in force, with a mandatory cipher")
        tag = px_header(answer, "ETag")
        report.equal(tag, f'"{made.dp.hex()}"', f"suite {suite}: ETag")
        report.ok("no-store" not in (px_header(answer, "Cache-Control") or ""), f"suite {suite}: may be kept", answer.raw.headers)
        again = way.call("GET", f"{ROOT}/package?suite={suite}", headers={"If-None-Match": tag})
        report.equal((again.status, again.body), (304, b""), f"suite {suite}: 304", again)
        other = way.call("GET", f"{ROOT}/package?suite={suite}", headers={"If-None-Match": '"00"'})
        report.equal(other.body, answer.body, f"suite {suite}: another ETag")
        for kind in (JSON, XML, CBOR, OCTETS):
            said = way.call("GET", f"{ROOT}/package?suite={suite}", headers={"Accept": kind})
            report.equal((said.status, px_header(said, "Content-Type").split(";")[0]), (200, kind), f"suite {suite}: as {kind}", said)
            report.equal(sga.message_of(kind, said.body), answer.body, f"suite {suite}: the same octets as {kind}")
        over = gateway.coap_way().call("GET", f"{ROOT}/package?suite={suite}")
        report.equal(sga.message_of(JSON, over.body) if over.body[:1] == b"{" else over.body, answer.body, f"suite {suite}: over CoAP")
    report.equal(way.call("GET", f"{ROOT}/package").body, way.call("GET", f"{ROOT}/package?suite=2").body, "the usual one is X")
    for query in ("suite=3", "suite=x", "suite=", "suite=-1", "suite=256", "suite=2&suite=2"):
        answer = way.call("GET", f"{ROOT}/package?{query}")
        report.ok(answer.status in (400, 404), f"package?{query}", answer)
    report.equal(way.call("GET", f"{ROOT}/package", headers={"Accept": "text/html"}).status, 406, "a syntax that there is not")
    before = way.call("GET", f"{ROOT}/package").body
    gateway.stop()
    gateway.start()
    report.equal(gateway.way().call("GET", f"{ROOT}/package").body, before, "it outlives a restart")
    gateway.stop()
    gateway.set(suites=["X"])
    gateway.start()
    report.equal(gateway.way().call("GET", f"{ROOT}/package?suite=1").status, 404, "a suite that is not offered")


# ---- operations in each syntax ----

def whole(report, gateway, title, way, kind, number, **more):
    """All of it, between two devices that speak one syntax."""
    names = [f"{which}-{number}" for which in "ij"]
    i, j = (gateway.device(name, way=way(f"http://127.0.0.1/{name}"), kind=kind, seed=os.urandom(32), **more) for name in names)
    i.package = j.package
    answer = i.proved("GET", f"/devices/{i.name}", headers={"Accept": kind})
    report.ok(answer.status == 200 and len(sga.message_of(kind, answer.body)) == 24 + 9 + 32, f"{title}: R2 again", answer)
    here = Session.invite(i.package, i.shared, j.id, 5, seed=i.seed)
    answer = i.send_a1(here)
    report.equal(answer.status, i.expected(202, answer), f"{title}: POST negotiations", answer)
    where = f"{ROOT}/negotiations/{here.sid.hex()}"
    report.ok(i.way.name == "CoAP" or answer.location.endswith(where), f"{title}: Location", answer.location)
    for one, want in ((i, 200), (j, 200)):
        seen = one.proved("GET", f"/negotiations/{here.sid.hex()}", headers={"Accept": JSON})
        report.ok(seen.status == want and seen.json["state"] == "invited", f"{title}: GET negotiations of {one.name}", seen)
    there = j.invited()
    report.equal((there.sid, there.cid, there.peer), (here.sid, 5, i.id), f"{title}: A2")
    answer = j.accept(there)
    report.equal(answer.status, j.expected(200, answer), f"{title}: acceptance", answer)
    report.equal(i.state(here).json["state"], "accepted", f"{title}: accepted")
    answer = i.request(here)
    report.equal(answer.status, i.expected(202, answer), f"{title}: POST sessions", answer)
    report.equal(i.state(here).json["state"], "requested", f"{title}: requested")
    answer = j.respond(there)
    report.equal(answer.status, j.expected(200, answer), f"{title}: response", answer)
    i.recover(here)
    j.recover(there)
    report.ok(here.k == there.k and here.th == there.th, f"{title}: one key, one transcript")
    row = i.state(here).json
    report.equal((row["id"], row["initiator"], row["responder"], row["suite"], row["state"], row["nextFromInitiator"], row["nextFromResponder"]),
                 (here.sid.hex(), i.name, j.name, more.get("suite", 2), "established", 0, 0), f"{title}: GET sessions", row)
    records(report, title, i, here, j, there)
    answer = i.proved("DELETE", f"/sessions/{here.sid.hex()}")
    report.equal(answer.status, 204, f"{title}: DELETE sessions", answer)
    answer = j.send(there, b"late")
    report.equal(answer.status, 404, f"{title}: it is gone for the other as well", answer)
    return i, j


def records(report, title, i, here, j, there):
    """Phase C."""
    answer = i.put(here, here.record(b"early", ctr=1))
    reason(report, answer, 409, "order", f"{title}: a record before its time")
    report.equal(i.send(here).status, 201, f"{title}: the first record")
    reason(report, i.put(here, here.record(b"early", ctr=1)), 409, "confirm", f"{title}: before the other has confirmed")
    report.equal(j.send(there).status, 201, f"{title}: the other first record")
    report.equal((j.take(there), i.take(here)), ((wire.CONFIRMED, b""),) * 2, f"{title}: both are confirmed")
    first = here.record(b"message 1")
    report.equal([i.put(here, first).status for _ in range(3)], [201] * 3, f"{title}: the same three times")
    report.equal(j.take(there), (0, b"message 1"), f"{title}: arrives")
    report.equal(j.fetch(), [], f"{title}: once")
    reason(report, i.put(here, here.record(b"x", ctr=7)), 409, "order", f"{title}: a gap")
    for number in range(MESSAGES):
        text = f"{title} {number} ".encode() * (number % 7 * 20)
        i.must(201, i.send(here, text))
        j.must(201, j.send(there, text))
    report.equal([i.take(here)[1] for _ in range(MESSAGES)], [j.take(there)[1] for _ in range(MESSAGES)], f"{title}: {MESSAGES} each way, in order")
    row = i.state(here).json
    report.equal((row["nextFromInitiator"], row["nextFromResponder"]), (MESSAGES + 2, MESSAGES + 1), f"{title}: and are counted")
    if i.way.name != "CoAP" or reports.LONG:
        report.equal(i.send(here, bytes(60000)).status, 201, f"{title}: a large one")
        report.equal(j.take(there)[1], bytes(60000), f"{title}: arrives")


def operations(report, bed):
    """Every operation, in each syntax over HTTP and CoAP, and with suite C"""
    gateway = sga.Gateway(bed, suites=["C", "X"]).start()
    for number, kind in enumerate((OCTETS, JSON, XML, CBOR)):
        whole(report, gateway, f"HTTP {kind}", gateway.way, kind, number)
    for number, kind in enumerate((OCTETS, CBOR), 4):
        whole(report, gateway, f"CoAP {kind}", gateway.coap_way, kind, number)
    whole(report, gateway, "suite C", gateway.way, OCTETS, 6, suite=1)
    whole(report, gateway, "the proof in the query", gateway.way, OCTETS, 7, inline=True)
    for cid in range(1, 11):
        i, j = pair(gateway, f"i-cid{cid}", f"j-cid{cid}", cid0=cid)
        here, there = establish(i, j, cid)
        i.must(201, i.send(here, b"text"))
        report.equal(j.take(there), (0, b"text"), f"cipher {cid} {sga.NAMES[cid]}, also as the first one")
    gateway.stop()
    gateway.clean_store(report, "--check-store")


# ---- statuses ----

def registration(report, bed):
    """Registration: tokens, again, with another key, revoked"""
    gateway = sga.Gateway(bed, ciphers=["AES-128-GCM", "ChaCha20-Poly1305", "Ascon-AEAD128"]).start()
    manager, package_ = gateway.manager(), gateway.package()

    def device(name, **more):
        return Device(gateway.way(f"http://127.0.0.1/{name}"), package_, name, **more)
    first, made = unb64u(manager.token("meter")["token"]), manager.token("meter")
    token = unb64u(made["token"])
    report.ok(len(token) == 16 and len(unb64u(made["verifyKey"])) == 32 and made["id"] == "meter" and made["root"].endswith("/m2m/sga"), "a token", made)
    meter = device("meter")
    refused(report, meter.post("/devices", meter.make_r1(bytes(16))[0], "registration"), 403, "another token")
    refused(report, device("lamp").register(token), 403, "a token of another device")
    refused(report, meter.post("/devices", meter.make_r1(first)[0], "registration"), 403, "a token before the last one")
    message, shared = meter.make_r1(token)
    first = message
    answer = meter.post("/devices", message, "registration")
    report.equal((answer.status, wire.r2_take(shared, message, answer.body)), (201, (0, 1)), "R1")
    report.ok(answer.location.endswith(f"{ROOT}/devices/meter"), "Location", answer.location)
    again = meter.post("/devices", message, "registration")
    report.equal((again.status, again.body), (201, answer.body), "the same R1 again: the same R2")
    meter.shared = shared
    refused(report, device("meter").register(token), 403, "a token counts once")
    made = manager.call("POST", "/tokens", {"id": "meter", "ttl": 100})
    reason(report, made, 409, "taken", "a token for an ID that has a device")
    old = meter.shared
    answer = meter.register()
    report.equal((answer.status, meter.regctr), (201, 2), "again, with a proof of the old key", answer)
    refused(report, meter.proved("GET", "/devices/meter/mailbox", shared=old), 403, "the old key is worth nothing")
    report.equal(meter.proved("GET", "/devices/meter/mailbox").status, 200, "the new one is")
    answer = meter.post("/devices", first, "registration")
    report.ok(answer.status == 403, "the first R1 once more: no roll-back", answer)
    message, other = device("odd", ciphers=wire.bit(4), cid0=4).make_r1(unb64u(manager.token("odd")["token"]))
    answer = meter.post("/devices", message, "registration")
    report.equal((answer.status, wire.r2_take(other, message, answer.body)[0]), (400, 2), "no common cipher", answer)
    report.equal(manager.call("DELETE", "/devices/meter").status, 204, "revoked")
    report.equal(manager.call("DELETE", "/devices/meter").status, 404, "once")
    refused(report, meter.proved("GET", "/devices/meter/mailbox"), 403, "what is revoked has no mailbox")
    meter.shared = None
    answer = meter.register(unb64u(manager.token("meter")["token"]))
    report.equal(answer.status, 201, "and may come again with a token", answer)
    report.ok(meter.regctr > 2, "its count goes on", meter.regctr)
    short = manager.token("soon", ttl=1)
    report.ok(wait_for(lambda: time.time() > short["expires"] + 1), "a token of a second")
    refused(report, device("soon").register(unb64u(short["token"])), 403, "is over")
    for rows in ({"id": "", "ttl": 10}, {"id": "a b", "ttl": 10}, {"id": "x" * 65, "ttl": 10}, {"ttl": 10}, {"id": "x", "ttl": 0}, {"id": "x", "ttl": 10**9},
                 {"id": "x", "ttl": "1"}, {"id": "x", "more": 1}):
        answer = manager.call("POST", "/tokens", rows)
        report.ok(answer.status == 400, f"POST tokens {json.dumps(rows)[:60]}", answer)


def statuses(report, bed):
    """What is answered to what does not fit"""
    gateway = sga.Gateway(bed, ciphers=["AES-128-GCM", "ChaCha20-Poly1305", "Ascon-AEAD128"]).start()
    i, j = pair(gateway)
    third = gateway.device("third")
    here = Session.invite(i.package, i.shared, b"nobody", 5)
    reason(report, i.send_a1(here), 404, "peer", "a peer that is not registered")
    reason(report, i.send_a1(Session.invite(i.package, i.shared, j.id, 4)), 403, "cipher", "a cipher against the policy")
    few = gateway.device("few", ciphers=wire.bit(3))
    reason(report, i.send_a1(Session.invite(i.package, i.shared, few.id, 5)), 403, "cipher", "a cipher that the peer lacks")
    here = Session.invite(i.package, i.shared, j.id, 5)
    message = here.a1()
    report.equal(i.post("/negotiations", message, "negotiation").status, 202, "A1")
    refused(report, i.post("/negotiations", message, "negotiation"), 403, "A1 again")
    there = j.invited()
    accepted = there.a3()
    where = f"/negotiations/{there.sid.hex()}/acceptance"
    report.equal([j.post(where, accepted, "negotiation").status for _ in range(2)], [200, 403], "A3, and the same octets again")
    here.a4_take(i.await_kind(wire.A4))
    report.equal(i.fetch(), [], "one A4")
    begun = here.b1()
    report.equal([i.post("/sessions", begun, "session").status for _ in range(2)], [202, 403], "B1, and the same octets again")
    answer = i.post(f"/sessions/{here.sid.hex()}/response", begun, "session")
    report.ok(answer.status in (400, 403, 409), "B1 where B3 belongs", answer)
    for method, path, status in (("GET", "/nothing", 404), ("POST", "/package", 405), ("DELETE", "/package", 405), ("PUT", "/devices", 405),
                                 ("DELETE", "/negotiations", 405), ("PATCH", "/package", 405)):
        answer = i.way.call(method, ROOT + path, b"x" if method in ("POST", "PUT") else None, OCTETS)
        report.ok(answer.status in (status, 404, 405, 501), f"{method} {path}", answer)
    for path in (f"/sessions/{NOTHING}", f"/negotiations/{NOTHING}", f"/groups/{NOTHING}"):
        report.equal(i.proved("GET", path).status, 404, f"GET {path}")
        report.equal(third.proved("GET", path.replace(NOTHING, here.sid.hex())).status, 404, f"what is not theirs is not there: {path[:9]}")
    for path in ("/sessions/xyz", "/sessions/" + "0" * 31, "/groups/"):
        report.ok(i.proved("GET", path).status in (400, 403, 404), f"GET {path}")
    for method, path in (("GET", "/devices/meter/mailbox"), ("DELETE", "/devices/meter/mailbox/1"), ("PUT", "/devices/meter/contact"), ("GET", "/devices/meter")):
        answer = third.proved(method, path, b'{"uri":"http://127.0.0.1/x"}' if method == "PUT" else None, JSON)
        report.ok(answer.status in (403, 404), f"{method} {path} by another device", answer)
        plain = third.way.call(method, ROOT + path, b'{"uri":"http://127.0.0.1/x"}' if method == "PUT" else None, JSON)
        refused(report, plain, 403, f"{method} {path} without a proof")
    for query in ("wait=61", "wait=-1", "wait=x", "max=0", "max=101", "max=x", "wait=1&wait=1"):
        answer = i.proved("GET", f"/devices/meter/mailbox?{query}")
        report.equal(answer.status, 400, f"mailbox?{query}", answer)
    for kind, body in (("text/plain", b"x"), ("application/zip", b"x")):
        report.equal(i.way.call("POST", f"{ROOT}/negotiations", body, kind).status, 415, f"a body of {kind}")
    report.ok(i.way.call("POST", f"{ROOT}/negotiations", bytes(200000), OCTETS).status in (400, 413), "a body that is too large")


def no_clock(report, bed):
    """A device without a clock, an invitation that is refused, what is over after its time"""
    gateway = sga.Gateway(bed, half_open_time="2 s", item_ttl="3 s").start()
    i, j = pair(gateway)
    here = Session.invite(i.package, i.shared, j.id, 5)
    answer = i.send_a1(here, time=0)
    refused(report, answer, 401, "A1 with time 0")
    challenge = answer.body[25:]
    report.ok(challenge != bytes(8) and answer.body[4:20] == here.sid, "a challenge for this session", answer.body)
    refused(report, i.send_a1(here, ctr=1, stamp=bytes(8)), 403, "another challenge")
    other = Session.invite(i.package, i.shared, j.id, 5)
    refused(report, i.send_a1(other, ctr=1, stamp=challenge), 403, "the challenge of another session")
    elsewhere = Device(gateway.way("http://127.0.0.1/meter"), i.package, "meter")
    elsewhere.shared = i.shared
    elsewhere.moves()
    refused(report, elsewhere.post("/negotiations", here.a1(ctr=1, stamp=challenge), "negotiation"), 403, "the challenge of another address")
    report.equal(j.mailbox(), [], "nobody is invited")
    answer = i.send_a1(here, ctr=1, stamp=challenge)
    report.equal(answer.status, 202, "with the challenge", answer)
    refused(report, i.send_a1(here, ctr=1, stamp=challenge), 403, "once")
    there = j.invited()
    report.equal(there.sid, here.sid, "and the peer is invited")
    report.equal(j.accept(there, refuse=True).status, 200, "which refuses")
    report.equal(here.a4_take(i.await_kind(wire.A4)), False, "the initiator is told")
    report.equal(i.state(here).status, 404, "and it is gone")
    here = i.invite(j)
    there = j.invited()
    report.ok(wait_for(lambda: i.state(here).status == 404, 20), "half open for too long: gone")
    answer = j.accept(there)
    report.equal(answer.status, 403, "an acceptance comes too late", answer)
    here, there = establish(i, j)
    i.must(201, i.send(here, b"late"))
    report.equal(len(j.mailbox()), 1, "a record")
    report.ok(wait_for(lambda: not j.mailbox(), 20), "is gone after its time")


def device_interface(report, bed):
    """What a dscl offers its applications"""
    gateway = sga.Gateway(bed).start()
    one, two = (sga.Dscl(bed, n, [sga.server_row(bed, gateway, n)], peers, queue_items=5, applications=applications).start()
                for n, peers, applications in (("d1", ["d2", "d3"], []), ("d2", ["d1"], [])))
    gateway.device("d3")
    for daemon in (one, two):
        report.ok(daemon.app().ready(), f"{daemon.ident} is registered", daemon.log_tail)
    app, other = one.app(), two.app()
    status = app.got("/status")
    row = status["server"][0]
    report.equal((status["id"], row["id"], row["state"], row["suite"]), ("d1", gateway.ident, "ready", 2), "GET status", status)
    report.ok(all(isinstance(v, int) for v in app.got("/counters").values()), "GET counters")
    report.equal(sorted(p["id"] for p in app.got("/peers")["peer"]), ["d2", "d3"], "GET peers")
    answer = app.send("d2", b"first")
    report.ok(answer.status == 202 and answer.location.endswith(f"{ROOT}/messages/{answer.json['id']}"), "POST messages", answer)
    number = answer.json["id"]
    report.ok(wait_for(lambda: app.state(number) == "sent"), "it is sent", lambda: app.got(f"/messages/{number}"))
    for size in (1, 65280):
        report.equal(app.send("d2", b"x" * size).status, 202, f"{size} octets")
    rows = wait_for(lambda: (r := other.inbox()) and len(r) == 3 and r)
    report.equal([(r[1], len(r[2])) for r in rows], [("d1", 5), ("d1", 1), ("d1", 65280)], "arrive")
    report.equal((other.inbox(most=2), other.inbox(after=rows[1][0])), (rows[:2], rows[2:]), "in pages")
    report.equal([other.forget(rows[1][0]).status for _ in range(2)], [204, 204], "DELETE up to the second, twice")
    report.equal(other.inbox(), rows[2:], "the third stays")
    for body, statuses_ in ((b"", (400,)), (b"x" * 65281, (400, 413))):
        report.ok(app.send("d2", body).status in statuses_, f"{len(body)} octets are refused")
    for method, path, body, want in (("POST", "/peers/nobody/messages", b"x", 404), ("GET", "/messages/999999", None, 404), ("GET", "/nothing", None, 404),
                                     ("DELETE", f"/sessions/{NOTHING}", None, 404), ("GET", f"/groups/{NOTHING}", None, 404), ("GET", "/inbox?wait=61", None, 400),
                                     ("GET", "/inbox?max=0", None, 400), ("GET", "/inbox?max=101", None, 400), ("POST", "/groups", b'{"members":["nobody"],"purpose":"x"}', 404),
                                     ("POST", "/groups", b"{", 400), ("POST", "/groups", b'{"members":"d2","purpose":"x"}', 400)):
        answer = app.call(method, path, body, JSON if path == "/groups" else OCTETS)
        report.equal(answer.status, want, f"{method} {path}", answer)
    answers = [app.send("d3", b"%d" % n).status for n in range(8)]       # d3 never accepts
    report.equal(answers, [202] * 5 + [507] * 3, "a queue that is full")
    session = next(s for s in app.got("/sessions")["session"] if s["peer"] == "d2" and s["state"] == "open")
    report.equal(app.call("DELETE", f"/sessions/{session['id']}").status, 204, "DELETE sessions")
    report.equal(app.send("d2", b"again").status, 202, "and a new one is made")
    report.equal(other.take(2)[-1][1], b"again", "that the message goes by")
    over = sga.Application(one.coap_way("http://127.0.0.1/app"))
    report.equal(over.send("d2", b"over CoAP").status in (202, 204, 200), True, "POST messages over CoAP")
    report.equal(other.take(1), [("d1", b"over CoAP", "")], "arrives")


# ---- waiting, observing, contacts ----

def waiting(report, bed):
    """Long polls, observations, contacts"""
    gateway = sga.Gateway(bed).start()
    i, j = pair(gateway)
    began = time.monotonic()
    report.equal((j.mailbox(1), time.monotonic() - began > 0.9), ([], True), "a poll of a second without a message")
    here, there = establish(i, j)
    late = Device(gateway.way("http://127.0.0.1/lamp"), j.package, "lamp")
    late.shared, late.ctr, got = j.shared, j.ctr + 50, []
    poll = threading.Thread(target=lambda: got.append((late.mailbox(50), time.monotonic())))
    poll.start()
    time.sleep(0.3)         # the poll is to be there first
    began = time.monotonic()
    i.must(201, i.send(here, b"awaited"))
    poll.join(60)
    report.ok(got and len(got[0][0]) == 1 and got[0][1] - began < 10, "a poll is answered when a message comes", got)
    j.ctr = late.ctr
    report.equal(j.mailbox()[0][1], got[0][0][0][1], "what is not acknowledged stays")
    first = j.mailbox()[0][0]
    report.equal([j.acknowledge(first).status for _ in range(2)], [204, 204], "acknowledged, twice")
    report.equal(there.open(got[0][0][0][1]), (0, b"awaited"), "and can be read")
    for number in range(5):
        i.must(201, i.send(here, b"%d" % number))
    items = j.mailbox()
    report.equal(j.mailbox(most=2), items[:2], "two of five")
    report.equal(sorted(n for n, _ in items), [n for n, _ in items], "ids rise")
    report.equal(j.acknowledge(items[2][0], before=False).status, 204, "the third alone")
    report.equal(j.mailbox(), items[:2] + items[3:], "is gone")
    report.equal(j.acknowledge(items[3][0]).status, 204, "all up to the fourth")
    report.equal(j.mailbox(), items[4:], "are gone")
    j.acknowledge(items[4][0])
    there.next["in"] += 5
    observed(report, gateway, i, here, j, there)
    contacts(report, bed, gateway, i, here, j, there)


def observed(report, gateway, i, here, j, there):
    """CoAP Observe."""
    client = gateway.coap(who="http://127.0.0.1/lamp")
    j.ctr += 1
    path = f"/devices/{j.name}/mailbox?wait=0"
    watch = client.observe(f"{ROOT}{path}&x-m2m-sga={j.shared.proof(j.ctr, 'GET', path)}")
    report.equal(watch.code, "2.05", "an observation")
    for number in range(3):
        i.must(201, i.send(here, b"seen %d" % number))
        report.ok(watch.wait(30), f"is told of message {number}")
    held = sga.items_of(OCTETS, watch.fresh) if watch.fresh[:1] != b"{" else sga.items_of(JSON, watch.fresh)
    report.equal([there.open(m)[1] for _, m in held], [b"seen %d" % n for n in range(3)], "all of them are in it")
    report.equal(j.fetch() != [], True, "and are fetched by a request of its own")
    client.close()


def contacts(report, bed, gateway, i, here, j, there):
    """Items are POSTed to a contact."""
    sink = bed.add(px.Sink(says=503))
    answer = j.proved("PUT", f"/devices/{j.name}/contact", json.dumps({"uri": sink.url}), JSON)
    report.equal(answer.status, 204, "PUT contact", answer)
    for number in range(4):
        i.must(201, i.send(here, b"pushed %d" % number))
    report.ok(sink.wait(lambda: sink.tried >= 2), "a contact that fails is tried again", sink.tried)
    sink.says = 200
    report.ok(sink.wait(lambda: len(sink.bodies) >= 4), "and gets all", gateway.log_tail)
    report.equal([there.open(b)[1] for b in sink.bodies], [b"pushed %d" % n for n in range(4)], "in order, once")
    numbers = [int(next(v for k, v in h.items() if k.lower() == "x-m2m-sga-item")) for h in sink.headers]
    report.ok(numbers == sorted(set(numbers)), "with their numbers", numbers)
    report.ok(wait_for(lambda: not j.mailbox()), "2xx is the acknowledgement", j.mailbox)
    report.equal([j.proved("DELETE", f"/devices/{j.name}/contact").status for _ in range(2)], [204, 204], "DELETE contact, twice")
    i.must(201, i.send(here, b"fetched"))
    report.equal(j.take(there), (0, b"fetched"), "and the mailbox is polled again")
    for uri in ("nowhere", "ftp://127.0.0.1/x", "", "http://", "x" * 3000):
        answer = j.proved("PUT", f"/devices/{j.name}/contact", json.dumps({"uri": uri}), JSON)
        report.equal(answer.status, 400, f"contact {uri[:20]!r}", answer)


# ---- groups ----

def group_rows(gid, members, **more):
    """Body of a group."""
    return json.dumps({"id": gid.hex(), "members": [m.name for m in members], **more})


def groups(report, bed):
    """Groups: one ciphertext for many, epochs, who leaves"""
    gateway = sga.Gateway(bed, members_max=4).start()
    owner, a, b = (gateway.device(n, seed=os.urandom(32)) for n in ("owner", "a", "b"))
    stranger = gateway.device("stranger", seed=os.urandom(32))
    group = wire.Group(os.urandom(16), 1, os.urandom(32), 5, [(d.id, d.sign) for d in (owner, a, b)])
    path = f"/groups/{group.gid.hex()}"
    body = group_rows(group.gid, (a, b), purpose="lights")
    answer = owner.proved("POST", "/groups", body, JSON)
    report.ok(answer.status == 201 and answer.location.endswith(ROOT + path), "POST groups", answer)
    report.equal(owner.proved("POST", "/groups", body, JSON).status, 201, "the same again")
    reason(report, a.proved("POST", "/groups", group_rows(group.gid, (b,), purpose="x"), JSON), 409, "taken", "its id for another")
    reason(report, owner.proved("POST", "/groups", json.dumps({"id": "1" * 32, "purpose": "x", "members": ["nobody"]}), JSON), 404, "peer", "a member that is not there")
    many = [gateway.device(f"m{n}") for n in range(4)]
    reason(report, owner.proved("POST", "/groups", group_rows(os.urandom(16), many, purpose="x"), JSON), 403, "members", "too many")
    row = a.proved("GET", path).json
    report.equal((row["id"], row["owner"], row["purpose"], row["epoch"], row["stale"], sorted(row["members"])),
                 (group.gid.hex(), "owner", "lights", 1, False, ["a", "b", "owner"]), "GET groups", row)
    report.equal(stranger.proved("GET", path).status, 404, "not for others")
    said = group.seal(owner.id, owner.seed, b"all on")
    report.equal([owner.proved("POST", path + "/messages", said, OCTETS).status for _ in range(2)], [201, 201], "a message, twice")
    for one in (a, b):
        report.equal([group.open(m) for m in one.fetch()], [(b"owner", 0, b"all on")], f"arrives at {one.name}, once")
    report.equal(owner.fetch(), [], "not at the sender")
    reason(report, owner.proved("POST", path + "/messages", group.seal(owner.id, owner.seed, b"x", ctr=3), OCTETS), 409, "order", "a gap")
    wrong = wire.Group(group.gid, 2, group.gk, 5, group.members)
    reason(report, owner.proved("POST", path + "/messages", wrong.seal(owner.id, owner.seed, b"x", ctr=1), OCTETS), 409, "epoch", "another epoch")
    answer = stranger.proved("POST", path + "/messages", group.seal(stranger.id, stranger.seed, b"x", ctr=0), OCTETS)
    report.ok(answer.status in (403, 404), "a stranger's message", answer)
    answer = a.proved("POST", path + "/messages", group.seal(b.id, a.seed, b"x", ctr=0), OCTETS)
    report.ok(answer.status in (400, 403), "in another's name", answer)
    report.equal(b.proved("DELETE", f"{path}/members/a").status in (403, 404), True, "a member cannot put out another")
    report.equal(b.proved("DELETE", f"{path}/members/b").status, 204, "b leaves")
    notice = owner.await_kind(wire.NOTICE)
    body, tag = notice[:-32], notice[-32:]
    report.equal((body[24:28], body[28:], tag), (wire.u32(1), wire.lv8(b"b"), wire.mac(owner.shared.auth, b"left", body)), "the owner is told")
    reason(report, a.proved("POST", path + "/messages", group.seal(a.id, a.seed, b"x", ctr=0), OCTETS), 409, "epoch", "the group is stale")
    report.equal(b.proved("GET", path).status, 404, "who has left sees nothing")
    reason(report, owner.proved("PUT", path, json.dumps({"epoch": 3, "members": ["a"]}), JSON), 409, "epoch", "an epoch that is not the next")
    report.equal([owner.proved("PUT", path, json.dumps({"epoch": 2, "members": ["a"]}), JSON).status for _ in range(2)], [204, 204], "the next epoch, twice")
    report.equal(a.proved("PUT", path, json.dumps({"epoch": 3, "members": ["a"]}), JSON).status in (403, 404), True, "the owner's alone")
    group = wire.Group(group.gid, 2, os.urandom(32), 5, [(d.id, d.sign) for d in (owner, a)])
    a.must(201, a.proved("POST", path + "/messages", group.seal(a.id, a.seed, b"two"), OCTETS))
    report.equal([group.open(m) for m in owner.fetch()], [(b"a", 0, b"two")], "and it goes on")
    report.equal(b.fetch(), [], "without b")
    report.equal(a.proved("DELETE", path).status in (403, 404), True, "DELETE by a member")
    report.equal(owner.proved("DELETE", path).status, 204, "DELETE by the owner")
    report.equal(owner.proved("GET", path).status, 404, "it is gone")


# ---- administration ----

def administration(report, bed):
    """Administration: who may, lists in pages, lock-outs"""
    gateway = sga.Gateway(bed, failures_max=5).start()
    manager = gateway.manager()
    devices = [gateway.device(f"d{n:02}") for n in range(12)]
    here, _ = establish(devices[0], devices[1])
    gid = os.urandom(16)
    devices[0].must(201, devices[0].proved("POST", "/groups", group_rows(gid, devices[1:3], purpose="p"), JSON))
    stranger = sga.Manager(gateway.way("http://127.0.0.1/stranger"))
    for method, path, rows in (("POST", "/tokens", {"id": "x", "ttl": 10}), ("GET", "/devices", None), ("GET", "/sessions", None), ("GET", "/groups", None),
                               ("GET", "/stats", None), ("GET", "/lockouts", None), ("DELETE", "/devices/d00", None), ("DELETE", "/lockouts/d00", None)):
        answer = stranger.call(method, path, rows)
        report.equal(answer.status, 403, f"{method} {path} by a stranger", answer)
    for page in (1, 5, 100):
        rows = manager.listed("device", page)
        report.equal(sorted(r["id"] for r in rows), [d.name for d in devices], f"devices, by {page}")
    row = next(r for r in rows if r["id"] == "d00")
    report.equal((row["suite"], row["cipher"], row["ciphers"], row["locked"]), (2, 3, 0x03ff, False), "a device", row)
    rows = manager.listed("session")
    report.ok([r["id"] for r in rows] == [here.sid.hex()] and rows[0]["state"] == "established", "sessions", rows)
    rows = manager.listed("group")
    report.ok([(r["id"], r["owner"], r["size"]) for r in rows] == [(gid.hex(), "d00", 3)], "groups", rows)
    report.ok(manager.call("GET", f"/sessions/{here.sid.hex()}").status == 200, "one session")
    stats = manager.stats()
    report.ok(all(isinstance(v, int) for v in stats.values()) and stats, "stats", stats)
    for kind in (XML, CBOR, JSON):
        answer = manager.way.call("GET", f"{ROOT}/devices", headers={"Accept": kind})
        report.equal(len(sga.listed(sga.undocument(kind, answer.body), "device")), 12, f"devices as {kind}")
    for query in ("max=0", "max=101", "max=x"):
        report.equal(manager.call("GET", f"/devices?{query}").status, 400, f"devices?{query}")
    victim = devices[2]
    other = sga.Manager(gateway.way("http://127.0.0.1/x"))
    for number in range(5):
        victim.proved("GET", f"/devices/{victim.name}/mailbox", shared=wire.Shared(bytes(32), victim.id, victim.package.id), ctr=victim.ctr + 100 + number)
    refused(report, victim.proved("GET", f"/devices/{victim.name}/mailbox"), 503, "locked out")
    rows = manager.got("/lockouts")["lockout"]
    report.ok("d02" in [r["name"] for r in rows], "lockouts", rows)
    report.equal(next(r for r in manager.listed("device") if r["id"] == "d02")["locked"], True, "the list of devices tells")
    report.equal(other.call("DELETE", "/lockouts/d02").status, 403, "not by anybody")
    report.equal(manager.call("DELETE", "/lockouts/d02").status, 204, "lifted")
    report.equal(victim.proved("GET", f"/devices/{victim.name}/mailbox").status, 200, "and is served again")
    report.equal(manager.call("DELETE", f"/sessions/{here.sid.hex()}").status, 204, "DELETE sessions")
    for one in devices[:2]:
        report.equal(one.state(here).status, 404, f"is gone for {one.name}")
    report.equal(manager.call("DELETE", f"/groups/{gid.hex()}").status, 204, "DELETE groups")
    report.equal(manager.listed("group"), [], "is gone")


# ---- limits ----

def limits(report, bed):
    """Each limit is reached, and answered"""
    gateway = sga.Gateway(bed, devices_max=5, half_open_per_device=3, half_open_max=4, mailbox_items=6, groups_max=1, tokens_max=3).start()
    manager = gateway.manager()
    devices = [gateway.device(f"d{n}") for n in range(5)]
    sixth = Device(gateway.way(), gateway.package(), "d5")
    token = unb64u(manager.token("d5")["token"])
    answer = sixth.register(token)
    report.equal(answer.status, 507, "one device too many", answer)
    report.equal(manager.call("DELETE", "/devices/d4").status, 204, "one goes")
    report.ok(wait_for(lambda: sixth.register(token).status == 201, 30), "one comes, with the same token")
    answers = [manager.call("POST", "/tokens", {"id": f"t{n}", "ttl": 1000}).status for n in range(5)]
    report.ok(507 in answers and answers[0] == 201, "tokens", answers)
    a, b, c = devices[:3]
    here, there = establish(a, b)
    opened = [a.send_a1(Session.invite(a.package, a.shared, c.id, 5)).status for _ in range(4)]
    report.equal(opened, [202] * 3 + [503], "half open, of one device")
    opened = [b.send_a1(Session.invite(b.package, b.shared, c.id, 5)).status for _ in range(2)]
    report.equal(opened, [202, 503], "half open, of all")
    answers = [a.send(here, b"x").status for _ in range(8)]
    report.equal(answers, [201] * 6 + [507, 409], "items of a mailbox")
    here.next["out"] -= 2
    for _ in range(6):
        b.take(there)
    report.equal(a.send(here, b"x").status, 201, "and there is room again")
    report.equal(b.take(there), (0, b"x"), "for the same record")
    reasons = [a.proved("POST", "/groups", group_rows(os.urandom(16), (b,), purpose="x"), JSON).status for _ in range(2)]
    report.equal(reasons, [201, 507], "groups")
    gateway.stop()
    gateway.set(mailbox_items=1000, mailbox_bytes=65536, half_open_max=4096, half_open_per_device=64, waiters_max=2)
    gateway.start()
    for one in (a, b, c):
        one.ctr += 2000
        one.way.close()
    answers = [a.send(here, bytes(20000)).status for _ in range(4)]
    report.ok(answers[:2] == [201, 201] and answers[-1] == 507, "octets of a mailbox", answers)
    polls, began = [threading.Thread(target=_poll, args=(gateway, devices[3], 5000 + 10 * n)) for n in range(3)], time.monotonic()
    for poll in polls:
        poll.start()
        time.sleep(0.1)     # one after the other, for the sake of the counter
    report.ok(wait_for(lambda: sum(p.is_alive() for p in polls) == 2, 20), "one poll too many is answered at once", time.monotonic() - began)
    for poll in polls:
        poll.join(30)


def _poll(gateway, device, ctr):
    mine = Device(gateway.way(), device.package, device.name)
    mine.shared, mine.ctr = device.shared, ctr
    mine.got = mine.mailbox(6)


# ---- malformed ----

def spots(message):
    """Where a message is altered."""
    some = {0, 1, 2, 3, 4, 19, 20, 23, 24, len(message) - 1, len(message) - 16, len(message) - 17}
    step = max(1, len(message) // FLIPS)
    return sorted(n for n in some | set(range(0, len(message), step)) if 0 <= n < len(message))


def alterations(message):
    """(name, octets)"""
    for at in spots(message):
        yield f"octet {at}", message[:at] + bytes([message[at] ^ 0x41]) + message[at + 1:]
    for size in sorted({0, 1, 23, 24, 25, len(message) // 2, len(message) - 1}):
        yield f"{size} octets of it", message[:size]
    yield "one octet more", message + b"\0"
    yield "twice", message * 2
    yield "of the other suite", message[:1] + bytes([3 - message[1]]) + message[2:]
    yield "of suite 0", message[:1] + b"\0" + message[2:]


def snapshot(manager, watched):
    """What must not change."""
    return (sorted(json.dumps(r, sort_keys=True) for kind in ("device", "session", "group") for r in manager.listed(kind)),
            [d.mailbox() for d in watched])


class Mangled:
    """Sends altered messages and looks whether anything has happened."""

    def __init__(self, report, gateway, watched):
        self.report, self.gateway, self.manager, self.watched, self.senders = report, gateway, gateway.manager(), watched, list(watched)

    def all(self, title, send, made):
        """made: (name, octets) each."""
        before, bad, seen = snapshot(self.manager, self.watched), [], {}
        for number, (name, octets) in enumerate(made):
            answer = send(octets)
            seen[answer.status] = seen.get(answer.status, 0) + 1
            if answer.status not in (400, 403, 404, 409, 413) or (answer.status in (400, 403) and sga.class_of(answer) not in (1, 2)):
                bad.append((name, answer))
            if number % 4 == 3:     # lock-outs and limits of addresses are another matter
                for one in self.senders:
                    one.moves()
                for row in self.manager.got("/lockouts")["lockout"]:
                    self.manager.call("DELETE", f"/lockouts/{row['name']}")
        self.report.equal(bad, [], f"{title}: {sum(seen.values())} altered messages are refused {seen}")
        self.report.equal(snapshot(self.manager, self.watched), before, f"{title}: and change nothing")


def cut(at, size, octets):
    """A twist: replaces size octets of the plaintext at a place."""
    return lambda plain: plain[:at] + octets + plain[at + size:]


def malformed(report, bed):
    """Each field of each message altered: a clear 4xx, and nothing changes"""
    gateway = sga.Gateway(bed, failures_max=255, failures_per_address=255, devices_max=50).start()
    i, j = pair(gateway)
    mangled = Mangled(report, gateway, (i, j))
    fresh = Device(gateway.way("http://127.0.0.1/fresh"), i.package, "fresh")
    mangled.senders.append(fresh)
    token = unb64u(gateway.manager().token("fresh")["token"])

    def poster(device, path, root):
        return lambda octets: device.post(path, octets, root)
    r1, shared = fresh.make_r1(token)
    size = 1 + 16 + 1 + 5
    twisted = [(f"plaintext {n}", fresh.make_r1(token, twist=t)[0]) for n, t in enumerate((
        lambda p: p[:-1], lambda p: p + b"\0", lambda p: b"", cut(0, 1, b"\x0f"), cut(0, 1, b"\xff"), cut(17, 1, b"\0"), cut(17, 1, b"\x41"),
        cut(18, 1, b" "), cut(18, 1, b"/"), cut(size + 32, 2, b"\0\0"), cut(size + 32, 2, b"\0\x0b"), cut(size + 34, 2, b"\0\0"),
        cut(size + 34, 2, b"\0\1"), lambda p: p[:-1] + b"\x1f" + bytes(31), lambda p: p[:-1] + b"\x21" + bytes(33)))]
    twisted += [("a time that is over", fresh.make_r1(token, time=int(time.time()) - 400)[0]), ("a time to come", fresh.make_r1(token, time=int(time.time()) + 400)[0])]
    mangled.all("R1", poster(fresh, "/devices", "registration"), itertools.chain(alterations(r1), twisted))
    answer = fresh.post("/devices", r1, "registration")
    report.equal(answer.status, 201, "R1: the good one", answer)
    fresh.shared = shared
    phase_a(report, mangled, i, j, poster)


def phase_a(report, mangled, i, j, poster):
    """A1 to B3."""
    def fresh():
        return Session.invite(i.package, i.shared, j.id, 5)
    here = fresh()
    a1 = here.a1()
    ids = 32 + 1 + len(i.id)
    twisted = [(f"plaintext {n}", fresh().a1(twist=t)) for n, t in enumerate((
        lambda p: p[:-1], lambda p: p + b"\0", lambda p: b"", cut(0, 1, b"\xaa"), cut(32, 1, b"\0"), cut(33, 1, b"\xff"), cut(32, 1, b"\xff"), cut(ids + 1, 1, b"x"),
        lambda p: p[:-58] + b"\0\0" + p[-56:], lambda p: p[:-40] + bytes(8) + p[-32:], lambda p: p[:-56] + bytes(16) + p[-40:], lambda p: p[:-32] + bytes(32)))]
    wrong = []
    for name, change in (("another G", {"ids": (i.id, b"other", j.id)}), ("itself", {"ids": (i.id, i.package.id, i.id)}), ("another i", {"ids": (j.id, i.package.id, i.id)})):
        odd = fresh()
        odd.__dict__.update(change)
        wrong.append((name, odd.a1()))
    wrong += [("a time that is over", fresh().a1(time=int(time.time()) - 400)), ("a time to come", fresh().a1(time=int(time.time()) + 400)),
              ("a flag", fresh().a1(flags=4)), ("ctr 2", fresh().a1(ctr=2)), ("ctr 1 with a time", fresh().a1(ctr=1))]
    mangled.all("A1", poster(i, "/negotiations", "negotiation"), itertools.chain(alterations(a1), twisted, wrong))
    report.equal(i.post("/negotiations", a1, "negotiation").status, 202, "A1: the good one")
    there = j.invited()
    where = f"/negotiations/{there.sid.hex()}/acceptance"
    there.rng = _fixed(os.urandom(32), os.urandom(16), os.urandom(32), os.urandom(32))
    a3 = there.a3()
    good = {**there.__dict__, "hashes": dict(there.hashes)}
    twisted = []
    for number, t in enumerate((lambda p: p[:-1], lambda p: p + b"\0", lambda p: b"", cut(0, 1, b"\xaa"), cut(32, 1, b"\0"), cut(33, 1, b"\xff"),
                                lambda p: p[:-64] + bytes(32) + p[-32:], lambda p: p[:-32] + bytes(32))):
        there.rng = os.urandom
        twisted.append((f"plaintext {number}", there.a3(twist=t)))
    twisted.append(("a time that is over", there.a3(time=int(time.time()) - 400)))
    there.__dict__.update(good)
    mangled.all("A3", poster(j, where, "negotiation"), itertools.chain(alterations(a3), twisted))
    report.equal(j.post(where, a3, "negotiation").status, 200, "A3: the good one")
    report.ok(here.a4_take(i.await_kind(wire.A4)), "A4")
    phase_b(report, mangled, i, here, j, there, poster)


def _fixed(*parts):
    """A generator that gives these, by size, and then random octets."""
    rest = list(parts)

    def rng(n):
        return rest.pop(0) if rest and len(rest[0]) == n else os.urandom(n)
    return rng


def phase_b(report, mangled, i, here, j, there, poster):
    """B1, B3 and records."""
    b1 = here.b1()
    mangled.all("B1", poster(i, "/sessions", "session"), alterations(b1))
    report.equal(i.post("/sessions", b1, "session").status, 202, "B1: the good one")
    there.b2_take(j.await_kind(wire.B2))
    b3 = there.b3()
    where = f"/sessions/{there.sid.hex()}/response"
    mangled.all("B3", poster(j, where, "session"), alterations(b3))
    report.equal(j.post(where, b3, "session").status, 200, "B3: the good one")
    i.recover(here)
    j.recover(there)
    report.equal(here.k, there.k, "one key")
    first = here.record()
    short = [m for m in alterations(first) if m[0] not in [f"octet {n}" for n in range(24, len(first))] and m[0] not in ("one octet more", "twice")
             and not m[0].endswith("octets of it")]
    mangled.all("record", lambda octets: i.put(here, octets), [(n, m) for n, m in short if m[:4] != first[:4] or m[4:24] != first[4:24]])
    report.equal(i.put(here, first).status, 201, "record: the good one")
    proofs(report, mangled, i)
    mangled.all("documents", lambda octets: i.way.call("POST", f"{ROOT}/negotiations", octets, JSON), [(str(n), b) for n, b in enumerate((
        b"", b"[]", b"{", b"{}", b'{"message":1}', b'{"message":"*"}', b'{"message":"AA==","x":1}', b'{"message":"AA","message":"AA"}', b'{"message":"' + b"A" * 5000 + b'"}',
        b"\xff" * 20, b'{"message":"AA"}x'))])


def proofs(report, mangled, i):
    """X-M2M-SGA."""
    path = f"/devices/{i.name}/mailbox"
    good = i.shared.proof(i.ctr + 500, "GET", path)
    ident, ctr, tag = good.split(";")
    odd = ["", ";", ";;", good + ";", good[:-1], good + "0", f"{ident};{ctr}", f"{ident};0{ctr};{tag}", f"{ident};-1;{tag}", f"{ident};0;{tag}", f"{ident};99999999999999999999;{tag}",
           f"{ident};{ctr};{tag.upper()}" if tag.upper() != tag else good[:-2], f"*;{ctr};{tag}", f";{ctr};{tag}", f"{ident}=;{ctr};{tag}", f"{ident};{int(ctr) + 1};{tag}",
           f"{ident};{ctr};{'0' * 32}", f"{'A' * 200};{ctr};{tag}"]
    bad = []
    for text in odd:
        answer = i.way.call("GET", ROOT + path, headers={"X-M2M-SGA": text})
        if answer.status not in (400, 403) or sga.class_of(answer) not in (1, 2):
            bad.append((text, answer))
    report.equal(bad, [], f"X-M2M-SGA: {len(odd)} malformed ones are refused")
    for row in mangled.manager.got("/lockouts")["lockout"]:
        mangled.manager.call("DELETE", f"/lockouts/{row['name']}")
    report.equal(i.way.call("GET", ROOT + path, headers={"X-M2M-SGA": good}).status, 200, "X-M2M-SGA: the good one")
    i.ctr += 500
    both = i.way.call("GET", f"{ROOT}{path}?x-m2m-sga={good}", headers={"X-M2M-SGA": good})
    report.ok(both.status in (400, 403), "in both places", both)


# ---- restarts ----

def restarts(report, bed):
    """Everything is there after a kill -9"""
    gateway = sga.Gateway(bed).start()
    i, j = pair(gateway)
    here, there = establish(i, j)
    for number in range(3):
        i.must(201, i.send(here, b"%d" % number))
    half = i.invite(j)
    gateway.kill()
    gateway.start()
    i.way.close()
    refused(report, i.proved("GET", f"/devices/{i.name}/mailbox"), 403, "a counter that is not above what was reserved")
    for one in (i, j):
        one.ctr += 1000
        one.way.close()
    report.equal([j.take(there)[1] for _ in range(3)], [b"0", b"1", b"2"], "records")
    again = j.invited()
    report.equal(again.sid, half.sid, "an invitation")
    j.must(200, j.accept(again))
    gateway.kill()
    gateway.start()
    for one in (i, j):
        one.ctr += 1000
        one.way.close()
    i.must(202, i.request(half))
    j.must(200, j.respond(again))
    gateway.kill()
    gateway.start()
    for one in (i, j):
        one.ctr += 1000
        one.way.close()
    i.recover(half)
    j.recover(again)
    report.equal(half.k, again.k, "a session between three kills")
    gateway.stop()
    gateway.clean_store(report, "--check-store")


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):
        reports.run(package, operations, registration, statuses, no_clock, waiting, groups, administration, limits, malformed, restarts, device_interface)
