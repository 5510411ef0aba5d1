#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The external interface: what applications outside may do by their grants, and what they try."""

import base64
import http.server
import json
import secrets
import socket
import ssl
import sys
import threading
import time

from lib import pki
from lib import report as reports
from lib import xml
from lib.bed import pick_port, wait_for
from lib.client import Client, NotSent, Unknown
from lib.daemon import Daemon
from lib.secure import Provider, listener, now_plus, options, secret_file
from lib.tls import available

SKIPPED = 77
BASE = "/m2m"
MTC, METER = BASE + "/applications/mtc", BASE + "/applications/meter"
JSON = "application/json"
EVERYTHING = ["retrieve", "create", "update", "delete", "execute", "discover"]
APPLICATION = f"<m2m:application {xml.NS}/>"


def named(name):
    """application with an id."""
    return f'<m2m:application {xml.NS} appId="{name}"/>'


def container(name):
    """container with an id."""
    return f'<m2m:container {xml.NS} m2m:id="{name}"/>'


def subscription(contact):
    """subscription with that contact."""
    return f"<m2m:subscription {xml.NS}><m2m:contact>{contact}</m2m:contact></m2m:subscription>"


class Outside(Daemon):
    """nscl with inner listeners, one for administration, and the edge."""

    def __init__(self, bed, name="nscl", networks=(), **more):
        self.apps, self.servers = pki.Authority(bed.path(f"{name}-apps")), pki.Authority(bed.path(f"{name}-servers"), "provider-ca")
        self.foreign = pki.Authority(bed.path(f"{name}-foreign"), "foreign-ca")
        self.identity, self.secret = self.servers.server("localhost"), secrets.token_urlsafe(24)
        self.edge_port, self.admin_port, self.inner_port = pick_port(), pick_port(), pick_port()
        groups = {"edge": {"enabled": True, "contact_networks": list(networks), "contact_ca": self.servers.cert, **more},
                  "admin": {"tokens": secret_file(bed.path(f"{name}-admin"), self.secret + "\n")}}
        super().__init__(bed, "nscl", name=name, mid="", extra=options(groups))
        tls = {"certificate": self.identity.cert, "key": self.identity.key, "ca": self.apps.cert, "crl": self.apps.crl}
        self.listeners = ", ".join((
            listener(self.port, "none", ["mia"]),
            listener(self.edge_port, "certificate", ["edge"], require_client_cert=True, **tls),
            listener(self.inner_port, "certificate", ["mia"], **tls),
            listener(self.admin_port, "none", ["admin"])))
        self.options += ["subscription.retry_first=100 ms", "subscription.retry_max=200 ms"]
        self.write_config()

    # ---- administration ----

    def admin(self, method, path, body=None, token=None):
        """One operation; the answer."""
        client = Client("127.0.0.1", self.admin_port, None)
        lines = {"Authorization": f"Bearer {token or self.secret}"}
        if body is not None:
            lines["Content-Type"] = JSON
        try:
            return client.request(method, f"/admin{path}", None if body is None else json.dumps(body), lines)
        finally:
            client.close()

    def grant(self, app_id, identity, prefixes=(MTC,), operations=tuple(EVERYTHING), **more):
        """Gives, or changes, a grant."""
        keys = [i.fingerprint() for i in (identity if isinstance(identity, list) else [identity])]
        body = {"fingerprints": keys, "operations": list(operations), "prefixes": list(prefixes), "rate": 1000, "burst": 1000, **more}
        answer = self.admin("PUT", f"/grants/{app_id}", body)
        if answer.status not in (201, 204):
            raise AssertionError(f"grant: {answer!r}")

    def counters(self):
        """(requests, {reason: refused})."""
        found = json.loads(self.admin("GET", "/edge").body)
        return found["edge_requests"], found["edge_refused"]

    def refused(self, reason):
        """How often for that reason."""
        return self.counters()[1][reason]

    # ---- as an application ----

    def outside(self, identity, who=None):
        """A client of the edge."""
        return Client("localhost", self.edge_port, who, context=identity.context(self.servers.cert))

    def ask(self, identity, method, target, body=None, who=None, headers=None, port=None):
        """One request on a connection of its own."""
        client = Client("localhost", port or self.edge_port, who, context=identity.context(self.servers.cert))
        try:
            return client.request(method, target, body, headers or {})
        finally:
            client.close()

    def inside(self, method, target, body=None, who=METER, headers=None):
        """As an application of the operator."""
        client = Client("127.0.0.1", self.port, who)
        try:
            return client.request(method, target, body, headers or {})
        finally:
            client.close()

    def tree(self):
        """What there is, to be compared."""
        answer = self.inside("GET", BASE + "/applications")
        return sorted(answer.body.decode(errors="replace").split("<"))


