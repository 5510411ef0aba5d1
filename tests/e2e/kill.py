#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Daemons are killed under load; what was acknowledged is there afterwards, whole, and was notified."""

import random
import time

from lib import report as reports
from lib.bed import engines, wait_for
from lib.daemon import Daemon
from lib.notices import Receiver
from lib.workers import Crew

ROUNDS = 50 if reports.LONG else 5
SEED = 20140301
OPTIONS = ("limits.instances_per_answer=100000", "limits.collection_max=100000", "log.level=warn")


class Killer:
    """Kills one daemon under the load of its crew, again and again."""

    def __init__(self, report, daemon, receiver, seed):
        self.report, self.daemon, self.random = report, daemon, random.Random(seed)
        self.crew = Crew(daemon, receiver, daemon.name)
        self.crew.prepare()

    def round(self, number):
        """One kill and what must hold after it."""
        title = f"{self.daemon.name} round {number}"
        complaints = self._work_and_kill()
        if self.random.random() < 0.3:
            self._kill_while_starting()
        self.daemon.clean_store(self.report, f"{title}: --check-store before the restart")
        self.daemon.start()
        complaints += self.crew.settle()
        self.report.ok(not complaints, f"{title}: what was acknowledged is there, and nothing else",
                       "\n".join(complaints))
        complaints = self.crew.await_notices()
        self.report.ok(not complaints, f"{title}: every instance was notified, in order", "\n".join(complaints))

    def _work_and_kill(self):
        goal = self.crew.total() + self.random.randrange(20, 500)
        self.crew.start()
        reached = wait_for(lambda: self.crew.total() >= goal, timeout=180, pause=0.001)
        complaints = [] if reached else [f"only {self.crew.total()} of {goal} changes\n{self.daemon.log_tail()}"]
        time.sleep(self.random.random() * 0.01)     # the random moment
        if not self.daemon.alive():
            complaints.append(f"ended by itself\n{self.daemon.log_tail()}")
        self.daemon.kill()
        return complaints + self.crew.join()

    def _kill_while_starting(self):
        self.daemon.spawn()
        time.sleep(self.random.random() * 0.1)      # the random moment
        self.daemon.kill()

    def end(self):
        """The same after an orderly restart, with everything ever created."""
        code, _ = self.daemon.stop()
        self.report.equal(code, 0, f"{self.daemon.name}: orderly end after all kills")
        self.daemon.clean_store(self.report, f"{self.daemon.name}: --check-store at the end")
        self.daemon.start()
        complaints = self.crew.settle(at_end=True)
        self.report.ok(not complaints, f"{self.daemon.name}: everything is there at the end", "\n".join(complaints))


def three(report, bed):
    """nscl with a gscl and a dscl registered to it, LMDB."""
    receiver = bed.add(Receiver())
    nscl = Daemon(bed, "nscl", options=OPTIONS).start()
    others = [Daemon(bed, kind, options=OPTIONS, nscl=nscl).start() for kind in ("gscl", "dscl")]
    killers = [Killer(report, d, receiver, SEED + n) for n, d in enumerate([nscl] + others)]
    for number in range(1, ROUNDS + 1):
        killers[(number - 1) % 3].round(number)
        missing = [d.name for d in others if d.registered_at(nscl) is None]
        report.ok(not missing, f"round {number}: gscl and dscl are registered", f"{missing}\n{bed.logs()}")
    for killer in killers:
        killer.end()


def rocksdb(report, bed):
    """nscl with RocksDB."""
    if "rocksdb" not in engines("nscl"):
        report.skip("RocksDB", "not built in")
        return
    receiver = bed.add(Receiver())
    nscl = Daemon(bed, "nscl", engine="rocksdb", options=OPTIONS).start()
    killer = Killer(report, nscl, receiver, SEED)
    for number in range(1, ROUNDS + 1):
        killer.round(number)
    killer.end()


if __name__ == "__main__":
    reports.run(three, rocksdb)
