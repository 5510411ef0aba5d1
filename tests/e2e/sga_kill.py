#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Gateway and devices of the SGA are killed under load: nothing acknowledged is lost, nothing comes twice, order is kept."""

import random
import threading
import time

from lib import report as reports
from lib import sga
from lib.client import NotSent, Unknown
from lib.sga import Dscl, Gateway, Refusal, establish, server_row

SEED = 20161104
MESSAGES = 10000 if reports.LONG else 300
STEPS = 2000 if reports.LONG else 150
KILLS = 60 if reports.LONG else 6
PATIENCE = 1800 if reports.LONG else 240


# ---- devices of the test: the gateway alone ----

class Careful:
    """A device of the test that repeats what was not answered, as a device does."""

    def __init__(self, device):
        self.device = device

    def _sure(self, ask):
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            try:
                answer = ask()
                if answer.status not in (403, 503):
                    return answer
                if answer.status == 403:
                    self.device.ctr += 1000     # the gateway has forgotten where it was, within its step
                time.sleep(0.02)
            except (Unknown, NotSent):
                self.device.way.close()
                time.sleep(0.02)
        raise Refusal("no answer")

    def put(self, session, record):
        """A record, until it is acknowledged."""
        return self.device.must(201, self._sure(lambda: self.device.put(session, record)))

    def items(self):
        """The mailbox."""
        path = f"/devices/{self.device.name}/mailbox?max=100&wait=1"
        answer = self._sure(lambda: self.device.proved("GET", path, headers={"Accept": sga.OCTETS}))
        return sga.items_of(sga.OCTETS, answer.body) if answer.status == 200 else []

    def drop(self, number):
        """Acknowledges all up to an item."""
        return self._sure(lambda: self.device.acknowledge(number))


class Line(threading.Thread):
    """One direction: a sender of records, or a taker."""

    def __init__(self, work):
        super().__init__(daemon=True)
        self.work, self.error = work, None

    def run(self):
        try:
            self.work()
        except Exception as error:      # shown by the test  # pylint: disable=W0718
            self.error = error


