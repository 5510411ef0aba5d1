#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The interface of a proxy: every operation over HTTP (curl) and CoAP, refusals, rights, capacity, monitors, the form of Fig. 5."""

import contextlib
import json
import os
import re
import shutil
import socket
import struct
import subprocess
import sys
import threading
import time

from lib import proxy as px
from lib import queue
from lib import report as reports
from lib.bed import wait_for
from lib.client import Client

from conformance.lib import coapmsg as coap

HEX16, HEX32 = re.compile(r"[0-9a-f]{16}"), "0123456789abcdef" * 2
CAPACITY = 1 << 20
ROUNDS = 60 if reports.LONG else 1
IDLE = 40                   # seconds in which a parked reader hears something
SOURCE_URI, STORE = 65000, 65004
COAP_CLIENT = "coap-client-notls"


class CurlWay:
    """Requests by curl."""
    name = "curl"

    def __init__(self, bed, daemon, who):
        self.bed, self.daemon, self.who = bed, daemon, who

    def call(self, method, path, body=None, kind=px.JSON, headers=None):
        """One request."""
        head, out = self.bed.path("curl.head"), self.bed.path("curl.out")
        line = ["curl", "-s", "-D", head, "-o", out, "-X", method, "-H", f"From: {self.who}", "--max-time", "90"]
        for name, value in (headers or {}).items():
            line += ["-H", f"{name}: {value}"]
        if body is not None:
            line += ["-H", f"Content-Type: {kind}", "--data-binary", "@-"]
        for path_ in (head, out):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path_)
        body = body.encode() if isinstance(body, str) else body
        subprocess.run([*line, self.daemon.origin + path], input=body, check=True, timeout=px.SECONDS)
        with open(head, encoding="latin-1") as file:
            lines = [part for part in file.read().split("\n\n") if part.strip()][-1].splitlines()
        status = int(lines[0].split()[1])
        rows = dict(text.split(": ", 1) for text in lines if ": " in text)
        data = b""
        with contextlib.suppress(FileNotFoundError), open(out, "rb") as file:
            data = file.read()
        location = next((v for k, v in rows.items() if k.lower() == "location"), "")
        return px.Reply(status, data, "/" + location.split("/", 3)[-1] if "://" in location else location, rows)

    def close(self):
        """Nothing is kept."""


def ways(bed, daemon, who=px.OWNER):
    """The same operations by both protocols."""
    return [px.Rest(CurlWay(bed, daemon, who)), daemon.coap_rest(who)]


# ---- operations ----

def look(report, rest, title):
    """info and load."""
    info = rest.info()
    for name, kind in (("version", int), ("capacity", int), ("available", int), ("reserved", int), ("largest", int), ("batch", int),
                       ("stores", int), ("formats", list), ("suites", list), ("transports", list), ("pairing", str)):
        report.ok(isinstance(info.get(name), kind), f"{title}: info has {name}", info)
    report.equal((info["capacity"], info["available"] + info["reserved"]), (CAPACITY, CAPACITY), f"{title}: capacity", info)
    report.ok(1 in info["suites"] and {"unit", "batch"} <= set(info["formats"]), f"{title}: suite and formats", info)
    load = rest.got("/load?window=60")
    for name in ("window", "requests", "received", "sent", "cpu", "queue", "jobs", "managementMessages", "stored", "forwarded", "throughput"):
        report.ok(isinstance(load.get(name), int), f"{title}: load has {name}", load)
    report.equal(load["window"], 60, f"{title}: window of load")
    for window, status in (("1", 200), ("3600", 200), ("0", 400), ("3601", 400), ("x", 400), ("", 400)):
        report.equal(rest.call("GET", f"/load?window={window}").status, status, f"{title}: window={window}")
    report.equal(rest.call("GET", "/load").status, 200, f"{title}: load without a window")


def keeps(report, rest, title, parts):
    """Stores and messages; the id."""
    answer = rest.call("POST", "/stores", {"reserve": 100000, "ttl": 600})
    report.equal(answer.status, 201, f"{title}: POST stores", answer)
    made = answer.json
    report.ok(HEX16.fullmatch(made["id"]), f"{title}: 64 bits of id", made)
    report.ok(answer.location.endswith(f"/m2m/proxy/stores/{made['id']}"), f"{title}: Location", answer.location)
    store = made["id"]
    row = rest.got(f"/stores/{store}")
    report.equal((row["reserve"], row["mode"], row["class"], row["transport"]), (100000, "stream", "adaptive", "rest"),
                 f"{title}: GET store", row)
    answer = rest.put(store, parts[:-1])
    report.equal((answer.status, answer.json), (201, {"first": 1, "last": len(parts) - 1, "stored": len(parts) - 1, "duplicates": 0}),
                 f"{title}: a batch", answer)
    answer = rest.way.call("POST", f"{px.ROOT}/stores/{store}/messages", parts[-1], px.OCTETS)
    report.equal(answer.json, {"first": len(parts), "last": len(parts), "stored": 1, "duplicates": 0}, f"{title}: one unit", answer)
    answer = rest.put(store, parts)
    report.equal((answer.status, answer.json["stored"], answer.json["duplicates"]), (201, 0, len(parts)), f"{title}: the same again", answer)
    view = rest.got(f"/stores/{store}/monitor")
    report.equal((view["messages"], view["octets"], view["reserve"], view["oldest"], view["newest"], view["duplicates"]),
                 (len(parts), sum(map(len, parts)), 100000, 1, len(parts), len(parts)), f"{title}: monitor", view)
    marks = rest.got(f"/stores/{store}")["marks"]
    report.ok(len(marks) == 1 and marks[0]["stream"] == 1, f"{title}: the mark", marks)
    before = row["expires"]
    answer = rest.call("PUT", f"/stores/{store}", {"ttl": 7200})
    report.ok(answer.status == 200 and answer.json["expires"] > before, f"{title}: PUT ttl", answer)
    return store


