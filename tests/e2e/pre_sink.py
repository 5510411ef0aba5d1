#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What arrives at sinks without a proxy in between: repeated, out of order, cut, killed; m2m-sink and nscl have everything once, in order."""

import hashlib
import hmac
import json
import os
import random
import socket
import stat
import struct
import subprocess
import threading
import time

from lib import proxy as px
from lib import queue, xml
from lib import report as reports
from lib.bed import PATIENCE, pick_port, wait_for
from lib.client import Client, NotSent, Unknown
from lib.coap import CoapClient

from conformance.lib import coapmsg as coap

SEED = 20261122
KILLS = 40 if reports.LONG else 6
MESSAGES = 20000 if reports.LONG else 1200
DOCUMENTS = 4000 if reports.LONG else 400
SECTION = 50
BATCH = 24
OPTIONS = ("limits.instances_per_answer=100000", "limits.collection_max=100000")


class Cast:
    """A source, a sink, and units of one stream for it; the sections are of two epochs."""

    def __init__(self, bed, records):
        self.source, self.sink = px.Party(bed, "source"), px.Party(bed, "sink")
        sections = -(-len(records) // SECTION)
        stream = px.Stream(self.source, section=SECTION, epochs=max(1, sections // 2 + 1))
        stored = stream.seal(records)
        pre_rk = bed.path("rk")
        px.pre("rekey", f"--key={self.source.key}", f"--to={self.sink.pk2}", "--epoch=0-1", f"--out={pre_rk}")
        self.parts = queue.units(px.pre("reencrypt", f"--rk={pre_rk}", f"--source={self.source.pub}", data=queue.joined(stored)))

    @property
    def name(self):
        """The source in headers."""
        return hashlib.sha256(self.source.url.encode()).hexdigest()[:32]


class Mailman:
    """Delivers units as a bad proxy does: again what is acknowledged, first what comes later, on after no answer."""

    def __init__(self, address, path, parts):
        self.host, self.port = address
        self.path, self.parts, self.done, self.random = path, parts, 0, random.Random(SEED)
        self.client, self.said = None, []

    def post(self, parts):
        """Status; None: no answer."""
        self.client = self.client or Client(self.host, self.port, px.OWNER)
        try:
            return self.client.request("POST", self.path, queue.joined(parts), {"Content-Type": px.OCTETS}).status
        except (NotSent, Unknown, OSError):
            self.client.close()
            return None

    def step(self):
        """One delivery; False: all is acknowledged."""
        if self.done == len(self.parts):
            return False
        how = self.random.randrange(8)
        if how == 0:
            first = self.random.randrange(max(1, self.done))
            return self.answered(self.post(self.parts[first:first + BATCH][:max(1, self.done - first)]), 0)
        if how == 1:
            # Out of order: taken when its section has begun, refused as a whole when not.
            first = min(self.done + self.random.randrange(60), len(self.parts) - 1)
            return not self.reorders(first) or self.answered(self.post(self.parts[first:first + 1]), 0)
        batch = self.parts[self.done:self.done + self.random.randint(1, BATCH)]
        return self.answered(self.post(batch), len(batch))

    def reorders(self, first):
        """The unit is refused: its section has not begun."""
        return queue.place(self.parts[first])[:3] != queue.place(self.parts[self.done])[:3] and queue.place(self.parts[first])[3] != 0

    def answered(self, status, count):
        """Takes an answer down."""
        self.said.append(status)
        if status is None or status == 503:
            time.sleep(px.MOMENT)
        elif status == 200:
            self.done += count
        elif status != 409 or count:
            raise AssertionError(f"{status} to {count} units at {self.done}")
        return self.done < len(self.parts)

    def deliver(self, kill):
        """Everything, with that many kills on the way."""
        marks = sorted(self.random.sample(range(1, len(self.parts)), KILLS))
        while self.step():
            if not marks or self.done < marks[0]:
                continue
            del marks[0]
            # In the middle of deliveries.
            killer = threading.Thread(target=kill)
            killer.start()
            while killer.is_alive():
                self.step()
            killer.join()
        for _ in range(3):
            self.post(self.parts[-BATCH:])

    def close(self):
        """Drops the connection."""
        if self.client:
            self.client.close()


def look(client, path):
    """The state of a source as JSON; {} without one."""
    answer = client.get(path)
    return json.loads(answer.body) if answer.status == 200 else {}


def judged(report, state, messages, name):
    """Results about the state of a source when all has come."""
    facts = {k: state.get(k) for k in ("messages", "applied", "waiting", "failed", "alarms", "findings")}
    want = {"messages": messages, "applied": messages, "waiting": 0, "failed": 0, "alarms": 0, "findings": []}
    report.equal(facts, want, f"{name}: what is known of the source", str(state))
    report.equal((state.get("section") or {}).get("ended"), True, f"{name}: the last section has its END", str(state))


# ---- m2m-sink ----

def receiver(report, bed):
    """m2m-sink: repeated, out of order, killed"""
    records = [queue.line(1, n) for n in range(1, MESSAGES + 1)]
    cast = Cast(bed, records)
    sink = px.M2mSink(bed, cast.sink.key, [cast.source]).start()
    mail = Mailman(("127.0.0.1", sink.port), "/inbox", cast.parts)

    def kill():
        sink.kill()
        sink.start()

    mail.deliver(kill)
    report.ok(409 in mail.said and None in mail.said, "some of it was refused, some had no answer", str(set(mail.said)))
    report.ok(wait_for(lambda: len(sink.messages()) >= MESSAGES, PATIENCE), "all is handed out", sink.log)
    report.equal(b"".join(sink.messages()), b"".join(records), "each message once, in order", sink.log)
    client = Client("127.0.0.1", sink.port, px.OWNER)
    judged(report, look(client, f"/inbox/{cast.name}"), MESSAGES, "m2m-sink")
    report.equal(client.get("/inbox/" + 32 * "0").status, 404, "another source is not known")
    client.close()
    mail.close()
    report.equal(sink.stop(), 0, "m2m-sink ends well", sink.log)
    report.equal(stat.S_IMODE(os.stat(sink.directory).st_mode) & 0o77, 0, "its state is its owner's alone")


PROGRAM = """#!/bin/sh
n=$(wc -l <{0})
# Every third time it fails, once after it has read everything.
[ $(( ($(wc -c <{1}) + 1) % 3 )) -ne 0 ] || {{ echo -n x >>{1}; cat >/dev/null; exit 1; }}
echo -n x >>{1}
echo "$M2M_NUMBER $M2M_SOURCE $(cat)" >>{0}
"""


def programs(report, bed):
    """m2m-sink: a program gets each message until it takes it"""
    records = [queue.line(1, n) for n in range(1, 7)]
    cast = Cast(bed, records)
    got, tries, program = bed.path("got"), bed.path("tries"), bed.path("program")
    for path in (got, tries):
        with open(path, "wb"):
            pass
    with open(program, "w", encoding="ascii") as file:
        file.write(PROGRAM.format(got, tries))
    os.chmod(program, 0o755)
    sink = px.M2mSink(bed, cast.sink.key, [cast.source])
    sink.command = [c for c in sink.command if not c.startswith("--out=")] + [f"--exec={program}"]
    sink.start()
    mail = Mailman(("127.0.0.1", sink.port), "/inbox", cast.parts)
    while mail.step():
        pass
    mail.close()

    def lines():
        with open(got, "rb") as file:
            return file.read().splitlines()

    report.ok(wait_for(lambda: len(lines()) >= len(records), PATIENCE), "the program has all", sink.log)
    want = [b"%d %s %s" % (n, cast.source.url.encode(), r.strip()) for n, r in enumerate(records, 1)]
    report.equal(lines(), want, "each once that it took, in order, with number and source", sink.log)
    report.equal(sink.stop(), 0, "m2m-sink ends well", sink.log)


def datagram(key, place, number, unit):
    """One unit with its tag."""
    extracted = hmac.digest(b"M2PRE1 udp", key, "sha256")
    secret = hmac.digest(extracted, b"data" + place + b"\x01", "sha256")
    head = b"M2\x01\x01" + place + struct.pack(">QHH", number, 0, len(unit)) + unit
    return head + hmac.digest(secret, head, "sha256")[:16]


def datagrams(report, bed):
    """m2m-sink: datagrams, doubled, forged, and again after SIGKILL"""
    records = [queue.line(1, n) for n in range(1, 101)]
    cast = Cast(bed, records)
    key, key_file, port = os.urandom(32), bed.path("udp.key"), pick_port()
    with open(os.open(key_file, os.O_CREAT | os.O_WRONLY, 0o600), "wb") as file:
        file.write(key.hex().encode())
    sink = px.M2mSink(bed, cast.sink.key, [cast.source], more=(f"--udp=127.0.0.1:{port}", f"--udp-key={key_file}")).start()
    place, line = b"laneno01", socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    line.settimeout(0.5)
    line.connect(("127.0.0.1", port))

    def send(number, unit, secret=key, tries=40):
        for _ in range(tries):
            try:
                line.send(datagram(secret, place, number, unit))
                answer = line.recv(2048)
            except OSError:
                continue
            if struct.unpack_from(">Q", answer, 12)[0] == number:
                return struct.unpack_from(">H", answer, 20)[0]
        return None

    report.equal(send(2, cast.parts[1]), 5, "a message before its management message: it is to come first", sink.log)
    for number, unit in enumerate(cast.parts, 1):
        if number == len(cast.parts) // 2:
            sink.kill()
            sink.start()
        if send(number, unit) != 0:
            report.ok(False, f"datagram {number} is taken", sink.log)
            return
        if number % 10 == 0:
            report.equal(send(number, unit), 0, f"datagram {number} again: acknowledged again", sink.log)
    report.equal(send(1000, cast.parts[1], os.urandom(32), tries=2), None, "no answer under another key")
    report.ok(wait_for(lambda: len(sink.messages()) >= len(records), PATIENCE), "all is handed out", sink.log)
    report.equal(b"".join(sink.messages()), b"".join(records), "each message once, in order", sink.log)
    line.close()
    report.equal(sink.stop(), 0, "m2m-sink ends well", sink.log)


def fig5(unit, mid=0, kind=coap.CON):
    """A unit as one message: its number is the token, its source an option."""
    length, = struct.unpack_from(">H", unit, 36)
    rest = 38 + length + 2 + struct.unpack_from(">H", unit, 38 + length)[0]
    options = [(coap.URI_PATH, b"inbox"), (coap.CONTENT_FORMAT, b"\x2a"), (65000, unit[38:38 + length])]
    return coap.Packet(kind, coap.POST, mid, unit[32:36], options, unit[:32] + unit[rest:])


def over_coap(report, bed):
    """m2m-sink: batches and single messages over CoAP"""
    records = [queue.line(1, n) for n in range(1, 121)]
    cast, port = Cast(bed, records), pick_port()
    sink = px.M2mSink(bed, cast.sink.key, [cast.source], more=(f"--coap=127.0.0.1:{port}",)).start()
    client = CoapClient(port)
    half = len(cast.parts) // 2
    for first in range(0, half, BATCH):
        answer = client.request("POST", "/inbox", queue.joined(cast.parts[first:min(first + BATCH, half)]), px.OCTETS)
        report.equal(answer.code, "2.04", f"units from {first} in blocks", answer)
    for number, unit in enumerate(cast.parts[half:]):
        answer = client.caller.endpoint.exchange(fig5(unit))
        if coap.code_text(answer.code) != "2.04":
            report.ok(False, f"message {number} is taken", answer)
    report.equal(coap.code_text(client.caller.endpoint.exchange(fig5(cast.parts[-1])).code), "2.04", "again")
    report.equal(coap.code_text(client.caller.endpoint.exchange(fig5(cast.parts[0][:32] + os.urandom(4) + cast.parts[0][36:])).code), "2.04",
                 "a management message with another number: known")
    report.equal(coap.code_text(client.caller.endpoint.exchange(fig5(cast.parts[1][:32] + os.urandom(4) + cast.parts[1][36:])).code), "4.00",
                 "a message with another number: refused")
    report.ok(wait_for(lambda: len(sink.messages()) >= len(records), PATIENCE), "all is handed out", sink.log)
    report.equal(b"".join(sink.messages()), b"".join(records), "each message once, in order", sink.log)
    client.close()
    report.equal(sink.stop(), 0, "m2m-sink ends well", sink.log)


def refused(report, bed):
    """m2m-sink: what it does not start with"""
    party = px.Party(bed, "party")
    good = {"key": f"--key={party.key}", "source": f"--source={party.pub}", "state": f"--state={bed.path('state')}",
            "out": f"--out={bed.path('.')}", "http": "--http=127.0.0.1:0"}
    rows = [(("key",), (), 2), (("source",), (), 2), (("state",), (), 2), (("out",), (), 2), (("http",), (), 2),
            ((), ("--exec=x",), 2), (("http",), ("--http=127.0.0.1",), 2), (("http",), ("--http=nobody:80x",), 2), ((), ("--ca=x",), 2),
            ((), ("--udp=127.0.0.1:0",), 2), ((), ("more",), 2), ((), ("--source=no url=x",), 2),
            (("key",), (f"--key={party.pub}",), 1), (("source",), (f"--source={party.key}",), 1), (("source",), (f"--source={party.pk2}",), 1),
            (("out",), (f"--out={bed.path('none')}",), 1), (("state",), ("--state=/proc/none",), 1),
            (("http",), ("--http=192.0.2.1:1",), 1), ((), ("--source=http://other.example.org/=" + party.pub, f"--source={party.pub}"), 1)]
    for without, more, want in rows:
        command = [px.tool("m2m-sink"), *(v for k, v in good.items() if k not in without), *more]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=px.SECONDS)
        report.ok(done.returncode == want and done.stderr and not done.stdout, f"without {without}, with {more}: status {want}",
                  f"{done.returncode} {done.stderr.decode(errors='replace')}")
    done = subprocess.run([px.tool("m2m-sink"), good["key"], "--public"], capture_output=True, text=True, check=True, timeout=px.SECONDS)
    report.equal(done.stdout.splitlines()[1], f"pk2 {party.pk2_hex}", "--public prints PK2")


# ---- nscl ----

def applied(report, bed):
    """nscl: requests of a gateway are carried out once, in order, over repetition, disorder and SIGKILL"""
    daemon = px.CoapDaemon(bed, "nscl", options=OPTIONS)
    where = daemon.base + px.PLACE[4:]
    records = [px.request_document(where, "http://source.example.org/m2m/applications/meter",
                                   text=px.encoded(queue.line(1, n)[:-1])).encode() for n in range(1, DOCUMENTS + 1)]
    cast = Cast(bed, records)
    daemon.extra = (f'proxy = {{ identity = "{cast.sink.key}"; managers = [ "claim:{px.OWNER}" ]; sources = ( {{ url = "{cast.source.url}"; '
                    f'scl = "source.example.org"; key = "{cast.source.pub}"; }} ); }};')
    daemon.write_config()
    daemon.start()
    client = daemon.client()
    client.create("/m2m/applications", xml.application("a"))
    client.create("/m2m/applications/a/containers", xml.container("c", 10**6, 10**9))
    client.close()
    mail = Mailman(("127.0.0.1", daemon.port), px.ROOT + "/inbox", cast.parts)

    def kill():
        daemon.kill()
        daemon.start()

    mail.deliver(kill)
    mail.close()
    manager, other = daemon.client(px.OWNER), daemon.client(px.OTHER)
    path = f"{px.ROOT}/inbox/{cast.name}"
    report.ok(wait_for(lambda: look(manager, path).get("waiting") == 0, PATIENCE), "everything is applied", daemon.log_tail)
    answer = manager.get(px.PLACE)
    report.equal([t.encode() for t in xml.texts(answer.xml(), "textContent")], [queue.line(1, n)[:-1] for n in range(1, DOCUMENTS + 1)],
                 "the container has each value once, in order", daemon.log_tail)
    judged(report, look(manager, path), DOCUMENTS, "nscl")
    report.equal(other.get(path).status, 403, "others do not see it")
    report.equal((look(manager, px.ROOT + "/info").get("identity") or {}).get("pk2"), cast.sink.pk2_hex, "it says to whom to re-encrypt")
    manager.close()
    other.close()
    report.equal(daemon.stop()[0], 0, "nscl ends well", daemon.log_tail)
    daemon.clean_store(report, "--check-store at the end")


PARTS = (receiver, programs, datagrams, over_coap, refused, applied)


def main():
    """Entry point."""
    if px.without_pairings():
        raise SystemExit(77)
    reports.run(*PARTS)


if __name__ == "__main__":
    main()