class Sink:
    """An HTTPS server, or where nobody may come; what arrives is in requests.

    status: of the answer, or a function of the body.
    """

    def __init__(self, identity=None, redirect=None, address="127.0.0.1", status=204):
        sink = self

        class Handler(http.server.BaseHTTPRequestHandler):
            """Takes everything."""
            protocol_version = "HTTP/1.1"

            def do_POST(self):  # pylint: disable=invalid-name
                """A notification."""
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                sink.requests.append((self.path, dict(self.headers), body))
                self.send_response(307 if redirect else status(body) if callable(status) else status)
                if redirect:
                    self.send_header("Location", redirect)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):  # pylint: disable=arguments-differ
                """Says nothing."""

        self.requests, self.connections = [], 0
        self.server = http.server.ThreadingHTTPServer((address, 0), Handler)
        self.server.handle_error = lambda *_: None
        if identity:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(identity.cert, identity.key)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        """Ends it."""
        self.server.shutdown()
        self.server.server_close()


class Silence:
    """A TCP port that counts who connects."""

    def __init__(self, address="127.0.0.1", family=socket.AF_INET):
        self.socket, self.count = socket.socket(family), 0
        self.socket.bind((address, 0))
        self.socket.listen(16)
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        while True:
            try:
                made, _ = self.socket.accept()
            except OSError:
                return
            self.count += 1
            made.close()

    def close(self):
        """Ends it."""
        self.socket.close()


def told(report, nscl, reason, name, act):
    """act is refused for that reason: it is counted and logged, and nothing has changed."""
    tree, before = nscl.tree(), nscl.refused(reason)
    answer = act()
    report.ok(answer is None or 400 <= answer.status < 600, f"{name}: refused", answer)
    counted = report.equal(nscl.refused(reason), before + 1, f"{name}: counted as {reason}", nscl.counters())
    report.ok(counted and wait_for(lambda: f"reason={reason}" in nscl.log(), 20), f"{name}: logged", nscl.log_tail)
    report.equal(nscl.tree(), tree, f"{name}: nothing has changed")
    return answer


def fails(act):
    """True when no answer comes."""
    try:
        return act() is None
    except (OSError, NotSent, Unknown):
        return True


def prepared(bed, name="nscl", **more):
    """nscl with an inner application, and an outside one with a grant that is registered."""
    nscl = Outside(bed, name, **more).start()
    mtc = nscl.apps.app("mtc")
    nscl.inside("POST", BASE + "/applications", named("meter"))
    nscl.grant("mtc", mtc)
    made = nscl.ask(mtc, "POST", BASE + "/applications", APPLICATION)
    if made.status != 201:
        raise AssertionError(f"registration over the edge: {made!r}")
    return nscl, mtc


