#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Service connections at nscl: how they are made, what may be done on them, and how they end."""

import base64
import os
import re
import socket
import subprocess
import time

from lib import pki, psk
from lib import report as reports
from lib import xml
from lib.bed import BUILD, pick_port, wait_for
from lib.client import Client
from lib.daemon import Daemon
from lib.m2mkeys import D2N, N2D, Kmr, ParamSet
from lib.psk import client_identities, handshakes
from lib.relay import CHUNK, Relay
from lib.secure import CONNECT, Provider, factory_node, listener, now_plus, options

SEAL = os.path.join(BUILD, "tests", "e2e", "seal")
SELF = "/m2m/connections/self"
X, Y = "gscl-x", "gscl-y"
LINK = {X: "https://gscl-x.example/m2m", Y: "https://gscl-y.example/m2m"}
JOSE = "application/jose"
NONCE = {"X-M2M-Nonce": "00112233445566778899aabbccddeeff"}


class Network(Provider):
    """A provider that also serves a trusted access network on loopback."""

    def __init__(self, bed, **settings):
        super().__init__(bed, settings=settings)
        self.trusted_port = pick_port()
        self.listeners += ", " + listener(self.trusted_port, "none", ["mid"], trusted_access=True)
        self.write_config()

    def flags(self, kmr, **rows):
        """Settings of a node, for its next connection."""
        self.administer("PUT", f"/nodes/{kmr.node.hex()}", rows)

    def on(self, session, method, target, body=b"", who=None, **headers):
        """A request on a session, addressed as the SCL is."""
        lines = {"Host": f"127.0.0.1:{self.mid_port}", "From": who}
        return session.request(method, target, body, {**lines, **{k.replace("_", "-"): v for k, v in headers.items()}})

    def by_kmr(self, kmr, method, target, body=b"", **more):
        """The same on a session A of its own."""
        with self.session_a(kmr) as session:
            return self.on(session, method, target, body, **more)

    def by_kmc(self, kmc, method, target, body=b"", **more):
        """The same on a session B of its own."""
        with self.session_b(kmc) as session:
            return self.on(session, method, target, body, **more)

    def gone(self, kmc):
        """No session can be made with Kmc."""
        return not handshakes(self.mid_port, kmc.identity(), kmc.psk())


class Cutter(Relay):
    """Cuts off so many sessions B in their handshakes: by a reset, or by an end without a word."""

    def __init__(self, target):
        self.cuts, self.resets, self.identities = 0, True, []
        super().__init__(target)

    def _pass_on(self, one):
        try:
            identity = next(iter(client_identities(one.recv(CHUNK, socket.MSG_PEEK))), "")
        except OSError:
            identity = ""
        if identity:
            self.identities.append(identity)
        if not identity.startswith("mc") or self.cuts == 0:
            super()._pass_on(one)
            return
        self.cuts -= 1
        if self.resets:
            self._drop(one)
            return
        # What has come must be read, or the end becomes a reset.
        one.recv(CHUNK)
        for end in (one, self.peers.pop(one)):
            self.peers.pop(end, None)
            self.selector.unregister(end)
            end.close()


def scl(name, link=None, report=None):
    """Registration of an SCL."""
    ival = f"<m2m:integrityValResults>{report}</m2m:integrityValResults>" if report else ""
    return (f'<m2m:scl {xml.NS} sclId="{name}"><m2m:link>{link or LINK[name]}</m2m:link>'
            f"<m2m:mgmtProtocolType>OMA_DM</m2m:mgmtProtocolType>{ival}<m2m:sclType>GSCL</m2m:sclType></m2m:scl>")


def told(answer):
    """Status and reason."""
    found = re.search(rb'additionalInfo(?:>|":")([^<"]*)', answer.body)
    return answer.status, found.group(1).decode() if found else None


