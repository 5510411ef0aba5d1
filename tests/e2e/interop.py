#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""TLS with other implementations: sessions A and B by openssl and gnutls-cli, what listeners refuse, what scanners find."""

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import threading
import time

from lib import objects, psk
from lib import report as reports
from lib import secure
from lib.bed import wait_for
from lib.boot import reason
from lib.daemon import Daemon
from lib.m2mkeys import CONN_LABEL, D2N, ParamSet, b64u
from lib.raw import Raw
from lib.secure import Provider

TOOLS = {"openssl": "openssl", "gnutls-cli": "gnutls-bin", "sslscan": "sslscan", "testssl": "testssl.sh", "jose": "jose"}
SECONDS = 120
GOOD_12 = {"ECDHE-PSK-CHACHA20-POLY1305", "ECDHE-PSK-AES128-CBC-SHA256"}
NO_PFS_12 = {"PSK-AES128-GCM-SHA256", "PSK-AES128-CBC-SHA256"}
GOOD_13 = {"TLS_AES_128_GCM_SHA256", "TLS_CHACHA20_POLY1305_SHA256"}
ALL_13 = ("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_128_CCM_SHA256",
          "TLS_AES_128_CCM_8_SHA256")
GNUTLS = "NORMAL:-VERS-ALL:+VERS-TLS1.3:-KX-ALL:+ECDHE-PSK:+DHE-PSK:-CIPHER-ALL:+AES-128-GCM:+CHACHA20-POLY1305"
# Suites with a certificate that may be there in TLS 1.2.
STRONG_12 = re.compile(r"(TLS_)?ECDHE[-_](ECDSA|RSA)[-_](WITH_)?(AES(128|256|_128|_256)[-_]GCM|CHACHA20[-_]POLY1305)")
TESTSSL = ("--quiet", "--color", "0", "--warnings", "off", "--ip", "127.0.0.1", "--nodns", "none", "--openssl",
           shutil.which("openssl") or "openssl", "--connect-timeout", "10", "--openssl-timeout", "10")
# Versions, kinds of suites, Heartbleed, renegotiation, compression; -U: all known attacks.
TESTSSL_SECTIONS = (("mia", ("-p", "-s", "-H", "-R", "-C")),)
if reports.LONG:
    TESTSSL_SECTIONS = (("mia", ("-p", "-s", "-U")), ("msbf", ("-p", "-s")))


class GnutlsCli(Raw):
    """A session of gnutls-cli under a pre-shared key, TLS 1.3 (that of Debian 12 crashes in TLS 1.2 with one)."""

    def __init__(self, port, identity, key, priority=GNUTLS):      # pylint: disable=super-init-not-called
        self.sock, theirs = socket.socketpair()
        self.buffer, self.ended = b"", False
        self.process = subprocess.Popen(
            ["gnutls-cli", "--no-ca-verification", "--pskusername", identity, "--pskkey", key.hex(), "--priority", priority,
             "--keymatexport", CONN_LABEL, "--keymatexportsize", "32", "--port", str(port), "localhost"],
            stdin=theirs, stdout=theirs, stderr=subprocess.STDOUT)
        theirs.close()
        deadline = time.monotonic() + psk.PATIENCE
        while b"- Simple Client Mode:\n\n" not in self.buffer:
            if not self._more(deadline):
                self.close()
                raise psk.Refused(self.buffer.decode(errors="replace"))
        head, _, self.buffer = self.buffer.partition(b"- Simple Client Mode:\n\n")
        self.head = head.decode(errors="replace")
        self.exporter = bytes.fromhex(re.search(r"[Kk]ey material: ([0-9a-f]+)", self.head).group(1))

    def close(self):
        self.sock.close()
        self.process.kill()
        self.process.wait()


GnutlsCli.request = psk.Tls.request


def gnutls(provider, identity, key, **more):
    """A session at the listener for mId."""
    session = GnutlsCli(provider.mid_port, identity, key, **more)
    session.authority = f"localhost:{provider.mid_port}"
    return session


# ---- sessions A and B ----

