#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""nscl, gscl and dscl together: registration, retargeting, notifications between them, and what fails."""

import shutil
import time

from lib import report as reports
from lib import xml
from lib.bed import wait_for
from lib.daemon import Daemon
from lib.notices import Receiver, instance_ids, status

LIFETIME = 10       # seconds; registrations are renewed at half of it
NSCL_OPTIONS = ("lifetime.min=1",)
STRANGER = "http://127.0.0.1/stranger"


def start_three(bed):
    """nscl, gscl, dscl, registered."""
    nscl = Daemon(bed, "nscl", options=NSCL_OPTIONS).start()
    gscl = Daemon(bed, "gscl", nscl=nscl, lifetime=LIFETIME, options=NSCL_OPTIONS).start()
    dscl = Daemon(bed, "dscl", nscl=nscl, lifetime=LIFETIME, options=NSCL_OPTIONS).start()
    for daemon in (gscl, dscl):
        if daemon.registered_at(nscl) is None:
            raise AssertionError(f"{daemon.name} does not register")
    return nscl, gscl, dscl


def at_nscl(nscl, gscl):
    """Client of nscl in the name of an SCL, to whom its scl belongs."""
    return nscl.client(gscl.base)


def registration(report, bed):
    """Registration, mirror, renewal, re-registration, de-registration."""
    nscl, gscl, dscl = start_three(bed)
    for daemon, kind in ((gscl, "GSCL"), (dscl, "DSCL")):
        registered(report, nscl, daemon, kind)
        mirror(report, nscl, daemon)
    renewal(report, nscl, gscl)
    nscl_lost(report, nscl, gscl, dscl)
    end_of_registration(report, nscl, gscl)


def registered(report, nscl, daemon, kind):
    """The scl at nscl."""
    name, client = daemon.name, at_nscl(nscl, daemon)
    scl = daemon.registered_at(nscl)
    for field, want in (("link", daemon.base), ("sclType", kind), ("serverCapability", "true"),
                        ("onlineStatus", "ONLINE"), ("aPocHandling", None)):
        value = xml.text(scl, field)
        report.ok(value == want if want else value in (None, "SHALLOW"), f"{name}: {field} of the scl at nscl", value)
    report.equal(scl.get("sclId"), daemon.scl_id, f"{name}: sclId")
    pocs = client.get(f"/m2m/scls/{daemon.scl_id}/m2mPocs").xml()
    names = xml.names(pocs, "m2mPocCollection")
    report.equal(len(names), 1, f"{name}: one m2mPoc")
    poc = client.get(f"/m2m/scls/{daemon.scl_id}/m2mPocs/{names[0]}").xml()
    report.equal(xml.text(poc, "contactURI"), daemon.base, f"{name}: contactURI")
    report.equal(xml.text(poc, "onlineStatus"), "ONLINE", f"{name}: onlineStatus of the m2mPoc")
    report.equal(nscl.client(STRANGER).get(f"/m2m/scls/{daemon.scl_id}/m2mPocs").status, 404,
                 f"{name}: a stranger does not see its m2mPocs")
    client.close()


def mirror(report, nscl, daemon):
    """The scl of nscl in the tree of the other."""
    name, client = daemon.name, daemon.client(nscl.base)
    names = wait_for(lambda: xml.names(client.get("/m2m/scls").xml(), "sclCollection"))
    if not report.ok(len(names) == 1, f"{name}: the mirror of nscl is the only child of scls", names):
        return
    answer = client.get(f"/m2m/scls/{names[0]}")
    report.equal(answer.status, 200, f"{name}: nscl can read its mirror")
    report.equal(xml.text(answer.xml(), "link"), nscl.base, f"{name}: link of the mirror")
    report.equal(xml.text(answer.xml(), "sclType"), "NSCL", f"{name}: sclType of the mirror")
    scl = (f'<m2m:scl {xml.NS} sclId="x.example.org"><m2m:link>http://x.example.org/m2m</m2m:link>'
           "<m2m:mgmtProtocolType>OMA_DM</m2m:mgmtProtocolType><m2m:sclType>GSCL</m2m:sclType></m2m:scl>")
    report.equal(daemon.client("http://x.example.org/m2m").post("/m2m/scls", scl).status, 403,
                 f"{name}: no other SCL registers here")


def expiration(client, gscl):
    """expirationTime of the scl at nscl, None without one."""
    answer = client.get(f"/m2m/scls/{gscl.scl_id}")
    return xml.text(answer.xml(), "expirationTime") if answer.status == 200 else None


