#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Store and forward: requests that are answered later, policies, and a link that comes and goes."""

import re
import time
from collections import Counter

from lib import report as reports
from lib import xml
from lib.bed import wait_for
from lib.daemon import Daemon
from lib.notices import Receiver
from lib.relay import Relay

XSI = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
QUICK = ('rem.managers=[ "http://operator.example.org/" ]', "saf.retry_first=50 ms", "saf.retry_max=200 ms", "client.connect_timeout=2 s")
BOX = "/applications/na/containers/c/contentInstances"
INSTANCES = "/m2m" + BOX


class Link(Relay):
    """The way to nscl."""

    @property
    def base(self):
        """URI of the sclBase behind it."""
        return f"http://127.0.0.1:{self.port}/m2m"


class Pair:
    """nscl and gscl with a link between them, an application na with a container at nscl."""

    def __init__(self, bed, *options, extra=""):
        self.bed = bed
        self.nscl = Daemon(bed, "nscl", options=("lifetime.min=1", *QUICK))
        self.link = bed.add(Link(self.nscl.port))
        self.nscl.options.append(f"scl.own_names=[ \"127.0.0.1:{self.link.port}\" ]")
        self.nscl.start()
        self.gscl = Daemon(bed, "gscl", nscl=self.link, options=("lifetime.min=1", *QUICK, *options), extra=extra)
        self.gscl.start()
        if self.gscl.registered_at(self.nscl) is None:
            raise AssertionError("gscl does not register\n" + bed.logs())
        client = self.nscl.client()
        client.create("/m2m/applications", xml.application("na"))
        client.create("/m2m/applications/na/containers", xml.container("c", 1000))
        client.close()
        self.client = self.gscl.client(f"{self.gscl.base}/applications/ga")

    def send(self, name, correlation=None, contact=None, **headers):
        """POST of a contentInstance at nscl by way of gscl."""
        return self.client.post(self.link.base + BOX, xml.instance(name, name),
                                **{"X-etsi-correlationID": correlation, "X-etsi-contactURI": contact,
                                   **{k.replace("_", "-"): v for k, v in headers.items()}})

    def fetch(self, name, correlation):
        """The same request again; waits for its final answer."""
        return wait_for(lambda: (a := self.send(name, correlation)).status != 202 and a)

    def arrived(self):
        """Ids of the instances at nscl, in order."""
        client = self.nscl.client()
        answer = client.get(INSTANCES)
        client.close()
        return [n for n, _ in xml.instances(answer.xml())] if answer.status == 200 else None

    def policy(self, scope="default", rcat="RCAT_3", networks="default", trpdt="PT1H", reqs=None, data=None,
               schedule="* * * * *", blocks=(), name="s"):
        """A policy set with one RCAT at gscl."""
        at = "/m2m/scls/mgmtObjs"
        operator = self.gscl.client("http://operator.example.org/")
        if operator.get(f"{at}/mo").status != 200:
            operator.create(at, f'<m2m:mgmtObj {xml.NS} {XSI} xsi:type="m2m:EtsiSclMo" m2m:id="mo">'
                            f"<m2m:accessRightID>{xml.RIGHT}</m2m:accessRightID><m2m:moID>etsiSclMo</m2m:moID>"
                            "<m2m:originalMO>x</m2m:originalMO></m2m:mgmtObj>")
        self.parameters(operator, f"{at}/mo", "SafPolicySet", name,
                        f"<m2m:policyScope><m2m:reference>{scope}</m2m:reference></m2m:policyScope>")
        self.parameters(operator, f"{at}/mo/{name}", "AnpPolicy", "an", anp(networks, rcat, schedule, blocks))
        self.parameters(operator, f"{at}/mo/{name}", "M2mSpPolicy", "sp",
                        f"<m2m:defaultRcatValue>{rcat}</m2m:defaultRcatValue>")
        self.parameters(operator, f"{at}/mo/{name}/sp", "RcatParamList", "r",
                        params(networks, rcat, trpdt, reqs, data))
        operator.close()

    @staticmethod
    def parameters(operator, at, kind, name, inner):
        """One parameters resource."""
        operator.create(at, f'<m2m:parameters {xml.NS} {XSI} xsi:type="m2m:{kind}" m2m:id="{name}">'
                        f"<m2m:accessRightID>{xml.RIGHT}</m2m:accessRightID>{inner}</m2m:parameters>")


