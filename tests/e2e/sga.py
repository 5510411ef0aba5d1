#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Devices behind one gateway, and behind two: messages both ways, groups, and that nobody else can read them."""

import os
import secrets
import threading
import time

from lib import report as reports
from lib import TESTS, sga, sgacrypt, sgavectors
from lib import sgawire as wire
from lib.bed import wait_for
from lib.coap import CoapDaemon
from lib.relay import Relay
from lib.sga import Dscl, Gateway, establish, public_pem, server_row
from lib.sgacrypt import CIPHERS, Bad, ed25519_public, expand, extract
from lib.traces import Search

MESSAGES = 10000 if reports.LONG else 300
PATIENCE = 1200 if reports.LONG else 240
PAIRS = ((3, "AES-128-GCM"), (5, "ChaCha20-Poly1305"), (10, "Ascon-AEAD128"))


class Sender(threading.Thread):
    """An application that sends numbered messages to one peer."""

    def __init__(self, dscl, peer, count, mark):
        super().__init__(daemon=True)
        self.application, self.peer, self.count, self.mark, self.sent, self.wrong = dscl.app(), peer, count, mark, [], []

    def text(self, number):
        """A message, of sizes from few octets to some hundreds."""
        return f"{self.mark} {number} ".encode() + b"." * (number * 37 % 400)

    def run(self):
        while len(self.sent) < self.count and len(self.wrong) < 5:
            answer = self.application.send(self.peer, self.text(len(self.sent)))
            if answer.status == 202:
                self.sent.append(answer.json["id"])
            elif answer.status in (503, 507):
                time.sleep(0.05)        # the queue is full: a real sender waits as well
            else:
                self.wrong.append(answer)


def both_ways(report, title, one, two, count=MESSAGES):
    """count messages each way at the same time."""
    marks = [secrets.token_hex(16) for _ in range(2)]
    senders = [Sender(one, two.ident, count, marks[0]), Sender(two, one.ident, count, marks[1])]
    began, got = time.monotonic(), [[], []]

    def receive(number, dscl):
        got[number] = dscl.app().take(count, PATIENCE)
    takers = [threading.Thread(target=receive, args=(n, d), daemon=True) for n, d in enumerate((two, one))]
    for thread in senders + takers:
        thread.start()
    for thread in senders + takers:
        thread.join(PATIENCE + 60)
    seconds = time.monotonic() - began
    for sender, arrived, source in zip(senders, got, (one, two)):
        report.equal(sender.wrong, [], f"{title}: {source.ident} may send")
        want = [(source.ident, sender.text(n), "") for n in range(count)]
        report.ok(arrived == want, f"{title}: {count} messages of {source.ident} arrive, each once, in order", lambda a=arrived, w=want: _difference(a, w, (one, two)))
    report.note(f"{title}: {2 * count} messages in {seconds:.1f} s, {2 * count / seconds:.0f} per second")
    return marks


def _difference(arrived, want, daemons):
    first = next((n for n, (a, w) in enumerate(zip(arrived, want)) if a != w), min(len(arrived), len(want)))
    logs = "".join(d.log_tail() for d in daemons)
    return f"{len(arrived)} of {len(want)}, the first difference at {first}: {arrived[first:first + 2]}\n{logs}"


def keyed(bed, names):
    """Rows of sga.peers in which all know the signing keys of each other, and the seeds."""
    seeds = {name: os.urandom(32) for name in names}
    rows = [{"id": n, "sign_key": public_pem(bed.path(f"{n}.sign.pem"), ed25519_public(s))} for n, s in seeds.items()]
    return seeds, lambda me: [r for r in rows if r["id"] != me]


def ready(report, *dscls):
    """All are registered."""
    for one in dscls:
        report.ok(one.app().ready(), f"{one.ident} is registered with its server", one.log_tail)


def one_gateway(report, bed):
    """Two dscl behind one gscl"""
    gateway = Gateway(bed).start()
    lines = [bed.add(Relay(gateway.port)) for _ in range(2)]
    for line in lines:
        line.kept = bytearray()
    seeds, peers = keyed(bed, ("d1", "d2"))
    devices = [Dscl(bed, n, [server_row(bed, gateway, n, root=f"http://127.0.0.1:{l.port}{sga.ROOT}")], peers(n), seed=seeds[n]).start()
               for n, l in zip(("d1", "d2"), lines)]
    third = Dscl(bed, "d3", [server_row(bed, gateway, "d3")], ["d1", "d2"]).start()
    ready(report, *devices, third)
    marks = both_ways(report, "one gateway", *devices)
    sessions = devices[0].app().got("/sessions")["session"]
    report.ok(any(s["state"] == "open" and s["signed"] for s in sessions), "the session is signed, end to end", sessions)
    private(report, gateway, third, lines, marks)
    report.ok(third.app().inbox() == [], "a third device has got nothing")
    for daemon in (*devices, gateway):
        report.equal(daemon.stop()[0], 0, f"{daemon.name} ends well")
        daemon.clean_store(report, f"{daemon.name}: --check-store")


