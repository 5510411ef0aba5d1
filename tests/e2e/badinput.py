#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Everything a client can do wrong or slowly: it gets a clear answer, others do not notice."""

import concurrent.futures
import random
import resource
import socket
import sys
import time

import bad_documents
from lib import report as reports
from lib import xml
from lib.bed import wait_for
from lib.daemon import Daemon
from lib.raw import Raw, exchange, head, post

GROWTH_KIB = 96 << 10       # anonymous memory that all of a part may add
PROMPT = 5.0                # seconds; on a loaded machine still far from any time-out of the daemon
COLLECTION = "/m2m/applications/bad/containers"
SAMPLE = 10**9 if reports.LONG else 60
IDLE = 2000
HASTY = ("http.header_timeout=2", "http.request_timeout=2", "http.idle_timeout=5")   # seconds; half requests end soon
AT_ONCE = 16


class Guard:
    """The daemon under attack and a client that must not notice."""

    def __init__(self, report, bed, kind="nscl", **more):
        self.report = report
        self.daemon = Daemon(bed, kind, **more).start()
        self.client = self.daemon.client()
        self.client.create("/m2m/applications", xml.application("bad"))
        self.client.create(COLLECTION, xml.container("c", 50))
        self.port, self.host = self.daemon.port, f"127.0.0.1:{self.daemon.port}"
        for _ in range(50):
            self.served()
        self.room = GROWTH_KIB * (4 if self.daemon.sanitized() else 1)
        self.before, self.files = self.daemon.rss_anon(), self.daemon.descriptors()

    def served(self):
        """Seconds a creation, a look and a deletion take; None when something is wrong."""
        started = time.monotonic()
        self.client.get("/m2m")     # opens the connection again when it had been idle for too long
        path = f"{COLLECTION}/c/contentInstances"
        answers = [self.client.post(path, xml.instance("ref", "ref")).status,
                   self.client.get(f"{path}/ref").status, self.client.delete(f"{path}/ref").status]
        return time.monotonic() - started if answers == [201, 200, 204] else None

    def post(self, target, body, kind="application/xml"):
        """A POST with the right Host."""
        return post(target, body, kind, self.host)

    def send(self, data, **more):
        """One exchange."""
        return exchange(self.port, data, **more)

    def send_all(self, requests):
        """Replies to damaged requests, several at a time."""
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            return list(pool.map(lambda data: exchange(self.port, data, ends=True), requests))

    def refused(self, name, data, statuses=(400,), **more):
        """One result: a clear 4xx with errorInfo."""
        reply = self.send(data, **more)
        self.report.ok(reply.status in statuses and reply.has_error_info, name,
                       lambda: f"{reply!r}, expected {statuses}")
        return reply

    def refused_early(self, name, data, statuses=(400,), **more):
        """One result: a 4xx of whatever form, or the end of the connection."""
        reply = self.send(data, **more)
        self.report.ok(reply.status in statuses or (not reply.status and reply.closed), name,
                       lambda: f"{reply!r}, expected {statuses} or closed")
        return reply

    def unharmed(self, part):
        """Results: the daemon lives, serves, has neither grown nor kept descriptors."""
        if not self.report.ok(self.daemon.alive(), f"{part}: alive", self.daemon.log_tail):
            return
        seconds = self.served()
        self.report.ok(seconds is not None and seconds < PROMPT, f"{part}: others are served", seconds)
        grown = self.daemon.rss_anon() - self.before
        self.report.ok(grown < self.room, f"{part}: memory is bounded", f"{grown} KiB more")
        closed = wait_for(lambda: self.daemon.descriptors() <= self.files + 16, timeout=30)
        self.report.ok(closed, f"{part}: no descriptors are left", self.daemon.descriptors())


def documents(report, bed):
    """XML and JSON that is broken, huge, deep, hostile or of the wrong type."""
    for kind in ("nscl", "gscl", "dscl") if reports.LONG else ("nscl",):
        guard = Guard(report, bed, kind)
        groups = (("XML", "application/xml", bad_documents.xml_documents(), (400,)),
                  ("JSON", "application/json", bad_documents.json_documents(), (400,)),
                  ("huge", "application/xml", bad_documents.huge_documents(), (400, 413)))
        for group, media, bodies, statuses in groups:
            for name, body in bodies:
                guard.refused(f"{kind} {group}: {name}", guard.post(COLLECTION, body, media), statuses)
            guard.unharmed(f"{kind} {group}")
        secrets(guard)
        values(guard)
        guard.unharmed(f"{kind} values")
        guard.client.close()
        guard.daemon.stop()