def anp(network, rcat, schedule, blocks):
    """What an AnpPolicy says."""
    items = "".join(f'<m2m:blockItem m2m:id="b{n}"><m2m:failedAttempts>{n}</m2m:failedAttempts>'
                    f"<m2m:blockDuration>{d}</m2m:blockDuration></m2m:blockItem>" for n, d in blocks)
    items = f'<m2m:blockPeriods m2m:id="b">{items}</m2m:blockPeriods>' if blocks else ""
    return (f'<m2m:anName>{network}</m2m:anName><m2m:rcatSchedList m2m:id="l"><m2m:rcatSchedule m2m:id="s">'
            f'<m2m:rcatValue>{rcat}</m2m:rcatValue><m2m:schedItem m2m:id="i">{schedule_item(schedule)}'
            f"</m2m:schedItem></m2m:rcatSchedule></m2m:rcatSchedList>{items}")


def schedule_item(schedule):
    """A crontab text, or a pair of times."""
    if isinstance(schedule, str):
        return f'<m2m:schedule><m2m:scheduleString id="c">{schedule}</m2m:scheduleString></m2m:schedule>'
    start, end = (time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(t)) for t in schedule)
    return (f'<m2m:absTimeSpan m2m:id="a"><m2m:startTime>{start}</m2m:startTime>'
            f"<m2m:endTime>{end}</m2m:endTime></m2m:absTimeSpan>")


def params(network, rcat, trpdt, reqs, data):
    """What an RcatParamList says."""
    reqs = "" if reqs is None else f"<m2m:maxPendReqs>{reqs}</m2m:maxPendReqs>"
    data = "" if data is None else f"<m2m:maxPendData>{data}</m2m:maxPendData>"
    return (f"<m2m:rcatValue>{rcat}</m2m:rcatValue><m2m:defaultTrpdtValue><tolerableDelay>{trpdt}</tolerableDelay>"
            f'</m2m:defaultTrpdtValue>{reqs}{data}<m2m:rankedAnList m2m:id="r"><m2m:accessNetwork>{network}'
            "</m2m:accessNetwork></m2m:rankedAnList>")


def response(message):
    """(statusCode, locationHeader, representation) of a responseNotify."""
    root = message.xml()
    return xml.text(root, "statusCode"), xml.text(root, "locationHeader"), message.representation()


def notified(report, bed):
    """The answer comes to contactURI."""
    pair = Pair(bed)
    sink = bed.add(Receiver()).open()
    answer = pair.send("one", "c-1", sink.url)
    report.equal((answer.status, answer.body), (202, b""), "POST to nscl through gscl is accepted")
    report.ok(sink.wait_until(lambda m: len(m) == 1), "its answer is notified", pair.gscl.log_tail)
    message = sink.messages()[0]
    code, location, _ = response(message)
    report.equal((message.xml().tag, code, location), (xml.q("responseNotify"), "STATUS_OK", f"{pair.nscl.base}{BOX}/one"),
                 "responseNotify of a creation")
    report.equal(message.header("X-etsi-correlationID"), "c-1", "with the same correlationID")
    report.equal(pair.arrived(), ["one"], "the instance is at nscl")
    answer = pair.client.get(pair.link.base + BOX + "/one/content",
                             **{"X-etsi-correlationID": "c-2", "X-etsi-contactURI": sink.url})
    report.equal(answer.status, 202, "GET is accepted")
    sink.wait_until(lambda m: len(m) == 2)
    code, _, body = response(sink.messages()[1])
    report.equal((code, body.body), ("STATUS_OK", b"one"), "its answer has the content")
    answer = pair.client.get(pair.link.base + "/nothing", **{"X-etsi-correlationID": "c-3", "X-etsi-contactURI": sink.url})
    sink.wait_until(lambda m: len(m) == 3)
    report.equal((answer.status, response(sink.messages()[2])[0]), (202, "STATUS_NOT_FOUND"), "a 404 is notified too")
    local = pair.gscl.client().get("/m2m", **{"X-etsi-correlationID": "c-4", "X-etsi-contactURI": sink.url})
    report.equal(local.status, 200, "a local target is answered at once")
    # A gateway hears of the answer in the same way when nscl is the first SCL.
    gscl_side = pair.nscl.client().get(f"{pair.gscl.base}/scls", **{"X-etsi-correlationID": "c-5",
                                                                    "X-etsi-contactURI": sink.url})
    sink.wait_until(lambda m: len(m) == 4)
    report.equal((gscl_side.status, response(sink.messages()[3])[0]), (202, "STATUS_OK"), "nscl answers later as well")
    report.equal(len(sink.messages()), 4, "nothing is notified twice")


