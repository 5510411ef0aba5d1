#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Announcing between nscl and gscl: what is announced where, changes, ends, outages, kill -9."""

import datetime
import random
import shutil
import time

from lib import report as reports
from lib import xml
from lib.bed import wait_for
from lib.client import NotSent, Unknown
from lib.daemon import Daemon

OPTIONS = ("lifetime.min=1", "subscription.retry_first=100 ms", "subscription.retry_max=1 s")
COLLECTIONS = (("containers", "container", ""), ("groups", "group", "<m2m:memberType>MIXED</m2m:memberType>"),
               ("accessRights", "accessRight", "<m2m:selfPermissions/>"))


def start_two(bed, lifetime=1800):
    """nscl and gscl, registered."""
    nscl = Daemon(bed, "nscl", options=OPTIONS).start()
    gscl = Daemon(bed, "gscl", nscl=nscl, lifetime=lifetime, options=OPTIONS).start()
    if gscl.registered_at(nscl) is None:
        raise AssertionError("gscl does not register")
    return nscl, gscl


def announce_to(*scls):
    """announceTo."""
    inner = "".join(f"<reference>{s.base}</reference>" for s in scls)
    return f"<m2m:announceTo><m2m:sclList>{inner}</m2m:sclList></m2m:announceTo>"


def with_more(document, more):
    """The document with further elements at its end."""
    head, _, tail = document.rpartition("</")
    return f"{head}{more}</{tail}"


def application(name, more="", **fields):
    """application with further elements."""
    return with_more(xml.application(name, **fields), more)


class Announced:
    """What one SCL has announced at another, as the other shows it."""

    def __init__(self, at, by, name=None):
        self.client = at.client(by.base)
        self.scl = f"/m2m/scls/{name or by.scl_id}"

    def get(self, path):
        """An announcement below the scl, None when it is not there."""
        answer = self.client.get(f"{self.scl}/{path}")
        return answer.xml() if answer.status == 200 else None

    def there(self, path):
        """Waits for it."""
        return wait_for(lambda: self.get(path))

    def gone(self, path):
        """Waits until it is not there."""
        return wait_for(lambda: self.get(path) is None)

    def names(self):
        """Names of the announced applications; None without an answer."""
        try:
            answer = self.client.get(f"{self.scl}/applications")
        except (NotSent, Unknown):
            self.client.close()
            return None
        return set(xml.names(answer.xml(), "applicationAnncCollection")) if answer.status == 200 else None


def upwards(report, bed):
    """gscl announces to nscl: all types, changes, withdrawal, deletion, expiry."""
    nscl, gscl = start_two(bed)
    client, at = gscl.client(), Announced(nscl, gscl)
    me = gscl.client(f"{gscl.base}/applications/lamps")
    answer = me.post("/m2m/applications", application("lamps", announce_to(nscl), tags=["Category/Light"]))
    report.equal(answer.status, 201, "an application that is to be announced", answer)
    report.equal(xml.texts(answer.xml(), "reference"), [nscl.base], "the list as it was asked for")
    annc = at.there("applications/lampsAnnc")
    if not report.ok(annc is not None, "the application is announced", gscl.log_tail()):
        return
    for field, want in (("link", f"{gscl.base}/applications/lamps"), ("searchString", "Category/Light"),
                        ("accessRightID", f"{gscl.base}/accessRights/default")):
        report.equal(xml.text(annc, field), want, f"{field} of the announcement")
    children(report, client, nscl, gscl, at)
    found(report, nscl, gscl)
    answer = client.put("/m2m/applications/lamps/searchStrings",
                        f"<m2m:searchStrings {xml.NS}><m2m:searchString>two</m2m:searchString></m2m:searchStrings>")
    report.ok(wait_for(lambda: xml.texts(at.get("applications/lampsAnnc"), "searchString") == ["two"]),
              "a change is announced", answer)
    answer = me.put("/m2m/applications/lamps/containers/c/announceTo",
                    f"<m2m:announceTo {xml.NS}><m2m:sclList/></m2m:announceTo>")
    report.ok(at.gone("applications/lampsAnnc/containers/cAnnc"), "an empty list takes it back", answer)
    report.equal(client.delete("/m2m/applications/lamps").status, 204, "the application is deleted")
    report.ok(at.gone("applications/lampsAnnc"), "and its announcement", gscl.log_tail)
    until = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=3)
    client.create("/m2m/applications", application("short", announce_to(nscl),
                                                   expires=until.isoformat().replace("+00:00", "Z")))
    report.ok(at.there("applications/shortAnnc") is not None, "one with a lifetime")
    report.ok(at.gone("applications/shortAnnc"), "is announced as long as it lives")
    for daemon in (gscl, nscl):
        daemon.stop()
        daemon.clean_store(report, f"store of {daemon.name}")


def children(report, client, nscl, gscl, at):
    """Resources of the application and of sclBase."""
    for collection, element, more in COLLECTIONS:
        for place, remote in ((f"/m2m/applications/lamps/{collection}", f"applications/lampsAnnc/{collection}"),
                              (f"/m2m/{collection}", collection)):
            answer = client.post(place, f'<m2m:{element} {xml.NS} m2m:id="c">{announce_to(nscl)}{more}</m2m:{element}>')
            annc = at.there(f"{remote}/cAnnc")
            report.ok(answer.status == 201 and annc is not None and
                      xml.text(annc, "link") == f"{gscl.origin}{place}/c", f"{remote}/cAnnc", answer)


