#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Proxy, source and sinks are killed under load, lines are cut, sinks fail: what was acknowledged arrives, in order, once."""

import random
import re
import sys
import time

from lib import proxy as px
from lib import queue, xml
from lib import report as reports
from lib.bed import wait_for
from lib.relay import Relay

SEED = 20161104
MESSAGES = 10**6 if reports.LONG else 20000
DOCUMENTS = 20000 if reports.LONG else 1500
KILLS = 60 if reports.LONG else 6
PARKED = (10**4, 10**6) if reports.LONG else (10**4, 5 * 10**4)
GROWTH_KIB = 8 << 10
ALL_STATUSES = (200, 500, 503, "close", "late", "lost")
PATIENCE = 300


# ---- the tools themselves ----

def checker(report, _bed):
    """The checker finds what it looks for"""
    whole = [queue.line(1, n)[:-1] for n in range(1, 101)]

    def found(messages, first=1, stored=100, sent=100):
        judge = queue.Checker(first)
        for message in messages:
            judge.take(message)
        return " ".join(judge.verdict({1: queue.Journal(stored, sent)}))

    report.equal(found(whole), "", "all of them in order")
    report.equal(found(whole[:90], stored=80), "", "some that were not acknowledged may be missing, others have arrived")
    report.equal(found(whole[10:], first=11), "", "a sink that came later")
    cases = {"one is lost": (whole[:50] + whole[51:], "lost"), "the last is lost": (whole[:99], "lost"),
             "the first is lost": (whole[1:], "lost"), "all are lost": ([], "lost"),
             "two are swapped": (whole[:50] + [whole[51], whole[50]] + whole[52:], "order"),
             "one comes again": (whole[:51] + whole[50:], "twice"), "the first comes again at the end": (whole + whole[:1], "twice"),
             "one with the MAC of another": (whole[:50] + [whole[50][:18] + whole[49][18:]] + whole[51:], "alien"),
             "one of another stream": (whole[:50] + [queue.line(2, 51)[:-1]] + whole[51:], "alien"),
             "one that is padded": (whole[:50] + [whole[50] + b"x"] + whole[51:], "alien"),
             "what was never sent": (whole + [queue.line(1, 101)[:-1]], "invented")}
    for name, (messages, word) in cases.items():
        report.ok(word in found(messages), f"not all well: {name}", found(messages))
    report.ok("not granted" in found(whole, first=11), "not all well: before what was granted")
    judge = queue.Checker()
    judge.take_all(b"".join(w + b"\n" for w in whole)[:-5])
    report.ok("cut" in " ".join(judge.verdict({1: queue.Journal(99, 100)})), "not all well: the last is cut")


def wire(report, bed):
    """So does the checker of units"""
    source, sink = px.Party(bed, "source"), px.Party(bed, "sink")
    parts = px.Stream(source, section=10).lines(1, 40)

    def found(*bodies):
        judge = queue.Wire()
        for body in bodies:
            judge.take(queue.joined(body))
        return " ".join(judge.complaints), len(judge.fresh), judge.again

    forged = parts[7][:-1] + bytes([parts[7][-1] ^ 1])
    report.equal(found(parts), ("", len(parts), 0), "all in order")
    report.equal(found(parts[:20], parts[5:]), ("", len(parts), 15), "some again, as they were")
    for name, bodies, word in (("an altered repetition", (parts[:20], [forged], parts[20:]), "alien duplicate"),
                               ("two swapped", (parts[:5] + [parts[6], parts[5]] + parts[7:],), "gap"),
                               ("one missing", (parts[:5] + parts[6:],), "gap"),
                               ("no management message", (parts[1:],), "gap"),
                               ("sections swapped", (parts[12:24], parts[:12]), "order")):
        report.ok(word in found(*bodies)[0], f"not all well: {name}", found(*bodies))
    receiver = bed.add(px.Sink(says=201))
    loader = px.Loader(source, receiver.url, 2000, section=100, batch=7).start()
    chance = random.Random(SEED)
    for _ in range(5):
        loader.reaches(loader.journal().stored + chance.randrange(1, 100))
        receiver.says = chance.choice((503, "close"))
        receiver.wait(lambda seen=receiver.tried: receiver.tried > seen)
        loader.kill()
        receiver.says = 201
        loader.start()
    report.equal(loader.ends(), 0, "px_load ends after some kills", loader.log())
    judge = queue.Wire()
    for body in receiver.bodies:
        judge.take(body)
    report.equal(judge.complaints, [], "what it has sent is whole")
    _, keys = px.granted(source, sink)
    report.equal(len(keys), 1, "one epoch")
    lines = queue.Checker()
    lines.take_all(px.opened(source, source, judge.fresh))
    report.equal(lines.verdict({1: loader.journal()}), [], "and all of it is there", loader.journal().__dict__)
    report.equal((loader.journal().stored, lines.last), (2000, {1: 2000}), "to the last")