def private(report, gateway, third, lines, marks):
    """What was said is nowhere but at the two."""
    search = Search({f"text {n}": m.encode() for n, m in enumerate(marks)})
    found = [hit for n, line in enumerate(lines) for hit in search.octets(bytes(line.kept), f"line {n}")]
    report.ok(all(line.kept for line in lines) and not found, f"nothing in {sum(len(l.kept) for l in lines)} octets of traffic", found)
    for daemon in (gateway, third):
        found, count = search.tree(daemon.directory)
        report.ok(not found and count, f"nothing in the {count} files of {daemon.name}", found)
        if daemon.sanitized():
            report.skip(f"memory of {daemon.name}", "the address sanitizer keeps freed memory")
            continue
        found = search.memory(daemon.pid)
        if found is None:
            report.skip(f"memory of {daemon.name}", "not permitted")
        else:
            report.ok(not found, f"nothing in memory of {daemon.name}", found)


def renewal(report, bed):
    """Sessions that are used up soon"""
    gateway, options = Gateway(bed).start(), {"session_records": 40}
    seeds, peers = keyed(bed, ("r1", "r2"))
    devices = [Dscl(bed, n, [server_row(bed, gateway, n)], peers(n), seed=seeds[n], **options).start() for n in ("r1", "r2")]
    ready(report, *devices)
    both_ways(report, "sessions of 40 messages", *devices, count=600)
    for device in devices:
        report.ok(device.app().got("/counters")["sessions_opened"] >= 5, f"{device.ident} has made new sessions on the way", device.log_tail)
    for daemon in (*devices, gateway):
        report.equal(daemon.stop()[0], 0, f"{daemon.name} ends well")


def ended(report, bed):
    """A session that ends while messages of it lie in the mailbox"""
    gateway = Gateway(bed).start()
    one, two = (Dscl(bed, n, [server_row(bed, gateway, n)], [p], **options).start()
                for n, p, options in (("e1", "e2", {}), ("e2", "e1", {"inbox_items": 1})))
    ready(report, one, two)
    texts = [f"message {n}".encode() for n in range(31)]
    report.equal(one.app().send("e2", texts[0]).status, 202, "a message")
    report.ok(wait_for(lambda: two.app().inbox(), PATIENCE), "fills the inbox", two.log_tail())
    sent = [one.app().send("e2", text).json["id"] for text in texts[1:]]
    report.ok(wait_for(lambda: one.app().state(sent[-1]) == "sent", PATIENCE), "more are with the gateway", one.log_tail())
    sid = two.app().got("/sessions")["session"][0]["id"]
    report.ok(wait_for(lambda: two.app().call("DELETE", f"/sessions/{sid}").status == 204, PATIENCE), "DELETE sessions")
    report.ok(wait_for(lambda: not two.app().got("/sessions")["session"], PATIENCE), "which the gateway is told", two.log_tail())
    report.equal(two.app().take(len(texts), 20), [("e1", text, "") for text in texts], "what the gateway had taken arrives, once, in order")
    report.ok(wait_for(lambda: not one.app().got("/sessions")["session"], PATIENCE), "e1 hears of the end", one.log_tail())
    report.equal(one.app().send("e2", b"again").status, 202, "another message")
    report.equal(two.app().take(1), [("e1", b"again", "")], "goes by another session")
    for daemon in (one, two, gateway):
        report.equal(daemon.stop()[0], 0, f"{daemon.name} ends well")


def two_gateways(report, bed):
    """Two dscl behind two gateways, through nscl"""
    nscl = CoapDaemon(bed, "nscl").start()
    gateways = [Gateway(bed, n, nscl=nscl).start() for n in ("gateway1", "gateway2")]
    for one in gateways:
        report.ok(one.registered_at(nscl) is not None, f"{one.name} is registered at nscl", nscl.log_tail)
    seeds, peers = keyed(bed, ("d1", "d2"))
    first, second = gateways
    d1 = Dscl(bed, "d1", [server_row(bed, first, "d1")], peers("d1"), seed=seeds["d1"]).start()
    d2 = Dscl(bed, "d2", [server_row(bed, first, "d2", via=second.base)], peers("d2"), seed=seeds["d2"]).start()
    ready(report, d1, d2)
    marks = both_ways(report, "two gateways", d1, d2)
    search = Search({f"text {n}": m.encode() for n, m in enumerate(marks)})
    for daemon in (nscl, *gateways):
        found, count = search.tree(daemon.directory)
        report.ok(not found and count, f"nothing in the {count} files of {daemon.name}", found)
    report.ok("403" not in second.log()[-2000:], "the second gateway only passes on", second.log_tail)


def ciphers(report, bed):
    """Each device's first choice that both have"""
    gateway = Gateway(bed).start()
    for cid, name in PAIRS:
        names = [f"{w}{cid}" for w in "ab"]
        usual = [] if cid in (3, 5) else ["AES-128-GCM"]
        a, b = (Dscl(bed, n, [server_row(bed, gateway, n)], [m for m in names if m != n], ciphers=[name, *usual]).start() for n in names)
        ready(report, a, b)
        both_ways(report, name, a, b, 20)
        used = [s["cipher"] for s in a.app().got("/sessions")["session"]]
        report.ok(used and all(u in (cid, name) for u in used), f"{name} was negotiated", used)