def parameters(report, bed):
    """connectionParamSet: what is given, to whom, and what is refused."""
    net = Network(bed).start()
    kmr = net.issue(X)
    net.issue(Y)
    report.equal((answer := net.by_kmr(kmr, "GET", CONNECT)).status, 405, "GET is not taken")
    report.equal(answer.header("Allow"), "POST, DELETE", "Allow")
    for name, target, body, more, want in (
            ("DELETE on session A", CONNECT, b"", {"method": "DELETE"}, (401, "AUTH_FAILED")),
            ("the SCL-ID of another", f"{CONNECT}?sclId={Y}", b"", {}, (409, "SCLID_TAKEN")),
            ("an SCL-ID of nobody", f"{CONNECT}?sclId=somebody", b"", {}, (403, "AUTH_FAILED")),
            ("an SCL-ID that is none", f"{CONNECT}?sclId=..", b"", {}, (400, "BAD_PARAM")),
            ("two SCL-IDs", f"{CONNECT}?sclId={X}&sclId={Y}", b"", {}, (400, "BAD_PARAM")),
            ("another document", f"{CONNECT}?sclId={X}", "<x/>", {}, (400, "XSD_INVALID")),
            ("another media type", f"{CONNECT}?sclId={X}", "x", {"Content_Type": "text/plain"}, (415, None)),
            ("another answer", f"{CONNECT}?sclId={X}", b"", {"Accept": "text/plain"}, (406, None)),
            ("self on session A", SELF, b"", {"method": "GET"}, (401, "AUTH_FAILED")),
            ("mId on session A", "/m2m/scls", scl(X), {"who": LINK[X]}, (403, "SEC_NO_CONNECTION"))):
        answer = net.by_kmr(kmr, more.pop("method", "POST"), target, body, **more)
        report.equal((answer.status, told(answer)[1] if want[1] else None), want, name, answer)
    for accept in ("application/xml", "application/json"):
        with net.session_a(kmr) as session:
            answer = net.on(session, "POST", f"{CONNECT}?sclId={X}", Accept=accept)
            report.equal((answer.status, answer.header("Cache-Control")), (201, "no-store"), accept, answer)
            report.ok(ParamSet(answer.body).confirmed(kmr, session.exporter), f"{accept}: the key is the derived one", answer)
    kmc = net.connected(kmr, X, 2)
    report.equal(told(net.by_kmc(kmc, "POST", CONNECT)), (401, "AUTH_FAILED"), "POST on session B")
    answer = net.by_kmc(kmc, "GET", SELF)
    report.ok(answer.status == 200 and b'"sclId":"gscl-x"' in answer.body and kmc.key.hex().encode() not in answer.body,
              "self on session B", answer)
    session = net.session_b(kmc)
    report.equal(net.on(session, "DELETE", CONNECT).status, 204, "DELETE on session B")
    report.ok(session.is_closed(5), "ends the session")
    session.close()
    report.ok(net.gone(kmc), "and the key")


def handshake(report, bed):
    """Which handshakes complete."""
    net = Network(bed).start()
    kmr = net.issue(X)
    other = Kmr(bytes([kmr.key[0] ^ 1]) + kmr.key[1:], kmr.node, kmr.index)
    weak = ("-tls1_2", "-cipher", "PSK-AES128-GCM-SHA256")
    for name, identity, key, version, more, want in (
            ("right key, TLS 1.3", kmr.identity(3), kmr.psk(3), 3, {}, True),
            ("right key, TLS 1.2", kmr.identity(2), kmr.psk(2), 2, {}, True),
            ("wrong key", kmr.identity(3), other.psk(3), 3, {}, False),
            ("unknown node", "mr3." + "ab" * 16 + ".1", kmr.psk(3), 3, {}, False),
            ("another index", f"{kmr.identity(3)}1", kmr.psk(3), 3, {}, False),
            ("key of TLS 1.2 in 1.3", kmr.identity(2), kmr.psk(2), 3, {}, False),
            ("key of TLS 1.3 in 1.2", kmr.identity(3), kmr.psk(3), 2, {}, False),
            ("30000 octets", "mr3." + "0" * 29996, kmr.psk(3), 3, {}, False),
            ("no forward secrecy", kmr.identity(2), kmr.psk(2), 2, {"suites": weak}, False)):
        report.equal(handshakes(net.mid_port, identity, key, version, **more), want, name)
    env = psk.without_extended_master_secret(bed)
    with net.session_a(kmr, 2, env=env) as session:
        report.ok(not session.extended, "a session without extended master secret")
        report.equal(told(net.on(session, "POST", f"{CONNECT}?sclId={X}")), (403, "AUTH_FAILED"), "gets no parameters")