def renewal(report, nscl, gscl):
    """The registration is renewed before it ends."""
    client = at_nscl(nscl, gscl)
    first = expiration(client, gscl)
    later = wait_for(lambda: (e := expiration(client, gscl)) != first and e)
    report.ok(later and first and later > first, "renewal: expirationTime advances", f"{first} -> {later}")
    created = xml.text(client.get(f"/m2m/scls/{gscl.scl_id}").xml(), "creationTime")
    time.sleep(LIFETIME + 1)        # longer than the lifetime: it must have been renewed in time
    answer = client.get(f"/m2m/scls/{gscl.scl_id}")
    report.ok(answer.status == 200 and xml.text(answer.xml(), "creationTime") == created,
              "renewal: after more than a lifetime it is still the same registration", answer)
    client.close()


def nscl_lost(report, nscl, gscl, dscl):
    """nscl is killed, with and without its store."""
    nscl.kill()
    nscl.start()
    for daemon in (gscl, dscl):
        report.ok(daemon.registered_at(nscl) is not None, f"{daemon.name}: registered after a kill of nscl",
                  daemon.log_tail())
    nscl.kill()
    shutil.rmtree(nscl.store)
    time.sleep(0.5)                 # long enough for a failed try or two
    nscl.start()
    for daemon in (gscl, dscl):
        report.ok(daemon.registered_at(nscl) is not None, f"{daemon.name}: registers again at a nscl that lost it",
                  daemon.log_tail())
    # Nobody renews while nscl is away, so its registrations end; then everybody comes back.
    nscl.kill()
    time.sleep(LIFETIME + 1)
    nscl.start()
    for daemon in (gscl, dscl):
        report.ok(daemon.registered_at(nscl) is not None, f"{daemon.name}: registered after a long absence of nscl",
                  daemon.log_tail())


def end_of_registration(report, nscl, gscl):
    """De-registration at an orderly stop."""
    code, seconds = gscl.stop()
    report.equal(code, 0, "orderly stop of gscl")
    report.ok(seconds < 20, "orderly stop of gscl in bounded time", seconds)
    client = at_nscl(nscl, gscl)
    report.equal(client.get(f"/m2m/scls/{gscl.scl_id}").status, 404, "de-registered at nscl")
    gscl.nscl = None
    gscl.write_config()
    gscl.start()
    listed = gscl.client().get("/m2m/scls").xml()
    report.equal(xml.names(listed, "sclCollection"), [], "the mirror of nscl was dropped")
    gscl.stop()
    gscl.nscl = nscl
    gscl.write_config()
    gscl.start()
    report.ok(gscl.registered_at(nscl) is not None, "registers again after the next start", gscl.log_tail())
    # An orderly stop without nscl must not wait for it.
    nscl.kill()
    code, seconds = gscl.stop()
    report.ok(code == 0 and seconds < 30, "orderly stop of gscl while nscl is away", f"{code} after {seconds:.1f} s")
    gscl.start()
    nscl.start()


def make_application(daemon, name, **more):
    """An application with a container c at a daemon."""
    client = daemon.client()
    client.create("/m2m/applications", xml.application(name, **more))
    client.create(f"/m2m/applications/{name}/containers", xml.container("c", 100))
    client.close()


def between_scls(report, bed):
    """Requests that cross SCLs."""
    nscl, gscl, dscl = start_three(bed)
    make_application(gscl, "ga")
    make_application(nscl, "na")
    make_application(dscl, "da")
    for name, via, owner, app in (("nscl to gscl", nscl, gscl, "ga"), ("gscl to nscl", gscl, nscl, "na"),
                                  ("dscl to gscl through nscl", dscl, gscl, "ga"),
                                  ("gscl to dscl through nscl", gscl, dscl, "da")):
        crossing(report, name, via, owner, app)
    foreign_host(report, nscl, gscl)
    refused_ways(report, nscl, gscl)