def found(report, nscl, gscl):
    """Discovery at nscl, in the name of the gateway, leads to the original through nscl."""
    client = nscl.client(gscl.base)
    answer = client.get("/m2m/discovery?searchString=Category/Light")
    links = xml.texts(answer.xml(), "reference")
    if report.equal(links, [f"{gscl.base}/applications/lamps"], "discovery lists the original"):
        answer = nscl.client("http://127.0.0.1/na").get(links[0])
        report.ok(answer.status == 200 and answer.xml().get("appId") == "lamps", "which nscl forwards to", answer)


def downwards(report, bed):
    """nscl announces to gscl."""
    nscl, gscl = start_two(bed)
    mirror = wait_for(lambda: xml.names(gscl.client(nscl.base).get("/m2m/scls").xml(), "sclCollection"))[0]
    at = Announced(gscl, nscl, mirror)
    client = nscl.client(f"{nscl.base}/applications/na")
    answer = client.post("/m2m/applications", application("na", announce_to(gscl)))
    report.equal(xml.texts(answer.xml(), "reference"), [gscl.base], "a gateway in the list")
    report.ok(at.there("applications/naAnnc") is not None, "the network application is announced at the gateway",
              nscl.log_tail)
    client.create("/m2m/applications/na/containers", with_more(xml.container("c"), announce_to(gscl)))
    report.ok(at.there("applications/naAnnc/containers/cAnnc") is not None, "and its container", nscl.log_tail)
    # By its SCL-ID, and one that is not registered.
    answer = client.post("/m2m/applications", application("nb", "<m2m:announceTo><m2m:sclList><reference>"
                         f"{gscl.scl_id}</reference><reference>http://127.0.0.1:9/m2m</reference></m2m:sclList>"
                         "</m2m:announceTo>"))
    report.equal(xml.texts(answer.xml(), "reference"), [gscl.scl_id], "who is not registered leaves the list")
    report.ok(at.there("applications/nbAnnc") is not None, "announced by SCL-ID", nscl.log_tail)
    client.delete("/m2m/applications/na")
    report.ok(at.gone("applications/naAnnc"), "deleted at the gateway", nscl.log_tail)


def outages(report, bed):
    """nscl is away, loses everything; gscl stops and starts."""
    nscl, gscl = start_two(bed)
    client, at = gscl.client(), Announced(nscl, gscl)
    client.create("/m2m/applications", application("before", announce_to(nscl)))
    report.ok(wait_for(lambda: at.names() == {"beforeAnnc"}), "announced", gscl.log_tail)
    nscl.kill()
    started = time.monotonic()
    for n in range(20):
        answer = client.post("/m2m/applications", application(f"away{n}", announce_to(nscl)))
        report.ok(answer.status == 201, f"created while nscl is away ({n})", answer)
    report.ok(time.monotonic() - started < 10, "without waiting for it", time.monotonic() - started)
    client.delete("/m2m/applications/before")
    client.delete("/m2m/applications/away7")
    want = {f"away{n}Annc" for n in range(20) if n != 7}
    nscl.start()
    report.ok(wait_for(lambda: at.names() == want), "made good when it is back", lambda: f"{at.names()}\n{gscl.log_tail()}")
    nscl.kill()
    shutil.rmtree(nscl.store)
    nscl.start()
    # The registration is made again when it is renewed: earlier when the gateway begins anew.
    gscl.kill()
    gscl.start()
    report.ok(wait_for(lambda: at.names() == want), "announced again at an nscl that has lost everything",
              lambda: f"{at.names()}\n{gscl.log_tail()}")
    code, _ = gscl.stop()
    report.ok(code == 0 and at.names() is None, "an orderly stop takes all announcements along", at.names())
    gscl.start()
    report.ok(wait_for(lambda: at.names() == want), "and the next start announces them again",
              lambda: f"{at.names()}\n{gscl.log_tail()}")
    listed = [xml.texts(client.get(f"/m2m/applications/{n[:-4]}").xml(), "reference") for n in want]
    report.ok(all(r == [nscl.base] for r in listed), "the lists are as they were", listed)


def killed(report, bed):
    """kill -9 of either side while announcements are made and taken back."""
    nscl, gscl = start_two(bed)
    rounds, at, want = 12 if reports.LONG else 3, Announced(nscl, gscl), set()
    for number in range(rounds):
        victim = random.choice((nscl, gscl))
        change(gscl, number, want, victim)
        victim.start()
        report.ok(wait_for(lambda: at.names() == want, timeout=120), f"round {number}: announced is what shall be",
                  lambda: f"{sorted(want ^ (at.names() or set()))}\n{gscl.log_tail()}")
    for daemon in (gscl, nscl):
        daemon.kill()
        daemon.clean_store(report, f"store of {daemon.name} after {rounds} kills")
        daemon.start()


def change(gscl, number, want, victim):
    """Creations and deletions with a kill in the middle; want follows what was acknowledged or is there afterwards."""
    client, when, doubtful = gscl.client(), random.randrange(5, 35), None
    for n in range(40):
        name = f"r{number}a{n}"
        if n == when:
            victim.kill()
        try:
            client.create("/m2m/applications", application(name, announce_to(gscl.nscl)))
            want.add(f"{name}Annc")
            if n % 3 == 0:
                doubtful = name
                client.delete(f"/m2m/applications/{name}")
                want.discard(f"{name}Annc")
        except (NotSent, Unknown):
            doubtful = doubtful or name
            break
    if victim is not gscl or doubtful is None:
        return
    # The last change may or may not have been carried out before the kill.
    gscl.start()
    for name in {doubtful, name}:
        there = gscl.client().get(f"/m2m/applications/{name}").status == 200
        (want.add if there else want.discard)(f"{name}Annc")
    gscl.kill()


if __name__ == "__main__":
    reports.run(upwards, downwards, outages, killed)
