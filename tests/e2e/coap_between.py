#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What is sent over CoAP: notifications, requests to applications and to other SCLs, and from HTTP to CoAP and back."""

from concurrent.futures import ThreadPoolExecutor

from lib import report as reports
from lib import xml
from lib.bed import wait_for
from lib.coap import CoapDaemon
from lib.lossy import GOOD, Line, Lossy
from lib.notices import Receiver
from lib.report import LONG

SEEDS = range(6) if LONG else range(1)
WRITERS, WRITES = 8, 3
LONG_TEXT = "x" * 5000
CONTENTS = "/m2m/applications/a/containers/c/contentInstances"
LATEST = f"{CONTENTS}/latest/content"


def notifications(report, bed):
    """A contact that is coap is notified, in blocks when it is much."""
    nscl, receiver = CoapDaemon(bed).start(), bed.add(Receiver(coap=True))
    client, sink = nscl.client(), receiver.open()
    client.create("/m2m/applications", xml.application("a"))
    client.create("/m2m/applications/a/containers", xml.container("c"))
    report.equal(client.post(f"{CONTENTS}/subscriptions", xml.subscription(sink.url)).status, 201, "a coap contact")
    for text in ("short", LONG_TEXT):
        client.create(CONTENTS, xml.instance(text))

    # In two notifications, or in one when the second was there before the first had left.
    def told(messages):
        return [i for m in messages if xml.text(m.xml(), "representation") for i in xml.instances(m.representation().xml())]
    report.ok(sink.wait_until(lambda messages: len(told(messages)) >= 2), "both are notified", nscl.log_tail)
    report.ok(max(len(m.body) for m in sink.messages()) > len(LONG_TEXT), "one of them in blocks", sink.messages())
    report.equal(receiver.server.duplicates, 0, "and nothing twice")
    client.close()


def applications(report, bed):
    """aPoC coap for who asks over HTTP, and aPoC http for who asks over CoAP."""
    nscl = CoapDaemon(bed).start()
    client, device = nscl.client(), nscl.coap()
    for coap in (True, False):
        sink = bed.add(Receiver(coap=coap)).open(status=200, media_type="text/plain", body=LONG_TEXT.encode())
        name = "lamp" if coap else "heater"
        client.create("/m2m/applications", xml.application(name, apoc=sink.url, paths=["room/"]))
        target = f"/m2m/applications/{name}/room/1?level=a%26b"
        over_http, over_coap = client.get(target), device.get(target)
        report.ok(over_http.status == 200 and over_http.body == LONG_TEXT.encode(), f"{name}: HTTP", over_http)
        report.ok(over_coap.code == "2.05" and over_coap.body == LONG_TEXT.encode(), f"{name}: CoAP", over_coap)
        asked = sorted(m.path for m in sink.messages())
        report.ok(len(asked) == 2 and all(p.endswith("/room/1?level=a%26b") for p in asked), f"{name}: what was asked", asked)
        put = device.request("PUT", f"/m2m/applications/{name}/room/1", LONG_TEXT, kind="text/plain")
        report.ok(put.code in ("2.04", "2.05"), f"{name}: PUT in blocks", put)
        report.equal(sink.messages()[-1].body, LONG_TEXT.encode(), f"{name}: as it was sent")
    gone = "coap://127.0.0.1:9/x"
    client.create("/m2m/applications", xml.application("gone", apoc=gone, paths=["p"]))
    report.equal(client.get("/m2m/applications/gone/p").status, 502, "nobody is there")
    client.close()
    device.close()