def crossing(report, name, via, owner, app):
    """CRUD of a resource of owner, asked from via."""
    client = via.client(f"{via.base}/applications/someone")
    target = f"{owner.base}/applications/{app}"
    answer = client.get(target)
    report.ok(answer.status == 200 and answer.xml().get("appId") == app, f"{name}: GET", answer)
    report.ok(bool(answer.header("ETag")), f"{name}: ETag is relayed", answer.headers)
    instances = f"{target}/containers/c/contentInstances"
    answer = client.post(instances, xml.instance("crossed", "x1"))
    report.equal(answer.status, 201, f"{name}: POST", answer)
    report.equal(answer.header("Location"), f"{instances}/x1", f"{name}: Location is that of the hosting SCL")
    answer = client.get(f"{instances}/latest/content")
    report.equal((answer.status, answer.body), (200, b"crossed"), f"{name}: content")
    report.equal(owner.client().get(f"/m2m/applications/{app}/containers/c/contentInstances/x1").status, 200,
                 f"{name}: the instance is where it belongs")
    answer = client.get(f"{instances}?metaDataOnly=true&sizeFrom=1000")
    report.equal((answer.status, xml.instances(answer.xml())), (200, []), f"{name}: the query travels")
    answer = client.put(f"{target}/containers/c", xml.container(None, 50, tags=["crossed"]))
    report.ok(answer.status in (200, 204), f"{name}: PUT", answer)
    report.equal(client.post(f"{target}/containers", "<broken").status, 400, f"{name}: a 400 is relayed")
    report.equal(client.get(f"{target}/nothing").status, 404, f"{name}: a 404 is relayed")
    report.equal(client.request("GET", target, headers={"From": None}).status, 402, f"{name}: no From, 402")
    report.equal(client.delete(f"{instances}/x1").status, 204, f"{name}: DELETE")
    report.equal(owner.client().get(f"/m2m/applications/{app}/containers/c/contentInstances/x1").status, 404,
                 f"{name}: the instance is gone")
    client.close()


def foreign_host(report, nscl, gscl):
    """Origin-form with the Host of another SCL."""
    client = nscl.client()
    answer = client.request("GET", "/m2m/applications/ga", headers={"Host": f"127.0.0.1:{gscl.port}"})
    report.ok(answer.status == 200 and b'appId="ga"' in answer.body, "Host of another SCL is retargeted", answer)
    answer = client.request("GET", "/m2m/applications/ga", headers={"Host": "nobody.example.org"})
    report.equal(answer.status, 404, "nscl: an unknown authority is 404")
    client.close()


def refused_ways(report, nscl, gscl):
    """Loops and requests that must not be sent back."""
    target = f"{gscl.base}/applications/ga"
    answer = nscl.client().request("GET", target, headers={"Via": f"1.1 other.example.org, 1.1 {nscl.scl_id}"})
    report.equal(answer.status, 400, "a Via with the own SCL-ID is refused", answer)
    answer = nscl.client().request("GET", target, headers={"Via": "1.1 other.example.org"})
    report.equal(answer.status, 200, "a Via of others is not", answer)
    answer = gscl.client().request("GET", "http://nobody.example.org/m2m", headers={"Via": f"1.1 {nscl.scl_id}"})
    report.ok(answer.status in (400, 404), "gscl sends nothing back that came from nscl", answer)
    answer = gscl.client().get("http://nobody.example.org/m2m")
    report.equal(answer.status, 404, "gscl asks nscl about an unknown authority", answer)


def applications(report, bed):
    """Requests to applications by aPoC, at the SCL and through nscl."""
    receiver = bed.add(Receiver())
    nscl, gscl, _ = start_three(bed)
    lamp = receiver.open(status=200, media_type="text/x-lamp", body=b"lit")
    gscl.client().create("/m2m/applications", xml.application("lamps", apoc=lamp.url, paths=["lamp/0", "scene/"]))
    shallow = (("lamp/0", 200), ("lamp/0?on=1&b=%20x", 200), ("lamp/0/deep", 404), ("lamp/1", 404), ("lamp", 404),
               ("scene/a", 200), ("scene/a/b", 404), ("scene", 404))
    deep = (("lamp/0", 200), ("lamp/0/deep", 200), ("lamp/0/a/b", 200), ("lamp/01", 404), ("scene/a", 200),
            ("scene/a/b", 200), ("lamp", 404))
    apoc_table(report, "SHALLOW", nscl, gscl, lamp, shallow)
    apoc_message(report, nscl, gscl, lamp)
    client = nscl.client()
    document = f"<m2m:aPocHandling {xml.NS}>DEEP</m2m:aPocHandling>"
    report.ok(client.put("/m2m/aPocHandling", document).status in (200, 204), "aPocHandling of nscl is set to DEEP")
    copied = wait_for(lambda: xml.text(gscl.client().get("/m2m").xml(), "aPocHandling") == "DEEP")
    report.ok(copied, "gscl copies aPocHandling", gscl.log_tail())
    apoc_table(report, "DEEP", nscl, gscl, lamp, deep)
    apoc_failure(report, nscl, gscl)


