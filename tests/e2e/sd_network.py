#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Small data at nscl: keys of devices, bundles of other implementations, contentInstances, numbers, what is refused."""

import base64
import json
import os
import random
import signal
import threading
import time

from lib import psk
from lib import report as reports
from lib import smalldata as sd
from lib import xml
from lib.bed import wait_for
from lib.client import Client, NotSent, Unknown
from lib.secure import APP, Provider

ROUNDS = 40 if reports.LONG else 4
CONTAINERS = "/m2m/applications/app/containers"


def network(bed, **more):
    """An NSCL that takes small data, with a container for everybody."""
    settings = {"sd": {"enabled": True, **more.pop("sd", {})}, **more.pop("settings", {})}
    provider = Provider(bed, msbf=False, settings=settings, **more).start()
    client = provider.client(APP)
    client.create("/m2m/applications", xml.application("app"))
    for name in (f"dev-{i}" for i in range(1, 5)):
        client.create("/m2m/applications/app/containers", xml.container(name, nr=100000, size=1 << 24))
    client.close()
    return provider


def content(provider, device, seq):
    """The payload of one instance, or its status."""
    client = provider.client(APP)
    answer = client.get(f"{device.container}/contentInstances/sd-{seq}")
    client.close()
    if answer.status != 200:
        return answer.status
    document = answer.xml()
    return base64.b64decode(xml.text(document, "binaryContent") or ""), document


def keys(report, bed):
    """keys: who registers them, who reads them"""
    provider = network(bed)
    signer = sd.Signer(bed)
    one, two = sd.Device(provider, "dev-1", signer), sd.Device(provider, "dev-2", signer)
    answer = one.register()
    report.equal((answer.status, json.loads(answer.body)), (201, {"seq": 0}), "a device registers its keys")
    answer = one.register()
    report.equal((answer.status, json.loads(answer.body)), (200, {"seq": 0}), "and again")
    answer = two.session.request("GET", one.path, headers={"Accept": sd.JSON})
    document = json.loads(answer.body)
    report.equal((answer.status, document), (200, {"deviceId": one.node.hex(), **one.keys(
        bls=one.keys()["bls"]["pk"] if one.bls else None)}), "another node reads them")
    tag = answer.header("ETag")
    answer = two.session.request("GET", one.path, headers={"Accept": sd.JSON, "If-None-Match": tag})
    report.equal((answer.status, answer.body), (304, b""), "by its tag")
    report.equal(one.register(bls=None).status, 200, "a key less")
    answer = two.session.request("GET", one.path, headers={"Accept": sd.JSON, "If-None-Match": tag})
    report.equal((answer.status, "bls" in json.loads(answer.body)), (200, False), "is another document")
    report.equal(two.register(path=one.path).status, 403, "nobody registers keys of another")
    report.equal(two.session.request("DELETE", one.path).status, 403, "or takes them away")
    report.equal(two.session.request("GET", two.path).status, 404, "who has none")
    clear = provider.client(APP)
    report.ok(clear.get(one.path).status in (401, 404), "without a service connection there is nothing")
    clear.close()
    rows = {"no container": {"container": None}, "a container elsewhere": {"container": "/other/a"},
            "a short key": {"ed25519": sd.b64u(bytes(31))}, "a key of small order": {"ed25519": sd.b64u(bytes(32))},
            "no base64": {"ed25519": "*" * 43}, "an unknown member": {"more": 1}, "a number": {"container": 1},
            "half a key": {"bls": {"pk": sd.b64u(bytes(96))}}, "a query": {"container": "/m2m/containers/a?b"},
            "a long path": {"container": "/m2m/containers/" + "a" * 300}, "no slash": {"container": "/m2m"},
            "an application": {"container": "/m2m/applications/app"}, "a path of its aPoC": {"container": "/m2m/applications/app/there"},
            "below that": {"container": "/m2m/applications/app/there/containers/a"},
            "members of a group": {"container": "/m2m/groups/all/membersContent/containers/a"},
            "below a container": {"container": f"{one.container}/latest"}, "an empty name": {"container": "/m2m//containers/a"}}
    for name, more in rows.items():
        report.equal(one.register(**more).status, 400, f"{name}: 400")
    for name, body in {"empty": b"", "cut": b'{"container":"/m2m/a"', "a list": b"[]", "2049 octets": b" " * 2049}.items():
        with provider.session_b(one.kmc) as session:
            status = session.request("PUT", one.path, body, {"Content-Type": sd.JSON}).status
        report.equal(status, 413 if len(body) > 2048 else 400, f"{name}: refused")
    report.equal(one.session.request("PUT", one.path, b"{}", {"Content-Type": "text/plain"}).status, 415, "another type")
    report.equal(one.session.request("POST", one.path, b"{}", {"Content-Type": sd.JSON}).status, 405, "another method")
    report.equal(one.session.request("GET", "/m2m/sdKeys/xyz").status, 404, "no node id")
    report.equal(one.session.request("DELETE", one.path).status, 204, "it takes its keys away")
    report.equal(one.session.request("DELETE", one.path).status, 404, "once")
    report.equal(one.session.request("GET", one.path).status, 404, "and they are gone")
    clean(report, provider)