def both_sessions(report, provider, kmr, scl_id, name, open_a, open_b):
    """A service connection and what can be done on it."""
    with open_a() as session:
        answer = provider.ask_connection(session, scl_id)
        if not report.equal(answer.status, 201, f"{name}: session A, connectionParamSet", lambda: repr(answer)):
            return
        made = ParamSet(answer.body)
        report.ok(made.confirmed(kmr, session.exporter), f"{name}: Kmc in the answer is that of the exporter")
        kmc = made.connection(kmr, session.exporter)
        answer = session.request("POST", "/m2m/scls", "<x/>")
        report.equal((answer.status, reason(answer)), (403, "SEC_NO_CONNECTION"), f"{name}: session A is for nothing else")
    with open_b(kmc) as session:
        answer = session.request("GET", "/m2m/connections/self", headers={"Accept": "application/json"})
        report.ok(answer.status == 200 and f"{kmc.connection:016x}" in answer.body.decode() + str(kmc.connection),
                  f"{name}: session B, connections/self", lambda: repr(answer))
        report.ok(kmc.key.hex().encode() not in answer.body and b64u(kmc.key).encode() not in answer.body, f"{name}: without key")
        answer = session.request("GET", "/m2m",
                                 headers={"From": f"https://{scl_id}.example.org/m2m", "Accept": "application/xml"})
        report.equal(answer.status, 200, f"{name}: session B, sclBase", lambda: repr(answer))


def by_openssl(report, bed):
    """Sessions A and B by openssl s_client, TLS 1.3 and 1.2, every suite that is served."""
    provider = Provider(bed).start()
    for version, suites in ((3, sorted(GOOD_13)), (2, sorted(GOOD_12))):
        for number, suite in enumerate(suites):
            scl_id = f"gscl-{version}{number}"
            kmr = provider.issue(scl_id)
            chosen = ("-tls1_3", "-ciphersuites", suite) if version == 3 else ("-tls1_2", "-cipher", suite)
            both_sessions(report, provider, kmr, scl_id, f"openssl, TLS 1.{version}, {suite}",
                          lambda k=kmr, v=version, c=chosen: provider.session_a(k, v, suites=c),
                          lambda kmc, v=version, c=chosen: provider.session_b(kmc, v, suites=c))


def by_gnutls(report, bed):
    """Sessions A and B by gnutls-cli, TLS 1.3."""
    provider = Provider(bed).start()
    for number, cipher in enumerate(("AES-128-GCM", "CHACHA20-POLY1305")):
        scl_id = f"gscl-{number}"
        kmr = provider.issue(scl_id)
        priority = GNUTLS.replace("+AES-128-GCM:+CHACHA20-POLY1305", "+" + cipher)
        both_sessions(report, provider, kmr, scl_id, f"gnutls-cli, {cipher}",
                      lambda k=kmr, p=priority: gnutls(provider, k.identity(), k.psk(), priority=p),
                      lambda kmc, p=priority: gnutls(provider, kmc.identity(), kmc.psk(), priority=p))
    try:
        gnutls(provider, kmr.identity(), bytes(32)).close()
        report.ok(False, "gnutls-cli: another key is refused")
    except psk.Refused:
        report.ok(True, "gnutls-cli: another key is refused")


# ---- what a listener with pre-shared keys refuses ----

def known_suites():
    """All suites with a PSK that openssl knows, weak ones included."""
    done = subprocess.run(["openssl", "ciphers", "-psk", "ALL:COMPLEMENTOFALL:@SECLEVEL=0"], capture_output=True, text=True,
                          check=True, timeout=SECONDS)
    return sorted(s for s in done.stdout.strip().split(":") if "PSK" in s)


def completes(provider, kmr, version, *suites):
    """A session A with these options of openssl."""
    return psk.handshakes(provider.mid_port, kmr.identity(version), kmr.psk(version), version, suites=suites)


def suites_refused(report, bed):
    """A listener with pre-shared keys takes the suites that are named, no other, and no older TLS."""
    for name, settings, good in (("", {}, GOOD_12), ("allow_non_pfs: ", {"allow_non_pfs": True}, GOOD_12 | NO_PFS_12)):
        provider = Provider(bed, name="pfs" + name[:3], psk_more=settings).start()
        kmr = provider.issue("gscl-1")
        taken = {s for s in known_suites() if completes(provider, kmr, 2, "-tls1_2", "-cipher", s + ":@SECLEVEL=0")}
        report.equal(sorted(taken), sorted(good), f"{name}TLS 1.2, of {len(known_suites())} suites")
    taken = {s for s in ALL_13 if completes(provider, kmr, 3, "-tls1_3", "-ciphersuites", s)}
    report.equal(sorted(taken), sorted(GOOD_13), "TLS 1.3")
    report.ok(not completes(provider, kmr, 2, "-tls1_2", "-cipher", "ECDHE+AESGCM"), "no suite with a certificate")
    for version in ("-tls1_1", "-tls1"):
        report.ok(not completes(provider, kmr, 2, version, "-cipher", "ALL:@SECLEVEL=0"), f"not {version[1:]}")
    only = Provider(bed, name="only13", psk_more={"tls13_only": True}).start()
    kmr = only.issue("gscl-1")
    report.ok(completes(only, kmr, 3, *psk.SUITES[3]) and not completes(only, kmr, 2, *psk.SUITES[2]),
              "tls13_only: TLS 1.3 alone")
    with only.session_a(kmr) as session:
        session.request("GET", "/m2m")
        time.sleep(0.1)
        report.ok(b"New Session Ticket" not in session.buffer, "no tickets")


