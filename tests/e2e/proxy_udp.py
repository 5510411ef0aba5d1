#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Datagrams through a proxy: a source that loses, doubles, reorders and forges them, a store, SIGKILL, and a sink of datagrams."""

import hmac
import os
import random
import socket
import struct

from lib import proxy as px
from lib import queue
from lib import report as reports
from lib.bed import PATIENCE, pick_port, wait_for

COUNT = 3000 if reports.LONG else 200
ROUNDS = 12 if reports.LONG else 1
WINDOW = 32


class Sender:
    """Puts numbered units into a store, over a bad net."""

    def __init__(self, made, seed):
        self.place, self.key = bytes.fromhex(made["id"]), bytes.fromhex(made["udp"]["key"])
        self.secret = hmac.digest(hmac.digest(b"M2PRE1 udp", self.key, "sha256"), b"data" + self.place + b"\x01", "sha256")
        self.line, self.random = socket.socket(socket.AF_INET, socket.SOCK_DGRAM), random.Random(seed)
        self.line.settimeout(0.05)
        self.line.connect(("127.0.0.1", made["udp"]["port"]))
        self.upto, self.statuses, self.late = 0, {}, []

    def datagram(self, number, unit):
        """With its tag."""
        head = b"M2\x01\x01" + self.place + struct.pack(">QHH", number, 0, len(unit)) + unit
        return head + hmac.digest(self.secret, head, "sha256")[:16]

    def send(self, octets):
        """One in five is lost, one in ten comes twice, one in ten is late, one in ten is forged."""
        fate = self.random.randrange(10)
        if fate < 2:
            return
        if fate == 2:
            self.late.append(octets)
            return
        if fate == 3:
            octets = bytearray(octets)
            octets[self.random.randrange(len(octets))] ^= 1
        try:
            for _ in range(2 if fate == 4 else 1):
                self.line.send(octets)
            while self.late:
                self.line.send(self.late.pop())
        except OSError:
            pass            # nobody is there for now

    def answers(self):
        """Reads those that are there."""
        while True:
            try:
                answer = self.line.recv(2048)
            except OSError:
                return
            number, status = struct.unpack_from(">QH", answer, 12)
            self.upto = max(self.upto, struct.unpack_from(">Q", answer, 24)[0])
            self.statuses[status] = self.statuses.get(status, 0) + 1

    def put(self, parts, rounds=2000):
        """Until all are acknowledged; False: they never were."""
        for _ in range(rounds):
            for number in range(self.upto + 1, min(self.upto + WINDOW, len(parts)) + 1):
                self.send(self.datagram(number, parts[number - 1]))
            self.answers()
            if self.upto >= len(parts):
                return True
        return False


def through(report, bed):
    """Source, store, sink: all as datagrams"""
    for seed in range(ROUNDS):
        daemon = px.proxy(bed, f"proxy{seed}", udp_port=pick_port())
        source, owner = px.Party(bed, f"source{seed}"), px.Party(bed, f"sink{seed}")
        records = [queue.line(1, n) for n in range(1, COUNT + 1)]
        parts = px.Stream(source, section=COUNT // 4).seal(records)
        key, key_file, port = os.urandom(32), bed.path(f"udp{seed}.key"), pick_port()
        with open(os.open(key_file, os.O_CREAT | os.O_WRONLY, 0o600), "wb") as file:
            file.write(key.hex().encode())
        sink = px.M2mSink(bed, owner.key, [source], name=f"m2m-sink{seed}",
                          more=(f"--udp=127.0.0.1:{port}", f"--udp-key={key_file}")).start()
        rest = daemon.rest()
        made = rest.made("/stores", {"reserve": 1 << 20, "ttl": 3600, "transport": "udp"})
        store = made["id"]
        sender = Sender(made, seed)
        half = len(parts) // 2
        report.ok(sender.put(parts[:half]), "half of them are acknowledged", sender.statuses)
        report.ok(set(sender.statuses) == {0}, "all as stored", sender.statuses)
        url = f"udp://127.0.0.1:{port}"
        made = rest.made(f"/stores/{store}/forwards", {"sinks": [px.sink_row(source, owner, url, "0-15", key=key.hex())]})
        daemon.kill()
        daemon.start()
        rest = daemon.rest()
        report.equal(rest.got(f"/stores/{store}")["next"], half + 1, "after SIGKILL it knows the next number")
        report.ok(sender.put(parts), "the others are acknowledged", sender.statuses)
        row = rest.got(f"/stores/{store}/monitor")
        report.equal((row["stored"], row["duplicates"]), (len(parts), 0), "each is stored once", row)
        report.ok(wait_for(lambda s=sink: len(s.messages()) >= len(records), PATIENCE), "all reach the sink", (sink.log(), daemon.log()))
        report.equal(b"".join(sink.messages()), b"".join(records), "each once, in order", sink.log)
        report.equal(sink.stop(), 0, "m2m-sink ends well", sink.log)
        report.equal(daemon.stop()[0], 0, "the proxy ends well", daemon.log)


if __name__ == "__main__":
    if px.without_pairings():
        raise SystemExit(reports.SKIPPED)
    reports.run(through)