def fetched(report, bed):
    """The answer is fetched with the same request."""
    pair = Pair(bed)
    pair.link.cut()
    report.equal(pair.send("one", "f-1").status, 202, "accepted without a link")
    report.equal(pair.send("one", "f-1").status, 202, "pending")
    report.equal(pair.send("other", "f-1").status, 409, "another request with its correlationID")
    stranger = pair.gscl.client(f"{pair.gscl.base}/applications/gb")
    same = {"X-etsi-correlationID": "f-1"}
    report.equal(stranger.get(pair.link.base, **same).status, 202, "another issuer may use the same one")
    pair.link.restore()
    answer = pair.fetch("one", "f-1")
    report.equal((answer.status, answer.header("Location")), (201, f"{pair.nscl.base}{BOX}/one"), "the final answer")
    report.equal(pair.arrived(), ["one"], "the request was carried out once")
    answer = wait_for(lambda: (a := stranger.get(pair.link.base, **same)).status != 202 and a)
    report.equal(answer.status, 200, "the other issuer has its own answer")
    report.equal(pair.send("one", "f-1").status, 202, "fetched once: the same again is a new request")
    report.equal(pair.fetch("one", "f-1").status, 409, "which nscl refuses")


def survives(report, bed):
    """Nothing that was accepted is lost: kill -9, restarts, in order."""
    pair = Pair(bed)
    sink = bed.add(Receiver()).open()
    pair.link.cut()
    names = [f"i{n:02}" for n in range(20)]
    for name in names[:10]:
        report.equal(pair.send(name, name, sink.url).status, 202, f"{name} accepted")
    pair.gscl.kill()
    pair.gscl.start()
    pair.client.close()
    for name in names[10:]:
        report.equal(pair.send(name, name, sink.url).status, 202, f"{name} accepted after kill -9")
    code, _ = pair.gscl.stop()
    report.equal(code, 0, "orderly stop with requests waiting")
    pair.gscl.start()
    pair.client.close()
    pair.link.restore()
    report.ok(sink.wait_until(lambda m: len(m) >= 20), "all answers are notified", pair.gscl.log_tail)
    report.equal(pair.arrived(), names, "all requests are carried out, in order")
    wanted = sorted(m.header("X-etsi-correlationID") for m in sink.messages())
    report.equal(sorted(set(wanted)), names, "each answer under its correlationID")
    # The answers survive too.
    sink.answers = [503]
    for name in ("late1", "late2"):
        pair.send(name, name, sink.url)
    report.ok(wait_for(lambda: set(pair.arrived() or []) >= {"late1", "late2"}), "carried out while the contact refuses")
    pair.gscl.kill()
    before = len(sink.messages())
    sink.answers = [204]
    pair.gscl.start()
    report.ok(sink.wait_until(lambda m: {"late1", "late2"} <= {x.header("X-etsi-correlationID") for x in m[before:]}),
              "answers are notified after kill -9", pair.gscl.log_tail)


