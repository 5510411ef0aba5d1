#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Multiparty authentication with all parties: NSCL, gateway, device, and m2m-warrant as the MTC server outside."""

import base64
import json
import os
import re
import signal
import subprocess
import sys
import time

from lib import pki
from lib import report as reports
from lib import xml
from lib.bed import BUILD, PATIENCE, pick_port, wait_for
from lib.secure import Node, Provider, listener, secret_file
from lib.sga import public_pem
from lib.sgacrypt import ed25519_public
from lib.tls import available

SKIPPED = 77
TOOL = os.path.join(os.environ.get("OPENSCL_CONFIGURED") or BUILD, "common", "cli", "m2m-warrant")
SERVER, APPLICATION = "mtc.app.example", "mtc"
JSON = {"Accept": "application/json"}
WHOLE, SHORT = 1265, 140  # octets of A3 in the example of the protocol
LONG_WAIT = 4 * PATIENCE
FAST = {"retry_first": "100 ms", "retry_max": "1 s"}


def octets(text):
    """Of base64url."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def text(data):
    """As base64url."""
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


class Server:
    """The MTC server: m2m-warrant with its own directory, and an application outside with a certificate."""

    def __init__(self, bed, identity, port):
        self.bed, self.identity, self.port, self.process = bed, identity, port, None
        self.state, self.log = bed.path("server"), bed.path("server.log")
        self.pem = bed.path("server.pem")
        with open(self.pem, "wb") as file:
            file.write(self.run("init", SERVER))
        der = subprocess.run(["openssl", "pkey", "-pubin", "-in", self.pem, "-outform", "DER"], capture_output=True, check=True, timeout=PATIENCE)
        self.public = der.stdout[-32:]
        bed.add(self)

    def run(self, *arguments):
        """Standard output of what must succeed."""
        done = subprocess.run([TOOL, f"--state={self.state}", *arguments], stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE)
        if done.returncode != 0:
            raise AssertionError(f"m2m-warrant {arguments}: {done.stderr.decode()}")
        return done.stdout

    def file(self, name, data):
        """The path of a file with them."""
        path = self.bed.path(name)
        with open(path, "wb") as file:
            file.write(data)
        return path

    def start(self):
        """Serves its contact."""
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([TOOL, f"--state={self.state}", "serve", f"--http=127.0.0.1:{self.port}", f"--cert={self.identity.cert}",
                                             f"--key-pem={self.identity.key}"], stdout=subprocess.PIPE, stderr=log)
        if not self.process.stdout.readline().startswith(b"ready"):
            raise AssertionError("m2m-warrant serve does not begin")

    def kill(self):
        """kill -9."""
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.process = None

    def close(self):
        """For the bed."""
        if self.process:
            self.kill()

    def judged(self, decision):
        """How often it has decided so."""
        with open(self.log, encoding="utf-8") as file:
            return len(re.findall(f"decision=\"?{decision}", file.read()))


class World:
    """A provider with its external interface, a server with a contract, a gateway, a device.

    mas: a provider that is the MAS alone, in a process of its own.
    """

    def __init__(self, bed, *, device=None, gateway=None, network=None, mas=None):
        self.bed = bed
        self.apps, self.area, self.edge_port = pki.Authority(bed.path("apps")), pick_port(), pick_port()
        self.application = self.apps.app(APPLICATION)
        self.outside = pki.Authority(bed.path("outside"), "outside-ca")
        settings = {"mpa": {"enabled": True, "contact_timeout": "2 s", **(network or {})},
                    "edge": {"enabled": True, "contact_networks": ["127.0.0.0/8"], "contact_ca": self.outside.cert}}
        if mas:
            settings["admin"] = {"tokens": secret_file(bed.path("nscl-admin"), mas.secret + "\n")}
        self.provider = Provider(bed, settings=settings, **({"mas": mas, "roles": ["nscl"]} if mas else {}))
        self.home = mas or self.provider
        if mas:
            self.provider.admin_port = pick_port()
            self.provider.listeners += ", " + listener(self.provider.admin_port, "none", ["admin"])
        identity = self.home.servers.server("localhost")
        self.provider.listeners += ", " + listener(self.edge_port, "certificate", ["edge"], certificate=identity.cert, key=identity.key,
                                                   ca=self.apps.cert, crl=self.apps.crl, require_client_cert=True)
        self.provider.write_config()
        self.provider.start()
        self.server = Server(bed, self.outside.server("localhost"), pick_port())
        self.contract()
        self.server.start()
        self.gscl = self._node("gscl", {"mpa": {"enabled": True, **FAST, **(gateway or {})}})
        self.gscl.listeners += ", " + listener(self.area, "psk", ["dia"])
        self.gscl.write_config()
        self.area_base = f"https://localhost:{self.area}/m2m"
        more = {"gateway": self.area_base, "attach": f"http://127.0.0.1:{self.gscl.port}/m2m", "network_key": self.cn_pem,
                "server_key": self.server.pem, "check_interval": "200 ms", **FAST, **(device or {})}
        self.dscl = self._node("dscl", {"mpa": {"enabled": True, **more}})

    def _node(self, kind, settings):
        node = Node(self.bed, kind, self.provider, settings=settings)
        kmr = self.home.issue(node.scl_id)
        node.provide(kmr)
        node.id = kmr.node.hex()
        return node

    # ---- contracts and warrants ----

    def administer(self, method, path, body=None):
        """An operation on warrants that must succeed; its document."""
        return self.provider.administer(method, f"/warrants{path}", body)

    def contract(self):
        """W1 and W2; the contact by a grant of the external interface."""
        self.provider.administer("PUT", f"/grants/{APPLICATION}", {
            "fingerprints": [self.application.fingerprint()],
            "operations": ["retrieve"], "prefixes": [f"/m2m/applications/{APPLICATION}"], "rate": 1000, "burst": 1000,
            "contacts": [f"localhost:{self.server.port}"]})
        made = self.administer("PUT", f"/servers/{SERVER}", {
            "publicKey": text(self.server.public), "contact": f"https://localhost:{self.server.port}/transcripts", "application": APPLICATION})
        self.w1, self.cn_pem = octets(made["warrant"]), self.bed.path("cn.pem")
        public_pem(self.cn_pem, octets(made["network"]["publicKey"]))
        self.w2 = self.server.run("agree", self.server.file("w1", self.w1), f"--peer-key={self.cn_pem}")
        self.administer("POST", f"/servers/{SERVER}/agreement", {"warrant": text(self.w2)})

    def key_of(self, name):
        """The key that it has registered, once it has."""
        def registered():
            answer = self.provider.admin("GET", f"/warrants/keys/{name}")
            return answer.status == 200 and octets(json.loads(answer.body)["publicKey"])
        return wait_for(registered, LONG_WAIT)

    def certify(self, *more):
        """W3 and W4."""
        pem = public_pem(self.bed.path("device.pem"), self.key_of(self.dscl.id))
        self.w3 = self.server.run("certify", self.dscl.id, pem, f"--scope={self.gscl.scl_id}", *(more or ("--days=1",)))
        made = self.administer("POST", f"/devices/{self.dscl.id}", {"server": SERVER, "warrant": text(self.w3)})
        self.w4 = octets(made["warrant"])

    def admit(self, **more):
        """W5."""
        self.key_of(self.gscl.scl_id)
        self.w5 = octets(self.administer("POST", f"/accessPoints/{self.gscl.scl_id}", more)["warrant"])

    def ready(self):
        """All run and have what they need."""
        self.gscl.start()
        self.dscl.start()
        self.admit()
        self.certify()
        return self

    def again(self):
        """What the contract rests on anew, and what rests on that."""
        self.contract()
        self.certify()

    def renew(self):
        """The contract anew, and what rests on it."""
        self.administer("DELETE", f"/servers/{SERVER}")
        self.again()

    # ---- what is seen ----

    def revoked(self, warrant):
        """Whether the operator has revoked it."""
        rows = self.provider.administer("GET", "/warrants")["warrants"]
        return {row["serial"]: row["revoked"] for row in rows}[serial(warrant)]

    def status(self):
        """Of the device."""
        client = self.dscl.client("http://127.0.0.1/local")
        try:
            return json.loads(client.request("GET", "/m2m/mpa", None, JSON).body)
        finally:
            client.close()

    def until(self, holds, limit=LONG_WAIT):
        """The status once that holds of it, or None."""
        def look():
            try:
                status = self.status()
            except OSError:
                return None
            return holds(status) and status
        return wait_for(look, limit) or None

    def stands(self, decision="accepted", other=None):
        """The status once it stands with that decision, in a run that is not the other one."""
        return self.until(lambda s: s["state"] == "stands" and s["session"]["decision"] == decision and s["session"]["th"] != other)

def serial(warrant):
    """Its serial number."""
    return warrant[8:24].hex()


def story(report, bed):
    """From contracts to a request under the session, and S's decision."""
    w = World(bed)
    w.gscl.start()
    w.dscl.start()
    report.ok(w.until(lambda s: s["state"] == "no-credentials"), "without warrants the device proves nothing", w.status)
    report.equal(w.status()["counters"]["mpa_runs"], 0, "and sends nothing to the gateway")
    w.admit()
    w.certify()
    status = w.stands()
    if not report.ok(status, "with them it stands, and the server has accepted it", lambda: f"{w.status()}\n{w.gscl.log_tail()}\n{w.provider.log_tail()}"):
        return
    report.equal(status["session"]["gateway"], w.gscl.scl_id, "at that gateway")
    report.ok(w.server.judged("accepted") >= 1, "m2m-warrant has judged the run")
    names = len(w.provider.scl_id) + len(SERVER)
    whole = status["session"]["octets"]
    expected = 8 + 4 + 64 + len(w.w1) + len(w.w2) + len(w.w3) + len(w.w4)
    report.equal(whole, expected, f"A3 of the first contact has the octets of four warrants ({WHOLE} in the example, names of {names} octets here)")
    app = w.dscl.client(f"{w.dscl.base}/applications/meter")
    at_gateway = f"{w.area_base}/applications"
    made = app.post(at_gateway, xml.application(w.dscl.id))
    report.equal(made.status, 201, "an application of the device registers at the gateway, as the device", made)
    report.equal(app.get(f"{at_gateway}/{w.dscl.id}").status, 200, "and reads that")
    place = f"{at_gateway}/{w.dscl.id}/containers"
    report.equal([app.post(place, xml.container("c")).status, app.post(f"{place}/c/contentInstances", xml.instance("21.5")).status], [201, 201],
                 "it makes a container and an instance there")
    got = app.get(f"{place}/c/contentInstances/latest/content")
    report.ok(got.status == 200 and b"21.5" in got.body, "and reads it again", got)
    told = w.gscl.log()
    report.ok(status["session"]["th"] not in told and "mpa-accepted" in told, "the gateway has logged it, without what names the key")