def who(report, bed):
    """Who gets in at all."""
    nscl, mtc = prepared(bed)
    report.equal(nscl.ask(mtc, "GET", MTC).status, 200, "the application reads itself")
    report.equal(nscl.ask(mtc, "GET", MTC, who="urn:m2m:app:mtc").status, 200, "and says who it is")
    report.equal(nscl.ask(mtc, "POST", MTC + "/containers", container("c")).status, 201, "it creates")
    report.equal(nscl.ask(mtc, "GET", "/.well-known/core").status, 403, "nobody tells of the rest")

    tree = nscl.tree()
    bare = ssl.create_default_context(cafile=nscl.servers.cert)
    report.ok(fails(lambda: Client("localhost", nscl.edge_port, None, context=bare).get(MTC)), "no certificate")
    report.ok(fails(lambda: nscl.ask(nscl.foreign.app("mtc"), "GET", MTC)), "a certificate of a foreign CA")
    report.equal(nscl.tree(), tree, "nothing has changed")
    report.ok(wait_for(lambda: "event=clients-unproved" in nscl.log(), 60), "both are logged", nscl.log_tail)
    other, again = nscl.apps.app("other"), nscl.apps.app("mtc")
    told(report, nscl, "grant", "unknown App-ID", lambda: nscl.ask(other, "GET", MTC))
    told(report, nscl, "key", "right App-ID, other key", lambda: nscl.ask(again, "POST", MTC + "/containers", container("k")))
    both = nscl.apps.client("urn:m2m:app:mtc", "urn:m2m:app:other")
    told(report, nscl, "certificate", "two App-IDs", lambda: nscl.ask(both, "GET", MTC))
    nscl.grant("mtc", [mtc, again])
    report.equal((nscl.ask(mtc, "GET", MTC).status, nscl.ask(again, "GET", MTC).status), (200, 200), "two keys while they change")

    for claim in (METER, f"http://localhost:{nscl.port}{METER}", "urn:m2m:app:other", BASE, "https://gw.example/m2m", "mtc"):
        told(report, nscl, "identity", f"From {claim}", lambda c=claim: nscl.ask(mtc, "GET", MTC, who=c))
    told(report, nscl, "identity", "Basic of another", lambda: nscl.ask(
        mtc, "GET", MTC, headers={"Authorization": "Basic L20ybS9hcHBsaWNhdGlvbnMvbWV0ZXI6"}))
    told(report, nscl, "inner", "the inner listener", lambda: nscl.ask(mtc, "GET", MTC, port=nscl.inner_port))
    nscl.grant("mtc", mtc, inner=True)
    report.equal(nscl.ask(mtc, "GET", MTC, port=nscl.inner_port).status, 200, "with the right inner it is let in there")

    nscl.grant("mtc", mtc, expires=now_plus(3))
    report.ok(wait_for(lambda: nscl.ask(mtc, "GET", MTC).status == 403, 30), "the grant expires")
    told(report, nscl, "expired", "after its time", lambda: nscl.ask(mtc, "POST", MTC + "/containers", container("x")))
    nscl.grant("mtc", mtc)
    client = nscl.outside(mtc)
    report.equal(client.get(MTC).status, 200, "a connection that stays")
    report.equal(nscl.admin("POST", "/grants/mtc/disable").status, 204, "the grant is disabled")
    told(report, nscl, "state", "on the open connection", lambda: client.get(MTC))
    client.close()
    report.equal(nscl.admin("POST", "/grants/mtc/enable").status, 204, "and enabled")
    report.equal(nscl.ask(mtc, "GET", MTC).status, 200, "it is served again")

    nscl.stop()
    nscl.start()
    report.equal(nscl.ask(mtc, "GET", MTC).status, 200, "grants outlive a restart")
    client = nscl.outside(mtc)
    report.equal(client.get(MTC).status, 200, "before it is revoked")
    nscl.apps.revoke(mtc)
    nscl.reload()
    report.ok(wait_for(lambda: fails(lambda: client.get(MTC)), 60), "a revoked certificate on the open connection")
    report.ok(fails(lambda: nscl.ask(mtc, "GET", MTC)), "and on a new one")
    report.equal(nscl.admin("DELETE", "/grants/mtc").status, 204, "the grant is withdrawn")
    report.equal(json.loads(nscl.admin("GET", "/grants/mtc").body)["state"], "withdrawn", "what is known of it stays")
    report.equal(nscl.admin("DELETE", "/grants/mtc").status, 204, "and goes")
    report.equal(nscl.admin("GET", "/grants/mtc").status, 404, "for good")
    nscl.stop()


PATHS = (MTC + "/../meter", MTC + "/%2e%2e/meter", MTC + "%2F..%2Fmeter", MTC + "/..%2fmeter", MTC + "//containers",
         "//m2m/applications/mtc", MTC + "/./containers", MTC + "/%2F", "/m2m/applications/%6dtc", MTC + "/a%00b")