def late(report, bed):
    """What does not get there in time is answered 504."""
    pair = Pair(bed)
    sink = bed.add(Receiver()).open()
    pair.link.cut()
    started = time.monotonic()
    report.equal(pair.send("x", "l-1", sink.url, X_etsi_trpdt="PT2S").status, 202, "accepted with TRPDT 2 s")
    report.ok(sink.wait_until(lambda m: len(m) == 1), "notified")
    report.equal(response(sink.messages()[0])[0], "STATUS_GATEWAY_TIMEOUT", "504 to the contact")
    report.ok(1.5 < time.monotonic() - started < 15, "when TRPDT is over", time.monotonic() - started)
    started = time.monotonic()
    report.equal(pair.send("y", X_etsi_trpdt="PT2S").status, 504, "blocking: 504 after TRPDT")
    report.ok(1.5 < time.monotonic() - started < 15, "not before it", time.monotonic() - started)
    report.ok(pair.send("z").status in (502, 503), "blocking without TRPDT: at once")
    pair.bed.add(Later(1.0, pair.link.restore))
    report.equal(pair.send("w", X_etsi_trpdt="20").status, 201, "blocking: waits for the link")
    report.equal(pair.arrived(), ["w"], "what was late was not carried out")


class Later:
    """Calls something after a while."""

    def __init__(self, seconds, what):
        import threading
        self.timer = threading.Timer(seconds, what)
        self.timer.start()

    def close(self):
        """Forgets it, or waits for its end."""
        self.timer.cancel()
        self.timer.join()


def thresholds(report, bed):
    """maxPendReqs and maxPendData start a connection, which then takes all."""
    pair = Pair(bed, "saf.linger=1 s")
    # What the gateway tells of itself, its policies included, neither counts with them nor is a connection for them.
    pair.policy(scope=f"{pair.gscl.base}/applications/ga", reqs=3, data="4K")
    report.ok(pair.link.falls_quiet(2), "no connection lingers")
    for name in ("a", "b"):
        report.equal(pair.send(name, name).status, 202, f"{name} accepted")
    time.sleep(2)
    report.equal(pair.arrived(), [], "two of three are kept")
    pair.send("c", "c")
    report.ok(wait_for(lambda: pair.arrived() == ["a", "b", "c"]), "the third lets all go", pair.gscl.log_tail)
    time.sleep(2.5)
    pair.send("d", "d")
    time.sleep(1.5)
    report.equal(pair.arrived(), ["a", "b", "c"], "the connection has ended: the next is kept")
    big = pair.client.post(pair.link.base + BOX, xml.instance("x" * 5000, "big"), **{"X-etsi-correlationID": "big"})
    report.equal(big.status, 202, "5000 octets are accepted")
    report.ok(wait_for(lambda: pair.arrived() == ["a", "b", "c", "d", "big"]), "maxPendData lets all go")
    time.sleep(2.5)
    pair.send("e", "e", X_etsi_trpdt="PT4S")
    report.ok(wait_for(lambda: "e" in pair.arrived(), timeout=10), "TRPDT about to end lets it go")
    report.equal(pair.fetch("e", "e").status, 201, "in time")


def schedules(report, bed):
    """A network is used when its schedule admits the RCAT."""
    pair = Pair(bed)
    opens = int(time.time()) + 12
    pair.policy(rcat="RCAT_5", schedule=(opens, opens + 3600))
    report.equal(pair.send("one", "s-1").status, 202, "accepted while the schedule is closed")
    pair.send("three", "s-3", X_etsi_rcat="RCAT_3")
    time.sleep(2)
    report.equal(pair.arrived(), [], "kept")
    report.ok(wait_for(lambda: pair.arrived() == ["one"], timeout=30), "goes when it opens", pair.gscl.log_tail)
    report.ok(time.time() >= opens, "not before", time.time() - opens)
    time.sleep(1)
    report.equal(pair.arrived(), ["one"], "an RCAT that no schedule admits is kept")
    report.equal(pair.send("b", X_etsi_rcat="3", X_etsi_trpdt="PT1S").status, 504, "blocking: 504")
    report.equal(pair.send("b", X_etsi_rcat="RCAT_9").status, 400, "no such RCAT")
    # The policy goes: the link is always on again.
    operator = pair.gscl.client("http://operator.example.org/")
    report.equal(operator.delete("/m2m/scls/mgmtObjs/mo").status, 204, "the policies are deleted")
    report.ok(wait_for(lambda: pair.arrived() == ["one", "three"], timeout=20), "what waited goes", pair.gscl.log_tail)