def identity(report, bed):
    """An SCL speaks for itself and its applications, and for nobody else."""
    net = Network(bed).start()
    kmcs = {}
    for name in (X, Y):
        kmcs[name] = net.connected(net.issue(name), name)
    answer = net.by_kmc(kmcs[X], "POST", "/m2m/scls", scl(Y), who=LINK[Y])
    report.equal(told(answer), (403, "SEC_IDENTITY"), "registration of another")
    for name in (X, Y):
        answer = net.by_kmc(kmcs[name], "POST", "/m2m/scls", scl(name), who=LINK[name])
        report.equal(answer.status, 201, f"registration of {name}", answer)
    refused = (403, "SEC_IDENTITY")
    for target in ("/m2m/scls/gscl-y", "/m2m/SL/gscl-y", "/m2m/scls/gscl%2Dy", "//m2m//scls/gscl-y/",
                   "/m2m/scls/gscl-y/searchStrings"):
        answer = net.by_kmc(kmcs[X], "PUT", target, scl(Y), who=LINK[X])
        report.equal(told(answer), refused, f"PUT {target}", answer)
    report.equal(told(net.by_kmc(kmcs[X], "DELETE", "/m2m/scls/gscl-y", who=LINK[X])), refused, "DELETE of another's scl")
    with net.session_b(kmcs[X]) as session:
        for who in (LINK[Y], LINK[Y] + "/applications/a", "/m2m", "/m2m/applications/x", net.base, net.mid_base,
                    "https://other.example/m2m", LINK[X] + "/../m2m", "HTTPS://GSCL-Y.example:443/m2m/"):
            report.equal(told(net.on(session, "GET", "/m2m", who=who)), refused, f"From {who}")
        for who in (LINK[X], LINK[X] + "/applications/a", "HTTPS://GSCL-X.example:443/m2m/", None):
            report.equal(net.on(session, "GET", "/m2m", who=who).status, 200, f"From {who}")
        basic = "Basic " + base64.b64encode(b"https%3A%2F%2Fgscl-y.example%2Fm2m:").decode()
        report.equal(told(net.on(session, "GET", "/m2m", Authorization=basic)), refused, "Release 1 in the name of another")
        basic = "Basic " + base64.b64encode(b"https%3A%2F%2Fgscl-x.example%2Fm2m:").decode()
        report.equal(net.on(session, "GET", "/m2m", Authorization=basic).status, 200, "Release 1 in its own name")
    clear = Client("127.0.0.1", net.trusted_port, LINK[X])
    report.equal(told(clear.post("/m2m/scls", scl(X))), (403, "SEC_NO_CONNECTION"), "without a connection")
    clear.close()


def ends(report, bed):
    """Renewal, loss, revocation, rotation."""
    net = Network(bed, mas={"kmc_overlap": "6 s"}).start()
    kmr = net.issue(X)
    old = net.connected(kmr, X)
    first = net.session_b(old)
    report.equal(net.on(first, "GET", SELF).status, 200, "first connection")
    new = net.connected(kmr, X)
    report.equal(net.on(first, "GET", SELF).status, 200, "the older one in the overlap")
    second = net.session_b(new)
    report.equal(net.on(second, "GET", "/m2m", who=LINK[X]).status, 200, "the newer one")
    report.ok(wait_for(lambda: net.on(second, "GET", SELF).status == 200 and net.gone(old), 14), "the older one is over")
    report.equal(told(net.on(first, "GET", "/m2m", who=LINK[X])), (401, "SEC_KMC_EXPIRED"), "on its open session")
    report.ok(first.is_closed(5), "which is closed")
    net.kill()
    net.start()
    second.close()
    second = net.session_b(new)
    report.equal(net.on(second, "GET", "/m2m", who=LINK[X]).status, 200, "the newer one survives a kill of nscl")
    net.revoke(kmr.node, "connection", connection=f"{new.connection:016x}")
    answer = net.on(second, "GET", "/m2m", who=LINK[X], **NONCE)
    report.equal(told(answer), (403, "SEC_REVOKED"), "after its revocation", answer)
    report.ok(answer.header("X-M2M-Reject"), "which is signed", answer.headers)
    report.ok(second.is_closed(5) and net.gone(new), "session and key are gone")
    again = net.connected(kmr, X)
    third = net.session_b(again)
    report.equal(net.on(third, "GET", "/m2m", who=LINK[X]).status, 200, "the node makes another")
    net.revoke(kmr.node)
    report.equal(told(net.on(third, "GET", "/m2m", who=LINK[X])), (403, "SEC_REVOKED"), "after the revocation of the node")
    report.ok(net.gone(again) and not handshakes(net.mid_port, kmr.identity(), kmr.psk()), "all its keys are gone")
    for session in (first, second, third):
        session.close()
    kmr = net.issue(Y)
    net.administer("POST", f"/nodes/{kmr.node.hex()}/rotate", {"deadline": now_plus(3600)})
    report.equal(told(net.by_kmr(kmr, "POST", f"{CONNECT}?sclId={Y}")), (403, "SEC_REBOOTSTRAP"), "after rotate")


