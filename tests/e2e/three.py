#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Three levels: a DA at dscl, a GA at a gscl behind NAT, a NA at nscl; the link is cut and restored."""

import base64
import re
import sys
import threading
import time

from lib import namespace
from lib import report as reports
from lib import xml
from lib.bed import wait_for
from lib.client import Client, NotSent, Unknown
from lib.report import LONG, SKIPPED
from lib.secure import Node, Provider, factory_node, listener
from lib.tls import available

CUTS = 5 if LONG else 1
CUT_SECONDS = 6 if LONG else 3
EACH = 200 if LONG else 60      # instances per writer and cut
CONTENTS = "containers/data/contentInstances"
INBOX = "containers/inbox/contentInstances"
WHOLE_INBOX = "limits.instances_per_answer=1000000"     # an answer holds all that has come


class Gateway(Node):
    """A gscl in the namespace of the gateway: its NSCL reaches it through its channel alone."""

    def __init__(self, bed, behind, provider, **more):
        self.behind = behind
        super().__init__(bed, "gscl", provider, **more)
        self.options += ["register.channel=true", f"scl.uri={self.mid_base}", WHOLE_INBOX]
        # Nothing to be reached by from outside: there is no listener for mId.
        self.listeners = listener(self.port, "none", ["dia"])
        self.write_config()

    @property
    def mid_base(self):
        return f"https://{self.scl_id}/m2m"

    def command(self, *more):
        return self.behind.inside + super().command(*more)

    def client(self, who=None, **more):
        made = super().client(who, **more)
        made.connect = lambda: self._connect_behind(made)
        return made

    def _connect_behind(self, made):
        if made.connection is None:
            with self.behind:
                Client.connect(made)


class World:
    """The three SCLs and the application at each; mId is TLS under the keys of service connections."""

    def __init__(self, bed):
        self.behind = bed.add(namespace.Behind())
        self.nscl = Provider(bed, address=namespace.OUTSIDE, extra='channel = { hold = "5 s"; };\n')
        self.nscl.options.append(WHOLE_INBOX)
        self.nscl.start()
        self.gscl = Gateway(bed, self.behind, self.nscl)
        self.gscl.provide(self.nscl.issue(self.gscl.scl_id)).start()
        self.dscl = factory_node(bed, "dscl", self.nscl, address=namespace.OUTSIDE)
        self.dscl.options.append(WHOLE_INBOX)
        self.dscl.start()
        self.apps = {}
        for name, scl in (("na", self.nscl), ("ga", self.gscl), ("da", self.dscl)):
            self.apps[name] = App(name, scl)

    def stop_is_clean(self, report):
        """Orderly ends, sound stores."""
        for scl in (self.gscl, self.dscl, self.nscl):
            code, _ = scl.stop()
            report.equal(code, 0, f"{scl.name}: orderly stop")
            scl.clean_store(report, f"{scl.name}: store is sound")


class App:
    """An application with a container of data and one for what it is notified of."""

    def __init__(self, name, scl):
        self.name, self.scl = name, scl
        self.uri = f"{scl.mid_base}/applications/{name}"
        self.path = f"/m2m/applications/{name}"
        self.client = scl.client(self.uri)

    def register(self, announce_to=None):
        body = xml.application(self.name, tags=[f"three/{self.name}"])
        if announce_to:
            tail = (f"<m2m:announceTo><m2m:activated>true</m2m:activated><m2m:sclList><reference>{announce_to}"
                    "</reference></m2m:sclList></m2m:announceTo></m2m:application>")
            body = body.replace("</m2m:application>", tail)
        self.client.create("/m2m/applications", body)
        for name in ("data", "inbox"):
            self.client.create(f"{self.path}/containers", xml.container(name, nr=1000000, size=10**9))

    def write(self, text):
        """True when acknowledged."""
        return self.client.post(f"{self.path}/{CONTENTS}", xml.instance(text)).status == 201

    def inbox(self):
        """Texts of the instances that notifies brought, in order of arrival."""
        found = []
        document = self.client.get(f"{self.path}/{INBOX}").xml()
        for notify in xml.texts(document, "textContent"):
            for part in re.findall(r"<representation[^>]*>([^<]*)<", notify):
                inner = base64.b64decode(part).decode()
                found += re.findall(r"textContent>([^<]*)<", inner)
        return found