def clean(report, provider):
    """The daemon stops by itself."""
    report.equal(provider.stop()[0], 0, "it stops")


def ed25519(report, bed):
    """readings with signatures of their own: accepted once, each refusal by itself"""
    provider = network(bed)
    one, two = sd.Device(provider, "dev-1").registered(), sd.Device(provider, "dev-2").registered()
    gateway = sd.gateway(provider)
    first = sd.signed(sd.ED25519, [(one, one.reading(b"21.5")), (two, two.reading(b"\0")), (one, one.reading(bytes(range(256)) * 2))])
    report.equal(sd.post(gateway, first), (202, {"accepted": 3, "rejected": [], "excluded": []}), "three readings of two devices")
    for device, seq, payload in ((one, 1, b"21.5"), (one, 2, bytes(range(256)) * 2), (two, 1, b"\0")):
        got = content(provider, device, seq)
        report.ok(got != 404 and got[0] == payload, f"{device.name}: {seq} is there", got)
    tags = [e.text for e in content(provider, one, 2)[1].iter() if e.tag.endswith("searchString")]
    report.equal(tags, [f"signer:{one.node.hex()}", "seq:2"], "with its signer and number")
    told = sd.reasons(sd.post(gateway, first))
    report.equal(told, (202, 0, dict.fromkeys(range(3), "SD_REPLAY")), "the same again")
    pairs = [(one, one.reading(b"a")), (two, two.reading(b"b")), (one, one.reading(b"c"))]
    octets = bytearray(sd.signed(sd.ED25519, pairs))
    octets[-100] ^= 1
    report.equal(sd.reasons(sd.post(gateway, bytes(octets))), (202, 2, {1: "SD_SIGNATURE"}), "one signature is wrong")
    report.equal(sd.reasons(sd.post(gateway, sd.signed(sd.ED25519, pairs))), (202, 1, {0: "SD_REPLAY", 2: "SD_REPLAY"}),
                 "right, the others were there")
    last = [(one, one.reading(b"9", seq=9)), (one, one.reading(b"8", seq=8))]
    report.equal(sd.reasons(sd.post(gateway, sd.signed(sd.ED25519, last))), (202, 2, {}), "out of order in a bundle")
    report.equal(sd.reasons(sd.post(gateway, sd.signed(sd.ED25519, [(one, one.reading(b"7", seq=7))]))), (202, 0, {0: "SD_REPLAY"}),
                 "not behind it")
    same = [(one, one.reading(b"x", seq=11)), (one, one.reading(b"y", seq=11))]
    report.equal(sd.reasons(sd.post(gateway, sd.signed(sd.ED25519, same)))[:2], (202, 1), "of two with one number one")
    pair = (one, one.reading(b"z", seq=12))
    told = sd.reason(sd.post(gateway, sd.signed(sd.ED25519, [pair, pair])))
    report.equal(told, (400, "SD_DUPLICATE"), "a reading twice")
    three = sd.Device(provider, "dev-3")
    told = sd.reason(sd.post(gateway, sd.signed(sd.ED25519, [(three, three.reading(b"a"))])))
    report.equal(told, (403, "SD_NO_KEY"), "nobody that is known")
    told = sd.reasons(sd.post(gateway, sd.signed(sd.ED25519, [(three, three.reading(b"a")), pair])))
    report.equal(told, (202, 1, {0: "SD_NO_KEY"}), "beside somebody that is")
    own, three.container = three.container, f"{CONTAINERS}/none"
    three.registered()
    told = sd.reasons(sd.post(gateway, sd.signed(sd.ED25519, [(three, three.reading(b"a", seq=1))])))
    report.equal(told, (202, 0, {0: "SD_CONTAINER"}), "a container that is not there")
    three.container = one.container
    three.registered()
    told = sd.reasons(sd.post(gateway, sd.signed(sd.ED25519, [(three, three.reading(b"a", seq=1))])))
    report.equal(told, (202, 0, {0: "SD_CONTAINER"}), "that of another, where this number is taken")
    three.container = own
    three.registered()
    told = sd.reasons(sd.post(gateway, sd.signed(sd.ED25519, [(three, three.reading(b"a", seq=1))])))
    report.equal(told, (202, 1, {}), "its own: the same reading")
    sealed = sd.signed(sd.ED25519, [(three, three.reading(b"e.y..J.x", seq=20))], flags=sd.ENCRYPTED)
    report.equal(sd.reasons(sd.post(gateway, sealed)), (202, 1, {}), "an encrypted payload")
    kind = [e.attrib for e in content(provider, three, 20)[1].iter() if e.tag.endswith("}content")]
    report.ok("application/jose" in str(kind), "is told to be one", kind)
    good = sd.signed(sd.ED25519, [(three, three.reading(b"a", seq=30))])
    bad = {"empty": b"", "cut": good[:-1], "longer": good + b"\0", "another magic": b"MSB2" + good[4:], "no reading": good[:6] + bytes(2) + good[8:],
           "algorithm 0": good[:4] + b"\0" + good[5:], "algorithm 5": good[:4] + b"\5" + good[5:], "flags": good[:5] + b"\2" + good[6:],
           "a long payload": good[:68] + b"\xff\xff" + good[70:]}
    for name, octets in bad.items():
        report.equal(sd.reason(sd.post(gateway, octets)), (400, "SD_FORMAT"), f"{name}: SD_FORMAT")
    report.equal(sd.post(gateway, good, **{"Content-Type": "text/plain"})[0], 415, "another type")
    with provider.session_b(one.kmc) as session:
        report.equal(sd.post(session, bytes((1 << 20) + 1))[0], 413, "more than a mebioctet")
    report.equal(sd.reasons(sd.post(gateway, good)), (202, 1, {}), "a good one after all that")
    clear = Client("127.0.0.1", provider.port, APP)
    told = sd.reasons(sd.post(clear, sd.signed(sd.ED25519, [(three, three.reading(b"b", seq=31))])))
    report.equal(told, (202, 1, {}), "without a session: the signature is the proof")
    told = sd.reason(sd.post(clear, sd.signed(sd.ED25519, [(three, three.reading(b"b", seq=40 + i)) for i in range(200)])))
    report.equal(told, (413, "SD_BUDGET"), "but not for much work")
    clear.close()
    counters = provider.administer("GET", "/counters")
    report.ok(counters["smalldata_accepted"] >= 10 and counters["smalldata_rejected{reason=SD_SIGNATURE}"] == 1,
              "counted", {k: v for k, v in counters.items() if k.startswith("smalldata")})
    provider.revoke(three.node)
    told = wait_for(lambda: sd.reason(sd.post(gateway, sd.signed(sd.ED25519, [(three, three.reading(b"b", seq=50))]))) ==
                    (403, "SD_NO_KEY"))
    report.ok(told, "a node that was revoked has no keys any more")
    clean(report, provider)