# ---- the cast ----

class Cast:
    """A source, a proxy with a store for count messages of so many octets, a sink that is granted all."""

    def __init__(self, bed, count, octets=400, **options):
        self.bed, self.count, self.random = bed, count, random.Random(SEED)
        self.source, self.sink = px.Party(bed, "source"), px.Party(bed, "sink")
        self.proxy = px.proxy(bed, capacity="2 GiB", **options)
        self.front = bed.add(Relay(self.proxy.port))
        self.rest = self.proxy.rest()
        self.store = self.rest.store(reserve=octets * count + (1 << 20), ttl=86400)
        self.forward, self.url = None, None
        self.loader = None

    def load(self, **more):
        """Starts the source, behind a relay."""
        url = f"http://127.0.0.1:{self.front.port}{px.ROOT}/stores/{self.store}/messages"
        self.loader = px.Loader(self.source, url, self.count, **more).start()

    def send_to(self, url, **more):
        """The forward."""
        self.url = url
        self.forward = self.rest.forward(self.store, [px.sink_row(self.source, self.sink, url, **more)])

    def kill_proxy(self):
        """SIGKILL, sometimes once more while it starts."""
        self.proxy.kill()
        if self.random.random() < 0.3:
            self.proxy.spawn()
            time.sleep(self.random.random() * 0.1)      # the random moment
            self.proxy.kill()
        self.proxy.start()
        self.rest.close()

    def kill_source(self):
        """SIGKILL."""
        self.loader.kill()
        self.loader.start()

    def goes_on(self, share):
        """Waits until some more was stored, and a random moment."""
        more = self.random.randrange(1, max(2, self.count // share))
        done = self.loader.reaches(min(self.count, self.loader.journal().stored + more), PATIENCE)
        time.sleep(self.random.random() * 0.02)         # the random moment
        return done

    def finish(self, report, title):
        """Waits until all was stored and sent on."""
        report.equal(self.loader.ends(PATIENCE), 0, f"{title}: the source has sent all", self.loader.log)
        newest = self.rest.got(f"/stores/{self.store}/monitor")["newest"]
        report.ok(self.rest.delivered(self.forward, self.url, newest, PATIENCE), f"{title}: the sink has acknowledged all {newest}",
                  lambda: f"{self.rest.monitor(self.forward)}\n{self.proxy.log_tail()}")

    def judge_units(self, report, title, bodies):
        """What a sink of the test has acknowledged."""
        judge, lines = queue.Wire(), queue.Checker()
        for body in bodies:
            judge.take(body)
        report.equal(judge.complaints[:5], [], f"{title}: units arrive whole and in order", len(judge.complaints))
        lines.take_all(px.opened(self.sink, self.source, judge.fresh))
        report.equal(lines.verdict({1: self.loader.journal()}), [], f"{title}: received is what was acknowledged")
        report.equal(lines.last, {1: self.count}, f"{title}: to the last of {self.count}, {judge.again} units came again")


class Moody:
    """What a bad sink says: mostly something good; "lost": it takes the units, and its answer is lost."""

    def __init__(self, sink, seed):
        self.sink, self.random, self.share, self.seen = sink, random.Random(seed), 0.3, {}

    def __call__(self, body):
        says = 200
        if self.random.random() < self.share:
            says = self.random.choice(ALL_STATUSES)
        self.seen[says] = self.seen.get(says, 0) + 1
        if says == "lost":
            with self.sink.changed:
                self.sink.bodies.append(body)
            says = "close"
        return says


def kills(report, bed):
    """Proxy and source are killed, lines are cut, the sink is a bad one"""
    cast = Cast(bed, MESSAGES)
    sink = bed.add(px.Sink())
    sink.says = Moody(sink, SEED)
    line = bed.add(Relay(sink.port))
    cast.load(section=3000)
    cast.send_to(f"http://127.0.0.1:{line.port}/sink", batch=64)
    deeds = (cast.kill_proxy, cast.kill_source, cast.front.reset, line.reset, cast.kill_proxy, cast.kill_source)
    for number in range(KILLS):
        report.ok(cast.goes_on(KILLS + 2), f"round {number + 1}: load goes on", lambda: cast.loader.log() + cast.proxy.log_tail())
        if number % 3 == 2:
            line.cut()
        deeds[number % len(deeds)]()
        if number % 3 == 2:
            line.restore()
    sink.says.share = 0.02
    cast.finish(report, "killed")
    report.ok(len(sink.says.seen) > 3, "the sink was a bad one", sink.says.seen)
    cast.judge_units(report, "killed", sink.bodies)
    report.equal(cast.proxy.stop()[0], 0, "the proxy ends well")
    cast.proxy.clean_store(report, "--check-store of the proxy at the end")


def stubborn(report, bed):
    """Sinks that hang, close, refuse"""
    cast = Cast(bed, 2000, send_timeout="1 s")
    sink = bed.add(px.Sink(says="hang"))
    cast.load(section=100)
    cast.send_to(sink.url, batch=32)
    report.ok(sink.wait(lambda: sink.tried > 1, PATIENCE), "a sink that hangs is tried again", sink.tried)
    for says in ("close", 500, 503, 401, 403, 404):
        sink.says = says
        seen = sink.tried
        report.ok(sink.wait(lambda n=seen: sink.tried > n + 1, PATIENCE), f"so is one that answers {says}", cast.proxy.log_tail)
    state = cast.rest.lane(cast.forward, cast.url)
    report.ok(state["retried"] > 3 and state["acknowledged"] == 0 and "lastError" in state, "the monitor tells", state)
    report.equal(sink.bodies, [], "nothing was acknowledged")
    sink.says = 200
    cast.finish(report, "after all that")
    cast.judge_units(report, "after all that", sink.bodies)


def unknown_section(report, bed):
    """A sink that has lost what it knew: 409"""
    cast = Cast(bed, 1000)
    forgets = {"at": None}

    def says(body):
        """409 to data messages until the management message has come again."""
        first = queue.units(body)[0]
        if forgets["at"] is None and len(sink.bodies) == 5 and first[2] == queue.DATA:
            forgets["at"] = queue.place(first)[:3]
        if forgets["at"] and forgets["at"] != "over":
            if first[2] == queue.MM1 and queue.place(first)[:3] == forgets["at"]:
                forgets["at"] = "over"
            else:
                return 409
        return 200

    sink = bed.add(px.Sink())
    sink.says = says
    cast.load(section=300, batch=50)
    cast.send_to(sink.url, batch=32)
    cast.finish(report, "409")
    report.equal(forgets["at"], "over", "the proxy goes back to the management message")
    cast.judge_units(report, "409", sink.bodies)


def refused(report, bed):
    """A message that the sink refuses: found, shown, tried again or skipped"""
    cast = Cast(bed, 200)
    bad = {"unit": None}

    def says(body):
        """400 to whatever has that unit in it."""
        return 400 if bad["unit"] and bad["unit"] in queue.units(body) else 200

    sink = bed.add(px.Sink(says=503))
    cast.load(section=100, batch=50)
    report.equal(cast.loader.ends(PATIENCE), 0, "all is stored")
    cast.send_to(sink.url, batch=16)
    stored = cast.rest.got(f"/stores/{cast.store}/monitor")["newest"]
    # The 42nd message of the store is the 41st of the first section: not in the first body.
    unit = {}

    def spot(body):
        parts = queue.units(body)
        for part in parts:
            if queue.place(part)[3:] == (1, 40) and "part" not in unit:
                unit["part"] = bad["unit"] = part
        return says(body)

    sink.says = spot
    report.ok(wait_for(lambda: cast.rest.lane(cast.forward, cast.url)["state"] == "refused", PATIENCE),
              "the lane stops at what is refused", lambda: cast.rest.monitor(cast.forward))
    # What was acknowledged before it is kept a moment later.
    report.ok(wait_for(lambda: cast.rest.lane(cast.forward, cast.url)["acknowledged"] == 41, PATIENCE),
              "at exactly this message", lambda: cast.rest.monitor(cast.forward))
    revision = cast.rest.monitor(cast.forward)["revision"]
    answer = cast.rest.control(cast.forward, revision, skip=[{"url": cast.url, "number": 43}])
    report.equal(answer.status, 409, "skip of another message", answer)
    bad["unit"] = None
    answer = cast.rest.control(cast.forward, revision, "resume")
    report.equal(answer.status, 200, "resume", answer)
    cast.finish(report, "resumed")
    cast.judge_units(report, "resumed", sink.bodies)
    report.ok(stored > 200, "management messages and ENDs are messages of the store", stored)


# ---- sinks that are killed ----

def kills_m2m_sink(report, bed):
    """m2m-sink is killed under load"""
    count = 20000 if reports.LONG else 1500
    cast = Cast(bed, count)
    sink = px.M2mSink(bed, cast.sink.key, [cast.source]).start()
    cast.load(section=500, batch=32)
    cast.send_to(sink.url, batch=32)
    for number in range(KILLS // 2):
        report.ok(cast.goes_on(KILLS), f"round {number + 1}: load goes on", cast.loader.log)
        sink.kill()
        sink.start()
    cast.finish(report, "m2m-sink")
    lines = queue.Checker()
    wait_for(lambda: len(sink.messages()) >= count, PATIENCE)
    lines.take_all(b"".join(sink.messages()))
    report.equal(lines.verdict({1: cast.loader.journal()}), [], "m2m-sink: received is what was acknowledged", sink.log)
    report.equal(lines.last, {1: count}, "m2m-sink: to the last")
    report.equal(sink.stop(), 0, "m2m-sink ends well", sink.log)


PLACE = "/m2m/applications/a/containers/c/contentInstances"


def contents(daemon):
    """What the container of an nscl has, in order."""
    client = daemon.client()
    answer = client.get(PLACE)
    client.close()
    return [t.encode() for t in xml.texts(answer.xml(), "textContent")] if answer.status == 200 else []


def kills_nscl(report, bed):
    """nscl is killed while it takes units and applies what is in them"""
    cast = Cast(bed, DOCUMENTS, octets=1000)
    rows = f'proxy = {{ identity = "{cast.sink.key}"; sources = ( {{ url = "{cast.source.url}"; scl = "source.example.org"; ' \
           f'key = "{cast.source.pub}"; }} ); }};'
    nscl = px.CoapDaemon(bed, "nscl", extra=rows, options=("limits.instances_per_answer=100000", "limits.collection_max=100000"))
    nscl.start()
    client = nscl.client()
    client.create("/m2m/applications", xml.application("a"))
    client.create("/m2m/applications/a/containers", xml.container("c", 10**6, 10**9))
    client.close()
    cast.load(section=500, batch=64, template=px.request_document(nscl.base + PLACE[4:], cast.source.url + "/applications/meter"))
    cast.send_to(nscl.base + "/proxy/inbox", batch=32)
    for number in range(KILLS // 2):
        report.ok(cast.goes_on(KILLS), f"round {number + 1}: load goes on", cast.loader.log)
        if number % 2:
            cast.kill_proxy()
        nscl.kill()
        nscl.start()
    cast.finish(report, "nscl")
    report.ok(wait_for(lambda: len(contents(nscl)) >= DOCUMENTS, PATIENCE), "everything is applied",
              lambda: f"{len(contents(nscl))}\n{nscl.log_tail()}")
    lines = queue.Checker()
    for text in contents(nscl):
        lines.take(text)
    report.equal(lines.verdict({1: cast.loader.journal()}), [], "nscl: what is in the container is what was acknowledged, once, in order")
    report.equal(nscl.stop()[0], 0, "nscl ends well")
    nscl.clean_store(report, "--check-store of nscl at the end")


# ---- much ----

def memory_kib(daemon):
    """(VmRSS, RssAnon, RssFile)"""
    with open(f"/proc/{daemon.pid}/status", encoding="ascii") as file:
        rows = dict(re.findall(r"^(VmRSS|RssAnon|RssFile):\s+(\d+)", file.read(), re.M))
    return tuple(int(rows[name]) for name in ("VmRSS", "RssAnon", "RssFile"))


def parked(report, bed):
    """Memory does not grow with what is parked"""
    few, many = PARKED
    cast = Cast(bed, many)
    cast.load(section=1 << 20)
    report.ok(cast.loader.reaches(few, PATIENCE), f"{few} are stored", cast.loader.log)
    before = memory_kib(cast.proxy)
    report.equal(cast.loader.ends(1800), 0, f"{many} are stored", cast.loader.log)
    after = memory_kib(cast.proxy)
    told = f"VmRSS, RssAnon, RssFile in KiB at {few}: {before}, at {many}: {after}"
    report.note(told)
    if cast.proxy.sanitized():
        report.skip("memory", "the address sanitizer keeps freed memory")
    else:
        report.ok(after[0] - before[0] <= GROWTH_KIB, f"{many} parked messages take no more than {GROWTH_KIB} KiB more", told)
    sink = bed.add(px.Sink())
    cast.send_to(sink.url, batch=256)
    cast.finish(report, "parked")
    cast.judge_units(report, "parked", sink.bodies)


PARTS = (checker, wire, kills, stubborn, unknown_section, refused, kills_m2m_sink, kills_nscl, parked)


def main():
    """Entry point."""
    if px.without_pairings():
        reports.run(checker)
    chosen = [p for p in PARTS if p.__name__ in sys.argv[1:]] or PARTS
    reports.run(*chosen)


if __name__ == "__main__":
    main()