def forwards(report, rest, title, store, cast):
    """Forwards and control."""
    source, sink, receiver = cast
    parts = len(rest.got(f"/stores/{store}")["marks"]) and rest.got(f"/stores/{store}/monitor")["newest"]
    row = px.sink_row(source, sink, receiver.url, "0-1", batch=3)
    answer = rest.call("POST", f"/stores/{store}/forwards", {"sinks": [row]})
    report.equal(answer.status, 201, f"{title}: POST forwards", answer)
    made = answer.json
    report.ok(answer.location.endswith(f"/m2m/proxy/forwards/{made['id']}") and made["revision"] == 1, f"{title}: its answer", made)
    forward = made["id"]
    report.ok(rest.delivered(forward, receiver.url, parts), f"{title}: the sink has all", lambda: rest.monitor(forward))
    view = rest.monitor(forward)
    report.equal((view["revision"], len(view["sinks"])), (1, 1), f"{title}: monitor of a forward", view)
    lane = view["sinks"][0]
    report.equal((lane["acknowledged"], lane["lag"], lane["keys"], lane["state"]), (parts, 0, 2, "idle"), f"{title}: of its sink", lane)
    shown = rest.got(f"/forwards/{forward}")
    report.equal(shown["sinks"][0]["rk"], [{"stream": 1, "epoch": 0}, {"stream": 1, "epoch": 1}], f"{title}: keys are not shown", shown)
    revision = 1
    for action in ("pause", "resume"):
        answer = rest.control(forward, revision, action)
        report.equal((answer.status, answer.json), (200, {"revision": revision + 1}), f"{title}: {action}", answer)
        again = rest.control(forward, revision, action)
        report.equal((again.status, again.json), (200, {"revision": revision + 1}), f"{title}: {action}, its answer was lost", again)
        revision += 1
    for more in ({"rate": [{"url": receiver.url, "rate": 100000, "batch": 5}]}, {"keys": [{"url": receiver.url, "rk": px.granted(source, sink, "2")[1]}]},
                 {"add": [px.sink_row(source, sink, receiver.url + "2", "0")]}, {"remove": [{"url": receiver.url + "2", "at": "now"}]}):
        answer = rest.control(forward, revision, **more)
        report.equal(answer.status, 200, f"{title}: control {next(iter(more))}", answer)
        revision += 1
    report.equal(rest.monitor(forward)["revision"], revision, f"{title}: revision")
    for old in (1, revision - 2, revision + 1):
        report.equal(rest.control(forward, old, "pause").status, 409, f"{title}: revision {old} is not the present one")
    report.equal(rest.call("DELETE", f"/forwards/{forward}").status, 204, f"{title}: DELETE forward")
    report.equal(rest.call("DELETE", f"/forwards/{forward}").status, 404, f"{title}: and again")


def operations(report, bed):
    """Every operation, by curl and by CoAP"""
    daemon = px.proxy(bed, capacity=CAPACITY)
    receiver = bed.add(px.Sink())
    for number, rest in enumerate(ways(bed, daemon)):
        title = rest.way.name
        source, sink = px.Party(bed, f"source{number}"), px.Party(bed, f"sink{number}")
        parts = px.Stream(source, section=5, epochs=2).lines(1, 20)
        look(report, rest, title)
        store = keeps(report, rest, title, parts)
        report.equal(rest.info()["reserved"], 100000, f"{title}: info tells what is reserved")
        receiver.bodies.clear()
        forwards(report, rest, title, store, (source, sink, receiver))
        lines = queue.Checker()
        lines.take_all(px.opened(sink, source, receiver.units()))
        report.equal(lines.verdict({1: queue.Journal(20, 20)}), [], f"{title}: and can read it")
        view = rest.got(f"/stores/{store}/monitor")
        report.equal(rest.call("POST", f"/stores/{store}/release", {"upto": 10}).status, 204, f"{title}: release")
        gone = wait_for(lambda: rest.got(f"/stores/{store}/monitor")["oldest"] == 11)
        report.ok(gone, f"{title}: what was released goes", lambda: rest.got(f"/stores/{store}/monitor"))
        report.ok(rest.got(f"/stores/{store}/monitor")["octets"] < view["octets"], f"{title}: and makes room")
        report.equal(rest.call("DELETE", f"/stores/{store}").status, 204, f"{title}: DELETE store")
        for path in ("", "/monitor"):
            report.equal(rest.call("GET", f"/stores/{store}{path}").status, 404, f"{title}: GET {path} of what is deleted")
        report.equal(rest.call("DELETE", f"/stores/{store}").status, 404, f"{title}: deleted once")
        report.ok(wait_for(lambda: rest.info()["reserved"] == 0), f"{title}: its space comes back", rest.info)
    daemon.stop()
    daemon.clean_store(report, "--check-store")