def altered(good, flags):
    """{name: octets}: each octet another that a signature covers, each length, more. Gateway and number of a bundle say nothing."""
    for at in range(len(good)):
        if not 12 <= at < 36:
            yield f"octet {at}", good[:at] + bytes([good[at] ^ (flags if at == 5 else 1 << at % 8)]) + good[at + 1:]
    for n in range(0, len(good), 1 if reports.LONG else 9):
        yield f"cut to {n}", good[:n]
    for n in (1, 34, 64):
        yield f"{n} more", good + bytes(n)


def tampered(report, bed):
    """a bundle, each octet another, cut, extended, again, out of order: refused, counted, nothing changes"""
    provider = network(bed)
    one, gateway = sd.Device(provider, "dev-1").registered(), sd.gateway(provider)
    report.equal(sd.reasons(sd.post(gateway, sd.signed(sd.ED25519, [(one, one.reading(b"first"))]))), (202, 1, {}), "one before")

    def count():
        return sum(v for k, v in provider.administer("GET", "/counters").items() if k.startswith(("smalldata_rejected", "smalldata_refused")))
    good = sd.signed(sd.ED25519, [(one, one.reading(b"payload"))])
    before, refused, wrong = count(), 0, []
    with provider.session_b(gateway.kmc) as session:
        for name, octets in altered(good, 0x80):
            told = sd.post(session, octets)
            if told[0] not in (400, 403) and sd.reasons(told)[:2] != (202, 0):
                wrong.append((name, told))
            refused += 1
    report.equal(wrong, [], f"{refused} of them are refused")
    report.equal(count() - before, refused, "each is counted")
    report.equal(json.loads(one.register().body), {"seq": 1}, "the number is as it was")
    report.equal(content(provider, one, 2), 404, "and nothing is there")
    later = sd.signed(sd.ED25519, [(one, one.reading(b"later"))])
    report.equal(sd.reasons(sd.post(gateway, later)), (202, 1, {}), "one behind it")
    for name, octets in {"the one before it, late": good, "again": later}.items():
        report.equal(sd.reasons(sd.post(gateway, octets)), (202, 0, {0: "SD_REPLAY"}), name)
    report.equal(json.loads(one.register().body), {"seq": 3}, "the number is that of the last")
    body = json.dumps(one.keys()).encode()
    keys_before = gateway.request("GET", one.path, headers={"Accept": sd.JSON}).body
    statuses = set()
    with provider.session_b(one.kmc) as session:
        for n in range(0, len(body), 1 if reports.LONG else 7):
            statuses.add(session.request("PUT", one.path, body[:n], {"Content-Type": sd.JSON}).status)
    report.equal(statuses, {400}, "keys that are cut anywhere are refused")
    report.equal(gateway.request("GET", one.path, headers={"Accept": sd.JSON}).body, keys_before, "and stay what they were")
    clean(report, provider)


