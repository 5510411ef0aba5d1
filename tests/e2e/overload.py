#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Overload control of an nscl: levels, classes of subscriptions, claims and forged ones, drills, ten times of what it can do."""

import base64
import json
import os
import re
import secrets
import subprocess
import tempfile
import threading
import time

from lib import report, secure, xml
from lib.bed import pick_port, wait_for
from lib.boot import ask as ask_boot
from lib.client import Client, NotSent, Unknown
from lib.m2mkeys import lv16, mac, u64
from lib.report import LONG
from lib.secure import Provider, ppid, registration

QUEUE = 3                       # writes that may wait
CROWD = 10 * QUEUE              # nodes of low priority that write at the same time
PACED = 2                       # nodes of normal priority beside them
SECONDS = 60 if LONG else 12    # of the rush
PAUSE = 0.15                    # after a refusal; a source gets ten signatures a second
CHECKED = 200 if LONG else 40   # signatures that are looked at
DRILL = {"overload": {"enabled": True, "queue_level1": 0, "queue_level2": 0, "queue_level3": 0, "cpu_level1": 0,
                      "cpu_level2": 0}}


def link_of(name):
    """sclBase of a node that the test plays."""
    return f"http://{name}.example.org/m2m"


def indicator(kmr, method, path, low, *, when=None, nonce=None, key=None):
    """X-M2M-Ind."""
    when, nonce = int(time.time() if when is None else when), nonce or os.urandom(16)
    data = b"m2m1 ind" + kmr.node + bytes([low]) + u64(when) + nonce + lv16(method.encode()) + lv16(path.encode())
    tag = mac(key or kmr.indicator_key(), data)[:16]
    return f"{'low' if low else 'normal'};{when};{nonce.hex()};{tag.hex()}"


class Net(Provider):
    """An nscl with a listener for a trusted access network beside the others."""

    def __init__(self, bed, **more):
        self.trusted_port = pick_port()
        super().__init__(bed, **more)
        self.listeners += ", " + secure.listener(self.trusted_port, "none", ["mid"], trusted_access=True)
        self.write_config()

    def level(self, level):
        """A drill."""
        return self.administer("PUT", "/overload", {"level": level})

    def counters(self):
        """GET overload."""
        return self.administer("GET", "/overload")

    def low(self, kmr, priority="low"):
        """The class of a subscription."""
        self.administer("PUT", f"/nodes/{kmr.node.hex()}", {"priority": priority})


class Access:
    """A node without TLS, with an address of its own."""

    def __init__(self, net, name, number):
        self.name, self.path = name, f"/m2m/scls/{name}"
        self.kmr = net.issue(name)
        net.administer("PUT", f"/nodes/{self.kmr.node.hex()}", {"flags": 0xc000, "allowedSources": "127.0.0.0/8"})
        self.kmc, self.counter = net.connected(self.kmr, name), 0
        self.client = Client("127.0.0.1", net.trusted_port, link_of(name), source=(f"127.0.{1 + number // 200}.{1 + number % 200}", 0))

    def ask(self, method, path, body="", *, low=None, headers=None):
        """One request; low: what it claims, or None. Unless it was answered, None."""
        self.counter += 1
        lines = {"X-M2M-Connection": self.kmc.access_header(method, path, self.counter, body.encode()), **(headers or {})}
        if low is not None:
            lines["X-M2M-Ind"] = indicator(self.kmr, method, path.split("?")[0], low)
        try:
            return self.client.request(method, path, body or None, lines)
        except (NotSent, Unknown):
            self.client.close()
            return None

    def register(self):
        """POST scls."""
        answer = self.ask("POST", "/m2m/scls", registration(self.name, link_of(self.name)))
        if answer is None or answer.status != 201:
            raise AssertionError(f"{self.name}: {answer!r}")
        return self

    def write(self, low=None, nonce=None):
        """A write of its own: searchStrings of its scl."""
        body = f"<m2m:searchStrings {xml.NS}><m2m:searchString>{secrets.token_hex(4)}</m2m:searchString></m2m:searchStrings>"
        more = {"X-M2M-Nonce": nonce.hex()} if nonce else None
        return self.ask("PUT", self.path + "/searchStrings", body, low=low, headers=more)


def in_range(answer):
    """Retry-After."""
    value = answer.header("Retry-After") or ""
    return value.isdigit() and 30 <= int(value) <= 300