def gateway_alone(report, bed):
    """The gateway is killed: every record that was acknowledged arrives, once, in order"""
    gateway, chance = Gateway(bed).start(), random.Random(SEED)
    i, j = gateway.device("i"), gateway.device("j")
    here, there = establish(i, j)
    got, again, sent = [], [0], [0]

    def send():
        for number in range(STEPS):
            Careful(i).put(here, here.record(b"%d" % number))
            sent[0] = number + 1

    def take():
        last, seen = 0, there.next["in"]
        while len(got) < STEPS:
            for number, message in Careful(j).items():
                if number <= last:
                    again[0] += 1
                    continue
                last = number
                if int.from_bytes(message[20:24], "big") < seen:
                    again[0] += 1
                    continue
                got.append(there.open(message)[1])
                seen = there.next["in"]
            Careful(j).drop(last)
    lines = [Line(send), Line(take)]
    for line in lines:
        line.start()
    for number in range(KILLS):
        goal = min(STEPS - 1, sent[0] + chance.randrange(1, max(2, STEPS // KILLS)))
        deadline = time.monotonic() + PATIENCE
        while sent[0] < goal and time.monotonic() < deadline and lines[0].is_alive():
            time.sleep(0.005)
        time.sleep(chance.random() * 0.02)      # the random moment
        gateway.kill()
        gateway.start()
        report.ok(lines[0].error is None and lines[1].error is None, f"kill {number + 1}, {sent[0]} sent", lambda: repr([l.error for l in lines]) + gateway.log_tail())
    for line in lines:
        line.join(PATIENCE)
    report.equal([line.error for line in lines], [None, None], "both ends have done their work")
    report.equal(got, [b"%d" % n for n in range(STEPS)], f"{STEPS} records, each once, in order; {again[0]} items were seen again")
    gateway.stop()
    gateway.clean_store(report, "--check-store")


# ---- dscl ----

class Source(threading.Thread):
    """An application that sends numbered messages and knows which were acknowledged; none is sent twice."""

    def __init__(self, dscl, peer, count):
        super().__init__(daemon=True)
        self.dscl, self.peer, self.count = dscl, peer, count
        self.tried, self.sure, self.wrong = 0, set(), []

    def run(self):
        application = self.dscl.app()
        while len(self.sure) < self.count and len(self.wrong) < 5:
            number, self.tried = self.tried, self.tried + 1
            try:
                answer = application.send(self.peer, b"%d" % number)
                if answer.status == 202:
                    self.sure.add(number)
                elif answer.status not in (503, 507):
                    self.wrong.append(answer)
                else:
                    time.sleep(0.05)    # the queue is full
            except (Unknown, NotSent):
                application.way.close()
                time.sleep(0.05)


class Reader(threading.Thread):
    """An application that takes messages; what comes again under its number before it was deleted counts once."""

    def __init__(self, dscl):
        super().__init__(daemon=True)
        self.dscl, self.rows, self.ended, self.last, self.again = dscl, [], False, 0, 0

    def run(self):
        application = self.dscl.app()
        while not self.ended:
            try:
                rows = application.inbox(wait=1)
                for number, _, data, _ in rows:
                    if number > self.last:
                        self.rows.append(int(data))
                        self.last = number
                    else:
                        self.again += 1
                if rows:
                    application.forget(rows[-1][0])
            except (Unknown, NotSent, AssertionError):
                application.way.close()
                time.sleep(0.05)


def judge(report, title, source, reader):
    """What has arrived against what was acknowledged."""
    lost = sorted(source.sure - set(reader.rows))
    report.equal(lost[:10], [], f"{title}: none of {len(source.sure)} that were acknowledged is lost", len(lost))
    report.equal(len(reader.rows), len(set(reader.rows)), f"{title}: none came twice to the inbox")
    report.equal(reader.rows, sorted(reader.rows), f"{title}: in order")
    report.ok(all(n < source.tried for n in reader.rows), f"{title}: none was invented")


def all_three(report, bed):
    """Gateway and both devices are killed"""
    gateway, chance = Gateway(bed).start(), random.Random(SEED)
    devices = [Dscl(bed, n, [server_row(bed, gateway, n)], [m], poll_wait="2 s").start() for n, m in (("d1", "d2"), ("d2", "d1"))]
    for one in devices:
        report.ok(one.app().ready(), f"{one.ident} is registered", one.log_tail)
    sources = [Source(devices[n], devices[1 - n].ident, MESSAGES) for n in range(2)]
    readers = [Reader(devices[1 - n]) for n in range(2)]
    for thread in sources + readers:
        thread.start()
    victims = (gateway, *devices)
    for number in range(KILLS):
        goal = (number + 1) * MESSAGES // (KILLS + 1)
        deadline = time.monotonic() + PATIENCE
        while min(len(r.rows) for r in readers) < goal and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(chance.random() * 0.1)       # the random moment
        victim = victims[number % 3]
        victim.kill()
        if chance.random() < 0.3:
            victim.spawn()
            time.sleep(chance.random() * 0.1)   # the random moment
            victim.kill()
        victim.start()
        report.ok(all(d.alive() for d in victims), f"kill {number + 1} of {victim.name}, {[len(r.rows) for r in readers]} have arrived")
    for source in sources:
        source.join(PATIENCE)
    deadline = time.monotonic() + PATIENCE
    while any(s.sure - set(r.rows) for s, r in zip(sources, readers)) and time.monotonic() < deadline:
        time.sleep(0.1)
    for reader in readers:
        reader.ended = True
        reader.join(60)
    for source, reader in zip(sources, readers):
        title = f"{source.dscl.ident} to {source.peer}"
        report.equal(source.wrong, [], f"{title}: the sender was served")
        judge(report, title, source, reader)
    for daemon in (*devices, gateway):
        report.equal(daemon.stop()[0], 0, f"{daemon.name} ends well")
        daemon.clean_store(report, f"{daemon.name}: --check-store")


if __name__ == "__main__":
    reports.run(gateway_alone, all_three)