def secrets(guard):
    """External entities are not read."""
    for name, body in bad_documents.external_entities():
        reply = guard.refused(f"external entity: {name}", guard.post(COLLECTION, body))
        guard.report.ok(b"root:" not in reply.body, f"external entity: {name}: nothing is disclosed", reply)
    listed = guard.client.get(COLLECTION)
    guard.report.ok(b"root:" not in listed.body, "external entity: nothing is stored", listed)


def values(guard):
    """Well-formed documents with values that cannot be."""
    before = sorted(xml.names(guard.client.get(COLLECTION).xml(), "containerCollection"))
    for name, target, body in bad_documents.wrong_values():
        guard.refused(name, guard.post(target, body))
    for name, target, body, replaced, by in bad_documents.hostile_headers():
        guard.refused(name, guard.post(target, body).replace(replaced, by, 1))
        for path in ("", "/subscriptions", "/contentInstances", "/contentInstances/subscriptions"):
            shown = guard.client.get(f"{COLLECTION}/c{path}")
            if shown.status != 200:
                guard.report.ok(False, f"{name}: c{path} can still be read", shown)
    for name, target, body, status in bad_documents.ids():
        reply = guard.send(guard.post(target, body))
        guard.report.ok(reply.status == status and (status == 201 or reply.has_error_info), name, reply)
        if reply.status == 201:
            place = "/" + reply.headers["location"].split("/", 3)[-1]
            guard.report.equal(guard.client.delete(place).status, 204, f"{name}: and it can be addressed", place)
    for path in bad_documents.paths():
        reply = guard.send(head("GET", path, guard.host))
        guard.report.ok(reply.status in (400, 404) or (reply.closed and not reply.status), f"GET {path[:60]!r}", reply)
    for query in bad_documents.queries():
        guard.refused(f"query {query[:50]}", head("GET", f"{COLLECTION}/c/contentInstances?{query}", guard.host))
    after = sorted(xml.names(guard.client.get(COLLECTION).xml(), "containerCollection"))
    guard.report.equal(after, before, "nothing refused has left a trace")


def split_points(size):
    """Positions 0..size, or a sample of them that always has both ends."""
    points = list(range(size + 1))
    if len(points) <= SAMPLE:
        return points
    return sorted({0, 1, size - 1, size, *random.Random(size).sample(points, SAMPLE)})


def split(report, bed):
    """A valid request in two pieces, cut at every byte."""
    guard = Guard(report, bed, options=HASTY)
    data = guard.post(f"{COLLECTION}/c/contentInstances", xml.instance("split"))
    wrong = []
    for point in split_points(len(data)):
        with Raw(guard.port) as raw:
            raw.send(data[:point])
            time.sleep(0.002)       # lets the first piece travel alone
            raw.send(data[point:])
            reply = raw.reply()
        if reply.status != 201:
            wrong.append(f"cut at {point}: {reply!r}")
    report.ok(not wrong, "cut anywhere, it is carried out", "\n".join(wrong))
    with Raw(guard.port) as raw:
        for byte in range(len(data)):
            raw.send(data[byte:byte + 1])
        report.equal(raw.reply().status, 201, "byte by byte, it is carried out")
    pieces = [data[:point] for point in split_points(len(data) - 1)]
    unfinished = [f"ended at {len(piece)}: {reply!r}" for piece, reply in zip(pieces, guard.send_all(pieces))
                  if not (reply.closed or 400 <= reply.status < 500)]
    report.ok(not unfinished, "ended anywhere, nothing hangs", "\n".join(unfinished))
    for point in split_points(len(data) - 1):
        raw = Raw(guard.port)
        raw.send(data[:point])
        raw.abort()
    guard.unharmed("split")