def ends(report, bed):
    """kill -9 of each of them."""
    w = World(bed).ready()
    status = w.stands()
    if not report.ok(status, "the device stands", w.status):
        return
    for name, daemon in (("gateway", w.gscl), ("device", w.dscl)):
        th = status["session"]["th"]
        daemon.kill()
        daemon.start()
        status = w.stands(other=th)
        if not report.ok(status, f"after the end of the {name} it proves itself again", lambda d=daemon: d.log_tail(30)):
            return
    report.equal(status["counters"]["mpa_credentials_taken"], 0, "a device that begins anew has kept its warrants")
    w.provider.kill()
    report.ok(not w.until(lambda s: s["state"] != "stands", 2), "the session stands without the NSCL", w.status)
    w.provider.start()
    w.server.kill()
    w.server.start()
    th = status["session"]["th"]
    w.gscl.kill()
    w.gscl.start()
    report.ok(w.stands(other=th), "with NSCL and server back all is as before", lambda: w.gscl.log_tail(30))


def revoked(report, bed):
    """Each warrant is revoked in turn."""
    w = World(bed).ready()
    renewals = (("W3", lambda: w.w3, w.certify), ("W4", lambda: w.w4, w.certify), ("W5", lambda: w.w5, w.admit),
                ("W1", lambda: w.w1, w.again), ("W2", lambda: w.w2, w.renew))
    th, app = None, w.dscl.client(f"{w.dscl.base}/applications/meter")
    for name, warrant, renewed in renewals:
        status = w.stands(other=th)
        if not report.ok(status, f"before {name} is revoked it stands", lambda: f"{w.status()} {w.gscl.log_tail(20)}"):
            return
        th = status["session"]["th"]
        w.administer("DELETE", f"/{serial(warrant())}")
        report.ok(w.until(lambda s: "session" not in s), f"without {name} there is no session", w.status)
        asked = app.get(f"{w.area_base}/applications")
        report.ok(asked.status == 503 and b"no session" in asked.body, "nor does an application of the device reach the gateway", asked)
        runs = w.status()["counters"]["mpa_runs_accepted"]
        report.ok(not w.until(lambda s, n=runs: s["counters"]["mpa_runs_accepted"] > n, 2), "and there will be none", w.status)
        renewed()
    report.ok(w.stands(other=th), "it stands in the end", w.status)
    w.server.run("revoke", serial(w.w3))
    th = w.status()["session"]["th"]
    w.gscl.kill()
    w.gscl.start()
    report.ok(w.stands("refused", th), "the server refuses a device that it has revoked itself", w.status)