ELSEWHERE = (METER, BASE, BASE + "/applications", BASE + "/scls", MTC + "x", BASE + "/accessRights", "/", "/admin/grants")


def what(report, bed):
    """What a grant covers."""
    nscl, mtc = prepared(bed)
    for path in PATHS:
        told(report, nscl, "target", f"GET {path}", lambda p=path: nscl.ask(mtc, "GET", p))
    report.equal(nscl.ask(mtc, "GET", MTC + "\\..\\meter").status, 400, "a backslash is in no URI")
    for path in ELSEWHERE:
        told(report, nscl, "prefix", f"GET {path}", lambda p=path: nscl.ask(mtc, "GET", p))
    for form in (f"https://localhost:{nscl.edge_port}{METER}", f"http://127.0.0.1:{nscl.port}{METER}",
                 f"https://gw.example:8443{MTC}", f"http://127.0.0.1:1{MTC}"):
        told(report, nscl, "prefix", f"GET {form}", lambda f=form: nscl.ask(mtc, "GET", f))
    report.equal(nscl.ask(mtc, "GET", f"https://localhost:{nscl.edge_port}{MTC}").status, 200, "absolute-form of what is granted")
    told(report, nscl, "prefix", "another Host", lambda: nscl.ask(mtc, "GET", MTC, headers={"Host": "gw.example:8443"}))
    told(report, nscl, "prefix", "writes what it may not", lambda: nscl.ask(mtc, "DELETE", METER))
    answer = nscl.ask(mtc, "POST", BASE + "/applications", named("other"))
    report.equal(answer.status, 403, "registers another", answer)

    nscl.grant("mtc", mtc, operations=["retrieve"])
    for method, path, body in (("POST", MTC + "/containers", container("c")), ("PUT", MTC, APPLICATION), ("DELETE", MTC, None),
                               ("OPTIONS", MTC, None), ("POST", MTC, None)):
        told(report, nscl, "operation", f"{method} without that right", lambda m=method, p=path, b=body: nscl.ask(mtc, m, p, b))
    told(report, nscl, "operation", "discovery without that right", lambda: nscl.ask(mtc, "GET", f"{BASE}/discovery?searchPrefix={MTC}"))
    nscl.grant("mtc", mtc, operations=["retrieve", "discover"])
    report.equal(nscl.ask(mtc, "GET", f"{BASE}/discovery?searchPrefix={MTC}").status, 200, "discovery below a prefix")
    for query in ("", f"?searchPrefix={BASE}", f"?searchPrefix={MTC}&searchPrefix={METER}", f"?searchPrefix={MTC}%2F..%2Fmeter"):
        name = f"discovery{query}"
        answer = nscl.ask(mtc, "GET", f"{BASE}/discovery{query}")
        report.equal(answer.status, 403, name, answer)

    nscl.grant("mtc", mtc, prefixes=[MTC, BASE + "/groups"])
    members = "".join(f"<m2m:reference>{m}</m2m:reference>" for m in (MTC, METER))
    group = (f'<m2m:group {xml.NS} m2m:id="g"><m2m:accessRightID>{xml.RIGHT}</m2m:accessRightID><m2m:memberType>MIXED</m2m:memberType>'
             f"<m2m:members>{members}</m2m:members></m2m:group>")
    told(report, nscl, "prefix", "a group with a foreign member", lambda: nscl.ask(mtc, "POST", BASE + "/groups", group))
    made = nscl.inside("POST", BASE + "/groups", group)
    if report.equal((made.status, made.location), (201, BASE + "/groups/g"), "somebody inside makes it", made):
        before = nscl.refused("prefix")
        answer = nscl.ask(mtc, "GET", BASE + "/groups/g/membersContent")
        report.ok(nscl.refused("prefix") > before and b"STATUS_FORBIDDEN" in answer.body, "members are asked by its grant", (answer.body, nscl.counters()))
    for name, document in (("announces", f'<m2m:container {xml.NS} m2m:id="a"><m2m:announceTo><m2m:activated>true</m2m:activated>'
                            "<m2m:sclList><m2m:reference>gw</m2m:reference></m2m:sclList></m2m:announceTo></m2m:container>"),
                           ("an SCL", f'<m2m:scl {xml.NS} m2m:sclId="evil"><m2m:link>https://evil.example/m2m</m2m:link></m2m:scl>')):
        told(report, nscl, "document", name, lambda d=document: nscl.ask(mtc, "POST", MTC + "/containers", d))

    for line in ("X-M2M-Nonce", "X-M2M-Connection", "X-M2M-Device-Proof", "X-M2M-IVal-Sig", "X-M2M-SGA", "X-M2M-Priority"):
        answer = nscl.ask(mtc, "GET", MTC, headers={line: "00" * 16})
        report.ok(answer.status == 200 and answer.header("X-M2M-Reject") is None, f"{line} means nothing", answer)
    answer = nscl.ask(mtc, "GET", MTC, headers={"Authorization": "Bearer " + nscl.secret})
    report.equal(answer.status, 200, "nor does a token")
    handed_on(report, nscl, mtc)

    wake = lambda scl: nscl.ask(mtc, "POST", f"{BASE}/scls/{scl}/trigger", '{"reason":"connect"}', headers={"Content-Type": JSON})
    told(report, nscl, "operation", "a trigger without that right", lambda: wake("gw"))
    nscl.grant("mtc", mtc, trigger=["gw"])
    told(report, nscl, "operation", "a trigger of another SCL", lambda: wake("gx"))
    before = nscl.refused("operation")
    answer = wake("gw")
    report.ok(nscl.refused("operation") == before and b"EDGE_REFUSED" not in answer.body and answer.status >= 400,
              "with it the gateway lets it pass; nobody knows this SCL", answer)
    told(report, nscl, "body", "a body that is too large", lambda: nscl.ask(mtc, "POST", MTC + "/containers", "x" * 70000))
    nscl.grant("mtc", mtc, rate=1, burst=3)
    for _ in range(3):
        nscl.ask(mtc, "GET", MTC)
    answer = told(report, nscl, "rate", "too many", lambda: nscl.ask(mtc, "GET", MTC))
    report.ok(answer.status == 503 and answer.header("Retry-After"), "it is told when", answer)
    report.equal(nscl.admin("GET", "/grants", token="wrong").status, 401, "administration needs its token")
    for body in ({}, {"fingerprints": [], "operations": [], "prefixes": []}, {"fingerprints": ["00" * 32], "operations": ["all"], "prefixes": []},
                 {"fingerprints": ["00" * 32], "operations": [], "prefixes": ["/m2m/../x"]},
                 {"fingerprints": ["00" * 32], "operations": [], "prefixes": [], "contacts": ["0x7f000001"]}):
        report.equal(nscl.admin("PUT", "/grants/bad", body).status, 400, f"grant {body}")
    nscl.stop()