def mutations(data):
    """(what, bytes): every byte flipped in several ways, doubled, or removed."""
    points = split_points(len(data) - 1)
    for at in points:
        for mask in (0x01, 0x20, 0x80, 0xff):
            yield f"byte {at} xor {mask:#x}", data[:at] + bytes([data[at] ^ mask]) + data[at + 1:]
        yield f"byte {at} removed", data[:at] + data[at + 1:]
        yield f"byte {at} doubled", data[:at + 1] + data[at:]
        yield f"byte {at} zero", data[:at] + b"\0" + data[at + 1:]


def flips(report, bed):
    """Every byte of a valid request wrong, one at a time."""
    guard = Guard(report, bed, options=HASTY)
    guard.client.create(COLLECTION, xml.container("victim"))
    requests = (guard.post(f"{COLLECTION}/c/contentInstances", xml.instance("flip", "f")),
                guard.post(f"{COLLECTION}/c/contentInstances", '{"contentInstance":{"content":{"contentType":"text/plain",'
                     '"textContent":"flip"}}}', "application/json"),
                head("PUT", f"{COLLECTION}/victim", guard.host, Content_Type="application/xml",
                     Content_Length=len(xml.container(None, 50))) + xml.container(None, 50).encode())
    wrong, count = [], 0
    for data in requests:
        damaged = list(mutations(data))
        count += len(damaged)
        for (what, _), reply in zip(damaged, guard.send_all(changed for _, changed in damaged)):
            if reply.status in (0, 501, 505) or 200 <= reply.status < 300:
                continue
            if not 400 <= reply.status < 500:
                wrong.append(f"{what} of {data[:20]!r}: {reply!r}")
    report.ok(not wrong, f"{count} damaged requests: success, a 4xx, 501, 505 or the end", "\n".join(wrong))
    guard.unharmed("flips")


def protocol(report, bed):
    """Requests that HTTP does not allow, and odd ones that it does."""
    guard = Guard(report, bed, options=HASTY)
    bad_heads(guard)
    lengths(guard)
    chunked(guard)
    good_forms(guard)
    pipelined(guard)
    guard.unharmed("protocol")


def bad_heads(guard):
    """Headers."""
    host = guard.host
    for name, data in bad_documents.odd_heads(host):
        reply = guard.send(data, ends=True, timeout=30)
        guard.report.ok(reply.closed or reply.status in (200, 400, 402), f"{name}: refused or harmless", reply)
    for name, data in bad_documents.bad_heads(host):
        guard.refused_early(name, data, (400, 404, 405, 414, 431, 501, 505), ends=True, timeout=30)
    guard.refused_early("no Host", head("GET", "/m2m", None))
    guard.refused("From twice", head("GET", "/m2m", host)[:-2] + b"From: http://other/\r\n\r\n")
    guard.refused("Content-Type twice",
                  guard.post(COLLECTION, xml.container("t")).replace(b"Host", b"Content-Type: text/xml\r\nHost", 1))
    guard.refused("no From", head("GET", "/m2m", host, None), (402,))
    guard.refused("From is no URI", head("GET", "/m2m", host, "nonsense with spaces"))
    for size in (20000, 300000):
        guard.refused_early(f"target of {size}", head("GET", "/m2m/" + "a" * size, host), (414, 431))
        guard.refused_early(f"header of {size}", head("GET", "/m2m", host, X_Big="a" * size), (431,))
        guard.refused_early(f"query of {size}", head("GET", "/m2m?searchString=" + "a" * size, host), (414, 431))
    many = {f"X_{n}": "v" for n in range(5000)}
    guard.refused_early("5000 headers", head("GET", "/m2m", host, **many), (431,))


