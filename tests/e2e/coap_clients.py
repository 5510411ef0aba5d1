#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The clients of libcoap (OpenSSL, GnuTLS, without TLS) and openssl's DTLS against nscl."""

import concurrent.futures
import contextlib
import os
import re
import shutil
import subprocess
import threading
import time

from lib import report as reports
from lib import xml
from lib.bed import pick_port, wait_for
from lib.coap import COAP, CoapDaemon, Dtls
from lib.secure import Provider, listener, registration

CLIENTS = ("coap-client-notls", "coap-client-openssl", "coap-client-gnutls")
PACKAGE = "libcoap3-bin"
WHO = "http://127.0.0.1/e2e"
SECONDS = 30
REFUSED = 3         # seconds until a client that gets no session gives up
WATCHED = 3         # seconds that an observer of the command line watches
LARGE = 5000
CONTAINERS = "/m2m/applications/cli/containers"
PLACE = CONTAINERS + "/c/contentInstances"
XML = "41"


class Done:
    """What a run of a client said: code of the last response, path of what was created, payload."""

    def __init__(self, text, payload):
        codes = re.findall(r"^v:1 t:\w+ c:([2-5]\.\d\d) ", text, re.M)
        self.code, self.text, self.payload = codes[-1] if codes else None, text, payload
        # Of a response in blocks the first has it.
        created = re.search(r"^v:1 t:\w+ c:2\.01 .*Location-Path.*$", text, re.M)
        self.location = "/" + "/".join(re.findall(r"Location-Path:([^, \]]+)", created.group())) if created else ""

    def __repr__(self):
        return f"{self.code} {self.payload[:200]!r}\n{self.text[-1500:]}"


class Cli:
    """One of the clients; more: its options for DTLS."""

    def __init__(self, bed, program, base, who=WHO, more=()):
        self.bed, self.program, self.base, self.who, self.more = bed, program, base, who, list(more)
        self.count = 0

    def line(self, target, *options):
        """A command line."""
        mark = "&" if "?" in target else "?"
        return [self.program, *self.more, *options, f"{self.base}{target}{mark}RequestingEntity={self.who}"]

    def request(self, method, target, body=None, block=None):
        """One request."""
        self.count += 1
        out = self.bed.path(f"{self.program}.{self.count}")
        options = ["-v", "7", "-m", method, "-o", out, "-B", str(SECONDS)]
        if body is not None:
            with open(out + ".in", "w", encoding="utf-8") as file:
                file.write(body)
            options += ["-t", XML, "-f", out + ".in"]
        if block:
            options += ["-b", str(block)]
        done = subprocess.run(self.line(target, *options), capture_output=True, timeout=2 * SECONDS)
        payload = b""
        with contextlib.suppress(FileNotFoundError), open(out, "rb") as file:
            payload = file.read()
        return Done((done.stdout + done.stderr).decode(errors="replace"), payload)

    def watch(self, target):
        """An observer that ends by itself."""
        return subprocess.Popen(self.line(target, "-s", str(WATCHED), "-B", str(SECONDS)), stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT)


def creates(report, cli, name, place):
    """Create, read, refusal; both ways in blocks."""
    made = cli.request("post", place, xml.instance(f"by {name}"))
    report.equal(made.code, "2.01", f"{name}: create", made)
    read = cli.request("get", made.location)
    report.ok(read.code == "2.05" and f"by {name}".encode() in read.payload, f"{name}: read", read)
    report.equal(cli.request("get", place + "/none").code, "4.04", f"{name}: what is not there")
    content = f"{name} " + "b" * LARGE
    made = cli.request("post", place, xml.instance(content), 256)
    report.equal(made.code, "2.01", f"{name}: create in blocks of 256", made)
    for block in (None, 64):
        read = cli.request("get", made.location, None, block)
        report.ok(content.encode() in read.payload, f"{name}: read in blocks of {block or 'any size'}", read)
    report.equal(cli.request("delete", made.location).code, "2.02", f"{name}: delete")


def observes(report, clis, daemon):
    """All observers at a time: the state they came for, and what it became."""
    client = daemon.client()
    client.create(PLACE, xml.instance("before"))
    watchers = [cli.watch(PLACE + "/latest") for cli in clis]
    texts = {}
    readers = [threading.Thread(target=lambda w=w, n=n: texts.__setitem__(n, w.communicate(timeout=SECONDS)[0]))
               for n, w in enumerate(watchers)]
    for reader in readers:
        reader.start()
    time.sleep(WATCHED / 3)     # they have no way to say that they watch
    client.create(PLACE, xml.instance("between"))
    client.create(PLACE, xml.instance("after"))
    client.close()
    for reader in readers:
        reader.join()
    for number, cli in enumerate(clis):
        text = texts.get(number, b"")
        report.ok(b"before" in text and b"after" in text, f"{cli.program}: observes", text.decode(errors="replace"))