# ---- refusals ----

def refusals(report, bed):
    """What is refused, and how"""
    daemon = px.proxy(bed, capacity=CAPACITY, stores_per_owner=3, message_max=4096, batch_bytes=65536)
    source, sink, other = (px.Party(bed, name) for name in ("source", "sink", "other"))
    rest = daemon.rest()
    good = {"reserve": 8192, "ttl": 60}
    for rows, status in (({**good, "class": "rigid"}, 403), ({**good, "reserve": 4095}, 400), ({**good, "reserve": CAPACITY + 1}, 507),
                         ({**good, "reserve": -1}, 400), ({**good, "ttl": 0}, 400), ({**good, "ttl": 10**9}, 400),
                         ({**good, "mode": "x"}, 400), ({**good, "class": 1}, 400), ({**good, "transport": "fax"}, 400),
                         ({**good, "more": 1}, 400), ({"ttl": 60}, 400), ({**good, "allow": ["x"] * 17}, 400),
                         ({**good, "request": "xyz"}, 400), ({**good, "source": {"url": "no url", "sign": "00" * 32}}, 400)):
        report.equal(rest.call("POST", "/stores", rows).status, status, f"POST stores {json.dumps(rows)[:70]}")
    for body in (b"", b"[]", b"{", b'{"reserve":8192,"reserve":8192}', b'{"reserve":8192}x', b'{"reserve":"8192"}', b"\xff", b'{"reserve":8192,"ttl":6' + b"0" * 400000 + b"}"):
        status = rest.way.call("POST", px.ROOT + "/stores", body).status
        report.ok(status in (400, 413), f"POST stores {body[:40]!r}", status)
    report.ok(rest.way.call("POST", px.ROOT + "/stores", b"<a/>", "application/xml").status in (400, 415), "POST stores in XML")
    store, stream = rest.store(8192), px.Stream(source, section=5)
    parts = stream.lines(1, 10)
    where = f"{px.ROOT}/stores/{store}/messages"
    mm1 = queue.units(px.pre("reencrypt", f"--rk={_rk(source, sink)}", data=queue.joined(parts)))
    big = px.Stream(source, 2).seal([b"x" * 5000])
    forged = bytearray(parts[0])
    forged[-1] ^= 1
    for name, body, kind, status in (
            ("nothing", b"", px.OCTETS, 400), ("no unit", b"\x01" * 300, px.OCTETS, 400), ("no batch", b"\x00" * 300, px.OCTETS, 400),
            ("half a unit", parts[0][:-1], px.OCTETS, 400), ("half a batch", queue.joined(parts)[:-1], px.OCTETS, 400),
            ("what was re-encrypted", mm1[0], px.OCTETS, 400), ("JSON", parts[0], px.JSON, 415),
            ("a unit over the largest", queue.joined(big), px.OCTETS, 413), ("a body over the largest", b"\x00" * 80000, px.OCTETS, 413),
            ("a gap: data without its section", queue.joined(parts[1:]), px.OCTETS, 409)):
        answer = rest.way.call("POST", where, body, kind)
        report.equal(answer.status, status, f"POST messages: {name}", answer)
    report.equal(rest.got(f"/stores/{store}/monitor")["messages"], 0, "none of them is there")
    rest.put_all(store, parts[:3])
    report.equal(rest.put(store, parts[4:5]).status, 409, "a gap within a section")
    report.equal(rest.put(store, px.Stream(other).lines(1, 1)).status, 403, "units of another source")
    pinned = rest.store(8192, source={"url": source.url, "sign": source.sign_hex})
    report.equal(rest.put(pinned, [bytes(forged)]).status, 400, "a forged management message, where the key is known")
    report.equal(rest.put(pinned, parts[:2]).status, 201, "the good one")
    rest.store(8192)
    report.equal(rest.call("POST", "/stores", good).status, 403, "one store more than this identity may have")
    row = px.sink_row(source, sink, "http://127.0.0.1:1/sink")
    flat = {**row, "rk": [{**row["rk"][0], "rk": "00" * 96}]}
    for name, rows, status in (("no sinks", {"sinks": []}, 400), ("rk that is no point", {"sinks": [flat]}, 400),
                               ("a short rk", {"sinks": [{**row, "rk": [{"stream": 1, "epoch": 0, "rk": "00"}]}]}, 400),
                               ("a malformed URL", {"sinks": [{**row, "url": "nowhere"}]}, 400),
                               ("a scheme that there is not", {"sinks": [{**row, "url": "ftp://127.0.0.1/x"}]}, 400),
                               ("pkId of other length", {"sinks": [{**row, "pkId": "00"}]}, 400),
                               ("the same URL twice", {"sinks": [row, row]}, 409), ("batch 0", {"sinks": [{**row, "batch": 0}]}, 400),
                               ("batch 257", {"sinks": [{**row, "batch": 257}]}, 400), ("a stream over 16 bits", {"sinks": [row], "from": {"stream": 65536, "epoch": 0, "keyIndex": 0}}, 400),
                               ("17 sinks", {"sinks": [{**row, "url": f"http://127.0.0.1:1/{n}"} for n in range(17)]}, 403)):
        answer = rest.call("POST", f"/stores/{store}/forwards", rows)
        report.equal(answer.status, status, f"POST forwards: {name}", answer)
    forward = rest.forward(store, [row])
    for name, rows, status in (("an action that there is not", {"revision": 1, "action": "dance"}, 400), ("no revision", {"action": "pause"}, 400),
                               ("a sink that is there", {"revision": 1, "action": "change", "add": [row]}, 409),
                               ("keys of a sink that is not there", {"revision": 1, "action": "change", "keys": [{"url": "http://127.0.0.1:1/none", "rk": row["rk"]}]}, 404),
                               ("skip of what was not refused", {"revision": 1, "action": "change", "skip": [{"url": row["url"], "number": 1}]}, 409)):
        answer = rest.call("PUT", f"/forwards/{forward}/control", rows)
        report.equal(answer.status, status, f"PUT control: {name}", answer)
    report.equal(rest.monitor(forward)["revision"], 1, "and nothing has changed")
    for method, path, status in (("GET", "/nothing", 404), ("POST", "/info", 405), ("DELETE", "/info", 405), ("PUT", "/stores", 405),
                                 ("GET", f"/stores/{'0' * 16}", 404), ("GET", "/stores/xyz", 404), ("GET", f"/forwards/{'0' * 16}/monitor", 404)):
        answer = rest.call(method, path, {} if method in ("POST", "PUT") else None)
        report.equal(answer.status, status, f"{method} {path}", answer)