def lengths(guard):
    """Content-Length and Transfer-Encoding."""
    body = xml.instance("len").encode()
    target = f"{COLLECTION}/c/contentInstances"
    for value in ("-1", "abc", "0x10", "1e3", "18446744073709551616", "9223372036854775808", "+5", "5 5", "5,6", ""):
        data = head("POST", target, guard.host, Content_Type="application/xml", Content_Length=value) + body
        guard.refused_early(f"Content-Length {value!r}", data, (400, 411, 413), ends=True)
    two = head("POST", target, guard.host, Content_Type="application/xml", Content_Length=len(body))
    guard.refused_early("two Content-Lengths", two[:-2] + b"Content-Length: 5\r\n\r\n" + body, ends=True)
    both = two[:-2] + b"Transfer-Encoding: chunked\r\n\r\n" + b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    smuggled = both + head("DELETE", f"{COLLECTION}/c", guard.host)
    guard.refused_early("Content-Length and Transfer-Encoding", smuggled)
    guard.report.equal(guard.client.get(f"{COLLECTION}/c").status, 200, "and what was smuggled behind it is not done")
    for coding in ("gzip", "chunked, gzip", "identity, chunked", "chunked, chunked", "xchunked"):
        data = head("POST", target, guard.host, Content_Type="application/xml", Transfer_Encoding=coding) \
            + b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
        guard.refused_early(f"Transfer-Encoding {coding}", data, (400, 501), ends=True)
    big = head("POST", COLLECTION, guard.host, Content_Type="application/xml", Content_Length=1 << 30)
    guard.refused("a body of 1 GiB is announced", big, (413,))
    guard.refused("with Expect", big[:-2] + b"Expect: 100-continue\r\n\r\n", (413,))


def chunk(body, size=7):
    """body in chunks."""
    parts = [body[i:i + size] for i in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in parts) + b"0\r\n\r\n"


def chunked(guard):
    """Chunked bodies."""
    body, target = xml.instance("chunked").encode(), f"{COLLECTION}/c/contentInstances"
    start = head("POST", target, guard.host, Content_Type="application/xml", Transfer_Encoding="chunked")
    for size in (1, 7, 100000):
        guard.report.equal(guard.send(start + chunk(body, size)).status, 201, f"chunks of {size}")
    extended = start + b"%x;name=value\r\n%s\r\n0\r\nX-Trailer: 1\r\n\r\n" % (len(body), body)
    reply = guard.send(extended)
    guard.report.ok(reply.status == 201 or 400 <= reply.status < 500, "chunk extension and trailer", reply)
    for name, data in (("no number", b"zz\r\nab\r\n0\r\n\r\n"), ("negative", b"-5\r\nabcde\r\n0\r\n\r\n"),
                       ("too large a number", b"ffffffffffffffffff\r\nab\r\n"), ("empty size", b"\r\nab\r\n0\r\n\r\n"),
                       ("no line end after the data", b"2\r\nabcd\r\n0\r\n\r\n"),
                       ("endless size line", b"1;" + b"x" * 200000)):
        guard.refused_early(f"chunk: {name}", start + data, (400, 413, 431), ends=True)
    guard.refused("chunked body over the limit", start + chunk(b"x" * (3 << 20), 65536), (413,))


def good_forms(guard):
    """HTTP/1.0, absolute-form, 100-continue."""
    report, host = guard.report, guard.host
    with Raw(guard.port) as raw:
        raw.send(head("GET", "/m2m", host, version="HTTP/1.0"))
        report.equal(raw.reply().status, 200, "HTTP/1.0")
        report.ok(raw.closed_within(30) is not None, "HTTP/1.0 ends the connection")
    reply = guard.send(head("GET", "/m2m", None, version="HTTP/1.0"))
    report.ok(reply.status == 200 or (reply.status == 400 and reply.has_error_info), "HTTP/1.0 without Host", reply)
    report.equal(guard.send(head("GET", f"http://{host}/m2m", host)).status, 200, "absolute-form")
    report.equal(guard.send(head("GET", f"http://{host}/m2m", "elsewhere")).status, 200,
                 "absolute-form counts more than Host")
    guard.refused("absolute-form of nobody", head("GET", "http://nobody.example.org/m2m", host), (404,))
    with Raw(guard.port) as raw:
        body = xml.instance("continue").encode()
        raw.send(head("POST", f"{COLLECTION}/c/contentInstances", host, Content_Type="application/xml",
                      Content_Length=len(body), Expect="100-continue"))
        first = raw.sock.recv(25)
        report.ok(first.startswith(b"HTTP/1.1 100"), "100 Continue", first)
        raw.send(body)
        raw.buffer = first
        report.equal(raw.reply().status, 201, "and the body after it")
    with Raw(guard.port) as raw:
        raw.send(head("GET", "/m2m", host, Connection="close"))
        report.equal(raw.reply().status, 200, "Connection: close")
        report.ok(raw.closed_within(30) is not None, "Connection: close ends the connection")