def verdict(net, answer, node, nonce, cause=4):
    """The reject of an answer is of this node, for this nonce, for overload unless another cause is named, and signed."""
    text = answer.header("X-M2M-Reject") or ""
    octets = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if len(octets) < 118 or octets[:6] != b"MRJ1" + bytes([cause, 0]) or octets[8:24] != node or octets[24:40] != nonce:
        return False
    if int.from_bytes(octets[48:52], "big") != int(answer.header("Retry-After") or 0):
        return False
    with tempfile.TemporaryDirectory() as place:
        for name, data in (("text", b"M2M-REJECT-v1\0" + octets[:-64]), ("signature", octets[-64:])):
            with open(os.path.join(place, name), "wb") as file:
                file.write(data)
        done = subprocess.run(["openssl", "pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", net.reject_keys[1], "-in",
                               os.path.join(place, "text"), "-sigfile", os.path.join(place, "signature")],
                              capture_output=True, check=False, timeout=60)
    return done.returncode == 0


# ---- drills: what each level does, and to whom ----

def drills(results, bed):
    """Levels that an administrator forces."""
    net = Net(bed, settings=DRILL).start()
    low_kmr, low_kmc, low = net.node("low-1")
    _, _, normal = net.node("normal-1")
    net.low(low_kmr)
    low.close()
    low = net.session_b(net.connected(low_kmr, "low-1"))
    for name, session in (("low-1", low), ("normal-1", normal)):
        answer = session.request("POST", "/m2m/scls", registration(name, link_of(name)), {"From": link_of(name)})
        results.equal(answer.status, 201, f"{name} registers at level 0", answer)
    results.equal(net.counters()["level"], 0, "level 0 at the start")
    fresh = net.issue("low-2")
    net.low(fresh)
    for level, reads in ((1, 200), (2, 503), (3, 503)):
        results.equal(net.level(level)["level"], level, f"level {level} is forced")
        nonce = os.urandom(16)
        with net.session_a(fresh) as session:
            answer = net.ask_connection(session, "low-2", headers={"X-M2M-Nonce": nonce.hex()})
        results.ok(answer.status == 503 and in_range(answer) and verdict(net, answer, fresh.node, nonce),
                   f"level {level}: a service connection of low priority is put off, signed", answer.headers)
        answer = low.request("GET", "/m2m", headers={"From": link_of("low-1"), "X-M2M-Nonce": nonce.hex()})
        results.ok(answer.status == reads and (reads == 200 or (in_range(answer) and verdict(net, answer, low_kmr.node, nonce))),
                   f"level {level}: a read of low priority: {reads}", answer)
        answer = normal.request("GET", "/m2m", headers={"From": link_of("normal-1")})
        results.equal(answer.status, 200, f"level {level}: of a normal node", answer)
        app = net.client(secure.APP)
        answer = app.get("/m2m")
        app.close()
        results.equal(answer.status, 503 if level == 3 else 200, f"level {level}: of an application", answer)
    first = net.issue("normal-2")
    with net.session_a(first) as session:
        results.equal(net.ask_connection(session, "normal-2").status, 503, "level 3: of a node that was never here")
    results.equal(net.administer("DELETE", "/overload")["level"], 0, "as it is measured again")
    with net.session_a(first) as session:
        results.equal(net.ask_connection(session, "normal-2").status, 201, "which is let in now")
    for bad in ({"level": 4}, {"level": -1}, {}, {"level": "2"}):
        results.equal(net.admin("PUT", "/overload", bad).status, 400, f"no level: {bad}")
    results.equal(net.admin("PUT", "/overload", {"level": 1}, token="wrong").status, 401, "a stranger forces nothing")
    results.ok(net.counters()["shedLow"] >= 5 and net.counters()["shedNormal"] >= 2, "counted", net.counters())
    counters = json.dumps(net.administer("GET", "/counters"))
    results.ok("overload_shed" in counters and "indicator_invalid" in counters, "with the other counters", counters)
    results.ok("overload-level" in net.log(), "levels are in the log", net.log_tail)
    results.ok("overload-force" in json.dumps(net.administer("GET", "/audit")), "drills are in the audit")
    net.stop()