def present(report):
    """The clients that are installed."""
    found = [name for name in CLIENTS if shutil.which(name)]
    for name in set(CLIENTS) - set(found):
        report.skip(name, f"not installed (package {PACKAGE})")
    return found


def clear(report, bed):
    """Without DTLS."""
    names = present(report)
    if not names:
        return
    daemon = CoapDaemon(bed).start()
    client = daemon.client()
    client.create("/m2m/applications", xml.application("cli"))
    client.create(CONTAINERS, xml.container("c", 1000, 10**7))
    client.close()
    clis = [Cli(bed, name, f"coap://127.0.0.1:{daemon.coap_port}") for name in names]
    for cli in clis:
        creates(report, cli, cli.program, PLACE)
    observes(report, clis, daemon)


class CoapProvider(Provider):
    """One whose nodes may come over DTLS."""

    def __init__(self, bed, **more):
        self.coaps_port, self.coap_port = pick_port(), pick_port()
        super().__init__(bed, **more)

    def _listeners(self, address, serves, psk_more):
        yield from super()._listeners(address, serves, psk_more)
        yield listener(self.coaps_port, "psk", ["mid"], protocol="coap")
        yield COAP.format(port=self.coap_port, serve='"mia"')


def issued(provider, name):
    """Kmc of a node whose key for DTLS can stand in a command line: it has no NUL."""
    for number in range(100):
        scl_id = f"{name}-{number}.example.org"
        kmc = provider.connected(provider.issue(scl_id), scl_id)
        if b"\0" not in kmc.psk(2):
            return scl_id, kmc
    raise AssertionError("all keys have a NUL")


def by_clients(report, bed):
    """DTLS with a pre-shared key: clients of libcoap register an SCL and work below it."""
    names = [name for name in present(report) if not name.endswith("notls")]
    if not names:
        return
    provider = CoapProvider(bed).start()
    base = f"coaps://127.0.0.1:{provider.coaps_port}"
    for name in names:
        scl_id, kmc = issued(provider, name.replace("coap-client-", "cli-"))
        cli = Cli(bed, name, base, f"coaps://{scl_id}/m2m", ["-u", kmc.identity(2), "-k", os.fsdecode(kmc.psk(2))])
        made = cli.request("post", "/m2m/scls", registration(scl_id, f"coaps://{scl_id}/m2m"))
        report.equal(made.code, "2.01", f"{name}: registers by DTLS-PSK", made)
        place = f"/m2m/scls/{scl_id}/containers"
        report.equal(cli.request("post", place, xml.container("c", 100, 10**6, right=None)).code, "2.01", f"{name}: container")
        creates(report, cli, f"{name} with DTLS", f"{place}/c/contentInstances")
        known = kmc.identity(2)
        wrong = [Cli(bed, name, base, cli.who, ["-u", u, "-k", "wrong key"]) for u in (known, "nobody")]
        lines = [w.line("/m2m", "-v", "7", "-B", str(REFUSED)) for w in wrong]
        ends = [subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) for line in lines]
        for title, end in zip(("with a wrong key", "as nobody"), ends):
            text = end.communicate(timeout=SECONDS)[0].decode(errors="replace")
            report.ok(Done(text, b"").code is None, f"{name}: not {title}", text)


def by_openssl(report, bed):
    """DTLS by openssl s_client: suites of pre-shared keys, versions, wrong keys."""
    provider = CoapProvider(bed, name="nscl-openssl").start()
    kmr = provider.issue("ossl.example.org")
    kmc = provider.connected(kmr, "ossl.example.org")
    who = "coaps://ossl.example.org/m2m"

    def code(identity, key, *more, timeout=SECONDS):
        line = ("-psk", key.hex(), "-psk_identity", identity, *more)
        with contextlib.closing(Dtls(provider.coaps_port, *line)) as session:
            return session.get("/m2m", who, timeout)[0]

    good = kmc.identity(2), kmc.psk(2)
    report.equal(code(*good), "2.05", "openssl: DTLS-PSK")
    bad = {f"with {s}": (*good, "-cipher", s + ":@SECLEVEL=0") for s in ("PSK-AES128-CCM8", "PSK-AES128-GCM-SHA256",
                                                                        "PSK-NULL-SHA256")}
    bad.update({"with a wrong key": (kmc.identity(2), bytes(32)), "as nobody": ("nobody", kmc.psk(2)),
                "with the key of TLS 1.3": (kmc.identity(3), kmc.psk(3))})
    with concurrent.futures.ThreadPoolExecutor(len(bad)) as pool:
        codes = pool.map(lambda line: code(*line, timeout=REFUSED), bad.values())
    for title, found in zip(bad, codes):
        report.equal(found, None, f"openssl: not {title}")
    provider.revoke(kmr.node)
    gone = wait_for(lambda: code(*good, timeout=2) is None, 10)
    report.ok(gone, "openssl: not when it is revoked")


if __name__ == "__main__":
    reports.run(clear, by_clients, by_openssl)