def expiry(report, bed):
    """The end of Kmc counts on an open session."""
    net = Network(bed, mas={"kmc_lifetime": "10 s"}).start()
    kmc = net.connected(net.issue(X), X)
    made = time.monotonic()
    with net.session_b(kmc) as session:
        report.equal(net.on(session, "GET", "/m2m", who=LINK[X]).status, 200, "before")
        time.sleep(max(0, made + 11 - time.monotonic()))
        report.equal(told(net.on(session, "GET", "/m2m", who=LINK[X])), (401, "SEC_KMC_EXPIRED"), "after")
        report.ok(session.is_closed(5), "the session is closed")
    report.ok(net.gone(kmc), "there is no other")


def rates(report, bed):
    """A node beyond its rate waits, the others do not; a reload changes the rate"""
    net = Network(bed, limits={"rate": 1, "burst": 5}).start()
    sessions = {name: net.session_b(net.connected(net.issue(name), name)) for name in (X, Y)}

    def ask(name, **more):
        return net.on(sessions[name], "GET", "/m2m", who=LINK[name], **more)
    begun = time.monotonic()
    got = [ask(X).status for _ in range(30)]
    served = 5 + 1 + int(time.monotonic() - begun)
    report.ok(got[:5] == [200] * 5 and set(got) == {200, 503} and got.count(200) <= served,
              f"the first five of thirty, at most {served}", got)
    refused = wait_for(lambda: (answer := ask(X, **NONCE)).status == 503 and answer)
    report.equal((told(refused), refused.header("Retry-After")), ((503, "OVERLOAD"), "1"), "what comes then", refused)
    report.ok(refused.header("X-M2M-Reject"), "is signed", refused.headers)
    report.equal([ask(Y).status for _ in range(5)], [200] * 5, "another node is served")
    report.ok(wait_for(lambda: ask(X).status == 200), "and the first one later")
    net.set("limits", rate=0)
    net.reload()
    report.ok(wait_for(lambda: "event=reloaded" in net.log_tail(20)), "the configuration is read again", lambda: net.log_tail(5))
    report.equal([ask(X).status for _ in range(30)], [200] * 30, "no rate then")
    for session in sessions.values():
        session.close()


def access(report, bed):
    """Requests without TLS, bound by X-M2M-Connection."""
    net = Network(bed).start()
    kmcs = []
    for name, flags, sources in ((X, 0x8000, "10.0.0.0/8, 127.0.0.0/30,::1"), (Y, 0x4000, "127.0.0.0/8"),
                                 ("gscl-z", 0x8000, "10.0.0.0/8")):
        kmr = net.issue(name)
        net.flags(kmr, flags=flags, allowedSources=sources)
        kmcs.append(net.connected(kmr, name))
    client = Client("127.0.0.1", net.trusted_port, LINK[X])

    def ask(kmc, counter, method, target, body=None, tagged=None, path=None):
        value = kmc.access_header(method, path or target, counter, (tagged or body or "").encode())
        return client.request(method, target, body, {"X-M2M-Connection": value})
    doc, failed, required = scl(X), (403, "AUTH_FAILED"), (403, "SEC_CHANNEL_REQUIRED")
    report.equal(ask(kmcs[0], 1, "POST", "/m2m/scls", doc).status, 201, "a request with its tag")
    report.equal(told(ask(kmcs[0], 1, "POST", "/m2m/scls", doc)), failed, "the same again")
    report.equal(told(ask(kmcs[0], 2, "POST", "/m2m/scls", doc + " ", doc)), failed, "another body")
    report.equal(told(ask(kmcs[0], 2, "GET", "/m2m?a=b", path="/m2m")), failed, "another query")
    report.equal(ask(kmcs[0], 3, "GET", "/m2m").status, 200, "the next")
    report.equal(told(ask(kmcs[0], 2, "GET", "/m2m")), failed, "one before it")
    report.equal(ask(kmcs[0], 4, "GET", SELF).status, 200, "self")
    report.equal(told(ask(kmcs[0], 4, "GET", SELF)), failed, "self again")
    report.equal(told(ask(kmcs[1], 1, "GET", "/m2m")), required, "a node that may not")
    report.equal(told(ask(kmcs[2], 1, "GET", "/m2m")), required, "from another place")
    report.equal(told(client.request("GET", "/m2m", None, {"X-M2M-Connection": "x"})), failed, "no tag at all")
    net.kill()
    net.start()
    client.close()
    report.equal(told(ask(kmcs[0], 9, "GET", "/m2m")), (401, "SEC_KMC_EXPIRED"), "after a restart of nscl")
    client.close()