def groups(report, bed):
    """A group of three: one leaves, one ciphertext for all others"""
    gateway = Gateway(bed).start()
    names = ("g1", "g2", "g3")
    seeds, peers = keyed(bed, names)
    a, b, c = (Dscl(bed, n, [server_row(bed, gateway, n)], peers(n), seed=seeds[n]).start() for n in names)
    ready(report, a, b, c)
    answer = a.app().call("POST", "/groups", b'{"members":["g2","g3"],"purpose":"lights"}')
    report.equal(answer.status, 201, "POST groups", answer)
    path = f"/groups/{answer.json['id']}"

    def state(dscl):
        said = dscl.app().call("GET", path)
        return said.json if said.status == 200 else {}
    for one in (a, b, c):
        report.ok(wait_for(lambda o=one: state(o).get("state") == "current", 60), f"{one.ident} has the key", lambda o=one: f"{state(o)}{o.log_tail()}")
    for number in range(20):
        report.ok(a.app().call("POST", path + "/messages", b"all %d" % number, sga.OCTETS).status == 202, f"message {number}")
    for one in (b, c):
        got = one.app().take(20)
        report.equal(got, [("g1", b"all %d" % n, path[8:]) for n in range(20)], f"{one.ident} gets them, once, in order")
    report.equal(b.app().call("POST", path + "/messages", b"of b", sga.OCTETS).status, 202, "another member speaks")
    report.equal([one.app().take(1) for one in (a, c)], [[("g2", b"of b", path[8:])]] * 2, "to both others")
    report.equal(c.app().call("DELETE", path + "/members/self").status, 204, "one leaves")
    report.ok(wait_for(lambda: state(a).get("epoch") == 2 and state(a)["state"] == "current", 60), "a new epoch begins", lambda: f"{state(a)}{a.log_tail()}")
    report.ok(wait_for(lambda: state(b).get("epoch") == 2, 60), "for who is left", lambda: state(b))
    report.equal(a.app().call("POST", path + "/messages", b"without c", sga.OCTETS).status, 202, "a message")
    report.equal(b.app().take(1), [("g1", b"without c", path[8:])], "arrives")
    report.equal(c.app().inbox(wait=1), [], "not at the one that has left")
    report.equal(a.app().call("DELETE", path).status, 204, "DELETE groups")


def not_the_gateway(report, bed):
    """All that a gateway ever has does not open one record"""
    gateway = Gateway(bed).start()
    i, j, third = (gateway.device(n) for n in ("i", "j", "third"))
    here, there = establish(i, j)
    text = secrets.token_hex(16).encode()
    record = here.record(text)
    i.must(201, i.put(here, record))
    report.ok(here.k == there.k and here.keys["out"] == there.keys["in"], "both have the same key")
    search = Search({"K": here.k, "PRK": here.prk, "key of records": here.keys["out"][0], "the other": here.keys["in"][0], "text": text, "R_i": here.exponent, "R_j": there.exponent})
    found, count = search.tree(gateway.directory)
    report.ok(not found and count > 1, f"none of it in the {count} files of the gateway, which has the record", found)
    if not gateway.sanitized() and (found := search.memory(gateway.pid)) is not None:
        report.ok(not found, "nor in its memory", found)
    pool = {"kd_i": i.shared.kd, "kd_j": j.shared.kd, "kt_i": here.kt_i, "kt_j": here.kt_j, "K_is": here.kis_key, "K_js": there.kis_key, "N_i": here.n, "N_j": there.n,
            "kd of a third": third.shared.kd, "nothing": bytes(32)}
    cipher, opened = CIPHERS[here.cid], []
    for name, guess in pool.items():
        for prk in (extract(here.th, guess + here.kt_i + here.kt_j), guess):
            key = expand(prk, b"SGA/1 k_ij" + wire.u16(here.cid) + here.ids_octets, cipher.key)
            iv = expand(prk, b"SGA/1 iv_ij" + wire.u16(here.cid) + here.ids_octets, cipher.nonce)
            try:
                opened.append((name, cipher.open(key, wire.nonce_of(iv, record), record[:24] + wire.u16(here.cid), record[24:])))
            except Bad:
                pass
    report.equal(opened, [], f"none of {len(pool)} secrets that the gateway or a third device has opens the record")
    report.equal(j.take(there), (0, text), "the peer opens it")


def transcripts(report, _bed):
    """The protocol in Python: published values, transcripts of libsga"""
    bad = [(name, want, got) for name, want, got in sgacrypt.known() if want != got]
    report.equal(bad, [], "what it is built of has the published values")
    for name in ("sga_c.txt", "sga_x.txt"):
        rows = sgavectors.rows(os.path.join(TESTS, "unit", "vectors", name))
        report.equal([row for row in rows if row[1] != row[2]], [], f"{name}: {len(rows)} values are the same")


if __name__ == "__main__":
    reports.run(transcripts, not_the_gateway, one_gateway, renewal, ended, two_gateways, ciphers, groups)
