#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The disk under a running daemon fails or fills up, and works again."""

import os
import time

from lib import report as reports
from lib import xml
from lib.bed import engines, shim, wait_for
from lib.daemon import Daemon
from lib.notices import Receiver
from lib.workers import ROOMY, Crew

ERRORS = {"ENOSPC": 507, "EIO": 503}
KINDS = {"lmdb": ("", " write", " sync", " dsync"), "rocksdb": ("", " write", " sync")}
ROUNDS = 10 if reports.LONG else 1
REFUSALS = 30 if reports.LONG else 12       # refused changes in all before the disk works again
OPTIONS = ("limits.instances_per_answer=100000", "log.level=warn")
QUOTA = 8 << 20


class Disk:
    """The switch of the failing disk."""

    def __init__(self, bed, daemon):
        self.control = bed.path(f"{daemon.name}.disk")
        daemon.env.update(LD_PRELOAD=shim(bed), FAILIO_CONTROL=self.control, FAILIO_PATH=daemon.store,
                          ASAN_OPTIONS=os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0")
        self.works()

    def _write(self, command):
        with open(self.control + ".new", "w", encoding="ascii") as file:
            file.write(command + "\n")
        os.rename(self.control + ".new", self.control)

    def fails(self, command):
        """From now on writes fail."""
        self._write(command)

    def works(self):
        """From now on writes work."""
        self._write("")


def refusals(crew):
    """Refused changes of all workers by status."""
    found = {}
    for worker in crew.workers:
        for status, count in worker.refused.items():
            found[status] = found.get(status, 0) + count
    return found


def fault(report, daemon, disk, crew, command):
    """One failure under load."""
    title = f"{daemon.name} {daemon.engine} {command}"
    error = command.split()[0]
    for worker in crew.workers:
        worker.refused = {}
    before = crew.total()
    crew.start()
    report.ok(wait_for(lambda: crew.total() > before + 30), f"{title}: changes work before")
    disk.fails(command)
    report.ok(wait_for(lambda: sum(refusals(crew).values()) >= REFUSALS), f"{title}: changes are refused",
              lambda: f"{refusals(crew)} {[w.complaints for w in crew.workers if w.complaints]}")
    during(report, daemon, title, ERRORS[error])
    disk.works()
    again = crew.total()
    report.ok(wait_for(lambda: crew.total() > again + 30), f"{title}: changes work again without a restart",
              lambda: daemon.log_tail())
    complaints = crew.finish()
    report.equal(set(refusals(crew)), {ERRORS[error]}, f"{title}: the answer is {ERRORS[error]}")
    complaints += crew.settle() + crew.await_notices()
    report.ok(not complaints, f"{title}: nothing acknowledged is lost, nothing refused appeared, all was notified",
              "\n".join(complaints))


def during(report, daemon, title, status):
    """While the disk fails: a clear answer to writes, and reads."""
    client = daemon.client()
    answer = client.post("/m2m/applications", xml.application("refused"))
    report.equal(answer.status, status, f"{title}: one more creation", answer)
    code = xml.text(answer.xml(), "statusCode") if b"errorInfo" in answer.body else None
    report.equal(code, "STATUS_SERVICE_UNAVAILABLE", f"{title}: errorInfo of it", answer)
    if status == 503:
        report.ok((answer.header("Retry-After") or "").isdigit(), f"{title}: 503 has Retry-After", answer.headers)
    for path in ("", "/applications", "/discovery?searchPrefix=/m2m/applications"):
        report.equal(client.get("/m2m" + path).status, 200, f"{title}: GET /m2m{path}")
    report.equal(client.get("/m2m/applications/refused").status, 404, f"{title}: the refused application is not there")
    client.close()


def failing_disk(report, bed):
    """ENOSPC and EIO on write and sync of a running daemon."""
    receiver = bed.add(Receiver())
    for engine in engines("nscl"):
        daemon = Daemon(bed, "nscl", name=f"nscl-{engine}", engine=engine, options=OPTIONS)
        disk = Disk(bed, daemon)
        daemon.start()
        crew = Crew(daemon, receiver)
        crew.prepare()
        for _ in range(ROUNDS):
            for error in ERRORS:
                for kind in KINDS[engine]:
                    fault(report, daemon, disk, crew, error + kind)
        daemon.kill()
        daemon.clean_store(report, f"{daemon.name}: --check-store after all faults and a kill")
        daemon.start()
        complaints = crew.settle(at_end=True)
        report.ok(not complaints, f"{daemon.name}: everything is there after all faults and a kill",
                  "\n".join(complaints))
        daemon.stop()


def kill_while_failing(report, bed):
    """Killed while the disk fails."""
    for engine in engines("nscl"):
        daemon = Daemon(bed, "nscl", name=f"nscl-{engine}", engine=engine, options=OPTIONS)
        disk = Disk(bed, daemon)
        daemon.start()
        crew = Crew(daemon)
        crew.prepare()
        for command in ("ENOSPC", "EIO sync"):
            for worker in crew.workers:
                worker.refused = {}
            crew.start()
            wait_for(lambda: crew.total() > 50)
            disk.fails(command)
            report.ok(wait_for(lambda: sum(refusals(crew).values()) >= REFUSALS), f"{engine} {command}: refused")
            daemon.kill()
            complaints = crew.join()
            disk.works()
            daemon.clean_store(report, f"{engine} {command}: --check-store after a kill on a failing disk")
            daemon.start()
            complaints += crew.settle()
            report.ok(not complaints, f"{engine} {command}: everything is there after a kill on a failing disk",
                      "\n".join(complaints))
        daemon.stop()


def fill(client, path, size):
    """Creates instances until one is refused; their number and the last answer."""
    body, count = xml.instance("x" * size), 0
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        answer = client.post(path, body)
        if answer.status != 201:
            return count, answer
        count += 1
    return count, None


def quota(report, bed):
    """A store with a quota: 507, and deleting makes room."""
    for engine in ("lmdb", "memory"):
        daemon = Daemon(bed, "nscl", name=f"quota-{engine}", engine=engine,
                        options=(f"store.max_bytes={QUOTA}", "limits.instances_per_answer=100000"))
        daemon.start()
        client = daemon.client()
        client.create("/m2m/applications", xml.application("a"))
        paths = [client.create("/m2m/applications/a/containers", xml.container(f"c{n}", ROOMY, ROOMY))
                 for n in range(2)]
        count, answer = fill(client, paths[0] + "/contentInstances", 10000)
        report.equal(answer.status if answer else None, 507, f"{engine}: a full store answers 507", answer)
        report.ok(count * 10000 > QUOTA // 4, f"{engine}: a good part of the quota could be used", f"{count} x 10000")
        report.equal(xml.text(answer.xml(), "statusCode"), "STATUS_SERVICE_UNAVAILABLE", f"{engine}: errorInfo")
        root = client.get(paths[0] + "/contentInstances?metaDataOnly=true").xml()
        report.equal(int(xml.text(root, "currentNrOfInstances")), count, f"{engine}: what was acknowledged is there")
        made_room(report, daemon, client, engine, paths, xml.instances(root), count)
        client.close()
        if engine != "memory":
            daemon.clean_store(report, f"{engine}: --check-store of a store that was full")
        daemon.stop()


def made_room(report, daemon, client, engine, paths, listed, count):
    """Deletions are possible in a full store and make room again."""
    base = paths[0] + "/contentInstances"
    answers = {client.delete(f"{base}/{name}").status for name, _ in listed[:count // 2]}
    report.equal(answers, {204}, f"{engine}: half of the instances can be deleted")
    again = wait_for(lambda: client.post(base, xml.instance("y" * 10000)).status == 201)
    report.ok(again, f"{engine}: creating works again", daemon.log_tail())
    fill(client, paths[1] + "/contentInstances", 10000)
    report.equal(client.delete(paths[0]).status, 204, f"{engine}: a container can be deleted in a full store")
    more = room_for(client, paths[1] + "/contentInstances", count // 4)
    report.ok(more == count // 4, f"{engine}: the room of a deleted container is used again",
              f"only {more} of {count // 4}\n{daemon.log_tail()}")


def room_for(client, path, wanted):
    """Creates instances while the room comes back bit by bit; how many of those wanted."""
    body = xml.instance("z" * 10000)
    for made in range(wanted):
        if not wait_for(lambda: client.post(path, body).status == 201):
            return made
    return wanted


if __name__ == "__main__":
    reports.run(failing_disk, kill_while_failing, quota)
