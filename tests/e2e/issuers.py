#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Who applications prove to be: UNIX sockets, tokens, certificates, pre-shared keys below Kmc; and nobody else."""

import base64
import hashlib
import http.client
import json
import os
import secrets
import socket
import sys

from lib import pki, psk
from lib import report as reports
from lib import xml
from lib.bed import pick_port, wait_for
from lib.client import Client
from lib.daemon import Daemon
from lib.m2mkeys import expand, u32, u64
from lib.secure import Node, Provider, listener, options, secret_file

SKIPPED = 77
APPS = "/m2m/applications"
METER = APPS + "/meter"
OTHERS = (APPS + "/other", METER + "/containers", "http://gscl.example/m2m", "http://gscl.example" + METER,
          "urn:m2m:app:other", "/m2m/scls/meter", "meter")


class UnixClient(Client):
    """Requests over a UNIX socket."""

    def __init__(self, path, who=None):
        super().__init__("localhost", 0, who)
        self.path = path

    def connect(self):
        if self.connection:
            return
        self.connection = http.client.HTTPConnection("localhost", timeout=self.timeout)
        self.connection.sock = socket.socket(socket.AF_UNIX)
        self.connection.sock.connect(self.path)


def application(app_id=None):
    """application for POST applications."""
    given = f' appId="{app_id}"' if app_id else ""
    return f"<m2m:application {xml.NS}{given}/>"


def reason(answer):
    """additionalInfo of an error."""
    try:
        return xml.text(answer.xml(), "additionalInfo")
    except Exception:   # pylint: disable=broad-except
        return None


def said(answer):
    """Status and reason."""
    return answer.status, reason(answer)


def bearer(token):
    """The header."""
    return {"Authorization": f"Bearer {token}"}


def line_of(app_id, token):
    """Of the token file."""
    return f"{app_id} {hashlib.sha256(token.encode()).hexdigest()}\n"


def speaks(report, name, ask, own):
    """ask(who, method, target, body) is proved to be meter: it may speak for itself alone."""
    for who in (None, METER, own + METER, "urn:m2m:app:meter"):
        report.equal(ask(who, "GET", APPS, None).status, 200, f"{name}: From {who}")
    for who in OTHERS + (own + APPS + "/other", own + "/m2m"):
        answer = ask(who, "GET", APPS, None)
        report.equal(said(answer), (403, "SEC_IDENTITY"), f"{name}: From {who}", answer)
    answer = ask(None, "POST", APPS, application("other"))
    report.equal(said(answer), (403, "SEC_IDENTITY"), f"{name}: registers another", answer)
    answer = ask(None, "POST", APPS, application())
    report.equal((answer.status, answer.header("Location")), (201, own + METER), f"{name}: registers itself", answer)
    report.equal(ask(None, "DELETE", METER, None).status, 204, f"{name}: and goes")


class Served(Daemon):
    """nscl with a listener for every way, where issuers must be proved."""

    def __init__(self, bed):
        self.ca, self.token = pki.Authority(bed.path("apps")), secrets.token_urlsafe(24)
        self.servers = pki.Authority(bed.path("servers"), "provider-ca")
        identity = self.servers.server("localhost")
        self.token_file = secret_file(bed.path("tokens"), line_of("meter", self.token))
        self.unix, self.strict_port, self.tls_port = bed.path("unix"), pick_port(), pick_port()
        groups = {"issuers": {"tokens": self.token_file, "unix_users": [f"{os.getuid()}=meter"]}}
        super().__init__(bed, "nscl", mid="", extra=options(groups))
        self.listeners = ", ".join((
            listener(self.port, "none", ["mia", "mid"]),
            listener(self.strict_port, "none", ["mia"], issuer="proved"),
            listener(0, "none", ["mia"], f"unix:{self.unix}", issuer="proved"),
            listener(self.tls_port, "certificate", ["mia"], certificate=identity.cert, key=identity.key,
                     ca=self.ca.cert)))
        self.write_config()

    def by_token(self, who, method, target, body, token=None, port=None):
        """A request with a token."""
        client = Client("127.0.0.1", port or self.strict_port, who)
        try:
            return client.request(method, target, body, bearer(token or self.token))
        finally:
            client.close()

    def by_user(self, who, method, target, body):
        """A request on the UNIX socket."""
        client = UnixClient(self.unix, who)
        try:
            return client.request(method, target, body)
        finally:
            client.close()

    def by_certificate(self, who, method, target, body, identity=None):
        """A request with a client certificate."""
        client = Client("localhost", self.tls_port, who, context=identity.context(self.servers.cert))
        try:
            return client.request(method, target, body)
        finally:
            client.close()