STEP = 1 if reports.LONG else 7


def refusals(provider):
    """How many readings, bundles and keys were refused."""
    return sum(v for k, v in provider.administer("GET", "/counters").items() if k.startswith("smalldata_") and ("rejected" in k or "refused" in k))


def each_refused(report, provider, name, send, mutants):
    """Each of {name: octets} is refused, and counted."""
    wrong, n = [], 0
    for what, octets in mutants:
        before, told = refusals(provider), send(octets)
        taken = told[0] not in (400, 403) and sd.reasons(told)[:2] != (202, 0)
        if taken or refusals(provider) <= before:
            wrong.append((what, told))
        n += 1
    report.equal(wrong, [], f"{name}: {n} of them are refused, and each is counted")


def octets_of(good, flags=0x80):
    """What altered has, some of it in the short form, always the first octets and those of signatures."""
    for i, one in enumerate(altered(good, flags)):
        if i % STEP == 0 or i < 12:
            yield one


def mutated(report, bed):
    """aggregates, single signatures and keys, each octet another, cut, extended: refused, counted, nothing changes"""
    provider, signer = network(bed), sd.Signer(bed)
    if signer.absent:
        report.skip("@noble/curves", signer.why_not)
        return
    devices = [sd.Device(provider, f"dev-{i}", signer) for i in (1, 2)]
    if devices[0].register().status == 501:
        report.skip("aggregates", "built without pairing")
        return
    for device in devices:
        device.registered().fetch_identity()
    gateway, one = sd.gateway(provider), devices[0]
    pairs = [(d, d.reading(b"first")) for d in devices]
    report.equal(sd.reasons(sd.post(gateway, sd.signed(sd.BLS, pairs))), (202, 2, {}), "one before")
    pairs = [(d, d.reading(b"payload")) for d in devices]
    bundles = {"an aggregate": sd.signed(sd.BLS, pairs), "an identity-based one": sd.signed_identity(pairs),
               "a single signature": sd.signed(sd.BLS_SINGLE, pairs[:1])}
    with provider.session_b(gateway.kmc) as session:
        for name, good in bundles.items():
            each_refused(report, provider, name, lambda octets: sd.post(session, octets), octets_of(good))
    report.equal([json.loads(d.register().body) for d in devices], [{"seq": 1}] * 2, "the numbers are as they were")
    report.equal([content(provider, d, 2) for d in devices], [404, 404], "and nothing is there")
    before = gateway.request("GET", one.path, headers={"Accept": sd.JSON}).body
    keys_mutated(report, provider, one)
    report.equal(gateway.request("GET", one.path, headers={"Accept": sd.JSON}).body, before, "the keys stay what they were")
    report.equal(sd.reasons(sd.post(gateway, bundles["a single signature"])), (202, 1, {}), "what was altered, as it was: accepted")
    another = sd.gateway(provider, "gw-2")
    report.equal(sd.reasons(sd.post(another, bundles["an aggregate"])), (202, 1, {0: "SD_REPLAY"}), "also in the aggregate")
    clean(report, provider)