def switched_off(results, bed):
    """Without overload.enabled nothing is put off."""
    net = Provider(bed, name="off", msbf=False).start()
    results.equal(net.admin("PUT", "/overload", {"level": 2}).status, 404, "no drill where it is off")
    results.equal(net.administer("GET", "/overload")["enabled"], False, "it says so")
    net.stop()


# ---- claims ----

def tampering(results, bed):
    """The indicator, altered both ways."""
    net = Net(bed, name="claims", msbf=False, settings=DRILL).start()
    node, other = Access(net, "node-1", 1).register(), Access(net, "node-2", 2).register()
    kmr = node.kmr
    net.level(2)

    def read(ind=None, **headers):
        lines = {**headers, **({"X-M2M-Ind": ind} if ind else {})}
        return node.ask("GET", node.path, headers=lines).status

    true = indicator(kmr, "GET", node.path, True)
    results.equal(read(), 200, "without a claim it is served")
    results.equal(read(true), 503, "what it claims itself counts")
    invalid = net.counters()["indicatorInvalid"]
    results.equal(invalid, 0, "nothing was invalid")
    fresh = indicator(kmr, "GET", node.path, False)
    forged = {
        "replayed": true,
        "altered to low": "low" + fresh[6:],
        "of another time": re.sub(r";\d+;", ";1700000000;", indicator(kmr, "GET", node.path, True)),
        "stale": indicator(kmr, "GET", node.path, True, when=time.time() - 310),
        "of the future": indicator(kmr, "GET", node.path, True, when=time.time() + 330),
        "of another method": indicator(kmr, "PUT", node.path, True),
        "of another path": indicator(kmr, "GET", other.path, True),
        "of another node": indicator(other.kmr, "GET", node.path, True),
        "by a wrong key": indicator(kmr, "GET", node.path, True, key=bytes(32)),
        "with another nonce": re.sub(r";[0-9a-f]{32};", ";" + "00" * 16 + ";", indicator(kmr, "GET", node.path, True)),
        "malformed": "low", "empty": ";;;", "in capitals": true.upper(),
    }
    for name, text in forged.items():
        results.equal(read(text), 200, f"a low that is {name} delays nobody")
        invalid += 1
        results.equal(net.counters()["indicatorInvalid"], invalid, f"{name}: counted")
    results.equal(read(**{"X-M2M-Priority": "low"}), 200, "X-M2M-Priority without a session is ignored")
    results.equal(net.counters()["indicatorInvalid"], invalid + 1, "and counted")
    results.ok(1 <= net.log().count("priority-claim-invalid") <= 4, "the log is not flooded",
               net.log().count("priority-claim-invalid"))
    net.low(kmr)
    net.level(0)
    node.kmc, node.counter = net.connected(kmr, node.name), 0
    net.level(2)
    results.equal(read(indicator(kmr, "GET", node.path, False)), 503, "normal on a low subscription gains nothing")
    results.equal(net.counters()["indicatorInvalid"], invalid + 1, "which is no forgery")
    session = net.session_b(net.connected(other.kmr, other.name))
    lines = {"From": link_of(other.name)}
    results.equal(session.request("GET", other.path, headers={**lines, "X-M2M-Priority": "low"}).status, 503,
                  "within a session its claim counts")
    results.equal(session.request("GET", other.path, headers={**lines, "X-M2M-Priority": "normal"}).status, 200,
                  "and is not needed for normal")
    session.close()
    net.stop()


def nodes(results, bed):
    """Real nodes claim for bootstrap, connection and registration, and come back."""
    net = Net(bed, name="whole", settings=DRILL).start()
    net.level(1)
    device = ppid(0x0b0001)
    low = secure.factory_node(bed, "gscl", net, device, name="low", settings={"register": {"priority": "low"}}).start()
    normal = secure.factory_node(bed, "dscl", net, ppid(0x0b0002), name="normal").start()
    results.ok(net.sees(normal.scl_id) is not None, "a normal node comes in at level 1", normal.log_tail)
    results.ok(wait_for(lambda: net.counters()["shedLow"] >= 2, 60), "one of low priority waits, and asks again", low.log_tail)
    results.ok(net.node_of(low.scl_id) is None, "it was given no key")
    net.level(0)
    results.ok(net.sees(low.scl_id) is not None, "when it is over it comes in", low.log_tail)
    # The class of its subscription counts for a bootstrap as well, whatever it claims.
    kmr = net.node_of(normal.scl_id)
    net.administer("PUT", f"/nodes/{kmr['nodeId']}", {"priority": "low"})
    normal.stop()
    net.level(1)
    nonce = os.urandom(16)
    with net.certified(normal.device) as session:
        answer = ask_boot(session, normal.ppid, headers={"X-M2M-Nonce": nonce.hex(), "X-M2M-Priority": "normal"})
    results.ok(answer.status == 503 and in_range(answer) and answer.header("X-M2M-Reject"),
               "a bootstrap of a low subscription is put off, signed", answer.headers)
    net.level(0)
    with net.certified(normal.device) as session:
        results.equal(ask_boot(session, normal.ppid).status, 201, "and not at level 0")
    low.stop()
    net.stop()