def apoc_table(report, mode, nscl, gscl, lamp, rows):
    """Which paths reach the application."""
    for way, client, prefix in (("at gscl", gscl.client(), ""), ("through nscl", nscl.client(), gscl.origin)):
        for path, want in rows:
            before = len(lamp.messages())
            answer = client.get(f"{prefix}/m2m/applications/lamps/{path}")
            arrived = [m.path for m in lamp.messages()[before:]]
            report.equal((answer.status, arrived), (want, ["/" + path] if want == 200 else []),
                         f"{mode} {way}: {path}")
        client.close()


def apoc_message(report, nscl, gscl, lamp):
    """The whole request arrives, the whole answer comes back."""
    me = f"{nscl.base}/applications/switch"
    for way, client, prefix in (("at gscl", gscl.client(me), ""), ("through nscl", nscl.client(me), gscl.origin)):
        for method in ("GET", "POST", "PUT", "DELETE"):
            body = b"\x00on\xff" if method in ("POST", "PUT") else None
            more = {"Content-Type": "text/x-switch"} if body else {}
            answer = client.request(method, f"{prefix}/m2m/applications/lamps/lamp/0", body,
                                    {"X-etsi-rcat": "RCAT_1", **more})
            report.equal((answer.status, answer.body, answer.header("Content-Type")), (200, b"lit", "text/x-lamp"),
                         f"{method} {way}: answer of the application")
            got = lamp.messages()[-1]
            report.equal((got.method, got.body, got.header("From"), got.header("X-etsi-rcat")),
                         (method, body or b"", me, "RCAT_1"), f"{method} {way}: what the application sees")
            if body:
                report.equal(got.header("Content-Type"), "text/x-switch", f"{method} {way}: Content-Type")
        client.close()


def apoc_failure(report, nscl, gscl):
    """The application does not answer."""
    gscl.client().create("/m2m/applications", xml.application("dead", apoc="http://127.0.0.1:1/x", paths=["p"]))
    gscl.client().create("/m2m/applications", xml.application("deaf", paths=["p"]))
    for way, client, prefix in (("at gscl", gscl.client(), ""), ("through nscl", nscl.client(), gscl.origin)):
        answer = client.get(f"{prefix}/m2m/applications/dead/p")
        report.equal(answer.status, 502, f"{way}: an application that cannot be reached is 502", answer)
        report.equal(xml.text(answer.xml(), "statusCode"), "STATUS_BAD_GATEWAY", f"{way}: errorInfo of it")
        answer = client.get(f"{prefix}/m2m/applications/deaf/p")
        report.equal(answer.status, 404, f"{way}: an application without aPoC is 404", answer)
        client.close()


def offline(report, bed):
    """gscl is away and comes back."""
    nscl, gscl, _ = start_three(bed)
    make_application(gscl, "ga")
    target = f"{gscl.base}/applications/ga"
    client = nscl.client()
    report.equal(client.get(target).status, 200, "before")
    gscl.kill()
    first = client.get(target)
    report.ok(first.status in (502, 503), "the first request to a dead gscl", first)
    report.ok(b"errorInfo" in first.body, "errorInfo of it", first)
    unreachable = wait_for(lambda: client.get(target).status == 503)
    report.ok(unreachable, "then 503", lambda: client.get(target))
    answer = client.get(target)
    report.ok((answer.header("Retry-After") or "").isdigit(), "503 has Retry-After", answer.headers)
    scl = at_nscl(nscl, gscl).get(f"/m2m/scls/{gscl.scl_id}")
    report.ok(scl.status == 200 and xml.text(scl.xml(), "onlineStatus") in ("NOT_REACHABLE", "OFFLINE"),
              "nscl knows that it is away", scl)
    answer = client.get("/m2m/applications")
    report.equal(answer.status, 200, "nscl goes on with its own resources")
    gscl.start()
    report.ok(wait_for(lambda: client.get(target).status == 200), "reachable again after its start", gscl.log_tail())
    nscl.kill()
    answer = gscl.client().get(f"{nscl.base}/applications")
    report.ok(answer.status in (502, 503), "gscl while nscl is away", answer)
    report.equal(gscl.client().get("/m2m/applications/ga").status, 200, "gscl goes on with its own resources")
    nscl.start()
    back = wait_for(lambda: gscl.client().get(f"{nscl.base}/applications").status == 200)
    report.ok(back, "the way up works again", gscl.log_tail())
    client.close()