def remote(client, method, uri, body=None, **headers):
    """A request for another SCL, sent to the one that client is connected with."""
    return client.request(method, uri, body, headers=headers)


def eventually(client, method, uri, want, body=None, timeout=60):
    """Repeats a remote request until its status is as wanted; the last answer."""
    answers = []

    def once():
        answers[:] = [remote(client, method, uri, body)]
        return answers[0].status == want
    wait_for(once, timeout)
    return answers[0]


def everything(report, bed):
    """The story from registration to the drained queues."""
    world = World(bed)
    for scl in (world.gscl, world.dscl):
        if not report.ok(world.nscl.sees(scl.scl_id) is not None, f"{scl.name}: registered and ONLINE", bed.logs):
            return
    world.apps["na"].register()
    for name in ("ga", "da"):
        world.apps[name].register(announce_to=world.nscl.mid_base)
    announced(report, world)
    reached(report, world)
    group_of_all(report, world)
    subscribe_all(report, world)
    for number in range(CUTS):
        cut_and_restored(report, bed, world, number)
    world.stop_is_clean(report)


def announced(report, world):
    """What GA and DA are announced as at nscl, and found by discovery."""
    for name, scl in (("ga", world.gscl), ("da", world.dscl)):
        app = world.apps[name]
        place = f"/scls/{scl.scl_id}/applications/{name}Annc"
        # What nscl holds for an SCL is for that SCL and its applications to read, through its service connection.
        found = wait_for(lambda: (a := remote(app.client, "GET", world.nscl.mid_base + place)).status == 200 and a)
        report.ok(found and xml.text(found.xml(), "link") == app.uri, f"{name}: announced at nscl", found)
        search = f"{world.nscl.mid_base}/discovery?searchString=three%2F{name}"
        links = xml.texts(remote(app.client, "GET", search).xml(), "reference")
        report.equal(links, [app.uri], f"{name}: discovery at nscl lists the original")


def reached(report, world):
    """Requests from each level to each other."""
    for asking in world.apps.values():
        for asked in world.apps.values():
            if asking is asked:
                continue
            uri = f"{asked.uri}/{CONTENTS}"
            made = remote(asking.client, "POST", uri, xml.instance(f"from {asking.name}"))
            report.equal(made.status, 201, f"{asking.name} creates at {asked.name}")
            text = remote(asking.client, "GET", f"{uri}/latest/content")
            report.ok(text.status == 200 and text.body == f"from {asking.name}".encode(),
                      f"{asking.name} reads at {asked.name}", text)
            missing = remote(asking.client, "GET", f"{asked.uri}/containers/none")
            report.equal(missing.status, 404, f"{asking.name} is told what {asked.name} has not")


def group_of_all(report, world):
    """A group whose members are on all three."""
    na = world.apps["na"]
    members = "".join(f"<reference>{app.uri}/containers/data</reference>" for app in world.apps.values())
    group = (f'<m2m:group {xml.NS} m2m:id="all"><m2m:accessRightID>{xml.RIGHT}</m2m:accessRightID>'
             f"<m2m:memberType>CONTAINER</m2m:memberType><m2m:members>{members}</m2m:members></m2m:group>")
    place = na.client.create("/m2m/groups", group)
    valid = wait_for(lambda: xml.text(na.client.get(place).xml(), "memberTypeValidated") == "true")
    report.ok(valid, "group: members on other SCLs are checked", na.client.get(place))
    made = na.client.post(f"{place}/membersContent/contentInstances", xml.instance("to all"))
    report.equal(xml.texts(made.xml(), "statusCode"), ["STATUS_CREATED"] * 3, "group: a create reaches all three")
    read = na.client.get(f"{place}/membersContent/contentInstances/latest/content")
    bodies = [base64.b64decode(t) for t in xml.texts(read.xml(), "resultBody")]
    report.equal(bodies, [b"to all"] * 3, "group: a retrieve collects from all three")


