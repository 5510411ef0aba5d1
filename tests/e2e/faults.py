#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The disk under a running daemon fails or fills up, and works again."""

import os
import threading
import time

from lib import proxy as px
from lib import queue
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
REFUSED_BY_PROXY = (503, 507)


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


# ---- proxies and their sinks ----

class Storer(threading.Thread):
    """Stores numbered messages in small batches; what is refused is stored again until it is not."""

    def __init__(self, proxy, store, parts):
        super().__init__(daemon=True)
        self.proxy, self.store, self.parts = proxy, store, parts
        self.at, self.refused, self.ended, self.complaint = 0, {}, False, ""

    def run(self):
        rest = self.proxy.rest()
        while self.at < len(self.parts) and not self.ended:
            answer = rest.put(self.store, self.parts[self.at:self.at + 4])
            if answer.status == 201:
                self.at += 4
            elif answer.status in REFUSED_BY_PROXY:
                self.refused[answer.status] = self.refused.get(answer.status, 0) + 1
                time.sleep(0.01)        # not a busy loop against a full disk
            else:
                self.complaint = repr(answer)
                return
        rest.close()


def proxy_disk(report, bed):
    """The disk of a proxy fails while messages are stored and forwarded."""
    if px.without_pairings():
        report.skip("proxy", "a build without pairings")
        return
    source, sink, receiver = px.Party(bed, "source"), px.Party(bed, "sink"), bed.add(px.Sink())
    daemon = px.ProxyDaemon(bed, "gscl", proxy={"enabled": True, "retry_first": "20 ms", "retry_max": "200 ms"})
    disk = Disk(bed, daemon)
    daemon.start()
    rest, count = daemon.rest(), 40000
    store = rest.store(64 << 20)
    parts = px.Stream(source, section=50).lines(1, count)
    forward = rest.forward(store, [px.sink_row(source, sink, receiver.url)])
    storer = Storer(daemon, store, parts)
    storer.start()
    for _ in range(ROUNDS):
        for error, status in ERRORS.items():
            for kind in KINDS["lmdb"]:
                proxy_fault(report, daemon, disk, storer, error + kind, status)
    storer.ended = True
    storer.join(60)
    report.equal(storer.complaint, "", "every answer is 201, 503 or 507")
    daemon.kill()
    daemon.clean_store(report, "proxy: --check-store after all faults and a kill")
    daemon.start()
    rest.close()
    view = rest.got(f"/stores/{store}/monitor")
    report.ok(view["newest"] in (storer.at, storer.at + 4), "proxy: what is stored is what was acknowledged", (view, storer.at))
    report.ok(rest.delivered(forward, receiver.url, view["newest"], 300), "proxy: all of it goes on", lambda: rest.monitor(forward))
    judge = queue.Wire()
    for body in receiver.bodies:
        judge.take(body)
    report.equal(judge.complaints[:5], [], "proxy: whole and in order")
    report.equal(len(judge.fresh), view["newest"], "proxy: to the last")


def proxy_fault(report, daemon, disk, storer, command, status):
    """One failure."""
    title = f"proxy {command}"
    before = storer.at
    report.ok(wait_for(lambda: storer.at > before), f"{title}: messages are stored before", lambda: storer.complaint + daemon.log_tail())
    storer.refused = {}
    disk.fails(command)
    report.ok(wait_for(lambda: sum(storer.refused.values()) >= REFUSALS), f"{title}: they are refused", lambda: (storer.refused, storer.complaint))
    rest = daemon.rest()
    report.equal(rest.call("GET", "/info").status, 200, f"{title}: info")
    report.equal(rest.call("POST", "/stores", {"reserve": 4096, "ttl": 60}).status, status, f"{title}: a new store")
    disk.works()
    report.equal(set(storer.refused), {status}, f"{title}: with {status}")
    again = storer.at
    report.ok(wait_for(lambda: storer.at > again), f"{title}: they are stored again without a restart", daemon.log_tail)
    rest.close()


def sink_disk(report, bed):
    """The disk of a sink fails while messages come in and are applied."""
    if px.without_pairings():
        report.skip("proxy", "a build without pairings")
        return
    source = px.Party(bed, "source")
    inbox = px.Inbox(bed, source)
    inbox.daemon.stop()
    disk = Disk(bed, inbox.daemon)
    inbox.daemon.start()
    inbox.rest.close()
    daemon = px.proxy(bed)
    rest, count = daemon.rest(), 200 * ROUNDS
    store = rest.store(64 << 20)
    stream, texts = px.Stream(source, section=20), []
    forward = rest.forward(store, [px.sink_row(source, inbox.sink, inbox.url, batch=4)])
    for number in range(ROUNDS):
        for error in ERRORS:
            for kind in KINDS["lmdb"]:
                disk.fails(error + kind)
                more = [f"{number} {error}{kind} {n}" for n in range(count // ROUNDS // 4)]
                texts += more
                rest.put_all(store, stream.seal(inbox.documents(source, more)))
                retried = rest.lane(forward, inbox.url)["retried"]
                report.ok(wait_for(lambda r=retried: rest.lane(forward, inbox.url)["retried"] > r + 2), f"sink {error}{kind}: refused, tried again",
                          lambda: (rest.monitor(forward), inbox.daemon.log_tail()))
                disk.works()
    newest = rest.got(f"/stores/{store}/monitor")["newest"]
    report.ok(rest.delivered(forward, inbox.url, newest), "sink: all is taken when the disk works", lambda: rest.monitor(forward))
    report.ok(wait_for(lambda: len(inbox.contents()) >= len(texts)), "sink: and applied", lambda: (len(inbox.contents()), inbox.monitor(source)))
    report.equal(inbox.contents(), texts, "sink: in order, once")
    report.equal((inbox.monitor(source)["failed"], inbox.monitor(source)["alarms"]), (0, 0), "sink: without a failure", lambda: inbox.monitor(source))
    inbox.daemon.stop()
    inbox.daemon.clean_store(report, "sink: --check-store at the end")


if __name__ == "__main__":
    reports.run(failing_disk, kill_while_failing, quota, proxy_disk, sink_disk)