def notifications(report, bed):
    """Subscriptions across SCLs."""
    receiver = bed.add(Receiver())
    nscl, gscl, dscl = start_three(bed)
    make_application(gscl, "ga")
    make_application(nscl, "na")
    sink = receiver.open()
    me = f"{nscl.base}/applications/na"
    remote = f"{gscl.base}/applications/ga/containers/c/contentInstances"
    client = nscl.client(me)
    place = client.post(f"{remote}/subscriptions", xml.subscription(sink.url, "far"))
    report.equal((place.status, place.header("Location")), (201, f"{remote}/subscriptions/far"),
                 "a subscription at gscl through nscl", place)
    for n in range(5):
        gscl.client().create("/m2m/applications/ga/containers/c/contentInstances", xml.instance(f"v{n}", f"i{n}"))
    wanted = [f"i{n}" for n in range(5)]
    got = sink.wait_until(lambda ms: [i for m in ms for i in instance_ids(m)] == wanted)
    report.ok(got, "notifications to a sink", lambda: [i for m in sink.messages() for i in instance_ids(m)])
    first = sink.messages()[0]
    report.equal(first.header("From"), gscl.base, "requestingEntity of a notification")
    report.equal(xml.text(first.xml(), "subscriptionReference"), f"{remote}/subscriptions/far", "subscriptionReference")
    sub = client.get(f"{remote}/subscriptions/far")
    report.equal(xml.text(sub.xml(), "subscriberId"), me, "subscriberId is the application of nscl", sub)
    into_container(report, nscl, gscl, dscl, client, remote)
    gscl.client().delete("/m2m/applications/ga")
    final = sink.wait_until(lambda ms: any(status(m) == "STATUS_DELETED" for m in ms))
    report.ok(final, "final notification", lambda: [status(m) for m in sink.messages()])
    client.close()


def into_container(report, nscl, gscl, dscl, client, remote):
    """contact is a contentInstances of the nscl; the notify becomes an instance there."""
    inbox = "/m2m/applications/na/containers/c/contentInstances"
    make_application(dscl, "da")
    source = f"{dscl.base}/applications/da/containers/c/contentInstances"
    for name, watched, owner, app in (("gscl", remote, gscl, "ga"), ("dscl", source, dscl, "da")):
        answer = client.post(f"{watched}/subscriptions", xml.subscription(nscl.origin + inbox, "inbox"))
        report.equal(answer.status, 201, f"{name}: subscription with a container of nscl as contact", answer)
        owner.client().create(f"/m2m/applications/{app}/containers/c/contentInstances", xml.instance("in", f"in-{name}"))
        arrived = wait_for(lambda name=name, w=watched: _stored_notify(client, inbox, f"{w}/subscriptions/inbox"))
        report.ok(arrived, f"{name}: the notify is a contentInstance at nscl",
                  lambda: client.get(inbox).body.decode())
    nscl_side = xml.subscription(f"{gscl.base}/applications/ga/containers/c/contentInstances", "down")
    answer = client.post("/m2m/applications/na/subscriptions", nscl_side)
    report.equal(answer.status, 201, "nscl: subscription with a container of gscl as contact", answer)
    arrived = wait_for(lambda: _stored_notify(client, remote, f"{nscl.base}/applications/na/subscriptions/down"))
    report.ok(arrived, "nscl: its notify is a contentInstance at gscl", lambda: client.get(remote).body.decode())


def _stored_notify(client, place, reference):
    answer = client.get(place)
    return answer.status == 200 and any("notify" in t and reference in t for t in xml.texts(answer.xml(), "textContent"))


def outages(report, bed):
    """A notification waits for nscl while the way is interrupted."""
    nscl, gscl, _ = start_three(bed)
    make_application(gscl, "ga")
    make_application(nscl, "na")
    inbox = "/m2m/applications/na/containers/c/contentInstances"
    watched = "/m2m/applications/ga/containers/c/contentInstances"
    gscl.client().create(f"{watched}/subscriptions", xml.subscription(nscl.origin + inbox, "inbox"))
    nscl.kill()
    for n in range(5):
        gscl.client().create(watched, xml.instance(f"v{n}", f"late{n}"))
    gscl.kill()
    gscl.start()
    nscl.start()

    def stored():
        answer = nscl.client().get(inbox)
        return "".join(xml.texts(answer.xml(), "textContent")) if answer.status == 200 else ""
    report.ok(wait_for(lambda: f"{gscl.base}{watched[4:]}/subscriptions/inbox" in stored(), timeout=120),
              "notifications survive the absence of both ends", gscl.log_tail())


if __name__ == "__main__":
    reports.run(registration, between_scls, applications, offline, notifications, outages)