# ---- scanners on listeners with certificates ----

def certificate_listeners(bed):
    """{name: port} of listeners with certificates, of every function and daemon; a client that they take."""
    provider = Provider(bed)
    ca, server = provider.devices, provider.msbf_identity
    found, groups = {"msbf": provider.msbf_port}, []
    for name, serve, more in (("mia", ["mia"], {"ca": ca.cert}), ("mid", ["mid"], {"ca": ca.cert, "require_client_cert": True}),
                              ("mas", ["mas"], {"ca": ca.cert, "require_client_cert": True}),
                              ("admin", ["admin"], {"ca": ca.cert, "require_client_cert": True})):
        found[name] = secure.pick_port()
        groups.append(secure.listener(found[name], "certificate", serve, certificate=server.cert, key=server.key, **more))
    provider.listeners += ", " + ", ".join(groups)
    provider.write_config()
    provider.start()
    for kind in ("gscl", "dscl"):
        daemon = Daemon(bed, kind)
        daemon.listeners = secure.listener(daemon.port, "certificate", ["dia"], certificate=server.cert, key=server.key)
        daemon.write_config()
        daemon.start()
        found[kind] = daemon.port
    return found, ca.role("admin", "nscl", "scl")


def by_sslscan(report, bed):
    """sslscan on every listener with a certificate: nothing below TLS 1.2, no weak suite."""
    ports, client = certificate_listeners(bed)
    for name, port in ports.items():
        done = subprocess.run(["sslscan", "--no-colour", f"--certs={client.cert}", f"--pk={client.key}", f"127.0.0.1:{port}"],
                              capture_output=True, text=True, timeout=SECONDS)
        text = done.stdout + done.stderr
        enabled = re.findall(r"^(SSLv\d|TLSv1\.\d)\s+enabled", text, re.M)
        report.equal(enabled, ["TLSv1.2", "TLSv1.3"], f"{name}: versions", text)
        suites = re.findall(r"^(?:Preferred|Accepted)\s+(\S+)\s+(\d+) bits\s+(\S+)", text, re.M)
        weak = [s for s in suites if int(s[1]) < 128 or (s[0] != "TLSv1.3" and not STRONG_12.match(s[2]))]
        report.ok(suites and not weak, f"{name}: {len(suites)} suites, none of them weak", lambda w=weak, t=text: f"{w}\n{t}")
        bad = [line for line in text.splitlines() if re.search(r"vulnerable to heartbleed|Insecure session renegotiation", line)
               and "not vulnerable" not in line]
        report.ok(not bad, f"{name}: no Heartbleed, no insecure renegotiation", lambda b=bad: b)