def between(report, bed):
    """gscl knows nscl by coap alone, and nscl reaches it by coap."""
    nscl = CoapDaemon(bed).start()
    gscl = CoapDaemon(bed, "gscl", nscl=nscl)
    gscl.options += [f"register.nscl=coap://127.0.0.1:{nscl.coap_port}/m2m",
                     f"register.contact_uri=coap://127.0.0.1:{gscl.coap_port}/m2m"]
    gscl.start()
    if not report.ok(gscl.registered_at(nscl) is not None, "registered over CoAP", bed.logs):
        return
    at_gscl, at_nscl, device = gscl.client(), nscl.client(), nscl.coap()
    at_gscl.create("/m2m/applications", xml.application("a"))
    at_gscl.create("/m2m/applications/a/containers", xml.container("c"))
    at_gscl.create(CONTENTS, xml.instance(LONG_TEXT))
    # Its name is that of its first listener; its point of contact is coap.
    there = gscl.origin
    read = at_nscl.get(there + LATEST)
    report.ok(read.status == 200 and read.body == LONG_TEXT.encode(), "HTTP, then CoAP", (read, bed.logs()))
    read = device.get(there + LATEST)
    report.ok(read.code == "2.05" and read.body == LONG_TEXT.encode(), "CoAP, then CoAP", read)
    made = device.post(there + CONTENTS, xml.instance("2"))
    report.ok(made.code == "2.01", "a create through the NSCL", made)
    report.equal(at_gscl.get(LATEST).body, b"2", "and it is there")
    tagged = at_gscl.get(f"coap://127.0.0.1:{nscl.coap_port}/m2m/scls/{gscl.scl_id}")
    report.equal(tagged.status, 200, "HTTP to gscl, CoAP to nscl")
    missing = device.get(there + "/m2m/applications/none")
    report.equal(missing.code, "4.04", "what is not there")
    nscl.kill()
    nscl.start()
    at_nscl = nscl.client()
    report.ok(wait_for(lambda: at_nscl.get(there + LATEST).status == 200), "after kill -9 of nscl", bed.logs)
    for client in (at_gscl, at_nscl, device):
        client.close()


def written(client, target, text):
    """Writes it; the text when that was acknowledged."""
    made = client.post(target, xml.instance(text))
    return text if made.status == 201 else None


def contents(client):
    """What is in the container."""
    return [node.text for node in client.get(CONTENTS).xml().iter(xml.q("textContent"))]


def bad_line(report, bed):
    """mId over a line that loses, doubles and reorders: what was acknowledged is there once, nothing is there twice."""
    for seed in SEEDS:
        nscl = CoapDaemon(bed, name=f"nscl{seed}").start()
        line = bed.add(Lossy(nscl.coap_port, seed, GOOD))
        gscl = CoapDaemon(bed, "gscl", name=f"gscl{seed}", nscl=nscl)
        nscl_uri = f"coap://127.0.0.1:{line.port}"
        gscl.options.append(f"register.nscl={nscl_uri}/m2m")
        gscl.start()
        if not report.ok(gscl.registered_at(nscl) is not None, f"seed {seed}: registered", bed.logs):
            return
        at_nscl = nscl.client()
        at_nscl.create("/m2m/applications", xml.application("a"))
        at_nscl.create("/m2m/applications/a/containers", xml.container("c", nr=1000))
        line.line = Line(loss=0.2 if LONG else 0.1)

        def write(number, gscl=gscl, uri=nscl_uri):
            client = gscl.client(timeout=120)
            texts = [f"{number}.{n}." + "y" * (n * 600) for n in range(WRITES)]
            done = [written(client, uri + CONTENTS, text) for text in texts]
            client.close()
            return texts, done
        with ThreadPoolExecutor(WRITERS) as pool:
            results = list(pool.map(write, range(WRITERS)))
        line.line = GOOD
        sent = [text for texts, _ in results for text in texts]
        done = [text for _, texts in results for text in texts if text]
        there = contents(at_nscl)
        report.equal(len(there), len(set(there)), f"seed {seed}: nothing is there twice", line.counts())
        report.equal(sorted(set(done) - set(there)), [], f"seed {seed}: what was acknowledged is there")
        report.equal(sorted(set(there) - set(sent)), [], f"seed {seed}: and whole")
        report.ok(len(done) > len(sent) * 3 // 4, f"seed {seed}: most of it was acknowledged", (len(done), len(sent)))
        at_nscl.close()


if __name__ == "__main__":
    reports.run(notifications, applications, between, bad_line)