def contracts(report, bed):
    """The same contract is asked for again and again."""
    provider = Provider(bed, settings={"mpa": {"enabled": True}}).start()
    keys = [text(ed25519_public(os.urandom(32))) for _ in range(2)]
    path = f"/warrants/servers/{SERVER}"

    def asked(key=keys[0], **more):
        return provider.administer("PUT", path, {"publicKey": key, **more})["serial"]
    first = asked()
    report.equal(asked(), first, "W1 stays while it stands")
    provider.administer("DELETE", f"/warrants/{first}")
    second = asked()
    report.ok(second != first and asked() == second, "one that was revoked is made anew")
    short = asked(notAfter=int(time.time()) + 2)
    report.equal(asked(), short, "one that is to end soon stays until then")
    report.ok(wait_for(lambda: asked() != short, PATIENCE), "and is made anew when it has ended")
    report.equal(provider.admin("PUT", path, {"publicKey": keys[1]}).status, 409, "another key is another contract")
    provider.administer("DELETE", path)
    report.ok(asked(keys[1]) not in (first, second, short), "which can be made once that one has ended")


def required(report, bed):
    """A device that asks for the server's decision."""
    w = World(bed, device={"require_decision": True})
    w.server.kill()
    w.ready()
    report.ok(w.until(lambda s: s["counters"]["mpa_runs_accepted"] >= 1), "the gateway accepts it while the server is away", w.status)
    report.ok(not w.until(lambda s: s["state"] == "stands", 2), "but it does not speak under that session", w.status)
    w.server.start()
    report.ok(w.stands(), "with the server back it does", lambda: f"{w.status()} {w.gscl.log_tail(20)}")