def objects(report, bed):
    """Bodies as objects."""
    net = Network(bed).start()
    kmr = net.issue(X)
    net.flags(kmr, flags=0x6001)
    kmc = net.connected(kmr, X)
    doc = scl(X)

    def seal(direction, seq, method, target, body):
        return subprocess.run([SEAL, kmc.object_key(direction).hex(), f"{kmc.connection:016x}", str(kmc.index),
                               "d2n" if direction == D2N else "n2d", str(seq), "application/xml", method, target],
                              input=body.encode(), stdout=subprocess.PIPE, check=True, timeout=60).stdout.decode()

    def ask(method, target, body, media_type=JOSE):
        return net.by_kmc(kmc, method, target, body, who=LINK[X], Content_Type=media_type)
    report.equal(told(ask("POST", "/m2m/scls", doc, "application/xml")), (403, "SEC_OBJECT_REQUIRED"), "a plain body")
    report.equal(told(net.by_kmc(kmc, "GET", "/m2m", who=LINK[X])), (403, "SEC_OBJECT_REQUIRED"), "what would have a plain answer")
    first = seal(D2N, 1, "POST", "/m2m/scls", doc)
    answer = ask("POST", "/m2m/scls", first)
    report.equal((answer.status, answer.header("Content-Type")), (201, JOSE), "an object, and its answer", answer)
    parts = first.split(".")
    for name, method, text, want in (
            ("the same again", "POST", first, (403, "AUTH_FAILED")),
            ("another tag", "POST", ".".join(parts[:4] + [("B" if parts[4][0] == "A" else "A") + parts[4][1:]]), (403, "AUTH_FAILED")),
            ("reflected", "POST", seal(N2D, 5, "POST", "/m2m/scls", doc), (403, "AUTH_FAILED")),
            ("for another place", "POST", seal(D2N, 6, "POST", "/m2m/applications", doc), (403, "AUTH_FAILED")),
            ("for another method", "POST", seal(D2N, 7, "PUT", "/m2m/scls", doc), (403, "AUTH_FAILED")),
            ("four parts", "POST", ".".join(parts[:4]), (400, "OBJ_INVALID")),
            ("six parts", "POST", first + ".", (400, "OBJ_INVALID")),
            ("no octets", "POST", "", (400, "OBJ_INVALID"))):
        report.equal(told(ask(method, "/m2m/scls", text)), want, name)
    for target, want in (("/m2m", 200), ("/m2m/nothing", 404)):
        seq = want
        answer = ask("GET", target, seal(D2N, seq, "GET", target, ""))
        report.equal((answer.status, answer.header("Content-Type")), (want, JOSE), f"GET {target}", answer)


