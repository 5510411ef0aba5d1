#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A gateway whose uplink comes and goes: what it accepts is parked at another one and drained, in the order of acceptance, once."""

import random
import re
import sys
import threading

import proxy as fig
from lib import proxy as px
from lib import queue, xml
from lib import report as reports
from lib.bed import wait_for
from lib.client import NotSent, Unknown

SEED = 20161122
FLAPS = 200 if reports.LONG else 20
KILLS = 60 if reports.LONG else 6
PATIENCE = 600 if reports.LONG else 180
RUN = 40                    # at most so many are accepted between two events
STATE = re.compile(r"proxy-source-state .*?state=\"?([A-Za-z]+)")


class Uplink(fig.Scene):
    """The scene of Fig. 3 whose nscl A is a sink as well, and a sender that never rests."""

    def __init__(self, bed, park="full"):
        super().__init__(bed, park=park)
        keys = px.Party(bed, "a")
        self.a.stop()
        # Nobody proves an SCL-ID here: the gateway asks its sink how far it is by the name that it claims.
        self.a.extra = self.sink_text().replace(self.b_keys.key, keys.key)
        self.a.write_config()
        self.a.start()
        if self.gateway.registered_at(self.a) is None:
            raise AssertionError("alpha-1 is not registered again\n" + bed.logs())
        self.changed, self.ending, self.failure, self.awake = threading.Condition(), False, None, threading.Event()
        self.awake.set()
        self.thread = threading.Thread(target=self._send_all, daemon=True)

    def _send_all(self):
        try:
            while not self.ending:
                if self.awake.wait(1):
                    self._send_one()
        except Exception as error:      # told to whoever waits
            with self.changed:
                self.failure = error
                self.changed.notify_all()

    def _send_one(self):
        """What was perhaps accepted is sent again as it was: the gateway knows it."""
        try:
            status = self.send(self.accepted + 1)
        except (NotSent, Unknown):
            self.client.close()
            return
        if status not in (202, 503):
            raise AssertionError(f"message {self.accepted + 1}: status {status}")
        with self.changed:
            self.accepted += status == 202
            self.changed.notify_all()

    def begin(self):
        """Starts sending; self."""
        self.thread.start()
        return self

    def more(self, count):
        """Waits until so many more are accepted."""
        with self.changed:
            upto = self.accepted + count
            if not self.changed.wait_for(lambda: self.failure or self.accepted >= upto, PATIENCE):
                raise AssertionError(f"{self.accepted} of {upto} accepted after {PATIENCE} s\n" + self.tails())
        if self.failure:
            raise self.failure

    def end(self):
        """Ends sending: how many were accepted."""
        self.ending = True
        self.thread.join(PATIENCE)
        if self.failure:
            raise self.failure
        return self.accepted

    def crash(self):
        """kill -9 of the gateway, which starts again."""
        self.gateway.kill()
        self.gateway.start()

    def states(self):
        """States that the gateway has told of, in order."""
        return [s.upper() for s in STATE.findall(self.gateway.log())]

    def tails(self):
        """The ends of the logs."""
        return "".join(d.log_tail() for d in (self.gateway, self.c, self.a))

    def judge(self, report, name):
        """The link is there: all arrives, in order, once."""
        self.link.restore_if_cut()
        count = self.end()
        report.ok(wait_for(lambda: len(fig.arrived(self.a)) >= count, PATIENCE), f"{name}: all {count} arrive",
                  lambda: f"{len(fig.arrived(self.a))}\n{self.tails()}")
        checker = queue.Checker()
        for text in fig.arrived(self.a):
            checker.take(text)
        report.equal(checker.verdict({1: queue.Journal(count, count)}), [], f"{name}: in the order of acceptance, once")

    def empty(self, report, name):
        """Nothing is left behind."""
        owner = self.c.rest(px.OTHER)
        report.ok(wait_for(lambda: owner.info()["reserved"] == 0, PATIENCE), f"{name}: the proxy is empty again", self.tails)
        owner.close()


class Switch:
    """The link of a scene, cut and restored as often as one likes."""

    def __init__(self, link):
        self.link, self.down = link, False

    def __getattr__(self, name):
        return getattr(self.link, name)

    def cut(self):
        """Ends it."""
        if not self.down:
            self.link.cut()
        self.down = True

    def restore_if_cut(self):
        """It is there."""
        if self.down:
            self.link.restore()
        self.down = False