def renewed(report, bed):
    """A session that ends."""
    w = World(bed, device={"session_time": "60 s"}, gateway={"session_time": "60 s"}).ready()
    status = w.stands()
    report.ok(status, "the device stands", w.status)
    later = w.until(lambda s: s["state"] == "stands" and s["session"]["th"] != status["session"]["th"], 120)
    report.ok(later and later["counters"]["mpa_sessions_lost"] == 0, "it has another one before that", w.status)
    report.equal(later["session"]["octets"], SHORT, "with hashes")


def hashes(report, bed):
    """The second run with hashes in place of chains."""
    w = World(bed).ready()
    status = w.stands()
    if not report.ok(status, "the device stands", w.status):
        return
    whole, th = status["session"]["octets"], status["session"]["th"]
    w.administer("DELETE", f"/{serial(w.w5)}")
    report.ok(w.until(lambda s: "session" not in s), "a gateway whose warrant is revoked is left", w.status)
    w.admit()
    status = w.stands(other=th)
    if not report.ok(status, "with a new one it is spoken to again", w.status):
        return
    report.equal(status["session"]["octets"], SHORT, f"A3 has hashes: {whole} octets before, {SHORT} now")


def missed(report, bed):
    """A MAS of another process has revoked nodes of which the NSCL was not told."""
    mas = Provider(bed, name="mas", roles=["mas"]).start()
    w = World(bed, mas=mas).ready()
    if not report.ok(w.stands(), "the device stands, with a MAS in another process", lambda: f"{w.status()} {w.provider.log_tail(20)}"):
        return
    w.provider.kill()
    mas.kill()
    w.provider.start()
    point = f"/warrants/accessPoints/{w.gscl.scl_id}"
    answer = w.provider.admin("POST", point)
    report.ok(answer.status == 503 and b"IN_DOUBT" in answer.body, "as long as the MAS cannot be asked about a gateway it gets no warrant", answer)
    mas.start()
    report.ok(wait_for(lambda: w.provider.admin("POST", point).status == 201, LONG_WAIT), "then it does", w.provider.log_tail)
    report.equal([w.revoked(one) for one in (w.w3, w.w4, w.w5)], [False] * 3, "nothing was revoked by that")
    report.ok(w.stands(), "the device stands", w.gscl.log_tail)
    w.provider.kill()
    before = w.gscl.log().count("event=mpa-cut")
    mas.revoke(w.dscl.id)
    w.provider.start()
    report.ok(wait_for(lambda: w.revoked(w.w3) and w.revoked(w.w4), LONG_WAIT),
              "what a device has that was revoked while the NSCL was down is revoked", w.provider.log_tail)
    report.ok(wait_for(lambda: w.gscl.log().count("event=mpa-cut") > before, LONG_WAIT), "the gateway is told, and ends the session", w.gscl.log_tail)
    report.ok(not w.revoked(w.w5), "its own warrant stands")
    report.equal(w.provider.admin("POST", f"/warrants/devices/{w.dscl.id}", {"server": SERVER, "warrant": text(w.w3)}).status, 404,
                 "nothing more is issued to the device")
    os.kill(w.provider.pid, signal.SIGSTOP)
    mas.kill()      # the NSCL waits for no answer of it any more
    mas.start()
    mas.revoke(w.gscl.id)
    mas.kill()      # with it what it would have told
    mas.start()
    os.kill(w.provider.pid, signal.SIGCONT)
    report.ok(wait_for(lambda: w.revoked(w.w5), LONG_WAIT), "nor is what a MAS has forgotten to tell missed", w.provider.log_tail)


if __name__ == "__main__":
    if not available():
        print("mpa: there is no openssl command")
        sys.exit(SKIPPED)
    reports.run(story, hashes, ends, revoked, contracts, required, missed, *((renewed,) if reports.LONG else ()))