def network(report, bed):
    """The ways that need no service connection."""
    nscl = Served(bed).start()
    meter, both = nscl.ca.app("meter"), nscl.ca.client("urn:m2m:app:meter", "urn:m2m:app:other")
    base = base_of(nscl)
    speaks(report, "token", nscl.by_token, base)
    speaks(report, "UNIX socket", nscl.by_user, base)
    speaks(report, "certificate", lambda *a: nscl.by_certificate(*a, identity=meter), base)
    nobody(report, nscl, both)
    tokens_change(report, nscl)
    no_key_here(report, nscl, meter)
    no_scl(report, nscl)
    report.ok(nscl.token not in nscl.log(), "no token in the log")
    nscl.stop()


def base_of(daemon):
    """Root of its absolute URIs."""
    client = daemon.client("http://127.0.0.1/base")
    made = client.post(APPS, application("probe"))
    client.delete(APPS + "/probe")
    client.close()
    return made.header("Location").removesuffix(APPS + "/probe")


def nobody(report, nscl, both):
    """Who proves nothing."""
    for who in (None, METER, "http://127.0.0.1/x"):
        answer = Client("127.0.0.1", nscl.strict_port, who).get(APPS)
        report.equal(said(answer), (401, "AUTH_FAILED"), f"nobody, From {who}", answer)
        answer = nscl.by_token(who, "GET", APPS, None, token="0" * 32)
        report.equal(said(answer), (401, "AUTH_FAILED"), f"another token, From {who}", answer)
        answer = nscl.by_certificate(who, "GET", APPS, None, identity=both)
        report.equal(said(answer), (401, "AUTH_FAILED"), f"a certificate with two names, From {who}", answer)
    answer = nscl.by_token(METER, "GET", APPS, None, token="0" * 32, port=nscl.port)
    report.equal(said(answer), (401, "AUTH_FAILED"), "another token where issuers are claimed", answer)
    answer = nscl.by_token(APPS + "/other", "GET", APPS, None, port=nscl.port)
    report.equal(said(answer), (403, "SEC_IDENTITY"), "a token for another where issuers are claimed", answer)


def tokens_change(report, nscl):
    """The file is read again by itself, and on SIGHUP; a wrong one changes nothing."""
    fresh = secrets.token_urlsafe(24)
    secret_file(nscl.token_file, line_of("meter", fresh))
    report.ok(wait_for(lambda: nscl.by_token(None, "GET", APPS, None, token=fresh).status == 200), "a new token")
    report.equal(nscl.by_token(None, "GET", APPS, None).status, 401, "the old one is of no use")
    secret_file(nscl.token_file, "rubbish")
    nscl.reload()
    report.ok(wait_for(lambda: "tokens-kept" in nscl.log()), "rubbish is logged", nscl.log_tail)
    report.equal(nscl.by_token(None, "GET", APPS, None, token=fresh).status, 200, "and changes nothing")
    # At once with its mode: the daemon may look at any moment.
    others, kept = nscl.token_file + ".others", nscl.log().count("tokens-kept")
    os.chmod(secret_file(others, line_of("meter", nscl.token)), 0o644)
    os.replace(others, nscl.token_file)
    nscl.reload()
    report.ok(wait_for(lambda: nscl.log().count("tokens-kept") > kept), "one that others can read is logged", nscl.log_tail)
    report.equal(nscl.by_token(None, "GET", APPS, None, token=fresh).status, 200, "a file that others can read")
    os.chmod(nscl.token_file, 0o600)
    report.ok(wait_for(lambda: nscl.by_token(None, "GET", APPS, None).status == 200), "its mode is mended")


def no_key_here(report, nscl, meter):
    """An nscl gives nobody a Kma."""
    nscl.by_user(None, "POST", APPS, application())
    answer = nscl.by_certificate(None, "GET", METER + "/kma", None, identity=meter)
    report.equal(answer.status, 403, "Kma at the network", answer)
    report.ok(b'"kma"' not in answer.body, "no key in it", answer)


def no_scl(report, nscl):
    """Without a service connection nobody is an SCL."""
    document = (f'<m2m:scl {xml.NS} sclId="gw"><m2m:link>http://gw.example/m2m</m2m:link>'
                "<m2m:mgmtProtocolType>OMA_DM</m2m:mgmtProtocolType><m2m:sclType>GSCL</m2m:sclType></m2m:scl>")
    for port in (nscl.port, nscl.strict_port):
        answer = Client("127.0.0.1", port, "http://gw.example/m2m").post("/m2m/scls", document)
        report.equal(said(answer), (403, "SEC_NO_CONNECTION"), "POST scls in clear", answer)
    answer = nscl.by_user(None, "POST", "/m2m/scls", document)
    report.equal(answer.status, 403, "POST scls of an application", answer)