def handed_on(report, nscl, mtc):
    """What is stripped does not get to an application inside either."""
    lamp, lamps = Sink(), BASE + "/applications/lamps"
    made = nscl.inside("POST", BASE + "/applications", xml.application("lamps", apoc=f"http://127.0.0.1:{lamp.port}", paths=["scene/"]))
    report.equal(made.status, 201, "an application inside with an aPoC", made)
    nscl.grant("mtc", mtc, prefixes=[MTC, lamps])
    answer = nscl.ask(mtc, "POST", lamps + "/scene/1", "on", headers={"Content-Type": "text/plain", "X-M2M-SGA": "00" * 16})
    report.equal((answer.status, len(lamp.requests)), (204, 1), "a request of outside is handed on to it", answer)
    names = [name.lower() for _, headers, _ in lamp.requests for name in headers]
    report.ok("x-m2m-sga" not in names, "X-M2M-SGA is not", names)
    lamp.close()


def loopback(report, bed):
    """Contacts that lead inside: none is connected to."""
    silence, silence6 = Silence(), Silence("::1", socket.AF_INET6)
    nscl, mtc = prepared(bed)
    p, p6 = silence.port, silence6.port
    hosts = [f"127.0.0.1:{p}", f"0.0.0.0:{p}", f"[::1]:{p6}", f"[::ffff:127.0.0.1]:{p}", f"10.0.0.1:{p}", f"192.168.1.1:{p}",
             f"169.254.169.254:{p}", f"[fd00::1]:{p}", f"[::]:{p6}"]
    nscl.ask(mtc, "POST", MTC + "/containers", container("c"))
    target = MTC + "/containers/c/contentInstances/subscriptions"
    for host in hosts:
        told(report, nscl, "contact", f"not granted: {host}", lambda h=host: nscl.ask(mtc, "POST", target, subscription(f"https://{h}/x")))
    nscl.grant("mtc", mtc, contacts=hosts + [f"localhost:{p}"])
    for host in hosts:
        told(report, nscl, "address", f"granted: {host}", lambda h=host: nscl.ask(mtc, "POST", target, subscription(f"https://{h}/x")))
    for contact in (f"http://localhost:{p}/x", f"https://evil@localhost:{p}/x", f"https://localhost:{p}@evil.example/x", "https://other.example/x",
                    f"coaps://localhost:{p}/x", f"https://2130706433:{p}/x", f"https://0x7f.1:{p}/x", f"https://localhost:{p + 1}/x"):
        told(report, nscl, "contact", contact, lambda c=contact: nscl.ask(mtc, "POST", target, subscription(c)))
    told(report, nscl, "contact", "X-etsi-contactURI", lambda: nscl.ask(
        mtc, "GET", MTC, headers={"X-etsi-contactURI": "https://other.example/x", "X-etsi-correlationID": "1"}))
    told(report, nscl, "contact", "aPoC", lambda: nscl.ask(
        mtc, "PUT", MTC, f"<m2m:application {xml.NS}><m2m:aPoC>http://127.0.0.1:{p}</m2m:aPoC></m2m:application>"))
    told(report, nscl, "contact", "aPoC by its name", lambda: nscl.ask(
        mtc, "PUT", MTC + "/aPoC", f"<m2m:aPoC {xml.NS}>http://127.0.0.1:{p}</m2m:aPoC>"))
    before = nscl.refused("address")
    made = nscl.ask(mtc, "POST", target, subscription(f"https://localhost:{p}/x"))
    report.equal(made.status, 201, "a name is taken", made)
    nscl.ask(mtc, "POST", MTC + "/containers/c/contentInstances", "hello", headers={"Content-Type": "text/plain"})
    report.ok(wait_for(lambda: nscl.refused("address") > before, 60), "but not an address inside that it leads to", nscl.counters())
    time.sleep(0.5)     # a connection that is made all the same would be seen by then
    report.equal((silence.count, silence6.count), (0, 0), "nobody was connected to")
    silence.close()
    silence6.close()
    nscl.stop()