def keys_mutated(report, provider, device):
    """A registration with another octet in a point, in its proof or in the path."""
    good = device.keys()
    with provider.session_b(device.kmc) as session:
        def put(body):
            answer = session.request("PUT", device.path, body, {"Content-Type": sd.JSON, "Accept": sd.JSON})
            return answer.status, {}
        for member in ("pk", "pop"):
            octets = sd.unb64u(good["bls"][member])
            each_refused(report, provider, member, put, (
                (f"octet {at}", json.dumps({**good, "bls": {**good["bls"], member: sd.b64u(
                    octets[:at] + bytes([octets[at] ^ (0x20 if at == 0 else 1 << at % 8)]) + octets[at + 1:])}}).encode())
                for at in range(0, len(octets), STEP)))
        path = good["container"].encode()
        body = json.dumps(good).encode()
        each_refused(report, provider, "container", put, (
            (f"octet {at}", body.replace(path, path[:at] + bytes([path[at] ^ 0x80]) + path[at + 1:])) for at in range(0, len(path), STEP)))
        short = [b"", b"/", b"/m2m", b"/m2m/", path + b"/", path + b"?a", path.replace(b"/m2m", b"/m3m")]
        each_refused(report, provider, "a path that is none", put, ((p.decode(), body.replace(path, p)) for p in short))