def objects_of_daemons(report, bed):
    """nscl and gscl protect bodies both ways; each refuses plain ones."""
    net = Network(bed, mas={"flags": 0x6001}).start()
    gscl = factory_node(bed, "gscl", net).start()
    scl_there = net.sees(gscl.scl_id)
    if not report.ok(scl_there is not None, "gscl registers", gscl.log_tail()):
        return
    local = gscl.client()
    local.create("/m2m/applications", xml.application("ga"))
    local.create("/m2m/applications/ga/containers", xml.container("c", 10))
    local.close()
    there = xml.text(scl_there, "link") + "/applications/ga"
    client = net.client("http://127.0.0.1/application")
    report.equal((answer := client.get(there)).status, 200, "GET through nscl", answer)
    answer = client.post(f"{there}/containers/c/contentInstances", xml.instance("hello", "x1"))
    report.equal(answer.status, 201, "POST through nscl", answer)
    answer = client.get(f"{there}/containers/c/contentInstances/latest/content")
    report.equal((answer.body, answer.header("Content-Type")), (b"hello", "text/plain"), "the content and its type")
    report.equal(client.get(f"{there}/nothing").status, 404, "a refusal")
    report.equal(client.delete(f"{there}/containers/c/contentInstances/x1").status, 204, "DELETE through nscl")
    client.close()


def integrity(report, bed):
    """Integrity reports at the connection, at the registration, and later."""
    net = Network(bed).start()
    kmr = net.issue(X)
    net.flags(kmr, flags=0x4800, ivalRequired=3)

    def measured(bits, seconds):
        stamp = now_plus(seconds)
        return (f"<ivalResults>{bits}</ivalResults><signedIvalResult>{kmr.signed_ival(bits, stamp, X)}</signedIvalResult>"
                f"<secureTimeStamp>{stamp}</secureTimeStamp>")

    def document(members):
        return f"<m2m:integrityValResults {xml.NS}>{members}</m2m:integrityValResults>"
    target, failed = f"{CONNECT}?sclId={X}", (403, "IVAL_FAILED")
    report.equal(told(net.by_kmr(kmr, "POST", target)), failed, "no report")
    report.equal(told(net.by_kmr(kmr, "POST", target, document(measured(1, -60)))), failed, "not all that is required")
    report.equal(told(net.by_kmr(kmr, "POST", target, document(measured(3, -400)))), failed, "an old one")
    with net.session_a(kmr) as session:
        used = document(measured(3, -50))
        answer = net.on(session, "POST", target, used)
        report.equal(answer.status, 201, "a good one", answer)
        kmc = ParamSet(answer.body).connection(kmr, session.exporter)
    answer = net.by_kmr(kmr, "POST", target, used, **NONCE)
    report.equal(told(answer), failed, "the same again")
    report.ok(answer.header("X-M2M-Reject"), "the refusal is signed", answer.headers)
    registered = measured(3, -40)
    answer = net.by_kmc(kmc, "POST", "/m2m/scls", scl(X, report=registered), who=LINK[X])
    report.equal(answer.status, 201, "in the registration", answer)
    place = f"/m2m/scls/{X}/integrityValResults"
    answer = net.by_kmc(kmc, "PUT", place, document(measured(3, -30)), who=LINK[X])
    report.ok(answer.status in (200, 204), "an update", answer)
    report.equal(net.by_kmc(kmc, "PUT", place, document("<ivalResults>x</ivalResults>"), who=LINK[X]).status, 400, "no report")
    session = net.session_b(kmc)
    report.equal(told(net.on(session, "PUT", place, document(registered), who=LINK[X])), failed, "an earlier one")
    report.ok(session.is_closed(5) and net.gone(kmc), "ends the connection")
    session.close()


def another_process(report, bed):
    """The MAS in a process of its own."""
    net = Network(bed)
    port, roles = pick_port(), pki.Authority(bed.path("roles"), "roles-ca")
    server, mine = net.servers.server("localhost"), roles.client("urn:m2m:role:nscl")
    net.listeners += ", " + listener(port, "certificate", ["mas"], certificate=server.cert, key=server.key, ca=roles.cert)
    net.write_config()
    net.start()
    mas = {"uri": f"https://localhost:{port}/mas/v1", "ca": net.servers.cert, "certificate": mine.cert, "key": mine.key}
    nscl = Daemon(bed, "nscl", name="front", mid="", extra=options({"mas": mas}))
    net.mid_port = pick_port()
    nscl.listeners = ", ".join((listener(nscl.port, "none", ["mia"]), listener(net.mid_port, "psk", ["mid"])))
    nscl.write_config()
    nscl.start()
    kmr = net.issue(X)
    report.ok(wait_for(lambda: handshakes(net.mid_port, kmr.identity(), kmr.psk()), 20), "the key of a new node is known")
    kmc = net.connected(kmr, X)
    report.equal(net.by_kmc(kmc, "GET", SELF).status, 200, "a connection")
    nscl.kill()
    nscl.start()
    report.ok(wait_for(lambda: handshakes(net.mid_port, kmc.identity(), kmc.psk()), 20), "which survives a kill of nscl")
    with net.session_b(kmc) as session:
        net.revoke(kmr.node)
        told_so = wait_for(lambda: (answer := net.on(session, "GET", SELF)).status != 200 and told(answer), 5)
        report.equal(told_so, (403, "SEC_REVOKED"), "and ends by a revocation")
    report.ok(net.gone(kmc), "with its key")


