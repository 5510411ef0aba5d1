#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Two providers: an nscl each that register with each other (mIm), and a gscl below each."""

from lib import report as reports
from lib import xml
from lib.bed import wait_for
from lib.daemon import Daemon

DOMAIN = "shared.example"       # both providers' gateways have names in it
OPTIONS = ("lifetime.min=1",)
PEERS = 'peers = ( {{ uri = "{uri}"; public_domain = "{domain}"; }} );'
RETRY = 'register = { lifetime = 10; retry = "200 ms"; retry_max = "1 s"; };'


def network(bed):
    """nscl a and b, registered with each other."""
    a = Daemon(bed, "nscl", name="na", options=OPTIONS)
    b = Daemon(bed, "nscl", name="nb", options=OPTIONS)
    for one, other in ((a, b), (b, a)):
        one.extra = PEERS.format(uri=other.base, domain=DOMAIN) + RETRY
        one.options.append(f"scl.public_domain={one.name}.{DOMAIN}")
        one.write_config()
    a.start()
    b.start()
    return a, b


def gateway(bed, name, nscl, *options):
    """A gateway that is known by its name alone and takes requests through a channel."""
    gscl = Daemon(bed, "gscl", name=name, nscl=nscl, lifetime=10,
                  options=(*OPTIONS, "register.channel=true", f"scl.own_names=[ \"{name}.{DOMAIN}\" ]", *options))
    gscl.start()
    client = nscl.client()

    def online():
        answer = client.get(f"/m2m/scls/{gscl.scl_id}")
        return answer.status == 200 and xml.text(answer.xml(), "onlineStatus") == "ONLINE" and answer.xml()
    scl = wait_for(online)
    if not scl:
        raise AssertionError(f"{name} does not register\n{gscl.log_tail()}")
    client.close()
    uri = xml.text(scl, "link")
    if f"//{name}.{DOMAIN}" not in uri:
        raise AssertionError(f"{name} is called {uri}")
    return gscl, uri


def registration(report, bed):
    """The two register with each other, again after an absence, and leave."""
    a, b = network(bed)
    for one, other in ((a, b), (b, a)):
        scl = one.registered_at(other)
        if not report.ok(scl is not None, f"{one.name} is registered at {other.name}", one.log_tail):
            return
        for field, want in (("link", one.base), ("sclType", "NSCL"), ("publicDomain", DOMAIN),
                            ("onlineStatus", "ONLINE"), ("serverCapability", "true")):
            report.equal(xml.text(scl, field), want, f"{field} of {one.name}")
    listed = xml.names(a.client().get("/m2m/scls").xml(), "sclCollection")
    report.equal(listed, [b.scl_id], "one scl for the peer, no mirror beside it")
    b.kill()
    b.start()
    report.ok(b.registered_at(a) is not None and a.registered_at(b) is not None, "both after a kill")
    code, seconds = b.stop()
    report.ok(code == 0 and seconds < 20, "orderly stop", f"{code} {seconds}")
    report.equal(a.client(b.base).get(f"/m2m/scls/{b.scl_id}").status, 404, "de-registered")
    code, seconds = a.stop()
    report.ok(code == 0 and seconds < 20, "orderly stop while the peer is away", f"{code} {seconds}")
    a.start()
    b.start()
    report.ok(b.registered_at(a) is not None and a.registered_at(b) is not None, "both after the next start")


def make_application(daemon, name, more=""):
    """An application with a container."""
    client = daemon.client()
    document = xml.application(name).replace("</m2m:application>", f"{more}</m2m:application>")
    client.create("/m2m/applications", document)
    client.create(f"/m2m/applications/{name}/containers", xml.container("c", 100))
    client.close()


def forwarding(report, bed):
    """Requests from one provider's gateway to what is the other's."""
    a, b = network(bed)
    if a.registered_at(b) is None or b.registered_at(a) is None:
        raise AssertionError("the nscls do not register")
    ga, _ = gateway(bed, "ga", a)
    gb, gb_uri = gateway(bed, "gb", b)
    make_application(b, "nb")
    make_application(gb, "da")
    client = ga.client(f"{ga.base}/applications/someone")
    crossing(report, client, "by link", f"{b.base}/applications/nb")
    crossing(report, client, "by publicDomain", f"{gb_uri}/applications/da")
    crossing(report, a.client("http://127.0.0.1/na"), "from nscl by publicDomain", f"{gb_uri}/applications/da")
    answer = client.get(f"http://nobody.{DOMAIN}/m2m")
    report.equal(answer.status, 404, "unknown in the shared domain: neither nscl sends it back", answer)
    answer = client.get(f"http://nobody.na.{DOMAIN}/m2m")
    report.equal(answer.status, 404, "unknown in the own domain", answer)
    report.ok("nobody.na" not in b.log(), "is not sent to the peer")
    report.equal(client.get("http://nobody.example.org/m2m").status, 404, "unknown elsewhere")
    answer = a.client("http://127.0.0.1/na").request("GET", f"{gb_uri}/applications/da",
                                                      headers={"Via": f"1.1 {b.scl_id}"})
    report.equal(answer.status, 404, "never back to where it came from", answer)
    answer = a.client("http://127.0.0.1/na").request("GET", f"{gb_uri}/applications/da",
                                                      headers={"Via": f"1.1 x, 1.1 {a.scl_id}"})
    report.equal(answer.status, 400, "a loop", answer)
    rights(report, a, b, ga)
    b.kill()
    answer = client.get(f"{gb_uri}/applications/da")
    report.ok(answer.status in (502, 503, 504), "the peer is away", answer)