def contacts(report, bed):
    """Contacts that are permitted, and those that try to go on."""
    trap = Silence()
    nscl, mtc = prepared(bed, networks=["127.0.0.0/8", "::1/128"])
    sink = Sink(nscl.servers.server("localhost"))
    away = Sink(nscl.servers.server("localhost"), redirect=f"http://127.0.0.1:{trap.port}/x")
    own = nscl.port
    nscl.grant("mtc", mtc, contacts=[f"localhost:{s}" for s in (sink.port, away.port, own)])
    nscl.ask(mtc, "POST", MTC + "/containers", container("c"))
    target = MTC + "/containers/c/contentInstances"
    for port in (sink.port, away.port):
        made = nscl.ask(mtc, "POST", target + "/subscriptions", subscription(f"https://localhost:{port}/n"))
        report.equal(made.status, 201, "a contact that is granted", made)
    told(report, nscl, "prefix", "an own listener", lambda: nscl.ask(mtc, "POST", target + "/subscriptions",
                                                                     subscription(f"https://localhost:{own}/n")))
    report.equal(nscl.ask(mtc, "POST", target, "hello", headers={"Content-Type": "text/plain"}).status, 201, "an instance")
    report.ok(wait_for(lambda: sink.requests, 60), "is notified", nscl.log_tail)
    report.ok(wait_for(lambda: away.requests, 60), "also there", nscl.log_tail)
    time.sleep(0.5)     # as above
    report.equal(trap.count, 0, "a redirection is not followed")
    told(report, nscl, "state", "disabled", lambda: (nscl.admin("POST", "/grants/mtc/disable"), nscl.ask(mtc, "GET", MTC))[1])
    seen, before = len(sink.requests), nscl.refused("state")
    nscl.inside("POST", target, "late", who=MTC, headers={"Content-Type": "text/plain"})
    report.ok(wait_for(lambda: nscl.refused("state") > before, 60), "nothing goes to the contacts of a disabled grant", nscl.counters())
    report.equal(len(sink.requests), seen, "not even once")
    nscl.admin("POST", "/grants/mtc/enable")
    nscl.stop()
    for each in (trap, sink, away):
        each.close()