def _rk(source, sink, epochs="0"):
    px.granted(source, sink, epochs)
    return source.bed.path(f"rk-{source.name}-{sink.name}-{epochs}-1")


def rights(report, bed):
    """Whose store it is"""
    daemon = px.proxy(bed, capacity=CAPACITY)
    source, sink = px.Party(bed, "source"), px.Party(bed, "sink")
    mine, named, strange = daemon.rest(), daemon.rest("http://127.0.0.1/named"), daemon.rest(px.OTHER)
    store = mine.store(65536, allow=["claim:http://127.0.0.1/named"])
    forward = mine.forward(store, [px.sink_row(source, sink, "http://127.0.0.1:1/sink")])
    parts = px.Stream(source).lines(1, 3)
    calls = [("GET", f"/stores/{store}", None), ("GET", f"/stores/{store}/monitor", None), ("GET", f"/forwards/{forward}", None),
             ("GET", f"/forwards/{forward}/monitor", None), ("PUT", f"/stores/{store}", {"ttl": 100}),
             ("POST", f"/stores/{store}/release", {"upto": 0}),
             ("PUT", f"/forwards/{forward}/control", {"revision": 1, "action": "pause"}),
             ("POST", f"/stores/{store}/forwards", {"sinks": [px.sink_row(source, sink, "http://127.0.0.1:1/other")]}),
             ("DELETE", f"/forwards/{forward}", None), ("DELETE", f"/stores/{store}", None)]
    for method, path, rows in calls:
        report.equal(strange.call(method, path, rows).status, 403, f"a stranger: {method} {path.replace(store, 'S').replace(forward, 'F')}")
        missing = path.replace(store, "0" * 16).replace(forward, "0" * 16)
        report.equal(strange.call(method, missing, rows).status, 404, "and where there is nothing: 404")
    report.equal(strange.put(store, parts).status, 403, "a stranger: POST messages")
    report.equal(daemon.coap_rest(px.OTHER).call("GET", f"/stores/{store}").status, 403, "a stranger over CoAP")
    report.equal(mine.got(f"/stores/{store}/monitor")["messages"], 0, "nothing has happened")
    nobody = px.Rest(px.HttpWay(Client("127.0.0.1", daemon.port, None)))
    report.equal(nobody.call("GET", "/info").status, 402, "nobody at all")
    report.equal(strange.call("GET", "/info").status, 200, "info is for everybody who is somebody")
    report.equal(named.put(store, parts).status, 201, "who is named stores")
    for method, path, rows in calls:
        answer = named.call(method, path, rows)
        report.ok(answer.status in (200, 201, 204), f"who is named: {method} {path.replace(store, 'S').replace(forward, 'F')}", answer)


def once(report, bed):
    """Requests that come again"""
    daemon = px.proxy(bed, capacity=CAPACITY)
    source, sink = px.Party(bed, "source"), px.Party(bed, "sink")
    rest = daemon.rest()
    rows = {"request": HEX32, "reserve": 8192, "ttl": 100}
    made = [rest.call("POST", "/stores", rows) for _ in range(2)]
    report.equal((made[0].status, made[0].json["id"]), (made[1].status, made[1].json["id"]), "the same store")
    report.equal(rest.call("POST", "/stores", {**rows, "reserve": 8193}).status, 409, "another request under its number")
    report.equal(daemon.rest(px.OTHER).call("POST", "/stores", rows).json["id"] == made[0].json["id"], False, "the number is the identity's own")
    store = made[0].json["id"]
    rows = {"request": HEX32[::-1], "sinks": [px.sink_row(source, sink, "http://127.0.0.1:1/sink")]}
    made = [rest.call("POST", f"/stores/{store}/forwards", rows) for _ in range(2)]
    report.equal((made[0].status, made[0].json["id"]), (made[1].status, made[1].json["id"]), "the same forward")
    daemon.kill()
    daemon.start()
    rest.close()
    report.equal(rest.call("POST", f"/stores/{store}/forwards", rows).json["id"], made[0].json["id"], "after kill -9 as well")
    parts = px.Stream(source, section=4).lines(1, 10)
    rest.put_all(store, parts[:8])
    daemon.kill()
    daemon.start()
    rest.close()
    answer = rest.put(store, parts)
    report.equal((answer.status, answer.json.get("duplicates"), answer.json.get("stored")), (201, 8, len(parts) - 8),
                 "what was stored is known after kill -9", answer)