def crossing(report, client, name, target):
    """CRUD of an application's container."""
    answer = client.get(target)
    report.ok(answer.status == 200 and answer.xml().get("appId") == target.rpartition("/")[2], f"{name}: GET", answer)
    instances = f"{target}/containers/c/contentInstances"
    answer = client.post(instances, xml.instance("crossed", "x1"))
    report.equal(answer.status, 201, f"{name}: POST", answer)
    answer = client.get(f"{instances}/latest/content")
    report.equal((answer.status, answer.body), (200, b"crossed"), f"{name}: content")
    report.equal(client.delete(f"{instances}/x1").status, 204, f"{name}: DELETE")
    report.equal(client.get(f"{target}/nothing").status, 404, f"{name}: a 404 is relayed")


def rights(report, a, b, ga):
    """What a peer may do is what an accessRight says, by SCL-ID or domain."""
    holders = {"peer": f"<m2m:sclIDs><m2m:sclID>{a.scl_id}</m2m:sclID></m2m:sclIDs>",
               "domain": f"<m2m:domains><m2m:domain>127.0.0.1:{a.port}/m2m</m2m:domain></m2m:domains>"}
    client = b.client()
    for name, holder in holders.items():
        permission = ('<m2m:permission m2m:id="p"><m2m:permissionFlags><m2m:flag>READ</m2m:flag></m2m:permissionFlags>'
                      f"<m2m:permissionHolders>{holder}</m2m:permissionHolders></m2m:permission>")
        client.create("/m2m/accessRights", f'<m2m:accessRight {xml.NS} m2m:id="{name}"><m2m:permissions>{permission}'
                      "</m2m:permissions><m2m:selfPermissions/></m2m:accessRight>")
        client.create("/m2m/containers", xml.container(f"for-{name}", right=f"/m2m/accessRights/{name}"))
        target = f"{b.base}/containers/for-{name}"
        for who, status in ((a.base, 200), (f"{ga.base}/applications/someone", 404)):
            # The nscl itself asks its peer; its own name is not to be had over its own listener.
            answer = b.client(who).get(target)
            report.equal(answer.status, status, f"right for the {name}: {who}", answer)
        answer = b.client(a.base).put(f"{target}/searchStrings", f"<m2m:searchStrings {xml.NS}/>")
        report.equal(answer.status, 401, f"right for the {name}: READ alone", answer)


def announced(report, bed):
    """A gateway of one provider is announced at the other, with what it announces."""
    a, b = network(bed)
    if a.registered_at(b) is None or b.registered_at(a) is None:
        raise AssertionError("the nscls do not register")
    gb, gb_uri = gateway(bed, "gb", b, f"register.announce_to=[ \"{a.base}\", \"nobody\" ]")
    at_b, at_a = b.client(gb_uri), a.client(b.base)
    there = f"/m2m/scls/{b.scl_id}/sclAnncs/{gb.scl_id}Annc"
    to_a = f"<m2m:announceTo {xml.NS}><m2m:sclList><reference>{a.base}</reference></m2m:sclList></m2m:announceTo>"
    annc = wait_for(lambda: (r := at_a.get(there)).status == 200 and r.xml())
    if not report.ok(annc, "the gateway is announced", b.log_tail):
        return
    registered = xml.text(at_b.get(f"/m2m/scls/{gb.scl_id}").xml(), "expirationTime")
    report.ok(wait_for(lambda: xml.text(at_b.get(f"/m2m/scls/{gb.scl_id}").xml(), "expirationTime") != registered) and
              wait_for(lambda: at_a.get(there).xml().findtext(xml.q("expirationTime")) != registered),
              "its announcement lives as long as its registration", b.log_tail)
    report.equal(xml.text(annc, "link"), f"{b.base}/scls/{gb.scl_id}", "link of the sclAnnc")
    more = f"<m2m:announceTo><m2m:sclList><reference>{b.base}</reference></m2m:sclList></m2m:announceTo>"
    make_application(gb, "da", more)
    annc = f"/m2m/scls/{gb.scl_id}/applications/daAnnc"
    report.ok(wait_for(lambda: at_b.get(annc).status == 200), "an application is announced at its nscl", gb.log_tail)
    answer = at_b.put(f"{annc}/announceTo", to_a)
    report.ok(answer.status in (200, 204), "and from there to the peer", answer)
    final = wait_for(lambda: (r := at_a.get(f"{there}/applications/daAnncAnnc")).status == 200 and r.xml())
    if report.ok(final, "where it lies below the sclAnnc", b.log_tail):
        link = xml.text(final, "link")
        report.equal(link, f"{b.base}{annc[4:]}", "link")
        answer = a.client(gb_uri).get(link)
        report.equal((answer.status, answer.status == 200 and xml.text(answer.xml(), "link")),
                     (200, f"{gb_uri}/applications/da"), "which leads on to the original")
    gb.stop()
    report.ok(wait_for(lambda: at_a.get(there).status == 404), "when the gateway leaves, all goes", b.log_tail)


if __name__ == "__main__":
    reports.run(registration, forwarding, announced)
