#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""CoAP over a line that loses a fifth of all datagrams, doubles and reorders them: nothing acknowledged is
lost, nothing is done twice, bodies arrive whole, observers end with the final state."""

import concurrent.futures
import os
import random
import subprocess
import sys
import threading
import time

from lib import namespace
from lib import report as reports
from lib import xml
from lib.client import Unknown
from lib.coap import CoapDaemon
from lib.lossy import GOOD, Lossy

SEEDS = range(1, 13) if reports.LONG else (1, 2)
CREATES = 40 if reports.LONG else 6
WRITERS = OBSERVERS = 3
AT_ONCE = 6         # rounds, which wait more than they work
HASTY = 0.1        # ACK_TIMEOUT of the clients, in seconds: the line is short
BODIES = (1, 300, 1024, 2500) + ((6000,) if reports.LONG else ())
SILENT = 8.0       # seconds after which an observer registers again, as one whose Max-Age is over
PATIENCE = 90
PLACE = "/m2m/applications/line/containers/c/contentInstances"
OPTIONS = ("limits.instances_per_answer=100000", "limits.collection_max=100000")
NETEM = "OPENSCL_E2E_NETEM"
# Datagrams alone: what HTTP says to check is not to suffer.
QDISCS = (("qdisc", "add", "dev", "lo", "root", "handle", "1:", "prio", "bands", "4"),
          ("qdisc", "add", "dev", "lo", "parent", "1:4", "netem", "delay", "5ms", "5ms", "loss", "20%", "duplicate", "10%",
           "reorder", "25%"),
          ("filter", "add", "dev", "lo", "parent", "1:", "protocol", "ip", "u32", "match", "ip", "protocol", "17", "0xff",
           "flowid", "1:4"))


class Writer(threading.Thread):
    """Creates contentInstances; acknowledged is {id: content}, unknown what got no answer."""

    def __init__(self, daemon, port, name, seed):
        super().__init__(daemon=True)
        self.random = random.Random(seed)
        self.client = daemon.coap(port, szx=self.random.choice((4, 5, 6)), hasty=HASTY)
        self.contents = [self._content(name, n) for n in range(CREATES)]
        self.acknowledged, self.unknown, self.complaints = {}, set(), []

    def _content(self, name, number):
        size = self.random.choice(BODIES)
        return f"{name}.{number}." + "".join(self.random.choices("abcdefgh0123", k=size))

    def run(self):
        for content in self.contents:
            try:
                answer = self.client.post(PLACE, xml.instance(content))
            except Unknown:
                self.unknown.add(content)
                continue
            if answer.code == "2.01":
                self.acknowledged[answer.location.rpartition("/")[2]] = content
            else:
                self.complaints.append(f"{content[:20]} of {len(content)}: {answer!r}")

    def done(self):
        """How many creates are over."""
        return len(self.acknowledged) + len(self.unknown) + len(self.complaints)

    def finishes(self):
        """Waits until it has ended; False: it does not get on."""
        before = -1
        while self.is_alive() and self.done() > before:
            before = self.done()
            self.join(PATIENCE)
        return not self.is_alive()

    def wrong_bodies(self):
        """Complaints about what is read back over the same line."""
        wrong = []
        for name, content in self.acknowledged.items():
            try:
                answer = self.client.get(f"{PLACE}/{name}")
            except Unknown:
                continue
            if answer.code != "2.05" or xml.text(answer.xml(), "textContent") != content:
                wrong.append(f"{name} of {len(content)}: {answer!r}")
        return wrong


class Observer(threading.Thread):
    """Watches the latest instance until it has the final content."""

    def __init__(self, daemon, port, final):
        super().__init__(daemon=True)
        self.final, self.client, self.seen, self.ended = final, daemon.coap(port, hasty=HASTY), None, False
        self.trouble = ""

    def has_final(self):
        """The content that it knows is the last one."""
        return self.final.encode() in self.seen.fresh

    def run(self):
        while not self.ended:
            try:
                if self.seen is None:
                    self.seen = self.client.observe(f"{PLACE}/latest")
                elif not self.seen.wait(SILENT):
                    self.seen.begin()
                if self.has_final():
                    return
            except (Unknown, OSError) as error:
                self.trouble = repr(error)


def stored(daemon):
    """{id: content} of all instances, by HTTP."""
    client = daemon.client()
    root = client.get(PLACE).xml()
    client.close()
    return {node.get(xml.q("id")): xml.text(node, "textContent") for node in root.iter(xml.q("contentInstance"))}


def check_creates(report, title, daemon, writers):
    """Results: every acknowledged create is there, as itself, and everything there only once."""
    there = stored(daemon)
    there.pop("first")
    acknowledged = {k: v for w in writers for k, v in dict(w.acknowledged).items()}
    unknown = set().union(*(w.unknown for w in writers))
    complaints = [c for w in writers for c in w.complaints]
    report.ok(not complaints, f"{title}: no create is refused", "\n".join(complaints))
    report.equal(len(acknowledged) + len(unknown) + len(complaints), WRITERS * CREATES,
                 f"{title}: every create has an id of its own")
    lost = {k: v[:30] for k, v in acknowledged.items() if there.get(k) != v}
    report.ok(acknowledged and not lost, f"{title}: {len(acknowledged)} acknowledged creates are there, whole", lost)
    report.equal(len(there), len(set(there.values())), f"{title}: nothing is there twice", sorted(v[:30] for v in there.values()))
    strangers = [v[:30] for k, v in there.items() if k not in acknowledged and v not in unknown]
    report.ok(not strangers, f"{title}: nothing else is there", strangers)


def check_observers(report, title, daemon, observers, final):
    """Results: the final state comes to every observer."""
    client = daemon.client()
    client.create(PLACE, xml.instance(final, "final"))
    client.close()
    end = time.monotonic() + PATIENCE
    for observer in observers:
        observer.join(max(0.0, end - time.monotonic()))
        observer.ended = True
    late = [f"{o.trouble} {o.seen and o.seen.fresh[-300:]}" for o in observers if o.seen is None or not o.has_final()]
    report.ok(not late, f"{title}: {len(observers)} observers see the final state", "\n".join(late))
    told = [o.seen.told for o in observers if o.seen]
    report.ok(sum(told) > 0, f"{title}: by notifications", told)
    report.note(f"notifications {told}, registrations {[o.seen.begun for o in observers if o.seen]}")


def round_of(report, bed, seed, title, through):
    """Writers and observers at a new daemon; through: a relay in front of its port, or None."""
    daemon = CoapDaemon(bed, name=f"line{seed}", options=OPTIONS).start()
    client = daemon.client()
    client.create("/m2m/applications", xml.application("line"))
    client.create("/m2m/applications/line/containers", xml.container("c", 10**6, 10**9))
    client.create(PLACE, xml.instance("first", "first"))
    client.close()
    relay = through and bed.add(through(daemon.coap_port, seed))
    port = relay.port if relay else daemon.coap_port
    final = f"final.{seed}"
    observers = [Observer(daemon, port, final) for _ in range(OBSERVERS)]
    writers = [Writer(daemon, port, f"w{n}", seed * 100 + n) for n in range(WRITERS)]
    for thread in observers + writers:
        thread.start()
    for writer in writers:
        report.ok(writer.finishes(), f"{title}: the writer is done", writer.done())
    check_creates(report, title, daemon, writers)
    wrong = [w for writer in writers for w in writer.wrong_bodies()]
    report.ok(not wrong, f"{title}: bodies are read back whole", "\n".join(wrong))
    check_observers(report, title, daemon, observers, final)
    if relay:
        report.note(relay.counts())
        report.ok(relay.line is GOOD or (relay.lost and relay.doubled), f"{title}: the line was bad", relay.counts())
    for thread in observers + writers:
        thread.client.close()
    code, _ = daemon.stop()
    report.equal(code, 0, f"{title}: orderly end")


def relayed(report, bed):
    """Through a relay that loses, doubles, delays and reorders."""
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(lambda seed: round_of(report, bed, seed, f"seed {seed}", Lossy), SEEDS))


def shaped():
    """The loopback of this namespace has the line; why not, or ''."""
    for command in QDISCS:
        done = subprocess.run(["tc", *command], capture_output=True, text=True, timeout=60)
        if done.returncode != 0:
            return done.stderr.strip()
    return ""


def netem_inside(report, bed):
    """In a namespace of its own, whose loopback is such a line."""
    namespace.enter()
    why = shaped()
    if why:
        report.skip("netem", why)
        return
    round_of(report, bed, SEEDS[0], "netem", None)


def netem(report, _bed):
    """The same made by the kernel, where it can."""
    try:
        if not namespace.permitted():
            report.skip("netem", "no namespaces here")
            return
        done = subprocess.run([sys.executable, "-B", *sys.argv], env={**os.environ, NETEM: "1"}, capture_output=True, text=True,
                              timeout=4 * PATIENCE)
    except FileNotFoundError as error:
        report.skip("netem", error)
        return
    if done.returncode == reports.SKIPPED:
        report.skip("netem", done.stdout.strip().rpartition("\n")[2])
        return
    report.ok(done.returncode == 0, "netem: the same holds", done.stdout + done.stderr)


if __name__ == "__main__":
    if os.environ.get(NETEM) == "1":
        if os.environ.get(namespace.ENTERED) != "1":
            namespace.enter()
        reports.run(netem_inside)
    else:
        reports.run(relayed, netem)