class Gateway(Node):
    """gscl where applications come by a UNIX socket or with Kma."""

    def __init__(self, bed, provider):
        super().__init__(bed, "gscl", provider, settings={"issuers": {"unix_users": [f"{os.getuid()}=meter"]}})
        self.unix, self.psk_port = bed.path("gscl-unix"), pick_port()
        self.listeners += ", " + listener(self.psk_port, "psk", ["dia"])
        self.listeners += ", " + listener(0, "none", ["dia"], f"unix:{self.unix}", issuer="proved")
        self.options.append(f"register.nscl={provider.mid_base}")
        self.write_config()


class Kma:
    """What {application}/kma has said."""

    def __init__(self, body):
        said_here = json.loads(body)
        self.key = base64.urlsafe_b64decode(said_here["kma"] + "==")
        self.connection, self.index = int(said_here["connectionId"]), said_here["kmcIndex"]
        self.name = hashlib.sha256(b"meter").digest()[:8]

    def identity(self, version=3, name=None):
        """PSK identity."""
        return f"ma{version}.{self.connection:016x}.{(name or self.name).hex()}.{self.index}"

    def psk(self, version=3):
        """Pre-shared key."""
        return expand(self.key, f"psk ma{version}", u64(self.connection) + u32(self.index) + self.name)


def node(report, bed):
    """Kma of an application of a node with a service connection."""
    provider = Provider(bed, msbf=False).start()
    gscl = Gateway(bed, provider)
    gscl.provide(provider.issue(gscl.scl_id)).start()
    if not report.ok(provider.sees(gscl.scl_id) is not None, "gscl registers", bed.logs):
        return
    client = UnixClient(gscl.unix)
    report.equal(client.get(METER + "/kma").status, 404, "Kma before the registration")
    report.equal(client.post(APPS, application()).status, 201, "registers without an appId")
    kma = given_once(report, gscl, client)
    sessions(report, gscl, kma)
    gscl.stop()
    gscl.start()
    report.ok(wait_for(lambda: psk.handshakes(gscl.psk_port, kma.identity(), kma.psk())), "Kma after a restart", bed.logs)
    log = gscl.log()
    for form in (kma.key.hex(), base64.urlsafe_b64encode(kma.key).decode().rstrip("="), kma.psk().hex()):
        report.ok(form not in log, "no key in the log")
    report.ok("kma-given" in log, "the hand-out is in the log")
    provider.revoke(provider.node_of(gscl.scl_id)["nodeId"])
    gscl.stop()
    provider.stop()


def given_once(report, gscl, client):
    """The hand-out."""
    clear = Client("127.0.0.1", gscl.port, METER)
    report.equal(said(clear.get(METER + "/kma")), (401, "AUTH_FAILED"), "Kma for a claim")
    report.equal(client.get(APPS + "/other/kma").status, 403, "Kma of another")
    client.who = APPS + "/other"
    report.equal(client.get(METER + "/kma").status, 403, "Kma with another From")
    client.who = None
    for method in ("POST", "PUT", "DELETE", "HEAD"):
        report.equal(client.request(method, METER + "/kma").status, 405, f"{method} kma")
    answer = client.get(METER + "/kma")
    report.equal((answer.status, answer.header("Cache-Control")), (200, "no-store"), "Kma", answer)
    report.equal(client.get(METER + "/kma").status, 409, "only once")
    return Kma(answer.body)


def sessions(report, gscl, kma):
    """TLS-PSK with Kma."""
    own = base_of(gscl)
    for version in (3, 2):
        with psk.Session(gscl.psk_port, kma.identity(version), kma.psk(version), version) as session:
            for who, status in ((None, 200), (METER, 200), (own + METER, 200), (APPS + "/other", 403),
                                ("http://127.0.0.1/x", 403)):
                answer = session.request("GET", METER, headers={"From": who} if who else {})
                report.equal(answer.status, status, f"TLS 1.{version}: From {who}", answer)
    flipped = bytes([kma.psk()[0] ^ 1]) + kma.psk()[1:]
    report.ok(not psk.handshakes(gscl.psk_port, kma.identity(), flipped), "a wrong key")
    report.ok(not psk.handshakes(gscl.psk_port, kma.identity(2), kma.psk(2), 3), "the key of another version of TLS")
    other = hashlib.sha256(b"other").digest()[:8]
    report.ok(not psk.handshakes(gscl.psk_port, kma.identity(3, other), kma.psk()), "the key in another's name")
    report.ok(not psk.handshakes(gscl.poc_port, kma.identity(), kma.psk())
              or on_mid(gscl, kma).status in (401, 403), "it is of no use on mId")


def on_mid(gscl, kma):
    """A request with Kma where the NSCL is served."""
    with psk.Session(gscl.poc_port, kma.identity(), kma.psk()) as session:
        return session.request("GET", METER)


if __name__ == "__main__":
    if not pki.openssl("version"):
        sys.exit(SKIPPED)
    reports.run(network, node)