def aggregates(report, bed):
    """one signature of many: by another implementation, wrong ones, culprits, exclusion"""
    provider, signer = network(bed), sd.Signer(bed)
    if signer.absent:
        report.skip("@noble/curves", signer.why_not)
        return
    devices = [sd.Device(provider, f"dev-{i}", signer) for i in range(1, 5)]
    answer = devices[0].register()
    if answer.status == 501:
        report.skip("aggregates", "built without pairing")
        return
    for device in devices:
        device.registered()
    kmr = provider.issue("gw-1")
    gateway = sd.Node(provider, provider.connected(kmr, "gw-1"))
    terms = json.loads(gateway.request("GET", "/m2m/smallData", headers={"Accept": sd.JSON}).body)
    report.ok({1, 2, 3} <= set(terms["algs"]) and terms["limits"] == {"readings": 1024, "payload": 512, "octets": 1 << 20} and
              terms["costs"]["bls"] > terms["costs"]["ed25519"] > 0, "what it takes, and what that costs", terms)

    def readings(n=2, who=devices):
        return [(d, d.reading(b"reading %d" % i)) for i in range(n) for d in who]
    for alg, name in ((sd.BLS, "one aggregate"), (sd.BLS_SINGLE, "one by one")):
        pairs = readings()
        report.equal(sd.reasons(sd.post(gateway, sd.signed(alg, pairs))), (202, len(pairs), {}), f"{name}: accepted")
        report.equal(sd.reasons(sd.post(gateway, sd.signed(alg, pairs)))[:2], (202, 0), f"{name}: once")
    old, new = pairs[:4], readings(1)
    report.equal(sd.reasons(sd.post(gateway, sd.signed(sd.BLS, old + new))), (202, 4, dict.fromkeys(range(4), "SD_REPLAY")),
                 "what is new in an aggregate with old ones")
    pairs = readings()
    good = sd.signed(sd.BLS, pairs)
    altered = good.replace(b"reading 1", b"reading 7", 1)
    report.equal(sd.reason(sd.post(gateway, altered)), (400, "SD_AGGREGATE"), "one payload is another")
    single = bytearray(sd.signed(sd.BLS_SINGLE, pairs))
    at = len(single) - 48 * len(pairs)
    single[at:at + 48], single[at + 48:at + 96] = single[at + 48:at + 96], single[at:at + 48]
    told = sd.reasons(sd.post(gateway, bytes(single)))
    report.equal(told, (202, len(pairs) - 2, {0: "SD_SIGNATURE", 1: "SD_SIGNATURE"}), "one by one the culprits are named")
    report.equal(sd.reasons(sd.post(gateway, good))[:2], (202, 0), "a later number of theirs was taken: these are too late")
    spoiler, others = devices[0], devices[1:]
    for turn in range(2):
        pair = (spoiler, spoiler.reading(b"x"))
        wrong = sd.bundle(sd.BLS_SINGLE, [pair[1]], others[0].single(pair[1])[0])
        told = sd.post(gateway, wrong)
        report.equal(sd.reasons(told), (202, 0, {0: "SD_SIGNATURE"}), f"wrong signature {turn + 2}")
    excluded = [row["deviceId"] for row in told[1]["excluded"]]
    report.equal(excluded, [spoiler.node.hex()], "after three it is excluded")
    pairs = [(spoiler, spoiler.reading(b"y")), *readings(1, others)]
    told = sd.post(gateway, sd.signed(sd.BLS, pairs))
    report.equal((sd.reason(told), told[1]["rejected"]), ((403, "SD_EXCLUDED"), [{"index": 0, "reason": "SD_EXCLUDED"}]),
                 "from aggregates by that gateway, of which nothing is taken")
    report.equal(sd.reasons(sd.post(gateway, sd.signed(sd.BLS, pairs[1:]))), (202, 3, {}), "the others are")
    provider.kill()
    provider.start()
    gateway, another = sd.Node(provider, provider.connected(kmr, "gw-1")), sd.gateway(provider, "gw-2")
    told = sd.post(gateway, sd.signed(sd.BLS, [pairs[0], *readings(1, others)]))
    report.equal(sd.reason(told), (403, "SD_EXCLUDED"), "also after kill -9")
    report.equal(sd.reasons(sd.post(gateway, sd.signed(sd.BLS_SINGLE, pairs[:1]))), (202, 1, {}), "by itself it is heard")
    told = sd.post(another, sd.signed(sd.BLS, readings(1)))
    report.equal((sd.reasons(told), told[1]["excluded"]), ((202, 4, {}), []), "another gateway is not concerned")
    for _ in range(4):
        one = (others[1], others[1].reading(b"x"))
        told = sd.post(another, sd.bundle(sd.BLS_SINGLE, [one[1]], spoiler.single(one[1])[0]))
    report.equal([row["deviceId"] for row in told[1]["excluded"]], [others[1].node.hex()], "whose wrong signatures exclude there alone")
    report.equal(sd.reason(sd.post(another, sd.signed(sd.BLS, readings(1)))), (403, "SD_EXCLUDED"), "from its aggregates")
    report.equal(sd.reasons(sd.post(gateway, sd.signed(sd.BLS, readings(1, others)))), (202, 3, {}), "not from those of the first")
    clear = Client("127.0.0.1", provider.port, APP)
    for _ in range(4):
        one = (others[0], others[0].reading(b"x"))
        sd.post(clear, sd.bundle(sd.BLS_SINGLE, [one[1]], spoiler.single(one[1])[0]))
    clear.close()
    report.equal(sd.reasons(sd.post(gateway, sd.signed(sd.BLS, readings(1, others)))), (202, 3, {}),
                 "nobody without a session spoils the name of another")
    clean(report, provider)