def own_names(report, bed):
    """A gateway passes on what is its own under whatever name as what it has registered."""
    net = Network(bed).start()
    gscl = factory_node(bed, "gscl", net).start()
    if not report.ok(net.sees(gscl.scl_id) is not None, "gscl registers", gscl.log_tail()):
        return
    path, client = "/m2m/applications/ga", gscl.client()
    client.create("/m2m/applications", xml.application("ga"))
    own = gscl.mid_base + "/applications/ga"
    for who in (own, path, gscl.origin + path, f"HTTP://LOCALHOST:{gscl.port}{path}", own.replace("127.0.0.1", "localhost")):
        answer = client.request("GET", net.mid_base, None, {"From": who})
        report.equal(answer.status, 200, f"From {who}", answer)
    made = client.request("POST", f"{net.mid_base}/subscriptions", xml.subscription("http://127.0.0.1:9/x", "s"),
                          {"From": gscl.origin + path, "Content-Type": "application/xml"})
    report.equal(made.status, 201, "a subscription at the NSCL", made)
    made = client.request("GET", f"{net.mid_base}/subscriptions/s", None, {"From": gscl.origin + path})
    report.equal(xml.text(made.xml(), "subscriberId"), own, "is of whom it has registered", made)
    for who in (f"http://127.0.0.1:{pick_port()}{path}", net.origin + path):
        answer = client.request("GET", net.mid_base, None, {"From": who})
        report.equal(told(answer), (403, "SEC_IDENTITY"), f"From {who}", answer)
    client.close()


def cut(report, bed):
    """A network that cuts off handshakes costs no key; a server that says nothing gets another one."""
    net = Provider(bed, tapped=Cutter).start()
    gscl = factory_node(bed, "gscl", net).start()
    if not report.ok(net.sees(gscl.scl_id) is not None, "gscl registers", gscl.log_tail()):
        return
    relay, client = net.tap, gscl.client()
    client.create("/m2m/applications", xml.application("ga"))

    def ask():
        return client.request("GET", net.mid_base, None, {"From": gscl.mid_base + "/applications/ga"}).status

    def key():
        shown = net.administer("GET", f"/nodes/{net.node_of(gscl.scl_id)['nodeId']}")
        return max(c["kmcIndex"] for c in shown["connections"])
    report.equal(ask(), 200, "before")
    first = key()
    for resets, name in ((True, "reset"), (False, "end without a word")):
        seen = len(relay.identities)
        relay.resets, relay.cuts = resets, 2
        relay.reset()
        report.ok(ask() != 200, f"{name}: a request fails", gscl.log_tail())
        report.ok(wait_for(lambda: relay.cuts == 0 and ask() == 200, 30), f"{name}: the node comes back", gscl.log_tail())
        report.ok(not any(i.startswith("mr") for i in relay.identities[seen:]), f"{name}: by the key that it has",
                  relay.identities[seen:])
        report.equal(key(), first, f"{name}: which is the only one")
    seen, relay.cuts = len(relay.identities), 1000
    relay.reset()
    report.ok(ask() != 200, "cut for good: a request fails")
    again = wait_for(lambda: any(i.startswith("mr") for i in relay.identities[seen:]), 30)
    before = [i[:2] for i in relay.identities[seen:]]
    relay.cuts = 0
    report.ok(again and before.index("mr") >= 3, "cut for good: the node tries its key three times before it asks for another", before)
    report.ok(wait_for(lambda: ask() == 200 and key() > first, 30), "cut for good: and comes back with that", gscl.log_tail())
    client.close()


if __name__ == "__main__":
    reports.run(parameters, handshake, identity, ends, expiry, rates, access, objects, objects_of_daemons, own_names, cut,
                integrity, another_process)