# ---- capacity ----

class Filler(threading.Thread):
    """A client that stores units of one size until there is no room."""

    def __init__(self, daemon, store, parts):
        super().__init__(daemon=True)
        self.rest, self.store, self.parts, self.taken, self.complaint = daemon.rest(), store, parts, 0, ""

    def run(self):
        for part in self.parts:
            answer = self.rest.put(self.store, [part])
            if answer.status == 507:
                return
            if answer.status != 201:
                self.complaint = repr(answer)
                return
            self.taken += len(part)
        self.complaint = "too few messages to fill it"


class Watcher(threading.Thread):
    """Reads info all the time."""

    def __init__(self, daemon):
        super().__init__(daemon=True)
        self.rest, self.ended, self.complaints, self.seen = daemon.rest(px.OTHER), False, [], 0

    def run(self):
        while not self.ended:
            info = self.rest.info()
            self.seen += 1
            if info["reserved"] > info["capacity"] or info["available"] != info["capacity"] - info["reserved"]:
                self.complaints.append(info)


def capacity(report, bed):
    """Eight clients fill two stores to the octet"""
    whole = 1 << 17
    daemon = px.proxy(bed, capacity=whole, stores_per_owner=64)
    source = px.Party(bed, "source")
    rest = daemon.rest()
    streams = [px.Stream(source, n, section=1000).lines(1, 600) for n in range(1, 9)]
    heads, data = [s[0] for s in streams], [[u for u in s if u[2] == queue.DATA] for s in streams]
    last = px.Stream(source, 9).seal([b"1"])
    least, size = len(last[1]), len(data[0][0])
    watcher = Watcher(daemon)
    watcher.start()
    for number in range(ROUNDS):
        ids = [rest.store(whole // 2) for _ in range(2)]
        report.equal(rest.call("POST", "/stores", {"reserve": 4096, "ttl": 60}).status, 507, f"round {number + 1}: no room for a third store")
        fillers = []
        for n in range(8):
            rest.put_all(ids[n % 2], [heads[n]])
            fillers.append(Filler(daemon, ids[n % 2], data[n]))
        for filler in fillers:
            filler.start()
        for filler in fillers:
            filler.join(px.SECONDS)
        report.equal([f.complaint for f in fillers if f.complaint or f.is_alive()], [], f"round {number + 1}: 201 or 507 alone")
        for n, store in enumerate(ids):
            taken = sum(f.taken for f in fillers[n::2]) + sum(len(h) for h in heads[n::2])
            view = rest.got(f"/stores/{store}/monitor")
            report.equal(view["octets"], taken, f"round {number + 1}: store {n + 1} has what was acknowledged, to the octet")
            report.ok(view["reserve"] - size < taken <= view["reserve"], f"round {number + 1}: and is full", view)
            exact(report, rest, store, source, least, f"round {number + 1}: store {n + 1}")
        for store in ids:
            rest.call("DELETE", f"/stores/{store}")
        report.ok(wait_for(lambda: rest.info()["reserved"] == 0), f"round {number + 1}: all of it comes back", rest.info)
    races(report, daemon, whole)
    watcher.ended = True
    watcher.join(30)
    report.ok(watcher.seen > 10 and not watcher.complaints, "reserved was never over capacity", (watcher.seen, watcher.complaints[:3]))


def exact(report, rest, store, source, least, title):
    """Fills what is left with one message of that size, if one can be so small; then nothing more fits."""
    view = rest.got(f"/stores/{store}/monitor")
    room = view["reserve"] - view["octets"]
    number = 20 + int(store[:2], 16)
    head, unit, _ = px.Stream(source, number).seal([b"x" * max(1, room - least + 1)])
    if len(head) + least > room:
        report.equal(rest.put(store, [head, unit]).status, 507, f"{title}: {room} octets are too few for a section")
        return
    head, unit, _ = px.Stream(source, number).seal([b"x" * (room - len(head) - least + 1)])
    report.equal((len(head) + len(unit), rest.put(store, [head, unit]).status), (room, 201), f"{title}: the last {room} octets")
    view = rest.got(f"/stores/{store}/monitor")
    report.equal(view["octets"], view["reserve"], f"{title}: full to the octet")
    report.equal(rest.put(store, px.Stream(source, number + 1).seal([b"x"])).status, 507, f"{title}: and nothing more")


def races(report, daemon, whole):
    """Reservations at a time: as many as there is room for."""
    answers, lock = [], threading.Lock()

    def reserve():
        rest = daemon.rest()
        for _ in range(4):
            status = rest.call("POST", "/stores", {"reserve": whole // 8, "ttl": 60}).status
            with lock:
                answers.append(status)
        rest.close()

    threads = [threading.Thread(target=reserve, daemon=True) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(px.SECONDS)
    report.equal((answers.count(201), answers.count(507)), (8, 24), "of 32 reservations at a time 8 fit", answers)


# ---- monitors ----

def events(text):
    """[{field: value}] of a text/event-stream."""
    return [dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":") and ": " in line)
            for block in text.split("\n\n") if block.strip()]


def curl_events(daemon, path, last=None):
    """curl reads an event stream until its end."""
    line = ["curl", "-s", "-N", "-H", f"From: {px.OWNER}", "-H", "Accept: text/event-stream", "--max-time", str(IDLE)]
    if last:
        line += ["-H", f"Last-Event-ID: {last}"]
    return subprocess.Popen([*line, f"{daemon.origin}{px.ROOT}{path}"], stdout=subprocess.PIPE, text=True)


def sse(report, bed):
    """Monitors as server-sent events"""
    daemon = px.proxy(bed, capacity=CAPACITY, monitor_interval="50 ms")
    source = px.Party(bed, "source")
    rest, stream = daemon.rest(), px.Stream(source)
    store = rest.store(65536)
    path = f"/stores/{store}/monitor"
    text, _ = curl_events(daemon, path).communicate(timeout=px.SECONDS)
    found = events(text)
    report.ok(len(found) == 1 and {"retry", "id", "event", "data"} <= set(found[0]), "one event", text)
    report.equal((found[0]["event"], json.loads(found[0]["data"])["messages"]), ("monitor", 0), "with the state", text)
    waiting = curl_events(daemon, path, found[0]["id"])
    began = time.monotonic()
    report.equal(curl_events(daemon, path, "0-0").communicate(timeout=px.SECONDS)[0][:6], "retry:", "another id is answered at once")
    report.ok(waiting.poll() is None, "the same id waits")
    rest.put_all(store, stream.lines(1, 2))
    text, _ = waiting.communicate(timeout=px.SECONDS)
    after = events(text)
    report.ok(after and json.loads(after[0]["data"])["messages"] == 4 and after[0]["id"] != found[0]["id"], "until something changes", text)
    report.ok(time.monotonic() - began < 25, "at once", time.monotonic() - began)
    answer = rest.call("GET", path + "?after=" + after[0]["id"][:-1] + "x", headers={"Accept": "text/event-stream"})
    report.ok(answer.status == 200 and b"data:" in answer.body, "after= in the query", answer)
    report.equal(rest.call("GET", path).json["messages"], 4, "without Accept it is JSON")
    stranger = daemon.rest(px.OTHER).call("GET", path, headers={"Accept": "text/event-stream"})
    report.equal(stranger.status, 403, "not for strangers")
    if reports.LONG:
        text, _ = curl_events(daemon, path, after[0]["id"]).communicate(timeout=px.SECONDS)
        report.ok(": idle" in text and "data:" not in text, "nothing for 30 s: a comment", text)
    many(report, daemon, path, after[0]["id"])


def many(report, daemon, path, last):
    """More readers than may wait."""
    count = 300
    sockets = []
    ask = (f"GET {px.ROOT}{path} HTTP/1.1\r\nHost: 127.0.0.1\r\nFrom: {px.OWNER}\r\nAccept: text/event-stream\r\n"
           f"Last-Event-ID: {last}\r\n\r\n").encode()
    for _ in range(count):
        sock = socket.create_connection(("127.0.0.1", daemon.port), timeout=30)
        sock.sendall(ask)
        sockets.append(sock)
    def answered():
        found = 0
        for sock in sockets:
            sock.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                found += bool(sock.recv(1, socket.MSG_PEEK))
        return found
    report.ok(wait_for(lambda: answered() >= count - 256), "readers over proxy.watchers_max are answered", answered)
    report.equal(daemon.rest().call("GET", "/info").status, 200, "others are served meanwhile")
    for sock in sockets:
        sock.close()


def observed(report, bed):
    """Monitors observed over CoAP"""
    daemon = px.proxy(bed, capacity=CAPACITY, monitor_interval="50 ms")
    source, sink = px.Party(bed, "source"), px.Party(bed, "sink")
    receiver = bed.add(px.Sink())
    rest, stream = daemon.rest(), px.Stream(source)
    store = rest.store(65536)
    watch = daemon.coap(who=px.OWNER).observe(f"{px.ROOT}/stores/{store}/monitor")
    report.equal((watch.code, watch.number is not None, json.loads(watch.fresh)["messages"]), ("2.05", True, 0), "observed")
    client, output = None, bed.path("coap-client")

    def heard():
        with open(output, "rb") as file:
            return file.read()
    if shutil.which(COAP_CLIENT):
        with open(output, "wb") as file:
            client = subprocess.Popen([COAP_CLIENT, "-s", str(px.SECONDS), "-B", str(px.SECONDS),
                                       f"coap://127.0.0.1:{daemon.coap_port}{px.ROOT}/stores/{store}/monitor?RequestingEntity={px.OWNER}"],
                                      stdout=file, stderr=subprocess.STDOUT)
        report.ok(wait_for(lambda: b'"messages":0' in heard()), f"{COAP_CLIENT} observes", heard)
    else:
        report.skip(COAP_CLIENT, "not installed")
    rest.put_all(store, stream.lines(1, 2))
    report.ok(wait_for(lambda: watch.wait(1) and json.loads(watch.fresh)["messages"] == 4), "a change is told", watch.fresh)
    if client:
        report.ok(wait_for(lambda: b'"messages":4' in heard()), f"{COAP_CLIENT} hears of it", heard)
        client.kill()
        client.wait()
    forward = rest.forward(store, [px.sink_row(source, sink, receiver.url)])
    watch = daemon.coap(who=px.OWNER).observe(f"{px.ROOT}/forwards/{forward}/monitor")
    report.ok(watch.code == "2.05" and watch.number is not None, "a forward can be observed", watch.code)
    rest.put_all(store, stream.lines(3, 4))
    newest = rest.got(f"/stores/{store}/monitor")["newest"]
    report.ok(wait_for(lambda: watch.wait(1) and json.loads(watch.fresh)["sinks"][0]["acknowledged"] == newest),
              "its progress is told", watch.fresh)
    # The lane may have something to tell of its end.
    report.ok(wait_for(lambda: not watch.wait(1), 10), "and then nothing else", lambda: (watch.told, watch.fresh))


# ---- CoAP ----

def fig5(unit, mid, who, *, target=None, store=None, kind=coap.CON):
    """A unit as a message of Fig. 5."""
    url_at = 38
    length, = struct.unpack_from(">H", unit, 36)
    url = unit[url_at:url_at + length]
    rest_at = url_at + length + 2 + struct.unpack_from(">H", unit, url_at + length)[0]
    options = [(coap.CONTENT_FORMAT, b"\x2a"), (coap.URI_QUERY, b"RequestingEntity=" + who.encode()),
               (coap.PROXY_URI, (target or "coap://m2m.invalid/").encode()), (SOURCE_URI, url)]
    if store:
        options.append((STORE, bytes.fromhex(store)))
    return coap.Packet(kind, coap.POST, mid, unit[32:36], options, unit[:32] + unit[rest_at:])


def form_in(report, bed):
    """The form of Fig. 5, to a proxy"""
    daemon = px.proxy(bed, capacity=CAPACITY)
    source = px.Party(bed, "source")
    rest, stream = daemon.rest(), px.Stream(source)
    known = {"url": source.url, "sign": source.sign_hex}
    store = rest.store(65536, source=known)
    endpoint = daemon.coap(who=px.OWNER).caller.endpoint
    parts = stream.lines(1, 6)
    first = fig5(parts[0], 0, px.OWNER, store=store)
    report.equal(first.encode()[:2].hex(), "4402", "CON, POST, token of 4")
    for number, part in enumerate(parts):
        packet = fig5(part, 0, px.OWNER, store=store if number % 2 else None, target="coap://b.example/m2m/proxy/inbox" if number > 2 else None)
        answer = endpoint.exchange(packet)
        # The sink's name is a label of the unit: with another one it is another unit, of the same place in the stream.
        report.equal(coap.code_text(answer.code), "2.01", f"unit {number} ({'with' if number % 2 else 'without'} the store)", answer)
    report.equal(rest.got(f"/stores/{store}/monitor")["messages"], len(parts), "all are there")
    answer = endpoint.exchange(fig5(parts[-1], 0, px.OWNER, store=store))
    report.equal(coap.code_text(answer.code), "2.01", "again")
    report.equal(rest.got(f"/stores/{store}/monitor")["messages"], len(parts), "and known")
    more = stream.lines(7, 8)
    for part in more:
        packet = fig5(part, endpoint.next_mid(), px.OWNER, store=store, kind=coap.NON)
        endpoint.send(packet)
        count = len(parts) + more.index(part) + 1
        report.ok(wait_for(lambda n=count: rest.got(f"/stores/{store}/monitor")["messages"] == n), "a NON is stored alike")
    for name, packet, code in (("of a stranger", fig5(parts[0], 0, px.OTHER, store=store), "4.03"),
                               ("for a store that there is not", fig5(parts[0], 0, px.OWNER, store="0" * 16), "4.04"),
                               ("without a unit", coap.Packet(coap.CON, coap.POST, 0, b"abcd", first.options, b"\x01" * 40), "4.00"),
                               ("with a token of 2", coap.Packet(coap.CON, coap.POST, 0, b"ab", first.options, first.payload), "4.00")):
        answer = endpoint.exchange(packet)
        report.equal(coap.code_text(answer.code), code, name, answer)
    rest.store(65536)
    answer = endpoint.exchange(fig5(parts[0], 0, px.OWNER))
    report.equal(coap.code_text(answer.code), "2.01", "the store with that source is found among others", answer)
    for part in px.Stream(source, 2).seal([b"L" * 5000]):
        report.equal(in_blocks(daemon, fig5(part, 0, px.OWNER, store=store)), "2.01", f"in blocks: {len(part)} octets")
    report.equal(rest.got(f"/stores/{store}/monitor")["messages"], len(parts) + len(more) + 3, "all of them are there")
    rest.store(65536, source=known)
    answer = endpoint.exchange(fig5(parts[0], 0, px.OWNER))
    report.equal(coap.code_text(answer.code), "4.00", "two stores with that source: it has to be said which", answer)


def in_blocks(daemon, packet):
    """Code of the answer to a message whose blocks have its token in common."""
    caller, at, body = daemon.coap(who=px.OWNER).caller, 0, packet.payload
    while True:
        block = coap.Block(at // 512, at + 512 < len(body), 5)
        answer = caller.once(coap.POST, [*packet.options, (coap.BLOCK1, block.value())], body[at:at + 512], packet.token)
        at += 512
        if answer.code != coap.CONTINUE or not block.more:
            caller.close()
            return coap.code_text(answer.code)


class CoapTaker(threading.Thread):
    """A sink over CoAP: keeps the datagrams as they came, answers 2.04."""

    def __init__(self):
        super().__init__(daemon=True)
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind(("127.0.0.1", 0))
        self.sock.settimeout(0.1)
        self.port, self.datagrams, self.ended = self.sock.getsockname()[1], [], False
        self.start()

    def run(self):
        seen = set()
        while not self.ended:
            try:
                data, peer = self.sock.recvfrom(65535)
            except TimeoutError:
                continue
            packet = coap.parse(data)
            if packet.code == coap.POST:
                block = packet.block(coap.BLOCK1)
                options = [(coap.BLOCK1, block.value())] if block else []
                code = coap.CONTINUE if block and block.more else coap.CHANGED
                self.sock.sendto(coap.Packet(coap.ACK, code, packet.mid, packet.token, options).encode(), peer)
                if packet.mid not in seen:
                    self.datagrams.append(data)
                seen.add(packet.mid)
            elif packet.type == coap.CON:
                self.sock.sendto(coap.Packet(coap.RST, 0, packet.mid).encode(), peer)

    def close(self):
        """Ends it."""
        self.ended = True
        self.join(10)
        self.sock.close()


def form_out(report, bed):
    """The form of Fig. 5, from a proxy to a sink, octet by octet"""
    daemon = px.proxy(bed, capacity=CAPACITY, threads=1)
    source, sink = px.Party(bed, "source", "http://gw.example/m2m"), px.Party(bed, "sink")
    taker = bed.add(CoapTaker())
    rest = daemon.rest()
    store = rest.store(65536)
    parts = px.Stream(source).lines(1, 5)
    rest.put_all(store, parts)
    url = f"coap://127.0.0.1:{taker.port}/m2m/proxy/inbox"
    forward = rest.forward(store, [px.sink_row(source, sink, url)])
    report.ok(rest.delivered(forward, url, len(parts)), "delivered", lambda: f"{rest.monitor(forward)}\n{daemon.log_tail()}")
    report.equal(len(taker.datagrams), len(parts), "one datagram for each unit")
    out = queue.units(px.pre("reencrypt", f"--rk={_rk(source, sink)}", data=queue.joined(parts)))
    for number, (data, unit) in enumerate(zip(taker.datagrams, out)):
        rest_at = 36 + 2 + len(source.url) + 2
        head = bytes([0x44, 2]) + data[2:4] + unit[32:36]
        tail = b"\xed\xfc\xcf\x08" + source.url.encode() + b"\xff" + unit[:32] + unit[rest_at:]
        report.ok(data.startswith(head), f"unit {number}: version, CON, POST, the message number as token", data[:16].hex())
        report.ok(data.endswith(tail), f"unit {number}: Source-Uri, HDR and rest", (data.hex(), tail.hex()))
        packet = coap.parse(data)
        report.equal(packet.texts(coap.URI_PATH), ["m2m", "proxy", "inbox"], f"unit {number}: Uri-Path")
        allowed = {coap.URI_HOST, coap.URI_PORT, coap.URI_PATH, coap.URI_QUERY, coap.CONTENT_FORMAT, SOURCE_URI}
        report.ok({n for n, _ in packet.options} <= allowed, f"unit {number}: and no other options", packet.options)
        report.equal(packet.first(coap.CONTENT_FORMAT), b"\x2a", f"unit {number}: application/octet-stream")


def found(report, bed):
    """Proxies are found"""
    daemon = px.proxy(bed, capacity=CAPACITY)
    plain = px.ProxyDaemon(bed, "nscl", name="plain").start()
    for one, there in ((daemon, True), (plain, False)):
        client = one.client()
        answer = client.get("/m2m/discovery?searchString=Capability%2Fproxy")
        report.equal((answer.status, b"/m2m/proxy" in answer.body), (200, there), f"{one.name}: discovery", answer)
        client.close()
        answer = one.coap(who=px.OWNER).get("/.well-known/core?title=Capability/proxy")
        report.equal(b"/m2m/proxy" in answer.body, there, f"{one.name}: /.well-known/core", answer)
        client = one.rest()
        report.equal(client.call("GET", "/info").status, 200 if there else 404, f"{one.name}: info")


def without(report, bed):
    """A build without pairings is no proxy"""
    daemon = px.ProxyDaemon(bed, "gscl").start()
    report.equal(daemon.rest().call("GET", "/info").status, 404, "info")
    report.ok(b"/m2m/proxy" not in daemon.coap(who=px.OWNER).get("/.well-known/core").body, "/.well-known/core")
    daemon.stop()
    daemon.set(enabled=True)
    daemon.spawn()
    code = daemon.process.wait(60)
    daemon.process.stdout.close()
    daemon.process = None
    report.ok(code not in (0, None) and "pairing" in daemon.log(), "proxy.enabled: the start fails with the reason", (code, daemon.log()))


PARTS = (operations, refusals, rights, once, capacity, sse, observed, form_in, form_out, found)


if __name__ == "__main__":
    reports.run(*([without] if px.without_pairings() else [p for p in PARTS if p.__name__ in sys.argv[1:]] or PARTS))