def keys(report, bed):
    """Kma below the Kmc of a node, for an application of the network."""
    apps = pki.Authority(bed.path("kma-apps"))
    servers = pki.Authority(bed.path("kma-servers"), "provider-ca")
    identity, mtc, port = servers.server("localhost"), apps.app("mtc"), pick_port()
    provider = Provider(bed, name="provider", msbf=False, settings={"edge": {"enabled": True}})
    provider.listeners += ", " + listener(port, "certificate", ["edge"], certificate=identity.cert, key=identity.key, ca=apps.cert,
                                          require_client_cert=True)
    provider.write_config()
    provider.start()

    def ask(method, target, body=None):
        client = Client("localhost", port, None, context=mtc.context(servers.cert))
        try:
            return client.request(method, target, body, {})
        finally:
            client.close()

    def grant(*scls):
        provider.administer("PUT", "/grants/mtc", {"fingerprints": [mtc.fingerprint()], "operations": ["retrieve", "create"], "prefixes": [MTC],
                                                   "rate": 1000, "kma": list(scls)})
    _, kmc, session = provider.node("gw-1")
    _, other, second = provider.node("gw-2")
    grant("gw-1")
    report.equal(ask("GET", MTC + "/kma?scl=gw-1").status, 404, "not before it is registered")
    report.equal(ask("POST", BASE + "/applications", APPLICATION).status, 201, "it registers")
    report.equal(ask("GET", MTC + "/kma?scl=gw-2").status, 403, "an SCL that is not granted")
    report.equal(ask("GET", MTC + "/kma").status, 400, "no SCL")
    report.equal(ask("GET", METER + "/kma?scl=gw-1").status, 403, "of another application")
    report.equal(ask("GET", MTC + "/kma?scl=gw-3").status, 403, "an SCL that nobody knows")
    answer = ask("GET", MTC + "/kma?scl=gw-1")
    if report.equal((answer.status, answer.header("Cache-Control")), (200, "no-store"), "Kma", answer):
        said = json.loads(answer.body)
        report.equal(base64.urlsafe_b64decode(said["kma"] + "=="), kmc.kma("mtc"), "is what the node derives")
        report.equal((int(said["connectionId"]), said["kmcIndex"]), (kmc.connection, kmc.index), "of its connection")
    report.equal(ask("GET", MTC + "/kma?scl=gw-1").status, 409, "only once")
    provider.stop()
    provider.start()
    report.equal(ask("GET", MTC + "/kma?scl=gw-1").status, 409, "also over a restart")
    grant("gw-1", "gw-2")
    answer = ask("GET", MTC + "/kma?scl=gw-2")
    report.ok(answer.status == 200 and base64.urlsafe_b64decode(json.loads(answer.body)["kma"] + "==") == other.kma("mtc"), "another SCL", answer)
    grant()
    report.equal(ask("GET", MTC + "/kma?scl=gw-1").status, 403, "without the right")
    text = provider.log()
    report.ok("kma-given" in text and kmc.kma("mtc").hex() not in text, "hand-outs are in the log, keys are not")
    session.close()
    second.close()
    provider.stop()


if __name__ == "__main__":
    if not available():
        print("edge: there is no openssl command")
        sys.exit(SKIPPED)
    reports.run(who, what, loopback, contacts, keys)