def subscribe_all(report, world):
    """Everybody watches everybody else's data in its own inbox."""
    for watcher in world.apps.values():
        for watched in world.apps.values():
            if watcher is watched:
                continue
            body = xml.subscription(f"{watcher.uri}/{INBOX}", f"for-{watcher.name}")
            made = remote(watcher.client, "POST", f"{watched.uri}/{CONTENTS}/subscriptions", body)
            report.equal(made.status, 201, f"{watcher.name} subscribes at {watched.name}")


class Writer(threading.Thread):
    """Writes numbered instances to an application's own container and keeps what was acknowledged."""

    def __init__(self, app, number):
        super().__init__()
        self.app, self.number, self.acknowledged = App(app.name, app.scl), number, []

    def run(self):
        for n in range(EACH):
            text = f"{self.app.name} {self.number} {n}"
            try:
                if self.app.write(text):
                    self.acknowledged.append(text)
            except (NotSent, Unknown):
                pass
            time.sleep((CUT_SECONDS + 2) / EACH)
        self.app.client.close()


def first_seen(texts, wanted):
    """The wanted ones in the order in which they came first."""
    wanted, seen = set(wanted), {}
    for text in texts:
        if text in wanted:
            seen.setdefault(text)
    return list(seen)


def cut_and_restored(report, bed, world, number):
    """The link of the gateway goes while everybody writes, and comes back."""
    na, ga = world.apps["na"], world.apps["ga"]
    writers = [Writer(app, number) for app in world.apps.values()]
    for writer in writers:
        writer.start()
    time.sleep(1)
    world.behind.cut()
    during = remote(na.client, "GET", f"{ga.uri}/{CONTENTS}/latest/content", **{"X-etsi-trpdt": "PT1S"})
    report.ok(during.status in (503, 504), f"cut {number}: what cannot be reached is said so", during)
    local = ga.write(f"during cut {number}")
    report.ok(local, f"cut {number}: the gateway serves its own applications")
    time.sleep(CUT_SECONDS - 1)
    world.behind.restore()
    for writer in writers:
        writer.join()
    restored = time.monotonic()
    again = eventually(na.client, "GET", f"{ga.uri}/{CONTENTS}/latest/content", 200, timeout=90)
    report.equal(again.status, 200, f"cut {number}: the gateway is reached again")
    for watcher in world.apps.values():
        for writer in writers:
            if writer.app.name != watcher.name:
                drained(report, bed, watcher, writer, number)
    report.ok(True, f"cut {number}: drained {time.monotonic() - restored:.1f} s after the writers ended")


def drained(report, bed, watcher, writer, number):
    """All that was acknowledged has come, in order."""
    label = f"cut {number}: {watcher.name} hears {writer.app.name}"
    report.ok(len(writer.acknowledged) == EACH, f"{label}: all was acknowledged", len(writer.acknowledged))
    wanted = writer.acknowledged
    wait_for(lambda: len(first_seen(watcher.inbox(), wanted)) == len(wanted), timeout=120)
    seen = first_seen(watcher.inbox(), wanted)
    if report.ok(len(seen) == len(wanted), f"{label}: nothing is lost",
                 lambda: f"{len(seen)} of {len(wanted)}\n{bed.logs()}"):
        report.ok(seen == wanted, f"{label}: in order", lambda: next((a, b) for a, b in zip(seen, wanted) if a != b))


if __name__ == "__main__":
    if not namespace.permitted() or not available():
        print("three: network namespaces are not permitted here, or there is no openssl command")
        sys.exit(SKIPPED)
    namespace.enter()
    reports.run(everything)
