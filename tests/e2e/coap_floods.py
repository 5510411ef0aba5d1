#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Floods of a CoAP listener from addresses that are not proved: nobody is amplified, memory is bounded, peers that
are known do not notice."""

import concurrent.futures
import socket
import struct
import subprocess
import time

from lib import pki, swarm
from lib import report as reports
from lib import xml
from lib.bed import pick_port, wait_for
from lib.client import Unknown
from lib.coap import WHO, CoapDaemon, Dtls, Steady
from lib.psk import PATIENCE
from lib.secure import listener
from conformance.lib import coapmap
from conformance.lib import coapmsg as coap

AMPLIFIED = 3.0             # RFC 9175 and 7252, 11.3: times the octets that were sent
GROWTH_KIB = 96 << 10       # anonymous memory that a flood may add
PROMPT = 5.0                # seconds; on a loaded machine
SOURCES = 20000 if reports.LONG else 5000
BODIES = SOURCES if reports.LONG else 1500     # of 2 KiB: more than a daemon has room for
OBSERVERS = 5000 if reports.LONG else 1500
QUIET = 60.0 if reports.LONG else 3.5       # seconds for what the daemon repeats
OF_EACH = 10
PORTS = 600     # more than one address may have sessions
PLACE = "/m2m/applications/flood/containers/c/contentInstances"
BLOCK_BYTES = 1 << 20
OPTIONS = (f"coap.block_bytes={BLOCK_BYTES}", "coap.max_sessions=1024", "coap.max_observers=512", "coap.max_handshakes=64",
           "limits.instances_per_answer=100000")


class Target:
    """A daemon with something to read, and a peer that it knows."""

    def __init__(self, bed, *more, **rest):
        self.daemon = CoapDaemon(bed, options=OPTIONS + more, **rest).start()
        client = self.daemon.client()
        client.create("/m2m/applications", xml.application("flood"))
        client.create("/m2m/applications/flood/containers", xml.container("c", 1000, 10**8))
        client.create(PLACE, xml.instance("v" * 3000, "big"))
        client.close()
        self.known = bed.add(self.daemon.coap(who="http://127.0.0.1/known"))
        self.steady = Steady(self.known, PLACE)
        for _ in range(20):
            self.steady.cycle()
        self.steady.longest = 0.0
        self.before = self.daemon.rss_anon()
        self.room = GROWTH_KIB * (4 if self.daemon.sanitized() else 1)

    def swarm(self, bed, react=None):
        """Sources for its port."""
        return bed.add(swarm.Swarm(self.daemon.coap_port, react))

    def unharmed(self, report, title):
        """Results: the daemon lives and has not grown."""
        report.ok(self.daemon.alive(), f"{title}: the daemon is alive", self.daemon.log_tail)
        grown = self.daemon.rss_anon() - self.before
        report.ok(grown < self.room, f"{title}: memory is bounded", f"{grown} KiB more")

    def change(self, count):
        """New instances, by HTTP."""
        client = self.daemon.client()
        for number in range(count):
            client.create(PLACE, xml.instance(f"changed {number}"))
        client.close()


def request(number, method, target, *more, kind=coap.CON, body=b"", who=WHO, media="application/xml"):
    """Octets of a request."""
    lines = [("From", who)] if who else []
    if body:
        lines.append(("Content-Type", media))
    return coap.Packet(kind, coap.METHODS[method], number & 0xffff, struct.pack(">I", number),
                       coapmap.request_options(method, target, lines) + list(more), body).encode()


def kinds():
    """(name, function of a message ID that gives a request) of what may make a daemon say much."""
    block = lambda number, more, size: coap.Block(number, more, size).value()
    whole = PLACE + "/big"
    instance = xml.instance("x").encode()
    yield "GET", lambda n: request(n, "GET", whole)
    yield "NON GET", lambda n: request(n, "GET", whole, kind=coap.NON)
    yield "GET of a collection", lambda n: request(n, "GET", PLACE)
    yield "GET in blocks of 1024", lambda n: request(n, "GET", whole, (coap.BLOCK2, block(0, False, 6)))
    yield "GET of a later block", lambda n: request(n, "GET", whole, (coap.BLOCK2, block(2, False, 6)))
    yield "GET without requestingEntity", lambda n: request(n, "GET", "/m2m", who=None)
    yield "GET of nothing", lambda n: request(n, "GET", "/m2m/none")
    yield "GET with Observe", lambda n: request(n, "GET", PLACE + "/latest", (coap.OBSERVE, b""))
    yield "NON GET with Observe", lambda n: request(n, "GET", PLACE + "/latest", (coap.OBSERVE, b""), kind=coap.NON)
    yield "discovery", lambda n: request(n, "GET", "/m2m/discovery")
    yield "the shortest GET", lambda n: coap.Packet(coap.CON, coap.GET, n).encode()
    links = [(coap.URI_PATH, b".well-known"), (coap.URI_PATH, b"core")]
    yield "links", lambda n: coap.Packet(coap.CON, coap.GET, n, b"", links).encode()
    yield "POST", lambda n: request(n, "POST", PLACE, body=instance)
    yield "NON POST", lambda n: request(n, "POST", PLACE, body=instance, kind=coap.NON)
    yield "POST of rubbish", lambda n: request(n, "POST", PLACE, body=b"<")
    yield "first block of a body", lambda n: request(n, "POST", PLACE, (coap.BLOCK1, block(0, True, 0)), body=instance[:16])
    yield "late block of a body", lambda n: request(n, "POST", PLACE, (coap.BLOCK1, block(9, False, 0)), body=instance[:16])
    yield "DELETE of nothing", lambda n: request(n, "DELETE", PLACE + "/none")
    yield "unknown critical option", lambda n: request(n, "GET", whole, (9, b""))
    proxy = [(coap.PROXY_URI, b"coap://127.0.0.1:9/x")]
    yield "Proxy-Uri", lambda n: coap.Packet(coap.CON, coap.GET, n, b"", proxy).encode()
    yield "Hop-Limit", lambda n: coap.Packet(coap.CON, coap.GET, n, b"", [(coap.HOP_LIMIT, b"\1")] + proxy).encode()
    yield "FETCH", lambda n: request(n, "FETCH", whole)
    yield "unknown method", lambda n: coap.Packet(coap.CON, 31, n).encode()
    yield "ping", lambda n: coap.Packet(coap.CON, coap.EMPTY, n).encode()
    yield "response", lambda n: coap.Packet(coap.CON, coap.CONTENT, n, b"abcd").encode()
    yield "unknown code", lambda n: coap.Packet(coap.CON, 0xff, n).encode()
    yield "ACK of nothing", lambda n: coap.Packet(coap.ACK, coap.EMPTY, n).encode()
    yield "TLS record", lambda n: b"\x16\xfe\xfd" + bytes(10)


def amplification(report, bed):
    """Whatever an address that is not proved sends, it never gets more than three times of it."""
    # With it answers that need a commit become separate responses, which are repeated.
    separate = "separate responses: ", ("coap.ack_delay=1",)
    for title, more in (("", ()), separate) if reports.LONG else (separate,):
        target = Target(bed, *more, name=f"amp{len(more)}")
        crowd, names, number = target.swarm(bed), {}, 1
        for name, make in kinds():
            for _ in range(OF_EACH):
                address = swarm.source(number)
                names[address] = name
                crowd.send(address, make(number))
                number += 1
        wait_for(lambda c=crowd: time.monotonic() - c.last > 0.5, 5)
        target.change(3)
        time.sleep(QUIET)
        worst = {}
        for times, address in crowd.amplified():
            worst.setdefault(names[address], (times, crowd.packets[address]))
        for name, (times, packets) in worst.items():
            report.ok(times <= AMPLIFIED, f"{title}{name}: {times:.2f} times", packets)
        report.ok(len([n for n, (t, _) in worst.items() if t > 0]) > 15, f"{title}it does answer", worst)
        target.unharmed(report, f"{title}amplification")


def observers(report, bed):
    """Observers that say nothing any more: a known one is told, changes go on."""
    target = Target(bed, name="observers")
    seen = target.known.observe(PLACE)
    report.ok(seen.number is not None, "a known peer observes", seen.code)
    crowd = target.swarm(bed)
    for number in range(OBSERVERS):
        crowd.send(swarm.source(number), request(number, "GET", PLACE + "/latest", (coap.OBSERVE, b"")))
        if number % 100 == 99:
            target.change(1)
    told = seen.told
    began = time.monotonic()
    target.change(1)
    wait_for(lambda: not seen.wait(0.3) and seen.told > told, PROMPT * 2)
    report.ok(seen.told > told, "silent observers: the known one is told", f"{seen.told} after {time.monotonic() - began}")
    report.ok(time.monotonic() - began < PROMPT, "silent observers: soon", time.monotonic() - began)
    with Steady(target.daemon.coap(who="http://127.0.0.1/other"), PLACE) as steady:
        target.change(20)
        time.sleep(QUIET / 2)
    steady.client.close()
    steady.served(report, "silent observers", PROMPT)
    times, address = crowd.amplified()[0]
    report.ok(times <= AMPLIFIED, f"silent observers: {times:.2f} times", f"{address} {crowd.packets[address]}")
    target.unharmed(report, "silent observers")


def blocks(report, bed):
    """Bodies that never end: a known peer's body comes through."""
    target = Target(bed, name="blocks")
    crowd, payload = target.swarm(bed), b"x" * 1024
    content = "w" * 20000
    with target.steady:
        codes = []
        for number in range(BODIES):
            for at in (0, 1):
                block = (coap.BLOCK1, coap.Block(at, True, 6).value())
                crowd.send(swarm.source(number), request(2 * number + at, "POST", PLACE, block, body=payload))
            if number % (BODIES // 5) == BODIES // 10:
                codes.append(other_body(target, content))
    target.steady.served(report, "unfinished bodies", PROMPT)
    report.equal(codes, ["2.01"] * len(codes), "unfinished bodies: another one of 20 KiB comes through")
    times, address = crowd.amplified()[0]
    report.ok(times <= AMPLIFIED, f"unfinished bodies: {times:.2f} times", crowd.packets[address])
    target.unharmed(report, "unfinished bodies")


def other_body(target, content):
    """Code of a create in blocks that begins again when it was pushed out."""
    client = target.daemon.coap(who="http://127.0.0.1/other")
    try:
        for _ in range(5):
            code = client.post(PLACE, xml.instance(content)).code
            if code != "4.08":
                break
        return code
    finally:
        client.close()


def spoofed(report, bed):
    """Requests of many addresses, as fast as they can be sent."""
    target = Target(bed, name="spoofed")
    crowd = target.swarm(bed)
    with target.steady:
        for turn in range(3):
            for number in range(SOURCES):
                crowd.send(swarm.source(number), request(number + turn, "GET", PLACE + "/latest"))
    target.steady.served(report, "spoofed requests", PROMPT)
    times, address = crowd.amplified()[0]
    report.ok(times <= AMPLIFIED, f"spoofed requests: {times:.2f} times", crowd.packets[address])
    report.ok(crowd.got, "spoofed requests: some are answered", len(crowd.got))
    target.unharmed(report, "spoofed requests")
    cycle = wait_for(lambda: not Steady(target.known, PLACE).cycle(), PATIENCE)
    report.ok(cycle, "spoofed requests: the known peer is known afterwards")
    fresh = target.daemon.coap(who="http://127.0.0.1/fresh")
    report.ok(wait_for(lambda: fresh.get("/m2m").code == "2.05", PATIENCE), "spoofed requests: a new peer is served")
    fresh.close()


def ports(report, bed):
    """Many ports of one address, which may be spoofed: who is really there is served."""
    target = Target(bed, name="ports")
    data = request(1, "GET", PLACE + "/latest")
    for _ in range(PORTS):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.sendto(data, ("127.0.0.1", target.daemon.coap_port))
    report.equal(target.steady.cycle(), "", "many ports of one address: the known peer is served")
    fresh = target.daemon.coap(who="http://127.0.0.1/fresh")
    fresh.caller.timeout = PATIENCE
    try:
        code = fresh.get("/m2m").code
    except Unknown as error:
        code = repr(error)
    report.equal(code, "2.05", "many ports of one address: a new one is served")
    fresh.close()


# ---- handshakes ----

def captured_hello():
    """The first ClientHello of openssl, as a datagram."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as trap:
        trap.bind(("127.0.0.1", 0))
        trap.settimeout(PATIENCE)
        client = subprocess.Popen(["openssl", "s_client", "-dtls1_2", "-connect", f"127.0.0.1:{trap.getsockname()[1]}"],
                                  stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            return trap.recv(65535)
        finally:
            client.kill()
            client.wait()


def verify_cookie(data):
    """The cookie of a HelloVerifyRequest, or None."""
    if len(data) < 28 or data[0] != 22 or data[13] != 3:
        return None
    return data[28:28 + data[27]]


def with_cookie(hello, cookie, turn):
    """The ClientHello once more, as the message and record with that number."""
    body = hello[25:]
    at = 34 + 1 + body[34]
    body = body[:at] + bytes([len(cookie)]) + cookie + body[at + 1 + body[at]:]
    size = len(body).to_bytes(3, "big")
    message = b"\x01" + size + struct.pack(">H", turn) + bytes(3) + size + body
    return hello[:3] + bytes(2) + turn.to_bytes(6, "big") + struct.pack(">H", len(message)) + message


def handshakes(report, bed):
    """Handshakes that are never finished: with no cookie they cost nothing, with one little."""
    server = pki.Authority(bed.path("ca")).server("localhost")
    port = pick_port()
    secure = listener(port, "certificate", ["mia"], protocol="coap", certificate=server.cert, key=server.key)
    target = Target(bed, name="handshakes", more_listeners=[secure])
    known = bed.add(Dtls(port))
    report.equal(known.get("/m2m")[0], "2.05", "a peer has a session")
    hello = captured_hello()
    crowd = bed.add(swarm.Swarm(port))
    for number in range(SOURCES):
        crowd.send(swarm.source(number), hello)
    code, seconds = known.get("/m2m")
    report.ok(code == "2.05" and seconds < PROMPT, "first hellos: the peer is served", f"{code} {seconds}")
    wait_for(lambda: time.monotonic() - crowd.last > 0.5, 10)
    times, address = crowd.amplified()[0]
    report.ok(times <= AMPLIFIED, f"first hellos: {times:.2f} times", crowd.packets[address])
    report.ok(len(crowd.got) > SOURCES // 20, "first hellos: addresses are asked to prove themselves", len(crowd.got))
    target.unharmed(report, "first hellos")
    half_done(report, bed, target, known, port, hello)


def half_done(report, bed, target, known, port, hello):
    """Addresses that are proved, with handshakes that never end."""
    turns, shaken = {}, set()

    def react(crowd, address, data):
        cookie = verify_cookie(data)
        if cookie is None:
            shaken.add(address)
            return
        turns[address] = turns.get(address, 0) + 1
        if turns[address] < 4:
            crowd.send(address, with_cookie(hello, cookie, turns[address]))

    crowd = bed.add(swarm.Swarm(port, react))
    worst, wrong = 0.0, []
    for number in range(OBSERVERS):
        crowd.send(swarm.source(number), hello)
        if number % (OBSERVERS // 5) == 0:
            code, seconds = known.get("/m2m")
            worst = max(worst, seconds)
            wrong += [code] if code != "2.05" else []
    report.ok(not wrong and worst < PROMPT, "unfinished handshakes: the peer is served", f"{wrong} {worst}")
    report.ok(wait_for(lambda: shaken, 10), "unfinished handshakes: some got that far", crowd.packets)
    report.note(f"{len(shaken)} handshakes began")
    with target.steady:
        time.sleep(1)
    target.steady.served(report, "unfinished handshakes: without DTLS", PROMPT)
    fresh = Dtls(port)
    code, seconds = fresh.get("/m2m", timeout=2 * PATIENCE)
    fresh.close()
    report.equal(code, "2.05", "unfinished handshakes: a new peer gets a session in the end", seconds)
    target.unharmed(report, "unfinished handshakes")


def together(report, bed):
    """All floods, the handshakes, which take their time, beside the others."""
    def others():
        for part in (amplification, observers, blocks, spoofed, ports):
            part(report, bed)

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        lanes = [pool.submit(others), pool.submit(handshakes, report, bed)]
    for lane in lanes:
        lane.result()


if __name__ == "__main__":
    if reports.LONG:
        reports.run(amplification, observers, blocks, spoofed, ports, handshakes)
    else:
        reports.run(together)