def renegotiates(port, *options):
    """Whether a TLS 1.2 client gets a new handshake on its connection, and what openssl said."""
    client = subprocess.Popen(["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-tls1_2", *options],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    text = b""
    late = threading.Timer(SECONDS, client.kill)
    late.start()
    while b"Verify return code" not in text and (more := client.stdout.read1()):
        text += more
    with contextlib.suppress(BrokenPipeError):
        client.stdin.write(b"R\n")
        client.stdin.flush()
        # Nothing is read from the input while the handshake lasts.
        while b"RENEGOTIATING" not in text and (more := client.stdout.read1()):
            text += more
        client.stdin.write(b"GET / HTTP/1.0\r\n\r\n")
        client.stdin.flush()
    while b"HTTP/1." not in text and (more := client.stdout.read1()):
        text += more
    client.kill()
    client.communicate()
    late.cancel()
    return b"RENEGOTIATING" in text and b"HTTP/1." in text, text


def no_renegotiation(report, bed):
    """A client that begins another handshake on its connection is cut off, on every listener with a certificate."""
    ports, client = certificate_listeners(bed)
    for name, port in ports.items():
        again, text = renegotiates(port, "-cert", client.cert, "-key", client.key)
        report.ok(not again and b"RENEGOTIATING" in text, f"{name}: no renegotiation", text)
    port = secure.pick_port()
    command = ["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-www", "-client_renegotiation", "-tls1_2", "-cert",
               client.cert, "-key", client.key]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            wait_for(lambda: psk.listens(port))
            again, text = renegotiates(port)
            report.ok(again, "a server that renegotiates is known by it", text)
        finally:
            server.kill()


def by_testssl(report, bed):
    """testssl.sh: versions, kinds of suites, known attacks."""
    ports, _ = certificate_listeners(bed)
    for name, sections in TESTSSL_SECTIONS:
        path = bed.path(f"testssl-{name}.json")
        done = subprocess.run(["testssl", *TESTSSL, *sections, "--jsonfile", path, f"127.0.0.1:{ports[name]}"],
                              capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=10 * SECONDS)
        try:
            with open(path, encoding="utf-8") as file:
                rows = {row["id"]: row for row in json.load(file)}
        except (OSError, ValueError):
            report.ok(False, f"testssl.sh on {name}", done.stdout + done.stderr)
            continue
        for version in ("SSLv2", "SSLv3", "TLS1", "TLS1_1"):
            report.ok("not offered" in rows[version]["finding"], f"{name}: {version} is not offered", rows[version])
        for version in ("TLS1_2", "TLS1_3"):
            report.ok(rows[version]["finding"].startswith("offered"), f"{name}: {version} is", rows[version])
        # It tells a connection that is closed by close_notify from a new handshake only when the end comes before that of
        # its own input; no_renegotiation waits for the end.
        rows.pop("secure_client_renego", None)
        bad = [r for r in rows.values() if r["severity"] in ("LOW", "MEDIUM", "HIGH", "CRITICAL", "FATAL")]
        report.ok(len(rows) > 12 and not bad, f"{name}: {len(rows)} findings, none of them bad", lambda b=bad: b)


# ---- objects by jose ----

def by_jose(report, bed):
    """An answer under object security is decrypted by the jose command, and one that jose cannot make is refused."""
    provider = Provider(bed).start()
    kmr = provider.issue("gscl-j")
    provider.administer("PUT", f"/nodes/{kmr.node.hex()}", {"flags": 0x6001})
    kmc = provider.connected(kmr, "gscl-j")
    with provider.session_b(kmc) as session:
        message = objects.seal(kmc, D2N, 1, "POST", "/m2m/scls", "application/xml", "<rubbish/>")
        answer = session.request("POST", "/m2m/scls", message,
                                 {"From": "https://gscl-j.example.org/m2m", "Content-Type": "application/jose"})
    report.ok(answer.status == 400 and answer.header("Content-Type") == "application/jose",
              "the answer is an object", lambda: repr(answer))
    key = bed.path("key.jwk")
    with open(key, "w", encoding="ascii") as file:
        json.dump({"kty": "oct", "alg": "A256GCM", "k": b64u(kmc.object_key(2))}, file)
    done = subprocess.run(["jose", "jwe", "dec", "-i", "-", "-k", key, "-O", "-"], input=answer.body, capture_output=True,
                          timeout=SECONDS)
    report.ok(done.returncode == 0 and b"errorInfo" in done.stdout, "jose decrypts it", done.stdout + done.stderr)


def needs(part, *tools):
    """The part, or that it is skipped; never where everything has to run."""
    def run(report, bed):
        missing = [f"{t} (package {TOOLS[t]})" for t in tools if shutil.which(t) is None]
        if not missing:
            part(report, bed)
        elif os.environ.get("CI"):
            report.ok(False, f"tools for {part.__name__}", ", ".join(missing))
        else:
            report.skip(part.__name__, "no " + ", ".join(missing))
    run.__doc__ = part.__doc__
    return run


if __name__ == "__main__":
    reports.run(needs(by_openssl, "openssl"), needs(by_gnutls, "openssl", "gnutls-cli"), needs(suites_refused, "openssl"),
                needs(by_sslscan, "openssl", "sslscan"), needs(no_renegotiation, "openssl"),
                needs(by_testssl, "openssl", "testssl"), needs(by_jose, "openssl", "jose"))