def pipelined(guard):
    """Many requests before the first answer."""
    count, target = 50, f"{COLLECTION}/c/contentInstances"
    data = b"".join(guard.post(target, xml.instance(f"p{n}", f"p{n}"))
                    + head("GET", f"{target}/p{n}/content", guard.host) for n in range(count))
    got = []
    with Raw(guard.port) as raw:
        raw.send(data)
        for _ in range(count):
            got.append((raw.reply().status, raw.reply().body.decode()))
    guard.report.equal(got, [(201, f"p{n}") for n in range(count)], "pipelined requests are answered in order")
    with Raw(guard.port) as raw:
        raw.send(head("GET", "/m2m", guard.host) * 20 + b"NONSENSE\r\n\r\n" + head("GET", "/m2m", guard.host) * 20)
        statuses = [raw.reply().status for _ in range(20)]
    guard.report.equal(statuses, [200] * 20, "good requests before nonsense are answered")


def raise_descriptors(wanted):
    """Raises the limit of open files; what was got."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    return limit


SLOW = ('http.header_timeout="1500 ms"', 'http.request_timeout="3 s"', "http.min_rate=0", 'http.idle_timeout="2 s"')


def slow(report, bed):
    """Slow and dripping headers and bodies, idle connections."""
    options = [o.replace('"', "") for o in SLOW]
    guard = Guard(report, bed, options=options)
    target = f"{COLLECTION}/c/contentInstances"
    partial = head("GET", "/m2m", guard.host)[:-10]
    with Raw(guard.port) as raw:
        raw.send(partial)
        took = raw.closed_within(30)
        report.ok(took is not None and took > 0.5, "an unfinished header: closed at the deadline", took)
    with Raw(guard.port) as raw:
        took, answer = drip(raw, b"GET /m2m HTTP/1.1\r\nHost: x\r\nX-Slow: " + b"a" * 2000, 0.05)
        report.ok(took is not None and took < 20, "a dripping header: closed at the deadline", f"{took} {answer!r}")
    with Raw(guard.port) as raw:
        took = raw.closed_within(30)
        report.ok(took is not None, "a connection without a request: closed", took)
    start = head("POST", target, guard.host, Content_Type="text/plain", Content_Length=1000)
    with Raw(guard.port) as raw:
        raw.send(start + b"abc")
        reply = raw.reply(40)
        report.ok(reply.status == 408 and reply.has_error_info, "a body that stops: 408", reply)
    with Raw(guard.port) as raw:
        raw.send(start)
        took, reply = drip(raw, b"x" * 1000, 0.05)
        report.ok(reply.status == 408 and took is not None and took < 30, "a dripping body: 408", f"{took} {reply!r}")
    with Raw(guard.port) as raw:
        raw.send(head("GET", "/m2m", guard.host))
        report.equal(raw.reply().status, 200, "a request and then silence")
        report.ok(raw.closed_within(30) is not None, "the idle connection is closed")
    with Raw(guard.port) as raw:    # only as slow as is allowed
        raw.send(head("POST", target, guard.host, Content_Type="text/plain", Content_Length=10))
        for _ in range(10):
            time.sleep(0.05)
            raw.send(b"y")
        report.equal(raw.reply().status, 201, "a body that is slow but in time")
    guard.unharmed("slow")


def drip(raw, data, pause):
    """Sends byte by byte until the peer answers or closes; seconds until it did, and its reply."""
    started = time.monotonic()
    for n in range(len(data)):
        if not raw.send(data[n:n + 1]):
            break
        raw.sock.settimeout(pause)
        try:
            got = raw.sock.recv(65536)
            raw.buffer += got
            raw.ended = not got
            break
        except TimeoutError:
            continue
        except OSError:
            raw.ended = True
            break
    raw.sock.settimeout(30)
    return time.monotonic() - started if raw.buffer or raw.ended else None, raw.reply(10)


def slow_readers(report, bed):
    """Clients that do not read what they asked for."""
    guard = Guard(report, bed, options=("http.request_timeout=5",))
    guard.client.create(COLLECTION, xml.container("big", 100, 10**8))
    for _ in range(20):
        guard.client.create(f"{COLLECTION}/big/contentInstances", xml.instance("b" * 100000))
    ask = head("GET", f"{COLLECTION}/big/contentInstances", guard.host)
    held = [Raw(guard.port) for _ in range(40)]
    for raw in held:
        raw.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        raw.send(ask * 3)
    for _ in range(20):
        seconds = guard.served()
        if seconds is None or seconds > PROMPT:
            break
    report.ok(seconds is not None and seconds < PROMPT, "served beside 40 clients that do not read", seconds)
    for raw in held:
        raw.close()
    grown = guard.daemon.rss_anon() - guard.before
    report.ok(grown < 4 * guard.room, "memory for 80 MB that nobody reads is bounded", f"{grown} KiB more")
    guard.before = guard.daemon.rss_anon()
    guard.unharmed("slow readers")


def idle(report, bed):
    """2,000 idle connections."""
    limit = raise_descriptors(IDLE + 200)
    count = min(IDLE, limit - 150)
    guard = Guard(report, bed)
    held = []
    for number in range(count):
        raw = Raw(guard.port, "127.0.0.2")
        if number % 3 == 1:
            raw.send(head("GET", "/m2m", guard.host))
        elif number % 3 == 2:
            raw.send(b"GET /m2m HTTP/1.1\r\nHost: ")
        held.append(raw)
    slowest = 0.0
    for _ in range(100):
        seconds = guard.served()
        if seconds is None:
            slowest = None
            break
        slowest = max(slowest, seconds)
    report.ok(slowest is not None and slowest < PROMPT, f"served promptly beside {count} idle connections", slowest)
    guard.client.close()
    seconds = guard.served()
    report.ok(seconds is not None and seconds < PROMPT, "also on a new connection", seconds)
    answered = sum(held[n].reply(30).status == 200 for n in range(1, 300, 3))
    report.equal(answered, 100, "those that asked were answered")
    for raw in held:
        raw.close()
    guard.unharmed("idle")


def crowds(report, bed):
    """Limits of connections: in all and per address."""
    options = ("http.max_connections=64", "http.max_connections_per_address=16")
    guard = Guard(report, bed, options=options)
    held = [Raw(guard.port, "127.0.0.2") for _ in range(40)]
    for raw in held:
        raw.send(head("GET", "/m2m", guard.host))
    served = sum(raw.reply(20).status == 200 for raw in held)
    # A newcomer takes the place of one that was served already, so more than 16 may be served in all.
    kept = sum(raw.closed_within(0.2) is None for raw in held)
    report.ok(served >= 1 and kept <= 16, "no more connections than allowed from one address",
              f"{served} of 40 were served, {kept} are open")
    reply = exchange(guard.port, head("GET", "/m2m", guard.host), source="127.0.0.3")
    report.equal(reply.status, 200, "another address is served")
    for raw in held:
        raw.close()
    held = []
    for number in range(4, 20):
        held += [Raw(guard.port, f"127.0.0.{number}") for _ in range(10)]

    def newcomer():
        try:
            return exchange(guard.port, head("GET", "/m2m", guard.host), source="127.0.1.1", timeout=20).status == 200
        except OSError:
            return False
    report.ok(wait_for(newcomer, timeout=90), "a newcomer gets the place of an idle connection", guard.daemon.log_tail)
    for raw in held:
        raw.close()
    back = wait_for(lambda: exchange(guard.port, head("GET", "/m2m", guard.host), source="127.0.0.2").status == 200)
    report.ok(back, "after the crowd its address is served again")
    guard.client.close()
    guard.unharmed("crowds")


def storms(report, bed):
    """Connections that come and go, half requests, resets."""
    guard = Guard(report, bed)
    data = guard.post(f"{COLLECTION}/c/contentInstances", xml.instance("storm"))
    chance = random.Random(7)
    for _ in range(5000 if reports.LONG else 500):
        raw = Raw(guard.port)
        raw.send(data[:chance.randrange(len(data) + 1)])
        if chance.random() < 0.5:
            raw.abort()
        else:
            raw.close()
    guard.unharmed("storms")
    for name, data in bad_documents.noise():
        reply = guard.send(data, ends=True, timeout=30)
        report.ok(reply.closed or 400 <= reply.status < 506, f"noise: {name}", reply)
    guard.unharmed("noise")


if __name__ == "__main__":
    sys.setrecursionlimit(10000)
    reports.run(documents, split, flips, protocol, slow, slow_readers, idle, crowds, storms)
