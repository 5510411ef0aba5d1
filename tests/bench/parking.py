# SPDX-License-Identifier: Apache-2.0
"""The store-and-forward proxy as a daemon: messages into a store, re-encrypted out of it, and how many streams of
800 kbit/s one core carries, with memory and processor time of each ("Secure store and forward proxy for dynamic IoT
applications over M2M networks", figs. 7 and 8)."""

import json
import os
import re
import struct
import subprocess
import time

from daemon import Daemon
from measure import interleave, median, ratio
from procs import BenchError
from proxying import KBIT_S, PAYLOADS, tool

MESSAGES = (1, 10, 100, 1000)   # data messages of a section
ROOT = "/m2m/proxy"
OWNER = "http://127.0.0.1/owner"
OVERHEAD = 256                  # octets that a unit is longer than its payload, at most
MANAGEMENT = 512                # octets of a management message with END, at most
SECONDS = 300
STREAM_SECONDS = 8
SECTION_SECONDS = 1             # of a stream, so that keys are re-encrypted while it is measured
KEPT = 0.9                      # of its rate; below, the streams are too many (a lane that waits for its body loses some)
STREAMS_MAX = 1024
OCTETS_S = KBIT_S * 1000 // 8
_BLOCK = re.compile(r"-----BEGIN M2PRE [A-Z0-9 -]+-----\n([0-9a-f\n]+)-----END")

CONFIG = """proxy = {{ enabled = true; capacity = "4 GiB"; stores_max = {n}; stores_per_owner = {n}; forwards_max = {n};
  send_timeout = "60 s"; in_flight = 1024; }};
"""


class Proxy(Daemon):
    """A gscl that is a proxy."""

    def configuration(self, program, **more):
        return super().configuration(program, **more) + CONFIG.format(n=STREAMS_MAX)

    def call(self, method, path, rows=None, good=(200, 201, 204)):
        """Document of the answer."""
        session = self.session()
        session.request(method, path, None if rows is None else json.dumps(rows),
                        {"From": OWNER, "Content-Type": "application/json"})
        answer = session.getresponse()
        text = answer.read()
        session.close()
        if answer.status not in good:
            raise BenchError(f"{method} {path}: {answer.status} {text[:200]!r}")
        return json.loads(text) if text[:1] == b"{" else {}

    def store(self, octets):
        """Id of a store with room for so many octets."""
        return self.call("POST", f"{ROOT}/stores", {"reserve": max(octets, 4096), "ttl": 3600})["id"]

    def forward(self, store, row):
        """Id of a forward to one sink."""
        return self.call("POST", f"{ROOT}/stores/{store}/forwards", {"sinks": [row]})["id"]

    def lane(self, forward):
        """What the monitor says of its sink."""
        return self.call("GET", f"{ROOT}/forwards/{forward}/monitor")["sinks"][0]

    def end(self, store):
        """Its forwards stop, its room is free again."""
        self.call("DELETE", f"{ROOT}/stores/{store}")


class Source:
    """Keys of a source and of its sink, and what the proxy gets of them."""

    def __init__(self, ctx, engine):
        self.ctx, self.base, self.runs = ctx, os.path.join(ctx.workdir, f"parking-{engine}"), 0
        os.makedirs(self.base)
        for name in ("source", "sink"):
            self.pre("keygen", f"--url=http://{name}.example.org/m2m", f"--out={self.base}/{name}")
        # One key for all sections of a stream: what is measured are the messages.
        self.pre("rekey", f"--key={self.base}/source.key", f"--to={self.base}/sink.pk2", "--stream=1", "--epoch=0",
                 f"--out={self.base}/rk")
        with open(f"{self.base}/rk", encoding="ascii") as file:
            octets = bytes.fromhex(_BLOCK.search(file.read())[1].replace("\n", ""))
        stream, epoch = struct.unpack_from(">HI", octets, 18)
        self.row = {"pkId": octets[24:32].hex(), "rk": [{"stream": stream, "epoch": epoch, "rk": octets[32:128].hex()}]}

    def pre(self, *args):
        """What m2m-pre prints."""
        done = subprocess.run([os.path.join(self.ctx.builddir, "common/cli/m2m-pre"), *args], capture_output=True, text=True,
                              check=False, timeout=SECONDS)
        if done.returncode != 0:
            raise BenchError(f"m2m-pre {args}: {done.stderr}")
        return done.stdout

    def load(self, daemon, store, count, octets, section):
        """Seconds that it takes to seal and store count messages."""
        self.runs += 1
        directory = f"{self.base}/load-{self.runs}"
        os.makedirs(directory)
        started = time.monotonic()
        done = subprocess.run([os.path.join(self.ctx.builddir, "tests/e2e/px_load"), "-f", OWNER, "-b", "256", "-n", str(section),
                               "-E", "4294967295", "-s", str(octets), f"{self.base}/source", directory, str(count),
                               f"{daemon.url}{ROOT}/stores/{store}/messages"], capture_output=True, text=True, check=False,
                              timeout=SECONDS)
        if done.returncode != 0:
            raise BenchError(f"px_load: {done.stderr}")
        return time.monotonic() - started