def identities(report, bed):
    """the identity-based scheme: keys of the generator at the MAS, signatures by another implementation"""
    provider, signer = network(bed), sd.Signer(bed)
    if signer.absent:
        report.skip("@noble/curves", signer.why_not)
        return
    devices = [sd.Device(provider, f"dev-{i}", signer).registered(ed25519=None, bls=None) for i in range(1, 4)]
    gateway = sd.gateway(provider)
    if devices[0].session.request("GET", "/m2m/sdKeys/identity").status == 501:
        report.skip("identities", "built without pairing")
        return
    for device in devices:
        report.ok(device.fetch_identity(), f"{device.name} has a key, which is that of its generator")
    report.equal(sorted({d.identity["generator"] for d in devices}), [devices[0].identity["generator"]], "all of one")
    terms = json.loads(gateway.request("GET", "/m2m/smallData", headers={"Accept": sd.JSON}).body)
    report.equal((terms.get("generator"), 4 in terms["algs"]), (devices[0].identity["generator"], True), "which everybody may know")
    pairs = [(d, d.reading(b"reading")) for d in devices]
    report.equal(sd.reasons(sd.post(gateway, sd.signed_identity(pairs))), (202, 3, {}), "accepted")
    report.equal(sd.reasons(sd.post(gateway, sd.signed_identity(pairs)))[:2], (202, 0), "once")
    pairs = [(d, d.reading(b"reading")) for d in devices]
    altered = sd.signed_identity(pairs).replace(b"reading", b"readinG", 1)
    report.equal(sd.reason(sd.post(gateway, altered)), (400, "SD_AGGREGATE"), "one payload is another")
    twice = [pairs[0], (devices[0], devices[0].reading(b"again"))]
    report.equal(sd.reason(sd.post(gateway, sd.signed_identity(twice))), (400, "SD_DUPLICATE"), "a device twice in a round")
    foreign = [(devices[0], devices[1].reading(b"x")), pairs[2]]
    report.equal(sd.reason(sd.post(gateway, sd.signed_identity(foreign))), (400, "SD_AGGREGATE"), "in the name of another")
    old = [(devices[0], devices[0].reading(b"x", millis=int((time.time() - 70 * 86400) * 1000)))]
    report.equal(sd.reason(sd.post(gateway, sd.signed_identity(old))), (403, "SD_EXPIRED"), "of a month that is over")
    ahead = [(devices[0], devices[0].reading(b"x", millis=int((time.time() + 3600) * 1000)))]
    report.equal(sd.reason(sd.post(gateway, sd.signed_identity(ahead))), (403, "SD_EXPIRED"), "of a time to come")
    report.equal(sd.reason(sd.post(gateway, sd.signed(sd.ED25519, pairs))), (403, "SD_NO_KEY"), "they have no other key")
    generator = devices[0].identity["generator"]
    report.ok("generator-make" in str(provider.administer("GET", "/audit?limit=200")), "the audit has the generator")
    provider.kill()
    provider.start()
    gateway = sd.gateway(provider, "gw-2")
    devices[0].session_again()
    report.ok(devices[0].fetch_identity() and devices[0].identity["generator"] == generator, "the same after kill -9")
    later = [(d, d.reading(b"later")) for d in devices]
    report.equal(sd.reasons(sd.post(gateway, sd.signed_identity(later))), (202, 3, {}), "and readings are accepted")
    clear = provider.client(APP)
    report.ok(clear.get("/m2m/sdKeys/identity").status in (401, 404), "no key without a service connection")
    clear.close()
    clean(report, provider)


class Record:
    """What answers have said: accepted readings by container and number, and what each was."""

    def __init__(self):
        self.accepted = {}

    def note(self, pairs, told):
        """An answer to these readings. A replay after a kill was taken before."""
        if told[0] == 0 or (told[0] == 202 and not isinstance(told[1], dict)):
            raise Unknown("the session is over, or ended within the answer")
        status, taken, bad = sd.reasons(told)
        if status != 202 or set(bad.values()) - {"SD_REPLAY"} or taken + len(bad) != len(pairs):
            raise AssertionError(f"{told}")
        for device, octets in pairs:
            self.accepted[(device.container, int.from_bytes(octets[16:24], "big"))] = octets[34:]