def scene_of(bed):
    """A scene that sends."""
    scene = Uplink(bed)
    scene.link = Switch(scene.link)
    return scene.begin()


def flaps(report, bed):
    """The uplink flaps"""
    chance, scene = random.Random(SEED), scene_of(bed)
    report.note(f"seed {SEED}")
    for _ in range(FLAPS):
        scene.more(chance.randint(1, RUN))
        scene.link.cut()
        scene.more(chance.choice((1, 5, 2 * RUN)))
        scene.link.restore_if_cut()
    scene.judge(report, f"{FLAPS} flaps")
    scene.empty(report, f"{FLAPS} flaps")
    told = scene.states()
    report.ok("PARK" in told and "DRAIN" in told and told[-1:] == ["DIRECT"], "they were parked, drained, and go directly again", told)


def kills(report, bed):
    """The gateway is killed while its uplink flaps"""
    chance, scene = random.Random(SEED + 1), scene_of(bed)
    for turn in range(KILLS):
        if turn % 2 == 0:
            scene.link.cut()
        else:
            scene.link.restore_if_cut()
        scene.more(chance.randint(1, 3 * RUN))
        # The first one while it is parking, however slow the machine is; the others when they happen.
        if turn == 0:
            report.ok(wait_for(lambda: "PARK" in scene.states(), PATIENCE), "the first one while it is parking", scene.tails)
        scene.crash()
        scene.more(chance.randint(1, RUN))
    scene.judge(report, f"{KILLS} kills")
    scene.empty(report, f"{KILLS} kills")
    scene.gateway.stop()
    scene.gateway.clean_store(report, "its store is sound")


def kills_by_state(report, bed):
    """It is killed at once when it changes its state"""
    scene = scene_of(bed)
    owner = scene.c.rest(px.OTHER)

    def comes(state, before):
        if state == "DIRECT":
            scene.awake.clear()
        report.ok(wait_for(lambda: scene.states().count(state) > before, PATIENCE), f"it comes to {state}", scene.tails)

    for state in ("FIND", "PARK", "DRAIN", "DIRECT"):
        scene.link.restore_if_cut()
        # From the beginning: as long as there is a store it is used again. What never rests goes by the proxy all the time.
        scene.awake.clear()
        report.ok(wait_for(lambda: scene.states()[-1:] in ([], ["DIRECT"]) and owner.info()["reserved"] == 0, PATIENCE),
                  f"nothing is parked before {state}", scene.tails)
        scene.awake.set()
        before, parked = scene.states().count(state), scene.states().count("PARK")
        scene.link.cut()
        if state in ("DRAIN", "DIRECT"):
            comes("PARK", parked)
            scene.more(RUN)
            scene.link.restore_if_cut()
        comes(state, before)
        scene.crash()
        scene.awake.set()
        scene.more(1)
    owner.close()
    scene.judge(report, "killed in each state")
    scene.empty(report, "killed in each state")


ALARMS = "/m2m/applications/na/containers/alarms"


def rigid(report, bed):
    """Rigid requests pass what is held"""
    scene = Uplink(bed, park="always")
    operator = scene.a.client()
    operator.create("/m2m/applications/na/containers", xml.container("alarms", 100))
    # Nowhere to park: all that is adaptive is held, though the uplink is there.
    scene.c.kill()
    scene.accept(RUN)
    answer = scene.gateway.client(scene.gateway.base + "/applications/alarm").post(
        scene.link.base + ALARMS[4:] + "/contentInstances", xml.instance("fire", "fire"),
        **{"X-etsi-correlationID": "fire", "X-etsi-contactURI": scene.gateway.base + "/applications/alarm/answers",
           "X-etsi-rcat": "RCAT_0", "X-etsi-trpdt": "P1D"})
    report.equal(answer.status, 202, "an alarm is accepted")
    report.ok(wait_for(lambda: operator.get(ALARMS + "/contentInstances/fire").status == 200, PATIENCE), "and arrives", scene.tails)
    report.equal(fig.arrived(scene.a), [], "before anything that is older and adaptive")
    operator.close()
    scene.c.start()
    scene.link = Switch(scene.link)
    scene.begin().judge(report, "beside an alarm")


PARTS = (flaps, kills, kills_by_state, rigid)


if __name__ == "__main__":
    reports.run(*([fig.without] if px.without_pairings() else [p for p in PARTS if p.__name__ in sys.argv[1:]] or PARTS))