# ---- ten times what it can do ----

class Rush:
    """Nodes that write as fast as they are answered."""

    def __init__(self, net, low, normal):
        self.net, self.over, self.lock = net, threading.Event(), threading.Lock()
        self.put_off, self.unclear, self.served, self.good, self.bad = [], [], 0, 0, []
        self.threads = [threading.Thread(target=self.crowd, args=(n,)) for n in low]
        self.threads += [threading.Thread(target=self.paced, args=(n,)) for n in normal]

    def crowd(self, node):
        """One of low priority, which does not wait as long as it is told."""
        while not self.over.is_set():
            nonce = os.urandom(16)
            answer = node.write(low=True, nonce=nonce)
            with self.lock:
                if answer is not None and answer.status == 503 and b"OVERLOAD" in answer.body:
                    self.put_off.append((node.kmr.node, nonce, answer))
                else:
                    self.served += answer is not None and answer.status in (200, 204)
            if answer is None or answer.status == 503:
                time.sleep(PAUSE)

    def paced(self, node):
        """One of normal priority."""
        while not self.over.is_set():
            answer = node.write()
            with self.lock:
                if answer is not None and answer.status in (200, 204):
                    self.good += 1
                else:
                    self.bad.append(answer)
            time.sleep(0.05)

    def run(self):
        """All of it, for its time."""
        for t in self.threads:
            t.start()
        time.sleep(SECONDS)
        self.over.set()
        for t in self.threads:
            t.join()


def rush(results, bed):
    """Ten times as many writes of low priority as there is room for, beside normal ones."""
    settings = {"limits": {"queue_max": QUEUE, "batch_max": 1},
                "overload": {"enabled": True, "queue_level1": 33, "queue_level2": 66, "queue_level3": 0, "cpu_level1": 0,
                             "cpu_level2": 0, "hold": "60 s" if not LONG else "300 s"}}
    net = Net(bed, name="rush", msbf=False, settings=settings).start()
    crowd = [Access(net, f"low-{i}", i).register() for i in range(CROWD)]
    paced = [Access(net, f"normal-{i}", CROWD + i).register() for i in range(PACED)]
    answer = paced[0].write()
    if not results.ok(answer is not None and answer.status in (200, 204), "a write is answered", answer):
        return
    all_of_it = Rush(net, crowd, paced)
    all_of_it.run()
    state, n = net.counters(), len(all_of_it.put_off)
    results.ok(state["level"] == 2 and not state["forced"], "the level was measured", state)
    total = all_of_it.good + len(all_of_it.bad)
    results.ok(total > 20 and all_of_it.good >= 0.95 * total, f"normal: {all_of_it.good} of {total} are served",
               all_of_it.bad[:3])
    results.ok(n > 100, f"low: {all_of_it.served} served, {n} put off")
    results.equal(sum(not in_range(a) for _, _, a in all_of_it.put_off), 0, "each with a Retry-After of 30 to 300 s")
    spread = {int(a.header("Retry-After")) // 30 for _, _, a in all_of_it.put_off}
    results.ok(len(spread) >= 5, "at random", spread)
    results.equal(sum(not a.header("X-M2M-Reject") for _, _, a in all_of_it.put_off), 0, "each with a signed reject")
    chosen = all_of_it.put_off[::max(1, n // CHECKED)]
    results.equal(sum(not verdict(net, a, node, nonce) for node, nonce, a in chosen), 0, f"good signatures ({len(chosen)})")
    results.equal(state["shedLow"], n, "all of them are counted")
    results.equal(state["shedNormal"], 0, "and none of normal priority")
    net.stop()


if __name__ == "__main__":
    report.run(drills, switched_off, tampering, nodes, rush)