def until_killed(provider, session, devices, record, rng):
    """Sends until the daemon is gone; the bundle that nobody has answered."""
    timer = threading.Timer(rng.uniform(0.05, 0.5), provider.kill)
    timer.start()
    pairs = []
    try:
        while True:
            pairs = [(d, d.reading(rng.randbytes(20))) for d in devices for _ in range(3)]
            record.note(pairs, sd.post(session, sd.signed(sd.ED25519, pairs)))
    except (OSError, Unknown, NotSent, psk.Refused, TypeError):
        pass
    timer.join()
    return pairs


def not_told(report, bed):
    """a node that was revoked by a process without small data: its keys go"""
    provider = network(bed)
    device = sd.Device(provider, "dev-1").registered()
    for enabled in (False, True):
        provider.stop()
        provider.set("sd", enabled=enabled)
        provider.start()
        if not enabled:
            provider.revoke(device.node)
    gateway = sd.gateway(provider)
    report.ok(wait_for(lambda: gateway.request("GET", device.path, headers={"Accept": sd.JSON}).status == 404), "they are gone",
              provider.log_tail)


def missed(report, bed):
    """nodes that were revoked while nobody here was told: their keys go, those of others stay"""
    mas = Provider(bed, name="mas", roles=["mas"]).start()
    provider = network(bed, roles=["nscl"], mas=mas)
    devices = [sd.Device(provider, f"dev-{i}").registered() for i in range(1, 5)]

    def found():
        return [gateway.request("GET", device.path, headers={"Accept": sd.JSON}).status for device in devices]
    provider.kill()
    for device in devices[1:3]:
        mas.revoke(device.node)
    provider.start()
    gateway = sd.gateway(provider)
    report.ok(wait_for(lambda: found() == [200, 404, 404, 200]), "of those that were revoked while the NSCL was down", found())
    told = sd.reason(sd.post(gateway, sd.signed(sd.ED25519, [(devices[1], devices[1].reading(b"a"))])))
    report.equal(told, (403, "SD_NO_KEY"), "they are not heard")
    told = sd.reasons(sd.post(gateway, sd.signed(sd.ED25519, [(devices[3], devices[3].reading(b"a"))])))
    report.equal(told, (202, 1, {}), "others are")
    os.kill(provider.pid, signal.SIGSTOP)
    mas.kill()      # the NSCL waits for no answer of it any more
    mas.start()
    mas.revoke(devices[0].node)
    mas.kill()      # with it what it would have told
    mas.start()
    os.kill(provider.pid, signal.SIGCONT)
    report.ok(wait_for(lambda: found() == [404, 404, 404, 200], 60), "of one that a MAS has forgotten to tell", provider.log_tail)


def killed(report, bed):
    """kill -9 while bundles are under way: what was accepted is there, once and as it was; the rest comes again"""
    provider = network(bed)
    devices = [sd.Device(provider, f"dev-{i}").registered() for i in range(1, 5)]
    kmr, record, rng = provider.issue("gw-1"), Record(), random.Random(8)
    for _ in range(ROUNDS):
        with provider.session_b(provider.connected(kmr, "gw-1")) as session:
            last = until_killed(provider, session, devices, record, rng)
        provider.start()
        with provider.session_b(provider.connected(kmr, "gw-1")) as session:
            record.note(last, sd.post(session, sd.signed(sd.ED25519, last)))
    client = provider.client(APP)
    wrong = []
    for (container, seq), payload in record.accepted.items():
        answer = client.get(f"{container}/contentInstances/sd-{seq}")
        if answer.status != 200 or base64.b64decode(xml.text(answer.xml(), "binaryContent")) != payload:
            wrong.append((container, seq, answer.status))
    report.ok(not wrong and len(record.accepted) >= 12 * ROUNDS, f"{len(record.accepted)} readings, all are there", wrong[:5])
    for device in devices:
        answer = client.get(f"{device.container}/contentInstances?metaDataOnly=true&sizeFrom=1000000")
        report.equal(xml.text(answer.xml(), "currentNrOfInstances"), str(device.seq), f"{device.name}: none is there twice")
        told = json.loads(device.session_again().request("PUT", device.path, json.dumps(device.keys()).encode(),
                                                         {"Content-Type": sd.JSON}).body)
        report.equal(told, {"seq": device.seq}, "and its number is the last one")
    client.close()
    clean(report, provider)


if __name__ == "__main__":
    reports.run(keys, ed25519, tampered, mutated, aggregates, identities, not_told, missed, killed)