def room(count, octets, section):
    """Octets of a store for so many messages."""
    return count * (octets + OVERHEAD) + (count // section + 2) * MANAGEMENT


def arrived(daemon, forward, count):
    """Waits until the sink has them."""
    deadline = time.monotonic() + SECONDS
    while True:
        lane = daemon.lane(forward)
        # A number is of a unit, and there are more of them than messages.
        if lane["acknowledged"] >= count and lane["lag"] == 0:
            return
        if time.monotonic() > deadline:
            raise BenchError(f"not forwarded: {lane}")
        time.sleep(0.01)


def measured(seconds, count, octets):
    """A rate."""
    return {"rps": count * octets * 8 / seconds / 1e6, "messages": count / seconds, "seconds": seconds}


def figure(ctx, daemon, source, sink, octets, section):
    """Payload of one size through a store, with one number of messages in a section."""
    count = (10000 if ctx.rounds == 1 else 50000) if section > 1 else 2000
    stored = []

    def out():
        store = daemon.store(room(count, octets, section))
        stored.append(measured(source.load(daemon, store, count, octets, section), count, octets))
        started = time.monotonic()
        forward = daemon.forward(store, {"url": sink.url + "/inbox", "batch": 256, **source.row})
        arrived(daemon, forward, count)
        result = measured(time.monotonic() - started, count, octets)
        daemon.end(store)
        return result

    def library():
        return {"rps": tool(ctx, "stream", octets, section)["proxy"]}

    forwarded, bare = interleave(ctx.rounds, out, library)
    name = f"{daemon.engine}: proxy, {octets} octets, N = {section}"
    ctx.report.add(f"{name}: sealed and stored", median(stored, "rps"), "Mbit/s",
                   detail={"rounds": stored, "messages_s": median(stored, "messages")})
    ctx.report.add(f"{name}: re-encrypted, forwarded", median(forwarded, "rps"), "Mbit/s", reference=median(bare, "rps"),
                   ratio=ratio(forwarded, bare), detail={"forwarded": forwarded, "library": bare})


def streams(ctx, daemon, source, sink, octets, number):
    """So many streams at their rate: the share of it that they kept, and what that took."""
    per_second = OCTETS_S // octets
    count = per_second * (STREAM_SECONDS + 4)
    section = per_second * SECTION_SECONDS
    first = daemon.store(room(count, octets, section))
    stores = [first] + [daemon.store(room(count, octets, section)) for _ in range(number - 1)]
    for store in stores:
        source.load(daemon, store, count, octets, section)
    rss = daemon.server.rss_anon_mib()
    # The rate is one of units, the stream's of its payload.
    unit = daemon.call("GET", f"{ROOT}/stores/{first}/monitor")["octets"] / count
    row = {"url": sink.url + "/inbox", "batch": 64, "rate": int(per_second * unit), **source.row}
    forwards = [daemon.forward(store, row) for store in stores]
    time.sleep(1)
    cpu, started = daemon.server.cpu_seconds(), time.monotonic()
    before = sum(daemon.lane(f)["octets"] for f in forwards) / unit
    time.sleep(STREAM_SECONDS)
    after = sum(daemon.lane(f)["octets"] for f in forwards) / unit
    seconds, cpu = time.monotonic() - started, daemon.server.cpu_seconds() - cpu
    added = daemon.server.rss_anon_mib() - rss
    for store in stores:
        daemon.end(store)
    return {"kept": (after - before) / seconds / (number * per_second), "cpu": cpu / seconds, "rss": added, "streams": number}


def core(ctx, daemon, source, sink, octets):
    """Streams until they do not keep their rate, or one core is full."""
    number, best = 4, None
    while number <= (8 if ctx.rounds == 1 else STREAMS_MAX):
        got = streams(ctx, daemon, source, sink, octets, number)
        if got["kept"] < KEPT or got["cpu"] > 1:
            break
        best = got
        number *= 2
    name = f"{daemon.engine}: proxy, streams of {KBIT_S} kbit/s, {octets} octets"
    if best is None:
        ctx.report.add(name, 0, "at once", errors=1, detail=got)
        return
    ctx.report.add(f"{name}: that kept their rate", best["streams"], "at once", detail={"best": best, "over": got})
    ctx.report.add(f"{name}: processor of one", best["cpu"] / best["streams"] * 100, "% of a core", detail=best)
    ctx.report.add(f"{name}: memory of one", best["rss"] / best["streams"] * 1024, "KiB", detail=best)


def bench(ctx, engine):
    """All of it."""
    if tool(ctx, "roles") is None:
        print("park: this build is without pairing")
        return
    source = Source(ctx, engine)
    with Proxy(ctx, "gscl", engine, "park") as daemon, ctx.tools.sink() as sink:
        for octets in PAYLOADS:
            for section in MESSAGES[2:] if ctx.rounds == 1 else MESSAGES:
                figure(ctx, daemon, source, sink, octets, section)
            core(ctx, daemon, source, sink, octets)