def blocking(report, bed):
    """After failures the network is left alone for blockDuration."""
    pair = Pair(bed)
    pair.policy(reqs=0, blocks=((2, "PT6S"),))
    pair.link.cut()
    pair.send("one", "b-1")
    report.ok(wait_for(lambda: log_count(pair.gscl, "saf-connection-failed") >= 2), "two attempts fail")
    pair.link.restore()
    failed = time.monotonic()
    time.sleep(2)
    report.equal(pair.arrived(), [], "blocked: no attempt although the link is back")
    report.ok(wait_for(lambda: pair.arrived() == ["one"], timeout=30), "the next attempt succeeds", pair.gscl.log_tail)
    report.ok(time.monotonic() - failed > 4, "after blockDuration", time.monotonic() - failed)
    # What the gateway itself had to send at the cut may have been tried together with the second attempt.
    failed = Counter(re.findall(r"event=forward-failed request=(\d+) ", pair.gscl.log()))
    report.ok(max(failed.values()) <= 2, "no attempt meanwhile", lambda: f"{failed}\n{pair.gscl.log_tail()}")


def log_count(daemon, event):
    """Lines of the log with an event."""
    with open(daemon.log_path, encoding="utf-8", errors="replace") as log:
        return sum(event in line for line in log)


def applications(report, bed):
    """An application has the policy set that names it."""
    pair = Pair(bed)
    pair.policy(scope=f"{pair.gscl.base}/applications/ga", schedule=(1, 2), name="own")
    report.equal(pair.send("mine", "m").status, 202, "ga: accepted")
    other = pair.gscl.client(f"{pair.gscl.base}/applications/gb")
    answer = other.post(pair.link.base + BOX, xml.instance("theirs", "theirs"))
    report.equal(answer.status, 201, "gb: without a policy, at once")
    time.sleep(1)
    report.equal(pair.arrived(), ["theirs"], "ga: its set never admits")


def hostile(report, bed):
    """Contacts and limits."""
    pair = Pair(bed, "saf.requests_max=3")
    sink = bed.add(Receiver()).open()
    pair.link.cut()
    for contact in ("ftp://127.0.0.1/x", "http://", "x", "http://user name/", "http://h/" + "a" * 3000, ""):
        report.equal(pair.send("x", "h", contact).status, 400, f"contactURI {contact[:30]!r} is refused")
    for correlation in ("", "a b", "x" * 300):
        report.equal(pair.send("x", correlation, sink.url).status, 400, f"correlationID {correlation[:20]!r} is refused")
    report.equal(pair.send("x", "h", pair.link.base + BOX).status, 400, "contactURI is the target")
    for name in ("a", "b", "c"):
        report.equal(pair.send(name, name, sink.url).status, 202, f"{name} accepted")
    answer = pair.send("d", "d", sink.url)
    report.equal((answer.status, bool(answer.header("Retry-After"))), (503, True), "the fourth is refused")
    report.equal(pair.send("a", "a", sink.url).status, 202, "asking for an accepted one is not")
    pair.link.restore()
    report.ok(sink.wait_until(lambda m: len(m) == 3), "the three are notified")
    report.ok(wait_for(lambda: pair.send("d", "d", sink.url).status == 202), "there is room again")
    sink.wait_until(lambda m: len(m) == 4)
    # A contact on gscl itself gets the answer with the rights of the issuer, and a dead one harms nobody.
    gscl = pair.gscl.client()
    gscl.create("/m2m/applications", xml.application("ga"))
    gscl.create("/m2m/applications/ga/containers", xml.container("inbox", 10))
    inbox = "/m2m/applications/ga/containers/inbox/contentInstances"
    report.equal(pair.send("own", "own", inbox).status, 202, "a contact on gscl")
    report.ok(wait_for(lambda: "responseNotify" in gscl.get(inbox + "/latest/content").body.decode()),
              "becomes content there", pair.gscl.log_tail)
    report.equal(pair.send("dead", "dead", "http://127.0.0.1:9/x").status, 202, "a dead contact")
    report.equal(pair.send("live", "live", sink.url).status, 202, "a live one behind it")
    report.ok(sink.wait_until(lambda m: len(m) == 5), "is served", pair.gscl.log_tail)


if __name__ == "__main__":
    reports.run(notified, fetched, survives, late, thresholds, schedules, blocking, applications, hostile)
